/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The life of domains as the store sees it: known, introduced, released or dead, and what goes with
 * a dead one. How a domain is asked about or its ring mapped is the host's business (guests.c).
 */
#include "xenstored/world.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "base/log.h"
#include "base/mem.h"

/* After a want of memory, or when a turn of transactions ends that nobody ended. */
#define RETRY_MS  3u
/* An open transaction keeps old versions of the store no longer than this... */
#define REBASE_MS 1000u
/* ...unless it conflicts already; a guest's is dropped then. */
#define DOOMED_MS 5000u

struct domain *world_domain(const struct world *w, unsigned domid)
{
	return domid < DOMID_FIRST_RESERVED ? w->domain_by_id[domid] : NULL;
}

struct domain *world_know_domain(struct world *w, unsigned domid)
{
	struct domain *d = world_domain(w, domid);

	if (d || domid >= DOMID_FIRST_RESERVED)
		return d;
	d = calloc(1, sizeof(*d));
	if (!d)
		return NULL;
	d->domid = (uint16_t)domid;
	d->target = DOMID_FIRST_RESERVED;
	d->features = DOMAIN_FEATURES;
	d->account = quota_account(w->quota, domid);
	if (!d->account) {
		free(d);
		return NULL;
	}
	account_hold(d->account)->privileged = domid == w->dom0_domid || domid == w->priv_domid;
	list_add_tail(&w->domains, &d->of_world);
	return w->domain_by_id[domid] = d;
}

bool world_domain_alive(struct world *w, unsigned domid)
{
	struct domain *d = world_domain(w, domid);
	uint64_t unique_id = 0;

	/* The death of a known one is told by the host. */
	if (d)
		return true;
	if (domid >= DOMID_FIRST_RESERVED)
		return false;
	return !w->host.domain_alive || w->host.domain_alive(w->host.arg, domid, &unique_id);
}

static int journal_domain(struct world *w, enum effect_kind kind, const struct domain *d,
			  struct err *err)
{
	struct effect e = { .kind = kind, .domain = d };

	return world_journal_one(w, &e, err);
}

int world_journal_domain(struct world *w, const struct domain *d, struct err *err)
{
	return journal_domain(w, EFFECT_DOMAIN, d, err);
}

static void forget(struct world *w, struct domain *d)
{
	struct account *account = d->account;

	list_del(&d->of_world);
	w->domain_by_id[d->domid] = NULL;
	quota_bury(w->quota, d->domid);
	account_drop(account);
	free(d);
}

static int introduce_new(struct world *w, struct domain *d, struct err *err)
{
	uint64_t unique_id = 0;

	if (w->host.domain_alive && w->host.domain_alive(w->host.arg, d->domid, &unique_id))
		d->unique_id = unique_id;
	if (w->host.attach && w->host.attach(w->host.arg, d, d->gfn, d->port, &d->conn, err) < 0)
		return -1;
	d->introduced = true;
	if (journal_domain(w, EFFECT_DOMAIN, d, err) < 0) {
		d->introduced = false;
		if (d->conn)
			conn_kill(d->conn);
		d->conn = NULL;
		return -1;
	}
	rate_domain_new(&w->rate, &d->credit, w->now_ms);
	world_fire_special(w, SPECIAL_INTRODUCE, d->domid);
	return 0;
}

int world_introduce(struct world *w, unsigned domid, uint64_t gfn, uint32_t port, struct err *err)
{
	bool known = world_domain(w, domid);
	struct domain *d = world_know_domain(w, domid);

	if (!d)
		return domid < DOMID_FIRST_RESERVED
			       ? err_set(err, ENOMEM, "introducing domain %u: out of memory", domid)
			       : err_set(err, EINVAL, "introducing domain %u: not a domain id",
					 domid);
	if (d->introduced && !d->conn && w->host.attach) {
		/* Its connection broke: a new ring. */
		d->gfn = gfn;
		d->port = port;
		return w->host.attach(w->host.arg, d, gfn, port, &d->conn, err);
	}
	if (d->introduced) {
		if (w->host.rebind && w->host.rebind(w->host.arg, d, gfn, port, err) < 0)
			return -1;
		d->gfn = gfn;
		d->port = port;
		if (d->conn)
			world_reset_conn(w, d->conn, true);
		return journal_domain(w, EFFECT_DOMAIN, d, err);
	}
	d->gfn = gfn;
	d->port = port;
	if (introduce_new(w, d, err) < 0) {
		if (!known)
			forget(w, d);
		return -1;
	}
	return 0;
}

