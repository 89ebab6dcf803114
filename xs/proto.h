/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef XS_PROTO_H
#define XS_PROTO_H

#include <stdint.h>

/*
 * The store's wire protocol as numbers and names, for both of its ends. Sources:
 * xen/include/public/io/xs_wire.h, docs/misc/xenstore.txt. All of it is in the byte order of the
 * machine.
 */

enum xs_type {
	XS_CONTROL = 0,
	XS_DIRECTORY = 1,
	XS_READ = 2,
	XS_GET_PERMS = 3,
	XS_WATCH = 4,
	XS_UNWATCH = 5,
	XS_TRANSACTION_START = 6,
	XS_TRANSACTION_END = 7,
	XS_INTRODUCE = 8,
	XS_RELEASE = 9,
	XS_GET_DOMAIN_PATH = 10,
	XS_WRITE = 11,
	XS_MKDIR = 12,
	XS_RM = 13,
	XS_SET_PERMS = 14,
	XS_WATCH_EVENT = 15,
	XS_ERROR = 16,
	XS_IS_DOMAIN_INTRODUCED = 17,
	XS_RESUME = 18,
	XS_SET_TARGET = 19,
	XS_RESET_WATCHES = 21,
	XS_DIRECTORY_PART = 22,
	XS_GET_FEATURE = 23,	/* 23 to 26: Xen 4.21 and later */
	XS_SET_FEATURE = 24,
	XS_GET_QUOTA = 25,
	XS_SET_QUOTA = 26,
};

#define XS_PAYLOAD_MAX 4096
#define XS_PATH_MAX 3072	/* of an absolute path, without its NUL */

struct xs_header {
	uint32_t type, req_id, tx_id, len;
};

/* The errno of a name such as "ENOENT". A name the protocol does not have counts as EINVAL, and an
 * errno it does not have is sent as EINVAL. */
int xs_error_code(const char *name);
const char *xs_error_name(int code);

#endif
