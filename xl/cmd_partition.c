// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * partition: static partitioning in one step. Shows which vcpu can run on which pcpu, as a picture, and what follows from it;
 * the plan's language and its carrying out are libvmm's.
 */
#include <inttypes.h>
#include <string.h>
#include "base/str.h"
#include "xl/xl.h"

static xl_run_fn partition;

const struct xl_command cmd_partition = {
	.name = "partition", .args = "show | clear | [check|apply] FILE",
	.summary = "Show, check, apply or clear a static partition of the pcpus",
	.min = 0, .max = 2, .flags = XL_PRINTS | XL_DRY_RUN | XL_MODIFIES, .run = partition,
};

/* One line of the picture. */
struct row {
	char *name;
	uint32_t vcpu, pool;
	int pcpu;		/* where it is now; -1: nowhere */
	struct bitmap cpus;
};

struct picture {
	struct row *rows;
	size_t nr;
	struct vmm_cpupool *pools;
	size_t nr_pools;
	unsigned nr_cpus;
};

static void picture_free(struct picture *p)
{
	for (size_t i = 0; i < p->nr; i++)
		free(p->rows[i].name);
	free(p->rows);
	vmm_cpupools_free(p->pools, p->nr_pools);
}
#define autopicture __attribute__((cleanup(picture_free)))

static int picture_take(struct xl *xl, struct picture *p, struct err *err)
{
	autofree struct vmm_placement *list = NULL;
	unsigned nr_nodes;

	memset(p, 0, sizeof(*p));
	if (vmm_host_size(xl->vmm, &p->nr_cpus, &nr_nodes, err) < 0 ||
	    vmm_cpupool_list(xl->vmm, &p->pools, &p->nr_pools, err) < 0 || vmm_placement(xl->vmm, &list, &p->nr, err) < 0)
		return -1;
	p->rows = xcalloc(p->nr, sizeof(*p->rows));
	for (size_t i = 0; i < p->nr; i++) {
		p->rows[i] = (struct row){ xl_domain_name(xl, list[i].domid), list[i].vcpu, list[i].pool,
					   list[i].is_online ? (int)list[i].pcpu : -1, list[i].cpus };
	}
	return 0;
}

static const char *pool_name(const struct picture *p, uint32_t pool)
{
	for (size_t i = 0; i < p->nr_pools; i++)
		if (p->pools[i].id == pool)
			return p->pools[i].name;
	return "?";
}

/* How many vcpus can run on a pcpu. */
static unsigned nr_on(const struct picture *p, unsigned cpu)
{
	unsigned nr = 0;

	for (size_t i = 0; i < p->nr; i++)
		nr += bitmap_has(&p->rows[i].cpus, cpu);
	return nr;
}

static void draw(FILE *f, const struct picture *p)
{
	fprintf(f, "%-24s %4s  %-14s ", "Name", "VCPU", "Cpupool");
	for (unsigned c = 0; c < p->nr_cpus; c++)
		fprintf(f, "%3u", c);
	putc('\n', f);
	for (size_t i = 0; i < p->nr; i++) {
		const struct row *r = &p->rows[i];

		print_text(f, r->name, -24);
		fprintf(f, " %4" PRIu32 "  ", r->vcpu);
		print_text(f, pool_name(p, r->pool), -14);
		putc(' ', f);
		for (unsigned c = 0; c < p->nr_cpus; c++)
			fprintf(f, "  %c", r->pcpu == (int)c ? '@' : bitmap_has(&r->cpus, c) ? '#' : '.');
		putc('\n', f);
	}
	fputs("\n# may run there   @ is there now   . may not\n", f);
}

/* vwfi=native lets a guest's idle loop keep the pcpu: right where nobody else waits for it, and only there. */
static int verdict(struct xl *xl, const struct picture *p, struct err *err)
{
	struct vmm_hostinfo host;
	autostrbuf struct strbuf shared = STRBUF_INIT;
	bool has_native;

	if (vmm_host_info(xl->vmm, &host, err) < 0)
		return -1;
	has_native = strstr(host.commandline, "vwfi=native") != NULL;
	for (unsigned c = 0; c < p->nr_cpus; c++)
		if (nr_on(p, c) > 1)
			strbuf_printf(&shared, "%s%u", shared.len ? "," : "", c);
	if (shared.len)
		fprintf(xl->out, "Pcpus %s are shared, so vwfi=native would starve vcpus there", shared.data);
	else
		fputs("No pcpu is shared: vwfi=native is possible", xl->out);
	fprintf(xl->out, "; Xen's command line %s it.\n", has_native ? "has" : "does not have");
	if (shared.len && has_native)
		xl_note(xl, "xl: warning: vwfi=native is set and pcpus %s are shared", shared.data);
	return 0;
}

