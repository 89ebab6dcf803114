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

/* --- placing ---------------------------------------------------------------------------------- */

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

/* --- exporting -------------------------------------------------------------------------------- */

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
	int chosen, memory, cpus;

	ck_assert_int_eq(fdt_create_empty_tree(blob, sizeof(blob)), 0);
	memory = fdt_add_subnode(blob, 0, "memory@40000000");
	fdt_setprop_string(blob, memory, "device_type", "memory");
	fdt_appendprop_u64(blob, memory, "reg", 0x40000000);
	fdt_appendprop_u64(blob, memory, "reg", 0x40000000);
	fdt_setprop_u32(blob, 0, "#address-cells", 2);
	fdt_setprop_u32(blob, 0, "#size-cells", 2);
	cpus = fdt_add_subnode(blob, 0, "cpus");
	fdt_setprop_u32(blob, cpus, "#address-cells", 1);
	fdt_setprop_u32(blob, cpus, "#size-cells", 0);
	for (unsigned i = 4; i-- > 0;) {
		char name[16];
		int cpu;

		snprintf(name, sizeof(name), "cpu@%u", i);
		cpu = fdt_add_subnode(blob, fdt_path_offset(blob, "/cpus"), name);
		fdt_setprop_string(blob, cpu, "device_type", "cpu");
		fdt_setprop_u32(blob, cpu, "reg", i);
		if (i == 1)
			fdt_setprop_u32(blob, cpu, "phandle", 0x8001);
	}
	chosen = fdt_add_subnode(blob, 0, "chosen");
	fdt_setprop_string(blob, chosen, "xen,xen-bootargs", "console=dtuart dom0_mem=512M");
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
	autofree char *text =
		str_printf("name=\"%s\"\nkernel=\"%s/Image\"\nmemory=64\n%s", name, dir, more);
	struct vmm_config_source src = { .path = "test", .text = text };
	struct vmm_config *cfg = NULL;

	ck_ok(vmm_config_load(&src, &cfg, &err), &err);
	return cfg;
}

/* Two guests, or one and NULL. */
struct pair { struct vmm_config *v[2]; };

static struct pair pair(const char *a, const char *a_keys, const char *b, const char *b_keys)
{
	return (struct pair){ { guest(a, a_keys), guest(b, b_keys) } };
}

static void pair_free(struct pair *p)
{
	vmm_config_free(p->v[0]);
	vmm_config_free(p->v[1]);
}
#define autopair __attribute__((cleanup(pair_free)))

/* For the board of the tests, with the warnings in `said`. */
static int export_for_board(struct vmm_boot_export req, char **out, size_t *len)
{
	autofree char *board = str_printf("%s/board.dtb", dir);

	req.board = board;
	req.warn = collect;
	said[0] = '\0';
	return vmm_boot_export(&req, out, len, &err);
}

static int export(struct vmm_config **cfgs, size_t nr, enum vmm_boot_form form, unsigned minor,
		  char **out, size_t *len)
{
	const struct vmm_boot_export req = {
		.guests = cfgs, .nr_guests = nr, .form = form, .xen_minor = minor
	};

	return export_for_board(req, out, len);
}

static void was_said(const char *words)
{
	ck_assert_msg(strstr(said, words) != NULL, "no '%s' in:\n%s", words, said);
}

static void set_up(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
	put_image();
	put_board(0);
}

START_TEST(a_blob_names_its_guests_in_order)
{
	autopair struct pair both = { { NULL, NULL } };
	autofree char *blob = NULL;
	struct boot_node *nodes;
	size_t len, nr;

	set_up();
	both = pair("first", "vcpus=2\nvuart=\"sbsa_uart\"\ncmdline=\"a \\\"b\\\"\"\n",
		    "second", "static_mem=[\"0x60000000,64m\"]\ndirect_map=1\n");
	ck_ok(export(both.v, 2, VMM_BOOT_DTB, 20, &blob, &len), &err);
	ck_ok(dt_boot_nodes(blob, len, &nodes, &nr, &err), &err);
	ck_assert_uint_eq(nr, 2);
	ck_assert_str_eq(nodes[0].name, "first");
	ck_assert_uint_eq(nodes[0].cpus, 2);
	ck_assert_uint_eq(nodes[0].memory_kb, 65536);
	ck_assert(nodes[0].has_store && nodes[0].has_vpl011);
	ck_assert_str_eq(nodes[1].name, "second");
	ck_assert(!nodes[1].has_vpl011);
	boot_nodes_free(nodes, nr);
}
END_TEST