/* Death */

static void path_of_domain(struct path *path, unsigned domid)
{
	char home[40];

	snprintf(home, sizeof(home), "/local/domain/%u", domid);
	path_set(path, home);
}

/* An orphan goes, or with --keep-orphans becomes dom0's. */
static int handle_orphan(struct world *w, const struct node *n, const struct path *path,
			 struct err *err)
{
	struct change c = { .kind = CHANGE_RM, .path = path };
	struct perm e[PERM_MAX_ENTRIES];
	int rc;

	/* The root cannot be removed: whoever was given it, it returns to dom0. */
	if (!w->keep_orphans && path->len > 1)
		return world_change(w, NULL, NULL, &c, NULL, err);
	memcpy(e, n->perms->e, n->perms->n * sizeof(e[0]));
	e[0].domid = (uint16_t)w->dom0_domid;
	c.kind = CHANGE_PERMS;
	c.perms = perms_get(w->perms, e, n->perms->n);
	if (!c.perms)
		return err_set(err, ENOMEM, "orphan %s: out of memory", path->s);
	rc = world_change(w, NULL, NULL, &c, NULL, err);
	perms_unref(w->perms, c.perms);
	return rc;
}

/* The next node of a domain behind `from` in the order of the walk, in `path`. */
static const struct node *find_orphan(struct world *w, struct tree_walk *walk, unsigned domid,
				      struct path *path)
{
	const struct node *n;

	for (n = tree_walk_start(walk, w->root, NULL, 0); n; n = tree_walk_next(walk))
		if (node_owner(n) == domid) {
			path_set(path, walk->path);
			return n;
		}
	return NULL;
}

/* Its home first: there most of its nodes are, and when the account is empty nothing is left to
 * look for. */
static int remove_nodes(struct world *w, unsigned domid, struct err *err)
{
	struct account *a = quota_find(w->quota, domid);
	struct tree_walk *walk;
	const struct node *n;
	struct path path;
	int rc = 0;

	if (!a || !a->used[QUOTA_NODES])
		return 0;
	path_of_domain(&path, domid);
	n = tree_find(w->root, path.s, path.len);
	if (n && node_owner(n) == domid && handle_orphan(w, n, &path, err) < 0)
		return -1;
	if (!a->used[QUOTA_NODES])
		return 0;
	walk = tree_walk_new();
	if (!walk)
		return err_set(err, ENOMEM, "removing nodes of domain %u: out of memory", domid);
	while (!rc && a->used[QUOTA_NODES] && (n = find_orphan(w, walk, domid, &path)))
		rc = handle_orphan(w, n, &path, err);
	tree_walk_free(walk);
	return rc;
}

static void bury_specials(struct world *w, unsigned domid)
{
	for (unsigned i = 0; i < WORLD_SPECIALS; i++) {
		struct perm owner = { .domid = (uint16_t)w->dom0_domid };
		struct perms *p;

		if (perms_owner(w->special[i]) != domid)
			continue;
		p = perms_get(w->perms, &owner, 1);
		if (!p)
			continue;	/* a stale owner gives nobody a right he has not got */
		perms_unref(w->perms, w->special[i]);
		w->special[i] = p;
		w->special_gen[i] = ++w->gen;
	}
}

/* A transaction that would make nodes for a dead domain must not: nobody would remove them, and the
 * next domain with that number would own them. */
