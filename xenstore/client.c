// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The wire to the store daemon, over its socket or through the kernel's device. Knows messages and their order; does
 * not know what the requests mean. Both ends are trusted no further than the protocol: a reply that is too long or out of
 * turn ends the connection.
 */
#include "xenstore/client.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "base/list.h"
#include "base/mem.h"
#include "base/str.h"

#ifndef XEN_RUN_STORED
#define XEN_RUN_STORED "/var/run/xenstored"
#endif

struct header {
	uint32_t type, req_id, tx_id, len;
};

struct event {
	struct list link;
	char *path;
};

struct client {
	int fd;
	bool is_device;		/* takes one message a write, keeps its queue in the kernel */
	struct strbuf out;	/* queued; [0, out_done) is written, [out_done, out_end) may be */
	size_t out_done, out_end;
	uint32_t next_id;	/* of the next request queued */
	uint32_t sent_id;	/* of the next request to go out */
	uint32_t reply_id;	/* of the next reply expected */
	struct list events;
	char in[16384];
	size_t in_len, in_done;
	char body[XS_PAYLOAD_MAX + 1];
};

/* The error names of the protocol (xs_wire.h); anything else counts as EINVAL. */
static const struct {
	const char *name;
	int code;
} errors[] = {
	{ "EINVAL", EINVAL }, { "EACCES", EACCES }, { "EEXIST", EEXIST }, { "EISDIR", EISDIR },
	{ "ENOENT", ENOENT }, { "ENOMEM", ENOMEM }, { "ENOSPC", ENOSPC }, { "EIO", EIO },
	{ "ENOTEMPTY", ENOTEMPTY }, { "ENOSYS", ENOSYS }, { "EROFS", EROFS }, { "EBUSY", EBUSY },
	{ "EAGAIN", EAGAIN }, { "EISCONN", EISCONN }, { "E2BIG", E2BIG }, { "EPERM", EPERM },
};

static int error_code(const char *name)
{
	for (size_t i = 0; i < array_size(errors); i++)
		if (strcmp(errors[i].name, name) == 0)
			return errors[i].code;
	return EINVAL;
}

static int open_path(const char *path, bool *is_device, struct err *err)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct stat st;

	if (stat(path, &st) < 0)
		return err_set(err, errno, "%s", strerror(errno));
	if (!S_ISSOCK(st.st_mode)) {
		int fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);

		*is_device = true;
		return fd >= 0 ? fd : err_set(err, errno, "%s", strerror(errno));
	}
	*is_device = false;
	if (strlen(path) >= sizeof(addr.sun_path))
		return err_set(err, EINVAL, "%s", strerror(EINVAL));
	strcpy(addr.sun_path, path);
	autoclose int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
	    fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
		return err_set(err, errno, "%s", strerror(errno));
	return steal_fd(fd);
}

static char *socket_path(void)
{
	const char *path = getenv("XENSTORED_PATH"), *dir = getenv("XENSTORED_RUNDIR");

	return path ? xstrdup(path) : str_printf("%s/socket", dir ? dir : XEN_RUN_STORED);
}

static const char *device_path(void)
{
	const char *path = getenv("XENSTORED_PATH");

	if (path)
		return path;
	return access("/dev/xen/xenbus", F_OK) == 0 ? "/dev/xen/xenbus" : "/proc/xen/xenbus";
}

int client_open(struct client **out, bool socket_only, struct err *err)
{
	autofree char *path = socket_path();
	bool is_device = false;
	int fd = open_path(path, &is_device, err);

	if (fd < 0 && !socket_only)
		fd = open_path(device_path(), &is_device, err);
	if (fd < 0)
		return -1;
	struct client *c = xcalloc(1, sizeof(*c));
	c->fd = fd;
	c->is_device = is_device;
	list_init(&c->events);
	*out = c;
	return 0;
}

void client_close(struct client *c)
{
	struct event *e, *tmp;

	if (!c)
		return;
	list_for_each_entry_safe(e, tmp, &c->events, link) {
		free(e->path);
		free(e);
	}
	strbuf_free(&c->out);
	close(c->fd);
	free(c);
}

void client_autoclose(struct client **c)
{
	client_close(*c);
}

static int queue_two(struct client *c, uint32_t type, uint32_t tx, const void *a, size_t a_len,
		     const void *b, size_t b_len, struct err *err)
{
	if (a_len > XS_PAYLOAD_MAX || b_len > XS_PAYLOAD_MAX - a_len)
		return err_set(err, E2BIG, "%s", strerror(E2BIG));
	struct header h = { type, c->next_id, tx, (uint32_t)(a_len + b_len) };

	if (c->out_done == c->out.len)
		c->out_done = c->out_end = c->out.len = 0;
	c->next_id++;
	strbuf_addn(&c->out, &h, sizeof(h));
	strbuf_addn(&c->out, a, a_len);
	strbuf_addn(&c->out, b, b_len);
	return 0;
}

