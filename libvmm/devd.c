/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The driver domain's half of the device engine: what the toolstack of the control domain writes
 * into our backend directories is connected to this machine, and taken down and removed when the
 * backend has closed for good. It knows the store and this domain's own devices; it makes no
 * hypercall and trusts no node that a guest can write (frontends are never read).
 *
 * What was connected is noted in the store, in our own libxl/devd, so that a devd which was killed
 * and started again finds it.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/str.h"
#include "libvmm/device.h"
#include "libvmm/devices.h"

#define MAX_SERVED 4096		/* far more than a store's quota lets a domain have */

enum served_step { SERVED_NEW, SERVED_PLUGGING, SERVED_PLUGGED, SERVED_FAILED, SERVED_UNPLUGGING };

struct served {
	struct list link;
	const struct vmm_devclass *class;
	uint32_t domid;			/* of the frontend */
	int32_t devid;
	char *id;			/* "vif/3/0" */
	char *dir, *note;		/* the backend's directory; our note of it */
	enum served_step step;
	struct device_nodes nodes;	/* NODE_RECORD: what the step's undoing needs */
	struct hotplug_script running;
	uint64_t deadline;		/* of what runs */
	bool is_gone;			/* its directory was removed, by us or by dom0 */
};

struct devd {
	struct vmm *vmm;
	const struct vmm_devd_ops *ops;
	void *arg;
	int stop_fd;
	char *top, *notes;		/* /local/domain/SELF/backend, and /libxl/devd */
	bool keeps_notes;
	struct list served;
	size_t nr;
};

static void say(struct devd *d, bool is_error, const char *fmt, ...) printf_like(3, 4);
static void say(struct devd *d, bool is_error, const char *fmt, ...)
{
	autofree char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	text = str_vprintf(fmt, ap);
	va_end(ap);
	d->ops->log(d->arg, is_error, text);
}

/* --- who is served ---------------------------------------------------------------------------- */

static void served_free(struct devd *d, struct served *s)
{
	list_del(&s->link);
	d->nr--;
	hotplug_kill(&s->running);
	device_nodes_free(&s->nodes);
	free(s->id);
	free(s->dir);
	free(s->note);
	free(s);
}

/* "KIND/DOMID/DEVID" with anything behind it. Kinds without a hotplug step are not ours to serve:
 * their drivers are programs. */
static bool parse_id(const char *id, const struct vmm_devclass **class, uint32_t *domid,
		     int32_t *devid, int *end)
{
	char kind[32];

	*end = 0;
	if (sscanf(id, "%31[^/]/%u/%d%n", kind, domid, devid, end) != 3 || *end == 0 ||
	    *devid < 0 || (id[*end] != '\0' && id[*end] != '/'))
		return false;
	*class = devclass_by_backend(kind);
	return *class != NULL && (*class)->script_add != NULL;
}

static struct served *served_find(struct devd *d, const char *id)
{
	const struct vmm_devclass *class;
	struct served *s;
	uint32_t domid;
	int32_t devid;
	int end;

	if (!parse_id(id, &class, &domid, &devid, &end))
		return NULL;
	list_for_each_entry (s, &d->served, link)
		if (s->class == class && s->domid == domid && s->devid == devid)
			return s;
	if (d->nr >= MAX_SERVED) {
		say(d, true, "%s: not served, there are %u devices already", id, MAX_SERVED);
		return NULL;
	}
	s = xcalloc(1, sizeof(*s));
	s->class = class;
	s->domid = domid;
	s->devid = devid;
	s->running.fd = -1;
	s->id = str_printf("%s/%u/%d", class->backend, domid, devid);
	s->dir = str_printf("%s/%s", d->top, s->id);
	s->note = str_printf("%s/%s", d->notes, s->id);
	list_add_tail(&d->served, &s->link);
	d->nr++;
	return s;
}

/* --- the store -------------------------------------------------------------------------------- */

