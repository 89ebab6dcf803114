// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The end of a domain, dealt with as its configuration says: destroyed, started again, renamed,
 * dumped, left alone. A restart is written down (restart_record.c) before the old domain goes and
 * until the new one runs, so that it is carried out even when this process is killed in between.
 *
 * It does not decide what a configuration means: vmm_config_action does.
 */
#include "xl/monitor_act.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "base/file.h"
#include "base/log.h"
#include "base/num.h"

#define NOTE_SUPERVISED "supervised"
#define NOTE_RESTARTS "restarts"
#define RESTART_WINDOW_MS 60000u	/* restart_limit counts restarts within this */
#define BACK_OFF_MS 250u		/* before the third restart in the window; doubles from there */
#define BACK_OFF_MAX_MS 16000u
#define MAX_RESTARTS_KEPT 64
#define CONSOLE_TIMEOUT_MS 1000

/* One death being dealt with. */
struct act {
	struct xl *xl;
	const struct death *death;
	char uuid[37];
};

int monitor_adopt(struct vmm *vmm, uint32_t domid, struct err *err)
{
	return vmm_domain_note_set(vmm, domid, NOTE_SUPERVISED, "1", err);
}

int monitor_release(struct vmm *vmm, uint32_t domid, struct err *err)
{
	return vmm_domain_note_set(vmm, domid, NOTE_SUPERVISED, NULL, err);
}

bool monitor_is_adopted(struct vmm *vmm, uint32_t domid, struct err *err)
{
	autofree char *note = NULL;

	return vmm_domain_note(vmm, domid, NOTE_SUPERVISED, &note, err) == 0 && note;
}

/* --- the history of restarts: monotonic times in milliseconds, blank-separated, newest last --- */

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

int monitor_back_off_ms(struct vmm *vmm, uint32_t domid, uint64_t *ms, struct err *err)
{
	struct history history;

	if (history_read(vmm, domid, &history, err) < 0)
		return -1;
	*ms = back_off_ms(history.nr);
	return 0;
}

/* --- acting: in the child --------------------------------------------------------------------- */

static const char *const reason_names[] = { "poweroff", "reboot",   "suspend",
					    "crash",    "watchdog", "soft-reset" };

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

/* --- starting again --------------------------------------------------------------------------- */

/* Before the guest runs: one that dies at its first instruction must be looked after too. */
struct successor {
	struct vmm *vmm;
	const char *uuid, *history;
	bool is_adopted;
};

static int mark(void *arg, uint32_t domid, struct err *err)
{
	const struct successor *s = arg;

	if (!restart_record_exists(s->uuid))
		return err_set(err, ECANCELED, "its restart was called off");
	if (vmm_domain_note_set(s->vmm, domid, NOTE_RESTARTS, s->history, err) < 0)
		return -1;
	return s->is_adopted ? monitor_adopt(s->vmm, domid, err) : 0;
}

/* rename-restart: the old domain stays to be looked at, under a name and a uuid of its own. */
static int retire(struct vmm *vmm, const struct restart_record *r, struct err *err)
{
	if (monitor_release(vmm, r->domid, err) < 0)
		return -1;
	return vmm_domain_retire(vmm, r->domid, r->retire_as, err);
}

/* Retiring takes several steps, of which the name is the last but one: it is to be retired while it
 * is called as the guest is. */
static int is_to_retire(struct vmm *vmm, const struct restart_record *r, uint32_t domid,
			const char *name, bool *is, struct err *err)
{
	autofree char *now = NULL;

	*is = false;
	if (!*r->retire_as || domid != r->domid)
		return 0;
	if (vmm_domain_name(vmm, domid, &now, err) < 0) {
		if (err->code != ENOENT)
			return -1;
		err_clear(err);
	}
	*is = str_eq(now, name);
	return 0;
}

/* What others hold of it, memory that they share with it, does not keep its successor back. */
static bool is_held(struct vmm *vmm, uint32_t domid, const struct err *why)
{
	struct err ignored = ERR_INIT;
	struct vmm_dominfo info;

	if (why->code != ETIMEDOUT || vmm_domain_info(vmm, domid, &info, &ignored) < 0 ||
	    !info.is_dying)
		return false;
	log_warn("%s", why->msg);
	return true;
}

/* What stands in the way of a new domain: the old one, or one that was never finished. *is_running:
 * somebody has finished it. */
static int clear_one(struct act *a, const struct restart_record *r, const char *name,
		     const struct vmm_dominfo *d, bool *is_running, struct err *err)
{
	bool to_retire;

	if (is_to_retire(a->xl->vmm, r, d->domid, name, &to_retire, err) < 0)
		return -1;
	if (to_retire)
		return retire(a->xl->vmm, r, err);
	if (memcmp(d->uuid, a->death->uuid, sizeof(d->uuid)) != 0)
		return 0;
	if (!d->is_shutdown && !d->is_dying && !d->is_paused) {
		*is_running = true;
		return 0;
	}
	if (vmm_domain_destroy(a->xl->vmm, d->domid, err) < 0) {
		if (err->code != ESRCH && !is_held(a->xl->vmm, d->domid, err))
			return -1;
		err_clear(err);
	}
	return 0;
}

