// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Reading the state stream, and taking it into a world. Knows the layout of every record and checks
 * every length; does not know files, rings or sockets: connections are restored by whoever reads
 * (journal_load.c, update.c).
 */
#include "xenstored/state.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <string.h>
#include "base/num.h"
#include "xenstored/state_rec.h"

/* --- into a world ----------------------------------------------------------------------------- */

static int load_watch(struct world *w, const struct state_watch *rec, struct err *err)
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

static int load_txn(struct world *w, uint32_t conn_id, uint32_t txn_id, struct err *err)
{
	struct conn *c = world_conn_by_id(w, conn_id);
	struct txn *txn;

	return c ? world_restore_txn(w, c, txn_id, &txn, err) : 0;
}

static int load_node(struct world *w, const struct state_node *n, struct err *err)
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
	return world_restore_node(w, path.s, path.len, n->value, n->value_len, n->perms,
				  n->nr_perms, err);
}

static void load_global_quota(struct world *w, const char *name, uint32_t value)
{
	struct quota_limits *limits = quota_global(w->quota);
	bool soft = false;
	int id = quota_by_name(name, &soft);

	if (id >= 0)
		(soft ? limits->soft : limits->hard)[id] = value;
}

static int load_domain(struct world *w, uint16_t domid, uint32_t features, bool has_features,
		       struct err *err)
{
	struct domain *d = world_know_domain(w, domid);

	if (!d)
		return err_set(err, ENOMEM, "domain %u: no memory", domid);
	if (has_features)
		d->features = features;
	return 0;
}

static int load_domain_quota(struct world *w, uint16_t domid, const char *name, uint32_t value,
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

/* --- reading ---------------------------------------------------------------------------------- */

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

static int read_watch(struct cursor *c, bool extended, struct world *into, struct err *err)
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
	return into ? load_watch(into, &w, err) : 0;
}

static int read_txn(struct cursor *c, struct world *into, struct err *err)
{
	struct rec_txn rec;

	if (!take_head(c, &rec, sizeof(rec)))
		return malformed(err);
	return into ? load_txn(into, rec.conn_id, rec.txn_id, err) : 0;
}

static bool read_perm(struct cursor *c, struct perm *out)
{
	static const char letters[] = STATE_PERM_LETTERS;
	struct rec_perm rec;

	if (!take_head(c, &rec, sizeof(rec)))
		return false;
	const char *at = memchr(letters, rec.letter, sizeof(letters) - 1);

	if (!at || rec.domid > DOMID_ANY)
		return false;
	*out = (struct perm){
		.domid = rec.domid,
		.bits = (uint8_t)((at - letters) |
				  (rec.flags & STATE_PERM_STALE ? PERM_STALE : 0)),
	};
	return true;
}

static int read_node(struct cursor *c, struct world *into, struct err *err)
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
	return into ? load_node(into, &n, err) : 0;
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

static int read_global_quota(struct cursor *c, struct world *into, struct err *err)
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
		if (into)
			load_global_quota(into, name, value);
	}
	return 0;
}

static int read_domain(struct cursor *c, uint32_t version, struct world *into, struct err *err)
{
	struct rec_domain rec;

	if (!take_head(c, &rec, sizeof(rec)) || rec.domid >= DOMID_FIRST_RESERVED)
		return malformed(err);
	const char *values = take(c, rec.nr_quotas * sizeof(uint32_t)), *name;

	if (into &&
	    load_domain(into, rec.domid, rec.features, version >= STATE_VERSION_2, err) < 0)
		return -1;
	for (size_t i = 0; i < rec.nr_quotas; i++) {
		uint32_t value;

		if (!values || !next_limit(values, i, c, &value, &name))
			return malformed(err);
		if (into && load_domain_quota(into, rec.domid, name, value, err) < 0)
			return -1;
	}
	return 0;
}

static int read_record(uint32_t type, uint32_t version, struct cursor c,
		       const struct state_reader *r, void *arg, struct world *into, struct err *err)
{
	switch (type) {
	case STATE_GLOBAL:
		return read_global(&c, r, arg, err);
	case STATE_CONN:
		return read_conn(&c, r, arg, err);
	case STATE_WATCH:
	case STATE_WATCH_EXTENDED:
		return read_watch(&c, type == STATE_WATCH_EXTENDED, into, err);
	case STATE_TXN:
		return read_txn(&c, into, err);
	case STATE_NODE:
		return read_node(&c, into, err);
	case STATE_GLOBAL_QUOTA:
		return read_global_quota(&c, into, err);
	case STATE_DOMAIN:
		return read_domain(&c, version, into, err);
	default:
		return r->other ? r->other(arg, type, c.p, c.left, err) : 0;
	}
}

static int read_header(struct cursor *c, uint32_t *version, struct err *err)
{
	uint32_t words[2];
	const char *ident = take(c, 8);

	if (!ident || memcmp(ident, STATE_IDENT, 8) != 0 || !take_head(c, words, sizeof(words)))
		return err_set(err, EINVAL, "this is not a xenstore state stream");
	*version = ntohl(words[0]);
	if (*version < STATE_VERSION_1 || *version > STATE_VERSION_2)
		return err_set(err, EINVAL, "version %u of the stream is not known (1 and 2 are)",
			       *version);
	if ((ntohl(words[1]) & 1) != STATE_NATIVE_FLAGS)
		return err_set(err, EINVAL, "the stream has the other byte order");
	return 0;
}

int state_read(const void *data, size_t len, const struct state_reader *r, void *arg,
	       struct world *into, size_t *end, struct err *err)
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
			return err_set(err, EINVAL, "state: record %u at offset %zu is cut off",
				       head[0], at);
		struct cursor inside = { body, head[1] };

		if (read_record(head[0], version, inside, r, arg, into, err) < 0)
			return err_wrap(err, "state: record %u at offset %zu", head[0], at);
	}
}
