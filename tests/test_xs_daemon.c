/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The daemon as a program: its command line, its socket, many clients and too many, its end and its
 * next beginning. Runs ./xenstored/xenstored of the build, without Xen, in a folder of its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/file.h"
#include "tests/test.h"
#include "xenstored/wire.h"

/* At its end the leak checker wants calls that the filter refuses. */
#ifdef __SANITIZE_ADDRESS__
#define PLAIN "--no-seccomp"
#else
#define PLAIN NULL
#endif

static char dir[64], socket_path[100];
static pid_t daemon_pid;

static void make_dir(void)
{
	snprintf(dir, sizeof(dir), "/tmp/xsd.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(socket_path, sizeof(socket_path), "%s/socket", dir);
	setenv("XENSTORED_RUNDIR", dir, 1);
	unsetenv("XENSTORED_PATH");
}

static void remove_dir(void)
{
	char command[100];

	snprintf(command, sizeof(command), "rm -r %s", dir);
	ck_assert_int_eq(system(command), 0);
}

static void exec_daemon(const char *const *options, unsigned max_fds)
{
	const char *argv[20] = { "xenstored" };
	struct rlimit l = { max_fds, max_fds };
	unsigned n = 1;

	while (*options)
		argv[n++] = *options++;
	if (max_fds)
		setrlimit(RLIMIT_NOFILE, &l);
	execv("./xenstored/xenstored", (char **)(uintptr_t)argv);
	_exit(99);
}

/* What the program says at its end: exit status, and its output in `said`. */
static int run(const char *const *options, char *said, size_t size)
{
	int out[2], status;
	ssize_t n;
	size_t len = 0;
	pid_t pid;

	ck_assert_int_eq(pipe2(out, O_CLOEXEC), 0);
	pid = fork();
	if (!pid) {
		dup2(out[1], 1);
		dup2(out[1], 2);
		exec_daemon(options, 0);
	}
	close(out[1]);
	while ((n = read(out[0], said + len, size - 1 - len)) > 0)
		len += (size_t)n;
	said[len] = '\0';
	close(out[0]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int connect_fd(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(addr.sun_path, socket_path, strlen(socket_path) + 1);
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0)
		return fd;
	close(fd);
	return -1;
}

/* In the foreground; readiness is told as to systemd. */
static void start(unsigned max_fds)
{
	static const char *const options[] = { "-D", "-N", "--no-journal", PLAIN, NULL };
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	char ready[16] = "";
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/ready", dir);
	unlink(addr.sun_path);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	setenv("NOTIFY_SOCKET", addr.sun_path, 1);
	daemon_pid = fork();
	if (!daemon_pid) {
		/* It has a lot to say about what is done to it here. */
		(void)!freopen("/dev/null", "w", stderr);
		exec_daemon(options, max_fds);
	}
	ck_assert_int_gt(recv(fd, ready, sizeof(ready) - 1, 0), 0);
	ck_assert_str_eq(ready, "READY=1");
	close(fd);
}

static void stop(int sig, int expected)
{
	int status;

	kill(daemon_pid, sig);
	ck_assert_int_eq(waitpid(daemon_pid, &status, 0), daemon_pid);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == expected);
}

static void send_request(int fd, unsigned type, const void *payload, uint32_t len)
{
	struct wire_header h = { type, 1, 0, len };
	char b[WIRE_MESSAGE_MAX];

	memcpy(b, &h, sizeof(h));
	memcpy(b + sizeof(h), payload, len);
	ck_assert_int_eq(send(fd, b, sizeof(h) + len, MSG_NOSIGNAL), (int)(sizeof(h) + len));
}

static bool take_all(int fd, void *buf, size_t len)
{
	return recv(fd, buf, len, MSG_WAITALL) == (ssize_t)len;
}

/* The payload of the reply, or NULL when the daemon hung up. */
static const char *take_reply(int fd, unsigned *type)
{
	static char body[WIRE_PAYLOAD_MAX + 1];
	struct wire_header h;

	if (!take_all(fd, &h, sizeof(h)))
		return NULL;
	ck_assert_uint_le(h.len, WIRE_PAYLOAD_MAX);
	if (h.len && !take_all(fd, body, h.len))
		return NULL;
	body[h.len] = '\0';
	*type = h.type;
	return body;
}

static const char *call(int fd, unsigned type, const void *payload, uint32_t len)
{
	unsigned got;
	const char *body;

	send_request(fd, type, payload, len);
	body = take_reply(fd, &got);
	ck_assert_ptr_nonnull(body);
	return body;
}

START_TEST(options_of_all_releases)
{
	static const char *const good[][20] = {
		{ "-H", NULL },
		{ "--help", NULL },
		/* 4.17 */
		{ "-D", "-N", "-P", "-R", "-V", "-K", "-I", "-Ioff", "--internal-db=on", "-E", "2000", "-S", "4096", "-W", "200", "-t", "20", "-H", NULL },
		{ "-A", "10", "-M", "1000", "-Q", "transaction-nodes=99", "-Q", "memory=1000000", "-Q", "outstanding=30", "-q", "memory=9", "-H", NULL },
		{ "-w", "watch-event=5", "-e", "7", "-m", "0", "-p", "3", "-T", "/dev/null", "-F", "/dev/null", "-H", NULL },
		{ "--no-domain-init", "--no-fork", "--output-pid", "--no-recovery", "--verbose", "--keep-orphans", "--entry-nb=5", "-H", NULL },
		{ "--entry-size=5", "--watch-nb=5", "--transaction=5", "--perm-nb=5", "--path-max=5", "--quota", "memory=5", "-H", NULL },
		{ "--quota-soft", "memory=5", "--timeout", "watch-event=0", "--event=1", "--master-domid=0", "--priv-domid=1", "-H", NULL },
		/* 4.18 to 4.22 */
		{ "--trace-control=+io", "--trace-control=-wrl", "-Q", "nodes=5", "-Q", "node-permissions=5", "-Q", "node-size=5", "-H", NULL },
		{ "-Q", "path-max=5", "-Q", "path-length=5", "-Q", "transactions=5", "-Q", "watches=5", "-U", "-H", NULL },
	};
	static const char *const bad[][6] = {
		{ "-Q", "nonsense=5", NULL },	{ "-Q", "nodes", NULL },    { "-Q", "nodes=x", NULL }, { "-q", "nodes=5", NULL },
		{ "-w", "other=5", NULL },	{ "-E", "-1", NULL },	    { "-m", "40000", NULL },   { "stray", NULL },
		{ "--trace-control=x", NULL },	{ "--no-such-option", NULL },
	};
	char said[8192];

	make_dir();
	for (unsigned i = 0; i < array_size(good); i++) {
		ck_assert_msg(run(good[i], said, sizeof(said)) == 0, "row %u: %s", i, said);
		ck_assert_ptr_nonnull(strstr(said, "transaction-nodes"));
	}
	for (unsigned i = 0; i < array_size(bad); i++) {
		int status = run(bad[i], said, sizeof(said));

		ck_assert_msg(status == 2 || status == 1, "row %u: %d", i, status);
		ck_assert_msg(strstr(said, "xenstored"), "row %u: %s", i, said);
	}
	remove_dir();
}
END_TEST

START_TEST(the_socket_is_for_root_alone)
{
	struct stat st;
	int fd;

	make_dir();
	/* What a former one left behind does not hinder. */
	ck_assert_int_eq(mknod(socket_path, S_IFREG | 0644, 0), 0);
	start(0);
	ck_assert_int_eq(stat(socket_path, &st), 0);
	ck_assert(S_ISSOCK(st.st_mode) && (st.st_mode & 0777) == 0600);
	fd = connect_fd();
	ck_assert_str_eq(call(fd, WIRE_WRITE, "/a\0v", 4), "OK");
	ck_assert_str_eq(call(fd, WIRE_READ, "/a", 3), "v");
	close(fd);
	stop(SIGTERM, 0);
	remove_dir();
}
END_TEST

static pid_t read_number(const char *s)
{
	return (pid_t)strtol(s, NULL, 10);
}

START_TEST(the_background_is_reached_when_it_serves)
{
	char said[200], pid_file[100], log[120], moved[130];
	const char *const argv[] = { "-D", "-P", "--no-journal", "-F", pid_file, "-T", log, NULL };
	struct err err = ERR_INIT;
	autofree char *pid = NULL;
	int fd;

	make_dir();
	snprintf(pid_file, sizeof(pid_file), "%s/pid", dir);
	snprintf(log, sizeof(log), "%s/log", dir);
	ck_assert_int_eq(run(argv, said, sizeof(said)), 0);
	fd = connect_fd();		/* at once */
	ck_assert_int_ge(fd, 0);
	ck_ok(file_read(pid_file, 100, &pid, NULL, &err), &err);
	ck_assert_int_eq(read_number(pid), read_number(said));
	/* The log is opened anew when it was moved away. */
	snprintf(moved, sizeof(moved), "%s.1", log);
	ck_assert_int_eq(rename(log, moved), 0);
	kill(read_number(pid), SIGHUP);
	for (unsigned i = 0; i < 100000 && access(log, F_OK) < 0; i++)
		ck_assert_str_eq(call(fd, WIRE_READ, "/", 2), "");
	ck_assert_int_eq(access(log, F_OK), 0);
	/* A second one is told whose it is. */
	setenv("XENSTORED_PATH", "/nowhere/at/all", 1);
	ck_assert_int_ne(run(argv, said, sizeof(said)), 0);
	kill(read_number(pid), SIGTERM);
	/* It hangs up when it ends. */
	ck_assert_int_eq(recv(fd, said, 1, 0), 0);
	close(fd);
	remove_dir();
}
END_TEST

#define MANY 300

START_TEST(a_live_update_keeps_its_clients)
{
	char words[PATH_MAX + 32], binary[PATH_MAX];
	unsigned type;
	int a, b, n;

	make_dir();
	setenv("XENSTORED_ROOTDIR", dir, 1);
	ck_assert_ptr_nonnull(realpath("./xenstored/xenstored", binary));
	n = snprintf(words, sizeof(words), "live-update%c-f%c%s", 0, 0, binary) + 1;
	start(0);
	a = connect_fd();
	b = connect_fd();
	ck_assert_str_eq(call(a, WIRE_WRITE, "/a\0v", 4), "OK");
	ck_assert_str_eq(call(a, WIRE_WATCH, "/a\0token", 9), "OK");
	ck_assert_str_eq(take_reply(a, &type), "/a");
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_str_eq(call(b, WIRE_CONTROL, "live-update\0-s", 15),
				 "Not in live-update session.");
		ck_assert_str_eq(call(b, WIRE_CONTROL, words, (uint32_t)n), "OK");
		ck_assert_str_eq(call(b, WIRE_CONTROL, "live-update\0-s\0-v\0" "9", 20), "EINVAL");
		ck_assert_str_eq(call(b, WIRE_CONTROL, "live-update\0-s\0-v\0" "2", 20), "OK");
		ck_assert_str_eq(call(b, WIRE_WRITE, "/a\0w", 4), "OK");
		ck_assert_str_eq(take_reply(a, &type), "/a");
		ck_assert_uint_eq(type, WIRE_WATCH_EVENT);
		ck_assert_str_eq(call(a, WIRE_READ, "/a", 3), "w");
	}
	/* Nothing is lost when the program cannot be started. */
	ck_assert_str_eq(call(b, WIRE_CONTROL, "live-update\0-f\0/dev/null", 25),
			 "File not executable.");
	ck_assert_str_eq(call(b, WIRE_CONTROL, "live-update\0-f\0/nowhere", 24),
			 "File not accessible.");
	ck_assert_str_eq(call(b, WIRE_READ, "/a", 3), "w");
	close(a);
	close(b);
	stop(SIGTERM, 0);
	remove_dir();
}
END_TEST

