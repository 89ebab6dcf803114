// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Pools of pcpus. Xen numbers them, the store names them (/local/pool/N/name).
 */
#include <errno.h>
#include "base/str.h"
#include "libvmm/internal.h"

int vmm_cpupool_name(struct vmm *vmm, uint32_t pool, char **name, struct err *err)
{
	struct store *store = vmm_store(vmm, err);

	if (!store || store_read_opt(store, name, err, "/local/pool/%u/name", pool) < 0)
		return -1;
	/* A host where nobody ran init-dom0 still has pools. */
	if (!*name)
		*name = str_printf("Pool-%u", pool);
	return 0;
}
