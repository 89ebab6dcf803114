/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Xen's security advisories about store daemons, each as the attack it describes. The name of a
 * test is that of the advisory. XSA-38's ring indexes, XSA-425's other connection and the ring of
 * XSA-484 are attacked once more in the suite of the rings.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include "tests/fault.h"
#include "tests/test.h"
#include "tests/xs_rig.h"

static struct rig rig, *r = &rig;
static unsigned dom0, guest, other;	/* all rights, domain 1, domain 2 */

static void home(unsigned domid)
{
	char path[40], perms[16];

	snprintf(path, sizeof(path), "/local/domain/%u", domid);
	snprintf(perms, sizeof(perms), "n%u", domid);
	rig_ok(r, rig_mkdir(r, dom0, 0, path));
	rig_ok(r, rig_set_perms(r, dom0, 0, path, perms));
}

static void begin(void)
{
	rig_init(r);
	dom0 = rig_client(r, 0);
	guest = rig_client(r, 1);
	other = rig_client(r, 2);
	home(1);
	home(2);
}

#define TEST_BEGIN(name) START_TEST(name) { begin();
#define TEST_END rig_free(r); } END_TEST

static void audit(void)
{
	struct err err = ERR_INIT;

	ck_assert_msg(world_audit(r->w, &err), "%s", err.msg);
}

TEST_BEGIN(xsa_38)
	static const uint32_t lengths[] = { 4097,       0xffff,     0x10000,   0x7fffffff,
					    0x80000000, 0xfffffff0, 0xffffffff };

	for (unsigned i = 0; i < array_size(lengths); i++) {
		struct wire_header h = { WIRE_READ, 1, 0, lengths[i] };
		unsigned c = rig_client(r, 3);

		ck_assert_int_lt(local_send(r->c[c].l, &h, sizeof(h)), 0);
		rig_close(r, c);
		rig_ok(r, rig_write(r, dom0, 0, "/alive", ""));
	}
TEST_END

TEST_BEGIN(xsa_72)
	char path[80];

	for (unsigned i = 0; i < 200; i++) {
		snprintf(path, sizeof(path), "/d/a-name-of-twenty-five-%03u", i);
		rig_ok(r, rig_write(r, dom0, 0, path, ""));
	}
	ck_assert_int_eq(rig_dir(r, dom0, 0, "/d"), E2BIG);
	rig_ok(r, rig_call(r, dom0, WIRE_DIRECTORY_PART, 0, "/d\0" "0", 5));
	ck_assert_uint_le(rig_len(r, dom0), WIRE_PAYLOAD_MAX);
TEST_END

TEST_BEGIN(xsa_115)
	uint32_t tx = rig_start(r, guest);

	rig_ok(r, rig_watch(r, guest, "/", "all"));
	rig_ok(r, rig_watch(r, guest, "@releaseDomain", "r"));
	rig_ok(r, rig_watch(r, guest, "@introduceDomain", "i"));
	rig_ok(r, rig_call(r, guest, WIRE_WATCH, tx, "secret-in-txn\0t", 16));
	rig_events(r, guest);
	rig_ok(r, rig_write(r, dom0, 0, "/secret/a/b", "1"));
	rig_ok(r, rig_set_perms(r, dom0, 0, "/secret/a", "n0 r2"));
	rig_ok(r, rig_rm(r, dom0, 0, "/secret"));
	rig_ok(r, rig_introduce(r, dom0, 7));
	rig_ok(r, rig_release(r, dom0, 7));
	ck_assert_str_eq(rig_events(r, guest), "");
	/* Losing the right is an event; what follows is none. */
	rig_ok(r, rig_write(r, dom0, 0, "/shown", ""));
	rig_ok(r, rig_set_perms(r, dom0, 0, "/shown", "n0 r1"));
	rig_events(r, guest);
	rig_ok(r, rig_set_perms(r, dom0, 0, "/shown", "n0"));
	ck_assert_str_eq(rig_events(r, guest), "/shown all");
	rig_ok(r, rig_write(r, dom0, 0, "/shown", "again"));
	ck_assert_str_eq(rig_events(r, guest), "");
	ck_assert_int_eq(rig_call(r, guest, WIRE_IS_DOMAIN_INTRODUCED, 0, "2", 2), EACCES);
	rig_ok(r, rig_write(r, guest, 0, "secret-in-txn", ""));
	ck_assert_str_eq(rig_events(r, guest), "/local/domain/1/secret-in-txn all|secret-in-txn t");
