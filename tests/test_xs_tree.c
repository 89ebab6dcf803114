/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* xenstored's tree: versions, directories of any size, listings, walks, against a plain list; and
 * without memory. */
#include "xenstored/tree.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "tests/fault.h"
#include "tests/test.h"

static struct perm_table *table;
static struct tree *tree;
static struct perms *perms;
static struct err err;
static uint64_t gen;

static struct node *new_root(void)
{
	struct perm e = { .domid = 0 };

	table = perm_table_new();
	tree = tree_new(table);
	perms = perms_get(table, &e, 1);
	return tree_root_new(tree, perms, ++gen);
}

static void end(struct node *root)
{
	node_unref(tree, root);
	ck_assert_uint_eq(tree_nr_nodes(tree), 0);
	perms_unref(table, perms);
	tree_free(tree);
	perm_table_free(table);
}

static int put(struct node **root, const char *path, const char *value)
{
	return tree_put(tree, root, path, strlen(path), value, value ? strlen(value) : 0, perms,
			++gen, &err);
}

static int del(struct node **root, const char *path)
{
	return tree_del(tree, root, path, strlen(path), ++gen, NULL, &err);
}

static const struct node *find(const struct node *root, const char *path)
{
	return tree_find(root, path, strlen(path));
}

static bool has(const struct node *root, const char *path, const char *value)
{
	const struct node *n = find(root, path);

	return n && n->value_len == strlen(value) && !memcmp(node_value(n), value, n->value_len);
}

START_TEST(put_makes_ancestors)
{
	struct node *root = new_root();
	struct tree_spot spot;

	ck_ok(put(&root, "/a/b/c", "x"), &err);
	ck_assert(has(root, "/a", "") && has(root, "/a/b", "") && has(root, "/a/b/c", "x"));
	ck_assert(find(root, "/") == root);
	ck_assert_ptr_null(find(root, "/a/b/d"));
	ck_assert_ptr_null(find(root, "/a/b/c/d"));
	ck_assert_ptr_null(find(root, "/b"));
	ck_ok(put(&root, "/a/b", "longer value than before"), &err);
	ck_assert(has(root, "/a/b", "longer value than before") && has(root, "/a/b/c", "x"));
	ck_ok(put(&root, "/a/b", NULL), &err);
	ck_assert(has(root, "/a/b", "longer value than before"));
	tree_locate(root, "/a/b/c/d/e", 10, &spot);
	ck_assert(!spot.node && !spot.parent && spot.missing == 2 && spot.nearest_len == 6);
	ck_assert(spot.nearest == find(root, "/a/b/c"));
	tree_locate(root, "/x", 2, &spot);
	ck_assert(!spot.node && spot.parent == root && spot.missing == 1 && spot.nearest_len == 1);
	tree_locate(root, "/", 1, &spot);
	ck_assert(spot.node == root && !spot.parent && !spot.missing);
	end(root);
}
END_TEST

START_TEST(a_version_never_changes)
{
	struct node *root = new_root(), *old;

	ck_ok(put(&root, "/a/b/c", "1"), &err);
	ck_ok(put(&root, "/a/d", "2"), &err);
	old = node_ref(root);
	ck_ok(put(&root, "/a/b/c", "changed"), &err);
	ck_ok(put(&root, "/a/b/new", "3"), &err);
	ck_ok(del(&root, "/a/d"), &err);
	ck_assert(has(old, "/a/b/c", "1") && has(old, "/a/d", "2") && !find(old, "/a/b/new"));
	ck_assert(has(root, "/a/b/c", "changed") && has(root, "/a/b/new", "3") &&
		  !find(root, "/a/d"));
	node_unref(tree, old);
	ck_assert_uint_eq(tree_nr_nodes(tree), 5);
	end(root);
}
END_TEST

START_TEST(generations_follow_the_rule)
{
	struct node *root = new_root();
	uint64_t a, b;

	ck_ok(put(&root, "/a/b", "1"), &err);
	a = find(root, "/a")->gen;
	b = find(root, "/a/b")->gen;
	ck_ok(put(&root, "/a/b", "2"), &err);
	ck_assert_uint_eq(find(root, "/a")->gen, a);
	ck_assert_uint_ne(find(root, "/a/b")->gen, b);
	ck_ok(put(&root, "/a/c", ""), &err);
	ck_assert_uint_ne(find(root, "/a")->gen, a);
	a = find(root, "/a")->gen;
	b = find(root, "/a/b")->gen;
	ck_ok(del(&root, "/a/c"), &err);
	ck_assert_uint_ne(find(root, "/a")->gen, a);
	ck_assert_uint_eq(find(root, "/a/b")->gen, b);
	ck_ok(tree_set_perms(tree, &root, "/a/b", 4, perms, ++gen, &err), &err);
	ck_assert_uint_ne(find(root, "/a/b")->gen, b);
	ck_fails(del(&root, "/a/c"), &err, ENOENT, "/a/c");
	ck_fails(del(&root, "/"), &err, EINVAL, "/");
	end(root);
}
END_TEST