static void lose_txns_for(struct world *w, const struct account *owner)
{
	struct conn *c;
	struct txn *txn;

	list_for_each_entry(c, &w->conns, of_world)
		list_for_each_entry(txn, &c->txns, of_conn)
			for (unsigned i = 0; i < txn->charge.n; i++)
				if (txn->charge.rows[i].account == owner) {
					txn_lose(w->tree, txn);
					break;
				}
}

/* Everything about the domain but its nodes: cannot fail. */
static void sever(struct world *w, struct domain *d)
{
	struct domain *other;

	if (d->conn) {
		d->conn->domain = NULL;
		world_reset_conn(w, d->conn, true);
		conn_kill(d->conn);
		d->conn = NULL;
	}
	lose_txns_for(w, d->account);
	perm_table_bury(w->perms, d->domid);
	bury_specials(w, d->domid);
	list_for_each_entry(other, &w->domains, of_world)
		if (other->target == d->domid)
			other->target = DOMID_FIRST_RESERVED;
	if (d->introduced)
		rate_domain_gone(&w->rate, &d->credit);
}

void world_domain_died(struct world *w, struct domain *d)
{
	struct err err = ERR_INIT;
	bool introduced = d->introduced;
	unsigned domid = d->domid;

	sever(w, d);
	d->introduced = false;
	if (remove_nodes(w, domid, &err) < 0) {
		log_error("domain %u is gone, its nodes stay for now: %s", domid, err.msg);
		w->orphans_left = true;
	}
	if (journal_domain(w, EFFECT_DOMAIN_GONE, d, &err) < 0)
		log_error("domain %u is gone, the journal does not know: %s", domid, err.msg);
	forget(w, d);
	if (introduced)
		world_fire_special(w, SPECIAL_RELEASE, domid);
}

int world_release(struct world *w, unsigned domid, struct err *err)
{
	struct domain *d = world_domain(w, domid);

	if (!d || !d->introduced)
		return err_set(err, ENOENT, "releasing domain %u: it is not introduced", domid);
	world_domain_died(w, d);
	return 0;
}

void world_domain_shutdown(struct world *w, struct domain *d)
{
	if (d->shutdown || !d->introduced)
		return;
	d->shutdown = true;
	world_fire_special(w, SPECIAL_RELEASE, d->domid);
}

/* Time */

/* Keep an open transaction near the present. What conflicts already stays as it is for its client
 * to see; a guest's not for ever, as it keeps old versions of others' nodes in memory (XSA-326). */
static void rebase(struct world *w, struct conn *c, struct txn *txn)
{
	size_t before = txn->memory;

	if (!txn_rebase(w->tree, txn, w->root, ++w->gen) && !c->privileged &&
	    w->now_ms - txn->started_ms >= DOOMED_MS)
		txn_lose(w->tree, txn);
	quota_charge(w->quota, c->account, QUOTA_MEMORY, (int64_t)txn->memory - (int64_t)before);
}

static void rebase_txns(struct world *w)
{
	struct conn *c;
	struct txn *txn;

	list_for_each_entry(c, &w->conns, of_world)
		list_for_each_entry(txn, &c->txns, of_conn)
			if (txn->base && txn->base != w->root)
				rebase(w, c, txn);
}

/* A guest that does not read its events for too long loses them (XSA-326). */
static void time_out_events(struct world *w)
{
	struct conn *c;

	if (!w->event_timeout_ms)
		return;
	list_for_each_entry(c, &w->conns, of_world)
		if (c->stalled_write && !c->privileged &&
		    w->now_ms - c->stalled_ms >= w->event_timeout_ms)
			conn_drop_events(c);
}

static void retry_orphans(struct world *w)
{
	struct err err = ERR_INIT;
	unsigned cursor = 0;
	struct account *a;

	w->orphans_left = false;
	while ((a = quota_next(w->quota, &cursor))) {
		if (!a->used[QUOTA_NODES] || a->privileged || world_domain(w, a->domid))
			continue;
		account_hold(a);
		if (remove_nodes(w, a->domid, &err) < 0)
			w->orphans_left = true;
		account_drop(a);
	}
}

