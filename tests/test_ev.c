/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* base/ev: what runs, when, in what order, and what no longer runs. */
#include "base/ev.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>
#include "base/file.h"
#include "tests/fault.h"
#include "tests/test.h"

static struct err err;
static struct ev *ev;

static void turn(int max_wait_ms)
{
	ck_ok(ev_turn(ev, max_wait_ms, &err), &err);
}

/* A pipe whose read end is watched. */
struct source {
	struct ev_io io;
	int wr;
	unsigned calls, events;
	struct source *kill;	/* taken out by the callback */
};

static void source_ready(struct ev_io *io, unsigned events)
{
	struct source *s = container_of(io, struct source, io);
	char byte;

	s->calls++;
	s->events = events;
	if (events & EPOLLIN)
		ck_assert_int_eq(read(io->fd, &byte, 1), 1);
	if (s->kill) {
		ev_io_del(ev, &s->kill->io);
		close(s->kill->io.fd);
		close(s->kill->wr);
		memset(s->kill, 0xee, sizeof(*s->kill));
		s->kill = NULL;
	}
}

static void source_open(struct source *s)
{
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	*s = (struct source){ .io = { .fd = fds[0], .fn = source_ready }, .wr = fds[1] };
	ck_ok(ev_io_add(ev, &s->io, EPOLLIN, &err), &err);
}

static void source_poke(struct source *s)
{
	ck_assert_int_eq(write(s->wr, "x", 1), 1);
}

static void source_close(struct source *s)
{
	ev_io_del(ev, &s->io);
	close(s->io.fd);
	close(s->wr);
}

START_TEST(descriptors)
{
	struct source s;
	struct ev_io bad = { .fd = -1, .fn = source_ready };

	ev = ev_new(&err);
	source_open(&s);
	turn(0);
	ck_assert_uint_eq(s.calls, 0);
	source_poke(&s);
	source_poke(&s);
	turn(-1);
	ck_assert_uint_eq(s.calls, 1);
	turn(-1);	/* level-triggered: the second byte */
	ck_assert_uint_eq(s.calls, 2);
	source_poke(&s);
	ev_io_mask(ev, &s.io, 0);
	turn(0);
	ck_assert_uint_eq(s.calls, 2);
	ev_io_mask(ev, &s.io, EPOLLIN);
	turn(-1);
	ck_assert_uint_eq(s.calls, 3);
	close(s.wr);
	turn(-1);
	ck_assert_uint_eq(s.events, EPOLLHUP);
	s.wr = dup(s.io.fd);
	source_close(&s);
	ck_fails(ev_io_add(ev, &bad, EPOLLIN, &err), &err, EBADF, "cannot watch descriptor -1");
	ev_free(ev);
}
END_TEST

/* Each of two ready sources takes out the other: one callback runs, the memory of the other is not
 * touched. */
START_TEST(taken_out_in_the_same_batch)
{
	struct source *a = xmalloc(sizeof(*a)), *b = xmalloc(sizeof(*b)), *left;

	ev = ev_new(&err);
	source_open(a);
	source_open(b);
	a->kill = b;
	b->kill = a;
	source_poke(a);
	source_poke(b);
	turn(-1);
	left = a->io.fn == source_ready ? a : b;
	ck_assert_uint_eq(left->calls, 1);
	ck_assert_ptr_null(left->kill);
	source_close(left);
	free(a);
	free(b);
	ev_free(ev);
}
END_TEST

static unsigned order[64], nr_ran;

struct numbered {
	struct ev_timer timer;
	unsigned n;
	bool again;
};

static void numbered_run(struct ev_timer *timer)
{
	struct numbered *t = container_of(timer, struct numbered, timer);

	ck_assert_uint_lt(nr_ran, array_size(order));
	order[nr_ran++] = t->n;
	if (t->again)
		ck_assert_int_eq(ev_timer_set(ev, timer, ev_now_ms(ev)), 0);
}

START_TEST(timers_run_in_order)
{
	struct numbered t[40];
	uint64_t now;

	ev = ev_new(&err);
	now = ev_now_ms(ev);
	for (unsigned i = 0; i < 40; i++) {
		t[i] = (struct numbered){ .timer.fn = numbered_run, .n = i };
		ck_assert_int_eq(ev_timer_set(ev, &t[i].timer, now + 100000), 0);
	}
	/* Moved to a scrambled order, all of it past; every fourth taken out. */
	for (unsigned i = 0; i < 40; i++)
		ck_assert_int_eq(ev_timer_set(ev, &t[i * 7 % 40].timer, now - 40 + i * 7 % 40), 0);
	for (unsigned i = 0; i < 40; i += 4)
		ev_timer_del(ev, &t[i].timer);
	ev_timer_del(ev, &t[0].timer);
	turn(-1);
	ck_assert_uint_eq(nr_ran, 30);
	for (unsigned i = 1; i < nr_ran; i++)
		ck_assert_uint_gt(order[i], order[i - 1]);
	ev_free(ev);
}
END_TEST

