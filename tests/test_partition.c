// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Static partitions over the fakes: what a plan may say, that applying it is all or nothing
 * whatever fails, and that it can be taken away again.
 */
#include "tests/test.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>
#include "base/file.h"
#include "base/str.h"
#include "libvmm/internal.h"
#include "libvmm/partition.h"
#include "tests/fake/fake.h"
#include "tests/fake/point.h"
#include "tests/fake/xenstore.h"
#include "tests/hv_guest.h"

static struct vmm *vmm;
static struct err err;
static char dir[] = "/tmp/test_partition.XXXXXX";
static uint32_t loop_id, apps_id;

static void start(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
	setenv("LIBVMM_STATE_DIR", dir, 1);
	fake_host.nr_cpus = 8;
	fake_store_start();
	ck_ok(vmm_open(&vmm, &err), &err);
	loop_id = hv_guest(vmm, "loop", 2, 1);
	apps_id = hv_guest(vmm, "apps", 4, 1);
}

static void finish(void)
{
	vmm_close(vmm);
	fake_store_stop();
	ck_assert_int_eq(rmdir(dir), 0);
}

static int load(const char *text, struct vmm_plan *plan)
{
	autofree char *path = str_printf("%s/plan", dir);
	int ret;

	ck_ok(file_write_atomic(path, text, strlen(text), 0600, &err), &err);
	ret = vmm_plan_load(vmm, path, plan, &err);
	unlink(path);
	return ret;
}

static const char plan_text[] =
	"# a control loop and the rest\n"
	"pool control null 6-7\n"
	"pool rest credit2 2-5\n"
	"guest loop control\n"
	"guest apps rest\n"
	"guest later rest\n"
	"pin loop 0 6\n"
	"pin loop 1 7\n"
	"pin later all 2-3\n"
	"exclusive 6-7,5\n"
	"pin apps 3 5\n";

/* "domid.vcpu:cpus" of every vcpu but dom0's. */
static char *rows(const struct vmm_placement *list, size_t nr)
{
	struct strbuf b = STRBUF_INIT;

	for (size_t i = 0; i < nr; i++) {
		autofree char *cpus = bitmap_str(&list[i].cpus, BITMAP_BITS);

		if (list[i].domid == UINT32_MAX)
			strbuf_printf(&b, " %s.all:%s", list[i].name, cpus);
		else if (list[i].domid)
			strbuf_printf(&b, " %u.%u:%s", list[i].domid, list[i].vcpu, cpus);
	}
	return strbuf_steal(&b);
}

/* The same, behind the pools' pcpus. */
static char *picture(void)
{
	struct strbuf b = STRBUF_INIT;
	struct vmm_placement *list;
	struct vmm_cpupool *pools;
	size_t nr, nr_pools;

	ck_ok(vmm_placement(vmm, &list, &nr, &err), &err);
	ck_ok(vmm_cpupool_list(vmm, &pools, &nr_pools, &err), &err);
	for (size_t i = 0; i < nr_pools; i++) {
		autofree char *cpus = bitmap_str(&pools[i].cpus, BITMAP_BITS);

		strbuf_printf(&b, "%s=%s;", pools[i].name, cpus);
	}
	vmm_cpupools_free(pools, nr_pools);
	autofree char *vcpus = rows(list, nr);

	strbuf_add(&b, vcpus);
	vmm_placement_free(list, nr);
	return strbuf_steal(&b);
}

static void is(const char *expected)
{
	autofree char *got = picture();

	ck_assert_str_eq(got, expected);
}

static const char before[] = "Pool-0=0-7; 1.0:0-7 1.1:0-7 2.0:0-7 2.1:0-7 2.2:0-7 2.3:0-7";
static const char after[] =
	"Pool-0=0-1;control=6-7;rest=2-5; 1.0:6 1.1:7 2.0:2-4 2.1:2-4 2.2:2-4 2.3:5";

START_TEST(applied_and_cleared)
{
	autofree char *path = NULL;
	struct vmm_plan plan;

	start();
	path = partition_path();
	is(before);
	ck_fails(vmm_plan_clear(vmm, &err), &err, ENOENT, "no partition is in force");
	ck_ok(load(plan_text, &plan), &err);
	ck_ok(vmm_plan_apply(vmm, &plan, &err), &err);
	is(after);
	ck_ok(vmm_plan_apply(vmm, &plan, &err), &err);	/* again: nothing changes */
	is(after);
	vmm_plan_free(&plan);
	ck_ok(vmm_plan_load(vmm, NULL, &plan, &err), &err);
	ck_assert_uint_eq(plan.nr_pins, 4);
	vmm_plan_free(&plan);
	ck_ok(vmm_plan_clear(vmm, &err), &err);
	is(before);
	ck_assert_int_lt(access(path, F_OK), 0);
	finish();
}
END_TEST

