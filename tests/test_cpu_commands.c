// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The commands about vcpus, pools, schedulers, memory and partitions as a whole, over both fakes:
 * lists of pcpus against a model, bad input in one clear line, and whatever fails underneath leaves
 * the host as it was.
 */
#include "tests/test.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>
#include "base/file.h"
#include "base/str.h"
#include "libvmm/internal.h"
#include "tests/fake/fake.h"
#include "tests/fake/model.h"
#include "tests/fake/xenstore.h"
#include "tests/hv_guest.h"
#include "tests/xl_run.h"
#include "xl/xl.h"

static struct err err;
static char *out, *note;
static char dir[] = "/tmp/test_cpu_commands.XXXXXX";
static char *conf, *lock;	/* files in dir */

/* Words separated by '|'. Returns the exit code; out and note hold what was printed. */
static int xl(const char *words)
{
	return xl_run(words, conf, &out, &note);
}

static void set(uint32_t domid, const char *node, const char *value)
{
	autofree char *path = str_printf("/local/domain/%u/%s", domid, node);

	fake_store_set(path, value);
}

static uint32_t guest(const char *name, uint32_t nr_vcpus, uint8_t uuid)
{
	struct vmm *vmm;
	uint32_t domid;

	ck_ok(vmm_open(&vmm, &err), &err);
	domid = hv_guest(vmm, name, nr_vcpus, uuid);
	ck_ok(hv_domain_max_mem(vmm_hv(vmm, &err), domid, 65536 + 1024, &err), &err);
	vmm_close(vmm);
	set(domid, "memory/target", "65536");
	set(domid, "memory/static-max", "131072");
	for (uint32_t i = 0; i < nr_vcpus; i++) {
		autofree char *node = str_printf("cpu/%u/availability", i);

		set(domid, node, "online");
	}
	return domid;
}

static void start(unsigned nr_cpus)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
	setenv("LIBVMM_STATE_DIR", dir, 1);
	conf = str_printf("%s/xl.conf", dir);
	lock = str_printf("%s/lock", dir);
	autofree char *text = str_printf("lockfile = \"%s\"\n", lock);

	ck_ok(file_write_atomic(conf, text, strlen(text), 0600, &err), &err);
	fake_host.nr_cpus = nr_cpus;
	fake_store_start();
	set(0, "memory/target", "1048576");	/* else the first to look at them writes them */
	set(0, "memory/static-max", "1048576");
	guest("g", 2, 7);
	ck_assert_int_eq(xl("vcpu-pin|0|all|all|all"), 0);	/* as a real dom0's are */
}

static void finish(void)
{
	fake_store_stop();
	unlink(conf);
	unlink(lock);
	free(conf);
	free(lock);
	ck_assert_int_eq(rmdir(dir), 0);
}

/* --- lists of pcpus against a model ----------------------------------------------------------- */

#define NR 16

static unsigned random_below(unsigned n)
{
	static uint32_t state = 20241;

	state = state * 1664525 + 1013904223;
	return (state >> 8) % n;
}

/* A random list and, worked out without the parser, the set it means. */
static void random_list(struct strbuf *text, bool *model)
{
	unsigned words = 1 + random_below(6);

	for (unsigned w = 0; w < words; w++) {
		bool is_taken_out = random_below(3) == 0, is_all = random_below(12) == 0,
		     is_node = random_below(12) == 0;
		unsigned a = random_below(NR), b = a + random_below(NR - a);

		if (w == 0 && is_taken_out && !is_all)
			for (unsigned i = 0; i < NR; i++)
				model[i] = true;
		if (is_all) {
			strbuf_printf(text, "%sall", w ? "," : "");
			is_taken_out = false;
		} else if (is_node) {	/* there is one node, with all of them */
			strbuf_printf(text, "%s%snode:0", w ? "," : "", is_taken_out ? "^" : "");
		} else {
			strbuf_printf(text, "%s%s%u", w ? "," : "", is_taken_out ? "^" : "", a);
			if (b > a)
				strbuf_printf(text, "-%u", b);
		}
		for (unsigned i = is_all || is_node ? 0 : a; i <= (is_all || is_node ? NR - 1 : b);
		     i++)
			model[i] = !is_taken_out;
	}
}

/* As upstream prints a map: all, none, or ranges. */
static char *shown(const bool *model)
{
	struct strbuf b = STRBUF_INIT;
	unsigned n = 0;

	for (unsigned i = 0; i < NR; i++) {
		unsigned last = i;

		if (!model[i])
			continue;
		while (last + 1 < NR && model[last + 1])
			last++;
		n += last - i + 1;
		strbuf_printf(&b, "%s%u", b.len ? "," : "", i);
		if (last > i)
			strbuf_printf(&b, "-%u", last);
		i = last;
	}
	if (n == 0)
		strbuf_add(&b, "none");
	if (n < NR)
		return strbuf_steal(&b);
	strbuf_free(&b);
	return xstrdup("all");
}

