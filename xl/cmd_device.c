/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Devices of running domains: attach, detach, list. The commands differ by the class of device
 * only, so most are rows; the columns are upstream's, which scripts read. What a guest wrote is
 * shown and never trusted.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "base/num.h"
#include "base/str.h"
#include "xl/xl.h"

/* --- attach ----------------------------------------------------------------------------------- */

/* The words of a specification may be arguments of their own. */
static int attach(struct xl *xl, const char *class, const char *title, char **args, struct err *err)
{
	autostrbuf struct strbuf spec = STRBUF_INIT;
	autofree char *json = NULL;
	uint32_t domid;

	for (char **word = args + 1; *word != NULL; word++)
		strbuf_printf(&spec, "%s%s", spec.len > 0 ? "," : "", *word);
	if (xl_domain(xl, args[0], &domid, err) < 0)
		return -1;
	if (!xl->dry_run) {
		xl_catch_interrupts(xl);
		return vmm_device_attach(xl->vmm, domid, class, spec.data != NULL ? spec.data : "",
					 err);
	}
	if (vmm_device_spec_json(xl->vmm, class, spec.data != NULL ? spec.data : "", &json, err) <
	    0)
		return -1;
	fprintf(xl->out, "%s: %s\n", title, json);
	return 0;
}

struct detach_opts { bool force; };

static const struct xl_option detach_options[] = {
	OPT_BOOL('f', "force", struct detach_opts, force, "Take it away even when the guest does not let go"),
	OPT_END
};

static int detach(struct xl *xl, const char *class, const void *opts, char **args, struct err *err)
{
	const struct detach_opts *o = opts;
	uint32_t domid;

	if (xl_domain(xl, args[0], &domid, err) < 0)
		return -1;
	xl_catch_interrupts(xl);
	if (vmm_device_detach(xl->vmm, domid, class, args[1], o->force, err) < 0)
		return err->code == ENOENT ? err_set(err, ENOENT, "Unknown device %s.", args[1])
					   : -1;
	return 0;
}

#define ATTACH(id, word, class, title, what, spec)                                            \
	static int id##_attach(struct xl *xl, const void *opts, char **args, struct err *err) \
	{                                                                                     \
		return attach(xl, class, title, args, err);                                   \
	}                                                                                     \
	const struct xl_command cmd_##id##_attach = {                                         \
		.name = word "-attach",                                                       \
		.args = "<Domain> " spec,                                                     \
		.summary = "Give a domain a " what,                                           \
		.min = 1,                                                                     \
		.max = XL_ANY,                                                                \
		.flags = XL_DRY_RUN | XL_MODIFIES,                                            \
		.run = id##_attach,                                                           \
	}

#define DETACH(id, word, class, what, which)                                                  \
	static int id##_detach(struct xl *xl, const void *opts, char **args, struct err *err) \
	{                                                                                     \
		return detach(xl, class, opts, args, err);                                    \
	}                                                                                     \
	const struct xl_command cmd_##id##_detach = {                                         \
		.name = word "-detach",                                                       \
		.args = "[options] <Domain> " which,                                          \
		.summary = "Take a " what " away from a domain",                              \
		.options = detach_options,                                                    \
		.opts_size = sizeof(struct detach_opts),                                      \
		.min = 2,                                                                     \
		.max = 2,                                                                     \
		.flags = XL_MODIFIES,                                                         \
		.run = id##_detach,                                                           \
	}

ATTACH(block, "block", "disk", "disk", "disk", "<disk-spec>...");
DETACH(block, "block", "disk", "disk", "<vdev|DevId>");
ATTACH(network, "network", "vif", "vif", "network interface", "[vif-spec]...");
DETACH(network, "network", "vif", "network interface", "<DevId|mac>");
ATTACH(vkb, "vkb", "vkb", "vkb", "keyboard and pointer", "<vkb-spec>...");
DETACH(vkb, "vkb", "vkb", "keyboard and pointer", "<DevId>");
ATTACH(vdispl, "vdispl", "vdispl", "vdispl", "display", "<vdispl-spec>...");
DETACH(vdispl, "vdispl", "vdispl", "display", "<DevId>");
ATTACH(vsnd, "vsnd", "vsnd", "vsnd", "sound card", "<vsnd-spec>...");
DETACH(vsnd, "vsnd", "vsnd", "sound card", "<DevId>");
ATTACH(vtpm, "vtpm", "vtpm", "vtpm", "TPM", "[vtpm-spec]...");
DETACH(vtpm, "vtpm", "vtpm", "TPM", "<DevId>");
ATTACH(p9, "9p", "p9", "p9", "shared folder", "<p9-spec>...");
DETACH(p9, "9p", "p9", "shared folder", "<DevId>");
ATTACH(virtio, "virtio", "virtio", "virtio", "virtio device", "<virtio-spec>...");
DETACH(virtio, "virtio", "virtio", "virtio device", "<DevId>");

