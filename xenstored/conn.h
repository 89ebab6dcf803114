/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef XENSTORED_CONN_H
#define XENSTORED_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "base/list.h"
#include "xenstored/quota.h"
#include "xenstored/watch.h"

/*
 * A connection: bytes in, bytes out, and what hangs on it (watches, transactions). Its transport is a table of functions, a socket or a domain's
 * ring. Nothing here blocks.
 *
 * One turn of the daemon: every ready connection reads once and its whole messages are handled (a bounded number; the rest waits for the
 * next turn); replies and events gather in the output buffers; then the journal is flushed; then each connection with output writes once. So no effect
 * is visible to anybody before it is in the journal.
 *
 * A connection is only ever marked dead (conn_kill); the server sweeps the dead at the end of the turn, where nobody holds a pointer.
 */

struct conn;
struct domain;

struct conn_ops {
	const char *name;	/* "socket", "ring" */
	/* Bytes moved, 0 for "not now" (the transport will call conn_ready when it changes), -1 when the connection is finished or broken. */
	ssize_t (*read)(struct conn *c, void *buf, size_t len);
	ssize_t (*write)(struct conn *c, const void *buf, size_t len);
	/* May be NULL. After the journal's flush and before the first write of a turn in which this connection read or handled anything: what was read may now
	 * be given back to the peer (a ring advances req_cons here, not in read, so that a request is in the journal before it leaves the ring). */
	void (*settle)(struct conn *c);
	/* Release the transport; the last call. The struct itself belongs to whoever embedded it and is freed here. */
	void (*close)(struct conn *c);
	/* May be NULL. Called when the output was blocked and is needed again (a socket asks epoll for EPOLLOUT), and when no longer. */
	void (*want_write)(struct conn *c, bool want);
	/* May be NULL. Called when the daemon stops (or starts again) reading: quota of outstanding requests, rate limit, no memory. */
	void (*want_read)(struct conn *c, bool want);
};

/* Bytes waiting. Data is data[off..len); NULL when there are none: idle connections hold no buffers. */
struct conn_buf {
	char *data;
	uint32_t off, len, size;
};

/* The lists a connection can be on; one per world. The server runs them. */
struct turn {
	struct list ready;	/* may have something to read, or whole messages left over */
	struct list dirty;	/* handled something or has output: to settle and write at the end of the turn */
	struct list dead;	/* to be swept */
	void (*wake)(struct turn *t);	/* something was put on an empty turn: run it before sleeping */
	struct conn_buf pool;	/* buffers of CONN_BUF bytes that nobody uses, linked through their first bytes */
	unsigned nr_pool;
	struct conn_stats *stats;
};

#define CONN_BUF 16384u

struct conn {
	const struct conn_ops *ops;
	struct turn *turn;
	struct list of_world;		/* world->conns */
	struct list on_ready, on_dirty, on_dead;	/* self-linked when not on it */
	uint32_t id;			/* unique for the daemon's life; state and journal name connections by it */
	struct domain *domain;		/* NULL: a local client over a socket, which acts as dom0 */
	struct account *account;	/* what it uses is charged here (dom0's for sockets) */
	uint16_t domid;
	bool privileged;
	bool dead;
	bool broken;			/* malformed header: nothing more is read; it is not dead (XSA-325) */
	bool stalled_write;		/* the peer does not take its output */
	bool paused;			/* not read from: over a limit */
	struct watcher watcher;
	struct list txns;		/* of struct txn.of_conn, oldest first */
	uint32_t nr_txns, next_txn;
	struct conn_buf in;
	struct conn_buf out;
	uint32_t out_reserved;		/* bytes behind out.len that a commit in preparation counts on */
	uint64_t out_total;		/* bytes ever queued; out_total - (out.len - out.off) were sent */
	uint32_t nr_outstanding;	/* requests whose reply has not left */
	struct list replies;		/* private: where replies end in the output, for nr_outstanding */
	uint64_t stalled_ms;		/* since when output has been waiting, 0: it is not */
	uint32_t *merge;		/* private: recent events, to merge identical ones */
	uint64_t nr_requests, nr_events, nr_merged, nr_dropped;
	pid_t pid;			/* of a socket's peer, 0 when not known */
	uid_t uid;
};

struct conn_stats {
	uint64_t bytes_in, bytes_out, reads, writes;
};

void turn_init(struct turn *t, void (*wake)(struct turn *));
void turn_free(struct turn *t);

/* `c` is zeroed memory of the transport, which set nothing but what lies behind it. */
void conn_init(struct conn *c, const struct conn_ops *ops, struct turn *turn, struct account *account);

/* The transport saw that reading may give something. Harmless when already known. */
void conn_ready(struct conn *c);
/* The transport saw that writing may go on. */
void conn_writable(struct conn *c);
/* Mark; the sweep does the rest. Harmless twice. */
void conn_kill(struct conn *c);

/* Read once into c->in. 0: nothing; 1: something; dead or broken is marked. */
int conn_fill(struct conn *c);
/* Give back what was used up. */
void conn_consume(struct conn *c, size_t n);

/* Room for `n` more bytes of output on top of what is reserved already: ENOMEM. Conn_cancel gives it back. */
int conn_reserve(struct conn *c, size_t n, struct err *err) must_check;
void conn_cancel(struct conn *c, size_t n);
/* Queue a message into reserved room: cannot fail. Header and up to two pieces of payload. */
void conn_put(struct conn *c, uint32_t type, uint32_t req_id, uint32_t tx_id, const void *a, size_t a_len,
	      const void *b, size_t b_len);
/* The same for an event, merged with an identical one that has not left: false when it was. */
bool conn_put_event(struct conn *c, const char *path, size_t path_len, const char *token, size_t token_len);
/* Write once. */
void conn_flush(struct conn *c);

static inline size_t conn_pending(const struct conn *c)
{
	return c->out.len - c->out.off;
}

/* For state and journal: bytes read and not yet handled; bytes queued and not yet written. */
static inline const char *conn_input(const struct conn *c, size_t *len)
{
	*len = c->in.len - c->in.off;
	return c->in.data + c->in.off;
}
static inline const char *conn_output(const struct conn *c, size_t *len)
{
	*len = c->out.len - c->out.off;
	return c->out.data + c->out.off;
}
/* And back, on a fresh connection. */
int conn_restore(struct conn *c, const void *in, size_t in_len, const void *out, size_t out_len, struct err *err) must_check;

#endif
