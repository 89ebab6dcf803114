// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Starting and stopping the guests of a folder (/etc/xen/auto), each as soon as what it waits for
 * is up, all others meanwhile. Nothing here polls: the store and the log folder say when something
 * changed. The order itself is start_plan.c's.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/str.h"
#include "xl/monitor.h"
#include "xl/monitor_act.h"
#include "xl/start_plan.h"
#include "xl/xl.h"

#define AUTO_DIR XEN_CONF_DIR "/auto"
#define CONSOLE_LOG_DIR XEN_LOG_DIR "/console"
#define MAX_LOG (64u << 20)
#define ACK_TIMEOUT_MS 10000

enum boot_state { BOOT_WAITING, BOOT_UP, BOOT_FAILED };

struct boot {
	struct vmm_config *cfg;
	enum boot_state state;
	uint32_t domid;
	uint64_t log_start; /* size of its console log when it started: older text is of an earlier
			       life */
};

struct autostart {
	struct xl *xl;
	struct start_plan plan;
	struct boot *boots;	/* one for each guest of the plan */
	int events_fd, log_fd;
};

struct autostart_opts {
	bool all;
	struct xl_num timeout;
};

static const struct xl_option autostart_options[] = {
	OPT_BOOL('a', "all", struct autostart_opts, all, "stop: every guest, not only those of the folder"),
	OPT_NUM('t', "timeout", struct autostart_opts, timeout, 1, 86400, "SECONDS",
		"How long a guest may wait for others to come up, or take to shut down (300)"),
	OPT_END
};

static xl_run_fn autostart;

const struct xl_command cmd_autostart = {
	.name = "autostart", .args = "[options] start|stop|show [folder]",
	.summary = "Start or stop the guests of a folder (" AUTO_DIR ") in the order their start_after asks for",
	.options = autostart_options, .opts_size = sizeof(struct autostart_opts),
	.min = 1, .max = 2, .flags = XL_PRINTS, .run = autostart,
};

/* --- reading the folder ----------------------------------------------------------------------- */

static int is_config_name(const struct dirent *e)
{
	return e->d_name[0] != '.' && !str_ends(e->d_name, "~") &&
	       !str_ends(e->d_name, ".rpmsave") && !str_ends(e->d_name, ".dpkg-old") &&
	       !str_ends(e->d_name, ".dpkg-dist");
}

static int add_guest(struct autostart *a, const char *path, struct err *err)
{
	struct vmm_config_source src = { .path = path };
	struct vmm_config *cfg = NULL;
	const char *spec;

	if (xl_config_load(a->xl, &src, false, &cfg, err) < 0)
		return -1;
	a->boots = xreallocarray(a->boots, a->plan.nr + 1, sizeof(*a->boots));
	if (start_plan_add(&a->plan, vmm_config_name(cfg), err) < 0) {
		vmm_config_free(cfg);
		return err_wrap(err, "%s", path);
	}
	a->boots[a->plan.nr - 1] = (struct boot){ .cfg = cfg, .state = BOOT_WAITING };
	for (size_t i = 0; (spec = vmm_config_start_after(cfg, i)); i++)
		if (start_plan_after(&a->plan, spec, err) < 0)
			return err_wrap(err, "%s", path);
	return 0;
}

static int read_folder(struct autostart *a, const char *dir, struct err *err)
{
	struct dirent **entries;
	int n = scandir(dir, &entries, is_config_name, alphasort), r = 0;

	if (n < 0)
		return errno == ENOENT ? 0 : err_set(err, errno, "%s: %s", dir, strerror(errno));
	for (int i = 0; i < n; i++) {
		autofree char *path = str_printf("%s/%s", dir, entries[i]->d_name);

		if (r == 0)
			r = add_guest(a, path, err);
		free(entries[i]);
	}
	free(entries);
	return r < 0 ? -1 : start_plan_finish(&a->plan, err);
}

/* --- conditions ------------------------------------------------------------------------------- */

static char *log_path(const char *name)
{
	return str_printf("%s/guest-%s.log", CONSOLE_LOG_DIR, name);
}