START_TEST(a_timer_is_not_early)
{
	struct numbered t = { .timer.fn = numbered_run };
	uint64_t start = time_ms();

	ev = ev_new(&err);
	ck_assert_int_eq(ev_timer_set(ev, &t.timer, start + 30), 0);
	while (nr_ran == 0)
		turn(-1);
	ck_assert_uint_ge(time_ms(), start + 30);
	ev_free(ev);
}
END_TEST

START_TEST(a_timer_that_sets_itself_does_not_starve)
{
	struct numbered t = { .timer.fn = numbered_run, .again = true };
	struct source s;

	ev = ev_new(&err);
	source_open(&s);
	ck_assert_int_eq(ev_timer_set(ev, &t.timer, 0), 0);
	turn(-1);
	source_poke(&s);
	turn(-1);
	ck_assert_uint_eq(nr_ran, 2);
	ck_assert_uint_eq(s.calls, 1);
	source_close(&s);
	ev_free(ev);
}
END_TEST

struct work {
	struct ev_defer defer;
	unsigned calls;
	bool again;
	struct work *cancel;
};

static void work_run(struct ev_defer *defer)
{
	struct work *w = container_of(defer, struct work, defer);

	w->calls++;
	if (w->again)
		ev_defer(ev, defer);
	if (w->cancel)
		ev_defer_del(ev, &w->cancel->defer);
}

START_TEST(deferred_work)
{
	struct work w = { .defer.fn = work_run }, other = { .defer.fn = work_run };

	ev = ev_new(&err);
	ev_defer_del(ev, &w.defer);	/* not queued: nothing happens */
	ev_defer(ev, &w.defer);
	ev_defer(ev, &w.defer);
	turn(-1);			/* does not sleep, though nothing else will come */
	ck_assert_uint_eq(w.calls, 1);
	turn(0);
	ck_assert_uint_eq(w.calls, 1);

	w.again = true;
	w.cancel = &other;
	ev_defer(ev, &w.defer);
	ev_defer(ev, &other.defer);
	turn(-1);
	turn(-1);
	ck_assert_uint_eq(w.calls, 3);	/* once a turn, however often it asks */
	ck_assert_uint_eq(other.calls, 0);
	ev_defer_del(ev, &w.defer);
	turn(0);
	ck_assert_uint_eq(w.calls, 3);
	ev_free(ev);
}
END_TEST

static unsigned nr_usr1, nr_term;

static void on_usr1(struct ev_signal *sig)
{
	(void)sig;
	nr_usr1++;
}

static void on_term(struct ev_signal *sig)
{
	(void)sig;
	nr_term++;
	ev_stop(ev);
}

START_TEST(signals_and_stop)
{
	struct ev_signal usr1 = { .signo = SIGUSR1, .fn = on_usr1 };
	struct ev_signal term = { .signo = SIGTERM, .fn = on_term };
	struct ev_signal bad = { .signo = 1000, .fn = on_term };

	ev = ev_new(&err);
	ck_ok(ev_signal_add(ev, &usr1, &err), &err);
	ck_ok(ev_signal_add(ev, &term, &err), &err);
	ck_fails(ev_signal_add(ev, &bad, &err), &err, EINVAL, "there is no signal 1000");
	raise(SIGUSR1);
	turn(-1);
	ck_assert_uint_eq(nr_usr1, 1);
	raise(SIGTERM);
	ck_ok(ev_run(ev, &err), &err);
	ck_assert_uint_eq(nr_term, 1);
	ck_assert_uint_eq(nr_usr1, 1);
	ev_free(ev);
}
END_TEST

START_TEST(without_memory_it_says_so)
{
	struct numbered t[20] = { { .n = 0 } };
	int reserved, set = 0;
	struct ev *none;

	fault_arm(1, FAULT_TRANSIENT);
	none = ev_new(&err);
	fault_disarm();
	ck_assert_ptr_null(none);
	ck_assert_int_eq(err.code, ENOMEM);

	ev = ev_new(&err);
	fault_arm(1, FAULT_STICKY);
	reserved = ev_timer_reserve(ev, 20, &err);
	fault_disarm();
	ck_assert_int_eq(reserved, -1);
	ck_ok(ev_timer_reserve(ev, 20, &err), &err);
	/* What was reserved is there. */
	fault_arm(1, FAULT_STICKY);
	for (unsigned i = 0; i < 20; i++)
		set += ev_timer_set(ev, &t[i].timer, 1) == 0;
	fault_disarm();
	ck_assert_int_eq(set, 20);
	ev_free(ev);
}
END_TEST

TEST_MAIN("ev", descriptors, taken_out_in_the_same_batch, timers_run_in_order, a_timer_is_not_early,
	  a_timer_that_sets_itself_does_not_starve, deferred_work, signals_and_stop,
	  without_memory_it_says_so)
