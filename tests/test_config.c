/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* guest.cfg to values: every kind of key, its bounds, what keys must agree on, and what the user is
 * told. */
#include "tests/test.h"

#include <errno.h>

#include "base/file.h"
#include "base/str.h"
#include "libvmm/cfgkeys.h"
#include "libvmm/config.h"
#include "libvmm/devices.h"
#include "libvmm/libvmm.h"
#include "tests/files.h"

#define BASE "name = 'demo'\nkernel = '/boot/Image'\n"

static struct vmm_config *cfg;
static struct err err;
static struct strbuf warnings;
static char *excerpt;

static void collect(void *arg, const char *where, const char *message)
{
	strbuf_printf(&warnings, "%s: %s", where, message);
}

static int load_with(const char *text, bool strict, const char *const *overrides)
{
	struct vmm_config_source src = { .path = "t.cfg", .text = text, .overrides = overrides,
		.strict = strict, .warn = collect, .excerpt = &excerpt };

	return vmm_config_load(&src, &cfg, &err);
}

static int load(const char *text)
{
	return load_with(text, false, NULL);
}

static void reset(void)
{
	vmm_config_free(cfg);
	cfg = NULL;
	free(excerpt);
	excerpt = NULL;
	strbuf_free(&warnings);
	err_clear(&err);
}

START_TEST(test_defaults)
{
	ck_assert_msg(load(BASE) == 0, "%s", err.msg);
	ck_assert_str_eq(cfg->name, "demo");
	ck_assert_uint_eq(cfg->target_kb, 32u << 10);
	ck_assert_uint_eq(cfg->max_kb, 32u << 10);
	ck_assert_uint_eq(cfg->vcpus, 1);
	ck_assert_uint_eq(cfg->max_vcpus, 1);
	ck_assert_uint_eq(cfg->max_event_channels, 1023);
	ck_assert_int_eq(cfg->cpu_weight, CONFIG_UNSET);
	ck_assert_int_eq(cfg->on_poweroff, VMM_ACTION_DESTROY);
	ck_assert_int_eq(cfg->on_reboot, VMM_ACTION_RESTART);
	ck_assert_int_eq(cfg->on_soft_reset, VMM_ACTION_SOFT_RESET);
	ck_assert(cfg->is_uuid_set);
	ck_assert_int_eq(cfg->uuid[6] >> 4, 4);
	ck_assert_int_eq(cfg->uuid[8] >> 6, 2);
	reset();
}
END_TEST

START_TEST(test_every_kind)
{
	ck_assert_msg(load(BASE "memory = 128\nmaxmem = '256'\nvcpus = 2\nmaxvcpus = 0x4\nextra = "
				"'a b'\nroot='/dev/xvda'\n"
				"on_crash = 'coredump-restart'\ncpus = ['0', '1-2']\ncpus_soft = "
				"'3'\nllc_colors = '0-3'\n"
				"iomem = ['9010,1', '9030,2@22100']\nirqs = [34, 39]\nsve = "
				"256\ngic_version = 'v3'\n"
				"vuart = 'sbsa_uart'\nuuid = "
				"'12345678-1234-4321-8765-1234567890AB'\nvpmu = 1\n"
				"image_format='raw'\nload_address=0x40000000\npassthrough = "
				"'enabled'\ntype='pvh'") == 0,
		      "%s", err.msg);
	ck_assert_uint_eq(cfg->target_kb, 128u << 10);
	ck_assert_uint_eq(cfg->max_kb, 256u << 10);
	ck_assert_uint_eq(cfg->vcpus, 2);
	ck_assert_uint_eq(cfg->max_vcpus, 4);
	ck_assert_str_eq(cfg->cmdline, "root=/dev/xvda a b");
	ck_assert_int_eq(cfg->on_crash, VMM_ACTION_COREDUMP_RESTART);
	ck_assert_uint_eq(cfg->cpus.each.n, 2);
	ck_assert_str_eq(cfg->cpus.each.v[1], "1-2");
	ck_assert_str_eq(cfg->cpus_soft.all, "3");
	ck_assert_uint_eq(cfg->llc_colors.n, 1);
	ck_assert_uint_eq(cfg->nr_iomem, 2);
	ck_assert_uint_eq(cfg->iomem[0].mfn, 0x9010);
	ck_assert_uint_eq(cfg->iomem[0].gfn, 0x9010);
	ck_assert_uint_eq(cfg->iomem[1].nr, 2);
	ck_assert_uint_eq(cfg->iomem[1].gfn, 0x22100);
	ck_assert_uint_eq(cfg->irqs[1], 39);
	ck_assert_uint_eq(cfg->sve_vl, 256);
	ck_assert_int_eq(cfg->gic_version, CONFIG_GIC_V3);
	ck_assert_int_eq(cfg->vuart, CONFIG_VUART_SBSA);
	ck_assert_uint_eq(cfg->uuid[0], 0x12);
	ck_assert_uint_eq(cfg->uuid[15], 0xab);
	ck_assert(cfg->vpmu);
	ck_assert_int_eq(cfg->load_address, 0x40000000);
	ck_assert_int_eq(cfg->passthrough, PASSTHROUGH_ENABLED);
	ck_assert_msg(warnings.len == 0, "%s", warnings.data);
	reset();
}
END_TEST

