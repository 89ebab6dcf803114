// SPDX-License-Identifier: LGPL-2.1-or-later
/* Where vcpus run and how many are online: vcpu-pin, vcpu-set. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include "base/num.h"
#include "base/str.h"
#include "xl/xl.h"

/* --- vcpu-pin --------------------------------------------------------------------------------- */

struct pin_opts { bool force, ignore_masks; };

static const struct xl_option pin_options[] = {
	OPT_BOOL('f', "force", struct pin_opts, force, "Override a pinning the hypervisor holds for the moment"),
	OPT_BOOL(0, "ignore-global-affinity-masks", struct pin_opts, ignore_masks, "Do not apply vm.cpumask of xl.conf"),
	OPT_END
};

static xl_run_fn vcpu_pin;

const struct xl_command cmd_vcpu_pin = {
	.name = "vcpu-pin", .args = "[option] <Domain> <VCPU|all> <Hard affinity|-|all> [Soft affinity|-|all]",
	.summary = "Set which pcpus vcpus may and should run on",
	.options = pin_options, .opts_size = sizeof(struct pin_opts),
	.min = 3, .max = 4, .flags = XL_DRY_RUN | XL_MODIFIES, .run = vcpu_pin,
};

/* "-": as it is. */
static int affinity(struct xl *xl, const char *word, const char *what, struct bitmap *map,
		    bool *is_given, struct err *err)
{
	*is_given = word && strcmp(word, "-") != 0;
	return *is_given ? vmm_pcpus_parse(xl->vmm, word, what, map, err) : 0;
}

static int apply_global_mask(struct xl *xl, struct bitmap *hard, struct err *err)
{
	const char *text = xl->conf.vm_hvm_cpumask ? xl->conf.vm_hvm_cpumask : xl->conf.vm_cpumask;
	struct bitmap mask;

	if (!text)
		return 0;
	if (vmm_pcpus_parse(xl->vmm, text, "vm.cpumask of xl.conf", &mask, err) < 0)
		return -1;
	bitmap_and(hard, &mask);
	if (bitmap_is_empty(hard))
		return err_set(err, EINVAL, "vm.cpumask of xl.conf (%s) leaves no pcpu to run on",
			       text);
	return 0;
}

static int show_pin(struct xl *xl, const struct bitmap *hard, const struct bitmap *soft,
		    struct err *err)
{
	autofree char *hard_text = NULL, *soft_text = NULL;
	unsigned nr_cpus, nr_nodes;

	if (vmm_host_size(xl->vmm, &nr_cpus, &nr_nodes, err) < 0)
		return -1;
	hard_text = hard ? bitmap_str(hard, nr_cpus) : xstrdup("-");
	soft_text = soft ? bitmap_str(soft, nr_cpus) : NULL;
	fprintf(xl->out, "cpumap: %s%s%s\n", hard_text, soft ? " " : "", soft ? soft_text : "");
	return 0;
}

static int vcpu_pin(struct xl *xl, const void *opts, char **args, struct err *err)
{
	const struct pin_opts *o = opts;
	struct bitmap hard, soft;
	bool has_hard, has_soft;
	uint32_t domid, vcpu = VMM_VCPU_ALL;

	if (strcmp(args[1], "all") != 0 &&
	    num_u32(args[1], 0, UINT32_MAX - 1, "vcpu", &vcpu, err) < 0)
		return -1;
	if (xl_domain(xl, args[0], &domid, err) < 0 ||
	    affinity(xl, args[2], "hard affinity", &hard, &has_hard, err) < 0 ||
	    affinity(xl, args[3], "soft affinity", &soft, &has_soft, err) < 0)
		return -1;
	if (has_hard && !o->ignore_masks && apply_global_mask(xl, &hard, err) < 0)
		return -1;
	if (xl->dry_run)
		return show_pin(xl, has_hard ? &hard : NULL, has_soft ? &soft : NULL, err);
	return vmm_vcpu_pin(xl->vmm, domid, vcpu, has_hard ? &hard : NULL, has_soft ? &soft : NULL,
			    o->force, err);
}

/* --- vcpu-set --------------------------------------------------------------------------------- */

struct set_opts { bool ignore_host; };

static const struct xl_option set_options[] = {
	OPT_BOOL('i', "ignore-host", struct set_opts, ignore_host, "Do not limit the number to that of pcpus"),
	OPT_END
};

static xl_run_fn vcpu_set;

const struct xl_command cmd_vcpu_set = {
	.name = "vcpu-set", .args = "[option] <Domain> <vCPUs>", .summary = "Set how many vcpus a domain has online",
	.options = set_options, .opts_size = sizeof(struct set_opts),
	.min = 2, .max = 2, .flags = XL_MODIFIES, .run = vcpu_set,
};

static int vcpu_set(struct xl *xl, const void *opts, char **args, struct err *err)
{
	const struct set_opts *o = opts;
	unsigned nr_cpus, nr_nodes;
	struct vmm_dominfo info;
	uint32_t domid, nr;

	if (xl_domain(xl, args[0], &domid, err) < 0 ||
	    num_u32(args[1], 1, 65535, "vcpus", &nr, err) < 0 ||
	    vmm_domain_info(xl->vmm, domid, &info, err) < 0 ||
	    vmm_host_size(xl->vmm, &nr_cpus, &nr_nodes, err) < 0)
		return -1;
	if (!o->ignore_host && nr > info.nr_online_vcpus && nr > nr_cpus)
		return err_set(
			err, EINVAL,
			"You are overcommmitting! You have %u physical CPUs and want %" PRIu32
			" vCPUs! Aborting, use --ignore-host to continue",
			nr_cpus, nr);
	return vmm_vcpu_set_online(xl->vmm, domid, nr, err);
}
