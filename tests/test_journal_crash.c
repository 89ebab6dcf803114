// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * kill -9 at every instruction. A daemon serves a domain's requests one machine instruction at a
 * time; whenever that changed the journal or the ring page, what a kill would have left behind is
 * kept. A second daemon then takes over from each of these remains, and must give the domain the
 * very bytes that an undisturbed daemon gives, and end with the very same tree.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/file.h"
#include "base/str.h"
#include "tests/fake/fake.h"
#include "tests/files.h"
#include "tests/test.h"
#include "xenstored/conn_ring.h"
#include "xenstored/guests.h"
#include "xenstored/journal.h"
#include "xenstored/server.h"
#include "xenstored/state.h"
#include "xenstored/wire.h"

#define RING_GFN 0x40000
#define FIRST_DOMID 1u
#define RESULT_BYTES  (256u << 10)

/* --- a machine with one guest ----------------------------------------------------------------- */

static uint32_t domid, guest_port;
static struct ring_page *page;
static char dir[64];

/* What a daemon has brought about, where another process can see it. */
struct outcome {
	size_t responses_len, tree_len;
	char responses[RESULT_BYTES];
	char tree[RESULT_BYTES];
};
static struct outcome *outcome;

static void machine_init(void)
{
	domid = fake_domain_make(16);
	ck_assert_uint_eq(domid, FIRST_DOMID);
	guest_port = fake_port_make(domid);
	fake_grant(domid, 1, RING_GFN);
	page = fake_guest_page(domid, RING_GFN);
	ck_assert_ptr_nonnull(page);
	snprintf(dir, sizeof(dir), "/dev/shm/xs-crash-%d", (int)getpid());
	ck_assert_int_eq(mkdir(dir, 0700), 0);
	outcome = mmap(NULL, sizeof(*outcome), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		       -1, 0);
	ck_assert_ptr_ne(outcome, MAP_FAILED);
}

static void machine_end(void)
{
	folder_remove(dir);
}

/* --- the guest's side ------------------------------------------------------------------------- */

/* Requests to send, and how far. */
struct script {
	char data[65536];
	size_t len, sent;
	bool reconnects;	/* asks for a fresh ring before it sends anything */
};

static void say(struct script *s, uint32_t type, uint32_t tx, const void *payload, size_t len)
{
	static uint32_t req_id;
	struct wire_header h = { type, ++req_id, tx, (uint32_t)len };

	ck_assert_uint_le(s->len + sizeof(h) + len, sizeof(s->data));
	memcpy(s->data + s->len, &h, sizeof(h));
	memcpy(s->data + s->len + sizeof(h), payload, len);
	s->len += sizeof(h) + len;
}

static void say_write(struct script *s, uint32_t tx, const char *path, const void *value,
		      size_t len)
{
	char buf[4096];

	memcpy(buf, path, strlen(path) + 1);
	memcpy(buf + strlen(path) + 1, value, len);
	say(s, WIRE_WRITE, tx, buf, strlen(path) + 1 + len);
}

/* As much as the ring takes. */
static void guest_send(struct script *s)
{
	uint32_t prod = page->req_prod;

	if (page->connection == RING_RECONNECT)
		return;
	while (s->sent < s->len && prod - page->req_cons < RING_BYTES)
		page->req[prod++ % RING_BYTES] = s->data[s->sent++];
	page->req_prod = prod;
}

static bool guest_receive(void)
{
	uint32_t cons = page->rsp_cons, prod = page->rsp_prod;
	bool some = cons != prod;

	if (page->connection == RING_RECONNECT)
		return false;
	ck_assert_uint_le(prod - cons, RING_BYTES);
	while (cons != prod) {
		ck_assert_uint_lt(outcome->responses_len, RESULT_BYTES);
		outcome->responses[outcome->responses_len++] = page->rsp[cons++ % RING_BYTES];
	}
	page->rsp_cons = cons;
	return some;
}

/* --- the daemon ------------------------------------------------------------------------------- */

struct daemon {
	struct server server;
	struct world *world;
	struct guests *guests;
	struct journal *journal;
};

/* The guest's home, which the toolstack makes before the guest runs. */
static void make_home(struct world *w)
{
	autofree char *path = str_printf("/local/domain/%u", domid);
	const struct perm zero = { .domid = 0 }, own = { .domid = (uint16_t)domid };
	struct err err = ERR_INIT;

	ck_ok(world_restore_node(w, "/local", 6, "", 0, &zero, 1, &err), &err);
	ck_ok(world_restore_node(w, "/local/domain", 13, "", 0, &zero, 1, &err), &err);
	ck_ok(world_restore_node(w, path, strlen(path), "", 0, &own, 1, &err), &err);
}

