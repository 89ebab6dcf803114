/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Attaching: every directory in one transaction, then one wait in which each device walks on by
 * itself. The steps of a device are a small state, not a chain of callbacks. It knows no class by
 * name.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "libvmm/device.h"
#include "libvmm/devices.h"

#define STATE_INIT_WAIT 2u

/* JOB_REMOTE: the driver domain's own toolstack does the hotplug step. */
enum job_step { JOB_BACKEND, JOB_SCRIPT, JOB_REMOTE, JOB_DONE };

struct job {
	struct vmm_device *dev;
	char *label;
	char *front, *back, *record;	/* directories */
	struct device_nodes nodes;	/* of all of them */
	enum job_step step;
	uint64_t deadline;		/* of the step */
	char *script;			/* NULL: none, or the library does it */
	bool has_plug, is_plugged, is_written, has_remote_step;
	struct hotplug_script running;
};

struct batch {
	struct vmm *vmm;
	uint32_t domid;
	struct job *jobs;
	size_t nr;
	uint64_t last;			/* no backend is waited for any longer */
	uint64_t patience_ms; /* for driver domains that may still be starting (backend_wait) */
};

/* --- what is written -------------------------------------------------------------------------- */

static uint32_t own_domid(void)
{
	return 0; /* the toolstack's commands run in the control domain; driver domains run `xl
		     devd` */
}

static bool is_local(const struct job *j)
{
	return j->dev->backend_domid == own_domid();
}

static int32_t store_devid(const struct vmm_device *dev)
{
	return dev->devid + dev->class->first_devid;
}

static void job_paths(struct job *j, uint32_t domid)
{
	const char *front = device_frontend_kind(j->dev), *back = device_backend_kind(j->dev);
	int32_t devid = store_devid(j->dev);

	j->front = str_printf("/local/domain/%u/device/%s/%d", domid, front, devid);
	j->back = str_printf("/local/domain/%u/backend/%s/%u/%d", j->dev->backend_domid, back,
			     domid, devid);
	j->record = str_printf("/libxl/%u/device/%s/%d", domid, front, devid);
}

static void add_field_nodes(const struct vmm_device *dev, struct device_nodes *nodes)
{
	static const struct { unsigned where; enum node_side side; } sides[] = {
		{ FIELD_BACK, NODE_BACK }, { FIELD_FRONT, NODE_FRONT }, { FIELD_FRONT_RO, NODE_FRONT_RO },
	};

	for (const struct field *f = dev->class->fields;
	     f->key != NULL || f->json != NULL || f->node != NULL; f++) {
		autofree char *value = NULL;

		if (field_node(f) == NULL)
			continue;
		for (size_t i = 0; i < array_size(sides); i++) {
			if ((f->where & sides[i].where) == 0)
				continue;
			if (value == NULL)
				value = field_str(f, dev);
			if (value != NULL)
				device_nodes_add(nodes, sides[i].side, value, "%s", field_node(f));
		}
	}
}

/* Which hotplug step, and who does it. "" from a class means none. */
static void job_choose_script(struct job *j)
{
	const struct vmm_devclass *class = j->dev->class;

	if (class->script == NULL)
		return;
	j->script = class->script(j->dev);
	j->has_plug = j->script == NULL && class->plug != NULL;
	if (j->script != NULL && j->script[0] == '\0') {
		free(j->script);
		j->script = NULL;
	}
	if (!is_local(j) && (j->script != NULL || j->has_plug)) {
		/* The driver domain's own toolstack does it, and is told as much as ours knows:
		 * upstream's runs the script, which is named in any case. */
		j->has_remote_step = true;
		if (j->has_plug)
			device_nodes_add(&j->nodes, NODE_BACK, "builtin", "hotplug");
		free(j->script);
		j->script = NULL;
		j->has_plug = false;
	}
}

