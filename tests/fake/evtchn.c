// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The fake libxenevtchn, and the ports of all domains. A handle's descriptor is an eventfd that is
 * readable while a port of it is pending, as /dev/xen/evtchn is.
 */
#include "tests/fake/model.h"

#include <sys/eventfd.h>
#include <xenevtchn.h>

struct xenevtchn_handle {
	struct list link;
	int fd;
};

static void (*on_guest_kick)(uint32_t domid, uint32_t port);

/* --- ports ------------------------------------------------------------------------------------ */

int fake_port_alloc(struct fake_domain *d, uint32_t remote)
{
	for (unsigned port = 1; port < FAKE_MAX_PORTS && port <= d->max_port; port++) {
		if (d->ports[port].state != PORT_FREE)
			continue;
		d->ports[port] = (struct fake_port){ .state = PORT_UNBOUND, .remote_dom = remote };
		if (port >= d->port_end)
			d->port_end = port + 1;
		return (int)port;
	}
	return fake_fail(ENOSPC);
}

static struct fake_port *peer_of(const struct fake_port *p)
{
	struct fake_domain *d = p->state == PORT_BOUND ? fake_domain(p->remote_dom) : NULL;

	return d ? &d->ports[p->remote_port] : NULL;
}

static void port_close(struct fake_port *p)
{
	struct fake_port *peer = peer_of(p);

	if (peer)
		*peer = (struct fake_port){ .state = PORT_UNBOUND, .handle = peer->handle,
					    .remote_dom = peer->remote_dom };
	*p = (struct fake_port){ .state = PORT_FREE };
}

void fake_ports_close(struct fake_domain *d)
{
	for (unsigned port = 0; port < d->port_end; port++)
		port_close(&d->ports[port]);
}

static void update_fd(struct xenevtchn_handle *h)
{
	struct fake_domain *dom0 = fake_domain(0);
	uint64_t n = 0;
	bool is_ready = false;

	for (unsigned port = 0; port < dom0->port_end; port++) {
		struct fake_port *p = &dom0->ports[port];

		is_ready |= p->handle == h && p->is_pending && !p->is_masked;
	}
	if (read(h->fd, &n, sizeof(n)) < 0 && errno != EAGAIN)
		abort();
	n = 1;
	if (is_ready && write(h->fd, &n, sizeof(n)) != (ssize_t)sizeof(n))
		abort();
}

static void deliver(struct fake_port *p)
{
	p->nr_kicks++;
	p->is_pending = true;
	if (p->handle)
		update_fd(p->handle);
}

void fake_raise(struct fake_domain *d, uint32_t port)
{
	struct fake_port *peer = peer_of(&d->ports[port]);

	if (peer)
		deliver(peer);
}

void fake_guest_notify(uint32_t domid, uint32_t port)
{
	fake_raise(fake_domain(domid), port);
}

void fake_on_guest_kick(void (*fn)(uint32_t domid, uint32_t port))
{
	on_guest_kick = fn;
}

unsigned fake_guest_kicks(uint32_t domid, uint32_t port)
{
	struct fake_port *p = &fake_domain(domid)->ports[port];
	unsigned n = p->nr_kicks;

	p->nr_kicks = 0;
	return n;
}

void fake_virq(unsigned virq)
{
	struct fake_domain *dom0 = fake_domain(0);

	for (unsigned port = 0; port < dom0->port_end; port++)
		if (dom0->ports[port].state == PORT_VIRQ && dom0->ports[port].virq == virq)
			deliver(&dom0->ports[port]);
}

/* --- the library ------------------------------------------------------------------------------ */

xenevtchn_handle *xenevtchn_open(struct xentoollog_logger *logger, unsigned int flags)
{
	POINT(NULL);
	struct xenevtchn_handle *h = xcalloc(1, sizeof(*h));

	h->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (h->fd < 0)
		abort();
	list_add_tail(&fake()->handles, &h->link);
	return h;
}

/* A handle that was handed on: its descriptor tells whose it is, and its ports stay bound. */
xenevtchn_handle *xenevtchn_fdopen(struct xentoollog_logger *logger, int fd, unsigned int flags)
{
	struct xenevtchn_handle *h;

	POINT(NULL);
	list_for_each_entry(h, &fake()->handles, link)
		if (h->fd == fd)
			return h;
	errno = EBADF;
	return NULL;
}

