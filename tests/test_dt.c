/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libvmm/dt and dt_guest: the writer's promises, and the trees upstream gives the same guests. */
#include "libvmm/dt.h"

#include <errno.h>
#include <libfdt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/file.h"
#include "base/str.h"
#include "libvmm/dt_guest.h"
#include "tests/files.h"
#include "tests/test.h"

#define MIB (1ull << 20)

static struct err err;

START_TEST(a_first_failure_sticks)
{
	struct dt *dt = dt_new();
	void *blob = NULL;
	size_t size;

	dt_begin_node(dt, "");
	dt_fail(dt, ENOENT, "node %s: is not there", "/soc/x");
	dt_fail(dt, EINVAL, "later");
	dt_end_node(dt);
	ck_fails(dt_finish(dt, &blob, &size, &err), &err, ENOENT, "node /soc/x: is not there");
	ck_assert_ptr_null(blob);
	dt_free(dt);
	dt_free(NULL);
}
END_TEST

START_TEST(nodes_that_are_not_closed)
{
	struct dt *dt = dt_new();
	void *blob = NULL;
	size_t size;

	dt_begin_node(dt, "");
	ck_fails(dt_finish(dt, &blob, &size, &err), &err, EINVAL, "1 nodes are open");
	dt_free(dt);
}
END_TEST

START_TEST(it_grows)
{
	struct dt *dt = dt_new();
	static uint8_t value[1000];
	void *blob;
	size_t size;

	dt_begin_node(dt, "");
	for (unsigned i = 0; i < 500; i++) {
		char name[16];

		snprintf(name, sizeof(name), "node%u", i);
		memset(value, i, sizeof(value));
		dt_begin_node(dt, name);
		dt_prop(dt, name, value, sizeof(value));
		dt_end_node(dt);
	}
	dt_end_node(dt);
	ck_ok(dt_finish(dt, &blob, &size, &err), &err);
	dt_free(dt);
	ck_assert_int_eq(fdt_check_full(blob, size), 0);
	for (unsigned i = 0; i < 500; i++) {
		char name[16];
		const uint8_t *got;
		int len;

		snprintf(name, sizeof(name), "node%u", i);
		got = fdt_getprop(blob, fdt_subnode_offset(blob, 0, name), name, &len);
		ck_assert(got && len == sizeof(value) && got[0] == (uint8_t)i &&
			  got[999] == (uint8_t)i);
	}
	free(blob);
}
END_TEST

START_TEST(too_much)
{
	struct dt *dt = dt_new();
	autofree void *much = xcalloc(1, 3 << 20);
	void *blob;
	size_t size;

	dt_begin_node(dt, "");
	dt_prop(dt, "much", much, 3 << 20);
	dt_end_node(dt);
	ck_fails(dt_finish(dt, &blob, &size, &err), &err, EFBIG, "much");
	dt_free(dt);
}
END_TEST

/* --- the guest's tree ------------------------------------------------------------------------- */

struct guest {
	/* tests/golden/dt-NAME.dts, from the stock toolstack of Xen 4.17; tee and c128, which it
	 * could not make on the board at hand, ours as they were first read through. WRITE_GOLDEN
	 * in the environment writes missing ones. */
	const char *golden;
	uint64_t memory;
	uint32_t vcpus;
	bool is_32bit;
	uint64_t initrd_size;
	const char *cmdline;
	enum config_vuart vuart;
	enum config_tee tee;
	enum hv_gic gic;
};

static const struct guest guests[] = {
	{ .golden = "plain", .memory = 256 * MIB, .vcpus = 1 },
	{ .golden = "full",
	  .memory = 256 * MIB,
	  .vcpus = 4,
	  .initrd_size = 1563935,
	  .cmdline = "console=hvc0 foo=1" },
	{ .golden = "vuart", .memory = 128 * MIB, .vcpus = 1, .vuart = CONFIG_VUART_SBSA },
	{ .golden = "g32",
	  .memory = 128 * MIB,
	  .vcpus = 1,
	  .is_32bit = true,
	  .initrd_size = 1353443 },
	{ .golden = "c18", .memory = 256 * MIB, .vcpus = 18 },
	{ .golden = "big", .memory = 2500 * MIB, .vcpus = 1, .initrd_size = 1563935 },
	{ .golden = "gicv2",
	  .memory = 128 * MIB,
	  .vcpus = 2,
	  .is_32bit = true,
	  .initrd_size = 1353443,
	  .cmdline = "console=hvc0",
	  .gic = HV_GIC_V2 },
	{ .golden = "tee", .memory = 64 * MIB, .vcpus = 1, .tee = CONFIG_TEE_OPTEE },
	{ .golden = "c128", .memory = 64 * MIB, .vcpus = 128 },
};

