/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The daemon's start and end: command line, directories, background, pid file, readiness.
 * Everything it serves is behind server.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <link.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "xenstored/life.h"
#include "xenstored/server.h"

#define DEFAULT_RUNDIR "/var/run/xenstored"	/* xen: tools/config, XEN_RUN_STORED */

struct settings {
	bool foreground, print_pid, verbose;
	const char *pid_file, *trace_file;
	struct life_options life;
	struct world *world;
};

/* Options: one row each */

enum {
	OPT_TRACE_CONTROL = 0x100,
	OPT_NO_JOURNAL,
	OPT_NO_SECCOMP,
	OPT_USER,
};

struct option_row {
	int key;			/* a letter, or a number for those without */
	const char *name;
	int arg;			/* no_argument, required_argument, optional_argument */
	const char *value;		/* for help */
	const char *help;
};

static const struct option_row rows[] = {
	{ 'D', "no-domain-init", no_argument, NULL, "serve sockets only: needs no Xen" },
	{ 'F', "pid-file", required_argument, "<file>", "write the daemon's pid there" },
	{ 'H', "help", no_argument, NULL, "this text" },
	{ 'N', "no-fork", no_argument, NULL, "stay in the foreground" },
	{ 'P', "output-pid", no_argument, NULL, "print the daemon's pid" },
	{ 'T', "trace-file", required_argument, "<file>", "log there" },
	{ OPT_TRACE_CONTROL, "trace-control", required_argument, "+|-<switch>", "io: log every request" },
	{ 'V', "verbose", no_argument, NULL, "log every request" },
	{ 'E', "entry-nb", required_argument, "<nb>", "nodes per domain (-Q nodes)" },
	{ 'S', "entry-size", required_argument, "<size>", "size of a node (-Q node-size)" },
	{ 'W', "watch-nb", required_argument, "<nb>", "watches per domain (-Q watches)" },
	{ 't', "transaction", required_argument, "<nb>", "open transactions per domain (-Q transactions)" },
	{ 'A', "perm-nb", required_argument, "<nb>", "permissions per node (-Q permissions)" },
	{ 'M', "path-max", required_argument, "<chars>", "length of a path (-Q path-max)" },
	{ 'Q', "quota", required_argument, "<what>=<nb>", "a quota, see below" },
	{ 'q', "quota-soft", required_argument, "<what>=<nb>", "a limit that is only reported: memory" },
	{ 'w', "timeout", required_argument, "<what>=<s>", "watch-event: drop a guest's unread events after this time" },
	{ 'K', "keep-orphans", no_argument, NULL, "keep the nodes of dead domains (a security risk)" },
	{ 'R', "no-recovery", no_argument, NULL, "accepted; has no effect: there is no database to recover" },
	{ 'I', "internal-db", optional_argument, "on|off", "accepted; has no effect: the store is always in memory" },
	{ 'U', "live-update", no_argument, NULL, "take over the state of a former daemon" },
	{ OPT_NO_JOURNAL, "no-journal", no_argument, NULL, "keep no journal: a crash loses the store" },
	{ OPT_NO_SECCOMP, "no-seccomp", no_argument, NULL, "do not filter system calls" },
	{ OPT_USER, "user", required_argument, "<name>", "run as this user once everything is open" },
	{ 'e', "event", required_argument, "<port>", "event channel of the master domain" },
	{ 'm', "master-domid", required_argument, "<domid>", "the domain that runs the tools (0)" },
	{ 'p', "priv-domid", required_argument, "<domid>", "another domain with all rights" },
};

