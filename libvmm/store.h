/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBVMM_STORE_H
#define LIBVMM_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "base/str.h"

/*
 * The xenstore client of libvmm. Requests that do not need each other's answers travel in one write
 * (a batch), so that a domain's eighty writes cost a few round trips. Every reply has a deadline on
 * the monotonic clock: a store that hangs is an error that says so, not a hung command.
 *
 * err->code is the errno the store named (ENOENT, EACCES, EAGAIN, ...), ENOTCONN when there is no
 * store, ETIMEDOUT when it does not answer. Messages name the operation and the path. Paths given
 * as format strings are limited to the protocol's 3072 bytes (E2BIG).
 */

struct store;

typedef void store_trace_fn(void *arg, const char *op, const char *path, const char *value);

/* $XENSTORED_PATH, $XENSTORED_RUNDIR/socket, /run/xenstored/socket, else /dev/xen/xenbus (as in a
 * driver domain). */
int store_open(struct store **out, struct err *err) must_check;
void store_close(struct store *s);
void store_set_trace(struct store *s, store_trace_fn *fn, void *arg);
uint64_t store_nr_ops(const struct store *s);
#define STORE_TIMEOUT_MS 10000

/* --- single requests -------------------------------------------------------------------------- */

/* *value is yours to free; never NULL on success. ENOENT when there is no such node. */
int store_read(struct store *s, char **value, struct err *err, const char *path, ...)
	must_check printf_like(4, 5);
/* Like store_read, but a missing node (or one above it) is not an error: *value is NULL. */
int store_read_opt(struct store *s, char **value, struct err *err, const char *path, ...)
	must_check printf_like(4, 5);
int store_read_u64(struct store *s, uint64_t *value, struct err *err, const char *path, ...)
	must_check printf_like(4, 5);
int store_write(struct store *s, const char *path, const char *value, struct err *err) must_check;
int store_rm(struct store *s, const char *path, struct err *err)
	must_check; /* a missing node is no error */
/* Children; DIRECTORY_PART when there are many. A missing node gives ENOENT. */
int store_list(struct store *s, const char *path, struct strlist *out, struct err *err) must_check;
int store_mkdir(struct store *s, const char *path, struct err *err) must_check;

struct store_perm {
	uint32_t domid;
	char mode;
}; /* 'n' 'r' 'w' 'b'; the first is the owner */
int store_get_perms(struct store *s, const char *path, struct store_perm *perms, size_t *nr,
		    struct err *err) must_check;	/* *nr: room in, entries out */

int store_introduce(struct store *s, uint32_t domid, uint64_t gfn, uint32_t port, struct err *err)
	must_check;
int store_release(struct store *s, uint32_t domid, struct err *err) must_check;
int store_resume(struct store *s, uint32_t domid, struct err *err) must_check;
int store_set_target(struct store *s, uint32_t domid, uint32_t target, struct err *err) must_check;
int store_is_introduced(struct store *s, uint32_t domid, bool *is_introduced, struct err *err)
	must_check;

/* Many reads in one round trip: values[i] is yours (NULL: not there). All or nothing. */
int store_read_many(struct store *s, const char *const *paths, size_t nr, char **values,
		    struct err *err) must_check;

/* --- transactions ----------------------------------------------------------------------------- */

/*
 * Changes are collected and sent together; commit retries by itself when the store says EAGAIN (a
 * conflict), because the changes do not depend on anything read. When the store refuses one change,
 * none is made and the error names its path. What must be read first is read with store_txn_read,
 * and then EAGAIN comes back to the caller, who starts over. Nothing reaches the store before
 * commit; a txn that is freed uncommitted never happened.
 *
 *	autotxn struct store_txn t = STORE_TXN(store);
 *	store_txn_write(&t, value, "%s/name", dir);
 *	store_txn_perms(&t, perms, 2, "%s", dir);
 *	return store_txn_commit(&t, err);
 *
 * The collecting calls cannot fail: a problem (a path too long) is reported by commit. After commit
 * the txn is empty and may be used again.
 */
struct store_change;
struct store_txn {
	struct store *store;
	struct store_change *head, **tail;
	uint32_t id;		/* 0 until something had to be read */
};
#define STORE_TXN(s) { (s), NULL, NULL, 0 }
#define autotxn __attribute__((cleanup(store_txn_free)))

void store_txn_write(struct store_txn *t, const char *value, const char *path, ...)
	printf_like(3, 4);
/* perms: applied to the node after it was written (nr entries). */
void store_txn_mkdir(struct store_txn *t, const struct store_perm *perms, size_t nr,
		     const char *path, ...) printf_like(4, 5);
void store_txn_perms(struct store_txn *t, const struct store_perm *perms, size_t nr,
		     const char *path, ...) printf_like(4, 5);
void store_txn_rm(struct store_txn *t, const char *path, ...) printf_like(2, 3);
int store_txn_read_opt(struct store_txn *t, char **value, struct err *err, const char *path, ...)
	must_check printf_like(4, 5);
int store_txn_list(struct store_txn *t, struct strlist *out, struct err *err, const char *path, ...)
	must_check printf_like(4, 5);
int store_txn_commit(struct store_txn *t, struct err *err) must_check;
void store_txn_free(struct store_txn *t);

/* --- watches ---------------------------------------------------------------------------------- */

/* Readable when an event may be waiting (or the store hung up). Events that came with a reply are
 * here already: take events with a timeout of 0 until there are none before polling. */
int store_fd(const struct store *s);
int store_watch(struct store *s, const char *path, const char *token, struct err *err) must_check;
int store_unwatch(struct store *s, const char *path, const char *token, struct err *err) must_check;
/* The next event, waiting at most timeout_ms (-1: for ever, 0: only what is here). 1: an event,
 * *path and *token are yours; 0: none in time; -1: failed. */
int store_next_event(struct store *s, int timeout_ms, char **path, char **token, struct err *err)
	must_check;

#endif
