/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBVMM_CFGKEYS_H
#define LIBVMM_CFGKEYS_H

#include <stddef.h>
#include <stdint.h>

/* The keys of guest.cfg: one row each (cfgkeys.c). */

struct cfgkey_ctx;
struct cfg_value;

enum cfgkey_kind {
	/* taken */
	CFGKEY_STR,		/* char * */
	CFGKEY_BOOL,		/* bool; 0 or 1 */
	CFGKEY_U32,		/* uint32_t, min to max */
	CFGKEY_I32,		/* int32_t, min to max */
	CFGKEY_ADDRESS,		/* int64_t, min to max */
	CFGKEY_MIB,		/* uint64_t in KiB, written in MiB */
	CFGKEY_LIST,		/* struct strlist; one string will do */
	CFGKEY_ENUM,		/* an enum; `names` in its order */
	CFGKEY_AFFINITY,	/* struct config_affinity */
	CFGKEY_SET,		/* `set` does it */
	CFGKEY_DEVICE,		/* devices: the row of the class says how */
	/* not taken; the summary says why */
	CFGKEY_X86,		/* a warning */
	CFGKEY_IGNORED,		/* a warning */
	CFGKEY_REFUSED,		/* an error */
};

struct cfgkey {
	const char *name;
	enum cfgkey_kind kind;
	size_t offset;		/* of the member in struct vmm_config */
	int64_t min, max;
	const char *const *names;
	int (*set)(struct cfgkey_ctx *c, const struct cfg_value *v);
	const char *since;	/* the first Xen that can do it; NULL: 4.17 or earlier */
	const char *summary;	/* what it is, or why it is not taken */
};

/* NULL at the end. */
const struct cfgkey *cfgkey_row(size_t i);

#endif
