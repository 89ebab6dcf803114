/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBVMM_BOOT_SPEC_H
#define LIBVMM_BOOT_SPEC_H

#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"

/*
 * The entries of guest.cfg's lists that only guests started by Xen can have, as values. `who` is
 * the guest, for messages.
 */

/* static_mem = ["START,SIZE"]: bytes, whole pages. */
struct boot_mem { uint64_t base, size; };
int boot_spec_mem(const char *text, const char *who, struct boot_mem *out, struct err *err)
	must_check;

/* static_evtchn = ["PORT,PEER,PORT"]: the guest's port, the other guest (or Domain-0), its port. */
struct boot_evtchn {
	uint32_t port, peer_port;
	char *peer;
};
/* Xen takes the lowest port for the store's ring, and a guest that it starts has 1023 at most. */
enum { BOOT_EVTCHN_MIN = 2, BOOT_EVTCHN_MAX = 1023 };
int boot_spec_evtchn(const char *text, const char *who, struct boot_evtchn *out, struct err *err)
	must_check;
void boot_evtchn_free(struct boot_evtchn *e);
#define autoevtchn __attribute__((cleanup(boot_evtchn_free)))

/* static_shm = ["id=ID,address=ADDR,size=SIZE[,host=ADDR][,role=owner|borrower][,dom0]"] */
struct boot_shm {
	char id[16];		/* MAX_SHM_ID_LENGTH, the NUL included */
	uint64_t address, size;	/* where the guest sees it */
	uint64_t host;		/* where it lies on the machine */
	bool has_host, is_owner, has_role, with_dom0;
};
int boot_spec_shm(const char *text, const char *who, struct boot_shm *out, struct err *err)
	must_check;

#endif
