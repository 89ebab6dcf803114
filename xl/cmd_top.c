// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * top: what domains use, again and again. Cpu time and memory come from Xen, bytes of network and
 * disk from the backends in this domain's /sys. A terminal is redrawn with plain control sequences;
 * -b is for pipes.
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>
#include "base/file.h"
#include "base/num.h"
#include "base/str.h"
#include "xl/xl.h"

struct top_opts {
	bool batch;
	struct xl_num delay, iterations;
};

static const struct xl_option top_options[] = {
	OPT_BOOL('b', "batch", struct top_opts, batch, "Print one table after the other, for a pipe or a file"),
	OPT_NUM('d', "delay", struct top_opts, delay, 1, 3600, "SECONDS", "How long to wait in between (3)"),
	OPT_NUM('i', "iterations", struct top_opts, iterations, 1, INT32_MAX, "N", "End after so many"),
	OPT_END
};

static xl_run_fn top;

const struct xl_command cmd_top = {
	.name = "top", .args = "[options]", .summary = "Watch what domains use",
	.options = top_options, .opts_size = sizeof(struct top_opts),
	.min = 0, .max = 0, .flags = XL_PRINTS, .run = top,
};

/* --- counters in /sys ------------------------------------------------------------------------- */

struct traffic { uint64_t net_rx, net_tx, disk_rd, disk_wr; };	/* bytes, as the guest sees them */

static uint64_t counter(const char *path)
{
	struct err ignored = ERR_INIT;
	autofree char *text = NULL;
	uint64_t value;

	if (file_read(path, 64, &text, NULL, &ignored) < 0)
		return 0;
	text[strcspn(text, "\n")] = '\0';
	return num_dec(text, UINT64_MAX, path, &value, &ignored) < 0 ? 0 : value;
}

static uint64_t counter_of(const char *dir, const char *device, const char *name)
{
	autofree char *path = str_printf("%s/%s/statistics/%s", dir, device, name);

	return counter(path);
}

/* Every entry of a folder of /sys that belongs to the domain; a folder that is not there has
 * none. */
static void each_device(const char *dir, const char *prefix,
			void (*add)(struct traffic *t, const char *dir, const char *device),
			struct traffic *t)
{
	DIR *d = opendir(dir);
	struct dirent *entry;

	if (!d)
		return;
	while ((entry = readdir(d)))
		if (str_starts(entry->d_name, prefix))
			add(t, dir, entry->d_name);
	closedir(d);
}

/* What the backend received, the guest sent. */
static void add_vif(struct traffic *t, const char *dir, const char *device)
{
	t->net_tx += counter_of(dir, device, "rx_bytes");
	t->net_rx += counter_of(dir, device, "tx_bytes");
}

static void add_vbd(struct traffic *t, const char *dir, const char *device)
{
	t->disk_rd += counter_of(dir, device, "rd_sect") * 512;
	t->disk_wr += counter_of(dir, device, "wr_sect") * 512;
}

static void read_traffic(uint32_t domid, struct traffic *t)
{
	autofree char *vif = str_printf("vif%" PRIu32 ".", domid);
	autofree char *vbd = str_printf("vbd-%" PRIu32 "-", domid);

	*t = (struct traffic){ 0 };
	each_device("/sys/class/net", vif, add_vif, t);
	each_device("/sys/bus/xen-backend/devices", vbd, add_vbd, t);
}

/* --- a sample --------------------------------------------------------------------------------- */

struct sample {
	struct vmm_dominfo *list;
	char **names;
	size_t nr;
	uint64_t at_ns;
};

static void sample_free(struct sample *s)
{
	for (size_t i = 0; s->names && i < s->nr; i++)
		free(s->names[i]);
	free(s->names);
	free(s->list);
	*s = (struct sample){ NULL, NULL, 0, 0 };
}

