/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The operations of the store as clients see them: one test a subject, over connections in this
 * process. Errors and their order are stock's.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "tests/test.h"
#include "tests/xs_rig.h"

static struct rig rig, *r = &rig;
static unsigned dom0, guest, other;	/* clients: all rights, domain 1, domain 2 */

static void begin(void)
{
	rig_init(r);
	dom0 = rig_client(r, 0);
	guest = rig_client(r, 1);
	other = rig_client(r, 2);
	rig_ok(r, rig_write(r, dom0, 0, "/local/domain/1", ""));
	rig_ok(r, rig_set_perms(r, dom0, 0, "/local/domain/1", "n1"));
	rig_ok(r, rig_write(r, dom0, 0, "/local/domain/2", ""));
	rig_ok(r, rig_set_perms(r, dom0, 0, "/local/domain/2", "n2"));
}

#define TEST_BEGIN(name) START_TEST(name) { begin();
#define TEST_END rig_free(r); } END_TEST

TEST_BEGIN(write_then_read)
	rig_ok(r, rig_write(r, dom0, 0, "/a/b", "value"));
	rig_ok(r, rig_read(r, dom0, 0, "/a/b"));
	ck_assert_str_eq(rig_data(r, dom0), "value");
	ck_assert_uint_eq(rig_len(r, dom0), 5);
	rig_ok(r, rig_read(r, dom0, 0, "/a"));
	ck_assert_uint_eq(rig_len(r, dom0), 0);
	rig_ok(r, rig_write(r, dom0, 0, "/a/b", ""));
	ck_assert_str_eq(rig_value(r, "/a/b"), "");
	/* Values are bytes. */
	rig_ok(r, rig_call(r, dom0, WIRE_WRITE, 0, "/a/b\0x\0y", 8));
	rig_ok(r, rig_read(r, dom0, 0, "/a/b"));
	ck_assert_uint_eq(rig_len(r, dom0), 3);
	ck_assert_mem_eq(rig_data(r, dom0), "x\0y", 3);
	ck_assert_int_eq(rig_read(r, dom0, 0, "/nothing"), ENOENT);
	ck_assert_int_eq(rig_call(r, dom0, WIRE_WRITE, 0, "/no-nul", 7), EINVAL);
	ck_assert_int_eq(rig_call(r, dom0, WIRE_READ, 0, "/a\0x", 5), EINVAL);
	ck_assert_int_eq(rig_call(r, dom0, WIRE_READ, 0, "/a", 2), EINVAL);
	ck_assert_int_eq(rig_call(r, dom0, WIRE_READ, 0, "", 0), EINVAL);
TEST_END

TEST_BEGIN(relative_paths_are_at_home)
	rig_ok(r, rig_write(r, guest, 0, "data/x", "1"));
	ck_assert_str_eq(rig_value(r, "/local/domain/1/data/x"), "1");
	rig_ok(r, rig_read(r, guest, 0, "data/x"));
	rig_ok(r, rig_write(r, dom0, 0, "name", "Domain-0"));
	ck_assert_str_eq(rig_value(r, "/local/domain/0/name"), "Domain-0");
TEST_END

TEST_BEGIN(mkdir_keeps_what_is_there)
	rig_ok(r, rig_write(r, dom0, 0, "/a", "kept"));
	rig_ok(r, rig_mkdir(r, dom0, 0, "/a"));
	ck_assert_str_eq(rig_value(r, "/a"), "kept");
	rig_ok(r, rig_mkdir(r, dom0, 0, "/a/b/c"));
	ck_assert_str_eq(rig_value(r, "/a/b/c"), "");
TEST_END

TEST_BEGIN(rm_takes_all_beneath)
	rig_ok(r, rig_write(r, dom0, 0, "/a/b/c", "x"));
	rig_ok(r, rig_rm(r, dom0, 0, "/a/b"));
	ck_assert_ptr_null(rig_value(r, "/a/b/c"));
	ck_assert_ptr_nonnull(rig_value(r, "/a"));
	rig_ok(r, rig_rm(r, dom0, 0, "/a/b"));		/* its parent is there */
	ck_assert_int_eq(rig_rm(r, dom0, 0, "/x/y"), ENOENT);
	ck_assert_int_eq(rig_rm(r, dom0, 0, "/"), EINVAL);
	ck_assert_int_eq(rig_rm(r, guest, 0, "/"), EACCES);
TEST_END

TEST_BEGIN(directory_lists_names)
	rig_ok(r, rig_write(r, dom0, 0, "/a/x", ""));
	rig_ok(r, rig_write(r, dom0, 0, "/a/yy", ""));
	rig_ok(r, rig_dir(r, dom0, 0, "/a"));
	ck_assert_uint_eq(rig_len(r, dom0), 5);
	ck_assert_mem_eq(rig_data(r, dom0), "x\0yy", 5);
	rig_ok(r, rig_dir(r, dom0, 0, "/a/x"));
	ck_assert_uint_eq(rig_len(r, dom0), 0);
TEST_END

