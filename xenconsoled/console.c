// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Carries the bytes of one console. Knows ring, terminal, log and history; what consoles there are
 * is guests.c's business.
 */
#include "xenconsoled/console.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "base/log.h"
#include "base/mem.h"

/* The guest's grant for its first console, by agreement with the builder
 * (GNTTAB_RESERVED_CONSOLE). */
#define GRANT_CONSOLE 0
/* How long a dead guest's terminal is kept for its reader. */
#define LINGER_MS 2000
#define LINGER_STEP_MS 20

static void on_tty(struct ev_io *io, unsigned events);
static void on_listener(struct ev_io *io, unsigned events);
static void on_timer(struct ev_timer *timer);

struct console *console_new(struct consoled *d, uint32_t domid, enum console_kind kind,
			    unsigned num, struct err *err)
{
	struct console *c = calloc(1, sizeof(*c));

	if (!c) {
		err_set(err, ENOMEM, "no memory for a console of domain %u", domid);
		return NULL;
	}
	c->d = d;
	c->domid = domid;
	c->kind = kind;
	c->num = num;
	c->port = -1;
	c->tty = (struct tty)TTY_INIT;
	c->log = (struct conlog)CONLOG_INIT;
	c->io = (struct ev_io){ .fd = -1, .fn = on_tty };
	c->listener = (struct ev_io){ .fd = -1, .fn = on_listener };
	c->timer.fn = on_timer;
	history_init(&c->history, d->opt->history_limit);
	list_init(&c->link);
	return c;
}

static void drop_tty(struct console *c)
{
	if (c->io.fd >= 0)
		ev_io_del(c->d->ev, &c->io);
	if (c->listener.fd >= 0)
		ev_io_del(c->d->ev, &c->listener);
	c->io.fd = c->listener.fd = -1;
	tty_close(&c->tty);
}

void console_free(struct console *c)
{
	console_disconnect(c);
	drop_tty(c);
	ev_timer_del(c->d->ev, &c->timer);
	conlog_close(&c->log);
	history_free(&c->history);
	list_del(&c->link);
	free(c->name);
	free(c);
}

static void open_log(struct console *c)
{
	const struct consoled_options *opt = c->d->opt;
	char file[NAME_MAX + 1], suffix[32] = ".log";
	struct err err = ERR_INIT;

	if (!opt->logs_guests || !c->name || c->log.path)
		return;
	if (c->kind == CONSOLE_VUART)
		snprintf(suffix, sizeof(suffix), "-vuart%u.log", c->num);
	else if (c->kind == CONSOLE_CHANNEL)
		snprintf(suffix, sizeof(suffix), "-console%u.log", c->num);
	conlog_file_name(file, sizeof(file), "guest-", c->name, suffix);
	c->log.max = opt->log_max;
	c->log.has_timestamps = opt->stamps_guests;
	c->log.replaces_escape = opt->replaces_escape;
	if (conlog_open(&c->log, opt->log_dir, file, &err) < 0)
		log_error("domain %u: %s", c->domid, err.msg);
}

void console_set_name(struct console *c, const char *name)
{
	if (!name || (c->name && strcmp(c->name, name) == 0))
		return;
	/* A renamed guest's log goes on under the name it began with, as upstream's does. */
	free(c->name);
	c->name = strdup(name);
	open_log(c);
}

/* --- the guest's side ------------------------------------------------------------------------- */

void console_disconnect(struct console *c)
{
	if (c->port >= 0) {
		hash_del(c->d->ports, &c->port, sizeof(c->port));
		xen_unbind(c->d->xen, c->port);
	}
	c->port = -1;
	xen_unmap(c->d->xen, &c->page);
	c->ring.page = NULL;
	c->is_paced = c->is_full = false;
	ev_timer_del(c->d->ev, &c->timer);
}

static int map_ring(struct console *c, uint64_t ring_ref, struct err *err)
{
	struct err no_grant = ERR_INIT;

	switch (c->kind) {
	case CONSOLE_CHANNEL:
		if (ring_ref > UINT32_MAX)
			return err_set(err, EINVAL, "%" PRIu64 " is no grant", ring_ref);
		return xen_map_grant(c->d->xen, c->domid, (uint32_t)ring_ref, &c->page, err);
	case CONSOLE_PV:
		if (xen_map_grant(c->d->xen, c->domid, GRANT_CONSOLE, &c->page, &no_grant) == 0)
			return 0;
		break;
	case CONSOLE_VUART:
		break;
	}
	return xen_map_frame(c->d->xen, c->domid, ring_ref, &c->page, err);
}

