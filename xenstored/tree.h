/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef XENSTORED_TREE_H
#define XENSTORED_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "xenstored/node.h"
#include "xenstored/path.h"
#include "xenstored/perm.h"

/*
 * The tree. Nodes are reference-counted and shared between versions: whoever holds a root holds a
 * version of the whole store, for ever unchanged. A change goes down the path; what only this root
 * reaches is changed in place, what another version shares is copied first. So a snapshot costs one
 * reference, a write beside no snapshot copies nothing, and there is one code path.
 *
 * Every function that changes a root either does all of it or nothing (-1, ENOMEM): making a path
 * private changes no meaning, and the visible change is one store at the end.
 *
 * `gen` of a node changes when its value, its permissions or the set of its children's names
 * changes: the rule of conflicts and DIRECTORY_PART's counter. It does not change when a child
 * merely changes.
 *
 * Children are kept sorted by name in a B+ tree of small arrays, so a directory of 10,000 is as
 * quick as one of ten.
 *
 * No recursion over depth anywhere (XSA-418).
 */

struct tree; /* what all versions of one store share: allocation and the table of permissions */

struct tree *tree_new(struct perm_table *perms);	/* NULL: no memory. Borrows the table */
void tree_free(struct tree *t);
size_t tree_nr_nodes(const struct tree *t);	/* allocated now, all versions together */

/* A root "/" with an empty value. NULL: no memory. Takes its own reference to perms. */
struct node *tree_root_new(struct tree *t, struct perms *perms, uint64_t gen);
static inline struct node *node_ref(struct node *n)
{
	n->ref++;
	return n;
}
/* NULL is fine; a whole subtree goes without recursion */
void node_unref(struct tree *t, struct node *n);

/* The node at a canonical path, or NULL. Borrowed from root. */
const struct node *tree_find(const struct node *root, const char *path, size_t len);

/* Where a path stops existing. */
struct tree_spot {
	const struct node *node;	/* the node itself, or NULL */
	const struct node *parent;	/* its parent if that exists (NULL for "/") */
	/* the node, else its nearest existing ancestor (never NULL) */
	const struct node *nearest;
	uint16_t nearest_len;		/* of nearest's path */
	uint16_t missing;		/* components that do not exist: 0 when node is there */
};
void tree_locate(const struct node *root, const char *path, size_t len, struct tree_spot *spot);

/* Set the value; create the node and its missing ancestors (empty values), all with `fresh` as
 * permissions. value NULL: leave an existing node's alone (MKDIR). Nodes touched get `gen`; so does
 * the parent of what was created. */
int tree_put(struct tree *t, struct node **root, const char *path, size_t len, const void *value,
	     size_t value_len, struct perms *fresh, uint64_t gen, struct err *err) must_check;
int tree_set_perms(struct tree *t, struct node **root, const char *path, size_t len,
		   struct perms *perms, uint64_t gen, struct err *err) must_check;
/* Take the node (not "/") and all beneath it out. *removed (may be NULL) gets the subtree, one
 * reference yours. The node must exist. */
int tree_del(struct tree *t, struct node **root, const char *path, size_t len, uint64_t gen,
	     struct node **removed, struct err *err) must_check;

/*
 * A walk over a subtree, parents before children, children by name. It holds no references: the
 * root must stay held and unchanged meanwhile. Allocates its stack once.
 *	autowalk struct tree_walk *w = tree_walk_new();
 *	for (n = tree_walk_start(w, node, path, len); n; n = tree_walk_next(w))
 *		use(n, w->path, w->len);
 */
struct tree_walk {
	char path[PATH_ABS_MAX + 2];
	size_t len;
	struct tree_walk_frame *frames;
	unsigned depth;
	bool bare;		/* keeps no paths */
	const struct node *at;
};
struct tree_walk *tree_walk_new(void);		/* NULL: no memory */
void tree_walk_free(struct tree_walk *w);
/* `path` is that of `top`; NULL and 0 mean "/". */
const struct node *tree_walk_start(struct tree_walk *w, const struct node *top, const char *path,
				   size_t len);
/* For those who need no paths. */
const struct node *tree_walk_start_bare(struct tree_walk *w, const struct node *top);
const struct node *tree_walk_next(struct tree_walk *w);
/* The next node that is not beneath the current one. */
const struct node *tree_walk_skip(struct tree_walk *w);

#endif
