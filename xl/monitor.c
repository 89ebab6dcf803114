// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The supervisor's loop and what it does about a death. Waiting is the loop's (events of the store, timers, children); acting, which may
 * take long (a dump of a large guest, a rebuild), is done in a child of its own for each domain, so that one slow guest
 * delays no other.
 *
 * It does not decide what a configuration means: vmm_config_action does.
 */
#include "xl/monitor.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/ev.h"
#include "base/file.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/str.h"
#include "libvmm/libvmm.h"
#include "xl/daemon.h"
#include "xl/xl.h"

#define NOTE_SUPERVISED "supervised"
#define NOTE_RESTARTS "restarts"
#define RESTART_WINDOW_MS 60000u	/* restart_limit counts restarts within this */
#define BACK_OFF_MS 250u		/* before the third restart in the window; doubles from there */
#define BACK_OFF_MAX_MS 16000u
#define RETRY_MS 500u			/* after a failure of our own, and to find a store that went away */
#define RETRY_MAX_MS 30000u
#define MAX_RESTARTS_KEPT 64
#define MAX_TRIES 6		/* to build a guest again, pauses doubling from RETRY_MS */

/* A domain that shut down and is being dealt with. */
struct ward {
	struct list link;
	struct monitor *monitor;
	uint32_t domid;
	uint32_t reason;
	unsigned nr_failures;
	struct ev_timer due;
	pid_t child;		/* 0: none yet */
	int result_fd;		/* the child's new domid, or nothing */
};

struct monitor {
	struct vmm *vmm;
	struct ev *ev;
	struct list wards;
	struct ev_io events;
	struct ev_signal sigchld, sigterm, sigint, sighup;
	struct ev_timer reconnect;
	unsigned nr_reconnects;
	bool is_single;		/* only `domid` (create -F) */
	uint32_t domid;
};

int monitor_adopt(struct vmm *vmm, uint32_t domid, struct err *err)
{
	return vmm_domain_note_set(vmm, domid, NOTE_SUPERVISED, "1", err);
}

int monitor_release(struct vmm *vmm, uint32_t domid, struct err *err)
{
	return vmm_domain_note_set(vmm, domid, NOTE_SUPERVISED, NULL, err);
}

/* --- the history of restarts: monotonic times in milliseconds, blank-separated, newest last ----------------------- */

struct history {
	uint64_t at_ms[MAX_RESTARTS_KEPT];
	size_t nr;
};

static void history_parse(struct history *h, const char *note, uint64_t now_ms)
{
	autostrlist struct strlist words = STRLIST_INIT;
	struct err ignored = ERR_INIT;
	uint64_t at;

	h->nr = 0;
	if (!note)
		return;
	strlist_split(&words, note, " ");
	for (size_t i = 0; i < words.n; i++) {
		if (num_dec(words.v[i], UINT64_MAX, "time", &at, &ignored) < 0)
			continue;
		/* A time in the future is from before a reboot of the host. */
		if (at > now_ms || now_ms - at >= RESTART_WINDOW_MS)
			continue;
		if (h->nr < MAX_RESTARTS_KEPT)
			h->at_ms[h->nr++] = at;
	}
}

static char *history_format(const struct history *h, uint64_t now_ms)
{
	autostrbuf struct strbuf b = STRBUF_INIT;
	size_t first = h->nr == MAX_RESTARTS_KEPT ? 1 : 0;

	for (size_t i = first; i < h->nr; i++)
		strbuf_printf(&b, "%" PRIu64 " ", h->at_ms[i]);
	strbuf_printf(&b, "%" PRIu64, now_ms);
	return strbuf_steal(&b);
}

static int history_read(struct vmm *vmm, uint32_t domid, struct history *h, struct err *err)
{
	autofree char *note = NULL;

	if (vmm_domain_note(vmm, domid, NOTE_RESTARTS, &note, err) < 0)
		return -1;
	history_parse(h, note, time_ms());
	return 0;
}

/* The first restarts are at once: a guest that reboots itself must not wait. */
static uint64_t back_off_ms(size_t nr_recent)
{
	uint64_t ms = BACK_OFF_MS;

	if (nr_recent < 2)
		return 0;
	for (size_t i = 2; i < nr_recent && ms < BACK_OFF_MAX_MS; i++)
		ms *= 2;
	return ms < BACK_OFF_MAX_MS ? ms : BACK_OFF_MAX_MS;
}

