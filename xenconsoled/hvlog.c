// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Carries the hypervisor's console ring into a file, each time its interrupt says there is more.
 */
#include "xenconsoled/hvlog.h"

#include "base/log.h"

int hvlog_open(struct hvlog *h, struct consoled *d, struct err *err)
{
	h->d = d;
	h->log.has_timestamps = d->opt->stamps_hv;
	h->log.max = d->opt->log_max;
	if (conlog_open(&h->log, d->opt->log_dir, "hypervisor.log", err) < 0)
		return -1;
	h->port = xen_bind_console_ring(d->xen, err);
	if (h->port < 0) {
		conlog_close(&h->log);
		return -1;
	}
	hvlog_event(h);
	return 0;
}

void hvlog_close(struct hvlog *h)
{
	if (h->port >= 0)
		xen_unbind(h->d->xen, h->port);
	h->port = -1;
	conlog_close(&h->log);
}

void hvlog_event(struct hvlog *h)
{
	struct err err = ERR_INIT;
	char buf[4096];
	int n;

	/* At most what a large ring holds: a hypervisor that prints without end must not keep the
	 * guests waiting. */
	for (int i = 0; i < 64; i++) {
		n = xen_read_console(h->d->xen, buf, sizeof(buf), &h->index, &err);
		if (n < 0)
			log_error("%s", err.msg);
		if (n <= 0)
			break;
		conlog_write(&h->log, buf, (size_t)n);
	}
	xen_unmask(h->d->xen, h->port);
}
