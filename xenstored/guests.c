// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Domains and their rings: who is connected through which page and port, who died, whom Xen started
 * by itself. Knows when to tell the world; what a death means for nodes, watches and permissions is
 * the world's business, what bytes mean is the connection's.
 */
#include "xenstored/guests.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/log.h"
#include "base/mem.h"

#define EVENTS_A_TURN 64	/* so that domains that ring without end starve nobody */

struct guests {
	struct world *world;
	struct ev *ev;
	struct hyp *hyp;
	struct ev_io events;
	struct ev_defer failures;
	uint32_t death_port;		/* of VIRQ_DOM_EXC */
	struct conn_ring **by_port;	/* local ports are small numbers */
	uint32_t nr_ports;
	struct list changed, failed;
	bool finding;			/* introducing domains that run already */
};

static bool is_own(const struct guests *g, unsigned domid)
{
	return domid == g->world->dom0_domid;
}

static int remember_port(struct guests *g, uint32_t port, struct conn_ring *r, struct err *err)
{
	if (port >= g->nr_ports) {
		uint32_t n = port + 64;
		struct conn_ring **p = reallocarray(g->by_port, n, sizeof(*p));

		if (!p)
			return err_set(err, ENOMEM, "event channel %u: no memory", port);
		memset(p + g->nr_ports, 0, (n - g->nr_ports) * sizeof(*p));
		g->by_port = p;
		g->nr_ports = n;
	}
	g->by_port[port] = r;
	return 0;
}

static void forget_port(struct guests *g, uint32_t port)
{
	if (port == 0)
		return;
	if (port < g->nr_ports)
		g->by_port[port] = NULL;
	hyp_unbind(g->hyp, port);
}

/* --- what a ring asks of us ------------------------------------------------------------------- */

static void ring_notify(struct conn_ring *r)
{
	struct guests *g = r->host_arg;

	if (r->port)
		hyp_notify(g->hyp, r->port);
}

static void ring_failed(struct conn_ring *r)
{
	static const char *const why[] = { "", "its event channel does not work",
					   "impossible ring index", "malformed message" };
	struct guests *g = r->host_arg;

	log_warn("domain %u: connection stopped: %s", r->domid, why[r->error]);
	list_del(&r->of_host);
	list_add_tail(&g->failed, &r->of_host);
	ev_defer(g->ev, &g->failures);
}

static void ring_detach(struct conn_ring *r)
{
	struct guests *g = r->host_arg;

	forget_port(g, r->port);
	if (is_own(g, r->domid))
		hyp_unmap_own_ring(r->page);
	else
		hyp_unmap_ring(g->hyp, r->page);
}

static const struct ring_host ring_host = { ring_notify, ring_failed, ring_detach };

static void drop_failed(struct ev_defer *defer)
{
	struct guests *g = container_of(defer, struct guests, failures);

	while (!list_is_empty(&g->failed)) {
		struct conn_ring *r = list_first(&g->failed, struct conn_ring, of_host);

		list_del(&r->of_host);
		world_reset_conn(g->world, &r->conn, true);
		conn_break(&r->conn);
	}
}

/* --- coming and going ------------------------------------------------------------------------- */

static struct conn_ring *new_ring(struct guests *g, struct domain *d, uint32_t id)
{
	struct conn_ring *r = conn_ring_new(&g->world->turn, d->account, d->domid, &ring_host, g);

	if (!r)
		return NULL;
	r->conn.id = id;
	r->conn.domain = d;
	r->conn.domid = d->domid;
	world_add_conn(g->world, &r->conn);
	d->conn = &r->conn;
	return r;
}

static int map_ring(struct guests *g, unsigned domid, void **page, struct err *err)
{
	return is_own(g, domid) ? hyp_map_own_ring(page, err)
				: hyp_map_ring(g->hyp, (uint16_t)domid, page, err);
}

static void unmap_ring(struct guests *g, unsigned domid, void *page)
{
	if (is_own(g, domid))
		hyp_unmap_own_ring(page);
	else
		hyp_unmap_ring(g->hyp, page);
}

/* Page and port, or neither. */
static int connect_ring(struct guests *g, struct conn_ring *r, uint32_t remote_port,
			uint32_t local_port, struct err *err)
{
	uint32_t port = local_port;
	void *page;

	if (map_ring(g, r->domid, &page, err) < 0)
		return -1;
	if ((port == 0 && hyp_bind(g->hyp, r->domid, remote_port, &port, err) < 0) ||
	    remember_port(g, port, r, err) < 0) {
		forget_port(g, port);
		unmap_ring(g, r->domid, page);
		return -1;
	}
	conn_ring_attach(r, page, port, r->conn.domain->features);
	list_del(&r->of_host);
	list_add_tail(&g->changed, &r->of_host);
	conn_ready(&r->conn);
	return 0;
}

