/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* xenstored's small parts: paths, permissions, wire, quotas, rate limit, watches. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "tests/fault.h"
#include "tests/test.h"
#include "xenstored/path.h"
#include "xenstored/perm.h"
#include "xenstored/quota.h"
#include "xenstored/rate.h"
#include "xenstored/watch.h"
#include "xenstored/wire.h"

static struct err err;

/* Paths */

START_TEST(paths_are_made_canonical)
{
	struct path p;

	ck_ok(path_canonical(&p, "/a/b", 4, 3, 0, 0, &err), &err);
	ck_assert_str_eq(p.s, "/a/b");
	ck_assert_uint_eq(p.relative, 0);
	ck_ok(path_canonical(&p, "data/x", 6, 3, 0, 0, &err), &err);
	ck_assert_str_eq(p.s, "/local/domain/3/data/x");
	ck_assert_uint_eq(p.relative, 16);
	ck_assert_uint_eq(p.len, strlen(p.s));
	ck_ok(path_canonical(&p, "/", 1, 3, 0, 0, &err), &err);
	ck_assert_str_eq(p.s, "/");
	ck_ok(path_canonical(&p, "@releaseDomain", 14, 3, PATH_SPECIAL, 0, &err), &err);
	ck_assert(path_is_special(&p));
	ck_fails(path_canonical(&p, "@releaseDomain", 14, 3, 0, 0, &err), &err, EINVAL, "special");
}
END_TEST

START_TEST(malformed_paths_are_refused)
{
	static const char *const bad[] = {
		"",     "//",   "/a/",   "/a//b", "a/",  "a//b", "/a b",
		"/a.b", "/a\n", "/\xff", "/a:b",  "/a*", "///",  "a/b/"
	};
	struct path p;

	for (unsigned i = 0; i < array_size(bad); i++)
		ck_assert_msg(path_canonical(&p, bad[i], strlen(bad[i]), 0, PATH_SPECIAL, 0, &err) <
					      0 &&
				      err.code == EINVAL,
			      "'%s'", bad[i]);
}
END_TEST

START_TEST(path_limits_are_exact)
{
	char s[PATH_ABS_MAX + 2];
	struct path p;

	memset(s, 'a', sizeof(s));
	s[0] = '/';
	ck_ok(path_canonical(&p, s, PATH_ABS_MAX, 0, 0, 0, &err), &err);
	ck_fails(path_canonical(&p, s, PATH_ABS_MAX + 1, 0, 0, 0, &err), &err, EINVAL, "3072");
	ck_ok(path_canonical(&p, s, 100, 0, 0, 100, &err), &err);
	ck_fails(path_canonical(&p, s, 101, 0, 0, 100, &err), &err, EINVAL, "path-max");
	/* The home directory does not count, whoever names it and however. */
	ck_ok(path_canonical(&p, s + 1, 100, 12345, 0, 100, &err), &err);
	ck_fails(path_canonical(&p, s + 1, 101, 5, 0, 100, &err), &err, EINVAL, "path-max");
	memcpy(s, "/local/domain/7/", 16);
	ck_ok(path_canonical(&p, s, 116, 0, 0, 100, &err), &err);
	ck_fails(path_canonical(&p, s, 117, 0, 0, 100, &err), &err, EINVAL, "path-max");
}
END_TEST

START_TEST(paths_come_apart)
{
	const char *name;
	size_t pos = 0, len;

	ck_assert_uint_eq(path_parent_len("/a/b", 4), 2);
	ck_assert_uint_eq(path_parent_len("/a", 2), 1);
	ck_assert_uint_eq(path_parent_len("/", 1), 0);
	ck_assert_uint_eq(path_parent_len("@releaseDomain", 14), 0);
	ck_assert(path_next("/ab/c", 5, &pos, &name, &len) && len == 2 && !memcmp(name, "ab", 2) &&
		  pos == 3);
	ck_assert(path_next("/ab/c", 5, &pos, &name, &len) && len == 1 && name[0] == 'c' &&
		  pos == 5);
	ck_assert(!path_next("/ab/c", 5, &pos, &name, &len));
	pos = 0;
	ck_assert(!path_next("/", 1, &pos, &name, &len));
	ck_assert(path_next("@x/7", 4, &pos, &name, &len) && len == 2 && pos == 2);
	ck_assert(path_next("@x/7", 4, &pos, &name, &len) && len == 1 && name[0] == '7');
}
END_TEST

