/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Detaching, from the toolstack's record: the walk of device_attach.c backwards, for any number of
 * devices at once. A guest or a backend that does not let go costs its deadline once, not once a
 * device.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/str.h"
#include "libvmm/device.h"
#include "libvmm/devices.h"

#define STATE_CLOSING "5"
#define STATE_CLOSED "6"
#define KERNEL_DEVICES "/sys/bus/xen-backend/devices"
#define UNBOUND_CHECK_MS 200	/* the kernel's list has no events of its own */

/* --- records ---------------------------------------------------------------------------------- */

/* What is read of each record: who it is, and what its hotplug step needs. */
static const char *const record_keys[] = { "frontend", "backend",    "script", "hotplug",
					   "loop",     "gatewaydev", "type" };
#define NR_KEYS array_size(record_keys)
const char *const device_step_keys[] = { "script", "hotplug", "loop", "gatewaydev", "type", NULL };

static int list_opt(struct vmm *vmm, const char *path, struct strlist *out, struct err *err)
{
	if (store_list(vmm->store, path, out, err) == 0)
		return 0;
	if (err->code != ENOENT)
		return -1;
	err_clear(err);
	return 0;
}

static int list_records(struct vmm *vmm, uint32_t domid, const char *only, struct strlist *out,
			struct err *err)
{
	autofree char *top = str_printf("/libxl/%u/device", domid);
	autostrlist struct strlist kinds = STRLIST_INIT;

	if (only != NULL)
		strlist_add(&kinds, only);
	else if (list_opt(vmm, top, &kinds, err) < 0)
		return -1;
	for (size_t i = 0; i < kinds.n; i++) {
		autofree char *dir = str_printf("%s/%s", top, kinds.v[i]);
		autostrlist struct strlist ids = STRLIST_INIT;

		if (list_opt(vmm, dir, &ids, err) < 0)
			return -1;
		for (size_t k = 0; k < ids.n; k++)
			strlist_take(out, str_printf("%s/%s", kinds.v[i], ids.v[k]));
	}
	return 0;
}

/* "/local/domain/BE/backend/KIND/DOMID/DEVID" of this domain */
static bool parse_back(const char *path, uint32_t domid, struct device_record *r)
{
	unsigned backend, owner;
	char kind[64];
	int devid, end = 0;

	if (sscanf(path, "/local/domain/%u/backend/%63[^/]/%u/%d%n", &backend, kind, &owner, &devid,
		   &end) != 4 ||
	    path[end] != '\0' || owner != domid)
		return false;
	r->backend_domid = backend;
	r->back_kind = xstrdup(kind);
	return true;
}

static bool parse_record(const char *name, uint32_t domid, char **values, struct device_record *r)
{
	autofree char *own = str_printf("/local/domain/%u/", domid);
	const char *slash = strchr(name, '/');
	struct err ignored = ERR_INIT;
	uint64_t devid;

	memset(r, 0, sizeof(*r));
	if (values[0] == NULL || values[1] == NULL || !str_starts(values[0], own) ||
	    values[0][strlen(own)] == '\0' ||
	    num_dec(slash + 1, INT32_MAX, "", &devid, &ignored) < 0 ||
	    !parse_back(values[1], domid, r))
		return false;
	r->kind = xstrndup(name, (size_t)(slash - name));
	r->devid = (int32_t)devid;
	r->record = str_printf("/libxl/%u/device/%s", domid, name);
	r->front = xstrdup(values[0]);
	r->back = xstrdup(values[1]);
	for (size_t i = 0; i < NR_KEYS; i++)
		if (values[i] != NULL)
			device_nodes_add(&r->nodes, NODE_RECORD, values[i], "%s", record_keys[i]);
	return true;
}

int device_records_read(struct vmm *vmm, uint32_t domid, const char *kind,
			struct device_records *out, struct err *err)
{
	autostrlist struct strlist names = STRLIST_INIT, paths = STRLIST_INIT;
	autofree char **values = NULL;

