/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The codec of the wire: headers, strings, names of errors and operations. Touches nothing but the
 * bytes it is given.
 */
#include "xenstored/wire.h"
#include <errno.h>
#include <string.h>
#include "base/mem.h"

enum wire_status wire_peek(const char *data, size_t len, struct wire_header *h)
{
	if (len < WIRE_HEADER)
		return WIRE_MORE;
	memcpy(h, data, sizeof(*h));
	if (h->len > WIRE_PAYLOAD_MAX)
		return WIRE_BROKEN;
	return len - WIRE_HEADER < h->len ? WIRE_MORE : WIRE_MESSAGE;
}

unsigned wire_split(const char *payload, size_t len, struct wire_arg *args, unsigned max,
		    size_t *rest)
{
	unsigned n = 0;
	size_t pos = 0;
	const char *nul;

	while (pos < len && (nul = memchr(payload + pos, '\0', len - pos))) {
		if (n < max)
			args[n] = (struct wire_arg){ payload + pos, (size_t)(nul - payload) - pos };
		n++;
		pos = (size_t)(nul - payload) + 1;
	}
	*rest = pos;
	return n;
}

/* io/xs_wire.h, xsd_errors; the first is what everything else becomes. */
static const struct {
	int code;
	const char *name;
} errors[] = {
	{ EINVAL, "EINVAL" }, { EACCES, "EACCES" },   { EEXIST, "EEXIST" },
	{ EISDIR, "EISDIR" }, { ENOENT, "ENOENT" },   { ENOMEM, "ENOMEM" },
	{ ENOSPC, "ENOSPC" }, { EIO, "EIO" },         { ENOTEMPTY, "ENOTEMPTY" },
	{ ENOSYS, "ENOSYS" }, { EROFS, "EROFS" },     { EBUSY, "EBUSY" },
	{ EAGAIN, "EAGAIN" }, { EISCONN, "EISCONN" }, { E2BIG, "E2BIG" },
	{ EPERM, "EPERM" },
};

const char *wire_error_name(int code)
{
	for (unsigned i = 0; i < array_size(errors); i++)
		if (errors[i].code == code)
			return errors[i].name;
	return errors[0].name;
}

int wire_error_code(const char *name)
{
	for (unsigned i = 0; i < array_size(errors); i++)
		if (!strcmp(errors[i].name, name))
			return errors[i].code;
	return 0;
}

static const char *const type_names[WIRE_NR_TYPES] = {
	[WIRE_CONTROL] = "CONTROL",
	[WIRE_DIRECTORY] = "DIRECTORY",
	[WIRE_READ] = "READ",
	[WIRE_GET_PERMS] = "GET_PERMS",
	[WIRE_WATCH] = "WATCH",
	[WIRE_UNWATCH] = "UNWATCH",
	[WIRE_TRANSACTION_START] = "TRANSACTION_START",
	[WIRE_TRANSACTION_END] = "TRANSACTION_END",
	[WIRE_INTRODUCE] = "INTRODUCE",
	[WIRE_RELEASE] = "RELEASE",
	[WIRE_GET_DOMAIN_PATH] = "GET_DOMAIN_PATH",
	[WIRE_WRITE] = "WRITE",
	[WIRE_MKDIR] = "MKDIR",
	[WIRE_RM] = "RM",
	[WIRE_SET_PERMS] = "SET_PERMS",
	[WIRE_WATCH_EVENT] = "WATCH_EVENT",
	[WIRE_ERROR] = "ERROR",
	[WIRE_IS_DOMAIN_INTRODUCED] = "IS_DOMAIN_INTRODUCED",
	[WIRE_RESUME] = "RESUME",
	[WIRE_SET_TARGET] = "SET_TARGET",
	[WIRE_RESTRICT] = "RESTRICT",
	[WIRE_RESET_WATCHES] = "RESET_WATCHES",
	[WIRE_DIRECTORY_PART] = "DIRECTORY_PART",
	[WIRE_GET_FEATURE] = "GET_FEATURE",
	[WIRE_SET_FEATURE] = "SET_FEATURE",
	[WIRE_GET_QUOTA] = "GET_QUOTA",
	[WIRE_SET_QUOTA] = "SET_QUOTA",
};

const char *wire_type_name(unsigned type)
{
	return type < WIRE_NR_TYPES ? type_names[type] : "unknown";
}
