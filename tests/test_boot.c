// SPDX-License-Identifier: LGPL-2.1-or-later
/* Guests that Xen starts: where modules go, what the nodes say, and what is refused. */
#include <errno.h>
#include <libfdt.h>
#include <stdio.h>
#include <sys/stat.h>
#include "base/file.h"
#include "base/str.h"
#include "libvmm/boot_plan.h"
#include "libvmm/dt_boot.h"
#include "libvmm/libvmm.h"
#include "tests/test.h"

#define MIB (1ull << 20)

static struct err err;
static char dir[] = "/tmp/test_boot.XXXXXX";
static char said[2048];

/* --- placing ---------------------------------------------------------------------------------------------------------- */

START_TEST(modules_go_to_the_lowest_free_place)
{
	struct boot_map map = { .from = 0x48000000 };
	uint64_t base;

	boot_ranges_add(&map.ram, 0x40000000, 256 * MIB);
	boot_ranges_add(&map.taken, 0x48100000, MIB);
	ck_ok(boot_place(&map, 1 * MIB, "a", &base, &err), &err);
	ck_assert_uint_eq(base, 0x48000000);
	ck_ok(boot_place(&map, 1 * MIB, "b", &base, &err), &err);
	ck_assert_uint_eq(base, 0x48200000);
	ck_ok(boot_place(&map, 4096, "c", &base, &err), &err);
	ck_assert_uint_eq(base, 0x48400000);
	ck_fails(boot_place(&map, 200 * MIB, "big", &base, &err), &err, ENOSPC, "big");
	boot_map_free(&map);
}
END_TEST

START_TEST(the_ends_of_the_address_space_do_not_wrap)
{
	struct boot_map map = { .from = 0 };
	uint64_t base;

	boot_ranges_add(&map.ram, UINT64_MAX - MIB, 2 * MIB);
	ck_fails(boot_place(&map, 2 * MIB, "x", &base, &err), &err, ENOSPC, "x");
	ck_fails(boot_claim(&map, UINT64_MAX - 4095, 8192, "y", &err), &err, EINVAL, "y");
	boot_map_free(&map);
}
END_TEST

START_TEST(claims_are_exact_and_exclusive)
{
	struct boot_map map = { .from = 0 };

	boot_ranges_add(&map.ram, 0x40000000, 64 * MIB);
	ck_ok(boot_claim(&map, 0x41000000, MIB, "one", &err), &err);
	ck_fails(boot_claim(&map, 0x410ff000, MIB, "two", &err), &err, EBUSY, "overlaps");
	ck_ok(boot_claim(&map, 0x41100000, MIB, "beside", &err), &err);
	ck_fails(boot_claim(&map, 0x43f00000, 2 * MIB, "over", &err), &err, EINVAL, "not memory");
	ck_fails(boot_claim(&map, 0x40000000, 0, "none", &err), &err, EINVAL, "none");
	boot_map_free(&map);
}
END_TEST

/* --- exporting -------------------------------------------------------------------------------------------------------- */

static void put(const char *name, const void *data, size_t len)
{
	autofree char *path = str_printf("%s/%s", dir, name);

	ck_ok(file_write_atomic(path, data, len, 0644, &err), &err);
}

/* A file that is an arm64 Image as far as its header says. */
static void put_image(void)
{
	static uint8_t image[8192];
	uint64_t size = sizeof(image);

	memcpy(image + 16, &size, sizeof(size));
	memcpy(image + 56, "ARM\x64", 4);
	put("Image", image, sizeof(image));
}

static void put_board(int chosen_cells)
{
	static char blob[4096];
	int chosen, memory;

	ck_assert_int_eq(fdt_create_empty_tree(blob, sizeof(blob)), 0);
	memory = fdt_add_subnode(blob, 0, "memory@40000000");
	fdt_setprop_string(blob, memory, "device_type", "memory");
	fdt_appendprop_u64(blob, memory, "reg", 0x40000000);
	fdt_appendprop_u64(blob, memory, "reg", 0x40000000);
	fdt_setprop_u32(blob, 0, "#address-cells", 2);
	fdt_setprop_u32(blob, 0, "#size-cells", 2);
	chosen = fdt_add_subnode(blob, 0, "chosen");
	if (chosen_cells)
		fdt_setprop_u32(blob, chosen, "#address-cells", (uint32_t)chosen_cells);
	put("board.dtb", blob, sizeof(blob));
}

static void collect(void *arg, const char *where, const char *message)
{
	size_t len = strlen(said);

	(void)arg;
	snprintf(said + len, sizeof(said) - len, "%s: %s\n", where, message);
}

static struct vmm_config *guest(const char *name, const char *more)
{
	autofree char *text = str_printf("name=\"%s\"\nkernel=\"%s/Image\"\nmemory=64\n%s", name, dir, more);
	struct vmm_config_source src = { .path = "test", .text = text };
	struct vmm_config *cfg = NULL;

	ck_ok(vmm_config_load(&src, &cfg, &err), &err);
	return cfg;
}

