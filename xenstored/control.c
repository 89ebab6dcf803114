/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* CONTROL, what xenstore-control asks for: one row a subcommand. Rows of other modules
 * (live-update) are registered by them. */
#include "xenstored/control.h"
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"

#define MAX_COMMANDS 24

static const struct control_command *commands[MAX_COMMANDS];
static unsigned nr_commands;

/* Append to a reply; what does not fit a message is cut off. */
static void printf_like(2, 3) say(struct reply *reply, const char *fmt, ...)
{
	size_t room = sizeof(reply->data) - reply->len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(reply->data + reply->len, room, fmt, ap);
	va_end(ap);
	reply->given = true;
	if (n > 0)
		reply->len += (size_t)n < room ? (size_t)n : room - 1;
}

static int run_check(struct request *r, struct reply *reply, struct err *err)
{
	(void)reply;
	if (world_audit(r->world, err))
		return 0;
	log_error("check: %s", err->msg);
	return -1;
}

static int run_log(struct request *r, struct reply *reply, struct err *err)
{
	static const char *const others[] = { "obj", "wrl", "acc",
					      "tdb" }; /* accepted, trace nothing */
	bool io = log_enabled(LOG_LEVEL_DEBUG), known = false;
	const char *how;

	if (r->nr_args == 1) {
		say(reply, "io: %s\n", io ? "on" : "off");
		return 0;
	}
	how = r->args[1].s;
	if (!strcmp(how, "on") || !strcmp(how, "+io"))
		io = known = true;
	else if (!strcmp(how, "off") || !strcmp(how, "-io"))
		io = !(known = true);
	for (unsigned i = 0; i < array_size(others) && (how[0] == '+' || how[0] == '-'); i++)
		known |= !strcmp(how + 1, others[i]);
	if (!known)
		return err_set(err, EINVAL, "log: '%.40s' is neither on, off nor a switch", how);
	log_set_level(io ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
	return 0;
}

static int run_logfile(struct request *r, struct reply *reply, struct err *err)
{
	(void)reply;
	return log_to_file("xenstored", r->args[1].s, err);
}

static int run_print(struct request *r, struct reply *reply, struct err *err)
{
	(void)reply;
	(void)err;
	log_info("control: %.200s", r->args[1].s);
	return 0;
}

static const struct account *account_of(struct request *r, const struct wire_arg *a,
					struct err *err)
{
	const struct account *account;
	uint64_t domid;

	if (num_dec(a->s, DOMID_FIRST_RESERVED - 1, "domain id", &domid, err) < 0)
		return NULL;
	account = quota_find(r->world->quota, (unsigned)domid);
	if (!account)
		err_set(err, ENOENT, "domain %u is not known", (unsigned)domid);
	return account;
}

static int set_quota(struct request *r, bool soft, struct err *err)
{
	struct quota_limits *l = quota_global(r->world->quota);
	const struct effect e = { .kind = EFFECT_QUOTA };
	unsigned *limit, old;
	bool named_soft;
	uint64_t value;
	int id;

	if (r->nr_args != 4)
		return err_set(err, EINVAL, "quota set: a name and a value");
	id = quota_by_name(r->args[2].s, &named_soft);
	if (id < 0 || (soft && !quota_rows[id].has_soft))
		return err_set(err, EINVAL, "there is no %squota '%.40s'", soft ? "soft " : "",
			       r->args[2].s);
	if (num_dec(r->args[3].s, INT_MAX, "quota", &value, err) < 0)
		return -1;
	limit = &(soft || named_soft ? l->soft : l->hard)[id];
	old = *limit;
	*limit = (unsigned)value;
	if (world_journal_one(r->world, &e, err) == 0)
		return 0;
	*limit = old;
	return -1;
}

static void show_limits(struct request *r, bool soft, struct reply *reply)
{
	const struct quota_limits *l = quota_global(r->world->quota);

	say(reply, "Quota settings:\n");
	for (int i = 0; i < NR_QUOTAS; i++)
		if (!soft || quota_rows[i].has_soft)
			say(reply, "%-17s: %8u %s%s\n", quota_rows[i].name,
			    (soft ? l->soft : l->hard)[i], quota_rows[i].text,
			    !quota_rows[i].has_soft ? ""
			    : soft                  ? " (warning level)"
						    : " (error level)");
}

static int show_domain(struct request *r, struct reply *reply, struct err *err)
{
	const struct account *a = account_of(r, &r->args[1], err);

	if (!a)
		return -1;
	say(reply, "Domain %u:\n", a->domid);
	for (int i = 0; i < QUOTA_COUNTED; i++)
		say(reply, "%-17s: %8" PRIu64 " (max %8" PRIu64 ")\n", quota_rows[i].name,
		    a->used[i], a->peak[i]);
	return 0;
}

static void show_peaks(struct request *r, struct reply *reply)
{
	say(reply, "Max. seen accounting values:\n");
	for (int i = 0; i < QUOTA_COUNTED; i++) {
		uint64_t max = 0;
		unsigned cursor = 0;
		const struct account *a;

		while ((a = quota_next(r->world->quota, &cursor)))
			if (!a->privileged && a->peak[i] > max)
				max = a->peak[i];
		say(reply, "%-17s: %8" PRIu64 "\n", quota_rows[i].name, max);
	}
}

static void reset_peaks(struct request *r)
{
	unsigned cursor = 0;
	struct account *a;

	while ((a = quota_next(r->world->quota, &cursor)))
		memcpy(a->peak, a->used, sizeof(a->peak));
}

static int run_quota(struct request *r, struct reply *reply, struct err *err)
{
	const char *what = r->nr_args > 1 ? r->args[1].s : NULL;

	if (!what) {
		show_limits(r, false, reply);
		return 0;
	}
	if (!strcmp(what, "set"))
		return set_quota(r, false, err);
	if (r->nr_args > 3)
		return err_set(err, EINVAL, "quota: too many arguments");
	if (strcmp(what, "max") != 0)
		return r->nr_args == 2 ? show_domain(r, reply, err)
				       : err_set(err, EINVAL, "quota: too many arguments");
	if (r->nr_args == 3) {
		if (strcmp(r->args[2].s, "-r") != 0)
			return err_set(err, EINVAL, "quota max: '%.20s' is not -r", r->args[2].s);
		reset_peaks(r);
		return 0;
	}
	show_peaks(r, reply);
	return 0;
}

static int run_quota_soft(struct request *r, struct reply *reply, struct err *err)
{
	if (r->nr_args == 1) {
		show_limits(r, true, reply);
		return 0;
	}
	if (strcmp(r->args[1].s, "set") != 0)
		return err_set(err, EINVAL, "quota-soft: only 'set' takes arguments");
	return set_quota(r, true, err);
}

/* Statistics */

static void stats_text(const struct world *w, struct reply *reply)
{
	const struct domain *d;

	say(reply,
	    "nodes %zu\nwatches %u\ntransactions %u\nconnections %u\ncommits %" PRIu64
	    "\nconflicts %" PRIu64 "\nevents %" PRIu64 "\nbytes-in %" PRIu64 "\nbytes-out %" PRIu64
	    "\n",
	    tree_nr_nodes(w->tree), watch_set_count(w->watches), w->nr_txns, w->nr_conns,
	    w->nr_commits, w->nr_conflicts, w->nr_events, w->turn.bytes_in, w->turn.bytes_out);
	for (unsigned i = 0; i < WIRE_NR_TYPES; i++)
		if (w->ops[i].requests)
			say(reply, "%s %" PRIu64 " errors %" PRIu64 "\n", wire_type_name(i),
			    w->ops[i].requests, w->ops[i].errors);
	list_for_each_entry(d, &w->domains, of_world)
		say(reply,
		    "domain %u nodes %" PRIu64 " watches %" PRIu64 " transactions %" PRIu64
		    " memory %" PRIu64 "\n",
		    d->domid, d->account->used[QUOTA_NODES], d->account->used[QUOTA_WATCHES],
		    d->account->used[QUOTA_TRANSACTIONS], d->account->used[QUOTA_MEMORY]);
}

static void stats_domains_json(const struct world *w, struct reply *reply)
{
	const struct domain *d;
	const char *comma = "";

	say(reply, ",\"domains\":[");
	list_for_each_entry(d, &w->domains, of_world) {
		/* A message holds 4096 bytes: the rest is left out, the JSON stays whole. */
		if (reply->len > sizeof(reply->data) - 200) {
			say(reply, "],\"truncated\":true}");
			return;
		}
		say(reply, "%s{\"domid\":%u,\"introduced\":%s", comma, d->domid,
		    d->introduced ? "true" : "false");
		for (int i = 0; i < QUOTA_COUNTED; i++)
			say(reply, ",\"%s\":%" PRIu64, quota_rows[i].name, d->account->used[i]);
		say(reply, "}");
		comma = ",";
	}
	say(reply, "],\"truncated\":false}");
}

static void stats_json(const struct world *w, struct reply *reply)
{
	const char *comma = "";

	say(reply,
	    "{\"nodes\":%zu,\"watches\":%u,\"transactions\":%u,\"connections\":%u,\"commits\":"
	    "%" PRIu64 ",\"conflicts\":%" PRIu64 ",\"events\":%" PRIu64 ",\"bytes-in\":%" PRIu64
	    ",\"bytes-out\":%" PRIu64 ",\"operations\":{",
	    tree_nr_nodes(w->tree), watch_set_count(w->watches), w->nr_txns, w->nr_conns,
	    w->nr_commits, w->nr_conflicts, w->nr_events, w->turn.bytes_in, w->turn.bytes_out);
	for (unsigned i = 0; i < WIRE_NR_TYPES; i++) {
		if (!w->ops[i].requests)
			continue;
		say(reply, "%s\"%s\":{\"requests\":%" PRIu64 ",\"errors\":%" PRIu64 "}", comma,
		    wire_type_name(i), w->ops[i].requests, w->ops[i].errors);
		comma = ",";
	}
	say(reply, "}");
	stats_domains_json(w, reply);
}

static int run_stats(struct request *r, struct reply *reply, struct err *err)
{
	if (r->nr_args > 1 && strcmp(r->args[1].s, "--json") != 0)
		return err_set(err, EINVAL, "stats: '%.20s' is not --json", r->args[1].s);
	if (r->nr_args > 1)
		stats_json(r->world, reply);
	else
		stats_text(r->world, reply);
	return 0;
}

static int run_memreport(struct request *r, struct reply *reply, struct err *err)
{
	const struct world *w = r->world;
	unsigned cursor = 0;
	const struct account *a;

	(void)err;
	say(reply, "%zu nodes, %u watches, %u transactions, %u connections, %u spare buffers\n",
	    tree_nr_nodes(w->tree), watch_set_count(w->watches), w->nr_txns, w->nr_conns,
	    w->turn.nr_pool);
	while ((a = quota_next(w->quota, &cursor)))
		say(reply, "domain %u: %" PRIu64 " nodes, %" PRIu64 " bytes\n", a->domid,
		    a->used[QUOTA_NODES], a->used[QUOTA_MEMORY]);
	return 0;
}

static int run_help(struct request *r, struct reply *reply, struct err *err);

static const struct control_command own_commands[] = {
	{ "check", "", 0, 0, run_check },
	{ "log", "[on|off|+<switch>|-<switch>]", 0, 1, run_log },
	{ "logfile", "<file>", 1, 1, run_logfile },
	{ "memreport", "[<file>]", 0, 1, run_memreport },
	{ "print", "<string>", 1, 1, run_print },
	{ "quota", "[set <name> <val>|<domid>|max [-r]]", 0, 3, run_quota },
	{ "quota-soft", "[set <name> <val>]", 0, 3, run_quota_soft },
	{ "stats", "[--json]", 0, 1, run_stats },
	{ "help", "", 0, 0, run_help },
};

static int run_help(struct request *r, struct reply *reply, struct err *err)
{
	(void)r;
	(void)err;
	for (unsigned i = 0; i < array_size(own_commands); i++)
		say(reply, "%-15s %s\n", own_commands[i].name, own_commands[i].args);
	for (unsigned i = 0; i < nr_commands; i++)
		say(reply, "%-15s %s\n", commands[i]->name, commands[i]->args);
	return 0;
}

void control_register(const struct control_command *c)
{
	for (unsigned i = 0; i < nr_commands; i++)
		if (commands[i] == c)
			return;
	if (nr_commands < MAX_COMMANDS)
		commands[nr_commands++] = c;
}

static const struct control_command *find_command(const char *name)
{
	for (unsigned i = 0; i < array_size(own_commands); i++)
		if (!strcmp(own_commands[i].name, name))
			return &own_commands[i];
	for (unsigned i = 0; i < nr_commands; i++)
		if (!strcmp(commands[i]->name, name))
			return commands[i];
	return NULL;
}

int op_control(struct request *r, struct reply *reply, struct err *err)
{
	const struct control_command *c = find_command(r->args[0].s);
	int n = (int)r->nr_args - 1;

	if (!c)
		return err_set(err, EINVAL, "control: there is no '%.40s'", r->args[0].s);
	if (n < c->min || (c->max >= 0 && n > c->max) || r->nr_args > REQUEST_MAX_ARGS)
		return err_set(err, EINVAL, "control %s: wrong number of arguments", c->name);
	if (c->run(r, reply, err) < 0)
		return -1;
	/* The text ends in NUL, as clients print it as a string. */
	if (reply->given && reply->len < sizeof(reply->data) &&
	    (!reply->len || reply->data[reply->len - 1]))
		reply->data[reply->len++] = '\0';
	return 0;
}
