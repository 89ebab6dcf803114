/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* base/list: order, removal while walking, moving. */
#include "base/list.h"

#include "tests/test.h"

struct item {
	int n;
	struct list link;
};

static int digits(const struct list *l)
{
	const struct item *i;
	int v = 0;

	list_for_each_entry(i, l, link)
		v = v * 10 + i->n;
	return v;
}

START_TEST(order)
{
	struct list l = LIST_INIT(l);
	struct item a = { .n = 1 }, b = { .n = 2 }, c = { .n = 3 };

	ck_assert(list_is_empty(&l));
	list_add_tail(&l, &b.link);
	list_add_tail(&l, &c.link);
	list_add_head(&l, &a.link);
	ck_assert_int_eq(digits(&l), 123);
	ck_assert_int_eq(list_first(&l, struct item, link)->n, 1);
	list_del(&b.link);
	list_del(&b.link);
	ck_assert_int_eq(digits(&l), 13);
	list_insert_after(&a.link, &b.link);
	ck_assert_int_eq(digits(&l), 123);
}
END_TEST

START_TEST(the_one_visited_may_go)
{
	struct list l = LIST_INIT(l);
	struct item *i, *tmp;

	for (int n = 1; n <= 5; n++) {
		i = xmalloc(sizeof(*i));
		i->n = n;
		list_add_tail(&l, &i->link);
	}
	list_for_each_entry_safe(i, tmp, &l, link) {
		if (i->n % 2) {
			list_del(&i->link);
			free(i);
		}
	}
	ck_assert_int_eq(digits(&l), 24);
	list_for_each_entry_safe(i, tmp, &l, link) {
		list_del(&i->link);
		free(i);
	}
	ck_assert(list_is_empty(&l));
}
END_TEST

START_TEST(splice_moves_all)
{
	struct list l = LIST_INIT(l), m = LIST_INIT(m);
	struct item a = { .n = 1 }, b = { .n = 2 }, c = { .n = 3 };

	list_splice_tail(&l, &m);
	ck_assert(list_is_empty(&l));
	list_add_tail(&l, &a.link);
	list_add_tail(&m, &b.link);
	list_add_tail(&m, &c.link);
	list_splice_tail(&l, &m);
	ck_assert_int_eq(digits(&l), 123);
	ck_assert(list_is_empty(&m));
	list_splice_tail(&m, &l);
	ck_assert_int_eq(digits(&m), 123);
	ck_assert(list_is_empty(&l));
}
END_TEST

TEST_MAIN("list", order, the_one_visited_may_go, splice_moves_all)