static int export(struct vmm_config **cfgs, size_t nr, enum vmm_boot_form form, unsigned minor, char **out, size_t *len)
{
	autofree char *board = str_printf("%s/board.dtb", dir);
	struct vmm_boot_export req = { .guests = cfgs, .nr_guests = nr, .form = form, .xen_minor = minor, .board = board,
				       .warn = collect };

	said[0] = '\0';
	return vmm_boot_export(&req, out, len, &err);
}

static void set_up(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
	put_image();
	put_board(0);
}

START_TEST(a_blob_names_its_guests_in_order)
{
	struct vmm_config *cfgs[2];
	autofree char *blob = NULL;
	struct boot_node *nodes;
	size_t len, nr;

	set_up();
	cfgs[0] = guest("first", "vcpus=2\nvuart=\"sbsa_uart\"\ncmdline=\"a \\\"b\\\"\"\n");
	cfgs[1] = guest("second", "static_mem=[\"0x60000000,64m\"]\ndirect_map=1\n");
	ck_ok(export(cfgs, 2, VMM_BOOT_DTB, 20, &blob, &len), &err);
	ck_ok(dt_boot_nodes(blob, len, &nodes, &nr, &err), &err);
	ck_assert_uint_eq(nr, 2);
	ck_assert_str_eq(nodes[0].name, "first");
	ck_assert_uint_eq(nodes[0].cpus, 2);
	ck_assert_uint_eq(nodes[0].memory_kb, 65536);
	ck_assert(nodes[0].has_store && nodes[0].has_vpl011);
	ck_assert_str_eq(nodes[1].name, "second");
	ck_assert(!nodes[1].has_vpl011);
	boot_nodes_free(nodes, nr);
	vmm_config_free(cfgs[0]);
	vmm_config_free(cfgs[1]);
}
END_TEST

START_TEST(source_and_commands_say_the_same)
{
	struct vmm_config *cfg;
	autofree char *dts = NULL, *cmd = NULL;
	size_t len;

	set_up();
	cfg = guest("web", "cmdline=\"console=hvc0 x=\\\\\"\n");
	ck_ok(export(&cfg, 1, VMM_BOOT_DTS, 20, &dts, &len), &err);
	ck_ok(export(&cfg, 1, VMM_BOOT_SCRIPT, 20, &cmd, &len), &err);
	ck_assert_ptr_nonnull(strstr(dts, "module@50000000 {"));
	ck_assert_ptr_nonnull(strstr(dts, "memory = <0x0 0x10000>;"));
	ck_assert_ptr_nonnull(strstr(dts, "bootargs = \"console=hvc0 x=\\\\\";"));
	ck_assert_ptr_nonnull(strstr(cmd, "fdt set /chosen/web memory <0x0 0x10000>"));
	ck_assert_ptr_nonnull(strstr(cmd, "load ${devtype} ${devnum}:${distro_bootpart} 0x50000000 Image"));
	vmm_config_free(cfg);
}
END_TEST

START_TEST(what_a_boot_cannot_do_is_said_key_by_key)
{
	struct vmm_config *cfg;
	autofree char *out = NULL, *newer = NULL;
	size_t len;

	set_up();
	cfg = guest("all", "cpus=\"1\"\ncpu_weight=512\nmax_grant_frames=32\nvif=[\"bridge=br0\"]\npool=\"rt\"\n");
	ck_ok(export(&cfg, 1, VMM_BOOT_DTS, 17, &out, &len), &err);
	ck_assert_ptr_nonnull(strstr(said, "all: cpus: "));
	ck_assert_ptr_nonnull(strstr(said, "xl vcpu-pin all"));
	ck_assert_ptr_nonnull(strstr(said, "all: pool: "));
	ck_assert_ptr_nonnull(strstr(said, "disk, vif"));
	ck_assert_ptr_nonnull(strstr(said, "max_grant_frames"));
	ck_assert_ptr_null(strstr(out, "max_grant_frames"));
	ck_ok(export(&cfg, 1, VMM_BOOT_DTS, 20, &newer, &len), &err);
	ck_assert_ptr_null(strstr(said, "max_grant_frames"));
	ck_assert_ptr_nonnull(strstr(newer, "max_grant_frames = <0x20>;"));
	vmm_config_free(cfg);
}
END_TEST

START_TEST(bad_plans_are_refused)
{
	static const struct { const char *name, *more; int code; const char *words; } bad[] = {
		{ "a b", "", EINVAL, "letters" },
		{ "a-name-of-more-than-thirty-one-characters", "", EINVAL, "31" },
		{ "g", "static_mem=[\"0x60000000\"]\n", EINVAL, "start,size" },
		{ "g", "static_mem=[\"0x60000000,32m\"]\n", EINVAL, "must be equal" },
		{ "g", "static_mem=[\"0x60000001,64m\"]\n", EINVAL, "page" },
		{ "g", "static_mem=[\"0x10000000,64m\"]\n", EINVAL, "not memory" },
		{ "g", "static_mem=[\"0x60000000,64m\",\"0x60000000,64m\"]\n", EBUSY, "overlaps" },
		{ "g", "direct_map=1\n", EINVAL, "static_mem" },
		{ "g", "ramdisk=\"/nonexistent\"\n", ENOENT, "/nonexistent" },
	};
	char *out = NULL;
	size_t len;

	set_up();
	for (size_t i = 0; i < array_size(bad); i++) {
		struct vmm_config *cfg = guest(bad[i].name, bad[i].more);

		ck_fails(export(&cfg, 1, VMM_BOOT_DTS, 20, &out, &len), &err, bad[i].code, bad[i].words);
		ck_assert_ptr_null(out);
		vmm_config_free(cfg);
	}
}
END_TEST

