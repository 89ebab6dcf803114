// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Fuzzing guest.cfg and the saved configuration: an input that begins with { is JSON, all others
 * are the text of a guest.cfg. What is taken is written as JSON and read again, twice the same;
 * what is refused says why.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "libvmm/libvmm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void there_and_back(const struct vmm_config *cfg)
{
	autofree char *once = NULL, *twice = NULL;
	struct vmm_config *again = NULL;
	struct err err = ERR_INIT;

	if (vmm_config_to_json(cfg, &once, &err) < 0 ||
	    vmm_config_from_json(once, strlen(once), &again, &err) < 0 ||
	    vmm_config_to_json(again, &twice, &err) < 0 || strcmp(once, twice) != 0)
		abort();
	vmm_config_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autofree char *text = xstrndup((const char *)data, size), *excerpt = NULL;
	struct vmm_config_source src = { .path = "fuzz.cfg", .text = text, .excerpt = &excerpt };
	struct vmm_config *cfg = NULL;
	struct err err = ERR_INIT;
	int ret;

	if (size > 0 && data[0] == '{')
		ret = vmm_config_from_json((const char *)data, size, &cfg, &err);
	else
		ret = vmm_config_load(&src, &cfg, &err);
	if (ret == 0)
		there_and_back(cfg);
	else if (err.code == 0 || err.msg[0] == '\0' || strchr(err.msg, '\n') != NULL)
		abort();
	vmm_config_free(cfg);
	return 0;
}
