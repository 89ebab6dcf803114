// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Parameters of the schedulers that share pcpus by weight or by budget: sched-credit,
 * sched-credit2, sched-rtds. Without options each lists every pool that runs its scheduler.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include "base/num.h"
#include "base/str.h"
#include "xl/xl.h"

/* --- listing, common to all ------------------------------------------------------------------- */

/* What a scheduler prints of a pool and of a domain. */
struct sched_view {
	enum vmm_sched sched;
	const struct column *columns;
	size_t nr_columns;
	/* " tslice=30ms ..." behind the pool's name. */
	int (*pool_params)(struct xl *xl, uint32_t pool, char *buf, size_t size, struct err *err);
	int (*rows)(struct xl *xl, struct table *t, const struct vmm_dominfo *d, const char *name,
		    struct err *err);
};

static int list_domains_of(struct xl *xl, const struct sched_view *v, struct table *t,
			   uint32_t pool, struct err *err)
{
	autofree struct vmm_dominfo *list = NULL;
	size_t nr;

	if (vmm_domain_list(xl->vmm, &list, &nr, err) < 0)
		return -1;
	for (size_t i = 0; i < nr; i++) {
		autofree char *name = NULL;

		if (list[i].cpupool != pool || list[i].is_dying)
			continue;
		name = xl_domain_name(xl, list[i].domid);
		if (v->rows(xl, t, &list[i], name, err) == 0)
			continue;
		if (err->code != ESRCH)	/* it may have gone meanwhile */
			return -1;
		err_clear(err);
	}
	return 0;
}

static int list_pool(struct xl *xl, const struct sched_view *v, struct table *t,
		     const struct vmm_cpupool *p, struct err *err)
{
	char params[128];

	if (!xl->as_json) {
		if (v->pool_params(xl, p->id, params, sizeof(params), err) < 0)
			return -1;
		fprintf(xl->out, "Cpupool %s: %s\n", p->name, params);
		table_head(t);
	}
	return list_domains_of(xl, v, t, p->id, err);
}

/* Every pool with this scheduler, or the one named. */
static int list_all(struct xl *xl, const struct sched_view *v, const char *pool_name,
		    struct err *err)
{
	struct vmm_cpupool *pools;
	uint32_t wanted = 0;
	struct table t;
	size_t nr;
	int ret = 0;

	if ((pool_name && vmm_cpupool_find(xl->vmm, pool_name, &wanted, err) < 0) ||
	    vmm_cpupool_list(xl->vmm, &pools, &nr, err) < 0)
		return -1;
	table_begin(&t, xl->out, xl->as_json, v->columns, v->nr_columns, 0);
	for (size_t i = 0; i < nr && ret == 0; i++)
		if (pools[i].sched == v->sched && (!pool_name || pools[i].id == wanted))
			ret = list_pool(xl, v, &t, &pools[i], err);
	if (ret == 0)
		table_end(&t);
	vmm_cpupools_free(pools, nr);
	return ret;
}

static int list_one(struct xl *xl, const struct sched_view *v, uint32_t domid, struct err *err)
{
	autofree char *name = xl_domain_name(xl, domid);
	struct vmm_dominfo info;
	struct table t;

	if (vmm_domain_info(xl->vmm, domid, &info, err) < 0)
		return -1;
	table_begin(&t, xl->out, xl->as_json, v->columns, v->nr_columns, 0);
	table_head(&t);
	if (v->rows(xl, &t, &info, name, err) < 0)
		return -1;
	table_end(&t);
	return 0;
}

/* --- sched-credit, sched-credit2 -------------------------------------------------------------- */

struct credit_opts {
	const char *domain, *pool;
	struct xl_num weight, cap, tslice, ratelimit, delay;
	bool schedparam;
};

