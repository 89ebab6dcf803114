// SPDX-License-Identifier: LGPL-2.1-or-later
/* help, version, completion: the tables of commands and keys, shown to people, shells and
 * checks. */
#include <errno.h>
#include <string.h>
#include "base/str.h"
#include "xl/xl.h"

#define NAME_WIDTH 19

void xl_print_commands(FILE *f)
{
	const struct xl_command *cmd;

	fputs("Usage xl [-vfNtT] <subcommand> [args]\n\nxl full list of subcommands:\n\n", f);
	for (size_t i = 0; (cmd = xl_command_at(i)); i++)
		fprintf(f, " %-*s %s\n", NAME_WIDTH, cmd->name, cmd->summary);
}

static void option_words(const struct xl_option *o, struct strbuf *b)
{
	if (o->letter)
		strbuf_printf(b, "-%c", o->letter);
	if (o->letter && o->name)
		strbuf_add(b, ", ");
	if (o->name)
		strbuf_printf(b, "--%s", o->name);
	if (o->arg)
		strbuf_printf(b, "%s%s", o->name ? "=" : " ", o->arg);
}

static void print_option(FILE *f, const struct xl_option *o)
{
	autostrbuf struct strbuf words = STRBUF_INIT;

	option_words(o, &words);
	fprintf(f, "%-*s%s%s\n", 28, words.data, words.len >= 28 ? "  " : "", o->help);
}

void xl_print_usage(FILE *f, const struct xl_command *cmd)
{
	static const struct xl_option json = { .name = "json", .help = "Print JSON" };

	fprintf(f, "Usage: xl [-vtT%s%s] %s%s%s\n\n%s.\n\n", cmd->flags & XL_MODIFIES ? "f" : "",
		cmd->flags & XL_DRY_RUN ? "N" : "", cmd->name, *cmd->args ? " " : "", cmd->args,
		cmd->summary);
	if (!cmd->options && !(cmd->flags & XL_PRINTS))
		return;
	fputs("Options:\n\n", f);
	for (const struct xl_option *o = cmd->options; o && o->kind != XL_OPT_END; o++)
		print_option(f, o);
	if (cmd->flags & XL_PRINTS)
		print_option(f, &json);
	putc('\n', f);
}

/* --- help ------------------------------------------------------------------------------------- */

static void json_option(struct jsonw *j, const struct xl_option *o)
{
	char letter[2] = { o->letter, '\0' };

	jsonw_object(j, NULL);
	jsonw_str(j, "letter", o->letter ? letter : NULL);
	jsonw_str(j, "name", o->name);
	jsonw_str(j, "arg", o->arg);
	jsonw_str(j, "help", o->help);
	jsonw_close(j);
}

static void json_command(struct jsonw *j, const struct xl_command *cmd)
{
	static const struct xl_option json = { .name = "json", .help = "Print JSON" };

	jsonw_object(j, NULL);
	jsonw_str(j, "name", cmd->name);
	jsonw_str(j, "args", cmd->args);
	jsonw_str(j, "summary", cmd->summary);
	jsonw_array(j, "options");
	for (const struct xl_option *o = cmd->options; o && o->kind != XL_OPT_END; o++)
		json_option(j, o);
	if (cmd->flags & XL_PRINTS)
		json_option(j, &json);
	jsonw_close(j);
	jsonw_bool(j, "dry_run", cmd->flags & XL_DRY_RUN);
	jsonw_close(j);
}

/* One machine-readable picture of everything that has a manual: check-man.sh reads it. */
static void help_json(FILE *f)
{
	const struct xl_command *cmd;
	const char *key, *summary;
	struct jsonw j;
	bool is_supported;

	jsonw_begin(&j, f);
	jsonw_object(&j, NULL);
	jsonw_array(&j, "commands");
	for (size_t i = 0; (cmd = xl_command_at(i)); i++)
		json_command(&j, cmd);
	jsonw_close(&j);
	jsonw_array(&j, "xl.conf");
	for (unsigned i = 0; (key = xl_conf_key(i)); i++)
		jsonw_str(&j, NULL, key);
	jsonw_close(&j);
	jsonw_array(&j, "xl.cfg");
	for (size_t i = 0; (key = vmm_config_key(i, &is_supported, &summary)); i++) {
		jsonw_object(&j, NULL);
		jsonw_str(&j, "key", key);
		jsonw_bool(&j, "supported", is_supported);
		jsonw_str(&j, "summary", summary);
		jsonw_close(&j);
	}
	jsonw_close(&j);
	jsonw_close(&j);
	jsonw_end(&j);
}

static xl_run_fn help;

const struct xl_command cmd_help = {
	.name = "help", .args = "[command]", .summary = "Print this list, or the usage of one command",
	.min = 0, .max = 1, .flags = XL_NO_XEN | XL_PRINTS, .run = help,
};

