/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef XENSTORED_JOURNAL_FILE_H
#define XENSTORED_JOURNAL_FILE_H

#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "xenstored/state.h"

/*
 * A file that only grows, mapped, with a state stream in it: records are appended out of sight and
 * all of them count from one store. Behind what counts stands a zero, which is the stream's END;
 * what lies further on means nothing.
 *
 * A batch stands behind a slot of eight bytes that is zero, so END, until the batch is complete;
 * then it becomes the head of an empty record of the type JFILE_MARK.
 */

#define JFILE_MARK STATE_PRIVATE
#define JFILE_SLOT STATE_RECORD

struct jfile {
	int fd;
	char *map;
	size_t size;		/* allocated and mapped */
	size_t ready;		/* so much of it has its pages in our page table */
	size_t committed;	/* where END stands: what is before counts */
	size_t tail;		/* end of what is staged */
	size_t released;	/* pages before this were given back */
};

#define JFILE_INIT { .fd = -1 }

/* A new empty file NAME in a directory, with room for at least `size` bytes. */
int jfile_create(struct jfile *f, int dir_fd, const char *name, size_t size, struct err *err)
	must_check;
void jfile_close(struct jfile *f);	/* harmless on JFILE_INIT */
/* Begin it anew: what it holds means nothing any more, its pages are there already. */
void jfile_restart(struct jfile *f);

/* Where state_put_* write: appended to what is staged. ENOSPC, ENOMEM. */
void *jfile_room(void *f, size_t len, struct err *err);
static inline struct state_sink jfile_sink(struct jfile *f)
{
	return (struct state_sink){ jfile_room, f };
}
int jfile_grow(struct jfile *f, size_t want, struct err *err) must_check;	/* private */

/* Make sure that `len` more bytes can be staged without failing. Behind what is staged there is
 * always room for the slot of the next batch, or END. */
static inline int must_check jfile_reserve(struct jfile *f, size_t len, struct err *err)
{
	size_t want = f->tail + JFILE_SLOT + len + JFILE_SLOT;

	return want <= f->ready ? 0 : jfile_grow(f, want, err);
}

/* Take back what was staged since `mark`, a former tail. */
static inline void jfile_rollback(struct jfile *f, size_t mark)
{
	f->tail = mark;
}

/* All that is staged counts from here on. */
void jfile_commit(struct jfile *f);

/* What was written counts as it stands: for a file that nobody reads yet. */
void jfile_seal(struct jfile *f);

#endif
