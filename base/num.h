/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BASE_NUM_H
#define BASE_NUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

/*
 * The only number parser. The whole string must be the number: no blanks, no sign where none is
 * meant, no trailing text, no silent wrap. `what` names the thing in the message, which also gives
 * the bounds: "vcpus: 1000 is out of range (1 to 128)". Nothing here allocates.
 */

/* Decimal, 0x hexadecimal or 0 octal (strtoul's base 0). */
int num_u64(const char *s, uint64_t min, uint64_t max, const char *what, uint64_t *out,
	    struct err *err) must_check;
int num_u32(const char *s, uint32_t min, uint32_t max, const char *what, uint32_t *out,
	    struct err *err) must_check;
int num_i64(const char *s, int64_t min, int64_t max, const char *what, int64_t *out,
	    struct err *err) must_check;
/* Decimal only: "010" is ten, "0x10" is refused (wire formats, domids). */
int num_dec(const char *s, uint64_t max, const char *what, uint64_t *out, struct err *err)
	must_check;
/* Hexadecimal with or without 0x (iomem). */
int num_hex(const char *s, uint64_t max, const char *what, uint64_t *out, struct err *err)
	must_check;

/* A size with an optional unit b k m g t (either case; none means `unit`, one of those letters), in
 * bytes. */
int num_size(const char *s, char unit, const char *what, uint64_t *bytes, struct err *err)
	must_check;

/* "3" or "3-7" (both ends included). */
int num_range(const char *s, uint64_t max, const char *what, uint64_t *first, uint64_t *last,
	      struct err *err) must_check;

/* The value of a digit of any base up to 16, NUM_NO_DIGIT for anything else. */
#define NUM_NO_DIGIT 255
int num_digit(char c);

/* True when s is nothing but decimal digits, at least one. */
bool num_is_dec(const char *s);

/* Arithmetic that says when it does not fit: false and *out untouched. */
static inline bool num_add(uint64_t a, uint64_t b, uint64_t *out)
{
	return !__builtin_add_overflow(a, b, out);
}

static inline bool num_mul(uint64_t a, uint64_t b, uint64_t *out)
{
	return !__builtin_mul_overflow(a, b, out);
}

/* align must be a power of two; the caller has checked that the result fits. */
static inline uint64_t num_align_up(uint64_t v, uint64_t align)
{
	return (v + align - 1) & ~(align - 1);
}

static inline uint64_t num_align_down(uint64_t v, uint64_t align)
{
	return v & ~(align - 1);
}

#endif
