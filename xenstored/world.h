/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef XENSTORED_WORLD_H
#define XENSTORED_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "base/list.h"
#include "xenstored/conn.h"
#include "xenstored/perm.h"
#include "xenstored/quota.h"
#include "xenstored/rate.h"
#include "xenstored/tree.h"
#include "xenstored/txn.h"
#include "xenstored/watch.h"

/*
 * The world: the live tree, the watches, the domains, the connections, and the one way anything
 * changes. Opens nothing, sleeps never.
 *
 * Every change is a commit in three phases:
 *	prepare	rights, conflicts, quotas; events matched and room for them reserved; the journal's
 * records appended; may fail, and then nothing happened swap	the new root, the charges publish
 * events into the output buffers (the caller adds the reply); cannot fail
 */

struct world;

/* What the world asks of the machine it runs on. All may be NULL: a store without Xen, where every
 * domid below DOMID_FIRST_RESERVED exists. */
struct world_host {
	/* A domain with this number exists and is not dying; *unique_id (0: the hypervisor is too
	 * old to tell) tells it from a former one. */
	bool (*domain_alive)(void *arg, unsigned domid, uint64_t *unique_id);
	/* INTRODUCE: attach the domain's ring (world_introduce calls it for a domain without
	 * connection). It makes the struct conn with conn_init, adds it with world_add_conn and
	 * returns it in *out. */
	int (*attach)(void *arg, struct domain *d, uint64_t gfn, uint32_t port, struct conn **out,
		      struct err *err);
	/* INTRODUCE of a domain that has a connection: bind the new port; the ring is reset when it
	 * asks to be. */
	int (*rebind)(void *arg, struct domain *d, uint64_t gfn, uint32_t port, struct err *err);
	void *arg;
};

/* An effect that is about to be acknowledged. The journal reads what it needs through the pointers,
 * at once. */
enum effect_kind {
	/* path, value, perms: the node is now this (its ancestors had effects of their own) */
	EFFECT_NODE,
	EFFECT_NODE_GONE,	/* path: this node and all beneath it */
	EFFECT_SPECIAL,		/* path "@...", perms */
	EFFECT_WATCH,		/* conn, watch */
	EFFECT_WATCH_GONE,	/* conn, watch */
	EFFECT_WATCHES_GONE,	/* conn: all of its watches */
	EFFECT_TXN,		/* conn, txn_id: started */
	EFFECT_TXN_GONE,	/* conn, txn_id: ended, either way */
	/* domain: introduced, or anything about it changed (target, features, flags, quota) */
	EFFECT_DOMAIN,
	/* domain: released or dead; its watches, transactions and permissions go with it (nodes
	 * have effects of their own) */
	EFFECT_DOMAIN_GONE,
	EFFECT_QUOTA,		/* global limits changed */
};

struct effect {
	enum effect_kind kind;
	const char *path;
	size_t path_len;
	const void *value;
	size_t value_len;
	const struct perms *perms;
	const struct conn *conn;
	const struct watch *watch;
	const struct domain *domain;
	uint32_t txn_id;
};

/* The journal, implemented above. NULL functions: none is kept. */
struct world_journal {
	/* Append records of one commit to the batch; all or nothing (ENOMEM, ENOSPC). commit or
	 * abort follows before the next prepare. */
	int (*prepare)(void *arg, const struct effect *e, size_t n, struct err *err);
	void (*commit)(void *arg);
	void (*abort)(void *arg);
	/* End of a turn: the batch, and the input and output of the connections on `dirty`, go to
	 * the file. The server calls it before it settles and writes any connection. It cannot
	 * refuse any more: a journal that fails here says so in the log and is rewritten from the
	 * state. */
	void (*flush)(void *arg, const struct list *dirty);
	void *arg;
};

#define DOMAIN_FEATURE_RECONNECT 1u
#define DOMAIN_FEATURE_ERROR	 2u
#define DOMAIN_FEATURE_WATCHDEPTH 4u
#define DOMAIN_FEATURE_DOMID_ANY 8u
/* What we do, all of it: the default offer to a domain. */
#define DOMAIN_FEATURES                                                                \
	(DOMAIN_FEATURE_RECONNECT | DOMAIN_FEATURE_ERROR | DOMAIN_FEATURE_WATCHDEPTH | \
	 DOMAIN_FEATURE_DOMID_ANY)

