// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Schedulers that share nothing by weight: sched-arinc653 shows and sets a cyclic schedule,
 * sched-null shows which vcpu has which pcpu. Upstream has no command for either.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include "base/file.h"
#include "base/num.h"
#include "base/str.h"
#include "xl/xl.h"

/* The only pool with this scheduler, or the one named. */
static int pool_with(struct xl *xl, enum vmm_sched sched, const char *name, uint32_t *pool,
		     struct err *err)
{
	struct vmm_cpupool *list;
	unsigned found = 0;
	size_t nr;

	if (name)
		return vmm_cpupool_find(xl->vmm, name, pool, err);
	if (vmm_cpupool_list(xl->vmm, &list, &nr, err) < 0)
		return -1;
	for (size_t i = 0; i < nr; i++) {
		if (list[i].sched != sched)
			continue;
		*pool = list[i].id;
		found++;
	}
	vmm_cpupools_free(list, nr);
	if (found == 1)
		return 0;
	if (!found)
		return err_set(err, ENOENT, "no cpupool runs %s", vmm_sched_name(sched));
	return err_set(err, EINVAL, "%u cpupools run %s: name one with -p", found,
		       vmm_sched_name(sched));
}

/* --- sched-arinc653 --------------------------------------------------------------------------- */

struct arinc_opts { const char *pool; };

static const struct xl_option arinc_options[] = {
	OPT_STR('p', "cpupool", struct arinc_opts, pool, "POOL", "This pool; needed where several run arinc653"),
	OPT_END
};

static xl_run_fn sched_arinc653;

const struct xl_command cmd_sched_arinc653 = {
	.name = "sched-arinc653", .args = "[-p CPUPOOL] [FILE]",
	.summary = "Show or set the cyclic schedule of a pool that runs arinc653",
	.options = arinc_options, .opts_size = sizeof(struct arinc_opts),
	.min = 0, .max = 1, .flags = XL_PRINTS | XL_DRY_RUN | XL_MODIFIES, .run = sched_arinc653,
};

#define SCHEDULE_MAX 65536

static const struct { const char *name; uint64_t ns; } units[] = {
	{ "ns", 1 }, { "us", 1000 }, { "ms", 1000000 }, { "s", 1000000000 },
};

/* "20ms": a whole number and its unit. */
static int parse_time(const char *word, uint64_t *ns, struct err *err)
{
	size_t digits = strspn(word, "0123456789");
	autofree char *number = xstrndup(word, digits);

	for (size_t i = 0; i < array_size(units); i++) {
		if (strcmp(word + digits, units[i].name) != 0)
			continue;
		if (num_dec(number, UINT64_MAX / units[i].ns, "time", ns, err) < 0)
			return -1;
		*ns *= units[i].ns;
		return 0;
	}
	return err_set(err, EINVAL, "'%s' is no time: write a number and ns, us, ms or s", word);
}

/* A time in the largest unit that divides it. */
static char *time_text(uint64_t ns)
{
	size_t i = array_size(units) - 1;

	while (i > 0 && (ns == 0 || ns % units[i].ns != 0))
		i--;
	return str_printf("%" PRIu64 "%s", ns / units[i].ns, units[i].name);
}

/* DOMAIN VCPU RUNTIME */
static int add_window(struct xl *xl, const struct strlist *words, struct vmm_arinc653 *s,
		      struct err *err)
{
	struct vmm_arinc653_window *w = &s->windows[s->nr];
	struct vmm_dominfo info;
	uint32_t domid;

	if (s->nr == VMM_ARINC653_MAX)
		return err_set(err, EINVAL, "there are more than %d windows", VMM_ARINC653_MAX);
	if (words->n != 3)
		return err_set(err, EINVAL, "expected DOMAIN VCPU TIME");
	if (vmm_uuid_parse(words->v[0], w->uuid, err) < 0) {
		err_clear(err);
		if (xl_domain(xl, words->v[0], &domid, err) < 0 ||
		    vmm_domain_info(xl->vmm, domid, &info, err) < 0)
			return -1;
		memcpy(w->uuid, info.uuid, sizeof(w->uuid));
	}
	if (num_u32(words->v[1], 0, 1023, "vcpu", &w->vcpu, err) < 0 ||
	    parse_time(words->v[2], &w->runtime_ns, err) < 0)
		return -1;
	s->nr++;
	return 0;
}

