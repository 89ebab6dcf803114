/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Devices of running domains, as the commands see them: one at a time, by class and specification,
 * with the saved configuration kept in step. The work is the engine's. */
#include "libvmm/device.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "base/str.h"
#include "libvmm/devices.h"
#include "libvmm/userdata.h"

static const struct vmm_devclass *find_class(const char *name, struct err *err)
{
	const struct vmm_devclass *class = devclass_by_key(name);

	if (class == NULL)
		(void)!err_set(err, EINVAL, "there is no kind of device '%s'", name);
	else if (class->frontend == NULL) {
		(void)!err_set(err, ENOTSUP, "a %s has no nodes of its own", name);
		class = NULL;
	}
	return class;
}

static int parse_checked(struct vmm *vmm, const struct vmm_devclass *class, const char *spec,
			 const struct vmm_config *cfg, struct vmm_device **out, struct err *err)
{
	autodevice struct vmm_device *dev = NULL;

	if (device_parse(class, spec, &dev, err) < 0)
		return err_wrap(err, "%s", class->name);
	if (vmm->defaults != NULL && device_apply_defaults(dev, vmm->defaults, err) < 0)
		return -1;
	if (class->finish != NULL)
		class->finish(dev, cfg);
	if (device_check(dev, cfg, err) < 0)
		return -1;
	*out = steal(dev);
	return 0;
}

int vmm_device_spec_json(struct vmm *vmm, const char *class_name, const char *spec, char **json,
			 struct err *err)
{
	const struct vmm_devclass *class = devclass_by_key(class_name);
	autodevice struct vmm_device *dev = NULL;
	struct vmm_config none;
	struct json_writer *w;

	config_init(&none);
	none.name = (char *)(uintptr_t)"";
	if (class == NULL)
		return err_set(err, EINVAL, "there is no kind of device '%s'", class_name);
	if (parse_checked(vmm, class, spec, &none, &dev, err) < 0)
		return -1;
	w = json_writer_new();
	device_to_json(dev, NULL, w);
	return json_writer_end(w, json, err);
}

/* --- attach ----------------------------------------------------------------------------------- */

/* Devices in the saved configuration give the next free number; those of the record count too, for
 * what was saved without one. */
static int next_devid(struct vmm *vmm, uint32_t domid, const struct vmm_device *dev, int32_t *devid,
		      struct err *err)
{
	autorecords struct device_records records = { NULL, 0 };

	if (device_records_read(vmm, domid, device_frontend_kind(dev), &records, err) < 0)
		return -1;
	*devid = 0;
	for (size_t i = 0; i < records.nr; i++)
		if (records.v[i].devid - dev->class->first_devid >= *devid)
			*devid = records.v[i].devid - dev->class->first_devid + 1;
	return 0;
}

static void forget(struct vmm_config *cfg, const struct vmm_devclass *class, int32_t devid)
{
	struct err ignored = ERR_INIT;
	struct vmm_device *dev, *next;

	list_for_each_entry_safe (dev, next, &cfg->devices, link) {
		if (dev->class != class ||
		    (class->settle != NULL && class->settle(dev, &ignored) < 0) ||
		    dev->devid + class->first_devid != devid)
			continue;
		list_del(&dev->link);
		cfg->nr_devices--;
		device_free(dev);
	}
}

static int attach_to(struct vmm *vmm, uint32_t domid, struct vmm_config *cfg,
		     struct vmm_device *dev, struct err *err)
{
	bool is_numbered = dev->devid < 0 && dev->class->label == NULL;
	struct device_mmio mmio;

	if (dev->class->mmio != NULL && dev->class->mmio(dev, &mmio))
		return err_set(err, ENOTSUP,
			       "%s: a virtio-mmio device is part of the guest's device tree; it "
			       "can only be there from the "
			       "start (guest.cfg)",
			       dev->class->name);
	/* Another attach may take the number first: then the next one. */
	for (;;) {
		if (is_numbered && next_devid(vmm, domid, dev, &dev->devid, err) < 0)
			return -1;
		if (device_settle(vmm, cfg, dev, 0, err) < 0)
			return -1;
		if (device_attach(vmm, domid, dev, err) == 0)
			return 0;
		if (!is_numbered || err->code != EEXIST)
			return -1;
		err_clear(err);
	}
}

/* Read, change and save while nobody else does. `add` goes into the configuration, or what has this
 * number leaves it. */