START_TEST(test_overrides)
{
	static const char *const more[] = { "memory=64", "on_crash=\"preserve\"", NULL };

	ck_assert_msg(load_with(BASE "memory=32", true, more) == 0, "%s", err.msg);
	ck_assert_uint_eq(cfg->target_kb, 64u << 10);
	ck_assert_int_eq(cfg->on_crash, VMM_ACTION_PRESERVE);
	ck_assert_ptr_nonnull(strstr(cfg->source_text, "memory=64"));
	reset();
}
END_TEST

static const struct {
	const char *text, *say;
} warned[] = {
	{ "memroy = 5", "unknown key 'memroy'; did you mean 'memory'?" },
	{ "xyzzy = 5", "unknown key 'xyzzy'" },
	{ "hpet = 1", "hpet: has no effect on Arm" },
	{ "tsc_mode = 'native'", "the TSC is an x86 counter" },
	{ "cmdline = 'a'\nextra = 'b'", "extra: not used, because cmdline= is set" },
	{ "vcpus = 1\nvcpus = 2", "vcpus: set more than once" },
	{ "device_model_version = 'qemu-xen'", "no QEMU" },
};

START_TEST(test_warned)
{
	autofree char *text = str_printf("%s%s", BASE, warned[_i].text);

	ck_assert_msg(load(text) == 0, "%s", err.msg);
	ck_assert_msg(warnings.len > 0 && strstr(warnings.data, warned[_i].say) != NULL, "%s",
		      warnings.data);
	ck_assert_ptr_nonnull(strstr(warnings.data, "t.cfg:"));
	ck_assert_ptr_nonnull(strchr(warnings.data, '^'));
	reset();
	ck_assert_int_eq(load_with(text, true, NULL), -1);
	ck_assert_msg(strstr(err.msg, warned[_i].say) != NULL, "%s", err.msg);
	ck_assert_ptr_nonnull(excerpt);
	reset();
}
END_TEST

static const struct {
	const char *text, *say;
} refused[] = {
	{ BASE "memory = 0", "t.cfg:3:10: memory: 0 is out of range (1 to" },
	{ BASE "memory = 'lots'", "memory: " },
	{ BASE "memory = [1]", "expected a string or a number, found a list" },
	{ BASE "memory = -1", "memory: " },
	{ BASE "memory = 99999999999999999999", "memory: " },
	{ BASE "vcpus = 0", "vcpus: 0 is out of range (1 to 128)" },
	{ BASE "vcpus = 1000", "vcpus: 1000 is out of range (1 to 128)" },
	{ BASE "vcpus = 4\nmaxvcpus = 2", "vcpus: 4 are more than maxvcpus allows (2)" },
	{ BASE "memory = 64\nmaxmem = 32", "memory: 64 MiB are more than maxmem allows" },
	{ "kernel = 'x'", "no name= is set" },
	{ "name = 'x'", "no kernel= is set" },
	{ "", "no name= is set" },
	{ "kernel='x'\nname = 'a/b'", "cannot contain '/'" },
	{ "kernel='x'\nname = 'a\\nb'", "control characters" },
	{ "kernel='x'\nname = ''", "cannot be empty" },
	{ BASE "type = 'hvm'", "no hvm guests" },
	{ BASE "type = 'foo'", "'foo' is none of pv, pvh" },
	{ BASE "on_crash = 'explode'", "'explode' is none of destroy, restart" },
	{ BASE "uuid = '1234'", "not of the form" },
	{ BASE "pci = ['0000:00:00.0']", "pci: Xen cannot yet give PCI devices" },
	{ BASE "vnuma = [['pnode=0']]", "no NUMA" },
	{ BASE "bootloader = 'pygrub'", "give the guest's kernel with kernel=" },
	{ BASE "iomem = ['9010']", "START,COUNT[@GFN]" },
	{ BASE "iomem = ['9010,0']", "count of 0" },
	{ BASE "iomem = ['zz,1']", "iomem: first page" },
	{ BASE "iomem = ['fffffffff,2']", "reaches past" },
	{ BASE "irqs = [5]", "private interrupt" },
	{ BASE "sve = 100", "multiple of 128" },
	{ BASE "hap = 0", "cannot turn this off" },
	{ BASE "acpi = 1", "Xen does not have this on Arm" },
	{ BASE "load_address = 0x40000000", "need image_format" },
	{ BASE "image_format = 'raw'\nload_address = 2\nentry_address = 1", "lies below" },
	{ BASE "vpmu = 2", "vpmu: 2 is out of range (0 to 1)" },
	{ BASE "passthrough = 'sync_pt'", "shares page tables" },
	{ BASE "budget = 5000\nperiod = 4000", "more than the period" },
	{ BASE "memory = 1\n)", "t.cfg:4:1: expected the name of a setting" },
};

