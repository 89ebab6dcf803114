// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Measures a running store daemon over its socket: one scenario a call, "SCENARIO METRIC VALUE"
 * lines on standard output. Speaks the wire itself, one send and one receive a message, so that
 * what is measured is the daemon. Also the floor to compare with: a server that answers every
 * request with canned bytes of the right size.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { CONTROL, DIRECTORY, READ, GET_PERMS, WATCH, UNWATCH, TXN_START, TXN_END, INTRODUCE, RELEASE,
       DOMAIN_PATH, WRITE, MKDIR, RM, SET_PERMS, EVENT, ERROR, DIRECTORY_PART = 22 };

struct header {
	uint32_t type, req_id, tx_id, len;
};

/* A connection. Replies are taken one by one; events are counted. */
struct client {
	int fd;
	char in[1 << 17];
	size_t in_len, in_done;
	char out[1 << 17];
	size_t out_len;
	uint32_t tx;
	unsigned step, events, commits;
	uint64_t started;
};

#define BUF 256		/* of every request's payload here */

static const char *scenario, *socket_path;
static int server_pid;
static uint64_t run_ns = 300000000;

static void die(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "xsbench: %s: ", scenario ? scenario : "");
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t server_ns(void)
{
	char path[64];
	unsigned long long ns = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/schedstat", server_pid);
	f = fopen(path, "r");
	if (!f || fscanf(f, "%llu", &ns) != 1)
		ns = 0;
	if (f)
		fclose(f);
	return ns;
}

static long server_rss_kb(void)
{
	char path[64], line[128];
	long kb = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", server_pid);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "VmRSS: %ld", &kb) == 1)
			break;
	if (f)
		fclose(f);
	return kb;
}

static void result(const char *metric, double value)
{
	printf("%s %s %.3f\n", scenario, metric, value);
}

/* --- the wire --------------------------------------------------------------------------------- */

static struct client *client_new(void)
{
	struct client *c = calloc(1, sizeof(*c));
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	if (!c || strlen(socket_path) >= sizeof(addr.sun_path))
		die("no memory, or a path that is too long");
	memcpy(addr.sun_path, socket_path, strlen(socket_path) + 1);
	c->fd = socket(AF_UNIX, SOCK_STREAM, 0);
	for (int i = 0; connect(c->fd, (struct sockaddr *)&addr, sizeof(addr)) < 0; i++) {
		/* A daemon with a backlog of 1 needs time. */
		if (i > 5000 || (errno != EAGAIN && errno != ECONNREFUSED && errno != ENOENT))
			die("%s: %s", socket_path, strerror(errno));
		usleep(1000);
	}
	return c;
}

static void client_free(struct client *c)
{
	close(c->fd);
	free(c);
}

static void queue(struct client *c, uint32_t type, const void *data, size_t len)
{
	struct header h = { type, 0, c->tx, (uint32_t)len };

	if (type == WATCH || type == INTRODUCE)
		h.tx_id = 0;
	memcpy(c->out + c->out_len, &h, sizeof(h));
	memcpy(c->out + c->out_len + sizeof(h), data, len);
	c->out_len += sizeof(h) + len;
}

static void flush(struct client *c)
{
	for (size_t done = 0; done < c->out_len;) {
		ssize_t n = send(c->fd, c->out + done, c->out_len - done, MSG_NOSIGNAL);

		if (n < 0)
			die("send: %s", strerror(errno));
		done += (size_t)n;
	}
	c->out_len = 0;
}

/* The next whole message if one is there: its payload, else NULL. */
static char *parse(struct client *c, struct header *h)
{
	size_t have = c->in_len - c->in_done;

	if (have < sizeof(*h))
		return NULL;
	memcpy(h, c->in + c->in_done, sizeof(*h));
	if (have < sizeof(*h) + h->len)
		return NULL;
	c->in_done += sizeof(*h) + h->len;
	return c->in + c->in_done - h->len;
}

