// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The journal: when records are written, how the file is begun anew before it grows too large, and
 * how a world is rebuilt from it. Which records say what is journal_put.c's matter, how bytes
 * become durable journal_file.c's.
 */
#include "xenstored/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "xenstored/journal_file.h"
#include "xenstored/journal_load.h"
#include "xenstored/journal_put.h"

#define FILE_NAME "journal"
#define NEW_NAME  "journal.new"
#define OLD_NAME  "journal.old"
#define BAD_NAME  "journal.bad"

#define SLACK_BYTES	(32u << 10)	/* kept free for what cannot be refused: progress of rings */
/* A file is begun anew at twice its first size and this: the latter where it fills within BUSY_MS,
 * for then the time counts, and not the memory. */
#define REWRITE_BYTES	(256u << 10)
#define REWRITE_BUSY	(1u << 20)
#define BUSY_MS		1000
#define SPARE_BYTES	(8u << 20)	/* a larger old file is not kept */
#define NODES_A_FLUSH	64
#define RETRY_FLUSHES	1024		/* after a failure, before a new file is tried */

struct journal {
	struct scribe scribe;
	int dir_fd;
	struct jfile file;
	size_t batch_mark;		/* tail before the commit in preparation */
	size_t first_size;		/* of the file as it began */
	uint64_t begun_ms;		/* when that was */
	unsigned retry;			/* flushes until a new file is tried; 0: all is well */

	/* A new file in the making. */
	struct jfile next;		/* fd -1: there is none */
	struct jfile spare; /* the former file, to be used again: its pages are paid for */
	struct node *snapshot;
	struct tree_walk *walk;
	const struct node *at;
	size_t next_mark;		/* of the old file: what is behind has to be carried over */

	struct journal_stats stats;
};

/* --- a new file ------------------------------------------------------------------------------- */

static void drop_snapshot(struct journal *j)
{
	if (j->snapshot)
		node_unref(j->scribe.world->tree, j->snapshot);
	j->snapshot = NULL;
	if (j->walk)
		tree_walk_free(j->walk);
	j->walk = NULL;
}

static void rewrite_abandon(struct journal *j)
{
	jfile_close(&j->next);
	drop_snapshot(j);
	(void)unlinkat(j->dir_fd, NEW_NAME, 0);
}

/* Fewer pages where they are not needed for speed. */
static bool is_busy(const struct journal *j)
{
	return j->scribe.world->now_ms - j->begun_ms < BUSY_MS;
}

static void drop_spare(struct journal *j)
{
	jfile_close(&j->spare);
	(void)unlinkat(j->dir_fd, OLD_NAME, 0);
}

static int open_next(struct journal *j, struct err *err)
{
	if (j->spare.fd < 0 || renameat(j->dir_fd, OLD_NAME, j->dir_fd, NEW_NAME) < 0)
		return jfile_create(&j->next, j->dir_fd, NEW_NAME, SLACK_BYTES, err);
	j->next = j->spare;
	j->spare = (struct jfile)JFILE_INIT;
	jfile_restart(&j->next);
	return jfile_reserve(&j->next, SLACK_BYTES, err);
}

/* The world as it stands after a flush; its tree by holding its root, which stays as it is however
 * long writing it takes. */
static int rewrite_begin(struct journal *j, struct err *err)
{
	if (open_next(j, err) < 0)
		return -1;
	struct state_sink s = jfile_sink(&j->next);

	j->walk = tree_walk_new();
	if (!j->walk)
		return err_set(err, ENOMEM, "journal: no memory");
	j->snapshot = node_ref(j->scribe.world->root);
	j->at = tree_walk_start(j->walk, j->snapshot, NULL, 0);
	j->next_mark = j->file.committed;
	return journal_put_everything(&j->scribe, &s, err);
}

static int rewrite_nodes(struct journal *j, size_t most, struct err *err)
{
	struct state_sink s = jfile_sink(&j->next);

	for (; j->at && most > 0; most--, j->at = tree_walk_next(j->walk))
		if (state_put_tree_node(&s, j->at, j->walk->path, j->walk->len, err) < 0)
			return -1;
	return 0;
}

/* The new file takes the old one's name, and that is the moment. The old one is kept where that can
 * be done at once, it is small, and the next will be wanted soon. */
