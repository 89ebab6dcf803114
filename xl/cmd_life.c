// SPDX-License-Identifier: LGPL-2.1-or-later
/* The life of domains that exist: destroy, shutdown, reboot, pause, unpause, rename, sysrq. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include "base/str.h"
#include "xl/xl.h"

/* --- destroy -------------------------------------------------------------------------------------------------------- */

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
	xl_note(arg, "xl: the backend of domain %u's %s %d ends with it; detach that, and attach it again when there is a new one",
		domid, kind, devid);
}

static int destroy(struct xl *xl, const void *opts, char **args, struct err *err)
{
	const struct destroy_opts *o = opts;
	uint32_t domid;

	if (xl_domain(xl, args[0], &domid, err) < 0)
		return -1;
	if (domid == 0 && !o->force)
		return err_set(err, EPERM, "not destroying domain 0; use -f if you really want to");
	if (vmm_device_orphans(xl->vmm, domid, note_orphan, xl, err) < 0)
		err_clear(err);
	return vmm_domain_destroy(xl->vmm, domid, err);
}

/* --- shutdown, reboot ------------------------------------------------------------------------------------------------ */

struct shutdown_opts {
	bool all, fallback;
	unsigned wait;
};

static const struct xl_option shutdown_options[] = {
	OPT_BOOL('a', "all", struct shutdown_opts, all, "Every guest"),
	OPT_BOOL('F', NULL, struct shutdown_opts, fallback,
		 "Accepted for compatibility: there is no other way than control/shutdown on Arm"),
	OPT_COUNT('w', "wait", struct shutdown_opts, wait,
		  "Wait until it has shut down; given twice, until it is gone"),
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

/* What became of the domains asked: each is told, then all are awaited. The first failure is the one reported, but it does
 * not keep the others from being asked. */
static int ask_all(struct xl *xl, const struct shutdown_opts *o, bool is_reboot, struct targets *t,
		   struct err *err)
{
	size_t asked = 0;
	int ret = 0;

	for (size_t i = 0; i < t->nr; i++) {
		struct err one = ERR_INIT;

		xl_note(xl, "%s domain %" PRIu32, is_reboot ? "Rebooting" : "Shutting down", t->domids[i]);
		if (vmm_domain_ask_shutdown(xl->vmm, t->domids[i], is_reboot, ASK_TIMEOUT_MS, &one) == 0) {
			t->domids[asked++] = t->domids[i];
			continue;
		}
		if (ret < 0)
			xl_note(xl, "xl: %s", err->msg);
		*err = one;
		ret = -1;
	}
	for (size_t i = 0; o->wait && i < asked; i++) {
		struct err one = ERR_INIT;
		struct vmm_dominfo info;

		if (vmm_domain_wait(xl->vmm, t->domids[i], o->wait > 1, -1, &info, &one) < 0 &&
		    one.code != ESRCH) {
			*err = one;
			return -1;
		}
		xl_note(xl, "Domain %" PRIu32 " has %s", t->domids[i],
			one.code == ESRCH || o->wait > 1 ? "been destroyed" : "been shut down");
	}
	return ret;
}

static int ask(struct xl *xl, const struct shutdown_opts *o, bool is_reboot, char **args, struct err *err)
{
	struct targets t = { NULL, 0 };
	int ret;

	if (o->all && args[0])
		return xl_usage(err, "-a means every domain, so '%s' cannot be given as well", args[0]);
	if (!o->all && !args[0])
		return xl_usage(err, "'xl %s' requires a domain, or -a", is_reboot ? "reboot" : "shutdown");
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

/* --- pause, unpause ---------------------------------------------------------------------------------------------------- */

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

/* --- rename ---------------------------------------------------------------------------------------------------------- */

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

/* --- dump-core -------------------------------------------------------------------------------------------------------- */

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

/* --- sysrq ----------------------------------------------------------------------------------------------------------- */

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
