/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "base/mem.h"

/* A map from strings (or any bytes) to pointers. Keys are copied, values are the caller's. Open
 * addressing, seeded per process so that a guest cannot choose colliding names. Fails by return
 * value, so a daemon can use it. */

struct hash;

struct hash *hash_new(void);		/* NULL when there is no memory */
void hash_free(struct hash *h);		/* NULL is fine; values are not freed */
size_t hash_count(const struct hash *h);
void *hash_get(const struct hash *h, const void *key, size_t len);
/* Sets or replaces; value must not be NULL. *old (may be NULL) gets the value replaced or NULL. -1:
 * no memory. */
int hash_set(struct hash *h, const void *key, size_t len, void *value, void **old) must_check;
void *hash_del(struct hash *h, const void *key, size_t len);	/* the value taken out, or NULL */
/* Walk in no order: *cursor starts at 0; NULL at the end. Nothing may be added meanwhile; the entry
 * just returned may be deleted. */
void *hash_next(const struct hash *h, size_t *cursor, const void **key, size_t *len);

/* The hash itself (seeded), for tables of one's own. */
uint64_t hash_bytes(const void *key, size_t len);

#endif
