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
#include <endian.h>
#include <errno.h>
#include <string.h>
#include "base/mem.h"

/*
 * A directory: a B+ tree whose leaves point to nodes. A full slot array is split on the way down,
 * so the parent of a split always has room. Deletion only removes what has become empty:
 * directories of a store grow and vanish, and a leaf that is less than half full costs a few bytes.
 */
#define FANOUT 32

/* The front of a name as a number that compares like it: most searches and the listing of short names need not touch the nodes,
 * which lie anywhere. A name shorter than this is its key. */
struct slot {
	uintptr_t key;		/* of the node, or no more than that of the first one beneath and more than all before */
	union {
		struct node *node;
		struct dir *dir;
	};
};

struct dir {
	uint32_t ref;
	uint16_t n;		/* slots in use */
	uint8_t level;		/* 0: the slots are nodes; else directories of level - 1 */
	uint8_t cap;		/* slots allocated */
	uint32_t count;		/* nodes beneath */
	uint32_t bytes;		/* of their names, each with its NUL */
	struct slot slot[];
};

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

unsigned node_nr_children(const struct node *n)
{
	return n->dir ? n->dir->count : 0;
}

size_t node_names_size(const struct node *n)
{
	return n->dir ? n->dir->bytes : 0;
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

/*
 * Freeing without recursion over depth: nodes that lost their last reference wait in a list that
 * runs through their `gen`. A directory's own levels are few (DIR_MAX_LEVELS), so those may
 * recurse.
 */
static void push_dead(struct node *n, struct node **dead)
{
	n->gen = (uint64_t)(uintptr_t)*dead;
	*dead = n;
}

static void dir_unref(struct dir *d, struct node **dead)
{
	if (--d->ref)
		return;
	for (unsigned i = 0; i < d->n; i++) {
		if (d->level) {
			dir_unref(d->slot[i].dir, dead);
		} else {
			struct node *n = d->slot[i].node;

			if (!--n->ref)
				push_dead(n, dead);
		}
	}
	free(d);
}

void node_unref(struct tree *t, struct node *n)
{
	struct node *dead = NULL;

	if (!n || --n->ref)
		return;
	push_dead(n, &dead);
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
		copy->dir->ref++;
	old->ref--;
	*pn = copy;
	return 0;
}

/* Directories */

static uintptr_t name_key(const char *name, size_t len)
{
	size_t n = len < sizeof(uintptr_t) ? len : sizeof(uintptr_t);
	uintptr_t key = 0;

	for (size_t i = 0; i < n; i++)
		key = key << 8 | (unsigned char)name[i];
	return n ? key << 8 * (sizeof(key) - n) : 0;
}

static int name_cmp(const struct node *n, const char *name, size_t len)
{
	size_t common = n->name_len < len ? n->name_len : len;
	int diff = memcmp(n->data, name, common);

	return diff ? diff : (int)n->name_len - (int)len;
}

static const struct node *first_node(const struct dir *d, unsigned i)
{
	while (d->level) {
		d = d->slot[i].dir;
		i = 0;
	}
	return d->slot[i].node;
}

static int slot_cmp(const struct dir *d, unsigned i, uintptr_t key, const char *name, size_t len)
{
	if (d->slot[i].key != key)
		return d->slot[i].key < key ? -1 : 1;
	return len < sizeof(key) ? 0 : name_cmp(first_node(d, i), name, len);
}

/* The first slot whose name is not less. In an inner directory: the slot where the name belongs. */
static unsigned dir_search(const struct dir *d, const char *name, size_t len, bool *exact)
{
	unsigned low = 0, high = d->n;
	uintptr_t key = name_key(name, len);

	*exact = false;
	while (low < high) {
		unsigned mid = (low + high) / 2;
		int diff = slot_cmp(d, mid, key, name, len);

		if (!diff) {
			*exact = true;
			return mid;
		}
		if (diff < 0)
			low = mid + 1;
		else
			high = mid;
	}
	if (d->level && low)
		low--;
	return low;
}

const struct node *node_child(const struct node *n, const char *name, size_t len)
{
	const struct dir *d = n->dir;
	bool exact;

	if (!d)
		return NULL;
	for (;;) {
		unsigned i = dir_search(d, name, len, &exact);

		if (!d->level)
			return exact ? d->slot[i].node : NULL;
		d = d->slot[i].dir;
	}
}

static struct dir *dir_alloc(unsigned cap, unsigned level)
{
	struct dir *d = malloc(sizeof(*d) + cap * sizeof(d->slot[0]));

	if (!d)
		return NULL;
	*d = (struct dir){ .ref = 1, .level = (uint8_t)level, .cap = (uint8_t)cap };
	return d;
}

static void slot_ref(const struct dir *d, unsigned i)
{
	if (d->level)
		d->slot[i].dir->ref++;
	else
		d->slot[i].node->ref++;
}

/* Make *pd private, with room for at least `room` more slots (it must not be full when room is
 * asked for). */
static int dir_own(struct dir **pd, unsigned room)
{
	struct dir *old = *pd, *d;
	unsigned cap = old->cap;

	if (old->ref == 1 && old->n + room <= cap)
		return 0;
	if (old->ref > 1)
		cap = old->n;
	while (cap < old->n + room)
		cap = cap < 4 ? cap + 1 : cap * 2;
	if (cap > FANOUT)
		cap = FANOUT;
	if (old->ref == 1) {
		d = realloc(old, sizeof(*d) + cap * sizeof(d->slot[0]));
		if (!d)
			return -1;
		d->cap = (uint8_t)cap;
		*pd = d;
		return 0;
	}
	d = dir_alloc(cap, old->level);
	if (!d)
		return -1;
	d->n = old->n;
	d->count = old->count;
	d->bytes = old->bytes;
	memcpy(d->slot, old->slot, old->n * sizeof(d->slot[0]));
	for (unsigned i = 0; i < d->n; i++)
		slot_ref(d, i);
	old->ref--;
	*pd = d;
	return 0;
}

static void dir_recount(struct dir *d)
{
	d->count = d->bytes = 0;
	for (unsigned i = 0; i < d->n; i++) {
		if (d->level) {
			const struct dir *sub = d->slot[i].dir;

			d->count += sub->count;
			d->bytes += sub->bytes;
		} else {
			d->count++;
			d->bytes += d->slot[i].node->name_len + 1u;
		}
	}
}

static void slot_insert(struct dir *d, unsigned i, struct slot what)
{
	memmove(&d->slot[i + 1], &d->slot[i], (d->n - i) * sizeof(d->slot[0]));
	d->slot[i] = what;
	d->n++;
}

/* Split the full child i of a private directory with room: child is private too. Names that arrive
 * in order leave full arrays behind. */
static int dir_split(struct dir *parent, unsigned i, const char *name, size_t len)
{
	struct dir *left = parent->slot[i].dir, *right;
	bool at_end = name_cmp(first_node(left, left->n - 1u), name, len) < 0;
	unsigned keep = at_end ? FANOUT - 2 : FANOUT / 2;

	right = dir_alloc(at_end ? 4 : FANOUT, left->level);
	if (!right)
		return -1;
	right->n = (uint16_t)(left->n - keep);
	memcpy(right->slot, &left->slot[keep], right->n * sizeof(right->slot[0]));
	left->n = (uint16_t)keep;
	dir_recount(left);
	dir_recount(right);
	slot_insert(parent, i + 1, (struct slot){ right->slot[0].key, .dir = right });
	return 0;
}

/* A full root gets a parent with one slot, so that it can be split like any other. */
static int dir_raise(struct dir **root)
{
	struct dir *up;

	if ((*root)->level + 1 >= DIR_MAX_LEVELS)
		return -1;
	up = dir_alloc(4, (*root)->level + 1u);
	if (!up)
		return -1;
	up->n = 1;
	up->slot[0] = (struct slot){ (*root)->slot[0].key, .dir = *root };
	up->count = (*root)->count;
	up->bytes = (*root)->bytes;
	*root = up;
	return 0;
}

/* Room where `name` belongs: everything down to its leaf private, nothing full. path[] gets the
 * directories. */
static int dir_descend(struct dir **root, const char *name, size_t len, struct dir **path,
		       unsigned *at)
{
	struct dir **pd = root;
	unsigned depth = 0;
	bool exact;

	if (dir_own(root, 0) < 0 || ((*root)->n == FANOUT && dir_raise(root) < 0))
		return -1;
	for (;;) {
		unsigned i;

		if (dir_own(pd, 1) < 0)
			return -1;
		path[depth++] = *pd;
		i = dir_search(*pd, name, len, &exact);
		if (!(*pd)->level) {
			*at = i;
			return (int)depth;
		}
		pd = &(*pd)->slot[i].dir;
		if ((*pd)->n < FANOUT)
			continue;
		if (dir_own(pd, 0) < 0 || dir_split(path[depth - 1], i, name, len) < 0)
			return -1;
		/* The name may belong to the new right half. */
		i = dir_search(path[depth - 1], name, len, &exact);
		pd = &path[depth - 1]->slot[i].dir;
	}
}

/* Put a child in; the name must not be there. Takes the reference when it succeeds. `parent` is
 * private. */
static int dir_insert(struct node *parent, struct node *child)
{
	struct slot slot = { name_key(child->data, child->name_len), .node = child };
	struct dir *path[DIR_MAX_LEVELS + 1];
	unsigned at;
	int depth;

	if (!parent->dir) {
		struct dir *d = dir_alloc(1, 0);

		if (!d)
			return -1;
		d->n = 1;
		d->slot[0] = slot;
		dir_recount(d);
		parent->dir = d;
		return 0;
	}
	depth = dir_descend(&parent->dir, node_name(child), child->name_len, path, &at);
	if (depth < 0)
		return -1;
	slot_insert(path[depth - 1], at, slot);
	for (int i = 0; i < depth; i++) {
		path[i]->count++;
		path[i]->bytes += child->name_len + 1u;
	}
	return 0;
}

/* The private slot of an existing child of a private node; path[] and index[] (may be NULL) get the
 * way to it. */
static struct node **dir_slot(struct node *parent, const char *name, size_t len, struct dir **path,
			      unsigned *index, unsigned *levels)
{
	struct dir **pd = &parent->dir;
	unsigned depth = 0;
	bool exact;

	for (;;) {
		unsigned i;

		if (dir_own(pd, 0) < 0)
			return NULL;
		i = dir_search(*pd, name, len, &exact);
		if (path) {
			path[depth] = *pd;
			index[depth] = i;
		}
		depth++;
		if (!(*pd)->level) {
			if (levels)
				*levels = depth;
			return &(*pd)->slot[i].node;
		}
		pd = &(*pd)->slot[i].dir;
	}
}

static void slot_remove(struct dir *d, unsigned i)
{
	d->n--;
	memmove(&d->slot[i], &d->slot[i + 1], (d->n - i) * sizeof(d->slot[0]));
}

/* Take an existing child out. Its reference goes to the caller. NULL: no memory, nothing changed.
 */
static struct node *dir_remove(struct node *parent, const char *name, size_t len)
{
	struct dir *path[DIR_MAX_LEVELS];
	unsigned index[DIR_MAX_LEVELS], levels;
	struct node **slot = dir_slot(parent, name, len, path, index, &levels);
	struct node *child;

	if (!slot)
		return NULL;
	child = *slot;
	for (unsigned i = 0; i < levels; i++) {
		path[i]->count--;
		path[i]->bytes -= child->name_len + 1u;
	}
	for (unsigned i = levels; i-- > 0;) {
		slot_remove(path[i], index[i]);
		if (path[i]->n)
			break;
		free(path[i]);
		if (!i)
			parent->dir = NULL;
	}
	while (parent->dir && parent->dir->level && parent->dir->n == 1) {
		struct dir *only = parent->dir->slot[0].dir;

		free(parent->dir);
		parent->dir = only;
	}
	return child;
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
		if (!node_child(*pn, name, name_len))
			return pn;
		pn = dir_slot(*pn, name, name_len, NULL, NULL, NULL);
		if (!pn || node_own(t, pn) < 0)
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

int tree_set_perms(struct tree *t, struct node **root, const char *path, size_t len,
		   struct perms *perms, uint64_t gen, struct err *err)
{
	size_t rest;
	struct node **pn = own_path(t, root, path, len, &rest);

	if (!pn)
		return no_memory(err, path, len);
	if (rest != len)
		return err_set(err, ENOENT, "%.*s: no such node", (int)len, path);
	perms_ref(perms);
	perms_unref(t->perms, (*pn)->perms);
	(*pn)->perms = perms;
	(*pn)->gen = gen;
	return 0;
}

int tree_del(struct tree *t, struct node **root, const char *path, size_t len, uint64_t gen,
	     struct node **removed, struct err *err)
{
	size_t parent_len = path_parent_len(path, len), rest;
	const char *name = path + parent_len + (parent_len > 1);
	struct node **parent, *child;

	if (!parent_len)
		return err_set(err, EINVAL, "%.*s: cannot be removed", (int)len, path);
	parent = own_path(t, root, path, parent_len, &rest);
	if (!parent)
		return no_memory(err, path, len);
	if (rest != parent_len || !node_child(*parent, name, (size_t)(path + len - name)))
		return err_set(err, ENOENT, "%.*s: no such node", (int)len, path);
	child = dir_remove(*parent, name, (size_t)(path + len - name));
	if (!child)
		return no_memory(err, path, len);
	(*parent)->gen = gen;
	if (removed)
		*removed = child;
	else
		node_unref(t, child);
	return 0;
}

int tree_set_gen(struct tree *t, struct node **root, const char *path, size_t len, uint64_t gen,
		 struct err *err)
{
	size_t rest;
	struct node **pn = own_path(t, root, path, len, &rest);

	if (!pn)
		return no_memory(err, path, len);
	if (rest != len)
		return err_set(err, ENOENT, "%.*s: no such node", (int)len, path);
	(*pn)->gen = gen;
	return 0;
}

/* Listing */

const struct node *node_first_child(const struct node *n, struct child_iter *it)
{
	const struct dir *d = n->dir;

	it->level = -1;
	while (d) {
		it->level++;
		it->d[it->level] = d;
		it->i[it->level] = 0;
		d = d->level ? d->slot[0].dir : NULL;
	}
	return it->level < 0 ? NULL : it->d[it->level]->slot[0].node;
}

const struct node *node_next_child(struct child_iter *it)
{
	const struct dir *d;

	while (it->level >= 0) {
		d = it->d[it->level];
		if (++it->i[it->level] < d->n)
			break;
		it->level--;
	}
	if (it->level < 0)
		return NULL;
	d = it->d[it->level];
	while (d->level) {
		d = d->slot[it->i[it->level]].dir;
		it->level++;
		it->d[it->level] = d;
		it->i[it->level] = 0;
	}
	return d->slot[it->i[it->level]].node;
}

static size_t slot_bytes(const struct dir *d, unsigned i)
{
	return d->level ? d->slot[i].dir->bytes : d->slot[i].node->name_len + 1u;
}

/* The child in whose name (or before which) a byte of the listing stands; *offset becomes the
 * position in it. */
static const struct node *child_at(const struct node *n, size_t *offset, struct child_iter *it)
{
	const struct dir *d = n->dir;

	it->level = -1;
	while (d) {
		unsigned i = 0;

		while (i < d->n && *offset >= slot_bytes(d, i))
			*offset -= slot_bytes(d, i++);
		if (i == d->n)
			return NULL;
		it->level++;
		it->d[it->level] = d;
		it->i[it->level] = (uint16_t)i;
		if (!d->level)
			return d->slot[i].node;
		d = d->slot[i].dir;
	}
	return NULL;
}

/* A name that is its key, read from there; `out` has room for a whole key. Returns its size with NUL. */
static size_t copy_key(char *out, uintptr_t key)
{
	uint64_t front = htobe64((uint64_t)key << (64 - 8 * sizeof(key)));

	memcpy(out, &front, sizeof(key));
	return sizeof(key) - (unsigned)__builtin_ctzll(key) / 8 + 1;
}

/* The names of a leaf from slot i on, as many as fit; *i becomes the first that does not. */
static size_t copy_names(const struct dir *leaf, uint16_t *i, size_t offset, char *out, size_t max)
{
	size_t len = 0;

	for (; *i < leaf->n; (*i)++) {
		const struct slot *slot = &leaf->slot[*i];
		bool is_short = !(slot->key & 0xff);

		if (is_short && !offset && max - len >= sizeof(slot->key)) {
			len += copy_key(out + len, slot->key);
			continue;
		}
		/* Nodes lie anywhere: have the next ones come while this one is copied. */
		if (*i + 4 < leaf->n)
			__builtin_prefetch(slot[4].node);
		size_t size = slot->node->name_len + 1u - offset;

		if (len + size > max)
			break;
		memcpy(out + len, slot->node->data + offset, size);
		len += size;
		offset = 0;
	}
	return len;
}

size_t node_list(const struct node *n, size_t offset, char *out, size_t max, bool *end)
{
	struct child_iter it;
	const struct node *child = child_at(n, &offset, &it);
	size_t len = 0;

	while (child) {
		const struct dir *leaf = it.d[it.level];
		uint16_t *i = &it.i[it.level];

		len += copy_names(leaf, i, offset, out + len, max - len);
		if (*i < leaf->n)
			break;
		offset = 0;
		*i = (uint16_t)(leaf->n - 1);
		child = node_next_child(&it);
	}
	*end = !child;
	return len;
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
	w->at = top;
	return top;
}

static const struct node *walk_to(struct tree_walk *w, const struct node *n)
{
	size_t len = w->frames[w->depth - 1].len;

	if (len > 1)
		w->path[len++] = '/';
	memcpy(w->path + len, n->data, n->name_len + 1u);
	w->len = len + n->name_len;
	return w->at = n;
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
