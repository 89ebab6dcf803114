/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBVMM_BOOT_EMIT_H
#define LIBVMM_BOOT_EMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "base/str.h"

/*
 * Nodes below /chosen in three forms: device-tree source, commands of U-Boot, properties of a blob.
 * Whoever describes a boot (boot_export.c) calls begin, prop and end and does not know which.
 * Errors stick: the first one is reported by the end.
 */
struct boot_prop {
	const char *name;
	const uint32_t *cells;		/* either numbers... */
	size_t nr_cells;
	const char *const *strs;	/* ...or strings, or neither: the property is empty */
	size_t nr_strs;
	bool is_text;			/* its one string may have lines */
};

struct boot_emit;
struct boot_emit_ops {
	void (*begin)(struct boot_emit *e, const char *name);
	void (*prop)(struct boot_emit *e, const struct boot_prop *p);
	void (*end)(struct boot_emit *e);
	void (*phandle)(struct boot_emit *e, const char *path, uint32_t phandle);
	bool has_no_text;		/* such properties are left out */
};

struct boot_emit {
	const struct boot_emit_ops *ops;
	struct strbuf out;	/* text, or the blob */
	struct strbuf nodes;	/* source: what is said of nodes elsewhere in the tree */
	char path[512];		/* of the node that is open, "/chosen/..." */
	unsigned depth;
	struct err err;		/* code 0: none yet */
};

void boot_emit_begin(struct boot_emit *e, const char *name);
void boot_emit_end(struct boot_emit *e);
void boot_emit_cells(struct boot_emit *e, const char *name, const uint32_t *cells, size_t nr);
void boot_emit_u32(struct boot_emit *e, const char *name, uint32_t value);
void boot_emit_u64(struct boot_emit *e, const char *name, uint64_t value);
void boot_emit_strs(struct boot_emit *e, const char *name, const char *const *strs, size_t nr);
void boot_emit_str(struct boot_emit *e, const char *name, const char *value);
void boot_emit_empty(struct boot_emit *e, const char *name);
/* Lines of text, where the form can carry them. */
void boot_emit_text(struct boot_emit *e, const char *name, const char *value);
/* A node that is there already, by its path from the root, gets a phandle. */
void boot_emit_phandle(struct boot_emit *e, const char *path, uint32_t phandle);

extern const struct boot_emit_ops boot_emit_dts;	/* the inside of /chosen */
extern const struct boot_emit_ops boot_emit_uboot;
/* dt_boot.c: `out` holds a blob with room to grow (dt_boot_open). */
extern const struct boot_emit_ops boot_emit_blob;

/* A script as U-Boot's `source` wants it: mkimage's legacy header for scripts in front of the text.
 * Yours. */
char *boot_script_image(const char *text, size_t len, const char *name, size_t *size);

#endif