struct domain {
	struct list of_world;
	uint16_t domid;
	/* SET_TARGET: may act as this domain; DOMID_FIRST_RESERVED: none */
	uint16_t target;
	bool introduced;
	/* reported by the hypervisor, @releaseDomain has fired for it */
	bool shutdown;
	uint64_t unique_id;		/* 0: not known */
	uint64_t gfn;			/* as INTRODUCE gave it */
	uint32_t port;
	uint32_t features;		/* mask of what it is offered */
	/* NULL: none (known only from permissions, or without ring) */
	struct conn *conn;
	struct account *account;
	struct rate_credit credit;	/* write rate (XSA-206) */
};

struct op_stats {
	uint64_t requests, errors;
};

#define WORLD_SPECIALS 2	/* @introduceDomain, @releaseDomain */

struct world {
	struct perm_table *perms;
	struct tree *tree;
	struct node *root;		/* live; one reference */
	uint64_t gen;			/* the last generation given out */
	struct perms *special[WORLD_SPECIALS];
	uint64_t special_gen[WORLD_SPECIALS];
	struct watch_set *watches;
	struct quota *quota;
	struct turn turn;
	struct list conns;		/* of struct conn.of_world, by id */
	unsigned nr_conns;
	uint32_t next_conn_id;
	struct list domains;		/* of struct domain.of_world */
	struct domain **domain_by_id;	/* DOMID_FIRST_RESERVED slots */
	unsigned nr_txns;
	struct conn *window[2]; /* of guests, of the privileged: who may have a transaction now */
	uint64_t window_end_ms[2];
	struct rate rate;
	bool restoring;			/* being rebuilt: changes make no events */
	bool orphans_left;		/* nodes of a dead domain wait for memory to be removed */
	/* -p: acts with all rights besides dom0; DOMID_FIRST_RESERVED: none */
	unsigned priv_domid;
	unsigned dom0_domid;		/* -m */
	bool keep_orphans;		/* -K */
	unsigned event_timeout_ms;	/* -w watch-event */
	uint64_t now_ms;		/* of this turn, set by the server */
	uint64_t ticked_ms;		/* when the slow part of world_tick ran last */
	struct world_host host;
	struct world_journal journal;
	struct op_stats ops[32];
	uint64_t nr_commits, nr_conflicts, nr_events;
	struct world_scratch *scratch;	/* private to commit.c */
	void *server;			/* whose loop runs the turns */
};

void world_free_scratch(struct world_scratch *s);
/* the initial nodes are there: "/", "/tool", "/tool/xenstored" */
struct world *world_new(struct err *err);
void world_free(struct world *w);

/* Bytes of its output that may wait before a connection is not read from any more. */
#define WORLD_MAX_PENDING (4u * 1024 * 1024)

/* What a node is charged with. */
size_t world_node_memory(size_t name_len, size_t value_len, unsigned nr_perms);

/* Connections. `c` was initialised by conn_init; the id is given here unless it is set
 * (state.c). */
void world_add_conn(struct world *w, struct conn *c);
/* Undo everything of a dead connection (watches, transactions, charges), then ops->close. Called by
 * the sweep. */
void world_drop_conn(struct world *w, struct conn *c);
struct conn *world_conn_by_id(const struct world *w, uint32_t id);

/* RESET_WATCHES and reconnection: watches, transactions, and when `hard` also input and queued
 * output. */
void world_reset_conn(struct world *w, struct conn *c, bool hard);

/* Domains. */
struct domain *world_domain(const struct world *w, unsigned domid);	/* NULL: not known */
/* Known from now on, so that its death will be noticed. NULL: no memory. */
struct domain *world_know_domain(struct world *w, unsigned domid);
/* The domain there is the one we know; forgets a former one with that number (as if it had died).
 * False: there is none. */
bool world_domain_alive(struct world *w, unsigned domid);
int world_introduce(struct world *w, unsigned domid, uint64_t gfn, uint32_t port, struct err *err)
	must_check;
/* Something about it changed (target, features, flags, quota): the journal must know before anybody
 * is told. */
int world_journal_domain(struct world *w, const struct domain *d, struct err *err) must_check;
int world_release(struct world *w, unsigned domid, struct err *err) must_check;
/* VIRQ_DOM_EXC: this domain is gone: connection, watches, transactions, permissions, nodes;
 * @releaseDomain fires. Never fails: what cannot be done for want of memory is tried again by
 * world_tick. */
void world_domain_died(struct world *w, struct domain *d);
/* It has shut down (crashed, suspended) but still exists: @releaseDomain fires once. */
void world_domain_shutdown(struct world *w, struct domain *d);

/* Once a turn with the time: credits, stalled event readers, leftovers. Returns ms until it wants
 * to be called again, -1: no need. */
int world_tick(struct world *w, uint64_t now_ms);