START_TEST(a_thousand_pins)
{
	start(NR);
	for (int n = 0; n < 1000; n++) {
		autostrbuf struct strbuf hard = STRBUF_INIT, soft = STRBUF_INIT;
		bool hard_model[NR] = { false }, soft_model[NR] = { false };
		bool has_soft = random_below(2), has_hard = random_below(8) != 0;

		random_list(&hard, hard_model);
		random_list(&soft, soft_model);
		autofree char *words = str_printf("-N|vcpu-pin|g|%u|%s%s%s", random_below(2),
						  has_hard ? hard.data : "-", has_soft ? "|" : "",
						  has_soft ? soft.data : "");
		autofree char *hard_text = has_hard ? shown(hard_model) : xstrdup("-");
		autofree char *soft_text = has_soft ? shown(soft_model) : xstrdup("");
		autofree char *wanted =
			str_printf("cpumap: %s%s%s\n", hard_text, has_soft ? " " : "", soft_text);

		ck_assert_msg(xl(words) == 0, "%s: %s", words, note);
		ck_assert_msg(str_eq(out, wanted), "%s: %s, not %s", words, out, wanted);
	}
	finish();
}
END_TEST

/* --- as it was -------------------------------------------------------------------------------- */

static void add_file(struct strbuf *b)
{
	autofree char *path = str_printf("%s/partition", dir);
	autofree char *text = NULL;
	struct err none = ERR_INIT;

	if (file_read(path, 65536, &text, NULL, &none) == 0)
		strbuf_add(b, text);
}

/* Everything that these commands can change, as text. A pool's UUID is made anew each time. */
static char *everything(void)
{
	struct strbuf b = STRBUF_INIT;
	autofree char *domains = fake_store_dump("/local/domain");
	struct fake_domain *d;

	for (unsigned i = 0; i < FAKE_MAX_POOLS; i++) {
		const struct fake_pool *p = &fake()->pools[i];
		autofree char *path = str_printf("/local/pool/%u/name", i);
		autofree char *name = fake_store_get(path);
		autofree char *cpus = bitmap_str(&p->cpus, BITMAP_BITS);

		strbuf_printf(&b, "pool %u: %s %s\n", i, name ? name : "-",
			      p->is_there ? cpus : "-");
		if (p->is_there)
			strbuf_printf(&b, " %u: %u/%u/%u %u %ju/%u\n", p->sched,
				      p->credit.tslice_ms, p->credit.ratelimit_us,
				      p->credit.vcpu_migr_delay_us, p->credit2.ratelimit_us,
				      (uintmax_t)p->arinc.major_frame, p->arinc.num_sched_entries);
	}
	list_for_each_entry(d, &fake()->domains, link) {
		strbuf_printf(&b, "domain %u: pool %u, %ju pages, %u/%u %u/%u %u/%u/%u\n", d->domid,
			      d->pool, (uintmax_t)d->max_pages, d->credit.weight, d->credit.cap,
			      d->credit2.weight, d->credit2.cap, d->rtds.period, d->rtds.budget,
			      d->rtds.flags);
		for (unsigned v = 0; v < d->nr_vcpus; v++) {
			autofree char *hard = bitmap_str(&d->vcpus[v].hard, fake_host.nr_cpus);
			autofree char *soft = bitmap_str(&d->vcpus[v].soft, fake_host.nr_cpus);

			strbuf_printf(&b, " %u: %s %s\n", v, hard, soft);
		}
	}
	strbuf_add(&b, domains);
	add_file(&b);
	return strbuf_steal(&b);
}

static bool is_one_line(const char *text)
{
	const char *end = strchr(text, '\n');

	return str_starts(text, "xl: ") && end && end[1] == '\0' && !strstr(text, "Success");
}

/* --- bad input -------------------------------------------------------------------------------- */

