// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Every function of hv.h over the fake hypervisor: what goes in comes out again, in our units, and
 * a hypercall that fails is an error that names it.
 */
#include "tests/test.h"

#include <errno.h>
#include <string.h>
#include "libvmm/hv.h"
#include "tests/fake/fake.h"
#include "tests/fake/point.h"

static struct hv *hv;
static struct err err;

static const struct hv_createdomain plain = {
	.domid = HV_DOMID_ANY, .uuid = { 1, 2, 3 }, .max_vcpus = 4, .max_evtchn_port = 1023,
	.max_grant_frames = -1, .max_maptrack_frames = -1, .max_grant_version = 1, .nr_spis = 64,
	.trap_unmapped = true, .iommu = true,
};

static uint32_t start(void)
{
	struct hv_created made;

	ck_ok(hv_open(&hv, &err), &err);
	ck_ok(hv_domain_create(hv, &plain, &made, &err), &err);
	ck_assert_int_eq(made.gic_version, HV_GIC_V3);
	ck_ok(hv_domain_max_vcpus(hv, made.domid, 4, &err), &err);
	ck_ok(hv_domain_max_mem(hv, made.domid, 64 << 10, &err), &err);
	return made.domid;
}

static void finish(uint32_t domid)
{
	ck_ok(hv_domain_destroy(hv, domid, &err), &err);
	hv_close(hv);
	ck_assert_ptr_null(fake_leftover());
}

/* --- domains ---------------------------------------------------------------------------------- */

START_TEST(what_is_created_is_listed)
{
	struct hv_createdomain cfg = plain;
	struct hv_dominfo info, *list;
	struct hv_created made;
	uint32_t domid = start();
	size_t nr;

	ck_ok(hv_domain_info(hv, domid, &info, &err), &err);
	ck_assert_uint_eq(info.domid, domid);
	ck_assert_mem_eq(info.uuid, plain.uuid, sizeof(info.uuid));
	ck_assert(info.is_paused && !info.is_dying && !info.is_shutdown && info.is_hvm);
	ck_assert_uint_eq(info.max_pages, 16 << 10);
	ck_assert_uint_eq(info.nr_vcpus, 4);
	cfg.domid = domid;
	ck_fails(hv_domain_create(hv, &cfg, &made, &err), &err, EEXIST, "createdomain");
	cfg.domid = 100;
	ck_ok(hv_domain_create(hv, &cfg, &made, &err), &err);
	ck_assert_uint_eq(made.domid, 100);
	ck_fails(hv_domain_info(hv, 99, &info, &err), &err, ESRCH, "99");
	/* More than one batch. */
	cfg.domid = HV_DOMID_ANY;
	for (int i = 0; i < 62; i++)
		ck_ok(hv_domain_create(hv, &cfg, &made, &err), &err);
	ck_ok(hv_domain_list(hv, &list, &nr, &err), &err);
	ck_assert_uint_eq(nr, 65);
	for (size_t i = 1; i < nr; i++)
		ck_assert_uint_gt(list[i].domid, list[i - 1].domid);
	for (size_t i = 1; i < nr; i++)
		ck_ok(hv_domain_destroy(hv, list[i].domid, &err), &err);
	free(list);
	ck_fails(hv_domain_destroy(hv, domid, &err), &err, ESRCH, "destroydomain");
	hv_close(hv);
	ck_assert_ptr_null(fake_leftover());
}
END_TEST

