/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Everything at once, at random, for a long time: all operations from all clients, domains that
 * come and go, readers that stall, memory that runs out, garbage. Nothing is compared but the
 * accounts with a recount; the sanitizers watch.
 */
#include <stdio.h>
#include <string.h>
#include "tests/fault.h"
#include "tests/test.h"
#include "tests/xs_rig.h"

#define NR_DOMAINS 6	/* 0 and five guests, two connections of dom0 */

static struct rig rig, *r = &rig;
static int client_of[NR_DOMAINS + 1];	/* rig's clients; -1: none */
static uint32_t seed;

static unsigned rnd(unsigned below)
{
	seed = seed * 1664525u + 1013904223u;
	return (unsigned)((uint64_t)(seed >> 4) * below >> 28);
}

static const char *random_path(void)
{
	static const char *const roots[] = { "",         "/local/domain/1/", "/local/domain/2/",
					     "/shared/", "/local/domain/3/", "/" };
	static const char *const names[] = { "a", "b", "data/x", "data/y/z", "c/d/e/f", "a/b", "" };
	static const char *const odd[] = { "/",  "",   "@releaseDomain",  "@introduceDomain",
					   "//", "a/", "/local/domain/4", "@x/1" };
	static char path[64];

	if (!rnd(12))
		return odd[rnd(array_size(odd))];
	snprintf(path, sizeof(path), "%s%s", roots[rnd(array_size(roots))],
		 names[rnd(array_size(names))]);
	return path;
}

/* A payload that is often right for the operation. */
static size_t random_payload(unsigned type, char *out)
{
	static const char *const perms[] = { "n0", "n1", "b2", "r3", "w4", "b0", "x", "n32767" };
	size_t n = (size_t)snprintf(out, 100, "%s", random_path()) + 1;
	unsigned more = rnd(4);

	switch (type) {
	case WIRE_WRITE:
		for (unsigned i = rnd(rnd(10) ? 30 : 2500); i; i--)
			out[n++] = (char)('a' + i % 26);
		break;
	case WIRE_SET_PERMS:
		for (unsigned i = 0; i <= more; i++)
			n += (size_t)snprintf(out + n, 20, "%s", perms[rnd(array_size(perms))]) + 1;
		break;
	case WIRE_WATCH:
	case WIRE_UNWATCH:
		n += (size_t)snprintf(out + n, 20, "t%u", rnd(3)) + 1;
		if (!rnd(5))
			n += (size_t)snprintf(out + n, 20, "%u", rnd(3)) + 1;
		break;
	case WIRE_DIRECTORY_PART:
		n += (size_t)snprintf(out + n, 20, "%u", rnd(20)) + 1;
		break;
	case WIRE_TRANSACTION_START:
	case WIRE_RESET_WATCHES:
		n = 1;
		out[0] = '\0';
		break;
	case WIRE_TRANSACTION_END:
		n = 2;
		memcpy(out, rnd(4) ? "T" : "F", 2);
		break;
	case WIRE_INTRODUCE:
	case WIRE_RELEASE:
	case WIRE_SET_TARGET:
	case WIRE_SET_FEATURE:
	case WIRE_GET_DOMAIN_PATH:
	case WIRE_IS_DOMAIN_INTRODUCED:
		n = 0;
		for (unsigned i = 0; i <= more; i++)
			n += (size_t)snprintf(out + n, 20, "%u", rnd(NR_DOMAINS + 1)) + 1;
		break;
	case WIRE_SET_QUOTA:
		n = (size_t)snprintf(out, 60, "%u%cnodes%c%u", 1 + rnd(4), 0, 0, 5 + rnd(100)) + 1;
		break;
	default:
		break;
	}
	if (!rnd(40))
		n -= n > 1;
	return n;
}

static uint32_t random_txn(unsigned k)
{
	const struct conn *c = local_conn(r->c[k].l);
	const struct txn *txn;
	unsigned pick;

	if (!c || !c->nr_txns || rnd(2))
		return rnd(50) ? 0 : 99;
	pick = rnd(c->nr_txns);
	list_for_each_entry(txn, &c->txns, of_conn)
		if (!pick--)
			return txn->id;
	return 0;
}

