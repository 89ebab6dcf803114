// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The store daemon of the tests. Plain on purpose (an array of nodes, a transaction is a copy of
 * it): what matters is that it answers like the real one and fails on demand.
 */
#include "tests/fake/xenstore.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "base/mem.h"
#include "base/str.h"
#include "tests/fake/point.h"
#include "xs/proto.h"

#define MAX_CLIENTS 8
#define MAX_PERMS 8
#define MAX_WATCHES 256

struct node {
	char *path;
	char *value;
	size_t len;
	char perms[MAX_PERMS][16];
	unsigned nr_perms;
};

struct tree {
	struct node *v;
	size_t n;
};

struct watch { int client; char *path, *token; };

struct client {
	int fd;
	uint32_t tx_id;		/* 0: none under way; one at a time is enough */
	struct tree tx;
	uint64_t tx_gen;
	struct strlist tx_changed;
};

static struct {
	pthread_mutex_t lock;
	pthread_t thread;
	int listener, wake[2];
	char dir[64], path[96];
	struct tree live, start;
	uint64_t gen;
	uint32_t last_tx;
	struct client clients[MAX_CLIENTS];
	struct watch watches[MAX_WATCHES];
	void (*on_change)(const char *path, const char *value);
	uint32_t introduced[64];
	unsigned nr_introduced;
} st = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* --- trees ------------------------------------------------------------------------------------ */

static struct node *find(const struct tree *t, const char *path)
{
	for (size_t i = 0; i < t->n; i++)
		if (strcmp(t->v[i].path, path) == 0)
			return &t->v[i];
	return NULL;
}

static void node_free(struct node *n)
{
	free(n->path);
	free(n->value);
}

static void tree_free(struct tree *t)
{
	for (size_t i = 0; i < t->n; i++)
		node_free(&t->v[i]);
	free(t->v);
	*t = (struct tree){ NULL, 0 };
}

static struct tree tree_copy(const struct tree *t)
{
	struct tree copy = { xcalloc(t->n ? t->n : 1, sizeof(*copy.v)), t->n };

	for (size_t i = 0; i < t->n; i++) {
		copy.v[i] = t->v[i];
		copy.v[i].path = xstrdup(t->v[i].path);
		copy.v[i].value = xmalloc(t->v[i].len + 1);
		memcpy(copy.v[i].value, t->v[i].value, t->v[i].len + 1);
	}
	return copy;
}

static bool is_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	return strncmp(path, dir, len) == 0 && path[len] == '/';
}

/* The node, made with all above it where they are missing; new ones inherit permissions. */
static struct node *make(struct tree *t, const char *path)
{
	struct node *n = find(t, path), *parent = NULL;
	const char *slash = strrchr(path, '/');

	if (n)
		return n;
	if (slash > path) {
		autofree char *up = xstrndup(path, (size_t)(slash - path));

		parent = make(t, up);
	}
	size_t at = parent ? (size_t)(parent - t->v) : 0;

	t->v = xreallocarray(t->v, t->n + 1, sizeof(*t->v));
	n = &t->v[t->n++];
	*n = (struct node){ .path = xstrdup(path), .value = xstrdup("") };
	if (parent) {
		memcpy(n->perms, t->v[at].perms, sizeof(n->perms));
		n->nr_perms = t->v[at].nr_perms;
	} else {
		memcpy(n->perms[0], "n0", 3);
		n->nr_perms = 1;
	}
	return n;
}

static void put(struct tree *t, const char *path, const void *value, size_t len)
{
	struct node *n = make(t, path);

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
		if (strcmp(t->v[i].path, path) != 0 && !is_below(t->v[i].path, path)) {
			i++;
			continue;
		}
		node_free(&t->v[i]);
		t->v[i] = t->v[--t->n];
		found = true;
	}
	return found;
}

/* --- the wire --------------------------------------------------------------------------------- */

static void send_all(int fd, const void *data, size_t len)
{
	for (const char *p = data; len > 0;) {
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL);

		if (n <= 0)
			return;
		p += n;
		len -= (size_t)n;
	}
}