TEST_BEGIN(directory_part_goes_on_where_it_stopped)
	char path[80], all[20000];
	size_t len = 0, rest;
	const char *gen = NULL;
	bool end = false;
	char first[32] = "";

	for (unsigned i = 0; i < 300; i++) {
		snprintf(path, sizeof(path), "/d/a-name-of-some-length-%03u", i);
		rig_ok(r, rig_write(r, dom0, 0, path, ""));
	}
	ck_assert_int_eq(rig_dir(r, dom0, 0, "/d"), E2BIG);
	while (!end) {
		int n = snprintf(path, sizeof(path), "/d%c%zu", 0, len) + 1;

		rig_ok(r, rig_call(r, dom0, WIRE_DIRECTORY_PART, 0, path, (size_t)n));
		gen = rig_data(r, dom0);
		if (!first[0])
			strncpy(first, gen, sizeof(first) - 1);
		ck_assert_str_eq(gen, first);
		rest = rig_len(r, dom0) - strlen(gen) - 1;
		end = rest >= 1 && !gen[rig_len(r, dom0) - 1] &&
		      (rest < 2 || !gen[rig_len(r, dom0) - 2]);
		memcpy(all + len, gen + strlen(gen) + 1, rest);
		len += rest - end;
	}
	ck_assert_uint_eq(len, 300 * 26);
	ck_assert_str_eq(all + 299 * 26, "a-name-of-some-length-299");
	rig_ok(r, rig_rm(r, dom0, 0, "/d/a-name-of-some-length-007"));
	rig_ok(r, rig_call(r, dom0, WIRE_DIRECTORY_PART, 0, "/d\0" "0", 5));
	ck_assert_str_ne(rig_data(r, dom0), first);
	rig_ok(r, rig_call(r, dom0, WIRE_DIRECTORY_PART, 0, "/d\0" "99999", 9));
	ck_assert_uint_eq(rig_len(r, dom0), strlen(rig_data(r, dom0)) + 2);
	ck_assert_int_eq(rig_call(r, dom0, WIRE_DIRECTORY_PART, 0, "/d", 3), EINVAL);
TEST_END

TEST_BEGIN(rights_are_those_of_the_entry)
	rig_ok(r, rig_write(r, dom0, 0, "/p", "v"));
	rig_ok(r, rig_set_perms(r, dom0, 0, "/p", "n0 r1 w2"));
	rig_ok(r, rig_get_perms(r, guest, 0, "/p"));
	ck_assert_str_eq(rig_data(r, guest), "n0 r1 w2");
	rig_ok(r, rig_read(r, guest, 0, "/p"));
	ck_assert_int_eq(rig_write(r, guest, 0, "/p", "x"), EACCES);
	ck_assert_int_eq(rig_read(r, other, 0, "/p"), EACCES);
	rig_ok(r, rig_write(r, other, 0, "/p", "x"));
	ck_assert_int_eq(rig_set_perms(r, other, 0, "/p", "n0 b2"), EACCES);
	rig_ok(r, rig_set_perms(r, dom0, 0, "/p", "b0"));
	rig_ok(r, rig_write(r, guest, 0, "/p", "by default"));
	ck_assert_int_eq(rig_set_perms(r, dom0, 0, "/p", "x0"), EINVAL);
	ck_assert_int_eq(rig_set_perms(r, dom0, 0, "/p", "n"), EINVAL);
	ck_assert_int_eq(rig_call(r, dom0, WIRE_SET_PERMS, 0, "/p", 3), EINVAL);
	ck_assert_int_eq(rig_set_perms(r, dom0, 0, "/nothing", "n0"), ENOENT);
TEST_END

TEST_BEGIN(existence_is_hidden)
	rig_ok(r, rig_write(r, dom0, 0, "/hidden/there", "v"));
	ck_assert_int_eq(rig_read(r, guest, 0, "/hidden/there"), EACCES);
	ck_assert_int_eq(rig_read(r, guest, 0, "/hidden/not-there"), EACCES);
	ck_assert_int_eq(rig_read(r, guest, 0, "/not/at/all"), EACCES);
	ck_assert_int_eq(rig_rm(r, guest, 0, "/hidden/not-there"), EACCES);
	rig_ok(r, rig_set_perms(r, dom0, 0, "/hidden", "r0"));
	ck_assert_int_eq(rig_read(r, guest, 0, "/hidden/not-there"), ENOENT);
	ck_assert_int_eq(rig_read(r, guest, 0, "/hidden/there"), EACCES);
	/* For writing it is the right to write above that counts. */
	ck_assert_int_eq(rig_mkdir(r, guest, 0, "/hidden/not-there"), EACCES);
TEST_END

TEST_BEGIN(new_nodes_inherit_and_belong_to_their_maker)
	rig_ok(r, rig_set_perms(r, dom0, 0, "/local/domain/1", "n1 r2"));
	rig_ok(r, rig_write(r, guest, 0, "a/b", "v"));
	rig_ok(r, rig_get_perms(r, dom0, 0, "/local/domain/1/a/b"));
	ck_assert_str_eq(rig_data(r, dom0), "n1 r2");
	rig_ok(r, rig_write(r, dom0, 0, "/shared", ""));
	rig_ok(r, rig_set_perms(r, dom0, 0, "/shared", "b0 r2"));
	rig_ok(r, rig_write(r, guest, 0, "/shared/mine", "v"));
	rig_ok(r, rig_get_perms(r, dom0, 0, "/shared/mine"));
	ck_assert_str_eq(rig_data(r, dom0), "b1 r2");
	rig_ok(r, rig_write(r, dom0, 0, "/local/domain/1/by-dom0", "v"));
	rig_ok(r, rig_get_perms(r, dom0, 0, "/local/domain/1/by-dom0"));
	ck_assert_str_eq(rig_data(r, dom0), "n1 r2");
	ck_assert_uint_eq(rig_used(r, 1, QUOTA_NODES), 5);
TEST_END