static int clear_the_way(struct act *a, const struct restart_record *r, const char *name,
			 bool *is_running, struct err *err)
{
	autofree struct vmm_dominfo *list = NULL;
	size_t nr;

	*is_running = false;
	if (vmm_domain_list(a->xl->vmm, &list, &nr, err) < 0)
		return -1;
	for (size_t i = 0; i < nr; i++)
		if (list[i].domid != 0 && clear_one(a, r, name, &list[i], is_running, err) < 0)
			return -1;
	return 0;
}

static int finish_restart(struct act *a, const struct restart_record *r, uint32_t *new_domid,
			  struct err *err)
{
	struct vmm_create_options options = xl_create_options(a->xl);
	struct successor s = { a->xl->vmm, a->uuid, r->history, !a->death->is_single };
	struct vmm_config *cfg = NULL;
	bool is_running;
	int ret;

	options.before_unpause = mark;
	options.arg = &s;
	if (vmm_config_from_json(r->config, strlen(r->config), &cfg, err) < 0)
		return err_wrap(err, "the record of the restart of %s", a->uuid);
	ret = clear_the_way(a, r, vmm_config_name(cfg), &is_running, err);
	if (ret == 0 && !is_running)
		ret = vmm_domain_create(a->xl->vmm, cfg, &options, new_domid, err);
	if (ret < 0 && err->code == ECANCELED) {
		log_info("%s: not again", err->msg);
		err_clear(err);
		ret = 0;
	}
	if (ret == 0)
		ret = restart_record_remove(a->uuid, err);
	if (ret == 0 && *new_domid)
		log_info("domain %" PRIu32 " (%s): runs again as domain %" PRIu32, r->domid,
			 vmm_config_name(cfg), *new_domid);
	vmm_config_free(cfg);
	return ret;
}

/* What `xl config-update` left for the next start; else, and when that is no good any more, what it
 * was made from. The uuid stays. */
static int next_config(struct act *a, char **json, struct err *err)
{
	autofree char *text = NULL, *uuid = str_printf("uuid = \"%s\"", a->uuid);
	const char *const overrides[] = { uuid, NULL };
	struct vmm_config_source src = { .path = "config-update", .overrides = overrides };
	struct vmm_config *cfg = NULL;
	struct err why = ERR_INIT;
	int ret;

	if (vmm_domain_config_next(a->xl->vmm, a->death->domid, &text, err) < 0)
		return -1;
	src.text = text;
	if (text && xl_config_load(a->xl, &src, true, &cfg, &why) < 0)
		log_error("domain %" PRIu32 ": its updated configuration is not used: %s",
			  a->death->domid, why.msg);
	if (!cfg && vmm_domain_config(a->xl->vmm, a->death->domid, &cfg, err) < 0)
		return -1;
	ret = vmm_config_to_saved_json(cfg, json, err);
	vmm_config_free(cfg);
	return ret;
}

static int restart(struct act *a, const char *name, bool keep_old, uint32_t *new_domid,
		   struct err *err)
{
	autorecord struct restart_record r = { .domid = a->death->domid };
	struct vmm_dominfo info;
	struct history history;
	char stamp[32] = "";
	time_t now = time(NULL);
	struct tm tm;

	if (history_read(a->xl->vmm, r.domid, &history, err) < 0 ||
	    next_config(a, &r.config, err) < 0)
		return -1;
	r.history = history_format(&history, time_ms());
	if (keep_old && gmtime_r(&now, &tm))
		strftime(stamp, sizeof(stamp), "%Y%m%dT%H%MZ", &tm);
	r.retire_as = keep_old ? str_printf("%s-%s", name, stamp) : xstrdup("");
	if (restart_record_write(a->uuid, &r, err) < 0)
		return -1;
	/* Who destroys it removes the record afterwards: if that was before this one was written,
	 * the domain is not there any more. */
	if (vmm_domain_info(a->xl->vmm, r.domid, &info, err) < 0 && err->code != ESRCH)
		return -1;
	if (err->code == ESRCH || info.is_dying) {
		err_clear(err);
		return restart_record_remove(a->uuid, err);
	}
	return finish_restart(a, &r, new_domid, err);
}

static int too_many_restarts(struct vmm *vmm, uint32_t domid, const struct vmm_config *cfg,
			     bool *is_over, struct err *err)
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

/* A guest that ends at once may be dead before xenconsoled has taken up its console: what it said
 * last would go with it. */
static void let_speak(struct vmm *vmm, uint32_t domid)
{
	struct err nobody_listens = ERR_INIT;
	autofree char *tty = NULL;

	if (vmm_console_tty(vmm, domid, VMM_CONSOLE_PV, 0, CONSOLE_TIMEOUT_MS, &tty,
			    &nobody_listens) < 0)
		err_clear(&nobody_listens);
}

