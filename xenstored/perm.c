/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Permission lists, shared: every list in use hangs in a small hash table, so nodes with equal
 * permissions point to one list. Knows the letters and who counts as owner; privilege, SET_TARGET
 * and which domains exist are not known here.
 */
#include "xenstored/perm.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "base/num.h"

#define NR_BUCKETS 256u

struct perm_table {
	struct list bucket[NR_BUCKETS];
};

struct perm_table *perm_table_new(void)
{
	struct perm_table *t = malloc(sizeof(*t));

	if (!t)
		return NULL;
	for (unsigned i = 0; i < NR_BUCKETS; i++)
		list_init(&t->bucket[i]);
	return t;
}

void perm_table_free(struct perm_table *t)
{
	free(t);
}

static struct list *bucket_of(struct perm_table *t, const struct perm *e, unsigned n)
{
	return &t->bucket[hash_bytes(e, n * sizeof(*e)) % NR_BUCKETS];
}

struct perms *perms_get(struct perm_table *t, const struct perm *e, unsigned n)
{
	struct list *bucket = bucket_of(t, e, n);
	struct perms *p;

	list_for_each_entry(p, bucket, link)
		if (p->n == n && !memcmp(p->e, e, n * sizeof(*e)))
			return perms_ref(p);
	p = malloc(sizeof(*p) + n * sizeof(*e));
	if (!p)
		return NULL;
	p->ref = 1;
	p->n = (uint16_t)n;
	p->pad = 0;
	memcpy(p->e, e, n * sizeof(*e));
	list_add_head(bucket, &p->link);
	return p;
}

struct perms *perms_ref(struct perms *p)
{
	p->ref++;
	return p;
}

void perms_unref(struct perm_table *t, struct perms *p)
{
	(void)t;
	if (!p || --p->ref)
		return;
	list_del(&p->link);
	free(p);
}

unsigned perms_bits2(const struct perms *p, unsigned domid, unsigned other)
{
	const unsigned rw = PERM_READ | PERM_WRITE;

	if (p->e[0].domid == domid || p->e[0].domid == other)
		return rw;
	for (unsigned i = 1; i < p->n; i++) {
		const struct perm *e = &p->e[i];

		if (!(e->bits & PERM_STALE) &&
		    (e->domid == domid || e->domid == other || e->domid == DOMID_ANY))
			return e->bits & rw;
	}
	return p->e[0].bits & rw;
}

unsigned perms_bits(const struct perms *p, unsigned domid)
{
	return perms_bits2(p, domid, domid);
}

static bool bury_in(struct perms *p, unsigned domid)
{
	bool changed = false;

	for (unsigned i = 1; i < p->n; i++)
		if (p->e[i].domid == domid && !(p->e[i].bits & PERM_STALE)) {
			p->e[i].bits |= PERM_STALE;
			changed = true;
		}
	return changed;
}

void perm_table_bury(struct perm_table *t, unsigned domid)
{
	struct list moved = LIST_INIT(moved);
	struct perms *p, *tmp;

	for (unsigned i = 0; i < NR_BUCKETS; i++)
		list_for_each_entry_safe(p, tmp, &t->bucket[i], link)
			if (bury_in(p, domid)) {
				list_del(&p->link);
				list_add_tail(&moved, &p->link);
			}
	list_for_each_entry_safe(p, tmp, &moved, link) {
		list_del(&p->link);
		list_add_head(bucket_of(t, p->e, p->n), &p->link);
	}
}

int perm_parse(struct perm *out, const char *s, size_t len, struct err *err)
{
	static const char letters[] = "nrwb";	/* position: PERM_READ | PERM_WRITE */
	const char *letter = len ? memchr(letters, s[0], 4) : NULL;
	uint64_t domid;

	if (!letter || len < 2 || len > 12)
		return err_set(err, EINVAL,
			       "permission '%.*s': expected one of n, r, w, b and a domain id",
			       len > 20 ? 20 : (int)len, s);
	if (num_dec(s + 1, DOMID_ANY, "domain id in a permission", &domid, err) < 0)
		return err_set(err, EINVAL, "permission '%.*s': not a domain id", (int)len, s);
	*out = (struct perm){ .domid = (uint16_t)domid, .bits = (uint8_t)(letter - letters) };
	return 0;
}

size_t perm_format(const struct perm *p, char out[8])
{
	return (size_t)snprintf(out, 8, "%c%u", "nrwb"[p->bits & 3], p->domid);
}
