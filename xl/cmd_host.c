// SPDX-License-Identifier: LGPL-2.1-or-later
/* The machine and its hypervisor: info, dmesg, uptime, debug-keys, set-parameters, init-dom0. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include "base/str.h"
#include "xl/xl.h"

/* --- info ------------------------------------------------------------------------------------- */

struct info_opts { bool numa; };

static const struct xl_option info_options[] = {
	OPT_BOOL('n', "numa", struct info_opts, numa, "The topology of cpus and memory as well"),
	OPT_END
};

static xl_run_fn info;

const struct xl_command cmd_info = {
	.name = "info", .args = "[options] [field]", .summary = "Print what this host is and has",
	.options = info_options, .opts_size = sizeof(struct info_opts),
	.min = 0, .max = 1, .flags = XL_PRINTS, .run = info,
};

/* One field after the other: as upstream's lines, as the bare value of the one asked for, or as
 * JSON. */
struct fields {
	struct xl *xl;
	const char *wanted;	/* NULL: all */
	struct jsonw json;
	unsigned nr_shown;
};

static void field(struct fields *f, const char *key, const char *fmt, ...) printf_like(3, 4);

static void field(struct fields *f, const char *key, const char *fmt, ...)
{
	autofree char *value = NULL;
	va_list ap;

	if (f->wanted && strcmp(f->wanted, key) != 0)
		return;
	va_start(ap, fmt);
	value = str_vprintf(fmt, ap);
	va_end(ap);
	f->nr_shown++;
	if (f->xl->as_json) {
		jsonw_str(&f->json, key, value);
		return;
	}
	if (!f->wanted)
		fprintf(f->xl->out, "%-23s: ", key);
	print_text(f->xl->out, value, 0);
	putc('\n', f->xl->out);
}

static void num_field(struct fields *f, const char *key, uint64_t value)
{
	if (!f->xl->as_json) {
		field(f, key, "%" PRIu64, value);
		return;
	}
	if (f->wanted && strcmp(f->wanted, key) != 0)
		return;
	f->nr_shown++;
	jsonw_uint(&f->json, key, value);
}

static void machine_fields(struct fields *f)
{
	struct utsname u;

	if (uname(&u) < 0)
		return;
	field(f, "host", "%s", u.nodename);
	field(f, "release", "%s", u.release);
	field(f, "version", "%s", u.version);
	field(f, "machine", "%s", u.machine);
}

/* A list with a blank before each word; upstream's line has no blank behind its colon, so this one
 * is special. */
static void virt_caps(struct fields *f, const struct vmm_hostinfo *h)
{
	const struct { bool has; const char *word; } caps[] = {
		{ h->cap_pv, "pv" }, { h->cap_hvm, "hvm" }, { h->cap_hvm_directio, "hvm_directio" },
		{ h->cap_pv_directio, "pv_directio" }, { h->cap_hap, "hap" }, { h->cap_shadow, "shadow" },
		{ h->cap_iommu_hap_pt_share, "iommu_hap_pt_share" }, { h->cap_vmtrace, "vmtrace" },
		{ h->cap_vpmu, "vpmu" }, { h->cap_gnttab_v1, "gnttab-v1" }, { h->cap_gnttab_v2, "gnttab-v2" },
	};
	autostrbuf struct strbuf words = STRBUF_INIT;

	for (size_t i = 0; i < array_size(caps); i++)
		if (caps[i].has)
			strbuf_printf(&words, " %s", caps[i].word);
	if (f->xl->as_json || f->wanted) {
		field(f, "virt_caps", "%s", words.len ? words.data + 1 : "");
		return;
	}
	f->nr_shown++;
	fprintf(f->xl->out, "%-23s:%s\n", "virt_caps", words.len ? words.data : "");
}

static void physical_fields(struct fields *f, const struct vmm_hostinfo *h)
{
	const uint32_t *c = h->hw_caps;

	num_field(f, "nr_cpus", h->nr_cpus);
	num_field(f, "max_cpu_id", h->max_cpu_id);
	num_field(f, "nr_nodes", h->nr_nodes);
	num_field(f, "cores_per_socket", h->cores_per_socket);
	num_field(f, "threads_per_core", h->threads_per_core);
	field(f, "cpu_mhz", "%u.%03u", h->cpu_khz / 1000, h->cpu_khz % 1000);
	field(f, "hw_caps", "%08x:%08x:%08x:%08x:%08x:%08x:%08x:%08x", c[0], c[1], c[2], c[3], c[4],
	      c[5], c[6], c[7]);
	virt_caps(f, h);
	/* The field is as old as the hypervisor interface that tells it. */
	if (h->xen_major > 4 || h->xen_minor >= 18)
		num_field(f, "arm_sve_vector_length", h->sve_vl_bits);
	num_field(f, "total_memory", h->total_kb / 1024);
	num_field(f, "free_memory", (h->free_kb - h->outstanding_kb) / 1024);
	num_field(f, "sharing_freed_memory", h->sharing_freed_kb / 1024);
	num_field(f, "sharing_used_memory", h->sharing_used_kb / 1024);
	num_field(f, "outstanding_claims", h->outstanding_kb / 1024);
	num_field(f, "free_cpus", h->free_cpus);
}

