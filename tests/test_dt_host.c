/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libvmm/dt_host, dt_device, dt_derive, dt_dir, dt_text: what a host's tree says of its devices,
 * what a guest is told of them, and that no tree, however damaged, is trusted. */
#include "libvmm/dt_derive.h"

#include <errno.h>
#include <libfdt.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/file.h"
#include "base/str.h"
#include "libvmm/dt.h"
#include "libvmm/dt_dir.h"
#include "libvmm/dt_partial.h"
#include "libvmm/dt_text.h"
#include "tests/files.h"
#include "tests/test.h"

static struct err err;

/* --- a board ---------------------------------------------------------------------------------- */

enum { GIC = 1, OSC, DOUBLED, CLOCKS, RESETS, PINS, GPIO, ROUND };

/* What a test changes of it. */
struct board {
	uint32_t uart_irq, uart_clock, uart_phandle;
	bool is_bus_unmapped, is_irq_cut, is_reg_cut, has_wrong_clock_args;
	uint64_t uart_reg;
};

static const struct board sound = { .uart_irq = 5, .uart_clock = DOUBLED, .uart_reg = 0x1000 };

static void begin(struct dt *dt, const char *name, const char *compatible, uint32_t phandle)
{
	dt_begin_node(dt, name);
	dt_prop_str(dt, "compatible", compatible);
	if (phandle)
		dt_prop_u32(dt, "phandle", phandle);
}

#define CELLS(dt, name, ...)                                                              \
	do {                                                                              \
		const uint32_t cells_[] = { __VA_ARGS__ };                                \
		dt_prop_u32s(dt, name, cells_, array_size(cells_));                       \
	} while (0)

static void gic(struct dt *dt)
{
	begin(dt, "interrupt-controller@8000000", "arm,gic-v3", GIC);
	CELLS(dt, "reg", 0, 0x8000000, 0, 0x10000);
	dt_prop_u32(dt, "#interrupt-cells", 3);
	dt_prop_empty(dt, "interrupt-controller");
	dt_end_node(dt);
}

static void factor_clock(struct dt *dt, const char *name, uint32_t phandle, uint32_t mult,
			 uint32_t from)
{
	begin(dt, name, "fixed-factor-clock", phandle);
	dt_prop_u32(dt, "#clock-cells", 0);
	dt_prop_u32(dt, "clock-mult", mult);
	dt_prop_u32(dt, "clock-div", 1);
	dt_prop_u32(dt, "clocks", from);
	dt_end_node(dt);
}

static void clocks(struct dt *dt)
{
	begin(dt, "osc", "fixed-clock", OSC);
	dt_prop_u32(dt, "#clock-cells", 0);
	dt_prop_u32(dt, "clock-frequency", 24000000);
	dt_end_node(dt);
	factor_clock(dt, "doubled", DOUBLED, 2, OSC);
	factor_clock(dt, "round", ROUND, 1, ROUND);
	begin(dt, "clock-controller", "vendor,clocks", CLOCKS);
	dt_prop_u32(dt, "#clock-cells", 1);
	dt_end_node(dt);
	begin(dt, "reset-controller", "vendor,resets", RESETS);
	dt_prop_u32(dt, "#reset-cells", 1);
	dt_end_node(dt);
}

static void uart(struct dt *dt, const struct board *b)
{
	begin(dt, "uart@1000", "vendor,uart", b->uart_phandle);
	if (b->is_reg_cut)
		CELLS(dt, "reg", 0x1000);
	else
		CELLS(dt, "reg", (uint32_t)b->uart_reg, 0x100);
	if (b->is_irq_cut)
		CELLS(dt, "interrupts", 0, 5);
	else
		CELLS(dt, "interrupts", 0, b->uart_irq, 4);
	CELLS(dt, "clocks", b->uart_clock, OSC);
	dt_prop_strs(dt, "clock-names", (const char *const[]){ "uart", "apb" }, 2);
	CELLS(dt, "resets", RESETS, 7);
	dt_prop_str(dt, "reset-names", "core");
	CELLS(dt, "pinctrl-0", PINS);
	dt_prop_str(dt, "pinctrl-names", "default");
	CELLS(dt, "cts-gpios", GPIO, 3, 0);
	dt_prop_str(dt, "status", "disabled");
	dt_prop(dt, "vendor,odd", "\1\2\3", 3);
	dt_prop_empty(dt, "vendor,flag");
	dt_end_node(dt);
}

