// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Which domains there are: list, vm-list, vcpu-list, domid, domname. One hypercall lists the
 * domains and one round trip to the store names them, however many there are. Columns are
 * upstream's to the byte: scripts cut them up.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include "base/num.h"
#include "base/str.h"
#include "xl/xl.h"

/* A snapshot of domains and their names. */
struct snapshot {
	struct vmm_dominfo *list;
	char **names;
	size_t nr;
};

static void snapshot_free(struct snapshot *s)
{
	for (size_t i = 0; s->names && i < s->nr; i++)
		free(s->names[i]);
	free(s->names);
	free(s->list);
	*s = (struct snapshot){ NULL, NULL, 0 };
}
#define autosnapshot __attribute__((cleanup(snapshot_free)))

/* All domains, or the one that `id_or_name` is. */
static int snapshot_take(struct xl *xl, const char *id_or_name, struct snapshot *s, struct err *err)
{
	uint32_t domid;

	*s = (struct snapshot){ NULL, NULL, 0 };
	if (!id_or_name) {
		if (vmm_domain_list(xl->vmm, &s->list, &s->nr, err) < 0)
			return -1;
	} else {
		if (xl_domain(xl, id_or_name, &domid, err) < 0)
			return -1;
		s->list = xcalloc(1, sizeof(*s->list));
		if (vmm_domain_info(xl->vmm, domid, s->list, err) < 0)
			return -1;
		s->nr = 1;
	}
	s->names = xcalloc(s->nr, sizeof(*s->names));
	return vmm_domain_names(xl->vmm, s->list, s->nr, s->names, err);
}

/* --- list ------------------------------------------------------------------------------------- */

struct list_opts { bool is_long, verbose, context, cpupool, numa, claims; };

static const struct xl_option list_options[] = {
	OPT_BOOL('l', "long", struct list_opts, is_long, "The whole configuration, as JSON"),
	OPT_BOOL('v', "verbose", struct list_opts, verbose, "UUIDs, shutdown reasons and labels as well"),
	OPT_BOOL('Z', "context", struct list_opts, context, "Security labels as well"),
	OPT_BOOL('c', "cpupool", struct list_opts, cpupool, "The pool of each domain as well"),
	OPT_BOOL('n', "numa", struct list_opts, numa, "The NUMA node affinity as well"),
	OPT_END
};

static xl_run_fn list;

const struct xl_command cmd_list = {
	.name = "list", .args = "[options] [Domain]", .summary = "List the domains of this host",
	.options = list_options, .opts_size = sizeof(struct list_opts),
	.min = 0, .max = 1, .flags = XL_PRINTS, .run = list,
};

enum {
	LIST_NAME,
	LIST_ID,
	LIST_MEM,
	LIST_VCPUS,
	LIST_STATE,
	LIST_TIME,
	LIST_UUID,
	LIST_REASON,
	LIST_CLAIM,
	LIST_LABEL,
	LIST_POOL,
	LIST_NODES,
	LIST_MAXMEM,
	LIST_MAXVCPUS,
	LIST_NR
};

/* Without heads: which of upstream's heads appear is not a matter of single columns. See
 * list_head. */
static const struct column list_columns[LIST_NR] = {
	[LIST_NAME] = { NULL, NULL, -40, CELL_STR, "name" },
	[LIST_ID] = { NULL, " ", 5, CELL_UINT, "domid" },
	[LIST_MEM] = { NULL, " ", 5, CELL_UINT, "memory_mib" },
	[LIST_VCPUS] = { NULL, " ", 5, CELL_UINT, "vcpus" },
	[LIST_STATE] = { NULL, "     ", 0, CELL_STR, "state" },
	[LIST_TIME] = { NULL, "  ", 8, CELL_REAL, "cpu_seconds", 1 },
	[LIST_UUID] = { NULL, " ", 0, CELL_STR, "uuid" },
	[LIST_REASON] = { NULL, " ", 8, CELL_STR, "shutdown_reason" },
	[LIST_CLAIM] = { NULL, " ", 5, CELL_UINT, "claimed_mib" },
	[LIST_LABEL] = { NULL, " ", 16, CELL_STR, "label" },
	[LIST_POOL] = { NULL, NULL, 16, CELL_STR, "cpupool" },
	[LIST_NODES] = { NULL, " ", 0, CELL_STR, "node_affinity" },
	[LIST_MAXMEM] = { .kind = CELL_UINT, .key = "max_memory_kib", .json_only = true },
	[LIST_MAXVCPUS] = { .kind = CELL_UINT, .key = "max_vcpus", .json_only = true },
};

