// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Tells an overlay from other device trees, so that a wrong file is named before Xen sees it. What
 * it changes is Xen's to judge.
 */
#include "libvmm/dt.h"
#include "libvmm/dt_overlay.h"

#include <errno.h>
#include <libfdt.h>
#include <stdbool.h>

static bool has_target(const void *blob, int fragment)
{
	return fdt_getprop(blob, fragment, "target", NULL) ||
	       fdt_getprop(blob, fragment, "target-path", NULL);
}

int dt_overlay_check(const void *blob, size_t size, const char *what, struct err *err)
{
	int fragment, nr = 0;

	if (dt_check_blob(blob, size, what, err) < 0)
		return -1;
	fdt_for_each_subnode(fragment, blob, 0) {
		if (fdt_subnode_offset(blob, fragment, "__overlay__") < 0)
			continue;
		if (!has_target(blob, fragment))
			return err_set(err, EINVAL,
				       "%s: fragment %s has neither target nor target-path", what,
				       fdt_get_name(blob, fragment, NULL));
		nr++;
	}
	if (!nr)
		return err_set(err, EINVAL,
			       "%s: a device tree, but no overlay: it has no fragments (compile "
			       "with dtc -@)",
			       what);
	return 0;
}
