// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The store daemon of the tests. Plain on purpose (an array of nodes, a transaction is a copy of
 * it): what matters is that it answers like the real one and fails on demand. It has no thread: its
 * turn comes within the client's send() (TEST_WRAP in tests.am), so an answer is there when the
 * client first looks, and what happens is the same each time.
 */
#include "tests/fake/xenstore.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "base/hash.h"
#include "base/mem.h"
#include "base/str.h"
#include "tests/fake/point.h"
#include "xs/proto.h"

#define MAX_CLIENTS 8
#define MAX_PERMS 8
#define MAX_WATCHES 256

struct node {
	unsigned nr_trees;	/* that share it: then it does not change */
	uint64_t hash;		/* of the path */
	char *path;
	char *value;
	size_t len;
	char perms[MAX_PERMS][16];
	unsigned nr_perms;
};

struct tree {
	struct node **v;
	size_t n;
};

struct watch { int client; char *path, *token; };

struct client {
	int fd;
	size_t in_len;		/* of a request that came in part */
	char in[sizeof(struct xs_header) + XS_PAYLOAD_MAX];
	struct strbuf out;	/* answers and events, until the end of the turn */
	uint32_t tx_id;		/* 0: none under way; one at a time is enough */
	struct tree tx;
	uint64_t tx_gen;
	struct strlist tx_changed;
};

static struct {
	bool is_up, is_serving;
	int listener;
	char dir[64], path[96];
	struct tree live, start;
	uint64_t gen;
	uint32_t last_tx;
	struct client clients[MAX_CLIENTS];
	struct watch watches[MAX_WATCHES];
	void (*on_change)(const char *path, const char *value);
	uint32_t introduced[64];
	unsigned nr_introduced;
} st;

/* --- trees ------------------------------------------------------------------------------------ */

static size_t find_at(const struct tree *t, const char *path)
{
	uint64_t hash = hash_bytes(path, strlen(path));
	size_t i = 0;

	while (i < t->n && (t->v[i]->hash != hash || strcmp(t->v[i]->path, path) != 0))
		i++;
	return i;
}

static const struct node *find(const struct tree *t, const char *path)
{
	size_t i = find_at(t, path);

	return i < t->n ? t->v[i] : NULL;
}

static void node_put(struct node *n)
{
	if (--n->nr_trees > 0)
		return;
	free(n->path);
	free(n->value);
	free(n);
}

static void tree_free(struct tree *t)
{
	for (size_t i = 0; i < t->n; i++)
		node_put(t->v[i]);
	free(t->v);
	*t = (struct tree){ NULL, 0 };
}

static struct tree tree_copy(const struct tree *t)
{
	struct tree copy = { xcalloc(t->n ? t->n : 1, sizeof(*copy.v)), t->n };

	for (size_t i = 0; i < t->n; i++) {
		copy.v[i] = t->v[i];
		copy.v[i]->nr_trees++;
	}
	return copy;
}

/* The node as one that may be changed: it is this tree's alone. */
static struct node *own(struct tree *t, size_t at)
{
	struct node *shared = t->v[at], *n;

	if (shared->nr_trees == 1)
		return shared;
	n = xcalloc(1, sizeof(*n));
	*n = *shared;
	n->nr_trees = 1;
	n->path = xstrdup(shared->path);
	n->value = xmalloc(shared->len + 1);
	memcpy(n->value, shared->value, shared->len + 1);
	node_put(shared);
	t->v[at] = n;
	return n;
}

static bool is_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	return strncmp(path, dir, len) == 0 && path[len] == '/';
}

/* Where the node is, made with all above it where they are missing; new ones inherit
 * permissions. */
