/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef XENSTORED_CONN_H
#define XENSTORED_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/err.h"
#include "base/list.h"
#include "xenstored/quota.h"
#include "xenstored/watch.h"

/*
 * A connection: bytes in, bytes out, and what hangs on it (watches, transactions). Its transport is
 * a table of functions, a socket or a domain's ring. Nothing here blocks.
 *
 * One turn of the daemon: every ready connection reads once; then their whole messages are handled,
 * connection by connection (a bounded number; the rest waits for the next turn); replies and events
 * gather in the output buffers; then the journal is flushed; then each connection with output
 * writes once. So no effect is visible to anybody before it is in the journal.
 *
 * A connection is only ever marked dead (conn_kill); the server sweeps the dead at the end of the
 * turn, where nobody holds a pointer.
 */

struct conn;
struct domain;

struct conn_ops {
	const char *name;	/* "socket", "ring" */
	/* Bytes moved, 0 for "not now" (the transport will call conn_ready when it changes), -1
	 * when the connection is finished or broken. conn_ready is called once for news: a read
	 * that may have left something says so in c->unread. */
	ssize_t (*read)(struct conn *c, void *buf, size_t len);
	ssize_t (*write)(struct conn *c, const void *buf, size_t len);
	/* May be NULL. After the journal's flush and before the first write of a turn in which this
	 * connection read or handled anything: what was read may now be given back to the peer (a
	 * ring advances req_cons here, not in read, so that a request is in the journal before it
	 * leaves the ring). */
	void (*settle)(struct conn *c);
	/* Release the transport; the last call. The struct itself belongs to whoever embedded it
	 * and is freed here. */
	void (*close)(struct conn *c);
	/* May be NULL, then the connection is closed. A header that cannot be: nothing more is
	 * read; the connection stays until its domain dies (XSA-325). */
	void (*broken)(struct conn *c);
	/* May be NULL. Called when the output was blocked and is needed again (a socket asks epoll
	 * for EPOLLOUT), and when no longer. */
	void (*want_write)(struct conn *c, bool want);
	/* May be NULL. Called when the daemon stops (or starts again) reading: quota of outstanding
	 * requests, rate limit, no memory. */
	void (*want_read)(struct conn *c, bool want);
};

/* Bytes waiting: data[off..len). NULL when there are none: idle connections hold no buffers. */
struct conn_buf {
	char *data;
	uint32_t off, len, size;
};

#define TURN_RECENT 16u

/* The lists a connection can be on; one per world. The server runs them. */
struct turn {
	struct list ready;	/* may have something to read, or whole messages left over */
	/* handled something or has output: to settle and write at the end of the turn */
	struct list dirty;
	struct list paused;	/* over a limit: looked at again every turn */
	struct list dead;	/* to be swept */
	/* something was put on an empty turn: run it before sleeping. Not called in a turn, which
	 * tells at its end. */
	void (*wake)(struct turn *t);
	bool running;
	/* The connections from which bytes came in the last turn (without those that have to wait
	 * now): how many, and the local clients among them, as many as fit. If these are all, the
	 * next requests are likely theirs. */
	unsigned nr_came, nr_recent;
	struct conn *recent[TURN_RECENT];
	/* buffers of CONN_BUF bytes that nobody uses, linked through their first bytes */
	char *pool;
	unsigned nr_pool;
	struct quota *quota;	/* queued output is charged here */
	uint64_t now_ms;
	unsigned nr_stalled;	/* connections whose output waits */
	uint64_t bytes_in, bytes_out, nr_reads, nr_writes;
};

#define CONN_BUF 16384u

/* A request of a guest that caused events: it counts as outstanding until the last of them has left
 * (XSA-326). */
struct cause {
	uint32_t refs;
	struct account *account;
};

/* An event in the output that somebody's request caused. */
struct caused {
	uint64_t end;			/* of the event, in bytes ever queued */
	struct cause *cause;
};

