// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Writing the state stream. Knows the layout of every record; does not know where it goes, nor
 * files, rings or sockets: what a connection has under way is said by whoever writes (journal.c,
 * update.c).
 */
#include "xenstored/state.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <string.h>
#include "base/num.h"
#include "xenstored/state_rec.h"

/* Room for a record with a body of `len` bytes: type and length are filled in, the padding is
 * zeroed. NULL with err. */
static char *open_record(const struct state_sink *s, uint32_t type, size_t len, struct err *err)
{
	size_t padded = num_align_up(len, 8);
	uint32_t head[2] = { type, (uint32_t)padded };
	char *p = s->room(s->arg, STATE_RECORD + padded, err);

	if (!p)
		return NULL;
	/* The padding is in the last eight bytes; what is data there comes later. */
	memset(p + STATE_RECORD + padded - 8, 0, 8);
	memcpy(p, head, sizeof(head));
	return p + STATE_RECORD;
}

static char *add(char *p, const void *data, size_t len)
{
	if (len > 0)
		memcpy(p, data, len);
	return p + len;
}

int state_put_header(const struct state_sink *s, uint32_t version, struct err *err)
{
	uint32_t words[2] = { htonl(version), htonl(STATE_NATIVE_FLAGS) };
	char *p = s->room(s->arg, STATE_HEADER, err);

	if (!p)
		return -1;
	add(add(p, STATE_IDENT, 8), words, sizeof(words));
	return 0;
}

int state_put_record(const struct state_sink *s, uint32_t type, const void *body, size_t len,
		     struct err *err)
{
	char *p = open_record(s, type, len, err);

	if (!p)
		return -1;
	add(p, body, len);
	return 0;
}

int state_put_end(const struct state_sink *s, struct err *err)
{
	return open_record(s, STATE_END, 0, err) ? 0 : -1;
}

int state_put_global(const struct state_sink *s, int socket_fd, int evtchn_fd, struct err *err)
{
	struct rec_global g = { socket_fd, evtchn_fd };

	return state_put_record(s, STATE_GLOBAL, &g, sizeof(g), err);
}

int state_put_conn(const struct state_sink *s, const struct state_conn *c, struct err *err)
{
	struct rec_conn rec = {
		.conn_id = c->id,
		.type = c->is_socket,
		.in_len = (uint16_t)c->in_len,
		.response_len = (uint16_t)c->response_len,
		.out_len = (uint32_t)c->out_len,
	};

	if (c->in_len > UINT16_MAX)
		return err_set(err, EFBIG, "connection %u: %zu bytes of input do not fit a record",
			       c->id, c->in_len);
	if (c->is_socket) {
		rec.socket.fd = c->fd;
	} else {
		rec.ring.domid = c->domid;
		rec.ring.target = c->target;
		rec.ring.port = c->port;
	}
	char *p = open_record(s, STATE_CONN, sizeof(rec) + c->in_len + c->out_len, err);

	if (!p)
		return -1;
	add(add(add(p, &rec, sizeof(rec)), c->in, c->in_len), c->out, c->out_len);
	return 0;
}

int state_put_watch(const struct state_sink *s, const struct state_watch *w, struct err *err)
{
	bool extended = w->depth != STATE_ANY_DEPTH;
	struct rec_watch_extended rec = {
		.watch = { w->conn_id, (uint16_t)(w->path_len + 1), (uint16_t)(w->token_len + 1) },
		.depth = (uint16_t)w->depth,
	};
	size_t head = extended ? sizeof(rec) : sizeof(rec.watch);
	char *p = open_record(s, extended ? STATE_WATCH_EXTENDED : STATE_WATCH,
			      head + w->path_len + 1 + w->token_len + 1, err);

	if (!p)
		return -1;
	p = add(add(add(p, &rec, head), w->path, w->path_len), "", 1);
	add(add(p, w->token, w->token_len), "", 1);
	return 0;
}

int state_put_txn(const struct state_sink *s, uint32_t conn_id, uint32_t txn_id, struct err *err)
{
	struct rec_txn rec = { conn_id, txn_id };

	return state_put_record(s, STATE_TXN, &rec, sizeof(rec), err);
}

int state_put_node(const struct state_sink *s, const struct state_node *n, struct err *err)
{
	struct rec_node rec = {
		.conn_id = n->conn_id,
		.txn_id = n->txn_id,
		.path_len = (uint16_t)(n->path_len + 1),
		.value_len = (uint16_t)n->value_len,
		.access = n->access,
		.nr_perms = (uint16_t)n->nr_perms,
	};
	char *p = open_record(s, STATE_NODE,
			      sizeof(rec) + n->nr_perms * sizeof(struct rec_perm) + n->path_len +
				      1 + n->value_len,
			      err);
	if (!p)
		return -1;
	p = add(p, &rec, sizeof(rec));
	for (unsigned i = 0; i < n->nr_perms; i++) {
		const struct perm *e = &n->perms[i];
		struct rec_perm perm = {
			.letter = (uint8_t)STATE_PERM_LETTERS[e->bits & (PERM_READ | PERM_WRITE)],
			.flags = e->bits & PERM_STALE ? STATE_PERM_STALE : 0,
			.domid = e->domid,
		};

		p = add(p, &perm, sizeof(perm));
	}
	add(add(add(p, n->path, n->path_len), "", 1), n->value, n->value_len);
	return 0;
}

