/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef XENSTORED_PATH_H
#define XENSTORED_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

/*
 * Store paths. Inside the daemon a path is always canonical: absolute ("/",
 * "/local/domain/0/name"), no trailing and no double slash, only the characters the protocol
 * allows; or special ("@releaseDomain"). Limits: xen/include/public/io/xs_wire.h.
 */

#define PATH_ABS_MAX	  3072	/* XENSTORE_ABS_PATH_MAX */
#define PATH_REL_MAX      2048 /* XENSTORE_REL_PATH_MAX: what stands behind /local/domain/<id>/ */
#define PATH_MAX_DEPTH    (PATH_ABS_MAX / 2 + 1) /* components of the deepest path, root included */

struct path {
	uint16_t len;
	/* bytes in front that the client did not send: "/local/domain/7/" */
	uint16_t relative;
	char s[PATH_ABS_MAX + 1];
};

#define PATH_SPECIAL 1u		/* accept "@..." too */

/* What a client sent (`in`, NUL-terminated by its caller) made canonical for a client that lives in
 * domain `domid`: relative paths get /local/domain/<domid>/ in front. EINVAL: malformed, too long,
 * or special where not allowed. `max` bounds the part behind /local/domain/<id>/ (the path-max
 * quota; 0: only the protocol's limit). */
int path_canonical(struct path *out, const char *in, size_t len, unsigned domid, unsigned flags,
		   unsigned max, struct err *err) must_check;

bool path_is_special(const struct path *p);

/* A relative name "a/b" or an absolute one from the daemon itself; it is known to be well-formed
 * and short. */
void path_set(struct path *out, const char *s);

/* Length of the parent's path: "/a/b" → 2, "/a" → 1, "/" and specials → 0 (no parent). */
size_t path_parent_len(const char *s, size_t len);

/* Walk the components: *pos starts at 0, false at the end. Works for specials too: their first
 * component is "@name". */
static inline bool path_next(const char *s, size_t len, size_t *pos, const char **name,
			     size_t *name_len)
{
	size_t start = *pos, end;

	if (start < len && s[start] == '/')
		start++;
	if (start >= len)
		return false;
	/* Names are short: cheaper than asking memchr. */
	for (end = start; end < len && s[end] != '/'; end++)
		;
	*name = s + start;
	*name_len = end - start;
	*pos = end;
	return true;
}

#endif
