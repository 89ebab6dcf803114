// SPDX-License-Identifier: LGPL-2.1-or-later
/* Device-tree source and U-Boot commands for nodes below /chosen. The text is made to be read and
 * kept by people. */
#include "libvmm/boot_emit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

void boot_emit_begin(struct boot_emit *e, const char *name)
{
	size_t len = strlen(e->path);

	if (e->err.code)
		return;
	if (len + 1 + strlen(name) >= sizeof(e->path)) {
		err_set(&e->err, ENAMETOOLONG, "%s/%s: the path is too long", e->path, name);
		return;
	}
	e->ops->begin(e, name);
	snprintf(e->path + len, sizeof(e->path) - len, "/%s", name);
	e->depth++;
}

void boot_emit_end(struct boot_emit *e)
{
	if (e->err.code)
		return;
	*strrchr(e->path, '/') = '\0';
	e->depth--;
	e->ops->end(e);
}

static void prop(struct boot_emit *e, const struct boot_prop *p)
{
	for (size_t i = 0; i < p->nr_strs; i++)
		for (const char *c = p->strs[i]; *c; c++)
			if (((unsigned char)*c < ' ' && !(p->is_text && strchr("\n\t", *c))) ||
			    *c == 0x7f) {
				err_set(&e->err, EINVAL,
					"%s/%s: a control character (byte 0x%02x) has no place in "
					"it",
					e->path, p->name, (unsigned char)*c);
				return;
			}
	if (!e->err.code)
		e->ops->prop(e, p);
}

void boot_emit_cells(struct boot_emit *e, const char *name, const uint32_t *cells, size_t nr)
{
	prop(e, &(struct boot_prop){ .name = name, .cells = cells, .nr_cells = nr });
}

void boot_emit_u32(struct boot_emit *e, const char *name, uint32_t value)
{
	boot_emit_cells(e, name, &value, 1);
}

void boot_emit_u64(struct boot_emit *e, const char *name, uint64_t value)
{
	boot_emit_cells(e, name, (const uint32_t[]){ (uint32_t)(value >> 32), (uint32_t)value }, 2);
}

void boot_emit_strs(struct boot_emit *e, const char *name, const char *const *strs, size_t nr)
{
	prop(e, &(struct boot_prop){ .name = name, .strs = strs, .nr_strs = nr });
}

void boot_emit_str(struct boot_emit *e, const char *name, const char *value)
{
	boot_emit_strs(e, name, &value, 1);
}

void boot_emit_empty(struct boot_emit *e, const char *name)
{
	prop(e, &(struct boot_prop){ .name = name });
}

void boot_emit_text(struct boot_emit *e, const char *name, const char *value)
{
	if (!e->ops->has_no_text)
		prop(e, &(struct boot_prop){
				.name = name, .strs = &value, .nr_strs = 1, .is_text = true });
}

void boot_emit_phandle(struct boot_emit *e, const char *path, uint32_t phandle)
{
	if (!e->err.code)
		e->ops->phandle(e, path, phandle);
}

/* --- device-tree source ----------------------------------------------------------------------- */

/* The first level stands inside "/ { chosen {". */
static void indent(struct boot_emit *e, unsigned extra)
{
	for (unsigned i = 0; i < 2 + e->depth + extra; i++)
		strbuf_addc(&e->out, '\t');
}

static void dts_begin(struct boot_emit *e, const char *name)
{
	indent(e, 0);
	strbuf_printf(&e->out, "%s {\n", name);
}

static void dts_string(struct strbuf *b, const char *s)
{
	strbuf_addc(b, '"');
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			strbuf_addc(b, '\\');
		if (*s == '\n')
			strbuf_add(b, "\\n");
		else if (*s == '\t')
			strbuf_add(b, "\\t");
		else
			strbuf_addc(b, *s);
	}
	strbuf_addc(b, '"');
}

static void dts_prop(struct boot_emit *e, const struct boot_prop *p)
{
	indent(e, 0);
	strbuf_add(&e->out, p->name);
	for (size_t i = 0; i < p->nr_cells; i++)
		strbuf_printf(&e->out, "%s0x%" PRIx32 "%s", i ? " " : " = <", p->cells[i],
			      i + 1 == p->nr_cells ? ">" : "");
	for (size_t i = 0; i < p->nr_strs; i++) {
		strbuf_add(&e->out, i ? ", " : " = ");
		dts_string(&e->out, p->strs[i]);
	}
	strbuf_add(&e->out, ";\n");
}

