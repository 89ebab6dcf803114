/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef XENSTORED_PERM_H
#define XENSTORED_PERM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "base/hash.h"
#include "base/list.h"

/*
 * Permissions of a node: a short list of {domain, letters}, the first naming the owner and
 * everybody's default. A list is immutable, shared by every node that has the same one (a store of
 * 100,000 nodes knows a handful) and counted.
 *
 * The one change a list knows is the death of a domain: its entries go stale in every tree and
 * snapshot at once, so that the next domain with that number inherits nothing (XSA-322, XSA-417).
 * Stale entries give no right; GET_PERMS still shows them, as upstream does.
 */

#define PERM_READ  1u
#define PERM_WRITE 2u
#define PERM_OWNER 8u	/* never in an entry: an answer of who asks for rights */
#define PERM_STALE 4u	/* the domain is gone (or was never there) */

#define DOMID_FIRST_RESERVED 0x7ff0u
#define DOMID_SELF	     0x7ff0u
#define DOMID_ANY	     0x7fffu	/* everybody, in a permission of newer clients */

#define PERM_MAX_ENTRIES 1024 /* whatever the quota says; a payload of 4096 bytes holds fewer */

struct perm {
	uint16_t domid;
	uint8_t bits;
	uint8_t pad;
};

struct perms {
	uint32_t ref;
	uint16_t n;		/* at least 1 */
	uint16_t pad;
	struct list link;	/* all lists, so that a death finds its entries */
	struct perm e[];
};

struct perm_table;		/* every list of a world */

struct perm_table *perm_table_new(void);	/* NULL: no memory */
void perm_table_free(struct perm_table *t);	/* no list may be in use */

/* The shared list with these entries, one reference yours; NULL: no memory. */
struct perms *perms_get(struct perm_table *t, const struct perm *e, unsigned n);
struct perms *perms_ref(struct perms *p);
void perms_unref(struct perm_table *t, struct perms *p);	/* NULL is fine */

static inline uint16_t perms_owner(const struct perms *p)
{
	return p->e[0].domid;
}

/* What `domid` may do; PERM_READ | PERM_WRITE for the owner. Privilege and SET_TARGET are the
 * caller's business. */
unsigned perms_bits(const struct perms *p, unsigned domid);
/* The same for one that acts for another domain too: the first entry of either counts. */
unsigned perms_bits2(const struct perms *p, unsigned domid, unsigned other);

/* Entries of a dead domain go stale everywhere. The owner's place stays: who is owner is a matter
 * of the tree. */
void perm_table_bury(struct perm_table *t, unsigned domid);

/* The wire form: "n0", "b12"; `len` without the NUL. EINVAL: not a permission. */
int perm_parse(struct perm *out, const char *s, size_t len, struct err *err) must_check;
/* Writes at most 8 bytes with NUL, returns the length without it. */
size_t perm_format(const struct perm *p, char out[8]);

#endif
