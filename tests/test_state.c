// SPDX-License-Identifier: LGPL-2.1-or-later
/* xenstored/state: what a daemon hands to the next one, both ways and damaged. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include "tests/test.h"
#include "xenstored/journal_file.h"
#include "xenstored/local.h"
#include "xenstored/state.h"

/* --- a stream in memory ----------------------------------------------------------------------- */

struct stream {
	char data[1 << 16];
	size_t len;
};

static void *room(void *arg, size_t len, struct err *err)
{
	struct stream *s = arg;

	if (s->len + len > sizeof(s->data)) {
		err_set(err, ENOSPC, "full");
		return NULL;
	}
	s->len += len;
	return s->data + s->len - len;
}

static struct state_sink sink_of(struct stream *s)
{
	return (struct state_sink){ room, s };
}

static void ignore(void *arg, const struct wire_header *h, const char *payload)
{
	(void)arg, (void)h, (void)payload;
}

/* A world lives until its test's process ends, and the leak checker is to know that somebody holds
 * it. */
static struct world *held[64];
static size_t nr_held;

static struct world *world(void)
{
	struct err err = ERR_INIT;
	struct world *w = world_new(&err);

	ck_assert_msg(w != NULL, "%s", err.msg);
	ck_assert_uint_lt(nr_held, array_size(held));
	held[nr_held++] = w;
	return w;
}

static void ask(struct local *l, uint32_t type, const char *payload, size_t len)
{
	ck_assert_int_eq(local_request(l, type, 1, 0, payload, len), 0);
}

#define ASK(l, type, text) ask(l, type, text, sizeof(text) - 1)

static void fill(struct world *w)
{
	struct local *dom0 = local_open(w, 0, ignore, NULL);
	struct local *guest = local_open(w, 7, ignore, NULL);

	ASK(dom0, WIRE_WRITE, "/local/domain/7\0");
	ASK(dom0, WIRE_SET_PERMS, "/local/domain/7\0n7\0r0\0b3\0");
	ASK(dom0, WIRE_SET_PERMS, "@releaseDomain\0n0\0r7\0");
	ASK(dom0, WIRE_SET_QUOTA, "7\0watches\0" "55\0");
	ASK(guest, WIRE_WRITE, "data/x\0a value with \0 and \xff in it");
	ASK(guest, WIRE_WATCH, "data\0token\0");
	ASK(guest, WIRE_WATCH, "/local/domain/7\0deep\0" "2\0");
	ASK(guest, WIRE_WATCH, "@releaseDomain\0gone\0");
	ASK(guest, WIRE_TRANSACTION_START, "\0");
}

static void put_all(struct stream *s, const struct world *w)
{
	struct state_sink sink = sink_of(s);
	struct err err = ERR_INIT;
	struct conn *c;

	s->len = 0;
	ck_ok(state_put_header(&sink, STATE_VERSION_2, &err), &err);
	ck_ok(state_put_global(&sink, 3, 4, &err), &err);
	list_for_each_entry(c, &w->conns, of_world) {
		struct state_conn rec = { .id = c->id,
					  .domid = c->domid,
					  .target = STATE_NO_DOMAIN,
					  .port = 9,
					  .in = "input",
					  .in_len = 5,
					  .out = "output",
					  .out_len = 6,
					  .response_len = 2 };

		ck_ok(state_put_conn(&sink, &rec, &err), &err);
		ck_ok(state_put_conn_watches(&sink, c, &err), &err);
		ck_ok(state_put_conn_txns(&sink, c, &err), &err);
	}
	ck_ok(state_put_world(&sink, w, &err), &err);
	ck_ok(state_put_tree(&sink, w->root, &err), &err);
	ck_ok(state_put_end(&sink, &err), &err);
}

/* --- a reader that rebuilds ------------------------------------------------------------------- */

static int load_conn(void *arg, const struct state_conn *c, struct err *err)
{
	struct world *w = arg;
	struct local *l = local_open(w, c->domid, ignore, NULL);

	ck_assert_ptr_nonnull(l);
	ck_assert_uint_eq(local_conn(l)->id, c->id);
	ck_assert_uint_eq(c->port, 9);
	ck_assert_uint_eq(c->in_len, 5);
	ck_assert_int_eq(memcmp(c->in, "input", 5), 0);
	ck_assert_int_eq(memcmp(c->out, "output", 6), 0);
	ck_assert_uint_eq(c->response_len, 2);
	(void)err;
	return 0;
}

static const struct state_reader rebuild = { .conn = load_conn };

START_TEST(what_is_written_is_read)
{
	static struct stream a, b;
	struct world *w = world(), *again = world();
	struct err err = ERR_INIT;
	size_t end = 0;

	fill(w);
	put_all(&a, w);
	ck_assert_uint_eq(a.len % 8, 0);
	again->restoring = true;
	ck_ok(state_read(a.data, a.len, &rebuild, again, again, &end, &err), &err);
	again->restoring = false;
	ck_assert_uint_eq(end, a.len - STATE_RECORD);
	put_all(&b, again);
	ck_assert_uint_eq(a.len, b.len);
	ck_assert_int_eq(memcmp(a.data, b.data, a.len), 0);
	ck_assert_msg(world_audit(again, &err), "%s", err.msg);
}
END_TEST

static const struct state_reader nobody;