START_TEST(life_of_a_domain)
{
	uint32_t domid = start();
	struct hv_dominfo info;

	ck_ok(hv_domain_pause(hv, domid, &err), &err);
	ck_ok(hv_domain_unpause(hv, domid, &err), &err);
	ck_assert(fake_domain_is_paused(domid));
	ck_ok(hv_domain_unpause(hv, domid, &err), &err);
	ck_assert(!fake_domain_is_paused(domid));
	ck_assert_ptr_nonnull(fake_violation());	/* it has no state to run from */
	ck_fails(hv_domain_unpause(hv, domid, &err), &err, EINVAL, "unpausedomain");
	ck_ok(hv_domain_shutdown(hv, domid, HV_SHUTDOWN_CRASH, &err), &err);
	ck_ok(hv_domain_info(hv, domid, &info, &err), &err);
	ck_assert(info.is_shutdown);
	ck_assert_uint_eq(info.shutdown_reason, HV_SHUTDOWN_CRASH);
	ck_ok(hv_domain_resume(hv, domid, &err), &err);
	ck_ok(hv_domain_set_uuid(hv, domid, (const uint8_t[HV_UUID_LEN]){ 9 }, &err), &err);
	ck_ok(hv_set_debugging(hv, domid, true, &err), &err);
	ck_ok(hv_domain_info(hv, domid, &info, &err), &err);
	ck_assert(!info.is_shutdown && info.is_debugged && info.uuid[0] == 9);
	ck_ok(hv_domain_soft_reset(hv, domid, &err), &err);
	ck_ok(hv_domain_set_target(hv, domid, 0, &err), &err);
	finish(domid);
}
END_TEST

START_TEST(vcpu_entry_follows_the_width)
{
	struct hv_vcpu_entry entry = { true, 0x40080000, { 0x48000000, 1, 2, 3 } };
	uint32_t domid = start();
	struct hv_vcpuinfo info;
	struct fake_entry seen;
	struct hv_vcpu_regs regs;

	ck_ok(hv_vcpu_set_entry(hv, domid, 0, &entry, &err), &err);
	ck_assert(fake_guest_entry(domid, &seen));
	ck_assert_uint_eq(seen.pc, 0x40080000);
	ck_assert_uint_eq(seen.x0, 0x48000000);
	ck_assert_uint_eq(seen.cpsr, 0x1c5);
	ck_assert_uint_eq(seen.sctlr, 0x00c50078);
	ck_assert(seen.is_online);
	ck_ok(hv_vcpu_regs(hv, domid, 0, &regs, &err), &err);
	ck_assert(regs.pc == entry.pc && regs.x[0] == entry.r[0] && regs.x[3] == 3 &&
		  regs.cpsr == seen.cpsr);
	ck_fails(hv_vcpu_regs(hv, domid, 1, &regs, &err), &err, ENODATA, "getvcpucontext");
	ck_fails(hv_vcpu_set_entry(hv, domid, 4, &entry, &err), &err, ESRCH, "setvcpucontext");
	entry.is_64bit = false;
	ck_fails(hv_vcpu_set_entry(hv, domid, 0, &entry, &err), &err, EINVAL, "setvcpucontext");
	ck_ok(hv_domain_set_address_size(hv, domid, 32, &err), &err);
	ck_ok(hv_vcpu_set_entry(hv, domid, 0, &entry, &err), &err);
	ck_assert(fake_guest_entry(domid, &seen));
	ck_assert_uint_eq(seen.cpsr, 0x400001d3);
	ck_ok(hv_vcpu_info(hv, domid, 0, &info, &err), &err);
	ck_assert(info.is_online);
	ck_ok(hv_vcpu_info(hv, domid, 3, &info, &err), &err);
	ck_assert(!info.is_online);
	finish(domid);
}
END_TEST

START_TEST(affinities)
{
	struct bitmap hard, soft, nodes;
	uint32_t domid = start();

	bitmap_zero(&hard);
	bitmap_set(&hard, 2);
	bitmap_set(&hard, 77);		/* no such pcpu: Xen says what took effect */
	ck_ok(hv_vcpu_set_affinity(hv, domid, 1, &hard, NULL, false, &err), &err);
	ck_assert_uint_eq(bitmap_count(&hard), 1);
	ck_ok(hv_vcpu_get_affinity(hv, domid, 1, &hard, &soft, &err), &err);
	ck_assert(bitmap_has(&hard, 2) && bitmap_count(&hard) == 1);
	ck_assert_uint_eq(bitmap_count(&soft), 4);
	bitmap_zero(&hard);
	ck_fails(hv_vcpu_set_affinity(hv, domid, 1, &hard, NULL, false, &err), &err, EINVAL,
		 "setvcpuaffinity");
	bitmap_zero(&nodes);
	bitmap_set(&nodes, 0);
	ck_ok(hv_node_set_affinity(hv, domid, &nodes, &err), &err);
	ck_ok(hv_node_get_affinity(hv, domid, &nodes, &err), &err);
	ck_assert_uint_eq(bitmap_count(&nodes), 1);
	finish(domid);
}
END_TEST