static const struct xl_option credit_options[] = {
	OPT_STR('d', "domain", struct credit_opts, domain, "DOMAIN", "Show or set the parameters of this domain"),
	OPT_NUM('w', "weight", struct credit_opts, weight, 0, INT32_MAX, "WEIGHT", "Its share beside others, 1 to 65535"),
	OPT_NUM('c', "cap", struct credit_opts, cap, 0, INT32_MAX, "CAP", "Its limit in percent of one pcpu; 0: none"),
	OPT_BOOL('s', "schedparam", struct credit_opts, schedparam, "Show or set the parameters of a pool"),
	OPT_NUM('t', "tslice_ms", struct credit_opts, tslice, 0, INT32_MAX, "MS", "The pool's time slice, in milliseconds"),
	OPT_NUM('r', "ratelimit_us", struct credit_opts, ratelimit, 0, INT32_MAX, "US",
		"How long a vcpu runs at least, in microseconds"),
	OPT_NUM('m', "migration_delay_us", struct credit_opts, delay, 0, INT32_MAX, "US",
		"How long a vcpu's cache counts as warm, in microseconds"),
	OPT_STR('p', "cpupool", struct credit_opts, pool, "POOL", "This pool"),
	OPT_END
};

static const struct xl_option credit2_options[] = {
	OPT_STR('d', "domain", struct credit_opts, domain, "DOMAIN", "Show or set the parameters of this domain"),
	OPT_NUM('w', "weight", struct credit_opts, weight, 0, INT32_MAX, "WEIGHT", "Its share beside others, 1 to 65535"),
	OPT_NUM('c', "cap", struct credit_opts, cap, 0, INT32_MAX, "CAP", "Its limit in percent of one pcpu; 0: none"),
	OPT_BOOL('s', "schedparam", struct credit_opts, schedparam, "Show or set the parameters of a pool"),
	OPT_NUM('r', "ratelimit_us", struct credit_opts, ratelimit, 0, INT32_MAX, "US",
		"How long a vcpu runs at least, in microseconds"),
	OPT_STR('p', "cpupool", struct credit_opts, pool, "POOL", "This pool"),
	OPT_END
};

static xl_run_fn sched_credit, sched_credit2;

const struct xl_command cmd_sched_credit = {
	.name = "sched-credit", .args = "[-d <Domain> [-w[=WEIGHT]|-c[=CAP]]] [-s [-t TSLICE] [-r RATELIMIT] [-m DELAY]] [-p CPUPOOL]",
	.summary = "Show or set parameters of the credit scheduler",
	.options = credit_options, .opts_size = sizeof(struct credit_opts),
	.min = 0, .max = 0, .flags = XL_PRINTS | XL_MODIFIES, .run = sched_credit,
};

const struct xl_command cmd_sched_credit2 = {
	.name = "sched-credit2", .args = "[-d <Domain> [-w[=WEIGHT]|-c[=CAP]]] [-s [-r RATELIMIT]] [-p CPUPOOL]",
	.summary = "Show or set parameters of the credit2 scheduler",
	.options = credit2_options, .opts_size = sizeof(struct credit_opts),
	.min = 0, .max = 0, .flags = XL_PRINTS | XL_MODIFIES, .run = sched_credit2,
};

static const struct column credit_columns[] = {
	{ "Name                             ", NULL, -33, CELL_STR, "name" },
	{ "   ID", " ", 4, CELL_UINT, "domid" },
	{ " Weight", " ", 6, CELL_UINT, "weight" },
	{ "  Cap", " ", 4, CELL_UINT, "cap" },
};

static int credit_params(struct xl *xl, uint32_t pool, char *buf, size_t size, struct err *err)
{
	struct vmm_credit_params p;

	if (vmm_credit_params_get(xl->vmm, pool, VMM_SCHED_CREDIT, &p, err) < 0)
		return -1;
	snprintf(buf, size,
		 "tslice=%" PRIu32 "ms ratelimit=%" PRIu32 "us migration-delay=%" PRIu32 "us",
		 p.tslice_ms, p.ratelimit_us, p.migration_delay_us);
	return 0;
}

