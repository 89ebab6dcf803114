/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef XENCONSOLED_RING_H
#define XENCONSOLED_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A guest's console page (xen/include/public/io/console.h): two rings with free-running indices, of
 * which the guest owns one each. The guest may write anything into the page at any moment: its
 * indices are read once a step and checked, ours are kept here and only ever written to the page.
 */

#define RING_IN_SIZE 1024u
#define RING_OUT_SIZE 2048u

struct ring_page {
	uint8_t in[RING_IN_SIZE];	/* to the guest */
	uint8_t out[RING_OUT_SIZE];	/* from the guest */
	uint32_t in_cons, in_prod;	/* the guest's, ours */
	uint32_t out_cons, out_prod;	/* ours, the guest's */
};

struct ring {
	struct ring_page *page;
	uint32_t in_prod, out_cons;
};

/* Take up a page where its last user left it. Indices that cannot be right are set so that both
 * rings are empty. */
void ring_attach(struct ring *r, void *page);

/* Bytes from the guest, at most `size`: how many, or -1 when the guest's index is wrong. The room
 * is given back to the guest. */
int ring_take(struct ring *r, void *buf, size_t size);

/* How many bytes the guest can be sent now; 0 also when its index is wrong. */
size_t ring_room(const struct ring *r);
/* Send as much as there is room for; returns how much. */
size_t ring_put(struct ring *r, const void *data, size_t len);

#endif
