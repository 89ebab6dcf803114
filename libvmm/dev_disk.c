/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Block devices: xen/io/blkif.h, xl-disk-configuration(5). A block device or an image file (through
 * a loop device) served by the kernel's blkback, a device served by a program of its own
 * (standalone), or either as virtio-mmio. QEMU's qdisk is not served.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "libvmm/devtable.h"
#include "libvmm/hotplug.h"

struct dev_disk {
	struct vmm_device dev;
	char *pdev_path, *vdev, *script;
	unsigned backend, format, specification, transport;
	int32_t removable, readwrite, is_cdrom;
	bool direct_io_safe, is_shared;	/* w!: others may have it too, and write */
	enum tri safe, discard, trusted, grant_usage;
	uint32_t irq;
	uint64_t base;
	uint32_t number;	/* of vdev */
	unsigned parts;		/* positional ones seen */
	bool has_prefix;	/* which stands for the format: no second part */
};

enum { BACKEND_PHY = 1, BACKEND_TAP, BACKEND_QDISK, BACKEND_STANDALONE };
static const char *const backends[] = { "unknown", "phy", "tap", "qdisk", "standalone", NULL };
enum { FORMAT_QCOW = 1, FORMAT_QCOW2, FORMAT_VHD, FORMAT_RAW, FORMAT_EMPTY, FORMAT_QED };
static const char *const formats[] = { "unknown", "qcow",  "qcow2", "vhd",
				       "raw",     "empty", "qed",   NULL };
enum { SPEC_XEN = 1, SPEC_VIRTIO };
static const char *const specifications[] = { "unknown", "xen", "virtio", NULL };
static const char *const transports[] = { "unknown", "mmio", NULL };

static const struct field fields[] = {
	DEVICE_BACKEND_ROWS,
	FIELD_STR(struct dev_disk, pdev_path, "target", "pdev_path", FIELD_SPEC),
	FIELD_STR(struct dev_disk, vdev, "vdev", "vdev", FIELD_SPEC),
	FIELD_ENUM(struct dev_disk, backend, "backendtype", "backend", FIELD_SPEC, backends),
	FIELD_ENUM(struct dev_disk, format, "format", "format", FIELD_SPEC, formats),
	FIELD_STR(struct dev_disk, script, "script", "script", FIELD_SPEC),
	FIELD_I32(struct dev_disk, removable, NULL, "removable", 0),
	FIELD_I32(struct dev_disk, readwrite, NULL, "readwrite", 0),
	FIELD_I32(struct dev_disk, is_cdrom, NULL, "is_cdrom", 0),
	FIELD_BOOL(struct dev_disk, direct_io_safe, NULL, "direct_io_safe", 0),
	FIELD_BOOL(struct dev_disk, is_shared, NULL, "shared", 0),
	FIELD_WORD(struct dev_disk, safe, "direct-io-safe", TRI_YES),
	FIELD_TRI(struct dev_disk, discard, NULL, "discard_enable", 0),
	FIELD_WORD(struct dev_disk, discard, "discard", TRI_YES),
	FIELD_WORD(struct dev_disk, discard, "no-discard", TRI_NO),
	FIELD_ENUM(struct dev_disk, specification, "specification", "specification", FIELD_SPEC, specifications),
	FIELD_ENUM(struct dev_disk, transport, NULL, "transport", 0, transports),
	FIELD_U32(struct dev_disk, irq, NULL, "irq", 0),
	FIELD_U64(struct dev_disk, base, NULL, "base", 0),
	FIELD_TRI(struct dev_disk, trusted, NULL, "trusted", 0),
	FIELD_WORD(struct dev_disk, trusted, "trusted", TRI_YES),
	FIELD_WORD(struct dev_disk, trusted, "untrusted", TRI_NO),
	FIELD_TRI(struct dev_disk, grant_usage, "grant_usage", "grant_usage", FIELD_SPEC),
	FIELDS_END,
};

