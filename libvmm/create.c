// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The whole of vmm_domain_create: what must hold beforehand, the domain, its store tree, its
 * inside, its devices, its saved configuration, and the undo of all that. How each part is made,
 * the modules below know.
 */
#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/str.h"
#include "libvmm/balloon.h"
#include "libvmm/build.h"
#include "libvmm/cfgjson.h"
#include "libvmm/create_cpus.h"
#include "libvmm/create_nodes.h"
#include "libvmm/create_passthrough.h"
#include "libvmm/device.h"
#include "libvmm/domain.h"
#include "libvmm/domid_history.h"
#include "libvmm/hostdev.h"
#include "libvmm/userdata.h"
#include "libvmm/partition.h"

#define CREATE_SSIDREF_DOMU 12u	/* Flask's SECINITSID_DOMU: the label of a domain that asks for none */
#define LLC_COLOR_MAX 1023

/* --- undo ------------------------------------------------------------------------------------- */

/* A domain that is not finished: gone again at the end of its scope unless it was kept. */
struct newborn {
	struct vmm *vmm;
	uint32_t domid;		/* HV_DOMID_ANY: none yet, or kept */
	struct err *err;	/* where a failure of the undo is told */
};

static void newborn_abandon(struct newborn *dom)
{
	const volatile int *interrupt = dom->vmm->interrupt;
	struct err why = ERR_INIT;

	mem_on_oom(NULL, NULL);
	if (dom->domid == HV_DOMID_ANY)
		return;
	/* The interrupt that stopped the creation is not to stop its undo. */
	dom->vmm->interrupt = NULL;
	if (domain_teardown(dom->vmm, dom->domid, &why) < 0)
		err_append(dom->err, "domain %u is left over (%s): remove it with 'xl destroy %u'",
			   dom->domid, why.msg, dom->domid);
	dom->vmm->interrupt = interrupt;
	dom->domid = HV_DOMID_ANY;
}

#define autoabandon __attribute__((cleanup(newborn_abandon)))

static void newborn_oom(void *arg)
{
	newborn_abandon(arg);
}

static uint32_t newborn_keep(struct newborn *dom)
{
	uint32_t domid = dom->domid;

	dom->domid = HV_DOMID_ANY;
	return domid;
}

/* --- what must hold before there is a domain -------------------------------------------------- */

static int check_unique(struct vmm *vmm, const struct vmm_config *cfg, struct err *err)
{
	autofree struct vmm_dominfo *list = NULL;
	autofree char **names = NULL;
	size_t nr;
	int r = 0;

	if (vmm_domain_list(vmm, &list, &nr, err) < 0)
		return -1;
	names = xcalloc(nr, sizeof(*names));
	if (vmm_domain_names(vmm, list, nr, names, err) < 0)
		return -1;
	for (size_t i = 0; i < nr; i++) {
		if (r == 0 && str_eq(names[i], cfg->name))
			r = err_set(err, EEXIST,
				    "the name is already in use by domain %u; destroy or rename "
				    "that one, or "
				    "choose another name=",
				    list[i].domid);
		else if (r == 0 && list[i].domid && !list[i].is_dying &&
			 !memcmp(list[i].uuid, cfg->uuid, sizeof(cfg->uuid)))
			r = err_set(err, EEXIST,
				    "its uuid is already in use by domain %u; leave out uuid= or "
				    "choose another",
				    list[i].domid);
		free(names[i]);
	}
	return r;
}

/* A label for the time of building, another for the time after: only with Xen's Flask. */
static int label_of(struct vmm *vmm, const char *label, uint32_t *ssidref, struct err *err)
{
	return label ? hv_flask_sid(vmm->hv, label, ssidref, err) : 0;
}

/* --- the domain ------------------------------------------------------------------------------- */

static int random_domid(uint32_t *domid, struct err *err)
{
	uint16_t bits;

	do {
		if (getrandom(&bits, sizeof(bits), 0) != sizeof(bits))
			return err_set(err, EIO, "getting random bytes: %s", strerror(errno));
		*domid = bits & 0x7fff;
	} while (*domid == 0 || *domid >= HV_DOMID_FIRST_RESERVED);
	return 0;
}

/* With the number of a domain that ended a moment ago Xen's choice is given back and asked for
 * again: it goes round. */
