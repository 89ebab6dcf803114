// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Guests and their consoles. Knows the store's nodes (console, vuart, the channels' handshake);
 * bytes are console.c's. What a guest can write in the store (a channel's frontend) is taken as a
 * wish and checked where it is used.
 */
#include "xenconsoled/guests.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "base/log.h"
#include "base/num.h"

#define OWN_DOMID 0		/* where this runs: the toolstack domain */
#define BACKENDS "/local/domain/0/backend/console"
#define PATH_LEN 128

enum xenbus_state {
	STATE_INITIALISING = 1,
	STATE_INIT_WAIT,
	STATE_INITIALISED,
	STATE_CONNECTED,
	STATE_CLOSING,
	STATE_CLOSED
};

struct guest;

/* A place in the store where a console may be. */
struct place {
	struct list link;
	struct guest *guest;
	struct guests *g;
	struct console *console;	/* NULL: none now */
	enum console_kind kind;
	unsigned num;
	bool is_asked, is_stale;	/* a query is under way; and it will be too old */
	bool is_refused;		/* the last try failed, and it was said */
	char path[PATH_LEN];		/* the frontend */
};

struct guest {
	struct list link;
	struct guests *g;
	uint32_t domid;
	bool is_seen;
	struct list places;
};

/* --- requests --------------------------------------------------------------------------------- */

static void ask(struct place *p);

static void write_node(struct guests *g, const char *path, const char *value)
{
	struct query *q = query_new(&g->store, NULL, NULL);

	if (!q)
		return;
	query_add_tail(&g->store, q, XS_WRITE, path, value, strlen(value));
	query_send(&g->store, q);
}

static void watch(struct guests *g, enum xs_type type, const char *path, const char *token)
{
	struct query *q = query_new(&g->store, NULL, NULL);

	if (!q)
		return;
	query_add_tail(&g->store, q, type, path, token, strlen(token) + 1);
	query_send(&g->store, q);
}

/* One watch a place; the token says which. */
static void watch_place(struct place *p, enum xs_type type)
{
	char token[32];

	snprintf(token, sizeof(token), "%u/%u/%u", p->guest->domid, (unsigned)p->kind, p->num);
	watch(p->g, type, p->path, token);
}

/* --- places ----------------------------------------------------------------------------------- */

static struct place *find_place(struct guest *guest, enum console_kind kind, unsigned num)
{
	struct place *p;

	list_for_each_entry(p, &guest->places, link)
		if (p->kind == kind && p->num == num)
			return p;
	return NULL;
}

static struct place *add_place(struct guest *guest, enum console_kind kind, unsigned num)
{
	struct place *p = calloc(1, sizeof(*p));

	if (!p) {
		log_error("domain %u: no memory for its console", guest->domid);
		return NULL;
	}
	p->guest = guest;
	p->g = guest->g;
	p->kind = kind;
	p->num = num;
	if (kind == CONSOLE_CHANNEL)
		snprintf(p->path, sizeof(p->path), "/local/domain/%u/device/console/%u",
			 guest->domid, num);
	else
		snprintf(p->path, sizeof(p->path), "/local/domain/%u/%s", guest->domid,
			 kind == CONSOLE_PV ? "console" : "vuart/0");
	list_add_tail(&guest->places, &p->link);
	watch_place(p, XS_WATCH);
	return p;
}

static void free_place(struct place *p, bool has_ended)
{
	query_forget(&p->g->store, p);
	if (p->console && has_ended)
		console_end(p->console);
	else if (p->console)
		console_free(p->console);
	list_del(&p->link);
	free(p);
}

/* A channel the toolstack has taken away. */
static void remove_place(struct place *p)
{
	watch_place(p, XS_UNWATCH);
	free_place(p, false);
}

/* --- what the store says of one place --------------------------------------------------------- */

enum value {
	V_RING_REF,
	V_PORT,
	V_TYPE,
	V_TTY,
	V_NAME,
	V_FRONT_STATE,
	V_BACK_STATE,
	V_ONLINE,
	V_CONNECTION,
	V_SOCKET
};

