// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * xenconsoled over the fake hypervisor and the fake store: guests that come, print, lie, flood,
 * die; a daemon that is killed and another that takes over; a store that goes away.
 */
#include "tests/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "base/file.h"
#include "base/str.h"
#include "tests/fake/fake.h"
#include "tests/fake/loop.h"
#include "tests/fake/point.h"
#include "tests/fake/xenstore.h"
#include "tests/files.h"
#include "xenconsoled/guests.h"

#define RING_GFN 0x40003

static struct err err;
static char dir[] = "/tmp/consoled-XXXXXX";
static char log_dir[64], tail_dir[64];
static struct consoled_options opt = { .log_dir = log_dir,
				       .tail_dir = tail_dir,
				       .logs_guests = true,
				       .log_max = 1 << 20,
				       .history_limit = HISTORY_LIMIT };
static struct consoled daemon_parts;
static struct guests guests;

/* --- daemon and guest ------------------------------------------------------------------------- */

static void set_up(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(log_dir, sizeof(log_dir), "%s", dir);
	snprintf(tail_dir, sizeof(tail_dir), "%s/tails", dir);
	fake_store_start();
	ck_assert_uint_eq(fake_nr_domains(), 0);	/* the host is there from now on */
}

static void clean_up(void)
{
	fake_store_stop();
	folder_remove(dir);
	ck_assert_ptr_null(fake_leftover());
}

static int start_daemon(struct err *e)
{
	struct consoled *d = &daemon_parts;

	memset(d, 0, sizeof(*d));
	memset(&guests, 0, sizeof(guests));
	d->opt = &opt;
	list_init(&d->lingering);
	d->ports = hash_new();
	d->ev = ev_new(e);
	ck_assert(d->ports && d->ev);
	if (xen_open(&d->xen, e) == 0) {
		if (guests_init(&guests, d, e) == 0)
			return 0;
		xen_close(d->xen);
	}
	ev_free(d->ev);
	hash_free(d->ports);
	return -1;
}

static void free_lingering(void)
{
	struct console *c, *tmp;

	list_for_each_entry_safe(c, tmp, &daemon_parts.lingering, link)
		console_free(c);
}

static void stop_daemon(void)
{
	guests_free(&guests);
	free_lingering();
	ck_assert_uint_eq(hash_count(daemon_parts.ports), 0);
	hash_free(daemon_parts.ports);
	xen_close(daemon_parts.xen);
	ev_free(daemon_parts.ev);
}