static void answer(int fd, const struct xs_header *to, uint32_t type, const void *data, size_t len)
{
	struct xs_header h = { type, to->req_id, to->tx_id, (uint32_t)len };

	send_all(fd, &h, sizeof(h));
	send_all(fd, data, len);
}

static void refuse(int fd, const struct xs_header *to, int code)
{
	const char *name = xs_error_name(code);

	answer(fd, to, XS_ERROR, name, strlen(name) + 1);
}

static void ok(int fd, const struct xs_header *to)
{
	answer(fd, to, to->type, "OK", 3);
}

static void send_event(const struct watch *w, const char *path)
{
	static const struct xs_header none;
	autostrbuf struct strbuf b = STRBUF_INIT;

	strbuf_add(&b, path);
	strbuf_addc(&b, '\0');
	strbuf_add(&b, w->token);
	strbuf_addc(&b, '\0');
	answer(st.clients[w->client].fd, &none, XS_WATCH_EVENT, b.data, b.len);
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

		pthread_mutex_unlock(&st.lock);
		st.on_change(path, value);
		pthread_mutex_lock(&st.lock);
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
	ok(r->c->fd, &r->h);
	did_change(r, r->body);
}

static void do_mkdir(struct request *r)
{
	bool is_new = !find(r->tree, r->body);

	make(r->tree, r->body);
	ok(r->c->fd, &r->h);
	if (is_new)
		did_change(r, r->body);
}

static void do_rm(struct request *r)
{
	const char *slash = strrchr(r->body, '/');
	autofree char *up = xstrndup(r->body, (size_t)(slash - r->body));

	if (!cut(r->tree, r->body)) {
		if (*up && !find(r->tree, up))
			refuse(r->c->fd, &r->h, ENOENT);
		else
			ok(r->c->fd, &r->h);
		return;
	}
	ok(r->c->fd, &r->h);
	did_change(r, r->body);
}

static void do_directory(struct request *r, const struct node *n)
{
	autostrbuf struct strbuf names = STRBUF_INIT;

	for (size_t i = 0; i < r->tree->n; i++) {
		const char *path = r->tree->v[i].path;
		size_t len = strlen(n->path);

		if (is_below(path, n->path) && !strchr(path + len + 1, '/')) {
			strbuf_add(&names, path + len + 1);
			strbuf_addc(&names, '\0');
		}
	}
	if (names.len > XS_PAYLOAD_MAX)
		refuse(r->c->fd, &r->h, E2BIG);
	else
		answer(r->c->fd, &r->h, r->h.type, names.data ? names.data : "", names.len);
}

static void do_get_perms(struct request *r, const struct node *n)
{
	autostrbuf struct strbuf b = STRBUF_INIT;

	for (unsigned i = 0; i < n->nr_perms; i++) {
		strbuf_add(&b, n->perms[i]);
		strbuf_addc(&b, '\0');
	}
	answer(r->c->fd, &r->h, r->h.type, b.data, b.len);
}

static void do_set_perms(struct request *r, struct node *n)
{
	const char *end = r->body + r->h.len;

	n->nr_perms = 0;
	for (const char *p = r->body + strlen(r->body) + 1; p < end && n->nr_perms < MAX_PERMS;
	     p += strlen(p) + 1)
		snprintf(n->perms[n->nr_perms++], sizeof(n->perms[0]), "%s", p);
	ok(r->c->fd, &r->h);
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
			refuse(r->c->fd, &r->h, EEXIST);
			return;
		}
	}
	*free_slot = (struct watch){ (int)(r->c - st.clients), xstrdup(r->body), xstrdup(token) };
	ok(r->c->fd, &r->h);
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
			ok(r->c->fd, &r->h);
			return;
		}
	}
	refuse(r->c->fd, &r->h, ENOENT);
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
		refuse(r->c->fd, &r->h, EBUSY);
		return;
	}
	r->c->tx_id = ++st.last_tx;
	r->c->tx = tree_copy(&st.live);
	r->c->tx_gen = st.gen;
	snprintf(id, sizeof(id), "%u", r->c->tx_id);
	answer(r->c->fd, &r->h, r->h.type, id, strlen(id) + 1);
}

