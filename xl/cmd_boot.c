// SPDX-License-Identifier: LGPL-2.1-or-later
/* Guests that Xen starts itself: described for it, and taken in so that every other command works
 * on them. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include "base/file.h"
#include "base/num.h"
#include "base/str.h"
#include "xl/monitor.h"
#include "xl/monitor_act.h"
#include "xl/xl.h"

static xl_run_fn init_dom0less;

const struct xl_command cmd_init_dom0less = {
	.name = "init-dom0less", .args = "",
	.summary = "Give guests that Xen started at boot their names, store rings and records",
	.min = 0, .max = 0, .flags = XL_MODIFIES, .run = init_dom0less,
};

static int show_guest(void *arg, uint32_t domid, const char *name, unsigned state, struct err *err)
{
	struct xl *xl = arg;

	xl_note(xl, "%s: domain %" PRIu32 "%s", name, domid, monitor_boot_guest_remark(state));
	return monitor_adopt(xl->vmm, domid, err);
}

static int init_dom0less(struct xl *xl, const void *opts, char **args, struct err *err)
{
	(void)opts;
	(void)args;
	return vmm_init_boot_guests(xl->vmm, show_guest, xl, err);
}

/* --- export-dt -------------------------------------------------------------------------------- */

struct export_opts {
	const char *board, *output, *root;
	struct xl_num load_base, xen;
	struct xl_words avoid, pools;
	bool strict, no_config, ring_memory;
};

static const struct xl_option export_options[] = {
	OPT_STR('b', "board", struct export_opts, board, "FILE",
		"The board's device tree (.dtb); - is standard input"),
	OPT_STR('o', "output", struct export_opts, output, "FILE",
		"Where it goes: .dts, .dtb, .scr (U-Boot script image) or .cmd (its text); "
		"otherwise source on standard output"),
	OPT_NUM('l', "load-base", struct export_opts, load_base, 1, INT64_MAX, "ADDRESS",
		"Load nothing below this (256 MiB above the start of memory)"),
	OPT_LIST('a', "avoid", struct export_opts, avoid, "START,SIZE",
		 "Memory in use when files are loaded; may be repeated"),
	OPT_STR('r', "root", struct export_opts, root, "DIR",
		"The files that the configurations name lie below this folder"),
	OPT_LIST('p', "pool", struct export_opts, pools, "FILE",
		 "A cpupool that Xen makes at boot (xlcpupool.cfg); may be repeated"),
	OPT_BOOL(0, "ring-memory", struct export_opts, ring_memory,
		 "Room for the rings of guests with static memory; for Xen with CONFIG_STATIC_SHM"),
	OPT_BOOL(0, "no-config", struct export_opts, no_config,
		 "Do not keep the configurations in the tree"),
	OPT_NUM('x', "xen", struct export_opts, xen, 17, 99, "MINOR",
		"The release of Xen that reads it: 17 is 4.17 (20)"),
	OPT_BOOL(0, "strict", struct export_opts, strict, "What a boot cannot do is an error"),
	OPT_END
};

static xl_run_fn export_dt;

const struct xl_command cmd_export_dt = {
	.name = "export-dt", .args = "[options] <ConfigFile>...",
	.summary = "Make the device-tree nodes or the U-Boot script with which Xen starts guests itself",
	.options = export_options, .opts_size = sizeof(struct export_opts),
	.min = 1, .max = XL_ANY, .flags = XL_NO_XEN, .run = export_dt,
};

static int form_of(const char *output, enum vmm_boot_form *form, struct err *err)
{
	static const struct { const char *suffix; enum vmm_boot_form form; } forms[] = {
		{ ".dts", VMM_BOOT_DTS }, { ".dtsi", VMM_BOOT_DTS }, { ".dtb", VMM_BOOT_DTB },
		{ ".scr", VMM_BOOT_SCRIPT_IMAGE }, { ".cmd", VMM_BOOT_SCRIPT },
	};

	*form = VMM_BOOT_DTS;
	if (!output)
		return 0;
	for (size_t i = 0; i < array_size(forms); i++)
		if (str_ends(output, forms[i].suffix)) {
			*form = forms[i].form;
			return 0;
		}
	return xl_usage(err, "'%s': the ending says what is wanted: .dts, .dtb, .scr or .cmd",
			output);
}

static int parse_avoid(const struct xl_words *words, struct vmm_boot_range *out, struct err *err)
{
	for (unsigned i = 0; i < words->n; i++) {
		autostrlist struct strlist pair = STRLIST_INIT;

		strlist_split(&pair, words->v[i], ",");
		if (pair.n != 2)
			return xl_usage(err, "--avoid '%s' is not start,size", words->v[i]);
		if (num_u64(pair.v[0], 0, UINT64_MAX, "--avoid", &out[i].base, err) < 0 ||
		    num_size(pair.v[1], 'b', "--avoid", &out[i].size, err) < 0)
			return -1;
	}
	return 0;
}

static int load_guests(struct xl *xl, char **paths, struct vmm_config **cfgs, size_t *nr,
		       struct err *err)
{
	for (*nr = 0; paths[*nr]; (*nr)++) {
		struct vmm_config_source src = { .path = paths[*nr] };

		if (xl_config_load(xl, &src, false, &cfgs[*nr], err) < 0)
			return -1;
	}
	return 0;
}

static int write_export(struct xl *xl, const char *output, const char *data, size_t len,
			struct err *err)
{
	if (output)
		return file_write_atomic(output, data, len, 0644, err);
	if (fwrite(data, 1, len, xl->out) != len)
		return err_set(err, errno, "standard output: %s", strerror(errno));
	return 0;
}

static int load_pools(struct xl *xl, const struct xl_words *files, struct vmm_cpupool_config *pools,
		      struct err *err)
{
	struct xl_warnings warnings = { xl, 0 };