TEST_BEGIN(targets_are_acted_for)
	rig_ok(r, rig_write(r, guest, 0, "a", "v"));
	ck_assert_int_eq(rig_read(r, other, 0, "/local/domain/1/a"), EACCES);
	ck_assert_int_eq(rig_call(r, dom0, WIRE_SET_TARGET, 0, "2\0" "9", 4), ENOENT);
	rig_ok(r, rig_call(r, dom0, WIRE_SET_TARGET, 0, "2\0" "1", 4));
	rig_ok(r, rig_read(r, other, 0, "/local/domain/1/a"));
	rig_ok(r, rig_set_perms(r, other, 0, "/local/domain/1/a", "n1 r2"));
	ck_assert_int_eq(rig_call(r, guest, WIRE_SET_TARGET, 0, "1\0" "2", 4), EACCES);
TEST_END

TEST_BEGIN(watches_report_once_and_then_changes)
	rig_ok(r, rig_watch(r, dom0, "/a", "t"));
	ck_assert_str_eq(rig_events(r, dom0), "/a t");
	rig_ok(r, rig_write(r, dom0, 0, "/a/b", "1"));
	ck_assert_str_eq(rig_events(r, dom0), "/a/b t");
	rig_ok(r, rig_set_perms(r, dom0, 0, "/a/b", "n0 r1"));
	ck_assert_str_eq(rig_events(r, dom0), "/a/b t");
	rig_ok(r, rig_mkdir(r, dom0, 0, "/a/b"));
	ck_assert_str_eq(rig_events(r, dom0), "");
	rig_ok(r, rig_rm(r, dom0, 0, "/a"));
	ck_assert_str_eq(rig_events(r, dom0), "/a t");
	ck_assert_int_eq(rig_watch(r, dom0, "/a", "t"), EEXIST);
	ck_assert_int_eq(rig_unwatch(r, dom0, "/a", "other"), ENOENT);
	rig_ok(r, rig_unwatch(r, dom0, "/a", "t"));
	rig_ok(r, rig_write(r, dom0, 0, "/a", ""));
	ck_assert_str_eq(rig_events(r, dom0), "");
TEST_END

TEST_BEGIN(relative_watches_report_relative_paths)
	rig_ok(r, rig_watch(r, guest, "data", "t"));
	ck_assert_str_eq(rig_events(r, guest), "data t");
	rig_ok(r, rig_write(r, dom0, 0, "/local/domain/1/data/x", ""));
	ck_assert_str_eq(rig_events(r, guest), "data/x t");
	rig_ok(r, rig_unwatch(r, guest, "data", "t"));
TEST_END

TEST_BEGIN(removal_tells_those_beneath_their_own_path)
	rig_ok(r, rig_write(r, dom0, 0, "/a/b/c", ""));
	rig_ok(r, rig_write(r, dom0, 0, "/a/x", ""));
	rig_ok(r, rig_watch(r, dom0, "/a/b/c", "c"));
	rig_ok(r, rig_watch(r, dom0, "/a/b/nothing", "n"));
	rig_ok(r, rig_watch(r, dom0, "/a", "a"));
	rig_events(r, dom0);
	rig_ok(r, rig_rm(r, dom0, 0, "/a"));
	ck_assert_str_eq(rig_events(r, dom0), "/a/b/c c|/a a");
TEST_END

TEST_BEGIN(depth_bounds_a_watch)
	rig_ok(r, rig_call(r, dom0, WIRE_WATCH, 0, "/a\0t\0" "1", 7));
	rig_events(r, dom0);
	rig_ok(r, rig_write(r, dom0, 0, "/a/b/c", ""));
	ck_assert_str_eq(rig_events(r, dom0), "");
	rig_ok(r, rig_write(r, dom0, 0, "/a/b", ""));
	ck_assert_str_eq(rig_events(r, dom0), "/a/b t");
	ck_assert_int_eq(rig_call(r, dom0, WIRE_WATCH, 0, "/a\0u\0x", 7), EINVAL);
	ck_assert_int_eq(rig_call(r, dom0, WIRE_WATCH, 0, "/a", 3), EINVAL);
	rig_ok(r, rig_unwatch(r, dom0, "/a", "t"));
TEST_END

TEST_BEGIN(special_watches_have_permissions)
	rig_ok(r, rig_watch(r, dom0, "@introduceDomain", "i"));
	rig_ok(r, rig_watch(r, dom0, "@releaseDomain", "r"));
	rig_ok(r, rig_watch(r, guest, "@releaseDomain", "g"));
	rig_ok(r, rig_call(r, dom0, WIRE_WATCH, 0, "@releaseDomain\0d\0" "1", 19));
	rig_ok(r, rig_watch(r, dom0, "@releaseDomain/7", "seven"));
	rig_events(r, dom0);
	rig_events(r, guest);
	rig_ok(r, rig_introduce(r, dom0, 7));
	ck_assert_str_eq(rig_events(r, dom0), "@introduceDomain i");
	rig_ok(r, rig_release(r, dom0, 7));
	ck_assert_str_eq(rig_events(r, dom0),
			 "@releaseDomain r|@releaseDomain/7 d|@releaseDomain/7 seven");
	ck_assert_str_eq(rig_events(r, guest), "");
	rig_ok(r, rig_set_perms(r, dom0, 0, "@releaseDomain", "n0 r1"));
	rig_ok(r, rig_get_perms(r, dom0, 0, "@releaseDomain"));
	ck_assert_str_eq(rig_data(r, dom0), "n0 r1");
	ck_assert_int_eq(rig_set_perms(r, guest, 0, "@releaseDomain", "n0 b1"), EACCES);
	ck_assert_int_eq(rig_set_perms(r, dom0, 0, "@nothing", "n0"), ENOENT);
	ck_assert_int_eq(rig_read(r, dom0, 0, "@releaseDomain"), EINVAL);
	ck_assert_int_eq(rig_write(r, dom0, 0, "@releaseDomain", ""), EINVAL);
	rig_events(r, guest);
	rig_events(r, dom0);
	rig_ok(r, rig_introduce(r, dom0, 8));
	rig_ok(r, rig_release(r, dom0, 8));
	ck_assert_str_eq(rig_events(r, guest), "@releaseDomain g");