static void build_tree(const struct guest *g, void **blob, size_t *size)
{
	struct vmm_config cfg = { .max_vcpus = g->vcpus, .vuart = g->vuart, .tee = g->tee };
	struct layout_request req = {
		.memory_kb = g->memory / 1024,
		.kernel_base = LAYOUT_RAM0,
		.kernel_size = 32832 << 10,
		.initrd_size = g->initrd_size,
		.dtb_size = 4000,
		.gpaddr_bits = 40,
	};
	struct layout map;
	struct dt_guest dt = {
		.cfg = &cfg,
		.layout = &map,
		.is_64bit = !g->is_32bit,
		.xen_major = 4,
		.xen_minor = 17,
		.gic_version = g->gic ? g->gic : HV_GIC_V3,
		.vuart_spi = LAYOUT_VPL011_SPI,
	};

	cfg.cmdline = (char *)(uintptr_t)g->cmdline;
	ck_ok(layout_plan(&req, &map, &err), &err);
	ck_ok(dt_guest_build(&dt, blob, size, &err), &err);
	ck_assert_int_eq(fdt_check_full(*blob, *size), 0);
}

/* Through dtc, which is also the judge of what it complains about. */
static char *decompile(const void *blob, size_t size)
{
	char path[] = "/tmp/test_dt.XXXXXX";
	int fd = mkstemp(path);
	autofree char *command = str_printf("dtc -q -s -I dtb -O dts %s", path);
	autostrbuf struct strbuf out = STRBUF_INIT;
	char piece[4096];
	FILE *p;
	size_t n;

	ck_assert_int_ge(fd, 0);
	ck_ok(file_write_all(fd, blob, size, &err), &err);
	close(fd);
	p = popen(command, "r");
	ck_assert_ptr_nonnull(p);
	while ((n = fread(piece, 1, sizeof(piece), p)) > 0)
		strbuf_addn(&out, piece, n);
	ck_assert_msg(pclose(p) == 0,
		      "dtc failed: it must be installed (package device-tree-compiler)");
	unlink(path);
	return strbuf_steal(&out);
}

START_TEST(as_upstream_describes_them)
{
	for (size_t i = 0; i < array_size(guests); i++) {
		autofree char *path =
			source_path("tests/golden/dt-%s.dts", guests[i].golden);
		autofree char *want = NULL, *got = NULL;
		autofree void *blob = NULL;
		size_t size;

		build_tree(&guests[i], &blob, &size);
		got = decompile(blob, size);
		if (getenv("WRITE_GOLDEN") && access(path, F_OK) < 0)
			ck_ok(file_write_atomic(path, got, strlen(got), 0644, &err), &err);
		ck_ok(file_read(path, 1 << 20, &want, NULL, &err), &err);
		ck_assert_msg(str_eq(got, want), "%s: got\n%s\nwanted\n%s", guests[i].golden, got,
			      want);
	}
}
END_TEST

START_TEST(size_does_not_depend_on_addresses)
{
	struct vmm_config cfg = { .max_vcpus = 2 };
	struct layout maps[2] = {
		{ .nr_banks = 1, .bank[0] = { LAYOUT_RAM0, 64 * MIB }, .initrd = { 1, 1 }, .nr_extended = 1 },
		{ .nr_banks = 1, .bank[0] = { LAYOUT_RAM0, 3072 * MIB }, .initrd = { ~0ull >> 1, 7 }, .nr_extended = 1 },
	};
	size_t sizes[2];

	for (unsigned i = 0; i < 2; i++) {
		struct dt_guest g = {
			.cfg = &cfg, .layout = &maps[i], .gic_version = HV_GIC_V3, .xen_major = 4
		};
		autofree void *blob = NULL;

		ck_ok(dt_guest_build(&g, &blob, &sizes[i], &err), &err);
	}
	ck_assert_uint_eq(sizes[0], sizes[1]);
}
END_TEST

START_TEST(one_to_128_vcpus)
{
	for (uint32_t n = 1; n <= 128; n++) {
		struct guest g = { .memory = 64 * MIB, .vcpus = n };
		autofree void *blob = NULL;
		int cpus, node, nr = 0;
		size_t size;

		build_tree(&g, &blob, &size);
		cpus = fdt_path_offset(blob, "/cpus");
		fdt_for_each_subnode(node, blob, cpus)
		{
			const fdt32_t *reg = fdt_getprop(blob, node, "reg", NULL);

			/* dtc and Linux take them in any order; a vcpu is found by its number,
			 * sixteen to a cluster. */
			ck_assert_ptr_nonnull(reg);
			ck_assert_uint_eq(fdt32_to_cpu(*reg), (uint32_t)((nr / 16) << 8 | nr % 16));
			nr++;
		}
		ck_assert_int_eq(nr, n);
	}
}
END_TEST

TEST_MAIN("dt", a_first_failure_sticks, nodes_that_are_not_closed, it_grows, too_much,
	  as_upstream_describes_them, size_does_not_depend_on_addresses, one_to_128_vcpus)
