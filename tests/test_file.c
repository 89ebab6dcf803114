/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* base/file: whole, atomic, locked; every message names the path. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include "tests/fault.h"
#include "tests/test.h"

static struct err err;
static char dir[] = "/tmp/test_file.XXXXXX";

/* Each test is a process: it works in a folder of its own, gone again at the end. */
static void in_own_dir(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_eq(chdir(dir), 0);
}

static void leave_dir(const char *const names[])
{
	for (size_t i = 0; names[i]; i++)
		ck_assert_msg(remove(names[i]) == 0, "%s is not there", names[i]);
	/* Fails when something is left over: a temporary file, say. */
	ck_assert_int_eq(rmdir(dir), 0);
}

#define LEAVE(...) leave_dir((const char *const[]){ __VA_ARGS__, NULL })

START_TEST(read_what_was_written)
{
	static const size_t sizes[] = { 0, 1, 4094, 4095, 4096, 4097, 100000 };
	autofree char *data = xcalloc(1, 100000);

	in_own_dir();
	for (size_t i = 0; i < array_size(sizes); i++) {
		autofree char *got = NULL;
		size_t len = 99;
		struct stat st;

		memset(data, 'a' + (int)i, 100000);
		ck_ok(file_write_atomic("f", data, sizes[i], 0640, &err), &err);
		ck_ok(file_read("f", sizes[i], &got, &len, &err), &err);
		ck_assert_uint_eq(len, sizes[i]);
		ck_assert_int_eq(memcmp(got, data, len), 0);
		ck_assert_int_eq(got[len], '\0');
		ck_assert_int_eq(stat("f", &st), 0);
		ck_assert_uint_eq(st.st_mode & 07777, 0640);
	}
	ck_fails(file_read("f", 99999, &(char *){ NULL }, NULL, &err), &err, EFBIG,
		 "f: larger than 99999 bytes");
	LEAVE("f");
}
END_TEST

START_TEST(read_from_proc_pipes_and_standard_input)
{
	autofree char *proc = NULL, *in = NULL;
	size_t len;
	int fds[2];

	ck_ok(file_read("/proc/self/status", 1 << 20, &proc, NULL, &err), &err);
	ck_assert_ptr_nonnull(strstr(proc, "Pid:"));
	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(write(fds[1], "from a pipe", 11), 11);
	close(fds[1]);
	dup2(fds[0], STDIN_FILENO);
	ck_ok(file_read("-", 100, &in, &len, &err), &err);
	ck_assert_uint_eq(len, 11);
	ck_assert_str_eq(in, "from a pipe");
}
END_TEST

START_TEST(what_cannot_be_read)
{
	char *out = NULL;
	int fd;

	ck_fails(file_read("/nowhere/f", 9, &out, NULL, &err), &err, ENOENT,
		 "/nowhere/f: cannot open: No such file");
	ck_fails(file_read("/tmp", 9, &out, NULL, &err), &err, EISDIR,
		 "/tmp: cannot read: Is a dir");
	fd = open("/dev/zero", O_RDONLY);
	dup2(fd, STDIN_FILENO);
	ck_fails(file_read("-", 100000, &out, NULL, &err), &err, EFBIG, "standard input: larger");
	ck_assert_ptr_null(out);
}
END_TEST

START_TEST(a_failed_write_leaves_the_old_contents)
{
	autofree char *got = NULL;
	int full = open("/dev/full", O_WRONLY);

	in_own_dir();
	ck_ok(file_write_atomic("f", "old", 3, 0600, &err), &err);
	ck_assert_int_eq(mkdir("d", 0700), 0);
	ck_fails(file_write_atomic("d", "new", 3, 0600, &err), &err, EISDIR, "d: cannot put");
	ck_fails(file_write_atomic("none/f", "new", 3, 0600, &err), &err, ENOENT,
		 "none/f: cannot create");
	ck_fails(file_write_all(full, "x", 1, &err), &err, ENOSPC, "No space");
	ck_ok(file_read("f", 9, &got, NULL, &err), &err);
	ck_assert_str_eq(got, "old");
	LEAVE("f", "d");
}
END_TEST

START_TEST(pread_all_or_nothing)
{
	char buf[8] = "";
	int fd;

	in_own_dir();
	ck_ok(file_write_atomic("f", "0123456789", 10, 0600, &err), &err);
	fd = open("f", O_RDONLY);
	ck_ok(file_pread_all(fd, buf, 4, 6, "f", &err), &err);
	ck_assert_str_eq(buf, "6789");
	ck_fails(file_pread_all(fd, buf, 5, 6, "f", &err), &err, EIO,
		 "f: it ends at 10, 1 bytes early");
	ck_fails(file_pread_all(-1, buf, 5, 6, "f", &err), &err, EBADF, "f: cannot read");
	LEAVE("f");
}
END_TEST

