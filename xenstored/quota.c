/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Quotas: one row each, global limits, accounts by domid. Counts and compares; what an amount
 * stands for and what happens to a request over the limit is the caller's business.
 */
#include "xenstored/quota.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/log.h"
#include "base/mem.h"

#define NR_ACCOUNTS 0x8000u

const struct quota_row quota_rows[NR_QUOTAS] = {
	[QUOTA_NODES] = { "nodes", NULL, "Nodes per domain", 1000, 0, false },
	[QUOTA_WATCHES] = { "watches", NULL, "Watches per domain", 128, 0, false },
	[QUOTA_TRANSACTIONS] = { "transactions", NULL, "Active transactions per domain", 10, 0,
				 false },
	[QUOTA_OUTSTANDING] = { "outstanding", NULL, "Outstanding requests per domain", 20, 0,
				false },
	[QUOTA_MEMORY] = { "memory", NULL, "Total Xenstore memory per domain", 2560 * 1024,
			   2048 * 1024, true },
	[QUOTA_TRANSACTION_NODES] = { "transaction-nodes", NULL,
				      "Max. number of accessed nodes per transaction", 1024, 0,
				      false },
	[QUOTA_NODE_SIZE] = { "node-size", NULL, "Max. size of a node", 2048, 0, false },
	[QUOTA_PATH_MAX] = { "path-max", "path-length", "Max. length of a node path", 2048, 0,
			     false },
	[QUOTA_PERMISSIONS] = { "permissions", "node-permissions",
				"Max. number of permissions per node", 5, 0, false },
};

struct quota {
	struct quota_limits global;
	struct account *account[NR_ACCOUNTS];
};

int quota_by_name(const char *name, bool *soft)
{
	*soft = !strncmp(name, "soft-", 5);
	if (*soft)
		name += 5;
	for (int i = 0; i < NR_QUOTAS; i++) {
		const struct quota_row *row = &quota_rows[i];

		if (strcmp(row->name, name) && (!row->alias || strcmp(row->alias, name)))
			continue;
		return *soft && !row->has_soft ? -1 : i;
	}
	return -1;
}

struct quota *quota_new(void)
{
	struct quota *q = calloc(1, sizeof(*q));

	if (!q)
		return NULL;
	for (unsigned i = 0; i < NR_QUOTAS; i++) {
		q->global.hard[i] = quota_rows[i].hard;
		q->global.soft[i] = quota_rows[i].soft;
	}
	return q;
}

void quota_free(struct quota *q)
{
	unsigned cursor = 0;
	struct account *a;

	if (!q)
		return;
	while ((a = quota_next(q, &cursor)))
		free(a);
	free(q);
}

struct quota_limits *quota_global(struct quota *q)
{
	return &q->global;
}

struct account *quota_account(struct quota *q, unsigned domid)
{
	struct account *a = q->account[domid % NR_ACCOUNTS];

	if (a)
		return a;
	a = calloc(1, sizeof(*a));
	if (!a)
		return NULL;
	a->quota = q;
	a->domid = (uint16_t)(domid % NR_ACCOUNTS);
	return q->account[a->domid] = a;
}

struct account *quota_find(const struct quota *q, unsigned domid)
{
	return q->account[domid % NR_ACCOUNTS];
}

void account_drop(struct account *a)
{
	if (--a->refs || a->own_hard || a->own_soft)
		return;
	for (unsigned i = 0; i < QUOTA_COUNTED; i++)
		if (a->used[i])
			return;
	a->quota->account[a->domid] = NULL;
	free(a);
}

void quota_bury(struct quota *q, unsigned domid)
{
	struct account *a = quota_find(q, domid);

	if (a)
		a->own_hard = a->own_soft = a->warned = 0;
}

struct account *quota_next(const struct quota *q, unsigned *cursor)
{
	while (*cursor < NR_ACCOUNTS) {
		struct account *a = q->account[(*cursor)++];

		if (a)
			return a;
	}
	return NULL;
}

unsigned quota_hard(const struct quota *q, const struct account *a, enum quota_id id)
{
	return a && a->own_hard & 1u << id ? a->limits.hard[id] : q->global.hard[id];
}

unsigned quota_soft(const struct quota *q, const struct account *a, enum quota_id id)
{
	return a && a->own_soft & 1u << id ? a->limits.soft[id] : q->global.soft[id];
}

