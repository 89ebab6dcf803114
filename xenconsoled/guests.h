/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef XENCONSOLED_GUESTS_H
#define XENCONSOLED_GUESTS_H

#include "xenconsoled/console.h"
#include "xenconsoled/query.h"

/* Which guests there are, and which consoles they have, as the store and the hypervisor tell. */

struct guests {
	struct consoled *d;
	struct store_link store;
	struct list list;		/* of struct guest, by domid */
	struct ev_io events;		/* event channels */
	int hv_port;			/* of the hypervisor's log, not ours; -1 */
	void (*on_hv)(struct guests *g);
};

/* Looks for running guests and connects their consoles. */
int guests_init(struct guests *g, struct consoled *d, struct err *err) must_check;
void guests_free(struct guests *g);
void guests_reopen_logs(struct guests *g);

#endif
