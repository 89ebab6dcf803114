// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Devices of the host given to guests by their node alone, over the fakes: which can be given, what
 * the configuration becomes, who is refused, and that nothing stays whichever call fails.
 */
#include "tests/test.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>
#include "base/file.h"
#include "base/str.h"
#include "libvmm/config.h"
#include "libvmm/dt.h"
#include "libvmm/hostdev.h"
#include "tests/fake/fake.h"
#include "tests/fake/loop.h"
#include "tests/fake/point.h"
#include "tests/fake/xenstore.h"
#include "tests/files.h"

static struct err err;
static char dir[] = "/tmp/test_hostdev.XXXXXX";

/* --- a host ----------------------------------------------------------------------------------- */

static void device(struct dt *dt, const char *name, uint64_t base, uint64_t size, uint32_t spi,
		   const char *mark)
{
	const uint64_t reg[2] = { base, size };
	const uint32_t irq[3] = { 0, spi, 4 };

	dt_begin_node(dt, name);
	dt_prop_str(dt, "compatible", "test,device");
	dt_prop_reg(dt, "reg", reg, 1);
	dt_prop_u32s(dt, "interrupts", irq, 3);
	if (mark)
		dt_prop_empty(dt, mark);
	dt_end_node(dt);
}

#define MARK "xen,passthrough"

static void make_board(const char *path)
{
	static const uint64_t gic[2] = { 0x8000000, 0x10000 };
	struct dt *dt = dt_new();
	autofree void *blob = NULL;
	size_t size;

	dt_begin_node(dt, "");
	dt_prop_u32(dt, "#address-cells", 2);
	dt_prop_u32(dt, "#size-cells", 2);
	dt_prop_u32(dt, "interrupt-parent", 1);
	dt_begin_node(dt, "gic@8000000");
	dt_prop_str(dt, "compatible", "arm,gic-v3");
	dt_prop_reg(dt, "reg", gic, 1);
	dt_prop_u32(dt, "#interrupt-cells", 3);
	dt_prop_u32(dt, "phandle", 1);
	dt_end_node(dt);
	device(dt, "rtc@9010000", 0x9010000, 0x1000, 2, MARK);
	device(dt, "in-ram@40001000", 0x40001000, 0x2000, 3, MARK);
	device(dt, "left@a000000", 0xa000000, 0x200, 4, MARK);
	device(dt, "right@a000200", 0xa000200, 0x200, 5, MARK);
	device(dt, "one@b000000", 0xb000000, 0x1000, 6, MARK);
	device(dt, "other@b001000", 0xb001000, 0x1000, 6, MARK);
	device(dt, "ethernet@c000000", 0xc000000, 0x1000, 7, MARK);
	device(dt, "busy@d000000", 0xd000000, 0x1000, 8, NULL);
	device(dt, "high@10080000000", 0x10080000000, 0x40000, 9, MARK);
	dt_end_node(dt);
	ck_ok(dt_finish(dt, &blob, &size, &err), &err);
	dt_free(dt);
	ck_ok(file_write_atomic(path, blob, size, 0600, &err), &err);
}

static char *board;

static void start(void)
{
	static const uint32_t code[16] = { 0x14000000 };
	autofree char *state = NULL, *kernel = NULL;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	state = str_printf("%s/state", dir);
	kernel = str_printf("%s/kernel", dir);
	board = str_printf("%s/board.dtb", dir);
	ck_ok(file_mkdirs(state, 0700, &err), &err);
	ck_ok(file_write_atomic(kernel, code, sizeof(code), 0600, &err), &err);
	make_board(board);
	setenv("LIBVMM_STATE_DIR", state, 1);
	fake_store_start();
}

static void finish(void)
{
	fake_store_stop();
	free(board);
	folder_remove(dir);
}

static struct vmm_config *config(const char *name, const char *more)
{
	autofree char *text = str_printf("name = '%s'\nkernel = '%s/kernel'\nimage_format = "
					 "'raw'\nmemory = 8\nhost_dtb = '%s'\n%s",
					 name, dir, board, more);
	const struct vmm_config_source source = { .path = "guest.cfg", .text = text };
	struct vmm_config *cfg = NULL;

	ck_ok(vmm_config_load(&source, &cfg, &err), &err);
	return cfg;
}