static int job_prepare(const struct batch *b, struct job *j, struct err *err)
{
	const struct vmm_devclass *class = j->dev->class;

	job_paths(j, b->domid);
	add_field_nodes(j->dev, &j->nodes);
	if (class->nodes != NULL)
		class->nodes(j->dev, b->domid, &j->nodes);
	job_choose_script(j);
	if (class->program != NULL && class->program(j->dev) != NULL && is_local(j) &&
	    device_program_ensure(b->vmm, class->program(j->dev), err) < 0)
		return err_wrap(err, "%s", j->label);
	if (j->has_plug)
		device_nodes_add(&j->nodes, NODE_RECORD, "builtin", "hotplug");
	if (j->has_plug && (class->flags & DEVCLASS_PLUG_FIRST) != 0) {
		if (class->plug(b->domid, store_devid(j->dev), &j->nodes, err) < 0)
			return err_wrap(err, "%s", j->label);
		j->is_plugged = true;
	}
	return 0;
}

static void job_write(const struct job *j, uint32_t domid, struct store_txn *t)
{
	const struct store_perm front[] = { { domid, 'n' }, { j->dev->backend_domid, 'r' } };
	const struct store_perm back[] = { { j->dev->backend_domid, 'n' }, { domid, 'r' } };
	const char *const backs[] = { j->back, j->record };

	store_txn_mkdir(t, front, 2, "%s", j->front);
	store_txn_mkdir(t, back, 2, "%s", j->back);
	store_txn_write(t, j->front, "%s/frontend", j->record);
	store_txn_write(t, j->back, "%s/backend", j->record);
	store_txn_write(t, j->back, "%s/backend", j->front);
	store_txn_write(t, j->front, "%s/frontend", j->back);
	for (size_t i = 0; i < array_size(backs); i++) {
		autofree char *id = str_printf("%u", domid);

		store_txn_write(t, id, "%s/frontend-id", backs[i]);
		store_txn_write(t, "1", "%s/online", backs[i]);
		store_txn_write(t, "1", "%s/state", backs[i]);
	}
	{
		autofree char *id = str_printf("%u", j->dev->backend_domid);

		store_txn_write(t, id, "%s/backend-id", j->front);
		store_txn_write(t, "1", "%s/state", j->front);
	}
	for (size_t i = 0; i < j->nodes.nr; i++) {
		const struct device_node *n = &j->nodes.v[i];

		if (n->side == NODE_BACK)
			store_txn_write(t, n->value, "%s/%s", j->back, n->key);
		if (n->side == NODE_BACK || n->side == NODE_RECORD)
			store_txn_write(t, n->value, "%s/%s", j->record, n->key);
		if (n->side == NODE_FRONT || n->side == NODE_FRONT_RO)
			store_txn_write(t, n->value, "%s/%s", j->front, n->key);
		if (n->side == NODE_FRONT_RO)
			store_txn_perms(t, back, 2, "%s/%s", j->front, n->key);
	}
}

/* A device that is there already, of this run or an earlier one, is not overwritten. */
static int check_absent(struct batch *b, struct store_txn *t, struct err *err)
{
	for (size_t i = 0; i < b->nr; i++) {
		autofree char *there = NULL;

		if (store_txn_read_opt(t, &there, err, "%s/backend", b->jobs[i].record) < 0)
			return -1;
		if (there != NULL)
			return err_set(err, EEXIST, "%s: the domain has one already",
				       b->jobs[i].label);
	}
	return 0;
}

static int clash(const struct job *j, const char *who, const char *other_mode, struct err *err)
{
	const char *mode = device_nodes_get(&j->nodes, NODE_BACK, "mode");

	if (mode == NULL || other_mode == NULL || (mode[0] == 'r' && other_mode[0] == 'r'))
		return 0;
	return err_set(err, EBUSY,
		       "%s: %s has the same device already (mode %s): share it read-only, or write "
		       "w! instead of w if "
		       "both can bear with each other",
		       j->label, who, other_mode);
}

/* In the transaction that writes ours: of two domains that start together one sees the other. */
static int check_alone_in(const struct job *j, struct store_txn *t, const char *dir,
			  const char *identity, struct err *err)
{
	autostrlist struct strlist ids = STRLIST_INIT;

	if (store_txn_list(t, &ids, err, "%s", dir) < 0)
		return -1;
	for (size_t i = 0; i < ids.n; i++) {
		autofree char *other = str_printf("%s/%s", dir, ids.v[i]), *theirs = NULL,
			      *mode = NULL;

		if (store_txn_read_opt(t, &theirs, err, "%s/%s", other,
				       j->dev->class->identity_node) < 0 ||
		    store_txn_read_opt(t, &mode, err, "%s/mode", other) < 0)
			return -1;
		if (theirs != NULL && strcmp(theirs, identity) == 0 &&
		    clash(j, other, mode, err) < 0)
			return -1;
	}
	return 0;
}

