/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From messages to operations and back: the table of operations, the checks that are the same for
 * all (in stock's order: type, privilege, transaction, arguments), the reply, and the turn. What an
 * operation means is not known here.
 */
#include "xenstored/dispatch.h"
#include <errno.h>
#include <string.h>
#include "base/log.h"
#include "base/mem.h"
#include "xenstored/control.h"
#include "xenstored/ops.h"

#define OP_PRIVILEGED 1u
#define OP_NO_TXN     2u	/* the transaction id is ignored */
#define OP_WHOLE      4u /* the strings are all there is; else what follows them is ignored or data */
#define OP_DATA       8u /* answers with data and changes nothing: room is made when its size is known */

#define SMALL_REPLY 32u /* "OK", an error's name, a number: reserved before anything happens */

/* Messages one connection may have handled in a turn. */
#define MAX_TRUSTED 512u
#define MAX_GUEST   32u

struct op {
	op_fn *run;
	uint8_t min, max;	/* strings; max 255: any number */
	uint8_t flags;
};

static const struct op ops[WIRE_NR_TYPES] = {
	[WIRE_CONTROL] = { op_control, 1, 255, OP_PRIVILEGED | OP_NO_TXN | OP_DATA },
	[WIRE_DIRECTORY] = { op_directory, 1, 1, OP_WHOLE | OP_DATA },
	[WIRE_READ] = { op_read, 1, 1, OP_WHOLE | OP_DATA },
	[WIRE_GET_PERMS] = { op_get_perms, 1, 1, OP_WHOLE | OP_DATA },
	[WIRE_WATCH] = { op_watch, 2, 3, OP_NO_TXN },
	[WIRE_UNWATCH] = { op_unwatch, 2, 2, OP_NO_TXN },
	[WIRE_TRANSACTION_START] = { op_transaction_start, 0, 255, 0 },
	[WIRE_TRANSACTION_END] = { op_transaction_end, 1, 1, OP_WHOLE },
	[WIRE_INTRODUCE] = { op_introduce, 3, 255, OP_PRIVILEGED },
	[WIRE_RELEASE] = { op_release, 1, 1, OP_PRIVILEGED | OP_WHOLE },
	[WIRE_GET_DOMAIN_PATH] = { op_get_domain_path, 1, 1, OP_WHOLE | OP_DATA },
	[WIRE_WRITE] = { op_write, 1, 255, 0 },
	[WIRE_MKDIR] = { op_mkdir, 1, 1, OP_WHOLE },
	[WIRE_RM] = { op_rm, 1, 1, OP_WHOLE },
	[WIRE_SET_PERMS] = { op_set_perms, 2, 255, 0 },
	[WIRE_IS_DOMAIN_INTRODUCED] = { op_is_domain_introduced, 1, 1, OP_PRIVILEGED | OP_WHOLE },
	[WIRE_RESUME] = { op_resume, 1, 1, OP_PRIVILEGED | OP_WHOLE },
	[WIRE_SET_TARGET] = { op_set_target, 2, 255, OP_PRIVILEGED },
	[WIRE_RESET_WATCHES] = { op_reset_watches, 0, 255, 0 },
	[WIRE_DIRECTORY_PART] = { op_directory_part, 2, 2, OP_DATA },
	[WIRE_GET_FEATURE] = { op_get_feature, 0, 1, OP_DATA },
	[WIRE_SET_FEATURE] = { op_set_feature, 2, 2, OP_PRIVILEGED },
	[WIRE_GET_QUOTA] = { op_get_quota, 0, 2, OP_PRIVILEGED | OP_DATA },
	[WIRE_SET_QUOTA] = { op_set_quota, 2, 3, OP_PRIVILEGED },
};

static int check(struct request *r, const struct wire_header *h, struct err *err)
{
	const struct op *op = h->type < WIRE_NR_TYPES ? &ops[h->type] : NULL;

	if (!op || !op->run)
		return err_set(err, ENOSYS, "operation %u is not known", h->type);
	if (op->flags & OP_PRIVILEGED && !r->conn->privileged)
		return err_set(err, EACCES, "%s is not for domain %u", wire_type_name(h->type),
			       r->conn->domid);
	if (h->tx_id && !(op->flags & OP_NO_TXN)) {
		r->txn = world_txn(r->conn, h->tx_id);
		if (!r->txn)
			return err_set(err, ENOENT, "there is no transaction %u", h->tx_id);
	}
	r->nr_args = wire_split(r->payload, r->len, r->args, REQUEST_MAX_ARGS, &r->tail);
	if (r->nr_args < op->min || (op->max != 255 && r->nr_args > op->max) ||
	    (op->flags & OP_WHOLE && r->tail != r->len))
		return err_set(err, EINVAL, "%s: wrong number of arguments",
			       wire_type_name(h->type));
	return 0;
}

static int run(struct request *r, const struct wire_header *h, struct reply *reply, struct err *err)
{
	const struct op *op = &ops[h->type];

	if (op->run(r, reply, err) < 0)
		return -1;
	if (!reply->given) {
		reply_string(reply, "OK");
		return 0;
	}
	/* Room for data that is larger than what every request has. */
	if (reply->len > SMALL_REPLY && conn_reserve(r->conn, reply->len, err) < 0)
		return -1;
	return 0;
}

/* One line a request, for those who asked (log on, -V): its strings, then what became of it. */
static void trace(const struct conn *c, const struct wire_header *h, const char *payload,
		  const char *result)
{
	char text[200];
	size_t n = 0;

	for (; n < h->len && n < sizeof(text) - 1; n++)
		text[n] = payload[n] ? payload[n] : ' ';
	text[n] = '\0';
	log_debug("domain %u, connection %u, transaction %u: %s %s: %s", c->domid, c->id, h->tx_id,
		  wire_type_name(h->type), text, result);
}

static void send_reply(struct conn *c, const struct wire_header *h, const struct reply *reply)
{
	bool large = reply->len > SMALL_REPLY;

	conn_put(c, h->type, h->req_id, h->tx_id, reply->data, reply->len,
		 large ? reply->len : SMALL_REPLY);
	if (large)
		conn_cancel(c, SMALL_REPLY);
}

static void send_error(struct conn *c, const struct wire_header *h, const struct err *err)
{
	const char *name = wire_error_name(err->code);

	conn_put(c, WIRE_ERROR, h->req_id, h->tx_id, name, strlen(name) + 1, SMALL_REPLY);
}

/* A new watch reports once, behind the reply. `room` was reserved for it. */
static void first_event(struct conn *c, const struct watch *watch, size_t room)
{
	size_t len = watch->path_len - watch->relative + watch->token_len + 2u;
	struct err err = ERR_INIT;

	conn_cancel_event(c, room);
	if (len <= WIRE_PAYLOAD_MAX && conn_reserve_event(c, len, &err) == 0)
		conn_put_event(c, watch_path(watch) + watch->relative,
			       watch->path_len - watch->relative, watch_token(watch),
			       watch->token_len, NULL);
}

int dispatch(struct world *w, struct conn *c, const struct wire_header *h, const char *payload)
{
	struct request r;
	struct reply reply;
	struct err err;
	size_t room = h->type == WIRE_WATCH ? h->len + 2u : 0;
	struct op_stats *stats = &w->ops[h->type < WIRE_NR_TYPES ? h->type : WIRE_NR_TYPES];

	err_clear(&err);	/* ERR_INIT would zero all of the text, for every request */
	if (conn_reserve(c, SMALL_REPLY, &err) < 0)
		return -1;
	if (room && conn_reserve_event(c, room, &err) < 0) {
		conn_cancel(c, SMALL_REPLY);
		return -1;
	}
	r.world = w;
	r.conn = c;
	r.txn = NULL;
	r.payload = payload;
	r.len = h->len;
	r.watch = NULL;
	reply.given = false;
	reply.len = 0;
	c->nr_requests++;
	stats->requests++;
	if (check(&r, h, &err) == 0 && run(&r, h, &reply, &err) == 0) {
		err_clear(&err);	/* what was tried on the way is no news */
		send_reply(c, h, &reply);
	} else {
		stats->errors++;
		send_error(c, h, &err);
	}
	if (log_enabled(LOG_LEVEL_DEBUG))
		trace(c, h, payload, err.code ? err.msg : "OK");
	if (r.watch)
		first_event(c, r.watch, room);
	else if (room)
		conn_cancel_event(c, room);
	return 0;
}

/* The turn */

static void break_conn(struct world *w, struct conn *c, uint32_t len)
{
	log_warn("domain %u, connection %u: a message of %u bytes; nothing more is read from it",
		 c->domid, c->id, len);
	if (!c->ops->broken) {
		conn_kill(c);
		return;
	}
	world_reset_conn(w, c, false);
	conn_break(c);
	c->ops->broken(c);
}

/* Handle what is whole, at most `max`. True: more is there. */
static bool handle_input(struct world *w, struct conn *c, unsigned max)
{
	while (!c->dead && !c->broken) {
		struct wire_header h;
		size_t len;
		const char *data = conn_input(c, &len);
		enum wire_status status = wire_peek(data, len, &h);

		if (status == WIRE_MORE)
			return false;
		if (status == WIRE_BROKEN) {
			break_conn(w, c, h.len);
			return false;
		}
		if (!world_may_read(w, c)) {
			conn_pause(c, true);
			return false;
		}
		if (!max--)
			return true;
		if (h.type == WIRE_TRANSACTION_START && !world_take_window(w, c)) {
			conn_pause(c, true);
			c->waits_turn = true;
			return false;
		}
		if (dispatch(w, c, &h, data + WIRE_HEADER) < 0) {
			conn_starve(c);		/* no memory even to say so */
			return false;
		}
		/* A guest that was released meanwhile has no buffers any more. */
		if (c->in.data)
			conn_consume(c, WIRE_HEADER + h.len);
	}
	return false;
}

static bool has_message(const struct conn *c)
{
	struct wire_header h;
	size_t len;
	const char *data = conn_input(c, &len);

	return len >= WIRE_HEADER && wire_peek(data, len, &h) != WIRE_MORE;
}

static void serve(struct world *w, struct conn *c)
{
	struct turn *t = &w->turn;
	bool more = c->came && handle_input(w, c, c->privileged ? MAX_TRUSTED : MAX_GUEST);

	if (c->came && !c->paused && t->nr_came++ < TURN_RECENT && !c->domain)
		t->recent[t->nr_recent++] = c;
	if ((more || c->unread) && !c->paused)
		conn_ready(c);
}

/* Those who were held back may go on when their limit allows; those who found no memory only when
 * time has passed. */
static void wake_paused(struct world *w, bool time_passed)
{
	struct conn *c, *tmp;

	list_for_each_entry_safe(c, tmp, &w->turn.paused, on_paused)
		if ((time_passed || !c->starved) && world_may_read(w, c) &&
		    (!c->waits_turn || world_take_window(w, c)))
			conn_pause(c, false);
}

static void write_out(struct world *w)
{
	struct list dirty = LIST_INIT(dirty);
	struct conn *c;

	list_splice_tail(&dirty, &w->turn.dirty);
	if (w->journal.flush && !list_is_empty(&dirty))
		w->journal.flush(w->journal.arg, &dirty);
	while (!list_is_empty(&dirty)) {
		c = list_first(&dirty, struct conn, on_dirty);
		list_del(&c->on_dirty);
		if (c->ops->settle && !c->dead)
			c->ops->settle(c);
		conn_flush(c);
	}
}

bool dispatch_again(struct world *w, uint64_t now_ms)
{
	struct turn *t = &w->turn;

	t->running = true;
	for (unsigned i = 0; i < t->nr_recent; i++)
		conn_ready(t->recent[i]);
	return dispatch_turn(w, now_ms);
}

bool dispatch_turn(struct world *w, uint64_t now_ms)
{
	struct turn *t = &w->turn;
	struct list ready = LIST_INIT(ready);
	struct conn *c, *tmp;

	w->now_ms = t->now_ms = now_ms;
	t->running = true;
	t->nr_came = t->nr_recent = 0;
	wake_paused(w, true);
	list_splice_tail(&ready, &t->ready);
	/* First all are read from, then all are served: the code of each step, the kernel's too, is
	 * fetched into the cache once a turn and not once a connection. */
	list_for_each_entry_safe(c, tmp, &ready, on_ready)
		c->came = has_message(c) || conn_fill(c);
	while (!list_is_empty(&ready)) {
		c = list_first(&ready, struct conn, on_ready);
		list_del(&c->on_ready);
		serve(w, c);
	}
	write_out(w);
	wake_paused(w, false);
	while (!list_is_empty(&t->dead))
		world_drop_conn(w, list_first(&t->dead, struct conn, on_dead));
	t->running = false;
	return !list_is_empty(&t->ready) || !list_is_empty(&t->dirty);
}
