/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef XENSTORED_OPS_H
#define XENSTORED_OPS_H

#include "xenstored/wire.h"
#include "xenstored/world.h"

/* The operations: each a few lines that check rights and say what to change. They see a request,
 * never bytes of a connection. */

#define REQUEST_MAX_ARGS 16

struct request {
	struct world *world;
	struct conn *conn;
	struct txn *txn;		/* NULL: none named */
	const char *payload;
	size_t len;
	struct wire_arg args[REQUEST_MAX_ARGS];	/* the payload's strings, as many as fit */
	unsigned nr_args;		/* as many as there are */
	size_t tail; /* where the last string ended: what follows has no NUL */
	struct watch *watch;		/* out: a watch to report once, behind the reply */
	struct path path;		/* scratch */
};

/* Where the answer goes: room for the largest; filled by the operation, sent by dispatch. An
 * operation that sets nothing has succeeded with "OK". */
struct reply {
	bool given;
	size_t len;
	char data[WIRE_PAYLOAD_MAX];
};

void reply_set(struct reply *r, const void *data, size_t len);	/* at most WIRE_PAYLOAD_MAX */
void reply_string(struct reply *r, const char *s);		/* with its NUL */
void reply_number(struct reply *r, uint64_t n);		/* decimal, with NUL */
/* One decimal number as stock's daemon reads it: digits in front, the rest of the string ignored,
 * nothing is 0. */
unsigned op_number(const struct wire_arg *a);

typedef int op_fn(struct request *req, struct reply *reply, struct err *err);

op_fn op_directory, op_directory_part, op_read, op_get_perms, op_watch, op_unwatch,
	op_transaction_start, op_transaction_end, op_introduce, op_release, op_get_domain_path,
	op_write, op_mkdir, op_rm, op_set_perms, op_is_domain_introduced, op_resume, op_set_target,
	op_reset_watches, op_get_feature, op_set_feature, op_get_quota, op_set_quota;

#endif
