/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef XENCONSOLED_CONSOLED_H
#define XENCONSOLED_CONSOLED_H

#include <stdbool.h>
#include <stdint.h>
#include "base/ev.h"
#include "base/hash.h"
#include "base/list.h"
#include "xenconsoled/xen.h"

/* What the parts of the daemon share. */

struct consoled_options {
	bool logs_guests, logs_hv, stamps_guests, stamps_hv, replaces_escape;
	bool keeps_overflow; /* a guest waits for its terminal, instead of losing the oldest
			      * output */
	const char *log_dir, *tail_dir;
	uint64_t log_max;		/* bytes a log file; 0: without bound */
	size_t history_limit;
};

struct consoled {
	struct ev *ev;
	struct xen *xen;
	const struct consoled_options *opt;
	struct hash *ports;		/* ours -> struct console */
	struct list lingering;		/* consoles of dead guests whose terminals are being read */
};

#endif
