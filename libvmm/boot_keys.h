/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBVMM_BOOT_KEYS_H
#define LIBVMM_BOOT_KEYS_H

#include "base/err.h"
#include "libvmm/config.h"

/* What of a guest.cfg a boot by Xen 4.`minor` cannot do, key by key, and who does it then. */
struct boot_ability {
	unsigned minor;
	bool has_pool;		/* the guest's pool is made at boot */
	bool has_ring_memory;	/* the guest has room for rings in spite of static memory */
};
void boot_keys_report(const struct vmm_config *cfg, const struct boot_ability *can,
		      vmm_warn_fn *warn, void *arg);

/* The node's name is the guest's name after the boot. */
int boot_keys_check_name(const char *name, const char *what, struct err *err) must_check;

#endif
