/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The event loop. Knows descriptors, due times, deferred work and signals; does not know what they
 * are for. A turn is: wait, descriptors, timers, deferred work. Each part handles what there was
 * when it began, so that none starves the others.
 */
#include "base/ev.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include "base/file.h"
#include "base/mem.h"

#define BATCH 64

struct ev {
	int epfd;
	bool stop;
	uint64_t now_ms;

	struct epoll_event batch[BATCH];	/* of this turn; data.ptr NULL: taken out since */
	unsigned nr_batch;

	struct ev_timer **heap;			/* from 1; the earliest first */
	unsigned nr_timers, heap_slots;

	struct list deferred, running;		/* to be run; being run in this turn */

	struct list signals;
	sigset_t sigset;
	struct ev_io sig_io;			/* fd -1 until the first signal */
};

static void signals_read(struct ev_io *io, unsigned events);

struct ev *ev_new(struct err *err)
{
	struct ev *ev = calloc(1, sizeof(*ev));

	if (!ev) {
		err_set(err, ENOMEM, "event loop: no memory");
		return NULL;
	}
	ev->epfd = epoll_create1(EPOLL_CLOEXEC);
	if (ev->epfd < 0) {
		err_set(err, errno, "event loop: epoll_create1: %s", strerror(errno));
		free(ev);
		return NULL;
	}
	ev->now_ms = time_ms();
	list_init(&ev->deferred);
	list_init(&ev->running);
	list_init(&ev->signals);
	sigemptyset(&ev->sigset);
	ev->sig_io = (struct ev_io){ .fd = -1, .fn = signals_read };
	return ev;
}

void ev_free(struct ev *ev)
{
	if (!ev)
		return;
	if (ev->sig_io.fd >= 0)
		close(ev->sig_io.fd);
	close(ev->epfd);
	free(ev->heap);
	free(ev);
}

/* --- descriptors ------------------------------------------------------------------------------ */

int ev_io_add(struct ev *ev, struct ev_io *io, unsigned mask, struct err *err)
{
	struct epoll_event e = { .events = mask, .data.ptr = io };

	if (epoll_ctl(ev->epfd, EPOLL_CTL_ADD, io->fd, &e) < 0)
		return err_set(err, errno, "event loop: cannot watch descriptor %d: %s", io->fd,
			       strerror(errno));
	io->mask = mask;
	return 0;
}

void ev_io_mask(struct ev *ev, struct ev_io *io, unsigned mask)
{
	struct epoll_event e = { .events = mask, .data.ptr = io };

	if (io->mask == mask)
		return;
	/* Cannot fail for a descriptor that was added: nothing is allocated. */
	epoll_ctl(ev->epfd, EPOLL_CTL_MOD, io->fd, &e);
	io->mask = mask;
}

void ev_io_del(struct ev *ev, struct ev_io *io)
{
	epoll_ctl(ev->epfd, EPOLL_CTL_DEL, io->fd, NULL);
	for (unsigned i = 0; i < ev->nr_batch; i++)
		if (ev->batch[i].data.ptr == io)
			ev->batch[i].data.ptr = NULL;
}

static void run_batch(struct ev *ev)
{
	for (unsigned i = 0; i < ev->nr_batch; i++) {
		struct ev_io *io = ev->batch[i].data.ptr;

		if (io)
			io->fn(io, ev->batch[i].events);
	}
	ev->nr_batch = 0;
}

/* --- timers: a binary heap whose members know their place ------------------------------------- */

static void heap_put(struct ev *ev, unsigned at, struct ev_timer *timer)
{
	ev->heap[at] = timer;
	timer->index = at;
}

/* Find the place for `timer`, of which `at` is free: up while the parent is later, then down while
 * a child is earlier. */
static void heap_sift(struct ev *ev, unsigned at, struct ev_timer *timer)
{
	unsigned child;

	while (at > 1 && ev->heap[at / 2]->due_ms > timer->due_ms) {
		heap_put(ev, at, ev->heap[at / 2]);
		at /= 2;
	}
	while ((child = 2 * at) <= ev->nr_timers) {
		if (child < ev->nr_timers && ev->heap[child + 1]->due_ms < ev->heap[child]->due_ms)
			child++;
		if (ev->heap[child]->due_ms >= timer->due_ms)
			break;
		heap_put(ev, at, ev->heap[child]);
		at = child;
	}
	heap_put(ev, at, timer);
}

static int heap_reserve(struct ev *ev, unsigned nr_timers)
{
	unsigned slots = ev->heap_slots ? ev->heap_slots : 16;
	struct ev_timer **grown;

	if (nr_timers < ev->heap_slots)
		return 0;
	if (nr_timers >= UINT_MAX / 2)
		return -1;
	while (slots <= nr_timers)
		slots *= 2;
	grown = reallocarray(ev->heap, slots, sizeof(*grown));
	if (!grown)
		return -1;
	ev->heap = grown;
	ev->heap_slots = slots;
	return 0;
}

