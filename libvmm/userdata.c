// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The files beside a domain. Knows where they are and how they are named, not what is in them.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uuid/uuid.h>
#include "base/file.h"
#include "base/str.h"
#include "libvmm/userdata.h"

#define USERDATA_MAX (1u << 20)

static const char *state_dir(void)
{
	return file_own_dir(XEN_STATE_DIR);
}

void vmm_uuid_text(const uint8_t uuid[16], char text[37])
{
	uuid_unparse_lower(uuid, text);
}

int vmm_uuid_parse(const char *text, uint8_t uuid[16], struct err *err)
{
	if (uuid_parse(text, uuid) < 0)
		return err_set(err, EINVAL, "'%s' is not a UUID", text);
	return 0;
}

static char *path_of(char kind, uint32_t domid, const uint8_t uuid[16], const char *what)
{
	char text[37];

	vmm_uuid_text(uuid, text);
	return str_printf("%s/userdata-%c.%u.%s.%s", state_dir(), kind, domid, text, what);
}

int userdata_write(uint32_t domid, const uint8_t uuid[16], const char *what, const void *data,
		   size_t len, struct err *err)
{
	autofree char *path = path_of('d', domid, uuid, what);

	/* What a configuration says (paths, MAC addresses) is nobody else's business. */
	return file_write_atomic(path, data, len, 0600, err);
}

int userdata_read(uint32_t domid, const uint8_t uuid[16], const char *what, char **out, size_t *len,
		  struct err *err)
{
	autofree char *path = path_of('d', domid, uuid, what);

	return file_read(path, USERDATA_MAX, out, len, err);
}

/* The holder removes the file when it leaves, so what was locked must still be what the path
 * names. */
int userdata_lock(uint32_t domid, const uint8_t uuid[16], struct userdata_lock *lock,
		  struct err *err)
{
	autofree char *path = path_of('l', domid, uuid, "domain-userdata-lock");

	for (;;) {
		autoclose int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		struct stat ours, named;

		if (fd < 0)
			return err_set(err, errno, "%s: %s", path, strerror(errno));
		while (flock(fd, LOCK_EX) < 0)
			if (errno != EINTR)
				return err_set(err, errno, "locking %s: %s", path, strerror(errno));
		if (fstat(fd, &ours) < 0)
			return err_set(err, errno, "%s: %s", path, strerror(errno));
		if (stat(path, &named) == 0 && named.st_dev == ours.st_dev &&
		    named.st_ino == ours.st_ino) {
			lock->fd = steal_fd(fd);
			lock->path = steal(path);
			return 0;
		}
	}
}

void userdata_unlock(struct userdata_lock *lock)
{
	if (lock->fd < 0)
		return;
	(void)!unlink(lock->path);
	close(lock->fd);
	free(lock->path);
	*lock = (struct userdata_lock)USERDATA_LOCK_INIT;
}

/* userdata-<any letter>.<domid>.<uuid>.<anything> */
static bool is_of(const char *name, const char *tail)
{
	static const char head[] = "userdata-";

	return str_starts(name, head) && name[sizeof(head) - 1] &&
	       str_starts(name + sizeof(head), tail);
}

int userdata_remove(uint32_t domid, const uint8_t uuid[16], struct err *err)
{
	char text[37];
	autofree char *tail = NULL;
	struct dirent *entry;
	DIR *dir = opendir(state_dir());
	int ret = 0;

	if (!dir)
		return errno == ENOENT
			       ? 0
			       : err_set(err, errno, "%s: %s", state_dir(), strerror(errno));
	vmm_uuid_text(uuid, text);
	tail = str_printf(".%u.%s.", domid, text);
	while ((entry = readdir(dir))) {
		if (!is_of(entry->d_name, tail))
			continue;
		if (unlinkat(dirfd(dir), entry->d_name, 0) < 0 && errno != ENOENT)
			ret = err_set(err, errno, "%s/%s: %s", state_dir(), entry->d_name,
				      strerror(errno));
	}
	closedir(dir);
	return ret;
}
