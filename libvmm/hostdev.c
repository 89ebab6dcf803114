// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Judges the devices of the host's tree: can a guest have this one, and who has it now? What Xen
 * itself refuses (its own devices, RAM) it is left to refuse; here is what Xen cannot see: two
 * devices in one page, a driver of dom0, another guest's configuration.
 */
#include "libvmm/hostdev.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>
#include "base/mem.h"
#include "base/str.h"
#include "libvmm/dt_dir.h"

#define MAX_CLAIMS 8192		/* each is compared with each of the devices asked for */
#define BUSES "/sys/bus"
#define OF_NODES "/firmware/devicetree/base"

/* --- the tree and its claims ------------------------------------------------------------------ */

static int add_claim(struct hostdev_claim **list, size_t *nr, uint32_t node, uint64_t first,
		     uint64_t last, struct err *err)
{
	if (*nr == MAX_CLAIMS)
		return err_set(err, E2BIG, "the host's device tree has more than %d registers",
			       MAX_CLAIMS);
	if (*nr % 64 == 0)
		*list = xreallocarray(*list, *nr + 64, sizeof(**list));
	(*list)[(*nr)++] = (struct hostdev_claim){ node, first, last };
	return 0;
}

/* A node that is damaged or is no memory claims nothing. */
static int add_claims(struct hostdev_tree *t, uint32_t node, struct err *err)
{
	unsigned nr = dt_host_nr_regs(t->host, node), nr_irqs;
	struct dt_irq irqs[DT_MAX_IRQS];
	struct err ignored = ERR_INIT;
	struct dt_range reg;

	for (unsigned i = 0; i < nr && dt_host_reg(t->host, node, i, &reg, &ignored) == 0; i++)
		if (add_claim(&t->pages, &t->nr_pages, node, reg.base >> HV_PAGE_SHIFT,
			      (reg.base + reg.size - 1) >> HV_PAGE_SHIFT, err) < 0)
			return -1;
	if (dt_host_irqs(t->host, node, irqs, &nr_irqs, &ignored) < 0)
		return 0;
	for (unsigned i = 0; i < nr_irqs; i++)
		if (irqs[i].controller == t->host->gic && irqs[i].type == 0 &&
		    add_claim(&t->irqs, &t->nr_irqs, node, irqs[i].number, irqs[i].number, err) < 0)
			return -1;
	return 0;
}

/* --- dom0's drivers --------------------------------------------------------------------------- */

/* The node that a device in sysfs stands for, NULL for none; yours. */
static char *node_of(const char *device)
{
	autofree char *link = str_printf("%s/of_node", device);
	char target[PATH_MAX], *at;
	ssize_t n = readlink(link, target, sizeof(target) - 1);

	if (n <= 0)
		return NULL;
	target[n] = '\0';
	at = strstr(target, OF_NODES);
	return at ? xstrdup(at + strlen(OF_NODES)) : NULL;
}

static char *driver_of(const char *device)
{
	autofree char *link = str_printf("%s/driver", device);
	char target[PATH_MAX];
	ssize_t n = readlink(link, target, sizeof(target) - 1);

	if (n <= 0)
		return NULL;
	target[n] = '\0';
	return xstrdup(strrchr(target, '/') ? strrchr(target, '/') + 1 : target);
}

static void read_bus(struct hostdev_tree *t, const char *bus)
{
	autofree char *path = str_printf(BUSES "/%s/devices", bus);
	DIR *dir = opendir(path);

	if (!dir)
		return;
	for (struct dirent *e = readdir(dir); e; e = readdir(dir)) {
		autofree char *device = str_printf("%s/%s", path, e->d_name),
			      *node = node_of(device);
		char *driver = node ? driver_of(device) : NULL;

		if (!driver)
			continue;
		t->drivers = xreallocarray(t->drivers, t->nr_drivers + 1, sizeof(*t->drivers));
		t->drivers[t->nr_drivers++] = (struct hostdev_driver){ steal(node), driver };
	}
	closedir(dir);
}

/* Where there is no sysfs there are no drivers either. */
static void read_drivers(struct hostdev_tree *t)
{
	DIR *dir = opendir(BUSES);

	if (!dir)
		return;
	for (struct dirent *e = readdir(dir); e; e = readdir(dir))
		if (e->d_name[0] != '.')
			read_bus(t, e->d_name);
	closedir(dir);
}

