// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Fuzzing what clients send: two guests and a local client talk to one store. The input is a row of
 * pieces: who speaks, how many bytes, the bytes. Whatever they say, the daemon lives and its
 * accounts add up.
 */
#include <stdint.h>
#include <stdlib.h>
#include "base/log.h"
#include "xenstored/local.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ignore(void *arg, const struct wire_header *h, const char *payload)
{
	(void)arg, (void)h, (void)payload;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const unsigned domids[] = { 0, 7, 8 };
	struct err err = ERR_INIT;
	struct world *w = world_new(&err);
	struct local *l[3];

	log_set_level(LOG_LEVEL_ERROR);
	if (!w)
		abort();
	for (int i = 0; i < 3; i++)
		l[i] = local_open(w, domids[i], ignore, NULL);
	while (size >= 2) {
		struct local *who = l[data[0] % 3];
		size_t len = data[1];

		if (data[0] & 0x40)
			local_stall(who, data[0] & 0x20);
		if (data[0] & 0x80)
			len *= 16;
		data += 2;
		size -= 2;
		if (len > size)
			len = size;
		(void)local_send(who, data, len);
		data += len;
		size -= len;
	}
	if (!world_audit(w, &err))
		abort();
	for (int i = 0; i < 3; i++)
		local_close(l[i]);
	world_free(w);
	return 0;
}
