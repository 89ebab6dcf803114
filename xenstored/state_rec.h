/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef XENSTORED_STATE_REC_H
#define XENSTORED_STATE_REC_H

#include <stdint.h>

/* The bodies of the stream's records as they lie there (docs/designs/xenstore-migration.md): native
 * byte order, no holes. For those who write and read them only. */

#define STATE_IDENT "xenstore"

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define STATE_NATIVE_FLAGS 0u
#else
#define STATE_NATIVE_FLAGS 1u
#endif

#define STATE_PERM_LETTERS "nrwb"	/* by PERM_READ | PERM_WRITE */

struct rec_global {
	int32_t socket_fd, evtchn_fd;
};

struct rec_conn {
	uint32_t conn_id;
	uint16_t type, pad;
	union {
		struct {
			uint16_t domid, target;
			uint32_t port;
		} ring;
		struct {
			int32_t fd;
			uint32_t pad;
		} socket;
	};
	uint16_t in_len, response_len;
	uint32_t out_len;
};

struct rec_watch {
	uint32_t conn_id;
	uint16_t path_len, token_len;	/* with NUL */
};

struct rec_watch_extended {
	struct rec_watch watch;
	uint16_t depth, pad;
};

struct rec_txn {
	uint32_t conn_id, txn_id;
};

struct rec_node {
	uint32_t conn_id, txn_id;
	uint16_t path_len, value_len;	/* path with NUL */
	uint16_t access, nr_perms;
};

struct rec_perm {
	uint8_t letter, flags;
	uint16_t domid;
};

struct rec_global_quota {
	uint16_t nr_domain, nr_global;
};

struct rec_domain {
	uint16_t domid, nr_quotas;
	uint32_t features;
};

_Static_assert(sizeof(struct rec_conn) == 24, "xenstore-migration.md");
_Static_assert(sizeof(struct rec_watch_extended) == 12, "xenstore-migration.md");
_Static_assert(sizeof(struct rec_node) == 16, "xenstore-migration.md");
_Static_assert(sizeof(struct rec_domain) == 8, "xenstore-migration.md");

#endif
