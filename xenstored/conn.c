/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Connections: buffers in, buffers out, the lists of a turn. Knows messages as far as their
 * headers, to tell replies from events in the output; what they mean is not known here, nor what
 * carries them.
 */
#include "xenstored/conn.h"
#include <errno.h>
#include <string.h>
#include "base/hash.h"
#include "base/mem.h"
#include "xenstored/wire.h"

#define POOL_MAX  16u
#define MERGE_SIZE 512u			/* recent events remembered, a power of two */

void turn_init(struct turn *t, struct quota *quota, void (*wake)(struct turn *))
{
	memset(t, 0, sizeof(*t));
	list_init(&t->ready);
	list_init(&t->dirty);
	list_init(&t->paused);
	list_init(&t->dead);
	t->quota = quota;
	t->wake = wake;
}

void turn_free(struct turn *t)
{
	while (t->pool) {
		char *next;

		memcpy(&next, t->pool, sizeof(next));
		free(t->pool);
		t->pool = next;
	}
	t->nr_pool = 0;
}

/* Buffers */

static char *pool_get(struct turn *t)
{
	char *b = t->pool;

	if (!b)
		return malloc(CONN_BUF);
	memcpy(&t->pool, b, sizeof(t->pool));
	t->nr_pool--;
	return b;
}

static void pool_put(struct turn *t, char *b)
{
	if (t->nr_pool >= POOL_MAX) {
		free(b);
		return;
	}
	memcpy(b, &t->pool, sizeof(t->pool));
	t->pool = b;
	t->nr_pool++;
}

static void buf_release(struct turn *t, struct conn_buf *b)
{
	if (b->data && b->size == CONN_BUF)
		pool_put(t, b->data);
	else
		free(b->data);
	*b = (struct conn_buf){ 0 };
}

void conn_init(struct conn *c, const struct conn_ops *ops, struct turn *turn,
	       struct account *account)
{
	c->ops = ops;
	c->turn = turn;
	c->account = account_hold(account);
	c->domid = account->domid;
	c->privileged = account->privileged;
	c->next_txn = 1;
	list_init(&c->of_world);
	list_init(&c->on_ready);
	list_init(&c->on_dirty);
	list_init(&c->on_paused);
	list_init(&c->on_dead);
	list_init(&c->txns);
	watcher_init(&c->watcher);
}

static void enlist(struct turn *t, struct list *where, struct list *link)
{
	if (!list_is_empty(link))
		return;
	list_add_tail(where, link);
	if (t->wake && !t->running)
		t->wake(t);
}

void conn_ready(struct conn *c)
{
	if (!c->dead && !c->broken)
		enlist(c->turn, &c->turn->ready, &c->on_ready);
}

static void set_dirty(struct conn *c)
{
	enlist(c->turn, &c->turn->dirty, &c->on_dirty);
}

void conn_writable(struct conn *c)
{
	if (!c->dead)
		set_dirty(c);
}

void conn_kill(struct conn *c)
{
	if (c->dead)
		return;
	c->dead = true;
	list_del(&c->on_ready);
	list_del(&c->on_paused);
	enlist(c->turn, &c->turn->dead, &c->on_dead);
}

void conn_pause(struct conn *c, bool pause)
{
	if (c->paused == pause)
		return;
	c->paused = pause;
	c->starved = false;
	c->waits_turn = false;
	list_del(&c->on_paused);
	if (pause)
		list_add_tail(&c->turn->paused, &c->on_paused);
	else
		conn_ready(c);
	if (c->ops->want_read)
		c->ops->want_read(c, !pause);
}

void conn_starve(struct conn *c)
{
	conn_pause(c, true);
	c->starved = true;
}

void conn_break(struct conn *c)
{
	c->broken = true;
	list_del(&c->on_ready);
	conn_pause(c, false);
	if (c->ops->want_read)
		c->ops->want_read(c, false);
	conn_reset_buffers(c);
}

/* Input */

bool conn_fill(struct conn *c)
{
	struct conn_buf *b = &c->in;
	ssize_t n;

	if (!b->data) {
		b->data = pool_get(c->turn);
		if (!b->data) {
			conn_starve(c);
			return false;
		}
		b->size = CONN_BUF;
		b->off = b->len = 0;
	}
	if (b->off) {
		memmove(b->data, b->data + b->off, b->len - b->off);
		b->len -= b->off;
		b->off = 0;
	}
	if (b->len == b->size)
		return true;
	n = c->ops->read(c, b->data + b->len, b->size - b->len);
	if (n < 0)
		conn_kill(c);
	if (n <= 0) {
		if (!b->len)
			buf_release(c->turn, b);
		return false;
	}
	b->len += (uint32_t)n;
	c->turn->nr_reads++;
	c->turn->bytes_in += (uint64_t)n;
	set_dirty(c);
	return true;
}

