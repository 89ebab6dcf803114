/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef XENSTORED_JOURNAL_PUT_H
#define XENSTORED_JOURNAL_PUT_H

#include "xenstored/conn_ring.h"
#include "xenstored/guests.h"
#include "xenstored/state.h"
#include "xenstored/world.h"

/* Writing the journal's records, for journal.c. */

struct scribe {
	struct world *world;
	struct guests *guests;		/* NULL: there are no rings */
	uint64_t epoch;			/* rings with this one are known to the file */
	bool declared;			/* a ring was declared since it was last cleared */
};

/* All but the tree. */
int journal_put_everything(struct scribe *w, const struct state_sink *s, struct err *err)
	must_check;
int journal_put_domain(struct scribe *w, const struct state_sink *s, const struct domain *d,
		       struct err *err) must_check;
/* Declares the ring that the effect is about, when the file does not know it. */
int journal_put_effect(struct scribe *w, const struct state_sink *s, const struct effect *e,
		       struct err *err) must_check;
/* How far a ring is. */
int journal_put_progress(struct scribe *w, const struct state_sink *s, struct conn_ring *r,
			 struct err *err) must_check;
/* Everything about it as it stands is in the file. */
void journal_know_ring(const struct scribe *w, struct conn_ring *r);

#endif