TEST_END

TEST_BEGIN(xsa_206)
	unsigned tries = 0, writes = 0;
	int rc;

	rig_ok(r, rig_write(r, dom0, 0, "/key", ""));
	rig_ok(r, rig_set_perms(r, dom0, 0, "/key", "b0"));
	do {
		uint32_t tx = rig_start(r, dom0);

		rig_ok(r, rig_read(r, dom0, tx, "/key"));
		/* The guest writes whenever it is listened to: one attempt a millisecond. */
		for (unsigned i = 0; i < 4; i++) {
			if (r->c[guest].l && !local_conn(r->c[guest].l)->paused &&
			    rig_write(r, guest, 0, "/key", "x") == 0)
				writes++;
			rig_pass(r, 1);
		}
		rc = rig_end(r, dom0, tx, true);
		tries++;
	} while (rc == EAGAIN && tries < 200);
	ck_assert_int_eq(rc, 0);
	ck_assert_uint_gt(writes, 0);
	ck_assert_uint_lt(tries, 50);
TEST_END

TEST_BEGIN(xsa_233)
	for (unsigned i = 0; i < 2000; i++) {
		unsigned a = rig_client(r, 10), b = rig_client(r, 11);

		rig_ok(r, rig_call(r, dom0, WIRE_SET_TARGET, 0, "11\0" "10", 6));
		rig_ok(r, rig_watch(r, a, "@releaseDomain", "t"));
		world_domain_died(r->w, world_domain(r->w, 10));
		world_domain_died(r->w, world_domain(r->w, 11));
		rig_pass(r, 1);
		ck_assert_ptr_null(local_conn(r->c[a].l));
		rig_close(r, a);
		rig_close(r, b);
	}
TEST_END

TEST_BEGIN(xsa_272)
	char path[40];
	unsigned made = 0;
	uint32_t tx;

	r->w->rate.reserve = 1000000;
	while (made < 2000) {
		snprintf(path, sizeof(path), "d%u/n%u", made % 20, made);
		tx = made % 2 ? rig_start(r, guest) : 0;
		if (rig_write(r, guest, tx, path, "") || (tx && rig_end(r, guest, tx, true)))
			break;
		made++;
	}
	ck_assert_uint_eq(rig_used(r, 1, QUOTA_NODES), 1000);
	ck_assert_int_eq(rig_write(r, guest, 0, "more", ""), ENOSPC);
TEST_END

TEST_BEGIN(xsa_322)
	rig_ok(r, rig_write(r, dom0, 0, "/foreign", "secret"));
	rig_ok(r, rig_set_perms(r, dom0, 0, "/foreign", "n0 b1"));
	rig_ok(r, rig_set_perms(r, dom0, 0, "@releaseDomain", "n0 r1"));
	rig_ok(r, rig_read(r, guest, 0, "/foreign"));
	rig_ok(r, rig_release(r, dom0, 1));
	rig_close(r, guest);
	guest = rig_client(r, 1);
	ck_assert_int_eq(rig_read(r, guest, 0, "/foreign"), EACCES);
	ck_assert_int_eq(rig_write(r, guest, 0, "/foreign", "x"), EACCES);
	ck_assert_int_eq(rig_get_perms(r, guest, 0, "@releaseDomain"), EACCES);
	/* Nor in a transaction that was open all the while, nor through what is written to the node
	 * later. */
	rig_ok(r, rig_write(r, dom0, 0, "/foreign/new", ""));
	ck_assert_int_eq(rig_read(r, guest, 0, "/foreign/new"), EACCES);
TEST_END

