/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef XL_CONSOLE_H
#define XL_CONSOLE_H

#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"
#include "libvmm/libvmm.h"

struct xl;
struct xl_console;

#define XL_CONSOLE_ESCAPE 0x1d	/* ^] */

struct xl_console_options {
	enum vmm_console_type type;
	unsigned num;
	unsigned char escape;
};

/* Waits for the console's terminal and takes the lock that keeps a second client away. */
int xl_console_open(struct xl *xl, uint32_t domid, const struct xl_console_options *options,
		    struct xl_console **out, struct err *err) must_check;
/* Carries bytes until the escape character, the end of the console or, where output is a pipe, the
 * end of its reader. The end of input that is no terminal does not end it: the answer may still
 * come. */
int xl_console_run(struct xl_console *c, struct err *err) must_check;
/* It was the other side that ended it: the domain or xenconsoled is gone. */
bool xl_console_is_cut(const struct xl_console *c);
void xl_console_close(struct xl_console *c);	/* NULL is fine */

#endif
