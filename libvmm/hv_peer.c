// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A page and an event channel shared with a guest that offers them, from this domain's side: what a
 * driver in domain 0 does. What the page means is for its reader to know.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include "base/mem.h"
#include "libvmm/hv.h"
#include "libvmm/hv_call.h"

struct hv_peer {
	struct hv *hv;
	uint32_t domid;
	void *page;
	xenevtchn_handle *events;
	int port;		/* ours; -1: none */
};

static int map(struct hv_peer *p, uint32_t ref, struct err *err)
{
	struct hv *hv = p->hv;

	if (!hv->gnttab)
		hv->gnttab = xengnttab_open(&quiet_logger, 0);
	if (!hv->gnttab)
		return err_set(err, errno, "opening the grant device: %s; is xen-gntdev loaded?",
			       strerror(errno));
	p->page = xengnttab_map_grant_ref(hv->gnttab, p->domid, ref, PROT_READ | PROT_WRITE);
	return hv_done(hv, p->page ? 0 : -1, err, "map_grant_ref", p->domid, "ref=%u", ref);
}

static int bind(struct hv_peer *p, uint32_t remote_port, struct err *err)
{
	p->events = xenevtchn_open(&quiet_logger, 0);
	if (!p->events)
		return err_set(err, errno,
			       "opening the event channel device: %s; is xen-evtchn loaded?",
			       strerror(errno));
	p->port = xenevtchn_bind_interdomain(p->events, p->domid, remote_port);
	return hv_done(p->hv, p->port, err, "bind_interdomain", p->domid, "port=%u", remote_port);
}

int hv_peer_open(struct hv *hv, uint32_t domid, uint32_t ref, uint32_t remote_port,
		 struct hv_peer **out, struct err *err)
{
	struct hv_peer *p = xcalloc(1, sizeof(*p));

	*p = (struct hv_peer){ .hv = hv, .domid = domid, .port = -1 };
	if (map(p, ref, err) < 0 || bind(p, remote_port, err) < 0) {
		hv_peer_close(p);
		return -1;
	}
	*out = p;
	return 0;
}

volatile void *hv_peer_page(struct hv_peer *p)
{
	return p->page;
}

int hv_peer_notify(struct hv_peer *p, struct err *err)
{
	return hv_done(p->hv, xenevtchn_notify(p->events, (evtchn_port_t)p->port), err,
		       "evtchn_send", p->domid, NULL);
}

int hv_peer_wait(struct hv_peer *p, int timeout_ms, struct err *err)
{
	struct pollfd fd = { .fd = xenevtchn_fd(p->events), .events = POLLIN };
	int r = poll(&fd, 1, timeout_ms), port;

	if (r < 0)
		return err_set(err, errno, "waiting for domain %u: %s", p->domid, strerror(errno));
	if (r == 0)
		return 0;
	port = xenevtchn_pending(p->events);
	if (port < 0 || xenevtchn_unmask(p->events, (evtchn_port_t)port) < 0)
		return err_set(err, errno, "taking an event of domain %u: %s", p->domid,
			       strerror(errno));
	return 1;
}

void hv_peer_close(struct hv_peer *p)
{
	if (!p)
		return;
	/* The port goes with the handle. */
	if (p->events)
		xenevtchn_close(p->events);
	if (p->page)
		xengnttab_unmap(p->hv->gnttab, p->page, 1);
	free(p);
}