/* --- names of virtual devices ----------------------------------------------------------------- */

#define EXTENDED (1u << 28)

/* "a" is 0, "z" 25, "aa" 26, ...; *end is behind the letters. False: no letters, or too many. */
static bool parse_letters(const char *s, uint32_t *out, const char **end)
{
	uint32_t n = 0;

	for (*end = s; **end >= 'a' && **end <= 'z'; (*end)++) {
		n = n * 26 + (uint32_t)(**end - 'a') + 1;
		if (n > 1u << 20)
			return false;
	}
	if (*end == s)
		return false;
	*out = n - 1;
	return true;
}

static bool parse_partition(const char *s, uint32_t *out)
{
	struct err ignored = ERR_INIT;
	uint64_t n = 0;

	if (*s != '\0' && (num_dec(s, 255, "", &n, &ignored) < 0 || n == 0))
		return false;
	*out = (uint32_t)n;
	return true;
}

static bool number_xvd(uint32_t disk, uint32_t part, uint32_t *out)
{
	if (disk < 16 && part < 16)
		*out = (202u << 8) | (disk << 4) | part;
	else if (disk < 1u << 20 && part < 256)
		*out = EXTENDED | (disk << 8) | part;
	else
		return false;
	return true;
}

static bool number_sd(uint32_t disk, uint32_t part, uint32_t *out)
{
	*out = (8u << 8) | (disk << 4) | part;
	return disk < 16 && part < 16;
}

static bool number_hd(uint32_t disk, uint32_t part, uint32_t *out)
{
	*out = ((disk < 2 ? 3u : 22u) << 8) | ((disk & 1) << 6) | part;
	return disk < 4 && part < 64;
}

/* "d3p2" */
static bool parse_dp(const char *name, uint32_t *out)
{
	unsigned disk, part = 0;
	int end = 0;

	if (sscanf(name, "d%7up%3u%n", &disk, &part, &end) != 2 || name[end] != '\0') {
		part = 0;
		if (sscanf(name, "d%7u%n", &disk, &end) != 1 || name[end] != '\0')
			return false;
	}
	return number_xvd(disk, part, out);
}

/* docs/man/xen-vbd-interface.7: a name, or a number. */
static bool parse_vdev(const char *name, uint32_t *out)
{
	static const struct {
		const char *prefix;
		bool (*number)(uint32_t disk, uint32_t part, uint32_t *out);
	} kinds[] = { { "xvd", number_xvd }, { "sd", number_sd }, { "hd", number_hd } };
	struct err ignored = ERR_INIT;
	uint32_t disk, part;
	const char *end;

	if (isdigit((unsigned char)name[0]))
		return num_u32(name, 1, EXTENDED | (EXTENDED - 1), "", out, &ignored) == 0;
	for (size_t i = 0; i < array_size(kinds); i++)
		if (str_starts(name, kinds[i].prefix))
			return parse_letters(name + strlen(kinds[i].prefix), &disk, &end) &&
			       parse_partition(end, &part) && kinds[i].number(disk, part, out);
	return parse_dp(name, out);
}

/* --- the specification ------------------------------------------------------------------------ */

static int set_access(struct dev_disk *d, const char *value, struct err *err)
{
	if (strcmp(value, "r") == 0 || strcmp(value, "ro") == 0)
		d->readwrite = 0;
	else if (strcmp(value, "w") == 0 || strcmp(value, "rw") == 0)
		d->readwrite = 1;
	else if (strcmp(value, "w!") == 0 || strcmp(value, "!") == 0)
		d->readwrite = d->is_shared = true;
	else
		return err_set(err, EINVAL, "access: '%s' is none of r, ro, w, rw, w!", value);
	return 0;
}