static size_t make(struct tree *t, const char *path)
{
	size_t at = find_at(t, path);
	const struct node *parent = NULL;
	const char *slash = strrchr(path, '/');
	struct node *n;

	if (at < t->n)
		return at;
	if (slash > path) {
		autofree char *up = xstrndup(path, (size_t)(slash - path));

		size_t above = make(t, up);

		parent = t->v[above];
	}
	n = xcalloc(1, sizeof(*n));
	n->nr_trees = 1;
	n->hash = hash_bytes(path, strlen(path));
	n->path = xstrdup(path);
	n->value = xstrdup("");
	if (parent) {
		memcpy(n->perms, parent->perms, sizeof(n->perms));
		n->nr_perms = parent->nr_perms;
	} else {
		memcpy(n->perms[0], "n0", 3);
		n->nr_perms = 1;
	}
	t->v = xreallocarray(t->v, t->n + 1, sizeof(*t->v));
	t->v[t->n] = n;
	return t->n++;
}

static void put(struct tree *t, const char *path, const void *value, size_t len)
{
	struct node *n = own(t, make(t, path));

	free(n->value);
	n->value = xmalloc(len + 1);
	memcpy(n->value, value, len);
	n->value[len] = '\0';
	n->len = len;
}

static bool cut(struct tree *t, const char *path)
{
	bool found = false;

	for (size_t i = 0; i < t->n;) {
		if (strcmp(t->v[i]->path, path) != 0 && !is_below(t->v[i]->path, path)) {
			i++;
			continue;
		}
		node_put(t->v[i]);
		t->v[i] = t->v[--t->n];
		found = true;
	}
	return found;
}

/* --- the wire --------------------------------------------------------------------------------- */

ssize_t __real_send(int fd, const void *data, size_t len, int flags);
ssize_t __wrap_send(int fd, const void *data, size_t len, int flags);

/* What a client does not read stays in its socket, which holds more than any test asks for. */
static void flush(struct client *c)
{
	if (c->out.len > 0 &&
	    __real_send(c->fd, c->out.data, c->out.len, MSG_NOSIGNAL | MSG_DONTWAIT) !=
		    (ssize_t)c->out.len &&
	    errno != EPIPE && errno != ECONNRESET) {
		perror("fake store: a client leaves too much unread");
		abort();
	}
	c->out.len = 0;
}

static void answer(struct client *c, const struct xs_header *to, uint32_t type, const void *data,
		   size_t len)
{
	struct xs_header h = { type, to->req_id, to->tx_id, (uint32_t)len };

	strbuf_addn(&c->out, (const char *)&h, sizeof(h));
	strbuf_addn(&c->out, data, len);
	if (!st.is_serving)
		flush(c);
}

static void refuse(struct client *c, const struct xs_header *to, int code)
{
	const char *name = xs_error_name(code);

	answer(c, to, XS_ERROR, name, strlen(name) + 1);
}

static void ok(struct client *c, const struct xs_header *to)
{
	answer(c, to, to->type, "OK", 3);
}

static void send_event(const struct watch *w, const char *path)
{
	static const struct xs_header none;
	autostrbuf struct strbuf b = STRBUF_INIT;

	strbuf_add(&b, path);
	strbuf_addc(&b, '\0');
	strbuf_add(&b, w->token);
	strbuf_addc(&b, '\0');
	answer(&st.clients[w->client], &none, XS_WATCH_EVENT, b.data, b.len);
}

/* A watch sees its node, what is below, and the end of what is above. */
static void fire(const char *path, bool is_end)
{
	for (size_t i = 0; i < MAX_WATCHES; i++) {
		const struct watch *w = &st.watches[i];

		if (!w->path)
			continue;
		if (strcmp(w->path, path) == 0 || is_below(path, w->path))
			send_event(w, path);
		else if (is_end && is_below(w->path, path))
			send_event(w, w->path);
	}
}

static void changed(const char *path)
{
	const struct node *n = find(&st.live, path);

	st.gen++;
	fire(path, !n);
	if (st.on_change) {
		autofree char *value = n ? xstrdup(n->value) : NULL;

		st.on_change(path, value);
	}
}

/* --- requests --------------------------------------------------------------------------------- */

