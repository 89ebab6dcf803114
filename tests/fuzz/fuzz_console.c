// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Fuzzing a guest's console page. The input is a row of pieces: where in the page, how many bytes,
 * the bytes; after each xenconsoled serves an event, or looks by the clock. So indices and text
 * change in every order, as a hostile guest would have it. Terminal, log and history are the real
 * ones; Xen is the functions below.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/log.h"
#include "xenconsoled/console.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HISTORY 8192

/* What lies behind the page belongs to others: a read or write there is seen. */
static struct {
	char before[64];
	struct ring_page page;
	char after[64];
} shared;

static int next_port = 1;

int xen_bind(struct xen *x, uint32_t domid, uint32_t remote_port, struct err *err)
{
	return next_port++;
}

void xen_unbind(struct xen *x, int port)
{
}

void xen_unmask(struct xen *x, int port)
{
}

void xen_notify(struct xen *x, int port)
{
}

int xen_map_grant(struct xen *x, uint32_t domid, uint32_t ref, struct xen_page *out,
		  struct err *err)
{
	*out = (struct xen_page){ XEN_PAGE_GRANT, &shared.page };
	return 0;
}

int xen_map_frame(struct xen *x, uint32_t domid, uint64_t gfn, struct xen_page *out,
		  struct err *err)
{
	return err_set(err, ENODEV, "no frames here");
}

void xen_unmap(struct xen *x, struct xen_page *page)
{
	*page = (struct xen_page){ XEN_PAGE_NONE, NULL };
}

static void check(const struct console *c)
{
	const char *data[2];
	size_t len[2];

	history_pieces(&c->history, data, len);
	if (len[0] + len[1] != c->history.len || c->history.len > HISTORY ||
	    c->history.unsent > c->history.len)
		abort();
	for (size_t i = 0; i < sizeof(shared.before); i++)
		if (shared.before[i] || shared.after[i])
			abort();
}

static struct console *connect_console(struct consoled *d)
{
	struct err err = ERR_INIT;
	struct console *c = console_new(d, 7, CONSOLE_PV, 0, &err);

	if (!c || console_connect(c, 0, 3, NULL, NULL, &err) < 0)
		abort();
	c->log.fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	c->log.has_timestamps = c->log.replaces_escape = true;
	return c;
}

/* A person who reads at times and types at others. */
static void use_terminal(struct console *c, uint8_t what)
{
	char buf[4096];

	if (what & 1)
		(void)!read(c->tty.slave, buf, sizeof(buf));
	if (what & 2)
		(void)!write(c->tty.slave, buf, what);
	if (what & 3)
		c->io.fn(&c->io, EPOLLIN | EPOLLOUT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct consoled_options opt = { .history_limit = HISTORY };
	struct consoled d = { .opt = &opt, .ports = hash_new() };
	struct err err = ERR_INIT;
	struct console *c;

	log_set_level(LOG_LEVEL_ERROR);
	list_init(&d.lingering);
	memset(&shared, 0, sizeof(shared));
	d.ev = ev_new(&err);
	if (!d.ev || !d.ports || ev_timer_reserve(d.ev, 4, &err) < 0)
		abort();
	opt.keeps_overflow = size > 0 && data[0] & 1;
	c = connect_console(&d);
	while (size >= 4) {
		size_t at = (data[0] | (size_t)data[1] << 8) % sizeof(shared.page), len = data[2];
		uint8_t what = data[3];

		data += 4;
		size -= 4;
		if (len > size)
			len = size;
		if (len > sizeof(shared.page) - at)
			len = sizeof(shared.page) - at;
		memcpy((char *)&shared.page + at, data, len);
		data += len;
		size -= len;
		if (what & 4)
			c->timer.fn(&c->timer);
		else
			console_event(c);
		use_terminal(c, what);
		check(c);
	}
	console_free(c);
	ev_free(d.ev);
	hash_free(d.ports);
	return 0;
}
