/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A domain's configuration as a value: its defaults, its end, and what several keys must agree on.
 * It does not know how the values are written in a file (cfgkeys.c) or in JSON (cfgjson.c), and it
 * never looks at the host.
 */
#include "libvmm/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uuid/uuid.h>

#include "libvmm/devclass.h"
#include "libvmm/libvmm.h"

#define DEFAULT_MEMORY_KB (32u << 10)
#define DEFAULT_EVENT_CHANNELS 1023u
#define DEFAULT_RESTART_LIMIT 5u
#define MAX_NAME 255u

const char *const config_action_names[] = {
	"destroy", "restart", "rename-restart", "preserve", "coredump-destroy", "coredump-restart",
	"soft-reset", NULL,
};

const char *const config_action_json_names[] = {
	"destroy", "restart", "restart_rename", "preserve", "coredump_destroy", "coredump_restart",
	"soft_reset", NULL,
};

void config_init(struct vmm_config *cfg)
{
	memset(cfg, 0, sizeof(*cfg));
	cfg->max_grant_frames = CONFIG_UNSET;
	cfg->max_maptrack_frames = CONFIG_UNSET;
	cfg->max_grant_version = CONFIG_UNSET;
	cfg->max_event_channels = DEFAULT_EVENT_CHANNELS;
	cfg->cpu_weight = CONFIG_UNSET;
	cfg->cap = CONFIG_UNSET;
	cfg->period_us = CONFIG_UNSET;
	cfg->budget_us = CONFIG_UNSET;
	cfg->extratime = CONFIG_UNSET;
	cfg->on_reboot = VMM_ACTION_RESTART;
	cfg->on_soft_reset = VMM_ACTION_SOFT_RESET;
	cfg->restart_limit = DEFAULT_RESTART_LIMIT;
	cfg->load_address = CONFIG_UNSET;
	cfg->entry_address = CONFIG_UNSET;
	cfg->nr_spis = CONFIG_UNSET;
	cfg->trap_unmapped_accesses = CONFIG_UNSET;
	list_init(&cfg->devices);
}

static void affinity_clear(struct config_affinity *a)
{
	free(a->all);
	strlist_free(&a->each);
}

void config_clear(struct vmm_config *cfg)
{
	struct vmm_device *dev, *next;

	if (cfg->devices.next != NULL) {
		list_for_each_entry_safe (dev, next, &cfg->devices, link) {
			list_del(&dev->link);
			device_free(dev);
		}
	}
	free(cfg->name);
	free(cfg->pool);
	free(cfg->seclabel);
	free(cfg->init_seclabel);
	strlist_free(&cfg->llc_colors);
	affinity_clear(&cfg->cpus);
	affinity_clear(&cfg->cpus_soft);
	strlist_free(&cfg->start_after);
	strlist_free(&cfg->static_mem);
	strlist_free(&cfg->static_evtchn);
	strlist_free(&cfg->static_shm);
	free(cfg->kernel);
	free(cfg->ramdisk);
	free(cfg->cmdline);
	free(cfg->bootloader);
	free(cfg->device_tree);
	free(cfg->host_dtb);
	strlist_free(&cfg->dtdev);
	strlist_free(&cfg->passthrough_devices);
	free(cfg->iomem);
	free(cfg->irqs);
	free(cfg->source_text);
	free(cfg->source_path);
	config_init(cfg);
}

int config_check_name(const char *name, struct err *err)
{
	size_t len = name == NULL ? 0 : strlen(name);

	if (len == 0)
		return err_set(err, EINVAL, "a domain's name cannot be empty");
	if (len > MAX_NAME)
		return err_set(err, EINVAL,
			       "a domain's name has at most %u bytes, this one has %zu", MAX_NAME,
			       len);
	for (const char *p = name; *p != '\0'; p++) {
		if (*p == '/')
			return err_set(err, EINVAL, "a domain's name cannot contain '/': '%s'",
				       name);
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return err_set(
				err, EINVAL,
				"a domain's name cannot contain control characters (byte 0x%02x)",
				(unsigned char)*p);
	}
	return 0;
}

void config_make_uuid(struct vmm_config *cfg)
{
	uuid_generate_random(cfg->uuid);
	cfg->is_uuid_set = true;
}

void config_fill_in(struct vmm_config *cfg)
{
	struct vmm_device *dev;

	if (cfg->target_kb == 0)
		cfg->target_kb = cfg->max_kb != 0 ? cfg->max_kb : DEFAULT_MEMORY_KB;
	if (cfg->max_kb == 0)
		cfg->max_kb = cfg->target_kb;
	if (cfg->vcpus == 0)
		cfg->vcpus = 1;
	if (cfg->max_vcpus == 0)
		cfg->max_vcpus = cfg->vcpus;
	list_for_each_entry (dev, &cfg->devices, link)
		if (dev->class->finish != NULL)
			dev->class->finish(dev, cfg);
}