/* --- acting: in the child ----------------------------------------------------------------------------------------- */

static const char *const reason_names[] = { "poweroff", "reboot", "suspend", "crash", "watchdog", "soft-reset" };

static const char *reason_name(uint32_t reason)
{
	return reason < array_size(reason_names) ? reason_names[reason] : "an unknown reason";
}

static int dump_core(struct vmm *vmm, uint32_t domid, const char *name, struct err *err)
{
	autofree char *path = str_printf("%s/dump/%s", XEN_STATE_DIR, name);

	if (file_mkdirs(XEN_STATE_DIR "/dump", 0700, err) < 0)
		return -1;
	log_info("domain %u (%s): writing its memory to %s", domid, name, path);
	return vmm_domain_dump_core(vmm, domid, path, err);
}

/* rename-restart: the old domain stays to be looked at, under a name and a uuid of its own. */
static int retire(struct vmm *vmm, uint32_t domid, const char *name, struct err *err)
{
	autofree char *old_name = NULL;
	char stamp[32];
	time_t now = time(NULL);
	struct tm tm;

	gmtime_r(&now, &tm);
	strftime(stamp, sizeof(stamp), "%Y%m%dT%H%MZ", &tm);
	old_name = str_printf("%s-%s", name, stamp);
	if (monitor_release(vmm, domid, err) < 0)
		return -1;
	return vmm_domain_retire(vmm, domid, old_name, err);
}

/* The old domain is gone: giving up now would lose the guest. What is missing (memory that another domain is just giving back, a store
 * that is being restarted) may be there in a moment. */
static int create_again(struct vmm *vmm, struct vmm_config *cfg, const struct vmm_create_options *options,
			uint32_t *new_domid, struct err *err)
{
	uint64_t ms = RETRY_MS;

	for (unsigned i = 0; i < MAX_TRIES; i++, ms *= 2) {
		struct timespec pause = { .tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000 };

		err_clear(err);
		if (vmm_domain_create(vmm, cfg, options, new_domid, err) == 0)
			return 0;
		if (err->code == ECANCELED)
			return -1;
		log_warn("%s (try %u of %u)", err->msg, i + 1, MAX_TRIES);
		nanosleep(&pause, NULL);
	}
	return -1;
}

struct successor {
	struct vmm *vmm;
	const char *history;
};

/* Before it runs: a guest that ends at once is not to be missed, and one that is destroyed meanwhile leaves no node. */
static int succeed(void *arg, uint32_t domid, struct err *err)
{
	struct successor *successor = arg;

	return vmm_domain_note_set(successor->vmm, domid, NOTE_RESTARTS, successor->history, err) < 0 ?
		       -1 : monitor_adopt(successor->vmm, domid, err);
}

static int restart(struct vmm *vmm, uint32_t domid, struct vmm_config *cfg, bool keep_old,
		   uint32_t *new_domid, struct err *err)
{
	struct successor successor = { .vmm = vmm };
	const struct vmm_create_options options = { .before_unpause = succeed, .arg = &successor };
	autofree char *history_text = NULL;
	struct history history;

	if (history_read(vmm, domid, &history, err) < 0)
		return -1;
	successor.history = history_text = history_format(&history, time_ms());
	if (keep_old ? retire(vmm, domid, vmm_config_name(cfg), err) < 0 : vmm_domain_destroy(vmm, domid, err) < 0)
		return -1;
	if (create_again(vmm, cfg, &options, new_domid, err) == 0)
		return 0;
	if (err->code != ECANCELED)
		return -1;
	log_info("%s: not again", err->msg);
	err_clear(err);
	return 0;
}

static int too_many_restarts(struct vmm *vmm, uint32_t domid, const struct vmm_config *cfg, bool *is_over,
			     struct err *err)
{
	struct history history;
	uint32_t limit = vmm_config_restart_limit(cfg);

	*is_over = false;
	if (!limit)
		return 0;
	if (history_read(vmm, domid, &history, err) < 0)
		return -1;
	*is_over = history.nr >= limit;
	return 0;
}

