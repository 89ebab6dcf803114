/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Configurations to upstream's JSON and back: members in its order, those at their default left
 * out, as its generated code does (libxl_types.idl of 4.17 to 4.20). Keys of ours that upstream
 * does not have stand at the end in an object "libvmm", which upstream's reader ignores. It knows
 * no device class but by its row.
 */
#include "libvmm/cfgjson.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "libvmm/devices.h"
#include "libvmm/libvmm.h"

#define UNSET_DOMID 4294967295u		/* upstream's "not chosen", which it saves */

/* --- out -------------------------------------------------------------------------------------- */

static void str_member(struct json_writer *w, const char *key, const char *value)
{
	if (value != NULL)
		json_str(w, key, value);
}

static void kb_member(struct json_writer *w, const char *key, uint64_t kb)
{
	if (kb != 0)
		json_uint(w, key, kb);
}

static void int_member(struct json_writer *w, const char *key, int64_t value)
{
	if (value != CONFIG_UNSET)
		json_int(w, key, value);
}

static void true_member(struct json_writer *w, const char *key, bool value)
{
	if (value)
		json_str(w, key, "True");
}

static void list_member(struct json_writer *w, const char *key, const struct strlist *list)
{
	if (list->n == 0)
		return;
	json_open_array(w, key);
	for (size_t i = 0; i < list->n; i++)
		json_str(w, NULL, list->v[i]);
	json_close_array(w);
}

static void write_c_info(const struct vmm_config *cfg, bool is_saved, struct json_writer *w)
{
	static const char *const passthrough[] = { NULL, "disabled", "enabled" };
	char uuid[37];

	vmm_uuid_text(cfg->uuid, uuid);
	json_open_object(w, "c_info");
	json_str(w, "type", cfg->is_type_pv && !is_saved ? "pv" : "pvh"); /* Arm makes it pvh */
	str_member(w, "ssid_label",
		   cfg->init_seclabel != NULL ? cfg->init_seclabel : cfg->seclabel);
	str_member(w, "name", cfg->name);
	if (is_saved)
		json_uint(w, "domid", UNSET_DOMID);
	if (cfg->is_uuid_set)
		json_str(w, "uuid", uuid);
	str_member(w, "pool_name", cfg->pool);
	json_str(w, "run_hotplug_scripts", "True");
	true_member(w, "driver_domain", cfg->driver_domain);
	str_member(w, "passthrough", passthrough[cfg->passthrough]);
	true_member(w, "xend_suspend_evtchn_compat", cfg->suspend_evtchn_compat);
	json_close_object(w);
}

static void write_bits(struct json_writer *w, const char *key, const struct bitmap *b)
{
	json_open_array(w, key);
	for (int i = bitmap_first(b); i >= 0; i = bitmap_next(b, i))
		json_int(w, NULL, i);
	json_close_array(w);
}

/* One bitmap a vcpu, the last entry repeated for those without their own; what cannot be known
 * without the host (all, node:) is left out. */
static void write_affinity(struct json_writer *w, const char *key, const struct config_affinity *a,
			   uint32_t nr_vcpus)
{
	size_t nr = a->all != NULL ? nr_vcpus : a->each.n;
	struct err ignored = ERR_INIT;
	struct bitmap b;

	if (nr == 0)
		return;
	for (size_t i = 0; i < nr; i++) {
		const char *text = a->all != NULL ? a->all : a->each.v[i];

		if (strpbrk(text, "an^") != NULL ||
		    bitmap_parse_cpus(&b, text, BITMAP_BITS, NULL, NULL, key, &ignored) < 0)
			return;
	}
	json_open_array(w, key);
	for (size_t i = 0; i < nr; i++)
		if (bitmap_parse_cpus(&b, a->all != NULL ? a->all : a->each.v[i], BITMAP_BITS, NULL,
				      NULL, key, &ignored) == 0)
			write_bits(w, NULL, &b);
	json_close_array(w);
}