/* A list of numbers, then their names: both quota records end so. soft-<name> where a quota has
 * one. */
struct limit_list {
	uint32_t values[2 * NR_QUOTAS];
	char names[2 * NR_QUOTAS * 32];
	size_t nr, names_len;
};

static void add_limit(struct limit_list *l, bool soft, unsigned id, unsigned value)
{
	const char *name = quota_rows[id].name;

	l->values[l->nr++] = value;
	if (soft) {
		memcpy(l->names + l->names_len, "soft-", 5);
		l->names_len += 5;
	}
	memcpy(l->names + l->names_len, name, strlen(name) + 1);
	l->names_len += strlen(name) + 1;
}

static int put_limits(const struct state_sink *s, uint32_t type, const void *head, size_t head_len,
		      const struct limit_list *l, struct err *err)
{
	char *p = open_record(s, type, head_len + l->nr * sizeof(l->values[0]) + l->names_len, err);

	if (!p)
		return -1;
	add(add(add(p, head, head_len), l->values, l->nr * sizeof(l->values[0])), l->names,
	    l->names_len);
	return 0;
}

int state_put_global_quota(const struct state_sink *s, const struct quota_limits *limits,
			   struct err *err)
{
	struct limit_list l = { .nr = 0 };

	for (unsigned i = 0; i < NR_QUOTAS; i++) {
		add_limit(&l, false, i, limits->hard[i]);
		if (quota_rows[i].has_soft)
			add_limit(&l, true, i, limits->soft[i]);
	}
	struct rec_global_quota rec = { (uint16_t)l.nr, 0 };

	return put_limits(s, STATE_GLOBAL_QUOTA, &rec, sizeof(rec), &l, err);
}

int state_put_domain(const struct state_sink *s, const struct domain *d, struct err *err)
{
	const struct account *a = d->account;
	struct limit_list l = { .nr = 0 };

	for (unsigned i = 0; i < NR_QUOTAS; i++) {
		if (a->own_hard & 1u << i)
			add_limit(&l, false, i, a->limits.hard[i]);
		if (a->own_soft & 1u << i)
			add_limit(&l, true, i, a->limits.soft[i]);
	}
	struct rec_domain rec = { d->domid, (uint16_t)l.nr, d->features };

	return put_limits(s, STATE_DOMAIN, &rec, sizeof(rec), &l, err);
}

/* --- the world -------------------------------------------------------------------------------- */

static int put_special(const struct state_sink *s, const char *name, const struct perms *perms,
		       struct err *err)
{
	struct state_node n = {
		.path = name,
		.path_len = strlen(name),
		.perms = perms->e,
		.nr_perms = perms->n,
	};

	return state_put_node(s, &n, err);
}

int state_put_world(const struct state_sink *s, const struct world *w, struct err *err)
{
	const struct domain *d;

	if (put_special(s, "@introduceDomain", w->special[0], err) < 0 ||
	    put_special(s, "@releaseDomain", w->special[1], err) < 0 ||
	    state_put_global_quota(s, quota_global(w->quota), err) < 0)
		return -1;
	list_for_each_entry(d, &w->domains, of_world)
		if (state_put_domain(s, d, err) < 0)
			return -1;
	return 0;
}

int state_put_conn_watches(const struct state_sink *s, const struct conn *c, struct err *err)
{
	const struct watch *w;

	list_for_each_entry(w, &c->watcher.watches, of_watcher) {
		struct state_watch rec = {
			.conn_id = c->id,
			.path = watch_path(w) + w->relative,
			.path_len = (size_t)w->path_len - w->relative,
			.token = watch_token(w),
			.token_len = w->token_len,
			.depth = w->depth == WATCH_ANY_DEPTH ? STATE_ANY_DEPTH
							     : (uint32_t)w->depth,
		};

		if (state_put_watch(s, &rec, err) < 0)
			return -1;
	}
	return 0;
}

int state_put_conn_txns(const struct state_sink *s, const struct conn *c, struct err *err)
{
	const struct txn *t;

	list_for_each_entry(t, &c->txns, of_conn)
		if (state_put_txn(s, c->id, t->id, err) < 0)
			return -1;
	return 0;
}

int state_put_tree_node(const struct state_sink *s, const struct node *n, const char *path,
			size_t len, struct err *err)
{
	struct state_node rec = {
		.path = path,
		.path_len = len,
		.value = node_value(n),
		.value_len = n->value_len,
		.perms = n->perms->e,
		.nr_perms = n->perms->n,
	};

	return state_put_node(s, &rec, err);
}

int state_put_tree(const struct state_sink *s, const struct node *root, struct err *err)
{
	struct tree_walk *walk = tree_walk_new();
	int ok = 0;

	if (!walk)
		return err_set(err, ENOMEM, "state: no memory");
	for (const struct node *n = tree_walk_start(walk, root, NULL, 0); n && ok == 0;
	     n = tree_walk_next(walk))
		ok = state_put_tree_node(s, n, walk->path, walk->len, err);
	tree_walk_free(walk);
	return ok;
}