/* As dom0 finds it under Xen 4.20: the nodes of the guests are gone, the table is there. */
START_TEST(dom0_knows_guests_whose_nodes_are_hidden)
{
	autopair struct pair both = { { NULL, NULL } };
	autofree char *blob = NULL;
	struct boot_node *nodes;
	size_t len, nr;

	set_up();
	both = pair("first", "vcpus=2\ncmdline=\"a b\"\n",
		    "second", "static_mem=[\"0x60000000,64m\"]\n");
	ck_ok(export(both.v, 2, VMM_BOOT_DTB, 20, &blob, &len), &err);
	ck_assert_int_eq(fdt_del_node(blob, fdt_path_offset(blob, "/chosen/first")), 0);
	ck_assert_int_eq(fdt_del_node(blob, fdt_path_offset(blob, "/chosen/second")), 0);
	ck_ok(dt_boot_nodes(blob, len, &nodes, &nr, &err), &err);
	ck_assert_uint_eq(nr, 2);
	ck_assert_str_eq(nodes[0].name, "first");
	ck_assert_uint_eq(nodes[0].cpus, 2);
	ck_assert_uint_eq(nodes[0].memory_kb, 65536);
	ck_assert(nodes[0].has_store && !nodes[0].is_static);
	ck_assert_str_eq(nodes[0].bootargs, "a b");
	ck_assert_ptr_nonnull(strstr(nodes[0].config, "name=\"first\""));
	ck_assert_str_eq(nodes[1].name, "second");
	ck_assert(nodes[1].is_static && !nodes[1].has_ring_memory);
	boot_nodes_free(nodes, nr);
	/* A domain that is named twice: no table. */
	ck_assert_int_eq(
		fdt_setprop_inplace_u32(blob, fdt_path_offset(blob, "/chosen/libvmm-guests/second"),
					"libvmm,domid", 1),
		0);
	ck_ok(dt_boot_nodes(blob, len, &nodes, &nr, &err), &err);
	ck_assert_uint_eq(nr, 0);
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
	ck_assert_ptr_nonnull(
		strstr(cmd, "load ${devtype} ${devnum}:${distro_bootpart} 0x50000000 Image"));
	vmm_config_free(cfg);
}
END_TEST

START_TEST(what_a_boot_cannot_do_is_said_key_by_key)
{
	struct vmm_config *cfg;
	autofree char *out = NULL, *newer = NULL;
	size_t len;

	set_up();
	cfg = guest("all", "cpus=\"1\"\ncpu_weight=512\nmax_grant_frames=32\nvif=[\"bridge=br0\"]"
			   "\npool=\"rt\"\n");
	ck_ok(export(&cfg, 1, VMM_BOOT_DTS, 17, &out, &len), &err);
	was_said("all: cpus, cpus_soft: ");
	was_said("xl init-dom0less");
	was_said("all: pool: ");
	was_said("disk, vif");
	was_said("max_grant_frames");
	ck_assert_ptr_null(strstr(out, "max_grant_frames = "));
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

		ck_fails(export(&cfg, 1, VMM_BOOT_DTS, 20, &out, &len), &err, bad[i].code,
			 bad[i].words);
		ck_assert_ptr_null(out);
		vmm_config_free(cfg);
	}
}
END_TEST

START_TEST(two_guests_of_one_name_and_a_narrow_board_are_refused)
{
	autopair struct pair both = { { NULL, NULL } };
	char *out = NULL;
	size_t len;

	set_up();
	both = pair("g", "static_mem=[\"0x60000000,64m\"]\n", "g", "");
	ck_fails(export(both.v, 2, VMM_BOOT_DTS, 20, &out, &len), &err, EEXIST, "'g'");
	put_board(1);
	ck_fails(export(both.v, 1, VMM_BOOT_DTB, 20, &out, &len), &err, EINVAL, "#address-cells");
	put("board.dtb", "no tree at all", 14);
	ck_fails(export(both.v, 1, VMM_BOOT_DTB, 20, &out, &len), &err, EINVAL,
		 "not a sound device tree");
}
END_TEST

