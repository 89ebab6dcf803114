// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Asks the store without a pause, and counts: each answer must belong to its request, a value read
 * be the one just written, each write cause exactly one event. Ends when its node data/stop
 * appears; says "storm: N requests, 0 wrong" then.
 */
#include "store.h"

static uint32_t requests, writes, wrong;

static void complain(const char *what)
{
	if (wrong++ > 20)
		return;
	print("storm: ");
	print(what);
	print(": ");
	print(store_body);
	print("\n");
}

static void write_number(const char *path, uint32_t tx, uint32_t v)
{
	char text[12];

	text_number(text, v);
	requests++;
	if (store_call(STORE_WRITE, tx, path, text, text_len(text)) != STORE_WRITE)
		complain("write");
}

static void expect_number(const char *path, uint32_t v)
{
	char text[12];

	text_number(text, v);
	requests++;
	if (store_call(STORE_READ, 0, path, "", 0) != STORE_READ || !text_equal(store_body, text))
		complain("read");
}

/* Until it is through: a store that was restarted meanwhile says EAGAIN. */
static void count_in_transaction(uint32_t v)
{
	for (;;) {
		uint32_t tx = 0;

		requests += 2;
		if (store_call(STORE_TXN_START, 0, "", "", 0) != STORE_TXN_START) {
			complain("start");
			return;
		}
		for (const char *p = store_body; *p; p++)
			tx = tx * 10 + (uint32_t)(*p - '0');
		write_number("data/tx", tx, v);
		if (store_call(STORE_TXN_END, tx, "T", "", 0) == STORE_TXN_END)
			return;
		if (!text_equal(store_body, "EAGAIN")) {
			complain("end");
			return;
		}
	}
}

void guest_main(const uint8_t *dtb)
{
	(void)dtb;
	store_open();
	if (store_call(STORE_WATCH, 0, "data/count", "token", 6) != STORE_WATCH)
		complain("watch");
	print("storm: begins\n");
	while (store_call(STORE_READ, 0, "data/stop", "", 0) != STORE_READ) {
		writes++;
		write_number("data/count", 0, writes);
		expect_number("data/count", writes);
		if (writes % 8 == 0) {
			count_in_transaction(writes);
			expect_number("data/tx", writes);
		}
	}
	wrong += store_strangers;
	/* One event for the watch itself. */
	if (store_events != writes + 1) {
		print("storm: events ");
		print_number(store_events, 10);
		print(", not ");
		print_number(writes + 1, 10);
		print("\n");
		wrong++;
	}
	print("storm: ");
	print_number(requests, 10);
	print(" requests, ");
	print_number(wrong, 10);
	print(" wrong\n");
}