int xenevtchn_close(xenevtchn_handle *h)
{
	struct fake_domain *dom0 = fake_domain(0);

	if (!h)
		return 0;
	for (unsigned port = 0; port < dom0->port_end; port++)
		if (dom0->ports[port].handle == h)
			port_close(&dom0->ports[port]);
	list_del(&h->link);
	close(h->fd);
	free(h);
	return 0;
}

int xenevtchn_fd(xenevtchn_handle *h)
{
	return h->fd;
}

int xenevtchn_notify(xenevtchn_handle *h, evtchn_port_t port)
{
	struct fake_domain *dom0 = fake_domain(0);
	const struct fake_port *p = &dom0->ports[port < FAKE_MAX_PORTS ? port : 0];

	POINT(-1);
	if (port >= FAKE_MAX_PORTS || p->handle != h)
		return fake_fail(ENOTCONN);
	fake_raise(dom0, port);
	if (on_guest_kick && p->state == PORT_BOUND)
		on_guest_kick(p->remote_dom, p->remote_port);
	return 0;
}

xenevtchn_port_or_error_t xenevtchn_bind_interdomain(xenevtchn_handle *h, uint32_t domid,
						     evtchn_port_t remote_port)
{
	struct fake_domain *d, *dom0 = fake_domain(0);
	struct fake_port *remote;
	int port;

	POINT(-1);
	d = fake_domain_or_errno(domid);
	if (!d)
		return -1;
	remote = remote_port < FAKE_MAX_PORTS ? &d->ports[remote_port] : NULL;
	if (d->is_dying || !remote || remote->state != PORT_UNBOUND || remote->remote_dom != 0)
		return fake_fail(EINVAL);
	port = fake_port_alloc(dom0, domid);
	if (port < 0)
		return -1;
	*remote = (struct fake_port){ .state = PORT_BOUND, .remote_port = (uint32_t)port };
	dom0->ports[port] = (struct fake_port){
		.state = PORT_BOUND, .handle = h, .remote_dom = domid, .remote_port = remote_port
	};
	/* As Xen does: whatever the remote sent before anybody listened. */
	deliver(&dom0->ports[port]);
	return port;
}

xenevtchn_port_or_error_t xenevtchn_bind_virq(xenevtchn_handle *h, unsigned int virq)
{
	struct fake_domain *dom0 = fake_domain(0);
	int port;

	POINT(-1);
	for (unsigned i = 0; i < dom0->port_end; i++)
		if (dom0->ports[i].state == PORT_VIRQ && dom0->ports[i].virq == virq)
			return fake_fail(EEXIST);
	port = fake_port_alloc(dom0, 0);
	if (port < 0)
		return -1;
	dom0->ports[port] = (struct fake_port){ .state = PORT_VIRQ, .virq = virq, .handle = h };
	return port;
}

int xenevtchn_unbind(xenevtchn_handle *h, evtchn_port_t port)
{
	struct fake_domain *dom0 = fake_domain(0);

	if (port >= FAKE_MAX_PORTS || dom0->ports[port].handle != h)
		return fake_fail(EINVAL);
	port_close(&dom0->ports[port]);
	update_fd(h);
	return 0;
}

xenevtchn_port_or_error_t xenevtchn_pending(xenevtchn_handle *h)
{
	struct fake_domain *dom0 = fake_domain(0);

	POINT(-1);
	for (unsigned port = 0; port < dom0->port_end; port++) {
		struct fake_port *p = &dom0->ports[port];

		if (p->handle != h || !p->is_pending || p->is_masked)
			continue;
		p->is_pending = false;
		p->is_masked = true;
		update_fd(h);
		return (int)port;
	}
	return fake_fail(EAGAIN);
}

int xenevtchn_unmask(xenevtchn_handle *h, evtchn_port_t port)
{
	struct fake_domain *dom0 = fake_domain(0);

	POINT(-1);
	if (port >= FAKE_MAX_PORTS || dom0->ports[port].handle != h)
		return fake_fail(EINVAL);
	dom0->ports[port].is_masked = false;
	update_fd(h);
	return 0;
}