static void do_tx_end(struct request *r)
{
	bool conflicts = r->c->tx_gen != st.gen && r->c->tx_changed.n;
	struct strlist paths = r->c->tx_changed;

	if (r->body[0] != 'T' || conflicts) {
		tx_end(r->c);
		if (r->body[0] == 'T')
			refuse(r->c->fd, &r->h, EAGAIN);
		else
			ok(r->c->fd, &r->h);
		return;
	}
	tree_free(&st.live);
	st.live = r->c->tx;
	r->c->tx = (struct tree){ NULL, 0 };
	r->c->tx_changed = (struct strlist)STRLIST_INIT;
	tx_end(r->c);
	ok(r->c->fd, &r->h);
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
		answer(r->c->fd, &r->h, r->h.type, is_known ? "T" : "F", 2);
		return;
	}
	if (r->h.type == XS_INTRODUCE && !is_known && st.nr_introduced < array_size(st.introduced))
		st.introduced[st.nr_introduced++] = domid;
	if (r->h.type == XS_RELEASE) {
		if (!is_known) {
			refuse(r->c->fd, &r->h, ENOENT);
			return;
		}
		st.introduced[at] = st.introduced[--st.nr_introduced];
	}
	ok(r->c->fd, &r->h);
	if (r->h.type == XS_INTRODUCE)
		fire("@introduceDomain", false);
	if (r->h.type == XS_RELEASE)
		fire("@releaseDomain", false);
}

static void on_node(struct request *r)
{
	struct node *n = find(r->tree, r->body);

	if (!n)
		refuse(r->c->fd, &r->h, ENOENT);
	else if (r->h.type == XS_READ)
		answer(r->c->fd, &r->h, r->h.type, n->value, n->len);
	else if (r->h.type == XS_DIRECTORY)
		do_directory(r, n);
	else if (r->h.type == XS_GET_PERMS)
		do_get_perms(r, n);
	else
		do_set_perms(r, n);
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
		refuse(r->c->fd, &r->h, EINVAL);
		return;
	}
	r->tree = r->h.tx_id ? &r->c->tx : &st.live;
	if (r->h.tx_id && r->h.tx_id != r->c->tx_id) {
		refuse(r->c->fd, &r->h, ENOENT);
		return;
	}
	code = point_reached(ops[r->h.type].name);
	if (code) {
		/* A real daemon forgets the transaction, however its end turns out. */
		if (r->h.type == XS_TRANSACTION_END)
			tx_end(r->c);
		/* A conflict is tried again for seconds; those come from fake_store_set, not from
		 * fault points. */
		refuse(r->c->fd, &r->h, code == EAGAIN ? EBUSY : code);
		return;
	}
	ops[r->h.type].fn(r);
}

/* --- the thread ------------------------------------------------------------------------------- */

static bool take_all(int fd, void *data, size_t len)
{
	return len == 0 || recv(fd, data, len, MSG_WAITALL) == (ssize_t)len;
}

static void drop(struct client *c)
{
	for (size_t i = 0; i < MAX_WATCHES; i++)
		if (st.watches[i].path && st.watches[i].client == c - st.clients)
			watch_free(&st.watches[i]);
	tx_end(c);
	close(c->fd);
	c->fd = -1;
}

static void turn(struct client *c)
{
	struct request *r = xcalloc(1, sizeof(*r));

	r->c = c;
	pthread_mutex_lock(&st.lock);
	if (!take_all(c->fd, &r->h, sizeof(r->h)) || r->h.len > XS_PAYLOAD_MAX ||
	    !take_all(c->fd, r->body, r->h.len))
		drop(c);
	else
		serve(r);
	pthread_mutex_unlock(&st.lock);
	free(r);
}

static void admit(void)
{
	int fd = accept(st.listener, NULL, NULL);

	pthread_mutex_lock(&st.lock);
	for (size_t i = 0; i < MAX_CLIENTS && fd >= 0; i++) {
		if (st.clients[i].fd < 0) {
			st.clients[i] = (struct client){ .fd = fd };
			fd = -1;
		}
	}
	pthread_mutex_unlock(&st.lock);
	if (fd >= 0)
		close(fd);
}

