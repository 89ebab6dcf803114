// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Live update, both halves: writing the state and becoming the new program, and being the new
 * program that takes the state up. Knows what has to survive an exec (descriptors, bound ports,
 * bytes under way); what the stream looks like is state.c's business.
 */
#include "xenstored/update.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "xenstored/conn_socket.h"
#include "xenstored/control.h"
#include "xenstored/state.h"

#define DEFAULT_ROOTDIR "/var/lib/xenstored"
#define STATE_MAX	(1u << 30)
#define MAX_WORDS	64

static const struct update_parts *parts;

/* The session that xenstore-control leads; dropped by -a and by a failure. */
static struct {
	char *binary, *cmdline;
	uint64_t started_ms;	/* 0: not asked to start yet */
	uint32_t version;	/* of the stream; 0: the oldest that holds everything */
} session;

static void session_end(void)
{
	free(session.binary);
	free(session.cmdline);
	memset(&session, 0, sizeof(session));
}

static void state_path(char *path, size_t size)
{
	const char *dir = getenv("XENSTORED_ROOTDIR");

	snprintf(path, size, "%s/state_dump", dir ? dir : DEFAULT_ROOTDIR);
}

/* --- writing the state ------------------------------------------------------------------------ */

struct buffer {
	char *data;
	size_t len, size;
};

static void *buffer_room(void *arg, size_t len, struct err *err)
{
	struct buffer *b = arg;

	if (b->len + len > b->size) {
		size_t size = 2 * (b->len + len) + 65536;
		char *data = realloc(b->data, size);

		if (!data) {
			err_set(err, ENOMEM, "live update: no memory for the state");
			return NULL;
		}
		b->data = data;
		b->size = size;
	}
	b->len += len;
	return b->data + b->len - len;
}

/* "OK" as the new daemon is to send it for the request that started all this. */
static size_t put_ok(const struct request *r, char *out)
{
	struct wire_header h;

	memcpy(&h, r->payload - WIRE_HEADER, sizeof(h));
	h.len = 3;
	memcpy(out, &h, sizeof(h));
	memcpy(out + sizeof(h), "OK", 3);
	return sizeof(h) + 3;
}

static int put_conn(const struct state_sink *s, struct conn *c, const struct request *r,
		    struct err *err)
{
	struct conn_ring *ring = conn_ring_of(c);
	struct state_conn rec = { .id = c->id, .fd = conn_socket_fd(c), .target = STATE_NO_DOMAIN };
	autofree char *out = NULL;

	if (c->dead || (!ring && rec.fd < 0))
		return 0;
	rec.is_socket = !ring;
	rec.domid = c->domid;
	if (ring)
		rec.port = ring->port;
	if (c->domain && c->domain->target < DOMID_FIRST_RESERVED)
		rec.target = c->domain->target;
	rec.in = conn_input(c, &rec.in_len);
	rec.out = conn_output(c, &rec.out_len);
	rec.response_len = conn_output_tail(c);
	if (c == r->conn) {
		/* Its request is still in front of the input. */
		rec.in += WIRE_HEADER + r->len;
		rec.in_len -= WIRE_HEADER + r->len;
		out = malloc(rec.out_len + WIRE_MESSAGE_MAX);
		if (!out)
			return err_set(err, ENOMEM, "live update: no memory");
		memcpy(out, rec.out, rec.out_len);
		rec.out_len += put_ok(r, out + rec.out_len);
		rec.out = out;
	}
	if (state_put_conn(s, &rec, err) < 0 || state_put_conn_watches(s, c, err) < 0)
		return -1;
	return state_put_conn_txns(s, c, err);
}

/* Version 1, which every daemon reads, unless something needs more. */
static uint32_t version_needed(const struct world *w)
{
	const struct conn *c;
	const struct watch *watch;

	list_for_each_entry(c, &w->conns, of_world)
		list_for_each_entry(watch, &c->watcher.watches, of_watcher)
			if (watch->depth != WATCH_ANY_DEPTH)
				return STATE_VERSION_2;
	return STATE_VERSION_1;
}