/* --- memory ----------------------------------------------------------------------------------- */

START_TEST(populate_within_pool_and_maximum)
{
	uint32_t domid = start();
	uint64_t done, gfn;

	/* The 64 KiB that Xen gives at first hold the tables for 12 times 2 MiB in 4 KiB pages. */
	ck_assert_int_lt(hv_populate(hv, domid, 0x40000, 14 * 512, 0, &done, &err), 0);
	ck_assert_uint_eq(done, 12 * 512);
	ck_assert_int_eq(err.code, ENOMEM);
	ck_fails(hv_p2m_pool_set(hv, domid, 4097, &err), &err, EINVAL, "set_paging_mempool_size");
	ck_ok(hv_p2m_pool_set(hv, domid, 1 << 20, &err), &err);
	ck_ok(hv_p2m_pool_get(hv, domid, &done, &err), &err);
	ck_assert_uint_eq(done, 1 << 20);
	ck_ok(hv_populate(hv, domid, 0x40000 + 12 * 512, 20, 9, &done, &err), &err);
	ck_assert_uint_eq(done, 20);
	ck_ok(hv_max_gpfn(hv, domid, &gfn, &err), &err);
	ck_assert_uint_eq(gfn, 0x40000 + 32 * 512 - 1);
	ck_fails(hv_populate(hv, domid, 0x80000, 1, 0, &done, &err), &err, ENOMEM,
		 "populate_physmap");
	ck_assert_uint_eq(done, 0);
	ck_fails(hv_domain_set_address_size(hv, domid, 32, &err), &err, EBUSY, "set_address_size");
	ck_ok(hv_remove_from_physmap(hv, domid, 0x40000, &err), &err);
	ck_assert_ptr_null(fake_violation());
	finish(domid);
}
END_TEST

START_TEST(mapped_frames_are_the_guests)
{
	uint32_t domid = start();
	char *p, *page, buf[3];
	uint64_t done;

	ck_ok(hv_populate(hv, domid, 0x40000, 16, 0, &done, &err), &err);
	p = hv_map(hv, domid, 0x40001, 3, true, &err);
	ck_assert_ptr_nonnull(p);
	memcpy(p + 4095, "ab", 2);
	page = fake_guest_page(domid, 0x40002);
	ck_assert_int_eq(page[0], 'b');
	fake_guest_read(domid, 0x40001fff, buf, 2);
	ck_assert_mem_eq(buf, "ab", 2);
	ck_ok(hv_cacheflush(hv, domid, 0x40001, 3, &err), &err);
	ck_assert_ptr_null(hv_map(hv, domid, 0x4000f, 2, false, &err));
	ck_assert_ptr_nonnull(strstr(err.msg, "map"));
	/* A mapping keeps a dead domain's pages. */
	ck_ok(hv_domain_destroy(hv, domid, &err), &err);
	ck_assert_ptr_nonnull(fake_leftover());
	hv_unmap(hv, p, 3);
	hv_close(hv);
	ck_assert_ptr_null(fake_leftover());
}
END_TEST

static void use_grants(bool has_resource)
{
	static uint8_t data[300 * 4096];
	struct hv_grants *grants;
	uint32_t domid, nr, max;
	uint8_t buf[16];
	uint64_t done;

	fake_host.has_acquire_resource = has_resource;
	domid = start();
	ck_ok(hv_p2m_pool_set(hv, domid, 1 << 20, &err), &err);
	ck_ok(hv_populate(hv, domid, 0x40000, 1024, 0, &done, &err), &err);
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i / 4096 + i);
	ck_ok(hv_grants_open(hv, domid, &grants, &err), &err);
	hv_grants_seed(grants, 0, 0, 0x40000);
	hv_grants_seed(grants, 1, 0, 0x40001);
	ck_ok(hv_grants_copy(grants, 0x40010100, data, sizeof(data), &err), &err);
	fake_guest_read(domid, 0x40010100 + 130 * 4096 + 7, buf, sizeof(buf));
	ck_assert_mem_eq(buf, data + 130 * 4096 + 7, sizeof(buf));
	ck_fails(hv_grants_copy(grants, 0x50000000, data, 10, &err), &err, EFAULT, "0x50000000");
	hv_grants_close(grants);
	ck_ok(hv_grant_size(hv, domid, &nr, &max, &err), &err);
	ck_assert_uint_ge(max, nr);
	finish(domid);
}

