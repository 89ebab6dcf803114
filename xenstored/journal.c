// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The journal: which records say what the daemon knows, when they are written, how the file is begun anew before it grows too large, and how a world
 * is rebuilt from it. Knows world and rings; how bytes become durable is journal_file.c's matter, what upstream's
 * records look like is state.c's.
 *
 * Connections over sockets end with the daemon, so only rings have records. A transaction is kept by its number alone: after a
 * restart it can be used and ends in EAGAIN, which every client must expect.
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

#define FILE_NAME "journal"
#define NEW_NAME  "journal.new"
#define OLD_NAME  "journal.old"
#define BAD_NAME  "journal.bad"

#define SLACK_BYTES	(32u << 10)	/* kept free for what cannot be refused: progress of rings */
#define REWRITE_BYTES	(2u << 20)	/* a file is begun anew at twice its first size and this */
#define SPARE_BYTES	(8u << 20)	/* a larger old file is not kept */
#define NODES_A_FLUSH	64
#define RETRY_FLUSHES	1024		/* after a failure, before a new file is tried */

struct journal {
	struct world *world;
	struct guests *guests;
	int dir_fd;
	struct jfile file;
	size_t batch_mark;		/* tail before the commit in preparation */
	bool declared;			/* that commit declared a ring */
	size_t first_size;		/* of the file as it began */
	uint64_t epoch;			/* rings with this one are known to the file */
	unsigned retry;			/* flushes until a new file is tried; 0: all is well */

	/* A new file in the making. */
	struct jfile next;		/* fd -1: there is none */
	struct jfile spare;		/* the former file, to be used again: its pages are paid for */
	struct node *snapshot;
	struct tree_walk *walk;
	const struct node *at;
	size_t next_mark;		/* of the old file: what is behind has to be carried over */

	struct journal_stats stats;
};

/* --- records -------------------------------------------------------------------------------------- */

static int put_meta(struct journal *j, const struct state_sink *s, struct err *err)
{
	struct rec_meta rec = { .gen = j->world->gen, .next_conn_id = j->world->next_conn_id };

	journal_boot_id(rec.boot);
	return state_put_record(s, REC_META, &rec, sizeof(rec), err);
}

static int put_domain(struct journal *j, const struct state_sink *s, const struct domain *d,
		      struct err *err)
{
	struct rec_domain_state rec = {
		.domid = d->domid,
		.target = d->target,
		.introduced = d->introduced,
		.shutdown = d->shutdown,
		.features = d->features,
		.port = d->port,
		.gfn = d->gfn,
	};

	if (j->guests && d->introduced)
		rec.has_handle = guests_identity(j->guests, d->domid, rec.handle);
	if (state_put_record(s, REC_DOMAIN, &rec, sizeof(rec), err) < 0)
		return -1;
	return state_put_domain(s, d, err);
}

static int put_ring(const struct state_sink *s, const struct conn_ring *r, bool whole,
		    struct err *err)
{
	const struct conn *c = &r->conn;
	struct ring_position at = conn_ring_position(r);
	size_t in_len, pending, out_len;
	const char *in = conn_input(c, &in_len), *out = conn_output(c, &pending);

	out_len = whole ? pending : (size_t)(c->out_total - r->out_journaled);
	struct rec_ring rec = {
		.conn_id = c->id,
		.domid = r->domid,
		.flags = whole ? RING_WHOLE : 0,
		.req_cons = at.req_cons,
		.rsp_prod = at.rsp_prod,
		.in_len = (uint32_t)in_len,
		.out_len = (uint32_t)out_len,
		.tail = (uint32_t)conn_output_tail(c),
	};
	size_t len = sizeof(rec) + in_len + out_len, padded = num_align_up(len, 8);
	uint32_t head[2] = { REC_RING, (uint32_t)padded };
	char *p = s->room(s->arg, STATE_RECORD + padded, err);

	if (!p)
		return -1;
	memcpy(p, head, sizeof(head));
	memset(p + STATE_RECORD + len, 0, padded - len);
	p += STATE_RECORD;
	memcpy(p, &rec, sizeof(rec));
	if (in_len)
		memcpy(p + sizeof(rec), in, in_len);
	if (out_len)
		memcpy(p + sizeof(rec) + in_len, out + pending - out_len, out_len);
	return 0;
}

/* Records may name a connection once the file knows it. */
static int declare(struct journal *j, const struct state_sink *s, struct conn_ring *r,
		   struct err *err)
{
	if (r->journal_epoch == j->epoch)
		return 0;
	if (put_ring(s, r, true, err) < 0)
		return -1;
	r->journal_epoch = j->epoch;
	r->out_journaled = r->conn.out_total;
	r->resets_journaled = r->resets;
	r->dropped_journaled = r->conn.nr_dropped;
	j->declared = true;
	return 0;
}

