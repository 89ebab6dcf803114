/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The protocol's document (docs/misc/xenstore.txt in Xen's tree), sentence by sentence: what it
 * says must, is or may be, as a row with a script that shows it. Every row runs over a socket and
 * over a domain's ring, with whole messages and with messages that arrive byte by byte.
 *
 * A step of a script: CLIENT[@TXN] OPERATION PAYLOAD = REPLY, where | is a NUL, - is nothing, !NAME
 * an error, * anything, and $ in a reply keeps the number that stands there as the transaction TXN
 * names later. CLIENT > EVENTS: what it was told since the last time. Client 0 has all rights, 1
 * and 2 are guests. Steps are separated by semicolons.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include "tests/test.h"
#include "xenstored/conn_ring.h"
#include "xenstored/conn_socket.h"
#include "xenstored/dispatch.h"

#define NR_CLIENTS 3

static const struct row {
	const char *says;
	const char *script;
} rows[] = {
	{ "If a path exists, all of its parents do too; every path maps to a possibly empty value.",
	  "0 WRITE /p/q/r|v = OK|; 0 READ /p/q/r| = v; 0 READ /p/q| = -; 0 READ /p| = -" },
	{ "There is no distinction between directories and leaf nodes.",
	  "0 WRITE /p|v = OK|; 0 WRITE /p/q|w = OK|; 0 READ /p| = v; 0 DIRECTORY /p| = q|" },
	{ "Permitted are ASCII alphanumerics and - / _ @.",
	  "0 WRITE /aZ09-_@|v = OK|; 0 READ /a.b| = !EINVAL; 0 READ /a b| = !EINVAL; 0 READ /a:b| "
	  "= !EINVAL" },
	{ "Doubled and trailing slashes (except to specify the root) are forbidden, and so is the "
	  "empty path.",
	  "0 READ //| = !EINVAL; 0 READ /a/| = !EINVAL; 0 READ /a//b| = !EINVAL; 0 READ | = "
	  "!EINVAL; 0 READ /| = -" },
	{ "A reply has the type, req_id and tx_id of its request; an error has the type ERROR.",
	  "0 READ /| = -; 0 READ /none| = !ENOENT; 0 TRANSACTION_START | = $|; 0@1 READ /none| = "
	  "!ENOENT" },
	{ "ERROR carries the name of an errno value.",
	  "0 READ /none| = !ENOENT; 1 RELEASE 2| = !EACCES" },
	{ "A success without other payload says OK.",
	  "0 MKDIR /a| = OK|; 0 RM /a| = OK|; 0 SET_PERMS /|n0| = OK|" },
	{ "A path that starts with / is that path; one that does not is relative to "
	  "/local/domain/<domid>.",
	  "0 WRITE /local/domain/1/x/y|v = OK|; 1 READ x/y| = v; 1 READ /local/domain/1/x/y| = v" },
	{ "READ and WRITE: the octet string at a path.",
	  "0 WRITE /v|a|b|c = OK|; 0 READ /v| = a|b|c" },
	{ "WRITE creates any missing parents, with empty values.",
	  "0 WRITE /w/x/y|v = OK|; 0 READ /w/x| = -" },
	{ "MKDIR creates a path and its missing parents with empty values.",
	  "0 MKDIR /m/n/o| = OK|; 0 READ /m/n/o| = -; 0 READ /m| = -" },
	{ "MKDIR: if the path or any parent exists, its value is left unchanged.",
	  "0 WRITE /m|v = OK|; 0 MKDIR /m| = OK|; 0 MKDIR /m/n| = OK|; 0 READ /m| = v" },
	{ "RM deletes a path and all of its children.",
	  "0 WRITE /r/s/t|v = OK|; 0 RM /r| = OK|; 0 READ /r/s/t| = !ENOENT; 0 READ /r| = "
	  "!ENOENT" },
	{ "RM: it is not an error if the path does not exist.",
	  "0 MKDIR /r| = OK|; 0 RM /r/none| = OK|; 0 RM /none| = OK|" },
	{ "RM: it is an error if its immediate parent does not exist either.",
	  "0 RM /none/none| = !ENOENT" },
	{ "DIRECTORY lists the immediate children, as only the leafnames.",
	  "0 WRITE /d/a/b|v = OK|; 0 WRITE /d/c|v = OK|; 0 DIRECTORY /d| = a|c|; 0 DIRECTORY /d/c| "
	  "= -" },
	{ "DIRECTORY_PART starts at a byte offset; its generation is the same while the node has "
	  "not changed.",
	  "0 WRITE /d/a|v = OK|; 0 WRITE /d/c|v = OK|; 0 DIRECTORY_PART /d|2| = *|c||; 0 "
	  "DIRECTORY_PART /d|0| = *|a|c||" },
	{ "GET_PERMS and SET_PERMS: w, r, b and n with a domid.",
	  "0 MKDIR /g| = OK|; 0 SET_PERMS /g|n0|r1|w2| = OK|; 0 GET_PERMS /g| = n0|r1|w2|; 1 READ "
	  "/g| = -; 2 READ /g| = !EACCES; "
	  "2 WRITE /g|v = OK|; 1 WRITE /g|v = !EACCES; 0 SET_PERMS /g|b0| = OK|; 1 WRITE /g|w = "
	  "OK|; 2 READ /g| = w; "
	  "0 SET_PERMS /g|x0| = !EINVAL" },
	{ "The first entry names the owner, who has all rights.",
	  "0 MKDIR /o| = OK|; 0 SET_PERMS /o|n1| = OK|; 1 WRITE /o|v = OK|; 1 READ /o| = v; 1 "
	  "SET_PERMS /o|n1|r2| = OK|; "
	  "2 READ /o| = v; 2 SET_PERMS /o|n2| = !EACCES; 1 SET_PERMS /o|n2| = !EPERM" },
	{ "A watch is triggered once straight away, with the path of the watch.",
	  "0 WATCH /w|t| = OK|; 0 > /w|t|" },
	{ "Creation, change of contents, of permissions, and removal generate an event on the "
	  "changed path.",
	  "0 WATCH /w|t| = OK|; 0 > /w|t|; 0 WRITE /w/a|v = OK|; 0 > /w/a|t|; 0 WRITE /w/a|w = "
	  "OK|; 0 > /w/a|t|; "
	  "0 SET_PERMS /w/a|n0|r1| = OK|; 0 > /w/a|t|; 0 RM /w/a| = OK|; 0 > /w/a|t|" },
	{ "Changes in transactions cause an event only if and when committed.",
	  "0 WATCH /w|t| = OK|; 0 > /w|t|; 0 TRANSACTION_START | = $|; 0@1 WRITE /w/a|v = OK|; 0 > "
	  "-; 0@1 TRANSACTION_END T| = OK|; "
	  "0 > /w/a|t|; 0 TRANSACTION_START | = $|; 0@2 WRITE /w/b|v = OK|; 0@2 TRANSACTION_END F| "
	  "= OK|; 0 > -" },
	{ "Each event is matched against all watches; it matches if it is a child of the watch's "
	  "path.",
	  "0 WATCH /|r| = OK|; 0 WATCH /w|t| = OK|; 1 WATCH /w|u| = OK|; 0 > /|r| /w|t|; 1 > "
	  "/w|u|; 0 WRITE /w/a|v = OK|; "
	  "0 > /w/a|r| /w/a|t|; 1 > -; 0 SET_PERMS /w/a|r0| = OK|; 0 > /w/a|r| /w/a|t|; 1 > "
	  "/w/a|u|; 0 MKDIR /wa| = OK|; 0 > /wa|r|; 1 > -" },
	{ "@<wspecial> may have any syntax, but only the special events match.",
	  "0 WATCH @anything|t| = OK|; 0 > @anything|t|; 0 MKDIR /a| = OK|; 0 > -" },
	{ "@introduceDomain occurs on INTRODUCE, @releaseDomain on RELEASE.",
	  "0 WATCH @introduceDomain|i| = OK|; 0 WATCH @releaseDomain|r| = OK|; 0 > "
	  "@introduceDomain|i| @releaseDomain|r|; "
	  "0 INTRODUCE 7|1|5| = OK|; 0 > @introduceDomain|i|; 0 RELEASE 7| = OK|; 0 > "
	  "@releaseDomain|r|" },
	{ "The tx_id in a WATCH request is ignored.",
	  "0@9 WATCH /w|t| = OK|; 0 > /w|t|; 0@9 UNWATCH /w|t| = OK|" },
	{ "One may rely on an event for a path one is able to read being deleted.",
	  "0 WRITE /s|v = OK|; 0 SET_PERMS /s|n0|r1| = OK|; 1 WATCH /s|t| = OK|; 1 > /s|t|; 0 RM "
	  "/s| = OK|; 1 > /s|t|" },
	{ "Events for what cannot be read are not sent.",
	  "1 WATCH /s|t| = OK|; 1 > /s|t|; 0 WRITE /s/a|v = OK|; 0 RM /s| = OK|; 1 > -" },
	{ "If a parent of the watch's path was removed, the event's path is that of the watch.",
	  "0 WRITE /a/b/c|v = OK|; 0 WATCH /a/b|t| = OK|; 0 > /a/b|t|; 0 RM /a| = OK|; 0 > "
	  "/a/b|t|" },
	{ "Iff the watch's path was relative, so is the event's.",
	  "1 WATCH x|t| = OK|; 1 > x|t|; 1 WATCH /local/domain/1/x|u| = OK|; 1 > "
	  "/local/domain/1/x|u|; 1 WRITE x/y|v = OK|; "
	  "1 > x/y|t| /local/domain/1/x/y|u|" },
	{ "UNWATCH takes path and token of a watch.",
	  "0 WATCH /w|t| = OK|; 0 > /w|t|; 0 UNWATCH /w|u| = !ENOENT; 0 UNWATCH /w|t| = OK|; 0 "
	  "WRITE /w|v = OK|; 0 > -; "
	  "0 UNWATCH /w|t| = !ENOENT" },
	{ "A watch with the same path and token exists only once.",
	  "0 WATCH /w|t| = OK|; 0 WATCH /w|t| = !EEXIST; 0 > /w|t|" },
	{ "RESET_WATCHES resets all watches and transactions of the caller.",
	  "1 WATCH x|t| = OK|; 1 > x|t|; 1 TRANSACTION_START | = $|; 1 RESET_WATCHES | = OK|; 1 "
	  "WRITE x|v = OK|; 1 > -; "
	  "1@1 READ x| = !ENOENT" },
	{ "TRANSACTION_START gives an id to be used in tx_id.",
	  "1 TRANSACTION_START | = $|; 1@1 WRITE x|v = OK|; 1@1 READ x| = v" },
	{ "Reads and writes happen on the transaction's copy.",
	  "0 WRITE /c|1 = OK|; 0 TRANSACTION_START | = $|; 0@1 WRITE /c|2 = OK|; 0 READ /c| = 1; "
	  "0@1 READ /c| = 2" },
	{ "It is not legal to send a non-0 tx_id in TRANSACTION_START.",
	  "0 TRANSACTION_START | = $|; 0@1 TRANSACTION_START | = !EBUSY" },
	{ "TRANSACTION_END: tx_id must refer to an existing transaction, and is no longer valid "
	  "afterwards.",
	  "0@9 TRANSACTION_END T| = !ENOENT; 0 TRANSACTION_END T| = !ENOENT; 0 TRANSACTION_START | "
	  "= $|; "
	  "0@1 TRANSACTION_END T| = OK|; 0@1 TRANSACTION_END T| = !ENOENT; 0@1 READ /| = !ENOENT" },
	{ "If F, the transaction is discarded.",
	  "0 TRANSACTION_START | = $|; 0@1 WRITE /c|2 = OK|; 0@1 TRANSACTION_END F| = OK|; 0 READ "
	  "/c| = !ENOENT" },
	{ "If T, it is committed, and conflicting writes in between give EAGAIN.",
	  "0 WRITE /c|1 = OK|; 0 TRANSACTION_START | = $|; 0@1 READ /c| = 1; 0 WRITE /c|2 = OK|; "
	  "0@1 WRITE /d|3 = OK|; "
	  "0@1 TRANSACTION_END T| = !EAGAIN; 0 READ /d| = !ENOENT" },
	{ "Only writes to paths that the transaction read or wrote conflict.",
	  "0 WRITE /c|1 = OK|; 0 TRANSACTION_START | = $|; 0@1 READ /c| = 1; 0@1 WRITE /c|2 = OK|; "
	  "0 WRITE /x|2 = OK|; "
	  "0@1 TRANSACTION_END T| = OK|; 0 READ /c| = 2" },
	{ "INTRODUCE, RELEASE, RESUME, SET_TARGET and CONTROL are prevented other than by dom0.",
	  "1 INTRODUCE 7|1|5| = !EACCES; 1 RELEASE 2| = !EACCES; 1 RESUME 2| = !EACCES; 1 "
	  "SET_TARGET 1|2| = !EACCES; "
	  "1 CONTROL help| = !EACCES" },
	{ "GET_DOMAIN_PATH: /local/domain/<domid>, with domid normalised; whether it exists or "
	  "not.",
	  "1 GET_DOMAIN_PATH 5| = /local/domain/5|; 1 GET_DOMAIN_PATH 007| = /local/domain/7|" },
	{ "IS_DOMAIN_INTRODUCED: T from INTRODUCE until RELEASE.",
	  "0 IS_DOMAIN_INTRODUCED 7| = F|; 0 INTRODUCE 7|1|5| = OK|; 0 IS_DOMAIN_INTRODUCED 7| = "
	  "T|; 0 RELEASE 7| = OK|; "
	  "0 IS_DOMAIN_INTRODUCED 7| = F|" },
	{ "SET_TARGET grants full access to what the target owns, and all its permissions "
	  "elsewhere.",
	  "0 SET_TARGET 2|1| = OK|; 1 WRITE x|v = OK|; 2 READ /local/domain/1/x| = v; 2 WRITE "
	  "/local/domain/1/x|w = OK|; "
	  "0 MKDIR /t| = OK|; 0 SET_PERMS /t|n0|r1| = OK|; 2 READ /t| = -" },
	{ "CONTROL help lists the commands; check checks.",
	  "0 CONTROL help| = *; 0 CONTROL check| = OK|; 0 CONTROL none| = !EINVAL" },
	{ "Operations that are not known are answered.",
	  "0 RESTRICT x| = !ENOSYS; 1 WATCH_EVENT x| = !ENOSYS" },
};

