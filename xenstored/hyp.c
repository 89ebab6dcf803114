// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The daemon's edge towards Xen. Knows libxenctrl, libxenevtchn and libxengnttab and what differs
 * between releases (nothing that is used here, from 4.17 to 4.20); does not know what a ring or a
 * connection is.
 */
#include "xenstored/hyp.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xenctrl.h>
#include <xenevtchn.h>
#include <xengnttab.h>
#include <xen/grant_table.h>
#include <xen/hvm/params.h>
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"

#define RING_BYTES 4096

struct hyp {
	xc_interface *xc;
	xenevtchn_handle *evtchn;
	xengnttab_handle *gnttab;
};

/* Of an inherited descriptor only the flags may need a hand. */
static int open_events(struct hyp *h, int fd, struct err *err)
{
	h->evtchn = fd < 0 ? xenevtchn_open(NULL, 0) : xenevtchn_fdopen(NULL, fd, 0);
	if (!h->evtchn)
		return err_set(err, errno, "event channels: open: %s (is /dev/xen/evtchn there?)",
			       strerror(errno));
	fd = xenevtchn_fd(h->evtchn);
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
	    fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		return err_set(err, errno, "event channels: fcntl: %s", strerror(errno));
	return 0;
}

int hyp_open(struct hyp **out, int evtchn_fd, struct err *err)
{
	struct hyp *h = calloc(1, sizeof(*h));

	if (!h)
		return err_set(err, ENOMEM, "hypervisor: no memory");
	h->xc = xc_interface_open(NULL, NULL, 0);
	if (!h->xc)
		err_set(err, errno, "hypervisor: open: %s (does this machine run Xen?)",
			strerror(errno));
	else if (!(h->gnttab = xengnttab_open(NULL, 0)))
		err_set(err, errno, "grants: open: %s (is /dev/xen/gntdev there?)",
			strerror(errno));
	else if (open_events(h, evtchn_fd, err) == 0) {
		/* One page a domain. Kernels without a limit refuse the call, which is as well. */
		(void)xengnttab_set_max_grants(h->gnttab, DOMID_FIRST_RESERVED);
		*out = h;
		return 0;
	}
	hyp_close(h);
	return -1;
}

void hyp_close(struct hyp *h)
{
	if (!h)
		return;
	if (h->evtchn)
		xenevtchn_close(h->evtchn);
	if (h->gnttab)
		xengnttab_close(h->gnttab);
	if (h->xc)
		xc_interface_close(h->xc);
	free(h);
}

void hyp_hand_over(struct hyp *h, bool away)
{
	fcntl(xenevtchn_fd(h->evtchn), F_SETFD, away ? 0 : FD_CLOEXEC);
}

int hyp_fd(const struct hyp *h)
{
	return xenevtchn_fd(h->evtchn);
}

int hyp_bind(struct hyp *h, uint16_t domid, uint32_t remote_port, uint32_t *port, struct err *err)
{
	xenevtchn_port_or_error_t local = xenevtchn_bind_interdomain(h->evtchn, domid, remote_port);

	if (local < 0)
		return err_set(err, errno, "domain %u: event channel %u: bind: %s", domid,
			       remote_port, strerror(errno));
	*port = (uint32_t)local;
	return 0;
}

int hyp_bind_domain_events(struct hyp *h, uint32_t *port, struct err *err)
{
	xenevtchn_port_or_error_t local = xenevtchn_bind_virq(h->evtchn, VIRQ_DOM_EXC);

	if (local < 0)
		return err_set(err, errno,
			       "VIRQ_DOM_EXC: bind: %s (does another store daemon run?)",
			       strerror(errno));
	*port = (uint32_t)local;
	return 0;
}

/* It may be gone with its domain already: there is nothing to be done about a failure. */
void hyp_unbind(struct hyp *h, uint32_t port)
{
	(void)xenevtchn_unbind(h->evtchn, port);
}

void hyp_notify(struct hyp *h, uint32_t port)
{
	(void)xenevtchn_notify(h->evtchn, port);
}

bool hyp_next_pending(struct hyp *h, uint32_t *port)
{
	xenevtchn_port_or_error_t p = xenevtchn_pending(h->evtchn);

	if (p < 0)
		return false;
	*port = (uint32_t)p;
	return true;
}

void hyp_unmask(struct hyp *h, uint32_t port)
{
	(void)xenevtchn_unmask(h->evtchn, port);
}

int hyp_map_ring(struct hyp *h, uint16_t domid, void **page, struct err *err)
{
	*page = xengnttab_map_grant_ref(h->gnttab, domid, GNTTAB_RESERVED_XENSTORE,
					PROT_READ | PROT_WRITE);
	if (!*page)
		return err_set(err, errno, "domain %u: its store page (grant %u): map: %s", domid,
			       GNTTAB_RESERVED_XENSTORE, strerror(errno));
	return 0;
}

void hyp_unmap_ring(struct hyp *h, void *page)
{
	(void)xengnttab_unmap(h->gnttab, page, 1);
}

static void own_path(char *buf, size_t size, const char *name)
{
	const char *dir = getenv("XENSTORED_PROC_XEN");

	snprintf(buf, size, "%s/%s", dir ? dir : "/proc/xen", name);
}

int hyp_map_own_ring(void **page, struct err *err)
{
	char path[256];

	own_path(path, sizeof(path), "xsd_kva");
	autoclose int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return err_set(err, errno, "%s: open: %s (is xenfs mounted?)", path,
			       strerror(errno));
	*page = mmap(NULL, RING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (*page == MAP_FAILED)
		return err_set(err, errno, "%s: map: %s", path, strerror(errno));
	return 0;
}

void hyp_unmap_own_ring(void *page)
{
	munmap(page, RING_BYTES);
}

int hyp_own_port(uint32_t *port, struct err *err)
{
	autofree char *text = NULL;
	uint64_t value;
	char path[256];

	own_path(path, sizeof(path), "xsd_port");
	if (file_read(path, 64, &text, NULL, err) < 0)
		return -1;
	text[strcspn(text, "\n")] = '\0';
	if (num_dec(text, INT32_MAX, path, &value, err) < 0)
		return -1;
	*port = (uint32_t)value;
	return 0;
}

int hyp_next_domain(struct hyp *h, uint16_t from, struct hyp_domain *out, struct err *err)
{
	/* One at a time, with room behind: the structure ends in a part that depends on the
	 * architecture. */
	union {
		xc_domaininfo_t info;
		char room[sizeof(xc_domaininfo_t) + 64];
	} u;
	int n = xc_domain_getinfolist(h->xc, from, 1, &u.info);

	if (n < 0)
		return err_set(err, errno, "domains from %u: list: %s", from, strerror(errno));
	if (n == 0)
		return 0;
	out->domid = u.info.domain;
	out->is_dying = u.info.flags & XEN_DOMINF_dying;
	out->is_shutdown = u.info.flags & XEN_DOMINF_shutdown;
	memcpy(out->handle, u.info.handle, sizeof(out->handle));
	return 1;
}

int hyp_find_domain(struct hyp *h, uint16_t domid, struct hyp_domain *out, struct err *err)
{
	int n = hyp_next_domain(h, domid, out, err);

	return n == 1 && out->domid != domid ? 0 : n;
}

uint32_t hyp_store_port(struct hyp *h, uint16_t domid)
{
	uint64_t port = 0;

	if (xc_hvm_param_get(h->xc, domid, HVM_PARAM_STORE_EVTCHN, &port) < 0 || port > INT32_MAX)
		return 0;
	return (uint32_t)port;
}