static int finish_memory(const struct vmm_config *cfg, struct err *err)
{
	if (cfg->target_kb > cfg->max_kb)
		return err_set(
			err, EINVAL,
			"memory: %llu MiB are more than maxmem allows (%llu MiB); raise maxmem",
			(unsigned long long)cfg->target_kb >> 10,
			(unsigned long long)cfg->max_kb >> 10);
	return 0;
}

char *config_device_path(const char *entry)
{
	const char *path = strchr(entry, '/');

	return path ? xstrndup(path, strcspn(path, ";")) : xstrdup(entry);
}

/* Upstream reads an affinity for each vcpu and no further; configurations that are around have
 * more. */
static void drop_spare(struct strlist *each, uint32_t nr_vcpus)
{
	while (each->n > nr_vcpus) {
		free(each->v[--each->n]);
		each->v[each->n] = NULL;
	}
}

static int finish_vcpus(struct vmm_config *cfg, struct err *err)
{
	if (cfg->vcpus > cfg->max_vcpus)
		return err_set(err, EINVAL,
			       "vcpus: %u are more than maxvcpus allows (%u); raise maxvcpus",
			       cfg->vcpus, cfg->max_vcpus);
	drop_spare(&cfg->cpus.each, cfg->max_vcpus);
	drop_spare(&cfg->cpus_soft.each, cfg->max_vcpus);
	if (cfg->budget_us != CONFIG_UNSET && cfg->period_us != CONFIG_UNSET &&
	    cfg->budget_us > cfg->period_us)
		return err_set(err, EINVAL, "budget: %d us are more than the period (%d us)",
			       cfg->budget_us, cfg->period_us);
	return 0;
}

static int finish_boot(const struct vmm_config *cfg, struct err *err)
{
	if (cfg->bootloader != NULL)
		return err_set(err, ENOTSUP,
			       "bootloader: '%s' would run inside the control domain, which this "
			       "toolstack "
			       "does not do; give the guest's kernel with kernel=",
			       cfg->bootloader);
	if (cfg->kernel == NULL)
		return err_set(err, EINVAL, "no kernel= is set: it names the guest's kernel image");
	if (cfg->image_format != IMAGE_FORMAT_RAW &&
	    (cfg->load_address != CONFIG_UNSET || cfg->entry_address != CONFIG_UNSET))
		return err_set(
			err, EINVAL,
			"load_address and entry_address need image_format = \"raw\": every other "
			"image says itself where it goes");
	if (cfg->entry_address != CONFIG_UNSET && cfg->load_address != CONFIG_UNSET &&
	    cfg->entry_address < cfg->load_address)
		return err_set(err, EINVAL, "entry_address 0x%llx lies below load_address 0x%llx",
			       (unsigned long long)cfg->entry_address,
			       (unsigned long long)cfg->load_address);
	return 0;
}

int config_finish(struct vmm_config *cfg, struct err *err)
{
	struct vmm_device *dev;

	if (cfg->name == NULL)
		return err_set(err, EINVAL, "no name= is set: every domain needs one");
	if (config_check_name(cfg->name, err) < 0)
		return err_wrap(err, "name");
	config_fill_in(cfg);
	if (finish_memory(cfg, err) < 0 || finish_vcpus(cfg, err) < 0 || finish_boot(cfg, err) < 0)
		return -1;
	if (!cfg->is_uuid_set)
		config_make_uuid(cfg);
	list_for_each_entry (dev, &cfg->devices, link)
		if (device_check(dev, cfg, err) < 0)
			return -1;
	return 0;
}

void vmm_config_free(struct vmm_config *cfg)
{
	if (cfg == NULL)
		return;
	config_clear(cfg);
	free(cfg);
}

const char *vmm_config_name(const struct vmm_config *cfg)
{
	return cfg->name;
}

uint32_t vmm_config_nr_vcpus(const struct vmm_config *cfg)
{
	return cfg->max_vcpus;
}

enum vmm_action vmm_config_action(const struct vmm_config *cfg, uint32_t reason)
{
	switch (reason) {
	case VMM_SHUTDOWN_POWEROFF:
		return cfg->on_poweroff;
	case VMM_SHUTDOWN_REBOOT:
		return cfg->on_reboot;
	case VMM_SHUTDOWN_CRASH:
		return cfg->on_crash;
	case VMM_SHUTDOWN_WATCHDOG:
		return cfg->on_watchdog;
	case VMM_SHUTDOWN_SOFT_RESET:
		return cfg->on_soft_reset;
	default:
		return VMM_ACTION_DESTROY;
	}
}

uint32_t vmm_config_restart_limit(const struct vmm_config *cfg)
{
	return cfg->restart_limit;
}

const char *vmm_config_start_after(const struct vmm_config *cfg, size_t i)
{
	return i < cfg->start_after.n ? cfg->start_after.v[i] : NULL;
}
