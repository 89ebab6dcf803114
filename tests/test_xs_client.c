// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The wire client against a peer that keeps to a script, over a socket pair: order, floods both
 * ways, pieces, lies, silence.
 */
#include "tests/test.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include "tests/fault.h"
#include "tests/xs_peer.h"
#include "xs/client.h"

static struct xs_client *client;
static struct err err;

static void start(void (*script)(int fd), bool is_device)
{
	ck_assert_int_eq(xs_client_from_fd(&client, peer_start(script), is_device, &err), 0);
}

static void finish(void)
{
	xs_client_close(client);
	peer_finish();
}

/* --- pipelines -------------------------------------------------------------------------------- */

#define NR_FLOOD 3000

static void script_echo(int fd)
{
	char body[XS_PAYLOAD_MAX + 1];

	for (int i = 0; i < NR_FLOOD; i++) {
		struct xs_header h = peer_take(fd, body);

		peer_send(fd, h.type, h.req_id, h.tx_id, body, h.len);
	}
}

/* Neither end has room for it all: a client that only writes would wait for ever. */
static void flood(bool is_device)
{
	char body[XS_PAYLOAD_MAX];
	struct xs_reply reply;

	start(script_echo, is_device);
	memset(body, 'x', sizeof(body));
	for (uint32_t i = 0; i < NR_FLOOD; i++) {
		memcpy(body, &i, sizeof(i));
		ck_assert_int_eq(xs_client_queue(client, XS_WRITE, i, body, sizeof(body), &err), 0);
	}
	ck_assert_uint_eq(xs_client_nr_pending(client), NR_FLOOD);
	for (uint32_t i = 0; i < NR_FLOOD; i++) {
		ck_assert_int_eq(xs_client_next(client, &reply, &err), 0);
		ck_assert_uint_eq(reply.len, sizeof(body));
		ck_assert_mem_eq(reply.data, &i, sizeof(i));
	}
	ck_assert_uint_eq(xs_client_nr_pending(client), 0);
	finish();
}

START_TEST(flood_of_a_socket)
{
	flood(false);
}
END_TEST

START_TEST(flood_of_a_device)
{
	flood(true);
}
END_TEST

static void script_batch(int fd)
{
	char body[XS_PAYLOAD_MAX + 1];
	struct xs_header h[100];

	/* All of them before the first answer. */
	for (int i = 0; i < 100; i++)
		h[i] = peer_take(fd, body);
	for (int i = 0; i < 100; i++)
		peer_send(fd, XS_READ, h[i].req_id, 0, "v", 1);
}

START_TEST(batch_goes_out_whole)
{
	struct xs_reply reply;

	start(script_batch, false);
	for (int i = 0; i < 100; i++)
		ck_assert_int_eq(xs_client_queue_path(client, XS_READ, 0, "/p", NULL, 0, &err), 0);
	for (int i = 0; i < 100; i++)
		ck_assert_int_eq(xs_client_next(client, &reply, &err), 0);
	finish();
}
END_TEST

static void script_drip(int fd)
{
	char body[XS_PAYLOAD_MAX + 1], message[64];
	struct xs_header h = peer_take(fd, body);

	h.len = 5;
	memcpy(message, &h, sizeof(h));
	memcpy(message + sizeof(h), "drips", 5);
	for (size_t i = 0; i < sizeof(h) + 5; i++)
		peer_write(fd, message + i, 1);
}

START_TEST(reply_in_pieces)
{
	struct xs_reply reply;

	start(script_drip, false);
	ck_assert_int_eq(xs_client_call(client, XS_READ, 0, "/p", NULL, 0, &reply, &err), 0);
	ck_assert_str_eq(reply.data, "drips");
	ck_assert_int_eq(reply.error, 0);
	finish();
}
END_TEST

/* --- the kernel's device ---------------------------------------------------------------------- */

/* What comes before the last answer would overwrite what the kernel has not sent yet. */
static void script_device(int fd)
{
	char body[XS_PAYLOAD_MAX + 1];
	struct pollfd p = { fd, POLLIN, 0 };

	for (int i = 0; i < 5; i++) {
		struct xs_header h = peer_take(fd, body);

		peer_check(poll(&p, 1, 20) == 0);
		peer_send(fd, h.type, h.req_id, 0, body, h.len);
	}
}

START_TEST(one_request_at_a_time_to_a_device)
{
	struct xs_reply reply;

	start(script_device, true);
	for (int i = 0; i < 5; i++)
		ck_ok(xs_client_queue_path(client, i == 2 ? XS_WATCH : XS_READ, 0, "/p", "t", 2,
					   &err),
		      &err);
	for (int i = 0; i < 5; i++)
		ck_ok(xs_client_next(client, &reply, &err), &err);
	finish();
}
END_TEST

