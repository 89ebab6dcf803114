// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Writing and reading the state stream. Knows the layout of every record and checks every length; does not know files, rings or
 * sockets: connections are restored by whoever reads (journal.c, update.c).
 */
#include "xenstored/state.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include "base/log.h"
#include "base/num.h"

#define IDENT "xenstore"

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define NATIVE_FLAGS 0u
#else
#define NATIVE_FLAGS 1u
#endif

/* Bodies as they lie in the stream: native byte order, no holes. */
struct rec_global {
	int32_t socket_fd, evtchn_fd;
};

struct rec_conn {
	uint32_t conn_id;
	uint16_t type, pad;
	union {
		struct {
			uint16_t domid, target;
			uint32_t port;
		} ring;
		struct {
			int32_t fd;
			uint32_t pad;
		} socket;
	};
	uint16_t in_len, response_len;
	uint32_t out_len;
};

struct rec_watch {
	uint32_t conn_id;
	uint16_t path_len, token_len;	/* with NUL */
};

struct rec_watch_extended {
	struct rec_watch watch;
	uint16_t depth, pad;
};

struct rec_txn {
	uint32_t conn_id, txn_id;
};

struct rec_node {
	uint32_t conn_id, txn_id;
	uint16_t path_len, value_len;	/* path with NUL */
	uint16_t access, nr_perms;
};

struct rec_perm {
	uint8_t letter, flags;
	uint16_t domid;
};

struct rec_global_quota {
	uint16_t nr_domain, nr_global;
};

struct rec_domain {
	uint16_t domid, nr_quotas;
	uint32_t features;
};

_Static_assert(sizeof(struct rec_conn) == 24, "xenstore-migration.md");
_Static_assert(sizeof(struct rec_watch_extended) == 12, "xenstore-migration.md");
_Static_assert(sizeof(struct rec_node) == 16, "xenstore-migration.md");
_Static_assert(sizeof(struct rec_domain) == 8, "xenstore-migration.md");

/* --- writing -------------------------------------------------------------------------------------- */

/* Room for a record with a body of `len` bytes: type and length are filled in, the padding is zeroed. NULL with err. */
static char *open_record(const struct state_sink *s, uint32_t type, size_t len, struct err *err)
{
	size_t padded = num_align_up(len, 8);
	uint32_t head[2] = { type, (uint32_t)padded };
	char *p = s->room(s->arg, STATE_RECORD + padded, err);

	if (!p)
		return NULL;
	memcpy(p, head, sizeof(head));
	memset(p + STATE_RECORD + len, 0, padded - len);
	return p + STATE_RECORD;
}

static char *add(char *p, const void *data, size_t len)
{
	if (len > 0)
		memcpy(p, data, len);
	return p + len;
}

int state_put_header(const struct state_sink *s, uint32_t version, struct err *err)
{
	uint32_t words[2] = { htonl(version), htonl(NATIVE_FLAGS) };
	char *p = s->room(s->arg, STATE_HEADER, err);

	if (!p)
		return -1;
	add(add(p, IDENT, 8), words, sizeof(words));
	return 0;
}

int state_put_record(const struct state_sink *s, uint32_t type, const void *body, size_t len,
		     struct err *err)
{
	char *p = open_record(s, type, len, err);

	if (!p)
		return -1;
	add(p, body, len);
	return 0;
}

int state_put_end(const struct state_sink *s, struct err *err)
{
	return open_record(s, STATE_END, 0, err) ? 0 : -1;
}

int state_put_global(const struct state_sink *s, int socket_fd, int evtchn_fd, struct err *err)
{
	struct rec_global g = { socket_fd, evtchn_fd };

	return state_put_record(s, STATE_GLOBAL, &g, sizeof(g), err);
}

