/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBVMM_DEVCLASS_H
#define LIBVMM_DEVCLASS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "base/list.h"
#include "base/str.h"
#include "libvmm/field.h"

/*
 * What a PV device is: a value (struct vmm_device, the first member of each class's own struct) and
 * a class (one row, in a file dev_NAME.c of its own). The engine (device.c), the parser of
 * guest.cfg and the JSON code know no class by name.
 *
 * A device goes through four hands: its specification is parsed (fields, parse) and checked (check)
 * when guest.cfg is read; what is left open is chosen (settle) when the domain is made; its nodes
 * are written (fields, nodes) and its hotplug step is run.
 */

struct vmm_config;
struct vmm_devclass;

struct vmm_device {
	struct list link;		/* on vmm_config.devices */
	const struct vmm_devclass *class;
	int32_t devid;			/* -1: the next free one */
	char *backend_domname; /* backend=, name or number as written; NULL: backend_domid */
	uint32_t backend_domid;		/* settled from the name */
};

/* Nodes a class writes beside its fields. */
enum node_side {
	NODE_BACK,	/* the backend's directory, and the toolstack's record of it */
	NODE_FRONT,
	NODE_FRONT_RO,	/* the guest may not write it */
	NODE_RECORD,	/* the toolstack's record only */
};
struct device_node { enum node_side side; char *key, *value; };
struct device_nodes {
	struct device_node *v;
	size_t nr;
};
void device_nodes_add(struct device_nodes *nodes, enum node_side side, const char *value,
		      const char *key, ...) printf_like(4, 5);
const char *device_nodes_get(const struct device_nodes *nodes, enum node_side side,
			     const char *key); /* or NULL */
void device_nodes_free(struct device_nodes *nodes);

/* A virtio-mmio window and interrupt, as the guest's device tree describes them. */
struct device_mmio {
	uint64_t base;
	uint32_t spi;
	const char *type;	/* "virtio,device22", "virtio,device", ... */
	uint32_t backend_domid;
	bool uses_grants;	/* memory is shared by grants: the node needs an iommus property */
};

enum devclass_flags {
	DEVCLASS_NUMBERED =
		1, /* its place in guest.cfg is its devid, and is shown as such in JSON */
	DEVCLASS_NO_WAIT = 2, /* nobody answers in the backend's directory before the guest runs */
	DEVCLASS_PLUG_FIRST = 4, /* the hotplug step does not need the backend to be waiting */
};

struct vmm_devclass {
	const char *name;	/* in messages: "vif" */
	const char *key;	/* of its list in guest.cfg */
	const char *json;	/* of its array in JSON */
	const char *frontend;	/* kind in device/KIND/DEVID of the guest */
	const char *backend;	/* kind in backend/KIND/DOMID/DEVID of the backend's domain */
	size_t size;		/* of the class's struct */
	const struct field *fields;
	unsigned flags;
	int32_t first_devid;	/* devid 0 is this number in the store (channels: 1) */
	/* all may be NULL */
	const struct vmm_devclass
		*companion; /* one of these comes with each of guest.cfg (a vfb's vkb) */
	int (*parse)(struct vmm_device *dev, const char *spec, struct err *err); /* odd grammars */
	/* what one field cannot say alone; does not touch the host */
	int (*check)(const struct vmm_device *dev, const struct vmm_config *cfg, struct err *err);
	/* what the rest of guest.cfg decides, before the check */
	void (*finish)(struct vmm_device *dev, const struct vmm_config *cfg);
	/* choose what was left open: numbers, addresses, defaults that JSON does not show */
	int (*settle)(struct vmm_device *dev, struct err *err);
	const char *(*kind)(const struct vmm_device *dev,
			    bool is_backend); /* when it depends on the device */
	void (*nodes)(const struct vmm_device *dev, uint32_t domid, struct device_nodes *nodes);
	bool (*mmio)(const struct vmm_device *dev, struct device_mmio *out);
	void (*set_mmio)(struct vmm_device *dev, uint64_t base, uint32_t spi);
	/* the hotplug step: a script, or when `script` gives NULL the library itself */
	char *(*script)(const struct vmm_device *dev);	/* absolute; yours */
	/* Before the nodes are written (DEVCLASS_PLUG_FIRST) or when the backend waits. From the
	 * backend's nodes alone (NODE_BACK), because a driver domain knows no more; adds nodes, and
	 * to NODE_RECORD what unplug needs. */
	int (*plug)(uint32_t domid, int32_t devid, struct device_nodes *nodes, struct err *err);
	/* After plug: what of this machine it has, by which two devices are seen to have the same.
	 * Only those that read (mode=r) may. NULL: nothing that another could have. */
	const char *(*identity)(const struct device_nodes *nodes);
	const char *identity_node;	/* where others of the kind have theirs */
	/* what there is to undo, from the toolstack's record (NODE_RECORD) */
	int (*unplug)(uint32_t domid, int32_t devid, const struct device_nodes *record,
		      struct err *err);
	/* arguments and environment of a script, from the record */
	void (*script_env)(uint32_t domid, int32_t devid, const struct device_nodes *record,
			   struct strlist *env);
	const char *script_add, *script_remove;		/* its arguments, separated by blanks */
	/* The program of this machine that is its backend, started when the first device needs it;
	 * NULL: none */
	const char *(*program)(const struct vmm_device *dev);
	char *(*label)(const struct vmm_device *dev);	/* what messages call it; yours */
	void (*to_json)(const struct vmm_device *dev,
			struct json_writer *w); /* behind the fields */
	int (*from_json)(struct vmm_device *dev, const struct json *j, struct err *err);
	void (*clear)(struct vmm_device *dev);	/* frees what is not a field */
};

/* A device with nothing set. */
struct vmm_device *device_new(const struct vmm_devclass *class);
void device_free(struct vmm_device *dev);	/* NULL is fine; it must be on no list */
void device_autofree(struct vmm_device **dev);
#define autodevice __attribute__((cleanup(device_autofree)))
/* The class's check, with its name in front of the message. */
int device_check(const struct vmm_device *dev, const struct vmm_config *cfg, struct err *err)
	must_check;

const char *device_frontend_kind(const struct vmm_device *dev);
const char *device_backend_kind(const struct vmm_device *dev);
/* "vif 0", "disk xvda": what messages call it; yours to free. */
char *device_label(const struct vmm_device *dev);

/* Rows that every class has in its own place. */
#define DEVICE_BACKEND_ROWS                                                         \
	{ .json = "backend_domid",                                                  \
	  .offset = FIELD_OFFSET(struct vmm_device, backend_domid, uint32_t),       \
	  .type = FIELD_T_U32 },                                                    \
	{                                                                           \
		.key = "backend", .json = "backend_domname",                        \
		.offset = FIELD_OFFSET(struct vmm_device, backend_domname, char *), \
		.type = FIELD_T_STR, .where = FIELD_SPEC                            \
	}
#define DEVICE_DEVID_ROW \
	{ .json = "devid", .offset = FIELD_OFFSET(struct vmm_device, devid, int32_t), .type = FIELD_T_DEVID }

#endif