/* What comes while a turn is busy with what came before is read after it. */
START_TEST(bursts_are_answered_whole)
{
	enum { BURST = 600, ROUNDS = 300 };
	static char requests[BURST * (WIRE_HEADER + 2)];
	struct wire_header h = { WIRE_READ, 1, 0, 2 };
	unsigned type;
	int fd;

	for (unsigned i = 0; i < BURST; i++) {
		memcpy(requests + i * (WIRE_HEADER + 2), &h, sizeof(h));
		memcpy(requests + i * (WIRE_HEADER + 2) + WIRE_HEADER, "/", 2);
	}
	make_dir();
	start(0);
	fd = connect_fd();
	for (unsigned round = 0; round < ROUNDS; round++) {
		if (send(fd, requests, sizeof(requests), MSG_NOSIGNAL) != (ssize_t)sizeof(requests))
			ck_abort_msg("sending");
		for (unsigned i = 0; i < BURST + 1; i++) {
			/* One more, sooner or later in the burst's turns. */
			if (i == round * 2)
				send_request(fd, WIRE_READ, "/", 2);
			if (!take_reply(fd, &type))
				ck_abort_msg("round %u, reply %u", round, i);
		}
	}
	close(fd);
	stop(SIGTERM, 0);
	remove_dir();
}
END_TEST