static void fill(struct client *c)
{
	if (c->in_done > 0) {
		memmove(c->in, c->in + c->in_done, c->in_len - c->in_done);
		c->in_len -= c->in_done;
		c->in_done = 0;
	}
	ssize_t n = recv(c->fd, c->in + c->in_len, sizeof(c->in) - c->in_len, 0);

	if (n <= 0)
		die("the daemon closed the connection");
	c->in_len += (size_t)n;
}

static char *reply(struct client *c, struct header *h)
{
	for (;;) {
		char *p = parse(c, h);

		if (!p)
			fill(c);
		else if (h->type == EVENT)
			c->events++;
		else
			return p;
	}
}

static char *call(struct client *c, uint32_t type, const void *data, size_t len, struct header *h)
{
	queue(c, type, data, len);
	flush(c);
	return reply(c, h);
}

static void must(struct client *c, uint32_t type, const void *data, size_t len)
{
	struct header h;
	char *p = call(c, type, data, len, &h);

	if (h.type == ERROR)
		die("request %u (%.60s): %.*s", type, (const char *)data, (int)h.len, p);
}

/* "path" NUL "value" */
static size_t pair(char *buf, const char *value, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(buf, BUF, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n + 1 + strlen(value) >= BUF)
		die("request too long");
	memcpy(buf + n + 1, value, strlen(value) + 1);
	return (size_t)n + 1 + strlen(value);
}

static void begin(struct client *c)
{
	struct header h;

	c->tx = 0;
	char *p = call(c, TXN_START, "", 1, &h);

	if (h.type == ERROR)
		die("transaction: %.*s", (int)h.len, p);
	c->tx = (uint32_t)strtoul(p, NULL, 10);
}

static bool commit(struct client *c)
{
	struct header h;

	call(c, TXN_END, "T", 2, &h);
	c->tx = 0;
	return h.type != ERROR;
}

/* --- samples ---------------------------------------------------------------------------------- */

static uint32_t *samples;
static size_t nr_samples, max_samples;

static void sample(uint64_t ns)
{
	if (nr_samples == max_samples) {
		max_samples = max_samples ? 2 * max_samples : 1 << 16;
		samples = realloc(samples, max_samples * sizeof(*samples));
		if (!samples)
			die("no memory");
	}
	samples[nr_samples++] = ns > UINT32_MAX ? UINT32_MAX : (uint32_t)ns;
}

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void report(uint64_t elapsed, uint64_t cpu)
{
	if (nr_samples == 0)
		return;
	qsort(samples, nr_samples, sizeof(*samples), by_value);
	result("ops_s", (double)nr_samples * 1e9 / (double)elapsed);
	result("p50_us", samples[nr_samples / 2] / 1e3);
	result("p99_us", samples[nr_samples * 99 / 100] / 1e3);
	result("server_us", (double)cpu / 1e3 / (double)nr_samples);
	nr_samples = 0;
}

/* --- single requests -------------------------------------------------------------------------- */

static void repeat(struct client *c, uint32_t type, const void *data, size_t len)
{
	uint64_t t0, t, cpu;
	struct header h;

	for (int i = 0; i < 2000; i++)
		must(c, type, data, len);
	cpu = server_ns();
	t0 = t = now_ns();
	while (t - t0 < run_ns) {
		uint64_t next;

		call(c, type, data, len, &h);
		next = now_ns();
		sample(next - t);
		t = next;
	}
	report(t - t0, server_ns() - cpu);
}

static void run_read(void)
{
	struct client *c = client_new();
	char buf[BUF];

	must(c, WRITE, buf, pair(buf, "0123456789", "/bench/a/b/c/node"));
	repeat(c, READ, "/bench/a/b/c/node", 18);
}

static void run_write(void)
{
	struct client *c = client_new();
	char buf[BUF];

	repeat(c, WRITE, buf, pair(buf, "0123456789", "/bench/a/b/c/node"));
}

