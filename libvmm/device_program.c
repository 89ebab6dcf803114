/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Backends that are programs of this machine, started when the first device needs one and left
 * running. Whether one runs stands in the store, where upstream's toolstack has it; what it does
 * there is its own matter.
 */
#include <errno.h>
#include <glob.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/str.h"
#include "libvmm/device.h"
#include "libvmm/spawn.h"

#define START_TIMEOUT_MS 10000

extern char **environ;

/* Where Xen's packages have such programs. $LIBVMM_LIBEXEC comes first (tests, installations of
 * one's own). */
static char *find_program(const char *name)
{
	static const char *const places[] = { "/usr/local/lib{,exec}/xen/bin",
					      "/usr/lib{,exec}/xen/bin", "/usr/lib/xen-*/bin" };
	const char *own = getenv("LIBVMM_LIBEXEC");
	char *found = own != NULL ? str_printf("%s/%s", own, name) : NULL;

	for (size_t i = 0; found == NULL && i < array_size(places); i++) {
		autofree char *pattern = str_printf("%s/%s", places[i], name);
		glob_t g = { 0 };

		if (glob(pattern, GLOB_BRACE, NULL, &g) == 0)
			found = xstrdup(g.gl_pathv[0]);
		globfree(&g);
	}
	return found;
}

static bool is_alive(const char *pid_text)
{
	struct err ignored = ERR_INIT;
	uint64_t pid;

	return pid_text != NULL && num_dec(pid_text, INT32_MAX, "", &pid, &ignored) == 0 &&
	       pid > 1 && kill((pid_t)pid, 0) == 0;
}

static int start(const char *path, pid_t *pid, struct err *err)
{
	char *argv[] = { (char *)(uintptr_t)path, NULL };
	int ret = spawn(path, argv, environ, SPAWN_DAEMON, pid);

	return ret != 0 ? err_set(err, ret, "%s: %s", path, strerror(ret)) : 0;
}

static int await_running(struct vmm *vmm, const char *path, const char *node, pid_t pid,
			 struct err *err)
{
	autofree char *state_node = str_printf("%s/state", node);
	autoclose int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	uint64_t deadline = time_ms() + START_TIMEOUT_MS;
	int ret = device_watch(vmm, state_node, err);

	while (ret == 0) {
		autofree char *state = NULL;

		ret = store_read_opt(vmm->store, &state, err, "%s", state_node);
		if (ret == 0 && state != NULL && strcmp(state, "running") == 0)
			break;
		if (ret == 0 && waitpid(pid, NULL, WNOHANG) == pid)
			ret = err_set(err, EIO, "%s ended at once", path);
		else if (ret == 0 && time_ms() >= deadline)
			ret = err_set(err, ETIMEDOUT, "%s does not come up (%s)", path, state_node);
		else if (ret == 0)
			ret = device_sleep(vmm, &fd, fd >= 0, deadline, NULL, err) < 0 ? -1 : 0;
	}
	device_unwatch(vmm, state_node);
	return ret;
}

int device_program_ensure(struct vmm *vmm, const char *program, struct err *err)
{
	size_t len = strlen(program) - (str_ends(program, "d") ? 1 : 0);
	autofree char *node = str_printf("/local/domain/0/libxl/%.*s", (int)len, program);
	autofree char *state = NULL, *pid_text = NULL, *path = NULL, *pid_node = NULL,
		      *state_node = NULL;
	pid_t pid;

	if (store_read_opt(vmm->store, &state, err, "%s/state", node) < 0 ||
	    store_read_opt(vmm->store, &pid_text, err, "%s/pid", node) < 0)
		return -1;
	if (state != NULL && strcmp(state, "running") == 0 &&
	    (pid_text == NULL || is_alive(pid_text)))
		return 0;
	path = find_program(program);
	if (path == NULL)
		return err_set(err, ENOENT,
			       "its backend %s is not installed: it comes with Xen 4.19 and later",
			       program);
	state_node = str_printf("%s/state", node);
	if (store_rm(vmm->store, state_node, err) < 0 || start(path, &pid, err) < 0)
		return -1;
	free(pid_text);
	pid_text = str_printf("%d", (int)pid);
	pid_node = str_printf("%s/pid", node);
	if (store_write(vmm->store, pid_node, pid_text, err) < 0)
		return -1;
	return await_running(vmm, path, node, pid, err);
}
