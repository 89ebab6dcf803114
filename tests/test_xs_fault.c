/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Every operation with every allocation failing, once alone and once with all after it: the
 * operation says ENOMEM (or nothing yet) and has not happened, or it has happened wholly; the
 * accounts agree with a recount either way.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "tests/fault.h"
#include "tests/test.h"
#include "tests/xs_rig.h"

static struct rig rig, *r = &rig;
static unsigned dom0, guest;
static uint32_t tx, busy_tx;

static const struct scenario {
	const char *name;
	unsigned type;
	bool by_guest, in_txn;
	const char *payload;
	size_t len;
} scenarios[] = {
#define S(name, type, by_guest, in_txn, payload)                           \
	{                                                                  \
		name, type, by_guest, in_txn, payload, sizeof(payload) - 1 \
	}
	S("write", WIRE_WRITE, true, false, "data/new/deep\0value"),
	S("overwrite", WIRE_WRITE, true, false, "data/a\0a longer value than it had"),
	S("mkdir", WIRE_MKDIR, true, false, "data/x/y\0"),
	S("rm", WIRE_RM, true, false, "data\0"),
	S("set_perms", WIRE_SET_PERMS, true, false, "data/a\0n1\0r3\0"),
	S("special perms", WIRE_SET_PERMS, false, false, "@releaseDomain\0n0\0r1\0"),
	S("read", WIRE_READ, true, false, "data/a\0"),
	S("large read", WIRE_READ, true, false, "data/large\0"),
	S("directory", WIRE_DIRECTORY, true, false, "data\0"),
	S("watch", WIRE_WATCH, true, false, "data/a/b/c\0token\0"),
	S("unwatch", WIRE_UNWATCH, true, false, "data\0w\0"),
	S("reset", WIRE_RESET_WATCHES, true, false, "\0"),
	S("start", WIRE_TRANSACTION_START, true, false, "\0"),
	S("write in a transaction", WIRE_WRITE, true, true, "data/t/u\0v"),
	S("rm in a transaction", WIRE_RM, true, true, "data/a\0"),
	S("perms in a transaction", WIRE_SET_PERMS, true, true, "data/a\0n1\0r2\0"),
	S("read in a transaction", WIRE_READ, true, true, "data/none/at/all\0"),
	S("commit", WIRE_TRANSACTION_END, true, true, "T\0"),
	S("abort", WIRE_TRANSACTION_END, true, true, "F\0"),
	S("introduce", WIRE_INTRODUCE, false, false,
	  "9\0"
	  "1\0"
	  "5\0"),
	S("release", WIRE_RELEASE, false, false, "1\0"),
	S("set feature", WIRE_SET_FEATURE, false, false,
	  "11\0"
	  "4\0"),
	S("set quota", WIRE_SET_QUOTA, false, false,
	  "1\0nodes\0"
	  "5\0"),
	S("stats", WIRE_CONTROL, false, false, "stats\0--json\0"),
	S("check", WIRE_CONTROL, false, false, "check\0"),
#undef S
};

static void begin(void)
{
	char large[1800];

	rig_init(r);
	dom0 = rig_client(r, 0);
	guest = rig_client(r, 1);
	rig_ok(r, rig_write(r, dom0, 0, "/local/domain/1", ""));
	rig_ok(r, rig_set_perms(r, dom0, 0, "/local/domain/1", "n1"));
	rig_ok(r, rig_write(r, guest, 0, "data/a", "v"));
	rig_ok(r, rig_write(r, guest, 0, "data/b/c", "v"));
	memset(large, 'x', sizeof(large));
	large[sizeof(large) - 1] = '\0';
	rig_ok(r, rig_write(r, guest, 0, "data/large", large));
	rig_ok(r, rig_write(r, dom0, 0, "/elsewhere/by-guest", ""));
	rig_ok(r, rig_set_perms(r, dom0, 0, "/elsewhere/by-guest", "n1"));
	rig_ok(r, rig_watch(r, dom0, "/", "w"));
	rig_ok(r, rig_watch(r, guest, "data", "w"));
	rig_ok(r, rig_watch(r, guest, "data/b/c", "w"));
	/* One transaction that has something to carry over, because the live root has moved
	 * since. */
	tx = rig_start(r, guest);
	rig_ok(r, rig_write(r, guest, tx, "data/in-txn/deep", "v"));
	rig_ok(r, rig_rm(r, guest, tx, "data/b"));
	busy_tx = rig_start(r, dom0);
	rig_ok(r, rig_read(r, dom0, busy_tx, "/"));
	rig_ok(r, rig_write(r, dom0, 0, "/elsewhere/moved", "on"));
	rig_events(r, dom0);
	rig_events(r, guest);
}