static int has_said(const char *name, uint64_t since, const char *text, bool *has, struct err *err)
{
	autofree char *path = log_path(name), *log = NULL;
	size_t len;

	*has = false;
	if (file_read(path, MAX_LOG, &log, &len, err) < 0) {
		if (err->code != ENOENT)
			return -1;
		err_clear(err);
		return 0;
	}
	/* A log that is shorter than it was has been rotated: all of it is new. */
	if (since > len)
		since = 0;
	*has = memmem(log + since, len - since, text, strlen(text)) != NULL;
	return 0;
}

static uint64_t log_size(const char *name)
{
	autofree char *path = log_path(name);
	struct stat st;

	return stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

/* A guest outside the plan counts too, as soon as there is one with that name. */
static int find_running(struct autostart *a, const struct start_dep *d, uint32_t *domid,
			bool *is_up, struct err *err)
{
	struct vmm_dominfo info;

	*is_up = false;
	if (d->on != START_OUTSIDE) {
		*is_up = a->boots[d->on].state == BOOT_UP;
		*domid = a->boots[d->on].domid;
		return 0;
	}
	if (vmm_domain_find(a->xl->vmm, d->name, domid, err) < 0 ||
	    vmm_domain_info(a->xl->vmm, *domid, &info, err) < 0) {
		if (err->code != ESRCH)
			return -1;
		err_clear(err);
		return 0;
	}
	*is_up = !info.is_shutdown && !info.is_dying && !info.is_paused;
	return 0;
}

static int is_met(struct autostart *a, const struct start_dep *d, bool *met, struct err *err)
{
	autofree char *value = NULL;
	uint32_t domid = 0;

	if (find_running(a, d, &domid, met, err) < 0)
		return -1;
	if (!*met || d->condition == START_RUNNING)
		return 0;
	if (d->condition == START_CONSOLE)
		return has_said(d->name, d->on == START_OUTSIDE ? 0 : a->boots[d->on].log_start,
				d->arg, met, err);
	/* The watch first, so that a node written between the two is not missed. */
	if (vmm_events_add_node(a->xl->vmm, domid, d->arg, err) < 0 ||
	    vmm_domain_guest_node(a->xl->vmm, domid, d->arg, &value, err) < 0)
		return -1;
	*met = value != NULL;
	return 0;
}

/* The first condition that does not hold yet; NULL: all do. A guest that failed can never be
 * met. */
static int unmet(struct autostart *a, const struct start_guest *g, const struct start_dep **out,
		 bool *is_hopeless, struct err *err)
{
	bool met;

	*out = NULL;
	*is_hopeless = false;
	for (size_t i = 0; i < g->nr_deps; i++) {
		const struct start_dep *d = &g->deps[i];

		if (is_met(a, d, &met, err) < 0)
			return -1;
		if (met)
			continue;
		*out = d;
		*is_hopeless = d->on != START_OUTSIDE && a->boots[d->on].state == BOOT_FAILED;
		return 0;
	}
	return 0;
}

static const char *describe(const struct start_dep *d)
{
	return d->condition == START_STORE     ? "store node"
	       : d->condition == START_CONSOLE ? "console line"
					       : "start";
}

/* --- starting --------------------------------------------------------------------------------- */

static int adopt(void *arg, uint32_t domid, struct err *err)
{
	return monitor_adopt(arg, domid, err);
}

/* A guest that runs already is as good as started. */
static int start_one(struct autostart *a, size_t i, struct err *err)
{
	struct boot *b = &a->boots[i];
	struct vmm *vmm = a->xl->vmm;
	struct vmm_create_options options = xl_create_options(a->xl);

	options.before_unpause = adopt;
	options.arg = vmm;
	if (vmm_domain_find(vmm, a->plan.guests[i].name, &b->domid, err) == 0)
		return 0;
	if (err->code != ESRCH)
		return -1;
	err_clear(err);
	b->log_start = log_size(a->plan.guests[i].name);
	return vmm_domain_create(vmm, b->cfg, &options, &b->domid, err);
}

/* One look at everyone who waits. *progress: somebody started or failed, so others may go on. */
static int start_ready(struct autostart *a, bool *progress, size_t *nr_waiting, struct err *err)
{
	const struct start_dep *why;
	bool is_hopeless;

	*progress = false;
	*nr_waiting = 0;
	for (size_t i = 0; i < a->plan.nr; i++) {
		const struct start_guest *g = &a->plan.guests[i];
		struct err failure = ERR_INIT;

		if (a->boots[i].state != BOOT_WAITING)
			continue;
		if (unmet(a, g, &why, &is_hopeless, err) < 0)
			return -1;
		if (why && !is_hopeless) {
			(*nr_waiting)++;
			continue;
		}
		*progress = true;
		if (why) {
			a->boots[i].state = BOOT_FAILED;
			xl_note(a->xl,
				"xl: '%s' is not started: '%s', which it waits for, is not up",
				g->name, why->name);
		} else if (start_one(a, i, &failure) < 0) {
			a->boots[i].state = BOOT_FAILED;
			xl_note(a->xl, "xl: %s", failure.msg);
		} else {
			a->boots[i].state = BOOT_UP;
			xl_note(a->xl, "%s: domain %" PRIu32, g->name, a->boots[i].domid);
		}
		if (xl_interrupted())
			return err_set(err, EINTR, "interrupted: the guests started so far go on");
	}
	return 0;
}

/* Until the store or a console log changes. False: not before the deadline. */
static int await_change(struct autostart *a, uint64_t deadline, bool *in_time, struct err *err)
{
	struct pollfd fds[2] = { { .fd = a->events_fd, .events = POLLIN },
				 { .fd = a->log_fd, .events = POLLIN } };
	uint64_t now = time_ms();
	char buf[4096];
	bool changed;
	int r;

	*in_time = now < deadline;
	if (!*in_time)
		return 0;
	r = poll(fds, 2, (int)(deadline - now));
	if (r < 0 && errno != EINTR)
		return err_set(err, errno, "poll: %s", strerror(errno));
	if (xl_interrupted())
		return err_set(err, EINTR, "interrupted: the guests started so far go on");
	while (a->log_fd >= 0 && read(a->log_fd, buf, sizeof(buf)) > 0)
		;
	return vmm_events_read(a->xl->vmm, &changed, err);
}

static void give_up(struct autostart *a, unsigned timeout_s)
{
	for (size_t i = 0; i < a->plan.nr; i++) {
		const struct start_dep *why;
		struct err ignored = ERR_INIT;
		bool is_hopeless;

		if (a->boots[i].state != BOOT_WAITING)
			continue;
		a->boots[i].state = BOOT_FAILED;
		if (unmet(a, &a->plan.guests[i], &why, &is_hopeless, &ignored) < 0 || !why)
			continue;
		xl_note(a->xl,
			"xl: '%s' is not started: the %s of '%s'%s%s%s did not come within %u "
			"seconds",
			a->plan.guests[i].name, describe(why), why->name, why->arg ? " (" : "",
			why->arg ? why->arg : "", why->arg ? ")" : "", timeout_s);
	}
}

static int start_all(struct autostart *a, unsigned timeout_s, struct err *err)
{
	uint64_t deadline = time_ms() + 1000ull * timeout_s;
	size_t nr_waiting, nr_failed = 0;
	struct err why = ERR_INIT;
	bool progress, in_time;

	if (vmm_events_open(a->xl->vmm, &a->events_fd, err) < 0)
		return -1;
	a->log_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (a->log_fd >= 0)
		(void)!inotify_add_watch(a->log_fd, CONSOLE_LOG_DIR,
					 IN_MODIFY | IN_CREATE | IN_MOVED_TO);
	if (monitor_ensure(&why) < 0)
		xl_note(a->xl, "xl: warning: %s", why.msg);
	for (;;) {
		if (start_ready(a, &progress, &nr_waiting, err) < 0)
			return -1;
		if (progress) {
			/* Waiting starts anew with each guest that came up. */
			deadline = time_ms() + 1000ull * timeout_s;
			continue;
		}
		if (!nr_waiting)
			break;
		if (await_change(a, deadline, &in_time, err) < 0)
			return -1;
		if (!in_time) {
			give_up(a, timeout_s);
			break;
		}
	}
	for (size_t i = 0; i < a->plan.nr; i++)
		nr_failed += a->boots[i].state == BOOT_FAILED;
	return nr_failed ? err_set(err, ECANCELED, "%zu of %zu guests did not start", nr_failed,
				   a->plan.nr)
			 : 0;
}

/* --- stopping --------------------------------------------------------------------------------- */

static int stop_one(struct autostart *a, const char *name, uint32_t domid, uint64_t deadline,
		    struct err *err)
{
	struct vmm *vmm = a->xl->vmm;
	struct vmm_dominfo info;
	uint64_t now = time_ms();
	struct err why = ERR_INIT;

	if (vmm_domain_wait(vmm, domid, false, now < deadline ? (int)(deadline - now) : 0, &info,
			    &why) < 0) {
		if (why.code == ESRCH)
			return 0;
		if (why.code != ETIMEDOUT)
			return err_set(err, why.code, "%s", why.msg);
		xl_note(a->xl, "%s: does not shut down: destroyed", name);
	}
	if (vmm_domain_destroy(vmm, domid, err) < 0)
		return err->code == ESRCH ? 0 : -1;
	xl_note(a->xl, "%s: stopped", name);
	return 0;
}

/* Ask first, all of them, then wait for each: they shut down side by side. */
static int stop_list(struct autostart *a, char **names, const uint32_t *domids, size_t nr,
		     unsigned timeout_s, struct err *err)
{
	uint64_t deadline = time_ms() + 1000ull * timeout_s;
	autofree struct err *errs = xcalloc(nr, sizeof(*errs));
	int r = 0;

	for (size_t i = 0; i < nr; i++) {
		struct err why = ERR_INIT;

		/* The supervisor must not start again what is being stopped. */
		if (monitor_release(a->xl->vmm, domids[i], &why) < 0 && why.code != ESRCH)
			xl_note(a->xl, "xl: %s", why.msg);
	}
	if (vmm_domain_ask_shutdown_all(a->xl->vmm, domids, nr, false,
					timeout_s * 1000 < ACK_TIMEOUT_MS ? (int)timeout_s * 1000
									  : ACK_TIMEOUT_MS,
					errs, err) < 0)
		return -1;
	for (size_t i = 0; i < nr; i++)
		if (errs[i].code && errs[i].code != ESRCH)
			xl_note(a->xl, "xl: %s", errs[i].msg);
	for (size_t i = 0; i < nr; i++) {
		struct err why = ERR_INIT;

		if (stop_one(a, names[i], domids[i], deadline, &why) < 0)
			r = err_set(err, why.code, "%s", why.msg);
	}
	return r;
}

static int stop_wave(struct autostart *a, unsigned wave, unsigned timeout_s, struct err *err)
{
	autofree uint32_t *domids = xcalloc(a->plan.nr, sizeof(*domids));
	autofree char **names = xcalloc(a->plan.nr, sizeof(*names));
	size_t nr = 0;

	for (size_t i = 0; i < a->plan.nr; i++) {
		struct err why = ERR_INIT;

		if (a->plan.guests[i].wave != wave)
			continue;
		if (vmm_domain_find(a->xl->vmm, a->plan.guests[i].name, &domids[nr], &why) == 0)
			names[nr++] = a->plan.guests[i].name;
		else if (why.code != ESRCH)
			return err_set(err, why.code, "%s", why.msg);
	}
	return stop_list(a, names, domids, nr, timeout_s, err);
}

static int stop_others(struct autostart *a, unsigned timeout_s, struct err *err)
{
	autofree struct vmm_dominfo *list = NULL;
	autofree uint32_t *domids = NULL;
	autostrlist struct strlist names = STRLIST_INIT;
	size_t nr;

	if (vmm_domain_list(a->xl->vmm, &list, &nr, err) < 0)
		return -1;
	domids = xcalloc(nr, sizeof(*domids));
	for (size_t i = 0; i < nr; i++)
		if (list[i].domid != 0 && !list[i].is_dying) {
			domids[names.n] = list[i].domid;
			strlist_take(&names, xl_domain_name(a->xl, list[i].domid));
		}
	return stop_list(a, names.v, domids, names.n, timeout_s, err);
}

/* Who waits for others stops before them. */
static int stop_all(struct autostart *a, bool others_too, unsigned timeout_s, struct err *err)
{
	unsigned last = 0;
	int r = 0;

	for (size_t i = 0; i < a->plan.nr; i++)
		if (a->plan.guests[i].wave > last)
			last = a->plan.guests[i].wave;
	for (unsigned w = last + 1; a->plan.nr && w-- > 0;)
		if (stop_wave(a, w, timeout_s, err) < 0)
			r = -1;
	if (others_too && stop_others(a, timeout_s, err) < 0)
		r = -1;
	return r;
}

/* --- showing ---------------------------------------------------------------------------------- */

static void show_json(struct autostart *a)
{
	struct jsonw j;

	jsonw_begin(&j, a->xl->out);
	jsonw_array(&j, NULL);
	for (size_t i = 0; i < a->plan.nr; i++) {
		const struct start_guest *g = &a->plan.guests[i];
		const char *spec;

		jsonw_object(&j, NULL);
		jsonw_str(&j, "name", g->name);
		jsonw_uint(&j, "wave", g->wave);
		jsonw_array(&j, "start_after");
		for (size_t k = 0; (spec = vmm_config_start_after(a->boots[i].cfg, k)); k++)
			jsonw_str(&j, NULL, spec);
		jsonw_close(&j);
		jsonw_close(&j);
	}
	jsonw_close(&j);
	jsonw_end(&j);
}

static void show(struct autostart *a)
{
	const char *spec;

	if (a->xl->as_json) {
		show_json(a);
		return;
	}
	fprintf(a->xl->out, "%-4s %-30s %s\n", "Wave", "Name", "Starts after");
	for (unsigned w = 0, left = (unsigned)a->plan.nr; left; w++)
		for (size_t i = 0; i < a->plan.nr; i++) {
			if (a->plan.guests[i].wave != w)
				continue;
			left--;
			fprintf(a->xl->out, "%-4u ", w);
			print_text(a->xl->out, a->plan.guests[i].name, -30);
			for (size_t k = 0; (spec = vmm_config_start_after(a->boots[i].cfg, k));
			     k++) {
				fputs(k ? ", " : " ", a->xl->out);
				print_text(a->xl->out, spec, 0);
			}
			putc('\n', a->xl->out);
		}
}

static void autostart_free(struct autostart *a)
{
	for (size_t i = 0; i < a->plan.nr; i++)
		vmm_config_free(a->boots[i].cfg);
	free(a->boots);
	start_plan_free(&a->plan);
	if (a->log_fd >= 0)
		close(a->log_fd);
}

static int autostart(struct xl *xl, const void *opts, char **args, struct err *err)
{
	const struct autostart_opts *o = opts;
	unsigned timeout_s = o->timeout.is_set ? (unsigned)o->timeout.v : 300;
	struct autostart a = { .xl = xl, .events_fd = -1, .log_fd = -1 };
	int r = read_folder(&a, args[1] ? args[1] : AUTO_DIR, err);

	xl_catch_interrupts(xl);
	if (r == 0) {
		if (strcmp(args[0], "start") == 0)
			r = start_all(&a, timeout_s, err);
		else if (strcmp(args[0], "stop") == 0)
			r = stop_all(&a, o->all, timeout_s, err);
		else if (strcmp(args[0], "show") == 0)
			show(&a);
		else
			r = xl_usage(err, "'%s' is not start, stop or show", args[0]);
	}
	autostart_free(&a);
	return r;
}
