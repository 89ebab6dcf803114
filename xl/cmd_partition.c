// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * partition: static partitioning in one step. Shows which vcpu can run on which pcpu, now or under
 * a plan, and what follows from it; the plan's language and its carrying out are libvmm's.
 */
#include <inttypes.h>
#include <string.h>
#include "base/file.h"
#include "base/str.h"
#include "xl/xl.h"

static xl_run_fn partition;

const struct xl_command cmd_partition = {
	.name = "partition", .args = "show | clear | [check|apply] FILE",
	.summary = "Show, check, apply or clear a static partition of the pcpus",
	.min = 0, .max = 2, .flags = XL_PRINTS | XL_DRY_RUN | XL_MODIFIES, .run = partition,
};

/* Which vcpu may run on which pcpu, and which pcpus there are. */
struct picture {
	struct vmm_placement *rows;
	size_t nr;
	unsigned nr_cpus;
};

static void picture_free(struct picture *p)
{
	vmm_placement_free(p->rows, p->nr);
}
#define autopicture __attribute__((cleanup(picture_free)))

/* As it is, or as it would be under a plan. */
static int picture_take(struct xl *xl, const struct vmm_plan *plan, struct picture *p,
			struct err *err)
{
	unsigned nr_nodes;

	*p = (struct picture){ NULL, 0, 0 };
	if (vmm_host_size(xl->vmm, &p->nr_cpus, &nr_nodes, err) < 0)
		return -1;
	return plan ? vmm_plan_placement(xl->vmm, plan, &p->rows, &p->nr, err)
		    : vmm_placement(xl->vmm, &p->rows, &p->nr, err);
}

/* How many vcpus can run on a pcpu. A guest that does not run may have any number of them. */
static unsigned nr_on(const struct picture *p, unsigned cpu)
{
	unsigned nr = 0;

	for (size_t i = 0; i < p->nr; i++)
		if (bitmap_has(&p->rows[i].cpus, cpu))
			nr += p->rows[i].vcpu == VMM_VCPU_ALL ? 2 : 1;
	return nr;
}

static char mark(const struct vmm_placement *r, unsigned cpu, bool is_now)
{
	if (is_now && r->is_online && r->pcpu == cpu)
		return '@';
	return bitmap_has(&r->cpus, cpu) ? '#' : '.';
}

static void draw(FILE *f, const struct picture *p, bool is_now)
{
	fprintf(f, "%-24s %4s  %-14s ", "Name", "VCPU", "Cpupool");
	for (unsigned c = 0; c < p->nr_cpus; c++)
		fprintf(f, "%3u", c);
	putc('\n', f);
	for (size_t i = 0; i < p->nr; i++) {
		const struct vmm_placement *r = &p->rows[i];

		print_text(f, r->name, -24);
		if (r->vcpu == VMM_VCPU_ALL)
			fputs("  all  ", f);
		else
			fprintf(f, " %4" PRIu32 "  ", r->vcpu);
		print_text(f, r->pool, -14);
		putc(' ', f);
		for (unsigned c = 0; c < p->nr_cpus; c++)
			fprintf(f, "  %c", mark(r, c, is_now));
		putc('\n', f);
	}
	fprintf(f, "\n# may run there   . may not%s\n", is_now ? "   @ is there now" : "");
}

/* The pcpus with no vcpu, with one, with more: unused, exclusive, shared. Yours to free. */
static char *pcpus_with(const struct picture *p, unsigned least, unsigned most)
{
	struct bitmap cpus;

	bitmap_zero(&cpus);
	for (unsigned c = 0; c < p->nr_cpus; c++)
		if (nr_on(p, c) >= least && nr_on(p, c) <= most)
			bitmap_set(&cpus, c);
	return bitmap_str(&cpus, BITMAP_BITS);
}

/* vwfi=native lets a guest's idle loop keep the pcpu: right where nobody else waits for it, and
 * only there. */
struct verdict {
	char *unused, *exclusive, *shared;	/* lists of pcpus */
	bool may_be_native, is_native;
};

static void verdict_free(struct verdict *v)
{
	free(v->unused);
	free(v->exclusive);
	free(v->shared);
}
#define autoverdict __attribute__((cleanup(verdict_free)))

static bool has_word(const char *line, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = line; (at = strstr(at, word)); at++)
		if ((at == line || at[-1] == ' ') && (at[len] == ' ' || at[len] == '\0'))
			return true;
	return false;
}

static int verdict_take(struct xl *xl, const struct picture *p, struct verdict *v, struct err *err)
{
	struct vmm_hostinfo host;

	*v = (struct verdict){ NULL, NULL, NULL, false, false };
	if (vmm_host_info(xl->vmm, &host, err) < 0)
		return -1;
	v->unused = pcpus_with(p, 0, 0);
	v->exclusive = pcpus_with(p, 1, 1);
	v->shared = pcpus_with(p, 2, UINT32_MAX);
	v->may_be_native = strcmp(v->shared, "none") == 0;
	v->is_native = has_word(host.commandline, "vwfi=native");
	return 0;
}

static void say_verdict(struct xl *xl, const struct verdict *v)
{
	fprintf(xl->out, "Pcpus with one vcpu: %s; shared: %s; unused: %s.\n", v->exclusive,
		v->shared, v->unused);
	fprintf(xl->out, "vwfi=native %s; Xen's command line %s it.\n",
		v->may_be_native ? "is possible, since no pcpu is shared"
				 : "would starve vcpus on the shared pcpus",
		v->is_native ? "has" : "does not have");
	if (!v->may_be_native && v->is_native)
		xl_note(xl, "xl: warning: vwfi=native is set and pcpus %s are shared", v->shared);
}

