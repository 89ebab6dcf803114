// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The life of domains after creation: find, list, pause, ask, wait, rename; their end is
 * domain_end.c. What is decided about a domain comes from the hypervisor and from nodes only the
 * toolstack writes; of the guest's own nodes only control/shutdown is read, whose acknowledgement
 * is the guest's to give.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <uuid/uuid.h>
#include "base/file.h"
#include "base/num.h"
#include "base/str.h"
#include "libvmm/cfgjson.h"
#include "libvmm/domain.h"
#include "libvmm/internal.h"
#include "libvmm/userdata.h"

#define POLL_MAX_MS 50
#define EMPTY_MS 1000	/* how long a domain without pages may still be going */

/* --- what there is ---------------------------------------------------------------------------- */

static void to_public(const struct hv_dominfo *in, struct vmm_dominfo *out)
{
	const uint64_t kb = HV_PAGE_SIZE / 1024;

	*out = (struct vmm_dominfo){
		.domid = in->domid,
		.is_running = in->is_running, .is_blocked = in->is_blocked, .is_paused = in->is_paused,
		.is_shutdown = in->is_shutdown, .is_dying = in->is_dying,
		.shutdown_reason = in->shutdown_reason,
		.memory_kb = in->nr_pages * kb, .outstanding_kb = in->outstanding_pages * kb,
		.shared_kb = in->shared_pages * kb, .max_memory_kb = in->max_pages * kb,
		.cpu_time_ns = in->cpu_time_ns,
		.nr_online_vcpus = in->nr_online_vcpus, .nr_vcpus = in->nr_vcpus,
		.cpupool = in->cpupool, .ssidref = in->ssidref,
	};
	memcpy(out->uuid, in->uuid, sizeof(out->uuid));
}

int vmm_domain_info(struct vmm *vmm, uint32_t domid, struct vmm_dominfo *out, struct err *err)
{
	struct hv *hv = vmm_hv(vmm, err);
	struct hv_dominfo info;

	if (!hv || hv_domain_info(hv, domid, &info, err) < 0)
		return -1;
	to_public(&info, out);
	return 0;
}

int vmm_domain_list(struct vmm *vmm, struct vmm_dominfo **out, size_t *nr, struct err *err)
{
	struct hv *hv = vmm_hv(vmm, err);
	autofree struct hv_dominfo *list = NULL;

	if (!hv || hv_domain_list(hv, &list, nr, err) < 0)
		return -1;
	*out = xcalloc(*nr, sizeof(**out));
	for (size_t i = 0; i < *nr; i++)
		to_public(&list[i], &(*out)[i]);
	return 0;
}

int vmm_domain_names(struct vmm *vmm, const struct vmm_dominfo *list, size_t nr, char **names,
		     struct err *err)
{
	struct store *store = vmm_store(vmm, err);
	autostrlist struct strlist paths = STRLIST_INIT;

	if (!store)
		return -1;
	for (size_t i = 0; i < nr; i++)
		strlist_take(&paths, str_printf("/local/domain/%" PRIu32 "/name", list[i].domid));
	return nr ? store_read_many(store, (const char *const *)paths.v, nr, names, err) : 0;
}

int vmm_domain_name(struct vmm *vmm, uint32_t domid, char **name, struct err *err)
{
	struct store *store = vmm_store(vmm, err);

	if (!store || store_read_opt(store, name, err, "/local/domain/%" PRIu32 "/name", domid) < 0)
		return -1;
	return *name ? 0 : err_set(err, ENOENT, "domain %" PRIu32 " has no name", domid);
}

static void names_free(char **names, size_t nr)
{
	for (size_t i = 0; names && i < nr; i++)
		free(names[i]);
	free(names);
}

static int find_name(struct vmm *vmm, const char *name, uint32_t *domid, struct err *err)
{
	autofree struct vmm_dominfo *list = NULL;
	char **names;
	size_t nr;
	int ret;

	if (vmm_domain_list(vmm, &list, &nr, err) < 0)
		return -1;
	names = xcalloc(nr, sizeof(*names));
	ret = vmm_domain_names(vmm, list, nr, names, err);
	if (ret == 0) {
		ret = -1;
		for (size_t i = 0; i < nr && ret < 0; i++) {
			if (str_eq(names[i], name)) {
				*domid = list[i].domid;
				ret = 0;
			}
		}
		if (ret < 0)
			err_set(err, ESRCH, "there is no domain '%s'", name);
	}
	names_free(names, nr);
	return ret;
}

