// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Answers what domain 0 asks with "xl message": ping, echo TEXT, count, stop; "lie" gets an answer
 * of an impossible length, "silence" none at all. Shares one page and one event channel with it, as
 * an RTOS beside a Linux domain 0 does.
 */
#include "message.h"

static int starts(const char *s, const char *prefix)
{
	while (*prefix && *s == *prefix)
		s++, prefix++;
	return !*prefix;
}

static void continue_silently(void)
{
	for (;;)
		wait_for_event();
}

void guest_main(const uint8_t *dtb)
{
	uint32_t requests = 0;

	(void)dtb;
	if (!message_open())
		return;
	print("message: ready\n");
	for (;;) {
		message_receive();
		requests++;
		if (text_equal(message_text, "silence"))
			continue_silently();
		if (text_equal(message_text, "ping")) {
			message_add("pong");
		} else if (starts(message_text, "echo ")) {
			message_add(message_text + 5);
		} else if (text_equal(message_text, "count")) {
			message_number(requests);
		} else if (text_equal(message_text, "lie")) {
			message_len = 0xfffffff0;
		} else if (text_equal(message_text, "stop")) {
			message_add("bye");
			message_send();
			break;
		} else {
			message_add("unknown request");
		}
		message_send();
	}
	print("message: ");
	print_number(requests, 10);
	print(" requests\n");
}