/* When the first connection that is held back may go on. One that waits for its own output or
 * requests is woken by those, one that found no memory tries again soon. */
static int wait_for_paused(struct world *w)
{
	unsigned first = 0;
	struct conn *c;

	list_for_each_entry(c, &w->turn.paused, on_paused) {
		unsigned wait =
			c->domain ? rate_wait_ms(&w->rate, &c->domain->credit, w->now_ms) : 0;

		if (!wait && (c->starved || c->waits_turn))
			wait = RETRY_MS;
		if (wait && (!first || wait < first))
			first = wait;
	}
	return first ? (int)first : -1;
}

int world_tick(struct world *w, uint64_t now_ms)
{
	bool idle;
	int wait;

	w->now_ms = w->turn.now_ms = now_ms;
	if (now_ms - w->ticked_ms >= REBASE_MS) {
		w->ticked_ms = now_ms;
		if (w->nr_txns)
			rebase_txns(w);
		if (w->turn.nr_stalled)
			time_out_events(w);
		if (w->orphans_left)
			retry_orphans(w);
	}
	idle = !w->nr_txns && !w->turn.nr_stalled && !w->orphans_left;
	wait = list_is_empty(&w->turn.paused) ? -1 : wait_for_paused(w);
	if (idle)
		return wait;
	return wait >= 0 && wait < (int)REBASE_MS ? wait : (int)REBASE_MS;
}

/* Rebuilding */

int world_restore_node(struct world *w, const char *path, size_t len, const void *value,
		       size_t value_len, const struct perm *perms, unsigned nr_perms,
		       struct err *err)
{
	struct change c = { .kind = CHANGE_PUT,
			    .value = value ? value : "",
			    .value_len = value_len };
	struct path p;
	int rc;

	if (len > PATH_ABS_MAX || value_len > UINT16_MAX || !nr_perms ||
	    nr_perms > PERM_MAX_ENTRIES)
		return err_set(err, EINVAL,
			       "restoring a node: path of %zu, value of %zu bytes, %u permissions",
			       len, value_len, nr_perms);
	memcpy(p.s, path, len);
	p.s[len] = '\0';
	p.len = (uint16_t)len;
	p.relative = 0;
	c.path = &p;
	c.perms = perms_get(w->perms, perms, nr_perms);
	if (!c.perms)
		return err_set(err, ENOMEM, "restoring %s: out of memory", p.s);
	rc = world_change(w, NULL, NULL, &c, NULL, err);
	c.kind = CHANGE_PERMS;
	if (!rc && tree_find(w->root, p.s, p.len)->perms != c.perms)
		rc = world_change(w, NULL, NULL, &c, NULL, err);
	perms_unref(w->perms, c.perms);
	return rc;
}

int world_restore_gone(struct world *w, const char *path, size_t len, struct err *err)
{
	struct change c = { .kind = CHANGE_RM };
	struct path p;

	if (len > PATH_ABS_MAX)
		return err_set(err, EINVAL, "restoring a removal: path of %zu bytes", len);
	memcpy(p.s, path, len);
	p.s[len] = '\0';
	p.len = (uint16_t)len;
	p.relative = 0;
	c.path = &p;
	if (!tree_find(w->root, p.s, p.len))
		return 0;
	return world_change(w, NULL, NULL, &c, NULL, err);
}

int world_restore_special(struct world *w, const char *name, const struct perm *perms,
			  unsigned nr_perms, struct err *err)
{
	struct change c = { .kind = CHANGE_PERMS };
	struct path p;
	int rc;

	path_set(&p, name);
	c.path = &p;
	c.perms = nr_perms && nr_perms <= PERM_MAX_ENTRIES ? perms_get(w->perms, perms, nr_perms)
							   : NULL;
	if (!c.perms)
		return err_set(err, ENOMEM, "restoring permissions of %s", name);
	rc = world_change(w, NULL, NULL, &c, NULL, err);
	perms_unref(w->perms, c.perms);
	return rc;
}