TEST_BEGIN(xsa_323)
	char path[PATH_ABS_MAX + 10], absolute[PATH_ABS_MAX + 40];

	for (int delta = -1; delta <= 1; delta++) {
		size_t len = (size_t)(PATH_REL_MAX + delta);
		int rc;

		/* Long components would be over the size of their directory. */
		memset(path, 'p', sizeof(path));
		for (size_t i = 100; i < len - 1; i += 101)
			path[i] = '/';
		path[len] = '\0';
		rc = rig_write(r, guest, 0, path, "v");
		ck_assert_int_eq(rc, delta > 0 ? EINVAL : 0);
		snprintf(absolute, sizeof(absolute), "/local/domain/1/%.*s", (int)len, path);
		ck_assert_int_eq(rig_read(r, dom0, 0, absolute), delta > 0 ? ENOENT : 0);
	}
TEST_END

TEST_BEGIN(xsa_324)
	for (size_t total = WIRE_PAYLOAD_MAX - 2; total <= WIRE_PAYLOAD_MAX; total++) {
		char b[WIRE_PAYLOAD_MAX];

		memset(b, 't', sizeof(b));
		memcpy(b, "/w", 3);
		b[total - 1] = '\0';
		rig_ok(r, rig_call(r, dom0, WIRE_WATCH, 0, b, total));
		rig_ok(r, rig_write(r, dom0, 0, "/w/a/deep/child/with/a/long/path", ""));
		rig_ok(r, rig_call(r, dom0, WIRE_UNWATCH, 0, b, total));
	}
TEST_END

TEST_BEGIN(xsa_325)
	struct wire_header h = { WIRE_READ, 1, 0, 5000 };

	rig_ok(r, rig_watch(r, dom0, "@releaseDomain", "t"));
	rig_events(r, dom0);
	(void)local_send(r->c[guest].l, &h, sizeof(h));
	rig_pass(r, 10);
	ck_assert_str_eq(rig_events(r, dom0), "");
	rig_ok(r, rig_call(r, dom0, WIRE_IS_DOMAIN_INTRODUCED, 0, "1", 2));
	ck_assert_str_eq(rig_data(r, dom0), "T");
	ck_assert_ptr_nonnull(rig_value(r, "/local/domain/1"));
	world_domain_died(r->w, world_domain(r->w, 1));
	rig_pass(r, 10);
	ck_assert_str_eq(rig_events(r, dom0), "@releaseDomain t");
TEST_END

/* 326: four ways to make the daemon hold memory. */

TEST_BEGIN(xsa_326_unread_replies)
	char large[1900];
	unsigned taken = 0;

	memset(large, 'x', sizeof(large));
	large[sizeof(large) - 1] = '\0';
	rig_ok(r, rig_write(r, guest, 0, "large", large));
	local_stall(r->c[guest].l, true);
	for (unsigned i = 0; i < 500; i++)
		if (rig_send(r, guest, WIRE_READ, 0, "large", 6) == 0)
			taken++;
	ck_assert_uint_eq(rig_used(r, 1, QUOTA_OUTSTANDING), 20);
	ck_assert_uint_le(conn_pending(local_conn(r->c[guest].l)),
			  20 * (sizeof(large) + WIRE_HEADER));
	/* Others do not notice; and it may go on when it has read. */
	rig_ok(r, rig_write(r, other, 0, "x", ""));
	local_stall(r->c[guest].l, false);
	rig_pass(r, 10);
	ck_assert_uint_eq(rig_used(r, 1, QUOTA_OUTSTANDING), 0);
	ck_assert_uint_eq(r->c[guest].nr_replies, taken);
	ck_assert_uint_eq(taken, 500);
TEST_END

TEST_BEGIN(xsa_326_unread_events)
	char path[80];

	rig_ok(r, rig_watch(r, guest, "data", "t"));
	local_stall(r->c[guest].l, true);
	/* The same again and again is one. */
	for (unsigned i = 0; i < 1000; i++)
		rig_ok(r, rig_write(r, dom0, 0, "/local/domain/1/data/same", ""));
	ck_assert_uint_lt(conn_pending(local_conn(r->c[guest].l)), 100);
	/* Different ones are held up to the quota. */
	for (unsigned i = 0; i < 120000; i++) {
		snprintf(path, sizeof(path), "/local/domain/1/data/%u", i);
		rig_ok(r, rig_write(r, dom0, 0, path, ""));
		rig_ok(r, rig_rm(r, dom0, 0, path));
	}
	ck_assert_uint_le(rig_used(r, 1, QUOTA_MEMORY), 2560 * 1024);
	ck_assert_uint_gt(local_conn(r->c[guest].l)->nr_dropped, 0);
	/* Nobody waits longer than the time-out for a reader. */
	rig_pass(r, 21000);
	ck_assert_uint_eq(conn_pending(local_conn(r->c[guest].l)), 0);
	local_stall(r->c[guest].l, false);
