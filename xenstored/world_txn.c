/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Transactions of clients: what they look at and change on their own version of the tree, and their
 * commit, which goes the way of any change: prepare, swap, publish.
 */
#include "xenstored/commit.h"
#include <errno.h>
#include <string.h>
#include "base/mem.h"

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
	/* A short transaction sees of what it has not looked at the newest state, as upstream's do:
	 * fewer conflicts. A long one would pay too much for that; it moves once a second. */
	if (txn->nr_accesses <= REBASE_ACCESSES && txn_is_behind(txn, w->root, path->s, path->len))
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

int world_change_in(struct world *w, struct conn *c, struct txn *txn, const struct change *change,
		     const struct tree_spot *spot, struct err *err)
{
	struct charge part;
	size_t before = txn->memory;
	int rc = -1;

	charge_init(&part);
	if (commit_charge(w, c, change, spot, &part, err) < 0 ||
	    add_charge(w, &txn->charge, &part, err) < 0)
		goto out;
	if (!c->privileged && charge_check(&txn->charge, w->quota, err) < 0)
		undo_charge(&txn->charge, &part);
	else if ((rc = txn_change(w->tree, txn, change, spot, ++w->gen, err)) < 0)
		undo_charge(&txn->charge, &part);
out:
	charge_free(&part);
	if (charge_txn(w, c, txn, before, err) < 0 && rc == 0) {
		txn->failed = ENOMEM;
		return -1;
	}
	return rc;
}

/* The commit of a transaction */

static const struct perms *perms_of(const struct node *n)
{
	return n ? n->perms : NULL;
}

static int prepare_logged(struct commit *k, const struct logged *l, const struct node *root,
			  struct err *err)
{
	const struct access *a = l->access;
	struct tree_spot before, after;
	struct effect *e;
	const struct node *old, *new;

	tree_locate(k->w->root, a->path, a->len, &before);
	tree_locate(root, a->path, a->len, &after);
	old = before.node;
	new = after.node;
	if (l->kind == CHANGE_RM ? !old : !new && !old)
		return 0;	/* made and removed again within: nobody ever sees it */
	e = commit_effect(k, EFFECT_NODE_GONE, a->path, a->len, err);
	if (!e)
		return -1;
	if (l->kind != CHANGE_RM && new) {
		e->kind = EFFECT_NODE;
		e->value = node_value(new);
		e->value_len = new->value_len;
		e->perms = new->perms;
	}
	if (l->implied)
		return 0;
	k->seen[0] = perms_of(old);
	k->seen[1] = perms_of(new);
	k->seen[2] = perms_of(before.parent);
	k->seen[3] = perms_of(after.parent);
	if (l->kind == CHANGE_RM && commit_match_beneath(k, a->path, a->len, old, err) < 0)
		return -1;
	return commit_match(k, a->path, a->len, err);
}

static int prepare_specials(struct commit *k, const struct txn *txn, struct err *err)
{
	static const char *const names[WORLD_SPECIALS] = { "@introduceDomain", "@releaseDomain" };

	for (unsigned i = 0; i < WORLD_SPECIALS; i++) {
		struct effect *e;

		if (!txn->special[i])
			continue;
		e = commit_effect(k, EFFECT_SPECIAL, names[i], strlen(names[i]), err);
		if (!e)
			return -1;
		e->perms = txn->special[i];
		k->seen[0] = k->w->special[i];
		k->seen[1] = txn->special[i];
		k->seen[2] = k->w->root->perms;
		k->seen[3] = NULL;
		if (commit_match(k, names[i], strlen(names[i]), err) < 0)
			return -1;
	}
	return 0;
}

static int prepare_txn(struct commit *k, const struct txn *txn, const struct node *root,
		       struct err *err)
{
	struct effect *end;

	for (uint32_t i = 0; i < txn->nr_log; i++)
		if (prepare_logged(k, &txn->log[i], root, err) < 0)
			return -1;
	if (prepare_specials(k, txn, err) < 0)
		return -1;
	end = commit_effect(k, EFFECT_TXN_GONE, NULL, 0, err);
	if (!end)
		return -1;
	end->conn = k->by;
	end->txn_id = txn->id;
	return commit_journal(k, err);
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
	commit_journal_done(&k, true);
	swap_txn(w, txn, root);
	commit_publish(&k);
	charge_apply(&txn->charge, w->quota);
	if (txn->nr_log)
		commit_spend_rate(w, c, 1);
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