static int bind_port(struct console *c, uint32_t port, struct err *err)
{
	int local = xen_bind(c->d->xen, c->domid, port, err);

	if (local < 0)
		return -1;
	if (hash_set(c->d->ports, &local, sizeof(local), c, NULL) < 0) {
		xen_unbind(c->d->xen, local);
		return err_set(err, ENOMEM, "no memory to remember port %d", local);
	}
	c->port = local;
	c->remote_port = port;
	return 0;
}

static int open_tty(struct console *c, const char *old_tty, const char *socket, struct err *err)
{
	struct ev_io *io = socket ? &c->listener : &c->io;

	if (c->tty.path)
		return 0;
	if ((socket ? tty_open_socket(&c->tty, socket, err) : tty_open_pty(&c->tty, old_tty, err)) <
	    0)
		return -1;
	io->fd = socket ? c->tty.listener : c->tty.fd;
	if (ev_io_add(c->d->ev, io, EPOLLIN, err) < 0) {
		io->fd = -1;
		tty_close(&c->tty);
		return -1;
	}
	return 0;
}

int console_connect(struct console *c, uint64_t ring_ref, uint32_t port, const char *old_tty,
		    const char *socket, struct err *err)
{
	if (c->port >= 0 && ring_ref == c->ring_ref && port == c->remote_port)
		return 0;
	console_disconnect(c);
	if (open_tty(c, old_tty, socket, err) < 0 || map_ring(c, ring_ref, err) < 0)
		return -1;
	c->ring_ref = ring_ref;
	ring_attach(&c->ring, c->page.addr);
	if (bind_port(c, port, err) < 0) {
		console_disconnect(c);
		return -1;
	}
	/* What was printed before anybody listened. */
	console_event(c);
	return 0;
}

/* --- moving bytes ----------------------------------------------------------------------------- */

static void lose_client(struct console *c)
{
	/* A terminal cannot be lost while its own end is held; a socket's client may come again. */
	if (c->io.fd < 0 || c->tty.listener < 0)
		return;
	ev_io_del(c->d->ev, &c->io);
	c->io.fd = -1;
	c->is_tty_full = false;
	tty_hang_up(&c->tty);
}

static void to_tty(struct console *c)
{
	const char *data;
	size_t len;
	ssize_t n;

	while (c->tty.fd >= 0 && !c->is_tty_full && (data = history_next(&c->history, &len))) {
		n = tty_write(&c->tty, data, len);
		if (n < 0)
			lose_client(c);
		c->is_tty_full = n == 0;
		if (n <= 0)
			return;
		history_sent(&c->history, (size_t)n);
	}
}

/* Wait for what there is reason to wait for. */
static void update_masks(struct console *c)
{
	unsigned mask = 0;
	size_t len;

	if (c->io.fd < 0)
		return;
	if (c->port >= 0 && ring_room(&c->ring) > 0)
		mask |= EPOLLIN;
	if (history_next(&c->history, &len))
		mask |= EPOLLOUT;
	ev_io_mask(c->d->ev, &c->io, mask);
}

/* All the guest has printed, at most twice what a ring holds, or it could keep us here. How much it
 * was. */
static size_t from_guest(struct console *c)
{
	char buf[2 * RING_OUT_SIZE];
	size_t len = 0;
	int n = 0;

	c->is_full = c->d->opt->keeps_overflow && history_room(&c->history) < sizeof(buf);
	while (!c->is_full && len <= RING_OUT_SIZE &&
	       (n = ring_take(&c->ring, buf + len, RING_OUT_SIZE)) > 0)
		len += (size_t)n;
	if (n < 0) {
		if (!c->was_wrong)
			log_warn("domain %u: its console's indices are wrong; what they cover is "
				 "dropped",
				 c->domid);
		c->was_wrong = true;
		ring_attach(&c->ring, c->page.addr);
	}
	if (len == 0)
		return 0;
	/* Before the log is written: the guest can go on meanwhile. */
	xen_notify(c->d->xen, c->port);
	conlog_write(&c->log, buf, len);
	history_add(&c->history, buf, len);
	return len;
}

/* What there is goes on its way; how much. */
static size_t serve(struct console *c)
{
	size_t len = from_guest(c);

	to_tty(c);
	update_masks(c);
	return len;
}

/* The port stays masked while the clock looks after the ring, and while the terminal has to be read
 * first. */
static void serve_event(struct console *c)
{
	serve(c);
	if (!c->is_full && !c->is_paced)
		xen_unmask(c->d->xen, c->port);
}

