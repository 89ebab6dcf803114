/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Clients of a world in this process, for the suites of xenstored. */
#include "tests/xs_rig.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "tests/test.h"

unsigned rig_last;

static void on_message(void *arg, const struct wire_header *h, const char *payload)
{
	struct rig_client *c = arg;

	if (h->type != WIRE_WATCH_EVENT) {
		c->reply.h = *h;
		memcpy(c->reply.data, payload, h->len);
		c->reply.data[h->len] = '\0';
		c->nr_replies++;
		return;
	}
	/* Faults may be armed: no allocation here. */
	if (c->nr_events == c->max_events)
		return;
	snprintf(c->events[c->nr_events++], sizeof(c->events[0]), "%.120s %.120s", payload,
		 payload + strlen(payload) + 1);
}

void rig_init(struct rig *r)
{
	struct err err = ERR_INIT;

	memset(r, 0, sizeof(*r));
	r->w = world_new(&err);
	ck_assert_msg(r->w != NULL, "%s", err.msg);
	r->now_ms = 1000;
	r->w->now_ms = r->w->turn.now_ms = r->now_ms;
}

void rig_free(struct rig *r)
{
	struct tree_walk *walk = tree_walk_new();
	struct err err = ERR_INIT;
	size_t live = 0;

	for (unsigned i = 0; i < RIG_CLIENTS; i++)
		rig_close(r, i);
	ck_assert_msg(world_audit(r->w, &err), "%s", err.msg);
	for (const struct node *n = tree_walk_start(walk, r->w->root, NULL, 0); n;
	     n = tree_walk_next(walk))
		live++;
	tree_walk_free(walk);
	ck_assert_uint_eq(tree_nr_nodes(r->w->tree), live);
	ck_assert_uint_eq(watch_set_count(r->w->watches), 0);
	ck_assert_uint_eq(r->w->nr_txns, 0);
	world_free(r->w);
}

unsigned rig_client(struct rig *r, unsigned domid)
{
	for (unsigned i = 0; i < RIG_CLIENTS; i++) {
		struct rig_client *c = &r->c[i];

		if (c->l)
			continue;
		memset(c, 0, sizeof(*c));
		c->max_events = 5000;
		c->events = malloc(c->max_events * sizeof(c->events[0]));
		c->l = local_open(r->w, domid, on_message, c);
		ck_assert_ptr_nonnull(c->l);
		return i;
	}
	ck_abort_msg("no more clients");
}

void rig_close(struct rig *r, unsigned client)
{
	struct rig_client *c = &r->c[client];

	if (!c->l)
		return;
	local_close(steal(c->l));
	free(steal(c->events));
}

static uint32_t last_req_id;

int rig_send(struct rig *r, unsigned client, unsigned type, uint32_t tx, const void *payload,
	     size_t len)
{
	struct rig_client *c = &r->c[client];

	rig_last = client;
	c->nr_replies = 0;
	return local_request(c->l, type, ++last_req_id, tx, payload, len) < 0 ? EPIPE : 0;
}

int rig_result(struct rig *r, unsigned client, unsigned type, uint32_t tx)
{
	struct rig_client *c = &r->c[client];

	if (!c->nr_replies)
		return ETIMEDOUT;
	ck_assert_uint_eq(c->nr_replies, 1);
	ck_assert_uint_eq(c->reply.h.req_id, last_req_id);
	ck_assert_uint_eq(c->reply.h.tx_id, tx);
	if (c->reply.h.type == WIRE_ERROR) {
		ck_assert_int_ne(wire_error_code(c->reply.data), 0);
		return wire_error_code(c->reply.data);
	}
	ck_assert_uint_eq(c->reply.h.type, type);
	return 0;
}

int rig_call(struct rig *r, unsigned client, unsigned type, uint32_t tx, const void *payload,
	     size_t len)
{
	if (rig_send(r, client, type, tx, payload, len))
		return EPIPE;
	return rig_result(r, client, type, tx);
}

const char *rig_data(const struct rig *r, unsigned client)
{
	return r->c[client].reply.data;
}

size_t rig_len(const struct rig *r, unsigned client)
{
	return r->c[client].reply.h.len;
}

static int call_path(struct rig *r, unsigned client, unsigned type, uint32_t tx, const char *path)
{
	return rig_call(r, client, type, tx, path, strlen(path) + 1);
}

int rig_write(struct rig *r, unsigned client, uint32_t tx, const char *path, const char *value)
{
	char b[WIRE_PAYLOAD_MAX];
	size_t n = strlen(path) + 1;

	memcpy(b, path, n);
	memcpy(b + n, value, strlen(value));
	return rig_call(r, client, WIRE_WRITE, tx, b, n + strlen(value));
}