static int credit2_params(struct xl *xl, uint32_t pool, char *buf, size_t size, struct err *err)
{
	struct vmm_credit_params p;

	if (vmm_credit_params_get(xl->vmm, pool, VMM_SCHED_CREDIT2, &p, err) < 0)
		return -1;
	snprintf(buf, size, "ratelimit=%" PRIu32 "us", p.ratelimit_us);
	return 0;
}

static int credit_rows_of(struct xl *xl, struct table *t, const struct vmm_dominfo *d,
			  const char *name, enum vmm_sched sched, struct err *err)
{
	struct vmm_credit s;

	if (vmm_credit_get(xl->vmm, d->domid, sched, &s, err) < 0)
		return -1;
	table_row(t, (struct cell[]){
			     { .s = name }, { .u = d->domid }, { .u = s.weight }, { .u = s.cap } });
	return 0;
}

static int credit_rows(struct xl *xl, struct table *t, const struct vmm_dominfo *d,
		       const char *name, struct err *err)
{
	return credit_rows_of(xl, t, d, name, VMM_SCHED_CREDIT, err);
}

static int credit2_rows(struct xl *xl, struct table *t, const struct vmm_dominfo *d,
			const char *name, struct err *err)
{
	return credit_rows_of(xl, t, d, name, VMM_SCHED_CREDIT2, err);
}

static const struct sched_view credit_view = {
	VMM_SCHED_CREDIT, credit_columns, array_size(credit_columns), credit_params, credit_rows,
};
static const struct sched_view credit2_view = {
	VMM_SCHED_CREDIT2, credit_columns, array_size(credit_columns), credit2_params, credit2_rows,
};

/* -s: of one pool, the first where none is named. */
static int pool_parameters(struct xl *xl, const struct sched_view *v, const struct credit_opts *o,
			   struct err *err)
{
	bool sets = o->tslice.is_set || o->ratelimit.is_set || o->delay.is_set;
	struct vmm_credit_params p;
	autofree char *name = NULL;
	uint32_t pool = 0;
	char text[128];

	if (o->pool && vmm_cpupool_find(xl->vmm, o->pool, &pool, err) < 0)
		return -1;
	if (vmm_credit_params_get(xl->vmm, pool, v->sched, &p, err) < 0)
		return -1;
	if (!sets) {
		if (vmm_cpupool_name(xl->vmm, pool, &name, err) < 0 ||
		    v->pool_params(xl, pool, text, sizeof(text), err) < 0)
			return -1;
		fprintf(xl->out, "Cpupool %s: %s\n", name, text);
		return 0;
	}
	if (o->tslice.is_set)
		p.tslice_ms = (uint32_t)o->tslice.v;
	if (o->ratelimit.is_set)
		p.ratelimit_us = (uint32_t)o->ratelimit.v;
	if (o->delay.is_set)
		p.migration_delay_us = (uint32_t)o->delay.v;
	return vmm_credit_params_set(xl->vmm, pool, v->sched, &p, err);
}

static int set_credit(struct xl *xl, const struct sched_view *v, const struct credit_opts *o,
		      uint32_t domid, struct err *err)
{
	struct vmm_credit s;

	if (vmm_credit_get(xl->vmm, domid, v->sched, &s, err) < 0)
		return -1;
	if (o->weight.is_set)
		s.weight = (uint32_t)o->weight.v;
	if (o->cap.is_set)
		s.cap = (uint32_t)o->cap.v;
	return vmm_credit_set(xl->vmm, domid, v->sched, &s, err);
}

static int credit(struct xl *xl, const struct sched_view *v, const struct credit_opts *o,
		  struct err *err)
{
	bool sets = o->weight.is_set || o->cap.is_set;
	uint32_t domid;