/* INTRODUCE of a new domain, which may have asked already: one that Xen started polls for its ring
 * and need not wait for us. The kernel we live with, and domains that are found running, may be in
 * the middle of something, a reset included. */
static int host_attach(void *arg, struct domain *d, uint64_t gfn, uint32_t port, struct conn **out,
		       struct err *err)
{
	struct guests *g = arg;
	struct conn_ring *r = new_ring(g, d, 0);

	(void)gfn;	/* the page is found by its grant */
	if (!r)
		return err_set(err, ENOMEM, "domain %u: no memory", d->domid);
	if (connect_ring(g, r, port, 0, err) < 0) {
		d->conn = NULL;
		world_drop_conn(g->world, &r->conn);
		return -1;
	}
	if (!g->finding && !is_own(g, d->domid))
		conn_ring_welcome(r);
	else if (conn_ring_wants_reset(r))
		conn_ring_reset(r);
	hyp_notify(g->hyp, r->port);
	*out = &r->conn;
	return 0;
}

/* INTRODUCE of a domain that is connected: a soft reset, or a second toolstack. */
static int host_rebind(void *arg, struct domain *d, uint64_t gfn, uint32_t port, struct err *err)
{
	struct guests *g = arg;
	struct conn_ring *r = conn_ring_of(d->conn);
	uint32_t local;

	(void)gfn;
	if (!r)
		return err_set(err, EINVAL, "domain %u: not connected by a ring", d->domid);
	if (!r->page)
		return connect_ring(g, r, port, 0, err);
	if (r->port)
		forget_port(g, r->port);
	r->port = 0;
	if (hyp_bind(g->hyp, d->domid, port, &local, err) < 0)
		return -1;
	if (remember_port(g, local, r, err) < 0) {
		hyp_unbind(g->hyp, local);
		return -1;
	}
	r->port = local;
	world_reset_conn(g->world, &r->conn, true);
	conn_ring_reset(r);
	list_del(&r->of_host);
	list_add_tail(&g->changed, &r->of_host);
	return 0;
}

static bool host_alive(void *arg, unsigned domid, uint64_t *unique_id)
{
	struct guests *g = arg;
	struct err err = ERR_INIT;
	struct hyp_domain info;

	*unique_id = 0;
	if (is_own(g, domid))
		return true;
	int n = hyp_find_domain(g->hyp, (uint16_t)domid, &info, &err);

	/* When Xen does not say, nobody is declared dead. */
	return n < 0 || (n == 1 && !info.is_dying);
}

void guests_scan(struct guests *g)
{
	struct domain *d, *tmp;

	list_for_each_entry_safe(d, tmp, &g->world->domains, of_world) {
		struct err err = ERR_INIT;
		struct hyp_domain info;

		if (is_own(g, d->domid))
			continue;
		int n = hyp_find_domain(g->hyp, d->domid, &info, &err);

		if (n < 0)
			log_error("%s", err.msg);
		else if (n == 0 || info.is_dying)
			world_domain_died(g->world, d);
		else if (info.is_shutdown && !d->shutdown)
			world_domain_shutdown(g->world, d);
	}
}

/* --- events ----------------------------------------------------------------------------------- */

static void kicked(struct guests *g, struct conn_ring *r)
{
	if (conn_ring_wants_reset(r)) {
		list_del(&r->of_host);	/* a failure that is yet to be seen to is over */
		world_reset_conn(g->world, &r->conn, true);
		conn_ring_reset(r);
	}
	conn_ready(&r->conn);
	conn_writable(&r->conn);
}

static void on_events(struct ev_io *io, unsigned events)
{
	struct guests *g = container_of(io, struct guests, events);
	uint32_t port;

	(void)events;
	for (int n = 0; n < EVENTS_A_TURN && hyp_next_pending(g->hyp, &port); n++) {
		/* First: what comes in while we look must ring again. */
		hyp_unmask(g->hyp, port);
		if (port == g->death_port)
			guests_scan(g);
		else if (port < g->nr_ports && g->by_port[port])
			kicked(g, g->by_port[port]);
	}
}

/* --- start ------------------------------------------------------------------------------------ */

int guests_open(struct guests **out, struct world *w, struct ev *ev, int evtchn_fd, struct err *err)
{
	struct guests *g = calloc(1, sizeof(*g));

	if (!g)
		return err_set(err, ENOMEM, "domains: no memory");
	g->world = w;
	g->ev = ev;
	g->failures.fn = drop_failed;
	list_init(&g->changed);
	list_init(&g->failed);
	g->events.fn = on_events;
	g->events.fd = -1;
	if (hyp_open(&g->hyp, evtchn_fd, err) < 0 ||
	    hyp_bind_domain_events(g->hyp, &g->death_port, err) < 0) {
		guests_close(g);
		return -1;
	}
	g->events.fd = hyp_fd(g->hyp);
	if (ev_io_add(ev, &g->events, EPOLLIN, err) < 0) {
		g->events.fd = -1;
		guests_close(g);
		return -1;
	}
	w->host = (struct world_host){ host_alive, host_attach, host_rebind, g };
	*out = g;
	return 0;
}

