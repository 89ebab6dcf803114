// SPDX-License-Identifier: LGPL-2.1-or-later
/* The life of domains that exist: destroy, shutdown, reboot, pause, unpause, rename, sysrq. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include "base/file.h"
#include "base/str.h"
#include "xl/restart_record.h"
#include "xl/xl.h"

/* --- destroy ---------------------------------------------------------------------------------- */

struct destroy_opts { bool force; };

static const struct xl_option destroy_options[] = {
	OPT_BOOL('f', NULL, struct destroy_opts, force, "Destroy even domain 0"),
	OPT_END
};

static xl_run_fn destroy;

const struct xl_command cmd_destroy = {
	.name = "destroy", .args = "[options] <Domain>", .summary = "Terminate a domain immediately",
	.options = destroy_options, .opts_size = sizeof(struct destroy_opts),
	.min = 1, .max = 1, .flags = XL_MODIFIES, .run = destroy,
};

static void note_orphan(void *arg, uint32_t domid, const char *kind, int32_t devid)
{
	xl_note(arg,
		"xl: the backend of domain %u's %s %d ends with it; detach that, and attach it "
		"again when there is a new one",
		domid, kind, devid);
}

/* A guest that is just being started again may have no domain at this moment: then it is the
 * restart that ends. */
static int call_off(struct xl *xl, const char *name, struct err *err)
{
	autostrlist struct strlist uuids = STRLIST_INIT;
	struct err ignored = ERR_INIT;
	int ret = -1;

	if (restart_record_list(&uuids, &ignored) < 0)
		return -1;
	for (size_t i = 0; i < uuids.n && ret < 0; i++) {
		autorecord struct restart_record r = RESTART_RECORD_INIT;
		struct vmm_config *cfg = NULL;

		if (restart_record_read(uuids.v[i], &r, &ignored) < 0 ||
		    vmm_config_from_json(r.config, strlen(r.config), &cfg, &ignored) < 0)
			continue;
		if (str_eq(vmm_config_name(cfg), name)) {
			err_clear(err);
			ret = restart_record_remove(uuids.v[i], err);
			xl_note(xl, "'%s' was being restarted: it is not any more", name);
		}
		vmm_config_free(cfg);
	}
	return ret;
}

/* Nobody is to start it again. A supervisor that is about to has a record, or looks whether the
 * domain is still there when it has written one; and while there was a record, its successor may
 * have been made. */
static int destroy_for_good(struct xl *xl, const struct vmm_dominfo *info, struct err *err)
{
	uint32_t domid = info->domid;
	char uuid[37];

	vmm_uuid_text(info->uuid, uuid);
	if (restart_record_remove(uuid, err) < 0)
		return -1;
	do {
		if (vmm_domain_destroy(xl->vmm, domid, err) < 0) {
			/* The successor was given up meanwhile. */
			if (domid == info->domid || err->code != ESRCH)
				return -1;
			err_clear(err);
		}
		if (restart_record_remove(uuid, err) < 0 ||
		    vmm_domain_find_uuid(xl->vmm, info->uuid, domid, &domid, err) < 0)
			return -1;
	} while (domid);
	return 0;
}

static int destroy(struct xl *xl, const void *opts, char **args, struct err *err)
{
	const struct destroy_opts *o = opts;
	struct vmm_dominfo info;
	struct err ignored = ERR_INIT;
	uint32_t domid;

	if (xl_domain(xl, args[0], &domid, err) < 0)
		return err->code == ESRCH ? call_off(xl, args[0], err) : -1;
	if (domid == 0 && !o->force)
		return err_set(err, EPERM, "not destroying domain 0; use -f if you really want to");
	if (vmm_device_orphans(xl->vmm, domid, note_orphan, xl, err) < 0)
		err_clear(err);
	if (vmm_domain_info(xl->vmm, domid, &info, &ignored) < 0)
		return vmm_domain_destroy(xl->vmm, domid, err);
	return destroy_for_good(xl, &info, err);
}

