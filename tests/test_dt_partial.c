/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libvmm/dt_partial: what may be copied is copied whole, what cannot work is refused by the node's
 * path, and no blob is trusted. */
#include "libvmm/dt_partial.h"

#include <errno.h>
#include <libfdt.h>
#include <stdio.h>
#include <string.h>
#include "base/str.h"
#include "tests/test.h"

static struct err err;

/* A device with a clock and a reset, as on a board. The hooks let a test put something in. */
struct tree {
	uint32_t clock_phandle, uart_clock, parent, alias_len;
	const char *alias;
	bool no_passthrough, no_clock_cells, is_clock_outside, is_twice;
	const uint32_t *clocks;
	unsigned nr_clocks;
};

static const struct tree sound = {
	.clock_phandle = 7, .uart_clock = 7, .parent = 65000, .alias = "/passthrough/uart@9000"
};

static void clock_node(struct dt *dt, const struct tree *t, const char *name)
{
	dt_begin_node(dt, name);
	dt_prop_str(dt, "compatible", "fixed-clock");
	if (!t->no_clock_cells)
		dt_prop_u32(dt, "#clock-cells", 0);
	dt_prop_u32(dt, "phandle", t->clock_phandle);
	dt_end_node(dt);
}

static void make(const struct tree *t, void **blob, size_t *size)
{
	struct dt *dt = dt_new();

	dt_begin_node(dt, "");
	if (t->is_clock_outside || t->is_twice)
		clock_node(dt, t, "clock");
	dt_begin_node(dt, "aliases");
	dt_prop_str(dt, "serial1", t->alias);
	dt_end_node(dt);
	dt_begin_node(dt, t->no_passthrough ? "elsewhere" : "passthrough");
	dt_prop_empty(dt, "ranges");
	if (!t->is_clock_outside)
		clock_node(dt, t, "clock");
	dt_begin_node(dt, "uart@9000");
	dt_prop_u32(dt, "interrupt-parent", t->parent);
	if (t->clocks)
		dt_prop_u32s(dt, "clocks", t->clocks, t->nr_clocks);
	else
		dt_prop_u32(dt, "clocks", t->uart_clock);
	dt_end_node(dt);
	dt_end_node(dt);
	dt_end_node(dt);
	ck_ok(dt_finish(dt, blob, size, &err), &err);
	dt_free(dt);
}

static int check(const struct tree *t)
{
	autofree void *blob = NULL;
	size_t size;

	make(t, &blob, &size);
	return dt_partial_check(blob, size, "part.dtb", &err);
}

START_TEST(a_sound_one_is_copied_whole)
{
	autofree void *blob = NULL, *copy = NULL;
	struct dt *dt = dt_new();
	const char *alias;
	size_t size, copy_size;
	int node;

	make(&sound, &blob, &size);
	ck_ok(dt_partial_check(blob, size, "part.dtb", &err), &err);
	dt_begin_node(dt, "");
	dt_partial_copy(dt, blob);
	dt_end_node(dt);
	ck_ok(dt_finish(dt, &copy, &copy_size, &err), &err);
	dt_free(dt);
	ck_assert_int_eq(fdt_check_full(copy, copy_size), 0);
	node = fdt_path_offset(copy, "/passthrough/uart@9000");
	ck_assert_int_ge(node, 0);
	ck_assert_ptr_nonnull(
		fdt_getprop(copy, fdt_path_offset(copy, "/passthrough"), "ranges", NULL));
	alias = fdt_getprop(copy, fdt_path_offset(copy, "/aliases"), "serial1", NULL);
	ck_assert_str_eq(alias, "/passthrough/uart@9000");
	ck_assert_int_eq(fdt_path_offset(copy, "serial1"), node);
	ck_assert_int_ge(fdt_node_offset_by_phandle(copy, 7), 0);
}
END_TEST

