// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The store client against a scripted daemon: what goes over the wire, in how many round trips, and
 * what a refusal becomes.
 */
#include "tests/test.h"

#include <errno.h>
#include <string.h>
#include "libvmm/store.h"
#include "tests/xs_peer.h"

static struct store *store;
static struct err err;

static void start(void (*script)(int fd))
{
	peer_listen(script);
	ck_assert_msg(store_open(&store, &err) == 0, "%s", err.msg);
}

static void finish(void)
{
	store_close(store);
	peer_finish();
}

/* A string with its NULs inside, as an argument pair. */
#define BYTES(s) s, sizeof(s) - 1
#define TEXT(s) s, sizeof(s)

/* --- single requests -------------------------------------------------------------------------- */

static void script_single(int fd)
{
	peer_answer(fd, XS_READ, TEXT("/a"), BYTES("value"));
	peer_answer(fd, XS_READ, TEXT("/empty"), "", 0);
	peer_refuse(fd, XS_READ, TEXT("/no"), "ENOENT");
	peer_refuse(fd, XS_READ, TEXT("/no"), "ENOENT");
	peer_answer(fd, XS_READ, TEXT("/n"), BYTES("18446744073709551615"));
	peer_answer(fd, XS_READ, TEXT("/n"), BYTES("12x"));
	peer_answer(fd, XS_WRITE, BYTES("/w\0v"), NULL, 0);
	peer_refuse(fd, XS_WRITE, BYTES("/w\0"), "EACCES");
	peer_refuse(fd, XS_RM, TEXT("/gone"), "ENOENT");
	peer_answer(fd, XS_MKDIR, TEXT("/dir"), NULL, 0);
	peer_answer(fd, XS_INTRODUCE, BYTES("7\0" "233473\0" "2\0"), NULL, 0);
	peer_answer(fd, XS_RELEASE, TEXT("7"), NULL, 0);
	peer_answer(fd, XS_RESUME, TEXT("7"), NULL, 0);
	peer_answer(fd, XS_SET_TARGET, BYTES("7\0" "3\0"), NULL, 0);
	peer_answer(fd, XS_IS_DOMAIN_INTRODUCED, TEXT("7"), BYTES("T\0"));
	peer_answer(fd, XS_IS_DOMAIN_INTRODUCED, TEXT("8"), BYTES("F\0"));
	peer_answer(fd, XS_GET_PERMS, TEXT("/a"), BYTES("n0\0r3\0b65535\0"));
	peer_answer(fd, XS_GET_PERMS, TEXT("/a"), BYTES("n0\0r3\0r4\0r5\0"));
	peer_answer(fd, XS_GET_PERMS, TEXT("/a"), BYTES("x0\0"));
}

static void read_some(void)
{
	char *value;
	uint64_t n;

	ck_assert_int_eq(store_read(store, &value, &err, "/%c", 'a'), 0);
	ck_assert_str_eq(value, "value");
	free(value);
	ck_assert_int_eq(store_read_opt(store, &value, &err, "/empty"), 0);
	ck_assert_str_eq(value, "");
	free(value);
	ck_assert_int_eq(store_read_opt(store, &value, &err, "/no"), 0);
	ck_assert_ptr_null(value);
	ck_assert_int_eq(store_read(store, &value, &err, "/no"), -1);
	ck_assert_int_eq(err.code, ENOENT);
	ck_assert_ptr_nonnull(strstr(err.msg, "/no"));
	ck_assert_int_eq(store_read_u64(store, &n, &err, "/n"), 0);
	ck_assert_uint_eq(n, UINT64_MAX);
	ck_assert_int_eq(store_read_u64(store, &n, &err, "/n"), -1);
}

START_TEST(single_requests)
{
	struct store_perm perms[3];
	bool is_introduced;
	size_t nr = 3;

	start(script_single);
	read_some();
	ck_assert_int_eq(store_write(store, "/w", "v", &err), 0);
	ck_assert_int_eq(store_write(store, "/w", "", &err), -1);
	ck_assert_int_eq(err.code, EACCES);
	ck_assert_str_eq(err.msg, "xenstore: writing /w: Permission denied");
	ck_assert_int_eq(store_rm(store, "/gone", &err), 0);
	ck_assert_int_eq(store_mkdir(store, "/dir", &err), 0);
	ck_assert_int_eq(store_introduce(store, 7, 0x39001, 2, &err), 0);
	ck_assert_int_eq(store_release(store, 7, &err), 0);
	ck_assert_int_eq(store_resume(store, 7, &err), 0);
	ck_assert_int_eq(store_set_target(store, 7, 3, &err), 0);
	ck_assert_int_eq(store_is_introduced(store, 7, &is_introduced, &err), 0);
	ck_assert(is_introduced);
	ck_assert_int_eq(store_is_introduced(store, 8, &is_introduced, &err), 0);
	ck_assert(!is_introduced);
	ck_assert_int_eq(store_get_perms(store, "/a", perms, &nr, &err), 0);
	ck_assert_uint_eq(nr, 3);
	ck_assert(perms[2].mode == 'b' && perms[2].domid == 65535);
	ck_assert_int_eq(store_get_perms(store, "/a", perms, &nr, &err), -1);
	ck_assert_int_eq(err.code, ENOSPC);
	ck_assert_int_eq(store_get_perms(store, "/a", perms, &nr, &err), -1);
	ck_assert_uint_eq(store_nr_ops(store), 19);
	finish();
}
END_TEST

