// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The parts of xenconsoled that need no Xen: rings whose other side writes anything, the history,
 * logs, terminals and sockets.
 */
#include "tests/test.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/file.h"
#include "base/log.h"
#include "base/privs.h"
#include "base/str.h"
#include "tests/files.h"
#include "xenconsoled/conlog.h"
#include "xenconsoled/history.h"
#include "xenconsoled/ring.h"
#include "xenconsoled/tty.h"

static struct err err;

/* --- rings ------------------------------------------------------------------------------------ */

static struct ring_page page;
static struct ring ring;

static void guest_prints(const char *text)
{
	for (; *text; text++)
		page.out[page.out_prod++ % RING_OUT_SIZE] = (uint8_t)*text;
}

START_TEST(ring_carries_bytes_around_its_end)
{
	char buf[RING_OUT_SIZE], text[1801], in[RING_IN_SIZE];

	memset(text, 'x', 1800);
	text[1800] = '\0';
	page.in_cons = page.in_prod = page.out_cons = page.out_prod =
		UINT32_MAX - 1000; /* they wrap */
	ring_attach(&ring, &page);
	for (int i = 0; i < 10; i++) {
		text[i] = 'a';
		guest_prints(text);
		ck_assert_int_eq(ring_take(&ring, buf, 1000), 1000);
		ck_assert_mem_eq(buf, text, 1000);
		ck_assert_int_eq(ring_take(&ring, buf, sizeof(buf)), 800);
		ck_assert_mem_eq(buf, text + 1000, 800);
		ck_assert_uint_eq(page.out_cons, page.out_prod);
		ck_assert_uint_eq(ring_put(&ring, text, 700), 700);
		ck_assert_uint_eq(ring_put(&ring, text, 700), RING_IN_SIZE - 700);
		ck_assert_uint_eq(ring_put(&ring, text, 700), 0);
		for (unsigned k = 0; k < RING_IN_SIZE; k++)
			in[k] = (char)page.in[page.in_cons++ % RING_IN_SIZE];
		ck_assert_mem_eq(in, text, 700);
		ck_assert_mem_eq(in + 700, text, RING_IN_SIZE - 700);
	}
	ck_assert_int_eq(ring_take(&ring, buf, sizeof(buf)), 0);
}
END_TEST

START_TEST(ring_is_taken_up_where_it_was_left)
{
	char buf[16];

	guest_prints("one two");
	ring_attach(&ring, &page);
	ck_assert_int_eq(ring_take(&ring, buf, 4), 4);
	ring_attach(&ring, &page);	/* another daemon */
	ck_assert_int_eq(ring_take(&ring, buf, sizeof(buf)), 3);
	ck_assert_mem_eq(buf, "two", 3);
}
END_TEST

/* Whatever a guest writes into its page: no byte outside of it is touched, and no more than a ring
 * is believed. */
START_TEST(ring_survives_any_indices)
{
	static const uint32_t values[] = { 0,
					   1,
					   1023,
					   1024,
					   1025,
					   2047,
					   2048,
					   2049,
					   0x7fffffff,
					   0x80000000,
					   UINT32_MAX - 2047,
					   UINT32_MAX };
	char buf[RING_OUT_SIZE];
	unsigned seed = 1;

	for (unsigned i = 0; i < 200000; i++) {
		uint32_t *words = &page.in_cons;
		unsigned r = (unsigned)rand_r(&seed);

		words[r % 4] = r & 16 ? values[(r >> 8) % array_size(values)]
				      : (uint32_t)rand_r(&seed) << 8;
		if (r & 32)
			ring_attach(&ring, &page);
		else if (!ring.page)
			continue;
		int n = ring_take(&ring, buf, (size_t)(r >> 4) % (sizeof(buf) + 1));
		size_t room = ring_room(&ring),
		       put = ring_put(&ring, buf, (size_t)(r >> 3) % (sizeof(buf) + 1));

		ck_cheap(n >= -1 && n <= (int)RING_OUT_SIZE, "%d taken", n);
		ck_cheap(room <= RING_IN_SIZE && put <= RING_IN_SIZE, "room %zu, put %zu", room,
			 put);
	}
	page.out_prod = ring.out_cons + RING_OUT_SIZE + 1;
	ck_assert_int_eq(ring_take(&ring, buf, sizeof(buf)), -1);
	ring_attach(&ring, &page);
	ck_assert_int_eq(ring_take(&ring, buf, sizeof(buf)), 0);
	guest_prints("again");
	ck_assert_int_eq(ring_take(&ring, buf, sizeof(buf)), 5);
}
END_TEST

