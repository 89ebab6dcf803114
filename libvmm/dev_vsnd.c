/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Virtual sound cards: xen/io/sndif.h. A specification is a sequence of sections, each begun by its
 * bare word: "card", then any number of "pcm", each with its "stream"s. Parameters set on a card
 * hold for its pcms and streams unless they set their own.
 */
#include <errno.h>
#include <string.h>

#include "base/num.h"
#include "libvmm/devtable.h"

#define MAX_PCMS 16u
#define MAX_STREAMS 16u
#define MAX_LIST 32u

struct snd_params {
	char *rates_text, *formats_text;	/* as written */
	uint32_t rates[MAX_LIST];
	unsigned nr_rates;
	unsigned formats[MAX_LIST];
	unsigned nr_formats;
	uint32_t channels_min, channels_max, buffer_size;
};

struct snd_stream {
	char *unique_id;
	unsigned type;
	struct snd_params params;
};

struct snd_pcm {
	char *name;
	struct snd_params params;
	struct snd_stream v[MAX_STREAMS];
	unsigned nr;
};

struct dev_vsnd {
	struct vmm_device dev;
	char *short_name, *long_name;
	struct snd_params params;
	struct snd_pcm *v[MAX_PCMS];
	unsigned nr;
};

/* xen/io/sndif.h, PCM formats; the order is upstream's */
static const char *const formats[] = {
	"unknown",
	"s8",
	"u8",
	"s16_le",
	"s16_be",
	"u16_le",
	"u16_be",
	"s24_le",
	"s24_be",
	"u24_le",
	"u24_be",
	"s32_le",
	"s32_be",
	"u32_le",
	"u32_be",
	"f32_le",
	"f32_be",
	"f64_le",
	"f64_be",
	"iec958_subframe_le",
	"iec958_subframe_be",
	"mu_law",
	"a_law",
	"ima_adpcm",
	"mpeg",
	"gsm",
	NULL,
};
static const char *const stream_types[] = { "unknown", "p", "c", NULL };

#define PARAM_ROWS(s) \
	FIELD_STR(s, params.rates_text, "sample-rates", NULL, FIELD_SPEC), \
	FIELD_STR(s, params.formats_text, "sample-formats", NULL, FIELD_SPEC), \
	FIELD_U32(s, params.channels_min, "channels-min", NULL, FIELD_SPEC, .max = 255), \
	FIELD_U32(s, params.channels_max, "channels-max", NULL, FIELD_SPEC, .max = 255), \
	FIELD_U32(s, params.buffer_size, "buffer-size", NULL, FIELD_SPEC)

static const struct field fields[] = {
	DEVICE_BACKEND_ROWS,
	DEVICE_DEVID_ROW,
	FIELD_STR(struct dev_vsnd, short_name, "short-name", "short_name", FIELD_SPEC | FIELD_FRONT),
	FIELD_STR(struct dev_vsnd, long_name, "long-name", "long_name", FIELD_SPEC | FIELD_FRONT),
	PARAM_ROWS(struct dev_vsnd),
	FIELDS_END,
};

static const struct field pcm_fields[] = {
	FIELD_STR(struct snd_pcm, name, "name", "name", FIELD_SPEC),
	PARAM_ROWS(struct snd_pcm),
	FIELDS_END,
};

static const struct field stream_fields[] = {
	FIELD_STR(struct snd_stream, unique_id, "unique-id", "unique_id", FIELD_SPEC),
	FIELD_ENUM(struct snd_stream, type, "type", "type", FIELD_SPEC, stream_types),
	PARAM_ROWS(struct snd_stream),
	FIELDS_END,
};

/* --- the specification ------------------------------------------------------------------------ */

static int format_by_name(const char *name, unsigned *out, struct err *err)
{
	for (unsigned i = 1; formats[i] != NULL; i++) {
		if (strcasecmp(formats[i], name) == 0) {
			*out = i;
			return 0;
		}
	}
	return err_set(err, EINVAL, "sample-formats: unknown format '%s'", name);
}