static void run_connect(void)
{
	struct client *c = client_new();
	char buf[BUF];
	uint64_t t0, t, cpu;

	must(c, WRITE, buf, pair(buf, "0123456789", "/bench/a/b/c/node"));
	cpu = server_ns();
	t0 = t = now_ns();
	while (t - t0 < run_ns) {
		struct client *d = client_new();
		uint64_t next;

		must(d, READ, "/bench/a/b/c/node", 18);
		client_free(d);
		next = now_ns();
		sample(next - t);
		t = next;
	}
	report(t - t0, server_ns() - cpu);
}

static void pipelined(uint32_t type, const char *data, size_t len, unsigned depth)
{
	struct client *c = client_new();
	char buf[BUF];
	uint64_t t0, cpu, done = 0;
	struct header h;

	must(c, WRITE, buf, pair(buf, "0123456789", "/bench/a/b/c/node"));
	cpu = server_ns();
	t0 = now_ns();
	while (now_ns() - t0 < run_ns) {
		for (unsigned i = 0; i < depth; i++)
			queue(c, type, data, len);
		flush(c);
		for (unsigned i = 0; i < depth; i++)
			reply(c, &h);
		done += depth;
	}
	result("ops_s", (double)done * 1e9 / (double)(now_ns() - t0));
	result("server_us", (double)(server_ns() - cpu) / 1e3 / (double)done);
}

static void run_pipelined_read(void)
{
	pipelined(READ, "/bench/a/b/c/node", 18, 64);
}

static void run_pipelined_write(void)
{
	char buf[BUF];
	size_t len = pair(buf, "0123456789", "/bench/a/b/c/node");

	pipelined(WRITE, buf, len, 64);
}

/* --- several clients, each with one request under way ----------------------------------------- */

static uint32_t rng = 12345;

static uint32_t any(uint32_t n)
{
	rng = rng * 1664525u + 1013904223u;
	return (uint32_t)(((uint64_t)rng * n) >> 32);
}

/* `step` handles the reply at hand (NULL at first) and sends the next request. */
static void several(unsigned nr, void (*step)(struct client *, const struct header *, const char *))
{
	struct pollfd p[64];
	struct client *c[64];
	uint64_t t0, cpu;

	for (unsigned i = 0; i < nr; i++) {
		c[i] = client_new();
		p[i] = (struct pollfd){ c[i]->fd, POLLIN, 0 };
	}
	cpu = server_ns();
	t0 = now_ns();
	for (unsigned i = 0; i < nr; i++)
		step(c[i], NULL, NULL);
	while (now_ns() - t0 < run_ns) {
		poll(p, nr, -1);
		for (unsigned i = 0; i < nr; i++) {
			struct header h;
			char *data;

			if (!p[i].revents)
				continue;
			fill(c[i]);
			while ((data = parse(c[i], &h)))
				step(c[i], &h, data);
		}
	}
	uint64_t t = now_ns() - t0;
	unsigned least = ~0u, most = 0;

	cpu = server_ns() - cpu;
	for (unsigned i = 0; i < nr; i++) {
		least = c[i]->commits < least ? c[i]->commits : least;
		most = c[i]->commits > most ? c[i]->commits : most;
	}
	report(t, cpu);
	if (most > 0) {
		result("least_share", least);
		result("most_share", most);
	}
}

static void step_mixed(struct client *c, const struct header *h, const char *data)
{
	char buf[BUF];
	uint32_t n = any(10000);
	uint64_t t = now_ns();

	(void)data;
	if (h)
		sample(t - c->started);
	c->started = t;
	if (any(10) < 8)
		queue(c, READ, buf, (size_t)snprintf(buf, BUF, "/mix/%u/%u", n / 100, n % 100) + 1);
	else
		queue(c, WRITE, buf, pair(buf, "0123456789", "/mix/%u/%u", n / 100, n % 100));
	flush(c);
}

