/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TESTS_XS_RIG_H
#define TESTS_XS_RIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "xenstored/local.h"
#include "xenstored/wire.h"

/*
 * The store without any descriptor: a world, some clients in this process, what each of them was
 * told. rig_* calls that must succeed fail the test with what the daemon said.
 */

#define RIG_CLIENTS 12

struct rig_message {
	struct wire_header h;
	char data[WIRE_PAYLOAD_MAX + 1];	/* with a NUL behind */
};

struct rig_client {
	struct local *l;
	struct rig_message reply;	/* the last one */
	unsigned nr_replies;
	char (*events)[256];		/* "path token" */
	unsigned nr_events, max_events;
};

struct rig {
	struct world *w;
	uint64_t now_ms;
	struct rig_client c[RIG_CLIENTS];
};

void rig_init(struct rig *r);
/* Everything is given back, or the test fails: accounts, watches, nodes of all versions but the
 * live one. */
void rig_free(struct rig *r);

/* A client; domid 0: all rights. */
unsigned rig_client(struct rig *r, unsigned domid);
void rig_close(struct rig *r, unsigned client);

/* A request and its reply: 0, or the errno that it names. Payload pieces: strings joined by their
 * NULs. */
int rig_call(struct rig *r, unsigned client, unsigned type, uint32_t tx, const void *payload,
	     size_t len);
/* The two halves, for those who arm faults: the first makes no assertion. ETIMEDOUT: no reply (held
 * back, or no memory for one). */
int rig_send(struct rig *r, unsigned client, unsigned type, uint32_t tx, const void *payload,
	     size_t len);
int rig_result(struct rig *r, unsigned client, unsigned type, uint32_t tx);
const char *rig_data(const struct rig *r, unsigned client);	/* of the last reply */
size_t rig_len(const struct rig *r, unsigned client);

int rig_write(struct rig *r, unsigned client, uint32_t tx, const char *path, const char *value);
int rig_mkdir(struct rig *r, unsigned client, uint32_t tx, const char *path);
int rig_rm(struct rig *r, unsigned client, uint32_t tx, const char *path);
int rig_read(struct rig *r, unsigned client, uint32_t tx, const char *path);
int rig_dir(struct rig *r, unsigned client, uint32_t tx, const char *path);
int rig_get_perms(struct rig *r, unsigned client, uint32_t tx, const char *path);
/* perms: "n0 r3" */
int rig_set_perms(struct rig *r, unsigned client, uint32_t tx, const char *path, const char *perms);
int rig_watch(struct rig *r, unsigned client, const char *path, const char *token);
int rig_unwatch(struct rig *r, unsigned client, const char *path, const char *token);
uint32_t rig_start(struct rig *r, unsigned client);
int rig_end(struct rig *r, unsigned client, uint32_t tx, bool commit);
int rig_introduce(struct rig *r, unsigned client, unsigned domid);
int rig_release(struct rig *r, unsigned client, unsigned domid);

/* The events since the last call, "path token" joined by '|', in order; "" when there were none. */
const char *rig_events(struct rig *r, unsigned client);

/* Let time pass. */
void rig_pass(struct rig *r, uint64_t ms);

/* The value a path has for dom0, or NULL. */
const char *rig_value(struct rig *r, const char *path);
uint64_t rig_used(const struct rig *r, unsigned domid, enum quota_id id);

#define rig_ok(r, call) ck_assert_msg((call) == 0, "%s: %s", #call, rig_data(r, rig_last))
extern unsigned rig_last;	/* the client of the last call */

#endif
