// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Guests that Xen started before there was a toolstack (dom0less) get what the others have: a name, a uuid, a store ring, a tree in
 * the store, a saved configuration. Then every command works on them.
 *
 * Nothing waits and nothing races: a guest that wants a store waits by itself until HVM_PARAM_STORE_PFN is set and its event
 * channel fires, and a ring that is there already (Xen 4.21 and later make it) is left as it is, requests included.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "libvmm/build.h"
#include "libvmm/create_nodes.h"
#include "libvmm/dt_boot.h"
#include "libvmm/internal.h"

#define HOST_FDT "/sys/firmware/fdt"
#define MAX_FDT (2u << 20)
#define BOOT_DIR XEN_CONF_DIR "/boot"
#define RING_CONNECTION 2068u		/* in the store ring's page; public/io/xs_wire.h */
#define RING_RECONNECT 1u
/* Grant references that guests of either toolstack keep for these; public/grant_table.h, GNTTAB_RESERVED_*. */
enum { GRANT_CONSOLE = 0, GRANT_STORE = 1 };
#define EXTRA_PAGES 4u			/* what the guest's limit is raised by for its magic pages */

struct boot_guests {
	struct vmm *vmm;
	struct hv *hv;
	struct store *store;
	struct boot_node *nodes;
	size_t nr_nodes;
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
	if (dt_boot_nodes(fdt, size, &b->nodes, &b->nr_nodes, err) < 0)
		return err_wrap(err, HOST_FDT);
	return 0;
}

/* Xen numbers them in the order of the tree, from 1. A node that does not fit the domain is not its description. */
static const struct boot_node *node_of(const struct boot_guests *b, const struct hv_dominfo *info)
{
	const struct boot_node *n;

	if (info->domid == 0 || info->domid > b->nr_nodes)
		return NULL;
	n = &b->nodes[info->domid - 1];
	return n->cpus == info->nr_vcpus ? n : NULL;
}

/* --- its configuration ------------------------------------------------------------------------------------------- */

/* What can be said of a guest of which only Xen's account is there: enough to list and to stop it, not to build it again. */
static struct vmm_config *describe(const struct hv_dominfo *info, const struct boot_node *n, const char *name)
{
	struct vmm_config *cfg = xcalloc(1, sizeof(*cfg));

	config_init(cfg);
	cfg->name = xstrdup(name);
	cfg->vcpus = cfg->max_vcpus = info->nr_vcpus;
	cfg->target_kb = cfg->max_kb = n && n->memory_kb ? n->memory_kb : info->nr_pages * (HV_PAGE_SIZE / 1024);
	cfg->cmdline = n && n->bootargs ? xstrdup(n->bootargs) : NULL;
	cfg->on_reboot = cfg->on_crash = cfg->on_watchdog = cfg->on_soft_reset = VMM_ACTION_PRESERVE;
	config_fill_in(cfg);
	return cfg;
}