/* Rights of a connection: domain's own, its target's, or all. */
unsigned world_bits(const struct world *w, const struct conn *c, const struct perms *p);

/* Transactions of a connection. */
struct txn *world_txn(const struct conn *c, uint32_t id);	/* NULL: no such */
int world_txn_start(struct world *w, struct conn *c, struct txn **out, struct err *err) must_check;
/* EAGAIN, ENOSPC…; either way the transaction is gone afterwards. */
int world_txn_commit(struct world *w, struct conn *c, struct txn *txn, struct err *err) must_check;
/* The end of one without a word to the journal: undo its charges, free it. */
void world_forget_txn(struct world *w, struct conn *c, struct txn *txn);
void world_txn_abort(struct world *w, struct conn *c, struct txn *txn);

/*
 * May a transaction start? Clients whose transactions have conflicted lately take turns: one at a
 * time, for a few milliseconds at most, the others of them are held back. So eight who count up one
 * number need about one attempt each instead of five, and nobody loses for ever. Guests wait for
 * guests, the privileged for the privileged only. True: the turn is its own.
 */
bool world_take_window(struct world *w, struct conn *c);
/* A transaction of it ended: its turn is over. */
void world_note_commit(struct world *w, struct conn *c, bool conflict);

/* The root that an operation sees. */
static inline struct node *world_view(const struct world *w, const struct txn *txn)
{
	return txn && txn->root ? txn->root : w->root;
}

/* Note in the transaction (may be NULL: nothing to do) that a path, special ones included, is
 * looked at. */
int world_look(struct world *w, struct conn *c, struct txn *txn, const struct path *path,
	       struct err *err) must_check;

/* Carry out a change for `c` (NULL: the daemon itself, no quota): in the transaction, or, without
 * one, as a commit of its own. Rights were checked by the operation. `spot`: where the path stands
 * in world_view() at this moment, NULL when the caller does not know. */
int world_change(struct world *w, struct conn *c, struct txn *txn, const struct change *change,
		 const struct tree_spot *spot, struct err *err) must_check;

/* Permissions of a special node as the transaction sees it; NULL: not a special there is. */
/* of special[]; -1: there is no such special node */
int world_special_index(const struct path *path);
const struct perms *world_special(const struct world *w, const struct txn *txn, const char *path);
/* Fire @introduceDomain or @releaseDomain, for those who want to know which domain. */
enum { SPECIAL_INTRODUCE, SPECIAL_RELEASE };
void world_fire_special(struct world *w, unsigned which, unsigned domid);
/* Tell the journal of effects that are no change of the tree. Call before they happen. */
int world_journal_one(struct world *w, const struct effect *e, struct err *err) must_check;

/* Watches. The first event is the caller's to queue, behind the reply. */
int world_watch(struct world *w, struct conn *c, const struct path *path, const char *token,
		size_t token_len, int32_t depth, struct watch **out, struct err *err) must_check;
/* May this connection be read from: rate, outstanding requests, memory, its own output? */
bool world_may_read(struct world *w, struct conn *c);
int world_unwatch(struct world *w, struct conn *c, const struct path *path, const char *token,
		  size_t token_len, struct err *err) must_check;

/*
 * Enumerate and rebuild (state.c, journal.c)
 *
 * Everything is reachable by plain reading: world->root with tree_walk; conns and each one's
 * watcher.watches (oldest first), txns (base, root, accesses, log), input and output; domains;
 * quota_next; special[].
 *
 * Rebuilding starts from world_new with world->restoring set (clear it at the end) and makes no
 * events, checks no quota and charges exactly:
 */
int world_restore_node(struct world *w, const char *path, size_t len, const void *value,
		       size_t value_len, const struct perm *perms, unsigned nr_perms,
		       struct err *err) must_check;
int world_restore_gone(struct world *w, const char *path, size_t len, struct err *err) must_check;
int world_restore_special(struct world *w, const char *name, const struct perm *perms,
			  unsigned nr_perms, struct err *err) must_check;
int world_restore_watch(struct world *w, struct conn *c, const struct path *path, const char *token,
			size_t token_len, int32_t depth, struct err *err) must_check;
/* With no snapshot: lost, its commit says EAGAIN. */
int world_restore_txn(struct world *w, struct conn *c, uint32_t id, struct txn **out,
		      struct err *err) must_check;
/* Known and introduced; the caller attaches the connection. */
struct domain *world_restore_domain(struct world *w, unsigned domid, struct err *err);

/* What all accounts should hold, counted anew; false with a message when one does not (tests,
 * CONTROL check). */
bool world_audit(struct world *w, struct err *err);

#endif