START_TEST(grants_through_a_resource)
{
	use_grants(true);
}
END_TEST

START_TEST(grants_the_old_way)
{
	use_grants(false);
}
END_TEST

START_TEST(ports_and_parameters)
{
	uint32_t domid = start(), port, vuart;
	uint64_t value, done;

	ck_ok(hv_evtchn_alloc_unbound(hv, domid, 0, &port, &err), &err);
	ck_assert_uint_gt(port, 0);
	ck_ok(hv_param_set(hv, domid, HV_PARAM_STORE_PFN, 0x39001, &err), &err);
	ck_ok(hv_param_get(hv, domid, HV_PARAM_STORE_PFN, &value, &err), &err);
	ck_assert_uint_eq(value, 0x39001);
	ck_fails(hv_vuart_init(hv, domid, 0, 0x22000, &vuart, &err), &err, EINVAL, "vuart_init");
	ck_ok(hv_populate(hv, domid, 0x22000, 1, 0, &done, &err), &err);
	ck_ok(hv_vuart_init(hv, domid, 0, 0x22000, &vuart, &err), &err);
	ck_assert_uint_ne(vuart, port);
	finish(domid);
}
END_TEST

/* --- pieces of the host ----------------------------------------------------------------------- */

START_TEST(devices)
{
	uint32_t domid = start();

	ck_fails(hv_memory_mapping(hv, domid, 0x9010, 0x9010, 1, true, &err), &err, EPERM,
		 "memory_mapping");
	ck_ok(hv_iomem_permission(hv, domid, 0x9000, 200, true, &err), &err);
	ck_ok(hv_memory_mapping(hv, domid, 0x9000, 0x9000, 200, true, &err), &err);
	ck_ok(hv_memory_mapping(hv, domid, 0x9000, 0x9000, 200, false, &err), &err);
	ck_fails(hv_memory_mapping(hv, domid, UINT64_MAX, 0, 2, true, &err), &err, ERANGE, "wrap");
	ck_ok(hv_irq_permission(hv, domid, 34, true, &err), &err);
	ck_ok(hv_spi_bind(hv, domid, 34, &err), &err);
	ck_fails(hv_spi_bind(hv, domid, 34, &err), &err, EBUSY, "spi=34");
	ck_fails(hv_spi_bind(hv, domid, 200, &err), &err, EINVAL, "spi=200");
	ck_ok(hv_spi_unbind(hv, domid, 34, &err), &err);
	ck_ok(hv_dtdev_test(hv, domid, "/pl031@9010000", &err), &err);
	ck_ok(hv_dtdev_assign(hv, domid, "/pl031@9010000", &err), &err);
	ck_fails(hv_dtdev_assign(hv, domid, "/pl031@9010000", &err), &err, EBUSY, "/pl031@9010000");
	ck_fails(hv_dtdev_assign(hv, domid, "/none", &err), &err, ENODEV, "/none");
	ck_assert_ptr_nonnull(fake_leftover());
	ck_ok(hv_dtdev_deassign(hv, domid, "/pl031@9010000", &err), &err);
	finish(domid);
}
END_TEST

/* The first chunk is taken back when the second is refused. */
START_TEST(half_a_mapping_is_undone)
{
	uint32_t domid = start();

	ck_ok(hv_iomem_permission(hv, domid, 0x9000, 64, true, &err), &err);
	ck_fails(hv_memory_mapping(hv, domid, 0x9000, 0x9000, 65, true, &err), &err, EPERM,
		 "memory_mapping");
	ck_assert_ptr_null(strstr(err.msg, "undoing"));
	finish(domid);
}
END_TEST

/* --- schedulers and pools --------------------------------------------------------------------- */