	if (o->pool && o->domain)
		return xl_usage(err, "a domain is in one pool: -d and -p do not go together");
	if (sets && !o->domain)
		return xl_usage(err, "-w and -c need a domain (-d)");
	if ((o->tslice.is_set || o->ratelimit.is_set || o->delay.is_set) && !o->schedparam)
		return xl_usage(err, "the parameters of a pool are set with -s");
	if (o->schedparam && o->domain)
		return xl_usage(err, "-s is about a pool, -d about a domain");
	if (o->schedparam)
		return pool_parameters(xl, v, o, err);
	if (!o->domain)
		return list_all(xl, v, o->pool, err);
	if (xl_domain(xl, o->domain, &domid, err) < 0)
		return -1;
	return sets ? set_credit(xl, v, o, domid, err) : list_one(xl, v, domid, err);
}

static int sched_credit(struct xl *xl, const void *opts, char **args, struct err *err)
{
	return credit(xl, &credit_view, opts, err);
}

static int sched_credit2(struct xl *xl, const void *opts, char **args, struct err *err)
{
	return credit(xl, &credit2_view, opts, err);
}

/* --- sched-rtds ------------------------------------------------------------------------------- */

struct rtds_opts {
	const char *domain, *pool;
	struct xl_words vcpus, periods, budgets, extratimes;
};

static const struct xl_option rtds_options[] = {
	OPT_STR('d', "domain", struct rtds_opts, domain, "DOMAIN", "Show or set the parameters of this domain"),
	OPT_LIST('v', "vcpuid", struct rtds_opts, vcpus, "VCPU", "Of this vcpu, or of all; repeat it with -p, -b, -e for more"),
	OPT_LIST('p', "period", struct rtds_opts, periods, "US", "The period, in microseconds"),
	OPT_LIST('b', "budget", struct rtds_opts, budgets, "US", "What it gets in each period, in microseconds"),
	OPT_LIST('e', "extratime", struct rtds_opts, extratimes, "0|1", "Whether it may use time that nobody else wants"),
	OPT_STR('c', "cpupool", struct rtds_opts, pool, "POOL", "This pool"),
	OPT_END
};

static xl_run_fn sched_rtds;

const struct xl_command cmd_sched_rtds = {
	.name = "sched-rtds", .args = "[-d <Domain> [-v VCPUID|all] [-p PERIOD] [-b BUDGET] [-e EXTRATIME]] [-c CPUPOOL]",
	.summary = "Show or set parameters of the real-time scheduler rtds",
	.options = rtds_options, .opts_size = sizeof(struct rtds_opts),
	.min = 0, .max = 0, .flags = XL_PRINTS | XL_MODIFIES, .run = sched_rtds,
};

static const struct column rtds_columns[] = {
	{ "Name                             ", NULL, -33, CELL_STR, "name" },
	{ "   ID", " ", 4, CELL_UINT, "domid" },
	{ "    Period", " ", 9, CELL_UINT, "period_us" },
	{ "    Budget", " ", 9, CELL_UINT, "budget_us" },
	{ "  Extratime", " ", 10, CELL_BOOL, "extratime" },
};

static const struct column rtds_vcpu_columns[] = {
	{ "Name                             ", NULL, -33, CELL_STR, "name" },
	{ "   ID", " ", 4, CELL_UINT, "domid" },
	{ " VCPU", " ", 4, CELL_UINT, "vcpu" },
	{ "    Period", " ", 9, CELL_UINT, "period_us" },
	{ "    Budget", " ", 9, CELL_UINT, "budget_us" },
	{ "  Extratime", " ", 10, CELL_BOOL, "extratime" },
};

static int rtds_params(struct xl *xl, uint32_t pool, char *buf, size_t size, struct err *err)
{
	snprintf(buf, size, "sched=RTDS");
	return 0;
}

static int rtds_rows(struct xl *xl, struct table *t, const struct vmm_dominfo *d, const char *name,
		     struct err *err)
{
	struct vmm_rtds s;