static void state_letters(const struct vmm_dominfo *d, char out[7])
{
	static const char reasons[] = "-rscwS";
	uint32_t reason = d->is_shutdown ? d->shutdown_reason : 0;

	out[0] = d->is_running ? 'r' : '-';
	out[1] = d->is_blocked ? 'b' : '-';
	out[2] = d->is_paused ? 'p' : '-';
	out[3] = d->is_shutdown ? 's' : '-';
	out[4] = reason < sizeof(reasons) - 1 ? reasons[reason] : '?';
	out[5] = d->is_dying ? 'd' : '-';
	out[6] = '\0';
}

/* What costs a call a domain, asked for only where it is shown. Each string is the caller's. */
struct list_extra {
	char *label, *pool, *nodes;
};

static void list_extra_free(struct list_extra *x)
{
	free(x->label);
	free(x->pool);
	free(x->nodes);
}

static int list_extra_take(struct xl *xl, const struct list_opts *o, const struct vmm_dominfo *d,
			   unsigned nr_nodes, struct list_extra *x, struct err *err)
{
	struct bitmap nodes;

	*x = (struct list_extra){ NULL, NULL, NULL };
	/* No label where Xen has no Flask. */
	if ((o->verbose || o->context) && vmm_domain_label(xl->vmm, d->ssidref, &x->label, err) < 0)
		err_clear(err);
	if ((o->cpupool || xl->as_json) && vmm_cpupool_name(xl->vmm, d->cpupool, &x->pool, err) < 0)
		return -1;
	if (o->numa) {
		if (vmm_node_affinity(xl->vmm, d->domid, &nodes, err) < 0)
			return -1;
		x->nodes = bitmap_str(&nodes, nr_nodes);
	}
	return 0;
}

static int list_row(struct xl *xl, const struct list_opts *o, struct table *t,
		    const struct vmm_dominfo *d, const char *name, unsigned nr_nodes,
		    struct err *err)
{
	char uuid[37], state[7], reason[12];
	struct list_extra x;
	int ret = list_extra_take(xl, o, d, nr_nodes, &x, err);

	vmm_uuid_text(d->uuid, uuid);
	state_letters(d, state);
	snprintf(reason, sizeof(reason), "%x", d->shutdown_reason);
	if (ret == 0) {
		struct cell cells[LIST_NR] = {
			[LIST_NAME].s = name,
			[LIST_ID].u = d->domid,
			[LIST_MEM].u = (d->memory_kb + d->outstanding_kb) / 1024,
			[LIST_VCPUS].u = d->nr_online_vcpus,
			[LIST_STATE].s = state,
			/* Rounded as upstream does, which goes through a float. */
			[LIST_TIME].r = (float)d->cpu_time_ns / 1e9,
			[LIST_UUID].s = uuid,
			[LIST_REASON] = { .is_unset = !d->is_shutdown, .s = reason },
			[LIST_CLAIM].u = d->outstanding_kb / 1024,
			[LIST_LABEL] = { .is_unset = !x.label, .s = x.label },
			[LIST_POOL] = { .is_unset = !x.pool, .s = x.pool },
			[LIST_NODES] = { .is_unset = !x.nodes, .s = x.nodes },
			[LIST_MAXMEM].u = d->max_memory_kb,
			[LIST_MAXVCPUS].u = d->nr_vcpus,
		};

		table_row(t, cells);
	}
	list_extra_free(&x);
	return ret;
}