static bool number(const char *text, uint64_t max, uint64_t *out)
{
	struct err ignored = ERR_INIT;

	return text && num_dec(text, max, "", out, &ignored) == 0;
}

static unsigned state_of(const char *text)
{
	uint64_t n;

	return number(text, STATE_CLOSED, &n) ? (unsigned)n : 0;
}

static void set_backend_state(struct place *p, unsigned state, const char *now)
{
	char path[PATH_LEN], value[4];

	if (state_of(now) == state)
		return;
	snprintf(path, sizeof(path), BACKENDS "/%u/%u/state", p->guest->domid, p->num);
	snprintf(value, sizeof(value), "%u", state);
	write_node(p->g, path, value);
}

static void announce_tty(struct place *p, const char *now)
{
	char path[PATH_LEN + 8];
	const char *tty = p->console->tty.path;

	if (p->console->tty.listener >= 0 || (now && strcmp(now, tty) == 0))
		return;
	snprintf(path, sizeof(path), "%s/tty", p->path);
	write_node(p->g, path, tty);
}

/* 0: connected. */
static int connect_place(struct place *p, char *const v[])
{
	bool is_socket = v[V_CONNECTION] && strcmp(v[V_CONNECTION], "socket") == 0;
	struct err err = ERR_INIT;
	uint64_t ring_ref, port;

	if (!number(v[V_RING_REF], UINT64_MAX, &ring_ref) || !number(v[V_PORT], UINT32_MAX, &port))
		return -1;
	if (v[V_TYPE] && strcmp(v[V_TYPE], "xenconsoled") != 0)
		return -1;
	if (!p->console)
		p->console = console_new(p->g->d, p->guest->domid, p->kind, p->num, &err);
	if (p->console)
		console_set_name(p->console, v[V_NAME]);
	if (!p->console || console_connect(p->console, ring_ref, (uint32_t)port, v[V_TTY],
					   is_socket ? v[V_SOCKET] : NULL, &err) < 0) {
		if (!p->is_refused)
			log_error("console of domain %u (%s): %s", p->guest->domid, p->path,
				  err.msg);
		p->is_refused = true;
		return -1;
	}
	p->is_refused = false;
	announce_tty(p, v[V_TTY]);
	return 0;
}

/* The backend's half of the handshake of xen/io/xenbus.h. */
static void negotiate(struct place *p, char *const v[])
{
	unsigned front = state_of(v[V_FRONT_STATE]), back = state_of(v[V_BACK_STATE]);
	uint64_t online = 1;

	if (!v[V_BACK_STATE]) {
		remove_place(p);
		return;
	}
	if (back == STATE_CLOSING || (number(v[V_ONLINE], 1, &online) && !online) ||
	    front >= STATE_CLOSING) {
		if (p->console)
			console_free(steal(p->console));
		if (v[V_TYPE] && strcmp(v[V_TYPE], "xenconsoled") == 0)
			set_backend_state(p, STATE_CLOSED, v[V_BACK_STATE]);
	} else if (front >= STATE_INITIALISED) {
		if (connect_place(p, v) == 0)
			set_backend_state(p, STATE_CONNECTED, v[V_BACK_STATE]);
	} else if (v[V_TYPE] && strcmp(v[V_TYPE], "xenconsoled") == 0) {
		if (p->console)
			console_disconnect(p->console);
		set_backend_state(p, STATE_INIT_WAIT, v[V_BACK_STATE]);
	}
}

static void on_answer(struct query *q)
{
	struct place *p = q->owner;
	bool is_stale = p->is_stale;

	p->is_asked = p->is_stale = false;
	if (is_stale)
		ask(p);
	else if (p->kind == CONSOLE_CHANNEL)
		negotiate(p, q->values);
	else
		(void)connect_place(p, q->values);
}