/* A device with a bus of its own, whose interrupts partly go to a controller inside. */
static void hub(struct dt *dt)
{
	begin(dt, "hub@10000", "vendor,hub", 20);
	CELLS(dt, "reg", 0x10000, 0x1000);
	CELLS(dt, "interrupts-extended", GIC, 0, 40, 4);
	dt_prop_u32(dt, "#address-cells", 1);
	dt_prop_u32(dt, "#size-cells", 1);
	CELLS(dt, "ranges", 0, 0x11000, 0x2000);
	dt_prop_u32(dt, "#interrupt-cells", 1);
	dt_prop_u32(dt, "#reset-cells", 1);
	dt_prop_empty(dt, "interrupt-controller");
	begin(dt, "port@800", "vendor,port", 0);
	CELLS(dt, "reg", 0x800, 0x10);
	CELLS(dt, "interrupts", 3);
	CELLS(dt, "clocks", CLOCKS, 9);
	CELLS(dt, "assigned-clocks", CLOCKS, 8, CLOCKS, 9);
	CELLS(dt, "assigned-clock-rates", 1000, 66000000);
	CELLS(dt, "resets", 20, 20);
	dt_end_node(dt);
	dt_end_node(dt);
}

static void soc(struct dt *dt, const struct board *b)
{
	begin(dt, "soc", "simple-bus", 0);
	dt_prop_u32(dt, "#address-cells", 1);
	dt_prop_u32(dt, "#size-cells", 1);
	if (!b->is_bus_unmapped)
		CELLS(dt, "ranges", 0, 0, 0x50000000, 0x100000);
	uart(dt, b);
	begin(dt, "timer@1800", "vendor,timer", 0);
	CELLS(dt, "reg", 0x1800, 0x100);
	CELLS(dt, "interrupts", 0, 50, 4);
	dt_end_node(dt);
	begin(dt, "ethernet@2000", "vendor,mac", 0);
	CELLS(dt, "reg", 0x2000, 0x1000);
	CELLS(dt, "interrupts", 0, 51, 4);
	dt_end_node(dt);
	begin(dt, "gpio@5000", "vendor,gpio", GPIO);
	CELLS(dt, "reg", 0x5000, 0x1000);
	dt_prop_u32(dt, "#gpio-cells", 2);
	dt_prop_u32(dt, "#interrupt-cells", 1);
	dt_end_node(dt);
	begin(dt, "can@6000", "vendor,can", 0);
	CELLS(dt, "reg", 0x6000, 0x1000);
	CELLS(dt, "interrupts", 0, 52, 4);
	CELLS(dt, "clocks", CLOCKS, 4);
	dt_end_node(dt);
	begin(dt, "key@7000", "vendor,key", 0);
	CELLS(dt, "reg", 0x7000, 0x1000);
	CELLS(dt, "interrupts-extended", GPIO, 1);
	dt_end_node(dt);
	begin(dt, "private@8000", "vendor,ppi", 0);
	CELLS(dt, "reg", 0x8000, 0x1000);
	CELLS(dt, "interrupts", 1, 7, 4);
	dt_end_node(dt);
	hub(dt);
	begin(dt, "far@90000000", "vendor,far", 0);
	CELLS(dt, "reg", 0x90000000, 0x1000);
	dt_end_node(dt);
	begin(dt, "pinctrl", "vendor,pins", PINS);
	dt_end_node(dt);
	dt_end_node(dt);
}

