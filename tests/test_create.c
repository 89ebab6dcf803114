// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The whole of a domain's creation over the fakes: what is built, and that nothing stays of it
 * whichever call fails, wherever an interrupt comes.
 */
#include "tests/test.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>
#include "base/file.h"
#include "base/str.h"
#include "libvmm/internal.h"
#include "tests/fake/fake.h"
#include "tests/fake/loop.h"
#include "tests/fake/point.h"
#include "tests/fake/xenstore.h"
#include "tests/files.h"

static struct err err;
static char dir[] = "/tmp/test_create.XXXXXX";
static volatile int interrupted;

/* --- a host with images ----------------------------------------------------------------------- */

/* The header of arm64's Image and something behind it. */
static void make_kernel(const char *path)
{
	static uint8_t image[300000];
	const uint64_t size = 0x60000;

	for (size_t i = 64; i < sizeof(image); i++)
		image[i] = (uint8_t)(i >> 8);
	memcpy(image + 16, &size, sizeof(size));
	memcpy(image + 56, "ARM\x64", 4);
	ck_ok(file_write_atomic(path, image, sizeof(image), 0600, &err), &err);
}

static void start(void)
{
	autofree char *kernel = NULL, *initrd = NULL, *state = NULL;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	kernel = str_printf("%s/Image", dir);
	initrd = str_printf("%s/initrd", dir);
	state = str_printf("%s/state", dir);
	make_kernel(kernel);
	ck_ok(file_write_atomic(initrd, kernel, strlen(kernel), 0600, &err), &err);
	ck_ok(file_mkdirs(state, 0700, &err), &err);
	setenv("LIBVMM_STATE_DIR", state, 1);
	fake_store_start();
}

static void finish(void)
{
	fake_store_stop();
	folder_remove(dir);
}

/* But for the numbers that rest, which are the host's. */
static const char *file_left(void)
{
	static char name[300];
	autofree char *state = str_printf("%s/state", dir);
	DIR *d = opendir(state);

	name[0] = '\0';
	for (struct dirent *e; d && (e = readdir(d));)
		if (e->d_name[0] != '.' && strncmp(e->d_name, "domid-history", 13) != 0)
			snprintf(name, sizeof(name), "%s", e->d_name);
	closedir(d);
	return name[0] ? name : NULL;
}

static struct vmm_config *config_sized(unsigned memory_mb, const char *more)
{
	autofree char *text =
		str_printf("name = 'ada'\nkernel = '%s/Image'\nramdisk = '%s/initrd'\n"
			   "memory = %u\nvcpus = 2\nextra = 'console=hvc0'\n%s",
			   dir, dir, memory_mb, more);
	const struct vmm_config_source source = { .path = "ada.cfg", .text = text };
	struct vmm_config *cfg = NULL;

	ck_ok(vmm_config_load(&source, &cfg, &err), &err);
	return cfg;
}

static struct vmm_config *config(const char *more)
{
	return config_sized(64, more);
}

/* --- what is built ---------------------------------------------------------------------------- */

static void check_guest(uint32_t domid)
{
	autofree char *name = str_printf("/local/domain/%u/name", domid),
		      *value = fake_store_get(name);
	struct fake_entry entry;
	uint8_t magic[4];

	ck_assert_str_eq(value, "ada");
	ck_assert(fake_guest_entry(domid, &entry));
	ck_assert(entry.is_online);
	fake_guest_read(domid, entry.pc + 56, magic, 4);
	ck_assert_mem_eq(magic, "ARM\x64", 4);
	fake_guest_read(domid, entry.x0, magic, 4);
	ck_assert_mem_eq(magic, "\xd0\x0d\xfe\xed", 4);
}

