/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vdispl-list and vsnd-list: devices with parts of their own, in upstream's lines. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "base/num.h"
#include "base/str.h"
#include "xl/xl.h"

#define MAX_PARTS 16	/* connectors of a display, pcms of a card, streams of a pcm */

/* Names of nodes, asked for in one go; then values by name. */
struct wanted {
	struct strlist nodes;
	const struct vmm_deviceinfo *dev;
};

static void want(struct wanted *w, const char *fmt, ...) printf_like(2, 3);
static void want(struct wanted *w, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	strlist_take(&w->nodes, str_vprintf(fmt, ap));
	va_end(ap);
}

static const char *got(const struct wanted *w, const char *fmt, ...) printf_like(2, 3);
static const char *got(const struct wanted *w, const char *fmt, ...)
{
	autofree char *name = NULL;
	va_list ap;

	va_start(ap, fmt);
	name = str_vprintf(fmt, ap);
	va_end(ap);
	for (size_t i = 0; i < w->nodes.n; i++)
		if (strcmp(w->nodes.v[i], name) == 0)
			return w->dev->values[i];
	return NULL;
}

static int64_t number(const char *text)
{
	struct err ignored = ERR_INIT;
	uint64_t n;

	return text != NULL && num_dec(text, INT32_MAX, "", &n, &ignored) == 0 ? (int64_t)n : -1;
}

static const char *text(const char *s)
{
	return s != NULL ? s : "";
}

typedef void show_fn(struct xl *xl, const struct wanted *w, struct jsonw *j);

/* Every device of every domain named. */
static int list(struct xl *xl, const char *class, struct wanted *w, show_fn *show, char **args,
		struct err *err)
{
	struct jsonw j;

	if (xl->as_json) {
		jsonw_begin(&j, xl->out);
		jsonw_array(&j, NULL);
	}
	for (; *args != NULL; args++) {
		struct vmm_deviceinfo *devs;
		uint32_t domid;
		size_t nr;

		if (xl_domain(xl, *args, &domid, err) < 0 ||
		    vmm_device_list(xl->vmm, domid, class, (const char *const *)w->nodes.v, &devs,
				    &nr, err) < 0)
			return -1;
		for (size_t i = 0; i < nr; i++) {
			w->dev = &devs[i];
			show(xl, w, &j);
		}
		vmm_device_list_free(devs, nr);
	}
	if (xl->as_json) {
		jsonw_close(&j);
		jsonw_end(&j);
	}
	return 0;
}

static void json_device(struct jsonw *j, const struct wanted *w)
{
	jsonw_object(j, NULL);
	jsonw_int(j, "devid", w->dev->devid);
	jsonw_uint(j, "backend_domid", w->dev->backend_domid);
	jsonw_int(j, "state", number(got(w, "frontend/state")));
	jsonw_str(j, "backend", w->dev->backend);
	jsonw_str(j, "frontend", w->dev->frontend);
}

/* --- displays --------------------------------------------------------------------------------- */

static void show_connector(FILE *f, const struct wanted *w, unsigned i)
{
	const char *size = got(w, "frontend/%u/resolution", i), *x = strchr(size, 'x');
	autofree char *width = xstrndup(size, strcspn(size, "x"));

	fprintf(f, "\tConnector: %u, id: ", i);
	print_text(f, text(got(w, "frontend/%u/unique-id", i)), 0);
	fprintf(f,
		", width: %" PRId64 ", height: %" PRId64 ", req-rref: %" PRId64
		", req-evtch: %" PRId64 ", evt-rref: %" PRId64 ", evt-evtch: %" PRId64 "\n",
		number(width), number(x != NULL ? x + 1 : NULL),
		number(got(w, "frontend/%u/req-ring-ref", i)),
		number(got(w, "frontend/%u/req-event-channel", i)),
		number(got(w, "frontend/%u/evt-ring-ref", i)),
		number(got(w, "frontend/%u/evt-event-channel", i)));
}

