/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef XENCONSOLED_HVLOG_H
#define XENCONSOLED_HVLOG_H

#include "xenconsoled/conlog.h"
#include "xenconsoled/consoled.h"

/* The hypervisor's own console, into hypervisor.log. */

struct hvlog {
	struct consoled *d;
	struct conlog log;
	uint32_t index;		/* in the console ring */
	int port;		/* -1: none */
};
#define HVLOG_INIT { .log = CONLOG_INIT, .port = -1 }

int hvlog_open(struct hvlog *h, struct consoled *d, struct err *err) must_check;
void hvlog_close(struct hvlog *h);
void hvlog_event(struct hvlog *h);	/* there is more */

#endif