static int create(struct vmm *vmm, const char *name, const char *more)
{
	const struct vmm_create_options options = { .paused = true };
	struct vmm_config *cfg = config(name, more);
	uint32_t domid;
	int r = vmm_domain_create(vmm, cfg, &options, &domid, &err);

	vmm_config_free(cfg);
	return r;
}

/* --- what the configuration becomes ----------------------------------------------------------- */

START_TEST(one_line_becomes_pages_and_interrupts)
{
	struct vmm_config *cfg;
	struct vmm *vmm;

	start();
	ck_ok(vmm_open(&vmm, &err), &err);
	cfg = config("ada", "devices = ['rtc0=/rtc@9010000', '/in-ram@40001000']\n");
	/* Once more, as a restart does: nothing is added twice. */
	for (unsigned i = 0; i < 2; i++) {
		void *partial = NULL;

		ck_ok(hostdev_resolve(vmm, cfg, &partial, NULL, &err), &err);
		free(partial);
		ck_assert_uint_eq(cfg->nr_iomem, 2);
		ck_assert_uint_eq(cfg->iomem[0].gfn, 0x9010);
		ck_assert_uint_eq(cfg->iomem[1].mfn, 0x40001);
		ck_assert_uint_eq(cfg->iomem[1].nr, 2);
		/* Where the guest has its RAM: to the hole. */
		ck_assert_uint_eq(cfg->iomem[1].gfn, 0x10000);
		ck_assert_uint_eq(cfg->nr_irqs, 2);
		ck_assert_uint_eq(cfg->irqs[0], 34);
		ck_assert_uint_eq(cfg->irqs[1], 35);
		ck_assert_uint_eq(cfg->dtdev.n, 0);
	}
	vmm_config_free(cfg);
	vmm_close(vmm);
	finish();
}
END_TEST

START_TEST(who_is_refused)
{
	static const struct { const char *lines; int code; const char *part; } cases[] = {
		{ "devices = ['/left@a000000']", EXDEV, "devices: \"/left@a000000\": it shares a page with /right@a000200" },
		{ "devices = ['/one@b000000']", EXDEV, "it shares interrupt 38 with /other@b001000" },
		{ "devices = ['/ethernet@c000000']", ENODEV, "accesses memory by itself (ethernet), and without an SMMU" },
		{ "devices = ['/busy@d000000']", EBUSY, "mark it xen,passthrough" },
		{ "devices = ['/none']", ENOENT, "has no node /none" },
		{ "devices = ['rtc@9010000']", EINVAL, "write [NAME=]/PATH" },
		{ "devices = ['/rtc@9010000;clock=no']", EINVAL, "clock" },
		{ "devices = ['/rtc@9010000;speed=1']", EINVAL, "'speed=1' is not clock=HZ" },
		{ "devices = ['R=/rtc@9010000']", EINVAL, "the name 'R' may have" },
		{ "devices = ['a=/rtc@9010000', 'a=/in-ram@40001000']", EINVAL, "has the name 'a'" },
		{ "devices = ['/gic@8000000']", ENOTSUP, "a part of the machine itself" },
		{ "devices = ['/in-ram@40001000']\niomem = ['0x40001,1@0x9010']", EINVAL, "has a part of its pages" },
		{ "devices = ['/rtc@9010000']\nhost_dtb = '/nowhere'", ENOENT, "/nowhere" },
	};
	struct vmm *vmm;

	start();
	ck_ok(vmm_open(&vmm, &err), &err);
	for (size_t i = 0; i < array_size(cases); i++) {
		ck_fails(create(vmm, "ada", cases[i].lines), &err, cases[i].code, cases[i].part);
		ck_assert_ptr_null(fake_leftover());
	}
	/* Both at once, or with the user's word for it. */
	ck_ok(create(vmm, "both",
		     "devices = ['/left@a000000', '/right@a000200', '/one@b000000', "
		     "'/other@b001000']"),
	      &err);
	ck_ok(vmm_domain_destroy(vmm, 1, &err), &err);
	ck_ok(create(vmm, "forced", "force_shared_page = 1\ndevices = ['/left@a000000']"), &err);
	ck_ok(vmm_domain_destroy(vmm, 2, &err), &err);
	ck_assert_ptr_null(fake_leftover());
	vmm_close(vmm);
	finish();
}
END_TEST