static int change_saved(struct vmm *vmm, uint32_t domid, struct vmm_device *add,
			const struct vmm_devclass *class, int32_t devid, struct err *err)
{
	autolock struct userdata_lock lock = USERDATA_LOCK_INIT;
	autodevice struct vmm_device *dev = add;
	struct vmm_config *cfg = NULL;
	struct vmm_dominfo info;
	int ret;

	if (vmm_domain_info(vmm, domid, &info, err) < 0 ||
	    userdata_lock(domid, info.uuid, &lock, err) < 0 ||
	    vmm_domain_config(vmm, domid, &cfg, err) < 0)
		return -1;
	if (dev != NULL)
		device_add(cfg, steal(dev));
	else
		forget(cfg, class, devid);
	ret = vmm_domain_config_save(vmm, domid, cfg, err);
	vmm_config_free(cfg);
	return ret;
}

int vmm_device_attach(struct vmm *vmm, uint32_t domid, const char *class_name, const char *spec,
		      struct err *err)
{
	const struct vmm_devclass *class = find_class(class_name, err);
	autodevice struct vmm_device *dev = NULL;
	struct vmm_config *cfg = NULL;
	int ret;

	if (class == NULL || vmm_store(vmm, err) == NULL ||
	    vmm_domain_config(vmm, domid, &cfg, err) < 0)
		return -1;
	ret = parse_checked(vmm, class, spec, cfg, &dev, err);
	if (ret == 0)
		ret = attach_to(vmm, domid, cfg, dev, err);
	vmm_config_free(cfg);
	return ret == 0 ? change_saved(vmm, domid, steal(dev), NULL, -1, err) : -1;
}

/* --- detach ----------------------------------------------------------------------------------- */

/* A number, or what the class's label calls it, or its MAC address. */
static int32_t find_devid(const struct vmm_devclass *class, const struct vmm_config *cfg,
			  const char *which)
{
	struct err ignored = ERR_INIT;
	struct vmm_device *dev;
	uint64_t n;

	list_for_each_entry (dev, &cfg->devices, link) {
		if (dev->class != class ||
		    (class->settle != NULL && class->settle(dev, &ignored) < 0))
			continue;
		for (const struct field *f = class->fields;
		     f->key != NULL || f->json != NULL || f->node != NULL; f++) {
			autofree char *value = NULL;

			if (f->type != FIELD_T_MAC &&
			    !(f->key != NULL && strcmp(f->key, "vdev") == 0))
				continue;
			value = field_str(f, dev);
			if (value != NULL && strcasecmp(value, which) == 0)
				return dev->devid + class->first_devid;
		}
	}
	return num_dec(which, INT32_MAX, "", &n, &ignored) == 0 ? (int32_t)n : -1;
}

/* A disk that the configuration forgot can still be named. */
static int32_t devid_by_name(struct vmm *vmm, const struct vmm_devclass *class, const char *which)
{
	autodevice struct vmm_device *dev = NULL;
	autofree char *spec = str_printf("vdev=%s,format=empty", which);
	struct err ignored = ERR_INIT;
	struct vmm_config none;

	config_init(&none);
	if (class->label == NULL || parse_checked(vmm, class, spec, &none, &dev, &ignored) < 0 ||
	    class->settle(dev, &ignored) < 0)
		return -1;
	return dev->devid;
}

static int find_record(struct vmm *vmm, uint32_t domid, const struct vmm_devclass *class,
		       int32_t devid, struct device_records *out, struct err *err)
{
	size_t hit = SIZE_MAX;

	if (device_records_read(vmm, domid, class->frontend, out, err) < 0)
		return -1;
	for (size_t i = 0; i < out->nr; i++)
		if (out->v[i].devid == devid)
			hit = i;
	if (hit == SIZE_MAX)
		return err_set(err, ENOENT, "domain %u has no such device", domid);
	if (hit != 0) {
		struct device_record first = out->v[0];

		out->v[0] = out->v[hit];
		out->v[hit] = first;
	}
	return 0;
}

int vmm_device_detach(struct vmm *vmm, uint32_t domid, const char *class_name, const char *which,
		      bool force, struct err *err)
{
	const struct vmm_devclass *class = find_class(class_name, err);
	autorecords struct device_records records = { NULL, 0 };
	struct device_records one;
	struct vmm_config *cfg = NULL;
	int32_t devid;
	int ret;

	if (class == NULL || vmm_store(vmm, err) == NULL ||
	    vmm_domain_config(vmm, domid, &cfg, err) < 0)
		return -1;
	devid = find_devid(class, cfg, which);
	if (devid < 0)
		devid = devid_by_name(vmm, class, which);
	ret = find_record(vmm, domid, class, devid, &records, err);
	if (ret == 0) {
		one = (struct device_records){ records.v, 1 };
		ret = device_detach(vmm, domid, &one, force, err);
	}
	vmm_config_free(cfg);
	if (ret == 0)
		ret = change_saved(vmm, domid, NULL, class, devid, err);
	return ret < 0 ? err_wrap(err, "%s '%s'", class->name, which) : 0;
}