static void show_vdispl(struct xl *xl, const struct wanted *w, struct jsonw *j)
{
	if (xl->as_json) {
		json_device(j, w);
		jsonw_bool(j, "be_alloc", number(got(w, "frontend/be-alloc")) == 1);
		jsonw_array(j, "connectors");
	} else {
		fprintf(xl->out,
			"DevId: %d, BE: %u, handle: %d, state: %" PRId64 ", be-alloc: %" PRId64
			", BE-path: %s, FE-path: %s\n",
			w->dev->devid, w->dev->backend_domid, w->dev->devid,
			number(got(w, "frontend/state")), number(got(w, "frontend/be-alloc")),
			w->dev->backend, w->dev->frontend);
	}
	for (unsigned i = 0; i < MAX_PARTS && got(w, "frontend/%u/resolution", i) != NULL; i++) {
		if (!xl->as_json) {
			show_connector(xl->out, w, i);
			continue;
		}
		jsonw_object(j, NULL);
		jsonw_str(j, "unique_id", got(w, "frontend/%u/unique-id", i));
		jsonw_str(j, "resolution", got(w, "frontend/%u/resolution", i));
		jsonw_close(j);
	}
	if (xl->as_json) {
		jsonw_close(j);
		jsonw_close(j);
	}
}

static int vdispl_list(struct xl *xl, const void *opts, char **args, struct err *err)
{
	static const char *const nodes[] = { "unique-id",    "resolution",
					     "req-ring-ref", "req-event-channel",
					     "evt-ring-ref", "evt-event-channel" };
	struct wanted w = { STRLIST_INIT, NULL };
	int ret;

	want(&w, "frontend/state");
	want(&w, "frontend/be-alloc");
	for (unsigned i = 0; i < MAX_PARTS; i++)
		for (size_t k = 0; k < array_size(nodes); k++)
			want(&w, "frontend/%u/%s", i, nodes[k]);
	ret = list(xl, "vdispl", &w, show_vdispl, args, err);
	strlist_free(&w.nodes);
	return ret;
}

const struct xl_command cmd_vdispl_list = {
	.name = "vdispl-list", .args = "<Domain>...", .summary = "List the displays of domains",
	.min = 1, .max = XL_ANY, .flags = XL_PRINTS, .run = vdispl_list,
};

/* --- sound cards ------------------------------------------------------------------------------ */

static const char *const params[] = { "channels-min", "channels-max", "buffer-size", "sample-rates",
				      "sample-formats" };

static void want_params(struct wanted *w, const char *prefix)
{
	for (size_t i = 0; i < array_size(params); i++)
		want(w, "frontend/%s%s", prefix, params[i]);
}

/* Those that are set, lists joined by semicolons. */
static void show_params(FILE *f, const struct wanted *w, const char *prefix)
{
	for (size_t i = 0; i < array_size(params); i++) {
		const char *value = got(w, "frontend/%s%s", prefix, params[i]);
		autofree char *copy = value != NULL ? xstrdup(value) : NULL;

		if (copy == NULL)
			continue;
		for (char *p = copy; *p != '\0'; p++)
			if (*p == ',')
				*p = ';';
		fprintf(f, ", %s: ", params[i]);
		print_text(f, copy, 0);
	}
	putc('\n', f);
}

static void show_stream(FILE *f, const struct wanted *w, unsigned pcm, unsigned i)
{
	autofree char *prefix = str_printf("%u/%u/", pcm, i);

	fprintf(f, "\t\tstream: %u, unique-id: \"", i);
	print_text(f, text(got(w, "frontend/%sunique-id", prefix)), 0);
	fputs("\", type: ", f);
	print_text(f, text(got(w, "frontend/%stype", prefix)), 0);
	show_params(f, w, prefix);
	fprintf(f, "\t\t\tevent-channel: %" PRId64 ", ring-ref: %" PRId64 "\n",
		number(got(w, "frontend/%sevent-channel", prefix)),
		number(got(w, "frontend/%sring-ref", prefix)));
}

