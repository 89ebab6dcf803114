/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The operations of the wire (docs/misc/xenstore.txt): what each one checks, in the order in which
 * stock's daemon does, and what it answers. How a change happens is the world's business; arity,
 * privilege and transaction ids were checked by dispatch.
 */
#include "xenstored/ops.h"
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include "base/mem.h"
#include "base/num.h"

void reply_set(struct reply *r, const void *data, size_t len)
{
	r->given = true;
	r->len = len;
	if (len)
		memcpy(r->data, data, len);
}

void reply_string(struct reply *r, const char *s)
{
	reply_set(r, s, strlen(s) + 1);
}

void reply_number(struct reply *r, uint64_t n)
{
	char s[24], *p = &s[sizeof(s) - 1];

	*p = '\0';
	do
		*--p = (char)('0' + n % 10);
	while (n /= 10);
	reply_string(r, p);
}

unsigned op_number(const struct wire_arg *a)
{
	uint64_t n = 0;

	for (size_t i = 0; i < a->len && a->s[i] >= '0' && a->s[i] <= '9' && n <= UINT32_MAX; i++)
		n = n * 10 + (uint64_t)(a->s[i] - '0');
	return n > UINT32_MAX ? UINT_MAX : (unsigned)n;
}

/* Paths and rights */

static int get_path(struct request *r, const struct wire_arg *a, unsigned flags, struct err *err)
{
	const struct conn *c = r->conn;
	unsigned max = c->privileged ? 0 : quota_hard(r->world->quota, c->account, QUOTA_PATH_MAX);

	return path_canonical(&r->path, a->s, a->len, c->domid, flags, max, err);
}

/* A path that is not there: whoever could see above it may know (else he is told that it is not for
 * him). */
static int missing(const struct request *r, const struct perms *above, unsigned want,
		   struct err *err)
{
	if (world_bits(r->world, r->conn, above) & want)
		return err_set(err, ENOENT, "%s: no such node", r->path.s);
	return err_set(err, EACCES, "%s: permission denied for domain %u", r->path.s,
		       r->conn->domid);
}

/* The node at r->path with all the rights in `want`; noted in the transaction. */
static int find(struct request *r, unsigned want, struct tree_spot *spot, struct err *err)
{
	if (world_look(r->world, r->conn, r->txn, &r->path, err) < 0)
		return -1;
	tree_locate(world_view(r->world, r->txn), r->path.s, r->path.len, spot);
	if (!spot->node)
		return missing(r, spot->nearest->perms, want, err);
	if ((world_bits(r->world, r->conn, spot->node->perms) & want) != want)
		return err_set(err, EACCES, "%s: permission denied for domain %u", r->path.s,
			       r->conn->domid);
	return 0;
}

/* The usual beginning: one argument that is a path. */
static int find_arg(struct request *r, unsigned want, struct tree_spot *spot, struct err *err)
{
	return get_path(r, &r->args[0], 0, err) < 0 ? -1 : find(r, want, spot, err);
}

/* Reading */

int op_read(struct request *r, struct reply *reply, struct err *err)
{
	struct tree_spot spot;

	if (find_arg(r, PERM_READ, &spot, err) < 0)
		return -1;
	reply_set(reply, node_value(spot.node), spot.node->value_len);
	return 0;
}

int op_directory(struct request *r, struct reply *reply, struct err *err)
{
	struct tree_spot spot;
	bool end;

	if (find_arg(r, PERM_READ, &spot, err) < 0)
		return -1;
	if (node_names_size(spot.node) > WIRE_PAYLOAD_MAX)
		return err_set(err, E2BIG,
			       "%s: %zu bytes of names do not fit a message; use DIRECTORY_PART",
			       r->path.s, node_names_size(spot.node));
	reply->given = true;
	reply->len = node_list(spot.node, 0, reply->data, sizeof(reply->data), &end);
	return 0;
}

int op_directory_part(struct request *r, struct reply *reply, struct err *err)
{
	struct tree_spot spot;
	size_t head;
	bool end;

	if (find_arg(r, PERM_READ, &spot, err) < 0)
		return -1;
	reply_number(reply, spot.node->gen);
	head = reply->len;
	/* One byte is kept for the NUL that ends the last part. */
	reply->len = head + node_list(spot.node, op_number(&r->args[1]), reply->data + head,
				      sizeof(reply->data) - head - 1, &end);
	if (end)
		reply->data[reply->len++] = '\0';
	return 0;
}