/* --- what Xen sets up between guests ---------------------------------------------------------- */

static struct vmm_cpupool_config pool(const char *text)
{
	struct vmm_config_source src = { .path = "pool", .text = text };
	struct vmm_cpupool_config cfg;

	ck_ok(vmm_cpupool_config_load(NULL, &src, &cfg, &err), &err);
	return cfg;
}

static int export_all(struct vmm_config **cfgs, size_t nr, const struct vmm_cpupool_config *pools,
		      size_t nr_pools, enum vmm_boot_form form, bool no_config, char **out,
		      size_t *len)
{
	const struct vmm_boot_export req = { .guests = cfgs,
					     .nr_guests = nr,
					     .form = form,
					     .xen_minor = 20,
					     .pools = pools,
					     .nr_pools = nr_pools,
					     .no_config = no_config };

	return export_for_board(req, out, len);
}

static const char first_keys[] =
	"vcpus=2\nvuart=\"sbsa_uart\"\ncmdline=\"a \\\"b\\\" "
	"\\\\\"\npool=\"fast\"\nmax_grant_frames=40\nshadow_memory=4\n"
	"static_evtchn=[\"10,second,11\",\"12,Domain-0,13\"]\nllc_colors=[\"0-3\",\"6\"]\n"
	"static_shm=[\"id=ring,address=0x50000000,size=2m,role=owner\",\"id=log,address=0x51000000,"
	"size=64k,dom0\"]\n";
static const char second_keys[] =
	"static_mem=[\"0x70000000,32m\",\"0x7a000000,32m\"]\ndirect_map=1\nstatic_evtchn=[\"11,"
	"first,10\"]\nnr_spis=64\nsve=\"hw\"\n"
	"static_shm=[\"id=ring,address=0x52000000,size=2m,host=0x60000000,role=borrower\"]\n";
static const char pool_keys[] = "name=\"fast\"\nsched=\"null\"\ncpus=\"1,3\"\n";

/* Guests and a pool that use everything. */
struct everything {
	struct pair guests;
	struct vmm_cpupool_config pool;
};

static struct everything everything(void)
{
	return (struct everything){ pair("first", first_keys, "second", second_keys),
				    pool(pool_keys) };
}

static void everything_free(struct everything *e)
{
	pair_free(&e->guests);
	free(e->pool.name);
}
#define autoeverything __attribute__((cleanup(everything_free)))

static int export_everything(struct everything *e, enum vmm_boot_form form, bool no_config,
			     char **out, size_t *len)
{
	return export_all(e->guests.v, 2, &e->pool, 1, form, no_config, out, len);
}

START_TEST(a_board_with_everything_goes_there_and_back)
{
	autoeverything struct everything all = { 0 }, again = { 0 };
	autofree char *blob = NULL, *blob_again = NULL, *path = NULL;
	struct vmm_boot_file *files;
	size_t len, len_again, nr, nr_again = 0;

	set_up();
	path = str_printf("%s/out.dtb", dir);
	all = everything();
	ck_ok(export_everything(&all, VMM_BOOT_DTB, true, &blob, &len), &err);
	put("out.dtb", blob, len);
	ck_ok(vmm_boot_import(path, &files, &nr, &err), &err);
	ck_assert_uint_eq(nr, 3);
	for (size_t i = 0; i < nr; i++) {
		struct vmm_config_source src = { .path = files[i].name, .text = files[i].text };

		if (files[i].kind == VMM_BOOT_FILE_POOL)
			again.pool = pool(files[i].text);
		else
			ck_ok(vmm_config_load(&src, &again.guests.v[nr_again++], &err), &err);
		ck_assert_ptr_null(files[i].stored);
	}
	ck_assert_uint_eq(nr_again, 2);
	ck_ok(export_everything(&again, VMM_BOOT_DTB, true, &blob_again, &len_again), &err);
	ck_assert_uint_eq(len, len_again);
	ck_assert_mem_eq(blob, blob_again, len);
	vmm_boot_files_free(files, nr);
}
END_TEST

