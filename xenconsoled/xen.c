// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The edge to Xen: domains, event channels, pages. Knows Xen's libraries; what a console is made of
 * is decided above.
 */
#include "xenconsoled/xen.h"

#include "libvmm/arm_abi.h"

#include <fcntl.h>
#include <xenevtchn.h>

struct xen {
	xc_interface *xc;
	xenevtchn_handle *evtchn;
	xenforeignmemory_handle *fmem;
	xengnttab_handle *gnttab;	/* NULL: the kernel has none; frames do as well */
};

/* Xen's libraries would write to stderr what errno says as well. */
static void swallow(struct xentoollog_logger *logger, xentoollog_level level, int errnoval,
		    const char *context, const char *format, va_list ap)
	__attribute__((format(printf, 5, 0)));
static void swallow(struct xentoollog_logger *logger, xentoollog_level level, int errnoval,
		    const char *context, const char *format, va_list ap)
{
}

static struct xentoollog_logger quiet = { .vmessage = swallow };

/* An event channel handle that never waits: the loop does. */
static xenevtchn_handle *open_evtchn(void)
{
	xenevtchn_handle *h = xenevtchn_open(&quiet, 0);
	int flags;

	if (!h)
		return NULL;
	flags = fcntl(xenevtchn_fd(h), F_GETFL);
	if (flags >= 0 && fcntl(xenevtchn_fd(h), F_SETFL, flags | O_NONBLOCK) == 0)
		return h;
	xenevtchn_close(h);
	return NULL;
}

int xen_open(struct xen **out, struct err *err)
{
	struct xen *x = calloc(1, sizeof(*x));

	if (!x)
		return err_set(err, ENOMEM, "no memory");
	x->evtchn = open_evtchn();
	if (!x->evtchn)
		err_set(err, errno, "opening /dev/xen/evtchn: %s; this must run in dom0, as root",
			strerror(errno));
	else if (!(x->xc = xc_interface_open(&quiet, &quiet, XC_OPENFLAG_NON_REENTRANT)))
		err_set(err, errno, "opening /dev/xen/privcmd: %s; this must run in dom0, as root",
			strerror(errno));
	if (!x->evtchn || !x->xc) {
		xen_close(x);
		return -1;
	}
	x->fmem = xc_interface_fmem_handle(x->xc);
	x->gnttab = xengnttab_open(&quiet, 0);
	*out = x;
	return 0;
}

void xen_close(struct xen *x)
{
	if (!x)
		return;
	if (x->gnttab)
		xengnttab_close(x->gnttab);
	if (x->xc)
		xc_interface_close(x->xc);
	if (x->evtchn)
		xenevtchn_close(x->evtchn);
	free(x);
}

int xen_domains(struct xen *x, uint32_t first, uint32_t *domids, size_t room, struct err *err)
{
	enum { BATCH = 32 };
	xc_domaininfo_t infos[BATCH];
	size_t n = 0;
	int got = BATCH;

	for (uint32_t next = first ? first : 1; got == BATCH && n < room;) {
		unsigned most = room - n < BATCH ? (unsigned)(room - n) : BATCH;

		got = xc_domain_getinfolist(x->xc, next, most, infos);
		if (got < 0)
			return err_set(err, errno, "listing domains: %s", strerror(errno));
		for (int i = 0; i < got; i++) {
			next = infos[i].domain + 1u;
			if (!(infos[i].flags & XEN_DOMINF_dying))
				domids[n++] = infos[i].domain;
		}
	}
	return (int)n;
}

/* --- event channels --------------------------------------------------------------------------- */

int xen_event_fd(const struct xen *x)
{
	return xenevtchn_fd(x->evtchn);
}

int xen_next_event(struct xen *x)
{
	return xenevtchn_pending(x->evtchn);
}

void xen_unmask(struct xen *x, int port)
{
	(void)xenevtchn_unmask(x->evtchn, (evtchn_port_t)port);
}

void xen_notify(struct xen *x, int port)
{
	(void)xenevtchn_notify(x->evtchn, (evtchn_port_t)port);
}

int xen_bind(struct xen *x, uint32_t domid, uint32_t remote_port, struct err *err)
{
	int port = xenevtchn_bind_interdomain(x->evtchn, domid, remote_port);

	if (port < 0)
		return err_set(err, errno, "binding port %u of domain %u: %s", remote_port, domid,
			       strerror(errno));
	return port;
}

int xen_bind_console_ring(struct xen *x, struct err *err)
{
	int port = xenevtchn_bind_virq(x->evtchn, VIRQ_CON_RING);

	if (port < 0)
		return err_set(err, errno, "binding the hypervisor's console interrupt: %s",
			       strerror(errno));
	return port;
}

void xen_unbind(struct xen *x, int port)
{
	(void)xenevtchn_unbind(x->evtchn, (evtchn_port_t)port);
}

/* --- pages ------------------------------------------------------------------------------------ */

int xen_map_grant(struct xen *x, uint32_t domid, uint32_t ref, struct xen_page *out,
		  struct err *err)
{
	void *addr = NULL;

	errno = ENODEV;
	if (x->gnttab)
		addr = xengnttab_map_grant_ref(x->gnttab, domid, ref, PROT_READ | PROT_WRITE);
	if (!addr)
		return err_set(err, errno, "mapping grant %u of domain %u: %s", ref, domid,
			       strerror(errno));
	*out = (struct xen_page){ XEN_PAGE_GRANT, addr };
	return 0;
}

int xen_map_frame(struct xen *x, uint32_t domid, uint64_t gfn, struct xen_page *out,
		  struct err *err)
{
	xen_pfn_t pfn = gfn;
	void *addr = xenforeignmemory_map(x->fmem, domid, PROT_READ | PROT_WRITE, 1, &pfn, NULL);

	if (!addr)
		return err_set(err, errno, "mapping frame %#llx of domain %u: %s",
			       (unsigned long long)gfn, domid, strerror(errno));
	*out = (struct xen_page){ XEN_PAGE_FRAME, addr };
	return 0;
}

void xen_unmap(struct xen *x, struct xen_page *page)
{
	if (page->kind == XEN_PAGE_GRANT)
		xengnttab_unmap(x->gnttab, page->addr, 1);
	else if (page->kind == XEN_PAGE_FRAME)
		xenforeignmemory_unmap(x->fmem, page->addr, 1);
	*page = (struct xen_page){ XEN_PAGE_NONE, NULL };
}

int xen_read_console(struct xen *x, char *buf, size_t size, uint32_t *index, struct err *err)
{
	unsigned n = (unsigned)size;

	if (xc_readconsolering(x->xc, buf, &n, 0, 1, index) < 0)
		return err_set(err, errno, "reading the hypervisor's console: %s", strerror(errno));
	return n < size ? (int)n : (int)size;
}
