// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * message: ask a guest that shares a page and an event channel with domain 0, as small real-time
 * systems do, and print its answer.
 */
#include "base/str.h"
#include "xl/xl.h"

struct message_opts { struct xl_num timeout; };

static const struct xl_option message_options[] = {
	OPT_NUM('t', "timeout", struct message_opts, timeout, 1, 3600, "SECONDS", "Wait so long for the answer (10)"),
	OPT_END
};

static xl_run_fn message;

const struct xl_command cmd_message = {
	.name = "message", .args = "[-t SECONDS] <Domain> <Words>...",
	.summary = "Ask a guest over memory it shares, and print its answer",
	.options = message_options, .opts_size = sizeof(struct message_opts),
	.min = 2, .max = XL_ANY, .flags = XL_PRINTS, .run = message,
};

static int message(struct xl *xl, const void *opts, char **args, struct err *err)
{
	const struct message_opts *o = opts;
	autostrbuf struct strbuf words = STRBUF_INIT;
	autofree char *reply = NULL;
	uint32_t domid;

	if (xl_domain(xl, args[0], &domid, err) < 0)
		return -1;
	for (char **word = args + 1; *word; word++)
		strbuf_printf(&words, "%s%s", word == args + 1 ? "" : " ", *word);
	if (vmm_message(xl->vmm, domid, words.data,
			o->timeout.is_set ? (int)o->timeout.v * 1000 : 10000, &reply, err) < 0)
		return -1;
	if (xl->as_json) {
		struct jsonw j;

		jsonw_begin(&j, xl->out);
		jsonw_object(&j, NULL);
		jsonw_str(&j, "reply", reply);
		jsonw_close(&j);
		jsonw_end(&j);
		return 0;
	}
	fprintf(xl->out, "%s\n", reply);
	return 0;
}