int state_put_conn(const struct state_sink *s, const struct state_conn *c, struct err *err)
{
	struct rec_conn rec = {
		.conn_id = c->id,
		.type = c->is_socket,
		.in_len = (uint16_t)c->in_len,
		.response_len = (uint16_t)c->response_len,
		.out_len = (uint32_t)c->out_len,
	};

	if (c->in_len > UINT16_MAX)
		return err_set(err, EFBIG, "connection %u: %zu bytes of input do not fit a record",
			       c->id, c->in_len);
	if (c->is_socket) {
		rec.socket.fd = c->fd;
	} else {
		rec.ring.domid = c->domid;
		rec.ring.target = c->target;
		rec.ring.port = c->port;
	}
	char *p = open_record(s, STATE_CONN, sizeof(rec) + c->in_len + c->out_len, err);

	if (!p)
		return -1;
	add(add(add(p, &rec, sizeof(rec)), c->in, c->in_len), c->out, c->out_len);
	return 0;
}

int state_put_watch(const struct state_sink *s, const struct state_watch *w, struct err *err)
{
	bool extended = w->depth != STATE_ANY_DEPTH;
	struct rec_watch_extended rec = {
		.watch = { w->conn_id, (uint16_t)(w->path_len + 1), (uint16_t)(w->token_len + 1) },
		.depth = (uint16_t)w->depth,
	};
	size_t head = extended ? sizeof(rec) : sizeof(rec.watch);
	char *p = open_record(s, extended ? STATE_WATCH_EXTENDED : STATE_WATCH,
			      head + w->path_len + 1 + w->token_len + 1, err);

	if (!p)
		return -1;
	p = add(add(add(p, &rec, head), w->path, w->path_len), "", 1);
	add(add(p, w->token, w->token_len), "", 1);
	return 0;
}

int state_put_txn(const struct state_sink *s, uint32_t conn_id, uint32_t txn_id, struct err *err)
{
	struct rec_txn rec = { conn_id, txn_id };

	return state_put_record(s, STATE_TXN, &rec, sizeof(rec), err);
}

static const char perm_letters[] = { 'n', 'r', 'w', 'b' };

int state_put_node(const struct state_sink *s, const struct state_node *n, struct err *err)
{
	struct rec_node rec = {
		.conn_id = n->conn_id,
		.txn_id = n->txn_id,
		.path_len = (uint16_t)(n->path_len + 1),
		.value_len = (uint16_t)n->value_len,
		.access = n->access,
		.nr_perms = (uint16_t)n->nr_perms,
	};
	char *p = open_record(s, STATE_NODE,
			      sizeof(rec) + n->nr_perms * sizeof(struct rec_perm) + n->path_len + 1 +
				      n->value_len,
			      err);
	if (!p)
		return -1;
	p = add(p, &rec, sizeof(rec));
	for (unsigned i = 0; i < n->nr_perms; i++) {
		const struct perm *e = &n->perms[i];
		struct rec_perm perm = {
			.letter = (uint8_t)perm_letters[e->bits & (PERM_READ | PERM_WRITE)],
			.flags = e->bits & PERM_STALE ? STATE_PERM_STALE : 0,
			.domid = e->domid,
		};

		p = add(p, &perm, sizeof(perm));
	}
	add(add(add(p, n->path, n->path_len), "", 1), n->value, n->value_len);
	return 0;
}

/* A list of numbers, then their names: both quota records end so. soft-<name> where a quota has one. */
struct limit_list {
	uint32_t values[2 * NR_QUOTAS];
	char names[2 * NR_QUOTAS * 32];
	size_t nr, names_len;
};

static void add_limit(struct limit_list *l, bool soft, unsigned id, unsigned value)
{
	const char *name = quota_rows[id].name;

	l->values[l->nr++] = value;
	if (soft) {
		memcpy(l->names + l->names_len, "soft-", 5);
		l->names_len += 5;
	}
	memcpy(l->names + l->names_len, name, strlen(name) + 1);
	l->names_len += strlen(name) + 1;
}

static int put_limits(const struct state_sink *s, uint32_t type, const void *head, size_t head_len,
		      const struct limit_list *l, struct err *err)
{
	char *p = open_record(s, type, head_len + l->nr * sizeof(l->values[0]) + l->names_len, err);

	if (!p)
		return -1;
	add(add(add(p, head, head_len), l->values, l->nr * sizeof(l->values[0])), l->names,
	    l->names_len);
	return 0;
}