START_TEST(bad_input_in_one_line)
{
	static const struct { const char *words, *part; } cases[] = {
		{ "vcpu-pin|g|0|99", "99" }, { "vcpu-pin|g|0|3-1", "3-1" }, { "vcpu-pin|g|0|node:7", "node" },
		{ "vcpu-pin|g|2|1", "no vcpu 2: it has 2" }, { "vcpu-pin|g|0|all,^all", "" }, { "vcpu-pin|g|x|1", "vcpu" },
		{ "vcpu-pin|g|0|1,,2", "" }, { "vcpu-pin|-f|g|all|1", "force is for one vcpu" },
		{ "vcpu-pin|nosuch|0|1", "nosuch" }, { "vcpu-set|g|0", "vcpus" }, { "vcpu-set|-i|g|3", "1 to 2" },
		{ "vcpu-set|g|65536", "vcpus" }, { "cpupool-destroy|Pool-0", "cpupool 0" },
		{ "cpupool-destroy|full", "1 domains" }, { "cpupool-destroy|99", "no cpupool '99'" },
		{ "cpupool-cpu-remove|full|3", "no pcpu left" }, { "cpupool-cpu-remove|Pool-0|0-1", "no pcpu left" },
		{ "cpupool-cpu-remove|full|1", "has only pcpus 3" }, { "cpupool-cpu-add|full|0", "belongs to a pool" },
		{ "cpupool-cpu-add|full|17", "17" }, { "cpupool-rename|full|Pool-0", "already" },
		{ "cpupool-rename|full|7", "cannot be a number" }, { "cpupool-migrate|g|nosuch", "nosuch" },
		{ "cpupool-create|name=\"x\"|cpus=\"17\"", "17" }, { "cpupool-create|name=\"x\"|sched=\"best\"", "'best'" },
		{ "cpupool-create|name=\"full\"|cpus=\"2\"", "already" }, { "cpupool-create|cpus=\"2\"", "needs a name" },
		{ "sched-credit2|-d|g|-w|0", "a weight of 0 is out of range" },
		{ "sched-credit2|-d|g|-w|65536", "a weight of 65536 is out of range (1 to 65535)" },
		{ "sched-credit2|-d|g|-c|201", "a cap of 201 is out of range" },
		{ "sched-credit2|-s|-r|99", "a rate limit of 99 us" }, { "sched-credit|-d|g|-w|5", "not credit" },
		{ "sched-credit|-s", "the scheduler of cpupool 0 is credit2, not credit" },
		{ "sched-rtds|-d|r|-p|1000|-b|2000", "a budget of 2000 us does not fit into a period of 1000 us" },
		{ "sched-rtds|-d|r|-p|0|-b|0", "below 10 us" }, { "sched-rtds|-d|r|-v|9|-p|1000|-b|100", "no vcpu 9" },
		{ "sched-rtds|-d|g|-p|1000|-b|100", "not rtds" }, { "sched-rtds|-d|r|-e|2", "extratime" },
		{ "mem-set|g|lots", "memory size" }, { "mem-set|g|1g", "above its maximum of 131072 KiB" },
		{ "mem-set|g|0", "too little" }, { "mem-max|g|32", "below its target" }, { "mem-max|g|99999999t", "" },
		{ "partition|apply|/nonexistent/plan", "/nonexistent/plan" }, { "partition|clear", "no partition" },
	};
	autofree char *before = NULL;

	start(4);
	ck_assert_int_eq(xl("cpupool-cpu-remove|Pool-0|2-3"), 0);
	ck_assert_int_eq(xl("cpupool-create|name=\"full\"|sched=\"rtds\"|cpus=\"3\""), 0);
	guest("r", 1, 8);
	ck_assert_int_eq(xl("cpupool-migrate|r|full"), 0);
	before = everything();
	for (size_t i = 0; i < array_size(cases); i++) {
		int status = xl(cases[i].words);
		autofree char *after = everything();

		ck_assert_msg(status == 1 && is_one_line(note) && strstr(note, cases[i].part),
			      "%s: %d, %s", cases[i].words, status, note);
		ck_assert_msg(str_eq(before, after), "%s: changed\n%s\nto\n%s", cases[i].words,
			      before, after);
	}
	finish();
}
END_TEST

/* --- what a partition means for vwfi= --------------------------------------------------------- */

START_TEST(native_idling_is_for_pcpus_of_one)
{
	fake_host.commandline = "dom0_mem=1G novwfi=native vwfi=native";
	start(4);
	ck_assert_int_eq(xl("partition"), 0);
	ck_assert_msg(
		strstr(out, "Pcpus with one vcpu: none; shared: 0-3; unused: none.") &&
			strstr(out,
			       "would starve vcpus on the shared pcpus; Xen's command line has it"),
		"%s", out);
	ck_assert_msg(str_eq(note, "xl: warning: vwfi=native is set and pcpus 0-3 are shared\n"),
		      "%s", note);
	ck_assert_int_eq(xl("vcpu-pin|0|0|0"), 0);
	ck_assert_int_eq(xl("vcpu-pin|0|1|1"), 0);
	ck_assert_int_eq(xl("vcpu-pin|g|all|2"), 0);
	ck_assert_int_eq(xl("vcpu-pin|g|1|3"), 0);
	fake_host.commandline = "novwfi=native";
	ck_assert_int_eq(xl("partition|--json"), 0);
	ck_assert_msg(strstr(out, "\"shared\": \"none\"") &&
			      strstr(out, "\"vwfi_native_possible\": true") &&
			      strstr(out, "\"vwfi_native_set\": false"),
		      "%s", out);
	finish();
}
END_TEST

