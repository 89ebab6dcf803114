/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Numbers from text. Knows digits, bounds and units; strtoul and its friends are not used, because
 * they skip blanks, take signs and wrap. Does not allocate.
 */
#include "base/num.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* How much of a bad word a message shows. */
#define SHOWN 64

int num_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return NUM_NO_DIGIT;
}

enum scan { SCAN_OK, SCAN_NOT_A_NUMBER, SCAN_TOO_LARGE };

/* The digits at *s, at least one; *s moves behind them. All of a number that is too large is read,
 * so that trailing text is still seen. */
static enum scan scan_digits(const char **s, unsigned base, uint64_t *out)
{
	const char *p = *s;
	bool fits = true;
	uint64_t v = 0;

	for (; num_digit(*p) < (int)base; p++)
		fits = fits && num_mul(v, base, &v) && num_add(v, (unsigned)num_digit(*p), &v);
	if (p == *s)
		return SCAN_NOT_A_NUMBER;
	*s = p;
	*out = v;
	return fits ? SCAN_OK : SCAN_TOO_LARGE;
}

static bool has_hex_prefix(const char *s)
{
	return s[0] == '0' && (s[1] == 'x' || s[1] == 'X');
}

/* The whole of s in the given base; 0 means by its prefix. */
static enum scan scan_all(const char *s, unsigned base, uint64_t *out)
{
	enum scan result;

	if (base == 0) {
		base = has_hex_prefix(s) ? 16 : s[0] == '0' && s[1] ? 8 : 10;
		s += base == 16 ? 2 : base == 8 ? 1 : 0;
	}
	result = scan_digits(&s, base, out);
	return *s ? SCAN_NOT_A_NUMBER : result;
}

static int not_a_number(const char *s, const char *what, const char *kind, struct err *err)
{
	if (!s || !*s)
		return err_set(err, EINVAL, "%s: a number is missing", what);
	return err_set(err, EINVAL, "%s: '%.*s' is not a %snumber", what, SHOWN, s, kind);
}

static int out_of_range(const char *s, uint64_t min, uint64_t max, const char *what,
			struct err *err)
{
	return err_set(err, ERANGE, "%s: %.*s is out of range (%" PRIu64 " to %" PRIu64 ")", what,
		       SHOWN, s, min, max);
}

static int parse(const char *s, unsigned base, const char *kind, uint64_t min, uint64_t max,
		 const char *what, uint64_t *out, struct err *err)
{
	uint64_t v = 0;
	enum scan result = s ? scan_all(s, base, &v) : SCAN_NOT_A_NUMBER;

	if (result == SCAN_NOT_A_NUMBER)
		return not_a_number(s, what, kind, err);
	if (result == SCAN_TOO_LARGE || v < min || v > max)
		return out_of_range(s, min, max, what, err);
	*out = v;
	return 0;
}

int num_u64(const char *s, uint64_t min, uint64_t max, const char *what, uint64_t *out,
	    struct err *err)
{
	return parse(s, 0, "", min, max, what, out, err);
}

int num_u32(const char *s, uint32_t min, uint32_t max, const char *what, uint32_t *out,
	    struct err *err)
{
	uint64_t v = 0;

	if (parse(s, 0, "", min, max, what, &v, err) < 0)
		return -1;
	*out = (uint32_t)v;
	return 0;
}

int num_i64(const char *s, int64_t min, int64_t max, const char *what, int64_t *out,
	    struct err *err)
{
	const uint64_t lowest = (uint64_t)INT64_MAX + 1; /* the magnitude of INT64_MIN */
	bool negative = s && *s == '-';
	uint64_t magnitude = 0;
	enum scan result = s ? scan_all(s + negative, 0, &magnitude) : SCAN_NOT_A_NUMBER;
	int64_t v = 0;

	if (result == SCAN_NOT_A_NUMBER)
		return not_a_number(s, what, "", err);
	if (magnitude > lowest - !negative)
		result = SCAN_TOO_LARGE;
	else /* two's complement: right for INT64_MIN as well */
		v = (int64_t)(negative ? -magnitude : magnitude);
	if (result == SCAN_TOO_LARGE || v < min || v > max)
		return err_set(err, ERANGE,
			       "%s: %.*s is out of range (%" PRId64 " to %" PRId64 ")", what, SHOWN,
			       s, min, max);
	*out = v;
	return 0;
}

int num_dec(const char *s, uint64_t max, const char *what, uint64_t *out, struct err *err)
{
	return parse(s, 10, "decimal ", 0, max, what, out, err);
}

int num_hex(const char *s, uint64_t max, const char *what, uint64_t *out, struct err *err)
{
	uint64_t v = 0;
	enum scan result =
		s ? scan_all(has_hex_prefix(s) ? s + 2 : s, 16, &v) : SCAN_NOT_A_NUMBER;

	if (result == SCAN_NOT_A_NUMBER)
		return not_a_number(s, what, "hexadecimal ", err);
	if (result == SCAN_TOO_LARGE || v > max)
		return err_set(err, ERANGE, "%s: %.*s is out of range (0 to 0x%" PRIx64 ")", what,
			       SHOWN, s, max);
	*out = v;
	return 0;
}

/* The power of two that a unit stands for, or -1. */
static int unit_shift(char unit)
{
	switch (unit | 0x20) {
	case 'b':
		return 0;
	case 'k':
		return 10;
	case 'm':
		return 20;
	case 'g':
		return 30;
	case 't':
		return 40;
	default:
		return -1;
	}
}

int num_size(const char *s, char unit, const char *what, uint64_t *bytes, struct err *err)
{
	const char *p = s ? s : "";
	uint64_t v = 0;
	enum scan result = scan_digits(&p, 10, &v);
	int shift = unit_shift(*p ? *p++ : unit);

	if (!s || !*s)
		return not_a_number(s, what, "", err);
	if (result == SCAN_NOT_A_NUMBER || shift < 0 || *p)
		return err_set(err, EINVAL,
			       "%s: '%.*s' is not a size (a number and one of b, k, m, g, t)", what,
			       SHOWN, s);
	if (result == SCAN_TOO_LARGE || !num_mul(v, UINT64_C(1) << shift, &v))
		return err_set(err, ERANGE, "%s: %.*s is too large", what, SHOWN, s);
	*bytes = v;
	return 0;
}

int num_range(const char *s, uint64_t max, const char *what, uint64_t *first, uint64_t *last,
	      struct err *err)
{
	const char *p = s ? s : "";
	uint64_t from = 0, to = 0;
	enum scan low = scan_digits(&p, 10, &from), high = low;

	to = from;
	if (low != SCAN_NOT_A_NUMBER && *p == '-') {
		p++;
		high = scan_digits(&p, 10, &to);
	}
	if (low == SCAN_NOT_A_NUMBER || high == SCAN_NOT_A_NUMBER || *p)
		return err_set(err, EINVAL, "%s: '%.*s' is not a number or a range like 0-3", what,
			       SHOWN, s ? s : "");
	if (low == SCAN_TOO_LARGE || high == SCAN_TOO_LARGE || from > max || to > max)
		return out_of_range(s, 0, max, what, err);
	if (from > to)
		return err_set(err, EINVAL, "%s: the range %.*s ends before it begins", what, SHOWN,
			       s);
	*first = from;
	*last = to;
	return 0;
}

bool num_is_dec(const char *s)
{
	return *s && s[strspn(s, "0123456789")] == '\0';
}