/* The carriers: bytes to and from a client of the daemon. */

static struct world *w;
static struct ev *ev;
static struct err err;
static const struct carrier *carrier;
static bool by_bytes;

static struct peer {
	unsigned domid;
	int fd;				/* of a socket */
	struct ring_page *page;		/* of a ring */
	char in[64 * 1024];		/* from the daemon, not yet looked at */
	size_t len;
	char events[2000];
} peers[NR_CLIENTS];

static uint32_t txns[10], nr_txns;

struct carrier {
	const char *name;
	void (*open)(struct peer *p, struct account *account, struct domain *d);
	size_t (*send)(struct peer *p, const char *data, size_t len);
	void (*receive)(struct peer *p);
	void (*close)(struct peer *p);
};

static void turns(void)
{
	do {
		for (unsigned i = 0; i < 4; i++)
			ck_ok(ev_turn(ev, 0, &err), &err);
	} while (dispatch_turn(w, 1000));
	for (unsigned i = 0; i < NR_CLIENTS; i++)
		carrier->receive(&peers[i]);
}

static void socket_open(struct peer *p, struct account *account, struct domain *d)
{
	struct conn *c;
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	p->fd = fds[0];
	c = conn_socket_new(ev, &w->turn, account, fds[1], NULL, NULL, &err);
	ck_assert_ptr_nonnull(c);
	c->domain = d;
	if (d)
		d->conn = c;
	world_add_conn(w, c);
}

