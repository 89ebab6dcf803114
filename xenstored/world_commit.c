/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How anything in the tree changes: prepare (rights of the quota, events and their room, the
 * journal; may fail and leaves no trace), swap, publish (cannot fail). A change outside a
 * transaction and the commit of a transaction go the same way.
 */
#include "xenstored/world.h"
#include <errno.h>
#include <stdio.h>
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

struct commit {
	struct world *w;
	struct conn *by;		/* NULL: the daemon */
	struct world_scratch *s;
	struct cause *cause;
	struct charge charge;
	/* Who may read any of these sees the event (xenstore.txt, WATCH). */
	const struct perms *seen[4];
};

static int no_memory(struct err *err)
{
	return err_set(err, ENOMEM, "changing the store: out of memory");
}

static int commit_begin(struct commit *k, struct world *w, struct conn *by, struct err *err)
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

/* Give back everything that was prepared. Returns -1 for its caller's return. */
static int commit_cancel(struct commit *k)
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

static void commit_publish(struct commit *k)
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
	void *p = v;

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

struct match {
	struct commit *k;
	struct err *err;
};

static int on_match(struct watch *watch, const char *path, size_t len, const struct node *gone,
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

static int match(struct commit *k, const char *path, size_t len, struct err *err)
{
	struct match m = { k, err };

	if (k->w->restoring)
		return 0;
	return watch_match(k->w->watches, path, len, on_match, &m);
}

static int match_beneath(struct commit *k, const char *path, size_t len, const struct node *gone,
			 struct err *err)
{
	struct match m = { k, err };

	if (k->w->restoring)
		return 0;
	return watch_match_beneath(k->w->watches, path, len, gone, on_match, &m);
}

/* Effects */

static int add_effect(struct commit *k, const struct effect *e, struct err *err)
{
	struct world_scratch *s = k->s;
	struct effect *v;

	if (!k->w->journal.prepare)
		return 0;
	v = scratch_grow(s->effects, &s->max_effects, s->nr_effects, sizeof(*v));
	if (!v)
		return no_memory(err);
	s->effects = v;
	v[s->nr_effects++] = *e;
	return 0;
}

static int journal(struct commit *k, struct err *err)
{
	const struct world_journal *j = &k->w->journal;

	if (!j->prepare || !k->s->nr_effects)
		return 0;
	return j->prepare(j->arg, k->s->effects, k->s->nr_effects, err);
}

static void journal_done(struct commit *k, bool keep)
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

	if (!top->dir)
		return charge_add(c, w->quota, node_owner(top), -1, -(int64_t)node_memory(top),
				  err);
	walk = tree_walk_new();
	if (!walk)
		return no_memory(err);
	for (const struct node *n = tree_walk_start(walk, top, NULL, 0); n;
	     n = tree_walk_next(walk))
		if (charge_add(c, w->quota, node_owner(n), -1, -(int64_t)node_memory(n), err) < 0) {
			tree_walk_free(walk);
			return -1;
		}
	tree_walk_free(walk);
	return 0;
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

/* What the change will cost whom; the node-size quota is checked on the way. */
static int charge_change(struct world *w, const struct conn *by, const struct change *c,
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

/* A change outside transactions */

static int effects_of(struct commit *k, const struct change *c, const struct tree_spot *spot,
		      struct err *err)
{
	struct effect e = { .path = c->path->s, .gen = k->w->gen + 1 };
	size_t pos = spot->nearest_len > 1 ? spot->nearest_len : 0, name_len;
	const char *name;

	if (!k->w->journal.prepare)
		return 0;
	e.path_len = c->path->len;
	if (c->kind == CHANGE_RM) {
		e.kind = EFFECT_NODE_GONE;
		return add_effect(k, &e, err);
	}
	e.kind = EFFECT_NODE;
	while (spot->missing && path_next(c->path->s, c->path->len, &pos, &name, &name_len) &&
	       pos < c->path->len) {
		struct effect up = e;

		up.path_len = pos;
		up.perms = c->perms;
		if (add_effect(k, &up, err) < 0)
			return -1;
	}
	e.perms = spot->node && c->kind == CHANGE_PUT ? spot->node->perms : c->perms;
	e.value = c->value;
	e.value_len = c->value_len;
	if (c->kind == CHANGE_PERMS) {
		e.value = node_value(spot->node);
		e.value_len = spot->node->value_len;
	}
	return add_effect(k, &e, err);
}

static int prepare_change(struct commit *k, const struct change *c, const struct tree_spot *spot,
			  struct err *err)
{
	if (charge_change(k->w, k->by, c, spot, &k->charge, err) < 0)
		return -1;
	if (k->by && !k->by->privileged && charge_check(&k->charge, k->w->quota, err) < 0)
		return -1;
	k->seen[0] = spot->node ? spot->node->perms : c->perms;
	k->seen[1] = c->kind == CHANGE_PERMS ? c->perms : NULL;
	k->seen[2] = spot->parent ? spot->parent->perms : NULL;
	if (c->kind == CHANGE_RM && match_beneath(k, c->path->s, c->path->len, spot->node, err) < 0)
		return -1;
	if (match(k, c->path->s, c->path->len, err) < 0 || effects_of(k, c, spot, err) < 0)
		return -1;
	return journal(k, err);
}

static int apply_change(struct world *w, const struct change *c, struct err *err)
{
	const char *s = c->path->s;
	size_t len = c->path->len;

	switch (c->kind) {
	case CHANGE_PUT:
		return tree_put(w->tree, &w->root, s, len, c->value, c->value_len, c->perms,
				++w->gen, err);
	case CHANGE_PERMS:
		return tree_set_perms(w->tree, &w->root, s, len, c->perms, ++w->gen, err);
	default:
		return tree_del(w->tree, &w->root, s, len, ++w->gen, NULL, err);
	}
}

/* A guest's write spends credit while somebody else's transaction may be hurt by it. */
static void spend_rate(struct world *w, struct conn *by, unsigned own)
{
	if (by && !by->privileged && by->domain && w->nr_txns > own)
		rate_spend(&w->rate, &by->domain->credit, w->now_ms);
}

static int change_now(struct world *w, struct conn *by, const struct change *c,
		      const struct tree_spot *spot, struct err *err)
{
	struct commit k;

	if (commit_begin(&k, w, by, err) < 0)
		return -1;
	if (prepare_change(&k, c, spot, err) < 0)
		return commit_cancel(&k);
	if (apply_change(w, c, err) < 0) {
		journal_done(&k, false);
		return commit_cancel(&k);
	}
	journal_done(&k, true);
	commit_publish(&k);
	spend_rate(w, by, 0);
	return 0;
}

/* A change of a special node's permissions: outside the tree, else the same. */
static int special_now(struct world *w, struct conn *by, int i, const struct change *c,
		       struct err *err)
{
	struct effect e = { .kind = EFFECT_SPECIAL,
			    .path = c->path->s,
			    .path_len = c->path->len,
			    .perms = c->perms };
	struct commit k;

	if (commit_begin(&k, w, by, err) < 0)
		return -1;
	k.seen[0] = w->special[i];
	k.seen[1] = c->perms;
	k.seen[2] = w->root->perms;
	if (match(&k, c->path->s, c->path->len, err) < 0 || add_effect(&k, &e, err) < 0 ||
	    journal(&k, err) < 0)
		return commit_cancel(&k);
	journal_done(&k, true);
	perms_ref(c->perms);
	perms_unref(w->perms, w->special[i]);
	w->special[i] = c->perms;
	w->special_gen[i] = ++w->gen;
	commit_publish(&k);
	return 0;
}

/* In a transaction */

#define REBASE_ACCESSES 40u

/* What a transaction holds in memory is its client's. */
static int charge_txn(struct world *w, struct conn *c, struct txn *txn, size_t before,
		      struct err *err)
{
	quota_charge(w->quota, c->account, QUOTA_MEMORY, (int64_t)txn->memory - (int64_t)before);
	return quota_check(w->quota, c->account, QUOTA_MEMORY, 0, err);
}

int world_look(struct world *w, struct conn *c, struct txn *txn, const struct path *path,
	       struct err *err)
{
	unsigned max =
		c->privileged ? 0 : quota_hard(w->quota, c->account, QUOTA_TRANSACTION_NODES);
	size_t before;
	int rc;

	if (!txn)
		return 0;
	if (path_is_special(path)) {
		int i = world_special_index(path);

		if (i >= 0 && !txn->special_gen[i])
			txn->special_gen[i] = w->special_gen[i];
		return 0;
	}
	txn_begin(txn, w->root);
	before = txn->memory;
	/* A short transaction sees of what it has not looked at the newest state, as upstream's do: fewer
	 * conflicts. A long one would pay for that with every operation; it moves once a second. */
	if (txn->base != w->root && txn->nr_accesses <= REBASE_ACCESSES)
		(void)txn_rebase(w->tree, txn, w->root, ++w->gen);
	rc = txn_look(txn, path->s, path->len, max, err);
	if (charge_txn(w, c, txn, before, err) < 0 || rc < 0) {
		/* It can not be told any more what the transaction depends on (upstream: the whole
		 * of it fails). */
		txn->failed = ENOMEM;
		return -1;
	}
	return 0;
}

static void undo_charge(struct charge *total, const struct charge *part)
{
	for (unsigned i = 0; i < part->n; i++)
		for (unsigned j = 0; j < total->n; j++)
			if (total->rows[j].account == part->rows[i].account) {
				total->rows[j].nodes -= part->rows[i].nodes;
				total->rows[j].memory -= part->rows[i].memory;
			}
}

static int add_charge(struct world *w, struct charge *total, const struct charge *part,
		      struct err *err)
{
	for (unsigned i = 0; i < part->n; i++) {
		const struct charge_row *r = &part->rows[i];

		if (charge_add(total, w->quota, r->account->domid, 0, 0, err) < 0)
			return -1;
	}
	for (unsigned i = 0; i < part->n; i++)
		(void)!charge_add(total, w->quota, part->rows[i].account->domid,
				  part->rows[i].nodes, part->rows[i].memory, err);
	return 0;
}

static int change_in(struct world *w, struct conn *c, struct txn *txn, const struct change *change,
		     const struct tree_spot *spot, struct err *err)
{
	struct charge part;
	size_t before = txn->memory;
	int rc = -1;

	charge_init(&part);
	if (charge_change(w, c, change, spot, &part, err) < 0 ||
	    add_charge(w, &txn->charge, &part, err) < 0)
		goto out;
	if (!c->privileged && charge_check(&txn->charge, w->quota, err) < 0)
		undo_charge(&txn->charge, &part);
	else if ((rc = txn_change(w->tree, txn, change, ++w->gen, err)) < 0)
		undo_charge(&txn->charge, &part);
out:
	charge_free(&part);
	if (charge_txn(w, c, txn, before, err) < 0 && rc == 0) {
		txn->failed = ENOMEM;
		return -1;
	}
	return rc;
}

int world_change(struct world *w, struct conn *c, struct txn *txn, const struct change *change,
		 struct err *err)
{
	const struct path *path = change->path;
	struct tree_spot spot;

	if (path_is_special(path)) {
		int i = world_special_index(path);

		if (i < 0 || change->kind != CHANGE_PERMS)
			return err_set(err, ENOENT, "%s: no such special node", path->s);
		if (!txn)
			return special_now(w, c, i, change, err);
		perms_ref(change->perms);
		perms_unref(w->perms, txn->special[i]);
		txn->special[i] = change->perms;
		return 0;
	}
	if (txn && txn->lost)	/* nothing of it will be kept */
		return 0;
	tree_locate(world_view(w, txn), path->s, path->len, &spot);
	if (change->kind == CHANGE_PUT && spot.node && !change->value)
		return 0;
	if (change->kind != CHANGE_PUT && !spot.node)
		return err_set(err, ENOENT, "%s: no such node", path->s);
	return txn ? change_in(w, c, txn, change, &spot, err)
		   : change_now(w, c, change, &spot, err);
}

/* The commit of a transaction */

static const struct perms *parent_perms(const struct node *root, const struct access *a)
{
	const struct node *n = tree_find(root, a->path, path_parent_len(a->path, a->len));

	return n ? n->perms : NULL;
}

static int prepare_logged(struct commit *k, const struct logged *l, const struct node *root,
			  struct err *err)
{
	const struct access *a = l->access;
	const struct node *old = tree_find(k->w->root, a->path, a->len),
			  *new = tree_find(root, a->path, a->len);
	struct effect e = { .kind = EFFECT_NODE_GONE, .path = a->path, .path_len = a->len };

	if (l->kind == CHANGE_RM ? !old : !new && !old)
		return 0;	/* made and removed again within: nobody ever sees it */
	if (l->kind != CHANGE_RM && new) {
		e.kind = EFFECT_NODE;
		e.value = node_value(new);
		e.value_len = new->value_len;
		e.perms = new->perms;
		e.gen = new->gen;
	}
	if (add_effect(k, &e, err) < 0)
		return -1;
	if (l->implied)
		return 0;
	k->seen[0] = old ? old->perms : NULL;
	k->seen[1] = new ? new->perms : NULL;
	k->seen[2] = parent_perms(k->w->root, a);
	k->seen[3] = parent_perms(root, a);
	if (l->kind == CHANGE_RM && match_beneath(k, a->path, a->len, old, err) < 0)
		return -1;
	return match(k, a->path, a->len, err);
}

static int prepare_specials(struct commit *k, const struct txn *txn, struct err *err)
{
	static const char *const names[WORLD_SPECIALS] = { "@introduceDomain", "@releaseDomain" };

	for (unsigned i = 0; i < WORLD_SPECIALS; i++) {
		struct effect e = { .kind = EFFECT_SPECIAL,
				    .path = names[i],
				    .path_len = strlen(names[i]),
				    .perms = txn->special[i] };

		if (!txn->special[i])
			continue;
		k->seen[0] = k->w->special[i];
		k->seen[1] = txn->special[i];
		k->seen[2] = k->w->root->perms;
		k->seen[3] = NULL;
		if (add_effect(k, &e, err) < 0 || match(k, e.path, e.path_len, err) < 0)
			return -1;
	}
	return 0;
}

static int prepare_txn(struct commit *k, const struct txn *txn, const struct node *root,
		       struct err *err)
{
	struct effect end = { .kind = EFFECT_TXN_GONE, .conn = k->by, .txn_id = txn->id };

	for (uint32_t i = 0; i < txn->nr_log; i++)
		if (prepare_logged(k, &txn->log[i], root, err) < 0)
			return -1;
	if (prepare_specials(k, txn, err) < 0 || add_effect(k, &end, err) < 0)
		return -1;
	return journal(k, err);
}

static void swap_txn(struct world *w, struct txn *txn, struct node *root)
{
	node_unref(w->tree, w->root);
	w->root = root;
	for (unsigned i = 0; i < WORLD_SPECIALS; i++)
		if (txn->special[i]) {
			perms_unref(w->perms, w->special[i]);
			w->special[i] = steal(txn->special[i]);
			w->special_gen[i] = ++w->gen;
		}
}

static int check_specials(const struct world *w, const struct txn *txn, struct err *err)
{
	for (unsigned i = 0; i < WORLD_SPECIALS; i++)
		if (txn->special_gen[i] && txn->special_gen[i] != w->special_gen[i])
			return err_set(err, EAGAIN,
				       "transaction %u: permissions of a special node were changed "
				       "by another",
				       txn->id);
	return 0;
}

static int txn_now(struct world *w, struct conn *c, struct txn *txn, struct err *err)
{
	struct node *root;
	struct commit k;

	if (txn->failed)
		return err_set(err, txn->failed, "transaction %u: failed before", txn->id);
	if (!c->privileged && charge_check(&txn->charge, w->quota, err) < 0)
		return -1;
	if (check_specials(w, txn, err) < 0 || txn_check(txn, w->root, err) < 0) {
		w->nr_conflicts++;
		return -1;
	}
	if (commit_begin(&k, w, c, err) < 0 ||
	    txn_replay(w->tree, txn, w->root, ++w->gen, &root, err) < 0)
		return -1;
	if (prepare_txn(&k, txn, root, err) < 0) {
		node_unref(w->tree, root);
		return commit_cancel(&k);
	}
	journal_done(&k, true);
	swap_txn(w, txn, root);
	commit_publish(&k);
	charge_apply(&txn->charge, w->quota);
	if (txn->nr_log)
		spend_rate(w, c, 1);
	return 0;
}

int world_txn_commit(struct world *w, struct conn *c, struct txn *txn, struct err *err)
{
	int rc = txn_now(w, c, txn, err);

	world_note_commit(w, c, rc < 0 && err->code == EAGAIN);
	if (rc < 0)
		world_txn_abort(w, c, txn);
	else
		world_forget_txn(w, c, txn);
	return rc;
}

/* Special events */

struct special {
	struct match m;
	const char *path;	/* with the domain: "@releaseDomain/7" */
	size_t len;
};

/* A watch of the plain name that gave a depth wants to know which domain; one without, only that
 * something happened. */
static int on_special(struct watch *watch, const char *path, size_t len, const struct node *gone,
		      void *arg)
{
	struct special *s = arg;

	if (watch->depth > 0)
		return on_match(watch, s->path, s->len, gone, &s->m);
	return on_match(watch, path, len, gone, &s->m);
}

static int on_special_domain(struct watch *watch, const char *path, size_t len,
			     const struct node *gone, void *arg)
{
	struct special *s = arg;

	return watch->path_len == len ? on_match(watch, path, len, gone, &s->m) : 0;
}

void world_fire_special(struct world *w, unsigned which, unsigned domid)
{
	static const char *const names[WORLD_SPECIALS] = { "@introduceDomain", "@releaseDomain" };
	struct err err = ERR_INIT;
	struct commit k;
	char path[40];
	int len = snprintf(path, sizeof(path), "%s/%u", names[which], domid);
	struct special s = { { &k, &err }, path, (size_t)len };

	if (commit_begin(&k, w, NULL, &err) < 0)
		return;
	k.seen[0] = w->special[which];
	k.seen[1] = w->root->perms;	/* what stands above "@..." (as upstream sees it) */
	/* What cannot be told for want of memory: the rest still is. */
	(void)!watch_match(w->watches, names[which], strlen(names[which]), on_special, &s);
	(void)!watch_match(w->watches, path, s.len, on_special_domain, &s);
	commit_publish(&k);
}