START_TEST(two_guests_of_one_name_and_a_narrow_board_are_refused)
{
	struct vmm_config *cfgs[2];
	char *out = NULL;
	size_t len;

	set_up();
	cfgs[0] = guest("g", "static_mem=[\"0x60000000,64m\"]\n");
	cfgs[1] = guest("g", "");
	ck_fails(export(cfgs, 2, VMM_BOOT_DTS, 20, &out, &len), &err, EEXIST, "'g'");
	put_board(1);
	ck_fails(export(cfgs, 1, VMM_BOOT_DTB, 20, &out, &len), &err, EINVAL, "#address-cells");
	put("board.dtb", "no tree at all", 14);
	ck_fails(export(cfgs, 1, VMM_BOOT_DTB, 20, &out, &len), &err, EINVAL, "not a sound device tree");
	vmm_config_free(cfgs[0]);
	vmm_config_free(cfgs[1]);
}
END_TEST

/* --- a board as a whole ------------------------------------------------------------------------------------------------ */

static void finding(void *arg, bool is_conflict, const char *line)
{
	collect(arg, is_conflict ? "conflict" : "remark", line);
}

static unsigned check(const char *a, const char *b)
{
	struct vmm_config *cfgs[2] = { guest("a", a), guest("b", b) };
	unsigned nr;

	said[0] = '\0';
	nr = vmm_check_static(cfgs, 2, finding, NULL);
	vmm_config_free(cfgs[0]);
	vmm_config_free(cfgs[1]);
	return nr;
}

START_TEST(what_two_guests_are_given_is_found)
{
	static const struct { const char *a, *b, *words; } bad[] = {
		{ "irqs=[40,41]\n", "irqs=[41]\n", "irq 41" },
		{ "iomem=[\"9010,4\"]\n", "iomem=[\"9012,1\"]\n", "page 0x9012" },
		{ "iomem=[\"9012,1\"]\n", "iomem=[\"9010,4\"]\n", "page 0x9012" },
		{ "dtdev=[\"/soc/can\"]\n", "dtdev=[\"/soc/can\"]\n", "/soc/can" },
		{ "static_mem=[\"0x60000000,64m\"]\n", "static_mem=[\"0x63fff000,64m\"]\n", "overlaps" },
		{ "uuid=\"01234567-89ab-cdef-0123-456789abcdef\"\n", "uuid=\"01234567-89ab-cdef-0123-456789abcdef\"\n",
		  "same uuid" },
	};

	set_up();
	for (size_t i = 0; i < array_size(bad); i++) {
		ck_assert_uint_eq(check(bad[i].a, bad[i].b), 1);
		ck_assert_msg(strstr(said, "conflict: 'a' and 'b'") && strstr(said, bad[i].words), "%s", said);
	}
}
END_TEST

START_TEST(neighbours_are_no_conflict)
{
	set_up();
	ck_assert_uint_eq(check("iomem=[\"9010,2\"]\nirqs=[40]\ncpus=\"1\"\n", "iomem=[\"9012,1\"]\nirqs=[41]\ncpus=\"2\"\n"),
			  0);
	ck_assert_ptr_null(strstr(said, "share"));
	ck_assert_ptr_nonnull(strstr(said, "2 guests, 2 vcpus, 128 MiB"));
	ck_assert_uint_eq(check("cpus=\"1-2\"\n", "cpus=\"2\"\n"), 0);
	ck_assert_ptr_nonnull(strstr(said, "'a' and 'b' share pcpu 2"));
	ck_assert_uint_eq(check("cpus=\"1\"\n", ""), 0);
	ck_assert_ptr_nonnull(strstr(said, "'b' may run on any pcpu"));
	ck_assert_uint_eq(check("static_mem=[\"0x60000000,64m\"]\n", "static_mem=[\"0x64000000,64m\"]\n"), 0);
}
END_TEST

TEST_MAIN("boot", what_two_guests_are_given_is_found, neighbours_are_no_conflict, modules_go_to_the_lowest_free_place, the_ends_of_the_address_space_do_not_wrap,
	  claims_are_exact_and_exclusive, a_blob_names_its_guests_in_order, source_and_commands_say_the_same,
	  what_a_boot_cannot_do_is_said_key_by_key, bad_plans_are_refused,
	  two_guests_of_one_name_and_a_narrow_board_are_refused)
