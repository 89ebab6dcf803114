// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The store as libvmm uses it: single requests, batches and transactions over the wire client of
 * xs/, with a time limit on every answer. Knows what requests mean and what their refusal is
 * called; does not know what is kept where in the store.
 */
#include "libvmm/store.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "xs/client.h"

struct store {
	struct xs_client *client;
	store_trace_fn *trace;
	void *trace_arg;
	uint64_t nr_ops;
};

/* What a request is called in the trace and in messages. */
static const struct op {
	const char *name, *doing;
} ops[] = {
	[XS_DIRECTORY] = { "list", "listing" },
	[XS_READ] = { "read", "reading" },
	[XS_GET_PERMS] = { "get-perms", "reading the permissions of" },
	[XS_WATCH] = { "watch", "watching" },
	[XS_UNWATCH] = { "unwatch", "unwatching" },
	[XS_TRANSACTION_START] = { "transaction", "starting a transaction" },
	[XS_TRANSACTION_END] = { "commit", "ending a transaction" },
	[XS_INTRODUCE] = { "introduce", "introducing domain" },
	[XS_RELEASE] = { "release", "releasing domain" },
	[XS_WRITE] = { "write", "writing" },
	[XS_MKDIR] = { "mkdir", "making" },
	[XS_RM] = { "rm", "removing" },
	[XS_SET_PERMS] = { "set-perms", "setting the permissions of" },
	[XS_IS_DOMAIN_INTRODUCED] = { "is-introduced", "asking about domain" },
	[XS_RESUME] = { "resume", "resuming domain" },
	[XS_SET_TARGET] = { "set-target", "setting the target of domain" },
	[XS_DIRECTORY_PART] = { "list-part", "listing" },
};

/* --- context ---------------------------------------------------------------------------------- */

int store_open(struct store **out, struct err *err)
{
	struct xs_client *client = NULL;

	if (xs_client_open(&client, false, err) < 0) {
		if (err->code == EACCES || err->code == EPERM)
			return err_wrap(err, "connecting to xenstored (are you root?)");
		err->code = ENOTCONN;
		return err_wrap(err, "connecting to xenstored (is it running?)");
	}
	xs_client_set_timeout(client, STORE_TIMEOUT_MS);
	struct store *s = xcalloc(1, sizeof(*s));

	s->client = client;
	*out = s;
	return 0;
}

void store_close(struct store *s)
{
	if (s)
		xs_client_close(s->client);
	free(s);
}

void store_set_trace(struct store *s, store_trace_fn *fn, void *arg)
{
	s->trace = fn;
	s->trace_arg = arg;
}

uint64_t store_nr_ops(const struct store *s)
{
	return s->nr_ops;
}

/* --- requests --------------------------------------------------------------------------------- */

struct request {
	enum xs_type type;
	uint32_t tx;
	const char *path;	/* or the domid, as text; "" where there is nothing to name */
	const char *tail;	/* what follows the path's NUL */
	size_t tail_len;
	const char *shown;	/* the tail in the trace; NULL: nothing to show */
};

static int refused(const struct request *r, int code, struct err *err)
{
	const char *space = r->path[0] ? " " : "";

	return err_set(err, code, "xenstore: %s%s%.*s: %s", ops[r->type].doing, space, 300, r->path,
		       strerror(code));
}

static int wrap_request(const struct request *r, struct err *err)
{
	const char *space = r->path[0] ? " " : "";

	return err_wrap(err, "xenstore: %s%s%.*s", ops[r->type].doing, space, 300, r->path);
}

static int queue(struct store *s, const struct request *r, struct err *err)
{
	if (strlen(r->path) > XS_PATH_MAX)
		return refused(r, E2BIG, err);
	if (xs_client_queue_path(s->client, r->type, r->tx, r->path, r->tail, r->tail_len, err) < 0)
		return wrap_request(r, err);
	s->nr_ops++;
	if (s->trace)
		s->trace(s->trace_arg, ops[r->type].name, r->path, r->shown);
	return 0;
}

/* Only a broken connection fails: reply->error is the caller's to judge. */
static int next(struct store *s, const struct request *r, struct xs_reply *reply, struct err *err)
{
	if (xs_client_next(s->client, reply, err) < 0)
		return wrap_request(r, err);
	return 0;
}

static int ask(struct store *s, const struct request *r, struct xs_reply *reply, struct err *err)
{
	if (queue(s, r, err) < 0)
		return -1;
	return next(s, r, reply, err);
}