static int set_devtype(struct dev_disk *d, const char *value, struct err *err)
{
	if (strcmp(value, "cdrom") == 0)
		d->is_cdrom = 1;
	else if (strcmp(value, "disk") == 0)
		d->is_cdrom = 0;
	else
		return err_set(err, EINVAL, "devtype: '%s' is none of cdrom, disk", value);
	return 0;
}

static int set_by_key(struct dev_disk *d, const char *key, const char *value, struct err *err)
{
	autofree char *part = str_printf("%s=%s", key, value);

	return fields_parse_part(fields, d, part, err) < 0 ? -1 : 0;
}

/* target, format, vdev, access: empty ones keep their place. */
static int set_positional(struct dev_disk *d, char *part, struct err *err)
{
	char *colon;

	if (d->parts == 1 && d->has_prefix)
		d->parts++;
	switch (d->parts++) {
	case 0:
		return set_by_key(d, "target", part, err);
	case 1:
		return part[0] == '\0' || d->format != 0 ? 0 : set_by_key(d, "format", part, err);
	case 2:
		colon = strchr(part, ':');
		if (colon != NULL) {
			*colon++ = '\0';
			if (set_devtype(d, colon, err) < 0)
				return -1;
		}
		return part[0] == '\0' ? 0 : set_by_key(d, "vdev", part, err);
	case 3:
		return part[0] == '\0' ? 0 : set_access(d, part, err);
	}
	return err_set(
		err, EINVAL,
		"'%s': more than target, format, vdev and access without a key; write key=value",
		part);
}

static int parse_part(struct dev_disk *d, char *part, struct err *err)
{
	static const char *const colo[] = { "colo",        "no-colo",      "colo-host=",
					    "colo-port=",  "colo-export=", "active-disk=",
					    "hidden-disk=" };
	int ret;

	for (size_t i = 0; i < array_size(colo); i++)
		if (str_starts(part, colo[i]) &&
		    (colo[i][strlen(colo[i]) - 1] == '=' || strcmp(part, colo[i]) == 0))
			return err_set(err, ENOTSUP, "%s: COLO is not part of this toolstack",
				       part);
	if (strcmp(part, "cdrom") == 0)
		return set_devtype(d, "cdrom", err);
	if (str_starts(part, "devtype="))
		return set_devtype(d, part + strlen("devtype="), err);
	if (str_starts(part, "access="))
		return set_access(d, part + strlen("access="), err);
	ret = fields_parse_part(fields, d, part, err);
	if (ret == 0 && strchr(part, '=') != NULL)
		return fields_unknown(fields, part, err);
	return ret == 0 ? set_positional(d, part, err) : ret < 0 ? -1 : 0;
}

/* "phy:/dev/x,...": old ways to say a format or a script; returns what follows. */
static const char *parse_prefixes(struct dev_disk *d, const char *spec)
{
	static const struct {
		const char *text;
		unsigned format;
		const char *script;
	} prefixes[] = {
		{ "raw:", FORMAT_RAW, NULL },
		{ "qcow:", FORMAT_QCOW, NULL },
		{ "qcow2:", FORMAT_QCOW2, NULL },
		{ "vhd:", FORMAT_VHD, NULL },
		{ "tap:", 0, NULL },
		{ "tap2:", 0, NULL },
		{ "tapdisk:", 0, NULL },
		{ "aio:", 0, NULL },
		{ "ioemu:", 0, NULL },
		{ "file:", 0, NULL },
		{ "phy:", 0, NULL },
		{ "iscsi:", 0, "block-iscsi" },
		{ "nbd:", 0, "block-nbd" },
		{ "enbd:", 0, "block-enbd" },
		{ "drbd:", 0, "block-drbd" },
	};

	for (size_t i = 0; i < array_size(prefixes); i++) {
		if (!str_starts(spec, prefixes[i].text))
			continue;
		if (prefixes[i].format != 0)
			d->format = prefixes[i].format;
		if (prefixes[i].script != NULL) {
			d->script = xstrdup(prefixes[i].script);
			d->has_prefix = true;
			return spec + strlen(prefixes[i].text);
		}
		spec += strlen(prefixes[i].text);
		d->has_prefix = true;
		i = (size_t)-1;	/* they may be stacked: tap:qcow:... */
	}
	return spec;
}