START_TEST(one_owner_at_a_time)
{
	static const char line[] = "devices = ['/rtc@9010000']";
	struct vmm_hostdev *list;
	struct vmm *vmm;
	size_t nr;

	start();
	ck_ok(vmm_open(&vmm, &err), &err);
	for (unsigned round = 1; round < 4; round++) {
		ck_ok(create(vmm, "ada", line), &err);
		ck_fails(create(vmm, "eve", line), &err, EBUSY, "are its already");
		ck_fails(create(vmm, "eve", "irqs = [34]"), &err, EBUSY,
			 "interrupt 34 is its already");
		ck_ok(vmm_hostdev_list(vmm, board, &list, &nr, &err), &err);
		ck_assert_uint_eq(nr, 9);
		ck_assert_str_eq(list[0].path, "/rtc@9010000");
		ck_assert_int_eq(list[0].state, VMM_HOSTDEV_TAKEN);
		ck_assert(strstr(list[0].why, "(ada) has it") && list[0].owner != 0);
		ck_assert_int_eq(list[1].state, VMM_HOSTDEV_FREE);
		ck_assert_int_eq(list[2].state, VMM_HOSTDEV_UNFIT);
		ck_assert_int_eq(list[6].state, VMM_HOSTDEV_UNFIT);
		ck_assert_int_eq(list[7].state, VMM_HOSTDEV_DOM0);
		vmm_hostdev_list_free(list, nr);
		ck_ok(vmm_domain_destroy(vmm, 2 * round - 1, &err), &err);
		ck_assert_ptr_null(fake_leftover());
		ck_ok(create(vmm, "eve", line), &err);
		ck_ok(vmm_domain_destroy(vmm, 2 * round, &err), &err);
	}
	vmm_close(vmm);
	finish();
}
END_TEST

/* XSA-476: above 4 GiB nothing is cut off, neither when it is given nor when it is taken back. */
START_TEST(far_up)
{
	struct vmm_config *cfg;
	struct vmm *vmm;
	void *partial = NULL;

	start();
	ck_ok(vmm_open(&vmm, &err), &err);
	cfg = config("ada", "devices = ['/high@10080000000']\n");
	ck_ok(hostdev_resolve(vmm, cfg, &partial, NULL, &err), &err);
	free(partial);
	ck_assert_uint_eq(cfg->nr_iomem, 1);
	ck_assert_uint_eq(cfg->iomem[0].mfn, 0x10080000);
	ck_assert_uint_eq(cfg->iomem[0].nr, 0x40);
	/* Beyond both banks of RAM: the guest has it where the host does. */
	ck_assert_uint_eq(cfg->iomem[0].gfn, 0x10080000);
	vmm_config_free(cfg);
	for (unsigned round = 0; round < 3; round++) {
		ck_ok(create(vmm, "ada", "devices = ['/high@10080000000']"), &err);
		ck_fails(create(vmm, "eve", "iomem = ['0x1008003f,1@0x9010']"), &err, EBUSY,
			 "are its already");
		ck_ok(vmm_domain_destroy(vmm, round + 1, &err), &err);
		ck_assert_ptr_null(fake_leftover());
	}
	vmm_close(vmm);
	finish();
}
END_TEST

START_TEST(shown_whoever_has_it)
{
	static const char *const paths[] = { "/busy@d000000", NULL }, *const none[] = { "/none",
											NULL };
	static const char *const dma[] = { "/ethernet@c000000", NULL };
	char *dts = NULL, *notes = NULL;
	struct vmm *vmm;

	start();
	ck_ok(vmm_open(&vmm, &err), &err);
	ck_ok(vmm_hostdev_dts(vmm, board, paths, &dts, &notes, &err), &err);
	ck_assert_ptr_nonnull(strstr(
		dts, " * iomem = [ \"0xd000,1@0xd000\" ]\n * irqs = [ 40 ]\n */\n/dts-v1/;"));
	ck_assert_ptr_nonnull(strstr(dts, "busy@d000000 {"));
	ck_assert_str_eq(notes, "");
	free(dts);
	free(notes);
	ck_ok(vmm_hostdev_dts(vmm, board, dma, &dts, &notes, &err), &err);
	ck_assert_ptr_nonnull(strstr(dts, " * dtdev = [ \"/ethernet@c000000\" ]"));
	ck_assert_ptr_nonnull(
		strstr(notes, "/ethernet@c000000: it accesses memory by itself (ethernet)"));
	free(dts);
	free(notes);
	ck_fails(vmm_hostdev_dts(vmm, board, none, &dts, &notes, &err), &err, ENOENT,
		 "has no node /none");
	vmm_close(vmm);
	finish();
}
END_TEST