/* Asks, and any refusal is a failure. */
static int demand(struct store *s, const struct request *r, struct xs_reply *reply, struct err *err)
{
	if (ask(s, r, reply, err) < 0)
		return -1;
	return reply->error ? refused(r, reply->error, err) : 0;
}

/* A value as a string: what is behind a NUL in it is not for those who read text. */
static char *value_of(const struct xs_reply *reply)
{
	return xstrndup(reply->data, reply->len);
}

static int read_value(struct store *s, uint32_t tx, const char *path, bool is_optional,
		      char **value, struct err *err)
{
	struct request r = { .type = XS_READ, .tx = tx, .path = path };
	struct xs_reply reply;

	*value = NULL;
	if (ask(s, &r, &reply, err) < 0)
		return -1;
	if (reply.error == ENOENT && is_optional)
		return 0;
	if (reply.error)
		return refused(&r, reply.error, err);
	*value = value_of(&reply);
	return 0;
}

int store_read(struct store *s, char **value, struct err *err, const char *path, ...)
{
	va_list ap;

	va_start(ap, path);
	autofree char *p = str_vprintf(path, ap);
	va_end(ap);
	return read_value(s, 0, p, false, value, err);
}

int store_read_opt(struct store *s, char **value, struct err *err, const char *path, ...)
{
	va_list ap;

	va_start(ap, path);
	autofree char *p = str_vprintf(path, ap);
	va_end(ap);
	return read_value(s, 0, p, true, value, err);
}

int store_read_u64(struct store *s, uint64_t *value, struct err *err, const char *path, ...)
{
	va_list ap;

	va_start(ap, path);
	autofree char *p = str_vprintf(path, ap);
	va_end(ap);
	autofree char *text = NULL;

	if (read_value(s, 0, p, false, &text, err) < 0)
		return -1;
	if (num_dec(text, UINT64_MAX, p, value, err) < 0)
		return err_wrap(err, "xenstore");
	return 0;
}

int store_write(struct store *s, const char *path, const char *value, struct err *err)
{
	struct request r = { XS_WRITE, 0, path, value, strlen(value), value };
	struct xs_reply reply;

	return demand(s, &r, &reply, err);
}

int store_rm(struct store *s, const char *path, struct err *err)
{
	struct request r = { .type = XS_RM, .path = path };
	struct xs_reply reply;

	if (ask(s, &r, &reply, err) < 0)
		return -1;
	return reply.error && reply.error != ENOENT ? refused(&r, reply.error, err) : 0;
}

int store_mkdir(struct store *s, const char *path, struct err *err)
{
	struct request r = { .type = XS_MKDIR, .path = path };
	struct xs_reply reply;

	return demand(s, &r, &reply, err);
}

int store_read_many(struct store *s, const char *const *paths, size_t nr, char **values,
		    struct err *err)
{
	struct request r = { .type = XS_READ };
	struct xs_reply reply;
	size_t nr_queued = 0;
	int result = 0;

	memset(values, 0, nr * sizeof(*values));
	for (; nr_queued < nr && result == 0; nr_queued += result == 0) {
		r.path = paths[nr_queued];
		result = queue(s, &r, err);
	}
	/* Every reply is taken, or the next request would get this one's. */
	for (size_t i = 0; i < nr_queued; i++) {
		struct err broken = ERR_INIT;

		r.path = paths[i];
		if (next(s, &r, &reply, result < 0 ? &broken : err) < 0) {
			result = -1;
			break;
		}
		if (!reply.error)
			values[i] = value_of(&reply);
		else if (reply.error != ENOENT && result == 0)
			result = refused(&r, reply.error, err);
	}
	for (size_t i = 0; result < 0 && i < nr; i++)
		free(steal(values[i]));
	return result;
}

/* --- lists ------------------------------------------------------------------------------------ */

#define LIST_MAX (16u << 20)	/* bytes of names in one directory: far beyond what a store holds */

/* A list of NUL-terminated names. */
static void add_names(struct strlist *out, const char *data, size_t len)
{
	for (size_t n; len > 0; data += n, len -= n) {
		n = strnlen(data, len);
		strlist_take(out, xstrndup(data, n));
		n += n < len;
	}
}

/*
 * A directory too large for one message, in parts: "GENERATION\0name\0name\0...", one more NUL at
 * the end of the last. It starts over when the generation changed, as often as the store says
 * something new within the time limit.
 */