static void write_cpus(const struct vmm_config *cfg, struct json_writer *w)
{
	struct bitmap online;

	bitmap_fill(&online, cfg->vcpus);
	if (cfg->are_vcpus_set || cfg->max_vcpus > 1) {
		json_uint(w, "max_vcpus", cfg->max_vcpus);
		write_bits(w, "avail_vcpus", &online);
	}
	write_affinity(w, "vcpu_hard_affinity", &cfg->cpus, cfg->vcpus);
	write_affinity(w, "vcpu_soft_affinity", &cfg->cpus_soft, cfg->vcpus);
	if (cfg->cpus.all != NULL || cfg->cpus.each.n > 0 || cfg->cpus_soft.all != NULL ||
	    cfg->cpus_soft.each.n > 0)
		json_str(w, "numa_placement", "False");
}

static void write_sched(const struct vmm_config *cfg, const struct cfgjson_live *live,
			struct json_writer *w)
{
	json_open_object(w, "sched_params");
	if (live != NULL)
		json_str(w, "sched", live->sched);
	int_member(w, "weight", live != NULL ? live->weight : cfg->cpu_weight);
	int_member(w, "cap", live != NULL ? live->cap : cfg->cap);
	int_member(w, "period", live != NULL ? live->period_us : cfg->period_us);
	int_member(w, "budget", live != NULL ? live->budget_us : cfg->budget_us);
	int_member(w, "extratime", live != NULL ? live->extratime : cfg->extratime);
	json_close_object(w);
}

static void write_hardware(const struct vmm_config *cfg, struct json_writer *w)
{
	if (cfg->nr_irqs > 0) {
		json_open_array(w, "irqs");
		for (size_t i = 0; i < cfg->nr_irqs; i++)
			json_uint(w, NULL, cfg->irqs[i]);
		json_close_array(w);
	}
	if (cfg->nr_iomem == 0)
		return;
	json_open_array(w, "iomem");
	for (size_t i = 0; i < cfg->nr_iomem; i++) {
		json_open_object(w, NULL);
		json_uint(w, "start", cfg->iomem[i].mfn);
		json_uint(w, "number", cfg->iomem[i].nr);
		if (cfg->iomem[i].gfn != cfg->iomem[i].mfn)
			json_uint(w, "gfn", cfg->iomem[i].gfn);
		json_close_object(w);
	}
	json_close_array(w);
}

/* Ranges become the numbers they stand for. */
static void write_colors(const struct vmm_config *cfg, struct json_writer *w)
{
	struct err ignored = ERR_INIT;
	uint64_t first, last;

	if (cfg->llc_colors.n == 0)
		return;
	json_open_array(w, "llc_colors");
	for (size_t i = 0; i < cfg->llc_colors.n; i++)
		if (num_range(cfg->llc_colors.v[i], UINT16_MAX, "llc_colors", &first, &last,
			      &ignored) == 0)
			for (uint64_t c = first; c <= last; c++)
				json_uint(w, NULL, c);
	json_close_array(w);
}

static void write_arch(const struct vmm_config *cfg, bool is_saved, struct json_writer *w)
{
	static const char *const gic[] = { NULL, "v2", "v3" }, *const vuart[] = { NULL,
										  "sbsa_uart" };
	autofree char *sve =
		cfg->sve_vl == UINT32_MAX ? xstrdup("hw") : str_printf("%u", cfg->sve_vl);

	json_open_object(w, cfg->is_type_pv && !is_saved ? "type.pv" : "type.pvh");
	json_close_object(w);
	json_open_object(w, "arch_arm");
	str_member(w, "gic_version", gic[cfg->gic_version]);
	str_member(w, "vuart", vuart[cfg->vuart]);
	if (cfg->sve_vl != 0)
		json_str(w, "sve_vl", sve);
	int_member(w, "nr_spis", cfg->nr_spis);
	json_close_object(w);
	json_open_object(w, "arch_x86");
	json_close_object(w);
}

