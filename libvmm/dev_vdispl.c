/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Virtual displays: xen/io/displif.h; the backend is a program outside this tree. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "libvmm/devtable.h"

#define MAX_CONNECTORS 16u

struct connector {
	char *unique_id;
	uint32_t width, height;
};

struct dev_vdispl {
	struct vmm_device dev;
	bool be_alloc;
	char *connectors_text;	/* as written */
	struct connector v[MAX_CONNECTORS];
	unsigned nr;
};

static const struct field fields[] = {
	DEVICE_BACKEND_ROWS,
	DEVICE_DEVID_ROW,
	FIELD_BOOL(struct dev_vdispl, be_alloc, "be-alloc", "be_alloc", FIELD_SPEC | FIELD_FRONT_RO | FIELD_ALWAYS),
	FIELD_STR(struct dev_vdispl, connectors_text, "connectors", NULL, FIELD_SPEC | FIELD_REQUIRED),
	FIELDS_END,
};

static int add_connector(struct dev_vdispl *v, const char *id, uint32_t width, uint32_t height,
			 struct err *err)
{
	if (v->nr == MAX_CONNECTORS)
		return err_set(err, EINVAL, "connectors: at most %u are taken", MAX_CONNECTORS);
	v->v[v->nr++] = (struct connector){ xstrdup(id), width, height };
	return 0;
}

/* "id:WIDTHxHEIGHT" */
static int parse_connector(struct dev_vdispl *v, char *text, struct err *err)
{
	char *size = strchr(text, ':'), *x = size != NULL ? strchr(size, 'x') : NULL;
	uint32_t width, height;

	if (size == NULL || x == NULL || size == text)
		return err_set(err, EINVAL, "connectors: '%s' is not of the form ID:WIDTHxHEIGHT",
			       text);
	*size++ = '\0';
	*x++ = '\0';
	if (num_u32(size, 1, 65535, "connectors: width", &width, err) < 0 ||
	    num_u32(x, 1, 65535, "connectors: height", &height, err) < 0)
		return -1;
	return add_connector(v, text, width, height, err);
}

static int vdispl_parse(struct vmm_device *dev, const char *spec, struct err *err)
{
	struct dev_vdispl *v = container_of(dev, struct dev_vdispl, dev);
	autostrlist struct strlist parts = STRLIST_INIT;

	if (fields_parse(fields, v, spec, err) < 0)
		return -1;
	strlist_split(&parts, v->connectors_text, ";");
	for (size_t i = 0; i < parts.n; i++)
		if (parse_connector(v, str_trim(parts.v[i]), err) < 0)
			return -1;
	return 0;
}

static void vdispl_nodes(const struct vmm_device *dev, uint32_t domid, struct device_nodes *nodes)
{
	const struct dev_vdispl *v = container_of(dev, struct dev_vdispl, dev);

	for (unsigned i = 0; i < v->nr; i++) {
		autofree char *size = str_printf("%ux%u", v->v[i].width, v->v[i].height);

		device_nodes_add(nodes, NODE_FRONT_RO, size, "%u/resolution", i);
		device_nodes_add(nodes, NODE_FRONT_RO, v->v[i].unique_id, "%u/unique-id", i);
	}
}

static void vdispl_to_json(const struct vmm_device *dev, struct json_writer *w)
{
	const struct dev_vdispl *v = container_of(dev, struct dev_vdispl, dev);

	if (v->nr == 0)
		return;
	json_open_array(w, "connectors");
	for (unsigned i = 0; i < v->nr; i++) {
		json_open_object(w, NULL);
		json_str(w, "unique_id", v->v[i].unique_id);
		json_uint(w, "width", v->v[i].width);
		json_uint(w, "height", v->v[i].height);
		json_close_object(w);
	}
	json_close_array(w);
}

static uint32_t json_u32(const struct json *j)
{
	struct err ignored = ERR_INIT;
	uint32_t n;

	if (j == NULL || j->type != JSON_NUMBER ||
	    num_u32(j->text, 0, UINT32_MAX, "", &n, &ignored) < 0)
		return 0;
	return n;
}

static int vdispl_from_json(struct vmm_device *dev, const struct json *j, struct err *err)
{
	struct dev_vdispl *v = container_of(dev, struct dev_vdispl, dev);

	json_for_each (c, json_get(j, "connectors")) {
		const struct json *id = json_get(c, "unique_id");

		if (add_connector(v, id != NULL && id->type == JSON_STRING ? id->text : "",
				  json_u32(json_get(c, "width")), json_u32(json_get(c, "height")),
				  err) < 0)
			return -1;
	}
	return 0;
}

static void vdispl_clear(struct vmm_device *dev)
{
	struct dev_vdispl *v = container_of(dev, struct dev_vdispl, dev);

	for (unsigned i = 0; i < v->nr; i++)
		free(v->v[i].unique_id);
}

const struct vmm_devclass devclass_vdispl = {
	.name = "vdispl", .key = "vdispl", .json = "vdispls", .frontend = "vdispl", .backend = "vdispl",
	.size = sizeof(struct dev_vdispl), .fields = fields, .flags = DEVCLASS_NUMBERED,
	.parse = vdispl_parse, .nodes = vdispl_nodes, .to_json = vdispl_to_json, .from_json = vdispl_from_json,
	.clear = vdispl_clear,
};