TEST_END

TEST_BEGIN(transactions_are_apart_until_they_commit)
	uint32_t tx = rig_start(r, dom0);

	rig_ok(r, rig_watch(r, guest, "/local/domain/1", "t"));
	rig_events(r, guest);
	rig_ok(r, rig_write(r, dom0, tx, "/local/domain/1/x", "in"));
	ck_assert_int_eq(rig_read(r, dom0, 0, "/local/domain/1/x"), ENOENT);
	rig_ok(r, rig_read(r, dom0, tx, "/local/domain/1/x"));
	ck_assert_str_eq(rig_events(r, guest), "");
	rig_ok(r, rig_end(r, dom0, tx, true));
	ck_assert_str_eq(rig_value(r, "/local/domain/1/x"), "in");
	ck_assert_str_eq(rig_events(r, guest), "/local/domain/1/x t");
	ck_assert_int_eq(rig_read(r, dom0, tx, "/"), ENOENT);
	ck_assert_int_eq(rig_end(r, dom0, tx, true), ENOENT);
	tx = rig_start(r, dom0);
	rig_ok(r, rig_write(r, dom0, tx, "/local/domain/1/x", "dropped"));
	rig_ok(r, rig_end(r, dom0, tx, false));
	ck_assert_str_eq(rig_value(r, "/local/domain/1/x"), "in");
	ck_assert_str_eq(rig_events(r, guest), "");
	ck_assert_int_eq(rig_call(r, dom0, WIRE_TRANSACTION_END, 0, "T", 2), ENOENT);
	ck_assert_int_eq(rig_call(r, dom0, WIRE_TRANSACTION_END, 0, "X", 2), EINVAL);
	tx = rig_start(r, dom0);
	ck_assert_int_eq(rig_call(r, dom0, WIRE_TRANSACTION_START, tx, "", 1), EBUSY);
	ck_assert_int_eq(rig_call(r, dom0, WIRE_TRANSACTION_END, tx, "maybe", 6), EINVAL);
	rig_ok(r, rig_end(r, dom0, tx, true));		/* empty: nothing happens */
TEST_END

TEST_BEGIN(transactions_conflict_over_what_they_looked_at)
	uint32_t tx;
	static const struct {
		const char *look;
		const char *change;
		bool remove;
		int expected;
	} rows[] = {
		{ "/c/a", "/c/a", false, EAGAIN },	/* its value */
		{ "/c/a", "/c/b", false, 0 },		/* a sibling */
		{ "/c/a", "/c/new", false, 0 },		/* its parent's children */
		{ "/c/a", "/c/a/sub", false, EAGAIN },	/* its children */
		/* what is missing depends on the directory */
		{ "/c/missing", "/c/other", false, EAGAIN },
		{ "/c/missing", "/c/missing", false, EAGAIN },
		{ "/c/a", "/c/a", true, EAGAIN },
		{ "/c/a", "/c", true, EAGAIN },
		{ "/c/a", "/elsewhere", false, 0 },
	};

	for (unsigned i = 0; i < array_size(rows); i++) {
		(void)rig_rm(r, dom0, 0, "/c");
		rig_ok(r, rig_write(r, dom0, 0, "/c/a", "1"));
		rig_ok(r, rig_write(r, dom0, 0, "/c/b", "1"));
		tx = rig_start(r, dom0);
		(void)rig_read(r, dom0, tx, rows[i].look);
		rig_ok(r, rows[i].remove ? rig_rm(r, dom0, 0, rows[i].change)
					 : rig_write(r, dom0, 0, rows[i].change, "2"));
		ck_assert_msg(rig_end(r, dom0, tx, true) == rows[i].expected, "row %u", i);
	}
TEST_END

/* Eight clients count up one number, served in the same order again and again: the one that comes
 * last in every round would never win without turns. */
TEST_BEGIN(those_who_conflict_take_turns)
	struct {
		unsigned client, step, commits;
		uint32_t tx;
	} c[8] = { { 0 } };
	unsigned total = 0, least = ~0u, most = 0;

	rig_ok(r, rig_write(r, dom0, 0, "/counter", "0"));
	for (unsigned i = 0; i < 8; i++) {
		c[i].client = rig_client(r, 0);
		rig_send(r, c[i].client, WIRE_TRANSACTION_START, 0, "", 1);
	}
	for (unsigned round = 0; round < 16000; round++) {
		unsigned i = round % 8, k = c[i].client;
		struct rig_message *m = &r->c[k].reply;
		char value[32];
		size_t n;

		if (round % 500 == 0)
			rig_pass(r, 1);
		if (!r->c[k].nr_replies)
			continue;
		switch (c[i].step) {
		case 0:
			c[i].tx = (uint32_t)strtoul(m->data, NULL, 10);
			rig_send(r, k, WIRE_READ, c[i].tx, "/counter", 9);
			break;
		case 1:
			n = (size_t)snprintf(value, sizeof(value), "/counter%c%lu", 0,
					     strtoul(m->data, NULL, 10) + 1);
			rig_send(r, k, WIRE_WRITE, c[i].tx, value, n);
			break;
		case 2:
			rig_send(r, k, WIRE_TRANSACTION_END, c[i].tx, "T", 2);
			break;
		default:
			c[i].commits += m->h.type != WIRE_ERROR;
			rig_send(r, k, WIRE_TRANSACTION_START, 0, "", 1);
		}
		c[i].step = (c[i].step + 1) % 4;
	}
	for (unsigned i = 0; i < 8; i++) {
		total += c[i].commits;
		least = c[i].commits < least ? c[i].commits : least;
		most = c[i].commits > most ? c[i].commits : most;
	}
	ck_assert_uint_eq(strtoul(rig_value(r, "/counter"), NULL, 10), total);
	ck_assert_msg(least * 2 >= most, "shares from %u to %u", least, most);
	ck_assert_msg(r->w->nr_conflicts < total, "%u commits, %u conflicts", total,
		      (unsigned)r->w->nr_conflicts);
