/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Store paths: what is well-formed, what a relative one means, and how one is taken apart. Knows
 * the protocol's limits and alphabet; does not know whether a path exists or who may use it.
 */
#include "xenstored/path.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

static bool is_path_char(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
	       c == '-' || c == '/' || c == '_' || c == '@';
}

/* What is wrong with a client's path, or NULL. */
static const char *path_fault(const char *in, size_t len, unsigned flags)
{
	if (!len)
		return "is empty";
	if (in[0] == '@' && !(flags & PATH_SPECIAL))
		return "is special, which is not allowed here";
	for (size_t i = 0; i < len; i++) {
		if (!is_path_char((unsigned char)in[i]))
			return "has a character that is not allowed";
		if (in[i] == '/' && i && in[i - 1] == '/')
			return "has an empty component";
	}
	if (in[len - 1] == '/' && len > 1)
		return "ends in a slash";
	return NULL;
}

/* Length of "/local/domain/<id>/" in front, 0 when it is not there: what path-max does not
 * count. */
static size_t home_len(const char *s, size_t len)
{
	static const char prefix[] = "/local/domain/";
	size_t i = sizeof(prefix) - 1;

	if (len <= i || memcmp(s, prefix, i))
		return 0;
	for (size_t digits = 0; i < len && digits < 5 && s[i] >= '0' && s[i] <= '9'; digits++)
		i++;
	return i > sizeof(prefix) - 1 && i < len && s[i] == '/' ? i + 1 : 0;
}

int path_canonical(struct path *out, const char *in, size_t len, unsigned domid, unsigned flags,
		   unsigned max, struct err *err)
{
	const char *fault = path_fault(in, len, flags);
	size_t prefix = 0;

	if (fault)
		return err_set(err, EINVAL, "path '%.*s' %s", len > 80 ? 80 : (int)len, in, fault);
	if (in[0] != '/' && in[0] != '@') {
		char home[40];

		prefix = (size_t)snprintf(home, sizeof(home), "/local/domain/%u/", domid);
		memcpy(out->s, home, prefix);
	}
	if (prefix + len > PATH_ABS_MAX)
		return err_set(err, EINVAL, "path of %zu bytes is longer than the protocol's %u",
			       prefix + len, PATH_ABS_MAX);
	memcpy(out->s + prefix, in, len);
	out->len = (uint16_t)(prefix + len);
	out->relative = (uint16_t)prefix;
	out->s[out->len] = '\0';
	if (max && out->len - home_len(out->s, out->len) > max)
		return err_set(err, EINVAL,
			       "path of %u bytes is longer than the quota path-max, %u", out->len,
			       max);
	return 0;
}

bool path_is_special(const struct path *p)
{
	return p->s[0] == '@';
}

void path_set(struct path *out, const char *s)
{
	size_t len = strnlen(s, PATH_ABS_MAX);

	memcpy(out->s, s, len);
	out->s[len] = '\0';
	out->len = (uint16_t)len;
	out->relative = 0;
}

size_t path_parent_len(const char *s, size_t len)
{
	if (len <= 1 || s[0] != '/')
		return 0;
	while (len > 1 && s[len - 1] != '/')
		len--;
	return len > 1 ? len - 1 : 1;
}