static void ask(struct place *p)
{
	static const char *const keys[] = { "ring-ref", "port", "type", "tty" };
	static const char *const backend_keys[] = { "state", "online", "connection", "path" };
	char path[PATH_LEN + 16];
	struct query *q;

	if (p->is_asked) {
		p->is_stale = true;
		return;
	}
	q = query_new(&p->g->store, on_answer, p);
	if (!q)
		return;
	p->is_asked = true;
	for (size_t i = 0; i < array_size(keys); i++) {
		snprintf(path, sizeof(path), "%s/%s", p->path, keys[i]);
		query_add(&p->g->store, q, XS_READ, path);
	}
	snprintf(path, sizeof(path), "/local/domain/%u/name", p->guest->domid);
	query_add(&p->g->store, q, XS_READ, path);
	if (p->kind == CONSOLE_CHANNEL) {
		snprintf(path, sizeof(path), "%s/state", p->path);
		query_add(&p->g->store, q, XS_READ, path);
		for (size_t i = 0; i < array_size(backend_keys); i++) {
			snprintf(path, sizeof(path), BACKENDS "/%u/%u/%s", p->guest->domid, p->num,
				 backend_keys[i]);
			query_add(&p->g->store, q, XS_READ, path);
		}
	}
	query_send(&p->g->store, q);
}

/* --- guests ----------------------------------------------------------------------------------- */

static struct guest *find_guest(struct guests *g, uint32_t domid)
{
	struct guest *guest;

	list_for_each_entry(guest, &g->list, link)
		if (guest->domid == domid)
			return guest;
	return NULL;
}

static void want_channel(struct guest *guest, unsigned num)
{
	struct place *p = find_place(guest, CONSOLE_CHANNEL, num);

	/* The watch's first event asks. */
	if (p)
		ask(p);
	else
		add_place(guest, CONSOLE_CHANNEL, num);
}

/* The children of a guest's folder of backends. */
static void on_channels(struct query *q)
{
	const char *name = q->values[0], *end = name + q->len[0];
	uint64_t num;

	for (; name && name < end; name += strlen(name) + 1)
		if (number(name, 255, &num) && num > 0)
			want_channel(q->owner, (unsigned)num);
}

static void look_for_channels(struct guest *guest)
{
	struct query *q = query_new(&guest->g->store, on_channels, guest);
	char path[PATH_LEN];

	if (!q)
		return;
	snprintf(path, sizeof(path), BACKENDS "/%u", guest->domid);
	query_add(&guest->g->store, q, XS_DIRECTORY, path);
	query_send(&guest->g->store, q);
}

static void add_guest(struct guests *g, uint32_t domid)
{
	struct guest *guest = calloc(1, sizeof(*guest));

	if (!guest) {
		log_error("no memory for domain %u: it has no console", domid);
		return;
	}
	guest->g = g;
	guest->domid = domid;
	guest->is_seen = true;
	list_init(&guest->places);
	list_add_tail(&g->list, &guest->link);
	add_place(guest, CONSOLE_PV, 0);
	add_place(guest, CONSOLE_VUART, 0);
	look_for_channels(guest);
}

static void remove_guest(struct guest *guest, bool has_ended)
{
	struct place *p, *tmp;

	query_forget(&guest->g->store, guest);
	list_for_each_entry_safe(p, tmp, &guest->places, link) {
		if (has_ended)
			watch_place(p, XS_UNWATCH);
		free_place(p, has_ended);
	}
	list_del(&guest->link);
	free(guest);
}

/* Who came, who went. */
static void look_around(struct guests *g)
{
	enum { BATCH = 64 };
	struct guest *guest, *tmp;
	struct err err = ERR_INIT;
	uint32_t domids[BATCH], next = 1;
	int n;

	list_for_each_entry(guest, &g->list, link)
		guest->is_seen = false;
	do {
		n = xen_domains(g->d->xen, next, domids, BATCH, &err);
		if (n < 0) {
			log_error("%s", err.msg);
			return;
		}
		for (int i = 0; i < n; i++) {
			guest = find_guest(g, domids[i]);
			if (guest)
				guest->is_seen = true;
			else
				add_guest(g, domids[i]);
			next = domids[i] + 1;
		}
	} while (n == BATCH);
	list_for_each_entry_safe(guest, tmp, &g->list, link)
		if (!guest->is_seen)
			remove_guest(guest, true);
}