static void write_b_info(const struct vmm_config *cfg, bool is_saved,
			 const struct cfgjson_live *live, struct json_writer *w)
{
	static const char *const tee[] = { NULL, "optee", "ffa" };

	json_open_object(w, "b_info");
	write_cpus(cfg, w);
	json_uint(w, "max_memkb", cfg->max_kb);
	json_uint(w, "target_memkb", cfg->target_kb);
	if (is_saved)
		json_uint(w, "video_memkb", 0);
	kb_member(w, "shadow_memkb", cfg->shadow_kb);
	if (cfg->init_seclabel != NULL)
		str_member(w, "exec_ssid_label", cfg->seclabel);
	true_member(w, "disable_migrate", cfg->nomigrate);
	int_member(w, "max_grant_frames", cfg->max_grant_frames);
	int_member(w, "max_maptrack_frames", cfg->max_maptrack_frames);
	int_member(w, "max_grant_version", cfg->max_grant_version);
	write_sched(cfg, live, w);
	write_colors(cfg, w);
	write_hardware(cfg, w);
	json_str(w, "claim_mode", "True");
	if (cfg->are_evtchns_set)
		json_uint(w, "event_channels", cfg->max_event_channels);
	str_member(w, "kernel", cfg->kernel);
	str_member(w, "cmdline", cfg->cmdline);
	str_member(w, "ramdisk", cfg->ramdisk);
	str_member(w, "device_tree", cfg->device_tree);
	str_member(w, "tee", tee[cfg->tee]);
	write_arch(cfg, is_saved, w);
	if (cfg->is_vpmu_set)
		json_str(w, "vpmu", cfg->vpmu ? "True" : "False");
	json_close_object(w);
}

static void write_devices(const struct vmm_config *cfg, const struct vmm_devclass *class,
			  struct json_writer *w)
{
	const struct vmm_device *dev;
	bool is_open = false;

	list_for_each_entry (dev, &cfg->devices, link) {
		if (dev->class != class)
			continue;
		if (!is_open)
			json_open_array(w, class->json);
		is_open = true;
		device_to_json(dev, NULL, w);
	}
	if (is_open)
		json_close_array(w);
}

/* Upstream has them between nics and vfbs. */
static void write_dtdevs(const struct vmm_config *cfg, struct json_writer *w)
{
	if (cfg->dtdev.n == 0)
		return;
	json_open_array(w, "dtdevs");
	for (size_t i = 0; i < cfg->dtdev.n; i++) {
		json_open_object(w, NULL);
		json_str(w, "path", cfg->dtdev.v[i]);
		json_close_object(w);
	}
	json_close_array(w);
}

static void write_actions(const struct vmm_config *cfg, struct json_writer *w)
{
	const struct { const char *key; enum vmm_action action; } rows[] = {
		{ "on_poweroff", cfg->on_poweroff }, { "on_reboot", cfg->on_reboot }, { "on_watchdog", cfg->on_watchdog },
		{ "on_crash", cfg->on_crash }, { "on_soft_reset", cfg->on_soft_reset },
	};

	for (size_t i = 0; i < array_size(rows); i++)
		if (rows[i].action != VMM_ACTION_DESTROY)
			json_str(w, rows[i].key, config_action_json_names[rows[i].action]);
}

static bool has_own_keys(const struct vmm_config *cfg)
{
	struct vmm_config fresh;

	config_init(&fresh);
	return cfg->restart_limit != fresh.restart_limit || cfg->start_after.n > 0 ||
	       cfg->backend_wait_s != 0 || cfg->image_format != IMAGE_FORMAT_AUTO ||
	       cfg->passthrough_devices.n > 0 || cfg->host_dtb != NULL || cfg->force_shared_page ||
	       cfg->trap_unmapped_accesses != CONFIG_UNSET || cfg->cpus.all != NULL ||
	       cfg->cpus.each.n > 0 || cfg->cpus_soft.all != NULL || cfg->cpus_soft.each.n > 0 ||
	       cfg->bootloader != NULL;
}

static void write_own(const struct vmm_config *cfg, struct json_writer *w)
{
	json_open_object(w, "libvmm");
	str_member(w, "cpus", cfg->cpus.all);
	list_member(w, "cpus_each", &cfg->cpus.each);
	str_member(w, "cpus_soft", cfg->cpus_soft.all);
	list_member(w, "cpus_soft_each", &cfg->cpus_soft.each);
	json_uint(w, "restart_limit", cfg->restart_limit);
	list_member(w, "start_after", &cfg->start_after);
	kb_member(w, "backend_wait", cfg->backend_wait_s);
	if (cfg->image_format == IMAGE_FORMAT_RAW)
		json_str(w, "image_format", "raw");
	int_member(w, "load_address", cfg->load_address);
	int_member(w, "entry_address", cfg->entry_address);
	str_member(w, "host_dtb", cfg->host_dtb);
	list_member(w, "devices", &cfg->passthrough_devices);
	if (cfg->force_shared_page)
		json_uint(w, "force_shared_page", 1);
	int_member(w, "trap_unmapped_accesses", cfg->trap_unmapped_accesses);
	json_close_object(w);
}