START_TEST(a_board_with_everything_says_this)
{
	static const char *const words[] = {
		"xen,evtchn = <0xa 0x8005>;",
		"xen,evtchn = <0xb 0x8004>;",
		"compatible = \"xen,evtchn-v1\";",
		"xen,evtchn = <0xc 0x8007>;",
		"xen,evtchn = <0xd 0x8006>;",
		"xen,shm-id = \"ring\";",
		"xen,shared-mem = <0x0 0x60000000 0x0 0x50000000 0x0 0x200000>;",
		"role = \"owner\";",
		"xen,shared-mem = <0x0 0x60000000 0x0 0x52000000 0x0 0x200000>;",
		"role = \"borrower\";",
		"xen,static-mem = <0x0 0x70000000 0x0 0x2000000 0x0 0x7a000000 0x0 0x2000000>;",
		"direct-map;",
		"compatible = \"xen,cpupool\";",
		"cpupool-cpus = <0x8001 0x8002>;",
		"cpupool-sched = \"null\";",
		"domain-cpupool = <0x",
		"libvmm,cpus = \"1,3\";",
		"max_grant_frames = <0x28>;",
		"xen,domain-p2m-mem-mb = <0x4>;",
		"llc-colors = \"0-3,6\";",
		"sve;",
		"nr_spis = <0x40>;",
		"libvmm,config = \"name=\\\"first\\\"\\n",
		"/ { cpus { cpu@3 { phandle = <0x8002>; }; }; };",
	};
	autoeverything struct everything all = { 0 };
	autofree char *dts = NULL, *cmd = NULL;
	size_t len;

	set_up();
	all = everything();
	ck_ok(export_everything(&all, VMM_BOOT_DTS, false, &dts, &len), &err);
	for (size_t i = 0; i < array_size(words); i++)
		ck_assert_msg(strstr(dts, words[i]) != NULL, "no '%s' in:\n%s", words[i], dts);
	ck_assert_ptr_null(strstr(said, "pool"));
	ck_ok(export_everything(&all, VMM_BOOT_SCRIPT, false, &cmd, &len), &err);
	ck_assert_ptr_nonnull(strstr(cmd, "fdt set /cpus/cpu@3 phandle <0x8002>\n"));
	ck_assert_ptr_nonnull(strstr(cmd, "fdt mknod /chosen evtchn-13\n"));
	ck_assert_ptr_null(strstr(cmd, "libvmm,config"));
}
END_TEST

/* What dtc says of a source; NULL: there is no dtc here. */
static const char *dtc(const char *in)
{
	autofree char *command =
		str_printf("dtc -I dts -O dtb -o %s/dtc.out %s/%s 2>&1", dir, dir, in);
	static char text[4096];
	FILE *f;

	if (system("command -v dtc >/dev/null") != 0)
		return NULL;
	f = popen(command, "r");
	ck_assert_ptr_nonnull(f);
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	ck_assert_msg(pclose(f) == 0, "dtc: %s", text);
	return text;
}

/* What the nodes are added to, as it lies in somebody's source tree. */
static const char board_source[] =
	"/ { #address-cells = <2>; #size-cells = <2>;\n"
	"memory@40000000 { device_type = \"memory\"; reg = <0 0x40000000 0 0x40000000>; };\n"
	"cpus { #address-cells = <1>; #size-cells = <0>;\n"
	"cpu@0 { device_type = \"cpu\"; reg = <0>; }; cpu@1 { device_type = \"cpu\"; reg = <1>; "
	"phandle = <0x8001>; };\n"
	"cpu@2 { device_type = \"cpu\"; reg = <2>; }; cpu@3 { device_type = \"cpu\"; reg = <3>; }; "
	"};\n"
	"chosen { #address-cells = <2>; #size-cells = <2>;\n"
	"module@48000000 { compatible = \"multiboot,kernel\", \"multiboot,module\"; reg = <0 "
	"0x48000000 0 0x1000>; }; }; };\n";

