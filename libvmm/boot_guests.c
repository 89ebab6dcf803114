// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Guests that Xen started before there was a toolstack (dom0less) get what the others have: a name,
 * a uuid, a store ring, a tree in the store, a saved configuration. Then every command works on
 * them.
 *
 * Nothing waits and nothing races: a guest that wants a store waits by itself until its ring is
 * there, and may ask from then on, whether or not anybody listens yet.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "libvmm/boot_rings.h"
#include "libvmm/build.h"
#include "libvmm/create_cpus.h"
#include "libvmm/create_nodes.h"
#include "libvmm/device.h"
#include "libvmm/devices.h"
#include "libvmm/dt_boot.h"
#include "libvmm/internal.h"
#include "libvmm/partition.h"

#define HOST_FDT "/sys/firmware/fdt"
#define MAX_FDT (2u << 20)
#define BOOT_DIR XEN_CONF_DIR "/boot"

/* Linux looks for the domain's own console when it starts, so one that comes later is the driver's
 * further kind (devid 1 and up). It takes the first free terminal, hvc0 unless there is one. The
 * driver reads one digit; 9 leaves the others to channel=. */
#define LATE_CONSOLE 8			/* 9 in the store: + first_devid of the class */

struct boot_guest {
	uint32_t domid, pool;
	struct vmm_config *cfg;		/* owned */
	struct build build;
	bool is_waiting;		/* for its devices, before the store knows it */
};

struct boot_guests {
	struct vmm *vmm;
	struct hv *hv;
	struct store *store;
	struct boot_node *nodes;
	size_t nr_nodes;
	struct boot_pool_node *pools;
	size_t nr_pools;
	struct boot_guest *taken;	/* now, and with a configuration of their own */
	size_t nr_taken;
};

static int read_nodes(struct boot_guests *b, struct err *err)
{
	autofree char *fdt = NULL;
	size_t size;

	if (file_read(HOST_FDT, MAX_FDT, &fdt, &size, err) < 0) {
		/* A host that boots by ACPI has no guests of this kind. */
		if (err->code != ENOENT)
			return -1;
		err_clear(err);
		return 0;
	}
	if (dt_boot_nodes(fdt, size, &b->nodes, &b->nr_nodes, err) < 0 ||
	    dt_boot_pools(fdt, size, &b->pools, &b->nr_pools, err) < 0)
		return err_wrap(err, HOST_FDT);
	return 0;
}

static bool has_uuid(const struct hv_dominfo *info)
{
	static const uint8_t none[HV_UUID_LEN];

	return memcmp(info->uuid, none, HV_UUID_LEN) != 0;
}

/* A guest of Xen's is up; one that somebody creates just now is paused, and has a uuid from the
 * start. */
static bool is_being_created(const struct hv_dominfo *info)
{
	return info->is_paused && has_uuid(info);
}

/* Without memory for it beyond its own, a guest with static memory cannot be given rings: Xen 4.21
 * and later have them made. */
static bool has_room_for_rings(const struct boot_node *n)
{
	return !n || !n->is_static || n->has_ring_memory;
}

/* Xen numbers them in the order of the tree, from 1. A node that does not fit the domain is not its
 * description. */
static const struct boot_node *node_of(const struct boot_guests *b, const struct hv_dominfo *info)
{
	const struct boot_node *n;

	if (info->domid == 0 || info->domid > b->nr_nodes)
		return NULL;
	n = &b->nodes[info->domid - 1];
	return n->cpus == info->nr_vcpus ? n : NULL;
}

/* --- its configuration ------------------------------------------------------------------------ */

/* What can be said of a guest of which only Xen's account is there: enough to list and to stop it,
 * not to build it again. */
static struct vmm_config *describe(const struct hv_dominfo *info, const struct boot_node *n,
				   const char *name)
{
	struct vmm_config *cfg = xcalloc(1, sizeof(*cfg));

	config_init(cfg);
	cfg->name = xstrdup(name);
	cfg->vcpus = cfg->max_vcpus = info->nr_vcpus;
	cfg->target_kb = cfg->max_kb =
		n && n->memory_kb ? n->memory_kb : info->nr_pages * (HV_PAGE_SIZE / 1024);
	cfg->cmdline = n && n->bootargs ? xstrdup(n->bootargs) : NULL;
	cfg->on_reboot = cfg->on_crash = cfg->on_watchdog = cfg->on_soft_reset =
		VMM_ACTION_PRESERVE;
	config_fill_in(cfg);
	return cfg;
}