/* Turns until something holds; what never does is a failure here, not a test that hangs. */
#define until(cond)                                                                        \
	do {                                                                               \
		for (int turn_ = 0; turn_ < 2000 && !(cond); turn_++)                      \
			ck_ok(ev_turn(daemon_parts.ev, 5, &err), &err);                    \
		ck_assert_msg(cond, "%s", #cond);                                          \
	} while (0)

struct guest_end {
	uint32_t domid, port;
	struct ring_page *page;
	char path[48], *tty;
	int fd;
};

static char *node(const char *dirname, const char *name)
{
	autofree char *path = str_printf("%s/%s", dirname, name);

	return fake_store_get(path);
}

static void set_node(const char *dirname, const char *name, const char *value)
{
	autofree char *path = str_printf("%s/%s", dirname, name);

	fake_store_set(path, value);
}

static struct guest_end make_guest(const char *name)
{
	struct guest_end g = { .domid = fake_domain_make(16), .fd = -1 };
	autofree char *home = str_printf("/local/domain/%u", g.domid);
	char number[16];

	fake_grant(g.domid, 0, RING_GFN);
	g.page = fake_guest_page(g.domid, RING_GFN);
	g.port = fake_port_make(g.domid);
	snprintf(g.path, sizeof(g.path), "%s/console", home);
	set_node(home, "name", name);
	set_node(g.path, "type", "xenconsoled");
	set_node(g.path, "limit", "1048576");
	set_node(g.path, "tty", "");
	snprintf(number, sizeof(number), "%u", RING_GFN);
	set_node(g.path, "ring-ref", number);
	snprintf(number, sizeof(number), "%u", g.port);
	set_node(g.path, "port", number);
	fake_store_fire("@introduceDomain");
	return g;
}

static bool has_tty(struct guest_end *g)
{
	free(g->tty);
	g->tty = node(g->path, "tty");
	return g->tty && g->tty[0];
}

static void attach(struct guest_end *g)
{
	until(has_tty(g));
	g->fd = open(g->tty, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	ck_assert_int_ge(g->fd, 0);
}

static void leave(struct guest_end *g)
{
	if (g->fd >= 0)
		close(g->fd);
	munmap(g->page, 4096);
	free(g->tty);
}

static void put_text(struct ring_page *page, const char *text)
{
	for (; *text; text++) {
		ck_assert_uint_lt(page->out_prod - page->out_cons, RING_OUT_SIZE);
		page->out[page->out_prod++ % RING_OUT_SIZE] = (uint8_t)*text;
	}
}

static void prints(struct guest_end *g, const char *text)
{
	put_text(g->page, text);
	fake_guest_notify(g->domid, g->port);
}

static char seen[1 << 16];
static size_t nr_seen;

static bool has_seen(int fd, const char *text)
{
	ssize_t n = read(fd, seen + nr_seen, sizeof(seen) - 1 - nr_seen);

	nr_seen += n > 0 ? (size_t)n : 0;
	seen[nr_seen] = '\0';
	return strstr(seen, text);
}

static bool is_logged(const char *file, const char *text)
{
	autofree char *path = str_printf("%s/%s", dir, file), *content = NULL;
	struct err ignored = ERR_INIT;

	return file_read(path, 1 << 24, &content, NULL, &ignored) == 0 && strstr(content, text);
}

/* --- a guest's day ---------------------------------------------------------------------------- */

START_TEST(bytes_go_both_ways)
{
	struct guest_end g;

	set_up();
	g = make_guest("ada");
	put_text(g.page, "before anybody listened\n");
	ck_ok(start_daemon(&err), &err);
	attach(&g);
	until(has_seen(g.fd, "before anybody listened\n"));
	prints(&g, "hello\n");
	until(has_seen(g.fd, "hello\n"));
	ck_assert(is_logged("guest-ada.log", "hello\n"));
	fake_guest_kicks(g.domid, g.port);
	ck_assert_int_eq(write(g.fd, "typed\r", 6), 6);
	until(g.page->in_prod - g.page->in_cons == 6);
	ck_assert_mem_eq(g.page->in, "typed\r", 6);
	ck_assert_uint_gt(fake_guest_kicks(g.domid, g.port), 0);
	fake_domain_kill(g.domid);
	fake_store_fire("@releaseDomain");
	until(list_is_empty(&guests.list));
	ck_assert_uint_eq(fake_nr_domains(), 0);
	ck_assert(is_logged("tails/ada.last", "hello\n"));
	/* Its terminal is read: it goes. */
	until(list_is_empty(&daemon_parts.lingering));
	stop_daemon();
	leave(&g);
	clean_up();
}
END_TEST

START_TEST(more_than_the_guest_takes_waits)
{
	char text[4000];
	struct guest_end g;
	size_t total = 0;

	set_up();
	g = make_guest("ada");
	ck_ok(start_daemon(&err), &err);
	attach(&g);
	memset(text, 'k', sizeof(text));
	ck_assert_int_eq(write(g.fd, text, sizeof(text)), sizeof(text));
	while (total < sizeof(text)) {
		until(g.page->in_prod != g.page->in_cons);
		ck_assert_uint_le(g.page->in_prod - g.page->in_cons, RING_IN_SIZE);
		total += g.page->in_prod - g.page->in_cons;
		g.page->in_cons = g.page->in_prod;
		fake_guest_notify(g.domid, g.port);
	}
	ck_assert_uint_eq(total, sizeof(text));
	fake_domain_kill(g.domid);
	stop_daemon();
	leave(&g);
	clean_up();
}
END_TEST

/* One that misbehaves beside one that does not. */
static struct guest_end bad, good;

static void set_up_two(void)
{
	set_up();
	bad = make_guest("bad");
	good = make_guest("good");
	ck_ok(start_daemon(&err), &err);
	attach(&good);
	until(has_tty(&bad));
}

static void clean_up_two(void)
{
	fake_domain_kill(bad.domid);
	fake_domain_kill(good.domid);
	stop_daemon();
	leave(&bad);
	leave(&good);
	clean_up();
}

START_TEST(garbage_harms_nobody)
{
	unsigned seed = 3;

	set_up_two();
	for (int i = 0; i < 300; i++) {
		(&bad.page->in_cons)[i % 4] = (uint32_t)rand_r(&seed) << 7;
		fake_guest_notify(bad.domid, bad.port);
		ck_ok(ev_turn(daemon_parts.ev, 1, &err), &err);
	}
	/* Nodes of nonsense are nodes of nobody. */
	set_node(bad.path, "port", "99999999999");
	set_node(bad.path, "ring-ref", "-1");
	set_node(bad.path, "port", "1023");
	prints(&good, "undisturbed\n");
	until(has_seen(good.fd, "undisturbed\n"));
	clean_up_two();
}
END_TEST

/* A guest that never stops costs a bounded number of events a period, and another's byte comes
 * through meanwhile. */
START_TEST(a_flood_is_throttled)
{
	unsigned nr_kicks = 0;
	uint64_t begin, took;

	set_up_two();
	fake_guest_kicks(bad.domid, bad.port);
	begin = time_ms();
	for (int i = 0; i < 3000; i++) {
		if (bad.page->out_prod == bad.page->out_cons)
			put_text(bad.page, "xxxxxxxxxxxxxxxx");
		fake_guest_notify(bad.domid, bad.port);
		ck_ok(ev_turn(daemon_parts.ev, 0, &err), &err);
		nr_kicks += fake_guest_kicks(bad.domid, bad.port);
	}
	took = time_ms() - begin;
	/* Each event that was served told the guest so. */
	ck_assert_uint_le(nr_kicks, (took / CONSOLE_PERIOD_MS + 2) * (CONSOLE_EVENTS + 2) +
					    took / CONSOLE_PACE_MS);
	prints(&good, "still here\n");
	until(has_seen(good.fd, "still here\n"));
	/* And what it printed last is not lost. */
	put_text(bad.page, "the end\n");
	until(is_logged("guest-bad.log", "the end\n"));
	clean_up_two();
}
END_TEST

/* Nobody reads: the oldest is lost, or the guest waits. */
START_TEST(overflow)
{
	char line[65];
	struct guest_end g;

	set_up();
	opt.keeps_overflow = true;
	opt.history_limit = 8192;
	g = make_guest("ada");
	ck_ok(start_daemon(&err), &err);
	until(has_tty(&g));
	memset(line, 'y', 64);
	line[63] = '\n';
	line[64] = '\0';
	/* What the terminal itself holds is more than the history does. */
	unsigned nr_lines = 0;

	for (int i = 0; i < 20000; i++) {
		if (g.page->out_prod - g.page->out_cons + 64 <= RING_OUT_SIZE) {
			prints(&g, line);
			nr_lines++;
		}
		ck_ok(ev_turn(daemon_parts.ev, 0, &err), &err);
	}
	ck_assert_uint_lt(nr_lines, 5000);
	attach(&g);
	until((has_seen(g.fd, "never"), nr_seen == nr_lines * 64 || nr_seen > sizeof(seen) - 65));
	fake_domain_kill(g.domid);
	stop_daemon();
	leave(&g);
	clean_up();
}
END_TEST

/* --- restarts --------------------------------------------------------------------------------- */

START_TEST(another_daemon_takes_over)
{
	struct guest_end g;

	set_up();
	g = make_guest("ada");
	ck_ok(start_daemon(&err), &err);
	attach(&g);
	prints(&g, "one\n");
	until(has_seen(g.fd, "one\n"));
	close(g.fd);
	g.fd = -1;
	autofree char *old = xstrdup(g.tty);

	stop_daemon();
	put_text(g.page, "meanwhile\n");
	ck_ok(start_daemon(&err), &err);
	until(!list_is_empty(&guests.list) && hash_count(daemon_parts.ports) == 1);
	attach(&g);
	ck_assert_str_eq(g.tty, old);
	until(has_seen(g.fd, "meanwhile\n"));
	fake_domain_kill(g.domid);
	stop_daemon();
	leave(&g);
	clean_up();
}
END_TEST

START_TEST(a_store_that_goes_and_comes_back)
{
	struct guest_end g, late;

	set_up();
	g = make_guest("ada");
	ck_ok(start_daemon(&err), &err);
	attach(&g);
	fake_store_stop();
	prints(&g, "no store\n");
	until(has_seen(g.fd, "no store\n"));
	until(!guests.store.client);
	fake_store_start();
	set_node(g.path, "tty", g.tty);
	late = make_guest("late");
	until(has_tty(&late));
	prints(&g, "again\n");
	until(has_seen(g.fd, "again\n"));
	fake_domain_kill(g.domid);
	fake_domain_kill(late.domid);
	fake_store_fire("@releaseDomain");
	until(list_is_empty(&guests.list));
	stop_daemon();
	leave(&g);
	leave(&late);
	clean_up();
}
END_TEST

/* A soft reset: another port, and indices that start anew. */
START_TEST(a_new_port_is_a_new_connection)
{
	struct guest_end g;
	char number[16];

	set_up();
	g = make_guest("ada");
	ck_ok(start_daemon(&err), &err);
	attach(&g);
	/* The event that comes with every binding is behind us then. */
	prints(&g, "first\n");
	until(has_seen(g.fd, "first\n"));
	g.port = fake_port_make(g.domid);
	g.page->out_cons = g.page->out_prod = 77;
	put_text(g.page, "rebound\n");
	snprintf(number, sizeof(number), "%u", g.port);
	set_node(g.path, "port", number);
	until(has_seen(g.fd, "rebound\n"));
	prints(&g, "and heard\n");
	until(has_seen(g.fd, "and heard\n"));
	fake_domain_kill(g.domid);
	stop_daemon();
	leave(&g);
	clean_up();
}
END_TEST

/* --- channels and serial ports ---------------------------------------------------------------- */

struct channel {
	char front[64], back[64];
	struct ring_page *page;
	uint32_t port;
};

static struct channel make_channel(const struct guest_end *g, const char *connection,
				   const char *path)
{
	struct channel c;

	snprintf(c.front, sizeof(c.front), "/local/domain/%u/device/console/1", g->domid);
	snprintf(c.back, sizeof(c.back), "/local/domain/0/backend/console/%u/1", g->domid);
	set_node(c.front, "type", "xenconsoled");
	set_node(c.front, "state", "1");
	set_node(c.back, "connection", connection);
	if (path)
		set_node(c.back, "path", path);
	set_node(c.back, "online", "1");
	set_node(c.back, "state", "1");
	return c;
}

static bool is_state(const char *dirname, const char *state)
{
	autofree char *value = node(dirname, "state");

	return str_eq(value, state);
}

static void frontend_connects(const struct guest_end *g, struct channel *c)
{
	char number[16];

	until(is_state(c->back, "2"));
	fake_grant(g->domid, 9, RING_GFN + 1);
	c->page = fake_guest_page(g->domid, RING_GFN + 1);
	memset(c->page, 0, sizeof(*c->page));
	c->port = fake_port_make(g->domid);
	set_node(c->front, "ring-ref", "9");
	snprintf(number, sizeof(number), "%u", c->port);
	set_node(c->front, "port", number);
	set_node(c->front, "state", "3");
	until(is_state(c->back, "4"));
}

START_TEST(channel_as_terminal)
{
	struct guest_end g;
	struct channel c;

	set_up();
	g = make_guest("ada");
	c = make_channel(&g, "pty", NULL);
	ck_ok(start_daemon(&err), &err);
	frontend_connects(&g, &c);
	autofree char *tty = NULL;

	until((free(tty), tty = node(c.front, "tty")));
	int fd = open(tty, O_RDWR | O_NOCTTY | O_NONBLOCK);

	put_text(c.page, "through a channel\n");
	fake_guest_notify(g.domid, c.port);
	until(has_seen(fd, "through a channel\n"));
	close(fd);
	/* The guest's driver leaves, and comes again. */
	set_node(c.front, "state", "6");
	until(is_state(c.back, "6"));
	set_node(c.front, "state", "1");
	munmap(c.page, 4096);
	frontend_connects(&g, &c);
	/* The toolstack takes it away. */
	set_node(c.back, "online", "0");
	set_node(c.back, "state", "5");
	until(is_state(c.back, "6"));
	fake_store_set(c.back, NULL);
	fake_domain_kill(g.domid);
	stop_daemon();
	munmap(c.page, 4096);
	leave(&g);
	clean_up();
}
END_TEST

START_TEST(channel_as_socket)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct guest_end g;
	struct channel c;

	set_up();
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/channel", dir);
	g = make_guest("ada");
	c = make_channel(&g, "socket", addr.sun_path);
	ck_ok(start_daemon(&err), &err);
	frontend_connects(&g, &c);
	put_text(c.page, "waiting for you\n");
	fake_guest_notify(g.domid, c.port);
	for (int i = 0; i < 2; i++) {
		int fd = socket(AF_UNIX, SOCK_STREAM, 0);

		ck_assert_int_eq(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
		fcntl(fd, F_SETFL, O_NONBLOCK);
		until(has_seen(fd, i == 0 ? "waiting for you\n" : "second\n"));
		ck_assert_int_eq(write(fd, "abc", 3), 3);
		until(c.page->in_prod == 3u * (unsigned)(i + 1));
		close(fd);
		c.page->in_cons = c.page->in_prod;
		put_text(c.page, "second\n");
		fake_guest_notify(g.domid, c.port);
	}
	fake_domain_kill(g.domid);
	stop_daemon();
	ck_assert_int_ne(access(addr.sun_path, F_OK), 0);
	munmap(c.page, 4096);
	leave(&g);
	clean_up();
}
END_TEST

START_TEST(serial_port)
{
	struct guest_end g;
	char path[48], number[16];
	struct ring_page *page;
	uint32_t port;

	set_up();
	ck_ok(start_daemon(&err), &err);
	g = make_guest("ada");
	snprintf(path, sizeof(path), "/local/domain/%u/vuart/0", g.domid);
	page = fake_guest_page(g.domid, RING_GFN + 2);
	memset(page, 0, sizeof(*page));
	port = fake_port_make(g.domid);
	snprintf(number, sizeof(number), "%u", RING_GFN + 2);
	set_node(path, "type", "xenconsoled");
	set_node(path, "ring-ref", number);
	snprintf(number, sizeof(number), "%u", port);
	set_node(path, "port", number);
	put_text(page, "U-Boot\n");
	fake_guest_notify(g.domid, port);
	until(is_logged("guest-ada-vuart0.log", "U-Boot\n"));
	fake_domain_kill(g.domid);
	stop_daemon();
	munmap(page, 4096);
	leave(&g);
	clean_up();
}
END_TEST

/* --- faults ----------------------------------------------------------------------------------- */

/* Whatever fails, alone or with all after it: the daemon refuses to start, or runs and lets go of
 * everything in the end. */
static void run_with_faults(enum fault_kind kind)
{
	set_up();
	for (unsigned nth = 1, has_failed = 1; has_failed; nth++) {
		unsigned fds = open_descriptors();
		struct guest_end g = make_guest("ada");

		err_clear(&err);
		point_arm(nth, kind, nth / 7);
		int r = start_daemon(&err);

		for (int i = 0; r == 0 && i < 20; i++)
			ck_ok(ev_turn(daemon_parts.ev, 1, &err), &err);
		has_failed = point_disarm();
		ck_assert_msg(r == 0 || (has_failed && err.code && err.msg[0]), "point %u: %s", nth,
			      err.msg);
		fake_domain_kill(g.domid);
		if (r == 0) {
			fake_store_fire("@releaseDomain");
			ck_ok(ev_turn(daemon_parts.ev, 1, &err), &err);
			stop_daemon();
		}
		leave(&g);
		ck_assert_msg(!fake_leftover(), "point %u (%s): %s", nth, point_name(),
			      fake_leftover());
		ck_assert_msg(open_descriptors() <= fds, "point %u (%s): a descriptor is left", nth,
			      point_name());
	}
	clean_up();
}

START_TEST(one_fault)
{
	run_with_faults(FAULT_TRANSIENT);
}
END_TEST

START_TEST(faults_from_there_on)
{
	run_with_faults(FAULT_STICKY);
}
END_TEST

TEST_MAIN("consoled_guests", bytes_go_both_ways, more_than_the_guest_takes_waits,
	  garbage_harms_nobody, a_flood_is_throttled, overflow, another_daemon_takes_over,
	  a_store_that_goes_and_comes_back, a_new_port_is_a_new_connection, channel_as_terminal,
	  channel_as_socket, serial_port, one_fault, faults_from_there_on)
