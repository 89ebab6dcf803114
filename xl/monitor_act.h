/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef XL_MONITOR_ACT_H
#define XL_MONITOR_ACT_H

#include "xl/restart_record.h"
#include "xl/xl.h"

/* What the supervisor does about the end of one domain. May take long (a dump of a large guest, a
 * rebuild), so it runs in a process of its own; may be killed at any moment and called again. */

struct death {
	uint32_t domid;
	uint8_t uuid[16];
	uint32_t reason;	/* enum vmm_shutdown; of no account when a restart is under way */
	bool is_single; /* the successor is the caller's alone, not the host's supervisor's */
};

/* *new_domid stays 0 unless the guest runs again. */
int monitor_act(struct xl *xl, const struct death *death, uint32_t *new_domid, struct err *err)
	must_check;
/* A restart that failed too often: the guest stays away. */
void monitor_give_up(const struct death *death);

/* The host's supervisor looks after the domain from now on (`xl create` without -e). Survives
 * restarts of the supervisor, ends with the domain. */
int monitor_adopt(struct vmm *vmm, uint32_t domid, struct err *err) must_check;
/* Look after it no longer: what it does is no longer answered. */
int monitor_release(struct vmm *vmm, uint32_t domid, struct err *err) must_check;
bool monitor_is_adopted(struct vmm *vmm, uint32_t domid, struct err *err);

/* How long to wait before a domain that has been restarted before is dealt with. ESRCH: it is
 * gone. */
int monitor_back_off_ms(struct vmm *vmm, uint32_t domid, uint64_t *ms, struct err *err) must_check;

#endif