/* The numbers of domains that ended a moment ago rest, a minute later they are as good as any. */
START_TEST(a_number_rests)
{
	struct vmm_create_options options = { .paused = true };
	autofree char *path = NULL, *text = NULL;
	struct vmm_config *cfg;
	uint32_t first, second;
	struct vmm *vmm;

	start();
	cfg = config("");
	path = str_printf("%s/state/domid-history", dir);
	ck_ok(vmm_open(&vmm, &err), &err);
	ck_ok(vmm_domain_create(vmm, cfg, &options, &first, &err), &err);
	ck_ok(vmm_domain_destroy(vmm, first, &err), &err);
	ck_ok(file_read(path, 100, &text, NULL, &err), &err);
	ck_assert_ptr_nonnull(strstr(text, " 1\n"));
	fake_next_domid(first);
	ck_ok(vmm_domain_create(vmm, cfg, &options, &second, &err), &err);
	ck_assert_uint_ne(second, first);
	ck_ok(vmm_domain_destroy(vmm, second, &err), &err);
	ck_ok(file_write_atomic(path, "0 1\nnonsense\n99999999999 1\n", 27, 0600, &err), &err);
	fake_next_domid(first);
	ck_ok(vmm_domain_create(vmm, cfg, &options, &second, &err), &err);
	/* Up for less than a minute, the machine cannot tell. */
	if (time_ms() > 61000)
		ck_assert_uint_eq(second, first);
	ck_ok(vmm_domain_destroy(vmm, second, &err), &err);
	ck_assert_ptr_null(fake_leftover());
	vmm_config_free(cfg);
	vmm_close(vmm);
	finish();
}
END_TEST

/* What is claimed for one that is being built is not there for another, and the one that comes
 * second is told so. */
START_TEST(memory_is_given_once)
{
	struct vmm_create_options options = { .paused = true };
	struct vmm_config *cfg;
	uint32_t other, domid;
	struct vmm *vmm;

	start();
	cfg = config("");
	other = fake_domain_make(16);
	ck_ok(vmm_open(&vmm, &err), &err);
	ck_ok(hv_domain_max_mem(vmm_hv(vmm, &err), other, UINT32_MAX, &err), &err);
	ck_ok(hv_domain_claim(vmm_hv(vmm, &err), other, fake_free_pages() - 64 * 256 / 2, &err),
	      &err);
	ck_assert_int_lt(vmm_domain_create(vmm, cfg, &options, &domid, &err), 0);
	ck_assert_int_eq(err.code, ENOMEM);
	ck_assert_ptr_nonnull(strstr(err.msg, "end another domain"));
	err_clear(&err);
	fake_domain_kill(other);
	ck_assert_ptr_null(fake_leftover());
	vmm_config_free(cfg);
	vmm_close(vmm);
	finish();
}
END_TEST

START_TEST(a_guest_is_built_and_gone_again)
{
	const struct vmm_create_options options = { .paused = false };
	struct vmm_config *cfg;
	struct vmm *vmm;
	uint32_t domid;
	uint64_t pages;

	start();
	cfg = config("");
	pages = fake_free_pages();
	ck_ok(vmm_open(&vmm, &err), &err);
	ck_ok(vmm_domain_create(vmm, cfg, &options, &domid, &err), &err);
	ck_assert(!fake_domain_is_paused(domid));
	ck_assert_msg(!fake_violation(), "%s", fake_violation());
	check_guest(domid);
	ck_assert_ptr_nonnull(file_left());
	uint32_t second = 0;

	ck_fails(vmm_domain_create(vmm, cfg, &options, &second, &err), &err, EEXIST,
		 "already in use");
	ck_ok(vmm_domain_destroy(vmm, domid, &err), &err);
	ck_assert_ptr_null(fake_leftover());
	ck_assert_ptr_null(file_left());
	ck_assert_uint_eq(fake_free_pages(), pages);
	vmm_close(vmm);
	vmm_config_free(cfg);
	finish();
}
END_TEST

/* --- faults ----------------------------------------------------------------------------------- */

static struct vmm_config *scenario_config;

/* Everything a guest goes through, with a context of its own, as commands have. */
static int live_and_die(struct err *e)
{
	const struct vmm_create_options options = { .paused = false };
	struct vmm_dominfo *list = NULL;
	struct vmm *vmm = NULL;
	uint32_t domid;
	size_t nr;
	int r = -1;

	interrupted = 0;
	if (vmm_open(&vmm, e) < 0)
		return -1;
	vmm_set_interrupt(vmm, &interrupted);
	if (vmm_domain_create(vmm, scenario_config, &options, &domid, e) == 0) {
		r = vmm_domain_list(vmm, &list, &nr, e) < 0 ||
				    vmm_domain_rename(vmm, domid, "eve", e) < 0
			    ? -1
			    : 0;
		free(list);
		/* The end has its own loops, in test_domain; here it must not add to the faults. */
		point_disarm();
		vmm_set_interrupt(vmm, NULL);
		struct err end = ERR_INIT;

		ck_assert_msg(vmm_domain_destroy(vmm, domid, &end) == 0, "%s", end.msg);
	}
	vmm_close(vmm);
	return r;
}