/* --- events ----------------------------------------------------------------------------------- */

static void on_backend(struct guests *g, const char *path)
{
	struct guest *guest;
	unsigned domid, num;

	if (sscanf(path, BACKENDS "/%u/%u", &domid, &num) != 2 || num == 0 || num > 255)
		return;
	guest = find_guest(g, domid);
	if (guest)
		want_channel(guest, num);
}

static void on_place(struct guests *g, const char *path, const char *token)
{
	unsigned domid, kind, num;
	size_t len = strlen(path);
	struct guest *guest;
	struct place *p;

	/* Our own writing. */
	if (len > 4 && strcmp(path + len - 4, "/tty") == 0)
		return;
	if (sscanf(token, "%u/%u/%u", &domid, &kind, &num) != 3)
		return;
	guest = find_guest(g, domid);
	p = guest && kind <= CONSOLE_CHANNEL ? find_place(guest, (enum console_kind)kind, num)
					     : NULL;
	if (p)
		ask(p);
}

static void on_store_event(struct store_link *link, const char *path, const char *token)
{
	struct guests *g = container_of(link, struct guests, store);

	if (strcmp(token, "domlist") == 0)
		look_around(g);
	else if (strcmp(token, "backends") == 0)
		on_backend(g, path);
	else
		on_place(g, path, token);
}

/* At first, and when the store came back: then nobody watches anything yet. */
static void on_store_up(struct store_link *link)
{
	struct guests *g = container_of(link, struct guests, store);
	struct guest *guest;
	struct place *p;

	watch(g, XS_WATCH, "@introduceDomain", "domlist");
	watch(g, XS_WATCH, "@releaseDomain", "domlist");
	watch(g, XS_WATCH, BACKENDS, "backends");
	list_for_each_entry(guest, &g->list, link) {
		list_for_each_entry(p, &guest->places, link) {
			p->is_asked = p->is_stale = false;
			watch_place(p, XS_WATCH);
		}
		look_for_channels(guest);
	}
}

/* A bounded number of ports a turn; what is left keeps the descriptor readable. */
static void on_port(struct ev_io *io, unsigned events)
{
	struct guests *g = container_of(io, struct guests, events);
	struct console *c;
	int port;

	for (int i = 0; i < 64 && (port = xen_next_event(g->d->xen)) >= 0; i++) {
		c = hash_get(g->d->ports, &port, sizeof(port));
		if (c)
			console_event(c);
		else if (port == g->hv_port)
			g->on_hv(g);
	}
}

int guests_init(struct guests *g, struct consoled *d, struct err *err)
{
	g->d = d;
	g->hv_port = -1;
	list_init(&g->list);
	g->events = (struct ev_io){ .fd = xen_event_fd(d->xen), .fn = on_port };
	g->store.up = on_store_up;
	g->store.event = on_store_event;
	if (ev_io_add(d->ev, &g->events, EPOLLIN, err) < 0)
		return -1;
	if (store_link_open(&g->store, d->ev, err) == 0)
		return 0;
	ev_io_del(d->ev, &g->events);
	return err_wrap(err, "connecting to xenstored");
}

void guests_free(struct guests *g)
{
	struct guest *guest, *tmp;

	list_for_each_entry_safe(guest, tmp, &g->list, link)
		remove_guest(guest, false);
	store_link_close(&g->store);
	ev_io_del(g->d->ev, &g->events);
}

void guests_reopen_logs(struct guests *g)
{
	struct guest *guest;
	struct place *p;

	list_for_each_entry(guest, &g->list, link)
		list_for_each_entry(p, &guest->places, link)
			if (p->console)
				conlog_reopen(&p->console->log);
}