/* A special node has permissions and nothing else. */
static int special_perms(struct request *r, unsigned want, const struct perms **out,
			 struct err *err)
{
	if (world_look(r->world, r->conn, r->txn, &r->path, err) < 0)
		return -1;
	*out = world_special(r->world, r->txn, r->path.s);
	if (!*out)
		return missing(r, world_view(r->world, r->txn)->perms, want, err);
	if ((world_bits(r->world, r->conn, *out) & want) != want)
		return err_set(err, EACCES, "%s: permission denied for domain %u", r->path.s,
			       r->conn->domid);
	return 0;
}

static int find_perms(struct request *r, unsigned want, const struct perms **out, struct err *err)
{
	struct tree_spot spot;

	if (get_path(r, &r->args[0], PATH_SPECIAL, err) < 0)
		return -1;
	if (path_is_special(&r->path))
		return special_perms(r, want, out, err);
	if (find(r, want, &spot, err) < 0)
		return -1;
	*out = spot.node->perms;
	return 0;
}

int op_get_perms(struct request *r, struct reply *reply, struct err *err)
{
	const struct perms *p;

	if (find_perms(r, PERM_READ, &p, err) < 0)
		return -1;
	reply->given = true;
	for (unsigned i = 0; i < p->n; i++) {
		char s[8];
		size_t len = perm_format(&p->e[i], s) + 1;

		if (reply->len + len > sizeof(reply->data))
			return err_set(err, E2BIG, "%s: permissions do not fit a message",
				       r->path.s);
		memcpy(reply->data + reply->len, s, len);
		reply->len += len;
	}
	return 0;
}

/* Writing */

/* Permissions for what is created beneath `above`: inherited, and a guest owns what it makes. */
static struct perms *inherited(const struct request *r, struct perms *above)
{
	struct perm e[PERM_MAX_ENTRIES];

	if (r->conn->privileged || perms_owner(above) == r->conn->domid)
		return perms_ref(above);
	memcpy(e, above->e, above->n * sizeof(e[0]));
	e[0].domid = r->conn->domid;
	return perms_get(r->world->perms, e, above->n);
}

static int put(struct request *r, const struct tree_spot *spot, const void *value, size_t len,
	       struct err *err)
{
	struct change c = {
		.kind = CHANGE_PUT, .path = &r->path, .value = value, .value_len = len
	};
	int rc;

	c.perms = inherited(r, spot->nearest->perms);
	if (!c.perms)
		return err_set(err, ENOMEM, "%s: out of memory", r->path.s);
	rc = world_change(r->world, r->conn, r->txn, &c, spot, err);
	perms_unref(r->world->perms, c.perms);
	return rc;
}

/* Not being there is no failure for those who create. */
static int find_or_create(struct request *r, struct tree_spot *spot, struct err *err)
{
	const struct perms *p;

	if (get_path(r, &r->args[0], 0, err) < 0 ||
	    world_look(r->world, r->conn, r->txn, &r->path, err) < 0)
		return -1;
	tree_locate(world_view(r->world, r->txn), r->path.s, r->path.len, spot);
	p = spot->nearest->perms;
	if (!(world_bits(r->world, r->conn, p) & PERM_WRITE))
		return err_set(err, EACCES, "%s: permission denied for domain %u", r->path.s,
			       r->conn->domid);
	return 0;
}

int op_write(struct request *r, struct reply *reply, struct err *err)
{
	size_t offset = r->args[0].len + 1;
	struct tree_spot spot;

	(void)reply;
	if (find_or_create(r, &spot, err) < 0)
		return -1;
	return put(r, &spot, r->payload + offset, r->len - offset, err);
}

int op_mkdir(struct request *r, struct reply *reply, struct err *err)
{
	struct tree_spot spot;

	(void)reply;
	if (find_or_create(r, &spot, err) < 0)
		return -1;
	return put(r, &spot, NULL, 0, err);
}

int op_rm(struct request *r, struct reply *reply, struct err *err)
{
	struct change c = { .kind = CHANGE_RM, .path = &r->path };
	struct tree_spot spot = { 0 };
	struct path parent;

	(void)reply;
	if (find_arg(r, PERM_WRITE, &spot, err) < 0)
		return err->code == ENOENT && spot.parent ? 0 : -1;
	if (r->path.len == 1)
		return err_set(err, EINVAL, "/: cannot be removed");
	/* Its list of children changes. */
	parent = r->path;
	parent.len = (uint16_t)path_parent_len(parent.s, parent.len);
	parent.s[parent.len] = '\0';
	if (world_look(r->world, r->conn, r->txn, &parent, err) < 0)
		return -1;
	return world_change(r->world, r->conn, r->txn, &c, NULL, err);
}