START_TEST(mkdirs)
{
	char path[8192];

	in_own_dir();
	ck_ok(file_mkdirs("a/b//c", 0755, &err), &err);
	ck_ok(file_mkdirs("a/b/c/", 0755, &err), &err);
	ck_ok(file_mkdirs("/tmp", 0755, &err), &err);
	ck_ok(file_write_atomic("a/f", "", 0, 0600, &err), &err);
	ck_fails(file_mkdirs("a/f", 0755, &err), &err, EEXIST, "a/f: cannot make the directory");
	ck_fails(file_mkdirs("a/f/g", 0755, &err), &err, EEXIST, "a/f: cannot make the directory");
	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	ck_fails(file_mkdirs(path, 0755, &err), &err, ENAMETOOLONG, "too long");
	LEAVE("a/f", "a/b/c", "a/b", "a");
}
END_TEST

/* A child that does `what` and lives on until it is killed. */
static pid_t holder(int (*what)(const char *path, int *fd))
{
	int ready[2], fd = -1;
	char byte;
	pid_t pid;

	ck_assert_int_eq(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		byte = what("lock", &fd) == 0 ? 'y' : 'n';
		(void)!write(ready[1], &byte, 1);
		for (;;)
			pause();
	}
	ck_assert_int_eq(read(ready[0], &byte, 1), 1);
	ck_assert_int_eq(byte, 'y');
	return pid;
}

static int lock_ours(const char *path, int *fd)
{
	return file_lock(path, 0, fd, &err);
}

static int lock_posix(const char *path, int *fd)
{
	struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	*fd = open(path, O_RDWR | O_CREAT, 0600);
	return fcntl(*fd, F_SETLK, &fl);
}

static int pid_file(const char *path, int *fd)
{
	return file_pidfile(path, fd, &err);
}

static void reap(pid_t pid)
{
	kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}

/* Ours, and the process-owned kind that another toolstack takes on the same file. */
START_TEST(lock_excludes_and_names_the_holder)
{
	int (*const kinds[])(const char *, int *) = { lock_ours, lock_posix };

	in_own_dir();
	for (size_t i = 0; i < array_size(kinds); i++) {
		pid_t pid = holder(kinds[i]);
		uint64_t start = time_ms();
		char who[32];
		int fd = -1;

		snprintf(who, sizeof(who), "(pid %d)", (int)pid);
		ck_fails(file_lock("lock", 0, &fd, &err), &err, ETIMEDOUT, who);
		ck_fails(file_lock("lock", 20, &fd, &err), &err, ETIMEDOUT, "lock: locked by");
		ck_assert_uint_ge(time_ms() - start, 20);
		ck_assert_int_eq(fd, -1);
		kill(pid, SIGKILL);
		/* A dead holder's lock is gone; this waits for it. */
		ck_ok(file_lock("lock", -1, &fd, &err), &err);
		ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
		close(fd);
	}
	LEAVE("lock");
}
END_TEST

START_TEST(pidfile_tells_whose_it_is)
{
	autofree char *text = NULL;
	char who[32];
	int fd = -1;
	pid_t pid;

	in_own_dir();
	pid = holder(pid_file);
	snprintf(who, sizeof(who), "it runs already (pid %d)", (int)pid);
	ck_fails(file_pidfile("lock", &fd, &err), &err, EEXIST, who);
	ck_ok(file_read("lock", 100, &text, NULL, &err), &err);
	snprintf(who, sizeof(who), "%d\n", (int)pid);
	ck_assert_str_eq(text, who);
	reap(pid);
	ck_ok(file_pidfile("lock", &fd, &err), &err);
	ck_fails(file_pidfile("none/lock", &(int){ -1 }, &err), &err, ENOENT,
		 "none/lock: cannot open");
	close(fd);
	LEAVE("lock");
}
END_TEST

/* Its end takes a while, for it has much to give back. */
static int big_pid_file(const char *path, int *fd)
{
	const size_t size = 512u << 20;
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	return memory == MAP_FAILED ? -1 : pid_file(path, fd);
}

START_TEST(the_end_of_one_that_was_killed_is_waited_for)
{
	int fd = -1;
	pid_t pid;

	in_own_dir();
	pid = holder(big_pid_file);
	kill(pid, SIGKILL);
	ck_ok(file_pidfile("lock", &fd, &err), &err);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	close(fd);
	LEAVE("lock");
}
END_TEST

START_TEST(without_memory_a_read_fails)
{
	char *out = NULL;

	for (unsigned nth = 1;; nth++) {
		int result;

		fault_arm(nth, FAULT_TRANSIENT);
		result = file_read("/proc/self/smaps", 1 << 24, &out, NULL, &err);
		if (!fault_disarm()) {
			ck_assert_int_eq(result, 0);
			break;
		}
		ck_assert_int_eq(result, -1);
		ck_assert_int_eq(err.code, ENOMEM);
		ck_assert_ptr_null(out);
	}
	free(out);
}
END_TEST

TEST_MAIN("file", read_what_was_written, read_from_proc_pipes_and_standard_input,
	  what_cannot_be_read, a_failed_write_leaves_the_old_contents, pread_all_or_nothing, mkdirs,
	  lock_excludes_and_names_the_holder, pidfile_tells_whose_it_is,
	  the_end_of_one_that_was_killed_is_waited_for,
	  without_memory_a_read_fails)