START_TEST(schedulers)
{
	struct hv_sched_credit_params params;
	struct hv_sched_credit credit;
	struct hv_sched_rtds rtds;
	uint32_t domid = start();
	int id;

	ck_ok(hv_sched_id(hv, &id, &err), &err);
	ck_assert_int_eq(id, HV_SCHED_CREDIT2);
	credit = (struct hv_sched_credit){ 512, 50 };
	ck_ok(hv_sched_credit_set(hv, domid, HV_SCHED_CREDIT2, &credit, &err), &err);
	credit.weight = 65536;
	ck_fails(hv_sched_credit_set(hv, domid, HV_SCHED_CREDIT2, &credit, &err), &err, EINVAL,
		 "65536");
	ck_ok(hv_sched_credit_get(hv, domid, HV_SCHED_CREDIT2, &credit, &err), &err);
	ck_assert(credit.weight == 512 && credit.cap == 50);
	ck_fails(hv_sched_credit_get(hv, domid, HV_SCHED_CREDIT, &credit, &err), &err, EINVAL,
		 "credit");
	ck_fails(hv_sched_rtds_get(hv, domid, &rtds, &err), &err, EINVAL, "rtds");
	ck_ok(hv_sched_credit_params_get(hv, 0, HV_SCHED_CREDIT2, &params, &err), &err);
	params.ratelimit_us = 500;
	ck_ok(hv_sched_credit_params_set(hv, 0, HV_SCHED_CREDIT2, &params, &err), &err);
	ck_ok(hv_sched_credit_params_get(hv, 0, HV_SCHED_CREDIT2, &params, &err), &err);
	ck_assert_uint_eq(params.ratelimit_us, 500);
	finish(domid);
}
END_TEST

START_TEST(cpupools)
{
	struct hv_arinc653_schedule schedule = { .major_frame_ns = 10000000, .nr = 1 };
	uint32_t domid = start(), id = HV_CPUPOOL_ANY;
	struct hv_cpupool pool;
	struct bitmap cpus;

	ck_ok(hv_cpupool_create(hv, HV_SCHED_ARINC653, &id, &err), &err);
	ck_assert_uint_eq(id, 1);
	ck_fails(hv_cpupool_move_domain(hv, id, domid, &err), &err, EINVAL, "cpupool_movedomain");
	ck_ok(hv_cpupool_remove_cpu(hv, 0, 3, &err), &err);
	ck_ok(hv_cpupool_free_cpus(hv, &cpus, &err), &err);
	ck_assert(bitmap_has(&cpus, 3) && bitmap_count(&cpus) == 1);
	ck_ok(hv_cpupool_add_cpu(hv, id, -1, &err), &err);
	ck_fails(hv_cpupool_add_cpu(hv, id, 0, &err), &err, EBUSY, "cpu=0");
	ck_ok(hv_cpupool_move_domain(hv, id, domid, &err), &err);
	ck_ok(hv_cpupool_info(hv, 1, &pool, &err), &err);
	ck_assert(pool.id == 1 && pool.sched == HV_SCHED_ARINC653 && pool.nr_domains == 1);
	ck_assert(bitmap_has(&pool.cpus, 3) && bitmap_count(&pool.cpus) == 1);
	ck_fails(hv_cpupool_info(hv, 2, &pool, &err), &err, ENOENT, "cpupool_info");
	schedule.entries[0].runtime_ns = 5000000;
	schedule.entries[0].uuid[0] = 1;
	ck_ok(hv_arinc653_set(hv, id, &schedule, &err), &err);
	memset(&schedule, 0, sizeof(schedule));
	ck_ok(hv_arinc653_get(hv, id, &schedule, &err), &err);
	ck_assert(schedule.nr == 1 && schedule.entries[0].runtime_ns == 5000000 &&
		  schedule.entries[0].uuid[0] == 1);
	ck_fails(hv_cpupool_destroy(hv, id, &err), &err, EBUSY, "cpupool_destroy");
	ck_ok(hv_cpupool_move_domain(hv, 0, domid, &err), &err);
	ck_ok(hv_cpupool_remove_cpu(hv, id, 3, &err), &err);
	ck_ok(hv_cpupool_destroy(hv, id, &err), &err);
	finish(domid);
}
END_TEST