ATTACH(usbctrl, "usbctrl", "usbctrl", "usbctrl", "USB controller", "[usbctrl-spec]...");
DETACH(usbctrl, "usbctrl", "usbctrl", "USB controller", "<DevId>");

/* --- lists: one row a device ------------------------------------------------------------------ */

/* What a column shows: the device itself, or one of its nodes. */
enum listed_kind {
	LISTED_DEVID,
	LISTED_BACKEND_DOMID,
	LISTED_DOMID,
	LISTED_BACKEND,
	LISTED_GONE,
	LISTED_NODE
};

struct listed {
	enum listed_kind kind;
	const char *node;	/* of LISTED_NODE: a number unless the column is CELL_STR */
	struct column column;
};
#define MAX_LISTED 12

#define END_LISTED { .column.head = NULL, .column.key = NULL }

static bool is_end(const struct listed *l)
{
	return l->column.head == NULL && l->column.key == NULL;
}

/* As upstream shows a number that is not there. */
static int64_t number_of(const char *text)
{
	struct err ignored = ERR_INIT;
	uint64_t n;

	return text != NULL && num_dec(text, INT32_MAX, "", &n, &ignored) == 0 ? (int64_t)n : -1;
}

static void list_cells(const struct listed *listed, uint32_t domid,
		       const struct vmm_deviceinfo *dev, struct cell *cells)
{
	size_t node = 0;

	for (size_t i = 0; !is_end(&listed[i]); i++) {
		const char *value = listed[i].kind == LISTED_NODE ? dev->values[node++] : NULL;

		cells[i] = (struct cell){ .is_unset = false };
		switch (listed[i].kind) {
		case LISTED_DEVID:
			cells[i].i = dev->devid;
			break;
		case LISTED_BACKEND_DOMID:
			cells[i].i = dev->backend_domid;
			break;
		case LISTED_DOMID:
			cells[i].i = domid;
			break;
		case LISTED_BACKEND:
			cells[i].s = dev->backend;
			break;
		case LISTED_GONE:
			cells[i].u = dev->is_backend_gone;
			break;
		case LISTED_NODE:
			cells[i].s = value != NULL ? value : "";
			cells[i].i = number_of(value);
			break;
		}
	}
}

static int list_domain(struct xl *xl, const char *class, const struct listed *listed,
		       const char *arg, struct table *t, struct err *err)
{
	const char *nodes[MAX_LISTED + 1];
	struct cell cells[MAX_LISTED];
	struct vmm_deviceinfo *list;
	size_t nr, n = 0;
	uint32_t domid;

	for (size_t i = 0; !is_end(&listed[i]); i++)
		if (listed[i].kind == LISTED_NODE)
			nodes[n++] = listed[i].node;
	nodes[n] = NULL;
	if (xl_domain(xl, arg, &domid, err) < 0 ||
	    vmm_device_list(xl->vmm, domid, class, nodes, &list, &nr, err) < 0)
		return -1;
	for (size_t i = 0; i < nr; i++) {
		list_cells(listed, domid, &list[i], cells);
		table_row(t, cells);
		if (list[i].is_backend_gone)
			xl_note(xl,
				"xl: %s %d of domain %u: its backend's domain %u is gone; detach "
				"it, and attach it again when that is back",
				class, list[i].devid, domid, list[i].backend_domid);
	}
	vmm_device_list_free(list, nr);
	return 0;
}

/* A domain that is not there does not keep the others from being shown, as upstream does it. */
static int list(struct xl *xl, const char *class, const struct listed *listed, char **args,
		struct err *err)
{
	struct column columns[MAX_LISTED];
	struct err one = ERR_INIT;
	struct table t;
	size_t n = 0;