static int disk_parse(struct vmm_device *dev, const char *spec, struct err *err)
{
	struct dev_disk *d = container_of(dev, struct dev_disk, dev);

	d->readwrite = 1;
	while (*spec == ' ' || *spec == '\t')
		spec++;
	spec = parse_prefixes(d, spec);
	while (*spec != '\0') {
		size_t len = strcspn(spec, ",");
		autofree char *part = NULL;

		while (*spec == ' ' || *spec == '\t') {
			spec++;
			len--;
		}
		if (str_starts(spec, "target=")) {	/* eats the rest, commas and all */
			if (d->pdev_path != NULL)
				return err_set(err, EINVAL, "target: given twice");
			return set_by_key(d, "target", spec + strlen("target="), err);
		}
		part = xstrndup(spec, len);
		if (parse_part(d, str_trim(part), err) < 0)
			return -1;
		spec += len;
		if (*spec == ',')
			spec++;
	}
	return 0;
}

static int check_service(const struct dev_disk *d, struct err *err)
{
	if (d->backend == BACKEND_QDISK || d->backend == BACKEND_TAP)
		return err_set(err, ENOTSUP,
			       "backendtype: no program for %s is started by this toolstack; use "
			       "phy for block devices "
			       "and raw image files",
			       backends[d->backend]);
	if (d->format != FORMAT_RAW && d->format != FORMAT_EMPTY && d->script == NULL &&
	    d->backend != BACKEND_STANDALONE)
		return err_set(err, ENOTSUP,
			       "format: %s images need QEMU; convert it (qemu-img convert -O raw) "
			       "or give script=",
			       formats[d->format]);
	if (d->specification == SPEC_VIRTIO && d->is_cdrom)
		return err_set(err, EINVAL, "devtype: a virtio disk cannot be a cdrom");
	if (d->grant_usage != TRI_UNSET && d->specification != SPEC_VIRTIO)
		return err_set(err, EINVAL,
			       "grant_usage: only virtio disks (specification=virtio) have it");
	return 0;
}

/* What stock's parser settles at the end of a specification, and what cannot be. */
static void disk_finish(struct vmm_device *dev, const struct vmm_config *cfg)
{
	struct dev_disk *d = container_of(dev, struct dev_disk, dev);

	if (d->safe == TRI_YES)
		d->direct_io_safe = true;
	if (d->is_cdrom) {
		d->removable = 1;
		d->readwrite = 0;
		if (d->pdev_path == NULL)
			d->format = FORMAT_EMPTY;
	}
	if (d->format == 0)
		d->format = FORMAT_RAW;
}

static int disk_check(const struct vmm_device *dev, const struct vmm_config *cfg, struct err *err)
{
	const struct dev_disk *d = container_of(dev, struct dev_disk, dev);
	uint32_t number;

	if (d->vdev == NULL)
		return err_set(err, EINVAL,
			       "vdev= is missing: what the guest calls the disk, such as xvda");
	if (!parse_vdev(d->vdev, &number))
		return err_set(err, EINVAL,
			       "vdev: '%s' is no name of a virtual disk; xvda to xvdp, xvda1, sda, "
			       "hda, d0p1 and "
			       "device numbers are",
			       d->vdev);
	if (d->pdev_path == NULL && d->format != FORMAT_EMPTY)
		return err_set(err, EINVAL, "target= is missing: the block device or image file");
	return check_service(d, err);
}