static int finish_params(struct snd_params *p, struct err *err)
{
	autostrlist struct strlist rates = STRLIST_INIT, names = STRLIST_INIT;

	if (p->rates_text != NULL)
		strlist_split(&rates, p->rates_text, ";");
	if (p->formats_text != NULL)
		strlist_split(&names, p->formats_text, ";");
	if (rates.n > MAX_LIST || names.n > MAX_LIST)
		return err_set(err, EINVAL, "sample-rates and sample-formats: at most %u each",
			       MAX_LIST);
	for (size_t i = 0; i < rates.n; i++)
		if (num_u32(str_trim(rates.v[i]), 1, 10000000, "sample-rates",
			    &p->rates[p->nr_rates++], err) < 0)
			return -1;
	for (size_t i = 0; i < names.n; i++)
		if (format_by_name(str_trim(names.v[i]), &p->formats[p->nr_formats++], err) < 0)
			return -1;
	if (p->channels_max != 0 && p->channels_min > p->channels_max)
		return err_set(err, EINVAL, "channels-min: %u is more than channels-max (%u)",
			       p->channels_min, p->channels_max);
	return 0;
}

static struct snd_pcm *add_pcm(struct dev_vsnd *v, struct err *err)
{
	if (v->nr == MAX_PCMS) {
		(void)!err_set(err, EINVAL, "pcm: at most %u on a card", MAX_PCMS);
		return NULL;
	}
	v->v[v->nr] = xcalloc(1, sizeof(struct snd_pcm));
	return v->v[v->nr++];
}

static struct snd_stream *add_stream(struct dev_vsnd *v, struct err *err)
{
	struct snd_pcm *pcm = v->nr > 0 ? v->v[v->nr - 1] : NULL;

	if (pcm == NULL || pcm->nr == MAX_STREAMS) {
		(void)!err_set(err, EINVAL,
			       pcm == NULL ? "stream: stands before any pcm"
					   : "stream: at most 16 on a pcm");
		return NULL;
	}
	return &pcm->v[pcm->nr++];
}

struct section {
	const struct field *fields;
	void *obj;
};

/* "card", "pcm" or "stream": what follows belongs to a new one. 0: the part is none of them. */
static int begin_section(struct dev_vsnd *v, const char *part, struct section *s, struct err *err)
{
	if (strcasecmp(part, "card") == 0)
		*s = (struct section){ fields, v };
	else if (strcasecmp(part, "pcm") == 0)
		*s = (struct section){ pcm_fields, add_pcm(v, err) };
	else if (strcasecmp(part, "stream") == 0)
		*s = (struct section){ stream_fields, add_stream(v, err) };
	else
		return 0;
	return s->obj != NULL ? 1 : -1;
}

static int finish_all(struct dev_vsnd *v, struct err *err)
{
	if (finish_params(&v->params, err) < 0)
		return -1;
	for (unsigned i = 0; i < v->nr; i++) {
		struct snd_pcm *pcm = v->v[i];

		if (finish_params(&pcm->params, err) < 0)
			return -1;
		for (unsigned j = 0; j < pcm->nr; j++)
			if (finish_params(&pcm->v[j].params, err) < 0)
				return -1;
	}
	return 0;
}

static int vsnd_parse(struct vmm_device *dev, const char *spec, struct err *err)
{
	struct dev_vsnd *v = container_of(dev, struct dev_vsnd, dev);
	struct section s = { fields, v };
	autostrlist struct strlist parts = STRLIST_INIT;

	strlist_split(&parts, spec, ",");
	for (size_t i = 0; i < parts.n; i++) {
		char *part = str_trim(parts.v[i]);
		int ret = part[0] == '\0' ? 1 : begin_section(v, part, &s, err);

		if (ret == 0) {
			ret = fields_parse_part(s.fields, s.obj, part, err);
			if (ret == 0)
				return fields_unknown(s.fields, part, err);
		}
		if (ret < 0)
			return -1;
	}
	return finish_all(v, err);
}

static int vsnd_check(const struct vmm_device *dev, const struct vmm_config *cfg, struct err *err)
{
	const struct dev_vsnd *v = container_of(dev, struct dev_vsnd, dev);

	for (unsigned i = 0; i < v->nr; i++) {
		for (unsigned j = 0; j < v->v[i]->nr; j++) {
			if (v->v[i]->v[j].type == 0)
				return err_set(err, EINVAL,
					       "stream %u of pcm %u: type= is missing (P plays, C "
					       "captures)",
					       j, i);
			if (v->v[i]->v[j].unique_id == NULL)
				return err_set(err, EINVAL,
					       "stream %u of pcm %u: unique-id= is missing", j, i);
		}
	}
	return 0;
}

