/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef XENSTORED_NODE_H
#define XENSTORED_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "xenstored/perm.h"

/* A node and its children. Versions of the tree share both; tree.h says how. */

struct dir;

struct node {
	uint32_t ref;
	uint16_t name_len;
	uint16_t value_len;
	uint64_t gen;
	struct perms *perms;
	struct dir *dir;	/* NULL: no children */
	char data[];		/* name, NUL, value */
};

static inline const char *node_name(const struct node *n)
{
	return n->data;
}

static inline const char *node_value(const struct node *n)
{
	return n->data + n->name_len + 1;
}

static inline uint16_t node_owner(const struct node *n)
{
	return perms_owner(n->perms);
}

unsigned node_nr_children(const struct node *n);
/* of all children's names, each with its NUL: a DIRECTORY reply */
size_t node_names_size(const struct node *n);

/* Child by name, or NULL. */
const struct node *node_child(const struct node *n, const char *name, size_t len);

/* The children's names, each with NUL, from byte `offset` of the full listing: as many whole names
 * as fit max. Returns bytes written; *end: the last name is among them. An offset inside a name or
 * past the end gives what the protocol gives: the rest of it, or nothing. */
size_t node_list(const struct node *n, size_t offset, char *out, size_t max, bool *end);

/* Iterate one node's children in order. */
#define DIR_MAX_LEVELS 8
struct child_iter {
	const struct dir *d[DIR_MAX_LEVELS];
	uint16_t i[DIR_MAX_LEVELS];
	int level;
};
const struct node *node_first_child(const struct node *n, struct child_iter *it);
const struct node *node_next_child(struct child_iter *it);

/* For tree.c alone, which makes private what it changes. */

/*
 * Freeing without recursion over depth: nodes that lost their last reference wait in a list that
 * runs through their `gen`. A directory's own levels are few (DIR_MAX_LEVELS), so those may
 * recurse.
 */
static inline void node_push_dead(struct node *n, struct node **dead)
{
	n->gen = (uint64_t)(uintptr_t)*dead;
	*dead = n;
}

void dir_ref(struct dir *d);
void dir_unref(struct dir *d, struct node **dead);

/* Put a child in; the name must not be there. Takes the reference when it succeeds. `parent` is
 * private. */
int dir_insert(struct node *parent, struct node *child) must_check;
/* The directories from a node down to a leaf, and where to go in each. */
struct dir_way {
	struct dir *dir[DIR_MAX_LEVELS];
	unsigned index[DIR_MAX_LEVELS], depth;
};
/* The slot of a child of a private node, everything down to it private too; NULL when there is no
 * such child. `way` (may be NULL) begins with depth 0. */
int dir_slot(struct node *parent, const char *name, size_t len, struct dir_way *way,
	     struct node ***slot) must_check;
/* Take a child out: its reference goes to the caller; NULL when there was none. */
int dir_remove(struct node *parent, const char *name, size_t len, struct node **child) must_check;

#endif
