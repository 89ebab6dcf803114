/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef XENCONSOLED_HISTORY_H
#define XENCONSOLED_HISTORY_H

#include <stddef.h>

/*
 * The last bytes a guest printed, and how many of them its terminal has not taken yet: one buffer
 * is both the queue to the terminal and the tail that is kept when the guest dies. It grows up to
 * its limit as it fills and forgets the oldest.
 */

#define HISTORY_LIMIT (32u << 10)

struct history {
	char *data;
	size_t size, limit;	/* allocated; at most */
	size_t start, len;	/* of what is kept, around the end */
	size_t unsent;		/* the newest so many bytes wait for the terminal */
};

void history_init(struct history *h, size_t limit);
void history_free(struct history *h);

/* Returns how many bytes were lost to the terminal: they were not taken and there was no room. */
size_t history_add(struct history *h, const char *data, size_t len);
/* How much can be added before something unsent is lost. */
size_t history_room(const struct history *h);

/* The next piece for the terminal, *len bytes of it (0: none); history_sent says how much of it
 * went. */
const char *history_next(const struct history *h, size_t *len);
void history_sent(struct history *h, size_t len);

/* All that is kept, in two pieces, oldest first. */
void history_pieces(const struct history *h, const char *data[2], size_t len[2]);

#endif
