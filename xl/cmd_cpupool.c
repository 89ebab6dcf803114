// SPDX-License-Identifier: LGPL-2.1-or-later
/* Pools of pcpus: the cpupool-* commands. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include "base/str.h"
#include "xl/xl.h"

static int find_pool(struct xl *xl, const char *word, uint32_t *pool, struct err *err)
{
	return vmm_cpupool_find(xl->vmm, word, pool, err);
}

/* --- cpupool-create --------------------------------------------------------------------------- */

struct create_opts {
	const char *defconfig;
	bool dry_run;
};

static const struct xl_option create_options[] = {
	OPT_STR('f', "defconfig", struct create_opts, defconfig, "FILE", "Use this configuration"),
	OPT_BOOL('n', "dryrun", struct create_opts, dry_run, "Show the configuration and create nothing"),
	OPT_END
};

static xl_run_fn cpupool_create;

const struct xl_command cmd_cpupool_create = {
	.name = "cpupool-create", .args = "[options] [<ConfigFile>] [Variable=value ...]",
	.summary = "Create a cpupool", .options = create_options, .opts_size = sizeof(struct create_opts),
	.min = 0, .max = XL_ANY, .flags = XL_DRY_RUN | XL_MODIFIES, .run = cpupool_create,
};

static int describe(struct xl *xl, const struct vmm_config_source *src,
		    const struct vmm_cpupool_config *cfg, struct err *err)
{
	struct vmm_hostinfo host;

	if (!cfg->has_sched && vmm_host_info(xl->vmm, &host, err) < 0)
		return -1;
	fprintf(xl->out, "Using config file \"%s\"\n", src->path ? src->path : "command line");
	fputs("cpupool name:   ", xl->out);
	print_text(xl->out, cfg->name, 0);
	fprintf(xl->out, "\nscheduler:      %s\n",
		cfg->has_sched ? vmm_sched_name(cfg->sched) : host.scheduler);
	fprintf(xl->out, "number of cpus: %u\n", bitmap_count(&cfg->cpus));
	return 0;
}

static int cpupool_create(struct xl *xl, const void *opts, char **args, struct err *err)
{
	const struct create_opts *o = opts;
	struct xl_warnings warnings = { xl, 0 };
	struct vmm_config_source src = { .path = o->defconfig,
					 .warn = xl_warn,
					 .warn_arg = &warnings };
	struct vmm_cpupool_config cfg;
	uint32_t pool;
	int ret;

	if (args[0] && !strchr(args[0], '=')) {
		if (src.path)
			return xl_usage(err, "both '%s' and -f %s: which is the configuration?",
					args[0], src.path);
		src.path = *args++;
	}
	if (!src.path && !args[0])
		return xl_usage(err, "'xl cpupool-create' requires a configuration file or "
				     "Variable=value settings");
	if (!src.path)
		src.text = "";
	src.overrides = (const char *const *)args;
	if (vmm_cpupool_config_load(xl->vmm, &src, &cfg, err) < 0)
		return -1;
	ret = describe(xl, &src, &cfg, err);
	if (ret == 0 && !xl->dry_run && !o->dry_run)
		ret = vmm_cpupool_create(xl->vmm, &cfg, &pool, err);
	free(cfg.name);
	return ret;
}

/* --- cpupool-list ----------------------------------------------------------------------------- */

struct list_opts { bool cpus; };

static const struct xl_option list_options[] = {
	OPT_BOOL('c', "cpus", struct list_opts, cpus, "Which pcpus each pool has"),
	OPT_END
};

static xl_run_fn cpupool_list;

const struct xl_command cmd_cpupool_list = {
	.name = "cpupool-list", .args = "[-c] [<CPU Pool>]", .summary = "List the cpupools",
	.options = list_options, .opts_size = sizeof(struct list_opts),
	.min = 0, .max = 1, .flags = XL_PRINTS, .run = cpupool_list,
};

/* "0,1,2": upstream's form, without ranges. */
static char *comma_list(const struct bitmap *cpus)
{
	struct strbuf b = STRBUF_INIT;

	for (int cpu = bitmap_first(cpus); cpu >= 0; cpu = bitmap_next(cpus, cpu))
		strbuf_printf(&b, "%s%d", b.len ? "," : "", cpu);
	return strbuf_steal(&b);
}

enum { POOL_NAME, POOL_CPUS, POOL_SCHED, POOL_ACTIVE, POOL_DOMAINS, POOL_LIST, POOL_ID, POOL_NR };

static const struct column pool_columns[POOL_NR] = {
	[POOL_NAME] = { "Name               ", NULL, -19, CELL_STR, "name" },
	[POOL_CPUS] = { "CPUs", NULL, 3, CELL_UINT, "nr_cpus" },
	[POOL_SCHED] = { "   Sched  ", " ", 9, CELL_STR, "scheduler" },
	[POOL_ACTIVE] = { "   Active", "       ", 0, CELL_STR, NULL },
	[POOL_DOMAINS] = { "   Domain count", "       ", 4, CELL_UINT, "nr_domains" },
	[POOL_LIST] = { "CPU list", NULL, 0, CELL_STR, "cpus" },
	[POOL_ID] = { .kind = CELL_UINT, .key = "id", .json_only = true },
};

static void pool_row(struct table *t, const struct vmm_cpupool *p)
{
	autofree char *cpus = comma_list(&p->cpus);
	struct cell cells[POOL_NR] = {
		[POOL_NAME].s = p->name,
		[POOL_CPUS].u = bitmap_count(&p->cpus),
		[POOL_SCHED].s = vmm_sched_name(p->sched),
		[POOL_ACTIVE].s = "y",
		[POOL_DOMAINS].u = p->nr_domains,
		[POOL_LIST].s = cpus,
		[POOL_ID].u = p->id,
	};

	table_row(t, cells);
}

