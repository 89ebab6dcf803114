// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * vcpus, pools, schedulers, memory limits over the fakes: what is asked for is what Xen was told,
 * what cannot be is refused, and whatever fails on the way leaves things as they were.
 */
#include "tests/test.h"

#include <errno.h>
#include <stdio.h>
#include "base/str.h"
#include "libvmm/internal.h"
#include "tests/fake/fake.h"
#include "tests/fake/point.h"
#include "tests/fake/xenstore.h"
#include "tests/hv_guest.h"

static struct vmm *vmm;
static struct err err;

static void start(unsigned nr_cpus)
{
	fake_host.nr_cpus = nr_cpus;
	fake_store_start();
	ck_ok(vmm_open(&vmm, &err), &err);
	ck_assert_ptr_nonnull(vmm_hv(vmm, &err));
}

static void finish(void)
{
	vmm_close(vmm);
	fake_store_stop();
}

static uint32_t guest(uint32_t nr_vcpus)
{
	return hv_guest(vmm, NULL, nr_vcpus, 1);
}

static struct bitmap set_of(const char *text)
{
	struct bitmap b;

	ck_ok(vmm_pcpus_parse(vmm, text, "test", &b, &err), &err);
	return b;
}

static void hard_is(uint32_t domid, uint32_t vcpu, const char *text)
{
	struct bitmap hard, soft;
	autofree char *got = NULL;

	ck_ok(hv_vcpu_get_affinity(vmm_hv(vmm, &err), domid, vcpu, &hard, &soft, &err), &err);
	got = bitmap_str(&hard, fake_host.nr_cpus);
	ck_assert_str_eq(got, text);
}

/* --- lists of pcpus against a model ----------------------------------------------------------- */

static unsigned random_below(unsigned n)
{
	static uint32_t state = 12345;

	state = state * 1664525 + 1013904223;
	return (state >> 8) % n;
}

/* A random list and, worked out without the parser, the set it means. */
static void random_list(struct strbuf *text, bool *model, unsigned nr)
{
	unsigned words = 1 + random_below(6);

	for (unsigned w = 0; w < words; w++) {
		bool is_taken_out = random_below(3) == 0;
		unsigned a = random_below(nr), b = a + random_below(nr - a);

		if (w == 0 && is_taken_out)
			for (unsigned i = 0; i < nr; i++)
				model[i] = true;
		strbuf_printf(text, "%s%s%u", w ? "," : "", is_taken_out ? "^" : "", a);
		if (b > a)
			strbuf_printf(text, "-%u", b);
		for (unsigned i = a; i <= b; i++)
			model[i] = !is_taken_out;
	}
}

START_TEST(a_thousand_lists)
{
	start(16);
	for (int n = 0; n < 1000; n++) {
		autostrbuf struct strbuf text = STRBUF_INIT;
		bool model[16] = { false };
		struct bitmap got;

		random_list(&text, model, 16);
		ck_ok(vmm_pcpus_parse(vmm, text.data, "test", &got, &err), &err);
		for (unsigned i = 0; i < 16; i++)
			ck_assert_msg(bitmap_has(&got, i) == model[i], "'%s': pcpu %u", text.data,
				      i);
	}
	finish();
}
END_TEST

/* --- pinning ---------------------------------------------------------------------------------- */

START_TEST(one_vcpu_or_all)
{
	struct bitmap two, one;
	uint32_t domid;

	start(4);
	domid = guest(3);
	two = set_of("1-2");
	one = set_of("3");
	ck_ok(vmm_vcpu_pin(vmm, domid, VMM_VCPU_ALL, &two, NULL, false, &err), &err);
	ck_ok(vmm_vcpu_pin(vmm, domid, 1, &one, NULL, false, &err), &err);
	ck_ok(vmm_vcpu_pin(vmm, domid, 1, NULL, &two, false, &err), &err);
	hard_is(domid, 0, "1-2");
	hard_is(domid, 1, "3");
	hard_is(domid, 2, "1-2");
	ck_fails(vmm_vcpu_pin(vmm, domid, 3, &one, NULL, false, &err), &err, EINVAL, "no vcpu 3");
	ck_fails(vmm_vcpu_pin(vmm, domid, VMM_VCPU_ALL, &one, NULL, true, &err), &err, EINVAL,
		 "one vcpu");
	bitmap_zero(&one);
	ck_fails(vmm_vcpu_pin(vmm, domid, 0, &one, NULL, false, &err), &err, EINVAL,
		 "no pcpu is left");
	ck_fails(vmm_vcpu_pin(vmm, 99, 0, &two, NULL, false, &err), &err, ESRCH, "99");
	finish();
}
END_TEST