/* What there is, as one number. */
static uint64_t fingerprint(void)
{
	struct tree_walk *walk = tree_walk_new();
	uint64_t sum = watch_set_count(r->w->watches) * 31u + r->w->nr_txns * 7u;

	for (const struct node *n = tree_walk_start(walk, r->w->root, NULL, 0); n;
	     n = tree_walk_next(walk)) {
		for (size_t i = 0; i < walk->len; i++)
			sum = sum * 1099511628211u + (unsigned char)walk->path[i];
		for (size_t i = 0; i < n->value_len; i++)
			sum = sum * 1099511628211u + (unsigned char)node_value(n)[i];
		for (unsigned i = 0; i < n->perms->n; i++)
			sum = sum * 1099511628211u + n->perms->e[i].domid * 8u +
			      n->perms->e[i].bits;
	}
	tree_walk_free(walk);
	return sum;
}

static void check_failed(const struct scenario *s, int rc, uint64_t before)
{
	/* Any end of a transaction is its end. */
	if (s->type == WIRE_TRANSACTION_END)
		return;
	ck_assert_msg(rc == ENOMEM, "%s: %d, not ENOMEM", s->name, rc);
	ck_assert_msg(fingerprint() == before, "%s failed and has changed something", s->name);
}

/* One run with the nth allocation failing. True: none failed, all is done. */
static bool run(const struct scenario *s, unsigned nth, enum fault_kind kind)
{
	struct err err = ERR_INIT;
	unsigned client;
	uint64_t before;
	bool failed;
	int rc;

	begin();
	client = s->by_guest ? guest : dom0;
	before = fingerprint();
	fault_arm(nth, kind);
	rc = rig_send(r, client, s->type, s->in_txn ? tx : 0, s->payload, s->len);
	failed = fault_disarm();
	/* What found no memory even for its reply is carried out when there is some. */
	rig_pass(r, 2000);
	if (!rc)
		rc = rig_result(r, client, s->type, s->in_txn ? tx : 0);
	ck_assert_msg(failed || !rc || rc == ENOENT, "%s: %d", s->name, rc);
	ck_assert_msg(world_audit(r->w, &err), "%s, allocation %u: %s", s->name, nth, err.msg);
	if (rc && rc != ENOENT && rc != EPIPE)
		check_failed(s, rc, before);
	/* The daemon goes on. */
	rig_ok(r, rig_write(r, dom0, 0, "/after", "fine"));
	rig_free(r);
	return !failed;
}

START_TEST(transient)
{
	for (unsigned i = 0; i < array_size(scenarios); i++)
		for (unsigned nth = 1; !run(&scenarios[i], nth, FAULT_TRANSIENT); nth++)
			ck_assert_uint_lt(nth, 500);
}
END_TEST

START_TEST(sticky)
{
	for (unsigned i = 0; i < array_size(scenarios); i++)
		for (unsigned nth = 1; !run(&scenarios[i], nth, FAULT_STICKY); nth++)
			ck_assert_uint_lt(nth, 500);
}
END_TEST

START_TEST(a_world_is_made_or_not)
{
	struct err err = ERR_INIT;
	struct world *w;

	for (unsigned nth = 1;; nth++) {
		fault_arm(nth, FAULT_TRANSIENT);
		w = world_new(&err);
		if (!fault_disarm())
			break;
		ck_assert_ptr_null(w);
		ck_assert_int_eq(err.code, ENOMEM);
	}
	world_free(w);
}
END_TEST

TEST_MAIN("xs_fault", transient, sticky, a_world_is_made_or_not)
