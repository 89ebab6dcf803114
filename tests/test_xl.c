// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The xl program as a whole, over both fakes: what it prints to the byte, how it refuses, and that
 * its tables, its manual page and its completion say the same.
 */
#include "tests/test.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>
#include "base/file.h"
#include "base/str.h"
#include "tests/fake/fake.h"
#include "tests/fake/xenstore.h"
#include "tests/files.h"
#include "tests/xl_run.h"
#include "xl/xl.h"

static char *out, *note;

/* Words separated by '|'. Returns the exit code; out and note hold what was printed. */
static int xl(const char *words)
{
	return xl_run(words, "/nonexistent/xl.conf", &out, &note);
}

static void start(void)
{
	setenv("LIBVMM_STATE_DIR", "/nonexistent", 1);
	fake_store_start();
}

static void set_name(uint32_t domid, const char *name)
{
	autofree char *path = str_printf("/local/domain/%u/name", domid);

	fake_store_set(path, name);
}

static void has(const char *text, const char *part)
{
	ck_assert_msg(strstr(text, part) != NULL, "no '%s' in: %s", part, text);
}

/* --- what is printed -------------------------------------------------------------------------- */

START_TEST(list_is_upstreams_to_the_byte)
{
	uint32_t a, b;

	start();
	a = fake_domain_make(256);
	b = fake_domain_make(512);
	set_name(a, "guest");
	set_name(b, "a\x1b[31mred\n0      0  1024");	/* hostile: colours, and a row of its own */
	fake_guest_shutdown(a, VMM_SHUTDOWN_CRASH);
	ck_assert_int_eq(xl("list"), 0);
	has(out, "Name                                        ID   Mem VCPUs\tState\tTime(s)\n"
		 "Domain-0                                     0 ");
	has(out,
	    "\nguest                                        1     1     1     ---sc-       1.0\n"
	    "a?[31mred?0      0  1024                     2     2     1     ------       2.0\n");
	ck_assert_int_eq(xl("list|-v|guest"), 0);
	has(out, "   UUID                            Reason-Code\tSecurity Label\nguest ");
	has(out, " 00000000-0000-0000-0000-000000000000        3 ");
	ck_assert_int_eq(xl("list|--json|guest"), 0);
	has(out, "        \"name\": \"guest\",\n        \"domid\": 1,\n");
	has(out, "\"shutdown_reason\": \"3\",");
	ck_assert_int_eq(xl("list|nosuch"), 1);
	ck_assert_str_eq(out, "");
	ck_assert_str_eq(note, "xl: Error: Domain 'nosuch' does not exist.\n");
	fake_store_stop();
}
END_TEST

START_TEST(other_lists)
{
	uint32_t a;

	start();
	a = fake_domain_make(256);
	set_name(a, "guest");
	ck_assert_int_eq(xl("vcpu-list|guest"), 0);
	has(out, "Name                                ID  VCPU   CPU State   Time(s) Affinity "
		 "(Hard / Soft)\n"
		 "guest                                1     0 ");
	ck_assert_int_eq(xl("vm-list"), 0);
	has(out, "UUID                                  ID    name\n");
	has(out, "\n00000000-0000-0000-0000-000000000000  1    guest                         \n");
	ck_assert_int_eq(xl("domid|guest"), 0);
	ck_assert_str_eq(out, "1\n");
	ck_assert_int_eq(xl("domname|1"), 0);
	ck_assert_str_eq(out, "guest\n");
	ck_assert_int_eq(xl("domid|1"), 1);
	has(note, "Can't get domid of domain name '1', maybe this domain does not exist.");
	ck_assert_int_eq(xl("info|nr_cpus"), 0);
	ck_assert_int_eq(xl("info"), 0);
	has(out, "\nnr_cpus                : ");
	has(out, "\nvirt_caps              : hvm");
	has(out, "\nxend_config_format     : 4\n");
	fake_store_stop();
}
END_TEST

