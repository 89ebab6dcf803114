// SPDX-License-Identifier: LGPL-2.1-or-later
/* Records of restarts: what is written is read back, what is no record is refused, a lock is one
 * process's. */
#include "tests/test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/file.h"
#include "tests/files.h"
#include "xl/restart_record.h"

#define UUID "01234567-89ab-cdef-0123-456789abcdef"

static char dir[] = "/tmp/test_restart.XXXXXX";
static struct err err;

static void start(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
	setenv("LIBVMM_STATE_DIR", dir, 1);
}

static void finish(void)
{
	folder_remove(dir);
}

START_TEST(what_is_written_is_read_back)
{
	char retire[] = "web-20260101T0000Z", history[] = "12 34 56",
	     config[] = "{\n  \"name\": \"web\"\n}\n";
	struct restart_record in = { 7, retire, history, config };
	autorecord struct restart_record out = RESTART_RECORD_INIT;
	autostrlist struct strlist uuids = STRLIST_INIT;

	start();
	ck_ok(restart_record_list(&uuids, &err), &err);
	ck_assert_uint_eq(uuids.n, 0);
	ck_ok(restart_record_write(UUID, &in, &err), &err);
	ck_ok(restart_record_list(&uuids, &err), &err);
	ck_assert_uint_eq(uuids.n, 1);
	ck_assert_str_eq(uuids.v[0], UUID);
	ck_ok(restart_record_read(UUID, &out, &err), &err);
	ck_assert_uint_eq(out.domid, 7);
	ck_assert_str_eq(out.retire_as, retire);
	ck_assert_str_eq(out.history, history);
	ck_assert_str_eq(out.config, config);
	ck_ok(restart_record_remove(UUID, &err), &err);
	ck_ok(restart_record_remove(UUID, &err), &err);
	restart_record_free(&out);
	ck_assert_int_lt(restart_record_read(UUID, &out, &err), 0);
	ck_assert_int_eq(err.code, ENOENT);
	finish();
}
END_TEST

START_TEST(what_was_never_finished_is_removed)
{
	autofree char *path = NULL;
	autostrlist struct strlist uuids = STRLIST_INIT;
	int lock = -1;

	start();
	path = str_printf("%s/restart/" UUID ".x7Yz9q", dir);
	ck_ok(restart_lock(3, &lock, &err), &err);
	ck_ok(file_write_atomic(path, "7\n", 2, 0600, &err), &err);
	ck_ok(restart_record_list(&uuids, &err), &err);
	ck_assert_int_eq(access(path, F_OK), 0);
	close(lock);
	ck_ok(restart_record_list(&uuids, &err), &err);
	ck_assert_int_lt(access(path, F_OK), 0);
	ck_assert_uint_eq(uuids.n, 0);
	finish();
}
END_TEST

START_TEST(what_is_none_is_refused)
{
	static const char *const texts[] = { "",
					     "7",
					     "7\n",
					     "7\nname",
					     "7\nname\n",
					     "seven\n\n\n{}",
					     "99999999999\n\n\n{}",
					     "-1\n\n\n" };
	autofree char *path = NULL, *folder = NULL;

	start();
	folder = str_printf("%s/restart", dir);
	path = str_printf("%s/" UUID, folder);
	ck_ok(file_mkdirs(folder, 0700, &err), &err);
	for (size_t i = 0; i < array_size(texts); i++) {
		autorecord struct restart_record out = RESTART_RECORD_INIT;

		err_clear(&err);
		ck_ok(file_write_atomic(path, texts[i], strlen(texts[i]), 0600, &err), &err);
		ck_assert_msg(restart_record_read(UUID, &out, &err) < 0, "%s", texts[i]);
		ck_assert_int_eq(err.code, EINVAL);
	}
	finish();
}
END_TEST

/* The one who waits gets it when the other dies, however that happens; another domain's is not
 * waited for. */
START_TEST(one_process_at_a_time)
{
	int fd = -1, other = -1, pipes[2], status;
	char c;
	pid_t pid;

	start();
	ck_assert_int_eq(pipe(pipes), 0);
	pid = fork();
	if (pid == 0) {
		if (restart_lock(3, &fd, &err) == 0 && write(pipes[1], "x", 1) == 1)
			pause();
		_exit(1);
	}
	ck_assert_int_eq(read(pipes[0], &c, 1), 1);
	ck_ok(restart_lock(4, &other, &err), &err);
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_ok(restart_lock(3, &fd, &err), &err);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	close(fd);
	close(other);
	close(pipes[0]);
	close(pipes[1]);
	finish();
}
END_TEST

TEST_MAIN("restart_record", what_is_written_is_read_back, what_was_never_finished_is_removed,
	  what_is_none_is_refused, one_process_at_a_time)