/* --- batches ---------------------------------------------------------------------------------- */

static void script_many(int fd)
{
	struct xs_header h[4];

	h[0] = peer_expect(fd, XS_READ, TEXT("/0"));
	h[1] = peer_expect(fd, XS_READ, TEXT("/1"));
	h[2] = peer_expect(fd, XS_READ, TEXT("/2"));
	peer_send(fd, XS_READ, h[0].req_id, 0, "zero", 4);
	peer_send(fd, XS_ERROR, h[1].req_id, 0, "ENOENT", 7);
	peer_send(fd, XS_READ, h[2].req_id, 0, "", 0);
	h[0] = peer_expect(fd, XS_READ, TEXT("/0"));
	h[1] = peer_expect(fd, XS_READ, TEXT("/1"));
	h[2] = peer_expect(fd, XS_READ, TEXT("/2"));
	peer_send(fd, XS_READ, h[0].req_id, 0, "zero", 4);
	peer_send(fd, XS_ERROR, h[1].req_id, 0, "EACCES", 7);
	peer_send(fd, XS_READ, h[2].req_id, 0, "two", 3);
	peer_answer(fd, XS_READ, TEXT("/after"), BYTES("in turn"));
}

START_TEST(read_many)
{
	static const char *const paths[] = { "/0", "/1", "/2" };
	char *values[3], *value;

	start(script_many);
	ck_assert_int_eq(store_read_many(store, paths, 3, values, &err), 0);
	ck_assert_str_eq(values[0], "zero");
	ck_assert_ptr_null(values[1]);
	ck_assert_str_eq(values[2], "");
	free(values[0]);
	free(values[2]);
	ck_assert_int_eq(store_read_many(store, paths, 3, values, &err), -1);
	ck_assert_int_eq(err.code, EACCES);
	ck_assert_ptr_nonnull(strstr(err.msg, "/1"));
	for (int i = 0; i < 3; i++)
		ck_assert_ptr_null(values[i]);
	ck_assert_int_eq(store_read(store, &value, &err, "/after"), 0);
	ck_assert_str_eq(value, "in turn");
	free(value);
	finish();
}
END_TEST

/* --- lists ------------------------------------------------------------------------------------ */

static void script_lists(int fd)
{
	peer_answer(fd, XS_DIRECTORY, TEXT("/d"), BYTES("a\0bc\0"));
	peer_answer(fd, XS_DIRECTORY, TEXT("/e"), "", 0);
	peer_refuse(fd, XS_DIRECTORY, TEXT("/big"), "E2BIG");
	peer_answer(fd, XS_DIRECTORY_PART, BYTES("/big\0" "0\0"), BYTES("17\0one\0two\0"));
	/* It changed meanwhile: from the start. */
	peer_answer(fd, XS_DIRECTORY_PART, BYTES("/big\0" "8\0"), BYTES("18\0three\0\0"));
	peer_answer(fd, XS_DIRECTORY_PART, BYTES("/big\0" "0\0"), BYTES("18\0one\0"));
	peer_answer(fd, XS_DIRECTORY_PART, BYTES("/big\0" "4\0"), BYTES("18\0four\0\0"));
	peer_refuse(fd, XS_DIRECTORY, TEXT("/emptied"), "E2BIG");
	peer_answer(fd, XS_DIRECTORY_PART, BYTES("/emptied\0" "0\0"), BYTES("19\0\0"));
	peer_refuse(fd, XS_DIRECTORY, TEXT("/bad"), "E2BIG");
	peer_answer(fd, XS_DIRECTORY_PART, BYTES("/bad\0" "0\0"), BYTES("19"));
	peer_refuse(fd, XS_DIRECTORY, TEXT("/no"), "ENOENT");
}