int vmm_domain_find(struct vmm *vmm, const char *id_or_name, uint32_t *domid, struct err *err)
{
	struct vmm_dominfo info;
	uint64_t id;

	if (!num_is_dec(id_or_name))
		return find_name(vmm, id_or_name, domid, err);
	if (num_dec(id_or_name, HV_DOMID_FIRST_RESERVED - 1, "domain", &id, err) < 0) {
		err->code = ESRCH;
		return -1;
	}
	if (vmm_domain_info(vmm, (uint32_t)id, &info, err) < 0) {
		if (err->code == ESRCH)
			return err_set(err, ESRCH, "there is no domain %" PRIu64, id);
		return -1;
	}
	*domid = (uint32_t)id;
	return 0;
}

int vmm_domain_find_uuid(struct vmm *vmm, const uint8_t uuid[16], uint32_t other_than,
			 uint32_t *domid, struct err *err)
{
	autofree struct vmm_dominfo *list = NULL;
	size_t nr;

	*domid = 0;
	if (uuid_is_null(uuid))
		return 0;
	if (vmm_domain_list(vmm, &list, &nr, err) < 0)
		return -1;
	for (size_t i = 0; i < nr; i++)
		if (list[i].domid != other_than && !list[i].is_dying &&
		    memcmp(list[i].uuid, uuid, sizeof(list[i].uuid)) == 0)
			*domid = list[i].domid;
	return 0;
}

/* --- pause, ask, rename ----------------------------------------------------------------------- */

int vmm_domain_pause(struct vmm *vmm, uint32_t domid, struct err *err)
{
	struct hv *hv = vmm_hv(vmm, err);

	return hv ? hv_domain_pause(hv, domid, err) : -1;
}

int vmm_domain_unpause(struct vmm *vmm, uint32_t domid, struct err *err)
{
	struct hv *hv = vmm_hv(vmm, err);

	return hv ? hv_domain_unpause(hv, domid, err) : -1;
}

int vmm_domain_rename(struct vmm *vmm, uint32_t domid, const char *new_name, struct err *err)
{
	struct store *store = vmm_store(vmm, err);
	struct vmm_dominfo info;
	uint32_t other;
	char uuid[37];

	if (!store)
		return -1;
	if (config_check_name(new_name, err) < 0 || vmm_domain_info(vmm, domid, &info, err) < 0)
		return err_wrap(err, "renaming domain %" PRIu32, domid);
	if (find_name(vmm, new_name, &other, err) == 0) {
		if (other == domid)
			return 0;
		return err_set(err, EEXIST,
			       "renaming domain %" PRIu32 ": domain %" PRIu32
			       " is already called '%s'",
			       domid, other, new_name);
	}
	if (err->code != ESRCH)
		return -1;
	err_clear(err);
	vmm_uuid_text(info.uuid, uuid);
	autotxn struct store_txn t = STORE_TXN(store);
	store_txn_write(&t, new_name, "/local/domain/%" PRIu32 "/name", domid);
	store_txn_write(&t, new_name, "/vm/%s/name", uuid);
	if (store_txn_commit(&t, err) < 0)
		return err_wrap(err, "renaming domain %" PRIu32, domid);
	return 0;
}

int vmm_domain_sysrq(struct vmm *vmm, uint32_t domid, char letter, struct err *err)
{
	struct store *store = vmm_store(vmm, err);
	autofree char *path = str_printf("/local/domain/%" PRIu32 "/control/sysrq", domid);
	const char text[2] = { letter, '\0' };

	return store ? store_write(store, path, text, err) : -1;
}

int vmm_domain_label(struct vmm *vmm, uint32_t ssidref, char **label, struct err *err)
{
	struct hv *hv = vmm_hv(vmm, err);
	char text[1024];

	if (!hv || hv_flask_context(hv, ssidref, text, sizeof(text), err) < 0)
		return -1;
	*label = xstrdup(text);
	return 0;
}

/* --- waiting ---------------------------------------------------------------------------------- */

int domain_left_ms(uint64_t deadline)
{
	uint64_t now = time_ms();

	if (deadline == UINT64_MAX)
		return -1;
	return deadline > now ? (int)(deadline - now) : 0;
}

static uint64_t deadline_of(int timeout_ms)
{
	return timeout_ms < 0 ? UINT64_MAX : time_ms() + (uint64_t)timeout_ms;
}