TEST_END

TEST_BEGIN(removal_in_a_transaction_depends_on_all_of_it)
	uint32_t tx;

	rig_ok(r, rig_write(r, dom0, 0, "/c/a/deep", "1"));
	tx = rig_start(r, dom0);
	rig_ok(r, rig_rm(r, dom0, tx, "/c/a"));
	rig_ok(r, rig_write(r, dom0, 0, "/c/a/deep", "2"));
	ck_assert_int_eq(rig_end(r, dom0, tx, true), EAGAIN);
	ck_assert_str_eq(rig_value(r, "/c/a/deep"), "2");
	tx = rig_start(r, dom0);
	rig_ok(r, rig_rm(r, dom0, tx, "/c/a"));
	rig_ok(r, rig_write(r, dom0, tx, "/c/a/deep", "3"));
	rig_ok(r, rig_write(r, dom0, 0, "/unrelated", ""));
	rig_ok(r, rig_end(r, dom0, tx, true));
	ck_assert_str_eq(rig_value(r, "/c/a/deep"), "3");
TEST_END

TEST_BEGIN(merged_commits_keep_both)
	uint32_t a = rig_start(r, dom0), b = rig_start(r, guest);

	rig_ok(r, rig_write(r, dom0, a, "/local/domain/2/a", "by a"));
	rig_ok(r, rig_write(r, guest, b, "b", "by b"));
	rig_ok(r, rig_set_perms(r, guest, b, "b", "n1 r2"));
	rig_ok(r, rig_end(r, dom0, a, true));
	rig_ok(r, rig_end(r, guest, b, true));
	ck_assert_str_eq(rig_value(r, "/local/domain/2/a"), "by a");
	ck_assert_str_eq(rig_value(r, "/local/domain/1/b"), "by b");
	rig_ok(r, rig_get_perms(r, dom0, 0, "/local/domain/1/b"));
	ck_assert_str_eq(rig_data(r, dom0), "n1 r2");
TEST_END

/* What it has not looked at yet it sees as it is now, as long as that fits what it saw before. */
TEST_BEGIN(transactions_see_the_newest_of_the_rest)
	uint32_t tx;

	rig_ok(r, rig_write(r, dom0, 0, "/n/a", "1"));
	rig_ok(r, rig_write(r, dom0, 0, "/n/b", "1"));
	tx = rig_start(r, dom0);
	rig_ok(r, rig_write(r, dom0, tx, "/mine", "1"));
	rig_ok(r, rig_read(r, dom0, tx, "/n/a"));
	rig_ok(r, rig_write(r, dom0, 0, "/n/b", "2"));
	rig_ok(r, rig_write(r, dom0, 0, "/n/c", "2"));
	rig_ok(r, rig_read(r, dom0, tx, "/n/b"));
	ck_assert_str_eq(rig_data(r, dom0), "2");
	rig_ok(r, rig_read(r, dom0, tx, "/n/c"));
	rig_ok(r, rig_read(r, dom0, tx, "/mine"));
	rig_ok(r, rig_end(r, dom0, tx, true));
	ck_assert_str_eq(rig_value(r, "/mine"), "1");

	tx = rig_start(r, dom0);
	rig_ok(r, rig_read(r, dom0, tx, "/n/a"));
	rig_ok(r, rig_write(r, dom0, 0, "/n/a", "3"));
	rig_ok(r, rig_write(r, dom0, 0, "/n/b", "3"));
	rig_ok(r, rig_read(r, dom0, tx, "/n/b"));
	ck_assert_str_eq(rig_data(r, dom0), "2");
	ck_assert_int_eq(rig_end(r, dom0, tx, true), EAGAIN);
TEST_END

TEST_BEGIN(events_of_a_commit_come_in_order)
	uint32_t tx = rig_start(r, dom0);

	rig_ok(r, rig_write(r, dom0, 0, "/e/gone/sub", ""));
	rig_ok(r, rig_watch(r, dom0, "/e", "t"));
	rig_ok(r, rig_watch(r, dom0, "/e/gone/sub", "s"));
	rig_events(r, dom0);
	rig_ok(r, rig_write(r, dom0, tx, "/e/b", ""));
	rig_ok(r, rig_rm(r, dom0, tx, "/e/gone"));
	rig_ok(r, rig_write(r, dom0, tx, "/e/a/x", ""));
	rig_ok(r, rig_write(r, dom0, tx, "/e/b", "again"));
	rig_ok(r, rig_mkdir(r, dom0, tx, "/e/never"));
	rig_ok(r, rig_rm(r, dom0, tx, "/e/never"));
	rig_ok(r, rig_end(r, dom0, tx, true));
	ck_assert_str_eq(rig_events(r, dom0), "/e/b t|/e/gone/sub s|/e/gone t|/e/a/x t");
