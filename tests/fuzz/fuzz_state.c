// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Fuzzing what a daemon takes up from a file: the documented stream and the journal's own records,
 * behind a header that is right. A file may be refused, not more.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/log.h"
#include "xenstored/journal_load.h"
#include "xenstored/state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* --- a machine on which nobody is connected --------------------------------------------------- */

static void nothing(struct conn_ring *r)
{
	(void)r;
}

static const struct ring_host host = { nothing, nothing, nothing };
static struct world *world;

struct conn_ring *guests_restore(struct guests *g, struct domain *d, uint32_t id)
{
	struct conn_ring *r = conn_ring_new(&world->turn, d->account, d->domid, &host, NULL);

	(void)g;
	if (!r)
		return NULL;
	r->conn.id = id;
	r->conn.domain = d;
	world_add_conn(world, &r->conn);
	d->conn = &r->conn;
	return r;
}

int guests_revive(struct guests *g, struct domain *d, uint32_t port, const uint8_t *handle,
		  struct err *err)
{
	(void)g, (void)port, (void)handle;
	return d->domid % 2 ? err_set(err, ESRCH, "domain %u: gone", d->domid) : 0;
}

void guests_scan(struct guests *g)
{
	(void)g;
}

/* --- what is fuzzed --------------------------------------------------------------------------- */

struct bytes {
	char *data;
	size_t len;
};

static void *room(void *arg, size_t len, struct err *err)
{
	struct bytes *b = arg;

	(void)err;
	b->len += len;
	return b->data + b->len - len;
}

/* The file with a header that is taken for this boot's. */
static struct bytes make_file(const uint8_t *data, size_t size)
{
	struct bytes b = { malloc(size + 4096), 0 };
	struct state_sink sink = { room, &b };
	struct rec_meta meta = { .gen = 1, .next_conn_id = 1 };
	struct err err = ERR_INIT;

	journal_boot_id(meta.boot);
	if (!b.data || state_put_header(&sink, STATE_VERSION_2, &err) < 0 ||
	    state_put_record(&sink, REC_META, &meta, sizeof(meta), &err) < 0)
		abort();
	memcpy(b.data + b.len, data, size);
	b.len += size;
	memset(b.data + b.len, 0, 16);
	b.len += 16;
	return b;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes file = make_file(data, size);
	struct err err = ERR_INIT;
	/* In memory of just its size, so that one byte too far is seen. */
	char *exact = malloc(file.len);

	world = world_new(&err);
	if (!world || !exact)
		abort();
	log_set_level(LOG_LEVEL_ERROR);
	memcpy(exact, file.data, file.len);
	if (journal_load(world, size % 2 ? (struct guests *)&world : NULL, exact, file.len, &err) ==
		    1 &&
	    !world_audit(world, &err)) {
		fprintf(stderr, "loaded, but not sound: %s\n", err.msg);
		abort();
	}
	world_free(world);
	free(exact);
	free(file.data);
	return 0;
}