/* Thousands of children, made and removed in no order, with snapshots taken in between, against an
 * array of flags. */
#define NR_NAMES 3000

static void name_of(unsigned i, char *out, size_t size)
{
	snprintf(out, size, "/dir/%s%u", i % 3 ? "n" : "a-longer-name-", i);
}

static void check_dir(const struct node *root, const bool *there)
{
	const struct node *dir = find(root, "/dir"), *n;
	struct child_iter it;
	unsigned count = 0;
	size_t bytes = 0;
	const char *last = "";
	char path[64];

	for (unsigned i = 0; i < NR_NAMES; i++) {
		name_of(i, path, sizeof(path));
		ck_assert_msg(!!find(root, path) == there[i], "%s", path);
		count += there[i];
		bytes += there[i] ? strlen(path) - 5 + 1 : 0;
	}
	ck_assert_uint_eq(node_nr_children(dir), count);
	ck_assert_uint_eq(node_names_size(dir), bytes);
	for (n = node_first_child(dir, &it); n; n = node_next_child(&it)) {
		ck_assert_int_lt(strcmp(last, node_name(n)), 0);
		last = node_name(n);
		count--;
	}
	ck_assert_uint_eq(count, 0);
}

START_TEST(large_directories_agree_with_a_list)
{
	struct node *root = new_root(), *snapshot[4] = { NULL };
	static bool there[NR_NAMES], then[4][NR_NAMES];
	unsigned random = 7;
	char path[64];

	ck_ok(put(&root, "/dir", ""), &err);
	for (unsigned step = 0; step < 40000; step++) {
		unsigned i;

		random = random * 1103515245 + 12345;
		i = (random >> 8) % NR_NAMES;
		name_of(i, path, sizeof(path));
		/* Waves of growing and shrinking. */
		if ((random >> 4) % 100 < (step / 8000 % 2 ? 25u : 75u)) {
			ck_ok(put(&root, path, "v"), &err);
			there[i] = true;
		} else if (there[i]) {
			ck_ok(del(&root, path), &err);
			there[i] = false;
		}
		if (step % 5000 == 2500) {
			unsigned s = step / 5000 % 4;

			node_unref(tree, snapshot[s]);
			snapshot[s] = node_ref(root);
			memcpy(then[s], there, sizeof(there));
		}
		if (step % 4000 == 0)
			check_dir(root, there);
	}
	for (unsigned s = 0; s < 4; s++) {
		check_dir(snapshot[s], then[s]);
		node_unref(tree, snapshot[s]);
	}
	for (unsigned i = 0; i < NR_NAMES; i++) {
		name_of(i, path, sizeof(path));
		if (there[i])
			ck_ok(del(&root, path), &err);
	}
	ck_assert_uint_eq(tree_nr_nodes(tree), 2);
	end(root);
}
END_TEST

START_TEST(listing_in_parts_is_the_listing)
{
	struct node *root = new_root();
	char path[64], whole[64 * 1024], parts[64 * 1024];
	size_t len, got = 0;
	bool done;

	for (unsigned i = 0; i < 2000; i++) {
		snprintf(path, sizeof(path), "/d/name%u", i * 7919 % 2000);
		ck_ok(put(&root, path, ""), &err);
	}
	len = node_list(find(root, "/d"), 0, whole, sizeof(whole), &done);
	ck_assert(done);
	ck_assert_uint_eq(len, node_names_size(find(root, "/d")));
	for (done = false; !done;)
		got += node_list(find(root, "/d"), got, parts + got, 100 + got % 57, &done);
	ck_assert_uint_eq(got, len);
	ck_assert_mem_eq(parts, whole, len);
	/* From within a name, and behind the end. */
	ck_assert_uint_eq(node_list(find(root, "/d"), 3, parts, 8, &done), strlen(whole) + 1 - 3);
	ck_assert_str_eq(parts, whole + 3);
	ck_assert_uint_eq(node_list(find(root, "/d"), len, parts, 100, &done), 0);
	ck_assert(done);
	ck_assert_uint_eq(node_list(find(root, "/d/name1"), 0, parts, 100, &done), 0);
	ck_assert(done);
	end(root);
}
END_TEST