/* --- faults ----------------------------------------------------------------------------------- */

/* A change done twice is refused; everything else may be repeated until no fault is met. */
static void fail_everywhere(const char *words, bool is_repeatable)
{
	for (unsigned nth = 1;; nth++) {
		autofree char *before = everything(), *after = NULL;
		bool failed;
		int status;

		point_arm(nth, FAULT_TRANSIENT, nth / 3);
		status = xl(words);
		failed = point_disarm();
		if (!failed || (status == 0 && !is_repeatable)) {
			ck_assert_msg(status == 0, "%s: %s", words, note);
			return;
		}
		if (status == 0)	/* tried again inside, or could do without */
			continue;
		after = everything();
		ck_assert_msg(status == 1 && is_one_line(note), "%s, point %u, %s: %d, %s", words,
			      nth, point_name(), status, note);
		ck_assert_msg(str_eq(before, after), "%s, point %u, %s: changed\n%s\nto\n%s", words,
			      nth, point_name(), before, after);
	}
}

START_TEST(faults_change_nothing)
{
	static const struct { const char *words; bool is_repeatable; } commands[] = {
		{ "vcpu-list", true }, { "info|-n", true }, { "list|-c", true },
		{ "vcpu-pin|g|0|1", true }, { "vcpu-pin|g|all|0-1|1", true }, { "-N|vcpu-pin|g|all|node:0", true },
		{ "vcpu-set|g|1", true }, { "mem-set|g|32", true }, { "mem-max|g|64", true }, { "mem-set|0|256", true },
		{ "sched-credit2", true }, { "sched-credit2|-d|g|-w|100|-c|50", true }, { "sched-credit2|-s|-r|2000", true },
		{ "cpupool-cpu-remove|Pool-0|1-3", false },
		{ "cpupool-create|name=\"one\"|sched=\"credit\"|cpus=\"1\"", false },
		{ "cpupool-create|name=\"arinc\"|sched=\"arinc653\"|cpus=\"2\"", false },
		{ "cpupool-list", true }, { "cpupool-list|-c|one", true }, { "cpupool-rename|one|uno", false },
		{ "cpupool-migrate|g|uno", true }, { "sched-credit|-d|g|-w|10", true }, { "sched-credit|-s|-p|uno|-t|20|-r|500", true },
		{ "sched-credit", true }, { "cpupool-migrate|g|arinc", true }, { "sched-arinc653", true },
		{ "cpupool-migrate|g|0", true }, { "cpupool-destroy|uno", false }, { "cpupool-destroy|arinc", false },
		{ "cpupool-cpu-add|Pool-0|1-3", false }, { "sched-null", true }, { "partition|show", true },
		{ "partition|check|PLAN", true }, { "partition|apply|PLAN", false }, { "partition|clear", false },
		{ "cpupool-cpu-remove|Pool-0|2-3", false },
		{ "cpupool-create|name=\"rt\"|sched=\"rtds\"|cpus=\"2\"", false }, { "cpupool-cpu-add|rt|3", false },
		{ "cpupool-migrate|g|rt", true }, { "sched-rtds|-d|g|-p|1000|-b|400|-e|0", true },
		{ "sched-rtds|-d|g|-v|0|-v|1|-p|2000|-b|100", true }, { "sched-rtds", true }, { "sched-rtds|-v|all", true },
	};
	/* g has two vcpus, and null wants two pcpus for them. */
	static const char plan_text[] =
		"pool solo null 2-3\nguest g solo\npin g 0 2\npin g 1 3\nexclusive 2-3\n";
	autofree char *plan = NULL;

	start(4);
	plan = str_printf("%s/plan", dir);
	ck_ok(file_write_atomic(plan, plan_text, strlen(plan_text), 0600, &err), &err);
	for (size_t i = 0; i < array_size(commands); i++) {
		const char *at = strstr(commands[i].words, "PLAN");
		autofree char *words = at ? str_printf("%.*s%s", (int)(at - commands[i].words),
						       commands[i].words, plan)
					  : xstrdup(commands[i].words);

		fail_everywhere(words, commands[i].is_repeatable);
	}
	unlink(plan);
	finish();
}
END_TEST

TEST_MAIN("cpu_commands", a_thousand_pins, bad_input_in_one_line, native_idling_is_for_pcpus_of_one, faults_change_nothing)