static size_t socket_send(struct peer *p, const char *data, size_t len)
{
	ssize_t n = send(p->fd, data, len, MSG_NOSIGNAL);

	ck_assert_int_gt(n, 0);
	return (size_t)n;
}

static void socket_receive(struct peer *p)
{
	ssize_t n = recv(p->fd, p->in + p->len, sizeof(p->in) - p->len, MSG_DONTWAIT);

	if (n > 0)
		p->len += (size_t)n;
}

static void socket_shut(struct peer *p)
{
	close(p->fd);
}

static void no_notify(struct conn_ring *r)
{
	(void)r;
}

static const struct ring_host ring_host = { no_notify, no_notify, no_notify };

static void ring_open(struct peer *p, struct account *account, struct domain *d)
{
	struct conn_ring *r = conn_ring_new(&w->turn, account, (uint16_t)p->domid, &ring_host, p);

	ck_assert_ptr_nonnull(r);
	p->page = calloc(1, 4096);
	r->conn.domain = d;
	if (d)
		d->conn = &r->conn;
	world_add_conn(w, &r->conn);
	conn_ring_attach(r, p->page, 1, 0);
}

static void ring_kick(const struct peer *p)
{
	struct conn *c;

	list_for_each_entry(c, &w->conns, of_world)
		if (c->domid == p->domid) {
			conn_writable(c);
			conn_ready(c);
		}
}