static int take_over(struct journal *j, struct err *err)
{
	bool keep = j->file.fd >= 0 && j->file.size <= SPARE_BYTES && is_busy(j) &&
		    renameat2(j->dir_fd, NEW_NAME, j->dir_fd, FILE_NAME, RENAME_EXCHANGE) == 0;

	if (!keep && renameat(j->dir_fd, NEW_NAME, j->dir_fd, FILE_NAME) < 0)
		return err_set(err, errno, "journal: rename: %s", strerror(errno));
	drop_spare(j);
	if (keep && renameat(j->dir_fd, NEW_NAME, j->dir_fd, OLD_NAME) == 0)
		j->spare = j->file;
	else
		jfile_close(&j->file);
	j->file = j->next;
	j->next = (struct jfile)JFILE_INIT;
	j->begun_ms = j->scribe.world->now_ms;
	return 0;
}

/* What happened since goes behind it. */
static int rewrite_end(struct journal *j, struct err *err)
{
	size_t len = j->file.committed - j->next_mark;
	struct state_sink s = jfile_sink(&j->next);

	j->first_size = j->next.tail;
	if (len > 0) {
		char *p = s.room(s.arg, len, err);

		if (!p)
			return -1;
		memcpy(p, j->file.map + j->next_mark, len);
	}
	if (jfile_reserve(&j->next, SLACK_BYTES, err) < 0)
		return -1;
	jfile_seal(&j->next);
	if (take_over(j, err) < 0)
		return -1;
	drop_snapshot(j);
	j->stats.rewrites++;
	return 0;
}

static bool is_full(const struct journal *j)
{
	return j->file.committed >=
	       2 * j->first_size + (is_busy(j) ? REWRITE_BUSY : REWRITE_BYTES);
}

/* A little at a time, and faster than the old file grows. */
static void rewrite_step(struct journal *j, size_t flushed)
{
	struct err err = ERR_INIT;
	int ok = 0;

	if (j->next.fd < 0) {
		ok = rewrite_begin(j, &err);
	} else {
		ok = rewrite_nodes(j, NODES_A_FLUSH + flushed / 64, &err);
		if (ok == 0 && !j->at)
			ok = rewrite_end(j, &err);
	}
	if (ok == 0)
		return;
	log_warn("%s; it goes on in the old file", err.msg);
	rewrite_abandon(j);
	j->first_size = j->file.committed;	/* not again at once */
}

/* --- what the world calls --------------------------------------------------------------------- */

/* A connection that the undone part declared is declared again when it is next met, as all others
 * are. */
static void on_abort(void *arg)
{
	struct journal *j = arg;

	jfile_rollback(&j->file, j->batch_mark);
	if (j->scribe.declared)
		j->scribe.epoch++;
}

static int on_prepare(void *arg, const struct effect *e, size_t n, struct err *err)
{
	struct journal *j = arg;
	struct state_sink s = jfile_sink(&j->file);

	j->batch_mark = j->file.tail;
	j->scribe.declared = false;
	if (j->retry)
		return 0;
	for (size_t i = 0; i < n; i++)
		if (journal_put_effect(&j->scribe, &s, &e[i], err) < 0)
			goto undo;
	if (jfile_reserve(&j->file, SLACK_BYTES, err) < 0)
		goto undo;
	j->stats.records += n;
	return 0;
undo:
	on_abort(j);
	return -1;
}

static void on_commit(void *arg)
{
	(void)arg;	/* it is in the batch, which counts when the turn ends */
}

/* Effects went unrecorded: a file that does not have them must not be found by a successor. */
static void give_up(struct journal *j, const struct err *err)
{
	struct conn *c;

	log_error("%s; without a journal until there is room: a crash now loses the store",
		  err->msg);
	rewrite_abandon(j);
	drop_spare(j);
	jfile_close(&j->file);
	(void)unlinkat(j->dir_fd, FILE_NAME, 0);
	j->retry = RETRY_FLUSHES;
	list_for_each_entry(c, &j->scribe.world->conns, of_world) {
		struct conn_ring *r = conn_ring_of(c);

		if (r)
			r->journaled = false;
	}
}

/* Rings that are new or bound anew say so even when nothing moved yet. */
static int put_changed(struct journal *j, const struct state_sink *s, struct err *err)
{
	struct list *changed = j->scribe.guests ? guests_changed(j->scribe.guests) : NULL;

	while (changed && !list_is_empty(changed)) {
		struct conn_ring *r = list_first(changed, struct conn_ring, of_host);

		if (!r->conn.dead && (journal_put_domain(&j->scribe, s, r->conn.domain, err) < 0 ||
				      journal_put_progress(&j->scribe, s, r, err) < 0))
			return -1;
		list_del(&r->of_host);
	}
	return 0;
}