static void show_json(struct xl *xl, const struct picture *p, const struct verdict *v, bool is_now)
{
	struct jsonw j;

	jsonw_begin(&j, xl->out);
	jsonw_object(&j, NULL);
	jsonw_array(&j, "vcpus");
	for (size_t i = 0; i < p->nr; i++) {
		const struct vmm_placement *r = &p->rows[i];
		autofree char *cpus = bitmap_str(&r->cpus, BITMAP_BITS);

		jsonw_object(&j, NULL);
		jsonw_str(&j, "name", r->name);
		jsonw_int(&j, "vcpu", r->vcpu == VMM_VCPU_ALL ? -1 : (int64_t)r->vcpu);
		jsonw_str(&j, "cpupool", r->pool);
		jsonw_int(&j, "cpu", is_now && r->is_online ? (int64_t)r->pcpu : -1);
		jsonw_str(&j, "cpus", cpus);
		jsonw_close(&j);
	}
	jsonw_close(&j);
	jsonw_str(&j, "exclusive", v->exclusive);
	jsonw_str(&j, "shared", v->shared);
	jsonw_str(&j, "unused", v->unused);
	jsonw_bool(&j, "vwfi_native_possible", v->may_be_native);
	jsonw_bool(&j, "vwfi_native_set", v->is_native);
	jsonw_close(&j);
	jsonw_end(&j);
}

/* plan NULL: as it is. */
static int show(struct xl *xl, const struct vmm_plan *plan, struct err *err)
{
	autopicture struct picture p;
	autoverdict struct verdict v = { NULL, NULL, NULL, false, false };

	if (picture_take(xl, plan, &p, err) < 0 || verdict_take(xl, &p, &v, err) < 0)
		return -1;
	if (xl->as_json) {
		show_json(xl, &p, &v, !plan);
		return 0;
	}
	draw(xl->out, &p, !plan);
	say_verdict(xl, &v);
	return 0;
}

/* A plan as a table. */
static void table_of(struct xl *xl, const struct vmm_plan *plan)
{
	FILE *f = xl->out;

	for (size_t i = 0; i < plan->nr_pools; i++) {
		autofree char *cpus = bitmap_str(&plan->pools[i].cpus, BITMAP_BITS);

		fprintf(f, "pool      %-20s %-9s pcpus %s\n", plan->pools[i].name,
			vmm_sched_name(plan->pools[i].sched), cpus);
	}
	for (size_t i = 0; i < plan->nr_guests; i++)
		fprintf(f, "guest     %-20s in %s\n", plan->guests[i].name, plan->guests[i].pool);
	for (size_t i = 0; i < plan->nr_pins; i++) {
		const struct vmm_plan_pin *pin = &plan->pins[i];
		autofree char *cpus = bitmap_str(&pin->cpus, BITMAP_BITS);
		autofree char *vcpu = pin->vcpu == VMM_VCPU_ALL ? xstrdup("all")
								: str_printf("%" PRIu32, pin->vcpu);

		fprintf(f, "pin       %-20s vcpu %-4s pcpus %s\n", pin->guest, vcpu, cpus);
	}
	if (!bitmap_is_empty(&plan->exclusive)) {
		autofree char *cpus = bitmap_str(&plan->exclusive, BITMAP_BITS);

		fprintf(f, "exclusive pcpus %s\n", cpus);
	}
}

static int check_plan(struct xl *xl, const struct vmm_plan *plan, struct err *err)
{
	if (!xl->as_json) {
		table_of(xl, plan);
		putc('\n', xl->out);
	}
	return show(xl, plan, err);
}

/* Not while a domain is being created: it would find half a plan. */
static int apply(struct xl *xl, const struct vmm_plan *plan, struct err *err)
{
	autoclose int lock = -1;

	return xl_lock(xl, &lock, err) < 0 ? -1 : vmm_plan_apply(xl->vmm, plan, err);
}

static int clear(struct xl *xl, struct err *err)
{
	autoclose int lock = -1;

	return xl_lock(xl, &lock, err) < 0 ? -1 : vmm_plan_clear(xl->vmm, err);
}

static int with_file(struct xl *xl, const char *path, bool applies, struct err *err)
{
	struct vmm_plan plan;
	int ret;

	if (vmm_plan_load(xl->vmm, path, &plan, err) < 0)
		return -1;
	if (!applies || xl->dry_run) {
		ret = check_plan(xl, &plan, err);
	} else {
		ret = apply(xl, &plan, err);
		/* It is done: that it cannot be drawn is no failure of it. */
		if (ret == 0 && show(xl, NULL, err) < 0) {
			xl_note(xl,
				"xl: warning: the partition is applied, but cannot be shown: %s",
				err->msg);
			err_clear(err);
		}
	}
	vmm_plan_free(&plan);
	return ret;
}

static int partition(struct xl *xl, const void *opts, char **args, struct err *err)
{
	const char *verb = args[0] ? args[0] : "show";

	if (!args[0] || !args[1]) {
		if (strcmp(verb, "show") == 0)
			return show(xl, NULL, err);
		if (strcmp(verb, "clear") == 0)
			return xl->dry_run ? 0 : clear(xl, err);
		if (strcmp(verb, "apply") == 0 || strcmp(verb, "check") == 0)
			return xl_usage(err, "'xl partition %s' requires a file", verb);
		return with_file(xl, verb, false, err);
	}
	if (strcmp(verb, "apply") == 0 || strcmp(verb, "check") == 0)
		return with_file(xl, args[1], verb[0] == 'a', err);
	return xl_usage(err, "'%s' is none of show, check, apply and clear", verb);
}