static void fill_tree(struct client *c, const char *top, unsigned nr)
{
	char buf[BUF];
	struct header h;

	for (unsigned i = 0; i < nr; i += 100) {
		for (unsigned k = 0; k < 100; k++)
			queue(c, WRITE, buf, pair(buf, "0123456789", "%s/%u/%u", top, i / 100, k));
		flush(c);
		for (unsigned k = 0; k < 100; k++)
			reply(c, &h);
	}
}

static void run_mixed(void)
{
	struct client *c = client_new();

	fill_tree(c, "/mix", 10000);
	client_free(c);
	several(8, step_mixed);
}

/* Start, 10 reads, 5 writes, commit; each client in a folder of its own. */
static void step_txn(struct client *c, const struct header *h, const char *data)
{
	char buf[BUF];

	if (!h || c->step == 17) {
		uint64_t t = now_ns();

		if (h) {
			sample(t - c->started);
			c->commits++;
		}
		c->started = t;
		c->tx = 0;
		c->step = 0;
		queue(c, TXN_START, "", 1);
	} else if (c->step <= 15) {
		if (c->step == 1)
			c->tx = (uint32_t)strtoul(data, NULL, 10);
		if (c->step <= 10)
			queue(c, READ, buf,
			      (size_t)snprintf(buf, BUF, "/txn/%d/%u", c->fd, c->step) + 1);
		else
			queue(c, WRITE, buf, pair(buf, "0123456789", "/txn/%d/%u", c->fd, c->step));
	} else {
		queue(c, TXN_END, "T", 2);
	}
	c->step++;
	flush(c);
}

static void prepare_txn(void)
{
	struct client *c = client_new();
	char buf[BUF];

	for (int fd = 3; fd < 16; fd++)
		for (unsigned i = 0; i < 17; i++)
			must(c, WRITE, buf, pair(buf, "0123456789", "/txn/%d/%u", fd, i));
	client_free(c);
}

/* One client needs no poll: it waits for its answer. */
static void run_txn(void)
{
	struct client *c;
	uint64_t t0, t, cpu;
	char buf[BUF];

	prepare_txn();
	c = client_new();
	cpu = server_ns();
	t0 = t = now_ns();
	while (t - t0 < run_ns) {
		uint64_t next;

		begin(c);
		for (unsigned i = 1; i <= 10; i++)
			must(c, READ, buf, (size_t)snprintf(buf, BUF, "/txn/%d/%u", c->fd, i) + 1);
		for (unsigned i = 11; i <= 15; i++)
			must(c, WRITE, buf, pair(buf, "0123456789", "/txn/%d/%u", c->fd, i));
		if (!commit(c))
			die("commit failed");
		next = now_ns();
		sample(next - t);
		t = next;
	}
	report(t - t0, server_ns() - cpu);
}

static void run_txn8(void)
{
	prepare_txn();
	several(8, step_txn);
}

/* Eight clients count up the same number; a conflict starts over. */
static void step_counter(struct client *c, const struct header *h, const char *data)
{
	char buf[BUF], number[16];

	switch (h ? c->step : 0) {
	case 4:
		if (h->type != ERROR) {
			uint64_t t = now_ns();

			sample(t - c->started);
			c->commits++;
			c->started = t;
		}
		/* fall through */
	case 0:
		if (!h)
			c->started = now_ns();
		c->tx = 0;
		queue(c, TXN_START, "", 1);
		c->step = 1;
		break;
	case 1:
		c->tx = (uint32_t)strtoul(data, NULL, 10);
		queue(c, READ, "/counter", 9);
		break;
	case 2:
		snprintf(number, sizeof(number), "%u", (unsigned)strtoul(data, NULL, 10) + 1);
		queue(c, WRITE, buf, pair(buf, number, "/counter"));
		break;
	case 3:
		queue(c, TXN_END, "T", 2);
		break;
	}
	if (h && c->step < 4 && !(c->step == 1 && c->tx == 0))
		c->step++;
	flush(c);
}