/* --- shutdown, reboot ------------------------------------------------------------------------- */

struct shutdown_opts {
	bool all, fallback;
	unsigned wait;
	struct xl_num timeout;
};

static const struct xl_option shutdown_options[] = {
	OPT_BOOL('a', "all", struct shutdown_opts, all, "Every guest"),
	OPT_BOOL('F', NULL, struct shutdown_opts, fallback,
		 "Accepted for compatibility: there is no other way than control/shutdown on Arm"),
	OPT_COUNT('w', "wait", struct shutdown_opts, wait,
		  "Wait until it has shut down; given twice, until it is gone"),
	OPT_NUM('t', "timeout", struct shutdown_opts, timeout, 1, 86400, "SECONDS",
		"How long at most: for its answer (60), and with -w for its end (any time)"),
	OPT_END
};

static xl_run_fn shut_down, reboot;

const struct xl_command cmd_shutdown = {
	.name = "shutdown", .args = "[options] <-a|Domain>...",
	.summary = "Ask domains to shut down",
	.options = shutdown_options, .opts_size = sizeof(struct shutdown_opts),
	.min = 0, .max = XL_ANY, .flags = XL_MODIFIES, .run = shut_down,
};

const struct xl_command cmd_reboot = {
	.name = "reboot", .args = "[options] <-a|Domain>...",
	.summary = "Ask domains to reboot",
	.options = shutdown_options, .opts_size = sizeof(struct shutdown_opts),
	.min = 0, .max = XL_ANY, .flags = XL_MODIFIES, .run = reboot,
};

#define ASK_TIMEOUT_MS 60000

struct targets {
	uint32_t *domids;
	size_t nr;
};

static int all_guests(struct xl *xl, struct targets *t, struct err *err)
{
	autofree struct vmm_dominfo *list = NULL;
	size_t nr;

	if (vmm_domain_list(xl->vmm, &list, &nr, err) < 0)
		return -1;
	t->domids = xcalloc(nr, sizeof(*t->domids));
	for (size_t i = 0; i < nr; i++)
		if (list[i].domid != 0 && !list[i].is_dying && !list[i].is_shutdown)
			t->domids[t->nr++] = list[i].domid;
	return 0;
}

static int named_guests(struct xl *xl, char **args, struct targets *t, struct err *err)
{
	size_t nr = 0;

	while (args[nr])
		nr++;
	t->domids = xcalloc(nr, sizeof(*t->domids));
	for (; t->nr < nr; t->nr++)
		if (xl_domain(xl, args[t->nr], &t->domids[t->nr], err) < 0)
			return -1;
	return 0;
}

/* For a domain that acknowledged; the first failure is the one reported, and keeps nobody else from
 * being waited for. */
static int await_end(struct xl *xl, const struct shutdown_opts *o, uint32_t domid,
		     uint64_t deadline, struct err *err)
{
	uint64_t now = time_ms();
	struct vmm_dominfo info;
	int left_ms = !o->timeout.is_set ? -1 : now < deadline ? (int)(deadline - now) : 0;

	if (vmm_domain_wait(xl->vmm, domid, o->wait > 1, left_ms, &info, err) < 0 &&
	    err->code != ESRCH)
		return err_wrap(err, "waiting for domain %" PRIu32, domid);
	xl_note(xl, "Domain %" PRIu32 " has %s", domid,
		err->code == ESRCH || o->wait > 1 ? "been destroyed" : "been shut down");
	err_clear(err);
	return 0;
}

/* Each is told, then all are awaited. All failures are told, the last as the command's. */
static int ask_all(struct xl *xl, const struct shutdown_opts *o, bool is_reboot, struct targets *t,
		   struct err *err)
{
	uint64_t timeout_ms = o->timeout.is_set ? 1000ull * (uint64_t)o->timeout.v : ASK_TIMEOUT_MS;
	uint64_t deadline = time_ms() + timeout_ms;
	autofree struct err *errs = xcalloc(t->nr, sizeof(*errs));
	int ret = 0;