static int make_numbered(struct build *b, struct hv_createdomain *create, bool is_random,
			 const struct domid_history *history, struct err *err)
{
	for (unsigned i = 0; i < HV_DOMID_FIRST_RESERVED; i++) {
		if (is_random && random_domid(&create->domid, err) < 0)
			return -1;
		if (is_random && domid_history_has(history, create->domid))
			continue;
		if (hv_domain_create(b->vmm->hv, create, &b->created, err) < 0) {
			if (!is_random || err->code != EEXIST)
				return build_refused(b, create, err);
			err_clear(err);
			continue;
		}
		if (!domid_history_has(history, b->created.domid))
			return 0;
		if (hv_domain_destroy(b->vmm->hv, b->created.domid, err) < 0)
			return err_wrap(err, "giving back domain number %u", b->created.domid);
	}
	return err_set(err, EBUSY,
		       "every domain number is in use or was within the last %u seconds",
		       DOMID_REUSE_S);
}

static int make_domain(struct build *b, const struct vmm_create_options *options, uint32_t pool,
		       struct err *err)
{
	struct domid_history *history = NULL;
	struct hv_createdomain create;
	int r;

	if (build_createdomain(b, &create, err) < 0)
		return -1;
	create.cpupool_id = pool;
	create.ssidref = CREATE_SSIDREF_DOMU;
	if (label_of(b->vmm, b->cfg->init_seclabel ? b->cfg->init_seclabel : b->cfg->seclabel,
		     &create.ssidref, err) < 0 ||
	    domid_history_read(&history, err) < 0)
		return -1;
	r = make_numbered(b, &create, options->random_domid, history, err);
	domid_history_free(history);
	return r;
}

/* Where Xen colours its cache every domain must be given some; without a list it is all of them. */
static int set_llc_colors(struct build *b, struct err *err)
{
	const struct strlist *list = &b->cfg->llc_colors;
	autofree uint32_t *colors = NULL;
	unsigned nr = 0;

	for (size_t i = 0; i < list->n; i++) {
		uint64_t first, last;

		if (num_range(list->v[i], LLC_COLOR_MAX, "llc_colors", &first, &last, err) < 0)
			return -1;
		colors = xreallocarray(colors, nr + (last - first + 1), sizeof(*colors));
		while (first <= last)
			colors[nr++] = first++;
	}
	if (hv_llc_colors_set(b->vmm->hv, b->created.domid, colors, nr, err) == 0) {
		b->is_colored = true;
		return 0;
	}
	if (!nr && (err->code == EOPNOTSUPP || err->code == ENOSYS)) {
		err_clear(err);
		return 0;
	}
	if (err->code == EOPNOTSUPP)
		err_set(err, EOPNOTSUPP,
			"this Xen does not colour its cache (CONFIG_LLC_COLORING, and "
			"llc-coloring=on on its command line)");
	else if (err->code == EINVAL)
		err_append(err, "the cache has no such colour, or not so many (see 'xl dmesg')");
	return err_wrap(err, "llc_colors");
}

static int save_config(struct build *b, struct err *err)
{
	const struct vmm_config *cfg = b->cfg;
	autofree char *json = NULL;

	if (cfgjson_saved(cfg, NULL, &json, err) < 0)
		return -1;
	return userdata_write(b->created.domid, cfg->uuid, "libxl-json", json, strlen(json) + 1,
			      err);
}

static int attach_devices(struct build *b, struct err *err)
{
	if (b->cfg->nr_devices == 0)
		return 0;
	if (vmm_step(b->vmm, err, "attaching devices") < 0)
		return -1;
	if (device_attach_all(b->vmm, b->created.domid, b->cfg, err) < 0)
		return -1;
	return device_usb_attach_all(b->vmm, b->created.domid, b->cfg, err);
}

static int finish(struct build *b, const struct vmm_create_options *options, uint32_t pool,
		  struct err *err)
{
	struct vmm *vmm = b->vmm;
	uint32_t domid = b->created.domid, ssidref;

	if (create_scheduling(vmm, b->cfg, domid, pool, err) < 0 ||
	    vmm_step(vmm, err, "introducing the domain to the store") < 0 ||
	    nodes_built(b, err) < 0 || passthrough_give(vmm, b->cfg, &b->created, err) < 0 ||
	    attach_devices(b, err) < 0)
		return -1;
	/* Attaching filled in what was left open. */
	if (b->cfg->nr_devices && save_config(b, err) < 0)
		return -1;
	if (b->cfg->init_seclabel && b->cfg->seclabel &&
	    (label_of(vmm, b->cfg->seclabel, &ssidref, err) < 0 ||
	     hv_flask_relabel(vmm->hv, domid, ssidref, err) < 0))
		return -1;
	if (partition_join(vmm, domid, b->cfg->name, err) < 0)
		return -1;
	if (options->before_unpause && options->before_unpause(options->arg, domid, err) < 0)
		return -1;
	if (vmm_step(vmm, err,
		     options->paused ? "leaving the domain paused" : "starting the domain") < 0)
		return -1;
	return options->paused ? 0 : hv_domain_unpause(vmm->hv, domid, err);
}

