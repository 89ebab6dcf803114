/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBVMM_CREATE_NODES_H
#define LIBVMM_CREATE_NODES_H

#include "base/err.h"
#include "libvmm/build.h"

/*
 * The store nodes a new domain gets, as upstream's toolstack writes them: guests, daemons and
 * either toolstack look there.
 */

/* Before the domain is built: who it is, and what the guest may write. One transaction. */
int nodes_make(struct vmm *vmm, const struct vmm_config *cfg, uint32_t domid, struct err *err)
	must_check;
/* After: memory, vcpus, rings and consoles (one transaction); then the store is told of the
 * domain. */
int nodes_built(const struct build *b, struct err *err) must_check;
/* Only when it started, for a domain that has nothing else to say. */
int nodes_start_time(const struct build *b, struct err *err) must_check;
/* The domains in which xenstored and xenconsoled run. */
int nodes_daemons(struct vmm *vmm, uint32_t *store_domid, uint32_t *console_domid, struct err *err)
	must_check;

#endif