void conn_consume(struct conn *c, size_t n)
{
	c->in.off += (uint32_t)n;
	if (c->in.off == c->in.len)
		buf_release(c->turn, &c->in);
}

/* Output */

static int out_grow(struct conn *c, size_t need)
{
	struct conn_buf *b = &c->out;
	uint32_t used = b->len - c->out_message;
	size_t size = CONN_BUF;
	char *data;

	while (size < used + need)
		size *= 2;
	if (size > UINT32_MAX / 2)
		return -1;
	if (b->data && size <= b->size) {
		memmove(b->data, b->data + c->out_message, used);
	} else {
		data = size == CONN_BUF ? pool_get(c->turn) : malloc(size);
		if (!data)
			return -1;
		if (b->data) {
			uint32_t off = b->off, len = b->len;

			memcpy(data, b->data + c->out_message, used);
			buf_release(c->turn, b);
			b->off = off;
			b->len = len;
		}
		b->data = data;
		b->size = (uint32_t)size;
	}
	b->off -= c->out_message;
	b->len = used;
	c->out_message = 0;
	return 0;
}

static int reserve(struct conn *c, size_t n, struct err *err)
{
	size_t need = (size_t)c->out_reserved + n;

	if (c->out.len + need > c->out.size && out_grow(c, need) < 0)
		return err_set(err, ENOMEM, "connection %u: no memory for %zu bytes of output",
			       c->id, n);
	c->out_reserved += (uint32_t)n;
	return 0;
}

int conn_reserve(struct conn *c, size_t len, struct err *err)
{
	return reserve(c, WIRE_HEADER + len, err);
}

void conn_cancel(struct conn *c, size_t len)
{
	c->out_reserved -= (uint32_t)(WIRE_HEADER + len);
	if (!c->out.len && !c->out_reserved)
		buf_release(c->turn, &c->out);
}

static char *put_header(struct conn *c, uint32_t type, uint32_t req_id, uint32_t tx_id, size_t len,
			size_t reserved)
{
	struct wire_header h = { type, req_id, tx_id, (uint32_t)len };
	char *p = c->out.data + c->out.len;

	memcpy(p, &h, sizeof(h));
	c->out_reserved -= (uint32_t)(WIRE_HEADER + reserved);
	c->out.len += (uint32_t)(WIRE_HEADER + len);
	c->out_total += WIRE_HEADER + len;
	quota_charge(c->turn->quota, c->account, QUOTA_MEMORY, (int64_t)(WIRE_HEADER + len));
	set_dirty(c);
	return p + WIRE_HEADER;
}

void conn_put(struct conn *c, uint32_t type, uint32_t req_id, uint32_t tx_id, const void *data,
	      size_t len, size_t reserved)
{
	char *p = put_header(c, type, req_id, tx_id, len, reserved);

	if (len)
		memcpy(p, data, len);
	quota_charge(c->turn->quota, c->account, QUOTA_OUTSTANDING, 1);
}

/* Events */

struct cause *cause_new(struct account *account)
{
	struct cause *cause = malloc(sizeof(*cause));

	if (cause)
		*cause = (struct cause){ .refs = 1, .account = account_hold(account) };
	return cause;
}

void cause_unref(struct cause *cause)
{
	if (!cause || --cause->refs)
		return;
	account_drop(cause->account);
	free(cause);
}

/* An event has left or was dropped; with the last one the request is done. The request itself let
 * go of its reference when it was published. */
static void cause_drop(struct quota *q, struct cause *cause)
{
	if (cause->refs == 1)
		quota_charge(q, cause->account, QUOTA_OUTSTANDING, -1);
	cause_unref(cause);
}

static int caused_reserve(struct conn *c)
{
	uint32_t size = c->caused_size ? c->caused_size * 2 : 8;
	struct caused *v;

	if (c->nr_caused + c->caused_reserved < c->caused_size)
		return 0;
	v = malloc(size * sizeof(*v));
	if (!v)
		return -1;
	for (uint32_t i = 0; i < c->nr_caused; i++)
		v[i] = c->caused[(c->caused_first + i) & (c->caused_size - 1)];
	free(c->caused);
	c->caused = v;
	c->caused_first = 0;
	c->caused_size = size;
	return 0;
}

int conn_reserve_event(struct conn *c, size_t len, struct err *err)
{
	if (caused_reserve(c) < 0)
		return err_set(err, ENOMEM, "connection %u: no memory for an event", c->id);
	if (conn_reserve(c, len, err) < 0)
		return -1;
	c->caused_reserved++;
	return 0;
}