void cfgjson_write(const struct vmm_config *cfg, const char *key, bool is_saved,
		   const struct cfgjson_live *live, struct json_writer *w)
{
	json_open_object(w, key);
	write_c_info(cfg, is_saved, w);
	write_b_info(cfg, is_saved, live, w);
	for (const struct vmm_devclass *const *c = vmm_devclasses; *c != NULL; c++) {
		write_devices(cfg, *c, w);
		if (strcmp((*c)->json, "nics") == 0)
			write_dtdevs(cfg, w);
	}
	write_actions(cfg, w);
	if (is_saved && has_own_keys(cfg))
		write_own(cfg, w);
	json_close_object(w);
}

static int to_text(const struct vmm_config *cfg, bool is_saved, const struct cfgjson_live *live,
		   char **json, struct err *err)
{
	struct json_writer *w = json_writer_new();

	cfgjson_write(cfg, NULL, is_saved, live, w);
	return json_writer_end(w, json, err);
}

int vmm_config_to_json(const struct vmm_config *cfg, char **json, struct err *err)
{
	return to_text(cfg, false, NULL, json, err);
}

int vmm_config_to_saved_json(const struct vmm_config *cfg, char **json, struct err *err)
{
	return to_text(cfg, true, NULL, json, err);
}

int cfgjson_saved(const struct vmm_config *cfg, const struct cfgjson_live *live, char **json,
		  struct err *err)
{
	return to_text(cfg, true, live, json, err);
}

/* --- in --------------------------------------------------------------------------------------- */

static int read_str(const struct json *j, const char *key, char **out, struct err *err)
{
	const struct json *v = json_get(j, key);

	if (v == NULL || v->type == JSON_NULL)
		return 0;
	if (v->type != JSON_STRING)
		return err_set(err, EINVAL, "%s: expected a string", key);
	free(*out);
	*out = xstrdup(v->text);
	return 0;
}

/* -1 and 2^32-1 are upstream's "not set". */
static int read_i64(const struct json *j, const char *key, int64_t min, int64_t max, int64_t *out,
		    struct err *err)
{
	const struct json *v = json_get(j, key);

	if (v == NULL || v->type == JSON_NULL)
		return 0;
	if (v->type != JSON_NUMBER)
		return err_set(err, EINVAL, "%s: expected a number", key);
	if (strcmp(v->text, "-1") == 0 || strcmp(v->text, "4294967295") == 0)
		return 0;
	return num_i64(v->text, min, max, key, out, err);
}

static int read_i32(const struct json *j, const char *key, int32_t *out, struct err *err)
{
	int64_t n = *out;

	if (read_i64(j, key, INT32_MIN, INT32_MAX, &n, err) < 0)
		return -1;
	*out = (int32_t)n;
	return 0;
}

static int read_u32(const struct json *j, const char *key, uint32_t max, uint32_t *out,
		    struct err *err)
{
	int64_t n = *out;

	if (read_i64(j, key, 0, max, &n, err) < 0)
		return -1;
	*out = (uint32_t)n;
	return 0;
}

static int read_kb(const struct json *j, const char *key, uint64_t *out, struct err *err)
{
	int64_t n = (int64_t)*out;

	if (read_i64(j, key, 0, 1ll << 40, &n, err) < 0)
		return -1;
	*out = (uint64_t)n;
	return 0;
}

/* "True", "False", true or false */
static bool read_flag(const struct json *j, const char *key)
{
	const struct json *v = json_get(j, key);

	return v != NULL && ((v->type == JSON_BOOL && v->is_true) ||
			     (v->type == JSON_STRING && strcmp(v->text, "True") == 0));
}

static int read_name(const struct json *j, const char *key, const char *const *names, unsigned *out,
		     struct err *err)
{
	const struct json *v = json_get(j, key);

	if (v == NULL)
		return 0;
	for (unsigned i = 0; v->type == JSON_STRING && names[i] != NULL; i++) {
		if (strcmp(v->text, names[i]) == 0) {
			*out = i;
			return 0;
		}
	}
	return err_set(err, EINVAL, "%s: a value this toolstack does not know", key);
}

