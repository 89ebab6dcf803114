// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The whole of vmm_domain_create: what must hold beforehand, the domain, its store tree, its inside, its devices, its saved
 * configuration, and the undo of all that. How each part is made, the modules below know.
 */
#include <errno.h>
#include <string.h>
#include <sys/random.h>
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
#include "libvmm/hostdev.h"
#include "libvmm/userdata.h"
#include "libvmm/partition.h"

#define CREATE_SSIDREF_DOMU 12u	/* Flask's SECINITSID_DOMU: the label of a domain that asks for none */
#define LLC_COLOR_MAX 1023

/* --- undo ------------------------------------------------------------------------------------------------------- */

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
		err_append(dom->err, "domain %u is left over (%s): remove it with 'xl destroy %u'", dom->domid, why.msg,
			   dom->domid);
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

/* --- what must hold before there is a domain ---------------------------------------------------------------------- */

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
			r = err_set(err, EEXIST, "the name is already in use by domain %u; destroy or rename that one, or "
				    "choose another name=", list[i].domid);
		else if (r == 0 && list[i].domid && !memcmp(list[i].uuid, cfg->uuid, sizeof(cfg->uuid)))
			r = err_set(err, EEXIST, "its uuid is already in use by domain %u; leave out uuid= or choose another",
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

/* --- the domain --------------------------------------------------------------------------------------------------- */

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

#define RANDOM_TRIES 64

static int make_domain(struct build *b, const struct vmm_create_options *options, uint32_t pool, struct err *err)
{
	struct hv_createdomain create;

	if (build_createdomain(b, &create, err) < 0)
		return -1;
	create.cpupool_id = pool;
	create.ssidref = CREATE_SSIDREF_DOMU;
	if (label_of(b->vmm, b->cfg->init_seclabel ? b->cfg->init_seclabel : b->cfg->seclabel, &create.ssidref, err) < 0)
		return -1;
	if (!options->random_domid)
		return hv_domain_create(b->vmm->hv, &create, &b->created, err) < 0 ? build_refused(b, &create, err) : 0;
	for (unsigned i = 0; i < RANDOM_TRIES; i++) {
		if (random_domid(&create.domid, err) < 0)
			return -1;
		if (hv_domain_create(b->vmm->hv, &create, &b->created, err) == 0)
			return 0;
		if (err->code != EEXIST)
			return build_refused(b, &create, err);
	}
	return err_append(err, "%d random numbers were all in use", RANDOM_TRIES);
}

static int set_llc_colors(struct build *b, struct err *err)
{
	const struct strlist *list = &b->cfg->llc_colors;
	autofree uint32_t *colors = NULL;
	unsigned nr = 0;

	if (!list->n)
		return 0;
	for (size_t i = 0; i < list->n; i++) {
		uint64_t first, last;

		if (num_range(list->v[i], LLC_COLOR_MAX, "llc_colors", &first, &last, err) < 0)
			return -1;
		colors = xreallocarray(colors, nr + (last - first + 1), sizeof(*colors));
		while (first <= last)
			colors[nr++] = first++;
	}
	if (hv_llc_colors_set(b->vmm->hv, b->created.domid, colors, nr, err) == 0)
		return 0;
	if (err->code == EOPNOTSUPP)
		err_append(err, "this Xen does not colour its cache (CONFIG_LLC_COLORING, and llc-coloring=on on its command line)");
	else if (err->code == EINVAL)
		err_append(err, "colours must be in ascending order, each once, and the cache must have them (see 'xl dmesg')");
	return err_wrap(err, "llc_colors");
}

static int save_config(struct build *b, struct err *err)
{
	const struct vmm_config *cfg = b->cfg;
	autofree char *json = NULL;

	if (cfgjson_saved(cfg, NULL, &json, err) < 0 ||
	    userdata_write(b->created.domid, cfg->uuid, "libxl-json", json, strlen(json) + 1, err) < 0)
		return -1;
	if (!cfg->source_text)
		return 0;
	return userdata_write(b->created.domid, cfg->uuid, "xl", cfg->source_text, strlen(cfg->source_text), err);
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

static int finish(struct build *b, const struct vmm_create_options *options, uint32_t pool, struct err *err)
{
	struct vmm *vmm = b->vmm;
	uint32_t domid = b->created.domid, ssidref;

	if (create_scheduling(vmm, b->cfg, domid, pool, err) < 0 ||
	    vmm_step(vmm, err, "introducing the domain to the store") < 0 || nodes_built(b, err) < 0 ||
	    passthrough_give(vmm, b->cfg, &b->created, err) < 0 || attach_devices(b, err) < 0 || save_config(b, err) < 0)
		return -1;
	if (b->cfg->init_seclabel && b->cfg->seclabel &&
	    (label_of(vmm, b->cfg->seclabel, &ssidref, err) < 0 || hv_flask_relabel(vmm->hv, domid, ssidref, err) < 0))
		return -1;
	if (partition_join(vmm, domid, b->cfg->name, err) < 0)
		return -1;
	if (options->before_unpause && options->before_unpause(options->arg, domid, err) < 0)
		return -1;
	if (vmm_step(vmm, err, options->paused ? "leaving the domain paused" : "starting the domain") < 0)
		return -1;
	return options->paused ? 0 : hv_domain_unpause(vmm->hv, domid, err);
}

static bool is_destroyed(struct vmm *vmm, uint32_t domid)
{
	struct err why = ERR_INIT;
	struct hv_dominfo info;

	return hv_domain_info(vmm->hv, domid, &info, &why) < 0 ? why.code == ESRCH : info.is_dying;
}

/* A domain that somebody destroys meanwhile fails at whatever step comes next, with that step's words: what happened is said instead,
 * and with a code of its own, so that nobody makes the domain again against that will. */
static int fill(struct build *b, const struct vmm_create_options *options, const struct create_place *place,
		struct err *err)
{
	uint32_t domid = b->created.domid;

	if (set_llc_colors(b, err) == 0 && nodes_make(b->vmm, b->cfg, domid, err) == 0 && build_domain(b, err) == 0 &&
	    create_affinity(b->vmm, b->cfg, options, place, domid, err) == 0 && finish(b, options, place->pool, err) == 0)
		return 0;
	if (!is_destroyed(b->vmm, domid))
		return -1;
	err_clear(err);
	return err_set(err, ECANCELED, "domain %u was destroyed by somebody else while it was being made", domid);
}

static int create(struct vmm *vmm, struct vmm_config *cfg, const struct vmm_create_options *options,
		  uint32_t *domid, uint64_t *dom0_kb, struct err *err)
{
	autofree void *partial = NULL;
	autobuild struct build b = { .vmm = NULL };
	autoabandon struct newborn dom = { vmm, HV_DOMID_ANY, err };
	autofree char *planned_pool = NULL;
	struct create_place place;

	if (vmm_step(vmm, err, "checking images and host") < 0 ||
	    hostdev_resolve(vmm, cfg, false, &partial, NULL, err) < 0 ||
	    build_open(&b, vmm, cfg, steal(partial), err) < 0 ||
	    !vmm_store(vmm, err) || check_unique(vmm, cfg, err) < 0 ||
	    passthrough_check(vmm, cfg, err) < 0 || device_settle_all(vmm, cfg, err) < 0 ||
	    partition_pool(vmm, cfg->name, &planned_pool, err) < 0 ||
	    create_place(vmm, cfg, options, planned_pool, &place, err) < 0 ||
	    nodes_daemons(vmm, &b.store_domid, &b.console_domid, err) < 0 ||
	    balloon_make_room(vmm, options->autoballoon, build_need_kb(cfg), dom0_kb, err) < 0 ||
	    vmm_step(vmm, err, "creating the domain") < 0 || make_domain(&b, options, place.pool, err) < 0)
		return -1;
	dom.domid = b.created.domid;
	mem_on_oom(newborn_oom, &dom);
	if (fill(&b, options, &place, err) < 0)
		return -1;
	*domid = newborn_keep(&dom);
	return 0;
}

int vmm_domain_create(struct vmm *vmm, struct vmm_config *cfg, const struct vmm_create_options *options,
		      uint32_t *domid, struct err *err)
{
	uint64_t dom0_kb = 0;

	if (create(vmm, cfg, options, domid, &dom0_kb, err) == 0)
		return 0;
	balloon_undo(vmm, dom0_kb);
	return err_wrap(err, "creating domain '%s'", cfg->name);
}
