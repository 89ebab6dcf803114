/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBVMM_DOMAIN_H
#define LIBVMM_DOMAIN_H

#include <stdint.h>
#include "libvmm/libvmm.h"
#include "base/err.h"

struct vmm;

/*
 * The one road of undo: everything a domain has, complete or half-made, goes. Devices and their
 * nodes, the domain itself, its store tree, its files. What is not there is no error, so it can be
 * repeated, and creation's undo is this. A step that fails does not keep the later ones from being
 * tried; the first failure is reported. Returns when the domain is gone from the hypervisor and its
 * memory is free. Not interruptible.
 */
int domain_teardown(struct vmm *vmm, uint32_t domid, struct err *err) must_check;

/* --- waiting, shared by domain.c and domain_end.c; the store must be open --------------------- */

#define DOMAIN_TOKEN "domain"	/* of every watch set here; event.c has another, so they do not meet */

/* Milliseconds to a deadline by time_ms(): 0 when it has passed, -1 when it is UINT64_MAX
 * (none). */
int domain_left_ms(uint64_t deadline);
/* Sleep until the store says something, at most `max_ms`. 1: something happened, 0: not. EINTR when
 * interrupted. */
int domain_await_event(struct vmm *vmm, int max_ms, struct err *err) must_check;
/* Set a watch; one that could not be taken back earlier serves again. */
int domain_watch(struct vmm *vmm, const char *path, struct err *err) must_check;
/* Take a watch back; a store that fails has forgotten it. */
void domain_forget_watch(struct vmm *vmm, const char *path);
/* It is dying and has no page left: what is still there holds nothing. */
static inline bool domain_is_empty(const struct vmm_dominfo *info)
{
	return info->is_dying && !info->memory_kb;
}

/* Until Xen no longer knows the domain, or it is empty and stays; the caller watches
 * @releaseDomain. */
int domain_wait_gone(struct vmm *vmm, uint32_t domid, uint64_t deadline, struct err *err)
	must_check;

#endif
