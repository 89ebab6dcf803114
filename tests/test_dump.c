// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Cores of guests, over the fake hypervisor: gdb finds the memory and the registers where they
 * were; nothing is left of one that could not be written, and the guest goes on.
 */
#include "tests/test.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/file.h"
#include "base/str.h"
#include "libvmm/internal.h"
#include "tests/fake/fake.h"
#include "tests/fake/point.h"
#include "tests/fake/xenstore.h"
#include "tests/files.h"
#include "tests/hv_guest.h"

#define PAGES 1030u	/* more than are mapped at once */
#define RAM_GFN 0x40000u

static struct vmm *vmm;
static struct err err;
static char dir[] = "/tmp/test_dump.XXXXXX";
static char *core, *part;

static void start(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
	setenv("LIBVMM_STATE_DIR", dir, 1);
	core = str_printf("%s/core", dir);
	part = str_printf("%s.part", core);
	fake_store_start();
	ck_ok(vmm_open(&vmm, &err), &err);
}

static void finish(uint32_t domid)
{
	fake_domain_kill(domid);
	ck_assert_msg(!fake_leftover(), "%s is left", fake_leftover());
	ck_assert_msg(!fake_violation(), "%s", fake_violation());
	vmm_close(vmm);
	fake_store_stop();
	folder_remove(dir);
	free(part);
	free(core);
}

static void fill(uint32_t domid, unsigned page, const char *words)
{
	char *at = fake_guest_page(domid, RAM_GFN + page);

	ck_assert_ptr_nonnull(at);
	memcpy(at + 16, words, strlen(words) + 1);
}

/* It stands at `pc` and has words in its first, a middle and its last page. */
static void populate(uint32_t domid, bool is_64bit, uint64_t pc)
{
	const struct hv_vcpu_entry entry = { .is_64bit = is_64bit, .pc = pc, .r = { 0x4567 } };

	ck_ok(hv_vcpu_set_entry(vmm_hv(vmm, &err), domid, 0, &entry, &err), &err);
	for (unsigned page = 0; page < PAGES; page++)
		memset(fake_guest_page(domid, RAM_GFN + page), 0, 4096);
	fill(domid, 0, "first page");
	fill(domid, 600, "middle page");
	fill(domid, PAGES - 1, "last page");
}

/* It runs. */
static uint32_t guest(void)
{
	uint32_t domid = fake_domain_make(PAGES);

	populate(domid, true, 0x40001234);
	return domid;
}

static uint32_t guest_of_32_bits(void)
{
	uint32_t domid = hv_guest(vmm, NULL, 1, 1);
	struct hv *hv = vmm_hv(vmm, &err);
	uint64_t done;

	ck_ok(hv_domain_set_address_size(hv, domid, 32, &err), &err);
	ck_ok(hv_domain_max_mem(hv, domid, PAGES * 4, &err), &err);
	ck_ok(hv_populate(hv, domid, RAM_GFN, PAGES, 0, &done, &err), &err);
	populate(domid, false, 0x40001230);
	return domid;
}

/* What gdb says to a command of its; NULL where there is no gdb for Arm. */
static const char *gdb(const char *command)
{
	static char said[4096];
	autofree char *line = str_printf(
		"gdb-multiarch -nx -batch -ex 'core-file %s' -ex '%s' 2>&1", core, command);
	FILE *f;
	size_t n;

	if (system("command -v gdb-multiarch >/dev/null") != 0)
		return NULL;
	f = popen(line, "r");
	ck_assert_ptr_nonnull(f);
	n = fread(said, 1, sizeof(said) - 1, f);
	said[n] = '\0';
	pclose(f);
	return said;
}

static void gdb_says(const char *command, const char *words)
{
	const char *said = gdb(command);

	ck_assert_msg(!said || strstr(said, words), "gdb, %s: no '%s' in: %s", command, words,
		      said);
}

START_TEST(gdb_reads_the_core_of_a_64_bit_guest)
{
	uint32_t domid;

	start();
	domid = guest();
	ck_ok(vmm_domain_dump_core(vmm, domid, core, &err), &err);
	gdb_says("x/s 0x40000010", "\"first page\"");
	gdb_says("x/s 0x40258010", "\"middle page\"");
	gdb_says("x/s 0x40405010", "\"last page\"");
	gdb_says("x/s 0x40001010", "\"\"");
	gdb_says("x/s 0x40406010", "Cannot access memory");
	gdb_says("info registers pc x0", "0x40001234");
	gdb_says("info registers pc x0", "0x4567");
	ck_assert(!fake_domain_is_paused(domid));
	finish(domid);
}
END_TEST