START_TEST(lists)
{
	autostrlist struct strlist l = STRLIST_INIT;

	start(script_lists);
	ck_assert_int_eq(store_list(store, "/d", &l, &err), 0);
	ck_assert_uint_eq(l.n, 2);
	ck_assert_str_eq(l.v[1], "bc");
	ck_assert_int_eq(store_list(store, "/e", &l, &err), 0);
	ck_assert_uint_eq(l.n, 2);
	ck_assert_msg(store_list(store, "/big", &l, &err) == 0, "%s", err.msg);
	ck_assert_uint_eq(l.n, 4);
	ck_assert_str_eq(l.v[2], "one");
	ck_assert_str_eq(l.v[3], "four");
	ck_assert_int_eq(store_list(store, "/emptied", &l, &err), 0);
	ck_assert_uint_eq(l.n, 4);
	ck_assert_int_eq(store_list(store, "/bad", &l, &err), -1);
	ck_assert_int_eq(err.code, EPROTO);
	ck_assert_int_eq(store_list(store, "/no", &l, &err), -1);
	ck_assert_int_eq(err.code, ENOENT);
	finish();
}
END_TEST

/* --- transactions ----------------------------------------------------------------------------- */

static void expect_changes(int fd, struct xs_header h[4])
{
	h[0] = peer_expect(fd, XS_WRITE, BYTES("/x/name\0" "ada"));
	h[1] = peer_expect(fd, XS_MKDIR, TEXT("/x/dev"));
	h[2] = peer_expect(fd, XS_SET_PERMS, BYTES("/x/dev\0n0\0r7\0"));
	h[3] = peer_expect(fd, XS_RM, TEXT("/x/old"));
	for (int i = 0; i < 4; i++)
		peer_check(h[i].tx_id == 5);
}

static void script_txn(int fd)
{
	struct xs_header h[4];

	/* A conflict, and once more by itself; a node that need not be removed is none. */
	for (int i = 0; i < 2; i++) {
		peer_answer(fd, XS_TRANSACTION_START, TEXT(""), BYTES("5\0"));
		expect_changes(fd, h);
		for (int k = 0; k < 3; k++)
			peer_send(fd, h[k].type, h[k].req_id, 5, "OK", 3);
		peer_send(fd, XS_ERROR, h[3].req_id, 5, "ENOENT", 7);
		if (i == 0)
			peer_refuse(fd, XS_TRANSACTION_END, TEXT("T"), "EAGAIN");
		else
			peer_answer(fd, XS_TRANSACTION_END, TEXT("T"), NULL, 0);
	}
	/* Nothing of it when one change is refused. */
	peer_answer(fd, XS_TRANSACTION_START, TEXT(""), BYTES("5\0"));
	expect_changes(fd, h);
	peer_send(fd, h[0].type, h[0].req_id, 5, "OK", 3);
	peer_send(fd, XS_ERROR, h[1].req_id, 5, "ENOSPC", 7);
	peer_send(fd, XS_ERROR, h[2].req_id, 5, "ENOENT", 7);
	peer_send(fd, h[3].type, h[3].req_id, 5, "OK", 3);
	peer_answer(fd, XS_TRANSACTION_END, TEXT("F"), NULL, 0);
	/* One change is a request. */
	peer_answer(fd, XS_WRITE, BYTES("/one\0v"), NULL, 0);
	peer_silence(fd);
}

static void fill(struct store_txn *t)
{
	static const struct store_perm perms[] = { { 0, 'n' }, { 7, 'r' } };

	store_txn_write(t, "ada", "%s/name", "/x");
	store_txn_mkdir(t, perms, 2, "/x/dev");
	store_txn_rm(t, "/x/old");
}

START_TEST(transactions)
{
	start(script_txn);
	{
		autotxn struct store_txn t = STORE_TXN(store);

		ck_assert_int_eq(store_txn_commit(&t, &err), 0);
		fill(&t);
		ck_assert_msg(store_txn_commit(&t, &err) == 0, "%s", err.msg);
		fill(&t);
		ck_assert_int_eq(store_txn_commit(&t, &err), -1);
		ck_assert_int_eq(err.code, ENOSPC);
		ck_assert_ptr_nonnull(strstr(err.msg, "/x/dev"));
		store_txn_write(&t, "v", "/one");
		ck_assert_int_eq(store_txn_commit(&t, &err), 0);
		fill(&t);	/* never sent */
	}
	finish();
}
END_TEST

static void script_read_txn(int fd)
{
	peer_answer(fd, XS_TRANSACTION_START, TEXT(""), BYTES("9\0"));
	peer_answer(fd, XS_READ, TEXT("/n"), BYTES("1"));
	peer_answer(fd, XS_DIRECTORY, TEXT("/d"), BYTES("c\0"));
	peer_answer(fd, XS_WRITE, BYTES("/n\0" "2"), NULL, 0);
	peer_refuse(fd, XS_TRANSACTION_END, TEXT("T"), "EAGAIN");
	/* Left alone: given up. */
	peer_answer(fd, XS_TRANSACTION_START, TEXT(""), BYTES("10\0"));
	peer_refuse(fd, XS_READ, TEXT("/n"), "ENOENT");
	peer_answer(fd, XS_TRANSACTION_END, TEXT("F"), NULL, 0);
}

