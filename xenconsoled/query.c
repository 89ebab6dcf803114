// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Requests to the store whose answers are not waited for, and the connection they go through.
 */
#include "xenconsoled/query.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/log.h"

#define RETRY_MS 500

static void on_store(struct ev_io *io, unsigned events);
static void on_retry(struct ev_timer *timer);
static void on_send(struct ev_defer *defer);

static void free_query(struct query *q)
{
	list_del(&q->link);
	for (unsigned i = 0; i < q->nr_got; i++)
		free(q->values[i]);
	free(q);
}

static void drop(struct store_link *link)
{
	struct query *q, *tmp;

	if (!link->client)
		return;
	ev_io_del(link->ev, &link->io);
	ev_defer_del(link->ev, &link->send);
	xs_client_close(link->client);
	link->client = NULL;
	list_for_each_entry_safe(q, tmp, &link->queries, link)
		free_query(q);
}

static void lose(struct store_link *link, const struct err *err)
{
	if (!link->was_lost)
		log_warn("the store: %s; trying again until it is back", err->msg);
	link->was_lost = true;
	drop(link);
	if (ev_timer_set(link->ev, &link->retry, ev_now_ms(link->ev) + RETRY_MS) < 0)
		log_error("no memory to try the store again");
}

static int connect_store(struct store_link *link, struct err *err)
{
	struct xs_client *client;

	if (xs_client_open(&client, false, err) < 0)
		return -1;
	link->io = (struct ev_io){ .fd = xs_client_fd(client), .fn = on_store };
	if (ev_io_add(link->ev, &link->io, EPOLLIN, err) < 0) {
		xs_client_close(client);
		return -1;
	}
	link->client = client;
	link->up(link);
	return 0;
}

int store_link_open(struct store_link *link, struct ev *ev, struct err *err)
{
	link->ev = ev;
	link->retry.fn = on_retry;
	link->send.fn = on_send;
	list_init(&link->queries);
	return connect_store(link, err);
}

void store_link_close(struct store_link *link)
{
	ev_timer_del(link->ev, &link->retry);
	drop(link);
}

static void on_retry(struct ev_timer *timer)
{
	struct store_link *link = container_of(timer, struct store_link, retry);
	struct err err = ERR_INIT;

	if (connect_store(link, &err) < 0) {
		lose(link, &err);
		return;
	}
	if (link->was_lost)
		log_info("the store is back");
	link->was_lost = false;
}

/* --- queries ---------------------------------------------------------------------------------- */

struct query *query_new(struct store_link *link, void (*done)(struct query *q), void *owner)
{
	struct query *q = link->client ? calloc(1, sizeof(*q)) : NULL;

	if (!q)
		return NULL;
	q->done = done;
	q->owner = owner;
	list_add_tail(&link->queries, &q->link);
	return q;
}

void query_add_tail(struct store_link *link, struct query *q, enum xs_type type, const char *path,
		    const char *tail, size_t len)
{
	struct err err = ERR_INIT;

	if (q->nr == QUERY_MAX)
		return;
	/* One that cannot be sent is one that was refused; a broken connection is noticed where it
	 * is read. */
	if (xs_client_queue_path(link->client, type, 0, path, tail, len, &err) == 0)
		q->nr++;
	else
		log_error("asking the store for %s: %s", path, err.msg);
}

void query_add(struct store_link *link, struct query *q, enum xs_type type, const char *path)
{
	query_add_tail(link, q, type, path, NULL, 0);
}

void query_forget(struct store_link *link, const void *owner)
{
	struct query *q;

	list_for_each_entry(q, &link->queries, link)
		if (q->owner == owner)
			q->owner = NULL;
}

static void take_reply(struct query *q, const struct xs_reply *reply)
{
	char *value = reply->error ? NULL : malloc(reply->len + 1);

	if (value)
		memcpy(value, reply->data, reply->len + 1);
	q->len[q->nr_got] = value ? reply->len : 0;
	q->values[q->nr_got++] = value;
}

static void finish_query(struct query *q)
{
	list_del(&q->link);
	if (q->owner && q->done)
		q->done(q);
	free_query(q);
}

/* Everything that is here: replies first, for events before them are kept meanwhile. */
static int pump(struct store_link *link, struct err *err)
{
	struct xs_client *client = link->client;
	char *path, *token;
	struct xs_reply reply;
	struct query *q;
	int r;

	while ((r = xs_client_try_reply(client, &reply, err)) > 0) {
		q = list_first(&link->queries, struct query, link);
		take_reply(q, &reply);
		if (q->nr_got == q->nr)
			finish_query(q);
	}
	while (r == 0 && (r = xs_client_event(client, 0, &path, &token, err)) > 0) {
		link->event(link, path, token);
		free(path);
		free(token);
		r = 0;
	}
	return r;
}

static void exchange(struct store_link *link)
{
	struct err err = ERR_INIT;

	if (pump(link, &err) < 0)
		lose(link, &err);
	else
		ev_io_mask(link->ev, &link->io, (unsigned)xs_client_poll_events(link->client));
}

static void on_store(struct ev_io *io, unsigned events)
{
	exchange(container_of(io, struct store_link, io));
}

static void on_send(struct ev_defer *defer)
{
	exchange(container_of(defer, struct store_link, send));
}

/* Not at once: whoever asks may be in the middle of an answer. */
void query_send(struct store_link *link, struct query *q)
{
	if (q->nr == 0)
		free_query(q);
	else
		ev_defer(link->ev, &link->send);
}
