/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBVMM_BUILD_H
#define LIBVMM_BUILD_H

#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"
#include "libvmm/config.h"
#include "libvmm/image.h"
#include "libvmm/internal.h"
#include "libvmm/layout.h"

/*
 * From a configuration and an empty domain to one that could run: memory, kernel, device tree,
 * grants, vcpu 0. Nothing of the store, nothing of undo: a domain that cannot be finished is the
 * caller's to tear down.
 */
struct build {
	struct vmm *vmm;
	const struct vmm_config *cfg;
	/* known before there is a domain (build_open) */
	struct image kernel, ramdisk;	/* ramdisk.path NULL: none */
	bool is_64bit;
	int xen_major, xen_minor;
	uint32_t max_grant_version;
	uint32_t max_sve_vl;		/* vector length / 128; 0: no SVE */
	void *partial;			/* device_tree= and devices=, checked; owned; NULL: none */
	/* the caller's, before build_domain */
	struct hv_created created;
	bool is_colored;		/* Xen gives it memory of certain colours of its cache */
	uint32_t store_domid, console_domid;	/* where the daemons live */
	/* of the domain (build_domain) */
	struct layout map;
	uint32_t store_port, console_port, vuart_port;	/* vuart: 0 when there is none */
	uint64_t store_gfn, console_gfn;		/* of the rings; 0: their magic pages */
};

/* Open the images and ask the host what there is to know: everything that can fail without a
 * domain. `partial`: what is made of devices= and device_tree= together, taken; NULL: device_tree=
 * alone. */
int build_open(struct build *b, struct vmm *vmm, const struct vmm_config *cfg, void *partial,
	       struct err *err) must_check;
/* What createdomain takes from the configuration, whose devices are settled; domid, pool and label
 * are the caller's to add. */
int build_createdomain(const struct build *b, struct hv_createdomain *out, struct err *err)
	must_check;
/* Xen refuses a domain with a bare EINVAL or ENODEV: add which of the keys it can be about. Returns
 * -1. */
int build_refused(const struct build *b, const struct hv_createdomain *create, struct err *err);
/* Limits, the pool of page tables, and a claim on the host's memory (unless !claims), so that
 * nothing that is created meanwhile takes what this domain is to have. Quick, where build_domain is
 * not. */
int build_reserve(struct build *b, bool claims, struct err *err) must_check;
int build_domain(struct build *b, struct err *err) must_check;
void build_close(struct build *b);
#define autobuild __attribute__((cleanup(build_close)))

/* KiB of the pool that the domain's second-stage page tables come from. */
uint64_t build_p2m_pool_kb(const struct vmm_config *cfg);
/* KiB that Xen must have free for the domain: its RAM, tables, magic pages. */
uint64_t build_need_kb(const struct vmm_config *cfg);
/* Guest physical address of a magic page. */
uint64_t build_magic(enum layout_magic page);

#endif