static size_t ring_send(struct peer *p, const char *data, size_t len)
{
	uint32_t prod = p->page->req_prod;
	size_t n = 0;

	for (; n < len && prod - p->page->req_cons < RING_BYTES; n++)
		p->page->req[prod++ % RING_BYTES] = data[n];
	p->page->req_prod = prod;
	ring_kick(p);
	return n;
}

static void ring_receive(struct peer *p)
{
	uint32_t cons = p->page->rsp_cons;

	if (cons == p->page->rsp_prod)
		return;
	while (cons != p->page->rsp_prod && p->len < sizeof(p->in))
		p->in[p->len++] = p->page->rsp[cons++ % RING_BYTES];
	p->page->rsp_cons = cons;
	ring_kick(p);
}

static void ring_shut(struct peer *p)
{
	free(p->page);
}

static const struct carrier carriers[] = {
	{ "socket", socket_open, socket_send, socket_receive, socket_shut },
	{ "ring", ring_open, ring_send, ring_receive, ring_shut },
};

/* Messages */

static void peer_send(struct peer *p, const char *data, size_t len)
{
	while (len) {
		size_t n = carrier->send(p, data, by_bytes ? 1 : len);

		data += n;
		len -= n;
		turns();
	}
}

/* NULs as |, in place of what the script shows. */
static void show(const char *data, size_t len, char *out, size_t size)
{
	size_t n = 0;

	for (; n < len && n + 1 < size; n++)
		out[n] = data[n] ? data[n] : '|';
	out[n] = '\0';
}