START_TEST(all_vcpus_or_none)
{
	struct bitmap before, after;
	uint32_t domid;

	start(4);
	domid = guest(3);
	before = set_of("0-1");
	after = set_of("2");
	ck_ok(vmm_vcpu_pin(vmm, domid, VMM_VCPU_ALL, &before, NULL, false, &err), &err);
	for (unsigned nth = 1;; nth++) {
		bool failed;
		int ret;

		point_arm(nth, FAULT_TRANSIENT, 0);
		ret = vmm_vcpu_pin(vmm, domid, VMM_VCPU_ALL, &after, NULL, false, &err);
		failed = point_disarm();
		if (!failed) {
			ck_ok(ret, &err);
			break;
		}
		ck_assert_msg(ret < 0 && err.code && *err.msg, "point %u, %s", nth, point_name());
		for (uint32_t v = 0; v < 3; v++)
			hard_is(domid, v, "0-1");
		err_clear(&err);
	}
	hard_is(domid, 2, "2");
	finish();
}
END_TEST

START_TEST(online_and_offline)
{
	autofree char *one = NULL, *two = NULL;
	char path[64];
	uint32_t domid;

	start(4);
	domid = guest(3);
	ck_ok(vmm_vcpu_set_online(vmm, domid, 2, &err), &err);
	snprintf(path, sizeof(path), "/local/domain/%u/cpu/1/availability", domid);
	one = fake_store_get(path);
	ck_assert_str_eq(one, "online");
	snprintf(path, sizeof(path), "/local/domain/%u/cpu/2/availability", domid);
	two = fake_store_get(path);
	ck_assert_str_eq(two, "offline");
	ck_fails(vmm_vcpu_set_online(vmm, domid, 0, &err), &err, EINVAL, "1 to 3");
	ck_fails(vmm_vcpu_set_online(vmm, domid, 4, &err), &err, EINVAL, "1 to 3");
	finish();
}
END_TEST

/* --- pools ------------------------------------------------------------------------------------ */

static struct vmm_cpupool_config pool_config(char *name, enum vmm_sched sched, const char *cpus)
{
	return (struct vmm_cpupool_config){ name, true, true, sched, set_of(cpus) };
}

START_TEST(pools_come_and_go)
{
	char rt[] = "rt", again[] = "rt", number[] = "7";
	struct vmm_cpupool_config cfg;
	struct bitmap cpus, all;
	uint32_t pool, found, domid;

	start(4);
	domid = guest(1);
	cpus = set_of("2-3");
	all = set_of("all");
	cfg = pool_config(rt, VMM_SCHED_CREDIT, "2-3");
	ck_fails(vmm_cpupool_create(vmm, &cfg, &pool, &err), &err, EBUSY,
		 "pcpu 2-3 belongs to a pool already");
	ck_fails(vmm_cpupool_remove_cpus(vmm, 0, &all, false, &err), &err, EBUSY, "no pcpu left");
	ck_ok(vmm_cpupool_remove_cpus(vmm, 0, &cpus, false, &err), &err);
	ck_ok(vmm_cpupool_create(vmm, &cfg, &pool, &err), &err);
	ck_ok(vmm_cpupool_find(vmm, "rt", &found, &err), &err);
	ck_assert_uint_eq(found, pool);
	cfg = pool_config(again, VMM_SCHED_RTDS, "2");
	ck_fails(vmm_cpupool_create(vmm, &cfg, &found, &err), &err, EEXIST, "already");
	cfg.name = number;
	ck_fails(vmm_cpupool_create(vmm, &cfg, &found, &err), &err, EINVAL, "cannot be a number");
	ck_fails(vmm_cpupool_find(vmm, "nosuch", &found, &err), &err, ENOENT,
		 "no cpupool 'nosuch'");
	ck_fails(vmm_cpupool_find(vmm, "99", &found, &err), &err, ENOENT, "no cpupool '99'");
	ck_ok(vmm_cpupool_move_domain(vmm, domid, pool, &err), &err);
	ck_fails(vmm_cpupool_destroy(vmm, pool, false, &err), &err, EBUSY, "1 domains");
	ck_ok(vmm_cpupool_move_domain(vmm, domid, 0, &err), &err);
	ck_fails(vmm_cpupool_destroy(vmm, 0, false, &err), &err, EPERM, "cpupool 0");
	ck_ok(vmm_cpupool_rename(vmm, pool, "real", &err), &err);
	ck_ok(vmm_cpupool_destroy(vmm, pool, false, &err), &err);
	ck_fails(vmm_cpupool_destroy(vmm, pool, false, &err), &err, ENOENT, "no cpupool");
	ck_ok(vmm_cpupool_add_cpus(vmm, 0, &cpus, &err), &err);
	finish();
}
END_TEST