/* --- list ------------------------------------------------------------------------------------- */

static int by_devid(const void *a, const void *b)
{
	const struct vmm_deviceinfo *x = a, *y = b;

	return (x->devid > y->devid) - (x->devid < y->devid);
}

static int read_values(struct vmm *vmm, const char *const *nodes, struct vmm_deviceinfo *list,
		       size_t nr, struct err *err)
{
	autostrlist struct strlist paths = STRLIST_INIT;
	autofree char **values = NULL;
	size_t per = 0;

	while (nodes[per] != NULL)
		per++;
	for (size_t i = 0; i < nr; i++) {
		list[i].values = xcalloc(per + 1, sizeof(char *));
		for (size_t k = 0; k < per; k++) {
			const char *slash = strchr(nodes[k], '/');

			strlist_take(&paths, str_printf("%s%s",
							nodes[k][0] == 'f' ? list[i].frontend
									   : list[i].backend,
							slash));
		}
	}
	if (paths.n == 0)
		return 0;
	values = xcalloc(paths.n, sizeof(*values));
	if (store_read_many(vmm->store, (const char *const *)paths.v, paths.n, values, err) < 0)
		return -1;
	for (size_t i = 0; i < nr; i++) {
		memcpy(list[i].values, values + i * per, per * sizeof(char *));
		list[i].nr_values = per;
	}
	return 0;
}

int vmm_device_list(struct vmm *vmm, uint32_t domid, const char *class_name,
		    const char *const *nodes, struct vmm_deviceinfo **out, size_t *nr,
		    struct err *err)
{
	const struct vmm_devclass *class = find_class(class_name, err);
	autorecords struct device_records records = { NULL, 0 };
	struct vmm_deviceinfo *list;
	size_t n = 0;

	if (class == NULL || vmm_store(vmm, err) == NULL ||
	    device_records_read(vmm, domid, class->frontend, &records, err) < 0)
		return -1;
	list = xcalloc(records.nr + 1, sizeof(*list));
	for (size_t i = 0; i < records.nr; i++) {
		struct device_record *r = &records.v[i];

		if (r->devid < class->first_devid)
			continue;
		list[n++] =
			(struct vmm_deviceinfo){ .devid = r->devid,
						 .backend_domid = r->backend_domid,
						 .is_backend_gone = device_backend_is_gone(vmm, r),
						 .frontend = steal(r->front),
						 .backend = steal(r->back) };
	}
	qsort(list, n, sizeof(*list), by_devid);
	if (read_values(vmm, nodes, list, n, err) < 0) {
		vmm_device_list_free(list, n);
		return -1;
	}
	*out = list;
	*nr = n;
	return 0;
}

void vmm_device_list_free(struct vmm_deviceinfo *list, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		for (size_t k = 0; k < list[i].nr_values; k++)
			free(list[i].values[k]);
		free(list[i].frontend);
		free(list[i].backend);
		free(list[i].values);
	}
	free(list);
}

/* --- orphans ---------------------------------------------------------------------------------- */

int vmm_device_orphans(struct vmm *vmm, uint32_t backend_domid, vmm_orphan_fn *fn, void *arg,
		       struct err *err)
{
	autofree struct vmm_dominfo *domains = NULL;
	autofree char *serves = NULL;
	size_t nr;

	if (vmm_store(vmm, err) == NULL ||
	    store_read_opt(vmm->store, &serves, err, "/local/domain/%u/backend", backend_domid) < 0)
		return -1;
	if (serves == NULL)
		return 0;
	if (vmm_domain_list(vmm, &domains, &nr, err) < 0)
		return -1;
	for (size_t i = 0; i < nr; i++) {
		autorecords struct device_records records = { NULL, 0 };

		if (device_records_read(vmm, domains[i].domid, NULL, &records, err) < 0)
			return -1;
		for (size_t k = 0; k < records.nr; k++)
			if (records.v[k].backend_domid == backend_domid)
				fn(arg, domains[i].domid, records.v[k].kind, records.v[k].devid);
	}
	return 0;
}