void console_event(struct console *c)
{
	uint64_t now = ev_now_ms(c->d->ev);

	if (now >= c->period_end_ms) {
		c->period_end_ms = now + CONSOLE_PERIOD_MS;
		c->nr_events = 0;
	}
	if (++c->nr_events > CONSOLE_EVENTS &&
	    ev_timer_set(c->d->ev, &c->timer, now + CONSOLE_PACE_MS) == 0) {
		c->is_paced = true;
		c->pace_ms = CONSOLE_PACE_MS;
	}
	serve_event(c);
}

/* Nothing came since the last look: the guest's events are waited for again. A byte that comes now
 * finds the port unmasked or pending. */
static void on_pace(struct console *c)
{
	size_t len = serve(c);

	/* A guest that goes on as it did does not fill its ring in twice the time. */
	if (len >= RING_OUT_SIZE / 2)
		c->pace_ms = CONSOLE_PACE_MS;
	else if (c->pace_ms < CONSOLE_PACE_MAX_MS)
		c->pace_ms *= 2;
	c->is_paced = len > 0 && !c->is_full &&
		      ev_timer_set(c->d->ev, &c->timer, ev_now_ms(c->d->ev) + c->pace_ms) == 0;
	if (!c->is_paced && !c->is_full)
		xen_unmask(c->d->xen, c->port);
}

static void on_listener(struct ev_io *io, unsigned events)
{
	struct console *c = container_of(io, struct console, listener);
	bool had_client = c->tty.fd >= 0;
	struct err err = ERR_INIT;

	tty_accept(&c->tty);
	if (had_client || c->tty.fd < 0)
		return;
	c->io.fd = c->tty.fd;
	if (ev_io_add(c->d->ev, &c->io, EPOLLIN, &err) < 0) {
		log_error("%s: %s", c->tty.path, err.msg);
		c->io.fd = -1;
		tty_hang_up(&c->tty);
		return;
	}
	to_tty(c);
	update_masks(c);
}

static void to_guest(struct console *c)
{
	char buf[RING_IN_SIZE];
	size_t room = c->port >= 0 ? ring_room(&c->ring) : 0;
	ssize_t n;

	if (room == 0)
		return;
	n = tty_read(&c->tty, buf, room < sizeof(buf) ? room : sizeof(buf));
	if (n < 0)
		lose_client(c);
	if (n <= 0)
		return;
	/* A guest that takes back room it has shown loses what does not fit any more. */
	ring_put(&c->ring, buf, (size_t)n);
	xen_notify(c->d->xen, c->port);
}

static void on_tty(struct ev_io *io, unsigned events)
{
	struct console *c = container_of(io, struct console, io);

	if (events & EPOLLOUT) {
		c->is_tty_full = false;
		to_tty(c);
	}
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
		if (c->tty.listener >= 0 && (events & (EPOLLHUP | EPOLLERR)) && !(events & EPOLLIN))
			lose_client(c);
		else
			to_guest(c);
	}
	if (c->is_full && c->port >= 0)
		serve_event(c);
	else
		update_masks(c);
}

/* --- the end ---------------------------------------------------------------------------------- */

static void keep_tail(const struct console *c)
{
	struct err err = ERR_INIT;
	const char *data[2];
	size_t len[2];

	if (c->kind != CONSOLE_PV || !c->name || c->history.len == 0)
		return;
	history_pieces(&c->history, data, len);
	if (conlog_keep_tail(c->d->opt->tail_dir, c->name, data, len, &err) < 0)
		log_warn("last output of '%s': %s", c->name, err.msg);
}

static void linger(struct console *c)
{
	uint64_t now = ev_now_ms(c->d->ev);

	c->is_tty_full = false;	/* nobody waits for the descriptor any more */
	to_tty(c);
	if (now >= c->linger_end_ms || c->tty.fd < 0 ||
	    (c->history.unsent == 0 && tty_is_drained(&c->tty)) ||
	    ev_timer_set(c->d->ev, &c->timer, now + LINGER_STEP_MS) < 0)
		console_free(c);
}

void console_end(struct console *c)
{
	if (c->ring.page)
		from_guest(c);
	keep_tail(c);
	console_disconnect(c);
	conlog_close(&c->log);
	if (c->io.fd >= 0)
		ev_io_mask(c->d->ev, &c->io, 0);
	c->is_ended = true;
	c->linger_end_ms = ev_now_ms(c->d->ev) + LINGER_MS;
	list_del(&c->link);
	list_add_tail(&c->d->lingering, &c->link);
	linger(c);
}

static void on_timer(struct ev_timer *timer)
{
	struct console *c = container_of(timer, struct console, timer);

	if (c->is_ended) {
		linger(c);
		return;
	}
	if (c->port >= 0)
		on_pace(c);
}