static int check_alone(const struct batch *b, size_t nth, struct store_txn *t, struct err *err)
{
	const struct job *j = &b->jobs[nth];
	const char *identity = j->is_plugged && j->dev->class->identity != NULL
				       ? j->dev->class->identity(&j->nodes)
				       : NULL;
	autofree char *kind = NULL;
	autostrlist struct strlist doms = STRLIST_INIT;

	if (identity == NULL)
		return 0;
	for (size_t i = 0; i < nth; i++) {
		const struct job *other = &b->jobs[i];
		const char *theirs =
			device_nodes_get(&other->nodes, NODE_BACK, j->dev->class->identity_node);

		if (other->dev->class == j->dev->class && theirs != NULL &&
		    strcmp(theirs, identity) == 0 &&
		    clash(j, other->label, device_nodes_get(&other->nodes, NODE_BACK, "mode"),
			  err) < 0)
			return -1;
	}
	kind = str_printf("/local/domain/%u/backend/%s", j->dev->backend_domid,
			  device_backend_kind(j->dev));
	if (store_txn_list(t, &doms, err, "%s", kind) < 0) {
		if (err->code != ENOENT)
			return -1;
		err_clear(err);
	}
	for (size_t i = 0; i < doms.n; i++) {
		autofree char *dir = str_printf("%s/%s", kind, doms.v[i]);

		if (check_alone_in(j, t, dir, identity, err) < 0)
			return -1;
	}
	return 0;
}

static int batch_write(struct batch *b, bool is_new_domain, struct err *err)
{
	uint64_t deadline = time_ms() + DEVICE_BACKEND_TIMEOUT_MS;
	int ret;

	do {
		autotxn struct store_txn t = STORE_TXN(b->vmm->store);

		err_clear(err);
		if (!is_new_domain && check_absent(b, &t, err) < 0)
			return -1;
		for (size_t i = 0; i < b->nr; i++)
			if (check_alone(b, i, &t, err) < 0)
				return -1;
		for (size_t i = 0; i < b->nr; i++)
			job_write(&b->jobs[i], b->domid, &t);
		ret = store_txn_commit(&t, err);
	} while (ret < 0 && err->code == EAGAIN && time_ms() < deadline);
	for (size_t i = 0; ret == 0 && i < b->nr; i++)
		b->jobs[i].is_written = true;
	return ret < 0 ? err_wrap(err, "writing the devices' nodes") : 0;
}

/* --- the walk of one device ------------------------------------------------------------------- */

/* What the script left behind about its failure. */
static int script_failed(struct batch *b, struct job *j, struct err *err)
{
	struct err ignored = ERR_INIT;
	autofree char *why = NULL;

	if (store_read_opt(b->vmm->store, &why, &ignored, "%s/hotplug-error", j->back) < 0)
		err_clear(&ignored);
	if (why != NULL && why[0] != '\0')
		err_append(err, "it says: %s", why);
	return err_wrap(err, "%s: hotplug script %s", j->label, j->script);
}

static int job_start_script(struct batch *b, struct job *j, struct err *err)
{
	const struct vmm_devclass *class = j->dev->class;
	autostrlist struct strlist env = STRLIST_INIT;
	struct device_nodes record = { NULL, 0 };
	int ret;

	for (size_t i = 0; i < j->nodes.nr; i++)
		if (j->nodes.v[i].side == NODE_BACK)
			device_nodes_add(&record, NODE_RECORD, j->nodes.v[i].value, "%s",
					 j->nodes.v[i].key);
	device_script_env(class, b->domid, store_devid(j->dev), device_backend_kind(j->dev),
			  j->script, &record, &env);
	device_nodes_free(&record);
	ret = hotplug_start(j->script, class->script_add, &env, &j->running, err);
	if (ret < 0)
		return err_wrap(err, "%s", j->label);
	j->step = JOB_SCRIPT;
	j->deadline = time_ms() + DEVICE_SCRIPT_TIMEOUT_MS;
	return 0;
}