/* 1: it took over from another one. */
static int daemon_start(struct daemon *d)
{
	struct err err = ERR_INIT;
	int restored;

	d->world = world_new(&err);
	ck_assert_msg(d->world != NULL, "%s", err.msg);
	ck_ok(server_init(&d->server, d->world, &err), &err);
	ck_ok(guests_open(&d->guests, d->world, d->server.ev, -1, &err), &err);
	ck_ok(journal_open(&d->journal, dir, d->world, d->guests, &err), &err);
	restored = journal_recover(d->journal, &err);
	ck_assert_msg(restored >= 0, "%s", err.msg);
	if (!restored) {
		ck_ok(world_introduce(d->world, domid, 0, guest_port, &err), &err);
		make_home(d->world);
	}
	ck_ok(journal_start(d->journal, &err), &err);
	return restored;
}

static void turns(struct daemon *d)
{
	struct err err = ERR_INIT;

	for (int i = 0; i < 4; i++)
		ck_ok(ev_turn(d->server.ev, 0, &err), &err);
}

static void *tree_room(void *arg, size_t len, struct err *err)
{
	struct outcome *o = arg;
	char *p = o->tree + o->tree_len;

	if (o->tree_len + len > RESULT_BYTES) {
		err_set(err, ENOSPC, "tree");
		return NULL;
	}
	o->tree_len += len;
	return p;
}

/* Serve until nothing moves any more, the guest sending the rest of its script and taking what it
 * gets. */
static void daemon_finish(struct daemon *d, struct script *s)
{
	struct state_sink sink = { tree_room, outcome };
	struct err err = ERR_INIT;
	unsigned idle = 0;
	size_t sent;
	bool moved;

	do {
		sent = s->sent;
		guest_send(s);
		fake_guest_notify(domid, guest_port);
		turns(d);
		moved = guest_receive();
	} while (
		moved || s->sent != sent ||
		(s->sent < s->len && page->req_prod - page->req_cons < RING_BYTES && ++idle < 100));
	ck_assert_uint_eq(s->sent, s->len);
	ck_ok(state_put_tree(&sink, d->world->root, &err), &err);
	ck_assert_msg(world_audit(d->world, &err), "%s", err.msg);
}

/* In a child, which ends without touching anything on the way out, as after kill -9. */
static void in_child(void (*fn)(struct script *), struct script *s)
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		fn(s);
		_exit(0);
	}
	ck_assert_int_gt(pid, 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the daemon ended with %x",
		      status);
}

/* --- remains ---------------------------------------------------------------------------------- */

struct remains {
	struct ring_page page;
	size_t journal_len;
	char *journal;
};

static char *journal_path(void)
{
	return str_printf("%s/journal", dir);
}

static size_t used(const char *data, size_t len)
{
	while (len > 0 && data[len - 1] == '\0')
		len--;
	return len;
}

static void remains_put(const struct remains *r)
{
	static const char zeros[4096];
	autofree char *path = journal_path();
	autoclose int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	struct err err = ERR_INIT;

	ck_assert_int_ge(fd, 0);
	ck_ok(file_write_all(fd, r->journal, r->journal_len, &err), &err);
	ck_ok(file_write_all(fd, zeros, sizeof(zeros), &err), &err);
	memcpy(page, &r->page, sizeof(*page));
}

static void take_over(struct script *s)
{
	struct daemon d;

	ck_assert_int_eq(daemon_start(&d), 1);
	daemon_finish(&d, s);
}

static void undisturbed(struct script *s)
{
	struct daemon d;

	ck_assert_int_eq(daemon_start(&d), 0);
	turns(&d);	/* an introduction empties the ring */
	if (s->reconnects)
		page->connection = RING_RECONNECT;
	daemon_finish(&d, s);
}

/* What the daemon under the microscope does: it stops, is handed requests, serves them. */
static void under_microscope(struct script *s)
{
	struct daemon d;

	(void)s;
	ck_assert_int_eq(daemon_start(&d), 0);
	turns(&d);
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	raise(SIGSTOP);
	fake_guest_notify(domid, guest_port);
	turns(&d);
}

struct microscope {
	struct remains *v;
	size_t n, size;
	char *journal;		/* the file, as mapped by us */
	size_t journal_size;
	unsigned long steps;
};