int domain_await_event(struct vmm *vmm, int max_ms, struct err *err)
{
	autofree char *path = NULL;
	autofree char *token = NULL;
	int ret = store_next_event(vmm->store, max_ms, &path, &token, err);

	if (ret >= 0 && vmm->interrupt && *vmm->interrupt)
		return err_set(err, EINTR, "interrupted");
	return ret;
}

int domain_watch(struct vmm *vmm, const char *path, struct err *err)
{
	if (store_watch(vmm->store, path, DOMAIN_TOKEN, err) == 0)
		return 0;
	if (err->code != EEXIST)
		return -1;
	err_clear(err);
	return 0;
}

void domain_forget_watch(struct vmm *vmm, const char *path)
{
	struct err ignored = ERR_INIT;

	/* The connection may be what failed; its watches end with it. */
	if (store_unwatch(vmm->store, path, DOMAIN_TOKEN, &ignored) < 0)
		return;
}

/*
 * A watch on @releaseDomain tells when a domain shuts down and when it begins to die, but nothing
 * tells when the last reference to its pages is dropped and it disappears. So a dying domain is
 * looked at again after each event, and in between at growing intervals. One that is empty and
 * stays is nothing but a number that is taken: Xen never lets go of what it started with a static
 * event channel.
 */
int domain_wait_gone(struct vmm *vmm, uint32_t domid, uint64_t deadline, struct err *err)
{
	uint64_t empty_since = 0;
	struct vmm_dominfo info;
	int pause_ms = 1;

	for (;;) {
		int left = domain_left_ms(deadline), max_ms;

		if (vmm_domain_info(vmm, domid, &info, err) < 0) {
			if (err->code != ESRCH)
				return -1;
			err_clear(err);
			return 0;
		}
		if (!domain_is_empty(&info))
			empty_since = 0;
		else if (!empty_since)
			empty_since = time_ms();
		else if (time_ms() - empty_since >= EMPTY_MS)
			return 0;
		if (left == 0)
			return err_set(err, ETIMEDOUT,
				       "domain %" PRIu32
				       " is dying, but something still holds %" PRIu64
				       " KiB of its memory: xenstored, xenconsoled or a backend; "
				       "when that lets go, 'xl destroy "
				       "%" PRIu32 "' finishes it",
				       domid, info.memory_kb, domid);
		max_ms = info.is_dying ? pause_ms : POLL_MAX_MS * 20;
		if (domain_await_event(vmm, left >= 0 && left < max_ms ? left : max_ms, err) < 0)
			return -1;
		if (pause_ms < POLL_MAX_MS)
			pause_ms *= 2;
	}
}

static int wait_until_shut(struct vmm *vmm, uint32_t domid, uint64_t deadline,
			   struct vmm_dominfo *info, struct err *err)
{
	for (;;) {
		int left = domain_left_ms(deadline);

		if (vmm_domain_info(vmm, domid, info, err) < 0)
			return -1;
		if (info->is_shutdown || info->is_dying)
			return 0;
		if (left == 0)
			return err_set(err, ETIMEDOUT, "domain %" PRIu32 " is still running",
				       domid);
		if (domain_await_event(vmm, left, err) < 0)
			return -1;
	}
}

int vmm_domain_wait(struct vmm *vmm, uint32_t domid, bool for_death, int timeout_ms,
		    struct vmm_dominfo *info, struct err *err)
{
	struct store *store = vmm_store(vmm, err);
	uint64_t deadline = deadline_of(timeout_ms);
	int ret;

	if (!store || domain_watch(vmm, "@releaseDomain", err) < 0)
		return -1;
	ret = for_death ? domain_wait_gone(vmm, domid, deadline, err) :
			  wait_until_shut(vmm, domid, deadline, info, err);
	domain_forget_watch(vmm, "@releaseDomain");
	return ret;
}

/* --- shutdown --------------------------------------------------------------------------------- */

/* The guest takes the word away when it has read it: 1 when it has (or the domain is past caring),
 * 0 when not yet. */
static int is_acknowledged(struct vmm *vmm, uint32_t domid, const char *word, struct err *err)
{
	autofree char *value = NULL;
	struct vmm_dominfo info;

	if (store_read_opt(vmm->store, &value, err, "/local/domain/%" PRIu32 "/control/shutdown",
			   domid) < 0)
		return -1;
	if (!str_eq(value, word))
		return 1;
	if (vmm_domain_info(vmm, domid, &info, err) < 0) {
		if (err->code != ESRCH)
			return -1;
		err_clear(err);
		return 1;
	}
	return info.is_shutdown || info.is_dying;
}

