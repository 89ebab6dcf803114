// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Bytes between a connection and the page a domain shares. Knows the layout of the page and the
 * order in which it may be read and written; does not know messages, nor where the page and the
 * event channel come from.
 */
#include "xenstored/conn_ring.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include "base/log.h"
#include "base/mem.h"
#include "xenstored/wire.h"

_Static_assert(offsetof(struct ring_page, req_cons) == 2048, "xs_wire.h");
_Static_assert(offsetof(struct ring_page, rsp_cons) == 2056, "xs_wire.h");
_Static_assert(offsetof(struct ring_page, server_features) == 2064, "xs_wire.h");
_Static_assert(offsetof(struct ring_page, evtchn_port) == 2076, "xs_wire.h");

static void fail(struct conn_ring *r, enum ring_error error)
{
	if (r->error != RING_ERROR_NONE)
		return;
	r->error = error;
	if (r->page) {
		atomic_store_explicit(&r->page->error, error, memory_order_release);
		r->host->notify(r);
	}
	r->host->failed(r);
}

/* Have settle called at the end of the turn, and look at the ring again. */
static void touch(struct conn_ring *r)
{
	conn_writable(&r->conn);
	conn_ready(&r->conn);
}

static void copy_from_ring(char *to, const char *ring, uint32_t index, uint32_t len)
{
	uint32_t at = index % RING_BYTES, first = RING_BYTES - at;

	if (first > len)
		first = len;
	memcpy(to, ring + at, first);
	memcpy(to + first, ring, len - first);
}

static void copy_to_ring(char *ring, uint32_t index, const char *from, uint32_t len)
{
	uint32_t at = index % RING_BYTES, first = RING_BYTES - at;

	if (first > len)
		first = len;
	memcpy(ring + at, from, first);
	memcpy(ring, from + first, len - first);
}

static ssize_t ring_read(struct conn *c, void *buf, size_t len)
{
	struct conn_ring *r = container_of(c, struct conn_ring, conn);

	c->unread = false;
	if (!r->page || r->error || r->reset_pending || conn_ring_wants_reset(r))
		return 0;
	uint32_t prod = atomic_load_explicit(&r->page->req_prod, memory_order_acquire);
	uint32_t avail = prod - r->cons, n = avail;

	if (avail > RING_BYTES) {
		fail(r, RING_ERROR_INDEX);
		return 0;
	}
	if (n > len)
		n = (uint32_t)len;
	copy_from_ring(buf, r->page->req, r->cons, n);
	r->cons += n;
	c->unread = n > 0;	/* the domain rings once, not for as long as there is something */
	return n;
}

static ssize_t ring_write(struct conn *c, const void *buf, size_t len)
{
	struct conn_ring *r = container_of(c, struct conn_ring, conn);

	if (!r->page || r->error || r->reset_pending)
		return 0;
	if (r->journaled) {
		uint64_t written = c->out_total - conn_pending(c);

		if (len > r->out_journaled - written)
			len = (size_t)(r->out_journaled - written);
	}
	uint32_t cons = atomic_load_explicit(&r->page->rsp_cons, memory_order_acquire);
	uint32_t used = r->prod - cons;

	if (used > RING_BYTES) {
		fail(r, RING_ERROR_INDEX);
		return 0;
	}
	if (len > RING_BYTES - used)
		len = RING_BYTES - used;
	copy_to_ring(r->page->rsp, r->prod, buf, (uint32_t)len);
	r->prod += (uint32_t)len;
	if (len > 0) {
		atomic_store_explicit(&r->page->rsp_prod, r->prod, memory_order_release);
		r->kick = true;
	}
	if (r->kick)
		r->host->notify(r);
	r->kick = false;
	return (ssize_t)len;
}

static void reset_page(struct conn_ring *r)
{
	struct ring_page *p = r->page;

	r->reset_pending = false;
	atomic_store_explicit(&p->req_cons, 0, memory_order_relaxed);
	atomic_store_explicit(&p->req_prod, 0, memory_order_relaxed);
	atomic_store_explicit(&p->rsp_cons, 0, memory_order_relaxed);
	atomic_store_explicit(&p->rsp_prod, 0, memory_order_relaxed);
	atomic_store_explicit(&p->error, RING_ERROR_NONE, memory_order_relaxed);
	if (!conn_ring_wants_reset(r))
		return;
	atomic_store_explicit(&p->connection, 0, memory_order_release);
	r->kick = true;
}

/* The domain may overwrite what was read. Output that follows tells it; without any, it is told
 * now. */
