/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef XENSTORED_QUOTA_H
#define XENSTORED_QUOTA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

/*
 * What a domain may hold and what it holds. Names, defaults and who is exempt are upstream's. One
 * row a quota. Every amount is charged to an account: nodes and their memory to the owner of the
 * node, the rest to the domain whose connection it is.
 *
 * Two kinds: counted ones (the account keeps how much is in use) and plain bounds (a node's size, a
 * path's length).
 */

enum quota_id {
	QUOTA_NODES,
	QUOTA_WATCHES,
	QUOTA_TRANSACTIONS,
	QUOTA_OUTSTANDING,
	QUOTA_MEMORY,
	QUOTA_COUNTED,				/* the ones above have an amount in use */
	QUOTA_TRANSACTION_NODES = QUOTA_COUNTED,
	QUOTA_NODE_SIZE,
	QUOTA_PATH_MAX,
	QUOTA_PERMISSIONS,
	NR_QUOTAS
};

struct quota_row {
	const char *name;	/* "nodes" */
	const char *alias;	/* another spelling accepted, or NULL */
	const char *text;	/* what it bounds */
	unsigned hard, soft;	/* defaults; 0: unlimited */
	bool has_soft;
};
extern const struct quota_row quota_rows[NR_QUOTAS];

/* -1 when there is no such quota. *soft is set for "soft-<name>" where the quota has one. */
int quota_by_name(const char *name, bool *soft);

struct quota_limits {
	unsigned hard[NR_QUOTAS];
	unsigned soft[NR_QUOTAS];
};

struct quota;	/* global limits and all accounts, by domid */

struct account {
	struct quota *quota;
	/* who points to it: connections, domains, charges, causes */
	uint32_t refs;
	uint16_t domid;
	bool privileged;		/* nothing is refused, all is counted */
	/* bit per quota: set for this domain alone, else the global one counts */
	uint16_t own_hard, own_soft;
	uint16_t warned;		/* bit per quota: the soft limit was reported */
	struct quota_limits limits;	/* meaningful where a bit above is set */
	uint64_t used[QUOTA_COUNTED];
	uint64_t peak[QUOTA_COUNTED];
};

struct quota *quota_new(void);		/* NULL: no memory */
void quota_free(struct quota *q);
struct quota_limits *quota_global(struct quota *q);

/* The account of a domain; created at need (NULL: no memory). Domid is below 0x8000. Who keeps the
 * pointer holds it; an account that nobody holds and to which nothing is charged goes away. */
struct account *quota_account(struct quota *q, unsigned domid);
static inline struct account *account_hold(struct account *a)
{
	a->refs++;
	return a;
}
void account_drop(struct account *a);
/* The account if there is one, for those who only look. */
struct account *quota_find(const struct quota *q, unsigned domid);
/* A domain is gone: limits of its own are forgotten. */
void quota_bury(struct quota *q, unsigned domid);
/* Walk: *cursor starts at 0; NULL at the end. */
struct account *quota_next(const struct quota *q, unsigned *cursor);

/* 0: unlimited */
unsigned quota_hard(const struct quota *q, const struct account *a, enum quota_id id);
unsigned quota_soft(const struct quota *q, const struct account *a, enum quota_id id);

/* Would `more` fit? ENOSPC (or E2BIG for watches, as upstream) with a message that says which quota
 * and whose. */
int quota_check(const struct quota *q, const struct account *a, enum quota_id id, uint64_t more,
		struct err *err) must_check;
/* Charge or, negative, give back. Never refuses: checking was before. Logs once when a soft limit
 * is crossed. */
void quota_charge(struct quota *q, struct account *a, enum quota_id id, int64_t delta);

/*
 * Deltas per owner that one commit will make: collected, checked, then applied in one go. Small:
 * most commits touch one or two owners.
 */
struct charge_row {
	struct account *account;
	int64_t nodes, memory;
};
struct charge {
	struct charge_row *rows;
	unsigned n, size;
	struct charge_row first[4];	/* so that the usual commit allocates nothing */
};
void charge_init(struct charge *c);
void charge_free(struct charge *c);
int charge_add(struct charge *c, struct quota *q, unsigned domid, int64_t nodes, int64_t memory,
	       struct err *err) must_check;
/* Every owner that grows stays in its limits. */
int charge_check(const struct charge *c, const struct quota *q, struct err *err) must_check;
void charge_apply(struct charge *c, struct quota *q);

#endif