static void keep(struct microscope *m)
{
	const struct remains *last = m->n ? &m->v[m->n - 1] : NULL;
	struct remains *r;

	/* Behind what the last one used there are zeros: comparing a little more than it shows any
	 * change. */
	if (last && memcmp(&last->page, page, sizeof(*page)) == 0 &&
	    memcmp(last->journal, m->journal, last->journal_len) == 0 &&
	    used(m->journal + last->journal_len, 4096) == 0)
		return;
	if (m->n == m->size) {
		m->size = m->size ? 2 * m->size : 256;
		m->v = xreallocarray(m->v, m->size, sizeof(*m->v));
	}
	r = &m->v[m->n++];
	memcpy(&r->page, page, sizeof(r->page));
	r->journal_len = used(m->journal, m->journal_size - 4096);
	r->journal = xmalloc(r->journal_len + 1);
	memcpy(r->journal, m->journal, r->journal_len);
}

static bool step(pid_t pid, int *status)
{
	if (ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) < 0)
		return false;
	return waitpid(pid, status, 0) == pid && WIFSTOPPED(*status);
}

static void look(struct microscope *m, struct script *s)
{
	autofree char *path = journal_path();
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		under_microscope(s);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSTOPPED(status));
	autoclose int fd = open(path, O_RDONLY);

	ck_assert_int_ge(fd, 0);
	struct stat st;

	ck_assert_int_eq(fstat(fd, &st), 0);
	m->journal_size = (size_t)st.st_size;
	m->journal = mmap(NULL, m->journal_size, PROT_READ, MAP_SHARED, fd, 0);
	ck_assert_ptr_ne(m->journal, MAP_FAILED);
	if (s->reconnects)
		page->connection = RING_RECONNECT;
	guest_send(s);
	keep(m);
	while (step(pid, &status)) {
		m->steps++;
		keep(m);
	}
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the daemon ended with %x",
		      status);
	munmap(m->journal, m->journal_size);
}

/* Copying a value is many changes of which one is like the other; where an index moved or a batch
 * began to count, both sides are always looked at. */
static bool matters(const struct microscope *m, size_t i)
{
	const struct remains *a, *b = &m->v[i];
	size_t stride = m->n / 150 + 1;

	if (i % stride == 0 || i + 1 == m->n)
		return true;
	for (size_t k = i; k <= i + 1; k++) {
		a = &m->v[k - 1];
		b = &m->v[k];
		if (memcmp(&a->page.req_cons, &b->page.req_cons, 16) != 0 ||
		    b->journal_len < a->journal_len ||
		    memcmp(a->journal, b->journal, a->journal_len) != 0)
			return true;
	}
	return false;
}

static void fresh_start(struct script *s)
{
	autofree char *path = journal_path();

	unlink(path);
	memset(page, 0, sizeof(*page));
	memset(outcome, 0, sizeof(*outcome));
	s->sent = 0;
}

static void check_script(struct script *s)
{
	struct outcome *expected = xmalloc(sizeof(*expected));
	struct microscope m = { .v = NULL };
	unsigned tried = 0;
	size_t sent;

	machine_init();
	fresh_start(s);
	in_child(undisturbed, s);
	memcpy(expected, outcome, sizeof(*expected));
	ck_assert_uint_gt(expected->responses_len, 0);
	fresh_start(s);
	look(&m, s);
	sent = s->sent;
	ck_assert_uint_gt(m.n, 3);
	for (size_t i = 0; i < m.n; i++) {
		if (!matters(&m, i))
			continue;
		tried++;
		fresh_start(s);
		s->sent = sent;
		remains_put(&m.v[i]);
		in_child(take_over, s);
		ck_assert_msg(
			outcome->responses_len == expected->responses_len &&
				memcmp(outcome->responses, expected->responses,
				       expected->responses_len) == 0,
			"killed at change %zu of %zu: the domain gets other bytes (%zu, not %zu)",
			i, m.n, outcome->responses_len, expected->responses_len);
		ck_assert_msg(outcome->tree_len == expected->tree_len &&
				      memcmp(outcome->tree, expected->tree, expected->tree_len) ==
					      0,
			      "killed at change %zu of %zu: another tree", i, m.n);
	}
	if (getenv("CK_VERBOSE_STEPS"))
		fprintf(stderr, "%lu instructions, %zu places to die, %u tried\n", m.steps, m.n,
			tried);
	for (size_t i = 0; i < m.n; i++)
		free(m.v[i].journal);
	free(m.v);
	free(expected);
	machine_end();
}

