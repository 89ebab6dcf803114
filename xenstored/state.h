/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef XENSTORED_STATE_H
#define XENSTORED_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "xenstored/world.h"

/*
 * The stream that Xen documents in docs/designs/xenstore-migration.md: a header, then records of
 * type, length and body, then an END record of eight zero bytes. What follows the tail of a stream
 * in a zeroed file is therefore a valid end. Lengths are written as multiples of 8, as upstream's
 * daemon does and expects.
 */

#define STATE_VERSION_1 1u
#define STATE_VERSION_2 2u	/* adds WATCH_EXTENDED and the features of DOMAIN */

enum state_type {
	STATE_END,
	STATE_GLOBAL,
	STATE_CONN,
	STATE_WATCH,
	STATE_TXN,
	STATE_NODE,
	STATE_GLOBAL_QUOTA,
	STATE_DOMAIN,
	STATE_WATCH_EXTENDED,
	STATE_NR_TYPES,
	STATE_PRIVATE = 0x78730000, /* and up: the journal's own; a stream for others has none */
};

#define STATE_HEADER	   16u
#define STATE_RECORD	   8u		/* type and length */
#define STATE_ANY_DEPTH	   0xffffu
#define STATE_NO_DOMAIN	   0x7ff4u	/* DOMID_INVALID */
#define STATE_PERM_STALE   1u
#define STATE_ACCESS_READ  1u
#define STATE_ACCESS_WRITE 2u

/* Where records go: room for `len` bytes, which stay put until the next call; NULL, with err, when
 * there is none. */
struct state_sink {
	void *(*room)(void *arg, size_t len, struct err *err);
	void *arg;
};

/* A record's fields, on the way in or out. Strings are not terminated; pointers go into the
 * stream. */
struct state_conn {
	uint32_t id;
	bool is_socket;
	uint16_t domid, target;		/* ring; target STATE_NO_DOMAIN: none */
	uint32_t port;			/* ring: our end */
	int fd;				/* socket */
	const char *in, *out;
	size_t in_len, out_len;
	size_t response_len;		/* of out: the rest of a message that was partly sent */
};

struct state_watch {
	uint32_t conn_id;
	const char *path, *token;
	size_t path_len, token_len;
	uint32_t depth;			/* STATE_ANY_DEPTH */
};

struct state_node {
	uint32_t conn_id, txn_id;	/* 0: committed */
	uint16_t access;
	const char *path, *value;
	size_t path_len, value_len;
	const struct perm *perms;
	unsigned nr_perms;		/* 0: the node is deleted */
};

int state_put_header(const struct state_sink *s, uint32_t version, struct err *err) must_check;
int state_put_global(const struct state_sink *s, int socket_fd, int evtchn_fd, struct err *err)
	must_check;
int state_put_conn(const struct state_sink *s, const struct state_conn *c, struct err *err)
	must_check;
int state_put_watch(const struct state_sink *s, const struct state_watch *w, struct err *err)
	must_check;
int state_put_txn(const struct state_sink *s, uint32_t conn_id, uint32_t txn_id, struct err *err)
	must_check;
int state_put_node(const struct state_sink *s, const struct state_node *n, struct err *err)
	must_check;
int state_put_global_quota(const struct state_sink *s, const struct quota_limits *limits,
			   struct err *err) must_check;
/* Limits of its own and features. */
int state_put_domain(const struct state_sink *s, const struct domain *d, struct err *err)
	must_check;
int state_put_end(const struct state_sink *s, struct err *err) must_check;
/* Any record: type, then `len` bytes of body to be filled in. */
int state_put_record(const struct state_sink *s, uint32_t type, const void *body, size_t len,
		     struct err *err) must_check;

/* Everything that is the same for live update and journal: special nodes, quotas, domains' limits;
 * and the pieces. */
int state_put_world(const struct state_sink *s, const struct world *w, struct err *err) must_check;
int state_put_conn_watches(const struct state_sink *s, const struct conn *c, struct err *err)
	must_check;
int state_put_conn_txns(const struct state_sink *s, const struct conn *c, struct err *err)
	must_check;
int state_put_tree_node(const struct state_sink *s, const struct node *n, const char *path,
			size_t len, struct err *err) must_check;
int state_put_tree(const struct state_sink *s, const struct node *root, struct err *err) must_check;

/* Who takes what is not simply part of a world; every function may be NULL: such records are passed
 * over. -1 ends the reading. */
struct state_reader {
	int (*global)(void *arg, int socket_fd, int evtchn_fd, struct err *err);
	int (*conn)(void *arg, const struct state_conn *c, struct err *err);
	int (*other)(void *arg, uint32_t type, const void *body, size_t len, struct err *err);
};

/* Read a whole stream; nothing outside [data, data+len) is looked at whatever it says. Nodes,
 * watches, transactions, quotas and domains go into a world (NULL: nowhere); those of connections
 * that are not there are passed over. EINVAL, naming the record and its offset. *end (may be NULL):
 * where its END record stands. */
int state_read(const void *data, size_t len, const struct state_reader *r, void *arg,
	       struct world *into, size_t *end, struct err *err) must_check;

#endif
