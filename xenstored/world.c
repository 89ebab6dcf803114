/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The world's parts and who may do what in it: the live tree, connections, transactions' lives,
 * rebuilding. How a change happens stands in world_change.c and world_txn.c, the life of domains in
 * world_domain.c.
 */
#include "xenstored/world.h"
#include <errno.h>
#include <string.h>
#include "base/mem.h"

static int plant(struct world *w, struct perms *perms, struct err *err)
{
	static const char first[] = "/tool/xenstored";

	w->root = tree_root_new(w->tree, perms, ++w->gen);
	if (!w->root)
		return err_set(err, ENOMEM, "making the store: out of memory");
	if (tree_put(w->tree, &w->root, first, sizeof(first) - 1, "", 0, perms, ++w->gen, err) < 0)
		return -1;
	for (unsigned i = 0; i < WORLD_SPECIALS; i++) {
		w->special[i] = perms_ref(perms);
		w->special_gen[i] = ++w->gen;
	}
	return 0;
}

/* Charge dom0 with what is there from the start: counted, so that world_audit agrees. */
static void charge_first(struct world *w)
{
	struct account *a = quota_find(w->quota, w->dom0_domid);

	quota_charge(w->quota, a, QUOTA_NODES, 3);
	quota_charge(w->quota, a, QUOTA_MEMORY,
		     (int64_t)(world_node_memory(0, 0, 1) + world_node_memory(4, 0, 1) +
			       world_node_memory(9, 0, 1)));
}

size_t world_node_memory(size_t name_len, size_t value_len, unsigned nr_perms)
{
	return sizeof(struct node) + name_len + 1 + value_len + nr_perms * sizeof(struct perm);
}

static int fill(struct world *w, struct err *err)
{
	struct perm owner = { .domid = 0 };
	struct account *dom0;
	struct perms *perms;
	int rc;

	w->perms = perm_table_new();
	w->tree = w->perms ? tree_new(w->perms) : NULL;
	w->watches = watch_set_new();
	w->quota = quota_new();
	w->domain_by_id = calloc(DOMID_FIRST_RESERVED, sizeof(w->domain_by_id[0]));
	dom0 = w->quota ? quota_account(w->quota, 0) : NULL;
	perms = w->perms ? perms_get(w->perms, &owner, 1) : NULL;
	if (!w->tree || !w->watches || !w->domain_by_id || !dom0 || !perms) {
		perms_unref(w->perms, perms);
		return err_set(err, ENOMEM, "making the store: out of memory");
	}
	account_hold(dom0)->privileged = true;
	rc = plant(w, perms, err);
	perms_unref(w->perms, perms);
	if (!rc)
		charge_first(w);
	return rc;
}

struct world *world_new(struct err *err)
{
	struct world *w = calloc(1, sizeof(*w));

	if (!w) {
		err_set(err, ENOMEM, "making the store: out of memory");
		return NULL;
	}
	list_init(&w->conns);
	list_init(&w->domains);
	w->priv_domid = DOMID_FIRST_RESERVED;
	w->event_timeout_ms = 20000;
	w->next_conn_id = 1;
	turn_init(&w->turn, NULL, NULL);
	if (fill(w, err) < 0) {
		world_free(w);
		return NULL;
	}
	w->turn.quota = w->quota;
	return w;
}

void world_free(struct world *w)
{
	if (!w)
		return;
	while (!list_is_empty(&w->conns))
		world_drop_conn(w, list_first(&w->conns, struct conn, of_world));
	while (!list_is_empty(&w->domains)) {
		struct domain *d = list_first(&w->domains, struct domain, of_world);

		list_del(&d->of_world);
		account_drop(d->account);
		free(d);
	}
	if (w->tree)
		node_unref(w->tree, w->root);
	for (unsigned i = 0; i < WORLD_SPECIALS; i++)
		perms_unref(w->perms, w->special[i]);
	turn_free(&w->turn);
	if (w->scratch)
		world_free_scratch(w->scratch);
	free(w->domain_by_id);
	quota_free(w->quota);
	watch_set_free(w->watches);
	tree_free(w->tree);
	perm_table_free(w->perms);
	free(w);
}

/* Connections */

