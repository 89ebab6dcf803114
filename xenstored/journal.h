/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef XENSTORED_JOURNAL_H
#define XENSTORED_JOURNAL_H

#include "xenstored/guests.h"
#include "xenstored/world.h"

/*
 * What a daemon that dies leaves to the next one: a file in the state stream's format (state.h)
 * that begins with everything and goes on with each change, in a tmpfs, mapped. Memory written
 * there survives the process; a record counts from the moment its type is written, so the file is
 * at every instant a valid stream, and a whole turn (its changes, how far each ring was read, what
 * each domain is owed) counts from one store of eight bytes. Only then does anybody see an effect
 * of that turn.
 */

struct journal;

/* Take DIR/NAME for this daemon: EBUSY when another one holds it. `guests` may be NULL (no Xen). */
int journal_open(struct journal **out, const char *dir, struct world *w, struct guests *guests,
		 struct err *err) must_check;

/* Rebuild the world from what the file holds, when it is of this boot: 1; 0: there was nothing.
 * Connections are revived, the dead are buried, with their events. -1: the file is damaged; the
 * world is partly filled and must not be used. */
int journal_recover(struct journal *j, struct err *err) must_check;

/* Begin a new file with the world as it is now, and become w->journal. */
int journal_start(struct journal *j, struct err *err) must_check;

/* The turn's last act before anything leaves the process; the server does this through
 * w->journal. */
void journal_flush(struct journal *j, const struct list *dirty);

/* Ends orderly: nothing is left for a successor unless `keep`. */
void journal_close(struct journal *j, bool keep);

struct journal_stats {
	uint64_t bytes, records, flushes, rewrites;
	uint64_t file_size;
};
struct journal_stats journal_stats(const struct journal *j);

#endif