	for (size_t i = 0; i < t->nr; i++)
		xl_note(xl, "%s domain %" PRIu32, is_reboot ? "Rebooting" : "Shutting down",
			t->domids[i]);
	if (vmm_domain_ask_shutdown_all(xl->vmm, t->domids, t->nr, is_reboot, (int)timeout_ms, errs,
					err) < 0)
		return -1;
	for (size_t i = 0; i < t->nr; i++) {
		if (!errs[i].code && o->wait &&
		    await_end(xl, o, t->domids[i], deadline, &errs[i]) == 0)
			continue;
		if (!errs[i].code)
			continue;
		if (ret < 0)
			xl_note(xl, "xl: %s", err->msg);
		*err = errs[i];
		ret = -1;
	}
	return ret;
}

static int ask(struct xl *xl, const struct shutdown_opts *o, bool is_reboot, char **args,
	       struct err *err)
{
	struct targets t = { NULL, 0 };
	int ret;

	if (o->all && args[0])
		return xl_usage(err, "-a means every domain, so '%s' cannot be given as well",
				args[0]);
	if (!o->all && !args[0])
		return xl_usage(err, "'xl %s' requires a domain, or -a",
				is_reboot ? "reboot" : "shutdown");
	ret = o->all ? all_guests(xl, &t, err) : named_guests(xl, args, &t, err);
	if (ret == 0)
		ret = ask_all(xl, o, is_reboot, &t, err);
	free(t.domids);
	return ret;
}

static int shut_down(struct xl *xl, const void *opts, char **args, struct err *err)
{
	return ask(xl, opts, false, args, err);
}

static int reboot(struct xl *xl, const void *opts, char **args, struct err *err)
{
	return ask(xl, opts, true, args, err);
}

/* --- pause, unpause --------------------------------------------------------------------------- */

static xl_run_fn pause_domain, unpause_domain;

const struct xl_command cmd_pause = {
	.name = "pause", .args = "<Domain>", .summary = "Stop a domain's vcpus until it is unpaused",
	.min = 1, .max = 1, .flags = XL_MODIFIES, .run = pause_domain,
};

const struct xl_command cmd_unpause = {
	.name = "unpause", .args = "<Domain>", .summary = "Let a paused domain run on",
	.min = 1, .max = 1, .flags = XL_MODIFIES, .run = unpause_domain,
};

static int pause_domain(struct xl *xl, const void *opts, char **args, struct err *err)
{
	uint32_t domid;

	if (xl_domain(xl, args[0], &domid, err) < 0)
		return -1;
	return vmm_domain_pause(xl->vmm, domid, err);
}

static int unpause_domain(struct xl *xl, const void *opts, char **args, struct err *err)
{
	uint32_t domid;

	if (xl_domain(xl, args[0], &domid, err) < 0)
		return -1;
	return vmm_domain_unpause(xl->vmm, domid, err);
}

/* --- rename ----------------------------------------------------------------------------------- */

static xl_run_fn rename_domain;

const struct xl_command cmd_rename = {
	.name = "rename", .args = "<Domain> <NewDomainName>", .summary = "Give a domain another name",
	.min = 2, .max = 2, .flags = XL_MODIFIES, .run = rename_domain,
};

static int rename_domain(struct xl *xl, const void *opts, char **args, struct err *err)
{
	uint32_t domid;

	if (xl_domain(xl, args[0], &domid, err) < 0)
		return -1;
	return vmm_domain_rename(xl->vmm, domid, args[1], err);
}

/* --- dump-core -------------------------------------------------------------------------------- */

static xl_run_fn dump_core;

