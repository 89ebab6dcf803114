/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef XENSTORED_WIRE_H
#define XENSTORED_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

/* The protocol on the wire (xen/include/public/io/xs_wire.h, docs/misc/xenstore.txt), in numbers of
 * our own so that a host without Xen's headers builds. A codec only: knows no connection and no
 * store. */

enum wire_type {
	WIRE_CONTROL,
	WIRE_DIRECTORY,
	WIRE_READ,
	WIRE_GET_PERMS,
	WIRE_WATCH,
	WIRE_UNWATCH,
	WIRE_TRANSACTION_START,
	WIRE_TRANSACTION_END,
	WIRE_INTRODUCE,
	WIRE_RELEASE,
	WIRE_GET_DOMAIN_PATH,
	WIRE_WRITE,
	WIRE_MKDIR,
	WIRE_RM,
	WIRE_SET_PERMS,
	WIRE_WATCH_EVENT,
	WIRE_ERROR,
	WIRE_IS_DOMAIN_INTRODUCED,
	WIRE_RESUME,
	WIRE_SET_TARGET,
	WIRE_RESTRICT,
	WIRE_RESET_WATCHES,
	WIRE_DIRECTORY_PART,
	WIRE_GET_FEATURE,
	WIRE_SET_FEATURE,
	WIRE_GET_QUOTA,
	WIRE_SET_QUOTA,
	WIRE_NR_TYPES
};

#define WIRE_HEADER	 16u
#define WIRE_PAYLOAD_MAX 4096u
#define WIRE_MESSAGE_MAX (WIRE_HEADER + WIRE_PAYLOAD_MAX)

struct wire_header {
	/* native byte order, as both sides share a machine */
	uint32_t type, req_id, tx_id, len;
};

enum wire_status { WIRE_MORE, WIRE_MESSAGE, WIRE_BROKEN };

/* Is there a whole message at the front of these bytes? MESSAGE: *h is filled and h->len payload
 * bytes follow at data + WIRE_HEADER. BROKEN: the length is impossible, nothing behind it can be
 * trusted. */
enum wire_status wire_peek(const char *data, size_t len, struct wire_header *h);

/* An argument: bytes of the payload, NUL-terminated in place except for a tail. */
struct wire_arg {
	const char *s;
	size_t len;		/* without the NUL */
};

/* The strings at the front of a payload, each ending in NUL: how many there are (more than max are
 * counted, not stored). *rest: where the last one ended; what stands behind it is a tail, or
 * nothing. */
unsigned wire_split(const char *payload, size_t len, struct wire_arg *args, unsigned max,
		    size_t *rest);

/* The wire's name of an errno ("ENOENT"); those without one are EINVAL. And back: 0 when
 * unknown. */
const char *wire_error_name(int code);
int wire_error_code(const char *name);

const char *wire_type_name(unsigned type);	/* "READ"; "unknown" */

#endif