TEST_END

TEST_BEGIN(xsa_326_events_for_others)
	char path[80];
	unsigned sent = 0;

	/* What a guest's writes make others wait for counts as its own outstanding requests. */
	rig_ok(r, rig_watch(r, dom0, "/local/domain/1", "t"));
	local_stall(r->c[dom0].l, true);
	for (unsigned i = 0; i < 500; i++) {
		snprintf(path, sizeof(path), "n%u", i);
		if (rig_send(r, guest, WIRE_MKDIR, 0, path, strlen(path) + 1) == 0 &&
		    r->c[guest].nr_replies)
			sent++;
	}
	ck_assert_uint_eq(sent, 20);
	ck_assert_uint_eq(rig_used(r, 1, QUOTA_OUTSTANDING), 20);
	local_stall(r->c[dom0].l, false);
	rig_pass(r, 10);
	ck_assert_uint_eq(rig_used(r, 1, QUOTA_OUTSTANDING), 0);
	ck_assert_uint_gt(rig_used(r, 1, QUOTA_NODES), 100);
TEST_END

TEST_BEGIN(xsa_326_nodes_times_transactions)
	char large[1900], path[40];
	size_t nodes;

	memset(large, 'x', sizeof(large));
	large[sizeof(large) - 1] = '\0';
	for (unsigned i = 0; i < 400; i++) {
		snprintf(path, sizeof(path), "d%u/n%u", i % 20, i);
		rig_ok(r, rig_write(r, guest, 0, path, large));
	}
	nodes = tree_nr_nodes(r->w->tree);
	/* Ten open transactions, each with a version of its own: all nodes are written anew after
	 * each start. */
	for (unsigned t = 0; t < 10; t++) {
		uint32_t tx = rig_start(r, guest);

		(void)rig_read(r, guest, tx, "d0");
		for (unsigned i = 0; i < 400; i++) {
			snprintf(path, sizeof(path), "/local/domain/1/d%u/n%u", i % 20, i);
			large[0] = (char)('a' + t);
			rig_ok(r, rig_write(r, dom0, 0, path, large));
		}
		rig_pass(r, 1000);
	}
	ck_assert_uint_le(tree_nr_nodes(r->w->tree), nodes + 50);
TEST_END

TEST_BEGIN(xsa_326_reads_in_a_transaction)
	char path[PATH_REL_MAX + 1];
	int rc = 0;

	memset(path, 'p', sizeof(path));
	for (unsigned t = 0; t < 10 && !rc; t++) {
		uint32_t tx = rig_start(r, guest);

		for (unsigned i = 0; i < 1000 && (!rc || rc == ENOENT); i++) {
			snprintf(path + 1990, sizeof(path) - 1990, "%u", i);
			rc = rig_call(r, guest, WIRE_READ, tx, path, strlen(path) + 1);
		}
		rc = rc == ENOENT ? 0 : rc;
	}
	ck_assert(rc == ENOMEM || rc == ETIMEDOUT);
	ck_assert_uint_le(rig_used(r, 1, QUOTA_MEMORY), 2560 * 1024 + 100000);
TEST_END

TEST_BEGIN(xsa_330)
	uint64_t before = rig_used(r, 1, QUOTA_MEMORY);
	char path[16];

	for (unsigned round = 0; round < 500; round++) {
		for (unsigned i = 0; i < 128; i++) {
			snprintf(path, sizeof(path), "w%u", i);
			rig_ok(r, rig_watch(r, guest, path, "t"));
		}
		rig_events(r, guest);
		rig_ok(r, rig_call(r, guest, WIRE_RESET_WATCHES, 0, "", 1));
	}
	ck_assert_uint_eq(rig_used(r, 1, QUOTA_MEMORY), before);
	ck_assert_uint_eq(watch_set_count(r->w->watches), 0);
