// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Room for a new domain. Knows who may have memory to give: domains that are going, and dom0, whose
 * balloon driver works in its own time. What the new domain needs the caller says.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include "base/file.h"
#include "base/str.h"
#include "libvmm/balloon.h"
#include "libvmm/memory.h"

#define PAGE_KB (HV_PAGE_SIZE / 1024)
#define DOM0_MIN_KB (128u * 1024)	/* below that Linux ends its own processes; upstream's LIBXL_MIN_DOM0_MEM */
#define STALL_MS 10000			/* without a page more, nobody is waited for any longer */
#define LOOK_MS 20

static int free_kb(struct vmm *vmm, uint64_t *kb, struct err *err)
{
	struct hv_physinfo phys;

	if (hv_physinfo(vmm->hv, &phys, err) < 0)
		return -1;
	*kb = phys.free_pages > phys.outstanding_pages
		      ? (phys.free_pages - phys.outstanding_pages) * PAGE_KB
		      : 0;
	return 0;
}

/* What domains that are going still hold. */
static int dying_kb(struct vmm *vmm, uint64_t *kb, struct err *err)
{
	autofree struct hv_dominfo *list = NULL;
	size_t nr;

	if (hv_domain_list(vmm->hv, &list, &nr, err) < 0)
		return -1;
	*kb = 0;
	for (size_t i = 0; i < nr; i++)
		if (list[i].is_dying)
			*kb += list[i].nr_pages * PAGE_KB;
	return 0;
}

/* Until there is enough free (*now_kb >= need_kb) or nothing has come for a while. Xen tells nobody
 * of a page that is freed. */
static int await(struct vmm *vmm, uint64_t need_kb, uint64_t *now_kb, struct err *err)
{
	uint64_t best_kb = *now_kb, moved_ms = time_ms();

	while (*now_kb < need_kb && time_ms() - moved_ms < STALL_MS) {
		if (vmm_is_interrupted(vmm))
			return err_set(err, EINTR, "interrupted while memory was being freed");
		poll(NULL, 0, LOOK_MS);
		if (free_kb(vmm, now_kb, err) < 0)
			return -1;
		if (*now_kb > best_kb) {
			best_kb = *now_kb;
			moved_ms = time_ms();
		}
	}
	return 0;
}

/* --- dom0 ------------------------------------------------------------------------------------- */

/* dom0_mem= on Xen's command line is an administrator's word on how much dom0 has: auto leaves that
 * alone, as upstream does. */
static int is_wanted(struct vmm *vmm, enum vmm_balloon mode, bool *is_wanted, struct err *err)
{
	struct hv_version version;
	const char *at;

	*is_wanted = mode == VMM_BALLOON_ON;
	if (mode != VMM_BALLOON_AUTO)
		return 0;
	if (hv_version(vmm->hv, &version, err) < 0)
		return -1;
	at = version.commandline;
	while ((at = strstr(at, "dom0_mem=")) && at != version.commandline && at[-1] != ' ')
		at++;
	*is_wanted = !at;
	return 0;
}

/* Why dom0 cannot give so much; NULL: it can be asked. */
static int why_not(struct vmm *vmm, enum vmm_balloon mode, uint64_t missing_kb, const char **why,
		   struct err *err)
{
	uint64_t target_kb;
	bool wanted, is_direct;

	*why = NULL;
	if (is_wanted(vmm, mode, &wanted, err) < 0)
		return -1;
	if (!wanted) {
		*why = mode == VMM_BALLOON_AUTO ? " (autoballoon leaves dom0 alone, since "
						  "dom0_mem= is on Xen's command line)"
						: " (autoballoon is off)";
		return 0;
	}
	if (hv_is_direct_mapped(vmm->hv, &is_direct, err) < 0)
		return -1;
	if (is_direct) {
		*why = " (and dom0 cannot give any: Xen maps it 1:1 on this host, and keeps the "
		       "frames it balloons out)";
		return 0;
	}
	if (memory_dom0_target(vmm, &target_kb, err) < 0)
		return -1;
	if (target_kb < missing_kb + DOM0_MIN_KB)
		*why = " (and dom0 would be left with less than 128 MiB)";
	return 0;
}

static int too_little(uint64_t need_kb, uint64_t now_kb, const char *why, struct err *err)
{
	return err_set(err, ENOMEM,
		       "the domain needs %" PRIu64
		       " MiB with its page tables, the host has %" PRIu64 " MiB free%s; "
		       "lower memory=, shrink dom0 (dom0_mem=) or end another domain",
		       (need_kb + 1023) / 1024, now_kb / 1024, why);
}

/* As much as is missing; again while it helps, since dom0 may need some of what it gave for other
 * things. */
static int shrink_dom0(struct vmm *vmm, uint64_t need_kb, uint64_t now_kb, uint64_t dom0_kb,
		       struct err *err)
{
	if (vmm_step(vmm, err, "waiting for dom0 to give up %" PRIu64 " MiB",
		     (need_kb - now_kb + 1023) / 1024) < 0 ||
	    memory_ask_dom0(vmm, dom0_kb - (need_kb - now_kb), err) < 0 ||
	    await(vmm, need_kb, &now_kb, err) < 0)
		return -1;
	return now_kb >= need_kb
		       ? 0
		       : too_little(need_kb, now_kb,
				    " (dom0 was asked for the rest and did not give it)", err);
}

void balloon_undo(struct vmm *vmm, uint64_t dom0_kb)
{
	struct err ignored = ERR_INIT;

	if (dom0_kb && memory_ask_dom0(vmm, dom0_kb, &ignored) < 0)
		err_clear(&ignored);
}

int balloon_make_room(struct vmm *vmm, enum vmm_balloon mode, uint64_t need_kb, uint64_t *dom0_kb,
		      struct err *err)
{
	uint64_t now_kb, coming_kb;
	const char *why;

	*dom0_kb = 0;
	if (free_kb(vmm, &now_kb, err) < 0)
		return -1;
	if (now_kb >= need_kb)
		return 0;
	if (dying_kb(vmm, &coming_kb, err) < 0 ||
	    (coming_kb && await(vmm, need_kb, &now_kb, err) < 0))
		return -1;
	if (now_kb >= need_kb)
		return 0;
	if (why_not(vmm, mode, need_kb - now_kb, &why, err) < 0)
		return -1;
	if (why)
		return too_little(need_kb, now_kb, why, err);
	if (memory_dom0_target(vmm, dom0_kb, err) < 0)
		return -1;
	if (shrink_dom0(vmm, need_kb, now_kb, *dom0_kb, err) == 0)
		return 0;
	balloon_undo(vmm, *dom0_kb);
	*dom0_kb = 0;
	return -1;
}