/* Permissions */

START_TEST(permissions_are_parsed_and_shown)
{
	static const char *const good[] = { "n0", "r1", "w12", "b32751" };
	static const char *const bad[] = { "", "n", "x1", "n-1", "n1x", "n65536", "r 1", "1" };
	struct perm p;
	char out[8];

	for (unsigned i = 0; i < array_size(good); i++) {
		ck_ok(perm_parse(&p, good[i], strlen(good[i]), &err), &err);
		ck_assert_uint_eq(perm_format(&p, out), strlen(good[i]));
		ck_assert_str_eq(out, good[i]);
	}
	for (unsigned i = 0; i < array_size(bad); i++)
		ck_assert_msg(perm_parse(&p, bad[i], strlen(bad[i]), &err) < 0, "'%s'", bad[i]);
}
END_TEST

START_TEST(permission_lists_are_shared_and_judged)
{
	const struct perm e[] = { { .domid = 1, .bits = PERM_READ },
				  { .domid = 2, .bits = PERM_WRITE },
				  { .domid = 3 } };
	struct perm_table *t = perm_table_new();
	struct perms *p = perms_get(t, e, 3), *q = perms_get(t, e, 3), *other = perms_get(t, e, 2);

	ck_assert_ptr_eq(p, q);
	ck_assert_ptr_ne(p, other);
	ck_assert_uint_eq(perms_bits(p, 1), PERM_READ | PERM_WRITE);
	ck_assert_uint_eq(perms_bits(p, 2), PERM_WRITE);
	ck_assert_uint_eq(perms_bits(p, 3), 0);
	ck_assert_uint_eq(perms_bits(p, 9), PERM_READ);
	perm_table_bury(t, 2);
	ck_assert_uint_eq(perms_bits(p, 2), PERM_READ);
	/* A new one with that domain is another list. */
	perms_unref(t, q);
	q = perms_get(t, e, 3);
	ck_assert_ptr_ne(p, q);
	ck_assert_uint_eq(perms_bits(q, 2), PERM_WRITE);
	perms_unref(t, p);
	perms_unref(t, q);
	perms_unref(t, other);
	perm_table_free(t);
}
END_TEST

/* Wire */

START_TEST(messages_are_found_at_their_length)
{
	struct wire_header h = { WIRE_READ, 7, 0, 5 }, got;
	char b[WIRE_MESSAGE_MAX];

	memcpy(b, &h, sizeof(h));
	for (size_t n = 0; n < WIRE_HEADER + 5; n++)
		ck_assert_int_eq(wire_peek(b, n, &got), WIRE_MORE);
	ck_assert_int_eq(wire_peek(b, WIRE_HEADER + 5, &got), WIRE_MESSAGE);
	ck_assert_uint_eq(got.req_id, 7);
	h.len = WIRE_PAYLOAD_MAX + 1;
	memcpy(b, &h, sizeof(h));
	ck_assert_int_eq(wire_peek(b, WIRE_HEADER, &got), WIRE_BROKEN);
}
END_TEST

START_TEST(strings_are_split_at_their_nuls)
{
	struct wire_arg a[3];
	size_t rest;

	ck_assert_uint_eq(wire_split("", 0, a, 3, &rest), 0);
	ck_assert_uint_eq(wire_split("ab", 2, a, 3, &rest), 0);
	ck_assert_uint_eq(rest, 0);
	ck_assert_uint_eq(wire_split("ab\0c\0\0de", 8, a, 2, &rest), 3);
	ck_assert_uint_eq(rest, 6);
	ck_assert(a[0].len == 2 && a[1].len == 1 && a[1].s[0] == 'c');
	ck_assert_str_eq(wire_error_name(ENOENT), "ENOENT");
	ck_assert_str_eq(wire_error_name(ENOTTY), "EINVAL");
	ck_assert_int_eq(wire_error_code("EAGAIN"), EAGAIN);
}
END_TEST