START_TEST(dtc_has_nothing_to_say)
{
	autoeverything struct everything all = { 0 };
	autopair struct pair one = { { NULL, NULL } };
	autofree char *dts = NULL, *plain = NULL, *whole = NULL;
	const char *text;
	size_t len;

	set_up();
	all = everything();
	ck_ok(export_everything(&all, VMM_BOOT_DTS, false, &dts, &len), &err);
	whole = str_printf("%s\n%s", dts, board_source);
	put("out.dts", whole, strlen(whole));
	text = dtc("out.dts");
	ck_assert_msg(!text || !*text, "%s", text);
	one.v[0] = guest("plain", "vcpus=2\nstatic_evtchn=[\"2,Domain-0,3\"]\n");
	ck_ok(export_all(one.v, 1, NULL, 0, VMM_BOOT_DTS, false, &plain, &len), &err);
	put("out.dts", plain, len);
	text = dtc("out.dts");
	ck_assert_msg(!text || !*text, "%s", text);
}
END_TEST

START_TEST(what_guests_share_must_fit)
{
	static const struct { const char *a, *b; int code; const char *words;
	} bad[] = {
		{ "static_evtchn=[\"10,b\"]\n", "", EINVAL, "port,guest,port" },
		{ "static_evtchn=[\"10,c,11\"]\n", "", ENOENT, "called 'c'" },
		{ "static_evtchn=[\"10,a,11\"]\n", "", EINVAL, "same guest" },
		{ "static_evtchn=[\"1,b,11\"]\n", "", ERANGE, "static_evtchn" },
		{ "static_evtchn=[\"10,b,1024\"]\n", "", ERANGE, "static_evtchn" },
		{ "static_evtchn=[\"10,b,11\"]\n", "static_evtchn=[\"12,a,10\"]\n", EBUSY,
		  "port 10 of 'a'" },
		{ "static_evtchn=[\"10,b,11\",\"12,b,11\"]\n", "", EBUSY, "port 11 of 'b'" },
		{ "static_shm=[\"id=x,address=0x50000000\"]\n", "", EINVAL, "size= are needed" },
		{ "static_shm=[\"id=x,address=0x50000000,size=2m,speed=3\"]\n", "", EINVAL,
		  "speed=3" },
		{ "static_shm=[\"id=x,address=0x50000100,size=2m\"]\n", "", EINVAL, "page" },
		{ "static_shm=[\"id=far-too-long-an-id,address=0x50000000,size=2m\"]\n", "", EINVAL,
		  "15 characters" },
		{ "static_shm=[\"id=x,address=0x50000000,size=2m\",\"id=x,address=0x60000000,size="
		  "2m\"]\n",
		  "", EEXIST, "twice" },
		{ "static_shm=[\"id=x,address=0x50000000,size=2m\"]\n",
		  "static_shm=[\"id=x,address=0x50000000,size=4m\"]\n", EINVAL, "do not agree" },
		{ "static_shm=[\"id=x,address=0x50000000,size=2m,role=owner\"]\n",
		  "static_shm=[\"id=x,address=0x50000000,size=2m,role=owner\"]\n", EINVAL,
		  "own it" },
		{ "static_shm=[\"id=x,address=0x50000000,size=2m,host=0x10000000\"]\n", "", EINVAL,
		  "not memory" },
		{ "static_mem=[\"0x70000000,64m\"]\n",
		  "static_shm=[\"id=x,address=0x50000000,size=2m,host=0x71000000\"]\n", EBUSY,
		  "overlaps" },
		{ "static_mem=[\"0x70000000,64m\"]\nllc_colors=[\"1\"]\n", "", EINVAL,
		  "one or the other" },
	};
	char *out = NULL;
	size_t len;

	set_up();
	for (size_t i = 0; i < array_size(bad); i++) {
		autopair struct pair both = pair("a", bad[i].a, "b", bad[i].b);

		ck_fails(export_all(both.v, 2, NULL, 0, VMM_BOOT_DTS, false, &out, &len), &err,
			 bad[i].code, bad[i].words);
		ck_assert_ptr_null(out);
	}
}
END_TEST

