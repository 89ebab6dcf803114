// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The context: opens the hypervisor and the store when they are first needed, passes the trace on
 * as text, tells of progress and asks whether to stop. Knows nothing of domains.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include "base/mem.h"
#include "base/str.h"
#include "libvmm/internal.h"

int vmm_open(struct vmm **out, struct err *err)
{
	*out = xcalloc(1, sizeof(**out));
	return 0;
}

void vmm_close(struct vmm *vmm)
{
	if (!vmm)
		return;
	store_close(vmm->store);
	hv_close(vmm->hv);
	free(vmm);
}

static void trace_hypercall(void *arg, const char *call, uint32_t domid, const char *args,
			    int result)
{
	struct vmm *vmm = arg;
	char who[24] = "", line[256];

	if (domid != UINT32_MAX)
		snprintf(who, sizeof(who), " domain %u", domid);
	snprintf(line, sizeof(line), "%s%s%s%s%s = %d", call, who, *args ? " (" : "", args,
		 *args ? ")" : "", result);
	vmm->trace(vmm->trace_arg, 'h', line);
}

static void trace_store(void *arg, const char *op, const char *path, const char *value)
{
	struct vmm *vmm = arg;
	autofree char *line = value ? str_printf("%s %s = \"%s\"", op, path, value)
				    : str_printf("%s %s", op, path);

	vmm->trace(vmm->trace_arg, 's', line);
}

void vmm_set_trace(struct vmm *vmm, vmm_trace_fn *fn, void *arg)
{
	vmm->trace = fn;
	vmm->trace_arg = arg;
	if (vmm->hv)
		hv_set_trace(vmm->hv, fn ? trace_hypercall : NULL, vmm);
	if (vmm->store)
		store_set_trace(vmm->store, fn ? trace_store : NULL, vmm);
}

void vmm_set_progress(struct vmm *vmm, vmm_progress_fn *fn, void *arg)
{
	vmm->progress = fn;
	vmm->progress_arg = arg;
}

void vmm_set_interrupt(struct vmm *vmm, const volatile int *flag)
{
	vmm->interrupt = flag;
}

void vmm_set_defaults(struct vmm *vmm, const struct vmm_defaults *defaults)
{
	vmm->defaults = defaults;
}

void vmm_counts(const struct vmm *vmm, uint64_t *nr_hypercalls, uint64_t *nr_store_ops)
{
	*nr_hypercalls = vmm->hv ? hv_nr_calls(vmm->hv) : 0;
	*nr_store_ops = vmm->store ? store_nr_ops(vmm->store) : 0;
}

struct hv *vmm_hv(struct vmm *vmm, struct err *err)
{
	if (!vmm->hv) {
		if (hv_open(&vmm->hv, err) < 0)
			return NULL;
		hv_set_trace(vmm->hv, vmm->trace ? trace_hypercall : NULL, vmm);
	}
	return vmm->hv;
}

struct store *vmm_store(struct vmm *vmm, struct err *err)
{
	if (!vmm->store) {
		if (store_open(&vmm->store, err) < 0)
			return NULL;
		store_set_trace(vmm->store, vmm->trace ? trace_store : NULL, vmm);
	}
	return vmm->store;
}

int vmm_step(struct vmm *vmm, struct err *err, const char *fmt, ...)
{
	autofree char *step = NULL;
	va_list ap;

	va_start(ap, fmt);
	step = str_vprintf(fmt, ap);
	va_end(ap);
	if (vmm_is_interrupted(vmm))
		return err_set(err, EINTR, "interrupted before %s", step);
	if (vmm->progress)
		vmm->progress(vmm->progress_arg, step);
	return 0;
}