/* /etc/xen/boot/NAME.cfg, or what export-dt kept in the node, is what it is built from again. */
static int load_config(const struct boot_node *n, const char *name, struct vmm_config **cfg,
		       struct err *err)
{
	autofree char *path = str_printf("%s/%s.cfg", BOOT_DIR, name);
	struct vmm_config_source file = { .path = path },
				 tree = { .path = "the device tree's " DT_BOOT_CONFIG };

	if (vmm_config_load(&file, cfg, err) == 0)
		return 0;
	if (err->code != ENOENT || !n || !n->config)
		return -1;
	err_clear(err);
	tree.text = n->config;
	return vmm_config_load(&tree, cfg, err);
}

static int find_config(const struct hv_dominfo *info, const struct boot_node *n,
		       struct vmm_config **cfg, bool *can_rebuild, struct err *err)
{
	autofree char *name =
		n && *n->name ? xstrdup(n->name) : str_printf("dom0less-%" PRIu32, info->domid);

	*can_rebuild = true;
	if (load_config(n, name, cfg, err) == 0) {
		/* The tree of the boot decides how it is called; the file may have been copied. */
		free((*cfg)->name);
		(*cfg)->name = xstrdup(name);
		return 0;
	}
	if (err->code != ENOENT)
		return -1;
	err_clear(err);
	*can_rebuild = false;
	*cfg = describe(info, n, name);
	return 0;
}

/* --- one guest -------------------------------------------------------------------------------- */

/* Xen gives these guests no uuid; one that they have from an earlier attempt stays. */
static int settle_uuid(struct boot_guests *b, const struct hv_dominfo *info, struct vmm_config *cfg,
		       struct err *err)
{
	if (has_uuid(info)) {
		memcpy(cfg->uuid, info->uuid, HV_UUID_LEN);
		cfg->is_uuid_set = true;
		return 0;
	}
	if (!cfg->is_uuid_set)
		config_make_uuid(cfg);
	return hv_domain_set_uuid(b->hv, info->domid, cfg->uuid, err);
}

/* Before the store knows the guest: the first look its driver takes must find it. */
static int add_late_console(struct boot_guests *b, uint32_t domid, struct err *err)
{
	autoconfig struct vmm_config cfg;
	struct vmm_device *dev;

	config_init(&cfg);
	if (device_parse(devclass_by_key("channel"), "name=console,connection=pty", &dev, err) < 0)
		return -1;
	dev->devid = LATE_CONSOLE;
	device_add(&cfg, dev);
	if (device_attach_all(b->vmm, domid, &cfg, err) < 0)
		return -1;
	return vmm_domain_note_set(b->vmm, domid, VMM_NOTE_LATE_CONSOLE, "9", err);
}

/*
 * Linux lists its devices when the store answers it, and only then begins to watch for more: what
 * comes in between it never sees. So a guest that is to have devices waits for them, and others do
 * not wait for it.
 */
static int welcome(struct boot_guests *b, const struct hv_dominfo *info, struct boot_guest *g,
		   uint64_t store_port, struct err *err)
{
	struct build *build = &g->build;

	*build = (struct build){ .vmm = b->vmm, .cfg = g->cfg, .created = { .domid = g->domid },
				 .store_port = (uint32_t)store_port };
	/* An earlier attempt may have been cut short; who has no record has no devices. */
	if (device_detach_all(b->vmm, g->domid, err) < 0 ||
	    settle_uuid(b, info, g->cfg, err) < 0 ||
	    nodes_daemons(b->vmm, &build->store_domid, &build->console_domid, err) < 0 ||
	    nodes_make(b->vmm, g->cfg, g->domid, err) < 0 ||
	    vmm_domain_config_save(b->vmm, g->domid, g->cfg, err) < 0)
		return -1;
	/* A guest that has no rings has a name and a record all the same. */
	if (boot_rings_unset(store_port))
		return nodes_start_time(build, err);
	if (boot_rings_make(b->hv, info, build, err) < 0 ||
	    add_late_console(b, g->domid, err) < 0)
		return -1;
	g->is_waiting = g->cfg->nr_devices > 0;
	return g->is_waiting ? 0 : nodes_built(build, err);
}

