/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef XENSTORE_TEXT_H
#define XENSTORE_TEXT_H

#include <stddef.h>
#include "base/str.h"

/* Values are bytes; terminals and command lines want text. */

/* Append `len` bytes so that they print on one line: \t \n \r \\ by name, other bytes outside ' '
 * to '~' below 8 as three octal digits, the rest as \xHH. */
void text_quote(struct strbuf *out, const char *value, size_t len);

/* Append the bytes that `text` stands for: the way back. A backslash before anything else is
 * dropped. */
void text_unquote(struct strbuf *out, const char *text);

#endif
