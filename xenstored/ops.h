/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef XENSTORED_OPS_H
#define XENSTORED_OPS_H

#include "xenstored/wire.h"
#include "xenstored/world.h"

/* The operations: each a few lines that check rights and say what to change. They see a request, never bytes of a connection. */

struct request {
	struct world *world;
	struct conn *conn;
	struct txn *txn;		/* NULL: none named */
	const struct wire_header *header;
	const char *payload;
	size_t len;
	struct wire_arg *args;
	unsigned nr_args;
	struct path path;		/* scratch */
};

/* Where the answer goes: room for the largest; filled by the operation, sent by dispatch. */
struct reply {
	size_t len;
	char data[WIRE_PAYLOAD_MAX];
};

typedef int op_fn(struct request *req, struct reply *reply, struct err *err);

op_fn op_directory, op_directory_part, op_read, op_get_perms, op_watch, op_unwatch, op_transaction_start, op_transaction_end,
	op_introduce, op_release, op_get_domain_path, op_write, op_mkdir, op_rm, op_set_perms, op_is_domain_introduced,
	op_resume, op_set_target, op_reset_watches, op_get_feature, op_set_feature, op_get_quota, op_set_quota;

#endif
