// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * /etc/xen/xl.conf: one `key = value` a line, values are quoted strings or numbers, '#' begins a
 * comment. A small parser of its own, because this file is read by every command and dotted keys
 * are not part of the language of guest.cfg.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "base/num.h"
#include "base/str.h"
#include "xl/conf.h"

#define CONF_MAX_SIZE 65536

enum kind { STR, NUM, DOMID_POLICY, BALLOON, FORMAT, IGNORED };

struct key {
	const char *name;
	enum kind kind;
	size_t offset;
	int64_t min, max;
};

#define STR_KEY(name, member) { name, STR, offsetof(struct xl_conf, member), 0, 0 }
#define NUM_KEY(name, member, lo, hi) { name, NUM, offsetof(struct xl_conf, member), lo, hi }
#define KEY(name, kind) { name, kind, 0, 0, 0 }

static const struct key keys[] = {
	KEY("domid_policy", DOMID_POLICY),
	KEY("autoballoon", BALLOON),
	STR_KEY("lockfile", lockfile),
	NUM_KEY("run_hotplug_scripts", run_hotplug_scripts, 0, 1),
	NUM_KEY("max_grant_frames", max_grant_frames, 0, INT32_MAX),
	NUM_KEY("max_maptrack_frames", max_maptrack_frames, 0, INT32_MAX),
	NUM_KEY("max_grant_version", max_grant_version, 0, 2),
	STR_KEY("vif.default.script", vif_script),
	STR_KEY("vif.default.bridge", vif_bridge),
	STR_KEY("vif.default.gatewaydev", vif_gatewaydev),
	STR_KEY("vif.default.backend", vif_backend),
	STR_KEY("vifscript", vif_script),	/* names before Xen 4.2 */
	STR_KEY("defaultbridge", vif_bridge),
	STR_KEY("defaultgatewaydev", vif_gatewaydev),
	KEY("remus.default.netbufscript", IGNORED),	/* migration does not exist on Arm */
	KEY("colo.default.proxyscript", IGNORED),
	KEY("output_format", FORMAT),
	NUM_KEY("claim_mode", claim_mode, 0, 1),
	STR_KEY("blkdev_start", blkdev_start),
	STR_KEY("vm.cpumask", vm_cpumask),
	STR_KEY("vm.hvm.cpumask", vm_hvm_cpumask),
	KEY("vm.pv.cpumask", IGNORED),		/* every guest on Arm is of the other kind */
	KEY("bootloader_restrict", IGNORED),	/* bootloaders are refused on their own */
};

const char *xl_conf_key(unsigned i)
{
	return i < array_size(keys) ? keys[i].name : NULL;
}

static void set_str(char **member, const char *value)
{
	free(*member);
	*member = xstrdup(value);
}

static int choose(const char *value, const char *const *words, int nr, const char *name, int *out,
		  struct err *err)
{
	for (int i = 0; i < nr; i++) {
		if (str_eq(value, words[i])) {
			*out = i;
			return 0;
		}
	}
	return err_set(err, EINVAL, "%s: unknown value \"%s\"", name, value);
}

static int set(struct xl_conf *conf, const struct key *key, const char *value, struct err *err)
{
	static const char *const policies[] = { "xen", "random" };
	static const char *const balloon[] = { "off", "on", "auto", "0", "1" };
	static const char *const formats[] = { "json", "sxp" };
	char *member = (char *)conf + key->offset;
	int n = 0;

	switch (key->kind) {
	case STR:
		set_str((char **)(void *)member, value);
		return 0;
	case NUM:
		return num_i64(value, key->min, key->max, key->name, (int64_t *)(void *)member,
			       err);
	case DOMID_POLICY:
		if (choose(value, policies, 2, key->name, &n, err) < 0)
			return -1;
		conf->random_domid = n;
		return 0;
	case BALLOON:
		if (choose(value, balloon, 5, key->name, &n, err) < 0)
			return -1;
		conf->autoballoon = n < 3 ? (enum vmm_balloon)n : (enum vmm_balloon)(n - 3);
		return 0;
	case FORMAT:
		if (choose(value, formats, 2, key->name, &n, err) < 0)
			return -1;
		conf->print_sxp = n;
		return 0;
	case IGNORED:
		return 0;
	}
	return err_set(err, EINVAL, "%s: unknown key", key->name);
}

/* A value: what stands between quotes, or a bare word. Behind it only blanks, ';' or a comment. */
static int take_value(char *text, char **value, struct err *err)
{
	char quote = *text;
	char *end;

	if (quote == '"' || quote == '\'') {
		*value = text + 1;
		end = strchr(text + 1, quote);
		if (!end)
			return err_set(err, EINVAL, "no closing %c", quote);
		*end++ = '\0';
	} else {
		*value = text;
		end = text + strcspn(text, " \t;#");
		if (end == text)
			return err_set(err, EINVAL, "no value");
		if (*end == '#') {
			*end = '\0';
			return 0;
		}
		if (*end)
			*end++ = '\0';
	}
	end += strspn(end, " \t;");
	if (*end && *end != '#')
		return err_set(err, EINVAL, "unexpected text behind the value: %s", end);
	return 0;
}

static int take_line(struct xl_conf *conf, char *line, struct err *err)
{
	char *key = str_trim(line);
	char *eq, *value;

	if (!*key || *key == '#')
		return 0;
	eq = strchr(key, '=');
	if (!eq)
		return err_set(err, EINVAL, "expected key = value");
	*eq = '\0';
	key = str_trim(key);
	if (take_value(str_trim(eq + 1), &value, err) < 0)
		return err_wrap(err, "%s", key);
	for (size_t i = 0; i < array_size(keys); i++)
		if (strcmp(keys[i].name, key) == 0)
			return set(conf, &keys[i], value, err);
	return err_set(err, EINVAL, "unknown key '%s'", key);
}

void xl_conf_load(struct xl_conf *conf, const char *path, xl_conf_warn_fn *warn, void *arg)
{
	struct err err = ERR_INIT;
	autofree char *text = NULL;
	unsigned nr = 0;
	char *next;

	*conf = (struct xl_conf){
		.autoballoon = VMM_BALLOON_AUTO, .lockfile = xstrdup("/var/lock/xl"),
		.run_hotplug_scripts = 1, .claim_mode = 1, .max_grant_frames = -1,
		.max_maptrack_frames = -1, .max_grant_version = -1, .blkdev_start = xstrdup("xvda"),
	};
	if (file_read(path, CONF_MAX_SIZE, &text, NULL, &err) < 0) {
		if (err.code != ENOENT)
			warn(arg, err.msg);
		return;
	}
	for (char *line = text; line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		nr++;
		if (take_line(conf, line, &err) < 0) {
			err_wrap(&err, "%s:%u", path, nr);
			warn(arg, err.msg);
		}
	}
}

void xl_conf_free(struct xl_conf *conf)
{
	for (size_t i = 0; i < array_size(keys); i++) {
		char **member = (char **)(void *)((char *)conf + keys[i].offset);

		if (keys[i].kind != STR)
			continue;
		free(*member);
		*member = NULL;
	}
}