int rig_mkdir(struct rig *r, unsigned client, uint32_t tx, const char *path)
{
	return call_path(r, client, WIRE_MKDIR, tx, path);
}

int rig_rm(struct rig *r, unsigned client, uint32_t tx, const char *path)
{
	return call_path(r, client, WIRE_RM, tx, path);
}

int rig_read(struct rig *r, unsigned client, uint32_t tx, const char *path)
{
	return call_path(r, client, WIRE_READ, tx, path);
}

int rig_dir(struct rig *r, unsigned client, uint32_t tx, const char *path)
{
	return call_path(r, client, WIRE_DIRECTORY, tx, path);
}

int rig_get_perms(struct rig *r, unsigned client, uint32_t tx, const char *path)
{
	int rc = call_path(r, client, WIRE_GET_PERMS, tx, path);
	struct rig_message *m = &r->c[client].reply;

	/* Shown with blanks, as they are given. */
	if (!rc)
		for (unsigned i = 0; i + 1 < m->h.len; i++)
			if (!m->data[i])
				m->data[i] = ' ';
	return rc;
}

static int call_pair(struct rig *r, unsigned client, unsigned type, uint32_t tx, const char *a,
		     const char *b)
{
	char p[WIRE_PAYLOAD_MAX];
	size_t n = strlen(a) + 1, m = strlen(b) + 1;

	memcpy(p, a, n);
	memcpy(p + n, b, m);
	return rig_call(r, client, type, tx, p, n + m);
}

int rig_set_perms(struct rig *r, unsigned client, uint32_t tx, const char *path, const char *perms)
{
	char p[WIRE_PAYLOAD_MAX];
	size_t n = strlen(path) + 1, m = strlen(perms) + 1;

	memcpy(p, path, n);
	memcpy(p + n, perms, m);
	for (size_t i = n; i < n + m; i++)
		if (p[i] == ' ')
			p[i] = '\0';
	return rig_call(r, client, WIRE_SET_PERMS, tx, p, n + m);
}

int rig_watch(struct rig *r, unsigned client, const char *path, const char *token)
{
	return call_pair(r, client, WIRE_WATCH, 0, path, token);
}

int rig_unwatch(struct rig *r, unsigned client, const char *path, const char *token)
{
	return call_pair(r, client, WIRE_UNWATCH, 0, path, token);
}

uint32_t rig_start(struct rig *r, unsigned client)
{
	int rc = rig_call(r, client, WIRE_TRANSACTION_START, 0, "", 1);

	ck_assert_msg(!rc, "TRANSACTION_START: %s", rig_data(r, client));
	return (uint32_t)strtoul(rig_data(r, client), NULL, 10);
}

int rig_end(struct rig *r, unsigned client, uint32_t tx, bool commit)
{
	return call_path(r, client, WIRE_TRANSACTION_END, tx, commit ? "T" : "F");
}

int rig_introduce(struct rig *r, unsigned client, unsigned domid)
{
	char p[64];
	int n = snprintf(p, sizeof(p), "%u%c1%c5", domid, 0, 0) + 1;

	return rig_call(r, client, WIRE_INTRODUCE, 0, p, (size_t)n);
}

int rig_release(struct rig *r, unsigned client, unsigned domid)
{
	char p[16];

	snprintf(p, sizeof(p), "%u", domid);
	return call_path(r, client, WIRE_RELEASE, 0, p);
}

const char *rig_events(struct rig *r, unsigned client)
{
	static char all[20000];
	struct rig_client *c = &r->c[client];
	size_t len = 0;

	all[0] = '\0';
	for (unsigned i = 0; i < c->nr_events && len < sizeof(all) - 300; i++)
		len += (size_t)snprintf(all + len, sizeof(all) - len, "%s%s", i ? "|" : "",
					c->events[i]);
	c->nr_events = 0;
	return all;
}

void rig_pass(struct rig *r, uint64_t ms)
{
	r->now_ms += ms;
	world_tick(r->w, r->now_ms);
	while (dispatch_turn(r->w, r->now_ms))
		;
}

const char *rig_value(struct rig *r, const char *path)
{
	static char value[WIRE_PAYLOAD_MAX + 1];
	const struct node *n = tree_find(r->w->root, path, strlen(path));

	if (!n)
		return NULL;
	memcpy(value, node_value(n), n->value_len);
	value[n->value_len] = '\0';
	return value;
}

uint64_t rig_used(const struct rig *r, unsigned domid, enum quota_id id)
{
	const struct account *a = quota_find(r->w->quota, domid);

	return a ? a->used[id] : 0;
}