START_TEST(hundreds_of_clients)
{
	static int fds[MANY];
	char payload[32];

	make_dir();
	start(0);
	for (int i = 0; i < MANY; i++) {
		fds[i] = connect_fd();
		ck_assert_int_ge(fds[i], 0);
	}
	for (int i = 0; i < MANY; i++) {
		int n = snprintf(payload, sizeof(payload), "/c/%d", i) + 1;

		send_request(fds[i], WIRE_MKDIR, payload, (uint32_t)n);
	}
	for (int i = 0; i < MANY; i++) {
		unsigned type;

		ck_assert_str_eq(take_reply(fds[i], &type), "OK");
		close(fds[i]);
	}
	stop(SIGINT, 0);
	remove_dir();
}
END_TEST

START_TEST(without_descriptors_the_rest_waits)
{
	int fds[60];
	struct pollfd p;
	unsigned type;

	make_dir();
	start(32);
	for (int i = 0; i < 60; i++) {
		fds[i] = connect_fd(); /* the kernel lets them in, up to the backlog */
		ck_assert_int_ge(fds[i], 0);
		send_request(fds[i], WIRE_READ, "/", 2);
	}
	ck_assert_ptr_nonnull(take_reply(fds[0], &type));
	p = (struct pollfd){ .fd = fds[59], .events = POLLIN };
	ck_assert_int_eq(poll(&p, 1, 100), 0);
	/* Those inside go on. */
	ck_assert_str_eq(call(fds[0], WIRE_MKDIR, "/a", 3), "OK");
	for (int i = 0; i < 59; i++)
		close(fds[i]);
	ck_assert_ptr_nonnull(take_reply(fds[59], &type));
	close(fds[59]);
	stop(SIGTERM, 0);
	remove_dir();
}
END_TEST

