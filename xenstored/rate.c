/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The write-rate limit: credits and a reserve. Arithmetic only; when a write costs and what waiting
 * means is decided by the callers. */
#include "xenstored/rate.h"

#define WRITE_COST	1000
#define PER_SECOND	(200 * WRITE_COST)	/* all guests together */
#define DOMAIN_BURST	(10 * WRITE_COST)
#define RESERVE_MAX	(1000 * WRITE_COST)
#define RESERVE_MIN	(-5 * DOMAIN_BURST)	/* new domains may start on credit */
#define CREDIT_MAX	1000000000

/* Move as much as keeps `from` at least at its floor and `to` at most at its ceiling. */
static void transfer(int64_t *from, int64_t floor, int64_t *to, int64_t ceiling)
{
	int64_t give = *from - floor, take = ceiling - *to;
	int64_t amount = give < take ? give : take;

	if (amount <= 0)
		return;
	*from -= amount;
	*to += amount;
}

void rate_domain_new(struct rate *r, struct rate_credit *c, uint64_t now_ms)
{
	c->amount = 0;
	c->updated_ms = now_ms;
	r->nr_domains++;
	transfer(&r->reserve, RESERVE_MIN, &c->amount, DOMAIN_BURST);
}

void rate_domain_gone(struct rate *r, struct rate_credit *c)
{
	if (r->nr_domains)
		r->nr_domains--;
	transfer(&c->amount, 0, &r->reserve, RESERVE_MAX);
}

static void update(struct rate *r, struct rate_credit *c, uint64_t now_ms)
{
	uint64_t ms = now_ms > c->updated_ms ? now_ms - c->updated_ms : 0;
	int64_t share, surplus = 0;

	if (ms > 1000000)
		ms = 1000000;
	share = (int64_t)ms * PER_SECOND / 1000 / (r->nr_domains ? r->nr_domains : 1);
	/* Less than a thousandth of a write: the time goes on counting. */
	if (ms && !share)
		return;
	c->updated_ms = now_ms;
	c->amount += share;
	transfer(&r->reserve, 0, &c->amount, 0);
	transfer(&c->amount, DOMAIN_BURST, &surplus, CREDIT_MAX);
	transfer(&surplus, 0, &r->reserve, RESERVE_MAX);
}

void rate_spend(struct rate *r, struct rate_credit *c, uint64_t now_ms)
{
	update(r, c, now_ms);
	c->amount -= WRITE_COST;
}

unsigned rate_wait_ms(struct rate *r, struct rate_credit *c, uint64_t now_ms)
{
	uint64_t wait;

	if (c->amount >= 0)
		return 0;
	update(r, c, now_ms);
	if (c->amount >= 0)
		return 0;
	wait = (uint64_t)-c->amount * 1000 * (r->nr_domains ? r->nr_domains : 1) / PER_SECOND + 1;
	return wait > 60000 ? 60000 : (unsigned)wait;
}