TEST_END

TEST_BEGIN(xsa_352)
	rig_ok(r, rig_write(r, guest, 0, "mine", ""));
	ck_assert_int_eq(rig_set_perms(r, guest, 0, "mine", "n2"), EPERM);
	ck_assert_int_eq(rig_set_perms(r, guest, 0, "mine", "n0"), EPERM);
	rig_ok(r, rig_set_perms(r, guest, 0, "mine", "r1 b2"));
	ck_assert_int_eq(rig_set_perms(r, other, 0, "/local/domain/1/mine", "n2"), EACCES);
TEST_END

TEST_BEGIN(xsa_353)
	uint32_t tx = rig_start(r, guest);

	for (unsigned in = 0; in < 2; in++) {
		uint32_t t = in ? tx : 0;

		ck_assert_int_eq(rig_read(r, guest, t, "/"), EACCES);
		ck_assert_int_eq(rig_write(r, guest, t, "/", "x"), EACCES);
		ck_assert_int_eq(rig_mkdir(r, guest, t, "/"), EACCES);
		ck_assert_int_eq(rig_rm(r, guest, t, "/"), EACCES);
		ck_assert_int_eq(rig_set_perms(r, guest, t, "/", "b1"), EACCES);
		ck_assert_int_eq(rig_get_perms(r, guest, t, "/"), EACCES);
		ck_assert_int_eq(rig_dir(r, guest, t, "/"), EACCES);
		ck_assert_int_eq(rig_call(r, guest, WIRE_DIRECTORY_PART, t, "/\0" "0", 4), EACCES);
	}
TEST_END

/* 414 and 415: failures while a deep path is made, outside and inside a transaction. */
static void deep_mkdir_fails(bool in_txn)
{
	for (unsigned nth = 1;; nth++) {
		bool failed;
		uint32_t tx = 0;

		begin();
		if (in_txn)
			tx = rig_start(r, guest);
		fault_arm(nth, nth % 2 ? FAULT_TRANSIENT : FAULT_STICKY);
		(void)rig_send(r, guest, WIRE_MKDIR, tx, "a/b/c/d/e/f/g/h", 16);
		failed = fault_disarm();
		rig_pass(r, 100);
		audit();
		if (in_txn) {
			(void)rig_end(r, guest, tx, nth % 3 != 0);
			audit();
		}
		rig_ok(r, rig_write(r, guest, 0, "a/b/after", ""));
		rig_free(r);
		if (!failed)
			break;
	}
}

START_TEST(xsa_414)
{
	deep_mkdir_fails(false);
	/* The same for a quota: all of the path or nothing. */
	begin();
	r->w->rate.reserve = 1000000;
	rig_ok(r, rig_call(r, dom0, WIRE_SET_QUOTA, 0, "1\0nodes\0" "5", 10));
	ck_assert_int_eq(rig_mkdir(r, guest, 0, "a/b/c/d/e"), ENOSPC);
	ck_assert_ptr_null(rig_value(r, "/local/domain/1/a"));
	rig_ok(r, rig_mkdir(r, guest, 0, "a/b/c/d"));
	audit();
	rig_free(r);
}
END_TEST

START_TEST(xsa_415)
{
	uint32_t tx;

	deep_mkdir_fails(true);
	begin();
	rig_ok(r, rig_call(r, dom0, WIRE_SET_QUOTA, 0, "1\0nodes\0" "5", 10));
	tx = rig_start(r, guest);
	ck_assert_int_eq(rig_mkdir(r, guest, tx, "a/b/c/d/e"), ENOSPC);
	rig_ok(r, rig_mkdir(r, guest, tx, "a/b"));
	rig_ok(r, rig_end(r, guest, tx, true));
	audit();
	ck_assert_uint_eq(rig_used(r, 1, QUOTA_NODES), 3);
	rig_free(r);
}
END_TEST