static int take_line(struct xl *xl, char *line, struct vmm_arinc653 *s, struct err *err)
{
	autostrlist struct strlist words = STRLIST_INIT;
	char *comment = strchr(line, '#'), *cursor = NULL;

	if (comment)
		*comment = '\0';
	for (char *w = strtok_r(line, " \t\r", &cursor); w; w = strtok_r(NULL, " \t\r", &cursor))
		strlist_add(&words, w);
	if (!words.n)
		return 0;
	if (strcmp(words.v[0], "major_frame") != 0)
		return add_window(xl, &words, s, err);
	if (words.n != 2)
		return err_set(err, EINVAL, "expected major_frame TIME");
	return parse_time(words.v[1], &s->major_frame_ns, err);
}

static int read_schedule(struct xl *xl, const char *path, struct vmm_arinc653 *s, struct err *err)
{
	autofree char *text = NULL;
	unsigned nr = 0;
	char *next;

	memset(s, 0, sizeof(*s));
	if (file_read(path, SCHEDULE_MAX, &text, NULL, err) < 0)
		return -1;
	for (char *line = text; line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		nr++;
		if (take_line(xl, line, s, err) < 0)
			return err_wrap(err, "%s:%u", path, nr);
	}
	/* Without one the frame is as long as its windows. */
	for (unsigned i = 0, unset = !s->major_frame_ns; unset && i < s->nr; i++)
		if (!num_add(s->major_frame_ns, s->windows[i].runtime_ns, &s->major_frame_ns))
			return err_set(err, EINVAL, "%s: the windows are too long to add up", path);
	return 0;
}

/* In the form of the file, so that what is shown can be edited and set; names stand behind as
 * comments. */
static void show_text(struct xl *xl, const struct vmm_arinc653 *s)
{
	autofree char *frame = time_text(s->major_frame_ns);

	fprintf(xl->out, "major_frame %s\n", frame);
	for (unsigned i = 0; i < s->nr; i++) {
		const struct vmm_arinc653_window *w = &s->windows[i];
		autofree char *time = time_text(w->runtime_ns);
		autofree char *name = w->domid == UINT32_MAX ? xstrdup("no such domain")
							     : xl_domain_name(xl, w->domid);
		char uuid[37];

		vmm_uuid_text(w->uuid, uuid);
		fprintf(xl->out, "%s %" PRIu32 " %s\t# ", uuid, w->vcpu, time);
		print_text(xl->out, name, 0);
		putc('\n', xl->out);
	}
}

static void show_json(struct xl *xl, const struct vmm_arinc653 *s)
{
	struct jsonw j;

	jsonw_begin(&j, xl->out);
	jsonw_object(&j, NULL);
	jsonw_uint(&j, "major_frame_ns", s->major_frame_ns);
	jsonw_array(&j, "windows");
	for (unsigned i = 0; i < s->nr; i++) {
		char uuid[37];

		vmm_uuid_text(s->windows[i].uuid, uuid);
		jsonw_object(&j, NULL);
		jsonw_str(&j, "uuid", uuid);
		if (s->windows[i].domid != UINT32_MAX)
			jsonw_uint(&j, "domid", s->windows[i].domid);
		jsonw_uint(&j, "vcpu", s->windows[i].vcpu);
		jsonw_uint(&j, "runtime_ns", s->windows[i].runtime_ns);
		jsonw_close(&j);
	}
	jsonw_close(&j);
	jsonw_close(&j);
	jsonw_end(&j);
}

static bool has_window(const struct vmm_arinc653 *s, const struct vmm_dominfo *d, uint32_t vcpu)
{
	for (unsigned i = 0; i < s->nr; i++)
		if (s->windows[i].vcpu == vcpu &&
		    memcmp(s->windows[i].uuid, d->uuid, sizeof(d->uuid)) == 0)
			return true;
	return false;
}

/* A vcpu without a window never runs: allowed, since a schedule may be set before the last guest is
 * described, but said. */
static void warn_idle(struct xl *xl, uint32_t pool, const struct vmm_arinc653 *s)
{
	autofree struct vmm_dominfo *list = NULL;
	struct err ignored = ERR_INIT;
	size_t nr;

	if (vmm_domain_list(xl->vmm, &list, &nr, &ignored) < 0)
		return;
	for (size_t i = 0; i < nr; i++)
		for (uint32_t v = 0; list[i].cpupool == pool && v < list[i].nr_vcpus; v++)
			if (!has_window(s, &list[i], v))
				xl_note(xl,
					"xl: warning: vcpu %" PRIu32 " of domain %" PRIu32
					" has no window and never runs",
					v, list[i].domid);
}