static int read_list(const struct json *j, const char *key, struct strlist *out, struct err *err)
{
	json_for_each (v, json_get(j, key)) {
		if (v->type != JSON_STRING && v->type != JSON_NUMBER)
			return err_set(err, EINVAL, "%s: expected strings", key);
		strlist_add(out, v->text);
	}
	return 0;
}

static int read_c_info(struct vmm_config *cfg, const struct json *c, struct err *err)
{
	static const char *const passthrough[] = { "default", "disabled", "enabled",
						   "sync_pt", "share_pt", NULL };
	autofree char *uuid = NULL, *type = NULL;
	unsigned mode = PASSTHROUGH_DEFAULT;

	if (read_str(c, "name", &cfg->name, err) < 0 || read_str(c, "uuid", &uuid, err) < 0 ||
	    read_str(c, "ssid_label", &cfg->seclabel, err) < 0 ||
	    read_str(c, "pool_name", &cfg->pool, err) < 0 ||
	    read_name(c, "passthrough", passthrough, &mode, err) < 0)
		return -1;
	if (uuid != NULL && vmm_uuid_parse(uuid, cfg->uuid, err) < 0)
		return err_wrap(err, "uuid");
	if (read_str(c, "type", &type, err) < 0)
		return -1;
	cfg->is_type_set = type != NULL;
	cfg->is_type_pv = str_eq(type, "pv");
	cfg->is_uuid_set = uuid != NULL;
	cfg->passthrough =
		mode > PASSTHROUGH_ENABLED ? PASSTHROUGH_ENABLED : (enum config_passthrough)mode;
	cfg->driver_domain = read_flag(c, "driver_domain");
	cfg->suspend_evtchn_compat = read_flag(c, "xend_suspend_evtchn_compat");
	return 0;
}

/* A list of numbers, back to what cpus= takes. */
static char *bits_text(const struct json *j)
{
	struct strbuf b = STRBUF_INIT;

	json_for_each (n, j)
		if (n->type == JSON_NUMBER)
			strbuf_printf(&b, "%s%s", b.len > 0 ? "," : "", n->text);
	return strbuf_steal(&b);
}

static void read_affinity(struct config_affinity *a, const struct json *j)
{
	json_for_each (v, j)
		strlist_take(&a->each, bits_text(v));
}

static int read_cpus(struct vmm_config *cfg, const struct json *b, struct err *err)
{
	const struct json *avail = json_get(b, "avail_vcpus");

	if (read_u32(b, "max_vcpus", 4096, &cfg->max_vcpus, err) < 0)
		return -1;
	cfg->are_vcpus_set = cfg->max_vcpus != 0;
	json_for_each (n, avail)
		cfg->vcpus++;
	read_affinity(&cfg->cpus, json_get(b, "vcpu_hard_affinity"));
	read_affinity(&cfg->cpus_soft, json_get(b, "vcpu_soft_affinity"));
	return 0;
}

static int read_sched(struct vmm_config *cfg, const struct json *s, struct err *err)
{
	if (read_i32(s, "weight", &cfg->cpu_weight, err) < 0 ||
	    read_i32(s, "cap", &cfg->cap, err) < 0 ||
	    read_i32(s, "period", &cfg->period_us, err) < 0 ||
	    read_i32(s, "budget", &cfg->budget_us, err) < 0)
		return -1;
	return read_i32(s, "extratime", &cfg->extratime, err);
}

static size_t count(const struct json *j)
{
	size_t n = 0;

	json_for_each (c, j)
		n++;
	return n;
}

static int read_hardware(struct vmm_config *cfg, const struct json *b, struct err *err)
{
	const struct json *irqs = json_get(b, "irqs"), *iomem = json_get(b, "iomem");

	cfg->irqs = xcalloc(count(irqs) + 1, sizeof(*cfg->irqs));
	json_for_each (n, irqs) {
		if (n->type != JSON_NUMBER)
			return err_set(err, EINVAL, "irqs: expected numbers");
		if (num_u32(n->text, 0, 1019, "irqs", &cfg->irqs[cfg->nr_irqs++], err) < 0)
			return -1;
	}
	cfg->iomem = xcalloc(count(iomem) + 1, sizeof(*cfg->iomem));
	json_for_each (m, iomem) {
		struct config_iomem *out = &cfg->iomem[cfg->nr_iomem++];

		if (read_kb(m, "start", &out->mfn, err) < 0 ||
		    read_kb(m, "number", &out->nr, err) < 0)
			return -1;
		out->gfn = out->mfn;
		if (read_kb(m, "gfn", &out->gfn, err) < 0)
			return -1;
	}
	return 0;
}

