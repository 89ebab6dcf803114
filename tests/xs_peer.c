// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The scripted store daemon. Knows the wire; what is said over it is the script's.
 */
#include "tests/xs_peer.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

static pid_t peer_pid;

int peer_start(void (*script)(int fd))
{
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	peer_pid = fork();
	ck_assert_int_ge(peer_pid, 0);
	if (peer_pid == 0) {
		close(fds[0]);
		script(fds[1]);
		_exit(0);
	}
	close(fds[1]);
	return fds[0];
}

void peer_listen(void (*script)(int fd))
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	char dir[] = "/tmp/xs-peer-XXXXXX";
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/socket", dir);
	ck_assert_int_eq(bind(listener, (struct sockaddr *)&addr, sizeof(addr)), 0);
	ck_assert_int_eq(listen(listener, 1), 0);
	ck_assert_int_eq(setenv("XENSTORED_PATH", addr.sun_path, 1), 0);
	peer_pid = fork();
	ck_assert_int_ge(peer_pid, 0);
	if (peer_pid == 0) {
		int fd = accept(listener, NULL, NULL);

		peer_check(fd >= 0);
		unlink(addr.sun_path);
		rmdir(dir);
		script(fd);
		_exit(0);
	}
	close(listener);
}

void peer_finish(void)
{
	int status;

	ck_assert_int_eq(waitpid(peer_pid, &status, 0), peer_pid);
	ck_assert_int_eq(status, 0);
}

static void peer_read(int fd, void *data, size_t len)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = read(fd, (char *)data + done, len - done);

		peer_check(n > 0);
		done += (size_t)n;
	}
}

struct xs_header peer_take(int fd, char *body)
{
	struct xs_header h;

	peer_read(fd, &h, sizeof(h));
	peer_check(h.len <= XS_PAYLOAD_MAX);
	peer_read(fd, body, h.len);
	body[h.len] = '\0';
	return h;
}

void peer_write(int fd, const void *data, size_t len)
{
	peer_check(write(fd, data, len) == (ssize_t)len);
}

void peer_send(int fd, uint32_t type, uint32_t id, uint32_t tx, const void *data, size_t len)
{
	struct xs_header h = { type, id, tx, (uint32_t)len };
	char message[sizeof(h) + XS_PAYLOAD_MAX];

	memcpy(message, &h, sizeof(h));
	memcpy(message + sizeof(h), data, len);
	peer_write(fd, message, sizeof(h) + len);
}

struct xs_header peer_expect(int fd, enum xs_type type, const void *payload, size_t len)
{
	char body[XS_PAYLOAD_MAX + 1];
	struct xs_header h = peer_take(fd, body);

	if (h.type != type || h.len != len || memcmp(body, payload, len) != 0) {
		fprintf(stderr, "peer: got type %u '%s', wanted type %u '%s'\n", h.type, body, type,
			(const char *)payload);
		_exit(1);
	}
	return h;
}

void peer_answer(int fd, enum xs_type type, const void *payload, size_t len, const void *answer,
		 size_t answer_len)
{
	struct xs_header h = peer_expect(fd, type, payload, len);

	peer_send(fd, type, h.req_id, h.tx_id, answer ? answer : "OK", answer ? answer_len : 3);
}

void peer_refuse(int fd, enum xs_type type, const void *payload, size_t len, const char *error)
{
	struct xs_header h = peer_expect(fd, type, payload, len);

	peer_send(fd, XS_ERROR, h.req_id, h.tx_id, error, strlen(error) + 1);
}

void peer_silence(int fd)
{
	char c;

	while (read(fd, &c, 1) > 0)
		;
}