/* --- opening ---------------------------------------------------------------------------------- */

static int open_own(struct hostdev_tree *t, struct err *err)
{
	if (dt_host_load(NULL, &t->own, err) == 0)
		return 0;
	if (err->code != ENOENT)
		return -1;
	err_clear(err);
	return 0;
}

int hostdev_open(struct hostdev_tree *t, const char *host_dtb, struct err *err)
{
	*t = (struct hostdev_tree){ .host = NULL };
	if (dt_host_load(host_dtb, &t->host, err) < 0) {
		if (!host_dtb && err->code == ENOENT)
			err_append(err, "this host has none; name a file with host_dtb=");
		return -1;
	}
	if (host_dtb && open_own(t, err) < 0)
		goto fail;
	for (uint32_t i = 1; i < t->host->nr; i++)
		if (add_claims(t, i, err) < 0)
			goto fail;
	read_drivers(t);
	return 0;
fail:
	hostdev_close(t);
	return -1;
}

void hostdev_close(struct hostdev_tree *t)
{
	dt_host_close(t->host);
	dt_host_close(t->own);
	free(t->pages);
	free(t->irqs);
	for (size_t i = 0; i < t->nr_drivers; i++) {
		free(t->drivers[i].path);
		free(t->drivers[i].driver);
	}
	free(t->drivers);
	*t = (struct hostdev_tree){ .host = NULL };
}

/* --- fit for a guest -------------------------------------------------------------------------- */

static bool is_picked(const struct hostdev_tree *t, const struct dt_pick *picks, size_t nr,
		      uint32_t node)
{
	for (size_t i = 0; i < nr; i++)
		if (dt_host_is_below(t->host, node, picks[i].node))
			return true;
	return false;
}

/* A claim of the device at `node` that a device not picked has as well. */
static const struct hostdev_claim *shared_claim(const struct hostdev_tree *t,
						const struct hostdev_claim *list, size_t nr,
						const struct dt_pick *picks, size_t nr_picks,
						uint32_t node)
{
	for (size_t i = 0; i < nr; i++) {
		if (!dt_host_is_below(t->host, list[i].node, node))
			continue;
		for (size_t k = 0; k < nr; k++)
			if (list[k].first <= list[i].last && list[i].first <= list[k].last &&
			    !is_picked(t, picks, nr_picks, list[k].node))
				return &list[k];
	}
	return NULL;
}

static int check_shared(const struct hostdev_tree *t, const struct dt_pick *picks, size_t nr_picks,
			uint32_t node, bool may_share, struct err *err)
{
	const struct hostdev_claim *claim;

	if (may_share)
		return 0;
	claim = shared_claim(t, t->pages, t->nr_pages, picks, nr_picks, node);
	if (claim) {
		autofree char *other = dt_host_path(t->host, claim->node);

		return err_set(err, EXDEV,
			       "it shares a page with %s, which the guest would get as well (page "
			       "%#llx); give both, or set "
			       "force_shared_page=1",
			       other, (unsigned long long)claim->first);
	}
	claim = shared_claim(t, t->irqs, t->nr_irqs, picks, nr_picks, node);
	if (claim) {
		autofree char *other = dt_host_path(t->host, claim->node);

		return err_set(
			err, EXDEV,
			"it shares interrupt %llu with %s, which would lose it; give both, or set "
			"force_shared_page=1",
			(unsigned long long)claim->first + 32, other);
	}
	return 0;
}

static bool has_iommu(struct vmm *vmm)
{
	struct err ignored = ERR_INIT;
	struct hv_physinfo phys;

	return vmm_hv(vmm, &ignored) && hv_physinfo(vmm->hv, &phys, &ignored) == 0 &&
	       (phys.capabilities & HV_CAP_DIRECTIO);
}

/* What says that it, or a part of it, does DMA; NULL: nothing. */
static const char *dma_sign(const struct dt_host *h, uint32_t node)
{
	const char *sign = NULL;

	for (uint32_t i = node; i < h->nodes[node].end && !sign; i++)
		sign = dt_host_dma_sign(h, i);
	return sign;
}

