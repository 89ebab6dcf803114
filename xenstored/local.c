/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A connection whose both ends are in this process: bytes go through two buffers, turns run when
 * something is sent. */
#include "xenstored/local.h"
#include <errno.h>
#include <string.h>
#include "base/mem.h"

#define MAX_WAITING (1024u * 1024)

struct local {
	struct conn conn;	/* first: freed by the transport's close */
	struct world *world;
	local_fn *on_message;
	void *arg;
	char *in;		/* to the daemon */
	size_t in_len;
	char out[WIRE_MESSAGE_MAX];	/* from the daemon: a message in parts */
	size_t out_len;
	bool stalled, closed, user_gone;
};

static ssize_t local_read(struct conn *c, void *buf, size_t len)
{
	struct local *l = container_of(c, struct local, conn);
	size_t n = len < l->in_len ? len : l->in_len;

	c->unread = n > 0;
	if (!n)
		return l->closed ? -1 : 0;
	memcpy(buf, l->in, n);
	memmove(l->in, l->in + n, l->in_len - n);
	l->in_len -= n;
	return (ssize_t)n;
}

static ssize_t local_write(struct conn *c, const void *buf, size_t len)
{
	struct local *l = container_of(c, struct local, conn);
	const char *p = buf;
	size_t left = len;

	if (l->stalled)
		return 0;
	while (left) {
		struct wire_header h;
		size_t n = sizeof(l->out) - l->out_len;

		if (n > left)
			n = left;
		memcpy(l->out + l->out_len, p, n);
		l->out_len += n;
		p += n;
		left -= n;
		while (wire_peek(l->out, l->out_len, &h) == WIRE_MESSAGE) {
			size_t size = WIRE_HEADER + h.len;

			if (!l->user_gone)
				l->on_message(l->arg, &h, l->out + WIRE_HEADER);
			memmove(l->out, l->out + size, l->out_len - size);
			l->out_len -= size;
		}
	}
	return (ssize_t)len;
}

static void local_free(struct conn *c)
{
	struct local *l = container_of(c, struct local, conn);

	l->closed = true;
	free(steal(l->in));
	if (l->user_gone)
		free(l);
}

static const struct conn_ops local_ops = {
	.name = "local",
	.read = local_read,
	.write = local_write,
	.close = local_free,
};

static bool introduce(struct world *w, struct local *l, unsigned domid)
{
	struct err err = ERR_INIT;
	struct domain *d = world_restore_domain(w, domid, &err);

	if (!d)
		return false;
	l->conn.domain = d;
	d->conn = &l->conn;
	return true;
}

struct local *local_open(struct world *w, unsigned domid, local_fn *on_message, void *arg)
{
	struct local *l = calloc(1, sizeof(*l));
	struct account *account =
		l && (domid == 0 || introduce(w, l, domid)) ? quota_account(w->quota, domid) : NULL;

	if (!account) {
		free(l);
		return NULL;
	}
	l->world = w;
	l->on_message = on_message;
	l->arg = arg;
	conn_init(&l->conn, &local_ops, &w->turn, account);
	world_add_conn(w, &l->conn);
	return l;
}

int local_send(struct local *l, const void *data, size_t len)
{
	char *in;

	if (l->closed || l->conn.dead || l->in_len + len > MAX_WAITING)
		return -1;
	in = realloc(l->in, l->in_len + len + 1);
	if (!in)
		return -1;
	l->in = in;
	memcpy(in + l->in_len, data, len);
	l->in_len += len;
	conn_ready(&l->conn);
	while (dispatch_turn(l->world, l->world->now_ms))
		;
	return l->closed || l->conn.dead ? -1 : 0;
}

int local_request(struct local *l, uint32_t type, uint32_t req_id, uint32_t tx_id,
		  const void *payload, size_t len)
{
	struct wire_header h = { type, req_id, tx_id, (uint32_t)len };
	char message[WIRE_MESSAGE_MAX];

	if (len > WIRE_PAYLOAD_MAX)
		return -1;
	memcpy(message, &h, sizeof(h));
	if (len)
		memcpy(message + sizeof(h), payload, len);
	return local_send(l, message, sizeof(h) + len);
}

void local_stall(struct local *l, bool stall)
{
	l->stalled = stall;
	if (l->closed || stall)
		return;
	conn_writable(&l->conn);
	while (dispatch_turn(l->world, l->world->now_ms))
		;
}

struct conn *local_conn(struct local *l)
{
	return l->closed ? NULL : &l->conn;
}

void local_close(struct local *l)
{
	bool closed = l->closed;

	l->user_gone = true;
	if (closed) {
		free(l);
		return;
	}
	conn_kill(&l->conn);
	dispatch_turn(l->world, l->world->now_ms);
}
