// SPDX-License-Identifier: LGPL-2.1-or-later
/* The journal in a real file, with local clients; rings and kills are test_journal_crash's. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/file.h"
#include "base/str.h"
#include "tests/files.h"
#include "tests/test.h"
#include "xenstored/journal.h"
#include "xenstored/journal_file.h"
#include "xenstored/local.h"
#include "xenstored/state.h"

static char dir[] = "/tmp/xs-journal-XXXXXX";

struct store {
	struct world *world;
	struct journal *journal;
	struct local *client;
	int restored;
	uint32_t last_type;
	char last[64];
};

static void keep(void *arg, const struct wire_header *h, const char *payload)
{
	struct store *s = arg;

	s->last_type = h->type;
	snprintf(s->last, sizeof(s->last), "%.*s", (int)h->len, payload);
}

/* After a crash nobody lets go of anything; the leak checker is to know that all of it is held
 * until the test's process ends. */
static struct store held[64];
static size_t nr_held;

static void hold(const struct store *s)
{
	ck_assert_uint_lt(nr_held, array_size(held));
	held[nr_held++] = *s;
}

static void store_open(struct store *s)
{
	struct err err = ERR_INIT;

	memset(s, 0, sizeof(*s));
	if (strstr(dir, "XXXXXX"))	/* a random name may have an X of its own */
		ck_assert_ptr_nonnull(mkdtemp(dir));
	s->world = world_new(&err);
	ck_assert_ptr_nonnull(s->world);
	ck_ok(journal_open(&s->journal, dir, s->world, NULL, &err), &err);
	s->restored = journal_recover(s->journal, &err);
	ck_assert_msg(s->restored >= 0, "%s", err.msg);
	ck_ok(journal_start(s->journal, &err), &err);
	s->client = local_open(s->world, 0, keep, s);
	ck_assert_ptr_nonnull(s->client);
	hold(s);
}

/* As a crash: nothing is said to anybody. Only the lock has to go, as it would. */
static void store_crash(struct store *s)
{
	s->world->journal = (struct world_journal){ .prepare = NULL };
	journal_close(s->journal, true);
}

static void store_end(void)
{
	folder_remove(dir);
}

static void put(struct store *s, const char *path, const char *value)
{
	char buf[4096];
	int n = snprintf(buf, sizeof(buf), "%s%c%s", path, 0, value);

	/* No assertion where it holds: each is noted in a file of Check's, which the limit on files
	 * would hit. */
	if (local_request(s->client, WIRE_WRITE, 1, 0, buf, (size_t)n) != 0)
		ck_abort_msg("writing %s", path);
}

static const char *get(struct store *s, const char *path)
{
	ck_assert_int_eq(local_request(s->client, WIRE_READ, 1, 0, path, strlen(path) + 1), 0);
	return s->last_type == WIRE_READ ? s->last : "(none)";
}

START_TEST(what_was_answered_is_there_again)
{
	struct store a, b;
	uint64_t gen;

	store_open(&a);
	ck_assert_int_eq(a.restored, 0);
	put(&a, "/a/b", "1");
	put(&a, "/gone", "1");
	ck_assert_int_eq(local_request(a.client, WIRE_RM, 1, 0, "/gone", 6), 0);
	ck_assert_int_eq(local_request(a.client, WIRE_SET_PERMS, 1, 0, "/a\0n3\0b4\0", 9), 0);
	gen = a.world->gen;
	store_crash(&a);
	store_open(&b);
	ck_assert_int_eq(b.restored, 1);
	ck_assert_str_eq(get(&b, "/a/b"), "1");
	ck_assert_str_eq(get(&b, "/gone"), "(none)");
	ck_assert_int_eq(local_request(b.client, WIRE_GET_PERMS, 1, 0, "/a", 3), 0);
	ck_assert_int_eq(memcmp(b.last, "n3", 3), 0);
	ck_assert_uint_gt(b.world->gen, gen);
	store_end();
}
END_TEST

