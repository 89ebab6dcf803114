/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A map from bytes to pointers: open addressing with linear probing, SipHash-1-3 with a key drawn
 * once a process. Knows nothing of what the values are. Deleted entries leave a mark, so that a
 * walk may delete; marks are swept when the table is next rebuilt.
 */
#include "base/hash.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/random.h>
#include <time.h>

struct slot {
	void *key;	/* NULL: never used; &deleted_mark: deleted */
	void *value;
	size_t len;
	uint64_t hash;
};

struct hash {
	struct slot *slots;
	size_t nr_slots;	/* a power of two, or 0 */
	size_t nr_live;		/* entries */
	size_t nr_used;		/* entries and marks */
};

static char deleted_mark;

static uint64_t seed[2];

/* Called before the first hash. Without the kernel's randomness (very early in a boot) time and
 * place have to do. */
static void seed_draw(void)
{
	struct timespec now;

	if (getrandom(seed, sizeof(seed), GRND_NONBLOCK) == (ssize_t)sizeof(seed) && seed[0])
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	seed[0] = ((uint64_t)now.tv_nsec << 32 ^ (uintptr_t)&now) | 1;
	seed[1] = (uint64_t)now.tv_sec << 32 ^ (uint64_t)getpid();
}

static uint64_t rotl(uint64_t v, unsigned n)
{
	return v << n | v >> (64 - n);
}

static inline void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotl(v[1], 13) ^ v[0];
	v[0] = rotl(v[0], 32);
	v[2] += v[3];
	v[3] = rotl(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotl(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotl(v[1], 17) ^ v[2];
	v[2] = rotl(v[2], 32);
}

/* SipHash-1-3 (Aumasson, Bernstein: "SipHash: a fast short-input PRF"), one round a word and three
 * to finish. Words are taken in the machine's order: the result never leaves the process. */
uint64_t hash_bytes(const void *key, size_t len)
{
	const unsigned char *p = key;
	uint64_t v[4], word, tail = (uint64_t)len << 56;

	if (!seed[0])
		seed_draw();
	v[0] = seed[0] ^ UINT64_C(0x736f6d6570736575);
	v[1] = seed[1] ^ UINT64_C(0x646f72616e646f6d);
	v[2] = seed[0] ^ UINT64_C(0x6c7967656e657261);
	v[3] = seed[1] ^ UINT64_C(0x7465646279746573);
	for (; len >= sizeof(word); p += sizeof(word), len -= sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		v[3] ^= word;
		sip_round(v);
		v[0] ^= word;
	}
	for (size_t i = 0; i < len; i++)
		tail |= (uint64_t)p[i] << 8 * i;
	v[3] ^= tail;
	sip_round(v);
	v[0] ^= tail;
	v[2] ^= 0xff;
	for (unsigned i = 0; i < 3; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static bool is_live(const struct slot *s)
{
	return s->key && s->key != &deleted_mark;
}

struct hash *hash_new(void)
{
	return calloc(1, sizeof(struct hash));
}

void hash_free(struct hash *h)
{
	if (!h)
		return;
	for (size_t i = 0; i < h->nr_slots; i++)
		if (is_live(&h->slots[i]))
			free(h->slots[i].key);
	free(h->slots);
	free(h);
}

size_t hash_count(const struct hash *h)
{
	return h->nr_live;
}

static struct slot *slot_find(const struct hash *h, const void *key, size_t len, uint64_t hash)
{
	size_t mask = h->nr_slots - 1;

	if (h->nr_slots == 0)
		return NULL;
	/* Ends: hash_rebuild keeps a quarter of the slots unused. */
	for (size_t i = hash & mask; h->slots[i].key; i = (i + 1) & mask) {
		struct slot *s = &h->slots[i];

		if (is_live(s) && s->hash == hash && s->len == len &&
		    (len == 0 || memcmp(s->key, key, len) == 0))
			return s;
	}
	return NULL;
}

void *hash_get(const struct hash *h, const void *key, size_t len)
{
	const struct slot *s = slot_find(h, key, len, hash_bytes(key, len));

	return s ? s->value : NULL;
}

/* Where a key that is not in the table goes. */
static struct slot *slot_vacant(const struct hash *h, uint64_t hash)
{
	size_t mask = h->nr_slots - 1, i = hash & mask;

	while (is_live(&h->slots[i]))
		i = (i + 1) & mask;
	return &h->slots[i];
}

/* Make sure of room for one more entry: entries and marks fill three quarters at most. A table that
 * is rebuilt is at most half full of entries, so the cost is spread over as many insertions. */
static int hash_reserve(struct hash *h)
{
	struct hash grown = *h;

	if (h->nr_used + 1 <= h->nr_slots - h->nr_slots / 4 && h->nr_slots)
		return 0;
	grown.nr_slots = 16;
	while (grown.nr_slots / 2 < h->nr_live + 1)
		grown.nr_slots *= 2;
	grown.slots = calloc(grown.nr_slots, sizeof(*grown.slots));
	if (!grown.slots)
		return -1;
	for (size_t i = 0; i < h->nr_slots; i++)
		if (is_live(&h->slots[i]))
			*slot_vacant(&grown, h->slots[i].hash) = h->slots[i];
	grown.nr_used = h->nr_live;
	free(h->slots);
	*h = grown;
	return 0;
}

int hash_set(struct hash *h, const void *key, size_t len, void *value, void **old)
{
	uint64_t hash = hash_bytes(key, len);
	struct slot *s = slot_find(h, key, len, hash);
	void *copy;

	if (s) {
		if (old)
			*old = s->value;
		s->value = value;
		return 0;
	}
	if (hash_reserve(h) < 0)
		return -1;
	copy = malloc(len ? len : 1);
	if (!copy)
		return -1;
	if (len)
		memcpy(copy, key, len);
	s = slot_vacant(h, hash);
	h->nr_used += !s->key;
	h->nr_live++;
	*s = (struct slot){ .key = copy, .value = value, .len = len, .hash = hash };
	if (old)
		*old = NULL;
	return 0;
}

void *hash_del(struct hash *h, const void *key, size_t len)
{
	struct slot *s = slot_find(h, key, len, hash_bytes(key, len));
	void *value;

	if (!s)
		return NULL;
	value = s->value;
	free(s->key);
	*s = (struct slot){ .key = &deleted_mark };
	h->nr_live--;
	return value;
}

void *hash_next(const struct hash *h, size_t *cursor, const void **key, size_t *len)
{
	while (*cursor < h->nr_slots) {
		const struct slot *s = &h->slots[(*cursor)++];

		if (!is_live(s))
			continue;
		if (key)
			*key = s->key;
		if (len)
			*len = s->len;
		return s->value;
	}
	return NULL;
}