static int preserve(struct vmm *vmm, uint32_t domid, const char *why, struct err *err)
{
	log_info("domain %u: %s: left as it is (xl destroy %u removes it)", domid, why, domid);
	return monitor_release(vmm, domid, err);
}

static int carry_out(struct vmm *vmm, uint32_t domid, struct vmm_config *cfg, enum vmm_action action,
		     uint32_t *new_domid, struct err *err)
{
	struct err dump = ERR_INIT;
	bool is_over;

	if ((action == VMM_ACTION_COREDUMP_DESTROY || action == VMM_ACTION_COREDUMP_RESTART) &&
	    dump_core(vmm, domid, vmm_config_name(cfg), &dump) < 0)
		log_error("domain %u (%s): no core dump: %s", domid, vmm_config_name(cfg), dump.msg);

	switch (action) {
	case VMM_ACTION_PRESERVE:
		return preserve(vmm, domid, "on_* says preserve", err);
	case VMM_ACTION_RESTART:
	case VMM_ACTION_RENAME_RESTART:
	case VMM_ACTION_COREDUMP_RESTART:
	case VMM_ACTION_SOFT_RESET:	/* Xen/Arm resets nothing in place: a fresh domain takes the old one's place */
		if (too_many_restarts(vmm, domid, cfg, &is_over, err) < 0)
			return -1;
		if (!is_over)
			return restart(vmm, domid, cfg, action == VMM_ACTION_RENAME_RESTART, new_domid, err);
		log_error("domain %u (%s): restarted %u times within a minute: not again (restart_limit)", domid,
			  vmm_config_name(cfg), vmm_config_restart_limit(cfg));
		return vmm_domain_destroy(vmm, domid, err);
	case VMM_ACTION_DESTROY:
	case VMM_ACTION_COREDUMP_DESTROY:
		break;
	}
	return vmm_domain_destroy(vmm, domid, err);
}

static void tell_orphan(void *arg, uint32_t domid, const char *kind, int32_t devid)
{
	const uint32_t *backend = arg;

	log_warn("domain %u: the backend of its %s %d ended with domain %u: detach it, and attach it again when that is back", domid,
		 kind, devid, *backend);
}

/* Everything about one death. *new_domid stays 0 unless the guest was started again. */
static int act(struct vmm *vmm, uint32_t domid, uint32_t reason, uint32_t *new_domid, struct err *err)
{
	struct vmm_config *cfg = NULL;
	int r;

	*new_domid = 0;
	if (vmm_domain_config(vmm, domid, &cfg, err) < 0) {
		/* Somebody else destroyed it meanwhile, or an earlier try of ours got that far. */
		if (err->code == ESRCH)
			return 0;
		if (err->code != ENOENT)
			return -1;
		log_warn("domain %u: no configuration was saved, so it is destroyed: %s", domid, err->msg);
		err_clear(err);
		return vmm_domain_destroy(vmm, domid, err);
	}
	log_info("domain %u (%s): ended by %s", domid, vmm_config_name(cfg), reason_name(reason));
	if (vmm_device_orphans(vmm, domid, tell_orphan, &domid, err) < 0)
		err_clear(err);
	r = carry_out(vmm, domid, cfg, vmm_config_action(cfg, reason), new_domid, err);
	if (r == 0 && *new_domid)
		log_info("domain %u (%s): runs again as domain %u", domid, vmm_config_name(cfg), *new_domid);
	else if (r < 0)
		err_wrap(err, "domain %u (%s)", domid, vmm_config_name(cfg));
	vmm_config_free(cfg);
	return r;
}

static int child_main(const struct ward *w, int result_fd)
{
	struct err err = ERR_INIT;
	struct vmm *vmm = NULL;
	uint32_t new_domid = 0;
	int r;

	r = vmm_open(&vmm, &err);
	if (r == 0)
		r = act(vmm, w->domid, w->reason, &new_domid, &err);
	if (r < 0)
		log_error("%s", err.msg);
	/* Whoever waits for the number also sees the exit status. */
	if (r == 0 && write(result_fd, &new_domid, sizeof(new_domid)) != sizeof(new_domid))
		r = -1;
	vmm_close(vmm);
	return r < 0 ? 1 : 0;
}