START_TEST(days_and_hours)
{
	autofree char *start_time = NULL;
	uint32_t a;

	start();
	a = fake_domain_make(256);
	set_name(a, "guest");
	start_time =
		str_printf("%lld.00", (long long)time(NULL) - 2 * 86400 - 3 * 3600 - 4 * 60 - 5);
	fake_store_set("/vm/00000000-0000-0000-0000-000000000000/start_time", start_time);
	ck_assert_int_eq(xl("uptime|guest"), 0);
	has(out, "Name                                ID Uptime\nguest                             "
		 "   1 2 days,  3:04:0");
	ck_assert_int_eq(xl("uptime|-s|guest"), 0);
	has(out, " up 2 days,  3:04, guest (1)\n");
	ck_assert_int_eq(xl("uptime|--json|guest"), 0);
	has(out, "\"uptime\": \"2 days,  3:04:0");
	fake_store_stop();
}
END_TEST

/* --- how it refuses --------------------------------------------------------------------------- */

START_TEST(exit_codes_and_words)
{
	static const struct { const char *words; int status; const char *note; } cases[] = {
		{ "", 1, "no command given" },
		{ "nosuch", 1, "'nosuch': command not implemented" },
		{ "d", 1, "'d': command not implemented" },		/* ambiguous */
		{ "-Q|list", 2, "unknown global option '-Q'" },
		{ "-N|destroy|x", 1, "command does not implement -N (dryrun) option" },
		{ "destroy", 2, "'xl destroy' requires at least 1 argument." },
		{ "rename|a", 2, "requires at least 2 arguments." },
		{ "rename|a|b|c", 2, "so what is 'c'?" },
		{ "list|--nosuch", 2, "unknown option '--nosuch'" },
		{ "destroy|0", 1, "not destroying domain 0" },
		{ "destroy|5", 1, "there is no domain 5" },
		{ "sysrq|0|xx", 1, "Invalid sysrq" },
		{ "shutdown", 2, "requires a domain, or -a" },
		{ "shutdown|-a|x", 2, "cannot be given as well" },
		{ "help|nosuch", 1, "command \"nosuch\" not implemented" },
		{ "create", 2, "requires a configuration file" },
		{ "create|a|-f|b", 2, "which is the configuration?" },
		{ "create|/nonexistent/x", 1, "/nonexistent/x" },
		{ "check|/nonexistent/x", 1, "1 of 1 configurations need attention" },
		{ "console|0", 1, "domain 0 is where you are" },
		{ "console|-t|x|0", 2, "neither pv nor vuart" },
		{ "domname|x", 1, "Invalid domain id" },
		{ "set-parameters|x", 2, "neither name=value" },
		{ "info|nosuch", 1, "there is no field 'nosuch'" },
	};

	start();
	for (size_t i = 0; i < array_size(cases); i++) {
		int status = xl(cases[i].words);

		ck_assert_msg(status == cases[i].status && strstr(note, cases[i].note),
			      "xl %s: %d '%s'", cases[i].words, status, note);
		ck_assert_msg(!strstr(note, "Success"), "xl %s: %s", cases[i].words, note);
		/* Usage goes with exit code 2, and to standard error. */
		if (status == 2 && cases[i].words[0] != '-')
			has(note, "\n\nUsage: xl [-vtT");
		ck_assert_str_eq(out, "");
	}
	fake_store_stop();
}
END_TEST

START_TEST(hostile_words_stay_on_their_line)
{
	start();
	ck_assert_int_eq(xl("destroy|a\nxl: all is well\x1b[0m"), 1);
	ck_assert_str_eq(note, "xl: there is no domain 'a?xl: all is well?[0m'\n");
	fake_store_stop();
}
END_TEST

START_TEST(without_a_store_it_says_so)
{
	setenv("XENSTORED_PATH", "/nonexistent/socket", 1);
	ck_assert_int_eq(xl("list"), 1);
	has(note, "xenstore");
	ck_assert_str_eq(out, "");
}
END_TEST

START_TEST(xl_conf_fills_what_a_guest_leaves_open)
{
	char conf[] = "/tmp/test_xl_conf.XXXXXX";
	int fd = mkstemp(conf);
	static const char text[] = "vif.default.bridge=\"br7\"\nvif.default.script=\"vif-"
				   "route\"\nmax_grant_frames=17\n";

	ck_assert_int_eq(write(fd, text, sizeof(text) - 1), (ssize_t)(sizeof(text) - 1));
	close(fd);
	ck_assert_int_eq(xl_run("create|-n|name=\"x\"|kernel=\"/k\"|"
				"vif=['','bridge=mine,script=vif-mine']",
				conf, &out, &note),
			 0);
	unlink(conf);
	has(out, "\"max_grant_frames\": 17");
	has(out, "\"bridge\": \"br7\"");
	has(out, "\"bridge\": \"mine\"");
	has(out, "\"script\": \"vif-route\"");
	has(out, "\"script\": \"vif-mine\"");
}
END_TEST