/* What a user does when told that a domain is left over. */
static int destroy_all(struct err *e)
{
	struct vmm_dominfo *list = NULL;
	struct vmm *vmm = NULL;
	size_t nr = 0;
	int r;

	if (vmm_open(&vmm, e) < 0)
		return -1;
	r = vmm_domain_list(vmm, &list, &nr, e);
	for (size_t i = 0; i < nr && r == 0; i++)
		if (list[i].domid != 0)
			r = vmm_domain_destroy(vmm, list[i].domid, e);
	free(list);
	vmm_close(vmm);
	return r;
}

/* What cannot be is found before there is a domain: no number is spent. */
START_TEST(what_cannot_be_is_said_beforehand)
{
	static const struct { const char *settings; int code; const char *words; } cases[] = {
		{ "pool = 'nosuch'", ENOENT, "no cpupool 'nosuch'" },
		{ "cpus = '1,^1'", EINVAL, "vcpu 0 would have no processor" },
		{ "cpus = ['0', '99']", ERANGE, "cpus: 99 is out of range (0 to 3)" },
		{ "pool = 'rt'\ncpus = '1'", EINVAL, "cpus: vcpu 0 would have no processor to run on: its cpupool has 3" },
		{ "pool = 'rt'\nperiod = 1000", EINVAL, "budget: 4000 us do not fit into a period of 1000 us" },
		{ "pool = 'rt'\nbudget = 20000", EINVAL, "budget: 20000 us do not fit into a period of 10000 us" },
		{ "cap = 201", EINVAL, "cap: 201 is more than its vcpus could use (200" },
		{ "maxmem = 999999", ENOMEM, "the domain needs" },
	};
	char name[] = "rt";
	struct vmm_cpupool_config pool = { name, true, true, VMM_SCHED_RTDS, { { 1u << 3 } } };
	const struct vmm_create_options options = { .paused = true };
	struct vmm *vmm;
	uint32_t domid;

	fake_host.nr_cpus = 4;
	start();
	ck_ok(vmm_open(&vmm, &err), &err);
	ck_ok(vmm_cpupool_remove_cpus(vmm, 0, &pool.cpus, false, &err), &err);
	ck_ok(vmm_cpupool_create(vmm, &pool, &domid, &err), &err);
	for (size_t i = 0; i < array_size(cases); i++) {
		struct vmm_config *cfg = config(cases[i].settings);

		ck_fails(vmm_domain_create(vmm, cfg, &options, &domid, &err), &err, cases[i].code,
			 cases[i].words);
		ck_assert_uint_eq(fake_nr_domains(), 0);
		vmm_config_free(cfg);
	}
	err_clear(&err);
	struct vmm_config *cfg =
		config("pool = 'rt'\nperiod = 1000\nbudget = 400\nextratime = 0\nmaxmem = 96");
	struct vmm_sched_params sched;
	struct vmm_dominfo info;

	ck_ok(vmm_domain_create(vmm, cfg, &options, &domid, &err), &err);
	ck_assert_uint_eq(domid, 1);
	ck_ok(vmm_sched_params(vmm, domid, &sched, &err), &err);
	ck_assert(sched.has_rtds && sched.rtds.period_us == 1000 && sched.rtds.budget_us == 400 &&
		  !sched.rtds.extratime);
	ck_ok(vmm_domain_info(vmm, domid, &info, &err), &err);
	ck_assert_uint_ge(info.memory_kb,
			  96 * 1024); /* all of maxmem, for its balloon driver to give back */
	ck_assert_uint_eq(info.max_memory_kb, 64 * 1024 + 1024);	/* and not to come back */
	vmm_config_free(cfg);
	ck_ok(vmm_domain_destroy(vmm, domid, &err), &err);
	vmm_close(vmm);
	finish();
}
END_TEST

static const struct fault_scenario scenario = { live_and_die, destroy_all, file_left };
#define SMALL_MB 16	/* it is built hundreds of times */
#define MANY_FEATURES "cpus = '0-1'\ncpu_weight = 512\nvuart = 'sbsa_uart'\niomem = ['0x9010,1']\nirqs = [34]\n"