/* Every cut is seen, wherever it falls, and nothing behind it is touched. */
START_TEST(a_cut_stream_is_refused)
{
	static struct stream s;
	struct world *w = world();

	fill(w);
	put_all(&s, w);
	for (size_t len = 0; len < s.len; len++) {
		struct err err = ERR_INIT;
		char *exact = xmalloc(len);

		memcpy(exact, s.data, len);
		ck_assert_msg(state_read(exact, len, &nobody, NULL, NULL, NULL, &err) < 0,
			      "cut at %zu", len);
		ck_assert_int_eq(err.code, EINVAL);
		free(exact);
	}
}
END_TEST

static void begin(struct stream *s, uint32_t version)
{
	struct state_sink sink = sink_of(s);
	struct err err = ERR_INIT;

	s->len = 0;
	ck_ok(state_put_header(&sink, version, &err), &err);
}

START_TEST(other_streams_are_refused)
{
	static struct stream s;
	struct err err = ERR_INIT;

	begin(&s, 3);
	ck_fails(state_read(s.data, s.len, &nobody, NULL, NULL, NULL, &err), &err, EINVAL,
		 "version 3");
	begin(&s, 0);
	ck_fails(state_read(s.data, s.len, &nobody, NULL, NULL, NULL, &err), &err, EINVAL,
		 "version 0");
	begin(&s, 1);
	s.data[15] ^= 1;
	ck_fails(state_read(s.data, s.len, &nobody, NULL, NULL, NULL, &err), &err, EINVAL,
		 "byte order");
	s.data[0] = 'X';
	ck_fails(state_read(s.data, s.len, &nobody, NULL, NULL, NULL, &err), &err, EINVAL,
		 "not a xenstore state");
}
END_TEST

/* A node record as upstream's document draws it, byte by byte. */
START_TEST(the_layout_is_the_documents)
{
	static const unsigned char want[] = {
		5,   0,   0, 0,   32,  0, 0, 0, /* NODE_DATA, 32 bytes of body */
		0,   0,   0, 0,   0,   0, 0, 0, /* conn-id, tx-id */
		3,   0,   1, 0,   0,   0, 2, 0, /* path-len, value-len, access, perm-count */
		'n', 0,   1, 0,   'r', 1, 2, 0, /* n1, a stale r2 */
		'/', 'a', 0, 'v', 0,   0, 0, 0, /* path, value, padding */
	};
	static struct stream s;
	const struct perm perms[] = { { .domid = 1 },
				      { .domid = 2, .bits = PERM_READ | PERM_STALE } };
	const struct state_node n = { .path = "/a",
				      .path_len = 2,
				      .value = "v",
				      .value_len = 1,
				      .perms = perms,
				      .nr_perms = 2 };
	struct state_sink sink = sink_of(&s);
	struct err err = ERR_INIT;

	ck_ok(state_put_node(&sink, &n, &err), &err);
	ck_assert_uint_eq(s.len, sizeof(want));
	ck_assert_int_eq(memcmp(s.data, want, sizeof(want)), 0);
	s.len = 0;
	ck_ok(state_put_header(&sink, 1, &err), &err);
	ck_assert_int_eq(memcmp(s.data, "xenstore\0\0\0\1\0\0\0\0", 16), 0);
}
END_TEST

static void refuse(uint32_t type, const void *body, size_t len)
{
	static struct stream s;
	struct state_sink sink = sink_of(&s);
	struct err err = ERR_INIT;

	begin(&s, 2);
	ck_ok(state_put_record(&sink, type, body, len, &err), &err);
	ck_ok(state_put_end(&sink, &err), &err);
	ck_fails(state_read(s.data, s.len, &nobody, NULL, NULL, NULL, &err), &err, EINVAL,
		 "malformed");
}

START_TEST(malformed_records_are_refused)
{
	static const uint16_t watch_long[] = { 1, 0, 200, 2, 'a', 'b' },
			      watch_no_nul[] = { 1, 0, 2, 2, 0x6161, 0x6161 },
			      node_perms[] = { 0, 0, 0, 0, 3, 0, 0, 999 },
			      node_letter[] = { 0, 0, 0, 0, 3, 0, 0, 1, 'x', 0, 'a' },
			      quota[] = { 3, 0, 1, 0 }, domain[] = { 0x7ff4, 0, 0, 0 },
			      conn_zero[] = { 0, 0, 0, 0, 1, 0x7ff4, 0, 0, 0, 0, 0, 0 },
			      conn_lies[] = { 1, 0, 0, 0, 1, 0x7ff4, 0, 0, 999, 0, 0, 0 },
			      conn_domain[] = { 1, 0, 0, 0, 0x7ff1, 0x7ff4, 0, 0, 0, 0, 0, 0 },
			      conn_type[] = { 1, 0, 5, 0, 1, 0x7ff4, 0, 0, 0, 0, 0, 0 };

	refuse(STATE_WATCH, watch_long, sizeof(watch_long));
	refuse(STATE_WATCH, watch_no_nul, sizeof(watch_no_nul));
	refuse(STATE_NODE, node_perms, sizeof(node_perms));
	refuse(STATE_NODE, node_letter, sizeof(node_letter));
	refuse(STATE_GLOBAL_QUOTA, quota, sizeof(quota));
	refuse(STATE_DOMAIN, domain, sizeof(domain));
	refuse(STATE_CONN, conn_zero, sizeof(conn_zero));
	refuse(STATE_CONN, conn_lies, sizeof(conn_lies));
	refuse(STATE_CONN, conn_domain, sizeof(conn_domain));
	refuse(STATE_CONN, conn_type, sizeof(conn_type));
	refuse(STATE_GLOBAL, "", 0);
}
END_TEST

TEST_MAIN("state", what_is_written_is_read, a_cut_stream_is_refused, other_streams_are_refused,
	  the_layout_is_the_documents, malformed_records_are_refused)