static void list_head(FILE *f, const struct list_opts *o)
{
	fputs("Name                                        ID   Mem VCPUs\tState\tTime(s)", f);
	if (o->verbose)
		fputs("   UUID                            Reason-Code\tSecurity Label", f);
	if (o->context && !o->verbose)
		fputs("   Security Label", f);
	if (o->claims)
		fputs("  Claimed", f);
	if (o->cpupool)
		fputs("         Cpupool", f);
	if (o->numa)
		fputs(" NODE Affinity", f);
	putc('\n', f);
}

static int list_table(struct xl *xl, const struct list_opts *o, const struct snapshot *s,
		      struct err *err)
{
	unsigned nr_cpus, nr_nodes = 0;
	struct table t;
	uint64_t hidden = 0;

	if (o->numa && vmm_host_size(xl->vmm, &nr_cpus, &nr_nodes, err) < 0)
		return -1;
	if (!o->verbose)
		hidden |= 1u << LIST_UUID | 1u << LIST_REASON;
	if (!o->verbose && !o->context)
		hidden |= 1u << LIST_LABEL;
	if (!o->claims)
		hidden |= 1u << LIST_CLAIM;
	if (!o->cpupool)
		hidden |= 1u << LIST_POOL;
	if (!o->numa)
		hidden |= 1u << LIST_NODES;
	table_begin(&t, xl->out, xl->as_json, list_columns, LIST_NR, hidden);
	if (!xl->as_json)
		list_head(xl->out, o);
	for (size_t i = 0; i < s->nr; i++)
		if (list_row(xl, o, &t, &s->list[i], s->names[i], nr_nodes, err) < 0)
			return -1;
	table_end(&t);
	return 0;
}

/* The form xendomains greps. A domain without a saved configuration is left out, as upstream
 * does. */
static int list_long(struct xl *xl, const struct snapshot *s, struct err *err)
{
	struct jsonw j;

	jsonw_begin(&j, xl->out);
	jsonw_array(&j, NULL);
	for (size_t i = 0; i < s->nr; i++) {
		autofree char *json = NULL;

		if (vmm_domain_config_json(xl->vmm, s->list[i].domid, &json, err) < 0) {
			xl_note(xl, "xl: %s", err->msg);
			err_clear(err);
			continue;
		}
		jsonw_object(&j, NULL);
		jsonw_uint(&j, "domid", s->list[i].domid);
		jsonw_raw(&j, "config", json);
		jsonw_close(&j);
	}
	jsonw_close(&j);
	jsonw_end(&j);
	return 0;
}

static int list(struct xl *xl, const void *opts, char **args, struct err *err)
{
	autosnapshot struct snapshot s;
	const struct list_opts *o = opts;

	if (snapshot_take(xl, args[0], &s, err) < 0) {
		if (err->code == ESRCH)
			return err_set(err, ESRCH, "Error: Domain '%s' does not exist.", args[0]);
		return -1;
	}
	return o->is_long ? list_long(xl, &s, err) : list_table(xl, o, &s, err);
}

/* --- claims ----------------------------------------------------------------------------------- */

static xl_run_fn claims;

const struct xl_command cmd_claims = {
	.name = "claims", .args = "", .summary = "List the domains with the memory claimed for them",
	.min = 0, .max = 0, .flags = XL_PRINTS, .run = claims,
};

/* What Xen keeps for domains that are being built, and do not have yet. */
static int claims(struct xl *xl, const void *opts, char **args, struct err *err)
{
	const struct list_opts o = { .claims = true };
	autosnapshot struct snapshot s;

	if (!xl->conf.claim_mode)
		xl_note(xl, "claim_mode not enabled (see man xl.conf).");
	return snapshot_take(xl, NULL, &s, err) < 0 ? -1 : list_table(xl, &o, &s, err);
}

/* --- sharing ---------------------------------------------------------------------------------- */

static xl_run_fn sharing;