/* --- waiting: in the loop ------------------------------------------------------------------------------------------- */

static void ward_drop(struct ward *w)
{
	ev_timer_del(w->monitor->ev, &w->due);
	if (w->result_fd >= 0)
		close(w->result_fd);
	list_del(&w->link);
	free(w);
}

static void ward_retry(struct ward *w)
{
	uint64_t ms = RETRY_MS;

	for (unsigned i = 0; i < w->nr_failures && ms < RETRY_MAX_MS; i++)
		ms *= 2;
	w->nr_failures++;
	/* Room for it was reserved with the ward. */
	if (ev_timer_set(w->monitor->ev, &w->due, ev_now_ms(w->monitor->ev) + ms) < 0)
		ward_drop(w);
}

static void ward_due(struct ev_timer *timer)
{
	struct ward *w = container_of(timer, struct ward, due);
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0) {
		log_error("domain %u: pipe: %s", w->domid, strerror(errno));
		ward_retry(w);
		return;
	}
	w->child = fork();
	if (w->child == 0) {
		sigset_t none;

		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		_exit(child_main(w, fds[1]));
	}
	close(fds[1]);
	if (w->child < 0) {
		log_error("domain %u: fork: %s", w->domid, strerror(errno));
		w->child = 0;
		close(fds[0]);
		ward_retry(w);
		return;
	}
	w->result_fd = fds[0];
}

static bool is_looked_after(struct monitor *m, uint32_t domid, struct err *err)
{
	autofree char *note = NULL;

	if (m->is_single)
		return domid == m->domid;
	if (vmm_domain_note(m->vmm, domid, NOTE_SUPERVISED, &note, err) < 0)
		return false;
	return note != NULL;
}

static struct ward *ward_find(struct monitor *m, uint32_t domid)
{
	struct ward *w;

	list_for_each_entry(w, &m->wards, link)
		if (w->domid == domid)
			return w;
	return NULL;
}

/* A death that nobody deals with yet. */
static int take_up(struct monitor *m, const struct vmm_dominfo *info, struct err *err)
{
	struct history history;
	struct ward *w;

	if (history_read(m->vmm, info->domid, &history, err) < 0 || ev_timer_reserve(m->ev, 16, err) < 0)
		return -1;
	w = calloc(1, sizeof(*w));
	if (!w)
		return err_set(err, ENOMEM, "domain %u: out of memory", info->domid);
	w->monitor = m;
	w->domid = info->domid;
	w->reason = info->shutdown_reason;
	w->result_fd = -1;
	w->due.fn = ward_due;
	list_add_tail(&m->wards, &w->link);
	if (ev_timer_set(m->ev, &w->due, ev_now_ms(m->ev) + back_off_ms(history.nr)) < 0) {
		ward_drop(w);
		return err_set(err, ENOMEM, "domain %u: out of memory", info->domid);
	}
	return 0;
}

/* Compare what Xen says with what is being dealt with. */
static int scan(struct monitor *m, struct err *err)
{
	autofree struct vmm_dominfo *list = NULL;
	bool is_alive = false;
	size_t nr;

	if (vmm_domain_list(m->vmm, &list, &nr, err) < 0)
		return -1;
	for (size_t i = 0; i < nr; i++) {
		const struct vmm_dominfo *d = &list[i];

		if (m->is_single && d->domid == m->domid && !d->is_dying)
			is_alive = true;
		if (!d->is_shutdown || d->is_dying || d->domid == 0 || ward_find(m, d->domid))
			continue;
		/* A guest that suspended itself to RAM is asleep, not dead. */
		if (d->shutdown_reason == VMM_SHUTDOWN_SUSPEND || !is_looked_after(m, d->domid, err))
			continue;
		if (take_up(m, d, err) < 0)
			return -1;
	}
	if (m->is_single && !is_alive && list_is_empty(&m->wards))
		ev_stop(m->ev);
	return 0;
}

static void reconnect_later(struct monitor *m, const struct err *why)
{
	uint64_t ms = RETRY_MS;

	log_warn("%s: trying again", why->msg);
	if (m->events.fd >= 0)
		ev_io_del(m->ev, &m->events);
	m->events.fd = -1;
	vmm_close(m->vmm);
	m->vmm = NULL;
	for (unsigned i = 0; i < m->nr_reconnects && ms < RETRY_MAX_MS; i++)
		ms *= 2;
	m->nr_reconnects++;
	if (ev_timer_set(m->ev, &m->reconnect, ev_now_ms(m->ev) + ms) < 0)
		ev_stop(m->ev);
}