static void usage(FILE *out)
{
	fprintf(out, "Usage: xenstored [options]\n\n");
	for (unsigned i = 0; i < array_size(rows); i++) {
		const struct option_row *r = &rows[i];
		char left[80];

		if (r->key < 0x100)
			snprintf(left, sizeof(left), "-%c, --%s %s", r->key, r->name,
				 r->value ? r->value : "");
		else
			snprintf(left, sizeof(left), "    --%s %s", r->name,
				 r->value ? r->value : "");
		fprintf(out, "  %-34s %s\n", left, r->help);
	}
	fprintf(out, "\nQuotas (0: no limit):\n");
	for (unsigned i = 0; i < NR_QUOTAS; i++)
		fprintf(out, "  %-18s %8u  %s\n", quota_rows[i].name, quota_rows[i].hard,
			quota_rows[i].text);
}

static int set_quota(struct settings *s, enum quota_id id, bool soft, const char *value,
		     struct err *err)
{
	struct quota_limits *l = quota_global(s->world->quota);
	uint32_t n;

	if (num_u32(value, 0, INT_MAX, quota_rows[id].name, &n, err) < 0)
		return -1;
	(soft ? l->soft : l->hard)[id] = n;
	return 0;
}

/* "what=value": the value, and what is cut off in place. */
static char *split_assignment(char *arg)
{
	char *eq = strchr(arg, '=');

	if (eq)
		*eq++ = '\0';
	return eq;
}

static int parse_quota(struct settings *s, char *arg, bool soft, struct err *err)
{
	char *value = split_assignment(arg);
	bool named_soft;
	int id = value ? quota_by_name(arg, &named_soft) : -1;

	if (id < 0 || named_soft || (soft && !quota_rows[id].has_soft))
		return err_set(err, EINVAL, "'%s' is not a %squota; --help lists them", arg,
			       soft ? "soft " : "");
	return set_quota(s, (enum quota_id)id, soft, value, err);
}

static int parse_timeout(struct settings *s, char *arg, struct err *err)
{
	char *value = split_assignment(arg);
	uint32_t seconds;

	if (!value || strcmp(arg, "watch-event") != 0)
		return err_set(err, EINVAL, "'%s' is not a time-out: only watch-event=<seconds> is",
			       arg);
	if (num_u32(value, 0, INT_MAX / 1000, "watch-event", &seconds, err) < 0)
		return -1;
	s->world->event_timeout_ms = seconds * 1000;
	return 0;
}

static int parse_domid(const char *arg, unsigned *out, struct err *err)
{
	uint32_t domid;

	if (num_u32(arg, 0, DOMID_FIRST_RESERVED - 1, "domain id", &domid, err) < 0)
		return -1;
	*out = domid;
	return 0;
}

static int parse_trace_control(const char *arg, struct err *err)
{
	if ((arg[0] != '+' && arg[0] != '-') || !arg[1])
		return err_set(err, EINVAL, "--trace-control %s: expected +<switch> or -<switch>",
			       arg);
	if (!strcmp(arg, "+io"))
		log_set_level(LOG_LEVEL_DEBUG);
	return 0;
}

static int parse_option(struct settings *s, int key, char *arg, struct err *err)
{
	switch (key) {
	case 'D': s->life.no_domains = true; return 0;
	case 'F': s->pid_file = arg; return 0;
	case 'H': usage(stdout); exit(0);
	case 'N': s->foreground = true; return 0;
	case 'P': s->print_pid = true; return 0;
	case 'T': s->trace_file = arg; return 0;
	case 'V': s->verbose = true; return 0;
	case 'U': s->life.live_update = true; return 0;
	case 'K': s->world->keep_orphans = true; return 0;
	case 'E': return set_quota(s, QUOTA_NODES, false, arg, err);
	case 'S': return set_quota(s, QUOTA_NODE_SIZE, false, arg, err);
	case 'W': return set_quota(s, QUOTA_WATCHES, false, arg, err);
	case 't': return set_quota(s, QUOTA_TRANSACTIONS, false, arg, err);
	case 'A': return set_quota(s, QUOTA_PERMISSIONS, false, arg, err);
	case 'M': return set_quota(s, QUOTA_PATH_MAX, false, arg, err);
	case 'Q': return parse_quota(s, arg, false, err);
	case 'q': return parse_quota(s, arg, true, err);
	case 'w': return parse_timeout(s, arg, err);
	case 'e': return num_u32(arg, 0, INT_MAX, "event channel", &s->life.own_port, err);
	case 'm': return parse_domid(arg, &s->world->dom0_domid, err);
	case 'p': return parse_domid(arg, &s->world->priv_domid, err);
	case OPT_NO_JOURNAL: s->life.no_journal = true; return 0;
	case OPT_NO_SECCOMP: s->life.no_filter = true; return 0;
	case OPT_USER: s->life.user = arg; return 0;
	case OPT_TRACE_CONTROL: return parse_trace_control(arg, err);
	default: return 0;	/* -R, -I */
	}
}