static void make(const struct board *b, void **blob, size_t *size)
{
	struct dt *dt = dt_new();

	dt_begin_node(dt, "");
	dt_prop_u32(dt, "#address-cells", 2);
	dt_prop_u32(dt, "#size-cells", 2);
	dt_prop_u32(dt, "interrupt-parent", GIC);
	dt_begin_node(dt, "aliases");
	dt_prop_str(dt, "serial0", "/soc/uart@1000");
	dt_end_node(dt);
	gic(dt);
	clocks(dt);
	soc(dt, b);
	dt_end_node(dt);
	ck_ok(dt_finish(dt, blob, size, &err), &err);
	dt_free(dt);
}

static struct dt_host *open_board(const struct board *b)
{
	struct dt_host *h;
	void *blob;
	size_t size;

	make(b, &blob, &size);
	ck_ok(dt_host_open(blob, size, "host.dtb", &h, &err), &err);
	return h;
}

/* --- what the tree says ----------------------------------------------------------------------- */

START_TEST(nodes_are_found)
{
	autohost struct dt_host *h = open_board(&sound);
	uint32_t uart = dt_host_find(h, "/soc/uart@1000"), soc = dt_host_find(h, "/soc");
	autofree char *path = dt_host_path(h, uart), *root = dt_host_path(h, 0);

	ck_assert_str_eq(path, "/soc/uart@1000");
	ck_assert_str_eq(root, "/");
	ck_assert_uint_eq(dt_host_find(h, "/soc/none"), DT_HOST_NONE);
	ck_assert_uint_eq(dt_host_find(h, "soc"), DT_HOST_NONE);
	ck_assert_uint_eq(dt_host_by_phandle(h, GPIO), dt_host_find(h, "/soc/gpio@5000"));
	ck_assert_uint_eq(dt_host_by_phandle(h, 99), DT_HOST_NONE);
	ck_assert(dt_host_is_below(h, uart, soc) && dt_host_is_below(h, uart, uart) &&
		  !dt_host_is_below(h, soc, uart));
	ck_assert(!dt_host_is_below(h, DT_HOST_NONE, soc));
}
END_TEST

START_TEST(a_device_is_its_registers_and_interrupts)
{
	autohost struct dt_host *h = open_board(&sound);
	autodtdevice struct dt_device dev = { .regs = NULL };

	ck_ok(dt_host_device(h, dt_host_find(h, "/soc/hub@10000"), &dev, &err), &err);
	ck_assert_uint_eq(dev.nr_regs, 2);
	ck_assert_uint_eq(dev.regs[0].base, 0x50010000);
	ck_assert_uint_eq(dev.regs[1].base, 0x50011800);
	ck_assert_uint_eq(dev.regs[1].size, 0x10);
	ck_assert_uint_eq(dev.nr_irqs, 1);
	ck_assert_uint_eq(dev.irqs[0], 72);
	ck_assert_int_eq(dev.obstacle.code, 0);
}
END_TEST

static void device_fails(const struct board *b, const char *path, int code, const char *part)
{
	autohost struct dt_host *h = open_board(b);
	autodtdevice struct dt_device dev = { .regs = NULL };

	err_clear(&err);
	if (dt_host_device(h, dt_host_find(h, path), &dev, &err) == 0)
		err = dev.obstacle;
	ck_assert_msg(err.code == code && strstr(err.msg, part), "%s: got %d '%s', wanted '%s'",
		      path, err.code, err.msg, part);
}