static int sched_arinc653(struct xl *xl, const void *opts, char **args, struct err *err)
{
	const struct arinc_opts *o = opts;
	autofree struct vmm_arinc653 *s = xcalloc(1, sizeof(*s));
	uint32_t pool;

	if (pool_with(xl, VMM_SCHED_ARINC653, o->pool, &pool, err) < 0)
		return -1;
	if (args[0]) {
		if (read_schedule(xl, args[0], s, err) < 0)
			return -1;
		if (!xl->dry_run) {
			if (vmm_arinc653_set(xl->vmm, pool, s, err) < 0)
				return -1;
			warn_idle(xl, pool, s);
			return 0;
		}
	} else if (vmm_arinc653_get(xl->vmm, pool, s, err) < 0) {
		return -1;
	}
	if (xl->as_json)
		show_json(xl, s);
	else
		show_text(xl, s);
	return 0;
}

/* --- sched-null ------------------------------------------------------------------------------- */

static xl_run_fn sched_null;

const struct xl_command cmd_sched_null = {
	.name = "sched-null", .args = "[-p CPUPOOL]", .summary = "Show which vcpu has which pcpu in pools that run null",
	.options = arinc_options, .opts_size = sizeof(struct arinc_opts),
	.min = 0, .max = 0, .flags = XL_PRINTS, .run = sched_null,
};

static const struct column null_columns[] = {
	{ "Cpupool          ", NULL, -16, CELL_STR, "cpupool" },
	{ "   CPU ", " ", 5, CELL_INT, "cpu" },
	{ "Name                            ", " ", -32, CELL_STR, "name" },
	{ "    ID", " ", 5, CELL_UINT, "domid" },
	{ "  VCPU", " ", 5, CELL_UINT, "vcpu" },
};

static void null_cpu_row(struct table *t, const char *pool, int cpu, const char *name,
			 uint32_t domid, uint32_t vcpu)
{
	bool is_free = !name;

	table_row(t, (struct cell[]){ { .s = pool },
				      { .i = cpu },
				      { .is_unset = is_free, .s = name },
				      { .is_unset = is_free, .u = domid },
				      { .is_unset = is_free, .u = vcpu } });
}

/* The vcpus of one domain take their pcpus out of `unused`. */
static int null_domain(struct xl *xl, struct table *t, const struct vmm_cpupool *p, uint32_t domid,
		       struct bitmap *unused, struct err *err)
{
	autofree char *name = xl_domain_name(xl, domid);
	autofree struct vmm_vcpuinfo *vcpus = NULL;
	size_t nr;

	if (vmm_vcpu_list(xl->vmm, domid, &vcpus, &nr, err) < 0)
		return -1;
	for (size_t i = 0; i < nr; i++) {
		if (!vcpus[i].is_online)
			continue;
		bitmap_clear(unused, vcpus[i].pcpu);
		null_cpu_row(t, p->name, (int)vcpus[i].pcpu, name, domid, vcpus[i].vcpu);
	}
	return 0;
}

static int null_pool(struct xl *xl, struct table *t, const struct vmm_cpupool *p, struct err *err)
{
	autofree struct vmm_dominfo *list = NULL;
	struct bitmap unused = p->cpus;
	size_t nr;

	if (vmm_domain_list(xl->vmm, &list, &nr, err) < 0)
		return -1;
	for (size_t i = 0; i < nr; i++)
		if (list[i].cpupool == p->id && !list[i].is_dying &&
		    null_domain(xl, t, p, list[i].domid, &unused, err) < 0)
			return -1;
	for (int cpu = bitmap_first(&unused); cpu >= 0; cpu = bitmap_next(&unused, cpu))
		null_cpu_row(t, p->name, cpu, NULL, 0, 0);
	return 0;
}

static int sched_null(struct xl *xl, const void *opts, char **args, struct err *err)
{
	const struct arinc_opts *o = opts;
	struct vmm_cpupool *pools;
	uint32_t wanted = 0;
	struct table t;
	size_t nr;
	int ret = 0;

	if ((o->pool && vmm_cpupool_find(xl->vmm, o->pool, &wanted, err) < 0) ||
	    vmm_cpupool_list(xl->vmm, &pools, &nr, err) < 0)
		return -1;
	table_begin(&t, xl->out, xl->as_json, null_columns, array_size(null_columns), 0);
	table_head(&t);
	for (size_t i = 0; i < nr && ret == 0; i++)
		if (pools[i].sched == VMM_SCHED_NULL && (!o->pool || pools[i].id == wanted))
			ret = null_pool(xl, &t, &pools[i], err);
	if (ret == 0)
		table_end(&t);
	vmm_cpupools_free(pools, nr);
	return ret;
}