START_TEST(what_was_read_is_the_callers_conflict)
{
	autostrlist struct strlist l = STRLIST_INIT;
	char *value;

	start(script_read_txn);
	{
		autotxn struct store_txn t = STORE_TXN(store);

		ck_assert_int_eq(store_txn_read_opt(&t, &value, &err, "/n"), 0);
		free(value);
		ck_assert_int_eq(store_txn_list(&t, &l, &err, "/d"), 0);
		store_txn_write(&t, "2", "/n");
		ck_assert_int_eq(store_txn_commit(&t, &err), -1);
		ck_assert_int_eq(err.code, EAGAIN);
		ck_assert_int_eq(store_txn_read_opt(&t, &value, &err, "/n"), 0);
		ck_assert_ptr_null(value);
	}
	finish();
}
END_TEST

static void script_long(int fd)
{
	peer_answer(fd, XS_TRANSACTION_START, TEXT(""), BYTES("1\0"));
	peer_answer(fd, XS_WRITE, BYTES("/short\0v"), NULL, 0);
	peer_answer(fd, XS_TRANSACTION_END, TEXT("F"), NULL, 0);
	peer_answer(fd, XS_READ, TEXT("/after"), BYTES("x"));
}

START_TEST(too_long)
{
	autofree char *path = str_printf("/%05000d", 1), *value = NULL;

	start(script_long);
	{
		autotxn struct store_txn t = STORE_TXN(store);

		store_txn_write(&t, "v", "/short");
		store_txn_write(&t, "v", "%s", path);
		ck_assert_int_eq(store_txn_commit(&t, &err), -1);
		ck_assert_int_eq(err.code, E2BIG);
	}
	ck_assert_int_eq(store_write(store, path, "", &err), -1);
	ck_assert_int_eq(err.code, E2BIG);
	path[3001] = '\0';
	ck_assert_int_eq(store_write(store, path, path, &err), -1);
	ck_assert_int_eq(err.code, E2BIG);
	ck_assert_int_eq(store_read(store, &value, &err, "/after"), 0);
	finish();
}
END_TEST

/* --- the rest --------------------------------------------------------------------------------- */

static void script_hangup(int fd)
{
	peer_answer(fd, XS_TRANSACTION_START, TEXT(""), BYTES("1\0"));
}

START_TEST(daemon_dies_in_a_transaction)
{
	char *path, *token;

	start(script_hangup);
	{
		autotxn struct store_txn t = STORE_TXN(store);

		fill(&t);
		ck_assert_int_eq(store_txn_commit(&t, &err), -1);
		ck_assert_int_eq(err.code, ENOTCONN);
		ck_assert_int_eq(store_txn_read_opt(&t, &path, &err, "/n"), -1);
	}
	ck_assert_int_eq(store_next_event(store, -1, &path, &token, &err), -1);
	finish();
}
END_TEST

START_TEST(no_store)
{
	setenv("XENSTORED_PATH", "/nonexistent/socket", 1);
	ck_assert_int_eq(store_open(&store, &err), -1);
	ck_assert_int_eq(err.code, ENOTCONN);
	ck_assert_ptr_nonnull(strstr(err.msg, "/nonexistent/socket"));
	store_close(NULL);
}
END_TEST

static void script_watches(int fd)
{
	struct xs_header h = peer_expect(fd, XS_WATCH, BYTES("/w\0tok\0"));

	peer_send(fd, h.type, h.req_id, 0, "OK", 3);
	peer_send(fd, XS_WATCH_EVENT, 0, 0, "/w\0tok", 7);
	h = peer_expect(fd, XS_UNWATCH, BYTES("/w\0tok\0"));
	peer_send(fd, XS_WATCH_EVENT, 0, 0, "/w/a\0tok", 9);
	peer_send(fd, h.type, h.req_id, 0, "OK", 3);
	peer_silence(fd);
}

START_TEST(watches)
{
	autofree char *path = NULL, *token = NULL;
	char *p, *t;

	start(script_watches);
	ck_assert_int_eq(store_watch(store, "/w", "tok", &err), 0);
	ck_assert_int_eq(store_next_event(store, -1, &path, &token, &err), 1);
	ck_assert_str_eq(path, "/w");
	ck_assert_str_eq(token, "tok");
	ck_assert_int_eq(store_unwatch(store, "/w", "tok", &err), 0);
	ck_assert_int_eq(store_next_event(store, 0, &p, &t, &err), 0);
	finish();
}
END_TEST

TEST_MAIN("store", single_requests, read_many, lists, transactions,
	  what_was_read_is_the_callers_conflict, too_long, daemon_dies_in_a_transaction, no_store,
	  watches)
