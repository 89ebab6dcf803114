// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * After a crash: the journal's records turned back into a world. Rings are revived last, from where
 * the last record left them, so a domain that came and went in between costs nothing. Knows the
 * records; does not know files, nor how they are written.
 */
#include "xenstored/journal_load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "xenstored/state.h"

void journal_boot_id(char boot[40])
{
	struct err err = ERR_INIT;
	autofree char *text = NULL;

	memset(boot, 0, 40);
	if (file_read("/proc/sys/kernel/random/boot_id", 64, &text, NULL, &err) == 0)
		strncpy(boot, text, 36);
}

/* A ring as the records leave it: what was read and not handled, what it is owed from rsp_prod
 * on. */
struct revived {
	struct conn_ring *ring;
	struct ring_position at;
	bool has_handle;
	uint8_t handle[16];
	char *in, *out;
	size_t in_len, out_len, tail;
};

struct recovery {
	struct world *world;
	struct guests *guests;
	struct revived **by_domid;	/* DOMID_FIRST_RESERVED slots */
};

static struct revived *revived_get(struct recovery *r, unsigned domid, struct err *err)
{
	if (domid >= DOMID_FIRST_RESERVED) {
		err_set(err, EINVAL, "impossible domain %u", domid);
		return NULL;
	}
	if (!r->by_domid[domid])
		r->by_domid[domid] = calloc(1, sizeof(struct revived));
	if (!r->by_domid[domid])
		err_set(err, ENOMEM, "no memory");
	return r->by_domid[domid];
}

static void revived_free(struct revived *v)
{
	if (!v)
		return;
	free(v->in);
	free(v->out);
	free(v);
}

static int load_meta(struct recovery *r, const struct rec_meta *rec)
{
	/* No generation that a client remembers may come again. */
	r->world->gen = rec->gen + (UINT64_C(1) << 32);
	if (r->world->next_conn_id < rec->next_conn_id)
		r->world->next_conn_id = rec->next_conn_id;
	return 0;
}

static int load_domain(struct recovery *r, const struct rec_domain_state *rec, struct err *err)
{
	struct revived *v = revived_get(r, rec->domid, err);
	struct domain *d;

	if (!v)
		return -1;
	if (!r->guests)
		return 0;
	d = rec->introduced ? world_restore_domain(r->world, rec->domid, err)
			    : world_know_domain(r->world, rec->domid);
	if (!d)
		return err_set(err, ENOMEM, "domain %u: no memory", rec->domid);
	d->target = rec->target;
	d->shutdown = rec->shutdown;
	d->features = rec->features;
	d->gfn = rec->gfn;
	d->port = rec->port;
	v->has_handle = rec->has_handle;
	memcpy(v->handle, rec->handle, sizeof(v->handle));
	return 0;
}

/* Its connection, and what was kept for it. */
static void forget_ring(struct recovery *r, unsigned domid)
{
	struct domain *d = world_domain(r->world, domid);

	if (d && d->conn)
		world_drop_conn(r->world, d->conn);
	revived_free(r->by_domid[domid]);
	r->by_domid[domid] = NULL;
}

static int load_domain_gone(struct recovery *r, uint32_t domid, struct err *err)
{
	if (domid >= DOMID_FIRST_RESERVED || domid == r->world->dom0_domid)
		return err_set(err, EINVAL, "impossible death of domain %u", domid);
	forget_ring(r, domid);
	struct domain *d = world_domain(r->world, domid);

	if (d)
		world_domain_died(r->world, d);
	return 0;
}

static int replace(char **data, size_t *len, size_t keep_from, const char *more, size_t more_len,
		   struct err *err)
{
	size_t kept = *len - keep_from;
	char *p = malloc(kept + more_len + 1);

	if (!p)
		return err_set(err, ENOMEM, "no memory");
	if (kept)
		memcpy(p, *data + keep_from, kept);
	if (more_len)
		memcpy(p + kept, more, more_len);
	free(*data);
	*data = p;
	*len = kept + more_len;
	return 0;
}

static int load_ring(struct recovery *r, const struct rec_ring *rec, const char *in,
		     const char *out, struct err *err)
{
	struct domain *d = world_domain(r->world, rec->domid);
	struct revived *v;

	if (!r->guests)
		return 0;
	if (d && d->conn && d->conn->id != rec->conn_id)
		forget_ring(r, rec->domid);
	v = revived_get(r, rec->domid, err);
	if (!v)
		return -1;
	if (!d && !(d = world_restore_domain(r->world, rec->domid, err)))
		return err_set(err, ENOMEM, "domain %u: no memory", rec->domid);
	if (!d->conn)
		v->ring = guests_restore(r->guests, d, rec->conn_id);
	if (!v->ring)
		return err_set(err, ENOMEM, "domain %u: no memory", rec->domid);
	size_t published = rec->rsp_prod - v->at.rsp_prod;

	if (rec->flags & RING_WHOLE)
		published = v->out_len;
	if (published > v->out_len)
		return err_set(err, EINVAL, "domain %u: its output does not add up", rec->domid);
	v->at = (struct ring_position){ rec->req_cons, rec->rsp_prod };
	v->tail = rec->tail;
	if (replace(&v->in, &v->in_len, v->in_len, in, rec->in_len, err) < 0)
		return -1;
	return replace(&v->out, &v->out_len, published, out, rec->out_len, err);
}

static int load_unwatch(struct recovery *r, const struct rec_unwatch *rec, const char *text,
			struct err *err)
{
	struct world *w = r->world;
	struct conn *c = world_conn_by_id(w, rec->conn_id);
	struct path path;