START_TEST(walk_meets_every_node_once)
{
	struct node *root = new_root();
	struct tree_walk *w = tree_walk_new();
	char path[64], last[PATH_ABS_MAX + 2] = "";
	unsigned count = 0;

	for (unsigned i = 0; i < 500; i++) {
		snprintf(path, sizeof(path), "/w/%u/%u", i % 20, i);
		ck_ok(put(&root, path, ""), &err);
	}
	for (const struct node *n = tree_walk_start(w, root, NULL, 0); n; n = tree_walk_next(w)) {
		ck_assert_ptr_eq(n, tree_find(root, w->path, w->len));
		ck_assert_uint_eq(strlen(w->path), w->len);
		ck_assert_str_ne(w->path, last);
		memcpy(last, w->path, w->len + 1);
		count++;
	}
	ck_assert_uint_eq(count, 1 + 1 + 20 + 500);
	count = 0;
	for (const struct node *n = tree_walk_start(w, find(root, "/w"), "/w", 2); n;
	     n = w->depth == 1 ? tree_walk_skip(w) : tree_walk_next(w))
		count++;
	ck_assert_uint_eq(count, 1 + 20);
	count = 0;
	for (const struct node *n = tree_walk_start_bare(w, find(root, "/w")); n;
	     n = tree_walk_next(w))
		count++;
	ck_assert_uint_eq(count, 1 + 20 + 500);
	tree_walk_free(w);
	end(root);
}
END_TEST

/* The deepest path there is, walked, copied and freed. */
START_TEST(deepest_path)
{
	struct node *root = new_root(), *old;
	struct tree_walk *w = tree_walk_new();
	char path[PATH_ABS_MAX + 1];
	unsigned count = 0;

	for (unsigned i = 0; i + 1 < PATH_ABS_MAX; i += 2)
		memcpy(path + i, "/a", 3);
	ck_ok(put(&root, path, "deep"), &err);
	old = node_ref(root);
	ck_ok(put(&root, path, "deeper"), &err);
	ck_assert(has(root, path, "deeper") && has(old, path, "deep"));
	for (const struct node *n = tree_walk_start(w, root, NULL, 0); n; n = tree_walk_next(w))
		count++;
	ck_assert_uint_eq(count, PATH_ABS_MAX / 2 + 1);
	tree_walk_free(w);
	node_unref(tree, old);
	ck_ok(del(&root, "/a"), &err);
	ck_assert_uint_eq(tree_nr_nodes(tree), 1);
	end(root);
}
END_TEST

/* Whatever allocation fails, a change has happened wholly or not at all. */
START_TEST(all_or_nothing_without_memory)
{
	static const struct {
		const char *path;
		bool remove;
	} steps[] = {
		{ "/dir/n5000", false }, { "/x/y/z", false }, { "/dir/n7", true },
		{ "/dir/n8", false },    { "/dir", true },
	};

	for (unsigned s = 0; s < array_size(steps); s++) {
		for (enum fault_kind kind = FAULT_TRANSIENT; kind <= FAULT_STICKY; kind++) {
			struct node *root = new_root(), *old;
			char path[64];

			for (unsigned i = 0; i < 200; i++) {
				snprintf(path, sizeof(path), "/dir/n%u", i * 37 % 200);
				ck_ok(put(&root, path, "v"), &err);
			}
			old = node_ref(root);
			for (unsigned nth = 1;; nth++) {
				bool failed;
				int rc;

				fault_arm(nth, kind);
				rc = steps[s].remove ? del(&root, steps[s].path)
						     : put(&root, steps[s].path, "new");
				failed = fault_disarm();
				if (!failed) {
					ck_ok(rc, &err);
					break;
				}
				ck_assert(rc < 0 && err.code == ENOMEM);
				ck_assert_uint_eq(node_nr_children(find(root, "/dir")), 200);
				ck_assert(!find(root, "/x") && has(root, "/dir/n7", "v") &&
					  has(root, "/dir/n8", "v"));
				ck_assert_uint_eq(find(root, "/dir")->gen, find(old, "/dir")->gen);
			}
			ck_assert(has(old, "/dir/n7", "v") && has(old, "/dir/n8", "v"));
			node_unref(tree, old);
			end(root);
		}
	}
}
END_TEST

TEST_MAIN("xs_tree", put_makes_ancestors, a_version_never_changes, generations_follow_the_rule,
	  large_directories_agree_with_a_list, listing_in_parts_is_the_listing,
	  walk_meets_every_node_once, deepest_path, all_or_nothing_without_memory)
