// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Files of restarts under way. Knows their place and form; what they mean is monitor_act.c's.
 */
#include "xl/restart_record.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"

#define RECORD_MAX (2u << 20)
#define UUID_LEN 36

static char *record_path(const char *name)
{
	return str_printf("%s/restart%s%s", file_own_dir(XEN_RUN_DIR), name ? "/" : "",
			  name ? name : "");
}

void restart_record_free(struct restart_record *r)
{
	free(r->retire_as);
	free(r->history);
	free(r->config);
	*r = (struct restart_record)RESTART_RECORD_INIT;
}

/* Three lines (number, new name, history) and the configuration. None of them holds a newline but
 * the last. */
int restart_record_write(const char *uuid, const struct restart_record *r, struct err *err)
{
	autofree char *dir = record_path(NULL), *path = record_path(uuid);
	autofree char *text = str_printf("%" PRIu32 "\n%s\n%s\n%s", r->domid, r->retire_as,
					 r->history, r->config);

	if (file_mkdirs(dir, 0700, err) < 0)
		return -1;
	return file_write_atomic(path, text, strlen(text), 0600, err);
}

static char *take_line(char **at)
{
	char *line = *at, *end = strchr(line, '\n');

	if (!end)
		return NULL;
	*end = '\0';
	*at = end + 1;
	return line;
}

int restart_record_read(const char *uuid, struct restart_record *out, struct err *err)
{
	autofree char *path = record_path(uuid), *text = NULL;
	char *at, *domid, *retire_as, *history;
	uint64_t n;

	*out = (struct restart_record)RESTART_RECORD_INIT;
	if (file_read(path, RECORD_MAX, &text, NULL, err) < 0)
		return -1;
	at = text;
	domid = take_line(&at);
	retire_as = domid ? take_line(&at) : NULL;
	history = retire_as ? take_line(&at) : NULL;
	if (!history || num_dec(domid, UINT32_MAX, "domain", &n, err) < 0)
		return err_set(err, EINVAL, "%s: this is no record of a restart", path);
	*out = (struct restart_record){ (uint32_t)n, xstrdup(retire_as), xstrdup(history),
					xstrdup(at) };
	return 0;
}

int restart_record_remove(const char *uuid, struct err *err)
{
	autofree char *path = record_path(uuid);

	if (unlink(path) < 0 && errno != ENOENT)
		return err_set(err, errno, "%s: %s", path, strerror(errno));
	return 0;
}

bool restart_record_exists(const char *uuid)
{
	autofree char *path = record_path(uuid);

	return access(path, F_OK) == 0;
}

/* One byte of it for each domain; a length of 0 is all of it. */
static int lock_bytes(off_t start, off_t len, int cmd, int *fd, struct err *err)
{
	autofree char *dir = record_path(NULL), *path = record_path("lock");
	struct flock fl = {
		.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = start, .l_len = len
	};
	autoclose int lock = -1;

	if (file_mkdirs(dir, 0700, err) < 0)
		return -1;
	lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	while (lock >= 0 && fcntl(lock, cmd, &fl) < 0)
		if (errno != EINTR)
			return err_set(err, errno, "%s: %s", path, strerror(errno));
	if (lock < 0)
		return err_set(err, errno, "%s: %s", path, strerror(errno));
	*fd = steal_fd(lock);
	return 0;
}

int restart_lock(uint32_t domid, int *fd, struct err *err)
{
	return lock_bytes((off_t)domid, 1, F_OFD_SETLKW, fd, err);
}

/* A file that is being written has a longer name than a record: UUID.XXXXXX. Where nobody deals
 * with any domain, its writer was killed. */
static void remove_unfinished(DIR *dir)
{
	struct err ignored;
	autoclose int lock = -1;

	if (lock_bytes(0, 0, F_OFD_SETLK, &lock, &ignored) < 0)
		return;
	rewinddir(dir);
	for (struct dirent *e; (e = readdir(dir));)
		if (strlen(e->d_name) > UUID_LEN && e->d_name[UUID_LEN] == '.')
			(void)!unlinkat(dirfd(dir), e->d_name, 0);
}

int restart_record_list(struct strlist *uuids, struct err *err)
{
	autofree char *path = record_path(NULL);
	DIR *dir = opendir(path);
	bool has_unfinished = false;

	if (!dir)
		return errno == ENOENT ? 0 : err_set(err, errno, "%s: %s", path, strerror(errno));
	for (struct dirent *e; (e = readdir(dir));) {
		if (strlen(e->d_name) == UUID_LEN)
			strlist_add(uuids, e->d_name);
		has_unfinished |= strlen(e->d_name) > UUID_LEN;
	}
	if (has_unfinished)
		remove_unfinished(dir);
	closedir(dir);
	return 0;
}