START_TEST(gdb_reads_the_core_of_a_32_bit_guest)
{
	uint32_t domid;

	start();
	domid = guest_of_32_bits();
	ck_ok(vmm_domain_dump_core(vmm, domid, core, &err), &err);
	gdb_says("x/s 0x40258010", "\"middle page\"");
	gdb_says("info registers pc cpsr", "0x40001230");
	ck_assert(fake_domain_is_paused(domid));
	finish(domid);
}
END_TEST

/* As long as the guest's memory, and with hardly more on the disk than the guest has written. */
START_TEST(zeros_and_what_was_given_back_are_holes)
{
	struct stat st;
	uint32_t domid;

	start();
	domid = guest();
	ck_ok(hv_remove_from_physmap(vmm_hv(vmm, &err), domid, RAM_GFN + 600, &err), &err);
	ck_ok(vmm_domain_dump_core(vmm, domid, core, &err), &err);
	ck_assert_int_eq(stat(core, &st), 0);
	ck_assert_int_ge(st.st_size, (off_t)PAGES * 4096);
	ck_assert_int_le(st.st_blocks * 512, 16 * 4096);
	gdb_says("x/s 0x40000010", "\"first page\"");
	gdb_says("x/s 0x40258010", "\"\"");
	gdb_says("x/s 0x40405010", "\"last page\"");
	finish(domid);
}
END_TEST

START_TEST(what_cannot_be_written_is_said)
{
	const struct rlimit small = { 4096, RLIM_INFINITY };
	const struct rlimit none = { RLIM_INFINITY, RLIM_INFINITY };
	uint32_t domid;

	start();
	domid = guest();
	ck_fails(vmm_domain_dump_core(vmm, 0, core, &err), &err, EINVAL, "domain 0");
	ck_fails(vmm_domain_dump_core(vmm, 999, core, &err), &err, ESRCH, "999");
	ck_fails(vmm_domain_dump_core(vmm, domid, "/nonexistent/core", &err), &err, ENOENT,
		 "/nonexistent/core");
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
	ck_fails(vmm_domain_dump_core(vmm, domid, core, &err), &err, EFBIG, core);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &none), 0);
	ck_assert_int_lt(access(part, F_OK), 0);
	ck_assert_int_lt(access(core, F_OK), 0);
	ck_assert(!fake_domain_is_paused(domid));
	finish(domid);
}
END_TEST

/* It fails, or all is in it. */
static void with_faults(enum fault_kind kind)
{
	uint32_t domid;

	start();
	domid = guest();
	ck_ok(vmm_domain_dump_core(vmm, domid, core, &err), &err);
	autofree char *good = NULL;
	size_t good_len;

	ck_ok(file_read(core, 8u << 20, &good, &good_len, &err), &err);
	for (unsigned nth = 1;; nth++) {
		autofree char *now = NULL;
		size_t len;
		int r;

		unlink(core);
		err_clear(&err);
		point_arm(nth, kind, nth);
		r = vmm_domain_dump_core(vmm, domid, core, &err);
		bool failed = point_disarm();

		ck_assert_msg(r == 0 || (err.code && *err.msg && !strstr(err.msg, "Success")),
			      "point %u, %s: %d '%s'", nth, point_name(), err.code, err.msg);
		ck_assert_int_lt(access(part, F_OK), 0);
		if (r == 0) {
			ck_ok(file_read(core, 8u << 20, &now, &len, &err), &err);
			ck_assert_msg(len == good_len && !memcmp(now, good, len),
				      "point %u, %s: another core", nth, point_name());
		}
		/* Unpausing may have been what failed. */
		if (fake_domain_is_paused(domid))
			ck_ok(hv_domain_unpause(vmm_hv(vmm, &err), domid, &err), &err);
		if (!failed)
			break;
		ck_assert_uint_lt(nth, 100);
	}
	finish(domid);
}

START_TEST(one_fault_on_the_way)
{
	with_faults(FAULT_TRANSIENT);
}
END_TEST

START_TEST(faults_from_there_on)
{
	with_faults(FAULT_STICKY);
}
END_TEST

TEST_MAIN("dump", gdb_reads_the_core_of_a_64_bit_guest, gdb_reads_the_core_of_a_32_bit_guest,
	  zeros_and_what_was_given_back_are_holes, what_cannot_be_written_is_said,
	  one_fault_on_the_way, faults_from_there_on)
