/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What attaching, detaching and devd share: sleeping until the store or a script has something to
 * say, and a hotplug step's environment and undoing. It decides nothing.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "libvmm/device.h"

#define TOKEN "device"

/* --- events ----------------------------------------------------------------------------------- */

/* Each device has its own token, so that a watch which is set twice is noticed by nobody. */
int device_watch(struct vmm *vmm, const char *path, struct err *err)
{
	if (store_watch(vmm->store, path, TOKEN, err) == 0)
		return 0;
	if (err->code != EEXIST)
		return -1;
	err_clear(err);
	return 0;
}

void device_unwatch(struct vmm *vmm, const char *path)
{
	struct err ignored = ERR_INIT;

	if (store_unwatch(vmm->store, path, TOKEN, &ignored) < 0)
		err_clear(&ignored);
}

/* Events may have come in with an answer: then the descriptor is silent. */
static int take_events(struct store *store, struct strlist *paths, struct err *err)
{
	int n = 0;

	for (;; n++) {
		autofree char *path = NULL, *token = NULL;
		int ret = store_next_event(store, 0, &path, &token, err);

		if (ret < 0)
			return -1;
		if (ret == 0)
			return n;
		if (paths != NULL)
			strlist_take(paths, steal(path));
	}
}

int device_sleep(struct vmm *vmm, const int *fds, size_t nr, uint64_t deadline,
		 struct strlist *paths, struct err *err)
{
	autofree struct pollfd *polled = xcalloc(nr + 1, sizeof(*polled));
	uint64_t now = time_ms();
	int ret;

	ret = take_events(vmm->store, paths, err);
	if (ret != 0)
		return ret < 0 ? -1 : 1;
	if (now >= deadline)
		return 0;
	polled[0] = (struct pollfd){ .fd = store_fd(vmm->store), .events = POLLIN };
	for (size_t i = 0; i < nr; i++)
		polled[i + 1] = (struct pollfd){ .fd = fds[i], .events = POLLIN };
	ret = poll(polled, nr + 1, deadline - now > INT32_MAX ? INT32_MAX : (int)(deadline - now));
	if (vmm_is_interrupted(vmm))
		return err_set(err, EINTR, "interrupted");
	if (ret < 0 && errno != EINTR)
		return err_set(err, errno, "waiting: %s", strerror(errno));
	if (polled[0].revents != 0 && take_events(vmm->store, paths, err) < 0)
		return -1;
	return ret > 0 || time_ms() < deadline;
}

bool device_has_event(const struct strlist *paths, const char *dir)
{
	size_t len = strlen(dir);

	for (size_t i = 0; i < paths->n; i++) {
		const char *path = paths->v[i];
		size_t above = strlen(path);

		if (strncmp(path, dir, len) == 0 &&
		    (path[len] == '\0' || strcmp(path + len, "/state") == 0 ||
		     strcmp(path + len, "/hotplug-status") == 0))
			return true;
		if (above < len && strncmp(path, dir, above) == 0 && dir[above] == '/')
			return true;	/* all of a folder that it is in went */
	}
	return false;
}

/* --- hotplug steps ---------------------------------------------------------------------------- */

void device_script_env(const struct vmm_devclass *class, uint32_t domid, int32_t devid,
		       const char *back_kind, const char *script, const struct device_nodes *record,
		       struct strlist *env)
{
	strlist_take(env, str_printf("script=%s", script));
	strlist_take(env, str_printf("XENBUS_TYPE=%s", back_kind));
	strlist_take(env, str_printf("XENBUS_PATH=backend/%s/%u/%d", back_kind, domid, devid));
	strlist_add(env, "XENBUS_BASE_PATH=backend");
	if (class->script_env != NULL)
		class->script_env(domid, devid, record, env);
}

/* Either toolstack's device: ours says that the library did the step, stock's has a script
 * always. */
int device_unplug_start(const struct vmm_devclass *class, uint32_t domid, int32_t devid,
			const char *back_kind, const struct device_nodes *record,
			struct hotplug_script *running, struct err *err)
{
	const char *script = device_nodes_get(record, NODE_RECORD, "script");
	autostrlist struct strlist env = STRLIST_INIT;

	if (device_nodes_get(record, NODE_RECORD, "hotplug") != NULL)
		return class->unplug != NULL ? class->unplug(domid, devid, record, err) : 0;
	if (script == NULL || script[0] != '/' || class->script_remove == NULL)
		return 0;
	device_script_env(class, domid, devid, back_kind, script, record, &env);
	return hotplug_start(script, class->script_remove, &env, running, err);
}