void conn_cancel_event(struct conn *c, size_t len)
{
	c->caused_reserved--;
	conn_cancel(c, len);
}

static uint32_t *merge_slot(struct conn *c, const char *message, uint32_t len)
{
	return &c->merge[hash_bytes(message + WIRE_HEADER, len) & (MERGE_SIZE - 1)];
}

/* Where the events stand that wait, by hash of their payload. Only a connection with something
 * waiting has the table. Positions are kept modulo 2^32: what waits is far less. */
static bool make_merge(struct conn *c)
{
	uint64_t start = c->out_total - c->out.len;	/* position of data[0] */
	uint32_t pos = c->out_message + c->out_tail;
	struct wire_header h;

	c->merge = calloc(MERGE_SIZE, sizeof(c->merge[0]));
	if (!c->merge)
		return false;
	for (; pos < c->out.len; pos += WIRE_HEADER + h.len) {
		memcpy(&h, c->out.data + pos, sizeof(h));
		if (h.type == WIRE_WATCH_EVENT)
			*merge_slot(c, c->out.data + pos, h.len) = (uint32_t)(start + pos);
	}
	return true;
}

/* Is the event that was just put behind out.len waiting already? Without memory to know it is only
 * one more. */
static bool is_merged(struct conn *c, uint32_t len)
{
	const char *fresh = c->out.data + c->out.len;
	uint64_t start = c->out_total - c->out.len, where;
	uint32_t *slot;

	if (c->out.len == c->out_message || (!c->merge && !make_merge(c)))
		return false;
	slot = merge_slot(c, fresh, len);
	where = start + (uint32_t)(*slot - (uint32_t)start);
	if (where >= start + c->out.off && where + WIRE_HEADER + len <= c->out_total &&
	    !memcmp(c->out.data + (where - start), fresh, WIRE_HEADER + len))
		return true;
	*slot = (uint32_t)c->out_total;
	return false;
}

bool conn_put_event(struct conn *c, const char *path, size_t path_len, const char *token,
		    size_t token_len, struct cause *cause)
{
	uint32_t len = (uint32_t)(path_len + token_len + 2);
	struct wire_header h = { WIRE_WATCH_EVENT, 0, 0, len };
	char *p = c->out.data + c->out.len;

	c->caused_reserved--;
	memcpy(p, &h, sizeof(h));
	memcpy(p + WIRE_HEADER, path, path_len);
	p[WIRE_HEADER + path_len] = '\0';
	memcpy(p + WIRE_HEADER + path_len + 1, token, token_len);
	p[WIRE_HEADER + len - 1] = '\0';
	if (path[0] != '@' && is_merged(c, len)) {
		c->nr_merged++;
		conn_cancel(c, len);
		return false;
	}
	put_header(c, WIRE_WATCH_EVENT, 0, 0, len, len);
	c->nr_events++;
	if (cause) {
		uint32_t i = (c->caused_first + c->nr_caused++) & (c->caused_size - 1);

		if (cause->refs++ == 1)
			quota_charge(c->turn->quota, cause->account, QUOTA_OUTSTANDING, 1);
		c->caused[i] = (struct caused){ c->out_total, cause };
	}
	return true;
}

/* The first message in the output that has not left whole: its size and whether it is an event. */
static uint32_t first_message(const struct conn *c, bool *event)
{
	struct wire_header h;

	if (c->out_tail) {
		/* or a reply, which the restart has already counted as answered */
		*event = true;
		return c->out_tail;
	}
	memcpy(&h, c->out.data + c->out_message, sizeof(h));
	*event = h.type == WIRE_WATCH_EVENT;
	return WIRE_HEADER + h.len;
}

/* Everything up to `upto` has left: messages that are whole count as delivered. */
static void settle_messages(struct conn *c, uint32_t upto)
{
	while (c->out_message < upto) {
		bool event;
		uint32_t size = first_message(c, &event);

		if (c->out_message + size > upto)
			break;
		c->out_message += size;
		c->out_tail = 0;
		if (!event)
			quota_charge(c->turn->quota, c->account, QUOTA_OUTSTANDING, -1);
	}
	while (c->nr_caused &&
	       c->caused[c->caused_first].end <= c->out_total - c->out.len + c->out_message) {
		cause_drop(c->turn->quota, c->caused[c->caused_first].cause);
		c->caused_first = (c->caused_first + 1) & (c->caused_size - 1);
		c->nr_caused--;
	}
}

static void out_empty(struct conn *c)
{
	c->out_message = c->out.off = c->out.len = 0;
	free(steal(c->merge));
	if (!c->out_reserved)
		buf_release(c->turn, &c->out);
	if (!c->nr_caused && c->caused_size > 8) {
		free(c->caused);
		c->caused = NULL;
		c->caused_size = 0;
	}
}

