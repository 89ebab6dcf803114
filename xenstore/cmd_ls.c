// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * xenstore-ls: a tree is fetched level by level with many requests under way, then printed depth
 * first. The columns are stock's to the blank.
 */
#include "xenstore/commands.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "base/list.h"
#include "xenstore/text.h"

struct node {
	struct list link;	/* among its siblings */
	struct list children;
	char *path;
	const char *name;	/* the last part of path */
	char *value;		/* NULL when it could not be read */
	size_t value_len;
	char *perms;		/* the wire's strings; NULL when they could not be read */
	size_t perms_len;
	int perms_error, dir_error;
	struct listing listing;
};

/* A request under way: answers come in the order of the questions. */
struct question {
	struct list link;
	uint32_t type;
	struct node *node;
};

struct fetch {
	struct xs_client *client;
	bool perms;
	struct list questions;
};

static struct node *node_new(char *take_path, size_t name_len)
{
	struct node *n = xcalloc(1, sizeof(*n));

	list_init(&n->link);
	list_init(&n->children);
	n->path = take_path;
	n->name = take_path + strlen(take_path) - name_len;
	return n;
}

/* Children first, without recursion: each node in turn hands its children to its parent's list. */
static void tree_free(struct node *root)
{
	struct list todo = LIST_INIT(todo);

	list_add_tail(&todo, &root->link);
	while (!list_is_empty(&todo)) {
		struct node *n = list_first(&todo, struct node, link);

		list_del(&n->link);
		list_splice_tail(&todo, &n->children);
		free(n->path);
		free(n->value);
		free(n->perms);
		listing_free(&n->listing);
		free(n);
	}
}

static int ask(struct fetch *f, uint32_t type, struct node *n, struct err *err)
{
	struct question *q = xcalloc(1, sizeof(*q));

	q->type = type;
	q->node = n;
	list_add_tail(&f->questions, &q->link);
	if (type == XS_DIRECTORY)
		return listing_ask(&n->listing, f->client, 0, n->path, err);
	return xs_client_queue_path(f->client, type, 0, n->path, "", 0, err);
}

static int enter(struct fetch *f, struct node *parent, struct err *err)
{
	size_t len = strlen(parent->path);
	const char *name = NULL, *slash = len && parent->path[len - 1] == '/' ? "" : "/";

	while ((name = listing_next(&parent->listing, name))) {
		struct node *n = node_new(str_printf("%s%s%s", parent->path, slash, name),
					  strlen(name));

		list_add_tail(&parent->children, &n->link);
		if (ask(f, XS_READ, n, err) < 0 ||
		    (f->perms && ask(f, XS_GET_PERMS, n, err) < 0) ||
		    ask(f, XS_DIRECTORY, n, err) < 0)
			return -1;
	}
	listing_free(&parent->listing);
	return 0;
}

static char *copy(const struct xs_reply *reply, size_t *len)
{
	*len = reply->len;
	return memcpy(xmalloc(reply->len + 1), reply->data, reply->len + 1);
}

static int answer(struct fetch *f, const struct question *q, const struct xs_reply *reply,
		  struct err *err)
{
	struct node *n = q->node;

	if (q->type == XS_READ) {
		n->value = reply->error ? NULL : copy(reply, &n->value_len);
		return 0;
	}
	if (q->type == XS_GET_PERMS) {
		n->perms_error = reply->error;
		n->perms = reply->error ? NULL : copy(reply, &n->perms_len);
		return 0;
	}
	switch (listing_take(&n->listing, reply, err)) {
	case 0:
		return ask(f, XS_DIRECTORY, n, err);
	case 1:
		return enter(f, n, err);
	default:
		n->dir_error = err->code;
		err_clear(err);
		return 0;
	}
}

static int fetch_tree(struct fetch *f, struct node *root, struct err *err)
{
	struct xs_reply reply;
	int ok = ask(f, XS_DIRECTORY, root, err);

	while (!list_is_empty(&f->questions)) {
		struct question *q = list_first(&f->questions, struct question, link);

		list_del(&q->link);
		if (ok == 0)
			ok = xs_client_next(f->client, &reply, err);
		if (ok == 0)
			ok = answer(f, q, &reply, err);
		free(q);
	}
	return ok;
}