static void *daemon_thread(void *arg)
{
	for (;;) {
		struct pollfd fds[MAX_CLIENTS + 2];

		fds[0] = (struct pollfd){ st.wake[0], POLLIN, 0 };
		fds[1] = (struct pollfd){ st.listener, POLLIN, 0 };
		for (size_t i = 0; i < MAX_CLIENTS; i++)
			fds[i + 2] = (struct pollfd){ st.clients[i].fd, POLLIN, 0 };
		if (poll(fds, array_size(fds), -1) < 0)
			continue;
		if (fds[0].revents)
			return arg;
		if (fds[1].revents)
			admit();
		for (size_t i = 0; i < MAX_CLIENTS; i++)
			if (fds[i + 2].revents && st.clients[i].fd >= 0)
				turn(&st.clients[i]);
	}
}

void fake_store_start(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	snprintf(st.dir, sizeof(st.dir), "/tmp/fake-store-XXXXXX");
	if (!mkdtemp(st.dir) || pipe(st.wake) < 0)
		abort();
	snprintf(st.path, sizeof(st.path), "%s/socket", st.dir);
	memcpy(addr.sun_path, st.path, strlen(st.path) + 1);
	st.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(st.listener, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
	    listen(st.listener, 8) < 0)
		abort();
	setenv("XENSTORED_PATH", st.path, 1);
	for (size_t i = 0; i < MAX_CLIENTS; i++)
		st.clients[i].fd = -1;
	put(&st.live, "/tool/xenstored", "", 0);
	put(&st.live, "/local/domain/0/domid", "0", 1);
	put(&st.live, "/local/domain/0/name", "Domain-0", 8);
	put(&st.live, "/local/pool/0/name", "Pool-0", 6);
	put(&st.live, "/vm", "", 0);
	put(&st.live, "/libxl", "", 0);
	st.start = tree_copy(&st.live);
	if (pthread_create(&st.thread, NULL, daemon_thread, NULL) != 0)
		abort();
}

void fake_store_stop(void)
{
	if (write(st.wake[1], "", 1) != 1)
		abort();
	pthread_join(st.thread, NULL);
	for (size_t i = 0; i < MAX_CLIENTS; i++)
		if (st.clients[i].fd >= 0)
			drop(&st.clients[i]);
	close(st.listener);
	close(st.wake[0]);
	close(st.wake[1]);
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
	pthread_mutex_lock(&st.lock);
	if (value)
		put(&st.live, path, value, strlen(value));
	else
		cut(&st.live, path);
	st.gen++;
	fire(path, !value);
	pthread_mutex_unlock(&st.lock);
}

char *fake_store_get(const char *path)
{
	const struct node *n;
	char *value;

	pthread_mutex_lock(&st.lock);
	n = find(&st.live, path);
	value = n ? xstrdup(n->value) : NULL;
	pthread_mutex_unlock(&st.lock);
	return value;
}

void fake_store_fire(const char *path)
{
	pthread_mutex_lock(&st.lock);
	fire(path, false);
	pthread_mutex_unlock(&st.lock);
}

void fake_store_on_change(void (*fn)(const char *path, const char *value))
{
	pthread_mutex_lock(&st.lock);
	st.on_change = fn;
	pthread_mutex_unlock(&st.lock);
}

static const char *first_missing(const struct tree *in, const struct tree *from)
{
	for (size_t i = 0; i < from->n; i++)
		if (!find(in, from->v[i].path))
			return from->v[i].path;
	return NULL;
}

char *fake_store_leftover(void)
{
	const char *path;
	char *found;

	pthread_mutex_lock(&st.lock);
	path = first_missing(&st.start, &st.live);
	if (!path)
		path = first_missing(&st.live, &st.start);
	found = path ? xstrdup(path) : NULL;
	pthread_mutex_unlock(&st.lock);
	return found;
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct node *)a)->path, ((const struct node *)b)->path);
}

char *fake_store_dump(const char *below)
{
	struct strbuf out = STRBUF_INIT;
	struct tree copy;

	pthread_mutex_lock(&st.lock);
	copy = tree_copy(&st.live);
	pthread_mutex_unlock(&st.lock);
	qsort(copy.v, copy.n, sizeof(*copy.v), by_path);
	for (size_t i = 0; i < copy.n; i++) {
		const struct node *n = &copy.v[i];

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