int hostdev_usable(const struct hostdev_tree *t, const struct dt_pick *picks, size_t nr_picks,
		   size_t i, struct err *err)
{
	autodtdevice struct dt_device dev = { .regs = NULL };
	struct dt_derive d = { .host = t->host, .picks = picks, .nr_picks = nr_picks };
	autofree void *blob = NULL;
	size_t size;

	if (dt_host_device(t->host, picks[i].node, &dev, err) < 0)
		return -1;
	if (dev.obstacle.code) {
		*err = dev.obstacle;
		return -1;
	}
	return dt_derive(&d, &blob, &size, err);
}

int hostdev_safe(struct vmm *vmm, const struct hostdev_tree *t, const struct dt_pick *picks,
		 size_t nr_picks, size_t i, bool may_share, bool *does_dma, struct err *err)
{
	const char *sign = dma_sign(t->host, picks[i].node);

	*does_dma = sign != NULL;
	if (check_shared(t, picks, nr_picks, picks[i].node, may_share, err) < 0)
		return -1;
	if (sign && !has_iommu(vmm))
		return err_set(err, ENODEV,
			       "it accesses memory by itself (%s), and without an SMMU it could "
			       "access all of it; if it "
			       "does no DMA, give it by iomem=, irqs= and device_tree=",
			       sign);
	return 0;
}

/* --- dom0 ------------------------------------------------------------------------------------- */

static const char *bound_driver(const struct hostdev_tree *t, uint32_t node)
{
	autofree char *path = dt_host_path(t->host, node);
	size_t len = strlen(path);

	for (size_t i = 0; i < t->nr_drivers; i++)
		if (!strncmp(t->drivers[i].path, path, len) &&
		    (!t->drivers[i].path[len] || t->drivers[i].path[len] == '/'))
			return t->drivers[i].driver;
	return NULL;
}

static bool is_set_aside(const struct hostdev_tree *t, uint32_t node)
{
	autofree char *path = dt_host_path(t->host, node);
	uint32_t own;

	if (dt_host_is_set_aside(t->host, node))
		return true;
	own = t->own ? dt_host_find(t->own, path) : DT_HOST_NONE;
	return own != DT_HOST_NONE && dt_host_is_set_aside(t->own, own);
}

int hostdev_left_alone(const struct hostdev_tree *t, uint32_t node, struct err *err)
{
	const char *driver = bound_driver(t, node);

	if (driver)
		return err_set(err, EBUSY, "dom0 drives it (%s)", driver);
	if (!is_set_aside(t, node))
		return err_set(err, EBUSY,
			       "dom0 has it; mark it xen,passthrough in the host's device tree, "
			       "before Xen starts");
	return 0;
}

/* --- listing ---------------------------------------------------------------------------------- */

struct owner { uint32_t domid; char *name; struct vmm_config *cfg; };

static void free_owners(struct owner *list, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		free(list[i].name);
		vmm_config_free(list[i].cfg);
	}
	free(list);
}

/* *is_one: it is there and was given things we know of. A domain without a saved configuration, or
 * gone meanwhile, is none. */
static int find_owner(struct vmm *vmm, uint32_t domid, struct owner *o, bool *is_one,
		      struct err *err)
{
	*is_one = vmm_domain_config(vmm, domid, &o->cfg, err) == 0;
	if (!*is_one && err->code != ENOENT && err->code != ESRCH)
		return err_wrap(err, "what domain %u was given", domid);
	err_clear(err);
	if (!*is_one)
		return 0;
	o->domid = domid;
	if (vmm_domain_name(vmm, domid, &o->name, err) < 0) {
		err_clear(err);
		o->name = xstrdup("(null)");
	}
	return 0;
}

static int find_owners(struct vmm *vmm, struct owner **out, size_t *nr_out, struct err *err)
{
	autofree struct vmm_dominfo *list = NULL;
	struct owner *owners;
	size_t nr, n = 0;

	if (vmm_domain_list(vmm, &list, &nr, err) < 0)
		return -1;
	owners = xcalloc(nr, sizeof(*owners));
	for (size_t i = 0; i < nr; i++) {
		bool is_one = false;

		if (list[i].domid && find_owner(vmm, list[i].domid, &owners[n], &is_one, err) < 0) {
			free_owners(owners, n);
			return -1;
		}
		n += is_one;
	}
	*out = owners;
	*nr_out = n;
	return 0;
}