const struct xl_command cmd_dump_core = {
	.name = "dump-core", .args = "<Domain> <file>",
	.summary = "Write the memory and registers of a domain as an ELF core for gdb or crash",
	.min = 2, .max = 2, .run = dump_core,
};

static int dump_core(struct xl *xl, const void *opts, char **args, struct err *err)
{
	uint32_t domid;

	if (xl_domain(xl, args[0], &domid, err) < 0)
		return -1;
	xl_catch_interrupts(xl);
	return vmm_domain_dump_core(xl->vmm, domid, args[1], err);
}

/* --- sysrq ------------------------------------------------------------------------------------ */

static xl_run_fn sysrq;

const struct xl_command cmd_sysrq = {
	.name = "sysrq", .args = "<Domain> <letter>", .summary = "Send a Linux magic system request to a domain",
	.min = 2, .max = 2, .flags = XL_MODIFIES, .run = sysrq,
};

static int sysrq(struct xl *xl, const void *opts, char **args, struct err *err)
{
	uint32_t domid;

	if (xl_domain(xl, args[0], &domid, err) < 0)
		return -1;
	if (strlen(args[1]) != 1)
		return err_set(err, EINVAL, "Invalid sysrq: '%s' is not one letter", args[1]);
	return vmm_domain_sysrq(xl->vmm, domid, args[1][0], err);
}

/* --- trigger, button-press -------------------------------------------------------------------- */

/* What a board's buttons and wires would do. Xen on Arm has none (XEN_DOMCTL_sendtrigger is for x86
 * alone), so each word has an answer instead: what does the same here. */
static const struct trigger {
	const char *name, *instead;
	bool is_button;
} triggers[] = {
	{ "power", "'xl shutdown' asks the guest to power off, 'xl destroy' does not ask", true },
	{ "sleep", "a guest on Arm suspends itself (PSCI SYSTEM_SUSPEND); 'xl pause' holds it from outside", true },
	{ "nmi", "there is no NMI on Arm; 'xl dump-core' shows what the guest does, 'xl sysrq' asks its kernel", false },
	{ "reset", "'xl reboot' asks the guest to reboot; 'xl destroy' and 'xl create' do not ask", false },
	{ "init", "there is no INIT on Arm; 'xl destroy' and 'xl create' start the guest anew", false },
	{ "s3resume", "there is no ACPI S3 on Arm; a guest that suspended itself is woken by its own interrupts", false },
};

static xl_run_fn trigger, button_press;

const struct xl_command cmd_trigger = {
	.name = "trigger", .args = "<Domain> <nmi|reset|init|power|sleep|s3resume> [<VCPU>]",
	.summary = "Send a trigger to a domain: not on Arm, it says what to do instead",
	.min = 2, .max = 3, .flags = XL_MODIFIES, .run = trigger,
};

const struct xl_command cmd_button_press = {
	.name = "button-press", .args = "<Domain> <power|sleep>",
	.summary = "Press a domain's button: not on Arm, it says what to do instead",
	.min = 2, .max = 2, .flags = XL_MODIFIES, .run = button_press,
};

static int answer(struct xl *xl, char **args, bool is_button, struct err *err)
{
	uint32_t domid;

	if (xl_domain(xl, args[0], &domid, err) < 0)
		return -1;
	for (size_t i = 0; i < array_size(triggers); i++)
		if (strcmp(triggers[i].name, args[1]) == 0 && (triggers[i].is_button || !is_button))
			return err_set(err, ENOTSUP,
				       "%s '%s': Xen does not send this to guests on Arm: %s",
				       is_button ? "button" : "trigger", args[1],
				       triggers[i].instead);
	return err_set(err, EINVAL, "Invalid %s \"%s\"", is_button ? "button" : "trigger", args[1]);
}

static int trigger(struct xl *xl, const void *opts, char **args, struct err *err)
{
	return answer(xl, args, false, err);
}

static int button_press(struct xl *xl, const void *opts, char **args, struct err *err)
{
	return answer(xl, args, true, err);
}
