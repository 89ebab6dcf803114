/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBVMM_CFGJSON_H
#define LIBVMM_CFGJSON_H

#include "libvmm/config.h"
#include "libvmm/json.h"

/* Configurations in upstream's JSON: the "config" of `xl list -l`, what `xl create -n` prints, and
 * what is saved for each domain. */

/* How Xen schedules a running domain, shown by `xl list -l` in place of what its configuration
 * asked for; never saved. */
struct cfgjson_live {
	const char *sched;	/* "credit2" */
	int32_t weight, cap, period_us, budget_us,
		extratime; /* CONFIG_UNSET: the scheduler has none, or vcpus differ */
};

/* As a value in a text being written: an object `key` (NULL in an array). is_saved: with what
 * create settled on. */
void cfgjson_write(const struct vmm_config *cfg, const char *key, bool is_saved,
		   const struct cfgjson_live *live, struct json_writer *w);
/* What create saves; with `live` (may be NULL) what a running domain is shown as. *json is
 * yours. */
int cfgjson_saved(const struct vmm_config *cfg, const struct cfgjson_live *live, char **json,
		  struct err *err) must_check;
/* Over a configuration fresh from config_init. Members of other architectures and versions are
 * ignored. */
int cfgjson_read(struct vmm_config *cfg, const struct json *j, struct err *err) must_check;

#endif
