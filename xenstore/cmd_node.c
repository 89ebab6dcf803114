// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The commands that name their nodes: read, write, exists, list, rm, chmod, watch. Requests that do
 * not depend on each other's answers go out together. What is printed, and when a command gives up,
 * is stock's.
 */
#include "xenstore/commands.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/num.h"
#include "xenstore/text.h"

static bool several(const struct run *run)
{
	return run->nr_args > 1;
}

static int queue_each(struct run *run, uint32_t type, struct err *err)
{
	for (int i = 0; i < run->nr_args; i++)
		if (xs_client_queue_path(run->client, type, run->tx, run->args[i], "", 0, err) < 0)
			return -1;
	return 0;
}

/* After a refusal: the answers still under way belong to requests that no longer matter. */
static int drain(struct run *run, int nr, struct err *err)
{
	struct xs_reply reply;

	while (nr-- > 0)
		if (xs_client_next(run->client, &reply, err) < 0)
			return -1;
	return 1;
}

static int run_read(struct run *run, struct err *err)
{
	struct xs_reply reply;

	if (queue_each(run, XS_READ, err) < 0)
		return -1;
	for (int i = 0; i < run->nr_args; i++) {
		if (xs_client_next(run->client, &reply, err) < 0)
			return -1;
		if (reply.error) {
			warn_user("couldn't read path %s", run->args[i]);
			return drain(run, run->nr_args - i - 1, err);
		}
		if (run->prefix)
			strbuf_printf(&run->out, "%s: ", run->args[i]);
		if (run->raw) {
			strbuf_addn(&run->out, reply.data, reply.len);
			continue;
		}
		text_quote(&run->out, reply.data, reply.len);
		strbuf_addc(&run->out, '\n');
	}
	return 0;
}

const struct command cmd_read = { "read", "pR", "[-h] [-p] [-s] [-R] key [...]", several,
				  run_read };

static int run_exists(struct run *run, struct err *err)
{
	struct xs_reply reply;

	if (queue_each(run, XS_READ, err) < 0)
		return -1;
	for (int i = 0; i < run->nr_args; i++) {
		if (xs_client_next(run->client, &reply, err) < 0)
			return -1;
		if (reply.error)
			return drain(run, run->nr_args - i - 1, err);
	}
	return 0;
}

const struct command cmd_exists = { "exists", "p", "[-h] [-p] [-s] key [...]", several,
				    run_exists };

static bool more_than_a_pair(const struct run *run)
{
	return run->nr_args > 2;
}

static int run_write(struct run *run, struct err *err)
{
	struct xs_reply reply;

	for (int i = 0; i + 1 < run->nr_args; i += 2) {
		autostrbuf struct strbuf value = STRBUF_INIT;

		if (run->raw)
			strbuf_add(&value, run->args[i + 1]);
		else
			text_unquote(&value, run->args[i + 1]);
		if (xs_client_queue_path(run->client, XS_WRITE, run->tx, run->args[i], value.data,
				      value.len, err) < 0) {
			warn_user("could not write path %s", run->args[i]);
			err_clear(err);
			return drain(run, i / 2, err);
		}
	}
	for (int i = 0; i + 1 < run->nr_args; i += 2) {
		if (xs_client_next(run->client, &reply, err) < 0)
			return -1;
		if (reply.error) {
			warn_user("could not write path %s", run->args[i]);
			return drain(run, (run->nr_args - i) / 2 - 1, err);
		}
	}
	return 0;
}

const struct command cmd_write = { "write", "R", "[-h] [-s] [-R] key value [...]",
				   more_than_a_pair, run_write };

static int read_listing(struct run *run, const char *path, struct listing *l, struct err *err)
{
	struct xs_reply reply;
	int done;

	do {
		if (listing_ask(l, run->client, run->tx, path, err) < 0 ||
		    xs_client_next(run->client, &reply, err) < 0)
			return -1;
		done = listing_take(l, &reply, err);
	} while (done == 0);
	return done;
}

static int run_list(struct run *run, struct err *err)
{
	for (int i = 0; i < run->nr_args; i++) {
		__attribute__((cleanup(listing_free))) struct listing l = { .in_parts = false };
		const char *name = NULL;

		if (read_listing(run, run->args[i], &l, err) < 0) {
			if (err->code == EPIPE)
				return -1;
			err_clear(err);
			warn_user("could not list path %s", run->args[i]);
			return 1;
		}
		while ((name = listing_next(&l, name))) {
			if (run->prefix)
				strbuf_printf(&run->out, "%s/", run->args[i]);
			strbuf_printf(&run->out, "%s\n", name);
		}
	}
	return 0;
}

const struct command cmd_list = { "list", "p", "[-h] [-p] [-s] key [...]", several, run_list };

static bool is_tidy_or_several(const struct run *run)
{
	return run->tidy || run->nr_args > 1;
}

/* Whether the node is a directory left behind: no value, no children. */
static int is_empty(struct run *run, const char *path, struct err *err)
{
	__attribute__((cleanup(listing_free))) struct listing l = { .in_parts = false };
	struct xs_reply reply;

	if (xs_client_call(run->client, XS_READ, run->tx, path, "", 0, &reply, err) < 0)
		return -1;
	if (reply.error || reply.len > 0)
		return 0;
	if (read_listing(run, path, &l, err) < 0) {
		if (err->code == EPIPE)
			return -1;
		err_clear(err);
		return 0;
	}
	return listing_next(&l, NULL) == NULL;
}

static int remove_one(struct run *run, const char *path, struct err *err)
{
	struct xs_reply reply;

	if (xs_client_call(run->client, XS_RM, run->tx, path, "", 0, &reply, err) < 0)
		return -1;
	if (!reply.error)
		return 0;
	warn_user("could not remove path %s", path);
	return 1;
}