static void set_stalled(struct conn *c, bool stalled)
{
	if (stalled == c->stalled_write)
		return;
	c->stalled_write = stalled;
	c->stalled_ms = c->turn->now_ms;
	c->turn->nr_stalled += stalled ? 1 : -1u;
	if (c->ops->want_write)
		c->ops->want_write(c, stalled);
}

void conn_flush(struct conn *c)
{
	struct conn_buf *b = &c->out;
	bool stalled;
	ssize_t n;

	if (c->dead || b->off == b->len)
		return;
	n = c->ops->write(c, b->data + b->off, b->len - b->off);
	if (n < 0) {
		conn_kill(c);
		return;
	}
	if (n) {
		b->off += (uint32_t)n;
		c->turn->nr_writes++;
		c->turn->bytes_out += (uint64_t)n;
		quota_charge(c->turn->quota, c->account, QUOTA_MEMORY, -n);
		settle_messages(c, b->off);
		c->stalled_ms = c->turn->now_ms;
	}
	stalled = b->off < b->len;
	if (!stalled)
		out_empty(c);
	set_stalled(c, stalled);
}

/* Recompute positions after messages were taken out: from the first event that goes, all later ones
 * move. */
void conn_drop_events(struct conn *c)
{
	struct conn_buf *b = &c->out;
	uint32_t from = c->out_message + c->out_tail, to = from;
	struct wire_header h;

	while (from < b->len) {
		uint32_t size;

		memcpy(&h, b->data + from, sizeof(h));
		size = WIRE_HEADER + h.len;
		/* One that has begun to leave must go on. */
		if (h.type == WIRE_WATCH_EVENT && from >= b->off) {
			quota_charge(c->turn->quota, c->account, QUOTA_MEMORY, -(int64_t)size);
			c->nr_dropped++;
		} else {
			memmove(b->data + to, b->data + from, size);
			to += size;
		}
		from += size;
	}
	b->len = to;
	while (c->nr_caused) {
		cause_drop(c->turn->quota, c->caused[c->caused_first].cause);
		c->caused_first = (c->caused_first + 1) & (c->caused_size - 1);
		c->nr_caused--;
	}
	free(steal(c->merge));
	if (b->off == b->len) {
		out_empty(c);
		set_stalled(c, false);
	}
}

void conn_reset_buffers(struct conn *c)
{
	struct conn_buf *b = &c->out;

	buf_release(c->turn, &c->in);
	if (!b->data)
		return;
	quota_charge(c->turn->quota, c->account, QUOTA_MEMORY, -(int64_t)(b->len - b->off));
	settle_messages(c, b->len);
	out_empty(c);
	set_stalled(c, false);
}

size_t conn_output_tail(const struct conn *c)
{
	bool event;

	if (c->out.off <= c->out_message || !c->out.data)
		return c->out_tail;
	return c->out_message + first_message(c, &event) - c->out.off;
}

static int restore_output(struct conn *c, const char *out, size_t len, size_t tail, struct err *err)
{
	struct wire_header h;

	for (size_t pos = tail; pos < len; pos += WIRE_HEADER + h.len) {
		if (wire_peek(out + pos, len - pos, &h) != WIRE_MESSAGE)
			return err_set(
				err, EINVAL,
				"connection %u: output to restore has no message at byte %zu",
				c->id, pos);
		if (h.type != WIRE_WATCH_EVENT)
			quota_charge(c->turn->quota, c->account, QUOTA_OUTSTANDING, 1);
	}
	if (reserve(c, len, err) < 0)
		return -1;
	memcpy(c->out.data + c->out.len, out, len);
	c->out_reserved -= (uint32_t)len;
	c->out_tail = (uint32_t)tail;
	c->out.len += (uint32_t)len;
	c->out_total += len;
	quota_charge(c->turn->quota, c->account, QUOTA_MEMORY, (int64_t)len);
	set_dirty(c);
	return 0;
}

int conn_restore(struct conn *c, const void *in, size_t in_len, const void *out, size_t out_len,
		 size_t tail, struct err *err)
{
	if (in_len > CONN_BUF || tail > out_len)
		return err_set(err, E2BIG, "connection %u: %zu bytes of input to restore", c->id,
			       in_len);
	if (in_len) {
		c->in.data = pool_get(c->turn);
		if (!c->in.data)
			return err_set(err, ENOMEM, "connection %u: no memory for its input",
				       c->id);
		c->in.size = CONN_BUF;
		c->in.off = 0;
		c->in.len = (uint32_t)in_len;
		memcpy(c->in.data, in, in_len);
		conn_ready(c);
	}
	return out_len ? restore_output(c, out, out_len, tail, err) : 0;
}
