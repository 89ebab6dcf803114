/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How anything changes outside transactions: prepare (quota, events and their room, the journal;
 * may fail and leaves no trace), swap, publish (cannot fail). And the events of special nodes.
 */
#include "xenstored/commit.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

static int effects_of(struct commit *k, const struct change *c, const struct tree_spot *spot,
		      struct err *err)
{
	const char *path = c->path->s, *name;
	size_t len = c->path->len, name_len,
	       pos = spot->nearest_len > 1 ? spot->nearest_len : 0;
	struct effect *e;

	if (!k->w->journal.prepare)
		return 0;
	if (c->kind == CHANGE_RM)
		return commit_effect(k, EFFECT_NODE_GONE, path, len, err) ? 0 : -1;
	while (spot->missing && path_next(path, len, &pos, &name, &name_len) && pos < len) {
		e = commit_effect(k, EFFECT_NODE, path, pos, err);
		if (!e)
			return -1;
		e->perms = c->perms;
	}
	e = commit_effect(k, EFFECT_NODE, path, len, err);
	if (!e)
		return -1;
	e->perms = spot->node && c->kind == CHANGE_PUT ? spot->node->perms : c->perms;
	e->value = c->value;
	e->value_len = c->value_len;
	if (c->kind == CHANGE_PERMS) {
		e->value = node_value(spot->node);
		e->value_len = spot->node->value_len;
	}
	return 0;
}

static int prepare_change(struct commit *k, const struct change *c, const struct tree_spot *spot,
			  struct err *err)
{
	if (commit_charge(k->w, k->by, c, spot, &k->charge, err) < 0)
		return -1;
	if (k->by && !k->by->privileged && charge_check(&k->charge, k->w->quota, err) < 0)
		return -1;
	k->seen[0] = spot->node ? spot->node->perms : c->perms;
	k->seen[1] = c->kind == CHANGE_PERMS ? c->perms : NULL;
	k->seen[2] = spot->parent ? spot->parent->perms : NULL;
	if (c->kind == CHANGE_RM &&
	    commit_match_beneath(k, c->path->s, c->path->len, spot->node, err) < 0)
		return -1;
	if (commit_match(k, c->path->s, c->path->len, err) < 0 || effects_of(k, c, spot, err) < 0)
		return -1;
	return commit_journal(k, err);
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

static int change_now(struct world *w, struct conn *by, const struct change *c,
		      const struct tree_spot *spot, struct err *err)
{
	struct commit k;

	if (commit_begin(&k, w, by, err) < 0)
		return -1;
	if (prepare_change(&k, c, spot, err) < 0)
		return commit_cancel(&k);
	if (apply_change(w, c, err) < 0) {
		commit_journal_done(&k, false);
		return commit_cancel(&k);
	}
	commit_journal_done(&k, true);
	commit_publish(&k);
	commit_spend_rate(w, by, 0);
	return 0;
}

/* A change of a special node's permissions: outside the tree, else the same. */
static int special_now(struct world *w, struct conn *by, int i, const struct change *c,
		       struct err *err)
{
	struct effect *e;
	struct commit k;

	if (commit_begin(&k, w, by, err) < 0)
		return -1;
	k.seen[0] = w->special[i];
	k.seen[1] = c->perms;
	k.seen[2] = w->root->perms;
	if (commit_match(&k, c->path->s, c->path->len, err) < 0)
		return commit_cancel(&k);
	e = commit_effect(&k, EFFECT_SPECIAL, c->path->s, c->path->len, err);
	if (!e)
		return commit_cancel(&k);
	e->perms = c->perms;
	if (commit_journal(&k, err) < 0)
		return commit_cancel(&k);
	commit_journal_done(&k, true);
	perms_ref(c->perms);
	perms_unref(w->perms, w->special[i]);
	w->special[i] = c->perms;
	w->special_gen[i] = ++w->gen;
	commit_publish(&k);
	return 0;
}

int world_change(struct world *w, struct conn *c, struct txn *txn, const struct change *change,
		 const struct tree_spot *spot, struct err *err)
{
	const struct path *path = change->path;
	struct tree_spot here;

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
	if (!spot) {
		tree_locate(world_view(w, txn), path->s, path->len, &here);
		spot = &here;
	}
	if (change->kind == CHANGE_PUT && spot->node && !change->value)
		return 0;
	if (change->kind != CHANGE_PUT && !spot->node)
		return err_set(err, ENOENT, "%s: no such node", path->s);
	return txn ? world_change_in(w, c, txn, change, spot, err)
		   : change_now(w, c, change, spot, err);
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
		return commit_on_match(watch, s->path, s->len, gone, &s->m);
	return commit_on_match(watch, path, len, gone, &s->m);
}

static int on_special_domain(struct watch *watch, const char *path, size_t len,
			     const struct node *gone, void *arg)
{
	struct special *s = arg;

	return watch->path_len == len ? commit_on_match(watch, path, len, gone, &s->m) : 0;
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