struct request {
	struct client *c;
	struct xs_header h;
	char body[XS_PAYLOAD_MAX + 1];
	struct tree *tree;
};

static void did_change(struct request *r, const char *path)
{
	if (r->h.tx_id)
		strlist_add(&r->c->tx_changed, path);
	else
		changed(path);
}

static void do_write(struct request *r)
{
	size_t path_len = strlen(r->body) + 1;

	put(r->tree, r->body, r->body + path_len, r->h.len - path_len);
	ok(r->c, &r->h);
	did_change(r, r->body);
}

static void do_mkdir(struct request *r)
{
	bool is_new = !find(r->tree, r->body);

	make(r->tree, r->body);
	ok(r->c, &r->h);
	if (is_new)
		did_change(r, r->body);
}

static void do_rm(struct request *r)
{
	const char *slash = strrchr(r->body, '/');
	autofree char *up = xstrndup(r->body, (size_t)(slash - r->body));

	if (!cut(r->tree, r->body)) {
		if (*up && !find(r->tree, up))
			refuse(r->c, &r->h, ENOENT);
		else
			ok(r->c, &r->h);
		return;
	}
	ok(r->c, &r->h);
	did_change(r, r->body);
}

static void do_directory(struct request *r, const struct node *n)
{
	autostrbuf struct strbuf names = STRBUF_INIT;

	for (size_t i = 0; i < r->tree->n; i++) {
		const char *path = r->tree->v[i]->path;
		size_t len = strlen(n->path);

		if (is_below(path, n->path) && !strchr(path + len + 1, '/')) {
			strbuf_add(&names, path + len + 1);
			strbuf_addc(&names, '\0');
		}
	}
	if (names.len > XS_PAYLOAD_MAX)
		refuse(r->c, &r->h, E2BIG);
	else
		answer(r->c, &r->h, r->h.type, names.data ? names.data : "", names.len);
}

static void do_get_perms(struct request *r, const struct node *n)
{
	autostrbuf struct strbuf b = STRBUF_INIT;

	for (unsigned i = 0; i < n->nr_perms; i++) {
		strbuf_add(&b, n->perms[i]);
		strbuf_addc(&b, '\0');
	}
	answer(r->c, &r->h, r->h.type, b.data, b.len);
}

static void do_set_perms(struct request *r)
{
	struct node *n = own(r->tree, find_at(r->tree, r->body));
	const char *end = r->body + r->h.len;

	n->nr_perms = 0;
	for (const char *p = r->body + strlen(r->body) + 1; p < end && n->nr_perms < MAX_PERMS;
	     p += strlen(p) + 1)
		snprintf(n->perms[n->nr_perms++], sizeof(n->perms[0]), "%s", p);
	ok(r->c, &r->h);
	did_change(r, r->body);
}

static void do_watch(struct request *r)
{
	const char *token = r->body + strlen(r->body) + 1;
	struct watch *free_slot = NULL;

	for (size_t i = 0; i < MAX_WATCHES; i++) {
		struct watch *w = &st.watches[i];

		if (!w->path)
			free_slot = free_slot ? free_slot : w;
		else if (w->client == r->c - st.clients && str_eq(w->path, r->body) &&
			 str_eq(w->token, token)) {
			refuse(r->c, &r->h, EEXIST);
			return;
		}
	}
	*free_slot = (struct watch){ (int)(r->c - st.clients), xstrdup(r->body), xstrdup(token) };
	ok(r->c, &r->h);
	send_event(free_slot, free_slot->path);
}

static void watch_free(struct watch *w)
{
	free(w->path);
	free(w->token);
	w->path = w->token = NULL;
}

static void do_unwatch(struct request *r)
{
	const char *token = r->body + strlen(r->body) + 1;

	for (size_t i = 0; i < MAX_WATCHES; i++) {
		struct watch *w = &st.watches[i];

		if (w->path && w->client == r->c - st.clients && str_eq(w->path, r->body) &&
		    str_eq(w->token, token)) {
			watch_free(w);
			ok(r->c, &r->h);
			return;
		}
	}
	refuse(r->c, &r->h, ENOENT);
}

