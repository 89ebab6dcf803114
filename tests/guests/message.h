/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TESTS_GUESTS_MESSAGE_H
#define TESTS_GUESTS_MESSAGE_H

#include <stdint.h>
#include "guest.h"
#include "store.h"

/*
 * The guest's side of "xl message", as man/xl.1 describes it: a page of its own that it grants to
 * domain 0, an event channel for it, both told in the store. Between requests the vcpu is blocked
 * in Xen. Everything static, for the one file that includes it.
 */

#define HYPERVISOR_MEMORY_OP 12
#define HYPERVISOR_GRANT_TABLE_OP 20
#define XENMEM_ADD_TO_PHYSMAP 7
#define MAP_SHARED_INFO 0
#define MAP_GRANT_TABLE 1
#define GNTTABOP_SETUP_TABLE 2
#define GTF_PERMIT_ACCESS 1
#define EVTCHNOP_ALLOC_UNBOUND 6
#define SCHEDOP_POLL 3
#define GRANT_FRAME 0x38000u	/* where the device tree offers room */
#define SHARED_FRAME 0x38010u
#define GRANT_REF 8		/* the first that is not the toolstack's */
#define MESSAGE_MAGIC 0x4d585641u

struct message_page {
	uint32_t magic, request_seq, reply_seq, request_len, reply_len;
	uint32_t pad[3];
	char request[1024], reply[2048], fill[992];
};

struct grant_entry {
	uint16_t flags, domid;
	uint32_t frame;
};

static volatile struct message_page message __attribute__((aligned(4096)));
_Static_assert(sizeof(struct message_page) == 4096, "the whole page is domain 0's to see");
static uint32_t message_port;
static char message_text[2048];
static uint32_t message_len;

static long map_frame(uint32_t space, uint32_t frame)
{
	struct {
		uint16_t domid, size;
		uint32_t space;
		uint64_t idx, gfn;
	} arg = { DOMID_SELF, 0, space, 0, frame };

	return hypercall(HYPERVISOR_MEMORY_OP, XENMEM_ADD_TO_PHYSMAP, &arg);
}

static void grant_message(void)
{
	volatile struct grant_entry *table =
		(volatile struct grant_entry *)(uintptr_t)(GRANT_FRAME << 12);

	table[GRANT_REF].domid = 0;
	table[GRANT_REF].frame = (uint32_t)((uintptr_t)&message >> 12);
	__sync_synchronize();
	table[GRANT_REF].flags = GTF_PERMIT_ACCESS;
}

static uint32_t alloc_port(void)
{
	struct {
		uint16_t domid, remote;
		uint32_t port;
	} arg = { DOMID_SELF, 0, 0 };

	return hypercall(HYPERVISOR_EVENT_CHANNEL_OP, EVTCHNOP_ALLOC_UNBOUND, &arg) == 0 ? arg.port
											 : 0;
}

static void write_node(const char *path, uint32_t value)
{
	char text[12];

	text_number(text, value);
	store_call(STORE_WRITE, 0, path, text, text_len(text));
}

/* 0: nothing of it works, and the console says which step. */
static int message_open(void)
{
	if (map_frame(MAP_SHARED_INFO, SHARED_FRAME) != 0 ||
	    map_frame(MAP_GRANT_TABLE, GRANT_FRAME) != 0) {
		print("message: no frames\n");
		return 0;
	}
	message_port = alloc_port();
	if (!message_port) {
		print("message: no event channel\n");
		return 0;
	}
	message.magic = MESSAGE_MAGIC;
	grant_message();
	store_open();
	write_node("data/message/grant-ref", GRANT_REF);
	write_node("data/message/event-channel", message_port);
	return 1;
}

/* shared_info, public/xen.h and public/arch-arm.h: evtchn_pending is 48 bytes in. */
static void clear_pending(void)
{
	volatile uint64_t *pending = (volatile uint64_t *)(uintptr_t)((SHARED_FRAME << 12) + 48);

	__atomic_fetch_and(&pending[message_port / 64], ~(1ull << message_port % 64),
			   __ATOMIC_SEQ_CST);
}

static void wait_for_event(void)
{
	uint32_t port = message_port;
	struct {
		uint64_t ports;
		uint32_t nr, pad;
		uint64_t timeout;
	} arg = { (uintptr_t)&port, 1, 0, 0 };

	hypercall(HYPERVISOR_SCHED_OP, SCHEDOP_POLL, &arg);
	clear_pending();
}

/* The next request, in message_text with a NUL behind it. */
static void message_receive(void)
{
	uint32_t len;

	while (message.request_seq == message.reply_seq)
		wait_for_event();
	__sync_synchronize();
	len = message.request_len;
	if (len > sizeof(message.request))
		len = 0;
	for (message_len = 0; message_len < len; message_len++)
		message_text[message_len] = message.request[message_len];
	message_text[message_len] = '\0';
	message_len = 0;
}

static void message_add(const char *s)
{
	while (*s && message_len < sizeof(message.reply))
		message.reply[message_len++] = *s++;
}

static __attribute__((unused)) void message_number(uint32_t v)
{
	char text[12];

	text_number(text, v);
	message_add(text);
}

static void message_send(void)
{
	uint32_t arg = message_port;

	message.reply_len = message_len;
	__sync_synchronize();
	message.reply_seq = message.request_seq;
	__sync_synchronize();
	hypercall(HYPERVISOR_EVENT_CHANNEL_OP, EVTCHNOP_SEND, &arg);
}

#endif
