/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The operations of the wire that are about domains: coming and going, whom they act for, what they
 * are offered and allowed. Arity, privilege and transaction ids were checked by dispatch.
 */
#include "xenstored/ops.h"
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include "base/num.h"

int op_introduce(struct request *r, struct reply *reply, struct err *err)
{
	unsigned port = op_number(&r->args[2]);

	(void)reply;
	if (!port || port > INT_MAX)
		return err_set(err, EINVAL, "INTRODUCE: '%s' is not an event channel",
			       r->args[2].s);
	return world_introduce(r->world, op_number(&r->args[0]), op_number(&r->args[1]), port, err);
}

/* A domain that is introduced and has a connection (or, without Xen, could have one). */
static struct domain *connected(struct request *r, const struct wire_arg *a, struct err *err)
{
	struct domain *d = world_domain(r->world, op_number(a));

	if (!d || !d->introduced) {
		err_set(err, ENOENT, "domain %u is not introduced", op_number(a));
		return NULL;
	}
	if (!d->conn && r->world->host.attach) {
		err_set(err, EINVAL, "domain %u has no connection", op_number(a));
		return NULL;
	}
	return d;
}

static struct domain *connected_guest(struct request *r, struct err *err)
{
	if (op_number(&r->args[0]) == r->world->dom0_domid) {
		err_set(err, EINVAL, "domain %u is the one that runs the store's machine",
			r->world->dom0_domid);
		return NULL;
	}
	return connected(r, &r->args[0], err);
}

int op_release(struct request *r, struct reply *reply, struct err *err)
{
	struct domain *d = connected_guest(r, err);

	(void)reply;
	return d ? world_release(r->world, d->domid, err) : -1;
}

int op_resume(struct request *r, struct reply *reply, struct err *err)
{
	struct domain *d = connected_guest(r, err);

	(void)reply;
	if (!d)
		return -1;
	/* Not worth a record: after a restart the host is asked anew who has shut down. */
	d->shutdown = false;
	return 0;
}

int op_set_target(struct request *r, struct reply *reply, struct err *err)
{
	struct domain *d = connected(r, &r->args[0], err);
	struct domain *target = d ? connected(r, &r->args[1], err) : NULL;
	uint16_t old;

	(void)reply;
	if (!target)
		return -1;
	old = d->target;
	d->target = target->domid;
	if (world_journal_domain(r->world, d, err) == 0)
		return 0;
	d->target = old;
	return -1;
}

int op_get_domain_path(struct request *r, struct reply *reply, struct err *err)
{
	char path[40];

	(void)err;
	snprintf(path, sizeof(path), "/local/domain/%u", op_number(&r->args[0]));
	reply_string(reply, path);
	return 0;
}

int op_is_domain_introduced(struct request *r, struct reply *reply, struct err *err)
{
	unsigned domid = op_number(&r->args[0]);
	const struct domain *d = world_domain(r->world, domid);

	(void)err;
	reply_string(reply, domid == DOMID_SELF || (d && d->introduced) ? "T" : "F");
	return 0;
}

/* Features and quotas (Xen 4.21 and 4.22) */

static int known_domain(struct request *r, const struct wire_arg *a, struct domain **out,
			struct err *err)
{
	uint64_t domid;

	if (num_dec(a->s, DOMID_FIRST_RESERVED - 1, "domain id", &domid, err) < 0)
		return -1;
	*out = world_domain(r->world, (unsigned)domid);
	return *out ? 0 : err_set(err, ENOENT, "domain %u is not known", (unsigned)domid);
}

int op_get_feature(struct request *r, struct reply *reply, struct err *err)
{
	struct domain *d = NULL;

	if (r->nr_args > 1)
		return err_set(err, EINVAL, "GET_FEATURE: one argument at most");
	if (r->nr_args && !r->conn->privileged)
		return err_set(err, EACCES, "GET_FEATURE of a domain is not for domain %u",
			       r->conn->domid);
	if (r->nr_args && known_domain(r, &r->args[0], &d, err) < 0)
		return -1;
	if (!d)
		d = r->conn->domain;
	reply_number(reply, d ? d->features : DOMAIN_FEATURES);
	return 0;
}

/* A domain that exists, introduced or not: known from now on. */
static struct domain *existing_domain(struct request *r, const struct wire_arg *a, struct err *err)
{
	struct domain *d;
	uint64_t domid;

