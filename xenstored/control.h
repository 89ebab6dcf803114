/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef XENSTORED_CONTROL_H
#define XENSTORED_CONTROL_H

#include "xenstored/ops.h"

/* CONTROL (xenstore-control): a table of subcommands. Others (live-update) are added by who owns
 * them. */

struct control_command {
	const char *name;
	const char *args;	/* for help */
	int min, max;		/* arguments behind the name; max -1: any number */
	/* Writes its text to reply (NUL-terminated by the caller). */
	op_fn *run;
};

void control_register(const struct control_command *c);	/* static storage; at start */
op_fn op_control;

#endif