static struct store *store_of(struct devd *d)
{
	return d->vmm->store;
}

/* All that is in a directory; a missing one is empty. */
static int read_dir(struct devd *d, const char *dir, enum node_side side, struct device_nodes *out,
		    struct err *err)
{
	autostrlist struct strlist names = STRLIST_INIT, paths = STRLIST_INIT;
	autofree char **values = NULL;

	if (store_list(store_of(d), dir, &names, err) < 0) {
		if (err->code != ENOENT)
			return -1;
		err_clear(err);
		return 0;
	}
	for (size_t i = 0; i < names.n; i++)
		strlist_take(&paths, str_printf("%s/%s", dir, names.v[i]));
	if (paths.n == 0)
		return 0;
	values = xcalloc(paths.n, sizeof(*values));
	if (store_read_many(store_of(d), (const char *const *)paths.v, paths.n, values, err) < 0)
		return -1;
	for (size_t i = 0; i < paths.n; i++) {
		if (values[i] != NULL)
			device_nodes_add(out, side, values[i], "%s", names.v[i]);
		free(values[i]);
	}
	return 0;
}

/* The verdict for the toolstack that waits, what the backend driver waits for, and our own note:
 * all or nothing. */
static int publish(struct devd *d, struct served *s, const struct device_nodes *nodes, size_t first,
		   const char *status, const char *why, struct err *err)
{
	autotxn struct store_txn t = STORE_TXN(store_of(d));

	for (size_t i = first; nodes != NULL && i < nodes->nr; i++)
		if (nodes->v[i].side == NODE_BACK)
			store_txn_write(&t, nodes->v[i].value, "%s/%s", s->dir, nodes->v[i].key);
	for (size_t i = 0; d->keeps_notes && i < s->nodes.nr; i++)
		store_txn_write(&t, s->nodes.v[i].value, "%s/%s", s->note, s->nodes.v[i].key);
	if (why != NULL)
		store_txn_write(&t, why, "%s/hotplug-error", s->dir);
	if (status != NULL)
		store_txn_write(&t, status, "%s/hotplug-status", s->dir);
	return store_txn_commit(&t, err);
}

static void fail(struct devd *d, struct served *s, struct err *why)
{
	struct err err = ERR_INIT;

	s->step = SERVED_FAILED;
	say(d, true, "%s: %s", s->id, why->msg);
	if (publish(d, s, NULL, 0, "error", why->msg, &err) < 0)
		say(d, true, "%s: telling so: %s", s->id, err.msg);
	err_clear(why);
}

/* --- plug ------------------------------------------------------------------------------------- */

/* What undoing needs, from the backend's nodes. */
static void take_record(struct served *s, const struct device_nodes *nodes)
{
	for (size_t i = 0; device_step_keys[i] != NULL; i++) {
		const char *value = device_nodes_get(nodes, NODE_BACK, device_step_keys[i]);

		if (value != NULL)
			device_nodes_add(&s->nodes, NODE_RECORD, value, "%s", device_step_keys[i]);
	}
	for (size_t i = 0; i < nodes->nr; i++)
		if (nodes->v[i].side == NODE_RECORD)
			device_nodes_add(&s->nodes, NODE_RECORD, nodes->v[i].value, "%s",
					 nodes->v[i].key);
}

static int plug_builtin(struct devd *d, struct served *s, struct device_nodes *nodes,
			struct err *err)
{
	size_t first = nodes->nr;

	if (s->class->plug(s->domid, s->devid, nodes, err) < 0)
		return -1;
	take_record(s, nodes);
	s->step = SERVED_PLUGGED;
	if (publish(d, s, nodes, first, "connected", NULL, err) < 0)
		return -1;
	say(d, false, "%s: connected", s->id);
	return 0;
}