	if (!c)
		return 0;
	if (rec->path_len > 0) {
		if (path_canonical(&path, text, rec->path_len, 0, PATH_SPECIAL, 0, err) < 0)
			return -1;
		return world_unwatch(w, c, &path, text + rec->path_len, rec->token_len, err);
	}
	while (!list_is_empty(&c->watcher.watches)) {
		const struct watch *first =
			list_first(&c->watcher.watches, struct watch, of_watcher);

		path_set(&path, watch_path(first));
		if (world_unwatch(w, c, &path, watch_token(first), first->token_len, err) < 0)
			return -1;
	}
	return 0;
}

static void load_txn_gone(struct recovery *r, const struct rec_txn_gone *rec)
{
	struct conn *c = world_conn_by_id(r->world, rec->conn_id);
	struct txn *t, *tmp;

	if (!c)
		return;
	list_for_each_entry_safe(t, tmp, &c->txns, of_conn)
		if (rec->txn_id == 0 || t->id == rec->txn_id)
			world_txn_abort(r->world, c, t);
}

static int load_other(void *arg, uint32_t type, const void *body, size_t len, struct err *err)
{
	struct recovery *r = arg;
	union {
		struct rec_meta meta;
		struct rec_domain_state domain;
		struct rec_domain_gone gone;
		struct rec_ring ring;
		struct rec_unwatch unwatch;
		struct rec_txn_gone txn;
	} u;
	static const size_t sizes[] = {
		[REC_META - STATE_PRIVATE] = sizeof(u.meta),
		[REC_DOMAIN - STATE_PRIVATE] = sizeof(u.domain),
		[REC_DOMAIN_GONE - STATE_PRIVATE] = sizeof(u.gone),
		[REC_RING - STATE_PRIVATE] = sizeof(u.ring),
		[REC_UNWATCH - STATE_PRIVATE] = sizeof(u.unwatch),
		[REC_TXN_GONE - STATE_PRIVATE] = sizeof(u.txn),
	};
	const char *tail;
	size_t size;

	if (type == JFILE_MARK)
		return 0;
	if (type < STATE_PRIVATE || type - STATE_PRIVATE >= array_size(sizes))
		return err_set(err, EINVAL, "it is of an unknown type");
	size = sizes[type - STATE_PRIVATE];
	if (len < size)
		return err_set(err, EINVAL, "it is cut off");
	memcpy(&u, body, size);
	tail = (const char *)body + size;
	len -= size;
	switch (type) {
	case REC_META:
		return load_meta(r, &u.meta);
	case REC_DOMAIN:
		return load_domain(r, &u.domain, err);
	case REC_DOMAIN_GONE:
		return load_domain_gone(r, u.gone.domid, err);
	case REC_RING:
		if (u.ring.in_len > len || u.ring.out_len > len - u.ring.in_len)
			return err_set(err, EINVAL, "it is cut off");
		return load_ring(r, &u.ring, tail, tail + u.ring.in_len, err);
	case REC_UNWATCH:
		if ((size_t)u.unwatch.path_len + u.unwatch.token_len > len)
			return err_set(err, EINVAL, "it is cut off");
		return load_unwatch(r, &u.unwatch, tail, err);
	default:
		load_txn_gone(r, &u.txn);
		return 0;
	}
}

/* Page and port again; a domain that is gone, or is another one now, is buried as usual. */
static void revive(struct recovery *r, struct revived *v)
{
	struct domain *d = v->ring->conn.domain;
	struct err err = ERR_INIT;

	if (guests_revive(r->guests, d, 0, v->has_handle ? v->handle : NULL, &err) < 0) {
		log_info("%s", err.msg);
		world_domain_died(r->world, d);
		return;
	}
	conn_ring_resume(v->ring, &v->at, v->in, v->in_len, v->out, v->out_len, v->tail);
}

/* Whether the file at hand was written since this machine was started: only its first records are
 * looked at. */
static bool is_of_this_boot(const char *data, size_t len)
{
	struct rec_meta rec;
	char boot[40];
	uint32_t head[2];

	if (len < STATE_HEADER + sizeof(head) + sizeof(rec))
		return false;
	memcpy(head, data + STATE_HEADER, sizeof(head));
	memcpy(&rec, data + STATE_HEADER + sizeof(head), sizeof(rec));
	journal_boot_id(boot);
	return head[0] == REC_META && memcmp(boot, rec.boot, sizeof(boot)) == 0;
}

int journal_load(struct world *w, struct guests *guests, const char *data, size_t len,
		 struct err *err)
{
	static const struct state_reader reader = { .other = load_other };
	struct recovery r = { .world = w, .guests = guests };
	int ok;

	if (!is_of_this_boot(data, len))
		return 0;
	r.by_domid = calloc(DOMID_FIRST_RESERVED, sizeof(*r.by_domid));
	if (!r.by_domid)
		return err_set(err, ENOMEM, "no memory");
	w->restoring = true;
	ok = state_read(data, len, &reader, &r, w, NULL, err);
	w->restoring = false;
	for (unsigned i = 0; i < DOMID_FIRST_RESERVED; i++) {
		if (ok == 0 && r.by_domid[i] && r.by_domid[i]->ring)
			revive(&r, r.by_domid[i]);
		revived_free(r.by_domid[i]);
	}
	free(r.by_domid);
	if (ok < 0)
		return -1;
	if (guests)
		guests_scan(guests);
	log_info("journal: %zu nodes, %u connections", tree_nr_nodes(w->tree), w->nr_conns);
	return 1;
}
