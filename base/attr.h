/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BASE_ATTR_H
#define BASE_ATTR_H

/* What a declaration promises to the compiler. */

#define must_check __attribute__((warn_unused_result))
#define printf_like(fmt, args) __attribute__((format(printf, fmt, args)))

#endif
