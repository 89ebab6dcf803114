// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Which terminal a domain's console is: xenconsoled writes its name into the store when it has
 * opened it, so waiting for a console is waiting for that node. Carrying the bytes is the front
 * end's business.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include "base/file.h"
#include "base/num.h"
#include "base/str.h"
#include "libvmm/domain.h"
#include "libvmm/internal.h"

static char *tty_path(uint32_t domid, enum vmm_console_type type, unsigned num)
{
	if (type == VMM_CONSOLE_VUART)
		return str_printf("/local/domain/%" PRIu32 "/vuart/%u/tty", domid, num);
	if (num == 0)
		return str_printf("/local/domain/%" PRIu32 "/console/tty", domid);
	return str_printf("/local/domain/%" PRIu32 "/device/console/%u/tty", domid, num);
}

/* The guest may write below its own device folder, but dom0 opens this: only a terminal of dom0
 * will do. */
static bool is_terminal_path(const char *path)
{
	return str_starts(path, "/dev/") && !strstr(path, "/..");
}

static int await_tty(struct vmm *vmm, uint32_t domid, const char *path, int timeout_ms, char **tty,
		     struct err *err)
{
	uint64_t deadline = timeout_ms < 0 ? UINT64_MAX : time_ms() + (uint64_t)timeout_ms;

	for (;;) {
		autofree char *value = NULL;
		struct vmm_dominfo info;
		int left;

		if (store_read_opt(vmm->store, &value, err, "%s", path) < 0)
			return -1;
		if (value && *value) {
			if (!is_terminal_path(value))
				return err_set(err, EPERM, "%s holds '%s', which is no terminal",
					       path, value);
			*tty = steal(value);
			return 0;
		}
		if (vmm_domain_info(vmm, domid, &info, err) < 0)
			return -1;
		left = domain_left_ms(deadline);
		if (left == 0)
			return err_set(err, ETIMEDOUT, "no terminal at %s; is xenconsoled running?",
				       path);
		if (domain_await_event(vmm, left, err) < 0)
			return -1;
	}
}

/* Xen prints what such a guest writes to its UART, and nobody else gets it. */
static int check_uart(struct vmm *vmm, uint32_t domid, struct err *err)
{
	autofree char *late = NULL;

	if (store_read_opt(vmm->store, &late, err, "/libxl/%" PRIu32 "/" VMM_NOTE_LATE_CONSOLE,
			   domid) < 0)
		return -1;
	return late ? err_set(err, ENOTSUP,
			      "Xen started this guest and keeps its UART: look into `xl dmesg` for "
			      "DOM%" PRIu32 ":",
			      domid)
		    : 0;
}

int vmm_console_tty(struct vmm *vmm, uint32_t domid, enum vmm_console_type type, unsigned num,
		    int timeout_ms, char **tty, struct err *err)
{
	autofree char *path = tty_path(domid, type, num);
	struct store *store = vmm_store(vmm, err);
	int ret;

	if (!store || (type == VMM_CONSOLE_VUART && check_uart(vmm, domid, err) < 0) ||
	    domain_watch(vmm, path, err) < 0)
		return -1;
	ret = domain_watch(vmm, "@releaseDomain", err);
	if (ret == 0) {
		ret = await_tty(vmm, domid, path, timeout_ms, tty, err);
		domain_forget_watch(vmm, "@releaseDomain");
	}
	domain_forget_watch(vmm, path);
	return ret < 0 ? err_wrap(err, "console %u of domain %" PRIu32, num, domid) : 0;
}

int vmm_console_number(struct vmm *vmm, uint32_t domid, unsigned *num, struct err *err)
{
	autofree char *late = NULL, *state = NULL;
	struct store *store = vmm_store(vmm, err);
	uint64_t n;

	*num = 0;
	if (!store || store_read_opt(store, &late, err, "/libxl/%" PRIu32 "/" VMM_NOTE_LATE_CONSOLE,
				     domid) < 0)
		return -1;
	if (!late)
		return 0;
	if (num_dec(late, 255, VMM_NOTE_LATE_CONSOLE, &n, err) < 0 ||
	    store_read_opt(store, &state, err,
			   "/local/domain/0/backend/console/%" PRIu32 "/%" PRIu64 "/state", domid,
			   n) < 0)
		return -1;
	if (str_eq(state, "4"))		/* XenbusStateConnected: its driver has taken it */
		*num = (unsigned)n;
	return 0;
}

/* xenconsoled's name for the file: what could leave the folder is '_' (see
 * xenconsoled/conlog.c). */
static char *last_path(const char *name)
{
	autofree char *file = str_printf("%.200s", name);

	for (char *p = file; *p; p++)
		if (*p == '/' || (unsigned char)*p < ' ' || *p == 0x7f || (p == file && *p == '.'))
			*p = '_';
	return str_printf(XEN_RUN_DIR "/console/%s.last", file);
}

#define LAST_MAX (16u << 20)	/* the most xenconsoled may be told to keep */

int vmm_console_last(struct vmm *vmm, const char *name, char **text, size_t *len, struct err *err)
{
	autofree char *path = last_path(name);

	if (file_read(path, LAST_MAX, text, len, err) == 0)
		return 0;
	if (err->code == ENOENT)
		return err_set(
			err, ENOENT,
			"nothing is kept of a domain '%s' (%s): none of that name has ended since "
			"xenconsoled started",
			name, path);
	return -1;
}
