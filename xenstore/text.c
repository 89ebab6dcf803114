// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * How xenstore-read, -ls and -write show bytes as text and read text as bytes. Pure. The form is
 * stock's, because scripts parse it; it knows nothing of nodes.
 */
#include "xenstore/text.h"

#include <string.h>

#include "base/num.h"

void text_quote(struct strbuf *out, const char *value, size_t len)
{
	static const char names[] = "\tt\nn\rr\\\\";

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)value[i];
		const char *name = c ? strchr(names, c) : NULL;

		if (c >= ' ' && c <= '~' && c != '\\')
			strbuf_addc(out, (char)c);
		else if (name)
			strbuf_printf(out, "\\%c", name[1]);
		else
			strbuf_printf(out, c < 8 ? "\\%03o" : "\\x%02x", c);
	}
}

/* At most `most` digits of `base`; without any, `otherwise`. */
static const char *take_number(const char *p, int base, int most, int otherwise, char *out)
{
	int n, v = 0;

	for (n = 0; n < most && num_digit(*p) < base; n++)
		v = v * base + num_digit(*p++);
	*out = (char)(n ? v : otherwise);
	return p;
}

/* What stands behind a backslash; a backslash at the very end stands for a NUL. */
static const char *take_escape(const char *p, char *out)
{
	switch (*p) {
	case 't':
		*out = '\t';
		return p + 1;
	case 'n':
		*out = '\n';
		return p + 1;
	case 'r':
		*out = '\r';
		return p + 1;
	case 'x':
		return take_number(p + 1, 16, 2, 'x', out);
	case '\0':
		*out = '\0';
		return p;
	default:
		if (num_digit(*p) < 8)
			return take_number(p, 8, 3, 0, out);
		*out = *p;
		return p + 1;
	}
}

void text_unquote(struct strbuf *out, const char *p)
{
	while (*p) {
		char c = *p++;

		if (c == '\\')
			p = take_escape(p, &c);
		strbuf_addn(out, &c, 1);
	}
}
