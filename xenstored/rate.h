/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef XENSTORED_RATE_H
#define XENSTORED_RATE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Write-rate limit (XSA-206): a guest that writes while others have transactions open spends
 * credit, and one without credit is not read from until it has some again. So nobody can keep
 * another's transaction from committing by writing in a loop. All guests together may write 200
 * times a second; what the idle ones do not use is kept in a reserve for bursts. Figures as
 * upstream's. Amounts are thousandths of a write.
 */

struct rate {
	int64_t reserve;
	unsigned nr_domains;
};

struct rate_credit {
	int64_t amount;
	uint64_t updated_ms;
};

void rate_domain_new(struct rate *r, struct rate_credit *c, uint64_t now_ms);
void rate_domain_gone(struct rate *r, struct rate_credit *c);
/* One write. */
void rate_spend(struct rate *r, struct rate_credit *c, uint64_t now_ms);
/* ms until it may be read from again; 0: now. */
unsigned rate_wait_ms(struct rate *r, struct rate_credit *c, uint64_t now_ms);

#endif