void world_add_conn(struct world *w, struct conn *c)
{
	if (!c->id)
		c->id = w->next_conn_id;
	if (c->id >= w->next_conn_id)
		w->next_conn_id = c->id + 1;
	list_add_tail(&w->conns, &c->of_world);
	w->nr_conns++;
}

struct conn *world_conn_by_id(const struct world *w, uint32_t id)
{
	struct conn *c;

	list_for_each_entry(c, &w->conns, of_world)
		if (c->id == id)
			return c;
	return NULL;
}

static void drop_watches(struct world *w, struct conn *c)
{
	struct watch *watch;

	list_for_each_entry(watch, &c->watcher.watches, of_watcher) {
		quota_charge(w->quota, c->account, QUOTA_WATCHES, -1);
		quota_charge(w->quota, c->account, QUOTA_MEMORY, -(int64_t)watch_memory(watch));
	}
	watch_del_all(w->watches, &c->watcher);
}

#define WINDOW_MS	 3u
#define CONTENDED_AFTER	 8u	/* commits without conflict that end the suspicion */

bool world_take_window(struct world *w, struct conn *c)
{
	unsigned i = c->privileged;

	if (!c->contended)
		return true;
	if (w->window[i] && w->window[i] != c && w->now_ms < w->window_end_ms[i])
		return false;
	w->window[i] = c;
	w->window_end_ms[i] = w->now_ms + WINDOW_MS;
	return true;
}

static void leave_window(struct world *w, const struct conn *c)
{
	if (w->window[c->privileged] == c)
		w->window[c->privileged] = NULL;
}

void world_note_commit(struct world *w, struct conn *c, bool conflict)
{
	leave_window(w, c);
	if (conflict)
		c->contended = CONTENDED_AFTER;
	else if (c->contended)
		c->contended--;
}

void world_forget_txn(struct world *w, struct conn *c, struct txn *txn)
{
	list_del(&txn->of_conn);
	c->nr_txns--;
	w->nr_txns--;
	quota_charge(w->quota, c->account, QUOTA_TRANSACTIONS, -1);
	quota_charge(w->quota, c->account, QUOTA_MEMORY, -(int64_t)(sizeof(*txn) + txn->memory));
	txn_free(w->tree, w->perms, txn);
}

static void drop_txns(struct world *w, struct conn *c)
{
	while (!list_is_empty(&c->txns))
		world_forget_txn(w, c, list_first(&c->txns, struct txn, of_conn));
}

void world_reset_conn(struct world *w, struct conn *c, bool hard)
{
	drop_watches(w, c);
	drop_txns(w, c);
	if (hard)
		conn_reset_buffers(c);
}

void world_drop_conn(struct world *w, struct conn *c)
{
	struct account *account = c->account;

	world_reset_conn(w, c, true);
	if (c->domain)
		c->domain->conn = NULL;
	list_del(&c->on_ready);
	list_del(&c->on_dirty);
	list_del(&c->on_paused);
	list_del(&c->on_dead);
	list_del(&c->of_world);
	leave_window(w, c);
	w->turn.nr_recent = 0;
	w->nr_conns--;
	free(c->caused);
	free(c->merge);
	c->ops->close(c);
	account_drop(account);
}

unsigned world_bits(const struct world *w, const struct conn *c, const struct perms *p)
{
	unsigned target;

	(void)w;
	if (c->privileged)
		return PERM_READ | PERM_WRITE | PERM_OWNER;
	if (perms_owner(p) == c->domid)
		return PERM_READ | PERM_WRITE | PERM_OWNER;
	target = c->domain ? c->domain->target : DOMID_FIRST_RESERVED;
	if (target >= DOMID_FIRST_RESERVED)
		return perms_bits(p, c->domid);
	if (perms_owner(p) == target)
		return PERM_READ | PERM_WRITE | PERM_OWNER;
	return perms_bits2(p, c->domid, target);
}

bool world_may_read(struct world *w, struct conn *c)
{
	const struct account *a = c->account;
	unsigned hard;

	/* One that takes no output gets no more until it does; its replies must fit somewhere. */
	if (conn_pending(c) > WORLD_MAX_PENDING)
		return false;
	if (c->privileged)
		return true;
	hard = quota_hard(w->quota, a, QUOTA_OUTSTANDING);
	if (hard && a->used[QUOTA_OUTSTANDING] >= hard)
		return false;
	hard = quota_hard(w->quota, a, QUOTA_MEMORY);
	if (hard && a->used[QUOTA_MEMORY] >= hard)
		return false;
	return !c->domain || !rate_wait_ms(&w->rate, &c->domain->credit, w->now_ms);
}

