// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Cyclic schedules of the arinc653 scheduler. Xen takes any table that adds up and then idles
 * through windows of domains it does not know; here each window must be somebody's.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include "base/num.h"
#include "base/str.h"
#include "libvmm/internal.h"
#include "libvmm/userdata.h"

_Static_assert(VMM_ARINC653_MAX == HV_ARINC653_MAX, "the same table");

static int check_pool(struct hv *hv, uint32_t pool, struct hv_cpupool *info, struct err *err)
{
	if (hv_cpupool_info(hv, pool, info, err) < 0)
		return -1;
	if (info->id != pool)
		return err_set(err, ENOENT, "there is no cpupool %" PRIu32, pool);
	if (info->sched != HV_SCHED_ARINC653)
		return err_set(err, EINVAL, "cpupool %" PRIu32 " runs %s, not arinc653", pool,
			       vmm_sched_name((enum vmm_sched)info->sched));
	return 0;
}

static const struct hv_dominfo *find_uuid(const struct hv_dominfo *list, size_t nr,
					  const uint8_t uuid[16])
{
	for (size_t i = 0; i < nr; i++)
		if (!list[i].is_dying && memcmp(list[i].uuid, uuid, 16) == 0)
			return &list[i];
	return NULL;
}

int vmm_arinc653_get(struct vmm *vmm, uint32_t pool, struct vmm_arinc653 *out, struct err *err)
{
	struct hv *hv = vmm_hv(vmm, err);
	autofree struct hv_arinc653_schedule *s = xcalloc(1, sizeof(*s));
	autofree struct hv_dominfo *list = NULL;
	struct hv_cpupool info;
	size_t nr;

	if (!hv || check_pool(hv, pool, &info, err) < 0 || hv_arinc653_get(hv, pool, s, err) < 0 ||
	    hv_domain_list(hv, &list, &nr, err) < 0)
		return -1;
	memset(out, 0, sizeof(*out));
	out->major_frame_ns = s->major_frame_ns;
	out->nr = s->nr;
	for (unsigned i = 0; i < s->nr; i++) {
		const struct hv_dominfo *dom = find_uuid(list, nr, s->entries[i].uuid);

		memcpy(out->windows[i].uuid, s->entries[i].uuid, 16);
		out->windows[i].domid = dom ? dom->domid : UINT32_MAX;
		out->windows[i].vcpu = s->entries[i].vcpu;
		out->windows[i].runtime_ns = s->entries[i].runtime_ns;
	}
	return 0;
}

static int check_window(const struct vmm_arinc653_window *w, unsigned i,
			const struct hv_dominfo *list, size_t nr, uint32_t pool, struct err *err)
{
	const struct hv_dominfo *dom = find_uuid(list, nr, w->uuid);
	char uuid[37];

	vmm_uuid_text(w->uuid, uuid);
	if (!dom)
		return err_set(err, ESRCH, "window %u: there is no domain with UUID %s", i + 1,
			       uuid);
	if (dom->cpupool != pool)
		return err_set(err, EINVAL,
			       "window %u: domain %" PRIu32 " is in cpupool %" PRIu32
			       "; 'xl cpupool-migrate' it first",
			       i + 1, dom->domid, dom->cpupool);
	if (w->vcpu >= dom->nr_vcpus)
		return err_set(err, EINVAL,
			       "window %u: domain %" PRIu32 " has no vcpu %" PRIu32
			       ": it has %" PRIu32,
			       i + 1, dom->domid, w->vcpu, dom->nr_vcpus);
	if (w->runtime_ns == 0)
		return err_set(err, EINVAL, "window %u is empty", i + 1);
	return 0;
}

static int check_sum(const struct vmm_arinc653 *in, struct err *err)
{
	uint64_t sum = 0;

	if (in->nr < 1 || in->nr > VMM_ARINC653_MAX)
		return err_set(err, EINVAL, "%u windows: there must be 1 to %d", in->nr,
			       VMM_ARINC653_MAX);
	for (unsigned i = 0; i < in->nr; i++)
		if (!num_add(sum, in->windows[i].runtime_ns, &sum))
			return err_set(err, EINVAL, "the windows are too long to add up");
	if (sum > in->major_frame_ns)
		return err_set(err, EINVAL,
			       "the windows take %" PRIu64
			       " us together and the major frame has %" PRIu64 " us",
			       sum / 1000, in->major_frame_ns / 1000);
	return 0;
}

int vmm_arinc653_set(struct vmm *vmm, uint32_t pool, const struct vmm_arinc653 *in, struct err *err)
{
	struct hv *hv = vmm_hv(vmm, err);
	autofree struct hv_arinc653_schedule *s = xcalloc(1, sizeof(*s));
	autofree struct hv_dominfo *list = NULL;
	struct hv_cpupool info;
	size_t nr;

	if (!hv || check_pool(hv, pool, &info, err) < 0 || check_sum(in, err) < 0 ||
	    hv_domain_list(hv, &list, &nr, err) < 0)
		return -1;
	/* The scheduler walks one table, so it keeps one pcpu busy. */
	if (bitmap_count(&info.cpus) != 1)
		return err_set(err, EINVAL,
			       "cpupool %" PRIu32
			       " has %u pcpus; an arinc653 schedule is for a pool with one",
			       pool, bitmap_count(&info.cpus));
	s->major_frame_ns = in->major_frame_ns;
	s->nr = in->nr;
	for (unsigned i = 0; i < in->nr; i++) {
		if (check_window(&in->windows[i], i, list, nr, pool, err) < 0)
			return -1;
		memcpy(s->entries[i].uuid, in->windows[i].uuid, 16);
		s->entries[i].vcpu = in->windows[i].vcpu;
		s->entries[i].runtime_ns = in->windows[i].runtime_ns;
	}
	return hv_arinc653_set(hv, pool, s, err);
}