	for (; !is_end(&listed[n]); n++)
		columns[n] = listed[n].column;
	table_begin(&t, xl->out, xl->as_json, columns, n, 0);
	table_head(&t);
	for (; *args != NULL; args++) {
		if (list_domain(xl, class, listed, *args, &t, &one) < 0 && err->code == 0)
			*err = one;
		err_clear(&one);
	}
	table_end(&t);
	return err->code != 0 ? -1 : 0;
}

#define LIST(id, word, class, what)                                                         \
	static int id##_list(struct xl *xl, const void *opts, char **args, struct err *err) \
	{                                                                                   \
		return list(xl, class, id##_listed, args, err);                             \
	}                                                                                   \
	const struct xl_command cmd_##id##_list = {                                         \
		.name = word "-list",                                                       \
		.args = "<Domain>...",                                                      \
		.summary = "List the " what " of domains",                                  \
		.min = 1,                                                                   \
		.max = XL_ANY,                                                              \
		.flags = XL_PRINTS,                                                         \
		.run = id##_list,                                                           \
	}

static const struct listed block_listed[] = {
	{ LISTED_DEVID, NULL, { "Vdev  ", NULL, -5, CELL_INT, "devid" } },
	{ LISTED_BACKEND_DOMID, NULL, { "BE  ", " ", -3, CELL_INT, "backend_domid" } },
	{ LISTED_DOMID, NULL, { "handle ", " ", -6, CELL_INT, "domid" } },
	{ LISTED_NODE, "frontend/state", { "state ", " ", -5, CELL_INT, "state" } },
	{ LISTED_NODE, "frontend/event-channel", { "evt-ch ", " ", -6, CELL_INT, "event_channel" } },
	{ LISTED_NODE, "frontend/ring-ref", { "ring-ref ", " ", -8, CELL_INT, "ring_ref" } },
	{ LISTED_BACKEND, NULL, { "BE-path                       ", " ", -30, CELL_STR, "backend" } },
	{ LISTED_NODE, "backend/dev", { .key = "vdev", .kind = CELL_STR, .json_only = true } },
	{ LISTED_NODE, "backend/params", { .key = "target", .kind = CELL_STR, .json_only = true } },
	{ LISTED_GONE, NULL, { .key = "backend_gone", .kind = CELL_BOOL, .json_only = true } },
	END_LISTED,
};
LIST(block, "block", "disk", "disks");

static const struct listed network_listed[] = {
	{ LISTED_DEVID, NULL, { "Idx ", NULL, -3, CELL_INT, "devid" } },
	{ LISTED_BACKEND_DOMID, NULL, { "BE ", " ", -2, CELL_INT, "backend_domid" } },
	{ LISTED_NODE, "backend/mac", { "Mac Addr.         ", " ", -17, CELL_STR, "mac" } },
	{ LISTED_NODE, "backend/handle", { "handle ", NULL, 6, CELL_INT, "handle" } },
	{ LISTED_NODE, "frontend/state", { "state ", " ", 5, CELL_INT, "state" } },
	{ LISTED_NODE, "frontend/event-channel", { "evt-ch ", " ", 6, CELL_INT, "event_channel" } },
	{ LISTED_NODE, "frontend/tx-ring-ref", { "  tx-/", " ", 5, CELL_INT, "tx_ring_ref" } },
	{ LISTED_NODE, "frontend/rx-ring-ref", { "rx-ring-ref ", "/", -11, CELL_INT, "rx_ring_ref" } },
	{ LISTED_BACKEND, NULL, { "BE-path                       ", " ", -30, CELL_STR, "backend" } },
	{ LISTED_GONE, NULL, { .key = "backend_gone", .kind = CELL_BOOL, .json_only = true } },
	END_LISTED,
};
LIST(network, "network", "vif", "network interfaces");

static const struct listed channel_listed[] = {
	{ LISTED_DEVID, NULL, { "Idx ", NULL, -3, CELL_INT, "devid" } },
	{ LISTED_BACKEND_DOMID, NULL, { "BE ", " ", -2, CELL_INT, "backend_domid" } },
	{ LISTED_NODE, "frontend/state", { "state ", " ", -5, CELL_INT, "state" } },
	{ LISTED_NODE, "frontend/port", { "evt-ch ", " ", -6, CELL_INT, "event_channel" } },
	{ LISTED_NODE, "frontend/ring-ref", { "ring-ref ", " ", -8, CELL_INT, "ring_ref" } },
	{ LISTED_NODE, "backend/connection", { "connection ", " ", -10, CELL_STR, "connection" } },
	{ LISTED_NODE, "frontend/tty", { "                              ", " ", -30, CELL_STR, "path" } },
	{ LISTED_NODE, "backend/name", { .key = "name", .kind = CELL_STR, .json_only = true } },
	END_LISTED,
};
LIST(channel, "channel", "channel", "channels");