/* Garbage, half messages, hang-ups in the middle: the daemon does not mind. */
START_TEST(clients_may_do_anything)
{
	unsigned seed = 1;
	int steady;

	make_dir();
	start(0);
	steady = connect_fd();
	for (unsigned i = 0; i < 500; i++) {
		int fd = connect_fd();
		char b[300];
		size_t len;

		seed = seed * 1103515245 + 12345;
		len = (seed >> 8) % sizeof(b) + 1;
		for (size_t k = 0; k < len; k++) {
			seed = seed * 1103515245 + 12345;
			b[k] = (char)(k % 4 || k > 16 ? (seed >> 20) % 3 : (seed >> 16));
		}
		(void)!send(fd, b, len, MSG_NOSIGNAL);
		if (seed >> 30)
			shutdown(fd, SHUT_WR);
		close(fd);
		ck_assert_str_eq(call(steady, WIRE_MKDIR, "/a", 3), "OK");
	}
	close(steady);
	stop(SIGTERM, 0);
	remove_dir();
}
END_TEST

/* A client that sends without reading fills its own buffers, not the daemon's memory, and loses
 * nothing. */
START_TEST(who_does_not_read_waits)
{
	char batch[18 * 200], big[WIRE_PAYLOAD_MAX];
	struct wire_header h = { WIRE_READ, 0, 0, 2 };
	unsigned sent = 0, type;
	int fd, other;

	make_dir();
	start(0);
	fd = connect_fd();
	other = connect_fd();
	memset(big, 'x', sizeof(big));
	memcpy(big, "/", 2);
	ck_assert_str_eq(call(fd, WIRE_WRITE, big, sizeof(big)), "OK");
	for (unsigned i = 0; i < 200; i++) {
		memcpy(batch + 18 * i, &h, sizeof(h));
		memcpy(batch + 18 * i + 16, "/", 2);
	}
	/* Until neither side takes more. */
	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLOUT };

		if (poll(&p, 1, 300) <= 0 || sent > 100000)
			break;
		ck_assert_int_eq(send(fd, batch, sizeof(batch), 0), (int)sizeof(batch));
		sent += 200;
		ck_assert_str_eq(call(other, WIRE_MKDIR, "/b", 3), "OK");
	}
	ck_assert_uint_lt(sent, 100000);
	for (unsigned i = 0; i < sent; i++) {
		ck_assert_ptr_nonnull(take_reply(fd, &type));
		ck_assert_uint_eq(type, WIRE_READ);
	}
	close(fd);
	close(other);
	stop(SIGTERM, 0);
	remove_dir();
}
END_TEST

TEST_MAIN("xs_daemon", options_of_all_releases, the_socket_is_for_root_alone,
	  the_background_is_reached_when_it_serves,
	  a_live_update_keeps_its_clients, bursts_are_answered_whole, hundreds_of_clients,
	  without_descriptors_the_rest_waits, clients_may_do_anything, who_does_not_read_waits)