static int put_state(const struct state_sink *s, const struct request *r, struct err *err)
{
	struct world *w = r->world;
	struct conn *c;

	if (session.version && session.version < version_needed(w))
		return err_set(err, EINVAL,
			       "live update: version %u of the state has no depth of watches",
			       session.version);
	if (state_put_header(s, session.version ? session.version : version_needed(w), err) < 0 ||
	    state_put_global(s, parts->server->listener.fd,
			     parts->guests ? hyp_fd(guests_hyp(parts->guests)) : -1, err) < 0)
		return -1;
	list_for_each_entry(c, &w->conns, of_world)
		if (put_conn(s, c, r, err) < 0)
			return -1;
	if (state_put_world(s, w, err) < 0 || state_put_tree(s, w->root, err) < 0)
		return -1;
	return state_put_end(s, err);
}

static int write_state(const struct request *r, struct err *err)
{
	struct buffer b = { .data = NULL };
	struct state_sink sink = { buffer_room, &b };
	char path[512], *slash;
	int ok = put_state(&sink, r, err);

	state_path(path, sizeof(path));
	slash = strrchr(path, '/');
	if (ok == 0 && slash) {
		*slash = '\0';
		ok = file_mkdirs(path, 0700, err);
		*slash = '/';
	}
	if (ok == 0)
		ok = file_write_atomic(path, b.data, b.len, 0600, err);
	free(b.data);
	return ok;
}

/* --- becoming another program ----------------------------------------------------------------- */

/* What was read counts as handled and leaves the rings; the new daemon begins where their indices
 * stand. */
static void settle_all(struct world *w)
{
	struct conn *c;

	if (parts->journal)
		journal_flush(parts->journal, &w->turn.dirty);
	list_for_each_entry(c, &w->conns, of_world)
		if (!c->dead && c->ops->settle)
			c->ops->settle(c);
}

/* Ours do not block and end with us; a daemon that takes over may be one that expects neither. */
static void keep_descriptor(int fd, bool keep)
{
	int flags = fcntl(fd, F_GETFL);

	if (fd < 0 || flags < 0)
		return;
	(void)fcntl(fd, F_SETFL, keep ? flags & ~O_NONBLOCK : flags | O_NONBLOCK);
	(void)fcntl(fd, F_SETFD, keep ? 0 : FD_CLOEXEC);
}

static void keep_descriptors(struct world *w, bool keep)
{
	struct conn *c;

	list_for_each_entry(c, &w->conns, of_world)
		keep_descriptor(conn_socket_fd(c), keep);
	keep_descriptor(parts->server->listener.fd, keep);
	if (parts->guests)
		guests_hand_over(parts->guests, keep);
}

/* The new command line: the session's words or those of this process, and -U. */
static void make_argv(char *argv[MAX_WORDS + 3], char *minus_u)
{
	bool has_update = false;
	char *save = NULL;
	size_t n = 1;

	argv[0] = session.binary;
	if (session.cmdline)
		for (char *word = strtok_r(session.cmdline, " \t", &save); word && n < MAX_WORDS;
		     word = strtok_r(NULL, " \t", &save))
			argv[n++] = word;
	else
		for (char **word = parts->argv + 1; *word && n < MAX_WORDS; word++)
			argv[n++] = *word;
	for (size_t i = 1; i < n; i++)
		has_update |= strcmp(argv[i], "-U") == 0 || strcmp(argv[i], "--live-update") == 0;
	if (!has_update)
		argv[n++] = minus_u;
	argv[n] = NULL;
}