	if (vmm_rtds_get(xl->vmm, d->domid, &s, err) < 0)
		return -1;
	table_row(t, (struct cell[]){ { .s = name },
				      { .u = d->domid },
				      { .u = s.period_us },
				      { .u = s.budget_us },
				      { .i = s.extratime } });
	return 0;
}

static int rtds_vcpu_rows_of(struct xl *xl, struct table *t, const struct vmm_dominfo *d,
			     const char *name, const uint32_t *vcpus, unsigned nr, struct err *err)
{
	autofree struct vmm_rtds *s = xcalloc(nr, sizeof(*s));

	if (nr && vmm_rtds_vcpu_get(xl->vmm, d->domid, vcpus, s, nr, err) < 0)
		return -1;
	for (unsigned i = 0; i < nr; i++)
		table_row(t, (struct cell[]){ { .s = name },
					      { .u = d->domid },
					      { .u = vcpus[i] },
					      { .u = s[i].period_us },
					      { .u = s[i].budget_us },
					      { .i = s[i].extratime } });
	return 0;
}

static int rtds_all_vcpu_rows(struct xl *xl, struct table *t, const struct vmm_dominfo *d,
			      const char *name, struct err *err)
{
	autofree uint32_t *vcpus = xcalloc(d->nr_vcpus, sizeof(*vcpus));

	for (uint32_t i = 0; i < d->nr_vcpus; i++)
		vcpus[i] = i;
	return rtds_vcpu_rows_of(xl, t, d, name, vcpus, d->nr_vcpus, err);
}

static const struct sched_view rtds_view = {
	VMM_SCHED_RTDS, rtds_columns, array_size(rtds_columns), rtds_params, rtds_rows,
};
static const struct sched_view rtds_vcpu_view = {
	VMM_SCHED_RTDS, rtds_vcpu_columns,  array_size(rtds_vcpu_columns),
	rtds_params,    rtds_all_vcpu_rows,
};

/* The word for one vcpu, or the only one, which is then for all. */
static const char *nth(const struct xl_words *w, unsigned i)
{
	return w->n == 0 ? NULL : w->v[w->n == 1 ? 0 : i];
}

static int rtds_change(const struct rtds_opts *o, unsigned i, struct vmm_rtds *s, struct err *err)
{
	const char *period = nth(&o->periods, i), *budget = nth(&o->budgets, i),
		   *extra = nth(&o->extratimes, i);
	uint32_t flag = s->extratime;

	if ((period && num_u32(period, 0, UINT32_MAX, "period", &s->period_us, err) < 0) ||
	    (budget && num_u32(budget, 0, UINT32_MAX, "budget", &s->budget_us, err) < 0) ||
	    (extra && num_u32(extra, 0, 1, "extratime", &flag, err) < 0))
		return -1;
	s->extratime = flag;
	return 0;
}

/* "all", or the vcpus named. */
static int rtds_vcpus(struct xl *xl, const struct rtds_opts *o, uint32_t domid, uint32_t **vcpus,
		      unsigned *nr, struct err *err)
{
	bool is_all = o->vcpus.n == 0 || (o->vcpus.n == 1 && strcmp(o->vcpus.v[0], "all") == 0);
	struct vmm_dominfo info;

	if (vmm_domain_info(xl->vmm, domid, &info, err) < 0)
		return -1;
	*nr = is_all ? info.nr_vcpus : o->vcpus.n;
	*vcpus = xcalloc(*nr, sizeof(**vcpus));
	for (unsigned i = 0; i < *nr; i++) {
		(*vcpus)[i] = i;
		if (!is_all && num_u32(o->vcpus.v[i], 0, UINT32_MAX, "vcpu", &(*vcpus)[i], err) < 0)
			return -1;
	}
	return 0;
}