struct conn {
	const struct conn_ops *ops;
	struct turn *turn;
	struct list of_world;		/* world->conns */
	struct list on_ready, on_dirty, on_paused, on_dead;	/* self-linked when not on it */
	/* unique for the daemon's life; state and journal name connections by it */
	uint32_t id;
	struct domain *domain; /* NULL: a local client over a socket, which acts as dom0 */
	struct account *account;	/* what it uses is charged here (dom0's for sockets) */
	uint16_t domid;
	bool privileged;
	bool dead;
	bool came;			/* bytes, in this turn */
	/* set by the transport's read: there may be more, of which no news will come */
	bool unread;
	/* malformed header: nothing more is read; it is not dead (XSA-325) */
	bool broken;
	bool stalled_write;		/* the peer does not take its output */
	bool paused;			/* not read from: over a limit */
	bool starved;			/* paused for want of memory */
	bool waits_turn;		/* paused before TRANSACTION_START, see world_take_window */
	uint8_t contended; /* commits until it is no longer taken for one that conflicts */
	struct watcher watcher;
	struct list txns;		/* of struct txn.of_conn, oldest first */
	uint32_t nr_txns, next_txn;
	struct conn_buf in;
	struct conn_buf out;
	/* bytes behind out.len that a commit in preparation counts on */
	uint32_t out_reserved;
	/* where in out.data the first message begins that has not left whole (<= out.off) */
	uint32_t out_message;
	/* bytes at out_message whose header left before a restart */
	uint32_t out_tail;
	uint64_t out_total;		/* bytes ever queued: position of out.len */
	uint64_t stalled_ms;		/* since when output has been waiting, 0: it is not */
	struct caused *caused; /* events of others' requests in the output, by position */
	uint32_t caused_first, nr_caused, caused_size, caused_reserved;
	uint32_t *merge;		/* private: where recent events stand, by hash */
	uint64_t nr_requests, nr_events, nr_merged, nr_dropped;
	pid_t pid;			/* of a socket's peer, 0 when not known */
	uid_t uid;
};

void turn_init(struct turn *t, struct quota *quota, void (*wake)(struct turn *));
void turn_free(struct turn *t);

/* `c` is zeroed memory of the transport, which set nothing but what lies behind it. */
void conn_init(struct conn *c, const struct conn_ops *ops, struct turn *turn,
	       struct account *account);

/* The transport saw that reading may give something. Harmless when already known. */
void conn_ready(struct conn *c);
/* The transport saw that writing may go on. */
void conn_writable(struct conn *c);
/* Mark; the sweep does the rest. Harmless twice. */
void conn_kill(struct conn *c);

/* Read once into c->in. False: nothing came; dead or broken is marked. */
bool conn_fill(struct conn *c);
/* What is not yet handled stands at conn_input(); give back what was. */
void conn_consume(struct conn *c, size_t n);
/* Stop or go on reading: a limit is reached, or no longer. */
void conn_pause(struct conn *c, bool pause);
/* Paused because there was no memory: goes on when time has passed. */
void conn_starve(struct conn *c);
/* Nothing more is read from this connection, its watches and transactions are the caller's to
 * drop. */
void conn_break(struct conn *c);

/* Room for a message with `len` bytes of payload on top of what is reserved already: ENOMEM.
 * conn_cancel gives it back. */
int conn_reserve(struct conn *c, size_t len, struct err *err) must_check;
void conn_cancel(struct conn *c, size_t len);
/* Queue a message into reserved room, of `reserved` bytes of payload (at least len): cannot fail.
 * Counts as a reply: outstanding until it has left. */
void conn_put(struct conn *c, uint32_t type, uint32_t req_id, uint32_t tx_id, const void *data,
	      size_t len, size_t reserved);
/* Room for an event (and the note of its cause). */
int conn_reserve_event(struct conn *c, size_t len, struct err *err) must_check;
void conn_cancel_event(struct conn *c, size_t len);
/* Queue an event into reserved room, merged with an identical one that has not left (false). cause
 * may be NULL. */
bool conn_put_event(struct conn *c, const char *path, size_t path_len, const char *token,
		    size_t token_len, struct cause *cause);
/* with one reference, yours; NULL: no memory */
struct cause *cause_new(struct account *account);
void cause_unref(struct cause *cause);
/* Write once. */
void conn_flush(struct conn *c);
/* Drop the events that wait, replies stay: the peer has not read for too long. */
void conn_drop_events(struct conn *c);
/* Forget input and output. */
void conn_reset_buffers(struct conn *c);

static inline size_t conn_pending(const struct conn *c)
{
	return c->out.len - c->out.off;
}

/* For state and journal: bytes read and not yet handled; bytes queued and not yet written. */
static inline const char *conn_input(const struct conn *c, size_t *len)
{
	*len = c->in.len - c->in.off;
	return c->in.data ? c->in.data + c->in.off : "";
}
static inline const char *conn_output(const struct conn *c, size_t *len)
{
	*len = c->out.len - c->out.off;
	return c->out.data ? c->out.data + c->out.off : "";
}
/* And back, on a fresh connection. `tail`: bytes at the front of the output that are the end of a
 * message begun before. */
int conn_restore(struct conn *c, const void *in, size_t in_len, const void *out, size_t out_len,
		 size_t tail, struct err *err) must_check;
/* The tail of the output as it stands: bytes of a message that has begun to leave. */
size_t conn_output_tail(const struct conn *c);

#endif
