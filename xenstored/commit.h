/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef XENSTORED_COMMIT_H
#define XENSTORED_COMMIT_H

#include "xenstored/world.h"

/*
 * A commit in preparation, for world_change.c and world_txn.c: gather events, effects and charges
 * (may fail), then commit_publish (cannot) or commit_cancel.
 */

struct commit {
	struct world *w;
	struct conn *by;		/* NULL: the daemon */
	struct world_scratch *s;
	struct cause *cause;
	struct charge charge;
	/* Who may read any of these sees the event (xenstore.txt, WATCH). */
	const struct perms *seen[4];
};

int commit_begin(struct commit *k, struct world *w, struct conn *by, struct err *err) must_check;
/* Give back everything that was prepared. Returns -1 for its caller's return. */
int commit_cancel(struct commit *k);
/* Events and charges take effect. */
void commit_publish(struct commit *k);

/* Events for the watches of a path, and for those beneath one that goes, as far as k->seen
 * allows. */
int commit_match(struct commit *k, const char *path, size_t len, struct err *err) must_check;
int commit_match_beneath(struct commit *k, const char *path, size_t len, const struct node *gone,
			 struct err *err) must_check;
/* One watch, as watch_match reports it. */
struct match {
	struct commit *k;
	struct err *err;
};
int commit_on_match(struct watch *watch, const char *path, size_t len, const struct node *gone,
		    void *arg);

/* Effects, and their way into the journal: commit_journal, then commit_journal_done however it
 * ends. A new one is filled in by the caller before the next; NULL: no memory. */
struct effect *commit_effect(struct commit *k, enum effect_kind kind, const char *path, size_t len,
			     struct err *err);
int commit_journal(struct commit *k, struct err *err) must_check;
void commit_journal_done(struct commit *k, bool keep);

/* What the change will cost whom; the node-size quota is checked on the way. */
int commit_charge(struct world *w, const struct conn *by, const struct change *c,
		  const struct tree_spot *spot, struct charge *charge, struct err *err) must_check;
/* A guest's write spends credit while somebody else's transaction may be hurt by it; `own`
 * transactions are its own. */
void commit_spend_rate(struct world *w, struct conn *by, unsigned own);

/* world_txn.c: a change within a transaction. */
int world_change_in(struct world *w, struct conn *c, struct txn *txn, const struct change *change,
		    const struct tree_spot *spot, struct err *err) must_check;

#endif