START_TEST(pools_must_fit_the_board)
{
	static const struct { const char *a, *b; int code; const char *words; } bad[] = {
		{ "name=\"p\"\ncpus=\"4\"\n", NULL, ENOENT, "pcpu 4: the board has 4" },
		{ "name=\"p\"\ncpus=\"1-2\"\n", "name=\"q\"\ncpus=\"2\"\n", EBUSY, "pcpu 2" },
		{ "name=\"p\"\ncpus=\"1\"\n", "name=\"p\"\ncpus=\"2\"\n", EEXIST, "two pools" },
		{ "name=\"p\"\n", NULL, EINVAL, "needs cpus" },
		{ "name=\"p q\"\ncpus=\"1\"\n", NULL, EINVAL, "letters" },
		{ "name=\"a\"\ncpus=\"1\"\n", NULL, EEXIST, "both called 'a'" },
	};
	struct vmm_config *cfg;
	struct vmm_boot_export blind = { .form = VMM_BOOT_DTS,
					 .xen_minor = 20,
					 .load_base = 0x50000000,
					 .nr_pools = 1,
					 .nr_guests = 1 };
	struct vmm_cpupool_config one;
	char *out = NULL;
	size_t len;

	set_up();
	cfg = guest("a", "");
	for (size_t i = 0; i < array_size(bad); i++) {
		struct vmm_cpupool_config pools[2] = { pool(bad[i].a), { .name = NULL } };

		if (bad[i].b)
			pools[1] = pool(bad[i].b);
		ck_fails(export_all(&cfg, 1, pools, bad[i].b ? 2 : 1, VMM_BOOT_DTS, false, &out,
				    &len),
			 &err, bad[i].code, bad[i].words);
		free(pools[0].name);
		free(pools[1].name);
	}
	one = pool("name=\"p\"\ncpus=\"1\"\n");
	blind.pools = &one;
	blind.guests = &cfg;
	ck_fails(vmm_boot_export(&blind, &out, &len, &err), &err, EINVAL, "--board");
	free(one.name);
	vmm_config_free(cfg);
}
END_TEST

START_TEST(more_than_the_board_has_is_refused)
{
	struct vmm_config *cfg;
	char *out = NULL;
	size_t len;

	set_up();
	cfg = guest("big", "memory=600\n");
	ck_fails(export(&cfg, 1, VMM_BOOT_DTS, 20, &out, &len), &err, ENOSPC,
		 "the guests want 600 MiB and dom0 512 MiB");
	vmm_config_free(cfg);
}
END_TEST

START_TEST(modules_keep_off_the_loader)
{
	struct vmm_config *cfg;
	autofree char *board = NULL;
	struct vmm_boot_export req = { .nr_guests = 1, .form = VMM_BOOT_DTS, .xen_minor = 20 };
	char *out;
	size_t len;

	set_up();
	board = str_printf("%s/board.dtb", dir);
	cfg = guest("g", "");
	req.guests = &cfg;
	req.board = board;
	/* QEMU's tree at 128 MiB, and U-Boot at the end of memory. */
	req.load_base = 0x48000000;
	ck_ok(vmm_boot_export(&req, &out, &len, &err), &err);
	ck_assert_msg(strstr(out, "module@48200000 {") != NULL, "%s", out);
	free(out);
	req.load_base = 0x7c000000;
	ck_fails(vmm_boot_export(&req, &out, &len, &err), &err, ENOSPC, "Image");
	vmm_config_free(cfg);
}
END_TEST

START_TEST(trees_without_guests_and_no_trees_are_told_apart)
{
	autofree char *board = NULL;
	struct vmm_boot_file *files;
	size_t nr;

	set_up();
	board = str_printf("%s/board.dtb", dir);
	ck_fails(vmm_boot_import(board, &files, &nr, &err), &err, ENOENT, "no guest");
	put("board.dtb", "no tree at all", 14);
	ck_fails(vmm_boot_import(board, &files, &nr, &err), &err, EINVAL,
		 "not a sound device tree");
	ck_fails(vmm_boot_import("/nonexistent", &files, &nr, &err), &err, ENOENT, "/nonexistent");
}
END_TEST

/* --- a board as a whole ----------------------------------------------------------------------- */

static void finding(void *arg, bool is_conflict, const char *line)
{
	collect(arg, is_conflict ? "conflict" : "remark", line);
}

/* A board of NULL: none. */
static unsigned check_board(const char *board, const char *a, const char *b)
{
	autopair struct pair both = pair("a", a, "b", b);
	unsigned nr;

	said[0] = '\0';
	ck_ok(vmm_check_static(both.v, 2, board, finding, NULL, &nr, &err), &err);
	return nr;
}