/* Take the request back, so that a guest that wakes up late does not act on what was given up. */
static void retract(struct vmm *vmm, uint32_t domid, const char *word)
{
	struct err ignored = ERR_INIT;

	for (int i = 0; i < 5; i++) {
		autotxn struct store_txn t = STORE_TXN(vmm->store);
		autofree char *value = NULL;

		if (store_txn_read_opt(&t, &value, &ignored,
				       "/local/domain/%" PRIu32 "/control/shutdown", domid) < 0 ||
		    !str_eq(value, word))
			return;
		store_txn_write(&t, "", "/local/domain/%" PRIu32 "/control/shutdown", domid);
		if (store_txn_commit(&t, &ignored) == 0 || ignored.code != EAGAIN)
			return;
	}
}

static int check_askable(struct vmm *vmm, uint32_t domid, struct err *err)
{
	autofree char *value = NULL;
	struct vmm_dominfo info;
	bool is_introduced;

	if (vmm_domain_info(vmm, domid, &info, err) < 0)
		return -1;
	if (info.is_shutdown || info.is_dying)
		return err_set(err, EINVAL, "it has already shut down");
	if (info.is_paused)
		return err_set(err, EINVAL,
			       "it is paused and cannot answer; 'xl unpause' it first");
	if (store_read_opt(vmm->store, &value, err, "/local/domain/%" PRIu32 "/control/shutdown",
			   domid) < 0)
		return -1;
	if (!value)
		return err_set(err, ENOTSUP,
			       "it has no control/shutdown node, so it cannot be asked");
	/* One that Xen started with no room for a ring. */
	if (store_is_introduced(vmm->store, domid, &is_introduced, err) < 0)
		return -1;
	if (!is_introduced)
		return err_set(err, ENOTSUP,
			       "it has no store ring, so it cannot be asked; 'xl destroy' needs no "
			       "answer");
	return 0;
}

/* One of those that are asked. */
struct asked {
	uint32_t domid;
	char *path;		/* NULL: it was not, or is no longer, waited for */
	struct err *err;
};

static void ask(struct vmm *vmm, struct asked *a, const char *word)
{
	autofree char *path = str_printf("/local/domain/%" PRIu32 "/control/shutdown", a->domid);

	if (check_askable(vmm, a->domid, a->err) < 0 || domain_watch(vmm, path, a->err) < 0)
		return;
	if (store_write(vmm->store, path, word, a->err) < 0)
		domain_forget_watch(vmm, path);
	else
		a->path = steal(path);
}

static void ask_end(struct vmm *vmm, struct asked *a)
{
	if (a->path)
		domain_forget_watch(vmm, a->path);
	free(a->path);
	a->path = NULL;
}

/* How many have not answered yet. */
static size_t look(struct vmm *vmm, struct asked *asked, size_t nr, const char *word)
{
	size_t nr_left = 0;

	for (size_t i = 0; i < nr; i++) {
		if (!asked[i].path)
			continue;
		if (is_acknowledged(vmm, asked[i].domid, word, asked[i].err) == 0)
			nr_left++;
		else
			ask_end(vmm, &asked[i]);
	}
	return nr_left;
}

static void await_acks(struct vmm *vmm, struct asked *asked, size_t nr, const char *word,
		       int timeout_ms)
{
	uint64_t deadline = deadline_of(timeout_ms);
	struct err why = ERR_INIT;

	while (look(vmm, asked, nr, word) > 0) {
		int left = domain_left_ms(deadline);

		if (left == 0)
			err_set(&why, ETIMEDOUT,
				"the guest did not answer within %d s: has it Xen drivers, is it "
				"alive? "
				"'xl destroy' needs no answer",
				timeout_ms / 1000);
		if (left == 0 || domain_await_event(vmm, left, &why) < 0)
			break;
	}
	for (size_t i = 0; i < nr; i++) {
		if (!asked[i].path)
			continue;
		retract(vmm, asked[i].domid, word);
		*asked[i].err = why;
		ask_end(vmm, &asked[i]);
	}
}

