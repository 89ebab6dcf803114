// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The supervisor's loop: events of the store, timers, children. What is done about a death
 * (monitor_act.c) is done in a child of its own for each domain, so that one slow guest delays no
 * other. It keeps nothing in memory that matters.
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
#include "xl/monitor_act.h"

#define RETRY_MS 500u			/* after a failure of our own, and to find a store that went away */
#define RETRY_MAX_MS 30000u
#define MAX_FAILURES 24			/* some ten minutes; then a restart is given up */

/* A domain that shut down, or whose restart was left unfinished, and that is being dealt with. */
struct ward {
	struct list link;
	struct monitor *monitor;
	struct death death;
	unsigned nr_failures;
	struct ev_timer due;
	pid_t child;		/* 0: none yet */
	int result_fd;		/* the child's new domid, or nothing */
};

struct monitor {
	struct xl *xl;		/* how restarted guests are made; its context is not used */
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

/* --- acting: in the child --------------------------------------------------------------------- */

static int child_main(const struct ward *w, int result_fd)
{
	struct xl xl = *w->monitor->xl;
	struct err err = ERR_INIT;
	uint32_t new_domid = 0;
	int r;

	r = vmm_open(&xl.vmm, &err);
	if (r == 0)
		r = monitor_act(&xl, &w->death, &new_domid, &err);
	if (r < 0)
		log_error("%s", err.msg);
	/* Whoever waits for the number also sees the exit status. */
	if (r == 0 && write(result_fd, &new_domid, sizeof(new_domid)) != sizeof(new_domid))
		r = -1;
	if (xl.vmm)
		vmm_close(xl.vmm);
	return r < 0 ? 1 : 0;
}

/* --- waiting: in the loop --------------------------------------------------------------------- */

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

	if (w->nr_failures == MAX_FAILURES)
		monitor_give_up(&w->death);
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
		log_error("domain %u: pipe: %s", w->death.domid, strerror(errno));
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
		log_error("domain %u: fork: %s", w->death.domid, strerror(errno));
		w->child = 0;
		close(fds[0]);
		ward_retry(w);
		return;
	}
	w->result_fd = fds[0];
}

static bool is_looked_after(struct monitor *m, uint32_t domid, struct err *err)
{
	return m->is_single ? domid == m->domid : monitor_is_adopted(m->vmm, domid, err);
}

static struct ward *ward_find(struct monitor *m, const uint8_t uuid[16])
{
	struct ward *w;

	list_for_each_entry(w, &m->wards, link)
		if (memcmp(w->death.uuid, uuid, sizeof(w->death.uuid)) == 0)
			return w;
	return NULL;
}

static int ward_add(struct monitor *m, const struct death *death, uint64_t wait_ms, struct err *err)
{
	struct ward *w;

	if (ev_timer_reserve(m->ev, 16, err) < 0)
		return -1;
	w = calloc(1, sizeof(*w));
	if (!w)
		return err_set(err, ENOMEM, "domain %u: out of memory", death->domid);
	w->monitor = m;
	w->death = *death;
	w->death.is_single = m->is_single;
	w->result_fd = -1;
	w->due.fn = ward_due;
	list_add_tail(&m->wards, &w->link);
	if (ev_timer_set(m->ev, &w->due, ev_now_ms(m->ev) + wait_ms) < 0) {
		ward_drop(w);
		return err_set(err, ENOMEM, "domain %u: out of memory", death->domid);
	}
	return 0;
}

/* A death that nobody deals with yet. One that Xen forgets in this very moment is somebody's who
 * destroyed it. */
static int take_up(struct monitor *m, const struct vmm_dominfo *info, struct err *err)
{
	struct death death = { .domid = info->domid, .reason = info->shutdown_reason };
	uint64_t ms;

	memcpy(death.uuid, info->uuid, sizeof(death.uuid));
	if (monitor_back_off_ms(m->vmm, info->domid, &ms, err) < 0)
		return -1;
	return ward_add(m, &death, ms, err);
}

/* Restarts that were begun and not finished. */
static int scan_records(struct monitor *m, struct err *err)
{
	autostrlist struct strlist uuids = STRLIST_INIT;

	if (restart_record_list(&uuids, err) < 0)
		return -1;
	for (size_t i = 0; i < uuids.n; i++) {
		autorecord struct restart_record r = RESTART_RECORD_INIT;
		struct err why = ERR_INIT;
		struct death death;

		memset(&death, 0, sizeof(death));
		if (vmm_uuid_parse(uuids.v[i], death.uuid, &why) < 0 || ward_find(m, death.uuid))
			continue;
		if (restart_record_read(uuids.v[i], &r, &why) < 0) {
			if (why.code != ENOENT)
				log_error("%s", why.msg);
			continue;
		}
		death.domid = r.domid;
		if (ward_add(m, &death, 0, err) < 0)
			return -1;
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
		if (!d->is_shutdown || d->is_dying || d->domid == 0 || ward_find(m, d->uuid))
			continue;
		/* A guest that suspended itself to RAM is asleep, not dead. */
		if (d->shutdown_reason == VMM_SHUTDOWN_SUSPEND ||
		    !is_looked_after(m, d->domid, err))
			continue;
		if (take_up(m, d, err) < 0)
			return -1;
	}
	if (!m->is_single)
		return scan_records(m, err);
	if (!is_alive && list_is_empty(&m->wards))
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
	if (m->is_single && w->death.domid == m->domid) {
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
	if (ev_signal_add(m->ev, &m->sigchld, err) < 0 ||
	    ev_signal_add(m->ev, &m->sigterm, err) < 0 ||
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

int monitor_one(struct xl *xl, uint32_t domid, struct err *err)
{
	struct monitor m = { .xl = xl, .is_single = true, .domid = domid };
	int r = monitor_init(&m, err);

	if (r == 0)
		r = ev_run(m.ev, err);
	monitor_free(&m);
	return r;
}

const char *monitor_boot_guest_remark(unsigned state)
{
	if (state & VMM_BOOT_NO_STORE)
		return " (no store ring: it can be listed, paused, pinned and destroyed only)";
	if (!(state & VMM_BOOT_CAN_REBUILD))
		return " (no " XEN_CONF_DIR
		       "/boot configuration: it cannot be built again after a reboot)";
	return "";
}

static int adopt_boot_guest(void *arg, uint32_t domid, const char *name, unsigned state,
			    struct err *err)
{
	struct monitor *m = arg;

	log_info("domain %" PRIu32 " (%s): started by Xen, taken in%s", domid, name,
		 monitor_boot_guest_remark(state));
	return monitor_adopt(m->vmm, domid, err);
}

int monitor_host(struct xl *xl, void (*ready)(void), struct err *err)
{
	struct monitor m = { .xl = xl };
	struct err why = ERR_INIT;
	int r = monitor_init(&m, err);

	if (r == 0) {
		if (vmm_domains_sweep(m.vmm, &why) < 0)
			log_warn("what is left of domains that are gone: %s", why.msg);
		err_clear(&why);
		if (vmm_init_boot_guests(m.vmm, adopt_boot_guest, &m, &why) < 0)
			log_warn("%s", why.msg);
		ready();
		r = ev_run(m.ev, err);
	}
	monitor_free(&m);
	return r;
}
