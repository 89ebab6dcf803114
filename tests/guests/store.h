/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TESTS_GUESTS_STORE_H
#define TESTS_GUESTS_STORE_H

#include <stdint.h>
#include "guest.h"

/*
 * The guest's side of the store, polled: public/io/xs_wire.h, docs/misc/xenstore-ring.txt.
 * Everything static, for the one file that includes it.
 */

#define PARAM_STORE_PFN 1
#define PARAM_STORE_EVTCHN 2
#define EVTCHNOP_SEND 4
#define HYPERVISOR_SCHED_OP 29
#define SCHEDOP_YIELD 0
#define RING 1024u

enum {
	STORE_READ = 2,
	STORE_WATCH = 4,
	STORE_TXN_START = 6,
	STORE_TXN_END = 7,
	STORE_WRITE = 11,
	STORE_RM = 13,
	STORE_EVENT = 15,
	STORE_ERROR = 16,
	STORE_RESET_WATCHES = 21
};

struct store_page {
	char req[RING], rsp[RING];
	uint32_t req_cons, req_prod, rsp_cons, rsp_prod;
	uint32_t features, connection, error;
};

struct store_header {
	uint32_t type, req_id, tx_id, len;
};

static volatile struct store_page *store;
static uint32_t store_port, store_events, store_strangers;
static char store_body[4097];

static void store_kick(void)
{
	uint32_t arg = store_port;

	__sync_synchronize();
	hypercall(HYPERVISOR_EVENT_CHANNEL_OP, EVTCHNOP_SEND, &arg);
}

/* Whoever is waited for needs a processor. */
static void store_wait(void)
{
	hypercall(HYPERVISOR_SCHED_OP, SCHEDOP_YIELD, 0);
}

static void store_open(void)
{
	store = (volatile struct store_page *)(uintptr_t)(param_get(PARAM_STORE_PFN) << 12);
	store_port = (uint32_t)param_get(PARAM_STORE_EVTCHN);
}

static void store_put(const void *data, uint32_t len)
{
	const char *p = data;

	while (len > 0) {
		while (store->req_prod - store->req_cons >= RING)
			store_wait();
		store->req[store->req_prod % RING] = *p++;
		__sync_synchronize();
		store->req_prod++;
		len--;
		if (len == 0 || store->req_prod - store->req_cons == RING)
			store_kick();
	}
}

static void store_get(void *data, uint32_t len)
{
	char *p = data;

	while (len > 0) {
		while (store->rsp_prod == store->rsp_cons)
			store_wait();
		__sync_synchronize();
		*p++ = store->rsp[store->rsp_cons % RING];
		__sync_synchronize();
		store->rsp_cons++;
		len--;
		if (len == 0 || store->rsp_cons == store->rsp_prod)
			store_kick();
	}
}

static uint32_t text_len(const char *s)
{
	uint32_t n = 0;

	while (s[n])
		n++;
	return n;
}

static __attribute__((unused)) int text_equal(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

static __attribute__((unused)) void text_number(char *out, uint32_t v)
{
	char text[12], *at = text + sizeof(text) - 1;

	*at = '\0';
	do {
		*--at = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	while ((*out++ = *at++))
		;
}

static char *text_copy(char *to, const char *from, uint32_t len)
{
	while (len-- > 0)
		*to++ = *from++;
	return to;
}

/* A message with a path, its NUL, and a tail, in one piece; nobody waits. */
static void store_send(uint32_t type, uint32_t req_id, uint32_t tx, const char *path,
		       const char *tail, uint32_t tail_len)
{
	static char message[sizeof(struct store_header) + 4096];
	struct store_header h = { type, req_id, tx, text_len(path) + 1 + tail_len };
	char *end = text_copy(message, (const char *)&h, sizeof(h));

	end = text_copy(end, path, text_len(path) + 1);
	end = text_copy(end, tail, tail_len);
	store_put(message, (uint32_t)(end - message));
}

/* The next reply, in store_body with a NUL behind it. Events are counted on the way. Returns its
 * type. */
static uint32_t store_receive(uint32_t req_id)
{
	struct store_header h;

	for (;;) {
		store_get(&h, sizeof(h));
		if (h.len > 4096) {
			store_strangers++;
			return STORE_ERROR;
		}
		store_get(store_body, h.len);
		store_body[h.len] = '\0';
		if (h.type == STORE_EVENT) {
			store_events++;
			continue;
		}
		if (h.req_id != req_id)
			store_strangers++;
		return h.type;
	}
}

static uint32_t store_call(uint32_t type, uint32_t tx, const char *path, const char *tail,
			   uint32_t tail_len)
{
	static uint32_t req_id;

	store_send(type, ++req_id, tx, path, tail, tail_len);
	return store_receive(req_id);
}

#endif
