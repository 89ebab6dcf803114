// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A device tree that is shown as folders and files, made into a blob again. Knows no node and no
 * property; what they hold is judged by the blob's readers. Entries are taken in the order of their
 * names, so that the same tree gives the same blob.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "libvmm/dt.h"
#include "libvmm/dt_dir.h"

#define DIR_MAX_DEPTH 32
#define DIR_MAX_ENTRIES 65536
#define DIR_MAX_PROPERTY (1u << 20)

struct reading {
	struct dt *dt;
	unsigned nr;		/* entries so far */
};

static int not_dots(const struct dirent *e)
{
	return strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
}

static void free_entries(struct dirent **list, int nr)
{
	for (int i = 0; i < nr; i++)
		free(list[i]);
	free(list);
}

/* Old kernels show a node's name once more as a property, which no blob has. */
static bool is_name_again(const char *entry, const char *node)
{
	return strcmp(entry, "name") == 0 && *node;
}

static int read_property(struct reading *r, const char *path, const char *entry, struct err *err)
{
	autofree char *data = NULL;
	size_t len;

	if (file_read(path, DIR_MAX_PROPERTY, &data, &len, err) < 0)
		return -1;
	dt_prop(r->dt, entry, data, len);
	return 0;
}

static int read_node(struct reading *r, const char *path, const char *name, unsigned depth,
		     struct err *err);

/* One entry of a folder; properties come before nodes in a blob. */
static int read_entry(struct reading *r, const char *dir, const char *node, const char *entry,
		      bool wants_nodes, unsigned depth, struct err *err)
{
	autofree char *path = str_printf("%s/%s", dir, entry);
	struct stat st;

	if (lstat(path, &st) < 0)
		return err_set(err, errno, "%s: %s", path, strerror(errno));
	if (S_ISDIR(st.st_mode))
		return wants_nodes ? read_node(r, path, entry, depth + 1, err) : 0;
	if (!S_ISREG(st.st_mode) || wants_nodes || is_name_again(entry, node))
		return 0;
	return read_property(r, path, entry, err);
}

static int read_node(struct reading *r, const char *path, const char *name, unsigned depth,
		     struct err *err)
{
	struct dirent **list = NULL;
	int nr, result = 0;

	if (depth > DIR_MAX_DEPTH)
		return err_set(err, ELOOP, "%s: deeper than %d levels", path, DIR_MAX_DEPTH);
	nr = scandir(path, &list, not_dots, alphasort);
	if (nr < 0)
		return err_set(err, errno, "%s: %s", path, strerror(errno));
	r->nr += (unsigned)nr;
	if (r->nr > DIR_MAX_ENTRIES)
		result = err_set(err, E2BIG, "%s: more than %d nodes and properties", path,
				 DIR_MAX_ENTRIES);
	dt_begin_node(r->dt, name);
	for (int i = 0; i < nr && result == 0; i++)
		result = read_entry(r, path, name, list[i]->d_name, false, depth, err);
	for (int i = 0; i < nr && result == 0; i++)
		result = read_entry(r, path, name, list[i]->d_name, true, depth, err);
	dt_end_node(r->dt);
	free_entries(list, nr);
	return result;
}

int dt_dir_read(const char *path, void **blob, size_t *size, struct err *err)
{
	struct reading r = { dt_new(), 0 };
	int result = read_node(&r, path, "", 0, err);

	if (result == 0)
		result = dt_finish(r.dt, blob, size, err);
	dt_free(r.dt);
	return result < 0 ? err_wrap(err, "the host's device tree") : 0;
}
