/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef XENSTORED_TXN_H
#define XENSTORED_TXN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "base/list.h"
#include "xenstored/quota.h"
#include "xenstored/tree.h"

/*
 * Transactions. The first operation within one keeps the live root of that moment; changes go to a
 * root of its own; what it looked at is noted with the generation seen. Its commit asks whether
 * anything it looked at has changed on the live root; if not, the changes are carried over to a new
 * version of that root, which the world then makes the live one. A failed commit leaves nothing
 * behind.
 *
 * The same two steps move an open transaction to the newest root now and then (txn_rebase), so that
 * a client who keeps one open does not keep old versions of the whole store in memory.
 *
 * Noted as looked at (upstream's rule): every node an operation names, its missing ancestors and
 * the nearest that exists, the parent of what is created or removed, and with a removal the whole
 * subtree.
 */

/* One change, as an operation wants it. The perms are those for new nodes (PUT) or the new ones
 * (PERMS). */
enum change_kind { CHANGE_PUT, CHANGE_PERMS, CHANGE_RM };

struct change {
	enum change_kind kind;
	const struct path *path;
	const void *value;	/* PUT: NULL leaves an existing value alone (MKDIR) */
	size_t value_len;
	struct perms *perms;	/* borrowed; NULL with RM */
};

/* A path that was looked at, with what was seen on the base root. */
struct access {
	uint64_t gen;			/* 0: it was not there */
	/* removed by this transaction: the base root's node, else NULL */
	const struct node *subtree;
	uint32_t hash;
	uint16_t len;
	/* 1 + the transaction's rm_count when a PUT of it was logged, else 0 */
	uint32_t rm_count;
	char path[];
};

/* What the transaction did, in order; values and permissions are those of its root at the end. */
struct logged {
	enum change_kind kind;
	bool implied;			/* an ancestor made on the way: no event of its own */
	struct access *access;
};

struct txn {
	struct list of_conn;
	uint32_t id;
	uint64_t started_ms;
	/* the live root it started from; NULL before the first look and when lost */
	struct node *base;
	struct node *root;		/* the same with the changes so far */
	struct access **table;		/* open addressing by path */
	uint32_t nr_accesses, table_size;
	struct access *last;		/* found or made last: mostly it is the next one wanted */
	struct logged *log;
	uint32_t nr_log, log_size;
	uint32_t rm_count;
	struct charge charge; /* nodes and memory the changes so far add for each owner */
	size_t memory;			/* charged to the client for the tables */
	struct perms *special[2];	/* new permissions of special nodes, NULL: untouched */
	uint64_t special_gen[2];	/* generation seen, 0: not looked at */
	/* an errno: a quota was overrun within, commit must fail with it */
	int failed;
	/* its snapshot did not survive a restart: reads see the live root, commit says EAGAIN */
	bool doomed;			/* found to conflict: no need to ask again */
	bool lost;
};

struct txn *txn_new(uint32_t id);	/* NULL: no memory */
void txn_free(struct tree *t, struct perm_table *perms, struct txn *txn);

/* The first look: keep this root, unless there is one. */
void txn_begin(struct txn *txn, struct node *live);
/* Note that `path` was looked at (with the ancestors that are missing, and the nearest that
 * exists). Specials are noted by the caller. ENOSPC past max nodes (0: no limit). */
int txn_look(struct txn *txn, const char *path, size_t len, unsigned max, struct err *err)
	must_check;
/* Apply a change to the transaction's root and log it; nodes touched get `gen`. All or nothing. The
 * caller has noted the accesses, checked rights and quotas, and says where the path stands in the
 * root. */
int txn_change(struct tree *t, struct txn *txn, const struct change *c,
	       const struct tree_spot *spot, uint64_t gen, struct err *err) must_check;

/* EAGAIN when something it looked at differs on the live root. */
int txn_check(const struct txn *txn, const struct node *live, struct err *err) must_check;
/* The live root with the transaction's changes, one reference yours. Call txn_check before. Nodes
 * touched get `gen`. */
int txn_replay(struct tree *t, const struct txn *txn, struct node *live, uint64_t gen,
	       struct node **out, struct err *err) must_check;
/* Is this path, or what is missing of it, another one on the live root than on its own base? */
bool txn_is_behind(const struct txn *txn, const struct node *live, const char *path, size_t len);
/* Move to the newest root. False: it conflicts already, and keeps what it has, so that its client
 * sees one world until the end; its commit will say EAGAIN. */
bool txn_rebase(struct tree *t, struct txn *txn, struct node *live, uint64_t gen);
/* Forget snapshot and changes; commit says EAGAIN. */
void txn_lose(struct tree *t, struct txn *txn);

/* Walk what was looked at: *cursor starts at 0; NULL at the end. */
const struct access *txn_next_access(const struct txn *txn, uint32_t *cursor);

#endif
