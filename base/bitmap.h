/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BASE_BITMAP_H
#define BASE_BITMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

/* A set of small numbers (pcpus, nodes, vcpus) in a fixed size, so it is a plain value. */

#define BITMAP_BITS 1024

struct bitmap {
	uint64_t w[BITMAP_BITS / 64];
};

void bitmap_zero(struct bitmap *b);
void bitmap_fill(struct bitmap *b, unsigned nr);	/* 0 to nr-1 set, the rest clear */
void bitmap_set(struct bitmap *b, unsigned bit);	/* bits past the end are ignored */
void bitmap_clear(struct bitmap *b, unsigned bit);
bool bitmap_has(const struct bitmap *b, unsigned bit);
bool bitmap_is_empty(const struct bitmap *b);
bool bitmap_equal(const struct bitmap *a, const struct bitmap *b);
unsigned bitmap_count(const struct bitmap *b);
int bitmap_first(const struct bitmap *b);		/* -1 when empty */
int bitmap_next(const struct bitmap *b, int after);	/* -1 when there is none */
void bitmap_and(struct bitmap *b, const struct bitmap *other);
void bitmap_or(struct bitmap *b, const struct bitmap *other);
void bitmap_andnot(struct bitmap *b, const struct bitmap *other);

/* xl's way to show one: "all" when 0..nr-1 are all set, "none", else ranges "0-2,5". Yours to
 * free. */
char *bitmap_str(const struct bitmap *b, unsigned nr);

/* Bytes as Xen wants them (bit n of byte n/8), and back. Bits past len*8 are dropped. */
void bitmap_to_bytes(const struct bitmap *b, uint8_t *bytes, size_t len);
void bitmap_from_bytes(struct bitmap *b, const uint8_t *bytes, size_t len);

/* A pcpu list as in `cpus=`: "all", "none", "3", "0-3", "^2" (taken out again), "node:0",
 * "nodes:0-1", joined by commas, read from left to right; a list that starts with "^" starts from
 * all. nr_cpus bounds the numbers. `node_cpus` (may be NULL: then node: is refused) gives the pcpus
 * of a node, -1 when there is no such node. */
int bitmap_parse_cpus(struct bitmap *b, const char *s, unsigned nr_cpus,
		      int (*node_cpus)(unsigned node, struct bitmap *out, void *arg), void *arg,
		      const char *what, struct err *err) must_check;

#endif