/* --- history ---------------------------------------------------------------------------------- */

static char *kept(const struct history *h)
{
	const char *data[2];
	size_t len[2];
	struct strbuf b = STRBUF_INIT;

	history_pieces(h, data, len);
	for (int i = 0; i < 2; i++)
		strbuf_addn(&b, data[i] ? data[i] : "", len[i]);
	return strbuf_steal(&b);
}

START_TEST(history_keeps_the_last)
{
	autofree char *expected = xmalloc(50001);
	struct history h;
	size_t len, lost = 0, sent = 0;
	unsigned seed = 7;

	for (int i = 0; i < 50000; i++)
		expected[i] = (char)('a' + i * 7 % 26);
	expected[50000] = '\0';
	history_init(&h, 5000);
	ck_assert_ptr_null(history_next(&h, &len));
	for (size_t at = 0, n; at < 50000; at += n) {
		n = (size_t)rand_r(&seed) % 3000;
		n = n < 50000 - at ? n : 50000 - at;
		ck_assert_uint_le(history_room(&h), 5000);
		lost += history_add(&h, expected + at, n);
		const char *next = history_next(&h, &len);

		len = len / 2;
		if (len > 0)
			ck_assert_mem_eq(next, expected + lost + sent, len);
		history_sent(&h, len);
		sent += len;
	}
	ck_assert_uint_eq(lost + sent + h.unsent, 50000);
	autofree char *tail = kept(&h);

	ck_assert_str_eq(tail, expected + 45000);
	history_free(&h);
}
END_TEST

START_TEST(history_starts_small_and_grows)
{
	struct history h;

	history_init(&h, HISTORY_LIMIT);
	history_add(&h, "x", 1);
	ck_assert_uint_le(h.size, 2048);
	for (int i = 0; i < 100; i++)
		history_add(&h, "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
			    64);
	ck_assert_uint_le(h.size, 8192);
	history_free(&h);
}
END_TEST

/* --- logs ------------------------------------------------------------------------------------- */

static char dir[] = "/tmp/consoled-XXXXXX";

static void make_dir(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
}

static void remove_dir(void)
{
	folder_remove(dir);
}

static char *content(const char *file)
{
	autofree char *path = str_printf("%s/%s", dir, file);
	char *text;

	ck_ok(file_read(path, 1 << 20, &text, NULL, &err), &err);
	return text;
}

START_TEST(log_names_stay_in_their_folder)
{
	char name[NAME_MAX + 1];

	conlog_file_name(name, sizeof(name), "guest-", "../../etc/x\n", ".log");
	ck_assert_str_eq(name, "guest-.._.._etc_x_.log");
	conlog_file_name(name, sizeof(name), "", "..", ".last");
	ck_assert_str_eq(name, "_..last");
}
END_TEST

START_TEST(log_is_bounded)
{
	struct conlog l = CONLOG_INIT;
	struct stat st;

	make_dir();
	l.max = 1000;
	ck_ok(conlog_open(&l, dir, "g.log", &err), &err);
	for (int i = 0; i < 1000; i++)
		conlog_write(&l, "0123456789\n", 11);
	autofree char *path = str_printf("%s/g.log", dir), *old = str_printf("%s/g.log.1", dir);

	ck_assert(stat(path, &st) == 0 && st.st_size <= 1000 && st.st_size > 0);
	ck_assert(stat(old, &st) == 0 && st.st_size <= 1000 && st.st_size > 900);
	/* Moved away by somebody, and told so. */
	ck_assert_int_eq(unlink(path), 0);
	conlog_reopen(&l);
	conlog_write(&l, "fresh", 5);
	autofree char *text = content("g.log");

	ck_assert_str_eq(text, "fresh");
	conlog_close(&l);
	remove_dir();
}
END_TEST

