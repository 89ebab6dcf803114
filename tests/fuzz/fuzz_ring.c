// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Fuzzing a domain's ring page. The input is a row of pieces: where in the page, how many bytes,
 * the bytes; after each the daemon takes its turns. So indices, messages and the reconnection word
 * change in every order, as a hostile guest would have it.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "base/log.h"
#include "xenstored/conn_ring.h"
#include "xenstored/dispatch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What lies behind the page belongs to others: a read or write there is seen. */
static struct {
	char before[64];
	struct ring_page page;
	char after[64];
} *shared;

static void nothing(struct conn_ring *r)
{
	(void)r;
}

static void failed(struct conn_ring *r)
{
	*(bool *)r->host_arg = true;
}

static const struct ring_host host = { nothing, failed, nothing };

static void serve(struct world *w, struct conn_ring *r, bool *has_failed)
{
	if (conn_ring_wants_reset(r)) {
		world_reset_conn(w, &r->conn, true);
		conn_ring_reset(r);
		*has_failed = false;
	}
	conn_ready(&r->conn);
	conn_writable(&r->conn);
	for (int i = 0; i < 4 && dispatch_turn(w, 1); i++)
		;
	if (*has_failed) {
		world_reset_conn(w, &r->conn, true);
		conn_break(&r->conn);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = ERR_INIT;
	struct world *w = world_new(&err);
	struct domain *d = w ? world_restore_domain(w, 7, &err) : NULL;
	bool has_failed = false;
	struct conn_ring *r;

	log_set_level(LOG_LEVEL_ERROR);
	shared = calloc(1, sizeof(*shared));
	r = d && shared ? conn_ring_new(&w->turn, d->account, 7, &host, &has_failed) : NULL;
	if (!r)
		abort();
	r->conn.domain = d;
	d->conn = &r->conn;
	world_add_conn(w, &r->conn);
	conn_ring_attach(r, &shared->page, 1, RING_FEATURE_RECONNECT | RING_FEATURE_ERROR);
	while (size >= 3) {
		size_t at = (data[0] | (size_t)data[1] << 8) % sizeof(shared->page), len = data[2];

		data += 3;
		size -= 3;
		if (len > size)
			len = size;
		if (len > sizeof(shared->page) - at)
			len = sizeof(shared->page) - at;
		memcpy((char *)&shared->page + at, data, len);
		data += len;
		size -= len;
		serve(w, r, &has_failed);
	}
	for (size_t i = 0; i < sizeof(shared->before); i++)
		if (shared->before[i] || shared->after[i])
			abort();
	if (!world_audit(w, &err))
		abort();
	world_free(w);
	free(shared);
	return 0;
}