/* --- nodes ------------------------------------------------------------------------------------ */

static void add_number(struct device_nodes *nodes, const char *prefix, const char *key, uint32_t n)
{
	autofree char *text = str_printf("%u", n);

	if (n != 0)
		device_nodes_add(nodes, NODE_FRONT_RO, text, "%s%s", prefix, key);
}

/* sndif.h: lists are joined by commas */
static void add_params(struct device_nodes *nodes, const char *prefix, const struct snd_params *p)
{
	autostrbuf struct strbuf rates = STRBUF_INIT, names = STRBUF_INIT;

	add_number(nodes, prefix, "channels-min", p->channels_min);
	add_number(nodes, prefix, "channels-max", p->channels_max);
	add_number(nodes, prefix, "buffer-size", p->buffer_size);
	for (unsigned i = 0; i < p->nr_rates; i++)
		strbuf_printf(&rates, "%s%u", i > 0 ? "," : "", p->rates[i]);
	if (p->nr_rates > 0)
		device_nodes_add(nodes, NODE_FRONT_RO, rates.data, "%ssample-rates", prefix);
	for (unsigned i = 0; i < p->nr_formats; i++)
		strbuf_printf(&names, "%s%s", i > 0 ? "," : "", formats[p->formats[i]]);
	if (p->nr_formats > 0)
		device_nodes_add(nodes, NODE_FRONT_RO, names.data, "%ssample-formats", prefix);
}

static void vsnd_nodes(const struct vmm_device *dev, uint32_t domid, struct device_nodes *nodes)
{
	const struct dev_vsnd *v = container_of(dev, struct dev_vsnd, dev);

	add_params(nodes, "", &v->params);
	for (unsigned i = 0; i < v->nr; i++) {
		const struct snd_pcm *pcm = v->v[i];
		autofree char *prefix = str_printf("%u/", i);

		if (pcm->name != NULL)
			device_nodes_add(nodes, NODE_FRONT_RO, pcm->name, "%u/name", i);
		add_params(nodes, prefix, &pcm->params);
		for (unsigned j = 0; j < pcm->nr; j++) {
			autofree char *inner = str_printf("%u/%u/", i, j);

			device_nodes_add(nodes, NODE_FRONT_RO, pcm->v[j].unique_id,
					 "%u/%u/unique-id", i, j);
			device_nodes_add(nodes, NODE_FRONT_RO, stream_types[pcm->v[j].type],
					 "%u/%u/type", i, j);
			add_params(nodes, inner, &pcm->v[j].params);
		}
	}
}

/* --- JSON ------------------------------------------------------------------------------------- */

static void params_to_json(const struct snd_params *p, struct json_writer *w)
{
	json_open_object(w, "params");
	if (p->nr_rates > 0) {
		json_open_array(w, "sample_rates");
		for (unsigned i = 0; i < p->nr_rates; i++)
			json_uint(w, NULL, p->rates[i]);
		json_close_array(w);
	}
	if (p->nr_formats > 0) {
		json_open_array(w, "sample_formats");
		for (unsigned i = 0; i < p->nr_formats; i++)
			json_str(w, NULL, formats[p->formats[i]]);
		json_close_array(w);
	}
	if (p->channels_min != 0)
		json_uint(w, "channels_min", p->channels_min);
	if (p->channels_max != 0)
		json_uint(w, "channels_max", p->channels_max);
	if (p->buffer_size != 0)
		json_uint(w, "buffer_size", p->buffer_size);
	json_close_object(w);
}

static void pcm_to_json(const struct snd_pcm *pcm, struct json_writer *w)
{
	json_open_object(w, NULL);
	fields_to_json(pcm_fields, pcm, w);
	params_to_json(&pcm->params, w);
	if (pcm->nr > 0)
		json_open_array(w, "streams");
	for (unsigned j = 0; j < pcm->nr; j++) {
		json_open_object(w, NULL);
		fields_to_json(stream_fields, &pcm->v[j], w);
		params_to_json(&pcm->v[j].params, w);
		json_close_object(w);
	}
	if (pcm->nr > 0)
		json_close_array(w);
	json_close_object(w);
}

