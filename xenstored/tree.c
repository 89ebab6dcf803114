/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The tree of nodes: versions that share what they have in common. Knows names, values, permission
 * lists and generations; knows no client, no right, no quota, no transaction.
 *
 * Making something private ("own") comes before changing it: what has one reference, on a path
 * where everything has one, is ours to change in place; what has more is copied. Owning changes no
 * meaning, so a change that runs out of memory half-way down has not happened.
 */
#include "xenstored/tree.h"
#include <errno.h>
#include <string.h>
#include "base/mem.h"

struct tree {
	struct perm_table *perms;
	size_t nr_nodes;
};

struct tree *tree_new(struct perm_table *perms)
{
	struct tree *t = calloc(1, sizeof(*t));

	if (t)
		t->perms = perms;
	return t;
}

void tree_free(struct tree *t)
{
	free(t);
}

size_t tree_nr_nodes(const struct tree *t)
{
	return t->nr_nodes;
}

/* Nodes */

static struct node *node_alloc(struct tree *t, const char *name, size_t name_len, const void *value,
			       size_t value_len, struct perms *perms, uint64_t gen)
{
	struct node *n = malloc(sizeof(*n) + name_len + 1 + value_len);

	if (!n)
		return NULL;
	n->ref = 1;
	n->name_len = (uint16_t)name_len;
	n->value_len = (uint16_t)value_len;
	n->gen = gen;
	n->perms = perms_ref(perms);
	n->dir = NULL;
	memcpy(n->data, name, name_len);
	n->data[name_len] = '\0';
	if (value_len)
		memcpy(n->data + name_len + 1, value, value_len);
	t->nr_nodes++;
	return n;
}

struct node *tree_root_new(struct tree *t, struct perms *perms, uint64_t gen)
{
	return node_alloc(t, "", 0, NULL, 0, perms, gen);
}

void node_unref(struct tree *t, struct node *n)
{
	struct node *dead = NULL;

	if (!n || --n->ref)
		return;
	node_push_dead(n, &dead);
	while (dead) {
		n = dead;
		dead = (struct node *)(uintptr_t)n->gen;
		if (n->dir)
			dir_unref(n->dir, &dead);
		perms_unref(t->perms, n->perms);
		free(n);
		t->nr_nodes--;
	}
}

/* Make *pn private to the one who holds it. */
static int node_own(struct tree *t, struct node **pn)
{
	struct node *old = *pn, *copy;

	if (old->ref == 1)
		return 0;
	copy = node_alloc(t, node_name(old), old->name_len, node_value(old), old->value_len,
			  old->perms, old->gen);
	if (!copy)
		return -1;
	copy->dir = old->dir;
	if (copy->dir)
		dir_ref(copy->dir);
	old->ref--;
	*pn = copy;
	return 0;
}

/* Looking */

const struct node *tree_find(const struct node *root, const char *path, size_t len)
{
	const struct node *n = root;
	const char *name;
	size_t pos = 0, name_len;

	while (n && path_next(path, len, &pos, &name, &name_len))
		n = node_child(n, name, name_len);
	return n;
}

void tree_locate(const struct node *root, const char *path, size_t len, struct tree_spot *spot)
{
	const struct node *n = root, *child;
	const char *name;
	size_t pos = 0, before = 0, name_len;

	*spot = (struct tree_spot){ .nearest = root, .nearest_len = 1 };
	while (path_next(path, len, &pos, &name, &name_len)) {
		if (spot->missing) {
			spot->missing++;
			spot->parent = NULL;
			continue;
		}
		child = node_child(n, name, name_len);
		spot->parent = n;
		if (!child) {
			spot->missing = 1;
			spot->nearest_len = before ? (uint16_t)before : 1;
			continue;
		}
		spot->nearest = n = child;
		spot->nearest_len = (uint16_t)pos;
		before = pos;
	}
	if (!spot->missing)
		spot->node = n;
}

/* Changing */

/* Go down a path as far as it exists and make it private. *rest: position of the first missing
 * component, or len. */
static struct node **own_path(struct tree *t, struct node **root, const char *path, size_t len,
			      size_t *rest)
{
	struct node **pn = root;
	const char *name;
	size_t pos = 0, name_len;

	if (node_own(t, pn) < 0)
		return NULL;
	*rest = len > 1 ? 0 : len;
	while (path_next(path, len, &pos, &name, &name_len)) {
		struct node **child;

		if (dir_slot(*pn, name, name_len, NULL, &child) < 0)
			return NULL;
		if (!child)
			return pn;
		pn = child;
		if (node_own(t, pn) < 0)
			return NULL;
		*rest = pos;
	}
	return pn;
}

/* Give a private node a value; it may move. */
static int set_value(struct node **pn, const void *value, size_t len)
{
	struct node *n = *pn;

	if (len != n->value_len) {
		n = realloc(n, sizeof(*n) + n->name_len + 1u + len);
		if (!n)
			return -1;
		n->value_len = (uint16_t)len;
		*pn = n;
	}
	if (len)
		memcpy(n->data + n->name_len + 1, value, len);
	return 0;
}

/* The missing end of a path, as nodes that nobody sees yet: the first of them, each holding the
 * next. */