const struct xl_command cmd_sharing = {
	.name = "sharing", .args = "[Domain]", .summary = "List domains with the memory they share (none on Arm)",
	.min = 0, .max = 1, .flags = XL_PRINTS, .run = sharing,
};

static int sharing(struct xl *xl, const void *opts, char **args, struct err *err)
{
	static const struct column columns[] = {
		{ "Name                                     ", NULL, -40, CELL_STR, "name" },
		{ "   ID", " ", 5, CELL_UINT, "domid" },
		{ "   Mem", " ", 5, CELL_UINT, "memory_mib" },
		{ " Shared", "  ", 5, CELL_UINT, "shared_mib" },
	};
	autosnapshot struct snapshot s;
	struct table t;

	if (snapshot_take(xl, args[0], &s, err) < 0)
		return -1;
	table_begin(&t, xl->out, xl->as_json, columns, array_size(columns), 0);
	table_head(&t);
	for (size_t i = 0; i < s.nr; i++) {
		const struct vmm_dominfo *d = &s.list[i];

		table_row(&t, (struct cell[]){ { .s = s.names[i] }, { .u = d->domid },
					       { .u = (d->memory_kb + d->outstanding_kb) / 1024 },
					       { .u = d->shared_kb / 1024 } });
	}
	table_end(&t);
	return 0;
}

/* --- vm-list ---------------------------------------------------------------------------------- */

static xl_run_fn vm_list;

const struct xl_command cmd_vm_list = {
	.name = "vm-list", .args = "", .summary = "List domains with their UUIDs",
	.min = 0, .max = 0, .flags = XL_PRINTS, .run = vm_list,
};

static int vm_list(struct xl *xl, const void *opts, char **args, struct err *err)
{
	static const struct column columns[] = {
		{ "UUID                                  ", NULL, 0, CELL_STR, "uuid" },
		{ "ID    ", "  ", 0, CELL_UINT, "domid" },
		{ "name", "    ", -30, CELL_STR, "name" },
	};
	autosnapshot struct snapshot s;
	struct table t;

	if (snapshot_take(xl, NULL, &s, err) < 0)
		return -1;
	table_begin(&t, xl->out, xl->as_json, columns, array_size(columns), 0);
	table_head(&t);
	for (size_t i = 0; i < s.nr; i++) {
		char uuid[37];

		vmm_uuid_text(s.list[i].uuid, uuid);
		table_row(&t, (struct cell[]){ { .s = uuid },
					       { .u = s.list[i].domid },
					       { .s = s.names[i] } });
	}
	table_end(&t);
	return 0;
}

/* --- vcpu-list -------------------------------------------------------------------------------- */

static xl_run_fn vcpu_list;

const struct xl_command cmd_vcpu_list = {
	.name = "vcpu-list", .args = "[Domain, ...]", .summary = "List the vcpus of all or some domains",
	.min = 0, .max = XL_ANY, .flags = XL_PRINTS, .run = vcpu_list,
};

static const struct column vcpu_columns[] = {
	{ "Name                            ", NULL, -32, CELL_STR, "name" },
	{ "    ID", " ", 5, CELL_UINT, "domid" },
	{ "  VCPU", " ", 5, CELL_UINT, "vcpu" },
	{ "   CPU", NULL, 5, CELL_UINT, "cpu" },
	{ " State", "   ", 0, CELL_STR, "state" },
	{ "   Time(s)", " ", 9, CELL_REAL, "cpu_seconds", 1 },
	{ " Affinity (Hard / Soft)", "  ", 0, CELL_STR, "hard" },
	{ NULL, " / ", 0, CELL_STR, "soft" },
};