/* Returns only when it fails. */
static int become(struct request *r, struct err *err)
{
	char *argv[MAX_WORDS + 3], minus_u[] = "-U";

	settle_all(r->world);
	if (write_state(r, err) < 0)
		return -1;
	make_argv(argv, minus_u);
	keep_descriptors(r->world, true);
	log_info("live update: becoming %s", session.binary);
	execv(session.binary, argv);
	err_set(err, errno, "%s: exec: %s", session.binary, strerror(errno));
	keep_descriptors(r->world, false);
	return -1;
}

/* --- the dialogue ----------------------------------------------------------------------------- */

/* Open transactions: none, or (forced) all of them older than the time-out. */
static bool may_start(const struct world *w, uint64_t now_ms, uint64_t timeout_ms, bool force)
{
	const struct conn *c;
	const struct txn *t;

	if (w->nr_txns == 0)
		return true;
	if (!force)
		return false;
	list_for_each_entry(c, &w->conns, of_world)
		list_for_each_entry(t, &c->txns, of_conn)
			if (now_ms - t->started_ms < timeout_ms)
				return false;
	return true;
}

struct start_options {
	uint64_t timeout_ms;
	uint32_t version;
	bool force;
};

static int read_start(const struct request *r, struct start_options *o, struct err *err)
{
	*o = (struct start_options){ .timeout_ms = 60000 };
	for (unsigned i = 2; i < r->nr_args; i++) {
		const char *word = r->args[i].s;
		const struct wire_arg *value = i + 1 < r->nr_args ? &r->args[i + 1] : NULL;

		if (strcmp(word, "-F") == 0) {
			o->force = true;
			continue;
		}
		i++;
		if (value && strcmp(word, "-t") == 0)
			o->timeout_ms = 1000u * (uint64_t)op_number(value);
		else if (value && strcmp(word, "-v") == 0)
			o->version = op_number(value);
		else
			return err_set(err, EINVAL, "live-update -s: '%.40s'", word);
	}
	if (o->version > STATE_VERSION_2)
		return err_set(err, EINVAL,
			       "live-update: version %u of the state is not known (1 and 2 are)",
			       o->version);
	return 0;
}

static int start(struct request *r, struct reply *reply, struct err *err)
{
	uint64_t now_ms = time_ms();
	struct start_options o;

	if (read_start(r, &o, err) < 0)
		return -1;
	if (!session.binary) {
		reply_string(reply, "Not in live-update session.");
		return 0;
	}
	session.version = o.version;
	if (session.started_ms == 0)
		session.started_ms = now_ms ? now_ms : 1;
	if (!may_start(r->world, r->world->now_ms, o.timeout_ms, o.force)) {
		bool late = now_ms - session.started_ms >= o.timeout_ms;

		reply_string(reply, late ? "Overlapping transactions" : "BUSY");
		if (late)
			session_end();
		return 0;
	}
	if (become(r, err) < 0) {
		log_error("live update: %s", err->msg);
		reply_string(reply, err->msg);
		session_end();
	}
	return 0;
}

static int set_binary(const char *path, struct reply *reply, struct err *err)
{
	if (access(path, F_OK) < 0)
		reply_string(reply, "File not accessible.");
	else if (access(path, X_OK) < 0)
		reply_string(reply, "File not executable.");
	else if (session.binary)
		reply_string(reply, "live-update session already active.");
	else if (!(session.binary = strdup(path)))
		return err_set(err, ENOMEM, "live-update: no memory");
	return 0;
}

static int set_cmdline(const char *words, struct reply *reply, struct err *err)
{
	if (!session.binary) {
		reply_string(reply, "Not in live-update session.");
		return 0;
	}
	free(session.cmdline);
	session.cmdline = strdup(words);
	return session.cmdline ? 0 : err_set(err, ENOMEM, "live-update: no memory");
}

