// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * xl export-dt, as a whole: each file it reads missing, empty or something else in turn, the one it
 * writes where it cannot be written, and no memory at any point. One line, status 1, no file.
 */
#include "tests/test.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/file.h"
#include "base/str.h"
#include "tests/fault.h"
#include "tests/files.h"
#include "tests/xl_run.h"

static char dir[] = "/tmp/test_xl_boot.XXXXXX";
static struct err err;
static char *out, *note;

static const char *const inputs[] = { "web.cfg", "Image", "ramdisk", "partial.dtb", "board.dtb",
				      "pool.cfg" };

static char *path_of(const char *name)
{
	return str_printf("%s/%s", dir, name);
}

static void put(const char *name, const void *data, size_t len)
{
	autofree char *path = path_of(name);

	ck_ok(file_write_atomic(path, data, len, 0644, &err), &err);
}

static void put_text(const char *name, const char *text)
{
	put(name, text, strlen(text));
}

/* By way of the device tree compiler; false where there is none. */
static bool put_blob(const char *name, const char *source)
{
	autofree char *text = str_printf("%s.dts", name), *from = NULL, *to = path_of(name);
	autofree char *command = NULL;

	put_text(text, source);
	from = path_of(text);
	command = str_printf("dtc -q -I dts -O dtb -o %s %s 2>/dev/null && rm %s", to, from, from);
	return system(command) == 0;
}

/* A configuration that uses every kind of file. False: this machine cannot make them. */
static bool start(void)
{
	static const char config[] =
		"name = \"web\"\nkernel = \"/Image\"\nramdisk = \"/ramdisk\"\nmemory = 64\n"
		"device_tree = \"/partial.dtb\"\npool = \"apart\"\n";
	static const char board[] =
		"/dts-v1/; / { #address-cells = <2>; #size-cells = <2>;\n"
		"memory@40000000 { device_type = \"memory\";\n"
		"reg = <0 0x40000000 0 0x40000000>; };\n"
		"cpus { #address-cells = <1>; #size-cells = <0>;\n"
		"cpu@0 { device_type = \"cpu\"; reg = <0>; };\n"
		"cpu@1 { device_type = \"cpu\"; reg = <1>; }; };\n"
		"chosen { xen,xen-bootargs = \"dom0_mem=512M\"; }; };\n";
	static uint8_t image[8192];

	image[17] = sizeof(image) >> 8;	/* its size; 56: the mark of an arm64 Image */
	memcpy(image + 56, "ARM\x64", 4);
	ck_assert_ptr_nonnull(mkdtemp(dir));
	put("Image", image, sizeof(image));
	put_text("ramdisk", "a ramdisk");
	put_text("web.cfg", config);
	put_text("pool.cfg", "name = \"apart\"\ncpus = [\"1\"]\n");
	return put_blob("board.dtb", board) &&
	       put_blob("partial.dtb",
			"/dts-v1/; / { #address-cells = <2>; #size-cells = <2>;\n"
			"passthrough { compatible = \"simple-bus\"; ranges; #address-cells = <2>;\n"
			"#size-cells = <2>; }; };\n");
}

static void finish(void)
{
	folder_remove(dir);
	free(out);
	free(note);
}

static int export_to(const char *output)
{
	autofree char *words = str_printf("export-dt|-r|%s|-b|%s/board.dtb|-p|%s/pool.cfg|-o|%s|"
					  "%s/web.cfg",
					  dir, dir, dir, output, dir);

	return xl_run(words, "/nonexistent/xl.conf", &out, &note);
}

/* Nothing but what was there before. */
static void nothing_is_left(const char *when)
{
	autofree char *command = str_printf("ls %s | grep -q 'out'", dir);

	ck_assert_msg(system(command) != 0, "%s: a file is left", when);
}

static void is_refused(const char *output, const char *name, const char *when)
{
	const char *nl;

	ck_assert_msg(export_to(output) == 1, "%s, %s: accepted", name, when);
	nl = strstr(note, "xl: ");
	ck_assert_msg(nl && !strstr(nl + 1, "\nxl: ") && strstr(nl, name) &&
			      !strstr(note, "Success"),
		      "%s, %s: %s", name, when, note);
	nothing_is_left(when);
}

START_TEST(every_file_it_reads_fails_in_turn)
{
	autofree char *output = NULL;

	if (!start())
		return;
	output = path_of("out.dts");
	ck_assert_msg(export_to(output) == 0, "%s", note);
	ck_assert_int_eq(unlink(output), 0);
	for (size_t i = 0; i < array_size(inputs); i++) {
		autofree char *path = path_of(inputs[i]), *aside = path_of("aside");

		ck_assert_int_eq(rename(path, aside), 0);
		is_refused(output, inputs[i], "missing");
		put_text(inputs[i], "");
		is_refused(output, inputs[i], "empty");
		ck_assert_int_eq(unlink(path), 0);
		ck_assert_int_eq(mkdir(path, 0755), 0);
		is_refused(output, inputs[i], "a folder");
		ck_assert_int_eq(rmdir(path), 0);
		ck_assert_int_eq(rename(aside, path), 0);
	}
	ck_assert_msg(export_to(output) == 0, "%s", note);
	finish();
}
END_TEST

START_TEST(what_cannot_be_written_leaves_nothing)
{
	const struct rlimit small = { 100, RLIM_INFINITY };
	autofree char *output = NULL, *nowhere = NULL;

	if (!start())
		return;
	output = path_of("out.dtb");
	nowhere = path_of("none/out.dtb");
	is_refused(nowhere, nowhere, "no such folder");
	ck_assert_int_eq(mkdir(output, 0755), 0);
	ck_assert_int_eq(export_to(output), 1);
	ck_assert_int_eq(rmdir(output), 0);
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
	is_refused(output, "out.dtb", "no room");
	finish();
}
END_TEST

/* A command that is out of memory says so and ends. */
START_TEST(no_memory_at_any_point)
{
	autofree char *output = NULL;
	unsigned nth = 1;

	if (!start())
		return;
	output = path_of("out.dtb");
	for (int status = -1; status != 0; nth += 1 + nth / 16) {
		pid_t pid = fork();

		if (pid == 0) {
			int r;

			(void)!freopen("/dev/null", "w", stderr);
			fault_arm(nth, FAULT_STICKY);
			r = export_to(output);
			_exit(fault_disarm() ? 1 : r ? 2 : 0);
		}
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) < 2,
			      "allocation %u: status %#x", nth, (unsigned)status);
		if (status != 0)
			nothing_is_left("no memory");
	}
	ck_assert_uint_gt(nth, 50);
	finish();
}
END_TEST

TEST_MAIN("xl_boot", every_file_it_reads_fails_in_turn, what_cannot_be_written_leaves_nothing,
	  no_memory_at_any_point)
