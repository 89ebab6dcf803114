/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Watches in a trie by path component. Its places are found through one hash table over (parent,
 * name); each place also links its children, for the removal of a subtree. Knows paths and tokens;
 * who may see an event and how it travels is not known here.
 */
#include "xenstored/watch.h"
#include <errno.h>
#include <string.h>
#include "base/hash.h"
#include "base/mem.h"

struct watch_node {
	struct watch_node *parent, *chain;	/* chain: of the hash bucket */
	struct list watches;			/* struct watch.of_node */
	struct list children, sibling;
	/* while a removed subtree is matched: the tree's node here */
	const struct node *gone;
	uint32_t hash;
	uint16_t len;
	char name[];
};

struct watch_set {
	struct watch_node **bucket;
	unsigned nr_buckets, nr_nodes;		/* nr_buckets: a power of two */
	unsigned nr_watches;
	struct watch_node *root;		/* "/" */
	struct watch_node *special;		/* above "@..." */
};

static struct watch_node *place_alloc(struct watch_node *parent, const char *name, size_t len,
				      uint32_t hash)
{
	struct watch_node *n = malloc(sizeof(*n) + len);

	if (!n)
		return NULL;
	*n = (struct watch_node){ .parent = parent, .hash = hash, .len = (uint16_t)len };
	memcpy(n->name, name, len);
	list_init(&n->watches);
	list_init(&n->children);
	list_init(&n->sibling);
	return n;
}

struct watch_set *watch_set_new(void)
{
	struct watch_set *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->nr_buckets = 64;
	s->bucket = calloc(s->nr_buckets, sizeof(s->bucket[0]));
	s->root = place_alloc(NULL, "", 0, 0);
	s->special = place_alloc(NULL, "", 0, 0);
	if (!s->bucket || !s->root || !s->special) {
		watch_set_free(s);
		return NULL;
	}
	return s;
}

void watch_set_free(struct watch_set *s)
{
	if (!s)
		return;
	free(s->bucket);
	free(s->root);
	free(s->special);
	free(s);
}

unsigned watch_set_count(const struct watch_set *s)
{
	return s->nr_watches;
}

void watcher_init(struct watcher *who)
{
	list_init(&who->watches);
	who->nr_watches = 0;
}

static uint32_t place_hash(const struct watch_node *parent, const char *name, size_t len)
{
	uint64_t h =
		hash_bytes(name, len) ^ ((uint64_t)(uintptr_t)parent >> 4) * 0x9e3779b97f4a7c15u;

	return (uint32_t)(h ^ h >> 32);
}

static struct watch_node *place_find(const struct watch_set *s, const struct watch_node *parent,
				     const char *name, size_t len)
{
	uint32_t hash;
	struct watch_node *n;

	if (list_is_empty(&parent->children))
		return NULL;
	hash = place_hash(parent, name, len);
	for (n = s->bucket[hash & (s->nr_buckets - 1)]; n; n = n->chain)
		if (n->hash == hash && n->parent == parent && n->len == len &&
		    !memcmp(n->name, name, len))
			return n;
	return NULL;
}

/* More buckets; without memory the chains just stay longer. */
static void grow_buckets(struct watch_set *s)
{
	unsigned nr = s->nr_buckets * 2;
	struct watch_node **bucket = calloc(nr, sizeof(bucket[0])), *n, *next;

	if (!bucket)
		return;
	for (unsigned i = 0; i < s->nr_buckets; i++)
		for (n = s->bucket[i]; n; n = next) {
			next = n->chain;
			n->chain = bucket[n->hash & (nr - 1)];
			bucket[n->hash & (nr - 1)] = n;
		}
	free(s->bucket);
	s->bucket = bucket;
	s->nr_buckets = nr;
}

static struct watch_node *place_make(struct watch_set *s, struct watch_node *parent,
				     const char *name, size_t len)
{
	struct watch_node *n = place_find(s, parent, name, len);
	uint32_t hash;

	if (n)
		return n;
	hash = place_hash(parent, name, len);
	n = place_alloc(parent, name, len, hash);
	if (!n)
		return NULL;
	if (s->nr_nodes >= s->nr_buckets)
		grow_buckets(s);
	n->chain = s->bucket[hash & (s->nr_buckets - 1)];
	s->bucket[hash & (s->nr_buckets - 1)] = n;
	s->nr_nodes++;
	list_add_tail(&parent->children, &n->sibling);
	return n;
}

/* Places that hold neither watches nor other places go, from the leaf up. */
static void place_prune(struct watch_set *s, struct watch_node *n)
{
	while (n->parent && list_is_empty(&n->watches) && list_is_empty(&n->children)) {
		struct watch_node *up = n->parent, **pp = &s->bucket[n->hash & (s->nr_buckets - 1)];

		while (*pp != n)
			pp = &(*pp)->chain;
		*pp = n->chain;
		list_del(&n->sibling);
		s->nr_nodes--;
		free(n);
		n = up;
	}
}

static struct watch_node *trie_root(const struct watch_set *s, const char *path)
{
	return path[0] == '@' ? s->special : s->root;
}

static struct watch_node *place_of(const struct watch_set *s, const char *path, size_t len)
{
	struct watch_node *n = trie_root(s, path);
	const char *name;
	size_t pos = 0, name_len;

	while (n && path_next(path, len, &pos, &name, &name_len))
		n = place_find(s, n, name, name_len);
	return n;
}

