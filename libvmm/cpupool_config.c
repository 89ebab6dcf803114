// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * xlcpupool.cfg(5): what a pool is to be, from a file in the language of guest.cfg. Knows the keys,
 * not the pools.
 */
#include <errno.h>
#include <string.h>
#include "base/file.h"
#include "base/num.h"
#include "base/str.h"
#include "libvmm/cfgfile.h"
#include "libvmm/internal.h"

#define TEXT_MAX 65536

static const char *const keys[] = { "name", "sched", "cpus", "nodes" };

static int at(struct err *err, const struct cfg_setting *s)
{
	autofree char *where = cfg_place_str(&s->place);

	return err_wrap(err, "%s", where);
}

static int want_string(const struct cfg_setting *s, struct err *err)
{
	if (s->value.type == CFG_STRING)
		return 0;
	err_set(err, EINVAL, "%s is %s, but should be a string", s->key,
		cfg_type_str(s->value.type));
	return at(err, s);
}

/* "1-3,5" or [ 1, 2, "3-4" ]; with `prefix` ("node:") before each for nodes. */
static int pcpus(struct vmm *vmm, const struct cfg_setting *s, const char *prefix,
		 struct bitmap *out, struct err *err)
{
	const struct cfg_value *items = s->value.type == CFG_LIST ? s->value.items : &s->value;
	size_t nr = s->value.type == CFG_LIST ? s->value.nr : 1;
	autostrbuf struct strbuf text = STRBUF_INIT;

	for (size_t i = 0; i < nr; i++) {
		if (items[i].type == CFG_LIST) {
			err_set(err, EINVAL, "%s: a list within a list", s->key);
			return at(err, s);
		}
		strbuf_printf(&text, "%s%s%s", i ? "," : "", prefix, items[i].text);
	}
	if (!vmm && *prefix)
		err_set(err, EINVAL,
			"%s: which processors a node has, only its host knows: give cpus", s->key);
	else if ((vmm ? vmm_pcpus_parse(vmm, text.data ? text.data : "", s->key, out, err)
		      : bitmap_parse_cpus(out, text.data ? text.data : "", BITMAP_BITS, NULL, NULL,
					  s->key, err)) == 0)
		return 0;
	return at(err, s);
}

static int check_keys(const struct cfgfile *f, const struct vmm_config_source *src, struct err *err)
{
	for (size_t i = 0; i < f->nr; i++) {
		const struct cfg_setting *s = &f->settings[i];
		bool is_known = false;

		for (size_t k = 0; k < array_size(keys); k++)
			is_known |= str_eq(keys[k], s->key);
		if (is_known)
			continue;
		if (src->strict) {
			err_set(err, EINVAL, "unknown key '%s'", s->key);
			return at(err, s);
		}
		if (src->warn) {
			autofree char *where = cfg_place_str(&s->place);
			autofree char *message = str_printf("unknown key '%s'", s->key);

			src->warn(src->warn_arg, where, message);
		}
	}
	return 0;
}

static int take(struct vmm *vmm, const struct cfgfile *f, struct vmm_cpupool_config *out,
		struct err *err)
{
	const struct cfg_setting *name = cfgfile_find(f, "name"), *sched = cfgfile_find(f, "sched");
	const struct cfg_setting *cpus = cfgfile_find(f, "cpus"), *nodes = cfgfile_find(f, "nodes");

	if (want_string(name, err) < 0 || (sched && want_string(sched, err) < 0))
		return -1;
	if (sched) {
		out->has_sched = true;
		if (vmm_sched_find(sched->value.text, &out->sched, err) < 0)
			return at(err, sched);
	}
	if (cpus && nodes) {
		err_set(err, EINVAL, "both cpus and nodes are given");
		return at(err, nodes);
	}
	out->has_cpus = cpus || nodes;
	if (cpus && pcpus(vmm, cpus, "", &out->cpus, err) < 0)
		return -1;
	if (nodes && pcpus(vmm, nodes, "node:", &out->cpus, err) < 0)
		return -1;
	out->name = xstrdup(name->value.text);
	return 0;
}

int vmm_cpupool_config_load(struct vmm *vmm, const struct vmm_config_source *src,
			    struct vmm_cpupool_config *out, struct err *err)
{
	autocfgfile struct cfgfile f = CFGFILE_INIT;
	autofree char *text = NULL;
	struct cfg_place place;
	size_t len;

	memset(out, 0, sizeof(*out));
	if (!src->text && file_read(src->path, TEXT_MAX, &text, &len, err) < 0)
		return -1;
	if (src->text) {
		text = xstrdup(src->text);
		len = strlen(text);
	}
	if (cfgfile_parse(&f, src->path ? src->path : "command line", text, len, false, &place,
			  err) < 0)
		return -1;
	for (const char *const *o = src->overrides; o && *o; o++)
		if (cfgfile_parse(&f, "command line", *o, strlen(*o), true, &place, err) < 0)
			return -1;
	if (!cfgfile_find(&f, "name"))
		return err_set(err, EINVAL, "%s%sno name= is set: a cpupool needs a name",
			       src->path ? src->path : "", src->path ? ": " : "");
	return check_keys(&f, src, err) < 0 ? -1 : take(vmm, &f, out, err);
}