	*out = (struct device_records){ NULL, 0 };
	if (list_records(vmm, domid, kind, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.n; i++)
		for (size_t k = 0; k < NR_KEYS; k++)
			strlist_take(&paths, str_printf("/libxl/%u/device/%s/%s", domid, names.v[i],
							record_keys[k]));
	if (paths.n == 0)
		return 0;
	values = xcalloc(paths.n, sizeof(*values));
	if (store_read_many(vmm->store, (const char *const *)paths.v, paths.n, values, err) < 0)
		return -1;
	out->v = xcalloc(names.n, sizeof(*out->v));
	for (size_t i = 0; i < names.n; i++)
		if (parse_record(names.v[i], domid, values + i * NR_KEYS, &out->v[out->nr]))
			out->nr++;
	for (size_t i = 0; i < paths.n; i++)
		free(values[i]);
	return 0;
}

void device_records_free(struct device_records *r)
{
	for (size_t i = 0; i < r->nr; i++) {
		free(r->v[i].kind);
		free(r->v[i].record);
		free(r->v[i].front);
		free(r->v[i].back);
		free(r->v[i].back_kind);
		device_nodes_free(&r->v[i].nodes);
	}
	free(r->v);
	*r = (struct device_records){ NULL, 0 };
}

/* A backend's domain that crashed or was destroyed answers nobody. */
bool device_backend_is_gone(struct vmm *vmm, const struct device_record *r)
{
	struct err why = ERR_INIT;
	struct vmm_dominfo info;

	if (r->backend_domid == 0)
		return false;
	if (vmm_domain_info(vmm, r->backend_domid, &info, &why) < 0)
		return why.code == ESRCH;
	return info.is_shutdown || info.is_dying;
}

/* --- closing ---------------------------------------------------------------------------------- */

struct leaving {
	const struct device_record *r;
	bool is_closed;		/* or there is nobody who would close it */
	bool was_never_taken_up, was_asked;
	bool has_driver_closed;
	bool is_remote;		/* the backend's domain undoes its own hotplug step ... */
	bool is_cleaned_there;	/* ... and removes the backend's nodes when that is done */
	bool is_watched;
	struct hotplug_script running;
};

struct exodus {
	struct vmm *vmm;
	uint32_t domid;
	struct leaving *v;
	size_t nr;
	bool force;
	bool is_end;	/* of the domain: all it has goes */
};

/* Consoles have no driver that closes: xenconsoled watches the domain. Backends of programs outside
 * the kernel may not be there. */
static bool closes(const struct device_record *r)
{
	return strcmp(r->back_kind, "console") != 0 && strcmp(r->back_kind, "vuart") != 0;
}

/* A driver that was connecting when its frontend was taken away may write "connected" over our
 * "closing" and then let go of the device without another word: then only the kernel's list of
 * devices tells. */
static bool is_unbound(const struct exodus *x, const struct leaving *l)
{
	autofree char *path =
		str_printf(KERNEL_DEVICES "/%s-%u-%d", l->r->back_kind, x->domid, l->r->devid);

	return x->force && l->was_asked && !l->is_remote && access(KERNEL_DEVICES, F_OK) == 0 &&
	       access(path, F_OK) < 0 && errno == ENOENT;
}

/* What the backends of those that are open and have stirred (events NULL: all) say. Gone, or
 * closed: done. */
static int look_at_backends(struct exodus *x, const struct strlist *events, struct err *err)
{
	autofree char **values = xcalloc(x->nr, sizeof(*values));
	autofree size_t *whose = xcalloc(x->nr, sizeof(*whose));
	autostrlist struct strlist paths = STRLIST_INIT;

	for (size_t i = 0; i < x->nr; i++) {
		if (x->v[i].is_closed ||
		    (events != NULL && !device_has_event(events, x->v[i].r->back) &&
		     !is_unbound(x, &x->v[i])))
			continue;
		whose[paths.n] = i;
		strlist_take(&paths, str_printf("%s/state", x->v[i].r->back));
	}
	if (paths.n > 0 &&
	    store_read_many(x->vmm->store, (const char *const *)paths.v, paths.n, values, err) < 0)
		return -1;
	for (size_t i = 0; i < paths.n; i++) {
		struct leaving *l = &x->v[whose[i]];

		l->is_closed = values[i] == NULL ||
			       (strcmp(values[i], STATE_CLOSED) == 0 && !l->is_cleaned_there) ||
			       is_unbound(x, l);
		l->has_driver_closed = values[i] != NULL && strcmp(values[i], STATE_CLOSED) == 0;
		l->was_never_taken_up = values[i] != NULL && strcmp(values[i], "1") == 0;
		free(values[i]);
	}
	return 0;
}

static int ask_to_close(struct exodus *x, struct err *err)
{
	autotxn struct store_txn t = STORE_TXN(x->vmm->store);

	if (look_at_backends(x, NULL, err) < 0)
		return -1;
	for (size_t i = 0; i < x->nr; i++) {
		struct leaving *l = &x->v[i];

		if (x->force)
			store_txn_rm(&t, "%s", l->r->front);
		if (!closes(l->r) || device_backend_is_gone(x->vmm, l->r))
			l->is_closed = true;
		if (l->is_closed)
			continue;
		l->was_asked = true;
		store_txn_write(&t, "0", "%s/online", l->r->back);
		if (!l->has_driver_closed)
			store_txn_write(&t, STATE_CLOSING, "%s/state", l->r->back);
		/* Nobody has taken it up yet, and with its nodes gone nobody will. */
		l->is_closed |= x->force && l->was_never_taken_up;
	}
	return store_txn_commit(&t, err);
}

static const struct leaving *first_open(const struct exodus *x)
{
	for (size_t i = 0; i < x->nr; i++)
		if (!x->v[i].is_closed)
			return &x->v[i];
	return NULL;
}

static int still_open(const struct exodus *x, const struct leaving *l, struct err *err)
{
	if (!x->force)
		return err_set(err, EBUSY,
			       "%s %d: the guest does not let go of it within %d s (it may be in "
			       "use there); detach it with "
			       "-f to take it away all the same",
			       l->r->kind, l->r->devid, DEVICE_BACKEND_TIMEOUT_MS / 1000);
	if (l->is_cleaned_there)
		return err_set(err, ETIMEDOUT,
			       "%s %d: its backend's domain %u did not take it down within %d s "
			       "(%s): is `xl devd` "
			       "running in there?",
			       l->r->kind, l->r->devid, l->r->backend_domid,
			       DEVICE_BACKEND_TIMEOUT_MS / 1000, l->r->back);
	return err_set(err, ETIMEDOUT,
		       "%s %d: its backend in domain %u did not close within %d s (%s)", l->r->kind,
		       l->r->devid, l->r->backend_domid, DEVICE_BACKEND_TIMEOUT_MS / 1000,
		       l->r->back);
}

static uint64_t min_ms(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* While one of them stirs, none is given up: the kernel closes one after the other. */
static int await_closed(struct exodus *x, struct err *err)
{
	uint64_t last = time_ms() + DEVICE_BACKEND_LONGEST_MS,
		 deadline = time_ms() + DEVICE_BACKEND_TIMEOUT_MS;
	const struct leaving *open;

	while ((open = first_open(x)) != NULL) {
		autostrlist struct strlist events = STRLIST_INIT;

		if (time_ms() >= deadline)
			return still_open(x, open, err);
		if (device_sleep(x->vmm, NULL, 0,
				 x->force ? min_ms(deadline, time_ms() + UNBOUND_CHECK_MS)
					  : deadline,
				 &events, err) < 0 ||
		    look_at_backends(x, &events, err) < 0)
			return -1;
		if (events.n > 0)
			deadline = time_ms() + DEVICE_BACKEND_TIMEOUT_MS;
		if (deadline > last)
			deadline = last;
	}
	return 0;
}

static int close_all(struct exodus *x, struct err *err)
{
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < x->nr; i++) {
		if (!closes(x->v[i].r))
			continue;
		ret = device_watch(x->vmm, x->v[i].r->back, err);
		x->v[i].is_watched = ret == 0;
	}
	if (ret == 0)
		ret = ask_to_close(x, err);
	if (ret == 0)
		ret = await_closed(x, err);
	for (size_t i = 0; i < x->nr; i++)
		if (x->v[i].is_watched)
			device_unwatch(x->vmm, x->v[i].r->back);
	return ret;
}

/* --- hotplug, backwards ----------------------------------------------------------------------- */

static const char *record_get(const struct device_record *r, const char *key)
{
	return device_nodes_get(&r->nodes, NODE_RECORD, key);
}

static int start_unplug(struct exodus *x, struct leaving *l, struct err *err)
{
	const struct vmm_devclass *class = devclass_by_backend(l->r->back_kind);

	if (class == NULL || l->is_remote)
		return 0;
	return device_unplug_start(class, x->domid, l->r->devid, l->r->back_kind, &l->r->nodes,
				   &l->running, err);
}

static int finish_scripts(struct exodus *x, struct err *err)
{
	uint64_t deadline = time_ms() + DEVICE_SCRIPT_TIMEOUT_MS;
	int ret = 0;

	for (size_t i = 0; i < x->nr; i++) {
		struct leaving *l = &x->v[i];
		struct err one = ERR_INIT;

		while (l->running.pid != 0) {
			struct pollfd p = { .fd = l->running.fd, .events = POLLIN };
			uint64_t now = time_ms();
			int n = now < deadline ? poll(&p, 1, (int)(deadline - now)) : 0;

			if (n < 0 && errno == EINTR)
				continue;
			if (n > 0 && hotplug_finish(&l->running, &one) == 0)
				break;
			if (n == 0)
				err_set(&one, ETIMEDOUT, "it did not end within %d s",
					DEVICE_SCRIPT_TIMEOUT_MS / 1000);
			hotplug_kill(&l->running);
			ret = ret < 0 ? ret
				      : err_set(err, one.code, "%s %d: hotplug script %s: %s",
						l->r->kind, l->r->devid, record_get(l->r, "script"),
						one.msg);
		}
	}
	return ret;
}

static int unplug_all(struct exodus *x, struct err *err)
{
	int ret = 0;

	for (size_t i = 0; i < x->nr; i++) {
		struct leaving *l = &x->v[i];
		struct err one = ERR_INIT;

		if (start_unplug(x, l, &one) < 0 && ret == 0)
			ret = err_set(err, one.code, "%s %d: %s", l->r->kind, l->r->devid, one.msg);
	}
	if (ret == 0)
		return finish_scripts(x, err);
	return finish_scripts(x, &(struct err)ERR_INIT) < 0 ? -1 : ret;
}

/* --- nodes ------------------------------------------------------------------------------------ */

/* Folders that held the last device of a kind go with it. */
static void remove_parent(struct exodus *x, const char *path)
{
	autostrlist struct strlist left = STRLIST_INIT;
	autofree char *dir = xstrndup(path, (size_t)(strrchr(path, '/') - path));
	struct err ignored = ERR_INIT;

	if (store_list(x->vmm->store, dir, &left, &ignored) == 0 && left.n == 0 &&
	    store_rm(x->vmm->store, dir, &ignored) < 0)
		err_clear(&ignored);
}

static int remove_nodes(struct exodus *x, struct err *err)
{
	autotxn struct store_txn t = STORE_TXN(x->vmm->store);

	for (size_t i = 0; i < x->nr; i++) {
		const struct device_record *r = x->v[i].r;
		size_t len =
			x->is_end ? (size_t)(strrchr(r->back, '/') - r->back) : strlen(r->back);

		store_txn_rm(&t, "%s", r->front);
		store_txn_rm(&t, "%.*s", (int)len, r->back);
		store_txn_rm(&t, "%s", r->record);
	}
	if (store_txn_commit(&t, err) < 0)
		return err_wrap(err, "removing the devices' nodes");
	if (x->is_end)
		return 0;
	for (size_t i = 0; i < x->nr; i++) {
		const struct device_record *r = x->v[i].r;
		bool is_last = true;

		for (size_t k = i + 1; k < x->nr; k++)
			is_last &= strcmp(x->v[k].r->back_kind, r->back_kind) != 0;
		if (!is_last)
			continue;
		remove_parent(x, r->back);
		remove_parent(x, r->record);
		if (strstr(r->front, "/device/") != NULL)
			remove_parent(x, r->front);
	}
	return 0;
}

static int detach(struct vmm *vmm, uint32_t domid, const struct device_records *records, bool force,
		  bool is_end, struct err *err)
{
	struct exodus x = {
		.vmm = vmm, .domid = domid, .nr = records->nr, .force = force, .is_end = is_end
	};
	struct err later = ERR_INIT;
	int ret;

	if (records->nr == 0)
		return 0;
	x.v = xcalloc(x.nr, sizeof(*x.v));
	for (size_t i = 0; i < x.nr; i++) {
		const struct device_record *r = &records->v[i];
		const struct vmm_devclass *class = devclass_by_backend(r->back_kind);
		bool has_step = record_get(r, "hotplug") != NULL || record_get(r, "script") != NULL;

		x.v[i] = (struct leaving){ .r = r,
					   .is_remote = r->backend_domid != 0,
					   .running.fd = -1 };
		x.v[i].is_cleaned_there = x.v[i].is_remote && has_step && class != NULL &&
					  class->script_remove != NULL;
	}
	ret = close_all(&x, err);
	if (ret == 0 || force) {
		for (size_t i = 0; i < x.nr; i++)
			if (strcmp(x.v[i].r->kind, "vusb") == 0 &&
			    device_usb_release(vmm, x.v[i].r, &later) < 0 && ret == 0)
				ret = err_set(err, later.code, "%s", later.msg);
		if (unplug_all(&x, &later) < 0 && ret == 0)
			ret = err_set(err, later.code, "%s", later.msg);
		if (remove_nodes(&x, &later) < 0 && ret == 0)
			ret = err_set(err, later.code, "%s", later.msg);
	}
	free(x.v);
	return ret;
}

int device_detach(struct vmm *vmm, uint32_t domid, const struct device_records *records, bool force,
		  struct err *err)
{
	return detach(vmm, domid, records, force, false, err);
}

int device_detach_all(struct vmm *vmm, uint32_t domid, struct err *err)
{
	autorecords struct device_records records = { NULL, 0 };

	if (vmm_store(vmm, err) == NULL || device_records_read(vmm, domid, NULL, &records, err) < 0)
		return -1;
	return detach(vmm, domid, &records, true, true, err);
}