static void run_conflict(void)
{
	struct client *c = client_new();
	char buf[BUF];

	must(c, WRITE, buf, pair(buf, "0", "/counter"));
	client_free(c);
	several(8, step_counter);
}

static void run_txn2000(void)
{
	struct client *c = client_new();
	char buf[BUF];

	for (uint64_t t0 = now_ns(); now_ns() - t0 < 2 * run_ns;) {
		uint64_t t = now_ns();

		begin(c);
		for (unsigned i = 0; i < 2000; i++)
			must(c, WRITE, buf, pair(buf, "0123456789", "/big/%u/%u", i / 50, i % 50));
		if (!commit(c))
			die("commit failed");
		sample((now_ns() - t) / 2000);
	}
	qsort(samples, nr_samples, sizeof(*samples), by_value);
	result("us_a_write", samples[nr_samples / 2] / 1e3);
}

/* --- large directories and trees -------------------------------------------------------------- */

static void make_directory(struct client *c, const char *top, const char *format)
{
	char buf[BUF], name[128];
	struct header h;

	for (unsigned i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), format, i);
		queue(c, WRITE, buf, pair(buf, "", "%s/%s", top, name));
		flush(c);
		reply(c, &h);
	}
}

static void run_directory_short(void)
{
	struct client *c = client_new();

	make_directory(c, "/dir", "%u");
	repeat(c, DIRECTORY, "/dir", 5);
}

static void list_parts(struct client *c)
{
	char buf[BUF], gen[32] = "";
	size_t offset = 0;

	for (;;) {
		int n = snprintf(buf, BUF, "/dir");
		struct header h;

		n += 1 + snprintf(buf + n + 1, BUF - (size_t)n - 1, "%zu", offset);
		char *p = call(c, DIRECTORY_PART, buf, (size_t)n + 1, &h);

		if (h.type == ERROR)
			die("directory part: %.*s", (int)h.len, p);
		size_t skip = strlen(p) + 1;

		snprintf(gen, sizeof(gen), "%s", p);
		offset += h.len - skip;
		if (h.len <= skip + 1 || p[h.len - 2] == '\0')
			return;
	}
}

static void run_directory_long(void)
{
	struct client *c = client_new();
	uint64_t t0, t, cpu;

	make_directory(c, "/dir", "a-rather-long-name-%04u");
	cpu = server_ns();
	t0 = t = now_ns();
	while (t - t0 < run_ns) {
		uint64_t next;

		list_parts(c);
		next = now_ns();
		sample(next - t);
		t = next;
	}
	report(t - t0, server_ns() - cpu);
}

static void run_tree(void)
{
	struct client *c = client_new();
	char buf[BUF];

	for (int round = 0; round < 5; round++) {
		uint64_t t0 = now_ns(), t1;

		for (unsigned i = 0; i < 10000; i++)
			must(c, WRITE, buf, pair(buf, "0123456789", "/t/%u/%u", i / 100, i % 100));
		t1 = now_ns();
		must(c, RM, "/t", 3);
		sample(now_ns() - t1);
		if (round == 4)
			result("create_us", (double)(t1 - t0) / 1e3 / 10000);
	}
	qsort(samples, nr_samples, sizeof(*samples), by_value);
	result("rm_ms", samples[nr_samples / 2] / 1e6);
}

static void run_memory(void)
{
	struct client *c = client_new();
	long before;
	uint64_t t0;

	must(c, READ, "/", 2);
	before = server_rss_kb();
	result("empty_kb", (double)before);
	t0 = now_ns();
	fill_tree(c, "/m", 100000);
	result("build_s", (double)(now_ns() - t0) / 1e9);
	result("bytes_a_node", (double)(server_rss_kb() - before) * 1024 / 100000);
}