int vmm_domain_ask_shutdown_all(struct vmm *vmm, const uint32_t *domids, size_t nr, bool reboot,
				int timeout_ms, struct err *errs, struct err *err)
{
	const char *word = reboot ? "reboot" : "poweroff";
	autofree struct asked *asked = xcalloc(nr, sizeof(*asked));

	if (!vmm_store(vmm, err) || domain_watch(vmm, "@releaseDomain", err) < 0)
		return -1;
	for (size_t i = 0; i < nr; i++) {
		errs[i] = (struct err)ERR_INIT;
		asked[i] = (struct asked){ .domid = domids[i], .err = &errs[i] };
		ask(vmm, &asked[i], word);
	}
	await_acks(vmm, asked, nr, word, timeout_ms);
	domain_forget_watch(vmm, "@releaseDomain");
	for (size_t i = 0; i < nr; i++)
		if (errs[i].code &&
		    err_wrap(&errs[i], "asking domain %" PRIu32 " to %s", domids[i], word))
			continue;
	return 0;
}

int vmm_domain_ask_shutdown(struct vmm *vmm, uint32_t domid, bool reboot, int timeout_ms,
			    struct err *err)
{
	struct err one = ERR_INIT;

	if (vmm_domain_ask_shutdown_all(vmm, &domid, 1, reboot, timeout_ms, &one, err) < 0)
		return err_wrap(err, "asking domain %" PRIu32 " to %s", domid,
				reboot ? "reboot" : "poweroff");
	if (!one.code)
		return 0;
	*err = one;
	return -1;
}

/* --- the saved configuration ------------------------------------------------------------------ */

int vmm_domain_config_save(struct vmm *vmm, uint32_t domid, const struct vmm_config *cfg,
			   struct err *err)
{
	autofree char *json = NULL;
	struct vmm_dominfo info;

	if (vmm_domain_info(vmm, domid, &info, err) < 0 || cfgjson_saved(cfg, NULL, &json, err) < 0)
		return -1;
	/* Upstream's readers want the terminating NUL in the file. */
	return userdata_write(domid, info.uuid, "libxl-json", json, strlen(json) + 1, err);
}

/* "online" from vcpu 0 on: what vcpu-set asked for last. Nobody took boot-time guests' nodes down:
 * then it is as it was. */
static void count_online(struct vmm_config *cfg, char **availability)
{
	uint32_t nr = 0;

	while (nr < cfg->max_vcpus && str_eq(availability[nr], "online"))
		nr++;
	if (nr)
		cfg->vcpus = nr;
}

/* What may have changed since it was saved: the name, the memory target, the vcpus online. */
static int bring_up_to_date(struct vmm *vmm, uint32_t domid, struct vmm_config *cfg,
			    struct err *err)
{
	const char *const keys[] = { "name", "memory/target", "memory/static-max" };
	autostrlist struct strlist paths = STRLIST_INIT;
	autofree char **values = xcalloc(array_size(keys) + cfg->max_vcpus, sizeof(*values));
	struct store *store = vmm_store(vmm, err);
	uint64_t kb;
	int ret;

	if (!store)
		return -1;
	for (size_t i = 0; i < array_size(keys); i++)
		strlist_take(&paths, str_printf("/local/domain/%" PRIu32 "/%s", domid, keys[i]));
	for (uint32_t i = 0; i < cfg->max_vcpus; i++)
		strlist_take(&paths,
			     str_printf("/local/domain/%" PRIu32 "/cpu/%" PRIu32 "/availability",
					domid, i));
	ret = store_read_many(store, (const char *const *)paths.v, paths.n, values, err);
	if (ret == 0) {
		struct err ignored = ERR_INIT;

		if (values[0]) {
			free(cfg->name);
			cfg->name = steal(values[0]);
		}
		/* static-max may be written by nobody but us; the target is bounded by it. */
		if (values[2] && num_dec(values[2], UINT64_MAX, "static-max", &kb, &ignored) == 0)
			cfg->max_kb = kb;
		if (values[1] && num_dec(values[1], cfg->max_kb, "target", &kb, &ignored) == 0)
			cfg->target_kb = kb;
		count_online(cfg, values + array_size(keys));
	}
	for (size_t i = 0; i < paths.n; i++)
		free(values[i]);
	return ret;
}

