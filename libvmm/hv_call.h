/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBVMM_HV_CALL_H
#define LIBVMM_HV_CALL_H

#include "base/err.h"
#include "libvmm/arm_abi.h"

/* What the hv*.c files share: the handles, and the one way out of a hypercall. */

struct hv {
	xc_interface *xc;
	xenforeignmemory_handle *fmem;	/* belongs to xc */
	xengnttab_handle *gnttab;	/* NULL until something is copied */
	void (*trace)(void *arg, const char *call, uint32_t domid, const char *args, int result);
	void *trace_arg;
	uint64_t nr_calls;
};

/* Xen's libraries would write lines of their own to stderr; errno says it all. */
extern struct xentoollog_logger quiet_logger;

#define HV_HOST UINT32_MAX	/* for hv_done: the call is about no domain */

/*
 * Every hypercall ends here: it is counted, traced, and when rc is negative errno becomes err.
 * Returns 0 or -1. The call itself is written as the argument `rc`, so that errno is still that of
 * the call. `fmt` says the arguments, for the trace and for the message; NULL when there are none.
 */
int hv_done(struct hv *hv, long rc, struct err *err, const char *call, uint32_t domid,
	    const char *fmt, ...) must_check printf_like(6, 7);

/* A call that this libvmm cannot make because it was built with the headers of an older Xen. */
int hv_needs(struct err *err, const char *call, const char *release) must_check;

#endif