static uint64_t max_ms(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* What the driver domain says about its hotplug step: it can only say "done", "not yet" or "no". */
static int job_ask_remote(struct batch *b, struct job *j, struct err *err)
{
	autofree char *status = NULL, *why = NULL;

	if (store_read_opt(b->vmm->store, &status, err, "%s/hotplug-status", j->back) < 0 ||
	    store_read_opt(b->vmm->store, &why, err, "%s/hotplug-error", j->back) < 0)
		return -1;
	if (status != NULL && strcmp(status, "connected") == 0)
		j->step = JOB_DONE;
	if (status == NULL || (strcmp(status, "error") != 0 && strcmp(status, "busy") != 0))
		return 0;
	return err_set(err, EIO, "%s: the hotplug step in its backend domain %u failed: %s",
		       j->label, j->dev->backend_domid, why != NULL ? why : "it does not say why");
}

/* The backend waits, or need not: connect it to this machine. */
static int job_connect(struct batch *b, struct job *j, struct err *err)
{
	const struct vmm_devclass *class = j->dev->class;
	autofree char *status = NULL;

	if (j->script != NULL)
		return job_start_script(b, j, err);
	if (j->has_remote_step) {
		j->step = JOB_REMOTE;
		j->deadline = time_ms() + max_ms(DEVICE_SCRIPT_TIMEOUT_MS, b->patience_ms);
		return job_ask_remote(b, j, err);	/* it may be done already */
	}
	if (j->has_plug && !j->is_plugged) {
		if (class->plug(b->domid, store_devid(j->dev), &j->nodes, err) < 0)
			return err_wrap(err, "%s", j->label);
		j->is_plugged = true;
		status = str_printf("%s/hotplug-status", j->back);
		if (store_write(b->vmm->store, status, "connected", err) < 0)
			return err_wrap(err, "%s", j->label);
	}
	j->step = JOB_DONE;
	return 0;
}

static int job_timed_out(const struct job *j, struct err *err)
{
	if (j->step == JOB_SCRIPT)
		return err_set(err, ETIMEDOUT, "%s: hotplug script %s did not end within %d s",
			       j->label, j->script, DEVICE_SCRIPT_TIMEOUT_MS / 1000);
	if (j->step == JOB_REMOTE)
		return err_set(err, ETIMEDOUT,
			       "%s: domain %u did not do the hotplug step of its backend (%s): is "
			       "`xl devd` running in "
			       "there?",
			       j->label, j->dev->backend_domid, j->back);
	return err_set(
		err, ETIMEDOUT,
		"%s: no backend took it up within %d s: domain %u needs a driver for %s (%s)",
		j->label, DEVICE_BACKEND_TIMEOUT_MS / 1000, j->dev->backend_domid,
		device_backend_kind(j->dev), j->back);
}

/* --- all together ----------------------------------------------------------------------------- */

/* The kernel takes backends up one after the other: while one of them stirs, none is given up, but
 * for a backend that only ever stirs. */
static void extend_deadlines(struct batch *b)
{
	uint64_t deadline = time_ms() + DEVICE_BACKEND_TIMEOUT_MS;

	if (deadline > b->last)
		deadline = b->last;
	for (size_t i = 0; i < b->nr; i++)
		if (b->jobs[i].step == JOB_BACKEND)
			b->jobs[i].deadline = max_ms(deadline, b->jobs[i].deadline);
}

/* Its backend's directory changed; `state` is what it says now, NULL when it is gone, which a
 * domain's death alone brings about. */
static int job_hears(struct batch *b, struct job *j, const char *state, struct err *err)
{
	if (state == NULL)
		return err_set(err, ENODEV,
			       "%s: its backend's directory vanished (%s): domain %u is gone or "
			       "somebody removed "
			       "it",
			       j->label, j->back, j->dev->backend_domid);
	if (j->step == JOB_REMOTE)
		return job_ask_remote(b, j, err);
	if (state[0] < '0' + (int)STATE_INIT_WAIT || state[0] > '4' || state[1] != '\0')
		return 0;
	return job_connect(b, j, err);
}

/* States of those whose backend is awaited and has stirred, in one round trip. Backends may write
 * what they like: only the number of a state that is far enough counts. */
static int look_at_backends(struct batch *b, const struct strlist *events, struct err *err)
{
	autofree char **values = xcalloc(b->nr + 1, sizeof(*values));
	autofree size_t *whose = xcalloc(b->nr + 1, sizeof(*whose));
	autostrlist struct strlist paths = STRLIST_INIT;
	int ret = 0;

	for (size_t i = 0; i < b->nr; i++) {
		if ((b->jobs[i].step != JOB_BACKEND && b->jobs[i].step != JOB_REMOTE) ||
		    !device_has_event(events, b->jobs[i].back))
			continue;
		whose[paths.n] = i;
		strlist_take(&paths, str_printf("%s/state", b->jobs[i].back));
	}
	if (events->n > 0)
		extend_deadlines(b);
	if (paths.n > 0)
		ret = store_read_many(b->vmm->store, (const char *const *)paths.v, paths.n, values,
				      err);
	for (size_t i = 0; ret == 0 && i < paths.n; i++) {
		ret = job_hears(b, &b->jobs[whose[i]], values[i], err);
	}
	for (size_t i = 0; i < paths.n; i++)
		free(values[i]);
	return ret;
}

static int reap_scripts(struct batch *b, struct err *err)
{
	for (size_t i = 0; i < b->nr; i++) {
		struct job *j = &b->jobs[i];
		struct pollfd p = { .fd = j->running.fd, .events = POLLIN };

		if (j->step != JOB_SCRIPT || poll(&p, 1, 0) <= 0)
			continue;
		j->is_plugged = true;	/* even a failed one may have done something */
		if (hotplug_finish(&j->running, err) < 0)
			return script_failed(b, j, err);
		j->step = JOB_DONE;
	}
	return 0;
}

static int batch_wait(struct batch *b, struct err *err)
{
	autofree int *fds = xcalloc(b->nr + 1, sizeof(*fds));

	/* The commit fires an event for every state that was written, so nothing is missed that
	 * came before the first sleep. */
	for (;;) {
		autostrlist struct strlist events = STRLIST_INIT;
		uint64_t deadline = UINT64_MAX;
		const struct job *next = NULL;
		size_t nr_fds = 0;

		for (size_t i = 0; i < b->nr; i++) {
			const struct job *j = &b->jobs[i];

			if (j->step == JOB_SCRIPT)
				fds[nr_fds++] = j->running.fd;
			if (j->step != JOB_DONE && j->deadline < deadline) {
				deadline = j->deadline;
				next = j;
			}
		}
		if (next == NULL)
			return 0;
		if (time_ms() >= deadline)
			return job_timed_out(next, err);
		if (device_sleep(b->vmm, fds, nr_fds, deadline, &events, err) < 0 ||
		    look_at_backends(b, &events, err) < 0 || reap_scripts(b, err) < 0)
			return -1;
	}
}

static char *watch_path(const struct batch *b, const struct job *j)
{
	return str_printf("/local/domain/%u/backend/%s/%u", j->dev->backend_domid,
			  device_backend_kind(j->dev), b->domid);
}

static int batch_start(struct batch *b, struct err *err)
{
	uint64_t deadline = time_ms() + DEVICE_BACKEND_TIMEOUT_MS;

	b->last = time_ms() + DEVICE_BACKEND_LONGEST_MS;
	for (size_t i = 0; i < b->nr; i++) {
		struct job *j = &b->jobs[i];
		unsigned flags = j->dev->class->flags;

		j->deadline = is_local(j) ? deadline : max_ms(deadline, time_ms() + b->patience_ms);
		if ((flags & DEVCLASS_NO_WAIT) != 0) {
			j->step = JOB_DONE;
		} else if ((flags & DEVCLASS_PLUG_FIRST) != 0 && !j->has_remote_step) {
			if (job_connect(b, j, err) < 0)
				return -1;
		}
	}
	return 0;
}

static int batch_run(struct batch *b, bool is_new_domain, struct err *err)
{
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < b->nr; i++)
		ret = job_prepare(b, &b->jobs[i], err);
	for (size_t i = 0; ret == 0 && i < b->nr; i++) {
		autofree char *path = watch_path(b, &b->jobs[i]);

		if ((b->jobs[i].dev->class->flags & DEVCLASS_NO_WAIT) == 0)
			ret = device_watch(b->vmm, path, err);
	}
	if (ret == 0)
		ret = batch_write(b, is_new_domain, err);
	if (ret == 0)
		ret = batch_start(b, err);
	if (ret == 0)
		ret = batch_wait(b, err);
	for (size_t i = 0; i < b->nr; i++) {
		autofree char *path = watch_path(b, &b->jobs[i]);

		if ((b->jobs[i].dev->class->flags & DEVCLASS_NO_WAIT) == 0)
			device_unwatch(b->vmm, path);
	}
	return ret;
}