static int plug_script(struct devd *d, struct served *s, const struct device_nodes *nodes,
		       const char *script, struct err *err)
{
	autostrlist struct strlist env = STRLIST_INIT;

	take_record(s, nodes);
	if (publish(d, s, NULL, 0, NULL, NULL, err) < 0)
		return -1;
	device_script_env(s->class, s->domid, s->devid, s->class->backend, script, &s->nodes, &env);
	if (hotplug_start(script, s->class->script_add, &env, &s->running, err) < 0)
		return -1;
	s->step = SERVED_PLUGGING;
	s->deadline = time_ms() + DEVICE_SCRIPT_TIMEOUT_MS;
	return 0;
}

/* An empty drive has nothing to connect. */
static bool has_step(const struct device_nodes *nodes)
{
	const char *params = device_nodes_get(nodes, NODE_BACK, "params");

	return device_nodes_get(nodes, NODE_BACK, "script") != NULL &&
	       (params == NULL || params[0] != '\0');
}

static int plug(struct devd *d, struct served *s, struct err *err)
{
	struct device_nodes nodes = { NULL, 0 };
	const char *script, *builtin;
	int ret;

	ret = read_dir(d, s->dir, NODE_BACK, &nodes, err);
	script = device_nodes_get(&nodes, NODE_BACK, "script");
	builtin = device_nodes_get(&nodes, NODE_BACK, "hotplug");
	if (ret == 0 && !has_step(&nodes))
		s->step = SERVED_PLUGGED;
	else if (ret == 0 && builtin != NULL && strcmp(builtin, "builtin") == 0 &&
		 s->class->plug != NULL)
		ret = plug_builtin(d, s, &nodes, err);
	else if (ret == 0 && script[0] != '/')
		ret = err_set(err, EINVAL, "script '%s': expected an absolute path", script);
	else if (ret == 0)
		ret = plug_script(d, s, &nodes, script, err);
	device_nodes_free(&nodes);
	return ret;
}

/* --- unplug ----------------------------------------------------------------------------------- */

static void forget(struct devd *d, struct served *s)
{
	struct err err = ERR_INIT;

	if (!s->is_gone && store_rm(store_of(d), s->dir, &err) < 0)
		say(d, true, "%s: %s", s->id, err.msg);
	err_clear(&err);
	if (d->keeps_notes && store_rm(store_of(d), s->note, &err) < 0)
		say(d, true, "%s: %s", s->id, err.msg);
	say(d, false, "%s: removed", s->id);
	served_free(d, s);
}

/* Whatever its undoing says, the device goes. */
static void unplug(struct devd *d, struct served *s)
{
	struct err err = ERR_INIT;

	if (s->nodes.nr > 0 && device_unplug_start(s->class, s->domid, s->devid, s->class->backend,
						   &s->nodes, &s->running, &err) < 0)
		say(d, true, "%s: %s", s->id, err.msg);
	s->step = SERVED_UNPLUGGING;
	s->deadline = time_ms() + DEVICE_SCRIPT_TIMEOUT_MS;
	if (s->running.pid == 0)
		forget(d, s);
}

/* --- what the store says ---------------------------------------------------------------------- */

static bool is_one_of(const char *value, const char *digits)
{
	return value != NULL && value[0] != '\0' && value[1] == '\0' &&
	       strchr(digits, value[0]) != NULL;
}

/* Connected by a devd before us, or by hand. */
static int adopt(struct devd *d, struct served *s, struct err *err)
{
	if (s->nodes.nr == 0 && read_dir(d, s->note, NODE_RECORD, &s->nodes, err) < 0)
		return -1;
	s->step = SERVED_PLUGGED;
	say(d, false, "%s: found connected", s->id);
	return 0;
}