static void on_events(struct ev_io *io, unsigned events)
{
	struct monitor *m = container_of(io, struct monitor, events);
	struct err err = ERR_INIT;
	bool changed;

	(void)events;
	if (vmm_events_read(m->vmm, &changed, &err) < 0 || (changed && scan(m, &err) < 0))
		reconnect_later(m, &err);
}

/* Watches first, then a look: what happens in between is an event. */
static int attach(struct monitor *m, struct err *err)
{
	if (vmm_open(&m->vmm, err) < 0 || vmm_events_open(m->vmm, &m->events.fd, err) < 0)
		return -1;
	if (ev_io_add(m->ev, &m->events, EPOLLIN, err) < 0) {
		m->events.fd = -1;
		return -1;
	}
	return scan(m, err);
}

static void on_reconnect(struct ev_timer *timer)
{
	struct monitor *m = container_of(timer, struct monitor, reconnect);
	struct err err = ERR_INIT;

	if (attach(m, &err) < 0) {
		reconnect_later(m, &err);
		return;
	}
	log_info("connected again");
	m->nr_reconnects = 0;
}

static void child_ended(struct monitor *m, struct ward *w, int status)
{
	uint32_t new_domid = 0;
	bool is_done = WIFEXITED(status) && WEXITSTATUS(status) == 0;

	if (is_done && read(w->result_fd, &new_domid, sizeof(new_domid)) != sizeof(new_domid))
		is_done = false;
	close(w->result_fd);
	w->result_fd = -1;
	w->child = 0;
	if (!is_done) {
		ward_retry(w);
		return;
	}
	if (m->is_single && w->domid == m->domid) {
		if (new_domid)
			m->domid = new_domid;
		else
			ev_stop(m->ev);
	}
	ward_drop(w);
}

static void on_sigchld(struct ev_signal *sig)
{
	struct monitor *m = container_of(sig, struct monitor, sigchld);
	struct err err = ERR_INIT;
	struct ward *w;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		list_for_each_entry(w, &m->wards, link)
			if (w->child == pid) {
				child_ended(m, w, status);
				break;
			}
	/* A successor may have died already, while its predecessor was being dealt with. */
	if (m->vmm && scan(m, &err) < 0)
		reconnect_later(m, &err);
}

static void on_sigterm(struct ev_signal *sig)
{
	ev_stop(container_of(sig, struct monitor, sigterm)->ev);
}

static void on_sigint(struct ev_signal *sig)
{
	ev_stop(container_of(sig, struct monitor, sigint)->ev);
}

static void on_sighup(struct ev_signal *sig)
{
	(void)sig;
	log_reopen();
}

static int monitor_init(struct monitor *m, struct err *err)
{
	list_init(&m->wards);
	m->events.fd = -1;
	m->events.fn = on_events;
	m->reconnect.fn = on_reconnect;
	m->sigchld = (struct ev_signal){ .signo = SIGCHLD, .fn = on_sigchld };
	m->sigterm = (struct ev_signal){ .signo = SIGTERM, .fn = on_sigterm };
	m->sigint = (struct ev_signal){ .signo = SIGINT, .fn = on_sigint };
	m->sighup = (struct ev_signal){ .signo = SIGHUP, .fn = on_sighup };
	m->ev = ev_new(err);
	if (!m->ev || ev_timer_reserve(m->ev, 16, err) < 0)
		return -1;
	if (ev_signal_add(m->ev, &m->sigchld, err) < 0 || ev_signal_add(m->ev, &m->sigterm, err) < 0 ||
	    ev_signal_add(m->ev, &m->sigint, err) < 0 || ev_signal_add(m->ev, &m->sighup, err) < 0)
		return -1;
	return attach(m, err);
}

/* Children that are still at work finish it by themselves. */
static void monitor_free(struct monitor *m)
{
	struct ward *w, *tmp;

	list_for_each_entry_safe(w, tmp, &m->wards, link)
		ward_drop(w);
	vmm_close(m->vmm);
	if (m->ev)
		ev_free(m->ev);
}