/* Where lines end. Stock's arithmetic, in its types: a terminal that says it has no columns gives a
 * negative width, which means no limit. */
struct columns {
	int max;	/* a line's width */
	int perms;	/* where permissions begin */
};

#define TAG_LEN 8u	/* of ` = "..."` */

static int room(const struct columns *c, int used)
{
	return (int)((unsigned)c->max - TAG_LEN - (unsigned)used);
}

static void print_value(const struct columns *c, const struct run *run, const struct node *n,
			int used)
{
	autostrbuf struct strbuf text = STRBUF_INIT;

	if (!n->value) {
		fputs(":\n", stdout);
		return;
	}
	text_quote(&text, n->value, n->value_len);
	const char *s = text.data ? text.data : "";

	if ((size_t)c->max < (size_t)used + n->value_len + TAG_LEN) {
		printf(" = \"%.*s\\...\"", room(c, used), s);
		return;
	}
	used += printf(" = \"%s\"", s);
	if (!run->prefix)
		return;
	putchar(' ');
	for (used++; used < c->perms && used < c->max; used++)
		putchar(used & 1 ? '.' : ' ');
}

static void print_perms(const struct node *n)
{
	if (!n->perms) {
		fflush(stdout);
		warn_user("\ncould not access permissions for %s: %s", n->name,
			  strerror(n->perms_error));
		return;
	}
	fputs("  (", stdout);
	for (size_t pos = 0; pos < n->perms_len; pos += strlen(n->perms + pos) + 1)
		printf("%s%s", pos ? "," : "", n->perms + pos);
	putchar(')');
}

static void print_node(const struct columns *c, const struct run *run, const struct node *n,
		       int depth)
{
	int used = 0;

	if (run->flat)
		fputs(n->path, stdout);
	else
		used = printf("%*s%.*s", depth, "", room(c, depth), n->name);
	print_value(c, run, n, used);
	if (run->prefix)
		print_perms(n);
	putchar('\n');
}

/* A node that vanished meanwhile is passed over; the path that was asked for must be there. */
static int print_below(const struct columns *c, const struct run *run, const struct node *parent,
		       int depth, struct err *err)
{
	struct node *n;

	if (parent->dir_error && !(depth > 0 && parent->dir_error == ENOENT))
		return err_set(err, parent->dir_error, "xs_directory (%s): %s", parent->path,
			       strerror(parent->dir_error));
	list_for_each_entry(n, &parent->children, link) {
		print_node(c, run, n, depth);
		if (print_below(c, run, n, depth + 1, err) < 0)
			return -1;
	}
	return 0;
}

static struct columns find_columns(const struct run *run)
{
	struct columns c = { 80, 60 };
	struct winsize ws;

	if (run->flat)
		c = (struct columns){ INT_MAX / 2, 0 };
	memset(&ws, 0, sizeof(ws));
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) == 0)
		c.max = ws.ws_col - 2;
	return c;
}

static int list_tree(struct run *run, const struct columns *c, const char *path, struct err *err)
{
	struct fetch f = { .client = run->client, .perms = run->prefix };
	struct node *root = node_new(xstrdup(path), strlen(path));

	list_init(&f.questions);
	int ok = fetch_tree(&f, root, err);

	if (ok == 0)
		ok = print_below(c, run, root, 0, err);
	tree_free(root);
	return ok;
}

static int run_ls(struct run *run, struct err *err)
{
	struct columns c = find_columns(run);

	if (run->nr_args == 0)
		return list_tree(run, &c, "/", err);
	for (int i = 0; i < run->nr_args; i++)
		if (list_tree(run, &c, run->args[i], err) < 0)
			return -1;
	return 0;
}

const struct command cmd_ls = { "ls", "fp", "[-h] [-f] [-p] [-s] [path]", NULL, run_ls };