static const struct listed vkb_listed[] = {
	{ LISTED_DEVID, NULL, { "Idx ", NULL, -3, CELL_INT, "devid" } },
	{ LISTED_BACKEND_DOMID, NULL, { "BE ", " ", -2, CELL_INT, "backend_domid" } },
	{ LISTED_DEVID, NULL, { "handle ", " ", 6, CELL_INT, "handle" } },
	{ LISTED_NODE, "frontend/state", { "state ", " ", 5, CELL_INT, "state" } },
	{ LISTED_NODE, "frontend/event-channel", { "evt-ch ", " ", 6, CELL_INT, "event_channel" } },
	{ LISTED_NODE, "frontend/page-ref", { "   ref ", " ", 6, CELL_INT, "page_ref" } },
	{ LISTED_NODE, "backend/unique-id", { "ID         ", " ", -10, CELL_STR, "unique_id" } },
	{ LISTED_NODE, "backend/backend-type", { "BE-type    ", " ", -10, CELL_STR, "backend_type" } },
	{ LISTED_BACKEND, NULL, { "BE-path                       ", " ", -30, CELL_STR, "backend" } },
	END_LISTED,
};
LIST(vkb, "vkb", "vkb", "keyboards and pointers");

static const struct listed vtpm_listed[] = {
	{ LISTED_DEVID, NULL, { "Idx ", NULL, -3, CELL_INT, "devid" } },
	{ LISTED_BACKEND_DOMID, NULL, { "BE ", " ", -2, CELL_INT, "backend_domid" } },
	{ LISTED_NODE, "backend/uuid", { "Uuid                                 ", " ", -36, CELL_STR, "uuid" } },
	{ LISTED_NODE, "backend/handle", { "handle ", " ", 6, CELL_INT, "handle" } },
	{ LISTED_NODE, "frontend/state", { "state ", " ", 5, CELL_INT, "state" } },
	{ LISTED_NODE, "frontend/event-channel", { "evt-ch ", " ", 6, CELL_INT, "event_channel" } },
	{ LISTED_NODE, "frontend/ring-ref", { "ring-ref ", " ", 8, CELL_INT, "ring_ref" } },
	{ LISTED_BACKEND, NULL, { "BE-path   ", " ", -30, CELL_STR, "backend" } },
	END_LISTED,
};
LIST(vtpm, "vtpm", "vtpm", "TPMs");

static const struct listed p9_listed[] = {
	{ LISTED_DEVID, NULL, { "Idx ", NULL, -3, CELL_INT, "devid" } },
	{ LISTED_BACKEND_DOMID, NULL, { "BE ", " ", -2, CELL_INT, "backend_domid" } },
	{ LISTED_NODE, "frontend/state", { "state ", " ", -5, CELL_INT, "state" } },
	{ LISTED_NODE, "frontend/tag", { "tag        ", " ", -10, CELL_STR, "tag" } },
	{ LISTED_NODE, "backend/path", { "path                           ", " ", -30, CELL_STR, "path" } },
	{ LISTED_BACKEND, NULL, { "BE-path                       ", " ", -30, CELL_STR, "backend" } },
	END_LISTED,
};
LIST(p9, "9p", "p9", "shared folders");

static const struct listed virtio_listed[] = {
	{ LISTED_DEVID, NULL, { "Idx ", NULL, -3, CELL_INT, "devid" } },
	{ LISTED_BACKEND_DOMID, NULL, { "BE ", " ", -2, CELL_INT, "backend_domid" } },
	{ LISTED_NODE, "backend/type", { "type            ", " ", -15, CELL_STR, "type" } },
	{ LISTED_NODE, "backend/base", { "base       ", " ", -10, CELL_STR, "base" } },
	{ LISTED_NODE, "backend/irq", { "irq ", " ", -3, CELL_INT, "irq" } },
	{ LISTED_BACKEND, NULL, { "BE-path                       ", " ", -30, CELL_STR, "backend" } },
	END_LISTED,
};
LIST(virtio, "virtio", "virtio", "virtio devices");
