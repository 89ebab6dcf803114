/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Random operations and transactions of several clients, against a reference that is as simple as
 * can be: a list of paths. A transaction that commits must have seen what it would have seen had it
 * run alone at that moment; one that does not must have changed nothing.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "tests/test.h"
#include "tests/xs_rig.h"

/* The reference */

#define NR_PATHS 41	/* "/", "/t", and three names on three levels beneath */

struct ref_node {
	char path[16];
	int parent;
	bool there;
	char value[8];
	char perms[24];		/* "n0 r1" */
};

struct ref {
	struct ref_node n[NR_PATHS];
};

static unsigned seed;

static unsigned rnd(unsigned below)
{
	seed = seed * 1103515245 + 12345;
	return (seed >> 8) % below;
}

static void ref_init(struct ref *m)
{
	int n = 2;

	memset(m, 0, sizeof(*m));
	memcpy(m->n[0].path, "/", 2);
	memcpy(m->n[1].path, "/t", 3);
	m->n[0].there = true;
	memcpy(m->n[0].perms, "n0", 3);
	for (int i = 1; n < NR_PATHS; i++)
		for (int k = 0; k < 3 && n < NR_PATHS; k++, n++) {
			char path[16];

			snprintf(path, sizeof(path), "%.12s/%c", m->n[i].path, 'a' + k);
			memcpy(m->n[n].path, path, sizeof(path));
			m->n[n].parent = i;
		}
}

/* 'r', 'w' and 'o' of a domain in a list. */
static bool ref_may(const char *perms, unsigned domid, char what)
{
	char list[24], *entry, *rest = list;
	char letter = 0;

	if (!domid)
		return true;
	snprintf(list, sizeof(list), "%s", perms);
	for (int i = 0; (entry = strsep(&rest, " ")); i++) {
		bool mine = strtoul(entry + 1, NULL, 10) == domid;

		if (!i && mine)
			return true;
		if (!i || mine)
			letter = entry[0];
		if (i && mine)
			break;
	}
	return letter == 'b' ? what != 'o' : letter == what;
}

struct op {
	unsigned type;
	int node;
	char arg[24];
};

struct outcome {
	int error;
	char data[200];
};

static void ref_list(const struct ref *m, int parent, char *out, size_t size)
{
	size_t len = 0;

	for (int i = 1; i < NR_PATHS; i++)
		if (m->n[i].there && m->n[i].parent == parent)
			len += (size_t)snprintf(out + len, size - len, "%s ",
						strrchr(m->n[i].path, '/') + 1);
}

static void ref_remove(struct ref *m, int node)
{
	m->n[node].there = false;
	for (int i = node + 1; i < NR_PATHS; i++)
		if (m->n[i].there && !m->n[m->n[i].parent].there)
			m->n[i].there = false;
}

static void ref_create(struct ref *m, int node, unsigned domid)
{
	struct ref_node *n = &m->n[node];
	char inherited[24];

	if (n->there)
		return;
	ref_create(m, n->parent, domid);
	memcpy(inherited, m->n[n->parent].perms, sizeof(inherited));
	n->there = true;
	n->value[0] = '\0';
	snprintf(n->perms, sizeof(n->perms), "%s", inherited);
	if (domid) {
		const char *rest = strchr(inherited, ' ');

		snprintf(n->perms, sizeof(n->perms), "%c%u%s", inherited[0], domid,
			 rest ? rest : "");
	}
}

static int ref_nearest(const struct ref *m, int node)
{
	while (!m->n[node].there)
		node = m->n[node].parent;
	return node;
}