static int cpupool_list(struct xl *xl, const void *opts, char **args, struct err *err)
{
	const struct list_opts *o = opts;
	uint64_t hidden = o->cpus ? 1u << POOL_CPUS | 1u << POOL_SCHED | 1u << POOL_ACTIVE |
					    1u << POOL_DOMAINS
				  : 1u << POOL_LIST;
	struct vmm_cpupool *list;
	uint32_t wanted = 0;
	struct table t;
	size_t nr;

	if ((args[0] && find_pool(xl, args[0], &wanted, err) < 0) ||
	    vmm_cpupool_list(xl->vmm, &list, &nr, err) < 0)
		return -1;
	table_begin(&t, xl->out, xl->as_json, pool_columns, POOL_NR, hidden);
	table_head(&t);
	for (size_t i = 0; i < nr; i++)
		if (!args[0] || list[i].id == wanted)
			pool_row(&t, &list[i]);
	table_end(&t);
	vmm_cpupools_free(list, nr);
	return 0;
}

/* --- the others ------------------------------------------------------------------------------- */

struct shrink_opts { bool force; };

static const struct xl_option shrink_options[] = {
	OPT_BOOL('f', "force", struct shrink_opts, force, "Also where this Xen is known to panic: an rtds pool before 4.23"),
	OPT_END
};

static xl_run_fn cpupool_destroy, cpupool_rename, cpupool_cpu_add, cpupool_cpu_remove,
	cpupool_migrate, cpupool_numa_split;

const struct xl_command cmd_cpupool_destroy = {
	.name = "cpupool-destroy", .args = "[-f] <CPU Pool>", .summary = "Destroy a cpupool that has no domains",
	.options = shrink_options, .opts_size = sizeof(struct shrink_opts),
	.min = 1, .max = 1, .flags = XL_MODIFIES, .run = cpupool_destroy,
};

const struct xl_command cmd_cpupool_rename = {
	.name = "cpupool-rename", .args = "<CPU Pool> <new name>", .summary = "Give a cpupool another name",
	.min = 2, .max = 2, .flags = XL_MODIFIES, .run = cpupool_rename,
};

const struct xl_command cmd_cpupool_cpu_add = {
	.name = "cpupool-cpu-add", .args = "<CPU Pool> <CPU nr>|node:<node nr>", .summary = "Give free pcpus to a cpupool",
	.min = 2, .max = 2, .flags = XL_MODIFIES, .run = cpupool_cpu_add,
};

const struct xl_command cmd_cpupool_cpu_remove = {
	.name = "cpupool-cpu-remove", .args = "[-f] <CPU Pool> <CPU nr>|node:<node nr>",
	.summary = "Take pcpus out of a cpupool", .options = shrink_options, .opts_size = sizeof(struct shrink_opts),
	.min = 2, .max = 2, .flags = XL_MODIFIES, .run = cpupool_cpu_remove,
};

const struct xl_command cmd_cpupool_migrate = {
	.name = "cpupool-migrate", .args = "<Domain> <CPU Pool>", .summary = "Move a domain into a cpupool",
	.min = 2, .max = 2, .flags = XL_MODIFIES, .run = cpupool_migrate,
};

const struct xl_command cmd_cpupool_numa_split = {
	.name = "cpupool-numa-split", .args = "", .summary = "Split the host into one cpupool for each NUMA node",
	.min = 0, .max = 0, .flags = XL_MODIFIES, .run = cpupool_numa_split,
};

static int cpupool_destroy(struct xl *xl, const void *opts, char **args, struct err *err)
{
	const struct shrink_opts *o = opts;
	uint32_t pool;

	return find_pool(xl, args[0], &pool, err) < 0
		       ? -1
		       : vmm_cpupool_destroy(xl->vmm, pool, o->force, err);
}

static int cpupool_rename(struct xl *xl, const void *opts, char **args, struct err *err)
{
	uint32_t pool;

	return find_pool(xl, args[0], &pool, err) < 0
		       ? -1
		       : vmm_cpupool_rename(xl->vmm, pool, args[1], err);
}

static int cpupool_cpu_add(struct xl *xl, const void *opts, char **args, struct err *err)
{
	struct bitmap cpus;
	uint32_t pool;

	if (find_pool(xl, args[0], &pool, err) < 0 ||
	    vmm_pcpus_parse(xl->vmm, args[1], "pcpus", &cpus, err) < 0)
		return -1;
	return vmm_cpupool_add_cpus(xl->vmm, pool, &cpus, err);
}

static int cpupool_cpu_remove(struct xl *xl, const void *opts, char **args, struct err *err)
{
	const struct shrink_opts *o = opts;
	struct bitmap cpus;
	uint32_t pool;

	if (find_pool(xl, args[0], &pool, err) < 0 ||
	    vmm_pcpus_parse(xl->vmm, args[1], "pcpus", &cpus, err) < 0)
		return -1;
	return vmm_cpupool_remove_cpus(xl->vmm, pool, &cpus, o->force, err);
}

static int cpupool_migrate(struct xl *xl, const void *opts, char **args, struct err *err)
{
	uint32_t domid, pool;

	if (xl_domain(xl, args[0], &domid, err) < 0 || find_pool(xl, args[1], &pool, err) < 0)
		return -1;
	return vmm_cpupool_move_domain(xl->vmm, domid, pool, err);
}

static int cpupool_numa_split(struct xl *xl, const void *opts, char **args, struct err *err)
{
	return vmm_cpupool_numa_split(xl->vmm, err);
}