	for (unsigned i = 0; i < files->n; i++) {
		struct vmm_config_source src = { .path = files->v[i],
						 .warn = xl_warn,
						 .warn_arg = &warnings };

		/* Without a host: a pcpu is what the file says it is. */
		if (vmm_cpupool_config_load(NULL, &src, &pools[i], err) < 0)
			return -1;
	}
	return 0;
}

static int export_guests(struct xl *xl, const struct export_opts *o, struct vmm_config **cfgs,
			 size_t nr, const struct vmm_cpupool_config *pools, struct err *err)
{
	struct xl_warnings warnings = { xl, 0 };
	autofree struct vmm_boot_range *avoid = xcalloc(o->avoid.n + 1, sizeof(*avoid));
	struct vmm_boot_export req = { .guests = cfgs,
				       .nr_guests = nr,
				       .board = o->board,
				       .root = o->root,
				       .pools = pools,
				       .nr_pools = o->pools.n,
				       .no_config = o->no_config,
				       .ring_memory = o->ring_memory,
				       .load_base =
					       o->load_base.is_set ? (uint64_t)o->load_base.v : 0,
				       .xen_minor = o->xen.is_set ? (unsigned)o->xen.v : 20,
				       .avoid = avoid,
				       .nr_avoid = o->avoid.n,
				       .warn = xl_warn,
				       .warn_arg = &warnings };
	autofree char *data = NULL;
	size_t len;

	if (form_of(o->output, &req.form, err) < 0 || parse_avoid(&o->avoid, avoid, err) < 0 ||
	    vmm_boot_export(&req, &data, &len, err) < 0)
		return -1;
	if (o->strict && warnings.nr)
		return err_set(err, ENOTSUP, "%u things that a boot cannot do (--strict)",
			       warnings.nr);
	return write_export(xl, o->output, data, len, err);
}

static int export_dt(struct xl *xl, const void *opts, char **args, struct err *err)
{
	const struct export_opts *o = opts;
	autofree struct vmm_cpupool_config *pools = xcalloc(o->pools.n + 1, sizeof(*pools));
	struct vmm_config **cfgs;
	size_t n = 0, nr;
	int r;

	while (args[n])
		n++;
	cfgs = xcalloc(n, sizeof(struct vmm_config *));
	r = load_guests(xl, args, cfgs, &nr, err);
	if (r == 0)
		r = load_pools(xl, &o->pools, pools, err);
	if (r == 0)
		r = export_guests(xl, o, cfgs, n, pools, err);
	for (unsigned i = 0; i < o->pools.n; i++)
		free(pools[i].name);
	for (size_t i = 0; i < n; i++)
		vmm_config_free(cfgs[i]);
	free(cfgs);
	return r;
}

/* --- import-dt -------------------------------------------------------------------------------- */

struct import_opts {
	const char *directory;
	bool stored;
};

static const struct xl_option import_options[] = {
	OPT_STR('d', "directory", struct import_opts, directory, "DIR", "Write a file for each guest and pool there: NAME.cfg"),
	OPT_BOOL(0, "stored", struct import_opts, stored, "The configurations that export-dt kept in the tree, where it did"),
	OPT_END
};

static xl_run_fn import_dt;

const struct xl_command cmd_import_dt = {
	.name = "import-dt", .args = "[-d DIR] [--stored] <File> [Name]...",
	.summary = "Show guests and pools of a device tree that Xen is booted with as guest.cfg files",
	.options = import_options, .opts_size = sizeof(struct import_opts),
	.min = 1, .max = XL_ANY, .flags = XL_PRINTS | XL_NO_XEN, .run = import_dt,
};

static bool is_wanted(const struct vmm_boot_file *f, char **names)
{
	if (!*names)
		return true;
	for (; *names; names++)
		if (strcmp(*names, f->name) == 0)
			return true;
	return false;
}

/* The names of a tree are not to be trusted with another folder. */
static int write_file(const char *directory, const struct vmm_boot_file *f, const char *text,
		      struct err *err)
{
	autofree char *path = str_printf("%s/%s.cfg", directory, f->name);

	if (!*f->name || strchr(f->name, '/') || f->name[0] == '.')
		return err_set(err, EINVAL, "'%s' is no name for a file", f->name);
	return file_write_atomic(path, text, strlen(text), 0644, err);
}

static int show_file(struct xl *xl, const struct import_opts *o, const struct vmm_boot_file *f,
		     struct err *err)
{
	const char *text = o->stored && f->stored ? f->stored : f->text;

	if (o->directory)
		return write_file(o->directory, f, text, err);
	fprintf(xl->out, "# %s '%s'\n%s", f->kind == VMM_BOOT_FILE_POOL ? "cpupool" : "guest",
		f->name, text);
	return 0;
}

static int check_names(char **names, const struct vmm_boot_file *files, size_t nr, const char *path,
		       struct err *err)
{
	for (; *names; names++) {
		bool is_there = false;

		for (size_t i = 0; i < nr; i++)
			is_there |= strcmp(*names, files[i].name) == 0;
		if (!is_there)
			return err_set(err, ENOENT, "%s: no guest or pool called '%s'", path,
				       *names);
	}
	return 0;
}

static int import_dt(struct xl *xl, const void *opts, char **args, struct err *err)
{
	struct vmm_boot_file *files;
	size_t nr;
	int r;

	if (vmm_boot_import(args[0], &files, &nr, err) < 0)
		return -1;
	r = check_names(args + 1, files, nr, args[0], err);
	for (size_t i = 0; r == 0 && i < nr; i++)
		if (is_wanted(&files[i], args + 1))
			r = show_file(xl, opts, &files[i], err);
	vmm_boot_files_free(files, nr);
	return r;
}