static void xen_fields(struct fields *f, const struct vmm_hostinfo *h)
{
	num_field(f, "xen_major", (uint64_t)h->xen_major);
	num_field(f, "xen_minor", (uint64_t)h->xen_minor);
	field(f, "xen_extra", "%s", h->xen_extra);
	field(f, "xen_version", "%d.%d%s", h->xen_major, h->xen_minor, h->xen_extra);
	field(f, "xen_caps", "%s", h->xen_caps);
	field(f, "xen_scheduler", "%s", h->scheduler);
	num_field(f, "xen_pagesize", h->pagesize);
	field(f, "platform_params", "virt_start=0x%" PRIx64, h->virt_start);
	field(f, "xen_changeset", "%s", h->changeset);
	field(f, "xen_commandline", "%s", h->commandline);
	field(f, "cc_compiler", "%s", h->compiler);
	field(f, "cc_compile_by", "%s", h->compile_by);
	field(f, "cc_compile_domain", "%s", h->compile_domain);
	field(f, "cc_compile_date", "%s", h->compile_date);
	field(f, "build_id", "%s", h->build_id);
	num_field(f, "xend_config_format", 4);
}

/* -n, in upstream's blocks. Arm has no PCI topology to tell, and that is no error. */
static int topology(struct fields *f, struct err *err)
{
	autofree struct vmm_cputopo *cpus = NULL;
	struct jsonw *j = &f->json;
	FILE *out = f->xl->out;
	size_t nr;

	if (vmm_host_topology(f->xl->vmm, &cpus, &nr, err) < 0)
		return -1;
	if (f->xl->as_json) {
		jsonw_array(j, "cpu_topology");
		for (size_t i = 0; i < nr; i++) {
			jsonw_object(j, NULL);
			jsonw_uint(j, "cpu", i);
			jsonw_uint(j, "core", cpus[i].core);
			jsonw_uint(j, "socket", cpus[i].socket);
			jsonw_uint(j, "node", cpus[i].node);
			jsonw_close(j);
		}
		jsonw_close(j);
		return 0;
	}
	fputs("cpu_topology           :\ncpu:    core    socket     node\n", out);
	for (size_t i = 0; i < nr; i++)
		fprintf(out, "%3zu:    %4u     %4u     %4u\n", i, cpus[i].core, cpus[i].socket,
			cpus[i].node);
	fputs("device topology        :\ndevice           node\nNo device topology data "
	      "available\n",
	      out);
	return 0;
}

static int numa(struct fields *f, struct err *err)
{
	autofree struct vmm_numanode *nodes = NULL;
	struct jsonw *j = &f->json;
	FILE *out = f->xl->out;
	size_t nr;

	if (vmm_host_numa(f->xl->vmm, &nodes, &nr, err) < 0)
		return -1;
	if (f->xl->as_json) {
		jsonw_array(j, "numa_info");
		for (size_t i = 0; i < nr; i++) {
			jsonw_object(j, NULL);
			jsonw_uint(j, "node", i);
			jsonw_uint(j, "memsize", nodes[i].size_kb / 1024);
			jsonw_uint(j, "memfree", nodes[i].free_kb / 1024);
			jsonw_close(j);
		}
		jsonw_close(j);
		return 0;
	}
	fputs("numa_info              :\nnode:    memsize    memfree    distances\n", out);
	for (size_t i = 0; i < nr; i++) {
		fprintf(out, "%4zu:    %6" PRIu64 "     %6" PRIu64 "      %u", i,
			nodes[i].size_kb / 1024, nodes[i].free_kb / 1024, nodes[i].distances[0]);
		for (size_t k = 1; k < nr; k++)
			fprintf(out, ",%u", nodes[i].distances[k]);
		putc('\n', out);
	}
	return 0;
}