/* --- what its configuration says beyond that -------------------------------------------------- */

/* To its pool, unless Xen started it there. */
static int settle_place(struct boot_guests *b, const struct boot_guest *g,
			struct create_place *place, struct err *err)
{
	const struct vmm_create_options options = { .paused = false };
	autofree char *planned = NULL;
	const char *pool;

	if (partition_pool(b->vmm, g->cfg->name, &planned, err) < 0)
		return -1;
	pool = planned ? planned : g->cfg->pool;
	*place = (struct create_place){ .pool = g->pool, .is_planned = planned };
	if (pool && vmm_cpupool_find(b->vmm, pool, &place->pool, err) < 0)
		return -1;
	if (place->pool != g->pool &&
	    (create_place(b->vmm, g->cfg, &options, planned, place, err) < 0 ||
	     vmm_cpupool_move_domain(b->vmm, g->domid, place->pool, err) < 0))
		return -1;
	return create_affinity(b->vmm, g->cfg, &options, place, g->domid, err);
}

static int give_devices(struct boot_guests *b, const struct boot_guest *g, struct err *err)
{
	if (!g->cfg->nr_devices)
		return 0;
	if (device_settle_all(b->vmm, g->cfg, err) < 0 ||
	    device_attach_all(b->vmm, g->domid, g->cfg, err) < 0)
		return err_append(err, "its devices are missing: attach them with `xl "
				       "block-attach`, `xl network-attach`");
	return vmm_domain_config_save(b->vmm, g->domid, g->cfg, err);
}

/* What Xen's boot has no property for. */
static int settle(struct boot_guests *b, const struct boot_guest *g, struct err *err)
{
	struct create_place place;

	if (settle_place(b, g, &place, err) < 0 ||
	    create_scheduling(b->vmm, g->cfg, g->domid, place.pool, err) < 0)
		return -1;
	return partition_join(b->vmm, g->domid, g->cfg->name, err);
}

/* A guest that waits for its devices is let in without them when they cannot be had. */
static int furnish(struct boot_guests *b, const struct boot_guest *g, struct err *err)
{
	struct err late = ERR_INIT;
	int r = settle(b, g, err);

	if (r == 0)
		r = give_devices(b, g, err);
	if (g->is_waiting && nodes_built(&g->build, &late) < 0) {
		*err = late;
		return -1;
	}
	return r;
}

/* The store knows those with a ring; the record is the last of those without. One that was left
 * half-way is neither. */
static int is_known(struct boot_guests *b, uint32_t domid, uint64_t store_port, bool has_rings,
		    bool *known, struct err *err)
{
	autofree char *start = NULL, *vm = NULL;

	if (store_is_introduced(b->store, domid, known, err) < 0)
		return -1;
	if (*known || (!boot_rings_unset(store_port) && has_rings))
		return 0;
	if (store_read_opt(b->store, &vm, err, "/local/domain/%" PRIu32 "/vm", domid) < 0)
		return -1;
	if (vm && store_read_opt(b->store, &start, err, "%s/start_time", vm) < 0)
		return -1;
	*known = start != NULL;
	return 0;
}

static int take_in(struct boot_guests *b, const struct hv_dominfo *info, vmm_boot_guest_fn *report,
		   void *arg, struct err *err)
{
	const struct boot_node *n = node_of(b, info);
	struct boot_guest g = { .domid = info->domid, .pool = info->cpupool };
	bool known, can_rebuild;
	uint64_t port, pfn;
	int r;

	if (hv_param_get(b->hv, info->domid, HV_PARAM_STORE_EVTCHN, &port, err) < 0 ||
	    is_known(b, info->domid, port, has_room_for_rings(n), &known, err) < 0)
		return -1;
	if (known)
		return 0;
	if (!boot_rings_unset(port) && !has_room_for_rings(n)) {
		if (hv_param_get(b->hv, info->domid, HV_PARAM_STORE_PFN, &pfn, err) < 0)
			return -1;
		if (boot_rings_unset(pfn))
			port = 0;
	}
	if (find_config(info, n, &g.cfg, &can_rebuild, err) < 0)
		return -1;
	r = welcome(b, info, &g, port, err);
	if (r == 0 && report)
		r = report(arg, info->domid, g.cfg->name, (can_rebuild ? VMM_BOOT_CAN_REBUILD : 0) |
			   (boot_rings_unset(port) ? VMM_BOOT_NO_STORE : 0), err);
	if (r == 0 && can_rebuild) {
		b->taken = xreallocarray(b->taken, b->nr_taken + 1, sizeof(*b->taken));
		b->taken[b->nr_taken++] = g;
		g.cfg = NULL;
	}
	vmm_config_free(g.cfg);
	return r;
}