START_TEST(what_no_guest_can_have)
{
	struct board b = sound;

	device_fails(&sound, "/soc/key@7000", ENOTSUP, "goes through another device");
	device_fails(&sound, "/soc/private@8000", ENOTSUP, "not a shared one (SPI)");
	device_fails(&sound, "/soc/far@90000000", ENOTSUP, "node /soc: its ranges do not cover");
	device_fails(&sound, "/osc", ENOTSUP, "no registers in memory");
	device_fails(&sound, "/interrupt-controller@8000000", ENOTSUP,
		     "a part of the machine itself");
	b.is_bus_unmapped = true;
	device_fails(&b, "/soc/uart@1000", ENOTSUP, "the bus has no ranges");
	b = sound;
	b.is_irq_cut = true;
	device_fails(&b, "/soc/uart@1000", EINVAL, "its interrupts end inside an entry");
	b = sound;
	b.is_reg_cut = true;
	device_fails(&b, "/soc/uart@1000", ENOTSUP, "no registers in memory");
	b = sound;
	b.uart_irq = 2000;
	device_fails(&b, "/soc/uart@1000", ENOTSUP, "not a shared one (SPI)");
	b = sound;
	b.uart_reg = 0xffff0;
	device_fails(&b, "/soc/uart@1000", 0, "");
	b.uart_reg = 0x100000;
	device_fails(&b, "/soc/uart@1000", ENOTSUP, "do not cover");
}
END_TEST

START_TEST(signs)
{
	autohost struct dt_host *h = open_board(&sound);
	uint32_t uart = dt_host_find(h, "/soc/uart@1000");

	ck_assert_str_eq(dt_host_dma_sign(h, dt_host_find(h, "/soc/ethernet@2000")), "ethernet");
	ck_assert_ptr_null(dt_host_dma_sign(h, uart));
	/* Xen's mark in dom0's tree alone. */
	ck_assert(!dt_host_is_set_aside(h, uart));
	h->is_own = true;
	ck_assert(dt_host_is_set_aside(h, uart));
	ck_assert(!dt_host_is_set_aside(h, dt_host_find(h, "/soc/can@6000")));
	ck_assert(dt_host_is_device(h, uart));
	ck_assert(!dt_host_is_device(h, dt_host_find(h, "/soc")) && !dt_host_is_device(h, h->gic));
}
END_TEST

/* --- what a guest is told --------------------------------------------------------------------- */

static int derive(const struct dt_host *h, const char *const *paths, const struct dt_move *move,
		  const void *partial, struct strlist *notes, void **blob)
{
	struct dt_pick picks[4];
	size_t nr = 0, size;
	struct dt_derive d = { .host = h,
			       .picks = picks,
			       .moves = move,
			       .nr_moves = move ? 1 : 0,
			       .partial = partial,
			       .notes = notes };

	for (; paths[nr]; nr++)
		picks[nr] = (struct dt_pick){ .node = dt_host_find(h, paths[nr]),
					      .alias = nr == 1 ? "hub0" : NULL };
	d.nr_picks = nr;
	return dt_derive(&d, blob, &size, &err);
}

START_TEST(as_it_always_was)
{
	const char *const paths[] = { "/soc/uart@1000", "/soc/hub@10000", NULL };
	const struct dt_move move = { { 0x50001000, 0x1000 }, 0x10000000 };
	autofree char *golden = source_path("tests/golden/dt-derived.dts");
	autohost struct dt_host *h = open_board(&sound);
	autostrlist struct strlist notes = STRLIST_INIT;
	autofree char *text = NULL, *want = NULL;
	autofree void *blob = NULL;

	ck_ok(derive(h, paths, &move, NULL, &notes, &blob), &err);
	ck_ok(dt_text(blob, &text, &err), &err);
	if (getenv("WRITE_GOLDEN"))
		ck_ok(file_write_atomic(golden, text, strlen(text), 0644, &err), &err);
	ck_ok(file_read(golden, 1 << 20, &want, NULL, &err), &err);
	ck_assert_str_eq(text, want);
	ck_assert_uint_eq(notes.n, 4);
	ck_assert_str_eq(
		notes.v[0],
		"/soc/uart@1000: resets left out: it must be out of reset when the guest starts");
	ck_assert(strstr(notes.v[1], "pinctrl-0 left out") &&
		  strstr(notes.v[2], "cts-gpios left out"));
}
END_TEST

