/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef XL_CONF_H
#define XL_CONF_H

#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"
#include "libvmm/libvmm.h"

/* xl.conf(5): what the administrator set for all commands. Owns its strings. */
struct xl_conf {
	bool random_domid;
	enum vmm_balloon autoballoon;
	char *lockfile;
	int64_t run_hotplug_scripts, claim_mode;
	int64_t max_grant_frames, max_maptrack_frames, max_grant_version;	/* -1: not set */
	char *vif_script, *vif_bridge, *vif_gatewaydev, *vif_backend;
	bool print_sxp;
	char *blkdev_start;
	char *vm_cpumask, *vm_hvm_cpumask;
};

/* Receives what is odd about the file but no reason to stop, as one line. */
typedef void xl_conf_warn_fn(void *arg, const char *message);

/* Defaults in place, then the file. A file that is not there is no error; one that cannot be read
 * or understood is reported through `warn` and what was understood counts, as with upstream's. */
void xl_conf_load(struct xl_conf *conf, const char *path, xl_conf_warn_fn *warn, void *arg);
void xl_conf_free(struct xl_conf *conf);

/* The keys, for completion and the man-page check. NULL at the end. */
const char *xl_conf_key(unsigned i);

#endif
