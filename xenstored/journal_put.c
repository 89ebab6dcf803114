// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Which records say what the daemon knows. Knows world and rings; how bytes become durable is
 * journal_file.c's matter, when they are written is journal.c's, what upstream's records look like
 * is state.c's.
 *
 * Connections over sockets end with the daemon, so only rings have records. A transaction is kept
 * by its number alone: after a restart it can be used and ends in EAGAIN, which every client must
 * expect.
 */
#include "xenstored/journal_put.h"

#include <string.h>
#include "base/num.h"
#include "xenstored/journal_load.h"

static int put_meta(struct scribe *w, const struct state_sink *s, struct err *err)
{
	struct rec_meta rec = { .gen = w->world->gen, .next_conn_id = w->world->next_conn_id };

	journal_boot_id(rec.boot);
	return state_put_record(s, REC_META, &rec, sizeof(rec), err);
}

int journal_put_domain(struct scribe *w, const struct state_sink *s, const struct domain *d,
		      struct err *err)
{
	struct rec_domain_state rec = {
		.domid = d->domid,
		.target = d->target,
		.introduced = d->introduced,
		.shutdown = d->shutdown,
		.features = d->features,
		.port = d->port,
		.gfn = d->gfn,
	};

	if (w->guests && d->introduced)
		rec.has_handle = guests_identity(w->guests, d->domid, rec.handle);
	if (state_put_record(s, REC_DOMAIN, &rec, sizeof(rec), err) < 0)
		return -1;
	return state_put_domain(s, d, err);
}

static int put_ring(const struct state_sink *s, const struct conn_ring *r, bool whole,
		    struct err *err)
{
	const struct conn *c = &r->conn;
	struct ring_position at = conn_ring_position(r);
	size_t in_len, pending, out_len;
	const char *in = conn_input(c, &in_len), *out = conn_output(c, &pending);

	out_len = whole ? pending : (size_t)(c->out_total - r->out_journaled);
	struct rec_ring rec = {
		.conn_id = c->id,
		.domid = r->domid,
		.flags = whole ? RING_WHOLE : 0,
		.req_cons = at.req_cons,
		.rsp_prod = at.rsp_prod,
		.in_len = (uint32_t)in_len,
		.out_len = (uint32_t)out_len,
		.tail = (uint32_t)conn_output_tail(c),
	};
	size_t len = sizeof(rec) + in_len + out_len, padded = num_align_up(len, 8);
	uint32_t head[2] = { REC_RING, (uint32_t)padded };
	char *p = s->room(s->arg, STATE_RECORD + padded, err);

	if (!p)
		return -1;
	memcpy(p, head, sizeof(head));
	memset(p + STATE_RECORD + len, 0, padded - len);
	p += STATE_RECORD;
	memcpy(p, &rec, sizeof(rec));
	if (in_len)
		memcpy(p + sizeof(rec), in, in_len);
	if (out_len)
		memcpy(p + sizeof(rec) + in_len, out + pending - out_len, out_len);
	return 0;
}

void journal_know_ring(const struct scribe *w, struct conn_ring *r)
{
	r->journal_epoch = w->epoch;
	r->out_journaled = r->conn.out_total;
	r->resets_journaled = r->resets;
	r->dropped_journaled = r->conn.nr_dropped;
}

/* Records may name a connection once the file knows it. */
static int declare(struct scribe *w, const struct state_sink *s, struct conn_ring *r,
		   struct err *err)
{
	if (r->journal_epoch == w->epoch)
		return 0;
	if (put_ring(s, r, true, err) < 0)
		return -1;
	journal_know_ring(w, r);
	w->declared = true;
	return 0;
}

static int put_unwatch(const struct state_sink *s, const struct effect *e, struct err *err)
{
	const struct watch *watch = e->kind == EFFECT_WATCH_GONE ? e->watch : NULL;
	char body[sizeof(struct rec_unwatch) + PATH_ABS_MAX + 1 + 4096 + 1];
	struct rec_unwatch rec = {
		.conn_id = e->conn->id,
		.path_len = watch ? watch->path_len : 0,
		.token_len = watch ? watch->token_len : 0,
	};

	memcpy(body, &rec, sizeof(rec));
	if (watch) {
		memcpy(body + sizeof(rec), watch_path(watch), watch->path_len);
		memcpy(body + sizeof(rec) + watch->path_len, watch_token(watch), watch->token_len);
	}
	return state_put_record(s, REC_UNWATCH, body, sizeof(rec) + rec.path_len + rec.token_len,
				err);
}