/* --- undo ------------------------------------------------------------------------------------- */

/* What was written is detached like any device; a step that was done before anything was written is
 * taken back here. */
static void batch_undo(struct batch *b, struct err *err)
{
	const volatile int *interrupt = b->vmm->interrupt;
	struct device_records records = { NULL, 0 };
	struct err why = ERR_INIT;

	b->vmm->interrupt = NULL;	/* which stopped the attaching is not to stop its undo */
	for (size_t i = 0; i < b->nr; i++) {
		struct job *j = &b->jobs[i];

		hotplug_kill(&j->running);
		if (!j->is_written && j->is_plugged && j->dev->class->unplug != NULL &&
		    j->dev->class->unplug(b->domid, store_devid(j->dev), &j->nodes, &why) < 0)
			err_append(err, "%s", why.msg);
	}
	for (size_t i = 0; i < b->nr; i++) {
		struct device_records all = { NULL, 0 };

		if (!b->jobs[i].is_written)
			continue;
		if (device_records_read(b->vmm, b->domid, device_frontend_kind(b->jobs[i].dev),
					&all, &why) < 0)
			break;
		for (size_t k = 0; k < all.nr; k++) {
			if (strcmp(all.v[k].record, b->jobs[i].record) == 0) {
				records.v = xreallocarray(records.v, records.nr + 1,
							  sizeof(*records.v));
				records.v[records.nr++] = all.v[k];
				memset(&all.v[k], 0, sizeof(all.v[k]));
			}
		}
		device_records_free(&all);
	}
	if (records.nr > 0 && device_detach(b->vmm, b->domid, &records, true, &why) < 0)
		err_append(err, "taking it back: %s", why.msg);
	device_records_free(&records);
	b->vmm->interrupt = interrupt;
}