static int disk_settle(struct vmm_device *dev, struct err *err)
{
	struct dev_disk *d = container_of(dev, struct dev_disk, dev);

	if (!parse_vdev(d->vdev, &d->number))
		return err_set(err, EINVAL, "vdev: '%s' is no name of a virtual disk", d->vdev);
	dev->devid = (int32_t)d->number;
	if (d->specification == SPEC_VIRTIO) {
		d->transport = 1;
		if (d->grant_usage == TRI_UNSET)
			d->grant_usage = dev->backend_domid != 0 ? TRI_YES : TRI_NO;
	}
	return 0;
}

/* Defaults that are not filled in, because upstream's JSON leaves them out. */
static unsigned backend_of(const struct dev_disk *d)
{
	return d->backend != 0 ? d->backend : BACKEND_PHY;
}

static unsigned specification_of(const struct dev_disk *d)
{
	return d->specification != 0 ? d->specification : SPEC_XEN;
}

static bool may_discard(const struct dev_disk *d)
{
	return d->discard == TRI_UNSET ? d->readwrite != 0 : d->discard == TRI_YES;
}

static char *disk_label(const struct vmm_device *dev)
{
	const struct dev_disk *d = container_of(dev, struct dev_disk, dev);

	return str_printf("disk %s", d->vdev != NULL ? d->vdev : "?");
}

static bool is_xen_phy(const struct dev_disk *d)
{
	return specification_of(d) == SPEC_XEN && backend_of(d) == BACKEND_PHY;
}

static const char *disk_kind(const struct vmm_device *dev, bool is_backend)
{
	const struct dev_disk *d = container_of(dev, struct dev_disk, dev);

	if (d->specification == SPEC_VIRTIO)
		return "virtio_disk";
	return is_backend && d->backend == BACKEND_STANDALONE ? "vbd3" : "vbd";
}

static bool is_builtin(const struct dev_disk *d)
{
	return d->script == NULL || strcmp(d->script, "builtin") == 0;
}

/* "": there is no step at all */
static char *disk_script(const struct vmm_device *dev)
{
	const struct dev_disk *d = container_of(dev, struct dev_disk, dev);

	if (!is_xen_phy(d) || d->format == FORMAT_EMPTY)
		return xstrdup("");
	return is_builtin(d) ? NULL : hotplug_script_path(d->script);
}

/* The order of stock's keys. */
static void disk_nodes(const struct vmm_device *dev, uint32_t domid, struct device_nodes *nodes)
{
	const struct dev_disk *d = container_of(dev, struct dev_disk, dev);
	autofree char *script = hotplug_script_path(is_builtin(d) ? "block" : d->script);
	autofree char *number = str_printf("%u", d->number), *base = NULL, *irq = NULL;

	device_nodes_add(nodes, NODE_BACK, d->pdev_path != NULL ? d->pdev_path : "", "params");
	if (is_xen_phy(d))
		device_nodes_add(nodes, NODE_BACK, script, "script");
	device_nodes_add(nodes, NODE_BACK, d->removable ? "1" : "0", "removable");
	device_nodes_add(nodes, NODE_BACK, "1", "bootable");
	device_nodes_add(nodes, NODE_BACK, d->vdev, "dev");
	device_nodes_add(nodes, NODE_BACK, backends[backend_of(d)], "type");
	device_nodes_add(nodes, NODE_BACK, !d->readwrite ? "r" : d->is_shared ? "w!" : "w", "mode");
	device_nodes_add(nodes, NODE_BACK, d->is_cdrom ? "cdrom" : "disk", "device-type");
	if (d->direct_io_safe)
		device_nodes_add(nodes, NODE_BACK, "1", "direct-io-safe");
	device_nodes_add(nodes, NODE_BACK, may_discard(d) ? "1" : "0", "discard-enable");
	device_nodes_add(nodes, NODE_BACK, specifications[specification_of(d)], "specification");
	if (d->specification == SPEC_VIRTIO) {
		base = str_printf("%llu", (unsigned long long)d->base);
		irq = str_printf("%u", d->irq);
		device_nodes_add(nodes, NODE_BACK, "mmio", "transport");
		device_nodes_add(nodes, NODE_BACK, base, "base");
		device_nodes_add(nodes, NODE_BACK, irq, "irq");
		device_nodes_add(nodes, NODE_BACK, d->grant_usage == TRI_YES ? "1" : "0",
				 "grant_usage");
	}
	device_nodes_add(nodes, NODE_FRONT, number, "virtual-device");
	device_nodes_add(nodes, NODE_FRONT, d->is_cdrom ? "cdrom" : "disk", "device-type");
	device_nodes_add(nodes, NODE_FRONT, d->trusted == TRI_NO ? "0" : "1", "trusted");
}