static int look(struct devd *d, struct served *s, struct err *err)
{
	autofree char *state_path = str_printf("%s/state", s->dir),
		      *online_path = str_printf("%s/online", s->dir);
	autofree char *status_path = str_printf("%s/hotplug-status", s->dir);
	const char *const paths[] = { state_path, online_path, status_path };
	char *values[3] = { NULL, NULL, NULL };
	int ret = 0;

	if (s->running.pid != 0)
		return 0;	/* looked at again when it ends */
	if (store_read_many(store_of(d), paths, 3, values, err) < 0)
		return -1;
	autofree char *state = values[0], *online = values[1], *status = values[2];

	s->is_gone = state == NULL;
	if (s->is_gone && s->step == SERVED_NEW && s->nodes.nr == 0)
		served_free(d, s);	/* our own removal, seen again */
	else if (s->is_gone || (is_one_of(state, "6") && is_one_of(online, "0")))
		unplug(d, s);
	else if (s->step == SERVED_NEW && status != NULL && strcmp(status, "connected") == 0)
		ret = adopt(d, s, err);
	else if (s->step == SERVED_NEW && is_one_of(state, "234") && plug(d, s, err) < 0)
		fail(d, s, err);
	return ret;
}

static void look_or_say(struct devd *d, struct served *s)
{
	autofree char *id = xstrdup(s->id);
	struct err err = ERR_INIT;

	if (look(d, s, &err) < 0)
		say(d, true, "%s: %s", id, err.msg);
}

/* A device's own directory, state or online; or a folder of several, which went. */
static void event(struct devd *d, const char *path)
{
	size_t top = strlen(d->top), len = strlen(path);
	const struct vmm_devclass *class;
	struct served *s, *next;
	uint32_t domid;
	int32_t devid;
	int end;

	if (strncmp(path, d->top, top) == 0 && path[top] == '/' &&
	    parse_id(path + top + 1, &class, &domid, &devid, &end)) {
		const char *leaf = path + top + 1 + end;

		if (*leaf != '\0' && strcmp(leaf, "/state") != 0 && strcmp(leaf, "/online") != 0)
			return;
		s = served_find(d, path + top + 1);
		if (s != NULL)
			look_or_say(d, s);
		return;
	}
	list_for_each_entry_safe (s, next, &d->served, link)
		if (strncmp(s->dir, path, len) == 0 && s->dir[len] == '/')
			look_or_say(d, s);
}

/* --- scripts that ended ----------------------------------------------------------------------- */

static void script_ended(struct devd *d, struct served *s, bool is_late)
{
	struct err err = ERR_INIT, ignored = ERR_INIT;
	bool was_plugging = s->step == SERVED_PLUGGING;
	autofree char *why = NULL;
	int ret;

	if (is_late) {
		hotplug_kill(&s->running);
		ret = err_set(&err, ETIMEDOUT, "the script did not end within %d s",
			      DEVICE_SCRIPT_TIMEOUT_MS / 1000);
	} else {
		ret = hotplug_finish(&s->running, &err);
	}
	if (!was_plugging) {
		if (ret < 0)
			say(d, true, "%s: %s", s->id, err.msg);
		forget(d, s);
		return;
	}
	if (ret == 0) {
		s->step = SERVED_PLUGGED;
		say(d, false, "%s: connected by its script", s->id);
	} else {
		/* Its own words are better than its exit status. */
		if (store_read_opt(store_of(d), &why, &ignored, "%s/hotplug-error", s->dir) == 0 &&
		    why != NULL && why[0] != '\0')
			err_set(&err, EIO, "%s", why);
		fail(d, s, &err);
	}
	look_or_say(d, s);	/* which may have been closed meanwhile */
}

/* --- the daemon ------------------------------------------------------------------------------- */

static void scan_kind(struct devd *d, const char *top, const char *kind, struct err *err)
{
	autostrlist struct strlist doms = STRLIST_INIT;
	autofree char *dir = str_printf("%s/%s", top, kind);

	if (store_list(store_of(d), dir, &doms, err) < 0)
		err_clear(err);
	for (size_t i = 0; i < doms.n; i++) {
		autostrlist struct strlist ids = STRLIST_INIT;
		autofree char *of = str_printf("%s/%s", dir, doms.v[i]);

		if (store_list(store_of(d), of, &ids, err) < 0)
			err_clear(err);
		for (size_t k = 0; k < ids.n; k++) {
			autofree char *id = str_printf("%s/%s/%s", kind, doms.v[i], ids.v[k]);

			(void)served_find(d, id);	/* which puts it on the list */
		}
	}
}