START_TEST(log_stamps_each_line_once)
{
	struct conlog l = CONLOG_INIT;
	char *line, *rest;

	make_dir();
	l.has_timestamps = l.replaces_escape = true;
	ck_ok(conlog_open(&l, dir, "g.log", &err), &err);
	conlog_write(&l, "one\ntw", 6);
	conlog_write(&l, "o\033[2J\n", 6);
	autofree char *text = content("g.log");
	static const char *const lines[] = { "Logfile Opened", "one", "two.[2J" };

	rest = text;
	for (size_t i = 0; i < array_size(lines); i++) {
		ck_assert_ptr_nonnull(line = strsep(&rest, "\n"));
		ck_assert(line[0] == '[' && line[5] == '-' && line[20] == ']');
		ck_assert_str_eq(line + 22, lines[i]);
	}
	ck_assert_str_eq(rest, "");
	conlog_close(&l);
	remove_dir();
}
END_TEST

START_TEST(log_on_a_full_disk)
{
	struct conlog l = CONLOG_INIT;

	l.fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	l.path = strdup("/nowhere/full");
	conlog_write(&l, "lost\n", 5);
	ck_assert(l.is_failing && l.size == 0);
	conlog_close(&l);
	/* Not a file: a guest's name must not make us write into a device or through a link. */
	make_dir();
	autofree char *link = str_printf("%s/g.log", dir);

	ck_assert_int_eq(symlink("/dev/null", link), 0);
	ck_fails(conlog_open(&l, dir, "g.log", &err), &err, ELOOP, "g.log");
	remove_dir();
}
END_TEST

START_TEST(tails_are_kept_and_few)
{
	static const char *const data[2] = { "last ", "words" };
	static const size_t len[2] = { 5, 5 };
	autofree char *sub = NULL;
	char name[32];
	struct stat st;

	make_dir();
	sub = str_printf("%s/console", dir);
	for (int i = 0; i < CONLOG_MAX_TAILS + 10; i++) {
		snprintf(name, sizeof(name), "guest%d", i);
		ck_ok(conlog_keep_tail(sub, name, data, len, &err), &err);
	}
	autofree char *last = str_printf("%s/guest%d.last", sub, CONLOG_MAX_TAILS + 9);
	autofree char *text = NULL;

	ck_ok(file_read(last, 100, &text, NULL, &err), &err);
	ck_assert_str_eq(text, "last words");
	ck_assert(stat(last, &st) == 0 && (st.st_mode & 0777) == 0600);
	ck_assert(stat(sub, &st) == 0 && (st.st_mode & 0777) == 0700);
	autofree char *count = str_printf("test $(ls %s | wc -l) = %d", sub, CONLOG_MAX_TAILS);

	ck_assert_int_eq(system(count), 0);
	remove_dir();
}
END_TEST

/* --- terminals -------------------------------------------------------------------------------- */

START_TEST(terminal_is_raw_and_survives_its_reader)
{
	struct tty t = TTY_INIT;
	char buf[16];
	int fd;

	ck_ok(tty_open_pty(&t, NULL, &err), &err);
	fd = open(t.path, O_RDWR | O_NOCTTY);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(tty_write(&t, "a\nb", 3), 3);
	ck_assert_int_eq(read(fd, buf, sizeof(buf)), 3);
	ck_assert_mem_eq(buf, "a\nb", 3);
	ck_assert_int_eq(write(fd, "\003\n", 2), 2);
	close(fd);
	struct pollfd p = { t.fd, POLLIN, 0 };

	ck_assert_int_eq(poll(&p, 1, 1000), 1);
	ck_assert_int_eq(p.revents, POLLIN);
	ck_assert_int_eq(tty_read(&t, buf, sizeof(buf)), 2);
	ck_assert_int_eq(tty_read(&t, buf, sizeof(buf)), 0);
	/* No echo. */
	ck_assert(tty_is_drained(&t));
	tty_close(&t);
}
END_TEST

START_TEST(terminal_keeps_its_name_over_a_restart)
{
	struct tty first = TTY_INIT, second = TTY_INIT, again = TTY_INIT;

	ck_ok(tty_open_pty(&first, NULL, &err), &err);
	ck_ok(tty_open_pty(&second, NULL, &err), &err);
	autofree char *wanted = xstrdup(second.path);

	tty_close(&first);
	tty_close(&second);
	ck_ok(tty_open_pty(&again, wanted, &err), &err);
	ck_assert_str_eq(again.path, wanted);
	/* Taken, or nonsense: another one does. */
	ck_ok(tty_open_pty(&first, wanted, &err), &err);
	ck_assert_str_ne(first.path, wanted);
	ck_ok(tty_open_pty(&second, "/dev/pts/99999", &err), &err);
	tty_close(&first);
	tty_close(&second);
	tty_close(&again);
}
END_TEST