static void ref_run(struct ref *m, unsigned domid, const struct op *op, struct outcome *out)
{
	struct ref_node *n = &m->n[op->node];
	bool writes = op->type == WIRE_WRITE || op->type == WIRE_MKDIR || op->type == WIRE_RM ||
		      op->type == WIRE_SET_PERMS;
	const struct ref_node *near = &m->n[ref_nearest(m, op->node)];

	memset(out, 0, sizeof(*out));
	if (!ref_may(near->perms, domid, writes ? 'w' : 'r') ||
	    (op->type == WIRE_SET_PERMS && !ref_may(near->perms, domid, 'o')))
		out->error = EACCES;
	if (!n->there && op->type == WIRE_SET_PERMS && ref_may(near->perms, domid, 'w'))
		out->error = ENOENT;
	if (out->error)
		return;
	if (!n->there &&
	    (op->type == WIRE_READ || op->type == WIRE_DIRECTORY || op->type == WIRE_GET_PERMS)) {
		out->error = ENOENT;
		return;
	}
	switch (op->type) {
	case WIRE_READ: snprintf(out->data, sizeof(out->data), "%s", n->value); break;
	case WIRE_GET_PERMS: snprintf(out->data, sizeof(out->data), "%s", n->perms); break;
	case WIRE_DIRECTORY: ref_list(m, op->node, out->data, sizeof(out->data)); break;
	case WIRE_MKDIR: ref_create(m, op->node, domid); break;
	case WIRE_WRITE:
		ref_create(m, op->node, domid);
		snprintf(n->value, sizeof(n->value), "%.7s", op->arg);
		break;
	case WIRE_RM:
		if (n->there)
			ref_remove(m, op->node);
		else if (!m->n[n->parent].there)
			out->error = ENOENT;
		break;
	default:
		if (domid && strtoul(op->arg + 1, NULL, 10) != strtoul(n->perms + 1, NULL, 10))
			out->error = EPERM;
		else
			snprintf(n->perms, sizeof(n->perms), "%s", op->arg);
	}
}

/* The daemon */

static struct rig rig, *r = &rig;
static struct ref ref;

static void real_run(unsigned client, uint32_t tx, const struct op *op, struct outcome *out)
{
	const char *path = ref.n[op->node].path;

	memset(out, 0, sizeof(*out));
	switch (op->type) {
	case WIRE_READ: out->error = rig_read(r, client, tx, path); break;
	case WIRE_GET_PERMS: out->error = rig_get_perms(r, client, tx, path); break;
	case WIRE_DIRECTORY: out->error = rig_dir(r, client, tx, path); break;
	case WIRE_MKDIR: out->error = rig_mkdir(r, client, tx, path); return;
	case WIRE_WRITE: out->error = rig_write(r, client, tx, path, op->arg); return;
	case WIRE_RM: out->error = rig_rm(r, client, tx, path); return;
	default: out->error = rig_set_perms(r, client, tx, path, op->arg); return;
	}
	if (out->error)
		return;
	for (size_t i = 0; i < rig_len(r, client); i++) {
		char c = rig_data(r, client)[i];

		out->data[i] = c || op->type == WIRE_GET_PERMS ? c : ' ';
	}
}

static struct op random_op(void)
{
	static const unsigned types[] = { WIRE_READ,      WIRE_WRITE,     WIRE_WRITE,
					  WIRE_WRITE,     WIRE_MKDIR,     WIRE_RM,
					  WIRE_DIRECTORY, WIRE_GET_PERMS, WIRE_SET_PERMS };
	static const char *const perms[] = {
		"n0", "b0", "r0 b1", "n1 r2", "b1", "n2 b1", "b0 r1 w2"
	};
	struct op op = { .type = types[rnd(array_size(types))],
			 .node = 1 + (int)rnd(NR_PATHS - 1) };

	if (op.type == WIRE_SET_PERMS)
		snprintf(op.arg, sizeof(op.arg), "%s", perms[rnd(array_size(perms))]);
	else
		snprintf(op.arg, sizeof(op.arg), "v%u", rnd(1000));
	return op;
}

static void check_same(const struct outcome *got, const struct outcome *wanted, const struct op *op,
		       const char *when)
{
	ck_assert_msg(got->error == wanted->error && !strcmp(got->data, wanted->data),
		      "%s: %s %s %s: got %d '%s', wanted %d '%s'", when, wire_type_name(op->type),
		      ref.n[op->node].path, op->arg, got->error, got->data, wanted->error,
		      wanted->data);
}