/* More promised than there is: allowed, because the admission is the administrator's, but said. */
void xl_warn_rtds_load(struct xl *xl, uint32_t domid)
{
	struct err ignored = ERR_INIT;
	struct vmm_dominfo info;
	uint64_t permille;
	unsigned nr_cpus;

	if (vmm_domain_info(xl->vmm, domid, &info, &ignored) < 0 ||
	    vmm_rtds_load(xl->vmm, info.cpupool, &permille, &nr_cpus, &ignored) < 0 ||
	    permille <= nr_cpus * 1000ull)
		return;
	xl_note(xl,
		"xl: warning: cpupool %" PRIu32 ": its vcpus are promised %" PRIu64 ".%03" PRIu64
		" pcpus and it has %u, so not every budget can be kept",
		info.cpupool, permille / 1000, permille % 1000, nr_cpus);
}

static int set_rtds(struct xl *xl, const struct rtds_opts *o, uint32_t domid, struct err *err)
{
	autofree uint32_t *vcpus = NULL;
	autofree struct vmm_rtds *s = NULL;
	unsigned nr;

	if (rtds_vcpus(xl, o, domid, &vcpus, &nr, err) < 0)
		return -1;
	s = xcalloc(nr, sizeof(*s));
	if (vmm_rtds_vcpu_get(xl->vmm, domid, vcpus, s, nr, err) < 0)
		return -1;
	for (unsigned i = 0; i < nr; i++)
		if (rtds_change(o, i, &s[i], err) < 0)
			return -1;
	if (vmm_rtds_vcpu_set(xl->vmm, domid, vcpus, s, nr, err) < 0)
		return -1;
	xl_warn_rtds_load(xl, domid);
	return 0;
}

static int show_rtds_vcpus(struct xl *xl, const struct rtds_opts *o, uint32_t domid,
			   struct err *err)
{
	autofree char *name = xl_domain_name(xl, domid);
	autofree uint32_t *vcpus = NULL;
	struct vmm_dominfo info;
	struct table t;
	unsigned nr;

	if (vmm_domain_info(xl->vmm, domid, &info, err) < 0 ||
	    rtds_vcpus(xl, o, domid, &vcpus, &nr, err) < 0)
		return -1;
	table_begin(&t, xl->out, xl->as_json, rtds_vcpu_columns, array_size(rtds_vcpu_columns), 0);
	table_head(&t);
	if (rtds_vcpu_rows_of(xl, &t, &info, name, vcpus, nr, err) < 0)
		return -1;
	table_end(&t);
	return 0;
}

/* One value for all the vcpus named, or one for each. */
static bool is_count_right(const struct xl_words *w, unsigned nr_vcpus)
{
	return w->n <= 1 || w->n == nr_vcpus;
}

static int sched_rtds(struct xl *xl, const void *opts, char **args, struct err *err)
{
	const struct rtds_opts *o = opts;
	bool sets = o->periods.n || o->budgets.n || o->extratimes.n;
	uint32_t domid;

	if (o->pool && (o->domain || sets))
		return xl_usage(err, "-c lists a pool: it does not go with -d, -p, -b, -e");
	if (sets && !o->domain)
		return xl_usage(err, "-p, -b and -e need a domain (-d)");
	if (!is_count_right(&o->periods, o->vcpus.n) || !is_count_right(&o->budgets, o->vcpus.n) ||
	    !is_count_right(&o->extratimes, o->vcpus.n))
		return xl_usage(err, "Incorrect number of period, budget and extratime");
	if (!o->domain)
		return list_all(xl, o->vcpus.n ? &rtds_vcpu_view : &rtds_view, o->pool, err);
	if (xl_domain(xl, o->domain, &domid, err) < 0)
		return -1;
	if (sets)
		return set_rtds(xl, o, domid, err);
	return o->vcpus.n ? show_rtds_vcpus(xl, o, domid, err)
			  : list_one(xl, &rtds_view, domid, err);
}