/* --- the reservation -------------------------------------------------------------------------- */

static int take_lock(const char *path, int *lock, struct err *err)
{
	return file_mkdirs_of(path, 0755, err) < 0 ? -1 : file_lock(path, -1, lock, err);
}

/*
 * All that two creations must not do at the same time: from the look at what others have (names,
 * uuids, devices of the host, memory) to the marks by which others see what this one has. It is
 * quick; what takes long, and needs no lock, comes before and after.
 */
static int reserve(struct build *b, const struct vmm_create_options *options, struct newborn *dom,
		   const char *planned_pool, struct create_place *place, struct err *err)
{
	struct vmm *vmm = b->vmm;
	const struct vmm_config *cfg = b->cfg;
	autoclose int lock = -1;

	if ((options->lock_path && take_lock(options->lock_path, &lock, err) < 0) ||
	    vmm_step(vmm, err, "creating the domain") < 0 || check_unique(vmm, cfg, err) < 0 ||
	    passthrough_check(vmm, cfg, err) < 0 ||
	    create_place(vmm, cfg, options, planned_pool, place, err) < 0 ||
	    make_domain(b, options, place->pool, err) < 0)
		return -1;
	dom->domid = b->created.domid;
	mem_on_oom(newborn_oom, dom);
	if (set_llc_colors(b, err) < 0 || build_reserve(b, !options->no_claim, err) < 0)
		return -1;
	/* The name in the store; what it was given of the host's, in its file. */
	return nodes_make(vmm, cfg, dom->domid, err) < 0 ? -1 : save_config(b, err);
}

static bool is_destroyed(struct vmm *vmm, uint32_t domid)
{
	struct err why = ERR_INIT;
	struct hv_dominfo info;

	return hv_domain_info(vmm->hv, domid, &info, &why) < 0 ? why.code == ESRCH : info.is_dying;
}

static int make(struct build *b, const struct vmm_create_options *options, struct newborn *dom,
		const char *planned_pool, struct err *err)
{
	struct create_place place;

	if (reserve(b, options, dom, planned_pool, &place, err) < 0 || build_domain(b, err) < 0 ||
	    create_affinity(b->vmm, b->cfg, options, &place, dom->domid, err) < 0)
		return -1;
	return finish(b, options, place.pool, err);
}

static int create(struct vmm *vmm, struct vmm_config *cfg, const struct vmm_create_options *options,
		  uint32_t *domid, uint64_t *dom0_kb, struct err *err)
{
	autofree void *partial = NULL;
	autobuild struct build b = { .vmm = NULL };
	autoabandon struct newborn dom = { vmm, HV_DOMID_ANY, err };
	autofree char *planned_pool = NULL;

	if (vmm_step(vmm, err, "checking images and host") < 0 ||
	    hostdev_resolve(vmm, cfg, &partial, NULL, err) < 0 ||
	    build_open(&b, vmm, cfg, steal(partial), err) < 0 ||
	    !vmm_store(vmm, err) || device_settle_all(vmm, cfg, err) < 0 ||
	    partition_pool(vmm, cfg->name, &planned_pool, err) < 0 ||
	    nodes_daemons(vmm, &b.store_domid, &b.console_domid, err) < 0 ||
	    balloon_make_room(vmm, options->autoballoon, build_need_kb(cfg), dom0_kb, err) < 0)
		return -1;
	if (make(&b, options, &dom, planned_pool, err) == 0) {
		*domid = newborn_keep(&dom);
		return 0;
	}
	/* A domain that somebody destroys meanwhile fails at whatever step comes next, with that
	 * step's words: what happened is said instead, and with a code of its own, so that nobody
	 * makes the domain again against that will. */
	if (dom.domid == HV_DOMID_ANY || !is_destroyed(vmm, dom.domid))
		return -1;
	err_clear(err);
	return err_set(err, ECANCELED,
		       "domain %u was destroyed by somebody else while it was being made",
		       dom.domid);
}

int vmm_domain_create(struct vmm *vmm, struct vmm_config *cfg,
		      const struct vmm_create_options *options, uint32_t *domid, struct err *err)
{
	uint64_t dom0_kb = 0;

	if (create(vmm, cfg, options, domid, &dom0_kb, err) == 0)
		return 0;
	balloon_undo(vmm, dom0_kb);
	return err_wrap(err, "creating domain '%s'", cfg->name);
}