TEST_END

TEST_BEGIN(watch_and_unwatch_are_outside_transactions)
	uint32_t tx = rig_start(r, guest);

	rig_ok(r, rig_call(r, guest, WIRE_WATCH, 4711, "x\0t", 4));
	rig_ok(r, rig_call(r, guest, WIRE_UNWATCH, tx, "x\0t", 4));
	rig_ok(r, rig_end(r, guest, tx, false));
TEST_END

TEST_BEGIN(reset_watches_drops_watches_and_transactions)
	uint32_t tx = rig_start(r, guest);

	rig_ok(r, rig_watch(r, guest, "x", "t"));
	rig_ok(r, rig_call(r, guest, WIRE_RESET_WATCHES, 0, "", 1));
	rig_events(r, guest);
	rig_ok(r, rig_write(r, guest, 0, "x", ""));
	ck_assert_str_eq(rig_events(r, guest), "");
	ck_assert_int_eq(rig_end(r, guest, tx, true), ENOENT);
	ck_assert_uint_eq(rig_used(r, 1, QUOTA_WATCHES), 0);
TEST_END

TEST_BEGIN(domains_come_and_go)
	ck_assert_int_eq(rig_call(r, dom0, WIRE_IS_DOMAIN_INTRODUCED, 0, "7", 2), 0);
	ck_assert_str_eq(rig_data(r, dom0), "F");
	rig_ok(r, rig_introduce(r, dom0, 7));
	rig_ok(r, rig_call(r, dom0, WIRE_IS_DOMAIN_INTRODUCED, 0, "7", 2));
	ck_assert_str_eq(rig_data(r, dom0), "T");
	rig_ok(r, rig_call(r, dom0, WIRE_IS_DOMAIN_INTRODUCED, 0, "32752", 6));
	ck_assert_str_eq(rig_data(r, dom0), "T");
	rig_ok(r, rig_introduce(r, dom0, 7));
	rig_ok(r, rig_call(r, dom0, WIRE_RESUME, 0, "7", 2));
	rig_ok(r, rig_release(r, dom0, 7));
	ck_assert_int_eq(rig_release(r, dom0, 7), ENOENT);
	ck_assert_int_eq(rig_release(r, dom0, 0), EINVAL);
	ck_assert_int_eq(rig_call(r, dom0, WIRE_RESUME, 0, "7", 2), ENOENT);
	ck_assert_int_eq(rig_call(r, dom0, WIRE_INTRODUCE, 0, "7\0" "1\0" "0", 6), EINVAL);
	ck_assert_int_eq(rig_call(r, dom0, WIRE_INTRODUCE, 0, "7\0" "1", 4), EINVAL);
	ck_assert_int_eq(rig_call(r, dom0, WIRE_INTRODUCE, 0, "32752\0" "1\0" "5", 10), EINVAL);
	rig_ok(r, rig_call(r, guest, WIRE_GET_DOMAIN_PATH, 0, "99", 3));
	ck_assert_str_eq(rig_data(r, guest), "/local/domain/99");
	ck_assert_uint_eq(rig_len(r, guest), 17);
	for (unsigned type = 0; type < WIRE_NR_TYPES; type++)
		if (type == WIRE_INTRODUCE || type == WIRE_RELEASE ||
		    type == WIRE_IS_DOMAIN_INTRODUCED || type == WIRE_RESUME ||
		    type == WIRE_SET_TARGET || type == WIRE_CONTROL || type == WIRE_SET_FEATURE ||
		    type == WIRE_GET_QUOTA || type == WIRE_SET_QUOTA)
			ck_assert_int_eq(rig_call(r, guest, type, 0, "1", 2), EACCES);
TEST_END

TEST_BEGIN(a_dead_domain_leaves_nothing)
	uint32_t tx;

	rig_ok(r, rig_write(r, dom0, 0, "/common", ""));
	rig_ok(r, rig_set_perms(r, dom0, 0, "/common", "b0"));
	rig_ok(r, rig_write(r, guest, 0, "a/b", ""));
	rig_ok(r, rig_write(r, guest, 0, "/common/left/behind", ""));
	rig_ok(r, rig_write(r, dom0, 0, "/common/left/by-dom0", ""));
	rig_ok(r, rig_watch(r, guest, "a", "t"));
	tx = rig_start(r, guest);
	rig_ok(r, rig_write(r, guest, tx, "c", ""));
	rig_ok(r, rig_watch(r, dom0, "/common", "w"));
	rig_events(r, dom0);
	rig_ok(r, rig_release(r, dom0, 1));
	ck_assert_str_eq(rig_events(r, dom0), "/common/left w");
	ck_assert_ptr_null(rig_value(r, "/local/domain/1"));
	ck_assert_ptr_null(rig_value(r, "/common/left"));
	ck_assert_ptr_nonnull(rig_value(r, "/common"));
	ck_assert_ptr_null(quota_find(r->w->quota, 1));
TEST_END

TEST_BEGIN(a_transaction_makes_nothing_for_the_dead)
	uint32_t tx = rig_start(r, dom0);

	rig_ok(r, rig_write(r, dom0, tx, "/for-1", ""));
	rig_ok(r, rig_set_perms(r, dom0, tx, "/for-1", "n1"));
	rig_ok(r, rig_release(r, dom0, 1));
	ck_assert_int_eq(rig_end(r, dom0, tx, true), EAGAIN);
	ck_assert_ptr_null(rig_value(r, "/for-1"));
TEST_END