/* What is there already: backends, and notes of those that went while nobody looked. */
static void scan(struct devd *d, struct err *err)
{
	struct served *s, *next;

	for (const struct vmm_devclass *const *c = vmm_devclasses; *c != NULL; c++) {
		if ((*c)->script_add == NULL)
			continue;
		scan_kind(d, d->top, (*c)->backend, err);
		if (d->keeps_notes)
			scan_kind(d, d->notes, (*c)->backend, err);
	}
	list_for_each_entry_safe (s, next, &d->served, link) {
		if (read_dir(d, s->note, NODE_RECORD, &s->nodes, err) < 0)
			err_clear(err);
		look_or_say(d, s);
	}
}

static int devd_init(struct devd *d, struct err *err)
{
	struct err why = ERR_INIT;
	uint64_t domid;

	if (vmm_store(d->vmm, err) == NULL || store_read_u64(store_of(d), &domid, err, "domid") < 0)
		return -1;
	d->top = str_printf("/local/domain/%llu/backend", (unsigned long long)domid);
	d->notes = str_printf("/local/domain/%llu/libxl/devd", (unsigned long long)domid);
	list_init(&d->served);
	d->keeps_notes = store_mkdir(store_of(d), d->notes, &why) == 0;
	if (!d->keeps_notes)
		say(d, true,
		    "%s; give this domain driver_domain=1, or what is taken down while devd is not "
		    "running stays half "
		    "connected",
		    why.msg);
	return device_watch(d->vmm, d->top, err);
}

/* Sleeps until something happened; false when it is time to end. */
static int turn(struct devd *d, bool *is_over, struct err *err)
{
	autofree int *fds = xcalloc(d->nr + 1, sizeof(*fds));
	autostrlist struct strlist events = STRLIST_INIT;
	uint64_t deadline = UINT64_MAX;
	struct served *s, *next;
	size_t nr = 0;

	if (!*is_over)
		fds[nr++] = d->stop_fd;
	list_for_each_entry (s, &d->served, link) {
		if (s->running.pid == 0)
			continue;
		fds[nr++] = s->running.fd;
		if (s->deadline < deadline)
			deadline = s->deadline;
	}
	if (*is_over && nr == 0)
		return 1;
	if (device_sleep(d->vmm, fds, nr, deadline, &events, err) < 0)
		return -1;
	if (poll(&(struct pollfd){ .fd = d->stop_fd, .events = POLLIN }, 1, 0) > 0)
		*is_over = true;
	list_for_each_entry_safe (s, next, &d->served, link) {
		struct pollfd p = { .fd = s->running.fd, .events = POLLIN };

		if (s->running.pid == 0)
			continue;
		if (poll(&p, 1, 0) > 0)
			script_ended(d, s, false);
		else if (time_ms() >= s->deadline)
			script_ended(d, s, true);
	}
	for (size_t i = 0; i < events.n && !*is_over; i++)
		event(d, events.v[i]);
	return 0;
}

int vmm_devd_run(struct vmm *vmm, int stop_fd, const struct vmm_devd_ops *ops, void *arg,
		 struct err *err)
{
	struct devd d = { .vmm = vmm, .ops = ops, .arg = arg, .stop_fd = stop_fd };
	struct served *s, *next;
	bool is_over = false;
	int ret;

	list_init(&d.served);
	ret = devd_init(&d, err);
	if (ret == 0) {
		scan(&d, err);
		ops->ready(arg);
	}
	while (ret == 0)
		ret = turn(&d, &is_over, err);
	list_for_each_entry_safe (s, next, &d.served, link)
		served_free(&d, s);
	free(d.top);
	free(d.notes);
	return ret < 0 ? -1 : 0;
}