TEST_BEGIN(xsa_416)
	char b[WIRE_PAYLOAD_MAX];

	/* The request's own memory goes as soon as it is answered: only replies wait. */
	memset(b, 'p', sizeof(b));
	b[1800] = '\0';
	local_stall(r->c[guest].l, true);
	for (unsigned i = 0; i < 300; i++)
		(void)rig_send(r, guest, WIRE_READ, 0, b, 1801);
	ck_assert_uint_le(conn_pending(local_conn(r->c[guest].l)), 20 * 32);
	local_stall(r->c[guest].l, false);
	rig_pass(r, 10);
TEST_END

TEST_BEGIN(xsa_417)
	/* A permission for a domain that is not there yet: nothing for the one that comes. */
	rig_ok(r, rig_write(r, dom0, 0, "/for-later", ""));
	rig_ok(r, rig_set_perms(r, dom0, 0, "/for-later", "n0 b1"));
	rig_ok(r, rig_release(r, dom0, 1));
	rig_close(r, guest);
	/* Domain 1 exists again, but nobody has introduced it. */
	ck_assert_ptr_nonnull(world_know_domain(r->w, 1));
	guest = rig_client(r, 1);
	ck_assert_int_eq(rig_read(r, guest, 0, "/for-later"), EACCES);
	rig_ok(r, rig_get_perms(r, dom0, 0, "/for-later"));
	ck_assert_str_eq(rig_data(r, dom0), "n0 b1");
TEST_END

/* With a stack of 64 kB: the deepest path there is. */
START_TEST(xsa_418)
{
	char path[PATH_ABS_MAX + 1];
	int status;
	pid_t pid = fork();

	if (!pid) {
		struct rlimit l = { 96 * 1024, 96 * 1024 };
		struct tree_walk *walk;
		struct err err = ERR_INIT;
		uint32_t tx;
		unsigned n = 0;

		begin();
		if (setrlimit(RLIMIT_STACK, &l))
			_exit(2);
		for (unsigned i = 0; i + 1 < PATH_ABS_MAX; i += 2)
			memcpy(path + i, "/a", 3);
		if (rig_send(r, dom0, WIRE_WRITE, 0, path, strlen(path) + 1))
			_exit(3);
		walk = tree_walk_new();
		for (const struct node *at = tree_walk_start(walk, r->w->root, NULL, 0); at;
		     at = tree_walk_next(walk))
			n++;
		tree_walk_free(walk);
		if (n < 1500 || !world_audit(r->w, &err))
			_exit(4);
		rig_send(r, dom0, WIRE_TRANSACTION_START, 0, "", 1);
		tx = (uint32_t)strtoul(rig_data(r, dom0), NULL, 10);
		rig_send(r, dom0, WIRE_RM, tx, "/a", 3);
		rig_send(r, dom0, WIRE_TRANSACTION_END, tx, "T", 2);
		_exit(rig_value(r, "/a") ? 5 : 0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status) && !WEXITSTATUS(status), "status %#x", status);
}
END_TEST

TEST_BEGIN(xsa_419)
	size_t nodes, domains = 0;
	struct domain *d;

	rig_close(r, guest);
	rig_close(r, other);
	rig_ok(r, rig_release(r, dom0, 1));
	rig_ok(r, rig_release(r, dom0, 2));
	nodes = tree_nr_nodes(r->w->tree);
	for (unsigned i = 0; i < 1000; i++) {
		guest = rig_client(r, 1);
		other = rig_client(r, 2);
		home(1);
		home(2);
		rig_ok(r, rig_set_perms(r, guest, 0, "/local/domain/1", "n1 b2"));
		rig_ok(r, rig_set_perms(r, other, 0, "/local/domain/2", "n2 b1"));
		rig_ok(r, rig_write(r, guest, 0, "/local/domain/2/by-1", ""));
		rig_ok(r, rig_write(r, other, 0, "/local/domain/1/by-2", ""));
		rig_ok(r, rig_release(r, dom0, i % 2 ? 1 : 2));
		ck_assert_ptr_null(
			rig_value(r, i % 2 ? "/local/domain/2/by-1" : "/local/domain/1/by-2"));
		rig_ok(r, rig_release(r, dom0, i % 2 ? 2 : 1));
		rig_close(r, guest);
		rig_close(r, other);
	}
	ck_assert_uint_eq(tree_nr_nodes(r->w->tree), nodes);
	list_for_each_entry(d, &r->w->domains, of_world)
		domains++;
	ck_assert_uint_le(domains, 1);
	ck_assert_ptr_null(quota_find(r->w->quota, 1));
