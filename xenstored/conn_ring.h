/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef XENSTORED_CONN_RING_H
#define XENSTORED_CONN_RING_H

#include "base/list.h"
#include "xenstored/conn.h"

/*
 * A domain's connection: a page shared with it that holds two rings of bytes
 * (docs/misc/xenstore-ring.txt, xen/include/public/io/xs_wire.h). The other side may write anything
 * there at any time: indices are read once, validated, and then only our copy is used.
 *
 * What we took from the request ring is given back (req_cons) by settle, after the journal has it;
 * what we put into the response ring is in the journal before. So after a crash the journal's
 * req_cons is the truth for requests, and the ring's rsp_prod tells how much of the journal's
 * output the domain has got: nothing is lost or done twice.
 */

#define RING_BYTES 1024u	/* of each ring */

struct ring_page {
	char req[RING_BYTES];
	char rsp[RING_BYTES];
	_Atomic uint32_t req_cons, req_prod;
	_Atomic uint32_t rsp_cons, rsp_prod;
	_Atomic uint32_t server_features;
	_Atomic uint32_t connection;
	_Atomic uint32_t error;
	_Atomic uint32_t evtchn_port;
};

#define RING_FEATURE_RECONNECT 1u
#define RING_FEATURE_ERROR     2u
#define RING_RECONNECT	       1u	/* of `connection`: the domain asks for a fresh start */

enum ring_error { RING_ERROR_NONE, RING_ERROR_COMM, RING_ERROR_INDEX, RING_ERROR_PROTOCOL };

/* Where the ring is in its two streams, as the journal keeps it. */
struct ring_position {
	uint32_t req_cons;	/* everything before was read */
	uint32_t rsp_prod; /* everything before was published; conn_output stands from here on */
};

struct conn_ring;

struct ring_host {
	/* Kick the domain. */
	void (*notify)(struct conn_ring *r);
	/* The ring cannot be used any more (r->error says why): drop what hangs on it, soon. The
	 * connection stays, so that the domain's death is still noticed (XSA-325). */
	void (*failed)(struct conn_ring *r);
	/* Unmap the page, unbind the port. */
	void (*detach)(struct conn_ring *r);
};

struct conn_ring {
	struct conn conn;
	const struct ring_host *host;
	void *host_arg;
	struct ring_page *page;		/* NULL: none (any more); reads and writes do nothing */
	uint16_t domid;
	uint32_t port;			/* local; 0: none */
	uint32_t cons;			/* of requests, ours */
	uint32_t prod;			/* of responses, ours */
	enum ring_error error;
	bool kick;			/* something changed that the domain was not told of */
	bool reset_pending;		/* the page is yet to be emptied */
	struct list of_host;		/* the host's, for failed() and changes */
	/* the journal's */
	bool journaled;			/* may publish only what the journal has */
	uint64_t out_journaled;		/* of conn.out_total */
	uint64_t journal_epoch;		/* the file that knows this connection */
	uint32_t resets;		/* counts ring_reset */
	uint32_t resets_journaled;
	uint64_t dropped_journaled;	/* of conn.nr_dropped: events taken out of the output */
};

/* Without a page; add it to the world, then attach. NULL: no memory. */
struct conn_ring *conn_ring_new(struct turn *turn, struct account *account, uint16_t domid,
				const struct ring_host *host, void *host_arg);
/* NULL when it is another kind of connection. */
struct conn_ring *conn_ring_of(struct conn *c);

/* Take the page and the port. Indices stay as they are: the domain may be in the middle of
 * something. `features` are advertised. */
void conn_ring_attach(struct conn_ring *r, void *page, uint32_t port, uint32_t features);
/* After a crash, attached: go on from there. `out` is what the domain was owed from at->rsp_prod
 * on, the first `tail` bytes of it the end of a message; it has some of it already. A ring that
 * does not fit to that has failed. */
void conn_ring_resume(struct conn_ring *r, const struct ring_position *at, const char *in,
		      size_t in_len, const char *out, size_t out_len, size_t tail);
void conn_ring_detach(struct conn_ring *r);

/* A fresh start: both rings empty, indices 0, a reconnection that was asked for is granted. The
 * caller has dropped watches, transactions, input and output. */
void conn_ring_reset(struct conn_ring *r);
/* The ring of a new domain: whoever made it said in it that nobody answers yet. What was asked all
 * the same counts. */
void conn_ring_welcome(struct conn_ring *r);
bool conn_ring_wants_reset(const struct conn_ring *r);

struct ring_position conn_ring_position(const struct conn_ring *r);

#endif