/* The next reply, events before it are kept. False: none came. */
static bool next_reply(struct peer *p, struct wire_header *h, char *body, size_t size)
{
	while (wire_peek(p->in, p->len, h) == WIRE_MESSAGE) {
		size_t len = WIRE_HEADER + h->len;

		show(p->in + WIRE_HEADER, h->len, body, size);
		memmove(p->in, p->in + len, p->len - len);
		p->len -= len;
		if (h->type != WIRE_WATCH_EVENT)
			return true;
		ck_assert(h->req_id == 0 && h->tx_id == 0);
		snprintf(p->events + strlen(p->events), sizeof(p->events) - strlen(p->events),
			 "%s%s", p->events[0] ? " " : "", body);
	}
	return false;
}

static unsigned type_of(const char *name)
{
	for (unsigned t = 0; t < WIRE_NR_TYPES; t++)
		if (!strcmp(wire_type_name(t), name))
			return t;
	ck_abort_msg("no operation %s", name);
}

/* "*" in what is wanted stands for anything up to the next character of it; "$" for the same, a
 * transaction's number. */
static bool matches(const char *got, const char *wanted)
{
	for (; *wanted; wanted++) {
		if (*wanted == '$')
			txns[++nr_txns] = (uint32_t)strtoul(got, NULL, 10);
		if (*wanted == '$' || *wanted == '*') {
			if (!wanted[1])
				return true;
			while (*got && *got != wanted[1])
				got++;
			continue;
		}
		if (*got++ != *wanted)
			return false;
	}
	return !*got;
}