static struct node *build_chain(struct tree *t, const char *rest, size_t len, const void *value,
				size_t value_len, struct perms *perms, uint64_t gen)
{
	struct node *top = NULL, *last = NULL;
	const char *name;
	size_t pos = 0, name_len;

	while (path_next(rest, len, &pos, &name, &name_len)) {
		bool leaf = pos == len;
		struct node *n =
			node_alloc(t, name, name_len, value, leaf ? value_len : 0, perms, gen);

		if (!n || (last && dir_insert(last, n) < 0)) {
			node_unref(t, n);
			node_unref(t, top);
			return NULL;
		}
		last = n;
		if (!top)
			top = n;
	}
	return top;
}

static int no_memory(struct err *err, const char *path, size_t len)
{
	return err_set(err, ENOMEM, "%.*s: out of memory", len > 200 ? 200 : (int)len, path);
}

int tree_put(struct tree *t, struct node **root, const char *path, size_t len, const void *value,
	     size_t value_len, struct perms *fresh, uint64_t gen, struct err *err)
{
	size_t rest;
	struct node **pn = own_path(t, root, path, len, &rest);
	struct node *chain;

	if (!pn)
		return no_memory(err, path, len);
	if (rest == len) {
		if (!value)
			return 0;
		if (set_value(pn, value, value_len) < 0)
			return no_memory(err, path, len);
		(*pn)->gen = gen;
		return 0;
	}
	chain = build_chain(t, path + rest, len - rest, value, value ? value_len : 0, fresh, gen);
	if (!chain || dir_insert(*pn, chain) < 0) {
		node_unref(t, chain);
		return no_memory(err, path, len);
	}
	(*pn)->gen = gen;
	return 0;
}

/* The private node at a path that exists. */
static struct node **own_node(struct tree *t, struct node **root, const char *path, size_t len,
			      struct err *err)
{
	size_t rest;
	struct node **pn = own_path(t, root, path, len, &rest);

	if (!pn)
		no_memory(err, path, len);
	else if (rest != len)
		err_set(err, ENOENT, "%.*s: no such node", (int)len, path);
	else
		return pn;
	return NULL;
}

int tree_set_perms(struct tree *t, struct node **root, const char *path, size_t len,
		   struct perms *perms, uint64_t gen, struct err *err)
{
	struct node **pn = own_node(t, root, path, len, err);

	if (!pn)
		return -1;
	perms_ref(perms);
	perms_unref(t->perms, (*pn)->perms);
	(*pn)->perms = perms;
	(*pn)->gen = gen;
	return 0;
}

int tree_del(struct tree *t, struct node **root, const char *path, size_t len, uint64_t gen,
	     struct node **removed, struct err *err)
{
	size_t parent_len = path_parent_len(path, len);
	const char *name = path + parent_len + (parent_len > 1);
	struct node **parent, *child;

	if (!parent_len)
		return err_set(err, EINVAL, "%.*s: cannot be removed", (int)len, path);
	parent = own_node(t, root, path, parent_len, err);
	if (!parent)
		return -1;
	if (dir_remove(*parent, name, (size_t)(path + len - name), &child) < 0)
		return no_memory(err, path, len);
	if (!child)
		return err_set(err, ENOENT, "%.*s: no such node", (int)len, path);
	(*parent)->gen = gen;
	if (removed)
		*removed = child;
	else
		node_unref(t, child);
	return 0;
}

/* Walking */

struct tree_walk_frame {
	struct child_iter it;
	size_t len;		/* of the path of the node whose children are walked */
};

struct tree_walk *tree_walk_new(void)
{
	struct tree_walk *w = malloc(sizeof(*w));

	if (!w)
		return NULL;
	w->frames = malloc(PATH_MAX_DEPTH * sizeof(w->frames[0]));
	if (!w->frames) {
		free(w);
		return NULL;
	}
	w->depth = 0;
	return w;
}

void tree_walk_free(struct tree_walk *w)
{
	if (w)
		free(w->frames);
	free(w);
}

const struct node *tree_walk_start(struct tree_walk *w, const struct node *top, const char *path,
				   size_t len)
{
	if (!path) {
		path = "/";
		len = 1;
	}
	memcpy(w->path, path, len);
	w->path[len] = '\0';
	w->len = len;
	w->depth = 0;
	w->bare = false;
	w->at = top;
	return top;
}

const struct node *tree_walk_start_bare(struct tree_walk *w, const struct node *top)
{
	w->depth = 0;
	w->len = 0;
	w->bare = true;
	w->at = top;
	return top;
}

static const struct node *walk_to(struct tree_walk *w, const struct node *n)
{
	size_t len = w->frames[w->depth - 1].len;

	w->at = n;
	if (w->bare)
		return n;
	if (len > 1)
		w->path[len++] = '/';
	memcpy(w->path + len, n->data, n->name_len + 1u);
	w->len = len + n->name_len;
	return n;
}

const struct node *tree_walk_next(struct tree_walk *w)
{
	struct tree_walk_frame *f = &w->frames[w->depth];
	const struct node *child;

	if (w->depth == PATH_MAX_DEPTH)
		return tree_walk_skip(w);
	child = node_first_child(w->at, &f->it);
	if (!child)
		return tree_walk_skip(w);
	f->len = w->len;
	w->depth++;
	return walk_to(w, child);
}

const struct node *tree_walk_skip(struct tree_walk *w)
{
	while (w->depth) {
		const struct node *n = node_next_child(&w->frames[w->depth - 1].it);

		if (n)
			return walk_to(w, n);
		w->depth--;
	}
	return NULL;
}
