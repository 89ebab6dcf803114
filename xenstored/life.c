// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The order of the daemon's beginning: devices, journal, socket, state, connections, privileges.
 * Knows who depends on whom; does nothing itself.
 */
#include "xenstored/life.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/privs.h"
#include "base/log.h"

static int open_parts(struct life *l, struct server *srv, const struct life_options *o,
		      const struct update_state *former, struct err *err)
{
	l->parts = (struct update_parts){ .server = srv, .argv = o->argv };
	if (!o->no_domains &&
	    guests_open(&l->guests, srv->world, srv->ev, former->evtchn_fd, err) < 0)
		return -1;
	/* Open even when none is kept: it says that another daemon is at work, and one left behind
	 * must go. */
	if (journal_open(&l->journal, o->run_dir, srv->world, l->guests, err) < 0)
		return -1;
	l->parts.guests = l->guests;
	if (o->no_journal) {
		journal_close(l->journal, false);
		l->journal = NULL;
	}
	l->parts.journal = l->journal;
	return server_listen(srv, o->socket_path, former->socket_fd, err);
}

/* 1: the state of a former daemon is here; 0: there was none. */
static int take_up_state(struct life *l, const struct life_options *o,
			 const struct update_state *former, struct err *err)
{
	int result;

	if (o->live_update)
		return update_restore(former, &l->parts, err) < 0 ? -1 : 1;
	if (!l->journal)
		return 0;
	result = journal_recover(l->journal, err);
	if (result < 0)
		return err_append(err, "start again to begin without it");
	if (result > 0)
		log_info("going on where the former daemon ended");
	return result;
}

static int start(struct life *l, struct server *srv, const struct life_options *o,
		 const struct update_state *former, struct err *err)
{
	int result;

	if (open_parts(l, srv, o, former, err) < 0)
		return -1;
	result = take_up_state(l, o, former, err);
	if (result < 0)
		return -1;
	if (l->guests) {
		if (guests_introduce_own(l->guests, o->own_port, err) < 0)
			return -1;
		if (result == 0)
			guests_find(l->guests);
	}
	if (l->journal && journal_start(l->journal, err) < 0)
		return -1;
	update_register(&l->parts);
	return 0;
}

int life_start(struct life *l, struct server *srv, const struct life_options *o, struct err *err)
{
	struct update_state former = { .socket_fd = -1, .evtchn_fd = -1 };
	int ok;

	memset(l, 0, sizeof(*l));
	if (o->live_update && update_read(&former, err) < 0)
		return err_wrap(err, "live update");
	ok = start(l, srv, o, &former, err);
	if (o->live_update)
		update_done(&former);
	return ok;
}

int life_settle_down(const struct life_options *o, struct err *err)
{
	/* A live update starts the program again. */
	static const char *const more[] = { "execve" };
	const struct privs p = { o->user, o->run_dir, o->no_filter, more, array_size(more) };

	return privs_drop(&p, err);
}

void life_end(struct life *l)
{
	guests_close(l->guests);
	journal_close(l->journal, true);
}