static int sample_take(struct xl *xl, struct sample *s, struct err *err)
{
	*s = (struct sample){ NULL, NULL, 0, time_ns() };
	if (vmm_domain_list(xl->vmm, &s->list, &s->nr, err) < 0)
		return -1;
	s->names = xcalloc(s->nr, sizeof(*s->names));
	return vmm_domain_names(xl->vmm, s->list, s->nr, s->names, err);
}

/* Percent of one pcpu since the sample before; 0 for one that was not there. */
static double cpu_percent(const struct sample *old, const struct sample *now, size_t i)
{
	for (size_t k = 0; k < old->nr; k++)
		if (old->list[k].domid == now->list[i].domid &&
		    now->list[i].cpu_time_ns >= old->list[k].cpu_time_ns)
			return (double)(now->list[i].cpu_time_ns - old->list[k].cpu_time_ns) * 100 /
			       (double)(now->at_ns - old->at_ns);
	return 0;
}

/* --- the table -------------------------------------------------------------------------------- */

static const struct column top_columns[] = {
	{ "NAME                ", NULL, -20, CELL_STR, "name" },
	{ "   ID", " ", 4, CELL_UINT, "domid" },
	{ " STATE ", " ", -6, CELL_STR, "state" },
	{ "   CPU(sec)", " ", 10, CELL_REAL, "cpu_seconds", 1 },
	{ " CPU(%)", " ", 6, CELL_REAL, "cpu_percent", 1 },
	{ "   MEM(k)", " ", 8, CELL_UINT, "memory_kib" },
	{ " VCPUS", " ", 5, CELL_UINT, "vcpus" },
	{ "  NETTX(k)", " ", 9, CELL_UINT, "net_tx_kib" },
	{ "  NETRX(k)", " ", 9, CELL_UINT, "net_rx_kib" },
	{ " VBD_RD(k)", " ", 9, CELL_UINT, "disk_read_kib" },
	{ " VBD_WR(k)", " ", 9, CELL_UINT, "disk_written_kib" },
	{ " POOL        ", " ", -12, CELL_STR, "cpupool" },
	{ " SCHED   ", " ", -8, CELL_STR, "scheduler" },
	{ " PARAMETERS", " ", 0, CELL_STR, NULL },
	{ .kind = CELL_UINT, .key = "weight", .json_only = true },
	{ .kind = CELL_UINT, .key = "cap", .json_only = true },
	{ .kind = CELL_UINT, .key = "period_us", .json_only = true },
	{ .kind = CELL_UINT, .key = "budget_us", .json_only = true },
	{ .kind = CELL_BOOL, .key = "extratime", .json_only = true },
};

/* In few characters; yours to free. Under rtds vcpus may differ, arinc653 and null have nothing to
 * say of a domain. */
static char *params_text(const struct vmm_sched_params *p)
{
	if (p->has_credit)
		return str_printf("weight %" PRIu32 " cap %" PRIu32, p->credit.weight,
				  p->credit.cap);
	if (p->has_rtds)
		return str_printf("%" PRIu32 "/%" PRIu32 " us%s", p->rtds.budget_us,
				  p->rtds.period_us, p->rtds.extratime ? " +extra" : "");
	return xstrdup(p->sched == VMM_SCHED_RTDS ? "vcpus differ" : "-");
}