static void check_events(struct peer *p, const char *wanted, const char *says)
{
	struct wire_header h;
	char body[64];

	turns();
	ck_assert_msg(!next_reply(p, &h, body, sizeof(body)), "%s: a reply too many: %s", says,
		      body);
	if (!strcmp(wanted, "-"))
		wanted = "";
	ck_assert_msg(!strcmp(p->events, wanted), "%s: told '%s', wanted '%s'", says, p->events,
		      wanted);
	p->events[0] = '\0';
}

static void run_step(char *step, const char *says)
{
	static uint32_t req_id = 100;
	struct peer *p = &peers[step[0] - '0'];
	struct wire_header h = { .req_id = ++req_id };
	char *type, *payload, *wanted, message[WIRE_MESSAGE_MAX], body[6000], shown[6000];
	size_t len;

	type = strchr(step, ' ') + 1;
	if (step[1] == '@')
		h.tx_id = step[2] == '9' ? 4711 : txns[step[2] - '0'];
	if (type[0] == '>') {
		check_events(p, type + 2, says);
		return;
	}
	payload = strchr(type, ' ');
	*payload++ = '\0';
	wanted = strstr(payload, " = ");
	ck_assert_msg(wanted != NULL, "step '%s'", payload);
	*wanted = '\0';
	wanted += 3;
	len = strcmp(payload, "-") ? strlen(payload) : 0;
	for (size_t i = 0; i < len; i++)
		message[WIRE_HEADER + i] = payload[i] == '|' ? '\0' : payload[i];
	h.type = type_of(type);
	h.len = (uint32_t)len;
	memcpy(message, &h, sizeof(h));
	peer_send(p, message, WIRE_HEADER + len);
	ck_assert_msg(next_reply(p, &h, body, sizeof(body)), "%s: %s %s: no reply", says, type,
		      payload);
	ck_assert_uint_eq(h.req_id, req_id);
	if (step[1] == '@')
		ck_assert_uint_eq(h.tx_id, step[2] == '9' ? 4711 : txns[step[2] - '0']);
	if (h.type == WIRE_ERROR)
		snprintf(shown, sizeof(shown), "!%.*s", (int)strlen(body) - 1, body);
	else
		snprintf(shown, sizeof(shown), "%s", h.len ? body : "-");
	ck_assert_msg(h.type == WIRE_ERROR || h.type == type_of(type), "%s: reply of type %u", says,
		      h.type);
	ck_assert_msg(matches(shown, wanted), "%s: %s %s: got '%s', wanted '%s'", says, type,
		      payload, shown, wanted);
}

static void begin(void)
{
	w = world_new(&err);
	ck_assert_ptr_nonnull(w);
	ev = ev_new(&err);
	ck_assert_ptr_nonnull(ev);
	memset(peers, 0, sizeof(peers));
	nr_txns = 0;
	for (unsigned i = 0; i < NR_CLIENTS; i++) {
		struct domain *d =
			i || carrier != &carriers[0] ? world_restore_domain(w, i, &err) : NULL;
		struct account *a = quota_account(w->quota, i);
		struct perm owner = { .domid = (uint16_t)i };
		char home[32];

		peers[i].domid = i;
		carrier->open(&peers[i], a, d);
		snprintf(home, sizeof(home), "/local/domain/%u", i);
		ck_ok(world_restore_node(w, home, strlen(home), NULL, 0, &owner, 1, &err), &err);
	}
}

