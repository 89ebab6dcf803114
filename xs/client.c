// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The wire to the store daemon, over its socket or through the kernel's device. Knows messages,
 * their order and their limits; does not know what the requests mean, nor whether a refusal
 * matters.
 */
#include "xs/client.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "base/file.h"
#include "base/list.h"
#include "base/mem.h"

/*
 * Requests in flight. Over the socket: so many that a round trip costs nothing, so few that the
 * answers do not fill either end. Over the device one: Linux (xenbus_dev_frontend.c) has one buffer
 * an open file, from which its own thread sends later, so that a second write may overwrite the
 * first request on its way.
 */
#define IN_FLIGHT_SOCKET 512
#define IN_FLIGHT_DEVICE 1

struct event {
	struct list link;
	const char *token;	/* behind the path */
	char path[];
};

struct xs_client {
	int fd, timeout_ms;
	bool is_device;
	/* Requests: [0, out_done) is written, [out_done, out_end) may be, the rest waits for its
	 * turn. */
	char *out;
	size_t out_len, out_size, out_done, out_end;
	uint32_t next_id;	/* of the next request queued */
	uint32_t sent_id;	/* of the next request to go out */
	uint32_t reply_id;	/* of the next reply expected */
	struct list events;
	struct err broken;	/* code 0: it is not */
	size_t in_len, in_done;
	char in[2 * (sizeof(struct xs_header) + XS_PAYLOAD_MAX)];
	char body[XS_PAYLOAD_MAX + 1];
};

/* --- opening ---------------------------------------------------------------------------------- */

static int open_socket(const char *path, struct err *err)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	size_t len = strlen(path);

	if (len >= sizeof(addr.sun_path))
		return err_set(err, ENAMETOOLONG, "%s: too long for a socket's path", path);
	memcpy(addr.sun_path, path, len + 1);
	autoclose int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return err_set(err, errno, "%s: %s", path, strerror(errno));
	return steal_fd(fd);
}

static int open_path(const char *path, bool *is_device, struct err *err)
{
	struct stat st;
	int fd;

	if (stat(path, &st) < 0)
		return err_set(err, errno, "%s: %s", path, strerror(errno));
	*is_device = !S_ISSOCK(st.st_mode);
	if (!*is_device)
		return open_socket(path, err);
	fd = open(path, O_RDWR | O_CLOEXEC);
	return fd >= 0 ? fd : err_set(err, errno, "%s: %s", path, strerror(errno));
}

/* Xen's own mark of a control domain; without it (no xenfs) the machine is no guest of ours to
 * judge. */
static bool is_control_domain(void)
{
	char text[64];
	autoclose int fd = open("/proc/xen/capabilities", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (n <= 0)
		return false;
	text[n] = '\0';
	return strstr(text, "control_d") != NULL;
}

static int open_any(bool socket_only, bool *is_device, struct err *err)
{
	static const char *const devices[] = { "/dev/xen/xenbus", "/proc/xen/xenbus" };
	const char *path = getenv("XENSTORED_PATH"), *dir = getenv("XENSTORED_RUNDIR");
	char in_dir[PATH_MAX];
	struct err unused = ERR_INIT;
	int fd;

	if (path)
		return open_path(path, is_device, err);
	if (dir) {
		snprintf(in_dir, sizeof(in_dir), "%s/socket", dir);
		fd = open_path(in_dir, is_device, err);
	} else {
		fd = open_path("/run/xenstored/socket", is_device, err);
		if (fd < 0 && err->code == ENOENT)
			fd = open_path("/var/run/xenstored/socket", is_device, &unused);
	}
	for (size_t i = 0; fd < 0 && !socket_only && i < array_size(devices); i++)
		if (err->code == ENOENT && !is_control_domain())
			fd = open_path(devices[i], is_device, &unused);
	return fd;
}

int xs_client_from_fd(struct xs_client **out, int fd, bool is_device, struct err *err)
{
	int flags = fcntl(fd, F_GETFL);
	struct xs_client *c;

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
		err_set(err, errno, "fcntl: %s", strerror(errno));
		close(fd);
		return -1;
	}
	c = calloc(1, sizeof(*c));
	if (!c) {
		close(fd);
		return err_set(err, ENOMEM, "no memory for a client of the store");
	}
	c->fd = fd;
	c->timeout_ms = -1;
	c->is_device = is_device;
	list_init(&c->events);
	*out = c;
	return 0;
}