static void dts_end(struct boot_emit *e)
{
	indent(e, 0);
	strbuf_add(&e->out, "};\n");
}

/* dtc merges trees that say something of the same node. */
static void dts_phandle(struct boot_emit *e, const char *path, uint32_t phandle)
{
	autostrlist struct strlist names = STRLIST_INIT;

	strlist_split(&names, path + 1, "/");
	strbuf_add(&e->nodes, "/ { ");
	for (size_t i = 0; i < names.n; i++)
		strbuf_printf(&e->nodes, "%s { ", names.v[i]);
	strbuf_printf(&e->nodes, "phandle = <0x%" PRIx32 ">;", phandle);
	for (size_t i = 0; i < names.n; i++)
		strbuf_add(&e->nodes, " };");
	strbuf_add(&e->nodes, " };\n");
}

const struct boot_emit_ops boot_emit_dts = { dts_begin, dts_prop, dts_end, dts_phandle,
					     .has_no_text = false };

/* --- U-Boot ----------------------------------------------------------------------------------- */

static void uboot_begin(struct boot_emit *e, const char *name)
{
	strbuf_printf(&e->out, "fdt mknod %s %s\n", e->path, name);
}

static void uboot_prop(struct boot_emit *e, const struct boot_prop *p)
{
	strbuf_printf(&e->out, "fdt set %s %s", e->path, p->name);
	for (size_t i = 0; i < p->nr_cells; i++)
		strbuf_printf(&e->out, "%s0x%" PRIx32 "%s", i ? " " : " <", p->cells[i],
			      i + 1 == p->nr_cells ? ">" : "");
	for (size_t i = 0; i < p->nr_strs; i++) {
		/* Within single quotes its shell replaces nothing, and knows no way to write
		 * one. */
		if (strchr(p->strs[i], '\'')) {
			err_set(&e->err, EINVAL,
				"%s/%s: U-Boot's shell cannot carry a single quote: %s", e->path,
				p->name, p->strs[i]);
			return;
		}
		strbuf_printf(&e->out, " '%s'", p->strs[i]);
	}
	strbuf_addc(&e->out, '\n');
}

static void uboot_end(struct boot_emit *e)
{
	(void)e;
}

static void uboot_phandle(struct boot_emit *e, const char *path, uint32_t phandle)
{
	strbuf_printf(&e->out, "fdt set %s phandle <0x%" PRIx32 ">\n", path, phandle);
}

/* Its lines are short ones. */
const struct boot_emit_ops boot_emit_uboot = { uboot_begin, uboot_prop, uboot_end, uboot_phandle,
					       .has_no_text = true };

/* include/image.h of U-Boot: struct image_header, all big-endian. */
struct image_header {
	uint32_t magic, header_crc, time, size, load, entry, data_crc;
	uint8_t os, arch, type, compression;
	char name[32];
};
enum { IMAGE_MAGIC = 0x27051956, IMAGE_OS_LINUX = 5, IMAGE_ARCH_ARM64 = 22, IMAGE_TYPE_SCRIPT = 6 };

char *boot_script_image(const char *text, size_t len, const char *name, size_t *size)
{
	struct strbuf b = STRBUF_INIT;
	/* A script's data are a table of lengths, ended by zero, and the scripts. */
	uint32_t lengths[2] = { htonl((uint32_t)len), 0 };
	struct image_header h = { .magic = htonl(IMAGE_MAGIC),
				  .size = htonl((uint32_t)(sizeof(lengths) + len)),
				  .os = IMAGE_OS_LINUX,
				  .arch = IMAGE_ARCH_ARM64,
				  .type = IMAGE_TYPE_SCRIPT };
	uLong crc = crc32(0, (const Bytef *)lengths, sizeof(lengths));

	h.data_crc = htonl((uint32_t)crc32(crc, (const Bytef *)text, (uInt)len));
	snprintf(h.name, sizeof(h.name), "%s", name);
	h.header_crc = htonl((uint32_t)crc32(0, (const Bytef *)&h, sizeof(h)));
	strbuf_addn(&b, &h, sizeof(h));
	strbuf_addn(&b, lengths, sizeof(lengths));
	strbuf_addn(&b, text, len);
	*size = b.len;
	return strbuf_steal(&b);
}
