/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Transactions over versions of the tree: what was looked at, what was changed, does it still hold,
 * carry it over. Knows trees and paths; rights, quotas, events and clients are not known here.
 */
#include "xenstored/txn.h"
#include <errno.h>
#include <string.h>
#include "base/hash.h"
#include "base/mem.h"

struct txn *txn_new(uint32_t id)
{
	struct txn *txn = calloc(1, sizeof(*txn));

	if (!txn)
		return NULL;
	txn->id = id;
	list_init(&txn->of_conn);
	charge_init(&txn->charge);
	return txn;
}

static void drop_roots(struct tree *t, struct txn *txn)
{
	node_unref(t, txn->root);
	node_unref(t, txn->base);
	txn->root = txn->base = NULL;
}

void txn_free(struct tree *t, struct perm_table *perms, struct txn *txn)
{
	if (!txn)
		return;
	drop_roots(t, txn);
	for (uint32_t i = 0; i < txn->table_size; i++)
		free(txn->table[i]);
	free(txn->table);
	free(txn->log);
	for (unsigned i = 0; i < array_size(txn->special); i++)
		perms_unref(perms, txn->special[i]);
	charge_free(&txn->charge);
	free(txn);
}

void txn_lose(struct tree *t, struct txn *txn)
{
	drop_roots(t, txn);
	txn->nr_log = 0;
	charge_free(&txn->charge);
	txn->lost = true;
}

void txn_begin(struct txn *txn, struct node *live)
{
	if (txn->base || txn->lost)
		return;
	txn->base = node_ref(live);
	txn->root = node_ref(live);
}

/* The table of accesses */

static uint32_t path_hash(const char *path, size_t len)
{
	return (uint32_t)hash_bytes(path, len);
}

static struct access **access_slot(struct access **table, uint32_t size, const char *path,
				   size_t len, uint32_t hash)
{
	uint32_t i = hash & (size - 1);

	while (table[i] && (table[i]->hash != hash || table[i]->len != len ||
			    memcmp(table[i]->path, path, len)))
		i = (i + 1) & (size - 1);
	return &table[i];
}

static int grow_table(struct txn *txn)
{
	uint32_t size = txn->table_size ? txn->table_size * 2 : 16;
	struct access **table = calloc(size, sizeof(table[0]));

	if (!table)
		return -1;
	for (uint32_t i = 0; i < txn->table_size; i++) {
		struct access *a = txn->table[i];

		if (a)
			*access_slot(table, size, a->path, a->len, a->hash) = a;
	}
	free(txn->table);
	txn->table = table;
	txn->memory += (size - txn->table_size) * sizeof(table[0]);
	txn->table_size = size;
	return 0;
}

/* The entry of a path, made with `seen` (NULL: it was not there) when it is new. NULL: no
 * memory. */
static struct access *access_get(struct txn *txn, const char *path, size_t len, uint32_t hash,
				 const struct node *seen)
{
	struct access **slot, *a;

	if (txn->nr_accesses * 4 >= txn->table_size * 3 && grow_table(txn) < 0)
		return NULL;
	slot = access_slot(txn->table, txn->table_size, path, len, hash);
	if (*slot)
		return txn->last = *slot;
	a = malloc(sizeof(*a) + len);
	if (!a)
		return NULL;
	*a = (struct access){ .gen = seen ? seen->gen : 0, .hash = hash, .len = (uint16_t)len };
	memcpy(a->path, path, len);
	*slot = a;
	txn->nr_accesses++;
	txn->memory += sizeof(*a) + len;
	return txn->last = a;
}

static struct access *access_find(struct txn *txn, const char *path, size_t len, uint32_t hash)
{
	if (!txn->table_size)
		return NULL;
	return txn->last = *access_slot(txn->table, txn->table_size, path, len, hash);
}

/* The entry of a path that is in the base root or, if not, missing there. */
static struct access *access_of(struct txn *txn, const char *path, size_t len)
{
	struct access *a = txn->last;
	uint32_t hash;

	if (a && a->len == len && !memcmp(a->path, path, len))
		return a;
	hash = path_hash(path, len);
	a = access_find(txn, path, len, hash);
	return a ? a : access_get(txn, path, len, hash, tree_find(txn->base, path, len));
}

static int no_memory(struct err *err)
{
	return err_set(err, ENOMEM, "transaction: out of memory");
}

static int over_limit(const struct txn *txn, unsigned max, struct err *err)
{
	if (!max || txn->nr_accesses <= max)
		return 0;
	return err_set(err, ENOSPC, "transaction %u: quota transaction-nodes: more than %u nodes",
		       txn->id, max);
}

