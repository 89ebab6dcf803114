/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef XENCONSOLED_CONSOLE_H
#define XENCONSOLED_CONSOLE_H

#include "xenconsoled/conlog.h"
#include "xenconsoled/consoled.h"
#include "xenconsoled/history.h"
#include "xenconsoled/ring.h"
#include "xenconsoled/tty.h"

/*
 * One console: a ring that a guest writes, a terminal or socket that a person reads, a log, and the
 * last of what was printed. A guest cannot make it hold more memory than its history, nor use more
 * time than its share of events.
 */

enum console_kind { CONSOLE_PV, CONSOLE_VUART, CONSOLE_CHANNEL };

struct console {
	struct list link;		/* among its guest's, or lingering */
	struct consoled *d;
	uint32_t domid;
	enum console_kind kind;
	unsigned num;
	char *name;			/* the guest's; NULL until known */
	/* the guest's side */
	struct xen_page page;
	struct ring ring;
	uint64_t ring_ref;		/* as the store says */
	uint32_t remote_port;
	int port;			/* ours; -1: not connected */
	/* the person's side */
	struct tty tty;
	struct ev_io io, listener;
	struct history history;
	struct conlog log;
	/* fairness */
	struct ev_timer timer;		/* the end of a pause, or of lingering */
	uint64_t period_end_ms, linger_end_ms;
	unsigned nr_events, pace_ms;
	bool is_paced, is_full, is_ended, was_wrong;
	bool is_tty_full;		/* its descriptor tells when there is room again */
};

/*
 * A console whose guest says so more often than CONSOLE_EVENTS times in a period is looked at by
 * the clock instead, until there is nothing: its ring has filled meanwhile, so that each look takes
 * much. The pace is upstream's bound, 30 events in 200 ms; while a look finds the ring less than
 * half full it is slower, down to a pause that a person at the terminal does not notice.
 */
#define CONSOLE_EVENTS 8
#define CONSOLE_PERIOD_MS 200
#define CONSOLE_PACE_MS 7
#define CONSOLE_PACE_MAX_MS 28

struct console *console_new(struct consoled *d, uint32_t domid, enum console_kind kind,
			    unsigned num, struct err *err);
void console_free(struct console *c);
void console_set_name(struct console *c, const char *name);

/* Map the ring, bind the port and open the terminal, as far as that is not done. old_tty: the
 * terminal it had under a daemon before this one; socket: a path, instead of a terminal (either may
 * be NULL). */
int console_connect(struct console *c, uint64_t ring_ref, uint32_t port, const char *old_tty,
		    const char *socket, struct err *err) must_check;
/* The guest's side goes; the terminal stays. */
void console_disconnect(struct console *c);
/* The port was kicked. */
void console_event(struct console *c);
/* The guest is gone: its last words are taken and kept, and the console frees itself when its
 * terminal was read. */
void console_end(struct console *c);

#endif
