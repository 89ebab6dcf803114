/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The host's USB devices in guests: onto a port, off it, and what is on which. Controllers are
 * devices like others (cmd_device.c). */
#include <inttypes.h>
#include "base/num.h"
#include "base/str.h"
#include "xl/xl.h"

#define MAX_PORTS 31u

static xl_run_fn usbdev_attach, usbdev_detach, usb_list;

const struct xl_command cmd_usbdev_attach = {
	.name = "usbdev-attach", .args = "<Domain> hostbus=<bus> hostaddr=<device> [controller=<DevId> [port=<port>]]",
	.summary = "Give a domain a USB device of the host", .min = 1, .max = XL_ANY, .flags = XL_DRY_RUN | XL_MODIFIES,
	.run = usbdev_attach,
};

const struct xl_command cmd_usbdev_detach = {
	.name = "usbdev-detach", .args = "<Domain> <controller> <port>", .summary = "Take a USB device back from a domain",
	.min = 3, .max = 3, .flags = XL_MODIFIES, .run = usbdev_detach,
};

const struct xl_command cmd_usb_list = {
	.name = "usb-list", .args = "<Domain>...", .summary = "List the USB controllers and devices of domains",
	.min = 1, .max = XL_ANY, .run = usb_list,
};

static int usbdev_attach(struct xl *xl, const void *opts, char **args, struct err *err)
{
	autostrbuf struct strbuf spec = STRBUF_INIT;
	autofree char *json = NULL;
	uint32_t domid;

	(void)opts;
	for (char **word = args + 1; *word != NULL; word++)
		strbuf_printf(&spec, "%s%s", spec.len > 0 ? "," : "", *word);
	if (xl_domain(xl, args[0], &domid, err) < 0)
		return -1;
	if (!xl->dry_run)
		return vmm_usbdev_attach(xl->vmm, domid, spec.data != NULL ? spec.data : "", err);
	if (vmm_device_spec_json(xl->vmm, "usbdev", spec.data != NULL ? spec.data : "", &json,
				 err) < 0)
		return -1;
	fprintf(xl->out, "usbdev: %s\n", json);
	return 0;
}

static int usbdev_detach(struct xl *xl, const void *opts, char **args, struct err *err)
{
	uint32_t domid, port;
	uint64_t controller;

	(void)opts;
	if (xl_domain(xl, args[0], &domid, err) < 0 ||
	    num_dec(args[1], INT32_MAX, "controller", &controller, err) < 0 ||
	    num_u32(args[2], 1, MAX_PORTS, "port", &port, err) < 0)
		return -1;
	return vmm_usbdev_detach(xl->vmm, domid, (int32_t)controller, port, err);
}

/* --- usb-list --------------------------------------------------------------------------------- */

enum { V_TYPE, V_VERSION, V_PORTS, V_STATE, V_FIRST_PORT };

static const char *or_dash(const char *text)
{
	return text != NULL ? text : "-";
}

static void list_ports(struct xl *xl, const struct vmm_deviceinfo *c)
{
	struct err ignored = ERR_INIT;
	uint64_t nr = 0;

	if (c->values[V_PORTS] == NULL ||
	    num_dec(c->values[V_PORTS], MAX_PORTS, "ports", &nr, &ignored) < 0)
		return;
	for (uint64_t p = 0; p < nr; p++) {
		const char *busid = c->values[V_FIRST_PORT + p];
		uint32_t bus, addr;

		fprintf(xl->out, "  Port %" PRIu64 ":", p + 1);
		if (busid != NULL && busid[0] != '\0') {
			if (vmm_usb_address(busid, &bus, &addr))
				fprintf(xl->out, " Bus %03x Device %03x", bus, addr);
			else
				fprintf(xl->out, " %s (gone)", busid);
		}
		putc('\n', xl->out);
	}
}

static int list_one(struct xl *xl, const char *arg, struct err *err)
{
	const char *nodes[V_FIRST_PORT + MAX_PORTS + 1] = { "backend/type", "backend/usb-ver",
							    "backend/num-ports", "frontend/state" };
	static char names[MAX_PORTS][24];
	struct vmm_deviceinfo *list;
	uint32_t domid;
	size_t nr;

	for (unsigned p = 0; p < MAX_PORTS; p++) {
		snprintf(names[p], sizeof(names[p]), "backend/port/%u", p + 1);
		nodes[V_FIRST_PORT + p] = names[p];
	}
	if (xl_domain(xl, arg, &domid, err) < 0 ||
	    vmm_device_list(xl->vmm, domid, "usbctrl", nodes, &list, &nr, err) < 0)
		return -1;
	for (size_t i = 0; i < nr; i++) {
		const struct vmm_deviceinfo *c = &list[i];

		fprintf(xl->out, "%-6d %-12s %-3u %-5s %-7s %-5s\n", c->devid,
			or_dash(c->values[V_TYPE]), c->backend_domid, or_dash(c->values[V_STATE]),
			or_dash(c->values[V_VERSION]), or_dash(c->values[V_PORTS]));
		list_ports(xl, c);
	}
	vmm_device_list_free(list, nr);
	return 0;
}

static int usb_list(struct xl *xl, const void *opts, char **args, struct err *err)
{
	struct err one = ERR_INIT;

	(void)opts;
	fprintf(xl->out, "%-6s %-12s %-3s %-5s %-7s %-5s\n", "Devid", "Type", "BE", "state",
		"usb-ver", "ports");
	for (; *args != NULL; args++) {
		if (list_one(xl, *args, &one) < 0 && err->code == 0)
			*err = one;
		err_clear(&one);
	}
	return err->code != 0 ? -1 : 0;
}