TEST_END

TEST_BEGIN(xsa_420)
static const uint32_t lengths[] = { 0x3fffffff, 0x40000000, 0x7fffffff, 0x80000000, 0xffffffff };

for (unsigned i = 0; i < array_size(lengths); i++) {
	struct wire_header h = { WIRE_WRITE, 1, 0, lengths[i] };
	unsigned c = rig_client(r, 5);

	(void)local_send(r->c[c].l, &h, sizeof(h));
	ck_assert_uint_eq(r->c[c].nr_replies, 0);
	rig_ok(r, rig_write(r, other, 0, "alive", ""));
	rig_close(r, c);
	}
TEST_END

TEST_BEGIN(xsa_421)
	unsigned seed = 1;
	char path[40];

	r->w->rate.reserve = 1000000;
	for (unsigned round = 0; round < 300; round++) {
		uint32_t tx = rig_start(r, guest);

		for (unsigned i = 0; i < 12; i++) {
			seed = seed * 1103515245 + 12345;
			snprintf(path, sizeof(path), "n%u/%u", (seed >> 8) % 4, (seed >> 12) % 3);
			if ((seed >> 16) % 2)
				rig_ok(r, rig_write(r, guest, tx, path, ""));
			else
				(void)rig_rm(r, guest, tx, (seed >> 17) % 2 ? path : "n1");
		}
		rig_ok(r, rig_end(r, guest, tx, round % 3 != 0));
		audit();
	}
	/* Made and removed in one transaction, at the limit. */
	rig_ok(r, rig_call(r, dom0, WIRE_SET_QUOTA, 0, "1\0nodes\0" "20", 11));
	for (unsigned i = 0; i < 100; i++) {
		uint32_t tx = rig_start(r, guest);

		for (unsigned k = 0; k < 30; k++) {
			snprintf(path, sizeof(path), "x%u", k);
			(void)rig_write(r, guest, tx, path, "");
			if (k % 3)
				(void)rig_rm(r, guest, tx, path);
		}
		(void)rig_end(r, guest, tx, true);
		audit();
		ck_assert_uint_le(rig_used(r, 1, QUOTA_NODES), 20);
	}
TEST_END

TEST_BEGIN(xsa_425)
	/* Connections go while others are being served, in every order; all of it in one turn. */
	for (unsigned i = 0; i < 200; i++) {
		unsigned a = rig_client(r, 20), b = rig_client(r, 21), c = rig_client(r, 22);

		rig_ok(r, rig_watch(r, b, "x", "t"));
		conn_ready(local_conn(r->c[a].l));
		conn_ready(local_conn(r->c[b].l));
		conn_ready(local_conn(r->c[c].l));
		rig_ok(r, rig_release(r, dom0, i % 3 == 0 ? 20 : i % 3 == 1 ? 21 : 22));
		ck_assert_ptr_null(local_conn(r->c[i % 3 == 0 ? a : i % 3 == 1 ? b : c].l));
		rig_close(r, a);
		rig_close(r, b);
		rig_close(r, c);
		(void)rig_release(r, dom0, 20);
		(void)rig_release(r, dom0, 21);
		(void)rig_release(r, dom0, 22);
	}
TEST_END

TEST_BEGIN(xsa_440)
	char path[40];
	uint32_t a, b;
	int first, second;

	for (unsigned i = 0; i < 50; i++) {
		snprintf(path, sizeof(path), "d/n%u", i);
		rig_ok(r, rig_write(r, guest, 0, path, ""));
	}
	a = rig_start(r, guest);
	b = rig_start(r, guest);
	for (unsigned i = 0; i < 50; i++) {
		snprintf(path, sizeof(path), "d/n%u", i);
		rig_ok(r, rig_rm(r, guest, a, path));
		rig_ok(r, rig_rm(r, guest, b, path));
	}
	first = rig_end(r, guest, a, true);
	second = rig_end(r, guest, b, true);
	ck_assert(first == 0 && second == EAGAIN);
	audit();
	ck_assert_uint_eq(rig_used(r, 1, QUOTA_NODES), 2);
