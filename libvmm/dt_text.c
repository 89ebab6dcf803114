// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Prints a device tree as source text. Knows no binding: a value is shown as strings, cells or
 * bytes by what it looks like, and each form compiles into the same bytes again.
 */
#include <errno.h>
#include <libfdt.h>
#include <stdbool.h>
#include <string.h>
#include "base/str.h"
#include "libvmm/dt_text.h"

#define TEXT_MAX_DEPTH 64

/* One or more printable strings, none of them empty, each with its NUL. */
static bool looks_like_strings(const char *value, int len)
{
	if (len < 2 || value[len - 1])
		return false;
	for (int i = 0; i < len; i++) {
		if (!value[i] && (i == 0 || !value[i - 1]))
			return false;
		if (value[i] && (value[i] < ' ' || value[i] > '~'))
			return false;
	}
	return true;
}

static void add_strings(struct strbuf *out, const char *value, int len)
{
	for (int i = 0; i < len; i++) {
		if (i == 0 || !value[i - 1])
			strbuf_add(out, i ? ", \"" : "\"");
		if (value[i] == '"' || value[i] == '\\')
			strbuf_addc(out, '\\');
		if (value[i])
			strbuf_addc(out, value[i]);
		else
			strbuf_addc(out, '"');
	}
}

static void add_numbers(struct strbuf *out, const void *value, int len)
{
	bool are_cells = len % 4 == 0;
	const uint8_t *bytes = value;
	const fdt32_t *cells = value;

	strbuf_add(out, are_cells ? "<" : "[");
	for (int i = 0; i < (are_cells ? len / 4 : len); i++) {
		if (are_cells)
			strbuf_printf(out, "%s0x%x", i ? " " : "", fdt32_to_cpu(cells[i]));
		else
			strbuf_printf(out, "%s%02x", i ? " " : "", bytes[i]);
	}
	strbuf_add(out, are_cells ? ">" : "]");
}

static void indent(struct strbuf *out, int depth)
{
	for (int i = 0; i < depth; i++)
		strbuf_addc(out, '\t');
}

static int add_property(struct strbuf *out, const void *blob, int prop, int depth, struct err *err)
{
	const char *name;
	int len;
	const void *value = fdt_getprop_by_offset(blob, prop, &name, &len);

	if (!value)
		return err_set(err, EINVAL, "a property of the device tree cannot be read: %s",
			       fdt_strerror(len));
	indent(out, depth);
	strbuf_add(out, name);
	if (len) {
		strbuf_add(out, " = ");
		if (looks_like_strings(value, len))
			add_strings(out, value, len);
		else
			add_numbers(out, value, len);
	}
	strbuf_add(out, ";\n");
	return 0;
}

static int add_node(struct strbuf *out, const void *blob, int node, int depth, struct err *err)
{
	const char *name = fdt_get_name(blob, node, NULL);
	int prop, child;

	if (!name || depth > TEXT_MAX_DEPTH)
		return err_set(err, EINVAL, "a node of the device tree cannot be read");
	indent(out, depth);
	strbuf_printf(out, "%s {\n", *name ? name : "/");
	fdt_for_each_property_offset(prop, blob, node)
		if (add_property(out, blob, prop, depth + 1, err) < 0)
			return -1;
	fdt_for_each_subnode(child, blob, node) {
		strbuf_addc(out, '\n');
		if (add_node(out, blob, child, depth + 1, err) < 0)
			return -1;
	}
	indent(out, depth);
	strbuf_add(out, "};\n");
	return 0;
}

int dt_text(const void *blob, char **out, struct err *err)
{
	autostrbuf struct strbuf text = STRBUF_INIT;

	strbuf_add(&text, "/dts-v1/;\n\n");
	if (add_node(&text, blob, 0, 0, err) < 0)
		return -1;
	*out = strbuf_steal(&text);
	return 0;
}
