/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBVMM_INTERNAL_H
#define LIBVMM_INTERNAL_H

#include "libvmm/hv.h"
#include "libvmm/libvmm.h"
#include "libvmm/store.h"

/* What the modules of libvmm share: the context. */
struct vmm {
	struct hv *hv;			/* NULL until vmm_hv */
	struct store *store;		/* NULL until vmm_store */
	vmm_trace_fn *trace;
	void *trace_arg;
	vmm_progress_fn *progress;
	void *progress_arg;
	const volatile int *interrupt;
	const struct vmm_defaults *defaults;	/* of devices that are attached; may be NULL */
};

/* The hypervisor or the store, opened when first asked for. NULL and err when it cannot be
 * reached. */
struct hv *vmm_hv(struct vmm *vmm, struct err *err) must_check;
struct store *vmm_store(struct vmm *vmm, struct err *err) must_check;

static inline bool vmm_is_interrupted(const struct vmm *vmm)
{
	return vmm->interrupt && *vmm->interrupt;
}

/* Say which step begins, and fail with EINTR when an interrupt was asked for. */
int vmm_step(struct vmm *vmm, struct err *err, const char *fmt, ...) must_check printf_like(3, 4);

/* A note on guests that Xen started: the number of the console that their Linux finds, since it
 * came too late for console 0. */
#define VMM_NOTE_LATE_CONSOLE "late-console"

#endif