static int read_arch(struct vmm_config *cfg, const struct json *b, struct err *err)
{
	static const char *const gic[] = { "default", "v2", "v3", NULL }, *const vuart[] = {
		"unknown", "sbsa_uart", NULL
	};
	static const char *const tee[] = { "none", "optee", "ffa", NULL };
	const struct json *arm = json_get(b, "arch_arm"), *sve = json_get(arm, "sve_vl"),
			  *vpmu = json_get(b, "vpmu");
	unsigned gic_version = 0, uart = 0, tee_type = 0;

	if (read_name(arm, "gic_version", gic, &gic_version, err) < 0 ||
	    read_name(arm, "vuart", vuart, &uart, err) < 0 ||
	    read_name(b, "tee", tee, &tee_type, err) < 0 ||
	    read_i32(arm, "nr_spis", &cfg->nr_spis, err) < 0)
		return -1;
	cfg->gic_version = (enum config_gic)gic_version;
	cfg->vuart = (enum config_vuart)uart;
	cfg->tee = (enum config_tee)tee_type;
	cfg->is_vpmu_set = vpmu != NULL;
	cfg->vpmu = read_flag(b, "vpmu");
	if (sve == NULL || sve->type != JSON_STRING || strcmp(sve->text, "disabled") == 0)
		return 0;
	if (strcmp(sve->text, "hw") == 0)
		cfg->sve_vl = UINT32_MAX;
	else
		return num_u32(sve->text, 0, 2048, "sve_vl", &cfg->sve_vl, err);
	return 0;
}

static int read_b_info(struct vmm_config *cfg, const struct json *b, struct err *err)
{
	if (read_cpus(cfg, b, err) < 0 || read_kb(b, "max_memkb", &cfg->max_kb, err) < 0 ||
	    read_kb(b, "target_memkb", &cfg->target_kb, err) < 0 ||
	    read_kb(b, "shadow_memkb", &cfg->shadow_kb, err) < 0 ||
	    read_i32(b, "max_grant_frames", &cfg->max_grant_frames, err) < 0 ||
	    read_i32(b, "max_maptrack_frames", &cfg->max_maptrack_frames, err) < 0 ||
	    read_i32(b, "max_grant_version", &cfg->max_grant_version, err) < 0 ||
	    read_sched(cfg, json_get(b, "sched_params"), err) < 0 ||
	    read_list(b, "llc_colors", &cfg->llc_colors, err) < 0 ||
	    read_hardware(cfg, b, err) < 0 ||
	    read_u32(b, "event_channels", UINT32_MAX - 1, &cfg->max_event_channels, err) < 0 ||
	    read_str(b, "kernel", &cfg->kernel, err) < 0 ||
	    read_str(b, "cmdline", &cfg->cmdline, err) < 0 ||
	    read_str(b, "ramdisk", &cfg->ramdisk, err) < 0 ||
	    read_str(b, "device_tree", &cfg->device_tree, err) < 0 ||
	    read_str(b, "bootloader", &cfg->bootloader, err) < 0 || read_arch(cfg, b, err) < 0)
		return -1;
	cfg->are_evtchns_set = json_get(b, "event_channels") != NULL;
	cfg->nomigrate = read_flag(b, "disable_migrate");
	if (json_get(b, "exec_ssid_label") != NULL) {
		cfg->init_seclabel = steal(cfg->seclabel);
		return read_str(b, "exec_ssid_label", &cfg->seclabel, err);
	}
	return 0;
}