/* --- faults ----------------------------------------------------------------------------------- */

static int live_and_die(struct err *e)
{
	const struct vmm_create_options options = { .paused = false };
	struct vmm_config *cfg = config("ada", "devices = ['/rtc@9010000', '/in-ram@40001000']\n");
	struct vmm_hostdev *list = NULL;
	struct vmm *vmm = NULL;
	uint32_t domid;
	size_t nr = 0;
	int r = vmm_open(&vmm, e);

	if (r == 0)
		r = vmm_domain_create(vmm, cfg, &options, &domid, e);
	if (r == 0) {
		struct err end = ERR_INIT;

		r = vmm_hostdev_list(vmm, board, &list, &nr, e);
		if (r == 0)
			vmm_hostdev_list_free(list, nr);
		point_disarm();
		ck_assert_msg(vmm_domain_destroy(vmm, domid, &end) == 0, "%s", end.msg);
	}
	vmm_config_free(cfg);
	vmm_close(vmm);
	return r;
}

START_TEST(one_fault_and_nothing_stays)
{
	const struct fault_scenario scenario = { live_and_die, NULL, NULL };

	start();
	for (unsigned turn = 0; turn < 4; turn += 3)
		ck_assert_uint_gt(fault_loop(&scenario, turn).nr_points, 60);
	finish();
}
END_TEST

/* --- overlays --------------------------------------------------------------------------------- */

static void make_overlay(const char *path, const char *target, const char *inside)
{
	struct dt *dt = dt_new();
	autofree void *blob = NULL;
	size_t size;

	dt_begin_node(dt, "");
	dt_begin_node(dt, "fragment@0");
	if (target)
		dt_prop_str(dt, "target-path", target);
	dt_begin_node(dt, inside);
	dt_end_node(dt);
	dt_end_node(dt);
	dt_end_node(dt);
	ck_ok(dt_finish(dt, &blob, &size, &err), &err);
	dt_free(dt);
	ck_ok(file_write_atomic(path, blob, size, 0600, &err), &err);
}

START_TEST(overlays_are_looked_at_first)
{
	autofree char *path = NULL;
	struct vmm *vmm;

	start();
	path = str_printf("%s/x.dtbo", dir);
	ck_ok(vmm_open(&vmm, &err), &err);
	ck_fails(vmm_overlay(vmm, VMM_OVERLAY_ADD, path, 0, &err), &err, ENOENT, "x.dtbo");
	ck_ok(file_write_atomic(path, "no tree", 7, 0600, &err), &err);
	ck_fails(vmm_overlay(vmm, VMM_OVERLAY_ADD, path, 0, &err), &err, EINVAL,
		 "not a sound device tree blob");
	ck_fails(vmm_overlay(vmm, VMM_OVERLAY_REMOVE, board, 0, &err), &err, EINVAL,
		 "a device tree, but no overlay");
	make_overlay(path, "/", "overlay");
	ck_fails(vmm_overlay(vmm, VMM_OVERLAY_ADD, path, 0, &err), &err, EINVAL,
		 "a device tree, but no overlay");
	make_overlay(path, NULL, "__overlay__");
	ck_fails(vmm_overlay(vmm, VMM_OVERLAY_ADD, path, 0, &err), &err, EINVAL,
		 "fragment fragment@0 has neither target");
	make_overlay(path, "/", "__overlay__");
	/* A good one: what this Xen says of it, with the file named. */
	if (vmm_overlay(vmm, VMM_OVERLAY_ATTACH, path, 7, &err) < 0)
		ck_assert_msg(strstr(err.msg, "attaching overlay") && strstr(err.msg, "x.dtbo"),
			      "%s", err.msg);
	vmm_close(vmm);
	finish();
}
END_TEST

TEST_MAIN("hostdev", one_line_becomes_pages_and_interrupts, who_is_refused, one_owner_at_a_time,
	  far_up, shown_whoever_has_it, one_fault_and_nothing_stays, overlays_are_looked_at_first)