struct watch *watch_find(const struct watch_set *s, const struct watcher *who,
			 const struct path *path, const char *token, size_t token_len)
{
	struct watch_node *n = place_of(s, path->s, path->len);
	struct watch *w;

	if (!n)
		return NULL;
	list_for_each_entry(w, &n->watches, of_node)
		if (w->watcher == who && w->token_len == token_len &&
		    !memcmp(watch_token(w), token, token_len))
			return w;
	return NULL;
}

static struct watch *watch_alloc(const struct path *path, const char *token, size_t token_len)
{
	struct watch *w = malloc(sizeof(*w) + path->len + token_len + 2);

	if (!w)
		return NULL;
	w->path_len = path->len;
	w->token_len = (uint16_t)token_len;
	w->relative = path->relative;
	memcpy(w->data, path->s, path->len + 1u);
	memcpy(w->data + path->len + 1, token, token_len);
	w->data[path->len + 1 + token_len] = '\0';
	return w;
}

/* The place of a path, made where it is missing; NULL: no memory, and nothing was left behind. */
static struct watch_node *make_places(struct watch_set *s, const struct path *path)
{
	struct watch_node *n = trie_root(s, path->s), *next;
	const char *name;
	size_t pos = 0, len;

	while (path_next(path->s, path->len, &pos, &name, &len)) {
		next = place_make(s, n, name, len);
		if (!next) {
			place_prune(s, n);
			return NULL;
		}
		n = next;
	}
	return n;
}

int watch_add(struct watch_set *s, struct watcher *who, const struct path *path, const char *token,
	      size_t token_len, int32_t depth, struct watch **out, struct err *err)
{
	struct watch *w;

	if (watch_find(s, who, path, token, token_len))
		return err_set(err, EEXIST, "watch on %s with token '%s' exists", path->s, token);
	w = watch_alloc(path, token, token_len);
	if (w)
		w->node = make_places(s, path);
	if (!w || !w->node) {
		free(w);
		return err_set(err, ENOMEM, "watch on %s: out of memory", path->s);
	}
	w->watcher = who;
	w->depth = depth;
	list_add_tail(&w->node->watches, &w->of_node);
	list_add_tail(&who->watches, &w->of_watcher);
	who->nr_watches++;
	s->nr_watches++;
	*out = w;
	return 0;
}

void watch_del(struct watch_set *s, struct watch *w)
{
	list_del(&w->of_node);
	list_del(&w->of_watcher);
	w->watcher->nr_watches--;
	s->nr_watches--;
	place_prune(s, w->node);
	free(w);
}

void watch_del_all(struct watch_set *s, struct watcher *who)
{
	while (!list_is_empty(&who->watches))
		watch_del(s, list_first(&who->watches, struct watch, of_watcher));
}

size_t watch_memory(const struct watch *w)
{
	return sizeof(*w) + w->path_len + w->token_len + 2u;
}

static int fire_place(const struct watch_node *n, unsigned beneath, const char *path, size_t len,
		      watch_fn *fn, void *arg)
{
	struct watch *w;

	list_for_each_entry(w, &n->watches, of_node)
		if ((w->depth == WATCH_ANY_DEPTH || (unsigned)w->depth >= beneath) &&
		    fn(w, path, len, NULL, arg) < 0)
			return -1;
	return 0;
}

int watch_match(const struct watch_set *s, const char *path, size_t len, watch_fn *fn, void *arg)
{
	const struct watch_node *n = trie_root(s, path);
	unsigned beneath = 0;
	const char *name;
	size_t pos = 0, name_len;

	if (!s->nr_watches)
		return 0;
	while (path_next(path, len, &pos, &name, &name_len))
		beneath++;
	pos = 0;
	for (;;) {
		if (fire_place(n, beneath, path, len, fn, arg) < 0)
			return -1;
		if (!path_next(path, len, &pos, &name, &name_len))
			return 0;
		n = place_find(s, n, name, name_len);
		if (!n)
			return 0;
		beneath--;
	}
}

static int fire_gone(const struct watch_node *n, watch_fn *fn, void *arg)
{
	struct watch *w;

	list_for_each_entry(w, &n->watches, of_node)
		if (fn(w, watch_path(w), w->path_len, n->gone, arg) < 0)
			return -1;
	return 0;
}

/* The next place in a walk beneath top, children first when the tree had the node; NULL at the
 * end. */
static struct watch_node *next_place(const struct watch_node *top, struct watch_node *n)
{
	if (n->gone && !list_is_empty(&n->children))
		return list_first(&n->children, struct watch_node, sibling);
	while (n != top) {
		if (n->sibling.next != &n->parent->children)
			return list_entry(n->sibling.next, struct watch_node, sibling);
		n = n->parent;
	}
	return NULL;
}

int watch_match_beneath(const struct watch_set *s, const char *path, size_t len,
			const struct node *gone, watch_fn *fn, void *arg)
{
	struct watch_node *top = s->nr_watches ? place_of(s, path, len) : NULL, *n;

	if (!top)
		return 0;
	top->gone = gone;
	n = top;
	while ((n = next_place(top, n))) {
		n->gone = node_child(n->parent->gone, n->name, n->len);
		if (n->gone && fire_gone(n, fn, arg) < 0)
			return -1;
	}
	return 0;
}

const struct node *watch_gone_parent(const struct watch *w)
{
	return w->node->parent->gone;
}