/* --- what the domain asks --------------------------------------------------------------------- */

static struct script script;

START_TEST(a_write_is_done_once)
{
	say_write(&script, 0, "a", "1", 1);
	say(&script, WIRE_READ, 0, "a", 2);
	check_script(&script);
}
END_TEST

/* Longer than the ring both ways, so taken and given in pieces. */
START_TEST(a_long_message_is_done_once)
{
	char value[1900];

	for (size_t i = 0; i < sizeof(value); i++)
		value[i] = (char)('a' + i % 26);
	say_write(&script, 0, "long", value, sizeof(value));
	say(&script, WIRE_READ, 0, "long", 5);
	say(&script, WIRE_READ, 0, "long", 5);
	check_script(&script);
}
END_TEST

/* The answers of the requests before fill the ring, while more requests wait. */
START_TEST(a_full_ring_loses_nothing)
{
	char value[400];

	memset(value, 'x', sizeof(value));
	say_write(&script, 0, "v", value, sizeof(value));
	for (int i = 0; i < 8; i++)
		say(&script, WIRE_READ, 0, "v", 2);
	check_script(&script);
}
END_TEST

START_TEST(watches_and_their_events_survive)
{
	say(&script, WIRE_WATCH, 0, "w\0token", 8);
	say(&script, WIRE_WATCH, 0, "w/deep\0other", 13);
	say_write(&script, 0, "w/deep/down", "1", 1);
	say(&script, WIRE_UNWATCH, 0, "w/deep\0other", 13);
	say_write(&script, 0, "w/deep/again", "2", 1);
	say(&script, WIRE_RM, 0, "w/deep", 7);
	check_script(&script);
}
END_TEST

/* All of it in one go, so that the transaction begins and ends in one life of the daemon or in
 * none. */
START_TEST(a_transaction_is_committed_once)
{
	say(&script, WIRE_TRANSACTION_START, 0, "", 1);
	say_write(&script, 1, "t/a", "1", 1);
	say_write(&script, 1, "t/b", "2", 1);
	say(&script, WIRE_TRANSACTION_END, 1, "T", 2);
	say(&script, WIRE_DIRECTORY, 0, "t", 2);
	check_script(&script);
}
END_TEST

START_TEST(an_abandoned_transaction_stays_abandoned)
{
	say(&script, WIRE_TRANSACTION_START, 0, "", 1);
	say_write(&script, 1, "t/a", "1", 1);
	say(&script, WIRE_TRANSACTION_END, 1, "F", 2);
	say(&script, WIRE_DIRECTORY, 0, "t", 2);
	check_script(&script);
}
END_TEST

START_TEST(permissions_and_removals_survive)
{
	char own[64];
	int n = snprintf(own, sizeof(own), "p/a%cn%u%cb5", 0, FIRST_DOMID, 0) + 1;

	say_write(&script, 0, "p/a", "1", 1);
	say_write(&script, 0, "p/b/c", "1", 1);
	say(&script, WIRE_SET_PERMS, 0, own, (size_t)n);
	say(&script, WIRE_RM, 0, "p/b", 4);
	say(&script, WIRE_RM, 0, "p/missing", 10);
	say(&script, WIRE_GET_PERMS, 0, "p/a", 4);
	say(&script, WIRE_MKDIR, 0, "p/b", 4);
	check_script(&script);
}
END_TEST

START_TEST(refusals_are_said_once)
{
	say(&script, WIRE_READ, 0, "missing", 8);
	say(&script, WIRE_INTRODUCE, 0, "1\0002\0003", 6);
	say(&script, 77, 0, "", 0);
	say(&script, WIRE_WRITE, 0, "no NUL", 6);
	say(&script, WIRE_READ, 0, "/", 2);
	check_script(&script);
}
END_TEST

/* The domain asks for a fresh ring; whenever the daemon dies, it gets one, and what it asks then is
 * answered once. */
START_TEST(a_reconnection_is_carried_through)
{
	script.reconnects = true;
	say(&script, WIRE_WATCH, 0, "w\0token", 8);
	say_write(&script, 0, "w", "1", 1);
	check_script(&script);
}
END_TEST

TEST_MAIN("journal_crash", a_write_is_done_once, a_long_message_is_done_once,
	  a_full_ring_loses_nothing, watches_and_their_events_survive,
	  a_transaction_is_committed_once, an_abandoned_transaction_stays_abandoned,
	  permissions_and_removals_survive, refusals_are_said_once,
	  a_reconnection_is_carried_through)
