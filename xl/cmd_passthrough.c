// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * passthrough: which devices of the host can be given to guests, and what a guest would be told of
 * them.
 */
#include <inttypes.h>
#include <string.h>
#include "base/str.h"
#include "xl/xl.h"

struct passthrough_opts { const char *host_dtb; };

static const struct xl_option passthrough_options[] = {
	OPT_STR('d', "host-dtb", struct passthrough_opts, host_dtb, "FILE", "Read the host's device tree from this file"),
	OPT_END
};

static xl_run_fn passthrough;

const struct xl_command cmd_passthrough = {
	.name = "passthrough", .args = "[-d FILE] list | show <Device>...",
	.summary = "Show which devices of the host can be given to guests, and how",
	.options = passthrough_options, .opts_size = sizeof(struct passthrough_opts),
	.min = 1, .max = XL_ANY, .flags = XL_PRINTS, .run = passthrough,
};

#define PAGE_SHIFT 12

static const char *const states[] = {
	[VMM_HOSTDEV_FREE] = "free", [VMM_HOSTDEV_TAKEN] = "taken", [VMM_HOSTDEV_DOM0] = "dom0", [VMM_HOSTDEV_UNFIT] = "no",
};

/* Pages as iomem= has them. */
static uint64_t first_page(const struct vmm_boot_range *r)
{
	return r->base >> PAGE_SHIFT;
}

static uint64_t nr_pages(const struct vmm_boot_range *r)
{
	return ((r->base + r->size - 1) >> PAGE_SHIFT) - first_page(r) + 1;
}

/* --- as text ---------------------------------------------------------------------------------- */

static char *iomem_text(const struct vmm_hostdev *dev)
{
	autostrbuf struct strbuf b = STRBUF_INIT;

	for (size_t i = 0; i < dev->nr_regs; i++)
		strbuf_printf(&b, "%s%#" PRIx64 ",%" PRIx64, i ? " " : "",
			      first_page(&dev->regs[i]), nr_pages(&dev->regs[i]));
	return dev->nr_regs ? strbuf_steal(&b) : xstrdup("-");
}

static char *irqs_text(const struct vmm_hostdev *dev)
{
	autostrbuf struct strbuf b = STRBUF_INIT;

	for (size_t i = 0; i < dev->nr_irqs; i++)
		strbuf_printf(&b, "%s%u", i ? "," : "", dev->irqs[i]);
	return dev->nr_irqs ? strbuf_steal(&b) : xstrdup("-");
}

static void print_row(FILE *f, const char *path, int width, const char *state, const char *iomem,
		      const char *irqs, const char *why)
{
	print_text(f, path, -width);
	fprintf(f, " %-6s %-18s %-8s ", state, iomem, irqs);
	print_text(f, why, 0);
	putc('\n', f);
}

static void print_list(FILE *f, const struct vmm_hostdev *list, size_t nr)
{
	int width = 24;

	for (size_t i = 0; i < nr; i++)
		if (strlen(list[i].path) > (size_t)width && strlen(list[i].path) < 80)
			width = (int)strlen(list[i].path);
	print_row(f, "Device", width, "State", "Iomem", "IRQs", "Remark");
	for (size_t i = 0; i < nr; i++) {
		autofree char *iomem = iomem_text(&list[i]), *irqs = irqs_text(&list[i]);

		print_row(f, list[i].path, width, states[list[i].state], iomem, irqs,
			  list[i].why ? list[i].why : "-");
	}
}

/* --- as JSON ---------------------------------------------------------------------------------- */

static void json_device(struct jsonw *j, const struct vmm_hostdev *dev)
{
	jsonw_object(j, NULL);
	jsonw_str(j, "path", dev->path);
	jsonw_str(j, "compatible", dev->compatible);
	jsonw_str(j, "state", states[dev->state]);
	jsonw_array(j, "iomem");
	for (size_t i = 0; i < dev->nr_regs; i++) {
		jsonw_object(j, NULL);
		jsonw_uint(j, "start", first_page(&dev->regs[i]));
		jsonw_uint(j, "number", nr_pages(&dev->regs[i]));
		jsonw_close(j);
	}
	jsonw_close(j);
	jsonw_array(j, "irqs");
	for (size_t i = 0; i < dev->nr_irqs; i++)
		jsonw_uint(j, NULL, dev->irqs[i]);
	jsonw_close(j);
	jsonw_bool(j, "dma", dev->does_dma);
	if (dev->state == VMM_HOSTDEV_TAKEN)
		jsonw_uint(j, "domid", dev->owner);
	jsonw_str(j, "remark", dev->why);
	jsonw_close(j);
}

static void json_list(FILE *f, const struct vmm_hostdev *list, size_t nr)
{
	struct jsonw j;

	jsonw_begin(&j, f);
	jsonw_array(&j, NULL);
	for (size_t i = 0; i < nr; i++)
		json_device(&j, &list[i]);
	jsonw_close(&j);
	jsonw_end(&j);
}

/* --- the command ------------------------------------------------------------------------------ */

static int list_devices(struct xl *xl, const char *host_dtb, struct err *err)
{
	struct vmm_hostdev *list;
	size_t nr;

	if (vmm_hostdev_list(xl->vmm, host_dtb, &list, &nr, err) < 0)
		return -1;
	if (xl->as_json)
		json_list(xl->out, list, nr);
	else
		print_list(xl->out, list, nr);
	vmm_hostdev_list_free(list, nr);
	return 0;
}

static int show_devices(struct xl *xl, const char *host_dtb, char **devices, struct err *err)
{
	autofree char *dts = NULL, *notes = NULL;
	char *cursor = NULL;

	if (vmm_hostdev_dts(xl->vmm, host_dtb, (const char *const *)devices, &dts, &notes, err) < 0)
		return -1;
	for (char *line = strtok_r(notes, "\n", &cursor); line;
	     line = strtok_r(NULL, "\n", &cursor))
		xl_note(xl, "%s", line);
	if (xl->as_json) {
		struct jsonw j;

		jsonw_begin(&j, xl->out);
		jsonw_object(&j, NULL);
		jsonw_str(&j, "dts", dts);
		jsonw_close(&j);
		jsonw_end(&j);
		return 0;
	}
	fputs(dts, xl->out);
	return 0;
}

static int passthrough(struct xl *xl, const void *opts, char **args, struct err *err)
{
	const struct passthrough_opts *o = opts;

	if (str_eq(args[0], "list")) {
		if (args[1])
			return xl_usage(err,
					"'xl passthrough list' takes no argument, so what is '%s'?",
					args[1]);
		return list_devices(xl, o->host_dtb, err);
	}
	if (!str_eq(args[0], "show"))
		return xl_usage(err, "'%s' is none of list and show", args[0]);
	if (!args[1])
		return xl_usage(err, "'xl passthrough show' needs the path of a device");
	return show_devices(xl, o->host_dtb, args + 1, err);
}
