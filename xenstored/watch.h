/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef XENSTORED_WATCH_H
#define XENSTORED_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "base/list.h"
#include "xenstored/path.h"
#include "xenstored/tree.h"

/*
 * Watches, in a trie by path component: firing costs the depth of the path and the watches that
 * match, whatever the number of watches and watchers. Knows no connection: an owner is a `struct
 * watcher` embedded in one.
 */

struct watch_set;	/* all watches of a world */
struct watch_node;	/* a place in the trie */

/* Whose watches they are; a member of the connection. */
struct watcher {
	struct list watches;	/* of struct watch, oldest first */
	unsigned nr_watches;
};

#define WATCH_ANY_DEPTH (-1)

struct watch {
	struct list of_watcher;
	struct list of_node;
	struct watcher *watcher;
	struct watch_node *node;
	int32_t depth;		/* levels beneath the path that fire, or WATCH_ANY_DEPTH */
	uint16_t path_len;	/* canonical */
	uint16_t token_len;
	/* bytes of the path the client did not send; events leave them out */
	uint16_t relative;
	char data[];		/* path, NUL, token, NUL */
};

static inline const char *watch_path(const struct watch *w)
{
	return w->data;
}

static inline const char *watch_token(const struct watch *w)
{
	return w->data + w->path_len + 1;
}

struct watch_set *watch_set_new(void);		/* NULL: no memory */
void watch_set_free(struct watch_set *s);
unsigned watch_set_count(const struct watch_set *s);

void watcher_init(struct watcher *who);

/* EEXIST: this watcher already has that path with that token. ENOMEM. *out is borrowed. */
int watch_add(struct watch_set *s, struct watcher *who, const struct path *path, const char *token,
	      size_t token_len, int32_t depth, struct watch **out, struct err *err) must_check;
/* NULL when there is none. */
struct watch *watch_find(const struct watch_set *s, const struct watcher *who,
			 const struct path *path, const char *token, size_t token_len);
void watch_del(struct watch_set *s, struct watch *w);
void watch_del_all(struct watch_set *s, struct watcher *who);
size_t watch_memory(const struct watch *w);	/* what it is charged with */

/* While watch_match_beneath runs: the removed node above the one that w watches. */
const struct node *watch_gone_parent(const struct watch *w);

/* Told of each watch that a change fires: `path` is the changed node's. -1 stops the match and is
 * handed on (no memory for an event). */
typedef int watch_fn(struct watch *w, const char *path, size_t len, const struct node *gone,
		     void *arg);

/* All watches on the path and on its ancestors, in order from the root down. */
int watch_match(const struct watch_set *s, const char *path, size_t len, watch_fn *fn, void *arg)
	must_check;
/* The watches beneath a removed subtree, each exactly on a node that was in it. `gone` is the
 * subtree, `path` its path. fn gets each node. */
int watch_match_beneath(const struct watch_set *s, const char *path, size_t len,
			const struct node *gone, watch_fn *fn, void *arg) must_check;

#endif