int vmm_domain_config(struct vmm *vmm, uint32_t domid, struct vmm_config **out, struct err *err)
{
	autofree char *json = NULL;
	struct vmm_dominfo info;
	size_t len;

	if (vmm_domain_info(vmm, domid, &info, err) < 0)
		return -1;
	if (userdata_read(domid, info.uuid, "libxl-json", &json, &len, err) < 0)
		return err_wrap(err, "the saved configuration of domain %" PRIu32, domid);
	len = strnlen(json, len);
	if (vmm_config_from_json(json, len, out, err) < 0)
		return err_wrap(err, "the saved configuration of domain %" PRIu32, domid);
	if (bring_up_to_date(vmm, domid, *out, err) < 0) {
		vmm_config_free(steal(*out));
		return -1;
	}
	return 0;
}

static int live_scheduling(struct vmm *vmm, uint32_t domid, struct cfgjson_live *live,
			   struct err *err)
{
	struct vmm_sched_params p;

	if (vmm_sched_params(vmm, domid, &p, err) < 0)
		return -1;
	*live = (struct cfgjson_live){ vmm_sched_name(p.sched),
				       CONFIG_UNSET,
				       CONFIG_UNSET,
				       CONFIG_UNSET,
				       CONFIG_UNSET,
				       CONFIG_UNSET };
	if (p.has_credit) {
		live->weight = (int32_t)p.credit.weight;
		live->cap = (int32_t)p.credit.cap;
	}
	if (p.has_rtds) {
		live->period_us = (int32_t)p.rtds.period_us;
		live->budget_us = (int32_t)p.rtds.budget_us;
		live->extratime = p.rtds.extratime;
	}
	return 0;
}

#define NEXT_CONFIG "xl"

int vmm_domain_config_next(struct vmm *vmm, uint32_t domid, char **text, struct err *err)
{
	struct vmm_dominfo info;
	size_t len;

	*text = NULL;
	if (vmm_domain_info(vmm, domid, &info, err) < 0)
		return -1;
	if (userdata_read(domid, info.uuid, NEXT_CONFIG, text, &len, err) == 0)
		return 0;
	if (err->code != ENOENT)
		return -1;
	err_clear(err);
	return 0;
}

int vmm_domain_config_set_next(struct vmm *vmm, uint32_t domid, const struct vmm_config *cfg,
			       struct err *err)
{
	const char *text = cfg->source_text ? cfg->source_text : "";
	struct vmm_dominfo info;

	if (vmm_domain_info(vmm, domid, &info, err) < 0)
		return -1;
	return userdata_write(domid, info.uuid, NEXT_CONFIG, text, strlen(text), err);
}

int vmm_domain_config_json(struct vmm *vmm, uint32_t domid, char **json, struct err *err)
{
	struct cfgjson_live live;
	struct vmm_config *cfg;
	int ret;

	if (live_scheduling(vmm, domid, &live, err) < 0 ||
	    vmm_domain_config(vmm, domid, &cfg, err) < 0)
		return -1;
	ret = cfgjson_saved(cfg, &live, json, err);
	vmm_config_free(cfg);
	return ret;
}

/* --- uptime ----------------------------------------------------------------------------------- */

static int dom0_uptime(uint64_t *seconds, struct err *err)
{
	autofree char *text = NULL;

	if (file_read("/proc/uptime", 256, &text, NULL, err) < 0)
		return -1;
	text[strcspn(text, ". \n")] = '\0';
	return num_dec(text, UINT64_MAX, "/proc/uptime", seconds, err);
}

int vmm_domain_uptime_s(struct vmm *vmm, uint32_t domid, uint64_t *seconds, struct err *err)
{
	struct store *store;
	autofree char *text = NULL;
	struct vmm_dominfo info;
	struct timespec now;
	uint64_t start;
	char uuid[37];

	if (domid == 0)
		return dom0_uptime(seconds, err);
	store = vmm_store(vmm, err);
	if (!store || vmm_domain_info(vmm, domid, &info, err) < 0)
		return -1;
	vmm_uuid_text(info.uuid, uuid);
	if (store_read(store, &text, err, "/vm/%s/start_time", uuid) < 0)
		return err_wrap(err, "domain %" PRIu32 " has no start time", domid);
	text[strcspn(text, ".")] = '\0';
	if (num_dec(text, UINT64_MAX, "start_time", &start, err) < 0)
		return err_wrap(err, "domain %" PRIu32, domid);
	/* The start is a date, so the distance is one of dates: the one place where the wall clock
	 * is right. */
	clock_gettime(CLOCK_REALTIME, &now);
	*seconds = (uint64_t)now.tv_sec > start ? (uint64_t)now.tv_sec - start : 0;
	return 0;
}