static int put_turn(struct journal *j, const struct list *dirty, struct err *err)
{
	struct state_sink s = jfile_sink(&j->file);
	struct conn *c;

	if (put_changed(j, &s, err) < 0)
		return -1;
	list_for_each_entry(c, dirty, on_dirty) {
		struct conn_ring *r = c->dead ? NULL : conn_ring_of(c);

		if (r && journal_put_progress(&j->scribe, &s, r, err) < 0)
			return -1;
	}
	return 0;
}

void journal_flush(struct journal *j, const struct list *dirty)
{
	size_t before = j->file.committed;
	struct err err;

	err_clear(&err);
	if (j->retry) {
		if (--j->retry == 0 && journal_start(j, &err) < 0)
			give_up(j, &err);
		return;
	}
	if (put_turn(j, dirty, &err) < 0) {
		give_up(j, &err);
		return;
	}
	jfile_commit(&j->file);
	if (j->file.committed == before)
		return;
	j->stats.flushes++;
	j->stats.bytes += j->file.committed - before;
	if (j->next.fd >= 0 || is_full(j))
		rewrite_step(j, j->file.committed - before);
}

static void on_flush(void *arg, const struct list *dirty)
{
	journal_flush(arg, dirty);
}

/* --- after a crash ---------------------------------------------------------------------------- */

int journal_recover(struct journal *j, struct err *err)
{
	autoclose int fd = openat(j->dir_fd, FILE_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;
	int result = 0;

	if (fd < 0)
		return errno == ENOENT ? 0
				       : err_set(err, errno, "journal: open: %s", strerror(errno));
	if (fstat(fd, &st) < 0)
		return err_set(err, errno, "journal: stat: %s", strerror(errno));
	if (st.st_size == 0)
		return 0;
	char *data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);

	if (data == MAP_FAILED)
		return err_set(err, errno, "journal: map: %s", strerror(errno));
	result = journal_load(j->scribe.world, j->scribe.guests, data, (size_t)st.st_size, err);
	munmap(data, (size_t)st.st_size);
	if (result < 0) {
		(void)renameat(j->dir_fd, FILE_NAME, j->dir_fd, BAD_NAME);
		return err_wrap(err, "journal (kept as %s)", BAD_NAME);
	}
	return result;
}

/* --- life ------------------------------------------------------------------------------------- */

int journal_open(struct journal **out, const char *dir, struct world *w, struct guests *guests,
		 struct err *err)
{
	struct journal *j = calloc(1, sizeof(*j));

	if (!j)
		return err_set(err, ENOMEM, "journal: no memory");
	j->scribe.world = w;
	j->scribe.guests = guests;
	j->file = j->next = j->spare = (struct jfile)JFILE_INIT;
	j->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (j->dir_fd < 0)
		err_set(err, errno, "%s: open: %s", dir, strerror(errno));
	else if (flock(j->dir_fd, LOCK_EX | LOCK_NB) < 0)
		err_set(err, errno == EWOULDBLOCK ? EBUSY : errno,
			"%s: lock: %s (does another store daemon run?)", dir, strerror(errno));
	else {
		*out = j;
		return 0;
	}
	journal_close(j, true);
	return -1;
}

int journal_start(struct journal *j, struct err *err)
{
	struct conn *c;

	rewrite_abandon(j);
	drop_spare(j);
	jfile_close(&j->file);
	j->scribe.epoch++;
	if (rewrite_begin(j, err) < 0 || rewrite_nodes(j, SIZE_MAX, err) < 0 ||
	    rewrite_end(j, err) < 0) {
		rewrite_abandon(j);
		return -1;
	}
	list_for_each_entry(c, &j->scribe.world->conns, of_world) {
		struct conn_ring *r = conn_ring_of(c);

		if (!r)
			continue;
		r->journaled = true;
		journal_know_ring(&j->scribe, r);
	}
	j->scribe.world->journal =
		(struct world_journal){ on_prepare, on_commit, on_abort, on_flush, j };
	return 0;
}

void journal_close(struct journal *j, bool keep)
{
	if (!j)
		return;
	rewrite_abandon(j);
	drop_spare(j);
	jfile_close(&j->file);
	if (j->dir_fd >= 0 && !keep)
		(void)unlinkat(j->dir_fd, FILE_NAME, 0);
	if (j->dir_fd >= 0)
		close(j->dir_fd);
	free(j);
}

struct journal_stats journal_stats(const struct journal *j)
{
	struct journal_stats s = j->stats;

	s.file_size = j->file.committed;
	return s;
}