static void drop_rings(struct guests *g)
{
	struct conn *c, *tmp;

	list_for_each_entry_safe(c, tmp, &g->world->conns, of_world)
		if (conn_ring_of(c))
			world_drop_conn(g->world, c);
}

void guests_close(struct guests *g)
{
	if (!g)
		return;
	if (g->hyp)
		drop_rings(g);
	memset(&g->world->host, 0, sizeof(g->world->host));
	if (g->events.fd >= 0)
		ev_io_del(g->ev, &g->events);
	ev_defer_del(g->ev, &g->failures);
	hyp_close(g->hyp);
	free(g->by_port);
	free(g);
}

void guests_hand_over(struct guests *g, bool away)
{
	struct err err = ERR_INIT;

	hyp_hand_over(g->hyp, away);
	/* An interrupt has one listener: the next program binds it for itself. */
	if (away)
		hyp_unbind(g->hyp, g->death_port);
	else if (hyp_bind_domain_events(g->hyp, &g->death_port, &err) < 0)
		log_error("%s: deaths of domains will not be noticed", err.msg);
}

uint32_t guests_remote_port(struct guests *g, unsigned domid)
{
	struct err err = ERR_INIT;
	uint32_t port = 0;

	if (!is_own(g, domid))
		return hyp_store_port(g->hyp, (uint16_t)domid);
	if (hyp_own_port(&port, &err) < 0)
		log_warn("%s", err.msg);
	return port;
}

struct hyp *guests_hyp(struct guests *g)
{
	return g->hyp;
}

int guests_introduce_own(struct guests *g, uint32_t port, struct err *err)
{
	struct domain *d = world_domain(g->world, g->world->dom0_domid);

	if (d && d->conn)
		return 0;
	if (port == 0 && hyp_own_port(&port, err) < 0)
		return -1;
	return world_introduce(g->world, g->world->dom0_domid, 0, port, err);
}

static void find_one(struct guests *g, unsigned domid)
{
	struct domain *d = world_domain(g->world, domid);
	struct err err = ERR_INIT;
	uint32_t port;

	if ((d && d->introduced) || is_own(g, domid))
		return;
	port = hyp_store_port(g->hyp, (uint16_t)domid);
	if (port == 0)
		return;
	g->finding = true;
	if (world_introduce(g->world, domid, 0, port, &err) < 0)
		log_info("%s",
			 err.msg); /* its page is not there yet: it will be introduced by hand */
	else
		log_info("domain %u: found and connected", domid);
	g->finding = false;
}

void guests_find(struct guests *g)
{
	struct err err = ERR_INIT;
	struct hyp_domain info;
	unsigned from = 0;
	int n;

	while ((n = hyp_next_domain(g->hyp, (uint16_t)from, &info, &err)) == 1) {
		if (!info.is_dying)
			find_one(g, info.domid);
		from = info.domid + 1u;
	}
	if (n < 0)
		log_warn("%s", err.msg);
}

struct list *guests_changed(struct guests *g)
{
	return &g->changed;
}

/* --- after a restart -------------------------------------------------------------------------- */

struct conn_ring *guests_restore(struct guests *g, struct domain *d, uint32_t id)
{
	return new_ring(g, d, id);
}

bool guests_identity(struct guests *g, unsigned domid, uint8_t handle[16])
{
	struct err err = ERR_INIT;
	struct hyp_domain info;

	if (hyp_find_domain(g->hyp, (uint16_t)domid, &info, &err) != 1)
		return false;
	memcpy(handle, info.handle, 16);
	return true;
}

int guests_revive(struct guests *g, struct domain *d, uint32_t local_port, const uint8_t *handle,
		  struct err *err)
{
	struct conn_ring *r = conn_ring_of(d->conn);
	struct hyp_domain info;

	if (!r)
		return err_set(err, EINVAL, "domain %u: not connected by a ring", d->domid);
	if (!is_own(g, d->domid)) {
		int n = hyp_find_domain(g->hyp, d->domid, &info, err);

		if (n < 0)
			return -1;
		if (n == 0 || info.is_dying || (handle && memcmp(handle, info.handle, 16) != 0))
			return err_set(err, ESRCH, "domain %u: died meanwhile", d->domid);
	}
	if (connect_ring(g, r, d->port, local_port, err) < 0) {
		log_warn("%s: its connection stays closed", err->msg);
		err_clear(err);
		r->error = RING_ERROR_COMM;
		r->conn.broken = true;
	}
	return 0;
}
