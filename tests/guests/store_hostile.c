// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A guest that means harm: impossible ring indices, lengths that lie, answers never read, a page
 * scribbled over. After each it asks for a fresh ring, as any guest may, and makes sure that it is
 * served again. Says "hostile: N attacks" at its end, and what did not work again.
 */
#include "store.h"

static uint32_t attacks, failed, seed = 1;

static uint32_t any(void)
{
	seed = seed * 1664525u + 1013904223u;
	return seed >> 8;
}

static void reconnect(const char *after)
{
	uint32_t tries = 0;

	store->connection = 1;
	store_kick();
	while (store->connection != 0 && ++tries < 2000000)
		store_wait();
	attacks++;
	if (store->connection == 0 &&
	    store_call(STORE_WRITE, 0, "data/alive", after, text_len(after)) == STORE_WRITE)
		return;
	failed++;
	print("hostile: not served again after ");
	print(after);
	print("\n");
}

static void indices(void)
{
	static const uint32_t values[] = { 1025,       4096,       0x7fffffff,
					   0x80000000, 0xffffffff, 0xfffffbff };

	for (unsigned i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		store->req_prod = store->req_cons + values[i];
		store_kick();
		reconnect("req_prod");
		store->rsp_cons = store->rsp_prod + values[i];
		store_send(STORE_READ, 1, 0, "data", "", 0);
		reconnect("rsp_cons");
		store->req_cons = values[i];
		store->rsp_prod = values[i];
		store_kick();
		reconnect("indices that are not ours");
	}
}

static void lengths(void)
{
	static const uint32_t values[] = { 4097,       0x3fffffff, 0x40000000, 0x7fffffff,
					   0x80000000, 0xfffffff0, 0xffffffff };

	for (unsigned i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		struct store_header h = { STORE_WRITE, 1, 0, values[i] };

		store_put(&h, sizeof(h));
		reconnect("a length");
	}
}

static void garbage(void)
{
	for (unsigned round = 0; round < 50; round++) {
		struct store_header h = { any() % 40, any(), any() % 3, any() % 300 };

		store_put(&h, sizeof(h));
		for (uint32_t i = 0; i < h.len; i++) {
			char c = (char)any();

			while (store->req_prod - store->req_cons >= RING)
				store->rsp_cons = store->rsp_prod;
			store->req[store->req_prod % RING] = c;
			__sync_synchronize();
			store->req_prod++;
		}
		store_kick();
		store->rsp_cons = store->rsp_prod;
	}
	reconnect("garbage");
	for (unsigned round = 0; round < 20; round++) {
		volatile uint32_t *words = (volatile uint32_t *)store;

		for (unsigned i = 0; i < sizeof(struct store_page) / 4; i++)
			words[i] = any() << 8 ^ any();
		store->connection = 0;
		store_kick();
		reconnect("a page of noise");
	}
}

/* Requests whose answers stay where they are, until the store takes no more. */
static void unread(void)
{
	volatile char value[200];

	for (unsigned i = 0; i < sizeof(value); i++)
		value[i] = 'x';
	for (unsigned i = 0; i < 100; i++) {
		char path[16] = "data/w", *end = path + 6;

		text_number(end, i);
		store_call(STORE_WATCH, 0, path, "token", 6);
	}
	for (unsigned i = 0; i < 400; i++) {
		struct store_header h = { STORE_READ, i, 0, 5 };
		uint32_t tries = 0;

		while (RING - (store->req_prod - store->req_cons) < sizeof(h) + 5 &&
		       ++tries < 20000)
			store_wait();
		if (RING - (store->req_prod - store->req_cons) < sizeof(h) + 5)
			break;
		store_put(&h, sizeof(h));
		store_put("data", 5);
	}
	reconnect("answers that were not read");
	if (store_call(STORE_WRITE, 0, "data/w1", (const char *)value, sizeof(value)) !=
	    STORE_WRITE)
		failed++;
}

void guest_main(const uint8_t *dtb)
{
	(void)dtb;
	store_open();
	if (!(store->features & 1)) {
		print("hostile: this store cannot reconnect\n");
		return;
	}
	print("hostile: begins\n");
	indices();
	lengths();
	garbage();
	unread();
	print("hostile: ");
	print_number(attacks, 10);
	print(" attacks, not served after ");
	print_number(failed, 10);
	print("\n");
}