static void check_tree(void)
{
	for (int i = 1; i < NR_PATHS; i++) {
		const struct ref_node *n = &ref.n[i];
		const char *value = rig_value(r, n->path);

		ck_assert_msg(!!value == n->there, "%s is %sthere", n->path, value ? "" : "not ");
		if (value)
			ck_assert_msg(!strcmp(value, n->value), "%s: '%s', wanted '%s'", n->path,
				      value, n->value);
	}
}

#define NR_TXNS	 6
#define TXN_OPS	 12

struct open_txn {
	unsigned client, domid, nr_ops;
	uint32_t id;
	struct op ops[TXN_OPS];
	struct outcome seen[TXN_OPS];
};

static unsigned nr_committed, nr_conflicts;

static void end_committed(struct open_txn *t)
{
	struct outcome o;
	int rc = rig_end(r, t->client, t->id, true);

	t->id = 0;
	if (rc == EAGAIN) {
		nr_conflicts++;
		return;
	}
	ck_assert_msg(!rc, "TRANSACTION_END: %d", rc);
	nr_committed++;
	for (unsigned i = 0; i < t->nr_ops; i++) {
		ref_run(&ref, t->domid, &t->ops[i], &o);
		check_same(&t->seen[i], &o, &t->ops[i], "committed");
	}
}

static void end_aborted(struct open_txn *t)
{
	ck_assert_int_eq(rig_end(r, t->client, t->id, false), 0);
	t->id = 0;
}

static void step(struct open_txn *txns, const unsigned *clients)
{
	struct open_txn *t = &txns[rnd(NR_TXNS)];
	struct outcome got, wanted;
	struct op op = random_op();
	unsigned who = rnd(3);

	if (rnd(3) == 0) {
		real_run(clients[who], 0, &op, &got);
		ref_run(&ref, who, &op, &wanted);
		check_same(&got, &wanted, &op, "alone");
		return;
	}
	if (!t->id) {
		*t = (struct open_txn){ .client = clients[who],
					.domid = who,
					.id = rig_start(r, clients[who]) };
		return;
	}
	if (t->nr_ops < TXN_OPS && rnd(6)) {
		t->ops[t->nr_ops] = op;
		real_run(t->client, t->id, &op, &t->seen[t->nr_ops++]);
		return;
	}
	if (rnd(8))
		end_committed(t);
	else
		end_aborted(t);
}

static void run(unsigned first_seed, bool time_passes)
{
	struct open_txn txns[NR_TXNS] = { { .id = 0 } };
	unsigned clients[3];
	struct err err = ERR_INIT;

	seed = first_seed;
	nr_committed = nr_conflicts = 0;
	rig_init(r);
	ref_init(&ref);
	for (unsigned i = 0; i < 3; i++)
		clients[i] = rig_client(r, i);
	for (unsigned i = 0; i < 6000; i++) {
		/* Nobody is slowed down, and open transactions move to newer roots now and then. */
		r->w->rate.reserve = 1000000;
		for (unsigned k = 0; k < 3; k++)
			local_conn(r->c[clients[k]].l)->contended = 0;
		if (time_passes && rnd(20) == 0)
			rig_pass(r, 1000);
		step(txns, clients);
		if (i % 50 == 0)
			check_tree();
	}
	check_tree();
	ck_assert_msg(world_audit(r->w, &err), "%s", err.msg);
	ck_assert_uint_gt(nr_committed, 100);
	ck_assert_uint_gt(nr_conflicts, 20);
	rig_free(r);
}

START_TEST(every_interleaving_is_some_serial_order)
{
	for (unsigned s = 1; s <= 12; s++)
		run(s, false);
}
END_TEST

START_TEST(the_same_while_transactions_move_to_newer_roots)
{
	for (unsigned s = 101; s <= 112; s++)
		run(s, true);
}
END_TEST

TEST_MAIN("xs_model", every_interleaving_is_some_serial_order,
	  the_same_while_transactions_move_to_newer_roots)