static int vcpu_rows(struct xl *xl, struct table *t, uint32_t domid, const char *name,
		     unsigned nr_cpus, struct err *err)
{
	autofree struct vmm_vcpuinfo *vcpus = NULL;
	size_t nr;

	if (vmm_vcpu_list(xl->vmm, domid, &vcpus, &nr, err) < 0)
		return -1;
	for (size_t i = 0; i < nr; i++) {
		const struct vmm_vcpuinfo *v = &vcpus[i];
		autofree char *hard = bitmap_str(&v->hard, nr_cpus);
		autofree char *soft = bitmap_str(&v->soft, nr_cpus);
		char state[4] = { v->is_running ? 'r' : '-', v->is_blocked ? 'b' : '-', '-', '\0' };

		table_row(t, (struct cell[]){
			{ .s = name }, { .u = domid }, { .u = v->vcpu },
			{ .is_unset = !v->is_online, .u = v->pcpu },
			{ .s = v->is_online ? state : "--p" }, { .r = (float)v->cpu_time_ns / 1e9 },
			{ .s = hard }, { .s = soft } });
	}
	return 0;
}

/* A domain may go while the others are listed: then it is no longer one of all. */
static int vcpu_rows_of(struct xl *xl, struct table *t, const char *id_or_name, unsigned nr_cpus,
			struct err *err)
{
	autosnapshot struct snapshot s;

	if (snapshot_take(xl, id_or_name, &s, err) < 0)
		return -1;
	for (size_t i = 0; i < s.nr; i++) {
		if (vcpu_rows(xl, t, s.list[i].domid, s.names[i], nr_cpus, err) == 0)
			continue;
		if (id_or_name || err->code != ESRCH)
			return -1;
		err_clear(err);
	}
	return 0;
}

static int vcpu_list(struct xl *xl, const void *opts, char **args, struct err *err)
{
	unsigned nr_cpus, nr_nodes;
	struct table t;

	if (vmm_host_size(xl->vmm, &nr_cpus, &nr_nodes, err) < 0)
		return -1;
	table_begin(&t, xl->out, xl->as_json, vcpu_columns, array_size(vcpu_columns), 0);
	table_head(&t);
	if (!args[0] && vcpu_rows_of(xl, &t, NULL, nr_cpus, err) < 0)
		return -1;
	for (; args[0]; args++)
		if (vcpu_rows_of(xl, &t, args[0], nr_cpus, err) < 0)
			return -1;
	table_end(&t);
	return 0;
}

/* --- domid, domname --------------------------------------------------------------------------- */

static xl_run_fn domid_of, domname_of;

const struct xl_command cmd_domid = {
	.name = "domid", .args = "<DomainName>", .summary = "Print the number of the domain with this name",
	.min = 1, .max = 1, .run = domid_of,
};

const struct xl_command cmd_domname = {
	.name = "domname", .args = "<DomainID>", .summary = "Print the name of the domain with this number",
	.min = 1, .max = 1, .run = domname_of,
};

static int domid_of(struct xl *xl, const void *opts, char **args, struct err *err)
{
	autosnapshot struct snapshot s;

	/* A name made of digits is a name here: not through xl_domain. */
	if (snapshot_take(xl, NULL, &s, err) < 0)
		return -1;
	for (size_t i = 0; i < s.nr; i++) {
		if (str_eq(s.names[i], args[0])) {
			fprintf(xl->out, "%" PRIu32 "\n", s.list[i].domid);
			return 0;
		}
	}
	return err_set(err, ESRCH,
		       "Can't get domid of domain name '%s', maybe this domain does not exist.",
		       args[0]);
}

static int domname_of(struct xl *xl, const void *opts, char **args, struct err *err)
{
	autofree char *name = NULL;
	uint64_t domid;

	if (num_dec(args[0], 0x7fef, "domain", &domid, err) < 0)
		return err_set(err, EINVAL, "Invalid domain id: '%s'", args[0]);
	if (vmm_domain_name(xl->vmm, (uint32_t)domid, &name, err) < 0) {
		if (err->code != ENOENT && err->code != ESRCH)
			return -1;
		return err_set(err, err->code,
			       "Can't get domain name of domain id '%" PRIu64
			       "', maybe this domain does not exist.",
			       domid);
	}
	print_text(xl->out, name, 0);
	putc('\n', xl->out);
	return 0;
}