static void tx_end(struct client *c)
{
	tree_free(&c->tx);
	strlist_free(&c->tx_changed);
	c->tx_id = 0;
}

static void do_tx_start(struct request *r)
{
	char id[12];

	if (r->c->tx_id) {
		refuse(r->c, &r->h, EBUSY);
		return;
	}
	r->c->tx_id = ++st.last_tx;
	r->c->tx = tree_copy(&st.live);
	r->c->tx_gen = st.gen;
	snprintf(id, sizeof(id), "%u", r->c->tx_id);
	answer(r->c, &r->h, r->h.type, id, strlen(id) + 1);
}

static void do_tx_end(struct request *r)
{
	bool conflicts = r->c->tx_gen != st.gen && r->c->tx_changed.n;
	struct strlist paths = r->c->tx_changed;

	if (r->body[0] != 'T' || conflicts) {
		tx_end(r->c);
		if (r->body[0] == 'T')
			refuse(r->c, &r->h, EAGAIN);
		else
			ok(r->c, &r->h);
		return;
	}
	tree_free(&st.live);
	st.live = r->c->tx;
	r->c->tx = (struct tree){ NULL, 0 };
	r->c->tx_changed = (struct strlist)STRLIST_INIT;
	tx_end(r->c);
	ok(r->c, &r->h);
	for (size_t i = 0; i < paths.n; i++)
		changed(paths.v[i]);
	strlist_free(&paths);
}

static void do_domain(struct request *r)
{
	uint32_t domid = (uint32_t)strtoul(r->body, NULL, 10);
	unsigned at = 0;
	bool is_known;

	while (at < st.nr_introduced && st.introduced[at] != domid)
		at++;
	is_known = at < st.nr_introduced;
	if (r->h.type == XS_IS_DOMAIN_INTRODUCED) {
		answer(r->c, &r->h, r->h.type, is_known ? "T" : "F", 2);
		return;
	}
	if (r->h.type == XS_INTRODUCE && !is_known && st.nr_introduced < array_size(st.introduced))
		st.introduced[st.nr_introduced++] = domid;
	if (r->h.type == XS_RELEASE) {
		if (!is_known) {
			refuse(r->c, &r->h, ENOENT);
			return;
		}
		st.introduced[at] = st.introduced[--st.nr_introduced];
	}
	ok(r->c, &r->h);
	if (r->h.type == XS_INTRODUCE)
		fire("@introduceDomain", false);
	if (r->h.type == XS_RELEASE)
		fire("@releaseDomain", false);
}

static void on_node(struct request *r)
{
	const struct node *n = find(r->tree, r->body);

	if (!n)
		refuse(r->c, &r->h, ENOENT);
	else if (r->h.type == XS_READ)
		answer(r->c, &r->h, r->h.type, n->value, n->len);
	else if (r->h.type == XS_DIRECTORY)
		do_directory(r, n);
	else if (r->h.type == XS_GET_PERMS)
		do_get_perms(r, n);
	else
		do_set_perms(r);
}

static const struct { const char *name; void (*fn)(struct request *r); } ops[] = {
	[XS_DIRECTORY] = { "store DIRECTORY", on_node }, [XS_READ] = { "store READ", on_node },
	[XS_GET_PERMS] = { "store GET_PERMS", on_node }, [XS_WATCH] = { "store WATCH", do_watch },
	[XS_UNWATCH] = { "store UNWATCH", do_unwatch }, [XS_TRANSACTION_START] = { "store START", do_tx_start },
	[XS_TRANSACTION_END] = { "store END", do_tx_end }, [XS_INTRODUCE] = { "store INTRODUCE", do_domain },
	[XS_RELEASE] = { "store RELEASE", do_domain }, [XS_WRITE] = { "store WRITE", do_write },
	[XS_MKDIR] = { "store MKDIR", do_mkdir }, [XS_RM] = { "store RM", do_rm },
	[XS_SET_PERMS] = { "store SET_PERMS", on_node },
	[XS_IS_DOMAIN_INTRODUCED] = { "store IS_INTRODUCED", do_domain }, [XS_RESUME] = { "store RESUME", do_domain },
	[XS_SET_TARGET] = { "store SET_TARGET", do_domain },
};