int ev_timer_reserve(struct ev *ev, unsigned nr_timers, struct err *err)
{
	if (heap_reserve(ev, nr_timers) < 0)
		return err_set(err, ENOMEM, "event loop: no memory for %u timers", nr_timers);
	return 0;
}

int ev_timer_set(struct ev *ev, struct ev_timer *timer, uint64_t due_ms)
{
	if (!timer->index) {
		if (heap_reserve(ev, ev->nr_timers + 1) < 0)
			return -1;
		timer->index = ++ev->nr_timers;
	}
	timer->due_ms = due_ms;
	heap_sift(ev, timer->index, timer);
	return 0;
}

void ev_timer_del(struct ev *ev, struct ev_timer *timer)
{
	unsigned at = timer->index;
	struct ev_timer *last;

	if (!at)
		return;
	timer->index = 0;
	last = ev->heap[ev->nr_timers--];
	if (last != timer)
		heap_sift(ev, at, last);
}

/* At most as many as there were: one that sets itself again for now waits for the next turn. */
static void run_timers(struct ev *ev)
{
	for (unsigned left = ev->nr_timers; left > 0 && ev->nr_timers > 0; left--) {
		struct ev_timer *timer = ev->heap[1];

		if (timer->due_ms > ev->now_ms)
			return;
		ev_timer_del(ev, timer);
		timer->fn(timer);
	}
}

/* --- deferred work ---------------------------------------------------------------------------- */

static bool is_queued(const struct ev_defer *defer)
{
	return defer->link.next && !list_is_empty(&defer->link);
}

void ev_defer(struct ev *ev, struct ev_defer *defer)
{
	if (!is_queued(defer))
		list_add_tail(&ev->deferred, &defer->link);
}

void ev_defer_del(struct ev *ev, struct ev_defer *defer)
{
	(void)ev;
	if (is_queued(defer))
		list_del(&defer->link);
}

static void run_deferred(struct ev *ev)
{
	list_splice_tail(&ev->running, &ev->deferred);
	while (!list_is_empty(&ev->running)) {
		struct ev_defer *defer = list_first(&ev->running, struct ev_defer, link);

		list_del(&defer->link);
		defer->fn(defer);
	}
}

/* --- signals ---------------------------------------------------------------------------------- */

static void signals_read(struct ev_io *io, unsigned events)
{
	struct ev *ev = container_of(io, struct ev, sig_io);
	struct signalfd_siginfo info;
	struct ev_signal *sig, *tmp;

	(void)events;
	/* One a turn: the descriptor stays readable while there are more. */
	if (read(io->fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return;
	list_for_each_entry_safe(sig, tmp, &ev->signals, link)
		if (sig->signo == (int)info.ssi_signo)
			sig->fn(sig);
}

int ev_signal_add(struct ev *ev, struct ev_signal *sig, struct err *err)
{
	sigset_t wanted = ev->sigset;
	int fd;

	if (sigaddset(&wanted, sig->signo) < 0)
		return err_set(err, errno, "event loop: there is no signal %d", sig->signo);
	fd = signalfd(ev->sig_io.fd, &wanted, SFD_NONBLOCK | SFD_CLOEXEC);
	if (fd < 0)
		return err_set(err, errno, "event loop: signalfd: %s", strerror(errno));
	if (ev->sig_io.fd < 0) {
		ev->sig_io.fd = fd;
		if (ev_io_add(ev, &ev->sig_io, EPOLLIN, err) < 0) {
			ev->sig_io.fd = -1;
			close(fd);
			return -1;
		}
	}
	ev->sigset = wanted;
	sigprocmask(SIG_BLOCK, &wanted, NULL);
	list_add_tail(&ev->signals, &sig->link);
	return 0;
}

/* --- the loop --------------------------------------------------------------------------------- */

static int wait_ms(const struct ev *ev, int max_wait_ms)
{
	uint64_t due, now = time_ms(), wait;

	if (!list_is_empty(&ev->deferred))
		return 0;
	if (ev->nr_timers == 0)
		return max_wait_ms;
	due = ev->heap[1]->due_ms;
	wait = due > now ? due - now : 0;
	if (max_wait_ms >= 0 && wait > (unsigned)max_wait_ms)
		return max_wait_ms;
	return wait > INT_MAX ? INT_MAX : (int)wait;
}

int ev_turn(struct ev *ev, int max_wait_ms, struct err *err)
{
	int n = epoll_wait(ev->epfd, ev->batch, BATCH, wait_ms(ev, max_wait_ms));

	if (n < 0 && errno != EINTR)
		return err_set(err, errno, "event loop: epoll_wait: %s", strerror(errno));
	ev->nr_batch = n > 0 ? (unsigned)n : 0;
	ev->now_ms = time_ms();
	run_batch(ev);
	run_timers(ev);
	run_deferred(ev);
	return 0;
}

int ev_run(struct ev *ev, struct err *err)
{
	while (!ev->stop)
		if (ev_turn(ev, -1, err) < 0)
			return -1;
	ev->stop = false;
	return 0;
}

void ev_stop(struct ev *ev)
{
	ev->stop = true;
}

uint64_t ev_now_ms(const struct ev *ev)
{
	return ev->now_ms;
}