/* Xen before 4.23 would panic. Nor may a pool that is only half made be taken down. */
START_TEST(rtds_pools_stay)
{
	char name[] = "rt";
	struct vmm_cpupool_config cfg;
	struct bitmap cpus, last;
	uint32_t pool;

	start(4);
	cpus = set_of("2-3");
	last = set_of("3");
	cfg = pool_config(name, VMM_SCHED_RTDS, "2-3");
	ck_ok(vmm_cpupool_remove_cpus(vmm, 0, &cpus, false, &err), &err);
	ck_ok(vmm_cpupool_create(vmm, &cfg, &pool, &err), &err);
	ck_fails(vmm_cpupool_remove_cpus(vmm, pool, &last, false, &err), &err, EPERM,
		 "Xen 4.17 panics when an rtds pool loses");
	ck_fails(vmm_cpupool_destroy(vmm, pool, false, &err), &err, EPERM, "Xen 4.17 panics");
	ck_ok(vmm_cpupool_remove_cpus(vmm, pool, &last, true, &err), &err);
	ck_ok(vmm_cpupool_destroy(vmm, pool, true, &err), &err);
	fake_host.xen_minor = 23;
	ck_ok(vmm_cpupool_create(vmm, &cfg, &pool, &err), &err);
	ck_ok(vmm_cpupool_destroy(vmm, pool, false, &err), &err);
	finish();
}
END_TEST

START_TEST(null_has_room_for_one_vcpu_a_pcpu)
{
	char name[] = "static";
	struct vmm_cpupool_config cfg;
	uint32_t pool, one, two;
	struct bitmap cpus;

	start(4);
	one = guest(1);
	two = guest(2);
	cpus = set_of("2-3");
	cfg = pool_config(name, VMM_SCHED_NULL, "2-3");
	ck_ok(vmm_cpupool_remove_cpus(vmm, 0, &cpus, false, &err), &err);
	ck_ok(vmm_cpupool_create(vmm, &cfg, &pool, &err), &err);
	ck_ok(vmm_cpupool_move_domain(vmm, one, pool, &err), &err);
	ck_fails(vmm_cpupool_move_domain(vmm, two, pool, &err), &err, EBUSY, "2 pcpus and 1 vcpus");
	finish();
}
END_TEST

static void pools_unchanged(unsigned nth)
{
	struct vmm_cpupool *list;
	autofree char *cpus = NULL;
	autofree char *node = fake_store_get("/local/pool/1/name");
	size_t nr;

	ck_ok(vmm_cpupool_list(vmm, &list, &nr, &err), &err);
	cpus = bitmap_str(&list[0].cpus, 4);
	ck_assert_msg(nr == 1 && str_eq(cpus, "0-1") && !node,
		      "point %u, %s: %zu pools, Pool-0 has %s, %s", nth, point_name(), nr, cpus,
		      node);
	vmm_cpupools_free(list, nr);
}

START_TEST(a_pool_is_made_or_not)
{
	char name[] = "rt";
	struct vmm_cpupool_config cfg;
	struct bitmap cpus;
	uint32_t pool;

	start(4);
	cpus = set_of("2-3");
	ck_ok(vmm_cpupool_remove_cpus(vmm, 0, &cpus, false, &err), &err);
	cfg = pool_config(name, VMM_SCHED_CREDIT2, "2-3");
	for (unsigned nth = 1;; nth++) {
		bool failed;
		int ret;

		point_arm(nth, FAULT_TRANSIENT, nth);
		ret = vmm_cpupool_create(vmm, &cfg, &pool, &err);
		failed = point_disarm();
		if (!failed) {
			ck_ok(ret, &err);
			break;
		}
		if (ret == 0) {		/* tried again inside and came through */
			ck_ok(vmm_cpupool_destroy(vmm, pool, false, &err), &err);
			continue;
		}
		ck_assert_msg(err.code && *err.msg && !strstr(err.msg, "Success"),
			      "point %u, %s: %s", nth, point_name(), err.msg);
		err_clear(&err);
		pools_unchanged(nth);
	}
	finish();
}
END_TEST

/* --- schedulers ------------------------------------------------------------------------------- */

START_TEST(bounds_are_said_with_their_figures)
{
	struct vmm_credit c = { 0, 0 };
	struct vmm_rtds r = { 1000, 2000, false };
	struct vmm_credit_params p = { 30, 1000, 0 };
	enum vmm_sched sched;
	struct hv_cpupool pool;
	uint32_t domid, vcpu = 0;

	start(4);
	domid = guest(2);
	ck_ok(hv_cpupool_info(vmm_hv(vmm, &err), 0, &pool, &err), &err);
	sched = (enum vmm_sched)pool.sched;
	ck_fails(vmm_credit_set(vmm, domid, sched, &c, &err), &err, EINVAL, "a weight of 0");
	c.weight = 65536;
	ck_fails(vmm_credit_set(vmm, domid, sched, &c, &err), &err, EINVAL, "a weight of 65536");
	c = (struct vmm_credit){ 256, 100000 };
	ck_fails(vmm_credit_set(vmm, domid, sched, &c, &err), &err, EINVAL, "a cap of 100000");
	ck_fails(vmm_rtds_vcpu_set(vmm, domid, &vcpu, &r, 1, &err), &err, EINVAL,
		 "whose scheduler is");
	p.ratelimit_us = 50;
	ck_fails(vmm_credit_params_set(vmm, 0, sched, &p, &err), &err, EINVAL,
		 "a rate limit of 50 us");
	ck_fails(vmm_sched_find("best", &sched, &err), &err, EINVAL, "'best'");
	ck_ok(vmm_sched_find("arinc653", &sched, &err), &err);
	ck_assert_int_eq(sched, VMM_SCHED_ARINC653);
	finish();
}
END_TEST