static void serve(struct request *r)
{
	int code;

	if (r->h.type >= array_size(ops) || !ops[r->h.type].fn) {
		refuse(r->c, &r->h, EINVAL);
		return;
	}
	r->tree = r->h.tx_id ? &r->c->tx : &st.live;
	if (r->h.tx_id && r->h.tx_id != r->c->tx_id) {
		refuse(r->c, &r->h, ENOENT);
		return;
	}
	code = point_reached(ops[r->h.type].name);
	if (code) {
		/* A real daemon forgets the transaction, however its end turns out. */
		if (r->h.type == XS_TRANSACTION_END)
			tx_end(r->c);
		/* A conflict is tried again for seconds; those come from fake_store_set, not from
		 * fault points. */
		refuse(r->c, &r->h, code == EAGAIN ? EBUSY : code);
		return;
	}
	ops[r->h.type].fn(r);
}

/* --- its turn --------------------------------------------------------------------------------- */

static void drop(struct client *c)
{
	for (size_t i = 0; i < MAX_WATCHES; i++)
		if (st.watches[i].path && st.watches[i].client == c - st.clients)
			watch_free(&st.watches[i]);
	tx_end(c);
	strbuf_free(&c->out);
	close(c->fd);
	c->fd = -1;
}

/* One request that is there as a whole; false: there is none. */
static bool take_request(struct client *c)
{
	struct request r = { .c = c };
	size_t len;

	if (c->fd < 0 || c->in_len < sizeof(r.h))
		return false;
	memcpy(&r.h, c->in, sizeof(r.h));
	if (r.h.len > XS_PAYLOAD_MAX) {
		drop(c);
		return false;
	}
	len = sizeof(r.h) + r.h.len;
	if (c->in_len < len)
		return false;
	memcpy(r.body, c->in + sizeof(r.h), r.h.len);
	memmove(c->in, c->in + len, c->in_len - len);
	c->in_len -= len;
	serve(&r);
	return true;
}

/* Whether there was a request. */
static bool hear(struct client *c)
{
	bool had_one = false;
	size_t room;
	ssize_t n;

	do {
		room = sizeof(c->in) - c->in_len;
		n = c->fd < 0 ? -1 : recv(c->fd, c->in + c->in_len, room, MSG_DONTWAIT);
		if (n == 0 || (n < 0 && c->fd >= 0 && errno != EAGAIN))
			drop(c);
		if (n > 0)
			c->in_len += (size_t)n;
		while (take_request(c))
			had_one = true;
	} while (n == (ssize_t)room);
	return had_one;
}

static bool hear_all(void)
{
	bool had_one = false;

	for (size_t i = 0; i < MAX_CLIENTS; i++)
		had_one |= hear(&st.clients[i]);
	return had_one;
}

static void admit(void)
{
	for (int fd; (fd = accept(st.listener, NULL, NULL)) >= 0;) {
		size_t i = 0;

		while (i < MAX_CLIENTS && st.clients[i].fd >= 0)
			i++;
		if (i == MAX_CLIENTS)
			close(fd);
		else
			st.clients[i] = (struct client){ .fd = fd };
	}
}

/* All that clients said up to now; when there is nothing, there may be a new one. A change's
 * callback may get here again: then its turn is under way. */
void fake_store_catch_up(void)
{
	if (!st.is_up || st.is_serving)
		return;
	st.is_serving = true;
	if (!hear_all()) {
		admit();
		hear_all();
	}
	for (size_t i = 0; i < MAX_CLIENTS; i++)
		flush(&st.clients[i]);
	st.is_serving = false;
}

