// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Giving up privileges: user, capabilities, system calls. Knows what the daemon does in general;
 * changes the whole process and is called once.
 */
#include "base/privs.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "base/mem.h"

#ifdef HAVE_LIBSECCOMP
#include <seccomp.h>

static const char *const allowed[] = {
	/* the loop and its connections */
	"epoll_wait",
	"epoll_pwait",
	"epoll_ctl",
	"epoll_create1",
	"read",
	"readv",
	"recvfrom",
	"recvmsg",
	"recv",
	"write",
	"writev",
	"sendto",
	"sendmsg",
	"send",
	"accept4",
	"accept",
	"close",
	"shutdown",
	"getsockopt",
	"setsockopt",
	"signalfd4",
	"rt_sigprocmask",
	"rt_sigaction",
	"rt_sigreturn",
	"sigreturn",
	"restart_syscall",
	"poll",
	"ppoll",
	"ppoll_time64",
	"clock_gettime",
	"clock_gettime64",
	"gettimeofday",
	"time",
	/* memory */
	"brk",
	"mmap",
	"mmap2",
	"munmap",
	"mremap",
	"mprotect",
	"madvise",
	"futex",
	"futex_time64",
	/* Xen's devices */
	"ioctl",
	/* files: logs, records, what a library looks up */
	"openat",
	"open",
	"fstat",
	"fstat64",
	"fstatat64",
	"newfstatat",
	"stat",
	"stat64",
	"statx",
	"lseek",
	"_llseek",
	"pread64",
	"pwrite64",
	"fallocate",
	"ftruncate",
	"ftruncate64",
	"rename",
	"renameat",
	"renameat2",
	"unlink",
	"unlinkat",
	"fcntl",
	"fcntl64",
	"flock",
	"fsync",
	"fchmod",
	"chmod",
	"access",
	"faccessat",
	"faccessat2",
	"readlink",
	"readlinkat",
	"umask",
	"mkdir",
	"mkdirat",
	"dup",
	"dup2",
	"dup3",
	"getdents64",
	/* syslog, sd_notify, the socket */
	"socket",
	"connect",
	"bind",
	"listen",
	"getsockname",
	"getpeername",
	"pipe2",
	/* the end */
	"exit",
	"exit_group",
	"getpid",
	"gettid",
	"tgkill",
	"getrandom",
	"getuid",
	"geteuid",
	"getgid",
	"getegid",
	"getuid32",
	"geteuid32",
	"getgid32",
	"getegid32",
	"uname",
	"prctl",
	"capset",
	"capget",
	"seccomp",
	"arch_prctl",
	"set_tls",
	"set_tid_address",
	"set_robust_list",
	"rseq",
	"prlimit64",
	"ugetrlimit",
	"sysinfo",
	"sched_getaffinity",
	"sched_yield",
};

/* A name that this architecture has no call for is skipped. */
static int allow(scmp_filter_ctx ctx, const char *const *calls, size_t nr)
{
	int e = 0;

	for (size_t i = 0; e == 0 && i < nr; i++) {
		int call = seccomp_syscall_resolve_name(calls[i]);

		if (call >= 0)
			e = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, call, 0);
	}
	return e;
}

static int filter_calls(const struct privs *p, struct err *err)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int e = ctx ? 0 : -ENOMEM;

	if (e == 0)
		e = allow(ctx, allowed, array_size(allowed));
	if (e == 0)
		e = allow(ctx, p->more, p->nr_more);
	if (e == 0)
		e = seccomp_load(ctx);
	seccomp_release(ctx);
	return e == 0 ? 0
		      : err_set(err, -e,
				"privileges: filter of system calls: %s (--no-seccomp goes "
				"without)",
				strerror(-e));
}
#else
static int filter_calls(const struct privs *p, struct err *err)
{
	(void)p;
	(void)err;
	return 0;
}
#endif

static int change_user(const char *name, const char *dir, struct err *err)
{
	const struct passwd *pw = getpwnam(name);

	if (!pw)
		return err_set(err, ENOENT, "privileges: there is no user '%s'", name);
	if (chown(dir, pw->pw_uid, pw->pw_gid) < 0)
		return err_set(err, errno, "%s: give to user '%s': %s", dir, name, strerror(errno));
	if (setgroups(0, NULL) < 0 || setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) < 0 ||
	    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) < 0)
		return err_set(err, errno, "privileges: become user '%s': %s", name,
			       strerror(errno));
	return 0;
}

static int drop_bounding_set(struct err *err)
{
	for (unsigned long cap = 0; cap < 64; cap++)
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0 && errno != EINVAL)
			return err_set(err, errno, "privileges: bounding set: %s", strerror(errno));
	return 0;
}

static int drop_capabilities(struct err *err)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct none[2];

	memset(none, 0, sizeof(none));
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_set(err, errno, "privileges: no_new_privs: %s", strerror(errno));
	if (syscall(SYS_capset, &head, none) < 0)
		return err_set(err, errno, "privileges: drop capabilities: %s", strerror(errno));
	return 0;
}

int privs_drop(const struct privs *p, struct err *err)
{
	/* After a live update they are gone already. */
	if (geteuid() == 0 && drop_bounding_set(err) < 0 && err->code != EPERM)
		return -1;
	err_clear(err);
	if (p->user && geteuid() == 0 && change_user(p->user, p->dir, err) < 0)
		return -1;
	if (drop_capabilities(err) < 0)
		return -1;
	return p->no_filter ? 0 : filter_calls(p, err);
}