START_TEST(with_a_handwritten_part)
{
	const char *const paths[] = { "/soc/uart@1000", NULL };
	autohost struct dt_host *h = open_board(&sound);
	autofree void *blob = NULL, *partial = NULL;
	struct dt *dt = dt_new();
	size_t size;

	dt_begin_node(dt, "");
	dt_begin_node(dt, "aliases");
	dt_prop_str(dt, "mine", "/passthrough/mine@0");
	dt_end_node(dt);
	dt_begin_node(dt, "passthrough");
	dt_prop_u32(dt, "#address-cells", 2);
	dt_prop_u32(dt, "#size-cells", 2);
	begin(dt, "mine@0", "my,own", 70000);
	dt_end_node(dt);
	dt_end_node(dt);
	dt_end_node(dt);
	ck_ok(dt_finish(dt, &partial, &size, &err), &err);
	dt_free(dt);
	ck_ok(derive(h, paths, NULL, partial, NULL, &blob), &err);
	ck_assert_int_ge(fdt_path_offset(blob, "/passthrough/mine@0"), 0);
	ck_assert_int_ge(fdt_path_offset(blob, "mine"), 0);
	ck_assert_int_ge(fdt_path_offset(blob, "serial0"), 0);
	ck_assert_int_ge(fdt_node_offset_by_phandle(blob, 70001), 0);
}
END_TEST

START_TEST(what_cannot_be_told)
{
	const char *const can[] = { "/soc/can@6000", NULL }, *const uart[] = { "/soc/uart@1000",
									       NULL };
	struct board b = sound;
	struct dt_host *h = open_board(&b);
	void *blob;

	ck_fails(derive(h, can, NULL, NULL, NULL, &blob), &err, ENODATA,
		 "rate of its clock /clock-controller");
	dt_host_close(h);
	b.uart_clock = 77;
	h = open_board(&b);
	ck_fails(derive(h, uart, NULL, NULL, NULL, &blob), &err, ENOENT,
		 "node /soc/uart@1000: clocks refers to phandle 77");
	dt_host_close(h);
	b.uart_clock = ROUND;
	h = open_board(&b);
	ck_fails(derive(h, uart, NULL, NULL, NULL, &blob), &err, ENODATA,
		 "rate of its clock /round");
	dt_host_close(h);
	b = sound;
	b.uart_phandle = 65000;
	h = open_board(&b);
	ck_fails(derive(h, uart, NULL, NULL, NULL, &blob), &err, EINVAL,
		 "its phandle 65000 is one of the guest's own");
	dt_host_close(h);
}
END_TEST

START_TEST(two_nodes_with_one_phandle)
{
	struct board b = sound;
	struct dt_host *h;
	void *blob;
	size_t size;

	b.uart_phandle = GPIO;
	make(&b, &blob, &size);
	ck_fails(dt_host_open(blob, size, "host.dtb", &h, &err), &err, EINVAL,
		 "host.dtb: /soc/uart@1000 and /soc/gpio@5000 have the same phandle 7");
}
END_TEST

/* --- hostile ones ----------------------------------------------------------------------------- */

/* Everything that is asked of a tree. */
static void ask_all(void *blob, size_t size)
{
	autohost struct dt_host *h = NULL;

	if (dt_host_open(blob, size, "x", &h, &err) < 0)
		return;
	for (uint32_t i = 0; i < h->nr; i++) {
		autodtdevice struct dt_device dev = { .regs = NULL };
		const struct dt_pick pick = { .node = i, .clock_hz = i % 2 };
		autostrlist struct strlist notes = STRLIST_INIT;
		const struct dt_derive d = {
			.host = h, .picks = &pick, .nr_picks = 1, .notes = &notes
		};
		autofree void *made = NULL;
		autofree char *text = NULL;
		size_t made_size;

		dt_host_is_device(h, i);
		dt_host_dma_sign(h, i);
		if (dt_host_device(h, i, &dev, &err) < 0 ||
		    dt_derive(&d, &made, &made_size, &err) < 0)
			continue;
		ck_assert_int_eq(fdt_check_full(made, made_size), 0);
		ck_ok(dt_text(made, &text, &err), &err);
	}
}