START_TEST(promises_add_up)
{
	char name[] = "rt";
	struct vmm_rtds r = { 10000, 7500, false };
	struct vmm_cpupool_config cfg;
	uint32_t pool, domid, vcpus[] = { 0, 1, 2 };
	struct vmm_rtds each[3] = { r, r, r };
	struct bitmap cpus;
	uint64_t permille;
	unsigned nr_cpus;

	start(4);
	domid = guest(2);
	cpus = set_of("3");
	ck_ok(vmm_cpupool_remove_cpus(vmm, 0, &cpus, false, &err), &err);
	cfg = pool_config(name, VMM_SCHED_RTDS, "3");
	ck_ok(vmm_cpupool_create(vmm, &cfg, &pool, &err), &err);
	ck_ok(vmm_cpupool_move_domain(vmm, domid, pool, &err), &err);
	ck_ok(vmm_rtds_vcpu_set(vmm, domid, vcpus, each, 2, &err), &err);
	ck_ok(vmm_rtds_load(vmm, pool, &permille, &nr_cpus, &err), &err);
	ck_assert_uint_eq(permille, 1500);
	ck_assert_uint_eq(nr_cpus, 1);
	ck_fails(vmm_rtds_load(vmm, 0, &permille, &nr_cpus, &err), &err, EINVAL,
		 "does not run rtds");
	ck_fails(vmm_rtds_vcpu_set(vmm, domid, vcpus, each, 3, &err), &err, EINVAL, "no vcpu 2");
	r = (struct vmm_rtds){ 1000, 2000, false };
	ck_fails(vmm_rtds_vcpu_set(vmm, domid, vcpus, &r, 1, &err), &err, EINVAL,
		 "does not fit into a period");
	r = (struct vmm_rtds){ 1000, 5, false };
	ck_fails(vmm_rtds_vcpu_set(vmm, domid, vcpus, &r, 1, &err), &err, EINVAL, "below 10 us");
	finish();
}
END_TEST

/* --- memory ----------------------------------------------------------------------------------- */

START_TEST(limits_and_targets_in_step)
{
	autofree char *target = NULL, *max = NULL;
	struct vmm_dominfo info;
	uint32_t domid;

	start(4);
	domid = fake_domain_make(65536);
	autofree char *target_path = str_printf("/local/domain/%u/memory/target", domid);
	autofree char *max_path = str_printf("/local/domain/%u/memory/static-max", domid);

	ck_fails(vmm_memory_set_target(vmm, domid, 131072, &err), &err, ENOENT, "static-max");
	fake_store_set(target_path, "262144");
	fake_store_set(max_path, "262144");
	ck_ok(vmm_memory_set_target(vmm, domid, 131072, &err), &err);
	target = fake_store_get(target_path);
	ck_assert_str_eq(target, "131072");
	ck_ok(vmm_domain_info(vmm, domid, &info, &err), &err);
	ck_assert_uint_eq(info.max_memory_kb, 131072 + 1024);
	ck_fails(vmm_memory_set_target(vmm, domid, 262145, &err), &err, EINVAL,
		 "above its maximum of 262144 KiB");
	ck_fails(vmm_memory_set_target(vmm, domid, 0, &err), &err, EINVAL, "too little");
	ck_fails(vmm_memory_set_max(vmm, domid, 131071, &err), &err, EINVAL, "below its target");
	ck_ok(vmm_memory_set_max(vmm, domid, 524288, &err), &err);
	max = fake_store_get(max_path);
	ck_assert_str_eq(max, "524288");
	ck_fails(vmm_memory_set_max(vmm, domid, UINT64_MAX, &err), &err, EINVAL, "");
	finish();
}
END_TEST

TEST_MAIN("cpu", a_thousand_lists, one_vcpu_or_all, all_vcpus_or_none, online_and_offline,
	  pools_come_and_go, rtds_pools_stay, null_has_room_for_one_vcpu_a_pcpu,
	  a_pool_is_made_or_not, bounds_are_said_with_their_figures, promises_add_up,
	  limits_and_targets_in_step)
