/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The loop of the daemon: accepts local clients, runs the turns of the world, keeps its clock,
 * obeys signals. What a turn does is dispatch's business.
 */
#include "xenstored/server.h"
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "xenstored/conn_socket.h"
#include "xenstored/dispatch.h"

#define BACKLOG 256
#define ACCEPT_AGAIN_MS 200u

/* Looking once more, see yield_core. */
#define EAGER_LOOKS 64u		/* at connections, in a row; then the others are asked for */
#define EAGER_US    100u	/* a client that takes longer gains nothing worth it */
#define CROWDED_US  2000u	/* somebody else took the core */
#define SKIP_MAX    1023u	/* turns */
#define OFF_MS	    1000u
#define OFF_MAX_MS  60000u

static void on_tick(struct ev_timer *timer);

static void schedule_tick(struct server *s)
{
	int wait = world_tick(s->world, ev_now_ms(s->ev));

	if (wait < 0)
		ev_timer_del(s->ev, &s->tick);
	else if (ev_timer_set(s->ev, &s->tick, ev_now_ms(s->ev) + (unsigned)wait) < 0)
		log_error("timer: out of memory");	/* reserved at start */
}

static void on_tick(struct ev_timer *timer)
{
	struct server *s = container_of(timer, struct server, tick);

	/* Those who waited for time to pass are looked at in a turn. */
	ev_defer(s->ev, &s->turn);
}

/*
 * Clients that share our core ask again as soon as they have run with their answers, and
 * libxenstore sends a request in two or three writes. Give them the core and look at them once more
 * before going to sleep: that saves the sleep, being woken, and asking who it was. Where it was in
 * vain for most (they have a core of their own, or nothing more to ask) it is not tried for some
 * turns; where somebody else took the core, not for some seconds, as the scheduler counts what was
 * given away as used. Each time for longer.
 */
static void yield_core(struct server *s)
{
	uint64_t before = time_ns(), now;

	sched_yield();
	now = time_ns();
	s->eager.took_us = (now - before) / 1000;
	s->eager.now_ms = now / 1000000;
}

static void judge_look(struct server *s, unsigned nr_looked)
{
	struct eager *e = &s->eager;

	if (e->took_us >= CROWDED_US) {
		bool again = e->now_ms < e->off_until_ms + 2 * e->off_ms;

		e->off_ms = again && e->off_ms < OFF_MAX_MS ? 2 * e->off_ms : OFF_MS;
		e->off_until_ms = e->now_ms + e->off_ms;
	}
	if (2 * s->world->turn.nr_came < nr_looked || e->took_us > EAGER_US)
		e->skip = e->skip < SKIP_MAX ? 2 * e->skip + 1 : SKIP_MAX;
	else
		e->skip = 0;
	e->left = e->skip;
}

static bool is_eager(struct server *s)
{
	const struct turn *t = &s->world->turn;

	if (!t->nr_recent || t->nr_recent < t->nr_came ||
	    s->world->now_ms < s->eager.off_until_ms)
		return false;
	return !(s->eager.left && s->eager.left--);
}

static void on_turn(struct ev_defer *defer)
{
	struct server *s = container_of(defer, struct server, turn);
	struct world *w = s->world;
	bool more = dispatch_turn(w, ev_now_ms(s->ev));

	for (unsigned n = 0; !more && n < EAGER_LOOKS && is_eager(s);) {
		unsigned nr_looked = w->turn.nr_recent;

		n += nr_looked;
		yield_core(s);
		more = dispatch_again(w, s->eager.now_ms);
		judge_look(s, nr_looked);
	}
	if (more)
		ev_defer(s->ev, &s->turn);
	/* Most turns leave nothing that needs the clock. */
	if (w->nr_txns || w->turn.nr_stalled || w->orphans_left || !list_is_empty(&w->turn.paused))
		schedule_tick(s);
}

static void on_wake(struct turn *t)
{
	struct world *w = container_of(t, struct world, turn);
	struct server *s = w->server;

	ev_defer(s->ev, &s->turn);
}

/* Clients */

static void set_accepting(struct server *s, bool accepting)
{
	if (s->accepting == accepting)
		return;
	s->accepting = accepting;
	ev_io_mask(s->ev, &s->listener, accepting ? EPOLLIN : 0);
}

/* A descriptor is free again. */
static void on_client_gone(void *arg)
{
	set_accepting(arg, true);
}

/* Others may have used them up: then no client of ours will tell. */
static void on_accept_again(struct ev_timer *timer)
{
	set_accepting(container_of(timer, struct server, accept_again), true);
}