/* Quotas */

START_TEST(quotas_are_exact)
{
	struct quota *q = quota_new();
	struct account *a = account_hold(quota_account(q, 5));
	bool soft;

	ck_ok(quota_check(q, a, QUOTA_NODES, 1000, &err), &err);
	ck_fails(quota_check(q, a, QUOTA_NODES, 1001, &err), &err, ENOSPC, "domain 5: quota nodes");
	quota_charge(q, a, QUOTA_NODES, 999);
	ck_ok(quota_check(q, a, QUOTA_NODES, 1, &err), &err);
	ck_fails(quota_check(q, a, QUOTA_NODES, 2, &err), &err, ENOSPC, "1000");
	ck_fails(quota_check(q, a, QUOTA_WATCHES, 129, &err), &err, E2BIG, "watches");
	a->own_hard = 1u << QUOTA_NODES;
	a->limits.hard[QUOTA_NODES] = 0;
	ck_ok(quota_check(q, a, QUOTA_NODES, 1000000, &err), &err);
	quota_bury(q, 5);
	ck_fails(quota_check(q, a, QUOTA_NODES, 2, &err), &err, ENOSPC, "1000");
	quota_charge(q, a, QUOTA_NODES, -999);
	account_drop(a);
	ck_assert_ptr_null(quota_find(q, 5));
	ck_assert_int_eq(quota_by_name("nodes", &soft), QUOTA_NODES);
	ck_assert_int_eq(quota_by_name("node-permissions", &soft), QUOTA_PERMISSIONS);
	ck_assert_int_eq(quota_by_name("soft-memory", &soft), QUOTA_MEMORY);
	ck_assert(soft);
	ck_assert_int_eq(quota_by_name("soft-nodes", &soft), -1);
	ck_assert_int_eq(quota_by_name("nonsense", &soft), -1);
	quota_free(q);
}
END_TEST

START_TEST(charges_are_collected_by_owner)
{
	struct quota *q = quota_new();
	struct charge c;

	charge_init(&c);
	for (unsigned i = 0; i < 30; i++)
		ck_ok(charge_add(&c, q, i % 10, 1, 100, &err), &err);
	ck_assert_uint_eq(c.n, 10);
	ck_ok(charge_check(&c, q, &err), &err);
	charge_apply(&c, q);
	ck_assert_uint_eq(quota_find(q, 4)->used[QUOTA_NODES], 3);
	ck_assert_uint_eq(quota_find(q, 4)->used[QUOTA_MEMORY], 300);
	for (unsigned i = 0; i < 10; i++)
		ck_ok(charge_add(&c, q, i, -3, -300, &err), &err);
	charge_apply(&c, q);
	charge_free(&c);
	ck_assert_ptr_null(quota_find(q, 4));
	quota_free(q);
}
END_TEST

/* The write rate */

START_TEST(rate_limits_a_loop_and_forgives)
{
	struct rate r = { 0 };
	struct rate_credit loud, quiet;
	uint64_t now = 1000;
	unsigned writes = 0;

	rate_domain_new(&r, &loud, now);
	rate_domain_new(&r, &quiet, now);
	for (; now < 11000; now++)
		while (!rate_wait_ms(&r, &loud, now)) {
			rate_spend(&r, &loud, now);
			writes++;
		}
	/* Its share is half of 200 a second; a burst and the last one that overdraws on top. */
	ck_assert_uint_ge(writes, 1000);
	ck_assert_uint_le(writes, 1100);
	ck_assert_uint_eq(rate_wait_ms(&r, &quiet, now), 0);
	ck_assert_uint_gt(rate_wait_ms(&r, &loud, now - 1), 0);
	ck_assert_uint_eq(rate_wait_ms(&r, &loud, now + 1000), 0);
}
END_TEST

/* Watches */

static char fired[1000];

static int on_fire(struct watch *w, const char *path, size_t len, const struct node *gone,
		   void *arg)
{
	(void)gone;
	if (arg)
		return -1;
	snprintf(fired + strlen(fired), sizeof(fired) - strlen(fired), "%s@%.*s ", watch_token(w),
		 (int)len, path);
	return 0;
}