/* What `check` draws is what `apply` makes, and guests that do not run are there too. */
START_TEST(foreseen_as_it_comes)
{
	autofree char *foreseen = NULL;
	struct vmm_placement *list;
	struct vmm_plan plan;
	size_t nr;

	start();
	ck_ok(load(plan_text, &plan), &err);
	ck_ok(vmm_plan_placement(vmm, &plan, &list, &nr, &err), &err);
	foreseen = rows(list, nr);
	vmm_placement_free(list, nr);
	ck_assert_str_eq(foreseen, " 1.0:6 1.1:7 2.0:2-4 2.1:2-4 2.2:2-4 2.3:5 later.all:2-3");
	is(before);
	ck_ok(vmm_plan_apply(vmm, &plan, &err), &err);
	is(after);
	vmm_plan_free(&plan);
	ck_ok(vmm_plan_clear(vmm, &err), &err);
	finish();
}
END_TEST

START_TEST(who_comes_later_finds_its_place)
{
	struct vmm_plan plan;
	uint32_t later, other;

	start();
	ck_ok(partition_join(vmm, apps_id, "apps", &err), &err);	/* no plan: nothing */
	is(before);
	ck_ok(load(plan_text, &plan), &err);
	ck_ok(vmm_plan_apply(vmm, &plan, &err), &err);
	vmm_plan_free(&plan);
	later = hv_guest(vmm, "later", 1, 1);
	other = hv_guest(vmm, "other", 1, 1);
	ck_ok(partition_join(vmm, later, "later", &err), &err);
	ck_ok(partition_join(vmm, other, "other", &err), &err);
	is("Pool-0=0-1;control=6-7;rest=2-5; 1.0:6 1.1:7 2.0:2-4 2.1:2-4 2.2:2-4 2.3:5 3.0:2-3 "
	   "4.0:0-1");
	ck_ok(vmm_plan_clear(vmm, &err), &err);
	finish();
}
END_TEST

START_TEST(all_or_nothing)
{
	autofree char *path = NULL;
	struct vmm_plan plan;

	start();
	path = partition_path();
	ck_ok(load(plan_text, &plan), &err);
	for (unsigned nth = 1;; nth++) {
		autofree char *now = NULL;
		bool failed;
		int ret;

		point_arm(nth, FAULT_TRANSIENT, nth / 5);
		ret = vmm_plan_apply(vmm, &plan, &err);
		failed = point_disarm();
		if (!failed) {
			ck_ok(ret, &err);
			break;
		}
		if (ret == 0) {		/* tried again inside and came through */
			ck_ok(vmm_plan_clear(vmm, &err), &err);
			continue;
		}
		ck_assert_msg(err.code && *err.msg && !strstr(err.msg, "Success"),
			      "point %u, %s: %s", nth, point_name(), err.msg);
		err_clear(&err);
		now = picture();
		ck_assert_msg(str_eq(now, before) && access(path, F_OK) < 0, "point %u, %s: %s",
			      nth, point_name(), now);
	}
	is(after);
	vmm_plan_free(&plan);
	ck_ok(vmm_plan_clear(vmm, &err), &err);
	finish();
}
END_TEST

START_TEST(plans_that_cannot_be)
{
	static const struct { const char *text, *words; } cases[] = {
		{ "pol a null 1", ":1: 'pol' is none of pool, guest, pin and exclusive" },
		{ "pool a null", "expected pool NAME SCHEDULER PCPUS" },
		{ "pool a best 1", "'best' is no scheduler" },
		{ "pool a null 9", "9" },
		{ "pool a null 1-2\n\npool b null 2-3", ":3: pcpu 2 is in cpupool 'a' already" },
		{ "pool a null 1\npool a null 2", "'a' is there already" },
		{ "pool Pool-0 null 1", "'Pool-0' is there already" },
		{ "pool a null all", "no pcpu is left for Pool-0" },
		{ "guest x nosuch", "no cpupool 'nosuch'" },
		{ "guest x Pool-0\nguest x Pool-0", "'x' is there already" },
		{ "pool a null 1\nguest Domain-0 a", "domain 0 stays" },
		{ "pin x 0 1", "no line 'guest x POOL'" },
		{ "pool a null 1\nguest x a\npin x 0 2", "pcpu 2 is not in cpupool 'a'" },
		{ "guest x Pool-0\npin x lots 2", "vcpu" },
		{ "guest x Pool-0\npin x 0 2,^2", "no pcpu is left" },
		{ "exclusive 3", "pcpu 3 is to be exclusive, but 0 lines" },
		{ "guest x Pool-0\npin x 0 3\npin x 1 3\nexclusive 3", "but 2 lines" },
	};
	struct vmm_plan plan;

	start();
	for (size_t i = 0; i < array_size(cases); i++) {
		err_clear(&err);
		ck_assert_msg(load(cases[i].text, &plan) < 0 && strstr(err.msg, cases[i].words),
			      "%s: '%s'", cases[i].text, err.msg);
	}
	is(before);
	finish();
}
END_TEST

START_TEST(a_plan_with_no_room_changes_nothing)
{
	struct vmm_plan plan;

	start();
	/* apps has four vcpus. */
	ck_ok(load("pool small null 5-6\nguest apps small\n", &plan), &err);
	ck_fails(vmm_plan_apply(vmm, &plan, &err), &err, EBUSY, "pcpu of its own");
	is(before);
	vmm_plan_free(&plan);
	finish();
}
END_TEST

TEST_MAIN("partition", applied_and_cleared, foreseen_as_it_comes, who_comes_later_finds_its_place,
	  all_or_nothing, plans_that_cannot_be, a_plan_with_no_room_changes_nothing)
