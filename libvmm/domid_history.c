// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The file of numbers that rest. Knows its place and form; what is done about a number that rests
 * is create.c's.
 */
#include "libvmm/domid_history.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

#define HISTORY_MAX (1u << 20)	/* bytes: 65,000 domains within a minute */

struct domid_history {
	size_t nr;
	struct { uint64_t ended_s; uint32_t domid; } v[];
};

static char *history_path(const char *suffix)
{
	return str_printf("%s/domid-history%s", file_own_dir(XEN_RUN_DIR), suffix);
}

static uint64_t now_s(void)
{
	return time_ms() / 1000;
}

/* A line that makes no sense is skipped; so is one from the future, which is from before a
 * reboot. */
static struct domid_history *parse(const char *text)
{
	size_t nr_lines = 1;
	struct domid_history *h;
	uint64_t now = now_s();

	for (const char *p = text; (p = strchr(p, '\n')); p++)
		nr_lines++;
	h = xmalloc(sizeof(*h) + nr_lines * sizeof(h->v[0]));
	h->nr = 0;
	for (const char *p = text; *p && h->nr < nr_lines; p += strcspn(p, "\n"), p += *p == '\n') {
		uint64_t s;
		uint32_t domid;

		if (sscanf(p, "%" SCNu64 " %" SCNu32, &s, &domid) != 2 || s > now ||
		    now - s >= DOMID_REUSE_S)
			continue;
		h->v[h->nr].ended_s = s;
		h->v[h->nr++].domid = domid;
	}
	return h;
}

int domid_history_read(struct domid_history **out, struct err *err)
{
	autofree char *path = history_path(""), *text = NULL;

	if (file_read(path, HISTORY_MAX, &text, NULL, err) < 0) {
		if (err->code != ENOENT)
			return -1;
		err_clear(err);
	}
	*out = parse(text ? text : "");
	return 0;
}

bool domid_history_has(const struct domid_history *h, uint32_t domid)
{
	for (size_t i = 0; i < h->nr; i++)
		if (h->v[i].domid == domid)
			return true;
	return false;
}

void domid_history_free(struct domid_history *h)
{
	free(h);
}

static int rewrite(uint32_t domid, struct err *err)
{
	autofree char *path = history_path("");
	autostrbuf struct strbuf text = STRBUF_INIT;
	struct domid_history *h = NULL;

	if (domid_history_read(&h, err) < 0)
		return -1;
	for (size_t i = 0; i < h->nr; i++)
		if (h->v[i].domid != domid)
			strbuf_printf(&text, "%" PRIu64 " %" PRIu32 "\n", h->v[i].ended_s,
				      h->v[i].domid);
	strbuf_printf(&text, "%" PRIu64 " %" PRIu32 "\n", now_s(), domid);
	domid_history_free(h);
	return file_write_atomic(path, text.data, text.len, 0644, err);
}

int domid_history_add(uint32_t domid, struct err *err)
{
	autofree char *path = history_path(".lock");
	autoclose int lock = -1;

	if (file_lock(path, -1, &lock, err) < 0)
		return -1;
	return rewrite(domid, err);
}

int domid_history_clear(struct err *err)
{
	autofree char *path = history_path("");

	if (unlink(path) < 0 && errno != ENOENT)
		return err_set(err, errno, "%s: %s", path, strerror(errno));
	return 0;
}
