// SPDX-License-Identifier: LGPL-2.1-or-later
/* Reading entries of static_mem, static_evtchn and static_shm. Each by itself: how they fit
 * together is boot_links.c's. */
#include "libvmm/boot_spec.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "base/str.h"

#define PAGE 4096u

/* Whole pages that do not wrap. */
static int check_range(uint64_t base, uint64_t size, const char *what, struct err *err)
{
	uint64_t end;

	if (base % PAGE || size % PAGE)
		return err_set(err, EINVAL, "%s does not begin and end at a page", what);
	if (!size || !num_add(base, size, &end))
		return err_set(err, EINVAL, "%s is empty or ends above all addresses", what);
	return 0;
}

int boot_spec_mem(const char *text, const char *who, struct boot_mem *out, struct err *err)
{
	autofree char *what = str_printf("%s: static_mem '%s'", who, text);
	autostrlist struct strlist pair = STRLIST_INIT;

	strlist_split(&pair, text, ",");
	if (pair.n != 2)
		return err_set(err, EINVAL, "%s is not start,size", what);
	if (num_u64(pair.v[0], 0, UINT64_MAX, what, &out->base, err) < 0 ||
	    num_size(pair.v[1], 'b', what, &out->size, err) < 0)
		return -1;
	return check_range(out->base, out->size, what, err);
}

int boot_spec_evtchn(const char *text, const char *who, struct boot_evtchn *out, struct err *err)
{
	autofree char *what = str_printf("%s: static_evtchn '%s'", who, text);
	autostrlist struct strlist parts = STRLIST_INIT;

	out->peer = NULL;
	strlist_split(&parts, text, ",");
	if (parts.n != 3 || !*parts.v[1])
		return err_set(err, EINVAL, "%s is not port,guest,port", what);
	if (num_u32(parts.v[0], BOOT_EVTCHN_MIN, BOOT_EVTCHN_MAX, what, &out->port, err) < 0 ||
	    num_u32(parts.v[2], BOOT_EVTCHN_MIN, BOOT_EVTCHN_MAX, what, &out->peer_port, err) < 0)
		return -1;
	if (str_eq(parts.v[1], who))
		return err_set(err, EINVAL, "%s: its other end is the same guest", what);
	out->peer = xstrdup(parts.v[1]);
	return 0;
}

void boot_evtchn_free(struct boot_evtchn *e)
{
	free(e->peer);
	e->peer = NULL;
}

static int shm_id(struct boot_shm *s, const char *value, const char *what, struct err *err)
{
	if (!*value || strlen(value) >= sizeof(s->id))
		return err_set(err, EINVAL, "%s: an id has 1 to %zu characters", what,
			       sizeof(s->id) - 1);
	for (const char *c = value; *c; c++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-",
			    *c))
			return err_set(err, EINVAL,
				       "%s: an id has letters, digits and . _ + - only", what);
	snprintf(s->id, sizeof(s->id), "%s", value);
	return 0;
}

static int shm_part(struct boot_shm *s, const char *part, const char *what, struct err *err)
{
	const char *value = strchr(part, '=');
	size_t len = value ? (size_t)(value - part) : strlen(part);
	autofree char *key = xstrndup(part, len);

	value = value ? value + 1 : "";
	if (str_eq(key, "id"))
		return shm_id(s, value, what, err);
	if (str_eq(key, "address"))
		return num_u64(value, 0, UINT64_MAX, what, &s->address, err);
	if (str_eq(key, "size"))
		return num_size(value, 'b', what, &s->size, err);
	if (str_eq(key, "host")) {
		s->has_host = true;
		return num_u64(value, 0, UINT64_MAX, what, &s->host, err);
	}
	if (str_eq(key, "role") && (str_eq(value, "owner") || str_eq(value, "borrower"))) {
		s->has_role = true;
		s->is_owner = str_eq(value, "owner");
		return 0;
	}
	if (str_eq(part, "dom0")) {
		s->with_dom0 = true;
		return 0;
	}
	return err_set(
		err, EINVAL,
		"%s: '%s' is none of id=, address=, size=, host=, role=owner, role=borrower, dom0",
		what, part);
}

int boot_spec_shm(const char *text, const char *who, struct boot_shm *out, struct err *err)
{
	autofree char *what = str_printf("%s: static_shm '%s'", who, text);
	autostrlist struct strlist parts = STRLIST_INIT;

	memset(out, 0, sizeof(*out));
	out->address = UINT64_MAX;
	strlist_split(&parts, text, ",");
	for (size_t i = 0; i < parts.n; i++)
		if (shm_part(out, parts.v[i], what, err) < 0)
			return -1;
	if (!out->id[0] || out->address == UINT64_MAX || !out->size)
		return err_set(err, EINVAL, "%s: id=, address= and size= are needed", what);
	if (check_range(out->address, out->size, what, err) < 0)
		return -1;
	return out->has_host ? check_range(out->host, out->size, what, err) : 0;
}