static int live_update(struct request *r, struct reply *reply, struct err *err)
{
	const char *how = r->args[1].s;

	if (strcmp(how, "-f") == 0 && r->nr_args == 3)
		return set_binary(r->args[2].s, reply, err);
	if (strcmp(how, "-c") == 0 && r->nr_args == 3)
		return set_cmdline(r->args[2].s, reply, err);
	if (strcmp(how, "-s") == 0)
		return start(r, reply, err);
	if (strcmp(how, "-a") == 0 && r->nr_args == 2) {
		session_end();
		return 0;
	}
	return err_set(err, EINVAL, "live-update: '%.40s'", how);
}

static const struct control_command command = {
	.name = "live-update",
	.args = "[-c <cmdline>] [-F] [-t <timeout>] [-v <version>] <file>\n    Default timeout is 60 seconds.",
	.min = 1,
	.max = 6,
	.run = live_update,
};

void update_register(const struct update_parts *p)
{
	parts = p;
	control_register(&command);
}

/* --- taking the state up ---------------------------------------------------------------------- */

static int peek_global(void *arg, int socket_fd, int evtchn_fd, struct err *err)
{
	struct update_state *s = arg;

	(void)err;
	s->socket_fd = socket_fd;
	s->evtchn_fd = evtchn_fd;
	return 0;
}

int update_read(struct update_state *s, struct err *err)
{
	static const struct state_reader reader = { .global = peek_global };
	char path[512];

	*s = (struct update_state){ .socket_fd = -1, .evtchn_fd = -1 };
	state_path(path, sizeof(path));
	if (file_read(path, STATE_MAX, &s->data, &s->len, err) < 0)
		return -1;
	if (state_read(s->data, s->len, &reader, s, NULL, NULL, err) < 0)
		return err_wrap(err, "%s", path);
	return 0;
}

static int restore_socket(const struct state_conn *c, struct err *err)
{
	struct conn *conn;

	keep_descriptor(c->fd, false);
	conn = server_restore_client(parts->server, c->fd, c->id, err);
	if (!conn)
		return -1;
	return conn_restore(conn, c->in, c->in_len, c->out, c->out_len, c->response_len, err);
}

/* The port is bound already; where it leads is asked for, in case it has to be bound again one
 * day. */
static int restore_ring(const struct state_conn *c, struct err *err)
{
	struct domain *d = world_restore_domain(parts->server->world, c->domid, err);
	struct conn_ring *r = d ? guests_restore(parts->guests, d, c->id) : NULL;

	if (!r)
		return err_set(err, ENOMEM, "domain %u: no memory", c->domid);
	if (c->target < DOMID_FIRST_RESERVED)
		d->target = c->target;
	d->port = guests_remote_port(parts->guests, c->domid);
	if (guests_revive(parts->guests, d, c->port, NULL, err) < 0) {
		log_info("%s", err->msg);
		err_clear(err);
		return 0;	/* it died meanwhile: the scan buries it */
	}
	struct ring_position at = conn_ring_position(r);

	conn_ring_resume(r, &at, c->in, c->in_len, c->out, c->out_len, c->response_len);
	return 0;
}

static int load_conn(void *arg, const struct state_conn *c, struct err *err)
{
	(void)arg;
	if (c->is_socket)
		return restore_socket(c, err);
	return parts->guests ? restore_ring(c, err) : 0;
}

int update_restore(const struct update_state *s, const struct update_parts *p, struct err *err)
{
	static const struct state_reader reader = { .conn = load_conn };
	struct world *w = p->server->world;
	int ok;

	parts = p;
	keep_descriptor(s->socket_fd, false);
	/* Clients may hold generations of the former daemon. */
	w->gen += UINT64_C(1) << 40;
	w->restoring = true;
	ok = state_read(s->data, s->len, &reader, NULL, w, NULL, err);
	w->restoring = false;
	if (ok == 0 && p->guests)
		guests_scan(p->guests);
	return ok;
}

void update_done(struct update_state *s)
{
	char path[512];

	free(s->data);
	s->data = NULL;
	state_path(path, sizeof(path));
	(void)unlink(path);
}
