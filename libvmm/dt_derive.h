/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBVMM_DT_DERIVE_H
#define LIBVMM_DT_DERIVE_H

#include "libvmm/dt_host.h"

/*
 * From devices of the host's tree to the partial device tree that tells a guest of them: registers
 * where the guest has them, interrupts of its own controller, clocks as fixed ones. What cannot be
 * carried over is left out and reported. Pure.
 */

struct dt_pick {
	uint32_t node;
	const char *alias; /* its name in the guest's /aliases; NULL: those the host has for it */
	uint64_t clock_hz;	/* of clocks whose rate the tree does not tell; 0: not known */
};

/* Host pages that are elsewhere in the guest. */
struct dt_move { struct dt_range from; uint64_t to; };

struct dt_derive {
	const struct dt_host *host;
	const struct dt_pick *picks;
	size_t nr_picks;
	const struct dt_move *moves;
	size_t nr_moves;
	const void *partial; /* a hand-written partial tree to go into it as well, checked; may be
				NULL */
	struct strlist *notes;		/* what was left out, one line each */
};

/* *blob is yours. ENODATA: a clock's rate is not known. */
int dt_derive(const struct dt_derive *d, void **blob, size_t *size, struct err *err) must_check;

#endif