static int connect_to(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

START_TEST(socket_serves_one_client_at_a_time)
{
	struct tty t = TTY_INIT, other = TTY_INIT;
	int first, second;
	char c;

	make_dir();
	autofree char *path = str_printf("%s/socket", dir), *file = str_printf("%s/file", dir);

	ck_ok(tty_open_socket(&t, path, &err), &err);
	first = connect_to(path);
	tty_accept(&t);
	ck_assert_int_eq(tty_write(&t, "x", 1), 1);
	ck_assert(read(first, &c, 1) == 1 && c == 'x');
	second = connect_to(path);
	tty_accept(&t);
	ck_assert_int_eq(read(second, &c, 1), 0);
	close(first);
	ck_assert_int_eq(tty_read(&t, &c, 1), -1);
	tty_hang_up(&t);
	close(second);
	ck_fails(tty_open_socket(&other, path, &err), &err, EADDRINUSE, "listens");
	ck_ok(file_write_atomic(file, "", 0, 0600, &err), &err);
	ck_fails(tty_open_socket(&other, file, &err), &err, EEXIST, "no socket");
	ck_fails(tty_open_socket(&other, "relative", &err), &err, EINVAL, "relative");
	/* What a killed daemon left. */
	close(t.listener);
	t.listener = -1;
	ck_ok(tty_open_socket(&other, path, &err), &err);
	tty_close(&t);
	tty_close(&other);
	remove_dir();
}
END_TEST

/* --- privileges ------------------------------------------------------------------------------- */

/* What the daemon does when it has given up the rest, step by step: the number of the one that
 * fails. */
static int work(const char *folder)
{
	static const char *const data[2] = { "last", "words" };
	static const size_t len[2] = { 4, 5 };
	struct conlog l = CONLOG_INIT;
	struct tty t = TTY_INIT;
	autofree char *path = str_printf("%s/socket", folder),
		      *tails = str_printf("%s/tails", folder);
	char buf[8];
	struct err e = ERR_INIT;
	/* The address sanitizer's own wish. */
	static const char *const more[] = { "sigaltstack" };
	const struct privs none = { .more = more, .nr_more = 1 };

	if (privs_drop(&none, &e) < 0) {
		log_error("%s", e.msg);
		return 1;
	}
	if (tty_open_pty(&t, "/dev/pts/9999", &e) < 0 || tty_write(&t, "x", 1) != 1 ||
	    read(t.slave, buf, 1) != 1)
		return 2;
	tty_close(&t);
	if (tty_open_socket(&t, path, &e) < 0)
		return 3;
	tty_close(&t);
	l.max = 16;
	l.has_timestamps = true;
	if (conlog_open(&l, folder, "a.log", &e) < 0)
		return 4;
	for (int i = 0; i < 4; i++)
		conlog_write(&l, "a line of text\n", 15);
	conlog_reopen(&l);
	if (l.fd < 0 || l.is_failing)
		return 5;
	conlog_close(&l);
	if (conlog_keep_tail(tails, "guest", data, len, &e) < 0)
		return 6;
	log_to_syslog("test");
	log_info("still able to speak");
	/* And nothing else: no other program. */
	execl("/bin/true", "true", (char *)NULL);
#ifdef HAVE_LIBSECCOMP
	return errno == EPERM ? 0 : 7;
#else
	return 0;
#endif
}

START_TEST(privileges_that_are_left_suffice)
{
	char folder[] = "/tmp/test_consoled.XXXXXX";
	int status;
	pid_t pid;

	ck_assert_ptr_nonnull(mkdtemp(folder));
	pid = fork();
	/* Without the leak checker's last look, which the filter forbids. */
	if (pid == 0)
		_exit(work(folder));
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 0);
	folder_remove(folder);
}
END_TEST

TEST_MAIN("consoled", privileges_that_are_left_suffice, ring_carries_bytes_around_its_end,
	  ring_is_taken_up_where_it_was_left, ring_survives_any_indices, history_keeps_the_last,
	  history_starts_small_and_grows, log_names_stay_in_their_folder, log_is_bounded,
	  log_stamps_each_line_once, log_on_a_full_disk, tails_are_kept_and_few,
	  terminal_is_raw_and_survives_its_reader, terminal_keeps_its_name_over_a_restart,
	  socket_serves_one_client_at_a_time)