/* --- watches ---------------------------------------------------------------------------------- */

static struct client *watcher_new(unsigned id, unsigned nr_watches)
{
	struct client *c = client_new();
	struct header h;
	char buf[BUF];

	for (unsigned i = 0; i < nr_watches; i++)
		queue(c, WATCH, buf, pair(buf, "token", "/w/%u/%u", id, i) + 1);
	flush(c);
	for (unsigned i = 0; i < nr_watches; i++)
		reply(c, &h);
	return c;
}

/* Away with the events of the beginning, so that no buffer is full. */
static void drain(struct client *c)
{
	struct pollfd p = { c->fd, POLLIN, 0 };
	struct header h;

	while (poll(&p, 1, 0) > 0) {
		fill(c);
		while (parse(c, &h))
			c->events++;
	}
}

static void watches(unsigned nr, unsigned each, bool seen)
{
	static struct client *w[1000];
	struct client *c = client_new();
	char buf[BUF];
	size_t len;
	uint64_t t0, t, cpu;
	struct header h;

	for (unsigned i = 0; i < nr; i++)
		w[i] = watcher_new(i, each);
	for (unsigned i = 0; i < nr; i++)
		drain(w[i]);
	len = seen ? pair(buf, "0123456789", "/w/0/0") : pair(buf, "0123456789", "/unseen/0");
	for (int i = 0; i < 20; i++)
		must(c, WRITE, buf, len);
	cpu = server_ns();
	t0 = t = now_ns();
	while (t - t0 < run_ns) {
		uint64_t next;

		call(c, WRITE, buf, len, &h);
		next = now_ns();
		sample(next - t);
		if (seen && nr_samples % 16 == 0) {
			drain(w[0]);
			next = now_ns();
		}
		t = next;
	}
	report(t - t0, server_ns() - cpu);
	if (seen || each == 0)
		return;
	t = now_ns();
	for (unsigned i = 0; i < 200; i++)
		must(c, WATCH, buf, pair(buf, "token", "/added/%u", i) + 1);
	result("add_us", (double)(now_ns() - t) / 1e3 / 200);
	cpu = server_ns();
	for (unsigned i = 0; i < 20 && i < nr - 1; i++)
		client_free(w[i]);
	must(c, READ, "/", 2);
	if (nr > 20)
		result("close_us", (double)(server_ns() - cpu) / 1e3 / 20);
}

static void run_watch0(void)
{
	watches(0, 0, false);
}

static void run_watch10(void)
{
	watches(10, 50, false);
}

static void run_watch100(void)
{
	watches(100, 50, false);
}

static void run_watch1000(void)
{
	watches(1000, 50, false);
}

static void run_watch1000_seen(void)
{
	watches(1000, 50, true);
}

static void run_idle1000(void)
{
	watches(1000, 0, false);
}

/* --- a domain's start ------------------------------------------------------------------------- */

/* What a toolstack asks for a domain with a disk and a net device: 121 requests in a transaction
 * (folders of the guest, of the backends and of the toolstack, each with its permissions before it
 * is filled), 5 watches, 6 writes of the handshake. */
