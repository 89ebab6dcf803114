// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * For LD_PRELOAD: lets a stock C xenstored, or ours, serve its socket on a machine without Xen, so
 * that it can be measured. Every domain below DOMID_FIRST_RESERVED exists, ring pages are anonymous
 * memory, the event channel is a 4.20's functions at once.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default"), used))
#define FIRST_RESERVED 0x7ff0u

static char handle[1];
static int event_fd = -1;
static int next_port = 10;

EXPORT void *xc_interface_open(void *logger, void *dombuild, unsigned flags);
EXPORT int xc_interface_close(void *h);
EXPORT int xc_domain_getinfo(void *h, uint32_t first, unsigned max, void *info);
EXPORT int xc_domain_getinfo_single(void *h, uint32_t domid, void *info);
EXPORT int xc_domain_getinfolist(void *h, uint32_t first, unsigned max, void *info);
EXPORT int xc_hvm_param_get(void *h, uint32_t domid, uint32_t param, uint64_t *value);
EXPORT void *xengnttab_open(void *logger, unsigned flags);
EXPORT int xengnttab_close(void *h);
EXPORT int xengnttab_set_max_grants(void *h, uint32_t n);
EXPORT void *xengnttab_map_grant_ref(void *h, uint32_t domid, uint32_t ref, int prot);
EXPORT int xengnttab_unmap(void *h, void *addr, uint32_t n);
EXPORT void *xenevtchn_open(void *logger, unsigned flags);
EXPORT void *xenevtchn_fdopen(void *logger, int fd, unsigned flags);
EXPORT int xenevtchn_close(void *h);
EXPORT int xenevtchn_fd(void *h);
EXPORT int xenevtchn_bind_interdomain(void *h, uint32_t domid, uint32_t port);
EXPORT int xenevtchn_bind_virq(void *h, unsigned virq);
EXPORT int xenevtchn_unbind(void *h, uint32_t port);
EXPORT int xenevtchn_notify(void *h, uint32_t port);
EXPORT int xenevtchn_pending(void *h);
EXPORT int xenevtchn_unmask(void *h, uint32_t port);

void *xc_interface_open(void *logger, void *dombuild, unsigned flags)
{
	(void)logger, (void)dombuild, (void)flags;
	return handle;
}

int xc_interface_close(void *h)
{
	(void)h;
	return 0;
}

/* 4.17: xc_dominfo_t begins with the domid, whose flags stay clear: neither dying nor shut down. */
int xc_domain_getinfo(void *h, uint32_t first, unsigned max, void *info)
{
	(void)h;
	if (first >= FIRST_RESERVED || max < 1)
		return 0;
	memset(info, 0, 64);
	memcpy(info, &first, sizeof(first));
	return 1;
}

/* 4.18 on: struct xen_domctl_getdomaininfo begins with a 16-bit domid. */
int xc_domain_getinfo_single(void *h, uint32_t domid, void *info)
{
	uint16_t id = (uint16_t)domid;

	(void)h;
	if (domid >= FIRST_RESERVED) {
		errno = ESRCH;
		return -1;
	}
	if (info) {
		memset(info, 0, 64);
		memcpy(info, &id, sizeof(id));
	}
	return 0;
}

int xc_domain_getinfolist(void *h, uint32_t first, unsigned max, void *info)
{
	return max < 1 || xc_domain_getinfo_single(h, first, info) < 0 ? 0 : 1;
}

int xc_hvm_param_get(void *h, uint32_t domid, uint32_t param, uint64_t *value)
{
	(void)h, (void)domid, (void)param;
	*value = 1;
	return 0;
}

void *xengnttab_open(void *logger, unsigned flags)
{
	(void)logger, (void)flags;
	return handle;
}

int xengnttab_close(void *h)
{
	(void)h;
	return 0;
}

int xengnttab_set_max_grants(void *h, uint32_t n)
{
	(void)h, (void)n;
	return 0;
}

void *xengnttab_map_grant_ref(void *h, uint32_t domid, uint32_t ref, int prot)
{
	void *page = mmap(NULL, 4096, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)h, (void)domid, (void)ref;
	return page == MAP_FAILED ? NULL : page;
}

int xengnttab_unmap(void *h, void *addr, uint32_t n)
{
	(void)h;
	return munmap(addr, n * 4096);
}

void *xenevtchn_open(void *logger, unsigned flags)
{
	(void)logger, (void)flags;
	event_fd = eventfd(0, EFD_NONBLOCK);
	return event_fd < 0 ? NULL : handle;
}

void *xenevtchn_fdopen(void *logger, int fd, unsigned flags)
{
	(void)logger, (void)flags;
	event_fd = fd;
	return handle;
}

int xenevtchn_close(void *h)
{
	(void)h;
	return close(event_fd);
}

int xenevtchn_fd(void *h)
{
	(void)h;
	return event_fd;
}

int xenevtchn_bind_interdomain(void *h, uint32_t domid, uint32_t port)
{
	(void)h, (void)domid, (void)port;
	return next_port++;
}

int xenevtchn_bind_virq(void *h, unsigned virq)
{
	(void)h, (void)virq;
	return next_port++;
}

int xenevtchn_unbind(void *h, uint32_t port)
{
	(void)h, (void)port;
	return 0;
}

int xenevtchn_notify(void *h, uint32_t port)
{
	(void)h, (void)port;
	return 0;
}

int xenevtchn_pending(void *h)
{
	(void)h;
	errno = EAGAIN;
	return -1;
}

int xenevtchn_unmask(void *h, uint32_t port)
{
	(void)h, (void)port;
	return 0;
}

/* What the kernel offers under /proc/xen stands in $XENSTORED_RUNDIR here: xsd_kva, xsd_port. */
static const char *redirect(const char *path, char *buf, size_t size)
{
	const char *dir = getenv("XENSTORED_RUNDIR");

	if (!dir || strncmp(path, "/proc/xen/", 10) != 0)
		return path;
	snprintf(buf, size, "%s/%s", dir, path + 10);
	return buf;
}

#define OPEN(name)                                                            \
	EXPORT int name(const char *path, int flags, ...);                    \
	int name(const char *path, int flags, ...)                            \
	{                                                                     \
		static int (*real)(const char *, int, ...);                   \
		char buf[512];                                                \
		va_list ap;                                                   \
		unsigned mode;                                                \
									      \
		va_start(ap, flags);                                          \
		mode = va_arg(ap, unsigned);                                  \
		va_end(ap);                                                   \
		if (!real)                                                    \
			*(void **)&real = dlsym(RTLD_NEXT, #name);            \
		return real(redirect(path, buf, sizeof(buf)), flags, mode);   \
	}

OPEN(open)
OPEN(open64)
