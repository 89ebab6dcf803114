/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The transport of local clients: one large recv a wake-up, one send a turn. Knows descriptors and
 * the loop; not what the bytes mean. */
#include "xenstored/conn_socket.h"
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include "base/mem.h"

/* Edge-triggered: one look at the socket less per request. Whatever is asked for anew is looked at
 * when it is. */
#define NEWS ((unsigned)EPOLLET | EPOLLRDHUP)

struct conn_socket {
	struct conn conn;
	struct ev *ev;
	struct ev_io io;
	bool want_read, want_write;
	bool hung_up;		/* read until the end comes */
	void (*on_close)(void *arg);
	void *arg;
};

static ssize_t moved(ssize_t n)
{
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	return n;
}

static ssize_t socket_read(struct conn *c, void *buf, size_t len)
{
	struct conn_socket *s = container_of(c, struct conn_socket, conn);
	ssize_t n = recv(s->io.fd, buf, len, 0);

	/* Less than there was room for: it was all, epoll(7). */
	c->unread = n == (ssize_t)len || s->hung_up || (n < 0 && errno == EINTR);
	return n ? moved(n) : -1;	/* the end */
}

static ssize_t socket_write(struct conn *c, const void *buf, size_t len)
{
	struct conn_socket *s = container_of(c, struct conn_socket, conn);

	return moved(send(s->io.fd, buf, len, MSG_NOSIGNAL));
}

static void set_mask(struct conn_socket *s)
{
	ev_io_mask(s->ev, &s->io,
		   NEWS | (s->want_read ? EPOLLIN : 0u) | (s->want_write ? EPOLLOUT : 0u));
}

static void socket_want_read(struct conn *c, bool want)
{
	struct conn_socket *s = container_of(c, struct conn_socket, conn);

	s->want_read = want;
	set_mask(s);
}

static void socket_want_write(struct conn *c, bool want)
{
	struct conn_socket *s = container_of(c, struct conn_socket, conn);

	s->want_write = want;
	set_mask(s);
}

static void socket_close(struct conn *c)
{
	struct conn_socket *s = container_of(c, struct conn_socket, conn);

	ev_io_del(s->ev, &s->io);
	close(s->io.fd);
	if (s->on_close)
		s->on_close(s->arg);
	free(s);
}

static const struct conn_ops socket_ops = {
	.name = "socket",
	.read = socket_read,
	.write = socket_write,
	.close = socket_close,
	.want_read = socket_want_read,
	.want_write = socket_want_write,
};

static void on_io(struct ev_io *io, unsigned events)
{
	struct conn_socket *s = container_of(io, struct conn_socket, io);

	if (events & EPOLLOUT)
		conn_writable(&s->conn);
	/* A peer that is gone while it is held back: nothing it sent matters any more. */
	s->hung_up |= (events & (EPOLLHUP | EPOLLERR | EPOLLRDHUP)) != 0;
	if (events & (EPOLLHUP | EPOLLERR) && !s->want_read) {
		conn_kill(&s->conn);
	} else if (s->hung_up || events & EPOLLIN) {
		/* Even if what came before has to be handled first. */
		s->conn.unread = true;
		conn_ready(&s->conn);
	}
}

struct conn *conn_socket_new(struct ev *ev, struct turn *turn, struct account *account, int fd,
			     void (*on_close)(void *arg), void *arg, struct err *err)
{
	struct conn_socket *s = calloc(1, sizeof(*s));
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (!s) {
		err_set(err, ENOMEM, "client: out of memory");
		return NULL;
	}
	s->ev = ev;
	s->io.fd = fd;
	s->io.fn = on_io;
	s->want_read = true;
	s->on_close = on_close;
	s->arg = arg;
	if (ev_io_add(ev, &s->io, NEWS | EPOLLIN, err) < 0) {
		free(s);
		return NULL;
	}
	conn_init(&s->conn, &socket_ops, turn, account);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0) {
		s->conn.pid = peer.pid;
		s->conn.uid = peer.uid;
	}
	return &s->conn;
}

int conn_socket_fd(const struct conn *c)
{
	return c->ops == &socket_ops ? container_of(c, const struct conn_socket, conn)->io.fd : -1;
}