static void domain_start(struct client *c, unsigned d)
{
	static const char *const tops[] = { "/local/domain/%u/d%u",
					    "/local/domain/0/backend/%u/d%u", "/libxl/%u/d%u" };
	char buf[BUF], top[64], perms[32];

	begin(c);
	for (unsigned i = 0; i < 15; i++) {
		int n = snprintf(perms, sizeof(perms), i % 3 == 0 ? "n%u" : "n0", d) + 1;

		n += snprintf(perms + n, sizeof(perms) - (size_t)n, i % 3 == 0 ? "r0" : "r%u", d) +
		     1;
		snprintf(top, sizeof(top), tops[i % 3], d, i);
		must(c, MKDIR, top, strlen(top) + 1);
		size_t len = pair(buf, "", "%s", top);

		memcpy(buf + len, perms, (size_t)n);
		must(c, SET_PERMS, buf, len + (size_t)n);
	}
	for (unsigned i = 0; i < 81; i++) {
		snprintf(top, sizeof(top), tops[i % 3], d, i % 15);
		must(c, WRITE, buf, pair(buf, "a usual value", "%s/key%u", top, i));
	}
	for (unsigned i = 0; i < 10; i++) {
		snprintf(top, sizeof(top), tops[i % 3], d, i);
		snprintf(perms, sizeof(perms), "b%u", d);
		must(c, SET_PERMS, buf, pair(buf, perms, "%s/key%u", top, i) + 1);
	}
	if (!commit(c))
		die("commit failed");
	for (unsigned i = 0; i < 5; i++)
		must(c, WATCH, buf,
		     pair(buf, "token", "/local/domain/0/backend/%u/d%u/state", d, i) + 1);
	for (unsigned i = 0; i < 6; i++)
		must(c, WRITE, buf, pair(buf, "4", "/local/domain/%u/d%u/state", d, i / 2 * 3));
}

/* `one`: a single toolstack process does it all; else each domain has one of its own that stays, as
 * xl's do. */
static void domains(bool one)
{
	static const unsigned marks[] = { 1, 100, 250, 500, 1000 };
	struct client *c = client_new();
	unsigned mark = 0;
	uint64_t cpu = 0;

	for (unsigned d = 1; d <= 1000; d++) {
		if (!one)
			c = client_new();
		uint64_t t = now_ns();

		if (d + 20 == marks[mark] || d == 1)
			cpu = server_ns();
		domain_start(c, d);
		sample(now_ns() - t);
		if (d != marks[mark])
			continue;
		/* of the last ones, but the first is the first */
		size_t n = d == 1 ? 1 : 20;
		char metric[32];

		snprintf(metric, sizeof(metric), "ms_at_%u", d);
		qsort(samples + nr_samples - n, n, sizeof(*samples), by_value);
		result(metric, samples[nr_samples - n + n / 2] / 1e6);
		snprintf(metric, sizeof(metric), "server_ms_at_%u", d);
		result(metric, (double)(server_ns() - cpu) / 1e6 / (d == 1 ? 1 : 21));
		mark++;
	}
	uint64_t t = now_ns();
	char buf[BUF];

	for (unsigned d = 500; d < 510; d++)
		must(c, RM, buf, (size_t)snprintf(buf, BUF, "/local/domain/%u", d) + 1);
	result("rm_ms", (double)(now_ns() - t) / 1e6 / 10);
}

static void run_domains(void)
{
	domains(false);
}

static void run_domains_one(void)
{
	domains(true);
}

/* Fill for a restart, and how long until the daemon answers again (the driver restarts it between
 * the two). */
static void run_fill(void)
{
	fill_tree(client_new(), "/m", 100000);
}

static void run_answer(void)
{
	must(client_new(), READ, "/m/999/99", 10);
}

/* --- the floor -------------------------------------------------------------------------------- */

/* The part of the long directory that was asked for: six parts, as from a daemon. */
static const char *canned_part(const char *payload, uint32_t *len)
{
	static char part[2 + 4080] = "1\0n";
	size_t offset = strtoul(payload + strlen(payload) + 1, NULL, 10);
	bool last = offset >= 5 * 4080;

	*len = last ? 2 + 3600 + 1 : sizeof(part);
	part[sizeof(part) - 2] = 'n';	/* a whole last name, and more to come */
	return part;
}

static size_t canned(const struct header *h, const char *payload, char *out)
{
	static const char names[3890];
	struct header r = *h;
	const char *data = "OK";

	r.len = 3;
	switch (h->type) {
	case READ:
		data = "0123456789";
		r.len = 10;
		break;
	case TXN_START:
		data = "1";
		r.len = 2;
		break;
	case DIRECTORY:
		data = names;
		r.len = sizeof(names);
		break;
	case DIRECTORY_PART:
		data = canned_part(payload, &r.len);
		break;
	}
	memcpy(out, &r, sizeof(r));
	memcpy(out + sizeof(r), data, r.len);
	return sizeof(r) + r.len;
}

