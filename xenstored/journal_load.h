/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef XENSTORED_JOURNAL_LOAD_H
#define XENSTORED_JOURNAL_LOAD_H

#include "xenstored/guests.h"
#include "xenstored/journal_file.h"
#include "xenstored/world.h"

/* The records that only a journal has, and how a world is rebuilt from all of them. */

/* Records of our own, behind JFILE_MARK. */
enum {
	REC_META = STATE_PRIVATE + 1,
	REC_DOMAIN,
	REC_DOMAIN_GONE,
	REC_RING,
	REC_UNWATCH,
	REC_TXN_GONE,
};

struct rec_meta {
	char boot[40];		/* the kernel's boot_id: a file of another boot means nothing */
	uint64_t gen;
	uint32_t next_conn_id, pad;
};

struct rec_domain_state {
	uint16_t domid, target;
	uint8_t introduced, shutdown, has_handle, pad;
	uint32_t features, port;
	uint64_t gfn;
	uint8_t handle[16];
};

struct rec_domain_gone {
	uint32_t domid, pad;
};

#define RING_WHOLE 1u	/* out is all of it, not only what was added */

/* How far a ring is: what was read and not yet handled, what it is owed. */
struct rec_ring {
	uint32_t conn_id;
	uint16_t domid, flags;
	uint32_t req_cons, rsp_prod;
	uint32_t in_len, out_len;
	uint32_t tail, pad;	/* at rsp_prod a message of which so much is left was under way */
};

struct rec_unwatch {
	uint32_t conn_id;
	uint16_t path_len, token_len;	/* both 0: all of them */
};

struct rec_txn_gone {
	uint32_t conn_id, txn_id;	/* txn_id 0: all of them */
};

/* The kernel's name for this run of the machine. */
void journal_boot_id(char boot[40]);

/* 1: the world is rebuilt, connections are revived, the dead are buried; 0: it is of another boot,
 * or empty; -1: it is damaged. */
int journal_load(struct world *w, struct guests *guests, const char *data, size_t len,
		 struct err *err) must_check;

#endif