static bool has_device(const struct vmm_config *cfg, const struct dt_device *dev)
{
	for (size_t i = 0; i < dev->nr_irqs; i++)
		for (size_t k = 0; k < cfg->nr_irqs; k++)
			if (dev->irqs[i] == cfg->irqs[k])
				return true;
	for (size_t i = 0; i < dev->nr_regs; i++)
		for (size_t k = 0; k < cfg->nr_iomem; k++)
			if (dev->regs[i].base >> HV_PAGE_SHIFT <
				    cfg->iomem[k].mfn + cfg->iomem[k].nr &&
			    cfg->iomem[k].mfn <= (dev->regs[i].base + dev->regs[i].size - 1) >>
				    HV_PAGE_SHIFT)
				return true;
	return false;
}

static void judge(struct vmm *vmm, const struct hostdev_tree *t, uint32_t node,
		  const struct owner *owners, size_t nr_owners, const struct dt_device *dev,
		  struct vmm_hostdev *out)
{
	const struct dt_pick pick = { .node = node };
	struct err err = ERR_INIT;

	for (size_t i = 0; i < nr_owners; i++)
		if (has_device(owners[i].cfg, dev)) {
			out->state = VMM_HOSTDEV_TAKEN;
			out->owner = owners[i].domid;
			out->why = str_printf("domain %u (%s) has it", owners[i].domid,
					      owners[i].name);
			return;
		}
	if (hostdev_safe(vmm, t, &pick, 1, 0, false, &out->does_dma, &err) < 0 ||
	    hostdev_usable(t, &pick, 1, 0, &err) < 0)
		out->state = VMM_HOSTDEV_UNFIT;
	else if (hostdev_left_alone(t, node, &err) < 0)
		out->state = VMM_HOSTDEV_DOM0;
	else
		return;
	out->why = xstrdup(err.msg);
}

static void list_device(struct vmm *vmm, const struct hostdev_tree *t, uint32_t node,
			const struct owner *owners, size_t nr_owners, struct vmm_hostdev *out)
{
	struct dt_device dev = { .regs = NULL };
	struct err err = ERR_INIT;

	*out = (struct vmm_hostdev){
		.path = dt_host_path(t->host, node),
		.compatible = xstrdup(dt_host_str(t->host, node, "compatible")),
		.state = VMM_HOSTDEV_FREE,
	};
	if (dt_host_device(t->host, node, &dev, &err) < 0) {
		out->state = VMM_HOSTDEV_UNFIT;
		out->why = xstrdup(err.msg);
		return;
	}
	judge(vmm, t, node, owners, nr_owners, &dev, out);
	out->nr_regs = dev.nr_regs;
	out->regs = xcalloc(dev.nr_regs, sizeof(*out->regs));
	for (size_t i = 0; i < dev.nr_regs; i++)
		out->regs[i] = (struct vmm_boot_range){ dev.regs[i].base, dev.regs[i].size };
	out->nr_irqs = dev.nr_irqs;
	out->irqs = steal(dev.irqs);
	dt_device_free(&dev);
}

int vmm_hostdev_list(struct vmm *vmm, const char *host_dtb, struct vmm_hostdev **out,
		     size_t *nr_out, struct err *err)
{
	autohostdev struct hostdev_tree t = { .host = NULL };
	struct vmm_hostdev *list = NULL;
	struct owner *owners;
	size_t nr = 0, nr_owners;

	if (hostdev_open(&t, host_dtb, err) < 0 || find_owners(vmm, &owners, &nr_owners, err) < 0)
		return -1;
	for (uint32_t i = 1; i < t.host->nr; i++) {
		if (!dt_host_is_device(t.host, i))
			continue;
		list = xreallocarray(list, nr + 1, sizeof(*list));
		list_device(vmm, &t, i, owners, nr_owners, &list[nr++]);
	}
	free_owners(owners, nr_owners);
	*out = list;
	*nr_out = nr;
	return 0;
}

void vmm_hostdev_list_free(struct vmm_hostdev *list, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		free(list[i].path);
		free(list[i].compatible);
		free(list[i].why);
		free(list[i].regs);
		free(list[i].irqs);
	}
	free(list);
}