int state_put_global_quota(const struct state_sink *s, const struct quota_limits *limits,
			   struct err *err)
{
	struct limit_list l = { .nr = 0 };

	for (unsigned i = 0; i < NR_QUOTAS; i++) {
		add_limit(&l, false, i, limits->hard[i]);
		if (quota_rows[i].has_soft)
			add_limit(&l, true, i, limits->soft[i]);
	}
	struct rec_global_quota rec = { (uint16_t)l.nr, 0 };

	return put_limits(s, STATE_GLOBAL_QUOTA, &rec, sizeof(rec), &l, err);
}

int state_put_domain(const struct state_sink *s, const struct domain *d, struct err *err)
{
	const struct account *a = d->account;
	struct limit_list l = { .nr = 0 };

	for (unsigned i = 0; i < NR_QUOTAS; i++) {
		if (a->own_hard & 1u << i)
			add_limit(&l, false, i, a->limits.hard[i]);
		if (a->own_soft & 1u << i)
			add_limit(&l, true, i, a->limits.soft[i]);
	}
	struct rec_domain rec = { d->domid, (uint16_t)l.nr, d->features };

	return put_limits(s, STATE_DOMAIN, &rec, sizeof(rec), &l, err);
}

/* --- writing the world ---------------------------------------------------------------------------- */

static int put_special(const struct state_sink *s, const char *name, const struct perms *perms,
		       struct err *err)
{
	struct state_node n = {
		.path = name,
		.path_len = strlen(name),
		.perms = perms->e,
		.nr_perms = perms->n,
	};

	return state_put_node(s, &n, err);
}

int state_put_world(const struct state_sink *s, const struct world *w, struct err *err)
{
	const struct domain *d;

	if (put_special(s, "@introduceDomain", w->special[0], err) < 0 ||
	    put_special(s, "@releaseDomain", w->special[1], err) < 0 ||
	    state_put_global_quota(s, quota_global(w->quota), err) < 0)
		return -1;
	list_for_each_entry(d, &w->domains, of_world)
		if (state_put_domain(s, d, err) < 0)
			return -1;
	return 0;
}

int state_put_conn_watches(const struct state_sink *s, const struct conn *c, struct err *err)
{
	const struct watch *w;

	list_for_each_entry(w, &c->watcher.watches, of_watcher) {
		struct state_watch rec = {
			.conn_id = c->id,
			.path = watch_path(w) + w->relative,
			.path_len = (size_t)w->path_len - w->relative,
			.token = watch_token(w),
			.token_len = w->token_len,
			.depth = w->depth == WATCH_ANY_DEPTH ? STATE_ANY_DEPTH
							     : (uint32_t)w->depth,
		};

		if (state_put_watch(s, &rec, err) < 0)
			return -1;
	}
	return 0;
}

int state_put_conn_txns(const struct state_sink *s, const struct conn *c, struct err *err)
{
	const struct txn *t;

	list_for_each_entry(t, &c->txns, of_conn)
		if (state_put_txn(s, c->id, t->id, err) < 0)
			return -1;
	return 0;
}

int state_put_tree_node(const struct state_sink *s, const struct node *n, const char *path,
			size_t len, struct err *err)
{
	struct state_node rec = {
		.path = path,
		.path_len = len,
		.value = node_value(n),
		.value_len = n->value_len,
		.perms = n->perms->e,
		.nr_perms = n->perms->n,
	};

	return state_put_node(s, &rec, err);
}

int state_put_tree(const struct state_sink *s, const struct node *root, struct err *err)
{
	struct tree_walk *walk = tree_walk_new();
	int ok = 0;

	if (!walk)
		return err_set(err, ENOMEM, "state: no memory");
	for (const struct node *n = tree_walk_start(walk, root, NULL, 0); n && ok == 0;
	     n = tree_walk_next(walk))
		ok = state_put_tree_node(s, n, walk->path, walk->len, err);
	tree_walk_free(walk);
	return ok;
}

/* --- reading -------------------------------------------------------------------------------------- */

/* What is left of a body. */
struct cursor {
	const char *p;
	size_t left;
};