START_TEST(only_what_is_the_guests)
{
	autofree void *copy = NULL, *blob = NULL;
	struct dt *part = dt_new(), *dt = dt_new();
	size_t size;

	dt_begin_node(part, "");
	dt_prop_str(part, "model", "a board");
	dt_begin_node(part, "passthrough");
	dt_end_node(part);
	dt_begin_node(part, "secrets");
	dt_end_node(part);
	dt_end_node(part);
	ck_ok(dt_finish(part, &blob, &size, &err), &err);
	dt_free(part);
	ck_ok(dt_partial_check(blob, size, "part.dtb", &err), &err);
	dt_begin_node(dt, "");
	dt_partial_copy(dt, blob);
	dt_end_node(dt);
	ck_ok(dt_finish(dt, &copy, &size, &err), &err);
	dt_free(dt);
	ck_assert_int_lt(fdt_path_offset(copy, "/secrets"), 0);
	ck_assert_int_lt(fdt_path_offset(copy, "/aliases"), 0);
	ck_assert_ptr_null(fdt_getprop(copy, 0, "model", NULL));
}
END_TEST

START_TEST(what_cannot_work)
{
	static const uint32_t cut[] = { 7, 8 };
	struct tree t;

#define REFUSED(code, part, ...)                                          \
	do {                                                              \
		t = sound;                                                \
		__VA_ARGS__;                                              \
		ck_fails(check(&t), &err, code, part);                    \
	} while (0)

	REFUSED(ENOENT, "part.dtb: it has no node /passthrough", t.no_passthrough = true);
	REFUSED(EINVAL, "node /passthrough/clock: phandle 65000 is the guest's own", t.clock_phandle = 65000);
	REFUSED(EINVAL, "phandle 65001 is the guest's own", t.clock_phandle = 65001);
	REFUSED(EINVAL, "is not a valid one", t.clock_phandle = 0);
	REFUSED(EINVAL, "phandle 7 belongs to another node as well", t.is_twice = true);
	REFUSED(ENOENT, "node /passthrough/uart@9000: clocks refers to phandle 9, which no node", t.uart_clock = 9);
	REFUSED(ENOENT, "interrupt-parent refers to phandle 1, which no node", t.parent = 1);
	REFUSED(ENOENT, "is not below /passthrough and so does not reach the guest", t.is_clock_outside = true);
	REFUSED(EINVAL, "node /passthrough/clock: #clock-cells must say", t.no_clock_cells = true);
	REFUSED(ENOENT, "clocks refers to phandle 8", t.clocks = cut; t.nr_clocks = 2);
	REFUSED(ENOENT, "node /aliases: serial1 leads to /passthrough/none", t.alias = "/passthrough/none");
	REFUSED(EINVAL, "node /aliases: serial1 is not a path", t.alias = "uart");
}
END_TEST

START_TEST(not_a_tree)
{
	static const char text[200] = "/dts-v1/; / { };";
	autofree void *blob = NULL;
	size_t size;

	ck_fails(dt_partial_check(text, sizeof(text), "x", &err), &err, EINVAL,
		 "x: not a sound device tree blob");
	ck_fails(dt_partial_check(text, 0, "x", &err), &err, EINVAL, "not a sound");
	make(&sound, &blob, &size);
	for (size_t cut = 0; cut < size; cut++)
		ck_fails(dt_partial_check(blob, cut, "x", &err), &err, EINVAL, "not a sound");
	ck_fails(dt_partial_load("/nowhere.dtb", &blob, &size, &err), &err, ENOENT,
		 "device_tree: /nowhere.dtb");
}
END_TEST

/* Whatever bytes are changed: refused, or copied into a tree that is sound again. */
START_TEST(damaged_ones)
{
	autofree uint8_t *blob = NULL;
	unsigned seed = 12345;
	size_t size;

	make(&sound, (void **)&blob, &size);
	for (unsigned round = 0; round < 20000; round++) {
		autofree uint8_t *bad = xmalloc(size);
		autofree void *copy = NULL;
		struct dt *dt;
		size_t copy_size;

		memcpy(bad, blob, size);
		for (unsigned i = 0; i < 1 + round % 3; i++) {
			seed = seed * 1103515245 + 12345;
			bad[(seed >> 8) % size] = seed >> 24;
		}
		if (dt_partial_check(bad, size, "x", &err) < 0)
			continue;
		dt = dt_new();
		dt_begin_node(dt, "");
		dt_partial_copy(dt, bad);
		dt_end_node(dt);
		if (dt_finish(dt, &copy, &copy_size, &err) == 0)
			ck_assert_int_eq(fdt_check_full(copy, copy_size), 0);
		dt_free(dt);
	}
}
END_TEST

TEST_MAIN("dt_partial", a_sound_one_is_copied_whole, only_what_is_the_guests, what_cannot_work, not_a_tree, damaged_ones)