START_TEST(one_fault_and_nothing_stays)
{
	start();
	scenario_config = config_sized(SMALL_MB, MANY_FEATURES);
	for (unsigned turn = 0; turn < 7; turn += 2) {
		struct fault_tally tally = fault_loop(&scenario, turn);

		ck_assert_uint_gt(tally.nr_points, 60);
		/* Few calls are not needed; most of what is absorbed is EAGAIN. */
		ck_assert_uint_lt(tally.nr_absorbed, tally.nr_points / 4);
	}
	vmm_config_free(scenario_config);
	finish();
}
END_TEST

START_TEST(faults_from_there_on_and_nothing_stays_after_destroy)
{
	start();
	scenario_config = config_sized(SMALL_MB, MANY_FEATURES);
	for (unsigned turn = 0; turn < 7; turn += 2)
		fault_loop_sticky(&scenario, turn);
	vmm_config_free(scenario_config);
	finish();
}
END_TEST

/* dom0's drivers: they come when their folder is there, and go when they are told. */
static void drivers(const char *path, const char *value)
{
	if (!strstr(path, "/backend/") || !str_ends(path, "/state") || !value)
		return;
	if (str_eq(value, "1"))
		fake_store_set(path, "2");
	if (str_eq(value, "5"))
		fake_store_set(path, "6");
}

#define DEVICES                                                                   \
	"vkb = ['backend-type=linux']\nvdispl = ['connectors=a:1x2']\nchannel = " \
	"['name=c,connection=pty']\n"                                             \
	"vif = ['mac=00:16:3e:00:00:01,script=%s/hotplug']\ndisk = "              \
	"['/dev/a,raw,xvda,w,script=%s/hotplug']\n"

START_TEST(one_fault_among_devices_and_nothing_stays)
{
	autofree char *path = NULL, *text = NULL;

	start();
	path = script_make(dir, "hotplug", "exit 0");
	text = str_printf(DEVICES, dir, dir);
	fake_store_on_change(drivers);
	scenario_config = config_sized(SMALL_MB, text);
	/* EAGAIN comes to each point in one of these turns, or a refusal. */
	for (unsigned turn = 0; turn < 2; turn++) {
		struct fault_tally tally = fault_loop(&scenario, turn);

		ck_assert_uint_gt(tally.nr_points, 200);
	}
	vmm_config_free(scenario_config);
	finish();
}
END_TEST

static void interrupt(void)
{
	interrupted = 1;
}

START_TEST(an_interrupt_anywhere_and_nothing_stays)
{
	struct fault_tally tally;

	start();
	scenario_config = config_sized(SMALL_MB, MANY_FEATURES);
	tally = fault_loop_call(&scenario, interrupt);
	/* After the last step it came too late. */
	ck_assert_uint_lt(tally.nr_absorbed, tally.nr_points / 2);
	vmm_config_free(scenario_config);
	finish();
}
END_TEST

static int destroy_it(void *arg, uint32_t domid, struct err *why)
{
	return vmm_domain_destroy(arg, domid, why);
}

START_TEST(destroyed_by_another_while_it_is_made)
{
	struct vmm_create_options options = { .before_unpause = destroy_it };
	struct vmm *vmm, *other;
	struct vmm_config *cfg;
	uint32_t domid;

	start();
	cfg = config("");
	ck_ok(vmm_open(&vmm, &err), &err);
	ck_ok(vmm_open(&other, &err), &err);
	options.arg = other;
	ck_fails(vmm_domain_create(vmm, cfg, &options, &domid, &err), &err, ECANCELED,
		 "destroyed by somebody else");
	ck_assert_ptr_null(fake_leftover());
	ck_assert_ptr_null(file_left());
	vmm_close(other);
	vmm_close(vmm);
	vmm_config_free(cfg);
	finish();
}
END_TEST

TEST_MAIN("create", a_number_rests, memory_is_given_once, what_cannot_be_is_said_beforehand,
	  a_guest_is_built_and_gone_again, destroyed_by_another_while_it_is_made,
	  one_fault_and_nothing_stays, one_fault_among_devices_and_nothing_stays,
	  faults_from_there_on_and_nothing_stays_after_destroy,
	  an_interrupt_anywhere_and_nothing_stays)