static int all_fields(struct fields *f, bool with_numa, struct err *err)
{
	struct vmm_hostinfo h;

	machine_fields(f);
	if (f->wanted && f->nr_shown)	/* known without asking Xen */
		return 0;
	if (vmm_host_info(f->xl->vmm, &h, err) < 0)
		return -1;
	physical_fields(f, &h);
	if (with_numa && !f->wanted && (topology(f, err) < 0 || numa(f, err) < 0))
		return -1;
	xen_fields(f, &h);
	if (f->wanted && !f->nr_shown)
		return err_set(err, ENOENT, "there is no field '%s'; 'xl info' shows all",
			       f->wanted);
	return 0;
}

static int info(struct xl *xl, const void *opts, char **args, struct err *err)
{
	const struct info_opts *o = opts;
	struct fields f = { .xl = xl, .wanted = args[0] };

	if (!xl->as_json)
		return all_fields(&f, o->numa, err);
	jsonw_begin(&f.json, xl->out);
	jsonw_object(&f.json, NULL);
	if (all_fields(&f, o->numa, err) < 0)
		return -1;
	jsonw_close(&f.json);
	jsonw_end(&f.json);
	return 0;
}

/* --- dmesg ------------------------------------------------------------------------------------ */

struct dmesg_opts { bool clear; };

static const struct xl_option dmesg_options[] = {
	OPT_BOOL('c', "clear", struct dmesg_opts, clear, "Empty the buffer after it was read"),
	OPT_END
};

static xl_run_fn dmesg;

const struct xl_command cmd_dmesg = {
	.name = "dmesg", .args = "[-c]", .summary = "Print the messages of the hypervisor",
	.options = dmesg_options, .opts_size = sizeof(struct dmesg_opts),
	.min = 0, .max = 0, .flags = XL_PRINTS, .run = dmesg,
};

static int dmesg(struct xl *xl, const void *opts, char **args, struct err *err)
{
	const struct dmesg_opts *o = opts;
	autofree char *text = NULL;
	struct jsonw j;
	size_t len;

	if (vmm_host_dmesg(xl->vmm, o->clear, &text, &len, err) < 0)
		return -1;
	if (!xl->as_json) {
		/* Raw, as upstream prints it: these are the hypervisor's words and guests' debug
		 * output alike. */
		fwrite(text, 1, len, xl->out);
		return 0;
	}
	jsonw_begin(&j, xl->out);
	jsonw_array(&j, NULL);
	for (char *line = text, *next; line && *line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		jsonw_str(&j, NULL, line);
	}
	jsonw_close(&j);
	jsonw_end(&j);
	return 0;
}

/* --- uptime ----------------------------------------------------------------------------------- */

struct uptime_opts { bool is_short; };

static const struct xl_option uptime_options[] = {
	OPT_BOOL('s', "short", struct uptime_opts, is_short, "One line a domain, with the time of day"),
	OPT_END
};

static xl_run_fn uptime;

const struct xl_command cmd_uptime = {
	.name = "uptime", .args = "[-s] [Domain]...", .summary = "Print how long domains have been running",
	.options = uptime_options, .opts_size = sizeof(struct uptime_opts),
	.min = 0, .max = XL_ANY, .flags = XL_PRINTS, .run = uptime,
};

static char *duration(uint64_t s, bool is_short)
{
	uint64_t days = s / 86400;
	unsigned h = s / 3600 % 24, m = s / 60 % 60;
	autofree char *clock = is_short ? str_printf("%2u:%02u", h, m) :
					  str_printf("%2u:%02u:%02u", h, m, (unsigned)(s % 60));

	if (!days)
		return steal(clock);
	return str_printf("%" PRIu64 " day%s, %s", days, days > 1 ? "s" : "", clock);
}

static void time_of_day(char out[16])
{
	time_t now = time(NULL);
	struct tm tm;

	out[0] = '\0';
	if (localtime_r(&now, &tm) && strftime(out, 16, "%H:%M:%S", &tm))
		return;
	out[0] = '\0';
}

static int uptime_row(struct xl *xl, const struct uptime_opts *o, struct table *t, uint32_t domid,
		      struct err *err)
{
	autofree char *name = xl_domain_name(xl, domid);
	autofree char *text = NULL;
	uint64_t seconds;
	char now[16];