static int put_unwatch(const struct state_sink *s, const struct effect *e, struct err *err)
{
	const struct watch *w = e->kind == EFFECT_WATCH_GONE ? e->watch : NULL;
	char body[sizeof(struct rec_unwatch) + PATH_ABS_MAX + 1 + 4096 + 1];
	struct rec_unwatch rec = {
		.conn_id = e->conn->id,
		.path_len = w ? w->path_len : 0,
		.token_len = w ? w->token_len : 0,
	};

	memcpy(body, &rec, sizeof(rec));
	if (w) {
		memcpy(body + sizeof(rec), watch_path(w), w->path_len);
		memcpy(body + sizeof(rec) + w->path_len, watch_token(w), w->token_len);
	}
	return state_put_record(s, REC_UNWATCH, body, sizeof(rec) + rec.path_len + rec.token_len, err);
}

static int put_node(const struct state_sink *s, const struct effect *e, struct err *err)
{
	struct state_node n = {
		.path = e->path,
		.path_len = e->path_len,
		.value = e->value,
		.value_len = e->value_len,
		.perms = e->perms ? e->perms->e : NULL,
		.nr_perms = e->perms ? e->perms->n : 0,
	};

	return state_put_node(s, &n, err);
}

static int put_watch(const struct state_sink *s, const struct effect *e, struct err *err)
{
	const struct watch *w = e->watch;
	struct state_watch rec = {
		.conn_id = e->conn->id,
		.path = watch_path(w) + w->relative,
		.path_len = (size_t)w->path_len - w->relative,
		.token = watch_token(w),
		.token_len = w->token_len,
		.depth = w->depth == WATCH_ANY_DEPTH ? STATE_ANY_DEPTH : (uint32_t)w->depth,
	};

	return state_put_watch(s, &rec, err);
}

static int put_txn(const struct state_sink *s, const struct effect *e, struct err *err)
{
	struct rec_txn_gone rec = { e->conn->id, e->txn_id };

	if (e->kind == EFFECT_TXN)
		return state_put_txn(s, rec.conn_id, rec.txn_id, err);
	return state_put_record(s, REC_TXN_GONE, &rec, sizeof(rec), err);
}

static int put_effect(struct journal *j, const struct state_sink *s, const struct effect *e,
		      struct err *err)
{
	struct rec_domain_gone gone;

	if (e->conn) {
		struct conn_ring *r = conn_ring_of((struct conn *)(uintptr_t)e->conn);

		if (!r)
			return 0;	/* a socket's business ends with it */
		if (declare(j, s, r, err) < 0)
			return -1;
	}
	switch (e->kind) {
	case EFFECT_NODE:
	case EFFECT_NODE_GONE:
	case EFFECT_SPECIAL:
		return put_node(s, e, err);
	case EFFECT_WATCH:
		return put_watch(s, e, err);
	case EFFECT_WATCH_GONE:
	case EFFECT_WATCHES_GONE:
		return put_unwatch(s, e, err);
	case EFFECT_TXN:
	case EFFECT_TXN_GONE:
		return put_txn(s, e, err);
	case EFFECT_DOMAIN:
		return put_domain(j, s, e->domain, err);
	case EFFECT_DOMAIN_GONE:
		gone = (struct rec_domain_gone){ e->domain->domid, 0 };
		return state_put_record(s, REC_DOMAIN_GONE, &gone, sizeof(gone), err);
	case EFFECT_QUOTA:
		return state_put_global_quota(s, quota_global(j->world->quota), err);
	}
	return 0;
}

/* --- a new file ----------------------------------------------------------------------------------- */

/* All but the tree. */
static int put_everything(struct journal *j, const struct state_sink *s, struct err *err)
{
	struct world *w = j->world;
	struct domain *d;
	struct conn *c;

	if (state_put_header(s, STATE_VERSION_2, err) < 0 || put_meta(j, s, err) < 0 ||
	    state_put_world(s, w, err) < 0)
		return -1;
	list_for_each_entry(d, &w->domains, of_world)
		if (put_domain(j, s, d, err) < 0)
			return -1;
	list_for_each_entry(c, &w->conns, of_world) {
		struct conn_ring *r = c->dead ? NULL : conn_ring_of(c);

		if (r && (put_ring(s, r, true, err) < 0 || state_put_conn_watches(s, c, err) < 0 ||
			  state_put_conn_txns(s, c, err) < 0))
			return -1;
	}
	return 0;
}