static void floor_serve(int fd)
{
	static char in[1 << 16], out[1 << 20];
	ssize_t n = recv(fd, in, sizeof(in), 0);
	size_t at = 0, len = 0;

	if (n <= 0) {
		close(fd);
		return;
	}
	while ((size_t)n - at >= sizeof(struct header)) {
		struct header h;

		memcpy(&h, in + at, sizeof(h));
		len += canned(&h, in + at + sizeof(h), out + len);
		at += sizeof(h) + h.len;
		if (len > sizeof(out) - 8192)
			break;
	}
	if (send(fd, out, len, MSG_NOSIGNAL) < 0)
		close(fd);
}

__attribute__((noreturn)) static void floor_main(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct epoll_event ev = { .events = EPOLLIN }, got[64];
	int s = socket(AF_UNIX, SOCK_STREAM, 0), ep = epoll_create1(0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	unlink(path);
	if (bind(s, (struct sockaddr *)&addr, sizeof(addr)) < 0 || listen(s, 1024) < 0)
		die("floor: %s", strerror(errno));
	ev.data.fd = s;
	epoll_ctl(ep, EPOLL_CTL_ADD, s, &ev);
	for (;;) {
		int n = epoll_wait(ep, got, 64, -1);

		for (int i = 0; i < n; i++) {
			if (got[i].data.fd != s) {
				floor_serve(got[i].data.fd);
				continue;
			}
			ev.data.fd = accept(s, NULL, NULL);
			epoll_ctl(ep, EPOLL_CTL_ADD, ev.data.fd, &ev);
		}
	}
}

static const struct {
	const char *name;
	void (*run)(void);
} scenarios[] = {
	{ "read", run_read },
	{ "write", run_write },
	{ "connect", run_connect },
	{ "pipelined_read", run_pipelined_read },
	{ "pipelined_write", run_pipelined_write },
	{ "mixed", run_mixed },
	{ "txn", run_txn },
	{ "txn8", run_txn8 },
	{ "conflict", run_conflict },
	{ "txn2000", run_txn2000 },
	{ "directory_short", run_directory_short },
	{ "directory_long", run_directory_long },
	{ "tree", run_tree },
	{ "memory", run_memory },
	{ "watch0", run_watch0 },
	{ "watch10", run_watch10 },
	{ "watch100", run_watch100 },
	{ "watch1000", run_watch1000 },
	{ "watch1000_seen", run_watch1000_seen },
	{ "idle1000", run_idle1000 },
	{ "domains", run_domains },
	{ "domains_one", run_domains_one },
	{ "fill", run_fill },
	{ "answer", run_answer },
};

int main(int argc, char **argv)
{
	struct rlimit files = { 4096, 4096 };

	if (argc == 3 && strcmp(argv[1], "floor") == 0)
		floor_main(argv[2]);
	if (argc < 4) {
		fprintf(stderr,
			"usage: xsbench SCENARIO SOCKET PID [MS]\n       xsbench floor SOCKET\n"
			"scenarios:");
		for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++)
			fprintf(stderr, " %s", scenarios[i].name);
		fputc('\n', stderr);
		return 2;
	}
	setrlimit(RLIMIT_NOFILE, &files);
	scenario = argv[1];
	socket_path = argv[2];
	server_pid = (int)strtol(argv[3], NULL, 10);
	if (argc > 4)
		run_ns = strtoull(argv[4], NULL, 10) * 1000000;
	for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++)
		if (strcmp(scenarios[i].name, scenario) == 0) {
			scenarios[i].run();
			return 0;
		}
	die("no such scenario");
}