/* The file is begun anew while changes go on, and none of them is missing then. */
START_TEST(a_growing_file_is_begun_anew)
{
	struct store a, b;
	char path[64], value[64];
	struct stat st;

	store_open(&a);
	for (unsigned i = 0; i < 3000; i++) {
		snprintf(path, sizeof(path), "/n/%u/%u", i % 50, i);
		put(&a, path, "first");
	}
	for (unsigned i = 0; i < 60000; i++) {
		snprintf(path, sizeof(path), "/n/%u/%u", i % 50, i % 3000);
		snprintf(value, sizeof(value), "%u", i);
		put(&a, path, value);
	}
	ck_assert_uint_gt(journal_stats(a.journal).rewrites, 1);	/* the first is the start */
	autofree char *file = str_printf("%s/journal", dir);

	ck_assert_int_eq(stat(file, &st), 0);
	ck_assert_int_lt(st.st_size, 8 << 20);
	store_crash(&a);
	store_open(&b);
	for (unsigned i = 57000; i < 60000; i++) {
		snprintf(path, sizeof(path), "/n/%u/%u", i % 50, i % 3000);
		snprintf(value, sizeof(value), "%u", i);
		ck_assert_str_eq(get(&b, path), value);
	}
	store_end();
}
END_TEST

/* What a crash leaves of a file in the making, which an orderly end takes away. */
static bool crash_with_leftovers(struct store *s)
{
	static const char *const names[] = { "journal.new", "journal.old" };
	bool rewriting = false;

	for (unsigned i = 0; i < array_size(names); i++) {
		autofree char *name = str_printf("%s/%s", dir, names[i]),
			      *aside = str_printf("%s.aside", name);

		if (link(name, aside) == 0)
			rewriting |= i == 0;
	}
	store_crash(s);
	for (unsigned i = 0; i < array_size(names); i++) {
		autofree char *name = str_printf("%s/%s", dir, names[i]),
			      *aside = str_printf("%s.aside", name);

		(void)rename(aside, name);
	}
	return rewriting;
}

enum { NODES = 1000, LIVES = 12 };

static unsigned last_put[NODES], nr_puts;

static void put_next(struct store *s)
{
	char path[32], value[1001];
	unsigned i = ++nr_puts % NODES;

	snprintf(path, sizeof(path), "/n/%u", i);
	snprintf(value, sizeof(value), "%-1000u", nr_puts);
	put(s, path, value);
	last_put[i] = nr_puts;
}

static void check_all(struct store *s)
{
	char path[32];

	for (unsigned i = 0; i < NODES; i++) {
		snprintf(path, sizeof(path), "/n/%u", i);
		if (strtoul(get(s, path), NULL, 10) != last_put[i])
			ck_abort_msg("%s: %.20s, not %u", path, s->last, last_put[i]);
	}
}

/* Lives of a daemon that end while a file is begun anew in a former one's place, each a little
 * later. */
START_TEST(a_crash_while_a_file_is_begun_anew_loses_nothing)
{
	autofree char *next = NULL;
	unsigned hits = 0;

	for (unsigned life = 0; life < LIVES; life++) {
		struct store s;

		store_open(&s);
		if (!next)
			next = str_printf("%s/journal.new", dir);
		else
			check_all(&s);
		for (unsigned i = 0; i < NODES; i++)
			put_next(&s);
		while (journal_stats(s.journal).rewrites < 3 || access(next, F_OK) < 0)
			put_next(&s);
		for (unsigned i = 0; i < life; i++)
			put_next(&s);
		hits += crash_with_leftovers(&s);
	}
	ck_assert_uint_ge(hits, LIVES / 2);
	store_end();
}
END_TEST

START_TEST(only_one_daemon_has_it)
{
	struct err err = ERR_INIT;
	struct journal *other;
	struct store a;

	store_open(&a);
	ck_fails(journal_open(&other, dir, a.world, NULL, &err), &err, EBUSY,
		 "another store daemon");
	store_crash(&a);
	store_end();
}
END_TEST

