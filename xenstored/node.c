/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The children of a node: a sorted directory that versions of the tree share. Knows names and
 * references; knows no paths. What is changed was made private ("owned") before, see tree.c.
 */
#include "xenstored/node.h"
#include <endian.h>
#include <string.h>
#include "base/mem.h"

/*
 * A directory: a B+ tree whose leaves point to nodes. A full slot array is split on the way down,
 * so the parent of a split always has room. Deletion only removes what has become empty:
 * directories of a store grow and vanish, and a leaf that is less than half full costs a few bytes.
 */
#define FANOUT 32

/* The front of a name as a number that compares like it: most searches and the listing of short
 * names need not touch the nodes, which lie anywhere. A name shorter than this is its key. */
struct slot {
	uintptr_t key; /* of the node, or no more than that of the first one beneath and more than
			  all before */
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

/* Nodes lie anywhere: who goes through a leaf has the next ones come meanwhile. */
#define AHEAD 8u

static inline void prefetch_node(const struct dir *leaf, unsigned i)
{
	if (i < leaf->n)
		__builtin_prefetch(leaf->slot[i].node);
}

void dir_ref(struct dir *d)
{
	d->ref++;
}

void dir_unref(struct dir *d, struct node **dead)
{
	if (--d->ref)
		return;
	for (unsigned i = 0; i < d->n; i++) {
		if (d->level) {
			dir_unref(d->slot[i].dir, dead);
		} else {
			struct node *n = d->slot[i].node;

			prefetch_node(d, i + AHEAD);
			if (!--n->ref)
				node_push_dead(n, dead);
		}
	}
	free(d);
}

unsigned node_nr_children(const struct node *n)
{
	return n->dir ? n->dir->count : 0;
}

size_t node_names_size(const struct node *n)
{
	return n->dir ? n->dir->bytes : 0;
}

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
static unsigned dir_search(const struct dir *d, uintptr_t key, const char *name, size_t len,
			   bool *exact)
{
	unsigned low = 0, high;

	/* Where a search in a full one looks first: fetched together with the count. */
	for (unsigned i = FANOUT / 4; i < FANOUT; i += FANOUT / 4)
		__builtin_prefetch(&d->slot[i]);
	high = d->n;
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
	uintptr_t key;
	bool exact;

	if (!d)
		return NULL;
	key = name_key(name, len);
	for (;;) {
		unsigned i = dir_search(d, key, name, len, &exact);

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
	uintptr_t key = name_key(name, len);
	unsigned depth = 0;
	bool exact;

	if (dir_own(root, 0) < 0 || ((*root)->n == FANOUT && dir_raise(root) < 0))
		return -1;
	for (;;) {
		unsigned i;

		if (dir_own(pd, 1) < 0)
			return -1;
		path[depth++] = *pd;
		i = dir_search(*pd, key, name, len, &exact);
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
		i = dir_search(path[depth - 1], key, name, len, &exact);
		pd = &path[depth - 1]->slot[i].dir;
	}
}

int dir_insert(struct node *parent, struct node *child)
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

int dir_slot(struct node *parent, const char *name, size_t len, struct dir_way *way,
	     struct node ***slot)
{
	uintptr_t key = name_key(name, len);
	bool exact;

	*slot = NULL;
	for (struct dir **pd = &parent->dir; *pd;) {
		unsigned i;

		if (dir_own(pd, 0) < 0)
			return -1;
		i = dir_search(*pd, key, name, len, &exact);
		if (way) {
			way->dir[way->depth] = *pd;
			way->index[way->depth++] = i;
		}
		if (!(*pd)->level) {
			*slot = exact ? &(*pd)->slot[i].node : NULL;
			break;
		}
		pd = &(*pd)->slot[i].dir;
	}
	return 0;
}

static void slot_remove(struct dir *d, unsigned i)
{
	d->n--;
	memmove(&d->slot[i], &d->slot[i + 1], (d->n - i) * sizeof(d->slot[0]));
}

int dir_remove(struct node *parent, const char *name, size_t len, struct node **child)
{
	struct dir_way way = { .depth = 0 };
	struct node **slot;

	*child = NULL;
	if (dir_slot(parent, name, len, &way, &slot) < 0)
		return -1;
	if (!slot)
		return 0;
	*child = *slot;
	for (unsigned i = 0; i < way.depth; i++) {
		way.dir[i]->count--;
		way.dir[i]->bytes -= (*child)->name_len + 1u;
	}
	for (unsigned i = way.depth; i-- > 0;) {
		slot_remove(way.dir[i], way.index[i]);
		if (way.dir[i]->n)
			break;
		free(way.dir[i]);
		if (!i)
			parent->dir = NULL;
	}
	while (parent->dir && parent->dir->level && parent->dir->n == 1) {
		struct dir *only = parent->dir->slot[0].dir;

		free(parent->dir);
		parent->dir = only;
	}
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
	prefetch_node(d, it->i[it->level] + AHEAD);
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

/* A name that is its key, read from there; `out` has room for a whole key. Returns its size with
 * NUL. */
static size_t copy_key(char *out, uintptr_t key)
{
	uint64_t front = htobe64((uint64_t)key << (64 - 8 * sizeof(key)));

	memcpy(out, &front, sizeof(key));
	return sizeof(key) - (unsigned)__builtin_ctzll(key) / 8 + 1;
}

/* Copying a name by two moves that may overlap costs less than a call. */
static inline void copy_name(char *out, const char *name, size_t size)
{
	if (size >= 16 && size <= 32) {
		memcpy(out, name, 16);
		memcpy(out + size - 16, name + size - 16, 16);
	} else {
		memcpy(out, name, size);
	}
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
		prefetch_node(leaf, *i + AHEAD);
		size_t size = slot->node->name_len + 1u - offset;

		if (len + size > max)
			break;
		copy_name(out + len, slot->node->data + offset, size);
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
