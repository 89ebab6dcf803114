// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The arithmetic of a console page. Knows nothing of where the page comes from, nor of event
 * channels.
 */
#include "xenconsoled/ring.h"

#include <stdatomic.h>
#include <string.h>

_Static_assert(offsetof(struct ring_page, in_cons) == 3072, "as in xen/io/console.h");

/* The guest's fields: one load, one store, never a second look. */
static uint32_t load(const uint32_t *p)
{
	return atomic_load_explicit((const _Atomic uint32_t *)(const void *)p,
				    memory_order_acquire);
}

static void store(uint32_t *p, uint32_t v)
{
	/* What was copied is copied before the other side may reuse the room, or see the bytes. */
	atomic_thread_fence(memory_order_seq_cst);
	atomic_store_explicit((_Atomic uint32_t *)(void *)p, v, memory_order_release);
}

void ring_attach(struct ring *r, void *page)
{
	r->page = page;
	r->in_prod = load(&r->page->in_prod);
	r->out_cons = load(&r->page->out_cons);
	uint32_t in_cons = load(&r->page->in_cons), out_prod = load(&r->page->out_prod);

	if (r->in_prod - in_cons > RING_IN_SIZE) {
		r->in_prod = in_cons;
		store(&r->page->in_prod, r->in_prod);
	}
	if (out_prod - r->out_cons > RING_OUT_SIZE) {
		r->out_cons = out_prod;
		store(&r->page->out_cons, r->out_cons);
	}
}

int ring_take(struct ring *r, void *buf, size_t size)
{
	uint32_t nr = load(&r->page->out_prod) - r->out_cons;
	uint32_t at = r->out_cons & (RING_OUT_SIZE - 1);

	if (nr > RING_OUT_SIZE)
		return -1;
	if (nr > size)
		nr = (uint32_t)size;
	uint32_t first = nr < RING_OUT_SIZE - at ? nr : RING_OUT_SIZE - at;

	memcpy(buf, r->page->out + at, first);
	memcpy((uint8_t *)buf + first, r->page->out, nr - first);
	if (nr > 0) {
		r->out_cons += nr;
		store(&r->page->out_cons, r->out_cons);
	}
	return (int)nr;
}

size_t ring_room(const struct ring *r)
{
	uint32_t used = r->in_prod - load(&r->page->in_cons);

	return used > RING_IN_SIZE ? 0 : RING_IN_SIZE - used;
}

size_t ring_put(struct ring *r, const void *data, size_t len)
{
	size_t room = ring_room(r), at = r->in_prod & (RING_IN_SIZE - 1);

	if (len > room)
		len = room;
	if (len == 0)
		return 0;
	size_t first = len < RING_IN_SIZE - at ? len : RING_IN_SIZE - at;

	memcpy(r->page->in + at, data, first);
	memcpy(r->page->in, (const uint8_t *)data + first, len - first);
	r->in_prod += (uint32_t)len;
	store(&r->page->in_prod, r->in_prod);
	return len;
}