START_TEST(damaged_ones)
{
	autofree uint8_t *blob = NULL;
	unsigned seed = 4711;
	size_t size;

	make(&sound, (void **)&blob, &size);
	for (unsigned round = 0; round < 3000; round++) {
		uint8_t *bad = xmalloc(size);

		memcpy(bad, blob, size);
		for (unsigned i = 0; i < 1 + round % 4; i++) {
			seed = seed * 1103515245 + 12345;
			bad[(seed >> 8) % size] = seed >> 24;
		}
		ask_all(bad, size);
	}
	for (size_t cut = 0; cut < size; cut += 7) {
		struct dt_host *h;
		uint8_t *bad = xmalloc(size);

		memcpy(bad, blob, size);
		ck_fails(dt_host_open(bad, cut, "x", &h, &err), &err, EINVAL,
			 "x: not a sound device tree blob");
	}
}
END_TEST

START_TEST(too_deep)
{
	struct dt *dt = dt_new();
	struct dt_host *h;
	void *blob;
	size_t size;

	dt_begin_node(dt, "");
	for (unsigned i = 0; i < 100; i++)
		dt_begin_node(dt, "a");
	for (unsigned i = 0; i < 101; i++)
		dt_end_node(dt);
	ck_ok(dt_finish(dt, &blob, &size, &err), &err);
	dt_free(dt);
	ck_fails(dt_host_open(blob, size, "x", &h, &err), &err, ELOOP, "deeper than 32 levels");
}
END_TEST

/* --- folders ---------------------------------------------------------------------------------- */

static void put_file(const char *dir, const char *name, const void *data, size_t len)
{
	autofree char *path = str_printf("%s/%s", dir, name);

	ck_ok(file_write_atomic(path, data, len, 0644, &err), &err);
}

START_TEST(a_tree_of_folders)
{
	char top[] = "/tmp/dt-dir-XXXXXX";
	autofree char *node = NULL, *command = NULL, *text = NULL;
	autofree void *blob = NULL;
	size_t size;

	ck_assert_ptr_nonnull(mkdtemp(top));
	node = str_printf("%s/uart@0", top);
	ck_assert_int_eq(mkdir(node, 0755), 0);
	put_file(top, "#address-cells", "\0\0\0\1", 4);
	put_file(top, "name", "", 1);
	put_file(node, "compatible", "a,b\0c,d", 8);
	put_file(node, "name", "uart", 5);
	put_file(node, "empty", "", 0);
	ck_ok(dt_dir_read(top, &blob, &size, &err), &err);
	ck_ok(dt_text(blob, &text, &err), &err);
	ck_assert_str_eq(
		text, "/dts-v1/;\n\n/ {\n\t#address-cells = <0x1>;\n\tname = [00];\n\n\tuart@0 {\n"
		      "\t\tcompatible = \"a,b\", \"c,d\";\n\t\tempty;\n\t};\n};\n");
	/* A circle is no folder, and is passed by. */
	command = str_printf("%s/round", node);
	ck_assert_int_eq(symlink(top, command), 0);
	free(blob);
	ck_ok(dt_dir_read(top, &blob, &size, &err), &err);
	folder_remove(top);
	free(blob);
	blob = NULL;
	ck_fails(dt_dir_read(top, &blob, &size, &err), &err, ENOENT, "the host's device tree");
}
END_TEST

TEST_MAIN("dt_host", nodes_are_found, a_device_is_its_registers_and_interrupts,
	  what_no_guest_can_have, signs, as_it_always_was, with_a_handwritten_part,
	  what_cannot_be_told, two_nodes_with_one_phandle, damaged_ones, too_deep,
	  a_tree_of_folders)