/* The next `len` bytes, NULL when there are not that many. */
static const char *take(struct cursor *c, size_t len)
{
	const char *p = c->p;

	if (len > c->left)
		return NULL;
	c->p += len;
	c->left -= len;
	return p;
}

static bool take_head(struct cursor *c, void *head, size_t len)
{
	const char *p = take(c, len);

	if (p)
		memcpy(head, p, len);
	return p != NULL;
}

/* `len` bytes that end in their only NUL; returned without counting it. */
static const char *take_string(struct cursor *c, size_t len)
{
	const char *p = take(c, len);

	return p && len > 0 && memchr(p, '\0', len) == p + len - 1 ? p : NULL;
}

static int malformed(struct err *err)
{
	return err_set(err, EINVAL, "it is malformed");
}

static int read_global(struct cursor *c, const struct state_reader *r, void *arg, struct err *err)
{
	struct rec_global rec;

	if (!take_head(c, &rec, sizeof(rec)))
		return malformed(err);
	return r->global ? r->global(arg, rec.socket_fd, rec.evtchn_fd, err) : 0;
}

static int read_conn(struct cursor *c, const struct state_reader *r, void *arg, struct err *err)
{
	struct state_conn conn = { .id = 0 };
	struct rec_conn rec;

	if (!take_head(c, &rec, sizeof(rec)) || rec.type > 1 || rec.conn_id == 0 ||
	    rec.response_len > rec.out_len)
		return malformed(err);
	conn.id = rec.conn_id;
	conn.is_socket = rec.type == 1;
	conn.fd = conn.is_socket ? rec.socket.fd : -1;
	conn.domid = rec.ring.domid;
	conn.target = rec.ring.target;
	conn.port = rec.ring.port;
	conn.in_len = rec.in_len;
	conn.out_len = rec.out_len;
	conn.response_len = rec.response_len;
	conn.in = take(c, rec.in_len);
	conn.out = take(c, rec.out_len);
	if (!conn.in || !conn.out || (!conn.is_socket && conn.domid >= DOMID_FIRST_RESERVED))
		return malformed(err);
	return r->conn ? r->conn(arg, &conn, err) : 0;
}

static int read_watch(struct cursor *c, bool extended, const struct state_reader *r, void *arg,
		      struct err *err)
{
	struct rec_watch_extended rec = { .depth = STATE_ANY_DEPTH };
	struct state_watch w;

	if (!take_head(c, &rec, extended ? sizeof(rec) : sizeof(rec.watch)))
		return malformed(err);
	w.conn_id = rec.watch.conn_id;
	w.depth = rec.depth;
	w.path = take_string(c, rec.watch.path_len);
	w.token = take_string(c, rec.watch.token_len);
	if (!w.path || !w.token)
		return malformed(err);
	w.path_len = rec.watch.path_len - 1u;
	w.token_len = rec.watch.token_len - 1u;
	return r->watch ? r->watch(arg, &w, err) : 0;
}

static int read_txn(struct cursor *c, const struct state_reader *r, void *arg, struct err *err)
{
	struct rec_txn rec;

	if (!take_head(c, &rec, sizeof(rec)))
		return malformed(err);
	return r->txn ? r->txn(arg, rec.conn_id, rec.txn_id, err) : 0;
}

static bool read_perm(struct cursor *c, struct perm *out)
{
	struct rec_perm rec;

	if (!take_head(c, &rec, sizeof(rec)))
		return false;
	const char *at = memchr(perm_letters, rec.letter, sizeof(perm_letters));

	if (!at)
		return false;
	*out = (struct perm){
		.domid = rec.domid,
		.bits = (uint8_t)((at - perm_letters) |
				  (rec.flags & STATE_PERM_STALE ? PERM_STALE : 0)),
	};
	return true;
}