int client_queue(struct client *c, uint32_t type, uint32_t tx, const void *data, size_t len,
		 struct err *err)
{
	return queue_two(c, type, tx, data, len, "", 0, err);
}

int client_queue_path(struct client *c, uint32_t type, uint32_t tx, const char *path,
		      const void *tail, size_t len, struct err *err)
{
	return queue_two(c, type, tx, path, strlen(path) + 1, len ? tail : "", len, err);
}

/* Let more whole messages go out: a bounded number in flight, so that neither end holds a whole tree of answers; and
 * to the device one at a time, for it takes one message a write. */
static void allow_more(struct client *c)
{
	uint32_t most = c->is_device ? 16 : 512;

	if (c->is_device && c->out_end > c->out_done)
		return;
	while (c->out_end < c->out.len && c->sent_id - c->reply_id < most) {
		struct header h;

		memcpy(&h, c->out.data + c->out_end, sizeof(h));
		c->out_end += sizeof(h) + h.len;
		c->sent_id++;
		if (c->is_device)
			return;
	}
}

static int write_some(struct client *c, struct err *err)
{
	ssize_t n = write(c->fd, c->out.data + c->out_done, c->out_end - c->out_done);

	if (n >= 0)
		c->out_done += (size_t)n;
	else if (errno != EAGAIN && errno != EINTR)
		return err_set(err, errno, "%s", strerror(errno));
	return 0;
}

/* Wait until there is something to read, sending meanwhile, and read it. */
static int exchange(struct client *c, struct err *err)
{
	memmove(c->in, c->in + c->in_done, c->in_len - c->in_done);
	c->in_len -= c->in_done;
	c->in_done = 0;
	for (;;) {
		allow_more(c);
		if (c->out_end > c->out_done && write_some(c, err) < 0)
			return -1;
		if (c->is_device && c->out_end == c->out_done && c->out_end < c->out.len &&
		    c->sent_id - c->reply_id < 16)
			continue;
		short more = c->out_end > c->out_done ? POLLOUT : 0;
		struct pollfd p = { c->fd, (short)(POLLIN | more), 0 };

		if (poll(&p, 1, -1) < 0 && errno != EINTR)
			return err_set(err, errno, "%s", strerror(errno));
		if (!(p.revents & (POLLIN | POLLHUP | POLLERR)))
			continue;
		ssize_t n = read(c->fd, c->in + c->in_len, sizeof(c->in) - c->in_len);

		if (n > 0) {
			c->in_len += (size_t)n;
			return 0;
		}
		if (n == 0 || (errno != EAGAIN && errno != EINTR))
			return err_set(err, EPIPE, "the store daemon closed the connection");
	}
}

/* One message into *h and c->body. */
static int read_message(struct client *c, struct header *h, struct err *err)
{
	for (;;) {
		size_t have = c->in_len - c->in_done;

		if (have >= sizeof(*h)) {
			memcpy(h, c->in + c->in_done, sizeof(*h));
			if (h->len > XS_PAYLOAD_MAX)
				return err_set(err, EIO, "the store sent a reply of %u bytes",
					       h->len);
			if (have >= sizeof(*h) + h->len)
				break;
		}
		if (exchange(c, err) < 0)
			return -1;
	}
	memcpy(c->body, c->in + c->in_done + sizeof(*h), h->len);
	c->body[h->len] = '\0';
	c->in_done += sizeof(*h) + h->len;
	return 0;
}

static void keep_event(struct client *c)
{
	struct event *e = xcalloc(1, sizeof(*e));

	e->path = xstrdup(c->body);
	list_add_tail(&c->events, &e->link);
}

int client_next(struct client *c, struct reply *reply, struct err *err)
{
	struct header h;

	do {
		if (read_message(c, &h, err) < 0)
			return -1;
		if (h.type == XS_WATCH_EVENT)
			keep_event(c);
	} while (h.type == XS_WATCH_EVENT);
	if (h.req_id != c->reply_id)
		return err_set(err, EIO, "the store answered request %u before request %u",
			       h.req_id, c->reply_id);
	c->reply_id++;
	reply->error = h.type == XS_ERROR ? error_code(c->body) : 0;
	reply->data = c->body;
	reply->len = h.len;
	return 0;
}

int client_call(struct client *c, uint32_t type, uint32_t tx, const char *path, const void *tail,
		size_t len, struct reply *reply, struct err *err)
{
	if (client_queue_path(c, type, tx, path, tail, len, err) < 0)
		return -1;
	return client_next(c, reply, err);
}

int client_event(struct client *c, char **path, struct err *err)
{
	while (list_is_empty(&c->events)) {
		struct header h;

		if (read_message(c, &h, err) < 0)
			return -1;
		if (h.type == XS_WATCH_EVENT)
			keep_event(c);
	}
	struct event *e = list_first(&c->events, struct event, link);

	list_del(&e->link);
	*path = steal(e->path);
	free(e);
	return 0;
}
