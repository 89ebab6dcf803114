/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BASE_EV_H
#define BASE_EV_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include "base/err.h"
#include "base/list.h"

/*
 * The event loop of the daemons: level-triggered epoll, timers on the monotonic clock, signals by
 * signalfd, deferred work. Events are members of what owns them, so adding a timer or deferred work
 * cannot fail.
 *
 * Removal: after ev_io_del, ev_timer_del or ev_defer_del the callback does not run again, even when
 * its event was already collected in the batch in flight; the memory is the owner's from that
 * moment.
 */

struct ev;

struct ev_io {
	int fd;
	void (*fn)(struct ev_io *io,
		   unsigned events); /* EPOLLIN | EPOLLOUT | EPOLLHUP | EPOLLERR */
	/* private */
	unsigned mask;
};

struct ev_timer {
	void (*fn)(struct ev_timer *timer);
	/* private */
	uint64_t due_ms;
	unsigned index;		/* in the heap, from 1; 0 when not set */
};

struct ev_defer {
	void (*fn)(struct ev_defer *defer);
	/* private; zeroed memory is a defer that is not queued */
	struct list link;
};

struct ev_signal {
	int signo;
	void (*fn)(struct ev_signal *sig);
	struct list link;	/* private */
};

struct ev *ev_new(struct err *err);
void ev_free(struct ev *ev);

int ev_io_add(struct ev *ev, struct ev_io *io, unsigned mask, struct err *err) must_check;
void ev_io_mask(struct ev *ev, struct ev_io *io, unsigned mask); /* no system call when unchanged */
void ev_io_del(struct ev *ev, struct ev_io *io);

/* At most one due time a timer; setting it again moves it. -1: no memory for the heap (it grows
 * ahead, by ev_timer_reserve, so that a daemon meets this where it can refuse). */
int ev_timer_reserve(struct ev *ev, unsigned nr_timers, struct err *err) must_check;
int ev_timer_set(struct ev *ev, struct ev_timer *timer, uint64_t due_ms) must_check;
void ev_timer_del(struct ev *ev, struct ev_timer *timer);

/* Runs once, before the loop next sleeps; may queue itself again (then the loop polls without
 * sleeping first, so no one starves). */
void ev_defer(struct ev *ev, struct ev_defer *defer);
void ev_defer_del(struct ev *ev, struct ev_defer *defer);

/* Blocks the signal for the process and delivers it in the loop. */
int ev_signal_add(struct ev *ev, struct ev_signal *sig, struct err *err) must_check;

/* One turn: wait for something (at most max_wait_ms, -1 without limit) and handle it. */
int ev_turn(struct ev *ev, int max_wait_ms, struct err *err) must_check;
/* Turns until ev_stop. */
int ev_run(struct ev *ev, struct err *err) must_check;
void ev_stop(struct ev *ev);
uint64_t ev_now_ms(const struct ev *ev);	/* of this turn */

#endif