static void drop_snapshot(struct journal *j)
{
	if (j->snapshot)
		node_unref(j->world->tree, j->snapshot);
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

/* The world as it stands after a flush; its tree by holding its root, which stays as it is however long writing it
 * takes. */
static int rewrite_begin(struct journal *j, struct err *err)
{
	if (open_next(j, err) < 0)
		return -1;
	struct state_sink s = jfile_sink(&j->next);

	j->walk = tree_walk_new();
	if (!j->walk)
		return err_set(err, ENOMEM, "journal: no memory");
	j->snapshot = node_ref(j->world->root);
	j->at = tree_walk_start(j->walk, j->snapshot, NULL, 0);
	j->next_mark = j->file.committed;
	return put_everything(j, &s, err);
}

static int rewrite_nodes(struct journal *j, size_t most, struct err *err)
{
	struct state_sink s = jfile_sink(&j->next);

	for (; j->at && most > 0; most--, j->at = tree_walk_next(j->walk))
		if (state_put_tree_node(&s, j->at, j->walk->path, j->walk->len, err) < 0)
			return -1;
	return 0;
}

/* The new file takes the old one's name, and that is the moment. The old one is kept where that can be done at once and it is small. */
static int take_over(struct journal *j, struct err *err)
{
	bool keep = j->file.fd >= 0 && j->file.size <= SPARE_BYTES &&
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

/* A little at a time, and faster than the old file grows. */
static void rewrite_step(struct journal *j, size_t flushed)
{
	struct err err = ERR_INIT;
	int ok = 0;

	if (j->next.fd < 0) {
		if (j->file.committed < 2 * j->first_size + REWRITE_BYTES)
			return;
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

/* --- what the world calls ------------------------------------------------------------------------- */

/* A connection that the undone part declared is declared again when it is next met, as all others are. */
static void on_abort(void *arg)
{
	struct journal *j = arg;

	jfile_rollback(&j->file, j->batch_mark);
	if (j->declared)
		j->epoch++;
}

static int on_prepare(void *arg, const struct effect *e, size_t n, struct err *err)
{
	struct journal *j = arg;
	struct state_sink s = jfile_sink(&j->file);

	j->batch_mark = j->file.tail;
	j->declared = false;
	if (j->retry)
		return 0;
	for (size_t i = 0; i < n; i++)
		if (put_effect(j, &s, &e[i], err) < 0)
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

	log_error("%s; without a journal until there is room: a crash now loses the store", err->msg);
	rewrite_abandon(j);
	drop_spare(j);
	jfile_close(&j->file);
	(void)unlinkat(j->dir_fd, FILE_NAME, 0);
	j->retry = RETRY_FLUSHES;
	list_for_each_entry(c, &j->world->conns, of_world) {
		struct conn_ring *r = conn_ring_of(c);

		if (r)
			r->journaled = false;
	}
}

static int put_progress(struct journal *j, const struct state_sink *s, struct conn_ring *r,
			struct err *err)
{
	const struct conn *c = &r->conn;
	bool whole = r->journal_epoch != j->epoch || r->resets != r->resets_journaled ||
		     c->nr_dropped != r->dropped_journaled ||
		     c->out_total - r->out_journaled > conn_pending(c);

	if (put_ring(s, r, whole, err) < 0)
		return -1;
	r->journaled = true;
	r->journal_epoch = j->epoch;
	r->out_journaled = c->out_total;
	r->resets_journaled = r->resets;
	r->dropped_journaled = c->nr_dropped;
	return 0;
}

/* Rings that are new or bound anew say so even when nothing moved yet. */
static int put_changed(struct journal *j, const struct state_sink *s, struct err *err)
{
	struct list *changed = j->guests ? guests_changed(j->guests) : NULL;

	while (changed && !list_is_empty(changed)) {
		struct conn_ring *r = list_first(changed, struct conn_ring, of_host);

		if (!r->conn.dead && (put_domain(j, s, r->conn.domain, err) < 0 ||
				      put_progress(j, s, r, err) < 0))
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

		if (r && put_progress(j, &s, r, err) < 0)
			return -1;
	}
	return 0;
}

void journal_flush(struct journal *j, const struct list *dirty)
{
	struct err err = ERR_INIT;
	size_t before = j->file.committed;

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
	rewrite_step(j, j->file.committed - before);
}

static void on_flush(void *arg, const struct list *dirty)
{
	journal_flush(arg, dirty);
}

/* --- after a crash --------------------------------------------------------------------------------- */

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
	result = journal_load(j->world, j->guests, data, (size_t)st.st_size, err);
	munmap(data, (size_t)st.st_size);
	if (result < 0) {
		(void)renameat(j->dir_fd, FILE_NAME, j->dir_fd, BAD_NAME);
		return err_wrap(err, "journal (kept as %s)", BAD_NAME);
	}
	return result;
}

/* --- life ----------------------------------------------------------------------------------------- */

int journal_open(struct journal **out, const char *dir, struct world *w, struct guests *guests,
		 struct err *err)
{
	struct journal *j = calloc(1, sizeof(*j));

	if (!j)
		return err_set(err, ENOMEM, "journal: no memory");
	j->world = w;
	j->guests = guests;
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
	j->epoch++;
	if (rewrite_begin(j, err) < 0 || rewrite_nodes(j, SIZE_MAX, err) < 0 ||
	    rewrite_end(j, err) < 0) {
		rewrite_abandon(j);
		return -1;
	}
	list_for_each_entry(c, &j->world->conns, of_world) {
		struct conn_ring *r = conn_ring_of(c);

		if (!r)
			continue;
		r->journal_epoch = j->epoch;
		r->journaled = true;
		r->out_journaled = c->out_total;
		r->resets_journaled = r->resets;
		r->dropped_journaled = c->nr_dropped;
	}
	j->world->journal =
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