struct conn *server_restore_client(struct server *s, int fd, uint32_t id, struct err *err)
{
	struct conn *c = conn_socket_new(s->ev, &s->world->turn,
					 quota_find(s->world->quota, s->world->dom0_domid), fd,
					 on_client_gone, s, err);

	if (!c) {
		close(fd);
		return NULL;
	}
	c->id = id;
	world_add_conn(s->world, c);
	return c;
}

static void add_client(struct server *s, int fd)
{
	struct err err = ERR_INIT;
	struct conn *c = server_restore_client(s, fd, 0, &err);

	if (c)
		log_debug("client %u: pid %d, uid %u", c->id, (int)c->pid, (unsigned)c->uid);
	else
		log_error("a client is refused: %s", err.msg);
}

static void on_listener(struct ev_io *io, unsigned events)
{
	struct server *s = container_of(io, struct server, listener);

	(void)events;
	for (unsigned n = 0; n < 32; n++) {
		int fd = accept4(io->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd >= 0) {
			s->wait_logged = false;
			add_client(s, fd);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			/* The others go on; this one waits in the backlog. */
			if (!s->wait_logged)
				log_warn("clients have to wait: %s", strerror(errno));
			s->wait_logged = true;
			set_accepting(s, ev_timer_set(s->ev, &s->accept_again,
						      ev_now_ms(s->ev) + ACCEPT_AGAIN_MS) < 0);
		}
		return;
	}
}

/* Signals */

static void on_stop(struct ev_signal *sig)
{
	struct server *s = sig->signo == SIGTERM ? container_of(sig, struct server, term) :
						   container_of(sig, struct server, interrupt);

	ev_stop(s->ev);
}

static void on_hup(struct ev_signal *sig)
{
	(void)sig;
	log_reopen();
}

static int watch_signals(struct server *s, struct err *err)
{
	s->term = (struct ev_signal){ .signo = SIGTERM, .fn = on_stop };
	s->interrupt = (struct ev_signal){ .signo = SIGINT, .fn = on_stop };
	s->hup = (struct ev_signal){ .signo = SIGHUP, .fn = on_hup };
	if (ev_signal_add(s->ev, &s->term, err) < 0 || ev_signal_add(s->ev, &s->interrupt, err) < 0)
		return -1;
	return ev_signal_add(s->ev, &s->hup, err);
}

int server_init(struct server *s, struct world *w, struct err *err)
{
	memset(s, 0, sizeof(*s));
	s->world = w;
	s->listener.fd = -1;
	s->turn.fn = on_turn;
	s->tick.fn = on_tick;
	s->accept_again.fn = on_accept_again;
	s->ev = ev_new(err);
	if (!s->ev || ev_timer_reserve(s->ev, 4, err) < 0 || watch_signals(s, err) < 0)
		return err_wrap(err, "starting the event loop");
	w->server = s;
	w->turn.wake = on_wake;
	return 0;
}

static int make_socket(const char *path, struct err *err)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	autoclose int fd = -1;

	if (strlen(path) >= sizeof(addr.sun_path))
		return err_set(err, ENAMETOOLONG, "%s: too long for the name of a socket", path);
	memcpy(addr.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_set(err, errno, "%s: making a socket: %s", path, strerror(errno));
	if (unlink(path) < 0 && errno != ENOENT)
		return err_set(err, errno, "%s: removing the old socket: %s", path,
			       strerror(errno));
	/* Nobody may connect between bind and chmod: the mode counts for the descriptor before
	 * bind. */
	if (fchmod(fd, 0600) < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return err_set(err, errno, "%s: binding: %s", path, strerror(errno));
	if (chmod(path, 0600) < 0 || listen(fd, BACKLOG) < 0)
		return err_set(err, errno, "%s: listening: %s", path, strerror(errno));
	return steal_fd(fd);
}

int server_listen(struct server *s, const char *path, int fd, struct err *err)
{
	s->listener.fn = on_listener;
	s->listener.fd = fd >= 0 ? fd : make_socket(path, err);
	if (s->listener.fd < 0)
		return -1;
	s->accepting = true;
	return ev_io_add(s->ev, &s->listener, EPOLLIN, err);
}

int server_run(struct server *s, struct err *err)
{
	ev_defer(s->ev, &s->turn);
	return ev_run(s->ev, err);
}

void server_free(struct server *s)
{
	world_free(s->world);
	if (s->listener.fd >= 0) {
		ev_io_del(s->ev, &s->listener);
		close(s->listener.fd);
	}
	ev_free(s->ev);
}