/* Entries for a domain that is not there are stale from the start: the next one with that number
 * gets nothing (XSA-417). */
static int parse_perms(struct request *r, struct perm *e, unsigned n, struct err *err)
{
	const char *s = r->payload + r->args[0].len + 1;

	for (unsigned i = 0; i < n; i++) {
		size_t len = strlen(s);

		if (perm_parse(&e[i], s, len, err) < 0)
			return -1;
		s += len + 1;
		if (e[i].domid == DOMID_ANY && i)
			continue;
		if (!world_domain_alive(r->world, e[i].domid))
			e[i].bits |= PERM_STALE;
		else if (!world_know_domain(r->world, e[i].domid))
			return err_set(err, ENOMEM, "%s: out of memory", r->args[0].s);
	}
	if (n && (e[0].bits & PERM_STALE))
		return err_set(err, ENOENT, "%s: the new owner, domain %u, does not exist",
			       r->args[0].s, e[0].domid);
	return 0;
}

int op_set_perms(struct request *r, struct reply *reply, struct err *err)
{
	struct change c = { .kind = CHANGE_PERMS, .path = &r->path };
	unsigned n = r->nr_args - 1,
		 max = quota_hard(r->world->quota, r->conn->account, QUOTA_PERMISSIONS);
	struct perm e[PERM_MAX_ENTRIES];
	const struct perms *old;
	int rc;

	(void)reply;
	if (n > PERM_MAX_ENTRIES || (!r->conn->privileged && max && n > max))
		return err_set(err, ENOSPC, "%s: %u permissions: over the quota permissions, %u",
			       r->args[0].s, n, r->conn->privileged ? PERM_MAX_ENTRIES : max);
	if (parse_perms(r, e, n, err) < 0 || find_perms(r, PERM_WRITE | PERM_OWNER, &old, err) < 0)
		return -1;
	if (!r->conn->privileged && e[0].domid != perms_owner(old))
		return err_set(err, EPERM, "%s: domain %u may not give it to domain %u", r->path.s,
			       r->conn->domid, e[0].domid);
	c.perms = perms_get(r->world->perms, e, n);
	if (!c.perms)
		return err_set(err, ENOMEM, "%s: out of memory", r->path.s);
	rc = world_change(r->world, r->conn, r->txn, &c, NULL, err);
	perms_unref(r->world->perms, c.perms);
	return rc;
}

/* Watches */

int op_watch(struct request *r, struct reply *reply, struct err *err)
{
	int32_t depth = WATCH_ANY_DEPTH;
	uint64_t n;

	(void)reply;
	if (r->nr_args == 3) {
		if (num_dec(r->args[2].s, INT32_MAX, "watch depth", &n, err) < 0)
			return -1;
		depth = (int32_t)n;
	}
	if (get_path(r, &r->args[0], PATH_SPECIAL, err) < 0)
		return -1;
	return world_watch(r->world, r->conn, &r->path, r->args[1].s, r->args[1].len, depth,
			   &r->watch, err);
}

int op_unwatch(struct request *r, struct reply *reply, struct err *err)
{
	(void)reply;
	if (get_path(r, &r->args[0], PATH_SPECIAL, err) < 0)
		return -1;
	return world_unwatch(r->world, r->conn, &r->path, r->args[1].s, r->args[1].len, err);
}

int op_reset_watches(struct request *r, struct reply *reply, struct err *err)
{
	struct effect e = { .kind = EFFECT_WATCHES_GONE, .conn = r->conn };

	(void)reply;
	if (world_journal_one(r->world, &e, err) < 0)
		return -1;
	world_reset_conn(r->world, r->conn, false);
	return 0;
}

/* Transactions */

int op_transaction_start(struct request *r, struct reply *reply, struct err *err)
{
	struct txn *txn;

	if (r->txn)
		return err_set(err, EBUSY, "transaction %u: cannot start another within",
			       r->txn->id);
	if (world_txn_start(r->world, r->conn, &txn, err) < 0)
		return -1;
	reply_number(reply, txn->id);
	return 0;
}

int op_transaction_end(struct request *r, struct reply *reply, struct err *err)
{
	const struct wire_arg *a = &r->args[0];

	(void)reply;
	if (a->len != 1 || (a->s[0] != 'T' && a->s[0] != 'F'))
		return err_set(err, EINVAL, "TRANSACTION_END: neither T nor F");
	if (!r->txn)
		return err_set(err, ENOENT, "TRANSACTION_END: no transaction named");
	if (a->s[0] == 'T')
		return world_txn_commit(r->world, r->conn, r->txn, err);
	world_txn_abort(r->world, r->conn, r->txn);
	return 0;
}