static void vsnd_to_json(const struct vmm_device *dev, struct json_writer *w)
{
	const struct dev_vsnd *v = container_of(dev, struct dev_vsnd, dev);

	params_to_json(&v->params, w);
	if (v->nr == 0)
		return;
	json_open_array(w, "pcms");
	for (unsigned i = 0; i < v->nr; i++)
		pcm_to_json(v->v[i], w);
	json_close_array(w);
}

static int number_from_json(const struct json *j, const char *key, uint32_t *out, struct err *err)
{
	const struct json *n = json_get(j, key);

	if (n == NULL)
		return 0;
	if (n->type != JSON_NUMBER)
		return err_set(err, EINVAL, "%s: expected a number", key);
	return num_u32(n->text, 0, UINT32_MAX, key, out, err);
}

static int params_from_json(struct snd_params *p, const struct json *j, struct err *err)
{
	json_for_each (r, json_get(j, "sample_rates")) {
		if (p->nr_rates == MAX_LIST || r->type != JSON_NUMBER ||
		    num_u32(r->text, 1, UINT32_MAX, "sample_rates", &p->rates[p->nr_rates++], err) <
			    0)
			return err_set(err, EINVAL, "sample_rates: expected at most %u numbers",
				       MAX_LIST);
	}
	json_for_each (f, json_get(j, "sample_formats")) {
		if (p->nr_formats == MAX_LIST || f->type != JSON_STRING)
			return err_set(err, EINVAL, "sample_formats: expected at most %u names",
				       MAX_LIST);
		if (format_by_name(f->text, &p->formats[p->nr_formats++], err) < 0)
			return -1;
	}
	if (number_from_json(j, "channels_min", &p->channels_min, err) < 0 ||
	    number_from_json(j, "channels_max", &p->channels_max, err) < 0)
		return -1;
	return number_from_json(j, "buffer_size", &p->buffer_size, err);
}

static int pcm_from_json(struct dev_vsnd *v, const struct json *j, struct err *err)
{
	struct snd_pcm *pcm = add_pcm(v, err);

	if (pcm == NULL || fields_from_json(pcm_fields, pcm, j, err) < 0 ||
	    params_from_json(&pcm->params, json_get(j, "params"), err) < 0)
		return -1;
	json_for_each (s, json_get(j, "streams")) {
		struct snd_stream *stream = add_stream(v, err);

		if (stream == NULL || fields_from_json(stream_fields, stream, s, err) < 0 ||
		    params_from_json(&stream->params, json_get(s, "params"), err) < 0)
			return -1;
	}
	return 0;
}

static int vsnd_from_json(struct vmm_device *dev, const struct json *j, struct err *err)
{
	struct dev_vsnd *v = container_of(dev, struct dev_vsnd, dev);

	if (params_from_json(&v->params, json_get(j, "params"), err) < 0)
		return -1;
	json_for_each (pcm, json_get(j, "pcms"))
		if (pcm_from_json(v, pcm, err) < 0)
			return -1;
	return 0;
}

static void vsnd_clear(struct vmm_device *dev)
{
	struct dev_vsnd *v = container_of(dev, struct dev_vsnd, dev);

	for (unsigned i = 0; i < v->nr; i++) {
		for (unsigned j = 0; j < v->v[i]->nr; j++)
			fields_clear(stream_fields, &v->v[i]->v[j]);
		fields_clear(pcm_fields, v->v[i]);
		free(v->v[i]);
	}
}

const struct vmm_devclass devclass_vsnd = {
	.name = "vsnd", .key = "vsnd", .json = "vsnds", .frontend = "vsnd", .backend = "vsnd",
	.size = sizeof(struct dev_vsnd), .fields = fields, .flags = DEVCLASS_NUMBERED,
	.parse = vsnd_parse, .check = vsnd_check, .nodes = vsnd_nodes, .to_json = vsnd_to_json,
	.from_json = vsnd_from_json, .clear = vsnd_clear,
};