static int parse_options(struct settings *s, int argc, char **argv, struct err *err)
{
	struct option longs[array_size(rows) + 1] = { { NULL, 0, NULL, 0 } };
	char shorts[3 * array_size(rows) + 1];
	size_t n = 0;
	int key;

	for (unsigned i = 0; i < array_size(rows); i++) {
		const struct option_row *r = &rows[i];

		longs[i] = (struct option){ r->name, r->arg, NULL, r->key };
		if (r->key >= 0x100)
			continue;
		shorts[n++] = (char)r->key;
		for (int colons = 0; colons < r->arg; colons++)
			shorts[n++] = ':';
	}
	shorts[n] = '\0';
	while ((key = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		if (key == '?')
			exit(2);	/* getopt has said why */
		if (parse_option(s, key, optarg, err) < 0)
			return -1;
	}
	if (optind != argc)
		return err_set(err, EINVAL, "'%s': no argument is expected", argv[optind]);
	return 0;
}

/* Background: the parent waits until the daemon serves, so that whoever started it may connect when
 * it returns. */

static int detach(struct err *err)
{
	int ready[2];
	char c;
	pid_t pid;

	if (pipe2(ready, O_CLOEXEC) < 0)
		return err_set(err, errno, "going to the background: %s", strerror(errno));
	pid = fork();
	if (pid < 0)
		return err_set(err, errno, "going to the background: %s", strerror(errno));
	if (pid) {
		close(ready[1]);
		_exit(read(ready[0], &c, 1) == 1 ? 0 : 1);
	}
	close(ready[0]);
	setsid();
	return ready[1];
}

static int attach_null(void)
{
	autoclose int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (fd < 0 || dup2(fd, 0) < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0)
		return -1;
	return chdir("/");
}

/* Tell systemd (sd_notify(3), Type=notify): one datagram. */
static void notify_ready(void)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	static const char ready[] = "READY=1";
	autoclose int fd = -1;

	if (!path || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof(addr.sun_path))
		return;
	memcpy(addr.sun_path, path, strlen(path) + 1);
	if (path[0] == '@')
		addr.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 ||
	    sendto(fd, ready, sizeof(ready) - 1, MSG_NOSIGNAL, (struct sockaddr *)&addr,
		   (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path))) < 0)
		log_warn("%s: cannot tell that the store is ready: %s", path, strerror(errno));
}

static int start_log(const struct settings *s, struct err *err)
{
	if (s->verbose)
		log_set_level(LOG_LEVEL_DEBUG);
	if (s->trace_file)
		return log_to_file("xenstored", s->trace_file, err);
	if (!s->foreground)
		log_to_syslog("xenstored");
	return 0;
}

static const char *env_or(const char *name, const char *other)
{
	const char *v = getenv(name);

	return v && v[0] ? v : other;
}

/* As many clients as the system lets us have. */
static void raise_fd_limit(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) < 0 || l.rlim_cur == l.rlim_max)
		return;
	l.rlim_cur = l.rlim_max;
	(void)!setrlimit(RLIMIT_NOFILE, &l);
}