static int carry_out(struct act *a, const struct vmm_config *cfg, enum vmm_action action,
		     uint32_t *new_domid, struct err *err)
{
	struct vmm *vmm = a->xl->vmm;
	uint32_t domid = a->death->domid;
	struct err dump = ERR_INIT;
	bool is_over;

	if (action != VMM_ACTION_PRESERVE)
		let_speak(vmm, domid);
	if ((action == VMM_ACTION_COREDUMP_DESTROY || action == VMM_ACTION_COREDUMP_RESTART) &&
	    dump_core(vmm, domid, vmm_config_name(cfg), &dump) < 0)
		log_error("domain %u (%s): no core dump: %s", domid, vmm_config_name(cfg),
			  dump.msg);

	switch (action) {
	case VMM_ACTION_PRESERVE:
		return preserve(vmm, domid, "on_* says preserve", err);
	case VMM_ACTION_RESTART:
	case VMM_ACTION_RENAME_RESTART:
	case VMM_ACTION_COREDUMP_RESTART:
	/* Xen on Arm answers XEN_DOMCTL_soft_reset with ENOSYS (arch_domain_soft_reset): a fresh
	 * domain takes the old one's place. */
	case VMM_ACTION_SOFT_RESET:
		if (too_many_restarts(vmm, domid, cfg, &is_over, err) < 0)
			return -1;
		if (!is_over)
			return restart(a, vmm_config_name(cfg), action == VMM_ACTION_RENAME_RESTART,
				       new_domid, err);
		log_error("domain %u (%s): restarted %u times within a minute: not again "
			  "(restart_limit)",
			  domid, vmm_config_name(cfg), vmm_config_restart_limit(cfg));
		return vmm_domain_destroy(vmm, domid, err);
	case VMM_ACTION_DESTROY:
	case VMM_ACTION_COREDUMP_DESTROY:
		break;
	}
	return vmm_domain_destroy(vmm, domid, err);
}

static void tell_orphan(void *arg, uint32_t domid, const char *kind, int32_t devid)
{
	const struct death *backend = arg;

	log_warn("domain %" PRIu32 ": the backend of its %s %d ended with domain %" PRIu32
		 ": detach it, and attach it again when that "
		 "is back",
		 domid, kind, devid, backend->domid);
}

/* Nothing was begun yet. */
static int begin(struct act *a, uint32_t *new_domid, struct err *err)
{
	struct vmm *vmm = a->xl->vmm;
	uint32_t domid = a->death->domid;
	struct vmm_config *cfg = NULL;
	struct vmm_dominfo info;
	int r;

	/* Somebody else destroyed it meanwhile, or an earlier try of ours got that far. */
	if (vmm_domain_info(vmm, domid, &info, err) < 0)
		return err->code == ESRCH ? (err_clear(err), 0) : -1;
	if (!info.is_shutdown || info.is_dying ||
	    memcmp(info.uuid, a->death->uuid, sizeof(info.uuid)) != 0)
		return 0;
	if (vmm_domain_config(vmm, domid, &cfg, err) < 0) {
		if (err->code != ENOENT)
			return err->code == ESRCH ? (err_clear(err), 0) : -1;
		log_warn("domain %" PRIu32 ": no configuration was saved, so it is destroyed: %s",
			 domid, err->msg);
		err_clear(err);
		return vmm_domain_destroy(vmm, domid, err);
	}
	log_info("domain %" PRIu32 " (%s): ended by %s", domid, vmm_config_name(cfg),
		 reason_name(a->death->reason));
	if (vmm_device_orphans(vmm, domid, tell_orphan, (void *)(uintptr_t)a->death, err) < 0)
		err_clear(err);
	r = carry_out(a, cfg, vmm_config_action(cfg, a->death->reason), new_domid, err);
	if (r < 0)
		err_wrap(err, "domain %" PRIu32 " (%s)", domid, vmm_config_name(cfg));
	vmm_config_free(cfg);
	return r;
}

int monitor_act(struct xl *xl, const struct death *death, uint32_t *new_domid, struct err *err)
{
	autorecord struct restart_record r = RESTART_RECORD_INIT;
	struct act a = { .xl = xl, .death = death };
	autoclose int lock = -1;
	struct err why = ERR_INIT;

	*new_domid = 0;
	vmm_uuid_text(death->uuid, a.uuid);
	if (restart_lock(death->domid, &lock, err) < 0)
		return -1;
	if (restart_record_read(a.uuid, &r, &why) == 0)
		return finish_restart(&a, &r, new_domid, err);
	if (why.code != ENOENT) {
		log_error("%s", why.msg);
		if (restart_record_remove(a.uuid, err) < 0)
			return -1;
	}
	return begin(&a, new_domid, err);
}

void monitor_give_up(const struct death *death)
{
	struct err err = ERR_INIT;
	char uuid[37];

	vmm_uuid_text(death->uuid, uuid);
	log_error("domain %" PRIu32 " (%s): given up", death->domid, uuid);
	if (restart_record_remove(uuid, &err) < 0)
		log_error("%s", err.msg);
}