int txn_look(struct txn *txn, const char *path, size_t len, unsigned max, struct err *err)
{
	uint32_t hash = path_hash(path, len);
	struct tree_spot spot;

	if (txn->lost || access_find(txn, path, len, hash))
		return 0;
	tree_locate(txn->base, path, len, &spot);
	if (!access_get(txn, path, len, hash, spot.node))
		return no_memory(err);
	if (spot.node)
		return over_limit(txn, max, err);
	for (len = path_parent_len(path, len); len > spot.nearest_len;
	     len = path_parent_len(path, len))
		if (!access_get(txn, path, len, path_hash(path, len), NULL))
			return no_memory(err);
	len = spot.nearest_len;
	if (!access_get(txn, path, len, path_hash(path, len), spot.nearest))
		return no_memory(err);
	return over_limit(txn, max, err);
}

const struct access *txn_next_access(const struct txn *txn, uint32_t *cursor)
{
	while (*cursor < txn->table_size) {
		const struct access *a = txn->table[(*cursor)++];

		if (a)
			return a;
	}
	return NULL;
}

/* The log */

static int log_reserve(struct txn *txn, uint32_t more)
{
	uint32_t size = txn->log_size;
	struct logged *log;

	while (size < txn->nr_log + more)
		size = size ? size * 2 : 16;
	if (size == txn->log_size)
		return 0;
	log = realloc(txn->log, size * sizeof(*log));
	if (!log)
		return -1;
	txn->memory += (size - txn->log_size) * sizeof(*log);
	txn->log = log;
	txn->log_size = size;
	return 0;
}

/* `a` was noted and room was made before, so neither is missing. */
static void log_add(struct txn *txn, enum change_kind kind, struct access *a, bool implied)
{
	if (!a)
		return;
	/* A second value for the same node adds nothing: values are taken from the root at the
	 * end. */
	if (kind == CHANGE_PUT && a->rm_count == txn->rm_count + 1)
		return;
	if (kind == CHANGE_PUT)
		a->rm_count = txn->rm_count + 1;
	if (kind == CHANGE_RM)
		txn->rm_count++;
	txn->log[txn->nr_log++] = (struct logged){ kind, implied, a };
}

/* Accesses and log entries for the nodes that a PUT makes on its way, from the top; nothing is
 * logged yet. */
static int prepare_ancestors(struct txn *txn, const struct path *path, const struct tree_spot *spot)
{
	const char *name;
	size_t pos = spot->nearest_len > 1 ? spot->nearest_len : 0, name_len;

	if (log_reserve(txn, spot->missing + 1u) < 0)
		return -1;
	while (path_next(path->s, path->len, &pos, &name, &name_len))
		if (!access_of(txn, path->s, pos))
			return -1;
	return 0;
}

static void log_put(struct txn *txn, const struct path *path, const struct tree_spot *spot)
{
	const char *name;
	size_t pos = spot->nearest_len > 1 ? spot->nearest_len : 0, name_len;

	if (!spot->missing)
		log_add(txn, CHANGE_PUT, access_of(txn, path->s, path->len), false);
	while (path_next(path->s, path->len, &pos, &name, &name_len))
		log_add(txn, CHANGE_PUT, access_of(txn, path->s, pos), pos != path->len);
}

static int change_put(struct tree *t, struct txn *txn, const struct change *c,
		      const struct tree_spot *spot, uint64_t gen, struct err *err)
{
	if (!access_of(txn, c->path->s, c->path->len) ||
	    prepare_ancestors(txn, c->path, spot) < 0)
		return no_memory(err);
	if (tree_put(t, &txn->root, c->path->s, c->path->len, c->value, c->value_len, c->perms, gen,
		     err) < 0)
		return -1;
	log_put(txn, c->path, spot);
	return 0;
}

int txn_change(struct tree *t, struct txn *txn, const struct change *c,
	       const struct tree_spot *spot, uint64_t gen, struct err *err)
{
	const char *s = c->path->s;
	size_t len = c->path->len;
	const struct node *seen;
	struct access *a;

	if (txn->lost)
		return 0;
	if (c->kind == CHANGE_PUT)
		return change_put(t, txn, c, spot, gen, err);
	seen = tree_find(txn->base, s, len);
	a = access_of(txn, s, len);
	if (!a || log_reserve(txn, 1) < 0)
		return no_memory(err);
	if (c->kind == CHANGE_PERMS) {
		if (tree_set_perms(t, &txn->root, s, len, c->perms, gen, err) < 0)
			return -1;
	} else if (tree_del(t, &txn->root, s, len, gen, NULL, err) < 0) {
		return -1;
	} else {
		a->subtree = seen;
	}
	log_add(txn, c->kind, a, false);
	return 0;
}