	if (vmm_domain_uptime_s(xl->vmm, domid, &seconds, err) < 0)
		return -1;
	text = duration(seconds, o->is_short);
	if (o->is_short && !xl->as_json) {
		time_of_day(now);
		fprintf(xl->out, " %s up %s, ", now, text);
		print_text(xl->out, name, 0);
		fprintf(xl->out, " (%" PRIu32 ")\n", domid);
		return 0;
	}
	table_row(t, (struct cell[]){
			     { .s = name }, { .u = domid }, { .s = text }, { .u = seconds } });
	return 0;
}

/* Of every domain, those that have no start time (somebody else made them) are left out. */
static int all_uptimes(struct xl *xl, const struct uptime_opts *o, struct table *t, struct err *err)
{
	autofree struct vmm_dominfo *list = NULL;
	size_t nr;

	if (vmm_domain_list(xl->vmm, &list, &nr, err) < 0)
		return -1;
	for (size_t i = 0; i < nr; i++) {
		if (uptime_row(xl, o, t, list[i].domid, err) == 0)
			continue;
		if (err->code != ENOENT && err->code != ESRCH)
			return -1;
		err_clear(err);
	}
	return 0;
}

static int uptime(struct xl *xl, const void *opts, char **args, struct err *err)
{
	static const struct column columns[] = {
		{ "Name                             ", NULL, -33, CELL_STR, "name" },
		{ "   ID", " ", 4, CELL_UINT, "domid" },
		{ " Uptime", " ", 0, CELL_STR, "uptime" },
		{ .kind = CELL_UINT, .key = "seconds", .json_only = true },
	};
	const struct uptime_opts *o = opts;
	struct table t;
	uint32_t domid;

	/* A wrong name is found before anything is printed. */
	for (char **a = args; *a; a++)
		if (xl_domain(xl, *a, &domid, err) < 0)
			return -1;
	table_begin(&t, xl->out, xl->as_json, columns, array_size(columns), 0);
	if (!o->is_short)
		table_head(&t);
	if (!args[0] && all_uptimes(xl, o, &t, err) < 0)
		return -1;
	for (; args[0]; args++)
		if (xl_domain(xl, args[0], &domid, err) < 0 ||
		    uptime_row(xl, o, &t, domid, err) < 0)
			return -1;
	table_end(&t);
	return 0;
}

/* --- debug-keys, set-parameters --------------------------------------------------------------- */

static xl_run_fn debug_keys, set_parameters;

const struct xl_command cmd_debug_keys = {
	.name = "debug-keys", .args = "<Keys>", .summary = "Send debug keys to Xen; the answers come in 'xl dmesg'",
	.min = 1, .max = 1, .flags = XL_MODIFIES, .run = debug_keys,
};

const struct xl_command cmd_set_parameters = {
	.name = "set-parameters", .args = "<Params>", .summary = "Set parameters of the running hypervisor",
	.min = 1, .max = XL_ANY, .flags = XL_MODIFIES, .run = set_parameters,
};

static int debug_keys(struct xl *xl, const void *opts, char **args, struct err *err)
{
	return vmm_host_debug_keys(xl->vmm, args[0], err);
}

/* "name=value", or "noNAME", which is name=no. */
static int set_parameter(struct xl *xl, const char *word, struct err *err)
{
	autofree char *name = xstrdup(word);
	const char *value = "no";
	char *eq = strchr(name, '=');

	if (eq) {
		*eq = '\0';
		value = eq + 1;
	} else if (!str_starts(word, "no") || !word[2]) {
		return xl_usage(err, "'%s' is neither name=value nor no<name>", word);
	}
	return vmm_host_set_parameter(xl->vmm, eq ? name : name + 2, value, err);
}

static int set_parameters(struct xl *xl, const void *opts, char **args, struct err *err)
{
	for (; *args; args++) {
		autostrlist struct strlist words = STRLIST_INIT;

		/* Also several in one operand, as upstream takes them. */
		strlist_split(&words, *args, " ");
		for (size_t i = 0; i < words.n; i++)
			if (*words.v[i] && set_parameter(xl, words.v[i], err) < 0)
				return -1;
	}
	return 0;
}

/* --- init-dom0 -------------------------------------------------------------------------------- */

static xl_run_fn init_dom0;

const struct xl_command cmd_init_dom0 = {
	.name = "init-dom0", .args = "[uuid]", .summary = "Set up domain 0 once after boot, when the store runs",
	.min = 0, .max = 1, .flags = XL_MODIFIES, .run = init_dom0,
};

static int init_dom0(struct xl *xl, const void *opts, char **args, struct err *err)
{
	return vmm_init_dom0(xl->vmm, args[0], err);
}