/* --- tables, manual, completion --------------------------------------------------------------- */

/* The part of the page about one command: from its .It Ic line to the next. */
static char *section_of(const char *page, const char *command)
{
	autofree char *head = str_printf("\n.It Ic %s", command);
	const char *from = page, *to;

	do
		from = strstr(from, head);
	while (from && strchr(" \n", from[strlen(head)]) == NULL && (from += 1));
	if (!from)
		return NULL;
	/* Commands that share their text stand one below the other. */
	for (const char *line = from;
	     (to = strstr(line + 1, "\n.It Ic ")) && to == strchr(line + 1, '\n');)
		line = to;
	return to ? xstrndup(from, (size_t)(to - from)) : xstrdup(from);
}

static void option_is_documented(const struct xl_command *cmd, const char *section,
				 const struct xl_option *o)
{
	char letter[16];
	autofree char *name = o->name ? str_printf("Fl -%s", o->name) : NULL;
	/* reboot shares shutdown's options, for one. */
	bool is_shared = strstr(section, "The options are those of") != NULL;

	snprintf(letter, sizeof(letter), "Fl %c", o->letter);
	ck_assert_msg(is_shared || !o->letter || strstr(section, letter), "xl.1: %s: no -%c",
		      cmd->name, o->letter);
	ck_assert_msg(is_shared || !name || strstr(section, name), "xl.1: %s: no --%s", cmd->name,
		      o->name);
}

START_TEST(the_manual_has_everything)
{
	autofree char *page = source_file("man/xl.1");
	autofree char *conf_page = source_file("man/xl.conf.5");
	const struct xl_command *cmd;
	const char *key;

	for (size_t i = 0; (cmd = xl_command_at(i)); i++) {
		autofree char *section = section_of(page, cmd->name);

		ck_assert_msg(section != NULL, "xl.1: no '.It Ic %s'", cmd->name);
		for (const struct xl_option *o = cmd->options; o && o->kind != XL_OPT_END; o++)
			option_is_documented(cmd, section, o);
	}
	for (unsigned i = 0; (key = xl_conf_key(i)); i++)
		ck_assert_msg(strstr(conf_page, key) != NULL, "xl.conf.5: no %s", key);
}
END_TEST

START_TEST(the_completion_is_a_shell_script)
{
	FILE *bash = popen("bash -n", "w");

	ck_assert_int_eq(xl("completion"), 0);
	has(out, "_xl_commands='create config-update list");
	has(out, "\tcreate) echo '--help -c -d -e -F -f --defconfig");
	has(out, "complete -o filenames -F _xl xl\n");
	fputs(out, bash);
	ck_assert_int_eq(pclose(bash), 0);
}
END_TEST

START_TEST(help_knows_every_command)
{
	const struct xl_command *cmd;

	ck_assert_int_eq(xl("help"), 0);
	has(out, "Usage xl [-vfNtT] <subcommand> [args]\n\nxl full list of subcommands:\n\n create "
		 "             ");
	for (size_t i = 0; (cmd = xl_command_at(i)); i++) {
		autofree char *words = str_printf("help|%s", cmd->name);

		ck_assert_int_eq(xl(words), 0);
		has(out, cmd->summary);
	}
	ck_assert_int_eq(xl("help|--json"), 0);
	has(out, "\"name\": \"create\"");
	has(out, "\"xl.conf\": [\n        \"domid_policy\"");
}
END_TEST

TEST_MAIN("xl", list_is_upstreams_to_the_byte, other_lists, days_and_hours, exit_codes_and_words,
	  hostile_words_stay_on_their_line, without_a_store_it_says_so,
	  xl_conf_fills_what_a_guest_leaves_open, the_manual_has_everything,
	  the_completion_is_a_shell_script, help_knows_every_command)