static int read_devices(struct vmm_config *cfg, const struct json *j, struct err *err)
{
	for (const struct vmm_devclass *const *c = vmm_devclasses; *c != NULL; c++) {
		json_for_each (d, json_get(j, (*c)->json)) {
			struct vmm_device *dev;

			if (device_from_json(*c, d, &dev, err) < 0)
				return err_wrap(err, "%s", (*c)->json);
			list_add_tail(&cfg->devices, &dev->link);
			cfg->nr_devices++;
		}
	}
	json_for_each (d, json_get(j, "dtdevs")) {
		const struct json *path = json_get(d, "path");

		if (path != NULL && path->type == JSON_STRING)
			strlist_add(&cfg->dtdev, path->text);
	}
	return 0;
}

/* Left out means destroy, whatever guest.cfg's own default is. */
static int read_actions(struct vmm_config *cfg, const struct json *j, struct err *err)
{
	const struct { const char *key; enum vmm_action *action; } rows[] = {
		{ "on_poweroff", &cfg->on_poweroff }, { "on_reboot", &cfg->on_reboot }, { "on_watchdog", &cfg->on_watchdog },
		{ "on_crash", &cfg->on_crash }, { "on_soft_reset", &cfg->on_soft_reset },
	};

	for (size_t i = 0; i < array_size(rows); i++) {
		unsigned action = VMM_ACTION_DESTROY;

		if (read_name(j, rows[i].key, config_action_json_names, &action, err) < 0)
			return -1;
		*rows[i].action = (enum vmm_action)action;
	}
	return 0;
}

static int read_own(struct vmm_config *cfg, const struct json *j, struct err *err)
{
	static const char *const image_formats[] = { "auto", "raw", NULL };
	unsigned format = IMAGE_FORMAT_AUTO;

	if (j == NULL)
		return 0;
	strlist_free(&cfg->cpus.each);		/* the words themselves are here */
	strlist_free(&cfg->cpus_soft.each);
	if (read_str(j, "cpus", &cfg->cpus.all, err) < 0 ||
	    read_list(j, "cpus_each", &cfg->cpus.each, err) < 0 ||
	    read_str(j, "cpus_soft", &cfg->cpus_soft.all, err) < 0 ||
	    read_list(j, "cpus_soft_each", &cfg->cpus_soft.each, err) < 0 ||
	    read_u32(j, "restart_limit", 1000000, &cfg->restart_limit, err) < 0 ||
	    read_list(j, "start_after", &cfg->start_after, err) < 0 ||
	    read_u32(j, "backend_wait", 86400, &cfg->backend_wait_s, err) < 0 ||
	    read_name(j, "image_format", image_formats, &format, err) < 0 ||
	    read_i64(j, "load_address", 0, INT64_MAX, &cfg->load_address, err) < 0 ||
	    read_i64(j, "entry_address", 0, INT64_MAX, &cfg->entry_address, err) < 0 ||
	    read_str(j, "host_dtb", &cfg->host_dtb, err) < 0 ||
	    read_list(j, "devices", &cfg->passthrough_devices, err) < 0)
		return -1;
	cfg->image_format = (enum config_image_format)format;
	cfg->force_shared_page = json_get(j, "force_shared_page") != NULL;
	return read_i32(j, "trap_unmapped_accesses", &cfg->trap_unmapped_accesses, err);
}

int cfgjson_read(struct vmm_config *cfg, const struct json *j, struct err *err)
{
	if (j->type != JSON_OBJECT)
		return err_set(err, EINVAL, "expected an object");
	if (read_c_info(cfg, json_get(j, "c_info"), err) < 0)
		return err_wrap(err, "c_info");
	if (read_b_info(cfg, json_get(j, "b_info"), err) < 0)
		return err_wrap(err, "b_info");
	if (read_devices(cfg, j, err) < 0 || read_actions(cfg, j, err) < 0)
		return -1;
	return read_own(cfg, json_get(j, "libvmm"), err);
}

int vmm_config_from_json(const char *json, size_t len, struct vmm_config **out, struct err *err)
{
	struct vmm_config *cfg = xcalloc(1, sizeof(*cfg));
	autojson struct json *j = NULL;
	int ret;

	config_init(cfg);
	ret = json_parse(json, len, &j, err);
	if (ret == 0)
		ret = cfgjson_read(cfg, j, err);
	if (ret < 0) {
		vmm_config_free(cfg);
		return err_wrap(err, "configuration in JSON");
	}
	config_fill_in(cfg);
	*out = cfg;
	return 0;
}