/* /etc/xen/boot/NAME.cfg, the file that export-dt made the node from, is what it is built from again. */
static int find_config(const struct hv_dominfo *info, const struct boot_node *n, struct vmm_config **cfg,
		       bool *can_rebuild, struct err *err)
{
	autofree char *name = n && *n->name ? xstrdup(n->name) : str_printf("dom0less-%" PRIu32, info->domid);
	autofree char *path = str_printf("%s/%s.cfg", BOOT_DIR, name);
	struct vmm_config_source src = { .path = path };

	*can_rebuild = true;
	if (vmm_config_load(&src, cfg, err) == 0) {
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

/* --- its rings ----------------------------------------------------------------------------------------------------- */

static bool is_unset(uint64_t param)
{
	return param == 0 || param == UINT64_MAX;
}

/* A page for a ring at its usual place, unless the guest has one. *is_new: it is empty, and nobody knows it yet. */
static int ring_page(struct boot_guests *b, const struct hv_dominfo *info, enum hv_param param, enum layout_magic magic,
		     bool *is_new, struct err *err)
{
	uint64_t gfn = build_magic(magic) >> HV_PAGE_SHIFT, now, done;

	if (hv_param_get(b->hv, info->domid, param, &now, err) < 0)
		return -1;
	*is_new = is_unset(now);
	if (!*is_new)
		return 0;
	return hv_populate(b->hv, info->domid, gfn, 1, 0, &done, err);
}

/* The guest must see that the other end of its ring is not there yet, until the store takes it up. */
static int mark_unconnected(struct boot_guests *b, uint32_t domid, struct err *err)
{
	uint64_t gfn = build_magic(MAGIC_XENSTORE) >> HV_PAGE_SHIFT;
	uint8_t *page = hv_map(b->hv, domid, gfn, 1, true, err);
	uint32_t connection = RING_RECONNECT;

	if (!page)
		return -1;
	memcpy(page + RING_CONNECTION, &connection, sizeof(connection));
	hv_unmap(b->hv, page, 1);
	return hv_cacheflush(b->hv, domid, gfn, 1, err);
}

static int console_port(struct boot_guests *b, struct build *build, struct err *err)
{
	uint32_t domid = build->created.domid;
	uint64_t port;

	if (hv_param_get(b->hv, domid, HV_PARAM_CONSOLE_EVTCHN, &port, err) < 0)
		return -1;
	build->console_port = (uint32_t)port;
	if (!is_unset(port))
		return 0;
	if (hv_evtchn_alloc_unbound(b->hv, domid, build->console_domid, &build->console_port, err) < 0)
		return -1;
	return hv_param_set(b->hv, domid, HV_PARAM_CONSOLE_EVTCHN, build->console_port, err);
}

/* Last of all the one parameter the guest waits for: from then on it may look at anything. */
static int make_rings(struct boot_guests *b, const struct hv_dominfo *info, struct build *build, struct err *err)
{
	uint64_t store_gfn = build_magic(MAGIC_XENSTORE) >> HV_PAGE_SHIFT;
	uint64_t console_gfn = build_magic(MAGIC_CONSOLE) >> HV_PAGE_SHIFT;
	bool is_new_store, is_new_console;
	struct hv_grants *grants;

	if (hv_domain_max_mem(b->hv, info->domid, (info->max_pages + EXTRA_PAGES) * (HV_PAGE_SIZE / 1024), err) < 0 ||
	    ring_page(b, info, HV_PARAM_STORE_PFN, MAGIC_XENSTORE, &is_new_store, err) < 0 ||
	    ring_page(b, info, HV_PARAM_CONSOLE_PFN, MAGIC_CONSOLE, &is_new_console, err) < 0 ||
	    console_port(b, build, err) < 0)
		return -1;
	if (is_new_store && mark_unconnected(b, info->domid, err) < 0)
		return -1;
	if (hv_grants_open(b->hv, info->domid, &grants, err) < 0)
		return -1;
	hv_grants_seed(grants, GRANT_CONSOLE, build->console_domid, console_gfn);
	hv_grants_seed(grants, GRANT_STORE, build->store_domid, store_gfn);
	hv_grants_close(grants);
	if (is_new_console && hv_param_set(b->hv, info->domid, HV_PARAM_CONSOLE_PFN, console_gfn, err) < 0)
		return -1;
	if (is_new_store && hv_param_set(b->hv, info->domid, HV_PARAM_STORE_PFN, store_gfn, err) < 0)
		return -1;
	return 0;
}

/* --- one guest ------------------------------------------------------------------------------------------------------ */

static bool has_uuid(const struct hv_dominfo *info)
{
	static const uint8_t none[HV_UUID_LEN];

	return memcmp(info->uuid, none, HV_UUID_LEN) != 0;
}

/* Xen gives these guests no uuid; one that they have from an earlier attempt stays. */
static int settle_uuid(struct boot_guests *b, const struct hv_dominfo *info, struct vmm_config *cfg, struct err *err)
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

static int welcome(struct boot_guests *b, const struct hv_dominfo *info, struct vmm_config *cfg, uint64_t store_port,
		   struct err *err)
{
	struct build build = { .vmm = b->vmm, .cfg = cfg, .created = { .domid = info->domid },
			       .store_port = (uint32_t)store_port };

	if (settle_uuid(b, info, cfg, err) < 0 ||
	    nodes_daemons(b->vmm, &build.store_domid, &build.console_domid, err) < 0 ||
	    nodes_make(b->vmm, cfg, info->domid, err) < 0 ||
	    vmm_domain_config_save(b->vmm, info->domid, cfg, err) < 0)
		return -1;
	/* A guest without PV interfaces has no rings, but a name and a record all the same. */
	if (is_unset(store_port))
		return nodes_start_time(&build, err);
	if (make_rings(b, info, &build, err) < 0)
		return -1;
	return nodes_built(&build, err);
}

static bool is_known(struct boot_guests *b, uint32_t domid, bool *known, struct err *err)
{
	autofree char *name = NULL;

	if (store_is_introduced(b->store, domid, known, err) < 0)
		return false;
	if (*known)
		return true;
	/* One without a ring is never introduced: its name says that it was here. */
	if (store_read_opt(b->store, &name, err, "/libxl/%" PRIu32 "/type", domid) < 0)
		return false;
	*known = name != NULL;
	return true;
}

static int take_in(struct boot_guests *b, const struct hv_dominfo *info, vmm_boot_guest_fn *report, void *arg,
		   struct err *err)
{
	struct vmm_config *cfg = NULL;
	bool known, can_rebuild;
	uint64_t port;
	int r;

	if (!is_known(b, info->domid, &known, err))
		return -1;
	if (known)
		return 0;
	if (hv_param_get(b->hv, info->domid, HV_PARAM_STORE_EVTCHN, &port, err) < 0 ||
	    find_config(info, node_of(b, info), &cfg, &can_rebuild, err) < 0)
		return -1;
	r = welcome(b, info, cfg, port, err);
	if (r == 0 && report)
		r = report(arg, info->domid, cfg->name, can_rebuild, err);
	vmm_config_free(cfg);
	return r;
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

		if (list[i].domid == 0 || list[i].is_dying)
			continue;
		if (take_in(&b, &list[i], report, arg, &why) < 0)
			r = err_set(err, why.code, "domain %" PRIu32 ": taking in a guest that Xen started: %s",
				    list[i].domid, why.msg);
	}
	boot_nodes_free(b.nodes, b.nr_nodes);
	return r;
}