/*
 * Code that only the start needed is still resident, of every library whole neighbourhoods. Let go
 * of it: what is needed comes back from the page cache. First all is noted, then all is let go:
 * reading a library's headers would bring them back.
 */
struct code {
	struct {
		void *start;
		size_t len;
	} part[64];
	unsigned n;
};

static int note_code(struct dl_phdr_info *info, size_t size, void *arg)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	struct code *code = arg;

	(void)size;
	for (unsigned i = 0; i < info->dlpi_phnum && code->n < array_size(code->part); i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		uintptr_t start = info->dlpi_addr + p->p_vaddr;
		uintptr_t first = start & ~(page - 1);

		/* Never what may have been written to (relocations): only the file can give it
		 * back. */
		if (p->p_type != PT_LOAD || p->p_flags & PF_W)
			continue;
		code->part[code->n].start = (void *)first;
		code->part[code->n++].len = start + p->p_memsz - first;
	}
	return 0;
}

static void forget_start(void)
{
	struct code code = { .n = 0 };

	dl_iterate_phdr(note_code, &code);
#ifdef __GLIBC__
	malloc_trim(0);
#endif
	for (unsigned i = 0; i < code.n; i++)
		(void)madvise(code.part[i].start, code.part[i].len, MADV_DONTNEED);
}

static int run_daemon(struct settings *s, struct server *srv, int ready_fd, struct err *err)
{
	autoclose int pid_fd = -1;

	if (s->pid_file && file_pidfile(s->pid_file, &pid_fd, err) < 0)
		return -1;
	if (s->print_pid) {
		printf("%d\n", (int)getpid());
		fflush(stdout);
	}
	if (start_log(s, err) < 0)
		return -1;
	/* The former daemon had done so, and left a filter that allows no other directory. */
	if (!s->foreground && !s->life.live_update && attach_null() < 0)
		return err_set(err, errno, "/dev/null: %s", strerror(errno));
	notify_ready();
	if (ready_fd >= 0 && (write(ready_fd, "", 1) != 1 || close(ready_fd) < 0))
		log_warn("cannot tell the starting process that the store is ready");
	if (life_settle_down(&s->life, err) < 0)
		return -1;
	forget_start();
	return server_run(srv, err);
}

static int serve(struct settings *s, struct server *srv, int ready_fd, struct err *err)
{
	const char *dir = env_or("XENSTORED_RUNDIR", DEFAULT_RUNDIR);
	char path[PATH_MAX];
	struct life life;
	int rc;

	snprintf(path, sizeof(path), "%s/socket", dir);
	s->life.run_dir = dir;
	s->life.socket_path = env_or("XENSTORED_PATH", path);
	if (file_mkdirs(dir, 0755, err) < 0)
		return -1;
	rc = life_start(&life, srv, &s->life, err);
	if (rc == 0)
		rc = run_daemon(s, srv, ready_fd, err);
	life_end(&life);
	return rc;
}

static int run(int argc, char **argv, struct err *err)
{
	struct settings s = { .life.argv = argv };
	struct server srv;
	int ready_fd = -1, rc;

	s.world = world_new(err);
	if (!s.world || parse_options(&s, argc, argv, err) < 0)
		return -1;
	raise_fd_limit();
	/* The process that takes over is the one that was there. */
	if (!s.foreground && !s.life.live_update && (ready_fd = detach(err)) < 0)
		return -1;
	if (server_init(&srv, s.world, err) < 0)
		return -1;
	rc = serve(&s, &srv, ready_fd, err);
	server_free(&srv);
	return rc;
}

int main(int argc, char **argv)
{
	struct err err = ERR_INIT;

	log_to_stderr("xenstored");
	signal(SIGPIPE, SIG_IGN);	/* a log that nobody reads */
	if (run(argc, argv, &err) == 0)
		return 0;
	log_error("%s", err.msg);
	return err.code == EINVAL ? 2 : 1;
}