/* Transactions */

struct txn *world_txn(const struct conn *c, uint32_t id)
{
	struct txn *txn;

	list_for_each_entry(txn, &c->txns, of_conn)
		if (txn->id == id)
			return txn;
	return NULL;
}

static struct txn *add_txn(struct world *w, struct conn *c, uint32_t id)
{
	struct txn *txn = txn_new(id);

	if (!txn)
		return NULL;
	txn->started_ms = w->now_ms;
	list_add_tail(&c->txns, &txn->of_conn);
	c->nr_txns++;
	w->nr_txns++;
	quota_charge(w->quota, c->account, QUOTA_TRANSACTIONS, 1);
	quota_charge(w->quota, c->account, QUOTA_MEMORY, sizeof(*txn));
	return txn;
}

int world_txn_start(struct world *w, struct conn *c, struct txn **out, struct err *err)
{
	struct effect e = { .kind = EFFECT_TXN, .conn = c };

	if (quota_check(w->quota, c->account, QUOTA_TRANSACTIONS, 1, err) < 0 ||
	    quota_check(w->quota, c->account, QUOTA_MEMORY, sizeof(struct txn), err) < 0)
		return -1;
	while (!c->next_txn || world_txn(c, c->next_txn))
		c->next_txn++;
	e.txn_id = c->next_txn;
	*out = add_txn(w, c, c->next_txn);
	if (!*out)
		return err_set(err, ENOMEM, "starting a transaction: out of memory");
	if (world_journal_one(w, &e, err) < 0) {
		world_forget_txn(w, c, *out);
		return -1;
	}
	c->next_txn++;
	return 0;
}

void world_txn_abort(struct world *w, struct conn *c, struct txn *txn)
{
	struct effect e = { .kind = EFFECT_TXN_GONE, .conn = c, .txn_id = txn->id };
	struct err err = ERR_INIT;

	leave_window(w, c);
	/* One more that ends in the journal than in truth is harmless: after a restart it says
	 * EAGAIN. */
	(void)!world_journal_one(w, &e, &err);
	world_forget_txn(w, c, txn);
}

int world_journal_one(struct world *w, const struct effect *e, struct err *err)
{
	if (!w->journal.prepare)
		return 0;
	if (w->journal.prepare(w->journal.arg, e, 1, err) < 0)
		return -1;
	w->journal.commit(w->journal.arg);
	return 0;
}

static int special_index(const char *path, size_t len)
{
	static const char *const names[WORLD_SPECIALS] = { "@introduceDomain", "@releaseDomain" };

	for (int i = 0; i < WORLD_SPECIALS; i++)
		if (strlen(names[i]) == len && !memcmp(names[i], path, len))
			return i;
	return -1;
}

int world_special_index(const struct path *path)
{
	return special_index(path->s, path->len);
}

const struct perms *world_special(const struct world *w, const struct txn *txn, const char *path)
{
	int i = special_index(path, strlen(path));

	if (i < 0)
		return NULL;
	return txn && txn->special[i] ? txn->special[i] : w->special[i];
}

/* Watches */

int world_watch(struct world *w, struct conn *c, const struct path *path, const char *token,
		size_t token_len, int32_t depth, struct watch **out, struct err *err)
{
	size_t memory = sizeof(struct watch) + path->len + token_len + 2;
	struct effect e = { .kind = EFFECT_WATCH, .conn = c };

	if (watch_find(w->watches, &c->watcher, path, token, token_len))
		return err_set(err, EEXIST, "watch on %s with token '%s' exists", path->s, token);
	if (quota_check(w->quota, c->account, QUOTA_WATCHES, 1, err) < 0 ||
	    quota_check(w->quota, c->account, QUOTA_MEMORY, memory, err) < 0 ||
	    watch_add(w->watches, &c->watcher, path, token, token_len, depth, out, err) < 0)
		return -1;
	e.watch = *out;
	if (world_journal_one(w, &e, err) < 0) {
		watch_del(w->watches, *out);
		return -1;
	}
	quota_charge(w->quota, c->account, QUOTA_WATCHES, 1);
	quota_charge(w->quota, c->account, QUOTA_MEMORY, (int64_t)watch_memory(*out));
	return 0;
}