START_TEST(test_refused)
{
	ck_assert_int_eq(load(refused[_i].text), -1);
	ck_assert_msg(strstr(err.msg, refused[_i].say) != NULL, "got: %s", err.msg);
	ck_assert_ptr_null(cfg);
	ck_assert(err.code != 0);
	reset();
}
END_TEST

START_TEST(test_bare_metal_examples)
{
	/* FreeRTOS-Xen's and ERIKA's documents */
	ck_assert_msg(load("kernel = \"/root/FreeRTOS.bin\"\nmemory = 16\nname = "
			   "\"FreeRTOS\"\nvcpus = 1\ndisk = [ ]\n") == 0,
		      "%s", err.msg);
	reset();
	ck_assert_msg(load("kernel = '/root/vmlinux.bin'\nmemory = 512\nname = 'erika'\nvcpus = "
			   "1\non_crash='destroy'\n"
			   "iomem = [\"1c20,2\"]\ncpus = \"1\"\n") == 0,
		      "%s", err.msg);
	reset();
	/* More entries than vcpus. */
	ck_assert_msg(load(BASE "cpus = [\"1\", \"2\"]\ncpus_soft = [\"1\", \"2\", \"3\"]\n") == 0,
		      "%s", err.msg);
	ck_assert_uint_eq(cfg->cpus.each.n, 1);
	ck_assert_str_eq(cfg->cpus.each.v[0], "1");
	ck_assert_uint_eq(cfg->cpus_soft.each.n, 1);
	reset();
}
END_TEST

START_TEST(test_missing_file)
{
	struct vmm_config_source src = { .path = "/nonexistent/x.cfg" };

	ck_assert_int_eq(vmm_config_load(&src, &cfg, &err), -1);
	ck_assert_int_eq(err.code, ENOENT);
	ck_assert_ptr_nonnull(strstr(err.msg, "/nonexistent/x.cfg"));
	reset();
}
END_TEST

/* Every key is in the table once and says what it is. */
START_TEST(test_key_rows)
{
	const struct cfgkey *row, *other;

	for (size_t i = 0; (row = cfgkey_row(i)) != NULL; i++) {
		ck_assert_msg(row->summary != NULL && row->summary[0] != '\0', "%s", row->name);
		for (size_t j = 0; j < i; j++) {
			other = cfgkey_row(j);
			ck_assert_str_ne(row->name, other->name);
		}
	}
}
END_TEST

/* Every key is in the manual page, and so is every part of a device's specification. */
START_TEST(test_manual)
{
	static const char *const pages[] = { "xl.cfg.5", "xl-disk-configuration.5",
					     "xl-network-configuration.5" };
	autostrbuf struct strbuf all = STRBUF_INIT;
	const struct cfgkey *row;

	for (size_t i = 0; i < array_size(pages); i++) {
		autofree char *text = source_file("man/%s", pages[i]);

		strbuf_add(&all, text);
	}
	for (size_t i = 0; (row = cfgkey_row(i)) != NULL; i++)
		ck_assert_msg(strstr(all.data, row->name) != NULL, "no %s", row->name);
	for (const struct vmm_devclass *const *c = vmm_devclasses; *c != NULL; c++)
		for (const struct field *f = (*c)->fields; f->key != NULL || f->json != NULL; f++)
			ck_assert_msg(f->key == NULL || (f->where & FIELD_SPEC) == 0 ||
					      strstr(all.data, f->key) != NULL,
				      "%s: no %s", (*c)->key, f->key);
}
END_TEST

TEST_MAIN_ROWS("config", { test_defaults, 0 }, { test_every_kind, 0 }, { test_overrides, 0 },
	       { test_warned, array_size(warned) }, { test_refused, array_size(refused) },
	       { test_bare_metal_examples, 0 }, { test_missing_file, 0 }, { test_key_rows, 0 },
	       { test_manual, 0 })