static void end(void)
{
	ck_assert_msg(world_audit(w, &err), "%s", err.msg);
	world_free(w);
	ev_free(ev);
	for (unsigned i = 0; i < NR_CLIENTS; i++)
		carrier->close(&peers[i]);
}

static void run_rows(const struct carrier *c, bool bytes)
{
	carrier = c;
	by_bytes = bytes;
	for (unsigned i = 0; i < array_size(rows); i++) {
		autofree char *script = xstrdup(rows[i].script);
		char *rest = script, *step;

		begin();
		while ((step = strsep(&rest, ";"))) {
			while (*step == ' ')
				step++;
			run_step(step, rows[i].says);
		}
		end();
	}
}

START_TEST(over_a_socket)
{
	run_rows(&carriers[0], false);
}
END_TEST

START_TEST(over_a_socket_byte_by_byte)
{
	run_rows(&carriers[0], true);
}
END_TEST

START_TEST(over_a_ring)
{
	run_rows(&carriers[1], false);
}
END_TEST

START_TEST(over_a_ring_byte_by_byte)
{
	run_rows(&carriers[1], true);
}
END_TEST

/* "Paths longer than 3072 bytes are forbidden"; "the payload length is limited to 4096". */
static void limits(const struct carrier *c)
{
	char message[WIRE_MESSAGE_MAX], body[64];
	struct wire_header h = { WIRE_WRITE, 1, 0, 0 };
	struct peer *p = &peers[0];

	carrier = c;
	by_bytes = false;
	begin();
	memset(message, 'p', sizeof(message));
	for (size_t len = PATH_ABS_MAX; len <= PATH_ABS_MAX + 1; len++) {
		message[WIRE_HEADER] = '/';
		message[WIRE_HEADER + len] = '\0';
		h.len = (uint32_t)len + 1;
		memcpy(message, &h, sizeof(h));
		peer_send(p, message, WIRE_HEADER + h.len);
		ck_assert(next_reply(p, &h, body, sizeof(body)));
		ck_assert_uint_eq(h.type, len == PATH_ABS_MAX ? WIRE_WRITE : WIRE_ERROR);
		message[WIRE_HEADER + len] = 'p';
		h.type = WIRE_WRITE;
	}
	/* As large as may be. */
	memcpy(message + WIRE_HEADER, "/x", 3);
	h.len = WIRE_PAYLOAD_MAX;
	memcpy(message, &h, sizeof(h));
	peer_send(p, message, WIRE_MESSAGE_MAX);
	ck_assert(next_reply(p, &h, body, sizeof(body)));
	ck_assert_uint_eq(h.type, WIRE_WRITE);
	ck_assert_uint_eq(tree_find(w->root, "/x", 2)->value_len, WIRE_PAYLOAD_MAX - 3);
	/* One more: nothing is answered any more. */
	h.len = WIRE_PAYLOAD_MAX + 1;
	memcpy(message, &h, sizeof(h));
	(void)carrier->send(p, message, WIRE_HEADER);
	turns();
	ck_assert(!next_reply(p, &h, body, sizeof(body)));
	peer_send(&peers[1], "\2\0\0\0\1\0\0\0\0\0\0\0\2\0\0\0x", 18);
	ck_assert(next_reply(&peers[1], &h, body, sizeof(body)));
	end();
}

START_TEST(limits_of_length)
{
	limits(&carriers[0]);
	limits(&carriers[1]);
}
END_TEST

/* A guest that Xen started finds its ring, asks, and only then the store is told of it: the request
 * counts. */