static int read_node(struct cursor *c, const struct state_reader *r, void *arg, struct err *err)
{
	struct perm perms[PERM_MAX_ENTRIES];
	struct state_node n;
	struct rec_node rec;

	if (!take_head(c, &rec, sizeof(rec)) || rec.nr_perms > PERM_MAX_ENTRIES)
		return malformed(err);
	for (unsigned i = 0; i < rec.nr_perms; i++)
		if (!read_perm(c, &perms[i]))
			return malformed(err);
	n = (struct state_node){
		.conn_id = rec.conn_id,
		.txn_id = rec.txn_id,
		.access = rec.access,
		.path = take_string(c, rec.path_len),
		.path_len = rec.path_len - 1u,
		.value = take(c, rec.value_len),
		.value_len = rec.value_len,
		.perms = perms,
		.nr_perms = rec.nr_perms,
	};
	if (!n.path || !n.value)
		return malformed(err);
	return r->node ? r->node(arg, &n, err) : 0;
}

/* The i-th value and the next name. */
static bool next_limit(const char *values, size_t i, struct cursor *names, uint32_t *value,
		       const char **name)
{
	const char *end = memchr(names->p, '\0', names->left);

	if (!end)
		return false;
	memcpy(value, values + i * sizeof(*value), sizeof(*value));
	*name = take(names, (size_t)(end - names->p) + 1);
	return true;
}

static int read_global_quota(struct cursor *c, const struct state_reader *r, void *arg,
			     struct err *err)
{
	struct rec_global_quota rec;

	if (!take_head(c, &rec, sizeof(rec)))
		return malformed(err);
	size_t nr = (size_t)rec.nr_domain + rec.nr_global;
	const char *values = take(c, nr * sizeof(uint32_t)), *name;

	for (size_t i = 0; i < nr; i++) {
		uint32_t value;

		if (!values || !next_limit(values, i, c, &value, &name))
			return malformed(err);
		if (r->global_quota && r->global_quota(arg, name, value, err) < 0)
			return -1;
	}
	return 0;
}

static int read_domain(struct cursor *c, uint32_t version, const struct state_reader *r, void *arg,
		       struct err *err)
{
	struct rec_domain rec;

	if (!take_head(c, &rec, sizeof(rec)) || rec.domid >= DOMID_FIRST_RESERVED)
		return malformed(err);
	const char *values = take(c, rec.nr_quotas * sizeof(uint32_t)), *name;

	if (r->domain &&
	    r->domain(arg, rec.domid, rec.features, version >= STATE_VERSION_2, err) < 0)
		return -1;
	for (size_t i = 0; i < rec.nr_quotas; i++) {
		uint32_t value;

		if (!values || !next_limit(values, i, c, &value, &name))
			return malformed(err);
		if (r->domain_quota && r->domain_quota(arg, rec.domid, name, value, err) < 0)
			return -1;
	}
	return 0;
}

static int read_record(uint32_t type, uint32_t version, struct cursor c,
		       const struct state_reader *r, void *arg, struct err *err)
{
	switch (type) {
	case STATE_GLOBAL:
		return read_global(&c, r, arg, err);
	case STATE_CONN:
		return read_conn(&c, r, arg, err);
	case STATE_WATCH:
	case STATE_WATCH_EXTENDED:
		return read_watch(&c, type == STATE_WATCH_EXTENDED, r, arg, err);
	case STATE_TXN:
		return read_txn(&c, r, arg, err);
	case STATE_NODE:
		return read_node(&c, r, arg, err);
	case STATE_GLOBAL_QUOTA:
		return read_global_quota(&c, r, arg, err);
	case STATE_DOMAIN:
		return read_domain(&c, version, r, arg, err);
	default:
		return r->other ? r->other(arg, type, c.p, c.left, err) : 0;
	}
}

static int read_header(struct cursor *c, uint32_t *version, struct err *err)
{
	uint32_t words[2];
	const char *ident = take(c, 8);

	if (!ident || memcmp(ident, IDENT, 8) != 0 || !take_head(c, words, sizeof(words)))
		return err_set(err, EINVAL, "this is not a xenstore state stream");
	*version = ntohl(words[0]);
	if (*version < STATE_VERSION_1 || *version > STATE_VERSION_2)
		return err_set(err, EINVAL, "version %u of the stream is not known (1 and 2 are)",
			       *version);
	if ((ntohl(words[1]) & 1) != NATIVE_FLAGS)
		return err_set(err, EINVAL, "the stream has the other byte order");
	return 0;
}