TEST_END

TEST_BEGIN(xsa_481)
	static const char *const paths[] = { "",
					     "/",
					     "//",
					     "/local/domain/",
					     "/local/domain/x",
					     "/local/domain",
					     "/a/",
					     "@",
					     "@x/",
					     "/local/domain/1/",
					     "/local/domain/99999999999/x",
					     "local/domain/" };
	static const unsigned types[] = { WIRE_DIRECTORY,     WIRE_READ,    WIRE_GET_PERMS,
					  WIRE_WATCH,         WIRE_UNWATCH, WIRE_WRITE,
					  WIRE_MKDIR,         WIRE_RM,      WIRE_SET_PERMS,
					  WIRE_DIRECTORY_PART };

	for (unsigned i = 0; i < array_size(paths); i++)
		for (unsigned t = 0; t < array_size(types); t++)
			for (unsigned c = 0; c < 2; c++) {
				char b[80];
				size_t n = strlen(paths[i]) + 1;

				memcpy(b, paths[i], n);
				if (types[t] == WIRE_SET_PERMS)
					n += (size_t)snprintf(b + n, 10, "n0") + 1;
				if (types[t] == WIRE_WATCH || types[t] == WIRE_UNWATCH ||
				    types[t] == WIRE_DIRECTORY_PART)
					n += (size_t)snprintf(b + n, 10, "0") + 1;
				ck_assert_int_ne(rig_call(r, c ? guest : dom0, types[t], 0, b, n),
						 ETIMEDOUT);
			}
TEST_END

TEST_BEGIN(xsa_483)
	rig_close(r, guest);
	rig_ok(r, rig_release(r, dom0, 1));
	for (unsigned i = 0; i < 2000; i++) {
		uint32_t tx;

		guest = rig_client(r, 1);
		home(1);
		rig_ok(r, rig_write(r, guest, 0, "a/b", "v"));
		rig_ok(r, rig_watch(r, guest, "a", "t"));
		tx = rig_start(r, guest);
		rig_ok(r, rig_write(r, guest, tx, "c", "v"));
		ck_assert_uint_eq(rig_used(r, 1, QUOTA_NODES), 3);
		ck_assert_uint_eq(rig_used(r, 1, QUOTA_WATCHES), 1);
		ck_assert_uint_eq(rig_used(r, 1, QUOTA_TRANSACTIONS), 1);
		rig_ok(r, rig_release(r, dom0, 1));
		rig_close(r, guest);
		ck_assert_ptr_null(quota_find(r->w->quota, 1));
	}
TEST_END

TEST_BEGIN(xsa_484)
	uint32_t tx = rig_start(r, guest);
	struct wire_header h = { WIRE_WRITE, 1, tx, 100000 };

	rig_ok(r, rig_write(r, guest, tx, "x", ""));
	rig_ok(r, rig_call(r, guest, WIRE_RESET_WATCHES, tx, "", 1));
	ck_assert_int_eq(rig_end(r, guest, tx, true), ENOENT);
	audit();
	tx = rig_start(r, guest);
	rig_ok(r, rig_write(r, guest, tx, "x", ""));
	(void)local_send(r->c[guest].l, &h, sizeof(h));
	rig_pass(r, 10);
	audit();
	ck_assert_uint_eq(rig_used(r, 1, QUOTA_TRANSACTIONS), 0);
TEST_END

TEST_MAIN("xs_advisories", xsa_38, xsa_72, xsa_115, xsa_206, xsa_233, xsa_272, xsa_322, xsa_323,
	  xsa_324, xsa_325, xsa_326_unread_replies, xsa_326_unread_events,
	  xsa_326_events_for_others, xsa_326_nodes_times_transactions,
	  xsa_326_reads_in_a_transaction, xsa_330, xsa_352, xsa_353, xsa_414, xsa_415, xsa_416,
	  xsa_417, xsa_418, xsa_419, xsa_420, xsa_421, xsa_425, xsa_440, xsa_481, xsa_483, xsa_484)