/* Those without devices are in before the first device is waited for. */
static int furnish_all(struct boot_guests *b, struct err *err)
{
	int r = 0;

	for (size_t i = 0; i < b->nr_taken; i++) {
		struct boot_guest *g = &b->taken[i];
		struct err why = ERR_INIT;

		if (furnish(b, g, &why) < 0)
			r = err_set(err, why.code, "guest '%s', which Xen started: %s",
				    g->cfg->name, why.msg);
		vmm_config_free(g->cfg);
	}
	free(b->taken);
	return r;
}

/* --- pools ------------------------------------------------------------------------------------ */

/* Xen numbers its pools; their pcpus tell which node they are. */
static int name_pool(struct boot_guests *b, const struct boot_pool_node *node,
		     struct vmm_cpupool *pools, size_t nr, struct err *err)
{
	struct bitmap cpus;

	if (bitmap_parse_cpus(&cpus, node->cpus, BITMAP_BITS, NULL, NULL, node->name, err) < 0)
		return -1;
	for (size_t i = 0; i < nr; i++) {
		autofree char *unnamed = str_printf("Pool-%" PRIu32, pools[i].id);

		/* Pool-0 keeps its name: everything falls back on it. One that has a name was here
		 * before. */
		if (bitmap_equal(&pools[i].cpus, &cpus) && pools[i].id != 0 &&
		    str_eq(pools[i].name, unnamed))
			return vmm_cpupool_rename(b->vmm, pools[i].id, node->name, err);
	}
	return 0;
}

static int name_pools(struct boot_guests *b, struct err *err)
{
	struct vmm_cpupool *pools;
	size_t nr;
	int r = 0;

	if (!b->nr_pools)
		return 0;
	if (vmm_cpupool_list(b->vmm, &pools, &nr, err) < 0)
		return -1;
	for (size_t i = 0; i < b->nr_pools && r == 0; i++)
		r = name_pool(b, &b->pools[i], pools, nr, err);
	vmm_cpupools_free(pools, nr);
	return r < 0 ? err_wrap(err, "naming the pools that Xen made") : 0;
}

int vmm_init_boot_guests(struct vmm *vmm, vmm_boot_guest_fn *report, void *arg, struct err *err)
{
	struct boot_guests b = { .vmm = vmm };
	autofree struct hv_dominfo *list = NULL;
	size_t nr;
	int r = 0;

	b.store = vmm_store(vmm, err);
	b.hv = b.store ? vmm_hv(vmm, err) : NULL;
	if (!b.hv || hv_domain_list(b.hv, &list, &nr, err) < 0 || read_nodes(&b, err) < 0)
		return -1;
	/* One that cannot be taken in must not keep the others waiting. */
	for (size_t i = 0; i < nr; i++) {
		struct err why = ERR_INIT;

		if (list[i].domid == 0 || list[i].is_dying || is_being_created(&list[i]))
			continue;
		if (take_in(&b, &list[i], report, arg, &why) < 0)
			r = err_set(err, why.code,
				    "domain %" PRIu32 ": taking in a guest that Xen started: %s",
				    list[i].domid, why.msg);
	}
	if (name_pools(&b, err) < 0)
		r = -1;
	if (furnish_all(&b, err) < 0)
		r = -1;
	boot_pool_nodes_free(b.pools, b.nr_pools);
	boot_nodes_free(b.nodes, b.nr_nodes);
	return r;
}