static int list_parts(struct store *s, uint32_t tx, const char *path, struct strbuf *names,
		      struct err *err)
{
	uint64_t end = time_ms() + STORE_TIMEOUT_MS;
	char offset[24], generation[24] = "";
	struct request r = { XS_DIRECTORY_PART, tx, path, offset, 0, offset };
	struct xs_reply reply;

	names->len = 0;
	for (;;) {
		r.tail_len = (size_t)snprintf(offset, sizeof(offset), "%zu", names->len) + 1;
		if (demand(s, &r, &reply, err) < 0)
			return -1;
		size_t gen_len = strlen(reply.data) + 1;

		if (gen_len >= reply.len || gen_len > sizeof(generation))
			return refused(&r, EPROTO, err);
		if (names->len > 0 && strcmp(generation, reply.data) != 0) {
			if (time_ms() > end)
				return refused(&r, EAGAIN, err);
			names->len = 0;
			continue;
		}
		memcpy(generation, reply.data, gen_len);
		if (names->len > LIST_MAX)
			return refused(&r, E2BIG, err);
		strbuf_addn(names, reply.data + gen_len, reply.len - gen_len);
		/* Two NULs in a row, or one alone: the end. */
		if (names->data[names->len - 1] != '\0')
			return refused(&r, EPROTO, err);
		if (names->len == 1 || names->data[names->len - 2] == '\0')
			break;
	}
	names->len--;
	return 0;
}

static int list_children(struct store *s, uint32_t tx, const char *path, struct strlist *out,
			 struct err *err)
{
	struct request r = { .type = XS_DIRECTORY, .tx = tx, .path = path };
	autostrbuf struct strbuf names = STRBUF_INIT;
	struct xs_reply reply;

	if (ask(s, &r, &reply, err) < 0)
		return -1;
	if (!reply.error) {
		add_names(out, reply.data, reply.len);
		return 0;
	}
	if (reply.error != E2BIG)
		return refused(&r, reply.error, err);
	if (list_parts(s, tx, path, &names, err) < 0)
		return -1;
	add_names(out, names.data, names.len);
	return 0;
}

int store_list(struct store *s, const char *path, struct strlist *out, struct err *err)
{
	return list_children(s, 0, path, out, err);
}

/* --- permissions ------------------------------------------------------------------------------ */

static int parse_perm(const char *text, struct store_perm *perm, struct err *err)
{
	uint64_t domid;

	if (!text[0] || !strchr("nrwb", text[0]))
		return err_set(err, EPROTO, "'%s' is no permission", text);
	if (num_dec(text + 1, UINT32_MAX, text, &domid, err) < 0)
		return -1;
	perm->mode = text[0];
	perm->domid = (uint32_t)domid;
	return 0;
}

int store_get_perms(struct store *s, const char *path, struct store_perm *perms, size_t *nr,
		    struct err *err)
{
	struct request r = { .type = XS_GET_PERMS, .path = path };
	autostrlist struct strlist list = STRLIST_INIT;
	struct xs_reply reply;

	if (demand(s, &r, &reply, err) < 0)
		return -1;
	add_names(&list, reply.data, reply.len);
	if (list.n > *nr)
		return refused(&r, ENOSPC, err);
	for (size_t i = 0; i < list.n; i++)
		if (parse_perm(list.v[i], &perms[i], err) < 0)
			return wrap_request(&r, err);
	*nr = list.n;
	return 0;
}

static char *perms_text(const struct store_perm *perms, size_t nr, size_t *len)
{
	struct strbuf b = STRBUF_INIT;

	for (size_t i = 0; i < nr; i++) {
		strbuf_printf(&b, "%c%" PRIu32, perms[i].mode, perms[i].domid);
		strbuf_addc(&b, '\0');
	}
	*len = b.len;
	return strbuf_steal(&b);
}

/* --- domains ---------------------------------------------------------------------------------- */

/* A request that names a domain and perhaps numbers, each with its NUL. */
static int ask_domain(struct store *s, enum xs_type type, uint32_t domid, const char *tail,
		      size_t tail_len, struct xs_reply *reply, struct err *err)
{
	char text[16];
	struct request r = { type, 0, text, tail, tail_len, tail };

	snprintf(text, sizeof(text), "%" PRIu32, domid);
	return demand(s, &r, reply, err);
}

