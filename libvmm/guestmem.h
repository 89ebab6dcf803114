/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBVMM_GUESTMEM_H
#define LIBVMM_GUESTMEM_H

#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "libvmm/hv.h"
#include "libvmm/layout.h"

/*
 * Writing into the memory of a domain that has not run yet. What was written is remembered and
 * cleaned to memory in the end: the guest starts with its caches off and would not see it
 * otherwise.
 */
#define GUESTMEM_MAX_DIRTY 8

struct guestmem {
	struct hv *hv;
	uint32_t domid;
	struct hv_grants *grants;
	struct layout_range dirty[GUESTMEM_MAX_DIRTY];	/* whole pages; ranges that touch are one */
	unsigned nr_dirty;
};

int guestmem_open(struct guestmem *gm, struct hv *hv, uint32_t domid, struct err *err) must_check;
/* At guest physical address gpa, any alignment. The frames must be populated. */
int guestmem_write(struct guestmem *gm, uint64_t gpa, const void *data, size_t len, struct err *err)
	must_check;
int guestmem_zero_pages(struct guestmem *gm, uint64_t gpa, unsigned nr, struct err *err) must_check;
/* Entry `ref` of the guest's grant table gives domid_to access to the page at gpa. */
void guestmem_grant(struct guestmem *gm, uint32_t ref, uint32_t domid_to, uint64_t gpa);
int guestmem_flush(struct guestmem *gm, struct err *err) must_check;
/* Zeroed memory is closed. */
void guestmem_close(struct guestmem *gm);
#define autoguestmem __attribute__((cleanup(guestmem_close)))

#endif
