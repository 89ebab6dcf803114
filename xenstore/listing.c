// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Reading a directory: in one reply, or in parts when it is larger than a reply may be. A directory
 * that changes between two parts is read again from its start (docs/misc/xenstore.txt,
 * DIRECTORY_PART).
 */
#include "xenstore/commands.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

void listing_free(struct listing *l)
{
	strbuf_free(&l->names);
}

int listing_ask(const struct listing *l, struct xs_client *c, uint32_t tx, const char *path,
		struct err *err)
{
	char offset[24];

	if (!l->in_parts)
		return xs_client_queue_path(c, XS_DIRECTORY, tx, path, "", 0, err);
	snprintf(offset, sizeof(offset), "%zu", l->names.len);
	return xs_client_queue_path(c, XS_DIRECTORY_PART, tx, path, offset, strlen(offset) + 1,
				    err);
}

static int take_part(struct listing *l, const struct xs_reply *reply, struct err *err)
{
	size_t gen_len = strlen(reply->data) + 1;

	if (gen_len > sizeof(l->generation) || gen_len > reply->len)
		return err_set(err, EIO, "%s", strerror(EIO));
	if (l->names.len > 0 && strcmp(l->generation, reply->data) != 0) {
		l->names.len = 0;
		return 0;
	}
	memcpy(l->generation, reply->data, gen_len);
	strbuf_addn(&l->names, reply->data + gen_len, reply->len - gen_len);
	/* An empty name ends the last part. */
	if (l->names.len > 1 && l->names.data[l->names.len - 2] != '\0')
		return 0;
	if (l->names.len > 0)
		l->names.len--;
	return 1;
}

int listing_take(struct listing *l, const struct xs_reply *reply, struct err *err)
{
	if (!l->in_parts && reply->error == E2BIG) {
		l->in_parts = true;
		return 0;
	}
	if (reply->error) {
		int code = l->in_parts && reply->error == ENOSYS ? E2BIG : reply->error;

		return err_set(err, code, "%s", strerror(code));
	}
	if (l->in_parts)
		return take_part(l, reply, err);
	strbuf_addn(&l->names, reply->data, reply->len);
	return 1;
}

const char *listing_next(const struct listing *l, const char *name)
{
	size_t pos = name ? (size_t)(name - l->names.data) + strlen(name) + 1 : 0;

	return pos < l->names.len ? l->names.data + pos : NULL;
}