/* Commit */

/* Where a search ended last: a transaction mostly looks at neighbours. */
struct near {
	const char *path;
	size_t len;
	const struct node *parent;	/* the node at that path, or NULL */
};

static const struct node *find_near(struct near *near, const struct node *root, const char *path,
				    size_t len)
{
	size_t parent_len = path_parent_len(path, len);
	const char *name = path + parent_len + (parent_len > 1);

	if (!parent_len)
		return tree_find(root, path, len);
	if (near->len != parent_len || memcmp(near->path, path, parent_len))
		*near = (struct near){ path, parent_len, tree_find(root, path, parent_len) };
	return near->parent ? node_child(near->parent, name, (size_t)(path + len - name)) : NULL;
}

int txn_check(const struct txn *txn, const struct node *live, struct err *err)
{
	struct near near = { .len = 0 };
	uint32_t cursor = 0;
	const struct access *a;

	if (txn->lost)
		return err_set(err, EAGAIN, "transaction %u: its snapshot is gone", txn->id);
	if (txn->doomed)
		return err_set(err, EAGAIN, "transaction %u: what it saw was changed by another",
			       txn->id);
	if (!txn->base || txn->base == live)
		return 0;
	while ((a = txn_next_access(txn, &cursor))) {
		const struct node *n = find_near(&near, live, a->path, a->len);

		if ((n ? n->gen : 0) != a->gen || (a->subtree && a->subtree != n))
			return err_set(err, EAGAIN, "transaction %u: %.*s was changed by another",
				       txn->id, a->len > 200 ? 200 : a->len, a->path);
	}
	return 0;
}

static int replay_one(struct tree *t, const struct txn *txn, const struct logged *l,
		      struct node **root, uint64_t gen, struct err *err)
{
	const char *path = l->access->path;
	size_t len = l->access->len;
	const struct node *last;

	if (l->kind != CHANGE_PUT && !tree_find(*root, path, len))
		return 0;
	if (l->kind == CHANGE_RM)
		return tree_del(t, root, path, len, gen, NULL, err);
	last = tree_find(txn->root, path, len);
	if (!last)	/* removed again further down the log */
		return 0;
	if (l->kind == CHANGE_PERMS)
		return tree_set_perms(t, root, path, len, last->perms, gen, err);
	return tree_put(t, root, path, len, node_value(last), last->value_len, last->perms, gen,
			err);
}

int txn_replay(struct tree *t, const struct txn *txn, struct node *live, uint64_t gen,
	       struct node **out, struct err *err)
{
	struct node *root;

	if (!txn->base || txn->base == live || !txn->nr_log) {
		*out = node_ref(txn->nr_log ? txn->root : live);
		return 0;
	}
	root = node_ref(live);
	for (uint32_t i = 0; i < txn->nr_log; i++)
		if (replay_one(t, txn, &txn->log[i], &root, gen, err) < 0) {
			node_unref(t, root);
			return -1;
		}
	*out = root;
	return 0;
}

bool txn_is_behind(const struct txn *txn, const struct node *live, const char *path, size_t len)
{
	struct tree_spot then, now;

	if (!txn->base || txn->base == live || txn->doomed)
		return false;
	tree_locate(txn->base, path, len, &then);
	tree_locate(live, path, len, &now);
	/* Versions share what is the same in both. */
	return then.nearest != now.nearest;
}

bool txn_rebase(struct tree *t, struct txn *txn, struct node *live, uint64_t gen)
{
	struct err err = ERR_INIT;
	struct node *root;

	if (txn->doomed)
		return false;
	if (!txn->base || txn->base == live)
		return true;
	if (txn_check(txn, live, &err) < 0) {
		txn->doomed = true;
		return false;
	}
	if (txn_replay(t, txn, live, gen, &root, &err) < 0)
		return true;	/* no memory: it keeps what it has */
	for (uint32_t i = 0; i < txn->table_size; i++) {
		struct access *a = txn->table[i];

		if (a && a->subtree)
			a->subtree = tree_find(live, a->path, a->len);
	}
	drop_roots(t, txn);
	txn->base = node_ref(live);
	txn->root = root;
	return true;
}
