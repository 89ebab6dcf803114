// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Which keys of guest.cfg have no property that Xen's boot reads. One row a key: when it is set,
 * and what becomes of it.
 */
#include "libvmm/boot_keys.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/str.h"

#define MAX_NODE_NAME 31	/* of a device-tree node */
#define DONE_LATER "not part of a boot: `xl init-dom0less` (or the supervisor) does it once dom0 is up, from " \
	XEN_CONF_DIR "/boot/NAME.cfg or the configuration in the tree"

static bool is_pinned(const struct vmm_config *c)
{
	return c->cpus.all || c->cpus.each.n || c->cpus_soft.all || c->cpus_soft.each.n;
}

static bool is_scheduled(const struct vmm_config *c)
{
	return c->cpu_weight != CONFIG_UNSET || c->cap != CONFIG_UNSET ||
	       c->period_us != CONFIG_UNSET || c->budget_us != CONFIG_UNSET ||
	       c->extratime != CONFIG_UNSET;
}

static bool has_devices(const struct vmm_config *c) { return c->nr_devices > 0; }
static bool has_static_mem(const struct vmm_config *c) { return c->static_mem.n && !c->direct_map; }
static bool has_direct_map(const struct vmm_config *c) { return c->direct_map; }
static bool has_maxmem(const struct vmm_config *c) { return c->max_kb != c->target_kb; }
static bool has_fewer_vcpus(const struct vmm_config *c) { return c->max_vcpus != c->vcpus; }
static bool has_gic(const struct vmm_config *c) { return c->gic_version != CONFIG_GIC_DEFAULT; }
static bool has_tee(const struct vmm_config *c) { return c->tee != CONFIG_TEE_NONE; }
static bool has_vpmu(const struct vmm_config *c) { return c->vpmu; }
static bool has_label(const struct vmm_config *c) { return c->seclabel || c->init_seclabel; }
static bool has_hardware(const struct vmm_config *c)
{
	return c->nr_iomem || c->nr_irqs || c->dtdev.n;
}
static bool has_devices_by_path(const struct vmm_config *c) { return c->passthrough_devices.n > 0; }
static bool has_channels(const struct vmm_config *c) { return c->are_evtchns_set; }
static bool has_uuid(const struct vmm_config *c)
{
	return c->is_uuid_set && c->source_text && strstr(c->source_text, "uuid");
}
static bool has_traps(const struct vmm_config *c)
{
	return c->trap_unmapped_accesses != CONFIG_UNSET;
}
static bool has_passthrough(const struct vmm_config *c)
{
	return c->passthrough != PASSTHROUGH_DEFAULT;
}

static bool has_grants(const struct vmm_config *c)
{
	return c->max_grant_frames != CONFIG_UNSET || c->max_maptrack_frames != CONFIG_UNSET ||
	       c->max_grant_version != CONFIG_UNSET;
}

static bool has_sve(const struct vmm_config *c) { return c->sve_vl != 0; }
static bool has_colours(const struct vmm_config *c) { return c->llc_colors.n > 0; }

/* `since`: Xen 4.N and later do read it; 0: none does. */
static const struct row {
	const char *key;
	bool (*is_set)(const struct vmm_config *cfg);
	unsigned since;
	const char *what;
} rows[] = {
	{ "cpus, cpus_soft", is_pinned, 0, DONE_LATER },
	{ "cpu_weight, cap, period, budget, extratime", is_scheduled, 0, DONE_LATER },
	{ "disk, vif, ...", has_devices, 0, DONE_LATER },
	{ "uuid", has_uuid, 0, DONE_LATER },
	{ "maxmem", has_maxmem, 0,
	  "a guest that Xen starts has all of its memory: maxmem counts; `xl mem-set` later" },
	{ "maxvcpus", has_fewer_vcpus, 0, "all vcpus are there: `xl vcpu-set` once dom0 is up" },
	{ "gic_version", has_gic, 0,
	  "the guest gets the host's: leave it out, or start the guest with `xl create`" },
	{ "tee", has_tee, 0,
	  "not offered to guests that Xen starts: start the guest with `xl create`" },
	{ "vpmu", has_vpmu, 0,
	  "not given to guests that Xen starts: start the guest with `xl create`" },
	{ "seclabel, init_seclabel", has_label, 0,
	  "the guest runs with the label of domains that have none: allow that in "
	  "the policy" },
	{ "max_event_channels", has_channels, 0, "it is 1023" },
	{ "trap_unmapped_accesses", has_traps, 0, "accesses to unmapped memory trap" },
	{ "iomem, irqs, dtdev", has_hardware, 0,
	  "taken from the partial device tree (device_tree): its nodes need xen,reg, "
	  "xen,path and interrupts" },
	{ "devices", has_devices_by_path, 0,
	  "write a partial device tree with xen,reg and xen,path, and name it with "
	  "device_tree" },
	{ "max_grant_frames, max_maptrack_frames, max_grant_version", has_grants, 18,
	  "Xen 4.18 and later read these: give "
	  "gnttab_max_frames=, gnttab_max_maptrack_frames=, gnttab= on Xen's command line for all "
	  "guests" },
	{ "static_mem", has_static_mem, 21,
	  "before Xen 4.21 such a guest has no store ring and so no console and devices, unless "
	  "--ring-memory gives it room for them" },
	{ "direct_map", has_direct_map, 21,
	  "before Xen 4.21 such a guest has no store ring, and so no PV console and no devices" },
	{ "passthrough", has_passthrough, 18,
	  "Xen 4.18 and later read it: a partial device tree decides" },
	{ "sve", has_sve, 18, "Xen 4.18 and later read it" },
	{ "llc_colors", has_colours, 20, "Xen 4.20 and later read it" },
};

static void say(const struct vmm_config *cfg, const char *key, const char *what, vmm_warn_fn *warn,
		void *arg)
{
	autofree char *where = str_printf("%s: %s", cfg->name, key);

	warn(arg, where, what);
}

void boot_keys_report(const struct vmm_config *cfg, const struct boot_ability *can,
		      vmm_warn_fn *warn, void *arg)
{
	if (!warn)
		return;
	for (size_t i = 0; i < array_size(rows); i++)
		if (rows[i].is_set(cfg) && (!rows[i].since || can->minor < rows[i].since) &&
		    !(rows[i].is_set == has_static_mem && can->has_ring_memory))
			say(cfg, rows[i].key, rows[i].what, warn, arg);
	if (cfg->pool && !can->has_pool)
		say(cfg, "pool",
		    "made by no --pool of this boot: `xl init-dom0less` moves the guest there once "
		    "dom0 is up",
		    warn, arg);
}

int boot_keys_check_name(const char *name, const char *what, struct err *err)
{
	if (strlen(name) > MAX_NODE_NAME)
		return err_set(err, EINVAL,
			       "'%s': %s is called as its node, which has at most %d characters",
			       name, what, MAX_NODE_NAME);
	for (const char *c = name; *c; c++)
		if (!isalnum((unsigned char)*c) && !strchr("._+-", *c))
			return err_set(err, EINVAL,
				       "'%s': %s is called as its node, which has letters, digits "
				       "and . _ + - only",
				       name, what);
	return 0;
}