TEST_BEGIN(orphans_can_be_kept)
	r->w->keep_orphans = true;
	rig_ok(r, rig_write(r, guest, 0, "a", "kept"));
	rig_ok(r, rig_release(r, dom0, 1));
	ck_assert_str_eq(rig_value(r, "/local/domain/1/a"), "kept");
	rig_ok(r, rig_get_perms(r, dom0, 0, "/local/domain/1/a"));
	ck_assert_str_eq(rig_data(r, dom0), "n0");
	ck_assert_uint_eq(rig_used(r, 1, QUOTA_NODES), 0);
TEST_END

TEST_BEGIN(features_are_offered_and_masked)
	rig_ok(r, rig_call(r, guest, WIRE_GET_FEATURE, 0, "", 0));
	ck_assert_uint_eq(strtoul(rig_data(r, guest), NULL, 10), DOMAIN_FEATURES);
	ck_assert_int_eq(rig_call(r, guest, WIRE_GET_FEATURE, 0, "1", 2), EACCES);
	rig_ok(r, rig_call(r, dom0, WIRE_SET_FEATURE, 0, "9\0" "4", 4));
	rig_ok(r, rig_call(r, dom0, WIRE_GET_FEATURE, 0, "9", 2));
	ck_assert_str_eq(rig_data(r, dom0), "4");
	ck_assert_int_eq(rig_call(r, dom0, WIRE_SET_FEATURE, 0, "9\0" "1024", 7), EINVAL);
	ck_assert_int_eq(rig_call(r, dom0, WIRE_SET_FEATURE, 0, "1\0" "4", 4), EBUSY);
	ck_assert_int_eq(rig_call(r, dom0, WIRE_GET_FEATURE, 0, "77", 3), ENOENT);
TEST_END

TEST_BEGIN(quotas_are_shown_and_set)
	rig_ok(r, rig_call(r, dom0, WIRE_GET_QUOTA, 0, "", 0));
	ck_assert_ptr_nonnull(strstr(rig_data(r, dom0), "nodes watches transactions"));
	ck_assert_ptr_nonnull(strstr(rig_data(r, dom0), "soft-memory"));
	rig_ok(r, rig_call(r, dom0, WIRE_GET_QUOTA, 0, "nodes", 6));
	ck_assert_str_eq(rig_data(r, dom0), "1000");
	rig_ok(r, rig_call(r, dom0, WIRE_SET_QUOTA, 0, "1\0nodes\0" "3", 10));
	rig_ok(r, rig_call(r, dom0, WIRE_GET_QUOTA, 0, "1\0nodes", 8));
	ck_assert_str_eq(rig_data(r, dom0), "3");
	rig_ok(r, rig_call(r, dom0, WIRE_GET_QUOTA, 0, "2\0nodes", 8));
	ck_assert_str_eq(rig_data(r, dom0), "1000");
	rig_ok(r, rig_write(r, guest, 0, "a", ""));
	rig_ok(r, rig_write(r, guest, 0, "b", ""));
	ck_assert_int_eq(rig_write(r, guest, 0, "c", ""), ENOSPC);
	rig_ok(r, rig_write(r, other, 0, "c", ""));
	rig_ok(r, rig_call(r, dom0, WIRE_SET_QUOTA, 0, "nodes\0" "2", 8));
	ck_assert_int_eq(rig_write(r, other, 0, "d", ""), ENOSPC);
	ck_assert_int_eq(rig_call(r, dom0, WIRE_SET_QUOTA, 0, "none\0" "2", 7), EINVAL);
TEST_END

TEST_BEGIN(every_quota_is_exact)
	char path[PATH_REL_MAX + 2], value[3000];
	unsigned n;

	/* The home directory is one of the thousand; twenty directories, so that none reaches the
	 * node size. */
	for (n = 1; rig_used(r, 1, QUOTA_NODES) < 1000; n++) {
		snprintf(path, sizeof(path), "d%u/n%u", n % 20, n);
		rig_ok(r, rig_write(r, guest, 0, path, ""));
	}
	ck_assert_int_eq(rig_write(r, guest, 0, "one-more", ""), ENOSPC);
	rig_ok(r, rig_rm(r, guest, 0, "d3"));
	rig_ok(r, rig_write(r, guest, 0, "one-more", ""));
	/* Node size: 24 bytes of header, 8 a permission entry, the value. */
	memset(value, 'v', sizeof(value));
	value[2048 - 24 - 8] = '\0';
	rig_ok(r, rig_write(r, guest, 0, "one-more", value));
	value[2048 - 24 - 8] = 'v';
	value[2048 - 24 - 8 + 1] = '\0';
	ck_assert_int_eq(rig_write(r, guest, 0, "one-more", value), ENOSPC);
	rig_ok(r, rig_write(r, guest, 0, "one-more", ""));
	rig_ok(r, rig_set_perms(r, guest, 0, "one-more", "n1 r0 r2 r3 r4"));
	ck_assert_int_eq(rig_set_perms(r, guest, 0, "one-more", "n1 r0 r2 r3 r4 r5"), ENOSPC);
	for (n = 0; n < 128; n++) {
		snprintf(path, sizeof(path), "w%u", n);
		rig_ok(r, rig_watch(r, guest, path, "t"));
	}
	ck_assert_int_eq(rig_watch(r, guest, "w", "t"), E2BIG);
	for (n = 0; n < 10; n++)
		rig_start(r, guest);
	ck_assert_int_eq(rig_call(r, guest, WIRE_TRANSACTION_START, 0, "", 1), ENOSPC);
	memset(path, 'p', sizeof(path));
	path[PATH_REL_MAX] = '\0';
	ck_assert_int_eq(rig_read(r, guest, 0, path), ENOENT);
	path[PATH_REL_MAX] = 'p';
	path[PATH_REL_MAX + 1] = '\0';
	ck_assert_int_eq(rig_read(r, guest, 0, path), EINVAL);