static void batch_free(struct batch *b)
{
	for (size_t i = 0; i < b->nr; i++) {
		struct job *j = &b->jobs[i];

		free(j->label);
		free(j->front);
		free(j->back);
		free(j->record);
		free(j->script);
		device_nodes_free(&j->nodes);
	}
	free(b->jobs);
}

static int batch_attach(struct batch *b, bool is_new_domain, struct err *err)
{
	int ret;

	ret = vmm_store(b->vmm, err) != NULL ? batch_run(b, is_new_domain, err) : -1;
	if (ret < 0)
		batch_undo(b, err);
	batch_free(b);
	return ret;
}

int device_attach_all(struct vmm *vmm, uint32_t domid, const struct vmm_config *cfg,
		      struct err *err)
{
	struct batch b = { .vmm = vmm,
			   .domid = domid,
			   .patience_ms = cfg->backend_wait_s * 1000ull };
	struct vmm_device *dev;

	b.jobs = xcalloc(cfg->nr_devices + 1, sizeof(*b.jobs));
	list_for_each_entry (dev, &cfg->devices, link)
		if (dev->class->frontend != NULL)
			b.jobs[b.nr++] = (struct job){ .dev = dev,
						       .label = device_label(dev),
						       .running.fd = -1 };
	return batch_attach(&b, true, err);
}

int device_attach(struct vmm *vmm, uint32_t domid, struct vmm_device *dev, struct err *err)
{
	struct batch b = { .vmm = vmm, .domid = domid, .nr = 1 };

	b.jobs = xcalloc(1, sizeof(*b.jobs));
	b.jobs[0] = (struct job){ .dev = dev, .label = device_label(dev), .running.fd = -1 };
	return batch_attach(&b, false, err);
}
