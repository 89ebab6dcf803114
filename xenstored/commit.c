/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a commit in preparation gathers: events and room for them, effects for the journal, charges.
 * Leaves no trace when it is cancelled. What changes, and when, is not known here.
 */
#include "xenstored/commit.h"
#include <errno.h>
#include <string.h>
#include "base/mem.h"
#include "xenstored/wire.h"


struct event {
	struct conn *conn;
	const struct watch *watch;
	const char *path;		/* as the watcher sees it */
	uint16_t len;
};

/* What a commit in preparation has gathered. One lives in the world, so that a usual commit
 * allocates nothing. */
struct world_scratch {
	struct event *events;
	struct effect *effects;
	unsigned nr_events, max_events, nr_effects, max_effects;
};

static int no_memory(struct err *err)
{
	return err_set(err, ENOMEM, "changing the store: out of memory");
}

int commit_begin(struct commit *k, struct world *w, struct conn *by, struct err *err)
{
	if (!w->scratch)
		w->scratch = calloc(1, sizeof(*w->scratch));
	if (!w->scratch)
		return no_memory(err);
	*k = (struct commit){ .w = w, .by = by, .s = w->scratch };
	k->s->nr_events = k->s->nr_effects = 0;
	charge_init(&k->charge);
	return 0;
}

static size_t event_len(const struct event *e)
{
	return e->len + e->watch->token_len + 2u;
}

int commit_cancel(struct commit *k)
{
	for (unsigned i = 0; i < k->s->nr_events; i++)
		conn_cancel_event(k->s->events[i].conn, event_len(&k->s->events[i]));
	cause_unref(k->cause);
	charge_free(&k->charge);
	return -1;
}

/* A burst (a transaction of thousands of changes) does not keep its memory. */
static void trim_scratch(struct world_scratch *s)
{
	if (s->max_events > 1024) {
		free(s->events);
		s->events = NULL;
		s->max_events = 0;
	}
	if (s->max_effects > 1024) {
		free(s->effects);
		s->effects = NULL;
		s->max_effects = 0;
	}
}

void world_free_scratch(struct world_scratch *s)
{
	free(s->events);
	free(s->effects);
	free(s);
}

void commit_publish(struct commit *k)
{
	for (unsigned i = 0; i < k->s->nr_events; i++) {
		const struct event *e = &k->s->events[i];

		conn_put_event(e->conn, e->path, e->len, watch_token(e->watch), e->watch->token_len,
			       k->cause);
	}
	k->w->nr_events += k->s->nr_events;
	k->w->nr_commits++;
	cause_unref(k->cause);
	charge_apply(&k->charge, k->w->quota);
	charge_free(&k->charge);
	trim_scratch(k->s);
}

/* Room for one more in an array of the scratch; NULL: no memory. */
static void *scratch_grow(void *v, unsigned *max, unsigned n, size_t size)
{
	unsigned more = *max ? *max * 2 : 16;
	void *p;

	if (n < *max)
		return v;
	p = realloc(v, more * size);
	if (p)
		*max = more;
	return p;
}

/* Events */

static bool is_seen(const struct commit *k, const struct conn *c, const struct node *gone,
		    const struct watch *watch)
{
	if (c->privileged)
		return true;
	if (gone) {
		const struct node *above = watch_gone_parent(watch);

		return (world_bits(k->w, c, gone->perms) | world_bits(k->w, c, above->perms)) &
		       PERM_READ;
	}
	for (unsigned i = 0; i < array_size(k->seen); i++)
		if (k->seen[i] && world_bits(k->w, c, k->seen[i]) & PERM_READ)
			return true;
	return false;
}

static int push_event(struct commit *k, const struct event *e, struct err *err)
{
	struct world_scratch *s = k->s;
	struct event *v = scratch_grow(s->events, &s->max_events, s->nr_events, sizeof(*v));

	if (!v)
		return no_memory(err);
	s->events = v;
	if (k->by && !k->by->privileged && !k->cause) {
		k->cause = cause_new(k->by->account);
		if (!k->cause)
			return no_memory(err);
	}
	if (conn_reserve_event(e->conn, event_len(e), err) < 0)
		return -1;
	v[s->nr_events++] = *e;
	return 0;
}

int commit_on_match(struct watch *watch, const char *path, size_t len, const struct node *gone,
		    void *arg)
{
	struct match *m = arg;
	struct conn *c = container_of(watch->watcher, struct conn, watcher);
	struct event e = { c, watch, path + watch->relative, (uint16_t)(len - watch->relative) };
	struct err ignored = ERR_INIT;

	if (c->dead || c->broken || !is_seen(m->k, c, gone, watch))
		return 0;
	/* Too long to be sent (XSA-324), or its reader holds too much already (XSA-326). */
	if (event_len(&e) > WIRE_PAYLOAD_MAX)
		return 0;
	if (quota_check(m->k->w->quota, c->account, QUOTA_MEMORY,
			WIRE_HEADER + event_len(&e) + c->out_reserved, &ignored) < 0) {
		c->nr_dropped++;
		return 0;
	}
	return push_event(m->k, &e, m->err);
}

int commit_match(struct commit *k, const char *path, size_t len, struct err *err)
{
	struct match m = { k, err };

	if (k->w->restoring)
		return 0;
	return watch_match(k->w->watches, path, len, commit_on_match, &m);
}

int commit_match_beneath(struct commit *k, const char *path, size_t len, const struct node *gone,
			 struct err *err)
{
	struct match m = { k, err };

