// SPDX-License-Identifier: LGPL-2.1-or-later
/* How much memory domains may have and should have: mem-max, mem-set. */
#include <errno.h>
#include <inttypes.h>
#include "base/num.h"
#include "xl/xl.h"

static xl_run_fn mem_max, mem_set;

const struct xl_command cmd_mem_max = {
	.name = "mem-max", .args = "<Domain> <MemMB['b'[bytes]|'k'[KB]|'m'[MB]|'g'[GB]|'t'[TB]]>",
	.summary = "Set the most memory a domain may have", .min = 2, .max = 2, .flags = XL_MODIFIES, .run = mem_max,
};

const struct xl_command cmd_mem_set = {
	.name = "mem-set", .args = "<Domain> <MemMB['b'[bytes]|'k'[KB]|'m'[MB]|'g'[GB]|'t'[TB]]>",
	.summary = "Set the memory a domain should have now", .min = 2, .max = 2, .flags = XL_MODIFIES, .run = mem_set,
};

static int operands(struct xl *xl, char **args, uint32_t *domid, uint64_t *kb, struct err *err)
{
	uint64_t bytes;

	if (xl_domain(xl, args[0], domid, err) < 0 ||
	    num_size(args[1], 'm', "memory size", &bytes, err) < 0)
		return -1;
	*kb = bytes / 1024;
	return 0;
}

static int mem_max(struct xl *xl, const void *opts, char **args, struct err *err)
{
	uint32_t domid;
	uint64_t kb;

	if (operands(xl, args, &domid, &kb, err) < 0)
		return -1;
	return vmm_memory_set_max(xl->vmm, domid, kb, err);
}

static int mem_set(struct xl *xl, const void *opts, char **args, struct err *err)
{
	uint32_t domid;
	uint64_t kb;

	if (operands(xl, args, &domid, &kb, err) < 0)
		return -1;
	return vmm_memory_set_target(xl->vmm, domid, kb, err);
}