int xs_client_open(struct xs_client **out, bool socket_only, struct err *err)
{
	bool is_device = false;
	int fd = open_any(socket_only, &is_device, err);

	return fd < 0 ? -1 : xs_client_from_fd(out, fd, is_device, err);
}

void xs_client_close(struct xs_client *c)
{
	struct event *e, *tmp;

	if (!c)
		return;
	list_for_each_entry_safe(e, tmp, &c->events, link)
		free(e);
	free(c->out);
	close(c->fd);
	free(c);
}

void xs_client_autoclose(struct xs_client **c)
{
	xs_client_close(*c);
}

void xs_client_set_timeout(struct xs_client *c, int timeout_ms)
{
	c->timeout_ms = timeout_ms;
}

/* --- queueing --------------------------------------------------------------------------------- */

static int reserve(struct xs_client *c, size_t len, struct err *err)
{
	size_t size = c->out_size ? c->out_size : 1024;
	char *p;

	if (c->out_done == c->out_len)
		c->out_done = c->out_end = c->out_len = 0;
	if (len <= c->out_size - c->out_len)
		return 0;
	while (size - c->out_len < len)
		size *= 2;
	p = realloc(c->out, size);
	if (!p)
		return err_set(err, ENOMEM, "no memory to queue a request to the store");
	c->out = p;
	c->out_size = size;
	return 0;
}

static void append(struct xs_client *c, const void *data, size_t len)
{
	if (len > 0)
		memcpy(c->out + c->out_len, data, len);
	c->out_len += len;
}

static int queue_two(struct xs_client *c, enum xs_type type, uint32_t tx, const void *a,
		     size_t a_len, const void *b, size_t b_len, struct err *err)
{
	if (c->broken.code)
		return err_set(err, c->broken.code, "%s", c->broken.msg);
	if (a_len > XS_PAYLOAD_MAX || b_len > XS_PAYLOAD_MAX - a_len)
		return err_set(err, E2BIG, "more than the %d bytes a request may have",
			       XS_PAYLOAD_MAX);
	struct xs_header h = { type, c->next_id, tx, (uint32_t)(a_len + b_len) };

	if (reserve(c, sizeof(h) + h.len, err) < 0)
		return -1;
	c->next_id++;
	append(c, &h, sizeof(h));
	append(c, a, a_len);
	append(c, b, b_len);
	return 0;
}

int xs_client_queue(struct xs_client *c, enum xs_type type, uint32_t tx, const void *data,
		    size_t len, struct err *err)
{
	return queue_two(c, type, tx, data, len, NULL, 0, err);
}

int xs_client_queue_path(struct xs_client *c, enum xs_type type, uint32_t tx, const char *path,
			 const void *tail, size_t len, struct err *err)
{
	return queue_two(c, type, tx, path, strlen(path) + 1, tail, len, err);
}

size_t xs_client_nr_pending(const struct xs_client *c)
{
	return c->next_id - c->reply_id;
}

/* --- sending and reading ---------------------------------------------------------------------- */

static int break_off(struct xs_client *c, struct err *err)
{
	c->broken = *err;
	return -1;
}

/* Let more whole messages go out. */
static void allow_more(struct xs_client *c)
{
	uint32_t most = c->is_device ? IN_FLIGHT_DEVICE : IN_FLIGHT_SOCKET;
	struct xs_header h;

	while (c->out_end < c->out_len && c->sent_id - c->reply_id < most) {
		memcpy(&h, c->out + c->out_end, sizeof(h));
		c->out_end += sizeof(h) + h.len;
		c->sent_id++;
	}
}