	if (k->w->restoring)
		return 0;
	return watch_match_beneath(k->w->watches, path, len, gone, commit_on_match, &m);
}

/* Effects */

struct effect *commit_effect(struct commit *k, enum effect_kind kind, const char *path, size_t len,
			     struct err *err)
{
	struct world_scratch *s = k->s;
	struct effect *v = scratch_grow(s->effects, &s->max_effects, s->nr_effects, sizeof(*v));

	if (!v) {
		no_memory(err);
		return NULL;
	}
	s->effects = v;
	v += s->nr_effects++;
	*v = (struct effect){ .kind = kind, .path = path, .path_len = len };
	return v;
}

int commit_journal(struct commit *k, struct err *err)
{
	const struct world_journal *j = &k->w->journal;

	if (!j->prepare || !k->s->nr_effects)
		return 0;
	return j->prepare(j->arg, k->s->effects, k->s->nr_effects, err);
}

void commit_journal_done(struct commit *k, bool keep)
{
	const struct world_journal *j = &k->w->journal;

	if (!j->prepare || !k->s->nr_effects)
		return;
	if (keep)
		j->commit(j->arg);
	else
		j->abort(j->arg);
}

/* Quotas */

static size_t node_memory(const struct node *n)
{
	return world_node_memory(n->name_len, n->value_len, n->perms->n);
}

/* Upstream's measure of a node: header, permissions, value, names of children. */
static int check_node_size(struct world *w, const struct conn *by, const char *path,
			   unsigned nr_perms, size_t value_len, size_t names, struct err *err)
{
	unsigned hard = quota_hard(w->quota, by->account, QUOTA_NODE_SIZE);
	size_t size = 24 + 8 * (size_t)nr_perms + value_len + names;

	if (!hard || size <= hard)
		return 0;
	return err_set(err, ENOSPC,
		       "domain %u: quota node-size: %s would be %zu bytes, its limit is %u",
		       by->domid, path, size, hard);
}

static int charge_subtree(struct world *w, struct charge *c, const struct node *top,
			  struct err *err)
{
	struct tree_walk *walk;
	int rc = 0;

	if (!top->dir)
		return charge_add(c, w->quota, node_owner(top), -1, -(int64_t)node_memory(top),
				  err);
	walk = tree_walk_new();
	if (!walk)
		return no_memory(err);
	for (const struct node *n = tree_walk_start_bare(walk, top); n && rc == 0;) {
		uint16_t owner = node_owner(n);
		int64_t nodes = 0, memory = 0;

		/* Neighbours mostly belong to the same. */
		for (; n && node_owner(n) == owner; n = tree_walk_next(walk)) {
			nodes++;
			memory += (int64_t)node_memory(n);
		}
		rc = charge_add(c, w->quota, owner, -nodes, -memory, err);
	}
	tree_walk_free(walk);
	return rc;
}

static int charge_put(struct world *w, const struct conn *by, const struct change *c,
		      const struct tree_spot *spot, struct charge *charge, struct err *err)
{
	bool limited = by && !by->privileged;
	const char *name;
	size_t pos = spot->nearest_len > 1 ? spot->nearest_len : 0, name_len;
	bool first = true;

	if (spot->node) {
		if (limited && check_node_size(w, by, c->path->s, spot->node->perms->n,
					       c->value_len, node_names_size(spot->node), err) < 0)
			return -1;
		return charge_add(charge, w->quota, node_owner(spot->node), 0,
				  (int64_t)c->value_len - spot->node->value_len, err);
	}
	while (path_next(c->path->s, c->path->len, &pos, &name, &name_len)) {
		bool leaf = pos == c->path->len;
		size_t value_len = leaf ? c->value_len : 0;

		if (limited && first &&
		    check_node_size(w, by, c->path->s, spot->nearest->perms->n,
				    spot->nearest->value_len,
				    node_names_size(spot->nearest) + name_len + 1, err) < 0)
			return -1;
		first = false;
		if (limited && leaf &&
		    check_node_size(w, by, c->path->s, c->perms->n, value_len, 0, err) < 0)
			return -1;
		if (charge_add(charge, w->quota, perms_owner(c->perms), 1,
			       (int64_t)world_node_memory(name_len, value_len, c->perms->n),
			       err) < 0)
			return -1;
	}
	return 0;
}

static int charge_perms(struct world *w, const struct conn *by, const struct change *c,
			const struct node *n, struct charge *charge, struct err *err)
{
	size_t memory = world_node_memory(n->name_len, n->value_len, c->perms->n);

	if (by && !by->privileged &&
	    check_node_size(w, by, c->path->s, c->perms->n, n->value_len, node_names_size(n), err) <
		    0)
		return -1;
	if (charge_add(charge, w->quota, node_owner(n), -1, -(int64_t)node_memory(n), err) < 0)
		return -1;
	return charge_add(charge, w->quota, perms_owner(c->perms), 1, (int64_t)memory, err);
}

int commit_charge(struct world *w, const struct conn *by, const struct change *c,
			 const struct tree_spot *spot, struct charge *charge, struct err *err)
{
	switch (c->kind) {
	case CHANGE_PUT:
		return charge_put(w, by, c, spot, charge, err);
	case CHANGE_PERMS:
		return charge_perms(w, by, c, spot->node, charge, err);
	default:
		return charge_subtree(w, charge, spot->node, err);
	}
}

void commit_spend_rate(struct world *w, struct conn *by, unsigned own)
{
	if (by && !by->privileged && by->domain && w->nr_txns > own)
		rate_spend(&w->rate, &by->domain->credit, w->now_ms);
}