/* The node, and upwards every parent that this leaves empty. */
static int remove_tidy(struct run *run, const char *arg, struct err *err)
{
	autofree char *path = xstrdup(arg);
	int empty, code;

	do {
		code = remove_one(run, path, err);
		if (code != 0)
			return code;
		char *slash = strrchr(path, '/');

		if (!slash)
			return 0;
		*slash = '\0';
		empty = is_empty(run, path, err);
	} while (empty == 1);
	return empty;
}

static int run_rm(struct run *run, struct err *err)
{
	for (int i = 0; i < run->nr_args; i++) {
		int code = run->tidy ? remove_tidy(run, run->args[i], err)
				     : remove_one(run, run->args[i], err);

		if (code != 0)
			return code;
	}
	return 0;
}

const struct command cmd_rm = { "rm", "t", "[-h] [-s] [-t] key [...]", is_tidy_or_several, run_rm };

static bool is_wide(const struct run *run)
{
	return run->upto || run->recurse;
}

/* "b7 r" on the command line, in the form of the wire: a letter, a decimal domid, NUL, each. */
static int read_perms(struct run *run, struct strbuf *perms, struct err *err)
{
	for (int i = 1; i < run->nr_args; i++) {
		char letter = run->args[i][0];
		uint64_t domid;

		if (letter == '\0' || !strchr("nrwb", letter))
			return err_set(err, EINVAL, "Invalid permission specification: '%c'",
				       letter);
		if (num_dec(run->args[i] + 1, UINT16_MAX, "domid", &domid, err) < 0)
			return err_wrap(err, "Invalid permission specification '%s'", run->args[i]);
		strbuf_printf(perms, "%c%u", letter, (unsigned)domid);
		strbuf_addn(perms, "", 1);
	}
	return 0;
}

static int set_perms(struct run *run, const char *path, const struct strbuf *perms, struct err *err)
{
	struct xs_reply reply;

	if (xs_client_call(run->client, XS_SET_PERMS, run->tx, path, perms->data, perms->len,
			   &reply, err) < 0)
		return -1;
	if (!reply.error)
		return 0;
	return err_set(err, reply.error, "Error occurred setting permissions on '%s': %s", path,
		       strerror(reply.error));
}

static int set_perms_upto(struct run *run, const char *arg, const struct strbuf *perms,
			  struct err *err)
{
	autofree char *path = xstrdup(arg);
	char *slash;

	while ((slash = strrchr(path, '/'))) {
		*slash = '\0';
		if (path[0] == '\0')
			return 0;
		if (set_perms(run, path, perms, err) < 0)
			return -1;
	}
	return err_set(err, EINVAL, "Unable to locate path separator '/' in '%s'", path);
}

/* One level of a tree: the answers to all of it are awaited together, then the next one is entered.
 * The depth is bounded by the length a path may have. */
static int set_perms_below(struct run *run, const char *path, const struct strbuf *perms,
			   struct err *err)
{
	__attribute__((cleanup(listing_free))) struct listing l = { .in_parts = false };
	const char *name = NULL, *slash = strcmp(path, "/") == 0 ? "" : path;
	struct xs_reply reply;

	if (read_listing(run, path, &l, err) < 0) {
		if (err->code == EPIPE)
			return -1;
		err_clear(err);	/* what may not be listed is left as it is */
		return 0;
	}
	while ((name = listing_next(&l, name))) {
		autofree char *child = str_printf("%s/%s", slash, name);

		if (xs_client_queue_path(run->client, XS_SET_PERMS, run->tx, child, perms->data,
				      perms->len, err) < 0)
			return -1;
	}
	while ((name = listing_next(&l, name))) {
		if (xs_client_next(run->client, &reply, err) < 0)
			return -1;
		if (reply.error)
			return err_set(err, reply.error,
				       "Error occurred setting permissions on '%s/%s': %s", slash,
				       name, strerror(reply.error));
	}
	while ((name = listing_next(&l, name))) {
		autofree char *child = str_printf("%s/%s", slash, name);

		if (set_perms_below(run, child, perms, err) < 0)
			return -1;
	}
	return 0;
}

static int run_chmod(struct run *run, struct err *err)
{
	autostrbuf struct strbuf perms = STRBUF_INIT;
	const char *path = run->args[0];

	if (read_perms(run, &perms, err) < 0)
		return -1;
	if (path[0] == '\0')
		return 0;
	if (set_perms(run, path, &perms, err) < 0)
		return -1;
	if (run->upto && set_perms_upto(run, path, &perms, err) < 0)
		return -1;
	return run->recurse ? set_perms_below(run, path, &perms, err) : 0;
}

const struct command cmd_chmod = { "chmod", "ur", "[-h] [-u] [-r] [-s] key <mode [modes...]>",
				   is_wide, run_chmod };

static int run_watch(struct run *run, struct err *err)
{
	struct xs_reply reply;

	for (int i = 0; i < run->nr_args; i++) {
		const char *path = run->args[i];

		if (xs_client_call(run->client, XS_WATCH, 0, path, path, strlen(path) + 1, &reply,
				err) < 0)
			return -1;
		if (reply.error)
			return err_set(err, reply.error, "Unable to add watch on %s", path);
	}
	for (int n = 0; run->nr_events == -1 || n < run->nr_events; n++) {
		autofree char *path = NULL;

		if (xs_client_event(run->client, -1, &path, NULL, err) < 0)
			return -1;
		printf("%s\n", path);
		if (fflush(stdout) != 0)
			return err_set(err, errno, "standard output: %s", strerror(errno));
	}
	return 0;
}

const struct command cmd_watch = { "watch", "n", "[-h] [-n NR] key", NULL, run_watch };
