// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The ring of a guest's last output. When memory is short it stays as small as it is.
 */
#include "xenconsoled/history.h"

#include <stdlib.h>
#include <string.h>

#define HISTORY_FIRST 2048

void history_init(struct history *h, size_t limit)
{
	*h = (struct history){ .limit = limit };
}

void history_free(struct history *h)
{
	free(h->data);
	*h = (struct history){ .limit = h->limit };
}

static void grow(struct history *h, size_t wanted)
{
	size_t size = h->size ? h->size : HISTORY_FIRST;
	const char *data[2];
	size_t len[2];
	char *p;

	while (size < wanted && size < h->limit)
		size *= 2;
	if (size > h->limit)
		size = h->limit;
	if (size <= h->size)
		return;
	p = malloc(size);
	if (!p)
		return;
	history_pieces(h, data, len);
	for (size_t i = 0, at = 0; i < 2; at += len[i++])
		if (len[i] > 0)
			memcpy(p + at, data[i], len[i]);
	free(h->data);
	h->data = p;
	h->size = size;
	h->start = 0;
}

static void append(struct history *h, const char *data, size_t len)
{
	size_t at = (h->start + h->len) % h->size;
	size_t first = len < h->size - at ? len : h->size - at;

	memcpy(h->data + at, data, first);
	memcpy(h->data, data + first, len - first);
	h->len += len;
}

size_t history_add(struct history *h, const char *data, size_t len)
{
	size_t lost = 0;

	if (h->len + len > h->size)
		grow(h, h->len + len);
	if (len > h->size) {
		lost = len - h->size;
		data += lost;
		len = h->size;
	}
	if (len == 0)
		return lost;
	if (h->len + len > h->size) {
		size_t drop = h->len + len - h->size;

		h->start = (h->start + drop) % h->size;
		h->len -= drop;
		if (h->unsent > h->len) {
			lost += h->unsent - h->len;
			h->unsent = h->len;
		}
	}
	append(h, data, len);
	h->unsent += len;
	return lost;
}

size_t history_room(const struct history *h)
{
	return h->limit - h->unsent;
}

const char *history_next(const struct history *h, size_t *len)
{
	size_t at;

	*len = h->unsent;
	if (h->unsent == 0)
		return NULL;
	at = (h->start + h->len - h->unsent) % h->size;
	if (*len > h->size - at)
		*len = h->size - at;
	return h->data + at;
}

void history_sent(struct history *h, size_t len)
{
	h->unsent -= len < h->unsent ? len : h->unsent;
}

void history_pieces(const struct history *h, const char *data[2], size_t len[2])
{
	size_t first = h->size - h->start;

	data[0] = h->data ? h->data + h->start : NULL;
	len[0] = h->len < first ? h->len : first;
	data[1] = h->data;
	len[1] = h->len - len[0];
}