static int row(struct xl *xl, struct table *t, const struct sample *old, const struct sample *now,
	       size_t i, const char *pool, struct err *err)
{
	const struct vmm_dominfo *d = &now->list[i];
	char state[7] = { d->is_dying ? 'd' : '-',   d->is_shutdown ? 's' : '-',
			  d->is_blocked ? 'b' : '-', d->is_paused ? 'p' : '-',
			  d->is_running ? 'r' : '-', '\0' };
	autofree char *params = NULL;
	struct vmm_sched_params p;
	struct traffic io;

	if (vmm_sched_params(xl->vmm, d->domid, &p, err) < 0) {
		if (err->code != ESRCH)
			return -1;
		err_clear(err);		/* it has gone since the sample was taken */
		return 0;
	}
	params = params_text(&p);
	read_traffic(d->domid, &io);
	table_row(t, (struct cell[]){
		{ .s = now->names[i] }, { .u = d->domid }, { .s = state }, { .r = (double)d->cpu_time_ns / 1e9 },
		{ .r = cpu_percent(old, now, i) }, { .u = d->memory_kb }, { .u = d->nr_online_vcpus },
		{ .u = io.net_tx / 1024 }, { .u = io.net_rx / 1024 }, { .u = io.disk_rd / 1024 }, { .u = io.disk_wr / 1024 },
		{ .s = pool }, { .s = vmm_sched_name(p.sched) }, { .s = params },
		{ .is_unset = !p.has_credit, .u = p.credit.weight }, { .is_unset = !p.has_credit, .u = p.credit.cap },
		{ .is_unset = !p.has_rtds, .u = p.rtds.period_us }, { .is_unset = !p.has_rtds, .u = p.rtds.budget_us },
		{ .is_unset = !p.has_rtds, .i = p.rtds.extratime } });
	return 0;
}

static int show(struct xl *xl, const struct sample *old, const struct sample *now, struct err *err)
{
	struct vmm_cpupool *pools;
	struct table t;
	size_t nr_pools;
	int ret = 0;

	if (vmm_cpupool_list(xl->vmm, &pools, &nr_pools, err) < 0)
		return -1;
	table_begin(&t, xl->out, xl->as_json, top_columns, array_size(top_columns), 0);
	table_head(&t);
	for (size_t i = 0; i < now->nr && ret == 0; i++) {
		const char *pool = "?";

		for (size_t k = 0; k < nr_pools; k++)
			if (pools[k].id == now->list[i].cpupool)
				pool = pools[k].name;
		ret = row(xl, &t, old, now, i, pool, err);
	}
	table_end(&t);
	vmm_cpupools_free(pools, nr_pools);
	return ret;
}

/* --- again and again -------------------------------------------------------------------------- */

/* Wait, on a terminal for a key as well. True when it is time to go. */
static bool pause_or_quit(int seconds, bool is_terminal)
{
	struct pollfd in = { .fd = is_terminal ? STDIN_FILENO : -1, .events = POLLIN };
	char key;

	if (poll(&in, 1, seconds * 1000) <= 0)
		return xl_interrupted();
	if (read(STDIN_FILENO, &key, 1) != 1)
		return true;
	return key == 'q' || key == 'Q' || key == 0x03;
}

static int watch(struct xl *xl, const struct top_opts *o, bool is_terminal, struct err *err)
{
	int seconds = o->delay.is_set ? (int)o->delay.v : 3;
	int64_t left = o->iterations.is_set ? o->iterations.v : xl->as_json ? 1 : INT64_MAX;
	struct sample old = { NULL, NULL, 0, 0 }, now;
	bool is_first = true; /* whose figures are those of one second, so that nobody waits long
				 for them */
	int ret = sample_take(xl, &old, err);

	while (ret == 0 && left-- > 0) {
		if (pause_or_quit(is_first ? 1 : seconds, is_terminal))
			break;
		is_first = false;
		ret = sample_take(xl, &now, err);
		if (ret == 0 && is_terminal)
			fputs("\033[H\033[2J", xl->out);
		if (ret == 0)
			ret = show(xl, &old, &now, err);
		fflush(xl->out);
		sample_free(&old);
		old = now;
	}
	sample_free(&old);
	return ret;
}

static int top(struct xl *xl, const void *opts, char **args, struct err *err)
{
	const struct top_opts *o = opts;
	bool is_terminal =
		!o->batch && !xl->as_json && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
	struct termios saved, raw;
	int ret;

	xl_catch_interrupts(xl);
	if (!is_terminal || tcgetattr(STDIN_FILENO, &saved) < 0)
		return watch(xl, o, false, err);
	raw = saved;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	ret = watch(xl, o, true, err);
	tcsetattr(STDIN_FILENO, TCSANOW, &saved);
	return ret;
}