static struct watch *add(struct watch_set *s, struct watcher *who, const char *where,
			 const char *token, int depth)
{
	struct path p;
	struct watch *w = NULL;

	path_set(&p, where);
	ck_ok(watch_add(s, who, &p, token, strlen(token), depth, &w, &err), &err);
	return w;
}

static const char *match(struct watch_set *s, const char *path)
{
	fired[0] = '\0';
	ck_assert_int_eq(watch_match(s, path, strlen(path), on_fire, NULL), 0);
	return fired;
}

START_TEST(watches_fire_above_and_within_their_depth)
{
	struct watch_set *s = watch_set_new();
	struct watcher a, b;
	struct watch *w;
	struct path p;

	watcher_init(&a);
	watcher_init(&b);
	add(s, &a, "/", "root", WATCH_ANY_DEPTH);
	add(s, &a, "/x/y", "a", WATCH_ANY_DEPTH);
	add(s, &b, "/x/y", "b", 1);
	w = add(s, &b, "/x/y/z", "c", 0);
	add(s, &b, "@releaseDomain", "sp", WATCH_ANY_DEPTH);
	ck_assert_str_eq(match(s, "/x/y"), "root@/x/y a@/x/y b@/x/y ");
	ck_assert_str_eq(match(s, "/x/y/z"), "root@/x/y/z a@/x/y/z b@/x/y/z c@/x/y/z ");
	ck_assert_str_eq(match(s, "/x/y/z/q"), "root@/x/y/z/q a@/x/y/z/q ");
	ck_assert_str_eq(match(s, "/x"), "root@/x ");
	ck_assert_str_eq(match(s, "/"), "root@/ ");
	ck_assert_str_eq(match(s, "@releaseDomain"), "sp@@releaseDomain ");
	ck_assert_str_eq(match(s, "@introduceDomain"), "");
	path_set(&p, "/x/y");
	ck_fails(watch_add(s, &a, &p, "a", 1, 0, &w, &err), &err, EEXIST, "/x/y");
	ck_assert_ptr_nonnull(watch_find(s, &b, &p, "b", 1));
	ck_assert_ptr_null(watch_find(s, &a, &p, "b", 1));
	ck_assert_int_lt(watch_match(s, "/x/y", 4, on_fire, &p), 0);
	watch_del_all(s, &a);
	ck_assert_str_eq(match(s, "/x/y/z"), "b@/x/y/z c@/x/y/z ");
	watch_del_all(s, &b);
	ck_assert_uint_eq(watch_set_count(s), 0);
	watch_set_free(s);
}
END_TEST

START_TEST(adding_a_watch_is_all_or_nothing)
{
	for (enum fault_kind kind = FAULT_TRANSIENT; kind <= FAULT_STICKY; kind++) {
		struct watch_set *s = watch_set_new();
		struct watcher a;
		struct watch *w;
		struct path p;

		watcher_init(&a);
		path_set(&p, "/some/where/deep/down");
		for (unsigned nth = 1;; nth++) {
			int rc;

			fault_arm(nth, kind);
			rc = watch_add(s, &a, &p, "t", 1, WATCH_ANY_DEPTH, &w, &err);
			if (!fault_disarm()) {
				ck_ok(rc, &err);
				break;
			}
			ck_assert(rc < 0 && err.code == ENOMEM);
			ck_assert_uint_eq(a.nr_watches, 0);
			ck_assert_uint_eq(watch_set_count(s), 0);
		}
		watch_del(s, w);
		watch_set_free(s);
	}
}
END_TEST

TEST_MAIN("xs_parts", paths_are_made_canonical, malformed_paths_are_refused, path_limits_are_exact,
	  paths_come_apart, permissions_are_parsed_and_shown,
	  permission_lists_are_shared_and_judged, messages_are_found_at_their_length,
	  strings_are_split_at_their_nuls, quotas_are_exact, charges_are_collected_by_owner,
	  rate_limits_a_loop_and_forgives, watches_fire_above_and_within_their_depth,
	  adding_a_watch_is_all_or_nothing)