static int send_some(struct xs_client *c, struct err *err)
{
	ssize_t n;

	for (allow_more(c); c->out_end > c->out_done; allow_more(c)) {
		const char *p = c->out + c->out_done;
		size_t len = c->out_end - c->out_done;

		n = c->is_device ? write(c->fd, p, len) : send(c->fd, p, len, MSG_NOSIGNAL);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return 0;
		if (n < 0 && (errno == EPIPE || errno == ECONNRESET))
			return 0;	/* reading tells, after the last that was said */
		if (n < 0)
			return err_set(err, errno, "writing to the store: %s", strerror(errno));
		c->out_done += (size_t)n;
	}
	return 0;
}

/* 1: something was read; 0: there is nothing now. */
static int read_some(struct xs_client *c, struct err *err)
{
	ssize_t n;

	memmove(c->in, c->in + c->in_done, c->in_len - c->in_done);
	c->in_len -= c->in_done;
	c->in_done = 0;
	n = read(c->fd, c->in + c->in_len, sizeof(c->in) - c->in_len);
	if (n > 0) {
		c->in_len += (size_t)n;
		return 1;
	}
	if (n == 0 || errno == ECONNRESET)
		return err_set(err, ENOTCONN, "the store daemon closed the connection");
	if (errno == EAGAIN || errno == EINTR)
		return 0;
	return err_set(err, errno, "reading from the store: %s", strerror(errno));
}

/* Send and read until something came (1) or the time is over (0). */
static int exchange(struct xs_client *c, int timeout_ms, struct err *err)
{
	uint64_t end = timeout_ms > 0 ? time_ms() + (uint64_t)timeout_ms : 0, now;

	for (;;) {
		int r = send_some(c, err);

		if (r == 0)
			r = read_some(c, err);
		if (r != 0 || timeout_ms == 0)
			return r;
		if (timeout_ms > 0) {
			now = time_ms();
			if (now >= end)
				return 0;
			timeout_ms = (int)(end - now);
		}
		struct pollfd p = { c->fd, xs_client_poll_events(c), 0 };

		if (poll(&p, 1, timeout_ms) < 0 && errno != EINTR)
			return err_set(err, errno, "poll: %s", strerror(errno));
	}
}

/* One message into *h and c->body. 1: here it is; 0: not yet. */
static int take_message(struct xs_client *c, struct xs_header *h, struct err *err)
{
	size_t have = c->in_len - c->in_done;

	if (have < sizeof(*h))
		return 0;
	memcpy(h, c->in + c->in_done, sizeof(*h));
	if (h->len > XS_PAYLOAD_MAX)
		return err_set(err, EPROTO, "the store sent a message of %u bytes", h->len);
	if (have - sizeof(*h) < h->len)
		return 0;
	memcpy(c->body, c->in + c->in_done + sizeof(*h), h->len);
	c->body[h->len] = '\0';
	c->in_done += sizeof(*h) + h->len;
	return 1;
}

static int keep_event(struct xs_client *c, size_t len, struct err *err)
{
	size_t path_len = strlen(c->body);
	struct event *e;

	if (path_len == len)
		return err_set(err, EPROTO, "the store sent a watch event without a token");
	e = malloc(sizeof(*e) + len + 1);
	if (!e)
		return err_set(err, ENOMEM, "no memory for an event of the store");
	memcpy(e->path, c->body, len + 1);
	e->token = e->path + path_len + 1;
	list_add_tail(&c->events, &e->link);
	return 0;
}

/* Messages that are here: events are kept, a reply ends it. 1: a reply; 0: none yet. */
static int take_reply(struct xs_client *c, struct xs_reply *reply, struct err *err)
{
	struct xs_header h;
	int r;

	while ((r = take_message(c, &h, err)) > 0) {
		if (h.type != XS_WATCH_EVENT)
			break;
		if (keep_event(c, h.len, err) < 0)
			return -1;
	}
	if (r <= 0)
		return r;
	if (c->reply_id == c->sent_id || h.req_id != c->reply_id)
		return err_set(err, EPROTO, "the store answered request %u, which is not its turn",
			       h.req_id);
	c->reply_id++;
	reply->error = h.type == XS_ERROR ? xs_error_code(c->body) : 0;
	reply->data = c->body;
	reply->len = h.len;
	return 1;
}