/* --- lies and silence ------------------------------------------------------------------------- */

static void script_too_long(int fd)
{
	char body[XS_PAYLOAD_MAX + 1];
	struct xs_header h = peer_take(fd, body);

	h.len = XS_PAYLOAD_MAX + 1;
	peer_write(fd, &h, sizeof(h));
}

static void script_wrong_id(int fd)
{
	char body[XS_PAYLOAD_MAX + 1];
	struct xs_header h = peer_take(fd, body);

	peer_send(fd, h.type, h.req_id + 1, 0, "x", 1);
}

static void script_half(int fd)
{
	char body[XS_PAYLOAD_MAX + 1];
	struct xs_header h = peer_take(fd, body);

	h.len = 100;
	peer_write(fd, &h, sizeof(h));
}

static void script_event_without_token(int fd)
{
	char body[XS_PAYLOAD_MAX + 1];

	peer_take(fd, body);
	peer_send(fd, XS_WATCH_EVENT, 0, 0, "/path", 5);
}

static const struct {
	void (*script)(int fd);
	int code;
} lies[] = {
	{ script_too_long, EPROTO },	{ script_wrong_id, EPROTO }, { script_half, ENOTCONN },
	{ script_event_without_token, EPROTO }, { peer_silence, ETIMEDOUT },
};

START_TEST(a_lie_breaks_for_good)
{
	struct xs_reply reply;

	for (size_t i = 0; i < array_size(lies); i++) {
		start(lies[i].script, false);
		xs_client_set_timeout(client, 200);
		ck_fails(xs_client_call(client, XS_READ, 0, "/p", NULL, 0, &reply, &err), &err,
			 lies[i].code, "");
		ck_assert_int_ne(err.msg[0], '\0');
		ck_fails(xs_client_call(client, XS_READ, 0, "/p", NULL, 0, &reply, &err), &err,
			 lies[i].code, "");
		ck_fails(xs_client_try_reply(client, &reply, &err), &err, lies[i].code, "");
		finish();
	}
}
END_TEST

static void script_unasked(int fd)
{
	peer_send(fd, XS_READ, 0, 0, "x", 1);
}

START_TEST(unasked_reply)
{
	char *path, *token;

	start(script_unasked, false);
	ck_assert_int_eq(xs_client_event(client, -1, &path, &token, &err), -1);
	ck_assert_int_eq(err.code, EPROTO);
	finish();
}
END_TEST

START_TEST(request_too_long)
{
	static const char body[XS_PAYLOAD_MAX];

	start(peer_silence, false);
	ck_assert_int_eq(xs_client_queue_path(client, XS_WRITE, 0, "/p", body, sizeof(body), &err),
			 -1);
	ck_assert_int_eq(err.code, E2BIG);
	ck_assert_uint_eq(xs_client_nr_pending(client), 0);
	ck_assert_int_eq(
		xs_client_queue_path(client, XS_WRITE, 0, "/p", body, sizeof(body) - 3, &err), 0);
	finish();
}
END_TEST

/* --- events ----------------------------------------------------------------------------------- */

static void script_events(int fd)
{
	char body[XS_PAYLOAD_MAX + 1];
	struct xs_header h = peer_take(fd, body);

	peer_send(fd, XS_WATCH_EVENT, 0, 0, "/a\0t1", 6);
	peer_send(fd, XS_WATCH_EVENT, 0, 0, "/a/b\0t1", 8);
	peer_send(fd, XS_WATCH_EVENT, 0, 0, "/ab\0t1", 7);
	peer_send(fd, XS_WATCH_EVENT, 0, 0, "/a\0t2", 6);
	peer_send(fd, h.type, h.req_id, 0, "OK", 3);
	h = peer_take(fd, body);
	peer_send(fd, XS_WATCH_EVENT, 0, 0, "@releaseDomain\0t3", 18);
	peer_silence(fd);
}

static void expect_event(int timeout_ms, const char *path, const char *token)
{
	autofree char *p = NULL, *t = NULL;

	ck_assert_int_eq(xs_client_event(client, timeout_ms, &p, &t, &err), 1);
	ck_assert_str_eq(p, path);
	ck_assert_str_eq(t, token);
}