TEST_END

TEST_BEGIN(nodes_of_a_transaction_are_limited)
	uint32_t tx = rig_start(r, guest);
	char path[64];

	/* Its home, which all the missing ones depend on, is the first. */
	for (unsigned n = 1; n < 1024; n++) {
		snprintf(path, sizeof(path), "m%u", n);
		ck_assert_int_eq(rig_read(r, guest, tx, path), ENOENT);
	}
	ck_assert_int_eq(rig_read(r, guest, tx, "one-more"), ENOSPC);
	ck_assert_int_eq(rig_end(r, guest, tx, true), ENOMEM);
TEST_END

TEST_BEGIN(control_answers)
	rig_ok(r, rig_call(r, dom0, WIRE_CONTROL, 0, "check", 6));
	ck_assert_str_eq(rig_data(r, dom0), "OK");
	rig_ok(r, rig_call(r, dom0, WIRE_CONTROL, 0, "help", 5));
	ck_assert_ptr_nonnull(strstr(rig_data(r, dom0), "quota-soft"));
	rig_ok(r, rig_call(r, dom0, WIRE_CONTROL, 0, "quota", 6));
	ck_assert_ptr_nonnull(strstr(rig_data(r, dom0), "nodes            :     1000"));
	rig_ok(r, rig_call(r, dom0, WIRE_CONTROL, 0, "quota\0set\0nodes\0" "77", 19));
	rig_ok(r, rig_call(r, dom0, WIRE_CONTROL, 0, "quota\0" "1", 8));
	ck_assert_ptr_nonnull(strstr(rig_data(r, dom0), "Domain 1:"));
	ck_assert_int_eq(rig_call(r, dom0, WIRE_CONTROL, 0, "quota\0" "9", 8), ENOENT);
	rig_ok(r, rig_call(r, dom0, WIRE_CONTROL, 0, "stats\0--json", 13));
	ck_assert_ptr_nonnull(strstr(rig_data(r, dom0), "\"domains\":["));
	ck_assert_int_eq(rig_data(r, dom0)[rig_len(r, dom0) - 2], '}');
	rig_ok(r, rig_call(r, dom0, WIRE_CONTROL, 0, "log", 4));
	ck_assert_str_eq(rig_data(r, dom0), "io: off\n");
	rig_ok(r, rig_call(r, dom0, WIRE_CONTROL, 0, "log\0+wrl", 9));
	rig_ok(r, rig_call(r, dom0, WIRE_CONTROL, 0, "log\0+io", 8));
	rig_ok(r, rig_call(r, dom0, WIRE_CONTROL, 0, "log", 4));
	ck_assert_str_eq(rig_data(r, dom0), "io: on\n");
	rig_ok(r, rig_call(r, dom0, WIRE_CONTROL, 0, "log\0off", 8));
	ck_assert_int_eq(rig_call(r, dom0, WIRE_CONTROL, 0, "log\0+nothing", 13), EINVAL);
	ck_assert_int_eq(rig_call(r, dom0, WIRE_CONTROL, 0, "nonsense", 9), EINVAL);
	ck_assert_int_eq(rig_call(r, dom0, WIRE_CONTROL, 0, "check\0x", 8), EINVAL);
TEST_END

TEST_BEGIN(unknown_operations_are_refused)
	static const unsigned types[] = { WIRE_WATCH_EVENT, WIRE_ERROR, WIRE_RESTRICT,
					  WIRE_NR_TYPES, 99, 0xffff, 0xffffffff };

	for (unsigned i = 0; i < array_size(types); i++) {
		ck_assert_int_eq(rig_call(r, dom0, types[i], 0, "x", 2), ENOSYS);
		ck_assert_int_eq(rig_call(r, guest, types[i], 77, "x", 2), ENOSYS);
	}
	ck_assert_int_eq(rig_call(r, guest, WIRE_INTRODUCE, 77, "x", 2), EACCES);
	ck_assert_int_eq(rig_read(r, guest, 77, "bad path"), ENOENT);
TEST_END

TEST_MAIN("xs_ops", write_then_read, relative_paths_are_at_home, mkdir_keeps_what_is_there,
	  rm_takes_all_beneath, directory_lists_names, directory_part_goes_on_where_it_stopped,
	  rights_are_those_of_the_entry, existence_is_hidden,
	  new_nodes_inherit_and_belong_to_their_maker, targets_are_acted_for,
	  watches_report_once_and_then_changes, relative_watches_report_relative_paths,
	  removal_tells_those_beneath_their_own_path, depth_bounds_a_watch,
	  special_watches_have_permissions, transactions_are_apart_until_they_commit,
	  transactions_conflict_over_what_they_looked_at, those_who_conflict_take_turns,
	  removal_in_a_transaction_depends_on_all_of_it, merged_commits_keep_both,
	  transactions_see_the_newest_of_the_rest, events_of_a_commit_come_in_order,
	  watch_and_unwatch_are_outside_transactions,
	  reset_watches_drops_watches_and_transactions, domains_come_and_go,
	  a_dead_domain_leaves_nothing, a_transaction_makes_nothing_for_the_dead,
	  orphans_can_be_kept, features_are_offered_and_masked, quotas_are_shown_and_set,
	  every_quota_is_exact, nodes_of_a_transaction_are_limited, control_answers,
	  unknown_operations_are_refused)
