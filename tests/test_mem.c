/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* base/mem: cleanup, handing on, and the end of a process without memory. */
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include "tests/fault.h"
#include "tests/test.h"

START_TEST(cleanup_frees_and_closes)
{
	int seen, moved;

	{
		autofree char *p = xstrdup("freed when the block ends: LeakSanitizer would say");
		autoclose int fd = open("/dev/null", O_RDONLY);
		autoclose int handed = open("/dev/null", O_RDONLY);

		ck_assert_int_eq(p[0], 'f');
		ck_assert_int_ge(fd, 0);
		seen = fd;
		moved = steal_fd(handed);
		ck_assert_int_eq(handed, -1);
		errno = ENOENT;
	}
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_int_eq(fcntl(seen, F_GETFD), -1);
	ck_assert_int_ge(fcntl(moved, F_GETFD), 0);
	close(moved);
}
END_TEST

START_TEST(steal_leaves_null)
{
	autofree char *p = xstrndup("abcdef", 3);
	autofree char *q = steal(p);

	ck_assert_ptr_null(p);
	ck_assert_str_eq(q, "abc");
}
END_TEST

START_TEST(nothing_is_something)
{
	autofree void *a = xmalloc(0);
	autofree void *b = xcalloc(0, 8);
	autofree void *c = xreallocarray(NULL, 4, 0);

	ck_assert(a && b && c);
}
END_TEST

static void hook(void *arg)
{
	/* Runs out again: must not come back here. */
	free(xmalloc(16));
	(void)!write(*(int *)arg, "undone", 6);
}

static void harmless_hook(void *arg)
{
	(void)!write(*(int *)arg, "undone", 6);
}

/* What the process says and does when `how` runs out of memory with this hook. */
static int dies(void (*how)(void), void (*the_hook)(void *), char *said, size_t size)
{
	int hook_pipe[2], status;
	ssize_t n;
	pid_t pid;

	ck_assert_int_eq(pipe(hook_pipe), 0);
	pid = fork();
	if (pid == 0) {
		dup2(hook_pipe[1], STDERR_FILENO);
		mem_on_oom(the_hook, &hook_pipe[1]);
		fault_arm(1, FAULT_STICKY);
		how();
		_exit(0);
	}
	close(hook_pipe[1]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	n = read(hook_pipe[0], said, size - 1);
	said[n > 0 ? n : 0] = '\0';
	close(hook_pipe[0]);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void by_malloc(void)
{
	xmalloc(10);
}

static void by_calloc(void)
{
	xcalloc(2, 5);
}

static void by_strdup(void)
{
	xstrdup("123456789");
}

static void by_strndup(void)
{
	xstrndup("123456789", 100);
}

static void by_realloc(void)
{
	xreallocarray(NULL, 2, 5);
}

static void by_overflow(void)
{
	fault_disarm();
	xreallocarray(NULL, SIZE_MAX / 2, 4);
}

START_TEST(without_memory_the_hook_runs_and_the_process_ends)
{
	static void (*const ways[])(void) = { by_malloc, by_calloc, by_strdup, by_strndup,
					      by_realloc };
	char said[200];

	for (size_t i = 0; i < array_size(ways); i++) {
		ck_assert_int_eq(dies(ways[i], harmless_hook, said, sizeof(said)), 1);
		ck_assert_str_eq(said, "undoneout of memory: no 10 bytes to be had\n");
	}
	ck_assert_int_eq(dies(by_malloc, NULL, said, sizeof(said)), 1);
	ck_assert_str_eq(said, "out of memory: no 10 bytes to be had\n");
	ck_assert_int_eq(dies(by_overflow, NULL, said, sizeof(said)), 1);
}
END_TEST

START_TEST(a_hook_without_memory_is_not_run_again)
{
	char said[200];

	ck_assert_int_eq(dies(by_malloc, hook, said, sizeof(said)), 1);
	ck_assert_str_eq(said, "out of memory: no 16 bytes to be had\n");
}
END_TEST

TEST_MAIN("mem", cleanup_frees_and_closes, steal_leaves_null, nothing_is_something,
	  without_memory_the_hook_runs_and_the_process_ends, a_hook_without_memory_is_not_run_again)
