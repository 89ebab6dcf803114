// SPDX-License-Identifier: LGPL-2.1-or-later
/* xl.conf: what is understood, and that what is not is said and does no harm. */
#include <stdio.h>
#include <unistd.h>
#include "base/str.h"
#include "tests/test.h"
#include "xl/conf.h"

static struct xl_conf conf;
static struct strbuf warnings;

static void warn(void *arg, const char *message)
{
	ck_assert_ptr_eq(arg, &conf);
	strbuf_printf(&warnings, "%s\n", message);
}

static void load(const char *text)
{
	char path[] = "/tmp/test_xl_conf.XXXXXX";
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	strbuf_add(&warnings, "");
	xl_conf_load(&conf, path, warn, &conf);
	unlink(path);
}

static void done(void)
{
	xl_conf_free(&conf);
	strbuf_free(&warnings);
}

START_TEST(defaults_without_a_file)
{
	xl_conf_load(&conf, "/nonexistent/xl.conf", warn, &conf);
	ck_assert_ptr_null(warnings.data);
	ck_assert_str_eq(conf.lockfile, "/var/lock/xl");
	ck_assert_str_eq(conf.blkdev_start, "xvda");
	ck_assert_int_eq(conf.autoballoon, VMM_BALLOON_AUTO);
	ck_assert(conf.claim_mode == 1 && conf.max_grant_frames == -1 && !conf.random_domid &&
		  !conf.print_sxp);
	done();
}
END_TEST

START_TEST(every_kind_of_value)
{
	load("# comment\n\n  lockfile = \"/run/xl.lock\"  # "
	     "behind\nautoballoon=\"off\"\nclaim_mode=0;\n"
	     "max_grant_frames = "
	     "64\nvif.default.bridge='br1'\ndomid_policy=\"random\"\noutput_format = \"sxp\"\n"
	     "vm.cpumask=\"0-1\"\nremus.default.netbufscript=\"x\"");
	ck_assert_str_eq(warnings.data, "");
	ck_assert_str_eq(conf.lockfile, "/run/xl.lock");
	ck_assert_int_eq(conf.autoballoon, VMM_BALLOON_OFF);
	ck_assert(conf.claim_mode == 0 && conf.max_grant_frames == 64 && conf.random_domid &&
		  conf.print_sxp);
	ck_assert_str_eq(conf.vif_bridge, "br1");
	ck_assert_str_eq(conf.vm_cpumask, "0-1");
	done();
}
END_TEST

START_TEST(old_names_and_old_numbers)
{
	load("defaultbridge=\"br0\"\nautoballoon=1\n");
	ck_assert_str_eq(warnings.data, "");
	ck_assert_str_eq(conf.vif_bridge, "br0");
	ck_assert_int_eq(conf.autoballoon, VMM_BALLOON_ON);
	done();
}
END_TEST

START_TEST(what_is_wrong_is_said_with_its_line)
{
	static const char *const expected[] = {
		":1: unknown key 'lockfle'",
		":2: expected key = value",
		":3: lockfile: no closing \"",
		":4: autoballoon: unknown value \"maybe\"",
		":6: lockfile: unexpected text behind the value: x",
		":7: blkdev_start: no value",
	};

	load("lockfle=\"x\"\nnonsense\nlockfile=\"/"
	     "a\nautoballoon=\"maybe\"\nclaim_mode=7\nlockfile=\"/b\" x\n"
	     "blkdev_start=\nvm.cpumask=\"1\"\n");
	for (size_t i = 0; i < array_size(expected); i++)
		ck_assert_msg(strstr(warnings.data, expected[i]) != NULL, "'%s' not in: %s",
			      expected[i], warnings.data);
	ck_assert_ptr_nonnull(strstr(warnings.data, ":5: claim_mode"));
	ck_assert_str_eq(conf.lockfile, "/var/lock/xl");
	ck_assert_str_eq(conf.vm_cpumask, "1");
	done();
}
END_TEST

TEST_MAIN("xl_conf", defaults_without_a_file, every_kind_of_value, old_names_and_old_numbers,
	  what_is_wrong_is_said_with_its_line)