START_TEST(asked_before_anybody_listened)
{
	static const char request[] = "\2\0\0\0\7\0\0\0\0\0\0\0\2\0\0\0x";
	struct peer *p = &peers[1];
	struct wire_header h;
	struct conn *c;
	char body[64];

	carrier = &carriers[1];
	by_bytes = false;
	begin();
	p->page->connection = 1;
	memcpy(p->page->req, request, sizeof(request));
	p->page->req_prod = sizeof(request);
	ring_kick(p);
	turns();
	ck_assert(!next_reply(p, &h, body, sizeof(body)));
	list_for_each_entry(c, &w->conns, of_world)
		if (c->domid == p->domid)
			conn_ring_welcome(conn_ring_of(c));
	turns();
	ck_assert_uint_eq(p->page->connection, 0);
	ck_assert(next_reply(p, &h, body, sizeof(body)));
	ck_assert_uint_eq(h.req_id, 7);
	end();
}
END_TEST

/* "A caller who sends several requests may receive the replies": all of them, whatever is in one
 * packet. */
START_TEST(many_requests_in_one_packet)
{
	char batch[1000];
	struct wire_header h = { WIRE_READ, 0, 0, 2 };
	char body[64];

	for (unsigned c = 0; c < array_size(carriers); c++) {
		carrier = &carriers[c];
		by_bytes = false;
		begin();
		for (uint32_t i = 0; i < 50; i++) {
			h.type = WIRE_READ;
			h.len = 2;
			h.req_id = i;
			memcpy(batch + i * 18, &h, sizeof(h));
			memcpy(batch + i * 18 + 16, "/", 2);
		}
		peer_send(&peers[0], batch, 900);
		for (uint32_t i = 0; i < 50; i++) {
			ck_assert(next_reply(&peers[0], &h, body, sizeof(body)));
			ck_assert_uint_eq(h.req_id, i);
		}
		end();
	}
}
END_TEST

static void ask_for_root(struct peer *p, uint32_t req_id)
{
	struct wire_header h = { WIRE_READ, req_id, 0, 2 };
	char message[WIRE_HEADER + 2];

	memcpy(message, &h, sizeof(h));
	memcpy(message + WIRE_HEADER, "/", 2);
	ck_assert_uint_eq(socket_send(p, message, sizeof(message)), sizeof(message));
}

static bool is_answered(struct peer *p, uint32_t req_id)
{
	struct wire_header h;
	char body[64];

	socket_receive(p);
	return next_reply(p, &h, body, sizeof(body)) && h.req_id == req_id;
}

/* The server's second look: local clients that have just asked are read from without news of them;
 * when a guest was among them, nobody is. */
START_TEST(those_who_asked_are_looked_at_again)
{
	static struct peer other;

	carrier = &carriers[0];
	by_bytes = false;
	begin();
	socket_open(&other, quota_find(w->quota, 0), NULL);
	ask_for_root(&peers[0], 1);
	ask_for_root(&other, 2);
	turns();
	ck_assert(is_answered(&peers[0], 1) && is_answered(&other, 2));
	ck_assert(w->turn.nr_recent == 2 && w->turn.nr_came == 2);
	ask_for_root(&peers[0], 3);
	ask_for_root(&other, 4);
	ck_assert(!dispatch_again(w, 1000));
	ck_assert(is_answered(&peers[0], 3) && is_answered(&other, 4));
	ck_assert_uint_eq(w->turn.nr_recent, 2);
	ask_for_root(&peers[0], 5);
	ask_for_root(&peers[1], 6);
	turns();
	ck_assert(is_answered(&peers[0], 5) && is_answered(&peers[1], 6));
	ck_assert(w->turn.nr_recent == 1 && w->turn.nr_came == 2);
	/* Whoever is gone is not looked at. */
	ask_for_root(&other, 7);
	turns();
	ck_assert_uint_eq(w->turn.nr_recent, 1);
	socket_shut(&other);
	ck_assert(!dispatch_again(w, 1000));
	ck_assert_uint_eq(w->turn.nr_recent, 0);
	ck_assert(!dispatch_again(w, 1000));
	end();
}
END_TEST

TEST_MAIN("xs_protocol", those_who_asked_are_looked_at_again, asked_before_anybody_listened,
	  over_a_socket, over_a_socket_byte_by_byte, over_a_ring, over_a_ring_byte_by_byte,
	  limits_of_length, many_requests_in_one_packet)