ssize_t __wrap_send(int fd, const void *data, size_t len, int flags)
{
	ssize_t n = __real_send(fd, data, len, flags);
	int code = errno;

	fake_store_catch_up();
	errno = code;
	return n;
}

void fake_store_start(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	snprintf(st.dir, sizeof(st.dir), "/tmp/fake-store-XXXXXX");
	if (!mkdtemp(st.dir))
		abort();
	snprintf(st.path, sizeof(st.path), "%s/socket", st.dir);
	memcpy(addr.sun_path, st.path, strlen(st.path) + 1);
	st.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (bind(st.listener, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
	    listen(st.listener, 8) < 0)
		abort();
	setenv("XENSTORED_PATH", st.path, 1);
	for (size_t i = 0; i < MAX_CLIENTS; i++)
		st.clients[i] = (struct client){ .fd = -1, .out = STRBUF_INIT };
	put(&st.live, "/tool/xenstored", "", 0);
	put(&st.live, "/local/domain/0/domid", "0", 1);
	put(&st.live, "/local/domain/0/name", "Domain-0", 8);
	put(&st.live, "/local/pool/0/name", "Pool-0", 6);
	put(&st.live, "/vm", "", 0);
	put(&st.live, "/libxl", "", 0);
	st.start = tree_copy(&st.live);
	st.is_up = true;
}

void fake_store_stop(void)
{
	fake_store_catch_up();
	st.is_up = false;
	for (size_t i = 0; i < MAX_CLIENTS; i++)
		if (st.clients[i].fd >= 0)
			drop(&st.clients[i]);
	close(st.listener);
	unlink(st.path);
	rmdir(st.dir);
	tree_free(&st.live);
	tree_free(&st.start);
	st.on_change = NULL;
	st.nr_introduced = 0;
}

/* --- from the outside ------------------------------------------------------------------------- */

void fake_store_set(const char *path, const char *value)
{
	fake_store_catch_up();
	if (value)
		put(&st.live, path, value, strlen(value));
	else
		cut(&st.live, path);
	st.gen++;
	fire(path, !value);
}

char *fake_store_get(const char *path)
{
	const struct node *n;

	fake_store_catch_up();
	n = find(&st.live, path);
	return n ? xstrdup(n->value) : NULL;
}

void fake_store_fire(const char *path)
{
	fake_store_catch_up();
	fire(path, false);
}

void fake_store_on_change(void (*fn)(const char *path, const char *value))
{
	fake_store_catch_up();
	st.on_change = fn;
}

static const char *first_missing(const struct tree *in, const struct tree *from)
{
	for (size_t i = 0; i < from->n; i++)
		if (!find(in, from->v[i]->path))
			return from->v[i]->path;
	return NULL;
}

char *fake_store_leftover(void)
{
	const char *path;

	fake_store_catch_up();
	path = first_missing(&st.start, &st.live);
	if (!path)
		path = first_missing(&st.live, &st.start);
	return path ? xstrdup(path) : NULL;
}

static int by_path(const void *a, const void *b)
{
	const struct node *const *x = a, *const *y = b;

	return strcmp((*x)->path, (*y)->path);
}

char *fake_store_dump(const char *below)
{
	struct strbuf out = STRBUF_INIT;
	struct tree copy;

	fake_store_catch_up();
	copy = tree_copy(&st.live);
	qsort(copy.v, copy.n, sizeof(*copy.v), by_path);
	for (size_t i = 0; i < copy.n; i++) {
		const struct node *n = copy.v[i];

		if (strcmp(n->path, below) != 0 && !is_below(n->path, below))
			continue;
		strbuf_printf(&out, "%s = \"%s\"   (", n->path, n->value);
		for (unsigned k = 0; k < n->nr_perms; k++)
			strbuf_printf(&out, "%s%s", k ? "," : "", n->perms[k]);
		strbuf_add(&out, ")\n");
	}
	tree_free(&copy);
	return strbuf_steal(&out);
}
