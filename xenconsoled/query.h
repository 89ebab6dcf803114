/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef XENCONSOLED_QUERY_H
#define XENCONSOLED_QUERY_H

#include "base/ev.h"
#include "base/list.h"
#include "xs/client.h"

/*
 * The store without waiting: several requests make a query, whose answers come to a function when
 * all are here. A store that hangs or dies holds up no console; when it is back, `up` is called and
 * everything is asked again.
 */

#define QUERY_MAX 10

struct store_link {
	struct ev *ev;
	struct xs_client *client;	/* NULL: there is none now */
	struct ev_io io;
	struct ev_timer retry;
	struct ev_defer send;
	struct list queries;		/* in the order of their answers */
	void (*up)(struct store_link *link);
	void (*event)(struct store_link *link, const char *path, const char *token);
	bool was_lost;
};

struct query {
	struct list link;
	/* values[i] is what request i got, NULL when it was refused. They are freed after this. */
	void (*done)(struct query *q);
	void *owner;			/* NULL: nobody wants to know any more */
	unsigned nr, nr_got;
	char *values[QUERY_MAX];
	size_t len[QUERY_MAX];
};

/* The first connection must succeed; later ones are tried for ever. */
int store_link_open(struct store_link *link, struct ev *ev, struct err *err) must_check;
void store_link_close(struct store_link *link);

/* NULL when there is no store or no memory. query_send follows, after at least one query_add. */
struct query *query_new(struct store_link *link, void (*done)(struct query *q), void *owner);
void query_add(struct store_link *link, struct query *q, enum xs_type type, const char *path);
/* With what follows the path: a value to write, a watch's token with its NUL. */
void query_add_tail(struct store_link *link, struct query *q, enum xs_type type, const char *path,
		    const char *tail, size_t len);
void query_send(struct store_link *link, struct query *q);
/* The owner goes away. */
void query_forget(struct store_link *link, const void *owner);

#endif