static void one_request(unsigned k)
{
	static const uint8_t often[] = {
		WIRE_WRITE,           WIRE_READ,      WIRE_RM,
		WIRE_MKDIR,           WIRE_WATCH,     WIRE_TRANSACTION_START,
		WIRE_TRANSACTION_END, WIRE_SET_PERMS, WIRE_DIRECTORY,
		WIRE_UNWATCH
	};
	unsigned type = rnd(3) ? often[rnd(array_size(often))] : rnd(WIRE_NR_TYPES + 1);
	char payload[WIRE_PAYLOAD_MAX];
	size_t len;

	/* Rare, or nobody would live long enough to do harm. */
	if ((type == WIRE_RELEASE || type == WIRE_CONTROL || type == WIRE_RESET_WATCHES) && rnd(20))
		return;
	len = random_payload(type, payload);
	if (!rnd(60))
		fault_arm(1 + rnd(6), rnd(2) ? FAULT_TRANSIENT : FAULT_STICKY);
	rig_send(r, k, type, random_txn(k), payload, len);
	fault_disarm();
	r->c[k].nr_events = 0;
}

/* No assertion here: what was sent as garbage may stand before this in the stream. */
static void revive(unsigned slot)
{
	unsigned domid = slot < NR_DOMAINS ? slot : 0;
	char payload[48];
	int k = client_of[slot], n;

	if (k >= 0 && local_conn(r->c[k].l))
		return;
	if (k >= 0)
		rig_close(r, (unsigned)k);
	client_of[slot] = (int)rig_client(r, domid);
	if (!domid)
		return;
	n = snprintf(payload, sizeof(payload), "/local/domain/%u%cn%u", domid, 0, domid) + 1;
	local_stall(r->c[client_of[0]].l, false);
	rig_send(r, (unsigned)client_of[0], WIRE_MKDIR, 0, payload, strlen(payload) + 1);
	rig_send(r, (unsigned)client_of[0], WIRE_SET_PERMS, 0, payload, (size_t)n);
}

static void step(void)
{
	unsigned slot = rnd(NR_DOMAINS + 1), k = (unsigned)client_of[slot];
	struct domain *d;

	if (!local_conn(r->c[k].l)) {
		revive(slot);
		return;
	}
	switch (rnd(200)) {
	case 0:
		local_stall(r->c[k].l, true);
		break;
	case 1:
	case 2:
		local_stall(r->c[k].l, false);
		break;
	case 3:
		d = world_domain(r->w, slot);
		if (slot && d)
			world_domain_died(r->w, d);
		break;
	case 4:
		rig_pass(r, rnd(30000));
		break;
	case 5:
		(void)local_send(r->c[k].l, "\1\0\0\0\1\0\0\0\0\0\0\0\2\0\0\0/", 1 + rnd(18));
		break;
	case 6:
		d = world_domain(r->w, slot);
		if (d)
			world_domain_shutdown(r->w, d);
		break;
	default:
		one_request(k);
	}
}

static void storm(uint32_t first_seed)
{
	struct err err = ERR_INIT;

	seed = first_seed;
	rig_init(r);
	for (unsigned i = 0; i <= NR_DOMAINS; i++)
		client_of[i] = -1;
	for (unsigned i = 0; i <= NR_DOMAINS; i++)
		revive(i);
	(void)rig_mkdir(r, (unsigned)client_of[0], 0, "/shared");
	(void)rig_set_perms(r, (unsigned)client_of[0], 0, "/shared", "b0");
	for (unsigned i = 0; i < 12000; i++) {
		step();
		if (i % 200 == 0)
			ck_assert_msg(world_audit(r->w, &err), "seed %u, step %u: %s", first_seed,
				      i, err.msg);
	}
	for (unsigned i = 0; i <= NR_DOMAINS; i++)
		local_stall(r->c[client_of[i]].l, false);
	/* What waits for memory is done with it. */
	rig_pass(r, 100000);
	rig_pass(r, 100000);
	rig_free(r);
}

START_TEST(accounts_survive)
{
	for (uint32_t s = 1; s <= 15; s++)
		storm(s * 7919);
}
END_TEST

TEST_MAIN("xs_storm", accounts_survive)