START_TEST(a_damaged_file_is_kept_and_said)
{
	struct err err = ERR_INIT;
	struct store a;
	struct journal *j;

	store_open(&a);
	put(&a, "/a", "1");
	store_crash(&a);
	autofree char *file = str_printf("%s/journal", dir),
		      *bad = str_printf("%s/journal.bad", dir);
	autoclose int fd = open(file, O_RDWR);
	char noise[64];

	memset(noise, 0x55, sizeof(noise));
	ck_assert_int_eq(pwrite(fd, noise, sizeof(noise), 120), sizeof(noise));
	struct world *w = world_new(&err);

	ck_ok(journal_open(&j, dir, w, NULL, &err), &err);
	ck_fails(journal_recover(j, &err), &err, EINVAL, "journal.bad");
	ck_assert_int_eq(access(bad, F_OK), 0);
	ck_assert_int_eq(journal_recover(j, &err), 0);
	journal_close(j, false);
	w->journal = (struct world_journal){ .prepare = NULL };
	world_free(w);
	store_end();
}
END_TEST

START_TEST(a_file_of_another_boot_means_nothing)
{
	struct store a, b;

	store_open(&a);
	put(&a, "/a", "1");
	store_crash(&a);
	autofree char *file = str_printf("%s/journal", dir);
	autoclose int fd = open(file, O_RDWR);

	/* The boot's name is the first field of the first record. */
	ck_assert_int_eq(pwrite(fd, "x", 1, STATE_HEADER + STATE_RECORD), 1);
	store_open(&b);
	ck_assert_int_eq(b.restored, 0);
	ck_assert_str_eq(get(&b, "/a"), "(none)");
	store_end();
}
END_TEST

/* No room: the change is refused, the rest goes on, and what was answered before is safe. */
START_TEST(a_full_file_system_refuses_changes)
{
	struct rlimit old, small = { 256 << 10, RLIM_INFINITY };
	char path[64];
	struct store a, b;
	unsigned n = 0;

	store_open(&a);
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &old), 0);
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
	do {
		snprintf(path, sizeof(path), "/n/%u", n++);
		put(&a, path, "v");
	} while (a.last_type == WIRE_WRITE && n < 20000);
	ck_assert_uint_eq(a.last_type, WIRE_ERROR);
	ck_assert_str_eq(a.last, "ENOSPC");
	ck_assert_str_eq(get(&a, "/n/0"), "v");
	store_crash(&a);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &old), 0);
	store_open(&b);
	snprintf(path, sizeof(path), "/n/%u", n - 2);
	ck_assert_str_eq(get(&b, path), "v");
	snprintf(path, sizeof(path), "/n/%u", n - 1);
	ck_assert_str_eq(get(&b, path), "(none)");
	store_end();
}
END_TEST

static unsigned count(const struct jfile *f)
{
	unsigned n = 0;
	uint32_t head[2];

	for (size_t at = STATE_HEADER;; at += STATE_RECORD + head[1]) {
		memcpy(head, f->map + at, sizeof(head));
		if (head[0] == STATE_END)
			return n;
		n += head[0] != JFILE_MARK;
	}
}

START_TEST(a_batch_counts_whole_or_not)
{
	struct err err = ERR_INIT;
	struct state_sink s;
	struct jfile f;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	autoclose int fd = open(dir, O_RDONLY | O_DIRECTORY);

	ck_ok(jfile_create(&f, fd, "j", 1000, &err), &err);
	s = jfile_sink(&f);
	ck_ok(state_put_header(&s, 1, &err), &err);
	jfile_seal(&f);
	for (unsigned i = 1; i <= 2000; i++) {
		ck_ok(state_put_txn(&s, i, 1, &err), &err);
		size_t mark = f.tail;

		ck_ok(state_put_txn(&s, i, 2, &err), &err);
		ck_assert_uint_eq(count(&f), i - 1);
		jfile_rollback(&f, mark);
		jfile_commit(&f);
		ck_assert_uint_eq(count(&f), i);
	}
	jfile_commit(&f);	/* nothing is nothing */
	ck_assert_uint_eq(count(&f), 2000);
	jfile_close(&f);
	store_end();
}
END_TEST

TEST_MAIN("journal", what_was_answered_is_there_again, a_growing_file_is_begun_anew,
	  a_crash_while_a_file_is_begun_anew_loses_nothing, only_one_daemon_has_it,
	  a_damaged_file_is_kept_and_said, a_file_of_another_boot_means_nothing,
	  a_full_file_system_refuses_changes, a_batch_counts_whole_or_not)