int state_read(const void *data, size_t len, const struct state_reader *r, void *arg, size_t *end,
	       struct err *err)
{
	struct cursor c = { data, len };
	uint32_t version = 0, head[2];

	if (read_header(&c, &version, err) < 0)
		return err_wrap(err, "state");
	for (;;) {
		size_t at = len - c.left;

		if (!take_head(&c, head, sizeof(head)))
			return err_set(err, EINVAL, "state: no end record at offset %zu", at);
		if (head[0] == STATE_END) {
			if (end)
				*end = at;
			return 0;
		}
		size_t padded = num_align_up(head[1], 8);
		const char *body = take(&c, padded);

		if (!body)
			return err_set(err, EINVAL, "state: record %u at offset %zu is cut off", head[0],
				       at);
		struct cursor inside = { body, head[1] };

		if (read_record(head[0], version, inside, r, arg, err) < 0)
			return err_wrap(err, "state: record %u at offset %zu", head[0], at);
	}
}

/* --- into a world --------------------------------------------------------------------------------- */

int state_load_watch(struct world *w, const struct state_watch *rec, struct err *err)
{
	struct conn *c = world_conn_by_id(w, rec->conn_id);
	struct path path;

	if (!c)
		return 0;	/* its connection could not be restored */
	if (path_canonical(&path, rec->path, rec->path_len, c->domid, PATH_SPECIAL, 0, err) < 0)
		return -1;
	int32_t depth = rec->depth == STATE_ANY_DEPTH ? WATCH_ANY_DEPTH : (int32_t)rec->depth;

	if (world_restore_watch(w, c, &path, rec->token, rec->token_len, depth, err) == 0)
		return 0;
	if (err->code != EEXIST)
		return -1;
	err_clear(err);
	return 0;
}

int state_load_txn(struct world *w, uint32_t conn_id, uint32_t txn_id, struct err *err)
{
	struct conn *c = world_conn_by_id(w, conn_id);
	struct txn *txn;

	return c ? world_restore_txn(w, c, txn_id, &txn, err) : 0;
}

int state_load_node(struct world *w, const struct state_node *n, struct err *err)
{
	if (n->conn_id != 0)
		return 0;	/* in a transaction, which will have to be done again */
	if (n->path_len > 0 && n->path[0] == '@')
		return n->nr_perms ? world_restore_special(w, n->path, n->perms, n->nr_perms, err)
				   : 0;
	struct path path;

	if (n->path_len == 0 || n->path[0] != '/' ||
	    path_canonical(&path, n->path, n->path_len, 0, 0, 0, err) < 0)
		return err_set(err, EINVAL, "its path is malformed");
	if (n->nr_perms == 0)
		return world_restore_gone(w, path.s, path.len, err);
	return world_restore_node(w, path.s, path.len, n->value, n->value_len, n->perms, n->nr_perms,
				  err);
}

int state_load_global_quota(struct world *w, const char *name, uint32_t value, struct err *err)
{
	struct quota_limits *limits = quota_global(w->quota);
	bool soft = false;
	int id = quota_by_name(name, &soft);

	(void)err;
	if (id >= 0)
		(soft ? limits->soft : limits->hard)[id] = value;
	return 0;
}

int state_load_domain(struct world *w, uint16_t domid, uint32_t features, bool has_features,
		      struct err *err)
{
	struct domain *d = world_know_domain(w, domid);

	if (!d)
		return err_set(err, ENOMEM, "domain %u: no memory", domid);
	if (has_features)
		d->features = features;
	return 0;
}

int state_load_domain_quota(struct world *w, uint16_t domid, const char *name, uint32_t value,
			    struct err *err)
{
	struct account *a = quota_account(w->quota, domid);
	bool soft = false;
	int id = quota_by_name(name, &soft);

	if (!a)
		return err_set(err, ENOMEM, "domain %u: no memory", domid);
	if (id < 0)
		return 0;
	(soft ? a->limits.soft : a->limits.hard)[id] = value;
	if (soft)
		a->own_soft |= (uint16_t)(1u << id);
	else
		a->own_hard |= (uint16_t)(1u << id);
	return 0;
}