static unsigned check(const char *a, const char *b)
{
	return check_board(NULL, a, b);
}

START_TEST(what_two_guests_are_given_is_found)
{
	static const struct { const char *a, *b, *words;
	} bad[] = {
		{ "irqs=[40,41]\n", "irqs=[41]\n", "irq 41" },
		{ "iomem=[\"9010,4\"]\n", "iomem=[\"9012,1\"]\n", "page 0x9012" },
		{ "iomem=[\"9012,1\"]\n", "iomem=[\"9010,4\"]\n", "page 0x9012" },
		{ "dtdev=[\"/soc/can\"]\n", "dtdev=[\"/soc/can\"]\n", "/soc/can" },
		{ "static_mem=[\"0x60000000,64m\"]\n", "static_mem=[\"0x63fff000,64m\"]\n",
		  "overlaps" },
		{ "uuid=\"01234567-89ab-cdef-0123-456789abcdef\"\n",
		  "uuid=\"01234567-89ab-cdef-0123-456789abcdef\"\n", "same uuid" },
	};

	set_up();
	for (size_t i = 0; i < array_size(bad); i++) {
		ck_assert_uint_eq(check(bad[i].a, bad[i].b), 1);
		ck_assert_msg(strstr(said, "conflict: 'a' and 'b'") && strstr(said, bad[i].words),
			      "%s", said);
	}
}
END_TEST

START_TEST(neighbours_are_no_conflict)
{
	set_up();
	ck_assert_uint_eq(check("iomem=[\"9010,2\"]\nirqs=[40]\ncpus=\"1\"\n",
				"iomem=[\"9012,1\"]\nirqs=[41]\ncpus=\"2\"\n"),
			  0);
	ck_assert_ptr_null(strstr(said, "share"));
	was_said("2 guests, 2 vcpus, 128 MiB");
	ck_assert_uint_eq(check("cpus=\"1-2\"\n", "cpus=\"2\"\n"), 0);
	was_said("'a' and 'b' share pcpu 2");
	ck_assert_uint_eq(check("cpus=\"1\"\n", ""), 0);
	was_said("'b' may run on any pcpu");
	ck_assert_uint_eq(
		check("static_mem=[\"0x60000000,64m\"]\n", "static_mem=[\"0x64000000,64m\"]\n"), 0);
}
END_TEST

/* A board with two devices that dom0 does not get, and four pcpus. */
static char *put_device_board(void)
{
	static char blob[4096];
	autofree char *path = str_printf("%s/board.dtb", dir), *data = NULL;
	size_t size;
	static const struct { const char *name; uint32_t base, irq; } devices[] = {
		{ "can@9000000", 0x9000000, 1 }, { "rtc@9010000", 0x9010000, 2 },
	};

	put_board(2);
	ck_ok(file_read(path, sizeof(blob), &data, &size, &err), &err);
	ck_assert_int_eq(fdt_open_into(data, blob, sizeof(blob)), 0);
	for (size_t i = 0; i < array_size(devices); i++) {
		int node = fdt_add_subnode(blob, 0, devices[i].name);

		fdt_setprop_empty(blob, node, "xen,passthrough");
		fdt_appendprop_u64(blob, node, "reg", devices[i].base);
		fdt_appendprop_u64(blob, node, "reg", 4096);
		fdt_appendprop_u32(blob, node, "interrupts", 0);
		fdt_appendprop_u32(blob, node, "interrupts", devices[i].irq);
		fdt_appendprop_u32(blob, node, "interrupts", 4);
	}
	put("board.dtb", blob, sizeof(blob));
	return steal(path);
}

/* A partial tree that hands over the clock. */
static void put_partial(void)
{
	static char blob[2048];
	int node;

	ck_assert_int_eq(fdt_create_empty_tree(blob, sizeof(blob)), 0);
	node = fdt_add_subnode(blob, 0, "passthrough");
	fdt_setprop_u32(blob, node, "#address-cells", 2);
	fdt_setprop_u32(blob, node, "#size-cells", 2);
	node = fdt_add_subnode(blob, node, "rtc@9010000");
	fdt_appendprop_u64(blob, node, "xen,reg", 0x9010000);
	fdt_appendprop_u64(blob, node, "xen,reg", 4096);
	fdt_appendprop_u64(blob, node, "xen,reg", 0x9010000);
	fdt_setprop_string(blob, node, "xen,path", "/rtc@9010000");
	fdt_appendprop_u32(blob, node, "interrupts", 0);
	fdt_appendprop_u32(blob, node, "interrupts", 2);
	fdt_appendprop_u32(blob, node, "interrupts", 4);
	put("rtc.dtb", blob, sizeof(blob));
}