static int put_node(const struct state_sink *s, const struct effect *e, struct err *err)
{
	struct state_node n = {
		.path = e->path,
		.path_len = e->path_len,
		.value = e->value,
		.value_len = e->value_len,
		.perms = e->perms ? e->perms->e : NULL,
		.nr_perms = e->perms ? e->perms->n : 0,
	};

	return state_put_node(s, &n, err);
}

static int put_watch(const struct state_sink *s, const struct effect *e, struct err *err)
{
	const struct watch *w = e->watch;
	struct state_watch rec = {
		.conn_id = e->conn->id,
		.path = watch_path(w) + w->relative,
		.path_len = (size_t)w->path_len - w->relative,
		.token = watch_token(w),
		.token_len = w->token_len,
		.depth = w->depth == WATCH_ANY_DEPTH ? STATE_ANY_DEPTH : (uint32_t)w->depth,
	};

	return state_put_watch(s, &rec, err);
}

static int put_txn(const struct state_sink *s, const struct effect *e, struct err *err)
{
	struct rec_txn_gone rec = { e->conn->id, e->txn_id };

	if (e->kind == EFFECT_TXN)
		return state_put_txn(s, rec.conn_id, rec.txn_id, err);
	return state_put_record(s, REC_TXN_GONE, &rec, sizeof(rec), err);
}

int journal_put_effect(struct scribe *w, const struct state_sink *s, const struct effect *e,
		      struct err *err)
{
	struct rec_domain_gone gone;

	if (e->conn) {
		struct conn_ring *r = conn_ring_of((struct conn *)(uintptr_t)e->conn);

		if (!r)
			return 0;	/* a socket's business ends with it */
		if (declare(w, s, r, err) < 0)
			return -1;
	}
	switch (e->kind) {
	case EFFECT_NODE:
	case EFFECT_NODE_GONE:
	case EFFECT_SPECIAL:
		return put_node(s, e, err);
	case EFFECT_WATCH:
		return put_watch(s, e, err);
	case EFFECT_WATCH_GONE:
	case EFFECT_WATCHES_GONE:
		return put_unwatch(s, e, err);
	case EFFECT_TXN:
	case EFFECT_TXN_GONE:
		return put_txn(s, e, err);
	case EFFECT_DOMAIN:
		return journal_put_domain(w, s, e->domain, err);
	case EFFECT_DOMAIN_GONE:
		gone = (struct rec_domain_gone){ e->domain->domid, 0 };
		return state_put_record(s, REC_DOMAIN_GONE, &gone, sizeof(gone), err);
	case EFFECT_QUOTA:
		return state_put_global_quota(s, quota_global(w->world->quota), err);
	}
	return 0;
}

int journal_put_everything(struct scribe *w, const struct state_sink *s, struct err *err)
{
	struct world *world = w->world;
	struct domain *d;
	struct conn *c;

	if (state_put_header(s, STATE_VERSION_2, err) < 0 || put_meta(w, s, err) < 0 ||
	    state_put_world(s, world, err) < 0)
		return -1;
	list_for_each_entry(d, &world->domains, of_world)
		if (journal_put_domain(w, s, d, err) < 0)
			return -1;
	list_for_each_entry(c, &world->conns, of_world) {
		struct conn_ring *r = c->dead ? NULL : conn_ring_of(c);

		if (r && (put_ring(s, r, true, err) < 0 || state_put_conn_watches(s, c, err) < 0 ||
			  state_put_conn_txns(s, c, err) < 0))
			return -1;
	}
	return 0;
}

int journal_put_progress(struct scribe *w, const struct state_sink *s, struct conn_ring *r,
			struct err *err)
{
	const struct conn *c = &r->conn;
	bool whole = r->journal_epoch != w->epoch || r->resets != r->resets_journaled ||
		     c->nr_dropped != r->dropped_journaled ||
		     c->out_total - r->out_journaled > conn_pending(c);

	if (put_ring(s, r, whole, err) < 0)
		return -1;
	r->journaled = true;
	journal_know_ring(w, r);
	return 0;
}
