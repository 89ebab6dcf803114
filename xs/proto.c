// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The error names of the store's protocol, a closed list: both directions read the same rows.
 */
#include "xs/proto.h"

#include <errno.h>
#include <string.h>
#include "base/mem.h"

#define ROW(e) { #e, e }
static const struct {
	const char *name;
	int code;
} errors[] = {
	ROW(EINVAL), ROW(EACCES), ROW(EEXIST), ROW(EISDIR), ROW(ENOENT), ROW(ENOMEM),
	ROW(ENOSPC), ROW(EIO), ROW(ENOTEMPTY), ROW(ENOSYS), ROW(EROFS), ROW(EBUSY),
	ROW(EAGAIN), ROW(EISCONN), ROW(E2BIG), ROW(EPERM),
};

int xs_error_code(const char *name)
{
	for (size_t i = 0; i < array_size(errors); i++)
		if (strcmp(errors[i].name, name) == 0)
			return errors[i].code;
	return EINVAL;
}

const char *xs_error_name(int code)
{
	for (size_t i = 0; i < array_size(errors); i++)
		if (errors[i].code == code)
			return errors[i].name;
	return "EINVAL";
}