/* --- the host --------------------------------------------------------------------------------- */

START_TEST(host)
{
	struct hv_cputopo topo[8];
	struct hv_nodeinfo nodes[4];
	struct hv_physinfo phys;
	struct hv_version v;
	uint64_t idle[8], freed, used;
	uint32_t len = 7, index = 0;
	unsigned nr = 8;
	char text[64];

	ck_ok(hv_open(&hv, &err), &err);
	ck_ok(hv_version(hv, &v, &err), &err);
	ck_assert(v.major == 4 && v.minor == 17 && v.pagesize == 4096 && !v.is_build_id_known);
	ck_assert_str_eq(v.extra, ".0");
	ck_assert_str_eq(v.commandline, "console=dtuart");
	ck_ok(hv_physinfo(hv, &phys, &err), &err);
	ck_assert_uint_eq(phys.nr_cpus, 4);
	ck_assert_uint_eq(phys.free_pages, fake_free_pages());
	ck_ok(hv_cputopo(hv, topo, &nr, &err), &err);
	ck_assert(nr == 4 && topo[3].core == 3);
	nr = 4;
	ck_ok(hv_numainfo(hv, nodes, &nr, &err), &err);
	ck_assert(nr == 1 && nodes[0].distance[0] == 10);
	nr = 8;
	ck_ok(hv_cpu_idle_ns(hv, idle, &nr, &err), &err);
	ck_assert(nr == 4 && idle[3] == 4000000000ull);
	ck_fails(hv_sharing_pages(hv, &freed, &used, &err), &err, ENOSYS, "sharing");
	ck_ok(hv_console_ring(hv, text, &len, false, true, &index, &err), &err);
	ck_assert(len == 7 && index == 7 && memcmp(text, "(XEN) X", 7) == 0);
	ck_ok(hv_debug_keys(hv, "q", &err), &err);
	ck_ok(hv_set_param(hv, "sched_ratelimit_us", "500", &err), &err);
	ck_fails(hv_set_param(hv, "nothing", "1", &err), &err, ENOENT, "/params/nothing");
	ck_fails(hv_flask_context(hv, 1, text, sizeof(text), &err), &err, ENOSYS, "flask");
	ck_assert_uint_gt(hv_nr_calls(hv), 10);
	hv_close(hv);
}
END_TEST

/* --- failures --------------------------------------------------------------------------------- */

static int scenario(void)
{
	struct hv *h;
	struct hv_created made;
	struct hv_version v;
	struct bitmap cpus;
	int result = -1;

	if (hv_open(&h, &err) < 0)
		return -1;
	bitmap_fill(&cpus, 4);
	if (hv_version(h, &v, &err) == 0 && hv_domain_create(h, &plain, &made, &err) == 0) {
		if (hv_domain_max_vcpus(h, made.domid, 1, &err) == 0 &&
		    hv_vcpu_set_affinity(h, made.domid, 0, &cpus, NULL, false, &err) == 0)
			result = 0;
		fake_domain_kill(made.domid);
	}
	hv_close(h);
	return result;
}

START_TEST(every_failure_has_a_message)
{
	unsigned nth, nr_absorbed = 0;

	for (nth = 1;; nth++) {
		err_clear(&err);
		point_arm(nth, FAULT_TRANSIENT, 0);
		int r = scenario();

		if (!point_disarm()) {
			ck_assert_int_eq(r, 0);
			break;
		}
		nr_absorbed += r == 0;
		ck_assert(r == 0 || (err.code && err.msg[0] && !strstr(err.msg, "Success")));
		ck_assert_ptr_null(fake_leftover());
	}
	ck_assert_uint_ge(nth, 13);
	ck_assert_uint_eq(nr_absorbed, 1);	/* the build id, which older releases do not tell */
}
END_TEST

TEST_MAIN("hv", what_is_created_is_listed, life_of_a_domain, vcpu_entry_follows_the_width,
	  affinities, populate_within_pool_and_maximum, mapped_frames_are_the_guests,
	  grants_through_a_resource, grants_the_old_way, ports_and_parameters, devices,
	  half_a_mapping_is_undone, schedulers, cpupools, host, every_failure_has_a_message)
