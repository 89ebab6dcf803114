/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sets of small numbers: their arithmetic, and the two texts people write them in (`cpus=` and what
 * xl prints). Does not know how many pcpus or nodes a host has: the caller does.
 */
#include "base/bitmap.h"

#include <errno.h>
#include <string.h>
#include "base/mem.h"
#include "base/num.h"
#include "base/str.h"

#define WORDS array_size(((struct bitmap *)0)->w)

void bitmap_zero(struct bitmap *b)
{
	memset(b, 0, sizeof(*b));
}

void bitmap_fill(struct bitmap *b, unsigned nr)
{
	bitmap_zero(b);
	for (unsigned bit = 0; bit < nr && bit < BITMAP_BITS; bit++)
		bitmap_set(b, bit);
}

void bitmap_set(struct bitmap *b, unsigned bit)
{
	if (bit < BITMAP_BITS)
		b->w[bit / 64] |= UINT64_C(1) << bit % 64;
}

void bitmap_clear(struct bitmap *b, unsigned bit)
{
	if (bit < BITMAP_BITS)
		b->w[bit / 64] &= ~(UINT64_C(1) << bit % 64);
}

bool bitmap_has(const struct bitmap *b, unsigned bit)
{
	return bit < BITMAP_BITS && (b->w[bit / 64] >> bit % 64 & 1);
}

bool bitmap_is_empty(const struct bitmap *b)
{
	return bitmap_first(b) < 0;
}

bool bitmap_equal(const struct bitmap *a, const struct bitmap *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

unsigned bitmap_count(const struct bitmap *b)
{
	unsigned n = 0;

	for (size_t i = 0; i < WORDS; i++)
		n += (unsigned)__builtin_popcountll(b->w[i]);
	return n;
}

int bitmap_first(const struct bitmap *b)
{
	return bitmap_next(b, -1);
}

int bitmap_next(const struct bitmap *b, int after)
{
	unsigned from = after < 0 ? 0 : (unsigned)after + 1;

	for (size_t i = from / 64; i < WORDS; i++) {
		uint64_t w = b->w[i];

		if (i == from / 64)
			w &= ~UINT64_C(0) << from % 64;
		if (w)
			return (int)(i * 64) + __builtin_ctzll(w);
	}
	return -1;
}

void bitmap_and(struct bitmap *b, const struct bitmap *other)
{
	for (size_t i = 0; i < WORDS; i++)
		b->w[i] &= other->w[i];
}

void bitmap_or(struct bitmap *b, const struct bitmap *other)
{
	for (size_t i = 0; i < WORDS; i++)
		b->w[i] |= other->w[i];
}

void bitmap_andnot(struct bitmap *b, const struct bitmap *other)
{
	for (size_t i = 0; i < WORDS; i++)
		b->w[i] &= ~other->w[i];
}

/* The last bit of the run that starts at `bit`. */
static int run_end(const struct bitmap *b, int bit)
{
	while (bitmap_has(b, (unsigned)bit + 1))
		bit++;
	return bit;
}

char *bitmap_str(const struct bitmap *b, unsigned nr)
{
	struct strbuf s = STRBUF_INIT;
	int first = bitmap_first(b);

	if (first < 0)
		return xstrdup("none");
	if (first == 0 && (unsigned)run_end(b, 0) + 1 >= nr)
		return xstrdup("all");
	while (first >= 0) {
		int last = run_end(b, first);

		strbuf_printf(&s, "%s%d", s.len ? "," : "", first);
		if (last > first)
			strbuf_printf(&s, "-%d", last);
		first = bitmap_next(b, last);
	}
	return strbuf_steal(&s);
}

void bitmap_to_bytes(const struct bitmap *b, uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		bytes[i] = i < BITMAP_BITS / 8 ? (uint8_t)(b->w[i / 8] >> i % 8 * 8) : 0;
}

void bitmap_from_bytes(struct bitmap *b, const uint8_t *bytes, size_t len)
{
	bitmap_zero(b);
	for (size_t i = 0; i < len && i < BITMAP_BITS / 8; i++)
		b->w[i / 8] |= (uint64_t)bytes[i] << i % 8 * 8;
}

/* Room for one word of a list; "^nodes:1023-1023" is far from it. */
#define WORD_MAX 64

struct cpu_parser {
	unsigned nr_cpus;
	int (*node_cpus)(unsigned node, struct bitmap *out, void *arg);
	void *arg;
	const char *what;
};

/* The pcpus of the nodes in `range` ("0", "0-1", "all"). */
static int parse_nodes(const struct cpu_parser *p, const char *range, struct bitmap *out,
		       struct err *err)
{
	uint64_t first, last;

	if (!p->node_cpus)
		return err_set(err, EINVAL, "%s: 'node:' means nothing here", p->what);
	if (strcmp(range, "all") == 0) {
		bitmap_fill(out, p->nr_cpus);
		return 0;
	}
	if (num_range(range, BITMAP_BITS - 1, p->what, &first, &last, err) < 0)
		return -1;
	for (uint64_t node = first; node <= last; node++) {
		struct bitmap cpus = { { 0 } };

		if (p->node_cpus((unsigned)node, &cpus, p->arg) < 0)
			return err_set(err, ERANGE, "%s: there is no node %u", p->what,
				       (unsigned)node);
		bitmap_or(out, &cpus);
	}
	return 0;
}

/* The set that one word stands for, without its "^". */
static int parse_word(const struct cpu_parser *p, const char *word, struct bitmap *out,
		      struct err *err)
{
	uint64_t first, last;

	bitmap_zero(out);
	if (strcmp(word, "none") == 0)
		return 0;
	if (strcmp(word, "all") == 0) {
		bitmap_fill(out, p->nr_cpus);
		return 0;
	}
	if (str_starts(word, "nodes:"))
		return parse_nodes(p, word + strlen("nodes:"), out, err);
	if (str_starts(word, "node:"))
		return parse_nodes(p, word + strlen("node:"), out, err);
	if (num_range(word, p->nr_cpus - 1, p->what, &first, &last, err) < 0)
		return -1;
	for (uint64_t bit = first; bit <= last; bit++)
		bitmap_set(out, (unsigned)bit);
	return 0;
}

int bitmap_parse_cpus(struct bitmap *b, const char *s, unsigned nr_cpus,
		      int (*node_cpus)(unsigned node, struct bitmap *out, void *arg), void *arg,
		      const char *what, struct err *err)
{
	const struct cpu_parser parser = { nr_cpus, node_cpus, arg, what };
	struct bitmap result = { { 0 } };
	bool is_first = true;

	if (nr_cpus == 0 || nr_cpus > BITMAP_BITS)
		return err_set(err, EINVAL, "%s: a host of %u pcpus is out of range (1 to %u)",
			       what, nr_cpus, BITMAP_BITS);
	for (;; is_first = false) {
		size_t len = strcspn(s, ",");
		struct bitmap set;
		char buf[WORD_MAX];
		char *word = buf;
		bool take_out;

		if (len >= sizeof(buf))
			return err_set(err, EINVAL, "%s: '%.*s...' is not a pcpu", what, 16, s);
		memcpy(buf, s, len);
		buf[len] = '\0';
		word = str_trim(word);
		take_out = *word == '^';
		if (take_out && is_first)
			bitmap_fill(&result, nr_cpus);
		if (parse_word(&parser, word + take_out, &set, err) < 0)
			return -1;
		if (take_out)
			bitmap_andnot(&result, &set);
		else
			bitmap_or(&result, &set);
		if (!s[len])
			break;
		s += len + 1;
	}
	*b = result;
	return 0;
}
