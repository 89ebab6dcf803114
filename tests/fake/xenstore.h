/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TESTS_FAKE_XENSTORE_H
#define TESTS_FAKE_XENSTORE_H

#include <stdint.h>

/*
 * A store daemon inside the test, on a socket that XENSTORED_PATH names: a tree, transactions that
 * conflict, watches, permissions kept but not enforced. Each request is a fault point named after
 * its operation, so the loops that fail hypercalls fail the store too. It works while the client
 * sends.
 */

/* Starts with what xl init-dom0 leaves behind. */
void fake_store_start(void);
void fake_store_stop(void);

/* Its turn without a client's send(): it notices who closed its connection. The functions below
 * begin with that. */
void fake_store_catch_up(void);

/* From the outside, as a guest or a backend would. NULL removes; watches fire. The value read is
 * yours, NULL: no such node. */
void fake_store_set(const char *path, const char *value);
char *fake_store_get(const char *path);
/* Fires a special watch, such as "@releaseDomain". */
void fake_store_fire(const char *path);

/* Called after each change a client made, outside of transactions or at
 * their commit; may call fake_store_set. */
void fake_store_on_change(void (*fn)(const char *path, const char *value));

/* NULL when the tree is what it was at the start, else a path that was not there or is no more.
 * Yours to free. */
char *fake_store_leftover(void);

/* Print the tree as xenstore-ls -fp does, sorted; yours to free. */
char *fake_store_dump(const char *below);

#endif