int monitor_one(uint32_t domid, struct err *err)
{
	struct monitor m = { .is_single = true, .domid = domid };
	int r = monitor_init(&m, err);

	if (r == 0)
		r = ev_run(m.ev, err);
	monitor_free(&m);
	return r;
}

/* --- the daemon ------------------------------------------------------------------------------------------------------ */

const char *monitor_boot_guest_remark(unsigned state)
{
	if (state & VMM_BOOT_NO_STORE)
		return " (no store ring: it can be listed, paused, pinned and destroyed only)";
	if (!(state & VMM_BOOT_CAN_REBUILD))
		return " (no " XEN_CONF_DIR "/boot configuration: it cannot be built again after a reboot)";
	return "";
}

static int adopt_boot_guest(void *arg, uint32_t domid, const char *name, unsigned state, struct err *err)
{
	struct monitor *m = arg;

	log_info("domain %" PRIu32 " (%s): started by Xen, taken in%s", domid, name, monitor_boot_guest_remark(state));
	return monitor_adopt(m->vmm, domid, err);
}

/* Run until SIGTERM. `ready` is called when every watch is in place. */
static int monitor_host(void (*ready)(void), struct err *err)
{
	struct monitor m = { .is_single = false };
	struct err why = ERR_INIT;
	int r = monitor_init(&m, err);

	if (r == 0) {
		if (vmm_init_boot_guests(m.vmm, adopt_boot_guest, &m, &why) < 0)
			log_warn("%s", why.msg);
		ready();
		r = ev_run(m.ev, err);
	}
	monitor_free(&m);
	return r;
}

static bool is_in_background;

static void daemon_ready(void)
{
	if (is_in_background) {
		log_to_syslog("xl-monitor");
		daemon_silence();
	}
	daemon_tell_ready();
}

struct monitor_opts {
	bool foreground;
	const char *pid_file;
};

static const struct xl_option monitor_options[] = {
	OPT_BOOL('F', "foreground", struct monitor_opts, foreground, "Stay in the foreground, log to standard error"),
	OPT_STR('p', "pid-file", struct monitor_opts, pid_file, "FILE", "Lock and write this pid file"),
	OPT_END
};

static xl_run_fn monitor_command;

const struct xl_command cmd_monitor = {
	.name = "monitor", .args = "", .summary = "Supervise guests: carry out what on_poweroff, on_crash and so on say",
	.options = monitor_options, .opts_size = sizeof(struct monitor_opts),
	.min = 0, .max = 0, .flags = XL_NO_XEN, .run = monitor_command,
};

static int monitor_command(struct xl *xl, const void *opts, char **args, struct err *err)
{
	const struct monitor_opts *o = opts;
	const char *pid_file = o->pid_file ? o->pid_file : MONITOR_PID_FILE;
	autoclose int lock = -1;

	(void)xl;
	(void)args;
	log_to_stderr("xl monitor");
	is_in_background = !o->foreground;
	if (is_in_background && daemon_start(err) < 0)
		return -1;
	if (file_mkdirs(XEN_RUN_DIR, 0755, err) < 0 || file_pidfile(pid_file, &lock, err) < 0)
		return err_wrap(err, "starting the supervisor");
	return monitor_host(daemon_ready, err);
}

int monitor_ensure(struct err *err)
{
	int status;
	pid_t pid;

	if (file_is_locked(MONITOR_PID_FILE))
		return 0;
	pid = fork();
	if (pid < 0)
		return err_set(err, errno, "starting the supervisor: fork: %s", strerror(errno));
	if (pid == 0) {
		execl("/proc/self/exe", "xl", "monitor", (char *)NULL);
		_exit(127);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_set(err, errno, "starting the supervisor: %s", strerror(errno));
	/* Two creates at once: the other one's supervisor is as good. */
	if (WIFEXITED(status) && (WEXITSTATUS(status) == 0 || file_is_locked(MONITOR_PID_FILE)))
		return 0;
	return err_set(err, ECHILD, "the supervisor did not start: on_reboot and on_crash will not be carried out; "
		       "try `xl monitor -F` to see why");
}