static void ring_settle(struct conn *c)
{
	struct conn_ring *r = container_of(c, struct conn_ring, conn);

	if (!r->page)
		return;
	if (r->reset_pending) {
		reset_page(r);
		conn_ready(c);
	}
	if (atomic_load_explicit(&r->page->req_cons, memory_order_relaxed) != r->cons) {
		atomic_store_explicit(&r->page->req_cons, r->cons, memory_order_release);
		r->kick = true;
	}
	if (!r->kick || conn_pending(c) > 0)
		return;
	r->host->notify(r);
	r->kick = false;
}

static void ring_close(struct conn *c)
{
	struct conn_ring *r = container_of(c, struct conn_ring, conn);

	conn_ring_detach(r);
	list_del(&r->of_host);
	free(r);
}

static void ring_broken(struct conn *c)
{
	fail(container_of(c, struct conn_ring, conn), RING_ERROR_PROTOCOL);
}

static const struct conn_ops ring_ops = {
	.name = "ring",
	.broken = ring_broken,
	.read = ring_read,
	.write = ring_write,
	.settle = ring_settle,
	.close = ring_close,
};

struct conn_ring *conn_ring_new(struct turn *turn, struct account *account, uint16_t domid,
				const struct ring_host *host, void *host_arg)
{
	struct conn_ring *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	conn_init(&r->conn, &ring_ops, turn, account);
	r->domid = domid;
	r->host = host;
	r->host_arg = host_arg;
	list_init(&r->of_host);
	return r;
}

struct conn_ring *conn_ring_of(struct conn *c)
{
	return c->ops == &ring_ops ? container_of(c, struct conn_ring, conn) : NULL;
}

void conn_ring_attach(struct conn_ring *r, void *page, uint32_t port, uint32_t features)
{
	r->page = page;
	r->port = port;
	r->error = RING_ERROR_NONE;
	r->conn.broken = false;
	r->cons = atomic_load_explicit(&r->page->req_cons, memory_order_acquire);
	r->prod = atomic_load_explicit(&r->page->rsp_prod, memory_order_acquire);
	atomic_store_explicit(&r->page->error, RING_ERROR_NONE, memory_order_relaxed);
	atomic_store_explicit(&r->page->server_features, features, memory_order_release);
}

/* Skip whole messages: how much of one stands at the front when `published` bytes are gone. False:
 * they are not messages. */
static bool find_tail(const char *out, size_t len, size_t published, size_t *tail)
{
	size_t pos = *tail;

	while (pos < published) {
		struct wire_header h;

		if (wire_peek(out + pos, len - pos, &h) != WIRE_MESSAGE)
			return false;
		pos += WIRE_HEADER + h.len;
	}
	*tail = pos - published;
	return true;
}

void conn_ring_resume(struct conn_ring *r, const struct ring_position *at, const char *in,
		      size_t in_len, const char *out, size_t out_len, size_t tail)
{
	size_t published = r->page ? r->prod - at->rsp_prod : 0;
	struct err err = ERR_INIT;

	r->cons = at->req_cons;
	r->kick = true;		/* whatever the domain waits for, it may not have been told of it */
	if (tail > out_len || published > out_len || !find_tail(out, out_len, published, &tail)) {
		fail(r, RING_ERROR_INDEX);
		return;
	}
	touch(r);
	if (conn_restore(&r->conn, in, in_len, out + published, out_len - published, tail, &err) ==
	    0)
		return;
	log_error("domain %u: %s", r->domid, err.msg);
	fail(r, RING_ERROR_COMM);
}

void conn_ring_detach(struct conn_ring *r)
{
	if (r->page)
		r->host->detach(r);
	r->page = NULL;
	r->port = 0;
}

/* The page is left alone until the journal has it (settle): a crash before finds the domain still
 * asking. */
void conn_ring_reset(struct conn_ring *r)
{
	r->cons = r->prod = 0;
	r->error = RING_ERROR_NONE;
	r->conn.broken = false;
	r->resets++;
	r->reset_pending = true;
	touch(r);
}

void conn_ring_welcome(struct conn_ring *r)
{
	atomic_store_explicit(&r->page->connection, 0, memory_order_release);
	r->kick = true;
	touch(r);
}

bool conn_ring_wants_reset(const struct conn_ring *r)
{
	return r->page && atomic_load_explicit(&r->page->connection, memory_order_acquire) ==
				  RING_RECONNECT;
}

struct ring_position conn_ring_position(const struct conn_ring *r)
{
	return (struct ring_position){ r->cons, r->prod };
}