int store_introduce(struct store *s, uint32_t domid, uint64_t gfn, uint32_t port, struct err *err)
{
	char tail[48];
	int gfn_len = snprintf(tail, sizeof(tail), "%" PRIu64, gfn) + 1;
	int len = gfn_len +
		  snprintf(tail + gfn_len, sizeof(tail) - (size_t)gfn_len, "%" PRIu32, port) + 1;
	struct xs_reply reply;

	return ask_domain(s, XS_INTRODUCE, domid, tail, (size_t)len, &reply, err);
}

int store_release(struct store *s, uint32_t domid, struct err *err)
{
	struct xs_reply reply;

	return ask_domain(s, XS_RELEASE, domid, NULL, 0, &reply, err);
}

int store_resume(struct store *s, uint32_t domid, struct err *err)
{
	struct xs_reply reply;

	return ask_domain(s, XS_RESUME, domid, NULL, 0, &reply, err);
}

int store_set_target(struct store *s, uint32_t domid, uint32_t target, struct err *err)
{
	char tail[16];
	int len = snprintf(tail, sizeof(tail), "%" PRIu32, target) + 1;
	struct xs_reply reply;

	return ask_domain(s, XS_SET_TARGET, domid, tail, (size_t)len, &reply, err);
}

int store_is_introduced(struct store *s, uint32_t domid, bool *is_introduced, struct err *err)
{
	struct xs_reply reply;

	if (ask_domain(s, XS_IS_DOMAIN_INTRODUCED, domid, NULL, 0, &reply, err) < 0)
		return -1;
	*is_introduced = strcmp(reply.data, "T") == 0;
	return 0;
}

/* --- transactions ----------------------------------------------------------------------------- */

struct store_change {
	struct store_change *next;
	enum xs_type type;
	char *path, *tail;
	size_t tail_len;
};

static void txn_forget(struct store_txn *t)
{
	struct store_change *c;

	while ((c = t->head)) {
		t->head = c->next;
		free(c->path);
		free(c->tail);
		free(c);
	}
	t->tail = NULL;
}

static void txn_add(struct store_txn *t, enum xs_type type, char *take_path, char *take_tail,
		    size_t tail_len)
{
	struct store_change *c = xcalloc(1, sizeof(*c));
	struct store_change **tail = t->tail ? t->tail : &t->head;

	c->type = type;
	c->path = take_path;
	c->tail = take_tail;
	c->tail_len = tail_len;
	*tail = c;
	t->tail = &c->next;
}

static void txn_add_perms(struct store_txn *t, char *take_path, const struct store_perm *perms,
			  size_t nr)
{
	size_t len;
	char *text = perms_text(perms, nr, &len);

	txn_add(t, XS_SET_PERMS, take_path, text, len);
}

void store_txn_write(struct store_txn *t, const char *value, const char *path, ...)
{
	va_list ap;

	va_start(ap, path);
	char *p = str_vprintf(path, ap);
	va_end(ap);
	txn_add(t, XS_WRITE, p, xstrdup(value), strlen(value));
}

void store_txn_mkdir(struct store_txn *t, const struct store_perm *perms, size_t nr,
		     const char *path, ...)
{
	va_list ap;

	va_start(ap, path);
	char *p = str_vprintf(path, ap);
	va_end(ap);
	txn_add(t, XS_MKDIR, p, NULL, 0);
	if (nr > 0)
		txn_add_perms(t, xstrdup(p), perms, nr);
}

void store_txn_perms(struct store_txn *t, const struct store_perm *perms, size_t nr,
		     const char *path, ...)
{
	va_list ap;

	va_start(ap, path);
	char *p = str_vprintf(path, ap);
	va_end(ap);
	if (nr > 0)
		txn_add_perms(t, p, perms, nr);
	else
		free(p);
}

void store_txn_rm(struct store_txn *t, const char *path, ...)
{
	va_list ap;

	va_start(ap, path);
	char *p = str_vprintf(path, ap);
	va_end(ap);
	txn_add(t, XS_RM, p, NULL, 0);
}

static int txn_start(struct store_txn *t, struct err *err)
{
	static const struct request r = { .type = XS_TRANSACTION_START, .path = "" };
	struct xs_reply reply;
	uint64_t id;

	if (t->id != 0)
		return 0;
	if (demand(t->store, &r, &reply, err) < 0)
		return -1;
	if (num_dec(reply.data, UINT32_MAX, "transaction id", &id, err) < 0)
		return wrap_request(&r, err);
	if (id == 0)
		return refused(&r, EPROTO, err);
	t->id = (uint32_t)id;
	return 0;
}