static int disk_plug(uint32_t domid, int32_t devid, struct device_nodes *nodes, struct err *err)
{
	const char *path = device_nodes_get(nodes, NODE_BACK, "params"),
		   *mode = device_nodes_get(nodes, NODE_BACK, "mode");
	struct hotplug_block block;
	autofree char *number = NULL;

	if (path == NULL || mode == NULL)
		return err_set(err, EINVAL, "the backend's nodes name no target");
	if (hotplug_block_open(path, strchr(mode, 'w') == NULL, strchr(mode, '!') != NULL, &block,
			       err) < 0)
		return -1;
	number = str_printf("%x:%x", block.major, block.minor);
	device_nodes_add(nodes, NODE_BACK, number, "physical-device");
	device_nodes_add(nodes, NODE_BACK, block.path, "physical-device-path");
	if (block.is_loop) {
		device_nodes_add(nodes, NODE_BACK, block.path, "node");
		device_nodes_add(nodes, NODE_RECORD, block.path, "loop");
	}
	device_nodes_add(nodes, NODE_BACK, "connected", "hotplug-status");
	hotplug_block_free(&block);
	return 0;
}

/* A loop device is its own; that no two have one image was seen to when it was made. */
static const char *disk_identity(const struct device_nodes *nodes)
{
	if (device_nodes_get(nodes, NODE_RECORD, "loop") != NULL ||
	    strchr(device_nodes_get(nodes, NODE_BACK, "mode"), '!') != NULL)
		return NULL;
	return device_nodes_get(nodes, NODE_BACK, "physical-device");
}

static int disk_unplug(uint32_t domid, int32_t devid, const struct device_nodes *record,
		       struct err *err)
{
	const char *loop = device_nodes_get(record, NODE_RECORD, "loop");

	return loop != NULL ? hotplug_loop_release(loop, err) : 0;
}

static bool disk_mmio(const struct vmm_device *dev, struct device_mmio *out)
{
	const struct dev_disk *d = container_of(dev, struct dev_disk, dev);

	if (d->specification != SPEC_VIRTIO)
		return false;
	*out = (struct device_mmio){ d->base, d->irq, "virtio,device", dev->backend_domid,
				     d->grant_usage == TRI_YES };
	return true;
}

static void disk_set_mmio(struct vmm_device *dev, uint64_t base, uint32_t spi)
{
	struct dev_disk *d = container_of(dev, struct dev_disk, dev);

	d->base = base;
	d->irq = spi;
}

const struct vmm_devclass devclass_disk = {
	.name = "disk", .key = "disk", .json = "disks", .frontend = "vbd", .backend = "vbd",
	.size = sizeof(struct dev_disk), .fields = fields, .flags = DEVCLASS_PLUG_FIRST,
	.parse = disk_parse, .finish = disk_finish, .check = disk_check, .settle = disk_settle, .label = disk_label,
	.kind = disk_kind, .nodes = disk_nodes, .script = disk_script, .plug = disk_plug, .unplug = disk_unplug,
	.identity = disk_identity, .identity_node = "physical-device", .mmio = disk_mmio, .set_mmio = disk_set_mmio, .script_add = "add", .script_remove = "remove",
};