int world_unwatch(struct world *w, struct conn *c, const struct path *path, const char *token,
		  size_t token_len, struct err *err)
{
	struct watch *watch = watch_find(w->watches, &c->watcher, path, token, token_len);
	struct effect e = { .kind = EFFECT_WATCH_GONE, .conn = c, .watch = watch };

	if (!watch)
		return err_set(err, ENOENT, "no watch on %s with token '%s'", path->s, token);
	if (world_journal_one(w, &e, err) < 0)
		return -1;
	quota_charge(w->quota, c->account, QUOTA_WATCHES, -1);
	quota_charge(w->quota, c->account, QUOTA_MEMORY, -(int64_t)watch_memory(watch));
	watch_del(w->watches, watch);
	return 0;
}

int world_restore_watch(struct world *w, struct conn *c, const struct path *path, const char *token,
			size_t token_len, int32_t depth, struct err *err)
{
	struct watch *watch;

	if (watch_add(w->watches, &c->watcher, path, token, token_len, depth, &watch, err) < 0)
		return -1;
	quota_charge(w->quota, c->account, QUOTA_WATCHES, 1);
	quota_charge(w->quota, c->account, QUOTA_MEMORY, (int64_t)watch_memory(watch));
	return 0;
}

int world_restore_txn(struct world *w, struct conn *c, uint32_t id, struct txn **out,
		      struct err *err)
{
	*out = add_txn(w, c, id);
	if (!*out)
		return err_set(err, ENOMEM, "restoring transaction %u: out of memory", id);
	(*out)->lost = true;
	return 0;
}

struct domain *world_restore_domain(struct world *w, unsigned domid, struct err *err)
{
	struct domain *d = world_know_domain(w, domid);

	if (!d) {
		err_set(err, ENOMEM, "restoring domain %u: out of memory", domid);
		return NULL;
	}
	if (!d->introduced) {
		d->introduced = true;
		rate_domain_new(&w->rate, &d->credit, w->now_ms);
	}
	return d;
}

/* Audit */

static bool audit_account(struct world *w, const struct account *a, struct err *err)
{
	uint64_t used[QUOTA_COUNTED] = { 0 };
	struct tree_walk *walk = tree_walk_new();
	const struct watch *watch;
	const struct txn *txn;
	struct conn *c;

	if (!walk) {
		err_set(err, ENOMEM, "audit: out of memory");
		return false;
	}
	for (const struct node *n = tree_walk_start(walk, w->root, NULL, 0); n;
	     n = tree_walk_next(walk))
		if (node_owner(n) == a->domid) {
			used[QUOTA_NODES]++;
			used[QUOTA_MEMORY] +=
				world_node_memory(n->name_len, n->value_len, n->perms->n);
		}
	tree_walk_free(walk);
	list_for_each_entry(c, &w->conns, of_world) {
		if (c->account != a)
			continue;
		used[QUOTA_WATCHES] += c->watcher.nr_watches;
		used[QUOTA_TRANSACTIONS] += c->nr_txns;
		used[QUOTA_MEMORY] += conn_pending(c);
		list_for_each_entry(watch, &c->watcher.watches, of_watcher)
			used[QUOTA_MEMORY] += watch_memory(watch);
		list_for_each_entry(txn, &c->txns, of_conn)
			used[QUOTA_MEMORY] += sizeof(*txn) + txn->memory;
	}
	for (int i = 0; i < QUOTA_COUNTED; i++)
		if (i != QUOTA_OUTSTANDING && used[i] != a->used[i]) {
			err_set(err, EIO, "domain %u: %s: counted %llu, accounted %llu", a->domid,
				quota_rows[i].name, (unsigned long long)used[i],
				(unsigned long long)a->used[i]);
			return false;
		}
	return true;
}

bool world_audit(struct world *w, struct err *err)
{
	unsigned cursor = 0;
	const struct account *a;

	while ((a = quota_next(w->quota, &cursor)))
		if (!audit_account(w, a, err))
			return false;
	return true;
}