START_TEST(events)
{
	struct xs_reply reply;
	char *path, *token;

	start(script_events, false);
	ck_assert_int_eq(xs_client_call(client, XS_WATCH, 0, "/a", "t1", 3, &reply, &err), 0);
	expect_event(0, "/a", "t1");
	xs_client_drop_events(client, "/a", "t1");
	expect_event(0, "/ab", "t1");
	expect_event(0, "/a", "t2");
	ck_assert_int_eq(xs_client_event(client, 0, &path, &token, &err), 0);
	ck_assert_int_eq(xs_client_event(client, 20, &path, &token, &err), 0);
	/* Not answered: no event is read past it, and none is lost. */
	ck_assert_int_eq(xs_client_queue_path(client, XS_READ, 0, "/p", NULL, 0, &err), 0);
	ck_assert_int_eq(xs_client_event(client, -1, &path, &token, &err), 0);
	xs_client_set_timeout(client, 200);
	ck_assert_int_eq(xs_client_next(client, &reply, &err), -1);
	ck_assert_int_eq(err.code, ETIMEDOUT);
	expect_event(0, "@releaseDomain", "t3");
	ck_assert_int_eq(xs_client_event(client, 0, &path, &token, &err), -1);
	finish();
}
END_TEST

START_TEST(without_waiting)
{
	struct pollfd p = { .events = POLLIN };
	struct xs_reply reply;
	int r;

	start(script_echo, false);
	for (int i = 0; i < NR_FLOOD; i++) {
		ck_assert_int_eq(xs_client_queue_path(client, XS_READ, 0, "/p", NULL, 0, &err), 0);
		ck_assert_int_ge(r = xs_client_try_reply(client, &reply, &err), 0);
		while (r == 0) {
			p.fd = xs_client_fd(client);
			p.events = xs_client_poll_events(client);
			ck_assert_int_eq(poll(&p, 1, -1), 1);
			ck_assert_int_ge(r = xs_client_try_reply(client, &reply, &err), 0);
		}
		ck_assert_str_eq(reply.data, "/p");
	}
	finish();
}
END_TEST

/* --- no memory -------------------------------------------------------------------------------- */

/* Answers the first request, whatever it is, if there is one and if anybody still listens. */
static void script_lenient(int fd)
{
	static const struct xs_header event = { XS_WATCH_EVENT, 0, 0, 6 },
				      reply = { XS_WATCH, 0, 0, 3 };
	char in[sizeof(event) + 6], out[2 * sizeof(event) + 9];

	if (read(fd, in, sizeof(in)) != sizeof(in))
		return;
	memcpy(out, &event, sizeof(event));
	memcpy(out + sizeof(event), "/a\0t1", 6);
	memcpy(out + sizeof(event) + 6, &reply, sizeof(reply));
	memcpy(out + sizeof(event) + 6 + sizeof(reply), "OK", 3);
	if (send(fd, out, sizeof(out), MSG_NOSIGNAL) == (ssize_t)sizeof(out))
		peer_silence(fd);
}

static int with_faults(int fd)
{
	char *path = NULL, *token = NULL;
	struct xs_client *c = NULL;
	struct xs_reply reply;
	int r;

	if (xs_client_from_fd(&c, fd, false, &err) < 0)
		return -1;
	r = xs_client_call(c, XS_WATCH, 0, "/a", "t1", 3, &reply, &err);
	if (r == 0)
		r = xs_client_event(c, -1, &path, &token, &err) == 1 ? 0 : -1;
	free(path);
	free(token);
	xs_client_close(c);
	return r;
}

/* A daemon goes on without the memory: an error, nothing leaked, nothing ended. */
START_TEST(no_memory_is_an_error)
{
	bool has_failed = true;

	for (unsigned nth = 1; has_failed; nth++) {
		int fd = peer_start(script_lenient);

		err_clear(&err);
		fault_arm(nth, FAULT_TRANSIENT);
		int r = with_faults(fd);

		has_failed = fault_disarm();
		ck_assert_msg(has_failed ? r < 0 && err.code == ENOMEM : r == 0,
			      "allocation %u: %s", nth, err.msg);
		peer_finish();
	}
}
END_TEST

START_TEST(error_names)
{
	ck_assert_int_eq(xs_error_code("EPERM"), EPERM);
	ck_assert_int_eq(xs_error_code("EAGAIN"), EAGAIN);
	ck_assert_int_eq(xs_error_code(""), EINVAL);
	ck_assert_int_eq(xs_error_code("ENOSUCH"), EINVAL);
	ck_assert_str_eq(xs_error_name(ENOENT), "ENOENT");
	ck_assert_str_eq(xs_error_name(ETIMEDOUT), "EINVAL");
}
END_TEST

TEST_MAIN("xs_client", flood_of_a_socket, flood_of_a_device, batch_goes_out_whole, reply_in_pieces,
	  one_request_at_a_time_to_a_device, a_lie_breaks_for_good, unasked_reply, request_too_long,
	  events, without_waiting, no_memory_is_an_error, error_names)