static int refusal(enum quota_id id)
{
	if (id == QUOTA_WATCHES)
		return E2BIG;
	return id == QUOTA_MEMORY ? ENOMEM : ENOSPC;
}

int quota_check(const struct quota *q, const struct account *a, enum quota_id id, uint64_t more,
		struct err *err)
{
	unsigned hard = quota_hard(q, a, id);
	uint64_t used = id < QUOTA_COUNTED ? a->used[id] : 0;

	if (a->privileged || !hard || used + more <= hard)
		return 0;
	return err_set(
		err, refusal(id),
		"domain %u: quota %s: %llu more than the %llu in use is over its limit of %u",
		a->domid, quota_rows[id].name, (unsigned long long)more, (unsigned long long)used,
		hard);
}

static void warn_soft(const struct quota *q, struct account *a, enum quota_id id)
{
	unsigned soft = quota_soft(q, a, id);
	bool over = soft && !a->privileged && a->used[id] >= soft;

	if (over == !!(a->warned & 1u << id))
		return;
	/* Falling well below ends the state, so that one who hovers at the limit does not fill the
	 * log. */
	if (!over && soft && a->used[id] > soft - soft / 8)
		return;
	a->warned ^= (uint16_t)(1u << id);
	if (over)
		log_warn("domain %u is over the soft quota %s: %llu of %u", a->domid,
			 quota_rows[id].name, (unsigned long long)a->used[id], soft);
	else
		log_info("domain %u is below the soft quota %s again", a->domid,
			 quota_rows[id].name);
}

void quota_charge(struct quota *q, struct account *a, enum quota_id id, int64_t delta)
{
	a->used[id] += (uint64_t)delta;
	if (a->used[id] > a->peak[id])
		a->peak[id] = a->used[id];
	if (quota_rows[id].has_soft)
		warn_soft(q, a, id);
}

void charge_init(struct charge *c)
{
	c->rows = c->first;
	c->n = 0;
	c->size = array_size(c->first);
}

void charge_free(struct charge *c)
{
	for (unsigned i = 0; i < c->n; i++)
		account_drop(c->rows[i].account);
	if (c->rows != c->first)
		free(c->rows);
	charge_init(c);
}

static int charge_grow(struct charge *c)
{
	unsigned size = c->size * 2;
	struct charge_row *rows = malloc(size * sizeof(*rows));

	if (!rows)
		return -1;
	memcpy(rows, c->rows, c->n * sizeof(*rows));
	if (c->rows != c->first)
		free(c->rows);
	c->rows = rows;
	c->size = size;
	return 0;
}

int charge_add(struct charge *c, struct quota *q, unsigned domid, int64_t nodes, int64_t memory,
	       struct err *err)
{
	struct account *a;

	/* From the end: neighbours in the tree mostly have one owner. */
	for (unsigned i = c->n; i-- > 0;)
		if (c->rows[i].account->domid == domid) {
			c->rows[i].nodes += nodes;
			c->rows[i].memory += memory;
			return 0;
		}
	a = c->n == c->size && charge_grow(c) < 0 ? NULL : quota_account(q, domid);
	if (!a)
		return err_set(err, ENOMEM, "accounting for domain %u: out of memory", domid);
	c->rows[c->n++] = (struct charge_row){ account_hold(a), nodes, memory };
	return 0;
}

int charge_check(const struct charge *c, const struct quota *q, struct err *err)
{
	for (unsigned i = 0; i < c->n; i++) {
		const struct charge_row *r = &c->rows[i];

		if (r->nodes > 0 &&
		    quota_check(q, r->account, QUOTA_NODES, (uint64_t)r->nodes, err) < 0)
			return -1;
		if (r->memory > 0 &&
		    quota_check(q, r->account, QUOTA_MEMORY, (uint64_t)r->memory, err) < 0)
			return -1;
	}
	return 0;
}

void charge_apply(struct charge *c, struct quota *q)
{
	for (unsigned i = 0; i < c->n; i++) {
		struct charge_row *r = &c->rows[i];

		quota_charge(q, r->account, QUOTA_NODES, r->nodes);
		quota_charge(q, r->account, QUOTA_MEMORY, r->memory);
		r->nodes = r->memory = 0;
	}
}