static void show_json(struct xl *xl, const struct picture *p)
{
	struct jsonw j;

	jsonw_begin(&j, xl->out);
	jsonw_array(&j, NULL);
	for (size_t i = 0; i < p->nr; i++) {
		autofree char *cpus = bitmap_str(&p->rows[i].cpus, BITMAP_BITS);

		jsonw_object(&j, NULL);
		jsonw_str(&j, "name", p->rows[i].name);
		jsonw_uint(&j, "vcpu", p->rows[i].vcpu);
		jsonw_str(&j, "cpupool", pool_name(p, p->rows[i].pool));
		jsonw_int(&j, "cpu", p->rows[i].pcpu);
		jsonw_str(&j, "cpus", cpus);
		jsonw_close(&j);
	}
	jsonw_close(&j);
	jsonw_end(&j);
}

static int show(struct xl *xl, struct err *err)
{
	autopicture struct picture p;

	if (picture_take(xl, &p, err) < 0)
		return -1;
	if (xl->as_json) {
		show_json(xl, &p);
		return 0;
	}
	draw(xl->out, &p);
	return verdict(xl, &p, err);
}

/* A plan as a table: it has not happened yet, so there is nothing to draw vcpus of guests that do not run from. */
static void show_plan(struct xl *xl, const struct vmm_plan *plan)
{
	FILE *f = xl->out;

	for (size_t i = 0; i < plan->nr_pools; i++) {
		autofree char *cpus = bitmap_str(&plan->pools[i].cpus, BITMAP_BITS);

		fprintf(f, "pool      %-20s %-9s pcpus %s\n", plan->pools[i].name, vmm_sched_name(plan->pools[i].sched), cpus);
	}
	for (size_t i = 0; i < plan->nr_guests; i++)
		fprintf(f, "guest     %-20s in %s\n", plan->guests[i].name, plan->guests[i].pool);
	for (size_t i = 0; i < plan->nr_pins; i++) {
		const struct vmm_plan_pin *pin = &plan->pins[i];
		autofree char *cpus = bitmap_str(&pin->cpus, BITMAP_BITS);
		autofree char *vcpu = pin->vcpu == VMM_VCPU_ALL ? xstrdup("all") : str_printf("%" PRIu32, pin->vcpu);

		fprintf(f, "pin       %-20s vcpu %-4s pcpus %s\n", pin->guest, vcpu, cpus);
	}
	if (!bitmap_is_empty(&plan->exclusive)) {
		autofree char *cpus = bitmap_str(&plan->exclusive, BITMAP_BITS);

		fprintf(f, "exclusive pcpus %s\n", cpus);
	}
}

static int with_file(struct xl *xl, const char *path, bool applies, struct err *err)
{
	struct vmm_plan plan;
	int ret = 0;

	if (vmm_plan_load(xl->vmm, path, &plan, err) < 0)
		return -1;
	if (!applies || xl->dry_run)
		show_plan(xl, &plan);
	else
		ret = vmm_plan_apply(xl->vmm, &plan, err);
	vmm_plan_free(&plan);
	if (ret == 0 && applies && !xl->dry_run)
		ret = show(xl, err);
	return ret;
}

static int partition(struct xl *xl, const void *opts, char **args, struct err *err)
{
	const char *verb = args[0] ? args[0] : "show";

	if (!args[0] || !args[1]) {
		if (strcmp(verb, "show") == 0)
			return show(xl, err);
		if (strcmp(verb, "clear") == 0)
			return xl->dry_run ? 0 : vmm_plan_clear(xl->vmm, err);
		if (strcmp(verb, "apply") == 0 || strcmp(verb, "check") == 0)
			return xl_usage(err, "'xl partition %s' requires a file", verb);
		return with_file(xl, verb, false, err);
	}
	if (strcmp(verb, "apply") == 0 || strcmp(verb, "check") == 0)
		return with_file(xl, args[1], verb[0] == 'a', err);
	return xl_usage(err, "'%s' is none of show, check, apply and clear", verb);
}