/* EAGAIN is not put into words: the caller may want to try again. */
static int txn_end(struct store_txn *t, bool commit, struct err *err)
{
	const struct request r = { XS_TRANSACTION_END, t->id, commit ? "T" : "F", NULL, 0, NULL };
	struct xs_reply reply;

	t->id = 0;
	if (ask(t->store, &r, &reply, err) < 0)
		return -1;
	if (!reply.error)
		return 0;
	return err_set(err, reply.error, "xenstore: committing a transaction: %s",
		       strerror(reply.error));
}

int store_txn_read_opt(struct store_txn *t, char **value, struct err *err, const char *path, ...)
{
	va_list ap;

	va_start(ap, path);
	autofree char *p = str_vprintf(path, ap);
	va_end(ap);
	*value = NULL;
	if (txn_start(t, err) < 0)
		return -1;
	return read_value(t->store, t->id, p, true, value, err);
}

int store_txn_list(struct store_txn *t, struct strlist *out, struct err *err, const char *path, ...)
{
	va_list ap;

	va_start(ap, path);
	autofree char *p = str_vprintf(path, ap);
	va_end(ap);
	if (txn_start(t, err) < 0)
		return -1;
	return list_children(t->store, t->id, p, out, err);
}

static struct request request_of(const struct store_txn *t, const struct store_change *c)
{
	return (struct request){ c->type, t->id, c->path, c->tail, c->tail_len, c->tail };
}

/* All changes in one write, then all replies; the first refusal is the result. */
static int txn_send(struct store_txn *t, struct err *err)
{
	struct store_change *c, *end;
	struct xs_reply reply;
	int result = 0;

	for (c = t->head; c && result == 0; c = result == 0 ? c->next : c) {
		struct request r = request_of(t, c);

		result = queue(t->store, &r, err);
	}
	for (end = c, c = t->head; c != end; c = c->next) {
		struct request r = request_of(t, c);
		struct err broken = ERR_INIT;

		if (next(t->store, &r, &reply, result < 0 ? &broken : err) < 0)
			return -1;
		if (c->type == XS_RM && reply.error == ENOENT)
			continue;
		if (reply.error && result == 0)
			result = refused(&r, reply.error, err);
	}
	return result;
}

static int txn_try(struct store_txn *t, struct err *err)
{
	struct err unused = ERR_INIT;

	if (txn_start(t, err) < 0)
		return -1;
	if (txn_send(t, err) == 0)
		return txn_end(t, true, err);
	if (txn_end(t, false, &unused) < 0)
		err_clear(&unused);
	return -1;
}

/*
 * Three round trips: start, the changes, the end. The end does not travel with the changes, for the
 * store would commit what is left when it has refused one of them. A single change is atomic as it
 * is.
 */
int store_txn_commit(struct store_txn *t, struct err *err)
{
	uint64_t end = time_ms() + STORE_TIMEOUT_MS;
	bool may_retry = t->id == 0;
	int result = 0;

	if (may_retry && (!t->head || !t->head->next)) {
		result = txn_send(t, err);
	} else {
		do {
			result = txn_try(t, err);
		} while (result < 0 && err->code == EAGAIN && may_retry && time_ms() < end);
	}
	txn_forget(t);
	return result;
}

void store_txn_free(struct store_txn *t)
{
	struct err unused = ERR_INIT;

	if (t->id != 0 && txn_end(t, false, &unused) < 0)
		err_clear(&unused);
	txn_forget(t);
}

/* --- watches ---------------------------------------------------------------------------------- */

int store_fd(const struct store *s)
{
	return xs_client_fd(s->client);
}

static int ask_watch(struct store *s, enum xs_type type, const char *path, const char *token,
		     struct err *err)
{
	struct request r = { type, 0, path, token, strlen(token) + 1, token };
	struct xs_reply reply;

	return demand(s, &r, &reply, err);
}

int store_watch(struct store *s, const char *path, const char *token, struct err *err)
{
	return ask_watch(s, XS_WATCH, path, token, err);
}

int store_unwatch(struct store *s, const char *path, const char *token, struct err *err)
{
	int result = ask_watch(s, XS_UNWATCH, path, token, err);

	xs_client_drop_events(s->client, path, token);
	return result;
}

int store_next_event(struct store *s, int timeout_ms, char **path, char **token, struct err *err)
{
	int r = xs_client_event(s->client, timeout_ms, path, token, err);

	return r < 0 ? err_wrap(err, "xenstore: waiting for an event") : r;
}