START_TEST(a_board_tells_what_nobody_has)
{
	autofree char *board = NULL, *partial = NULL;

	set_up();
	board = put_device_board();
	put_partial();
	partial = str_printf("device_tree=\"%s/rtc.dtb\"\ncpus=\"1\"\n", dir);
	ck_assert_uint_eq(check_board(board, partial, "cpus=\"2\"\niomem=[\"9020,1\"]\n"), 0);
	was_said("remark: memory of the board: 1024 MiB, dom0 512 MiB, guests 128 MiB, 384 MiB "
		 "left");
	was_said("remark: 4 pcpus; pinned to by no guest: 0,3");
	was_said("remark: /rtc@9010000 is given to 'a'");
	was_said("remark: /can@9000000 is kept from dom0 and given to nobody");
	was_said("'b': page 0x9020 belongs to no device that is kept from dom0");
	/* The page by a key, the interrupt to the other. */
	ck_assert_uint_eq(check_board(board, "iomem=[\"9000,1\"]\n", "irqs=[33]\n"), 0);
	was_said("/can@9000000 is given to 'a'");
	was_said("/can@9000000: its irq 33 is not given to 'a'");
	/* The partial tree of one, the key of the other. */
	ck_assert_uint_eq(check_board(board, partial, "irqs=[34]\n"), 1);
	was_said("conflict: 'a' and 'b': irq 34");
	ck_assert_uint_eq(check_board(board, partial, "dtdev=[\"/rtc@9010000\"]\n"), 1);
	was_said("the device /rtc@9010000 is given to both");
}
END_TEST

START_TEST(a_board_tells_what_it_has_not)
{
	autofree char *board = NULL;
	struct vmm_config *cfg;
	unsigned nr;

	set_up();
	board = put_device_board();
	ck_assert_uint_eq(check_board(board, "memory=600\n", ""), 1);
	was_said("conflict: the guests want 664 MiB and dom0 512 MiB, the board has 1024 MiB");
	ck_assert_uint_eq(check_board(board, "cpus=\"5\"\n", ""), 1);
	was_said("no pcpu 5");
	ck_assert_uint_eq(check_board(board, "static_mem=[\"0x90000000,64m\"]\n", ""), 1);
	was_said("not memory of this board");
	ck_assert_uint_eq(
		check_board(board, "static_mem=[\"0x60000000,64m\"]\n",
			    "static_shm=[\"id=x,address=0x50000000,size=1m,host=0x63f00000\"]\n"),
		1);
	was_said("static_shm 'x' overlaps static_mem '0x60000000,64m'");
	cfg = guest("a", "");
	put("board.dtb", "no tree at all", 14);
	ck_fails(vmm_check_static(&cfg, 1, board, finding, NULL, &nr, &err), &err, EINVAL,
		 "not a sound device tree");
	vmm_config_free(cfg);
}
END_TEST

TEST_MAIN("boot", dom0_knows_guests_whose_nodes_are_hidden, a_board_tells_what_nobody_has,
	  a_board_tells_what_it_has_not, what_two_guests_are_given_is_found,
	  neighbours_are_no_conflict, modules_go_to_the_lowest_free_place,
	  the_ends_of_the_address_space_do_not_wrap, claims_are_exact_and_exclusive,
	  a_blob_names_its_guests_in_order, source_and_commands_say_the_same,
	  what_a_boot_cannot_do_is_said_key_by_key, bad_plans_are_refused,
	  two_guests_of_one_name_and_a_narrow_board_are_refused,
	  a_board_with_everything_goes_there_and_back, a_board_with_everything_says_this,
	  dtc_has_nothing_to_say, what_guests_share_must_fit, pools_must_fit_the_board,
	  more_than_the_board_has_is_refused, modules_keep_off_the_loader,
	  trees_without_guests_and_no_trees_are_told_apart)