static int help(struct xl *xl, const void *opts, char **args, struct err *err)
{
	const struct xl_command *cmd;

	if (xl->as_json) {
		help_json(xl->out);
		return 0;
	}
	if (!args[0]) {
		xl_print_commands(xl->out);
		return 0;
	}
	cmd = xl_command_find(args[0]);
	if (!cmd)
		return err_set(err, ENOENT, "command \"%s\" not implemented", args[0]);
	xl_print_usage(xl->out, cmd);
	return 0;
}

/* --- version ---------------------------------------------------------------------------------- */

static xl_run_fn version;

const struct xl_command cmd_version = {
	.name = "version", .args = "", .summary = "Print the version of this toolstack",
	.min = 0, .max = 0, .flags = XL_NO_XEN | XL_PRINTS, .run = version,
};

static int version(struct xl *xl, const void *opts, char **args, struct err *err)
{
	struct jsonw j;

	if (!xl->as_json) {
		fprintf(xl->out, "%s %s\n", PACKAGE_NAME, PACKAGE_VERSION);
		return 0;
	}
	jsonw_begin(&j, xl->out);
	jsonw_object(&j, NULL);
	jsonw_str(&j, "name", PACKAGE_NAME);
	jsonw_str(&j, "version", PACKAGE_VERSION);
	jsonw_close(&j);
	jsonw_end(&j);
	return 0;
}

/* --- completion ------------------------------------------------------------------------------- */

static xl_run_fn completion;

const struct xl_command cmd_completion = {
	.name = "completion", .args = "", .summary = "Print the completion of bash for this xl",
	.min = 0, .max = 0, .flags = XL_NO_XEN, .run = completion,
};

static void completion_words(FILE *f, const struct xl_command *cmd)
{
	fprintf(f, "\t%s) echo '--help", cmd->name);
	for (const struct xl_option *o = cmd->options; o && o->kind != XL_OPT_END; o++) {
		if (o->letter)
			fprintf(f, " -%c", o->letter);
		if (o->name)
			fprintf(f, " --%s", o->name);
	}
	if (cmd->flags & XL_PRINTS)
		fputs(" --json", f);
	fputs("' ;;\n", f);
}

/* What the first operand of a command is, by how its usage calls it. */
static const char *operand_kind(const struct xl_command *cmd)
{
	if (strstr(cmd->args, "onfigFile") || strstr(cmd->args, "FILE") ||
	    strstr(cmd->args, "<File"))
		return "file";
	if (strstr(cmd->args, "Domain"))
		return "domain";
	return "none";
}

static int completion(struct xl *xl, const void *opts, char **args, struct err *err)
{
	const struct xl_command *cmd;
	FILE *f = xl->out;

	fputs("# bash completion for xl, made by `xl completion`\n\n_xl_commands='", f);
	for (size_t i = 0; (cmd = xl_command_at(i)); i++)
		fprintf(f, "%s%s", i ? " " : "", cmd->name);
	fputs("'\n\n_xl_options()\n{\n\tcase $1 in\n", f);
	for (size_t i = 0; (cmd = xl_command_at(i)); i++)
		completion_words(f, cmd);
	fputs("\tesac\n}\n\n_xl_operand()\n{\n\tcase $1 in\n", f);
	for (size_t i = 0; (cmd = xl_command_at(i)); i++)
		if (strcmp(operand_kind(cmd), "none") != 0)
			fprintf(f, "\t%s) echo %s ;;\n", cmd->name, operand_kind(cmd));
	fputs("\thelp) echo command ;;\n\tesac\n}\n\n"
	      "_xl()\n{\n"
	      "\tlocal cur=${COMP_WORDS[COMP_CWORD]} cmd= i words=\n"
	      "\tCOMPREPLY=()\n"
	      "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	      "\t\tcase ${COMP_WORDS[i]} in\n"
	      "\t\t-*) ;;\n"
	      "\t\t*) cmd=${COMP_WORDS[i]}; break ;;\n"
	      "\t\tesac\n"
	      "\tdone\n"
	      "\tif [[ -z $cmd ]]; then\n"
	      "\t\twords=$_xl_commands\n"
	      "\telif [[ $cur == -* ]]; then\n"
	      "\t\twords=$(_xl_options \"$cmd\")\n"
	      "\telse\n"
	      "\t\tcase $(_xl_operand \"$cmd\") in\n"
	      "\t\tdomain) words=$(xl list 2>/dev/null | awk 'NR > 1 { print $1 }') ;;\n"
	      "\t\tcommand) words=$_xl_commands ;;\n"
	      "\t\tfile) mapfile -t COMPREPLY < <(compgen -f -- \"$cur\"); return ;;\n"
	      "\t\tesac\n"
	      "\tfi\n"
	      "\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
	      "}\n"
	      "complete -o filenames -F _xl xl\n", f);
	return 0;
}