static void json_pcm(struct jsonw *j, const struct wanted *w, unsigned pcm)
{
	jsonw_object(j, NULL);
	jsonw_str(j, "name", got(w, "frontend/%u/name", pcm));
	jsonw_array(j, "streams");
	for (unsigned i = 0; i < MAX_PARTS && got(w, "frontend/%u/%u/type", pcm, i) != NULL; i++) {
		jsonw_object(j, NULL);
		jsonw_str(j, "unique_id", got(w, "frontend/%u/%u/unique-id", pcm, i));
		jsonw_str(j, "type", got(w, "frontend/%u/%u/type", pcm, i));
		jsonw_close(j);
	}
	jsonw_close(j);
	jsonw_close(j);
}

static bool has_pcm(const struct wanted *w, unsigned i)
{
	return i < MAX_PARTS &&
	       (got(w, "frontend/%u/name", i) != NULL || got(w, "frontend/%u/0/type", i) != NULL);
}

static void show_vsnd(struct xl *xl, const struct wanted *w, struct jsonw *j)
{
	FILE *f = xl->out;

	if (xl->as_json) {
		json_device(j, w);
		jsonw_str(j, "short_name", got(w, "frontend/short-name"));
		jsonw_str(j, "long_name", got(w, "frontend/long-name"));
		jsonw_array(j, "pcms");
		for (unsigned i = 0; has_pcm(w, i); i++)
			json_pcm(j, w, i);
		jsonw_close(j);
		jsonw_close(j);
		return;
	}
	fprintf(f,
		"\ndevid: %d, be-domid: %u, handle: %d, state: %" PRId64
		", be-path: %s, fe-path: %s\n",
		w->dev->devid, w->dev->backend_domid, w->dev->devid,
		number(got(w, "frontend/state")), w->dev->backend, w->dev->frontend);
	fputs("short-name: \"", f);
	print_text(f, text(got(w, "frontend/short-name")), 0);
	fputs("\", long-name: \"", f);
	print_text(f, text(got(w, "frontend/long-name")), 0);
	putc('"', f);
	show_params(f, w, "");
	for (unsigned i = 0; has_pcm(w, i); i++) {
		autofree char *prefix = str_printf("%u/", i);

		fprintf(f, "\tpcm: %u, name: \"", i);
		print_text(f, text(got(w, "frontend/%u/name", i)), 0);
		putc('"', f);
		show_params(f, w, prefix);
		for (unsigned k = 0; k < MAX_PARTS && got(w, "frontend/%u/%u/type", i, k) != NULL;
		     k++)
			show_stream(f, w, i, k);
	}
}

static int vsnd_list(struct xl *xl, const void *opts, char **args, struct err *err)
{
	static const char *const of_stream[] = { "unique-id", "type", "event-channel", "ring-ref" };
	struct wanted w = { STRLIST_INIT, NULL };
	int ret;

	want(&w, "frontend/state");
	want(&w, "frontend/short-name");
	want(&w, "frontend/long-name");
	want_params(&w, "");
	for (unsigned i = 0; i < MAX_PARTS; i++) {
		autofree char *prefix = str_printf("%u/", i);

		want(&w, "frontend/%u/name", i);
		want_params(&w, prefix);
		for (unsigned k = 0; k < MAX_PARTS; k++) {
			autofree char *inner = str_printf("%u/%u/", i, k);

			for (size_t n = 0; n < array_size(of_stream); n++)
				want(&w, "frontend/%s%s", inner, of_stream[n]);
			want_params(&w, inner);
		}
	}
	ret = list(xl, "vsnd", &w, show_vsnd, args, err);
	strlist_free(&w.nodes);
	return ret;
}

const struct xl_command cmd_vsnd_list = {
	.name = "vsnd-list", .args = "<Domain>...", .summary = "List the sound cards of domains",
	.min = 1, .max = XL_ANY, .flags = XL_PRINTS, .run = vsnd_list,
};