	if (num_dec(a->s, DOMID_FIRST_RESERVED - 1, "domain id", &domid, err) < 0)
		return NULL;
	if (!world_domain_alive(r->world, (unsigned)domid)) {
		err_set(err, ENOENT, "there is no domain %u", (unsigned)domid);
		return NULL;
	}
	d = world_know_domain(r->world, (unsigned)domid);
	if (!d)
		err_set(err, ENOMEM, "domain %u: out of memory", (unsigned)domid);
	return d;
}

int op_set_feature(struct request *r, struct reply *reply, struct err *err)
{
	struct domain *d;
	uint64_t mask;
	uint32_t old;

	(void)reply;
	if (num_dec(r->args[1].s, UINT32_MAX, "feature mask", &mask, err) < 0)
		return -1;
	if (mask & ~(uint64_t)DOMAIN_FEATURES)
		return err_set(err, EINVAL, "SET_FEATURE: bits %#" PRIx64 " are not known",
			       mask & ~(uint64_t)DOMAIN_FEATURES);
	d = existing_domain(r, &r->args[0], err);
	if (!d)
		return -1;
	if (d->introduced)
		return err_set(err, EBUSY, "SET_FEATURE: domain %u is introduced already",
			       d->domid);
	old = d->features;
	d->features = (uint32_t)mask;
	if (world_journal_domain(r->world, d, err) == 0)
		return 0;
	d->features = old;
	return -1;
}

static void list_quotas(struct reply *reply)
{
	size_t len = 0;

	for (int i = 0; i < NR_QUOTAS; i++)
		len += (size_t)snprintf(reply->data + len, sizeof(reply->data) - len, "%s%s",
					len ? " " : "", quota_rows[i].name);
	for (int i = 0; i < NR_QUOTAS; i++)
		if (quota_rows[i].has_soft)
			len += (size_t)snprintf(reply->data + len, sizeof(reply->data) - len,
						" soft-%s", quota_rows[i].name);
	reply->given = true;
	reply->len = len + 1;
}

static int quota_named(const struct wire_arg *a, bool *soft, struct err *err)
{
	int id = quota_by_name(a->s, soft);

	return id < 0 ? err_set(err, EINVAL, "there is no quota '%.40s'", a->s) : id;
}

int op_get_quota(struct request *r, struct reply *reply, struct err *err)
{
	struct domain *d = NULL;
	bool soft;
	int id;

	if (!r->nr_args || (r->nr_args == 1 && !r->args[0].len)) {
		list_quotas(reply);
		return 0;
	}
	id = quota_named(&r->args[r->nr_args - 1], &soft, err);
	if (id < 0 || (r->nr_args == 2 && known_domain(r, &r->args[0], &d, err) < 0))
		return -1;
	reply_number(reply,
		     soft ? quota_soft(r->world->quota, d ? d->account : NULL, (enum quota_id)id) :
			    quota_hard(r->world->quota, d ? d->account : NULL, (enum quota_id)id));
	return 0;
}

static int set_global(struct request *r, enum quota_id id, bool soft, unsigned value,
		      struct err *err)
{
	struct quota_limits *l = quota_global(r->world->quota), old = *l;
	const struct effect e = { .kind = EFFECT_QUOTA };

	(soft ? l->soft : l->hard)[id] = value;
	if (world_journal_one(r->world, &e, err) == 0)
		return 0;
	*l = old;
	return -1;
}

static int set_own(struct request *r, struct domain *d, enum quota_id id, bool soft, unsigned value,
		   struct err *err)
{
	struct account *a = d->account;
	struct quota_limits old = a->limits;
	uint16_t old_hard = a->own_hard, old_soft = a->own_soft;

	(soft ? a->limits.soft : a->limits.hard)[id] = value;
	if (soft)
		a->own_soft |= (uint16_t)(1u << id);
	else
		a->own_hard |= (uint16_t)(1u << id);
	if (world_journal_domain(r->world, d, err) == 0)
		return 0;
	a->limits = old;
	a->own_hard = old_hard;
	a->own_soft = old_soft;
	return -1;
}

int op_set_quota(struct request *r, struct reply *reply, struct err *err)
{
	struct domain *d = NULL;
	uint64_t value;
	bool soft;
	int id = quota_named(&r->args[r->nr_args - 2], &soft, err);

	(void)reply;
	if (id < 0 || num_dec(r->args[r->nr_args - 1].s, INT_MAX, "quota", &value, err) < 0)
		return -1;
	if (r->nr_args == 2)
		return set_global(r, (enum quota_id)id, soft, (unsigned)value, err);
	/* Also before it is introduced: that is when a toolstack sets it. */
	d = existing_domain(r, &r->args[0], err);
	if (!d)
		return -1;
	return set_own(r, d, (enum quota_id)id, soft, (unsigned)value, err);
}