static int check_broken(const struct xs_client *c, struct err *err)
{
	return c->broken.code ? err_set(err, c->broken.code, "%s", c->broken.msg) : 0;
}

int xs_client_next(struct xs_client *c, struct xs_reply *reply, struct err *err)
{
	int r;

	if (check_broken(c, err) < 0)
		return -1;
	if (c->reply_id == c->next_id)
		return err_set(err, EINVAL, "no reply is due from the store");
	while ((r = take_reply(c, reply, err)) == 0) {
		r = exchange(c, c->timeout_ms, err);
		if (r == 0)
			r = err_set(err, ETIMEDOUT,
				    "the store did not answer within %d ms; is it alive?",
				    c->timeout_ms);
		if (r < 0)
			break;
	}
	return r < 0 ? break_off(c, err) : 0;
}

int xs_client_call(struct xs_client *c, enum xs_type type, uint32_t tx, const char *path,
		   const void *tail, size_t len, struct xs_reply *reply, struct err *err)
{
	if (xs_client_queue_path(c, type, tx, path, tail, len, err) < 0)
		return -1;
	return xs_client_next(c, reply, err);
}

int xs_client_try_reply(struct xs_client *c, struct xs_reply *reply, struct err *err)
{
	int r;

	if (check_broken(c, err) < 0)
		return -1;
	while ((r = take_reply(c, reply, err)) == 0) {
		r = exchange(c, 0, err);
		if (r <= 0)
			break;
	}
	return r < 0 ? break_off(c, err) : r;
}

/* --- watch events ----------------------------------------------------------------------------- */

static int pop_event(struct xs_client *c, char **path, char **token, struct err *err)
{
	struct event *e = list_first(&c->events, struct event, link);
	char *t = token ? strdup(e->token) : NULL;
	char *p = strdup(e->path);

	if (!p || (token && !t)) {
		free(p);
		free(t);
		return err_set(err, ENOMEM, "no memory for an event of the store");
	}
	*path = p;
	if (token)
		*token = t;
	list_del(&e->link);
	free(e);
	return 1;
}

int xs_client_event(struct xs_client *c, int timeout_ms, char **path, char **token, struct err *err)
{
	uint64_t end = timeout_ms > 0 ? time_ms() + (uint64_t)timeout_ms : 0, now;
	struct xs_reply reply;
	int r;

	while (list_is_empty(&c->events)) {
		if (check_broken(c, err) < 0)
			return -1;
		if (c->reply_id != c->next_id)
			return 0;
		r = take_reply(c, &reply, err);
		if (r > 0)
			r = err_set(err, EPROTO, "the store answered what was not asked");
		if (r == 0 && list_is_empty(&c->events)) {
			r = exchange(c, timeout_ms, err);
			if (r == 0)
				return 0;
		}
		if (r < 0)
			return break_off(c, err);
		if (timeout_ms > 0) {
			now = time_ms();
			timeout_ms = now < end ? (int)(end - now) : 0;
		}
	}
	return pop_event(c, path, token, err);
}

void xs_client_drop_events(struct xs_client *c, const char *path, const char *token)
{
	struct event *e, *tmp;
	size_t len = strlen(path);

	/* What fired is the watched node or one below it; relative paths and "@..." have no more to
	 * compare. */
	list_for_each_entry_safe(e, tmp, &c->events, link) {
		if (strcmp(e->token, token) != 0 || strncmp(e->path, path, len) != 0)
			continue;
		if (e->path[len] != '\0' && e->path[len] != '/' && len > 1)
			continue;
		list_del(&e->link);
		free(e);
	}
}

int xs_client_fd(const struct xs_client *c)
{
	return c->fd;
}

short xs_client_poll_events(const struct xs_client *c)
{
	return c->out_end > c->out_done ? POLLIN | POLLOUT : POLLIN;
}
