/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBVMM_H
#define LIBVMM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/bitmap.h"
#include "base/err.h"

/*
 * libvmm: Xen domains on Arm. This header is the door: everything a front end needs, and its
 * manual.
 *
 * Conventions
 *   - A function that can fail returns 0 or -1 and takes `struct err *err` last (never NULL).
 * err->msg is one line that names the thing, the step, the cause and where there is one the remedy;
 * err->code is an errno.
 *   - Parameters: context, inputs, outputs, err. A pointer returned is borrowed; what comes back
 * through `**out` is yours to free with free(), or with the function named.
 *   - Units are in the names. A domain is named by its domid, a number from Xen; DOMID_SELF and
 * friends are not accepted.
 *   - One thread per context; a context does not survive fork(). When memory runs out the process
 * ends (exit 1) after a half-made domain was undone.
 *   - libvmm prints nothing and never exits otherwise.
 */

/* --- context ---------------------------------------------------------------------------------- */

struct vmm;

/* Cheap: the hypervisor and the store are reached when first needed, and errors about them come
 * then. */
int vmm_open(struct vmm **out, struct err *err) must_check;
void vmm_close(struct vmm *vmm);

/* Every hypercall (kind 'h') and store request (kind 's') as one line of text. NULL: none. */
typedef void vmm_trace_fn(void *arg, char kind, const char *line);
void vmm_set_trace(struct vmm *vmm, vmm_trace_fn *fn, void *arg);

/* Called as long work goes on: `step` is a short phrase such as "loading kernel /guests/Image".
 * With --timing it marks where a phase begins. NULL: none. */
typedef void vmm_progress_fn(void *arg, const char *step);
void vmm_set_progress(struct vmm *vmm, vmm_progress_fn *fn, void *arg);

/* A flag somebody else sets (a signal handler): when it becomes non-zero, the work under way stops
 * at the next step, is undone and fails with EINTR. NULL: none. */
void vmm_set_interrupt(struct vmm *vmm, const volatile int *flag);

/* Work done so far through this context. */
void vmm_counts(const struct vmm *vmm, uint64_t *nr_hypercalls, uint64_t *nr_store_ops);

/* --- configurations --------------------------------------------------------------------------- */

struct vmm_config;

/* A finding about a configuration that is not an error: `where` is "file:line:column". The message
 * may hold newlines: the offending line and a caret below it. */
typedef void vmm_warn_fn(void *arg, const char *where, const char *message);

struct vmm_config_source {
	const char *path; /* shown in messages; "-" reads standard input; NULL: `text` only */
	const char *text;		/* when not NULL, used instead of reading `path` */
	const char *const *overrides; /* "key=value" texts, as if appended to the file;
					 NULL-terminated; may be NULL */
	bool strict;			/* every warning is an error */
	vmm_warn_fn *warn;		/* may be NULL */
	void *warn_arg;
	/* May be NULL. When loading fails at a place in the text: the offending line and a caret
	 * below it, lines ending in newlines, for printing below err->msg. Yours to free. Not set
	 * otherwise. */
	char **excerpt;
};

/* Read, parse and check. Does not touch the host. Free with vmm_config_free. */
int vmm_config_load(const struct vmm_config_source *src, struct vmm_config **out, struct err *err)
	must_check;
/* From upstream's JSON shape (the "config" object of `xl list -l`). */
int vmm_config_from_json(const char *json, size_t len, struct vmm_config **out, struct err *err)
	must_check;
/* To it, indented by four blanks as upstream prints it. */
int vmm_config_to_json(const struct vmm_config *cfg, char **json, struct err *err) must_check;
/* The same with what upstream has no place for, as it is saved beside a domain;
 * vmm_config_from_json reads it back whole. */
int vmm_config_to_saved_json(const struct vmm_config *cfg, char **json, struct err *err) must_check;
/* What the host's administrator wants where a configuration leaves it open (xl.conf). NULL and -1:
 * no wish. */
struct vmm_defaults {
	const char *vif_script, *vif_bridge, *vif_gatewaydev, *vif_backend;
	int32_t max_grant_frames, max_maptrack_frames, max_grant_version;
};
/* For devices that are attached later; borrowed, and NULL for none. */
void vmm_set_defaults(struct vmm *vmm, const struct vmm_defaults *defaults);
int vmm_config_apply_defaults(struct vmm_config *cfg, const struct vmm_defaults *defaults,
			      struct err *err) must_check;
void vmm_config_free(struct vmm_config *cfg);
const char *vmm_config_name(const struct vmm_config *cfg);
uint32_t vmm_config_nr_vcpus(const struct vmm_config *cfg);

/* What on_poweroff and its kin may say. */
enum vmm_action {
	VMM_ACTION_DESTROY, VMM_ACTION_RESTART, VMM_ACTION_RENAME_RESTART, VMM_ACTION_PRESERVE,
	VMM_ACTION_COREDUMP_DESTROY, VMM_ACTION_COREDUMP_RESTART, VMM_ACTION_SOFT_RESET,
};
/* For a reason of enum vmm_shutdown_reason; a reason that no key covers destroys. */
enum vmm_action vmm_config_action(const struct vmm_config *cfg, uint32_t reason);
/* Restarts within a minute before a supervisor gives up; 0: no limit. */
uint32_t vmm_config_restart_limit(const struct vmm_config *cfg);
/* What must be up before it, as start_after says: "NAME", "NAME:store=NODE" or "NAME:console=TEXT";
 * NULL past the last. */
const char *vmm_config_start_after(const struct vmm_config *cfg, size_t i);

/* The keys of guest.cfg, for completion and the man-page check. NULL at the end. */
const char *vmm_config_key(size_t i, bool *is_supported, const char **summary);

/* --- domains ---------------------------------------------------------------------------------- */

enum vmm_shutdown_reason {	/* Xen's SHUTDOWN_*; others are possible */
	VMM_SHUTDOWN_POWEROFF, VMM_SHUTDOWN_REBOOT, VMM_SHUTDOWN_SUSPEND, VMM_SHUTDOWN_CRASH,
	VMM_SHUTDOWN_WATCHDOG, VMM_SHUTDOWN_SOFT_RESET,
};

struct vmm_dominfo {
	uint32_t domid;
	uint8_t uuid[16];
	bool is_running, is_blocked, is_paused, is_shutdown, is_dying;
	uint32_t shutdown_reason;	/* when is_shutdown */
	uint64_t memory_kb, outstanding_kb, shared_kb, max_memory_kb;
	uint64_t cpu_time_ns;
	uint32_t nr_online_vcpus, nr_vcpus;
	uint32_t cpupool, ssidref;
};

/* "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx" and back. */
void vmm_uuid_text(const uint8_t uuid[16], char text[37]);
int vmm_uuid_parse(const char *text, uint8_t uuid[16], struct err *err) must_check;

/* Number or name to domid. ESRCH: no such domain. */
int vmm_domain_find(struct vmm *vmm, const char *id_or_name, uint32_t *domid, struct err *err)
	must_check;
/* The domain with this uuid that is not dying and is not `other_than`; 0 when there is none. Nobody
 * has a uuid of zeros. */
int vmm_domain_find_uuid(struct vmm *vmm, const uint8_t uuid[16], uint32_t other_than,
			 uint32_t *domid, struct err *err) must_check;
/* ESRCH when there is none. */
int vmm_domain_info(struct vmm *vmm, uint32_t domid, struct vmm_dominfo *out, struct err *err)
	must_check;
/* All, by ascending domid. *out is yours (free). */
int vmm_domain_list(struct vmm *vmm, struct vmm_dominfo **out, size_t *nr, struct err *err)
	must_check;
/* names[i] for list[i], each yours or NULL where a domain has none; one round trip to the store. */
int vmm_domain_names(struct vmm *vmm, const struct vmm_dominfo *list, size_t nr, char **names,
		     struct err *err) must_check;
int vmm_domain_name(struct vmm *vmm, uint32_t domid, char **name, struct err *err) must_check;
/* ENOENT: the domain has no name. */

/* Whether dom0 is to give up memory that a new domain lacks; auto: unless dom0_mem= is on Xen's
 * command line. */
enum vmm_balloon { VMM_BALLOON_OFF, VMM_BALLOON_ON, VMM_BALLOON_AUTO };
struct vmm_create_options {
	enum vmm_balloon autoballoon;
	bool paused;			/* leave it paused */
	bool ignore_global_affinity;	/* --ignore-global-affinity-masks */
	const char *default_pool_mask;	/* vm.cpumask of xl.conf; may be NULL */
	bool random_domid;		/* domid_policy = "random" */
	bool no_claim; /* claim_mode = 0: memory is not kept for the domain while it is built */
	/* Taken, as upstream's xl does, while name, number and memory are reserved: others may
	 * build at the same time, but no two reserve. NULL: no lock. */
	const char *lock_path;
	/* Called after the domain was built and before it runs (to attach a console, say). May be
	 * NULL. */
	int (*before_unpause)(void *arg, uint32_t domid, struct err *err);
	void *arg;
};
/* Build the domain and start it. Any failure leaves the host as it was. What devices= stands for is
 * put into the configuration. ECANCELED: somebody destroyed the domain meanwhile. */
int vmm_domain_create(struct vmm *vmm, struct vmm_config *cfg,
		      const struct vmm_create_options *options, uint32_t *domid, struct err *err)
	must_check;
/* Domain, devices, store nodes, saved configuration. May be repeated. Returns when memory and
 * resources are free again. */
int vmm_domain_destroy(struct vmm *vmm, uint32_t domid, struct err *err) must_check;
/* Remove what is left of domains that are gone, because who destroyed them was killed. */
int vmm_domains_sweep(struct vmm *vmm, struct err *err) must_check;

int vmm_domain_pause(struct vmm *vmm, uint32_t domid, struct err *err) must_check;
int vmm_domain_unpause(struct vmm *vmm, uint32_t domid, struct err *err) must_check;
/* Ask the guest to power off or reboot (control/shutdown) and wait until it acknowledged, at most
 * timeout_ms. */
int vmm_domain_ask_shutdown(struct vmm *vmm, uint32_t domid, bool reboot, int timeout_ms,
			    struct err *err) must_check;
/* The same of many, side by side: each is told before the first is waited for. errs[i] is
 * domids[i]'s, code 0 when it acknowledged. -1: no domain could be asked at all. */
int vmm_domain_ask_shutdown_all(struct vmm *vmm, const uint32_t *domids, size_t nr, bool reboot,
				int timeout_ms, struct err *errs, struct err *err) must_check;
int vmm_domain_rename(struct vmm *vmm, uint32_t domid, const char *new_name, struct err *err)
	must_check;
int vmm_domain_sysrq(struct vmm *vmm, uint32_t domid, char letter, struct err *err) must_check;
/* Wait until the domain shut down (*info says why) or, with `for_death`, until it is gone (ESRCH is
 * then success). -1 timeout_ms: no limit. */
int vmm_domain_wait(struct vmm *vmm, uint32_t domid, bool for_death, int timeout_ms,
		    struct vmm_dominfo *info, struct err *err) must_check;
/* The saved configuration brought up to date, in upstream's JSON. ENOENT: none was saved. */
int vmm_domain_config_json(struct vmm *vmm, uint32_t domid, char **json, struct err *err)
	must_check;
int vmm_domain_config(struct vmm *vmm, uint32_t domid, struct vmm_config **out, struct err *err)
	must_check;
int vmm_domain_config_save(struct vmm *vmm, uint32_t domid, const struct vmm_config *cfg,
			   struct err *err) must_check;
/* The text of a configuration for the next start of the domain after a reboot (`xl config-update`);
 * upstream's place for it. *text is yours, NULL when there is none. */
int vmm_domain_config_next(struct vmm *vmm, uint32_t domid, char **text, struct err *err)
	must_check;
int vmm_domain_config_set_next(struct vmm *vmm, uint32_t domid, const struct vmm_config *cfg,
			       struct err *err) must_check;
/* Its memory and registers as an ELF core for gdb or crash. The domain is paused meanwhile. A
 * failure leaves no file. */
int vmm_domain_dump_core(struct vmm *vmm, uint32_t domid, const char *path, struct err *err)
	must_check;
/* rename-restart: a uuid of its own and a new name, so that a successor can take the old ones. */
int vmm_domain_retire(struct vmm *vmm, uint32_t domid, const char *new_name, struct err *err)
	must_check;

/* Notes of a front end about a domain, in the toolstack's part of the store (/libxl/<domid>/KEY):
 * no guest sees or changes them, destroy removes them. *value is yours, NULL when there is none;
 * setting NULL removes it. ESRCH: no such domain. */
int vmm_domain_note(struct vmm *vmm, uint32_t domid, const char *key, char **value, struct err *err)
	must_check;
int vmm_domain_note_set(struct vmm *vmm, uint32_t domid, const char *key, const char *value,
			struct err *err) must_check;

/* A descriptor that polls readable when a domain may have come, shut down or died; it belongs to
 * the context. */
int vmm_events_open(struct vmm *vmm, int *fd, struct err *err) must_check;
/* Take what is waiting; never blocks. *changed: look again at vmm_domain_list. */
int vmm_events_read(struct vmm *vmm, bool *changed, struct err *err) must_check;

/* A node below the guest's own part of the store (/local/domain/<domid>/NODE): what it says of
 * itself, so not to be trusted with more than waiting for it. *value is yours; NULL when it is not
 * there. */
int vmm_domain_guest_node(struct vmm *vmm, uint32_t domid, const char *node, char **value,
			  struct err *err) must_check;
/* Changes of that node count as events too, once vmm_events_open was called. Setting it twice is no
 * error. */
int vmm_events_add_node(struct vmm *vmm, uint32_t domid, const char *node, struct err *err)
	must_check;

/* Seconds since the domain started. */
int vmm_domain_uptime_s(struct vmm *vmm, uint32_t domid, uint64_t *seconds, struct err *err)
	must_check;
int vmm_domain_label(struct vmm *vmm, uint32_t ssidref, char **label, struct err *err) must_check;

/* What dom0 itself needs once after boot (what xen-init-dom0 does): its nodes, pool names, saved
 * configuration. */
int vmm_init_dom0(struct vmm *vmm, const char *uuid, struct err *err) must_check;

/* Guests that Xen started at boot (dom0less) and that no toolstack has taken in yet: store ring,
 * tree, console, name (of their node in the device tree), saved configuration:
 * /etc/xen/boot/NAME.cfg or the one that export-dt kept in the tree. Pools that Xen made get their
 * names. May be repeated. One that fails does not keep the others from being taken in; the last
 * failure is returned. When all of them have what they wait for, what their configurations say of
 * pcpus, scheduling and devices is done. */
enum vmm_boot_guest_state {
	VMM_BOOT_CAN_REBUILD = 1, /* it has a configuration */
	VMM_BOOT_NO_STORE =
		2, /* no ring: it can be listed, paused, pinned and destroyed, and that is all */
};
typedef int vmm_boot_guest_fn(void *arg, uint32_t domid, const char *name, unsigned state,
			      struct err *err);
int vmm_init_boot_guests(struct vmm *vmm, vmm_boot_guest_fn *report, void *arg, struct err *err)
	must_check;

/* From guest.cfg to the nodes of /chosen that make Xen start the guests itself. Pure: touches
 * files, not the host. */
enum vmm_boot_form {
	VMM_BOOT_DTS,		/* source of the nodes alone */
	VMM_BOOT_DTB,		/* the board's tree with them */
	VMM_BOOT_SCRIPT,	/* U-Boot commands that load the files and make the nodes */
	VMM_BOOT_SCRIPT_IMAGE,	/* the same as a boot.scr */
};
struct vmm_boot_range { uint64_t base, size; };
struct vmm_boot_export {
	struct vmm_config *const *guests;	/* in the order of their domids */
	size_t nr_guests;
	enum vmm_boot_form form;
	unsigned xen_minor;		/* 17 for Xen 4.17 */
	const char *board; /* path of the board's device tree, "-" standard input; NULL: unknown,
			      load_base counts unchecked */
	const char *root; /* where the files of the configurations lie: below this folder; NULL:
			     where they say */
	const struct vmm_cpupool_config *pools;	/* that Xen makes as well */
	size_t nr_pools;
	bool ring_memory; /* guests with static memory get room for their rings (Xen with
			     CONFIG_STATIC_SHM) */
	bool no_config;			/* do not keep the configurations in the tree */
	uint64_t load_base;		/* no module below; 0: 256 MiB above the start of memory */
	const struct vmm_boot_range
		*avoid; /* further memory that is in use when modules are loaded */
	size_t nr_avoid;
	vmm_warn_fn
		*warn; /* keys that a boot cannot carry out: `where` is "NAME: KEY"; may be NULL */
	void *warn_arg;
};
/* *out is yours, *len bytes. */
int vmm_boot_export(const struct vmm_boot_export *req, char **out, size_t *len, struct err *err)
	must_check;

/* The other way: the guests and pools of a device tree, in its order, as files of guest.cfg and
 * xlcpupool.cfg. */
enum vmm_boot_file_kind { VMM_BOOT_FILE_GUEST, VMM_BOOT_FILE_POOL };
struct vmm_boot_file {
	enum vmm_boot_file_kind kind;
	char *name;		/* of the node */
	char *text;		/* what the node says */
	char *stored;		/* the configuration that export-dt kept in it; NULL: none */
};
/* *out is yours: vmm_boot_files_free. ENOENT: the tree has none. */
int vmm_boot_import(const char *path, struct vmm_boot_file **out, size_t *nr, struct err *err)
	must_check;
void vmm_boot_files_free(struct vmm_boot_file *files, size_t nr);

/* All guests of a board at once, of both kinds: what was given to two of them is a conflict, the
 * rest a remark. `board`: the path of its device tree, which tells what is given to nobody; NULL:
 * not known. */
typedef void vmm_static_fn(void *arg, bool is_conflict, const char *line);
int vmm_check_static(struct vmm_config *const *guests, size_t nr, const char *board,
		     vmm_static_fn *report, void *arg, unsigned *nr_conflicts, struct err *err)
	must_check;

/* --- consoles --------------------------------------------------------------------------------- */

enum vmm_console_type { VMM_CONSOLE_PV, VMM_CONSOLE_VUART };
/* The terminal of a console, waiting for it at most timeout_ms. *tty is yours. */
int vmm_console_tty(struct vmm *vmm, uint32_t domid, enum vmm_console_type type, unsigned num,
		    int timeout_ms, char **tty, struct err *err) must_check;
/* The number of the console that a domain uses as its own: 0; but a Linux that Xen started before
 * dom0 has only the one it was given later. */
int vmm_console_number(struct vmm *vmm, uint32_t domid, unsigned *num, struct err *err) must_check;
/* What the last domain of this name printed at its end, as xenconsoled kept it. *text is yours.
 * ENOENT: nothing is kept. */
int vmm_console_last(struct vmm *vmm, const char *name, char **text, size_t *len, struct err *err)
	must_check;

/* Ask a guest something in words, over a page it shares and an event channel (the protocol is in
 * xl(1) under message), and wait for its answer. *reply is yours, control characters made harmless.
 * ENOENT: it offers none; ETIMEDOUT: it does not answer; EBUSY: nor what it was asked before. */
int vmm_message(struct vmm *vmm, uint32_t domid, const char *request, int timeout_ms, char **reply,
		struct err *err) must_check;

/* --- devices ---------------------------------------------------------------------------------- */

/*
 * Paravirtual devices of a domain. `class` is one of "disk", "vif", "vkb", "vfb", "vdispl", "vsnd",
 * "vtpm", "p9", "pvcalls", "virtio", "channel", "usbctrl"; `spec` is what guest.cfg has in the list
 * of that name.
 */

/* Attach one to a running domain, wait until its backend and its hotplug step are done, and put it
 * into the saved configuration. Any failure takes all of it back. */
int vmm_device_attach(struct vmm *vmm, uint32_t domid, const char *class, const char *spec,
		      struct err *err) must_check;
/* Take one away: `which` is its number, a disk's name (xvda), an interface's MAC address. Without
 * `force` the guest may refuse (EBUSY). ENOENT: the domain has none such. */
int vmm_device_detach(struct vmm *vmm, uint32_t domid, const char *class, const char *which,
		      bool force, struct err *err) must_check;
/* What a specification says, in upstream's JSON; *json is yours. The host is not looked at. */
int vmm_device_spec_json(struct vmm *vmm, const char *class, const char *spec, char **json,
			 struct err *err) must_check;

struct vmm_deviceinfo {
	int32_t devid;
	uint32_t backend_domid;
	bool is_backend_gone; /* its domain was destroyed or has crashed: detach it, and attach it
				 again when there is a new one */
	char *frontend, *backend;	/* paths in the store */
	char **values; /* of the nodes asked for; NULL where there is none. Guests write some: show,
			  do not trust */
	size_t nr_values;
};
/* Those of a class, by number; `nodes` such as "frontend/state", "backend/mac", NULL at the end.
 * Free with vmm_device_list_free. */
int vmm_device_list(struct vmm *vmm, uint32_t domid, const char *class, const char *const *nodes,
		    struct vmm_deviceinfo **out, size_t *nr, struct err *err) must_check;
void vmm_device_list_free(struct vmm_deviceinfo *list, size_t nr);

/* A host's USB device, onto a port of a controller (class "usbctrl") of the domain, and back to the
 * host. */
int vmm_usbdev_attach(struct vmm *vmm, uint32_t domid, const char *spec, struct err *err)
	must_check;
int vmm_usbdev_detach(struct vmm *vmm, uint32_t domid, int32_t controller, uint32_t port,
		      struct err *err) must_check;
/* Bus and number of a device by the kernel's name for it, which is what a controller's nodes port/N
 * hold. False: it is gone. */
bool vmm_usb_address(const char *busid, uint32_t *bus, uint32_t *addr);

/* Devices whose backends this domain has or, when it just ended, had: `fn` is told of each. Quick
 * for one that serves nobody. */
typedef void vmm_orphan_fn(void *arg, uint32_t domid, const char *kind, int32_t devid);
int vmm_device_orphans(struct vmm *vmm, uint32_t backend_domid, vmm_orphan_fn *fn, void *arg,
		       struct err *err) must_check;

/* The driver domain's half of devices whose backend is in this domain: serve them until stop_fd
 * becomes readable (scripts that run are waited for). Needs the store and no privilege of the
 * control domain. */
struct vmm_devd_ops {
	void (*ready)(void *arg); /* called once, when what was there already is served */
	void (*log)(void *arg, bool is_error, const char *message);	/* one line, no newline */
};
int vmm_devd_run(struct vmm *vmm, int stop_fd, const struct vmm_devd_ops *ops, void *arg,
		 struct err *err) must_check;

/* --- vcpus ------------------------------------------------------------------------------------ */

struct vmm_vcpuinfo {
	uint32_t vcpu, pcpu;
	bool is_online, is_blocked, is_running;
	uint64_t cpu_time_ns;
	struct bitmap hard, soft;
};
/* *out is yours (free). */
int vmm_vcpu_list(struct vmm *vmm, uint32_t domid, struct vmm_vcpuinfo **out, size_t *nr,
		  struct err *err) must_check;
/* A list of pcpus as in `cpus=` ("all", "0-3,^2", "node:0"), against the host's pcpus. `what` names
 * it in messages. */
int vmm_pcpus_parse(struct vmm *vmm, const char *text, const char *what, struct bitmap *out,
		    struct err *err) must_check;
/* Where a vcpu may (hard) and should (soft) run. NULL leaves it as it is. VMM_VCPU_ALL: every vcpu,
 * all or none. `force` overrides a pinning that the hypervisor holds for the moment; for single
 * vcpus only. */
#define VMM_VCPU_ALL UINT32_MAX
int vmm_vcpu_pin(struct vmm *vmm, uint32_t domid, uint32_t vcpu, const struct bitmap *hard,
		 const struct bitmap *soft, bool force, struct err *err) must_check;
/* Ask the guest to have vcpus 0 to nr-1 online and the others offline. */
int vmm_vcpu_set_online(struct vmm *vmm, uint32_t domid, uint32_t nr, struct err *err) must_check;
int vmm_node_affinity(struct vmm *vmm, uint32_t domid, struct bitmap *nodes, struct err *err)
	must_check;

/* --- the host --------------------------------------------------------------------------------- */

struct vmm_hostinfo {		/* `xl info`; sizes in KiB */
	uint32_t nr_cpus, max_cpu_id, nr_nodes, cores_per_socket, threads_per_core, cpu_khz;
	uint32_t hw_caps[8];
	bool cap_pv, cap_hvm, cap_hvm_directio, cap_pv_directio, cap_hap, cap_shadow,
		cap_iommu_hap_pt_share, cap_vmtrace, cap_vpmu, cap_gnttab_v1, cap_gnttab_v2;
	uint32_t sve_vl_bits;
	uint64_t total_kb, free_kb, outstanding_kb, scrub_kb;
	uint64_t sharing_freed_kb, sharing_used_kb;
	uint32_t free_cpus;
	int xen_major, xen_minor;
	char xen_extra[16], compiler[64], compile_by[16], compile_domain[32], compile_date[32];
	char xen_caps[1024], changeset[64], commandline[1024], build_id[65];
	const char *scheduler;
	uint32_t pagesize;
	uint64_t virt_start;
};
/* The counts alone, in one hypercall. */
int vmm_host_size(struct vmm *vmm, unsigned *nr_cpus, unsigned *nr_nodes, struct err *err)
	must_check;
int vmm_host_info(struct vmm *vmm, struct vmm_hostinfo *out, struct err *err) must_check;
struct vmm_cputopo { uint32_t core, socket, node; };
struct vmm_numanode { uint64_t size_kb, free_kb; uint32_t distances[64]; };
int vmm_host_topology(struct vmm *vmm, struct vmm_cputopo **out, size_t *nr, struct err *err)
	must_check;
int vmm_host_numa(struct vmm *vmm, struct vmm_numanode **out, size_t *nr, struct err *err)
	must_check;
/* The hypervisor's console ring; *out is yours, NUL-terminated. */
int vmm_host_dmesg(struct vmm *vmm, bool clear, char **out, size_t *len, struct err *err)
	must_check;
int vmm_host_debug_keys(struct vmm *vmm, const char *keys, struct err *err) must_check;
int vmm_host_set_parameter(struct vmm *vmm, const char *name, const char *value, struct err *err)
	must_check;

/* --- devices of the host ---------------------------------------------------------------------- */

enum vmm_hostdev_state {
	VMM_HOSTDEV_FREE,	/* can be given to a guest: devices = ["PATH"] */
	VMM_HOSTDEV_TAKEN,	/* a guest has it */
	VMM_HOSTDEV_DOM0,	/* dom0 has it, or was not kept from it */
	VMM_HOSTDEV_UNFIT,	/* no guest can have it */
};
struct vmm_hostdev {
	char *path, *compatible;	/* its node in the host's device tree */
	enum vmm_hostdev_state state;
	char *why;			/* one line; NULL when free */
	uint32_t owner;			/* domid, when taken */
	bool does_dma;			/* an SMMU keeps it to the guest's memory */
	struct vmm_boot_range *regs;
	uint32_t *irqs;			/* Xen's numbers: SPIs from 32 */
	size_t nr_regs, nr_irqs;
};
/* Every device of the host's device tree (host_dtb NULL: as dom0 sees it), in the tree's order.
 * Free with vmm_hostdev_list_free. */
int vmm_hostdev_list(struct vmm *vmm, const char *host_dtb, struct vmm_hostdev **out, size_t *nr,
		     struct err *err) must_check;
void vmm_hostdev_list_free(struct vmm_hostdev *list, size_t nr);
/* What these devices (as devices= names them; NULL at the end) would become in a guest, whoever has
 * them: source of the partial device tree, with the lines for guest.cfg in a comment at its head.
 * *notes: what was left out, a line each. Both are yours. */
int vmm_hostdev_dts(struct vmm *vmm, const char *host_dtb, const char *const *devices, char **dts,
		    char **notes, struct err *err) must_check;

/* Device tree overlays (a .dtbo file): their devices become the host's (ADD), are the host's no
 * more (REMOVE; the very file that was added), or are handed to a domain (ATTACH). domid counts for
 * ATTACH alone. Needs Xen 4.20 built with CONFIG_OVERLAY_DTB. */
enum vmm_overlay { VMM_OVERLAY_ADD, VMM_OVERLAY_REMOVE, VMM_OVERLAY_ATTACH };
int vmm_overlay(struct vmm *vmm, enum vmm_overlay op, const char *path, uint32_t domid,
		struct err *err) must_check;

/* --- schedulers ------------------------------------------------------------------------------- */

enum vmm_sched { /* Xen's numbers */
		 VMM_SCHED_CREDIT = 5,
		 VMM_SCHED_CREDIT2 = 6,
		 VMM_SCHED_ARINC653 = 7,
		 VMM_SCHED_RTDS = 8,
		 VMM_SCHED_NULL = 9,
};
const char *vmm_sched_name(enum vmm_sched sched);	/* "unknown" for others */
int vmm_sched_find(const char *name, enum vmm_sched *sched, struct err *err) must_check;

/* Functions about a domain fail with EINVAL when its pool runs another scheduler, and say which. */
struct vmm_credit { uint32_t weight, cap; };
int vmm_credit_get(struct vmm *vmm, uint32_t domid, enum vmm_sched sched, struct vmm_credit *out,
		   struct err *err) must_check;
int vmm_credit_set(struct vmm *vmm, uint32_t domid, enum vmm_sched sched,
		   const struct vmm_credit *in, struct err *err) must_check;
struct vmm_credit_params {
	uint32_t tslice_ms, ratelimit_us, migration_delay_us;
}; /* credit2: ratelimit_us only */
int vmm_credit_params_get(struct vmm *vmm, uint32_t pool, enum vmm_sched sched,
			  struct vmm_credit_params *out, struct err *err) must_check;
int vmm_credit_params_set(struct vmm *vmm, uint32_t pool, enum vmm_sched sched,
			  const struct vmm_credit_params *in, struct err *err) must_check;

struct vmm_rtds { uint32_t period_us, budget_us; bool extratime; };
/* What Xen tells of the domain as a whole: its defaults, whatever the vcpus have. For that see
 * vmm_rtds_vcpu_get. */
int vmm_rtds_get(struct vmm *vmm, uint32_t domid, struct vmm_rtds *out, struct err *err) must_check;
/* Of nr vcpus at once. */
int vmm_rtds_vcpu_get(struct vmm *vmm, uint32_t domid, const uint32_t *vcpus, struct vmm_rtds *out,
		      unsigned nr, struct err *err) must_check;
int vmm_rtds_vcpu_set(struct vmm *vmm, uint32_t domid, const uint32_t *vcpus,
		      const struct vmm_rtds *in, unsigned nr, struct err *err) must_check;
/* How a domain is scheduled, whatever its scheduler: arinc653 and null have no parameters of
 * domains, vcpus under rtds may differ. */
struct vmm_sched_params {
	enum vmm_sched sched;
	bool has_credit, has_rtds;
	struct vmm_credit credit;
	struct vmm_rtds rtds;
};
int vmm_sched_params(struct vmm *vmm, uint32_t domid, struct vmm_sched_params *out, struct err *err)
	must_check;
/* What the vcpus of a pool were promised, as a sum of budget/period in thousandths of a pcpu, and
 * the pcpus there are. More promised than there is cannot be kept. */
int vmm_rtds_load(struct vmm *vmm, uint32_t pool, uint64_t *promised_permille, unsigned *nr_cpus,
		  struct err *err) must_check;

/* A cyclic schedule: windows one after the other from the start of each major frame; what is left
 * of the frame is idle. */
struct vmm_arinc653_window {
	uint8_t uuid[16];	/* of the domain */
	uint32_t domid; /* of the living domain with that UUID; UINT32_MAX: none. Not looked at when
			   setting. */
	uint32_t vcpu;
	uint64_t runtime_ns;
};
#define VMM_ARINC653_MAX 64
struct vmm_arinc653 {
	uint64_t major_frame_ns;
	unsigned nr;
	struct vmm_arinc653_window windows[VMM_ARINC653_MAX];
};
int vmm_arinc653_get(struct vmm *vmm, uint32_t pool, struct vmm_arinc653 *out, struct err *err)
	must_check;
/* Checked first: the sum of the windows, that each is a vcpu of a domain of this pool. */
int vmm_arinc653_set(struct vmm *vmm, uint32_t pool, const struct vmm_arinc653 *in, struct err *err)
	must_check;

/* --- cpupools --------------------------------------------------------------------------------- */

struct vmm_cpupool {
	uint32_t id;
	char *name;
	enum vmm_sched sched;
	uint32_t nr_domains;
	struct bitmap cpus;
};
/* All, by ascending number. Free with vmm_cpupools_free. */
int vmm_cpupool_list(struct vmm *vmm, struct vmm_cpupool **out, size_t *nr, struct err *err)
	must_check;
void vmm_cpupools_free(struct vmm_cpupool *list, size_t nr);	/* NULL is fine */
/* Number or name. ENOENT: no such pool. */
int vmm_cpupool_find(struct vmm *vmm, const char *id_or_name, uint32_t *pool, struct err *err)
	must_check;
/* name is yours; "Pool-N" where nobody named it. */
int vmm_cpupool_name(struct vmm *vmm, uint32_t pool, char **name, struct err *err) must_check;

struct vmm_cpupool_config {
	char *name;			/* yours in what vmm_cpupool_config_load fills */
	bool has_sched, has_cpus;	/* without: the host's scheduler, the first free pcpu */
	enum vmm_sched sched;
	struct bitmap cpus;
};
/* From xlcpupool.cfg(5). */
int vmm_cpupool_config_load(struct vmm *vmm, const struct vmm_config_source *src,
			    struct vmm_cpupool_config *out, struct err *err) must_check;
/* These change all that was asked or nothing. */
int vmm_cpupool_create(struct vmm *vmm, const struct vmm_cpupool_config *cfg, uint32_t *pool,
		       struct err *err) must_check;
/* EPERM where it would make Xen panic, as rtds pools of Xen before 4.23 do, unless `force`. */
int vmm_cpupool_destroy(struct vmm *vmm, uint32_t pool, bool force, struct err *err) must_check;
int vmm_cpupool_rename(struct vmm *vmm, uint32_t pool, const char *new_name, struct err *err)
	must_check;
int vmm_cpupool_add_cpus(struct vmm *vmm, uint32_t pool, const struct bitmap *cpus, struct err *err)
	must_check;
int vmm_cpupool_remove_cpus(struct vmm *vmm, uint32_t pool, const struct bitmap *cpus, bool force,
			    struct err *err) must_check; /* EPERM as above */
int vmm_cpupool_free_cpus(struct vmm *vmm, struct bitmap *cpus, struct err *err) must_check;
int vmm_cpupool_move_domain(struct vmm *vmm, uint32_t domid, uint32_t pool, struct err *err)
	must_check;
/* One pool a NUMA node. */
int vmm_cpupool_numa_split(struct vmm *vmm, struct err *err) must_check;

/* --- static partitioning ---------------------------------------------------------------------- */

/* A plan of who runs where, from xl-partition(5). Plain values; owned by what vmm_plan_load fills,
 * freed with vmm_plan_free. */
struct vmm_plan_pool { char *name; enum vmm_sched sched; struct bitmap cpus; };
struct vmm_plan_guest {
	char *name, *pool;
}; /* a domain's name; pool: one of the plan's, or Pool-0 */
struct vmm_plan_pin {
	char *guest;
	uint32_t vcpu;
	struct bitmap cpus;
}; /* vcpu may be VMM_VCPU_ALL */
struct vmm_plan {
	struct vmm_plan_pool *pools;
	struct vmm_plan_guest *guests;
	struct vmm_plan_pin *pins;
	size_t nr_pools, nr_guests, nr_pins;
	struct bitmap exclusive;	/* pcpus for those alone who are pinned to them */
	char *text;			/* as read */
};
/* Read and check against the host's pcpus. NULL path: the plan in force; ENOENT when there is
 * none. */
int vmm_plan_load(struct vmm *vmm, const char *path, struct vmm_plan *out, struct err *err)
	must_check;
void vmm_plan_free(struct vmm_plan *plan);
/* Make it so, for the guests that live, and remember it for those that start later
 * (vmm_domain_create looks it up). All of it or nothing: on failure pools, domains and affinities
 * are what they were. */
int vmm_plan_apply(struct vmm *vmm, const struct vmm_plan *plan, struct err *err) must_check;
/* The plan in force is forgotten: its pools go, its domains come back to Pool-0 and may run
 * everywhere. ENOENT: there is none. */
int vmm_plan_clear(struct vmm *vmm, struct err *err) must_check;

/* Where a vcpu can run: its hard affinity within its pool. */
struct vmm_placement {
	char *name, *pool;
	uint32_t domid;		/* UINT32_MAX: a guest of a plan that does not run */
	uint32_t vcpu;		/* VMM_VCPU_ALL: all of a guest that does not run */
	bool is_online;
	uint32_t pcpu;		/* when it is online: where it ran last */
	struct bitmap cpus;
};
/* Of every vcpu of every domain, as things are. Free with vmm_placement_free. */
int vmm_placement(struct vmm *vmm, struct vmm_placement **out, size_t *nr, struct err *err)
	must_check;
/* As they would be once the plan is applied; with the plan's guests that do not run yet. */
int vmm_plan_placement(struct vmm *vmm, const struct vmm_plan *plan, struct vmm_placement **out,
		       size_t *nr, struct err *err) must_check;
void vmm_placement_free(struct vmm_placement *list, size_t nr);

/* --- memory ----------------------------------------------------------------------------------- */

/* The most a guest may have: Xen's limit and memory/static-max. */
int vmm_memory_set_max(struct vmm *vmm, uint32_t domid, uint64_t max_kb, struct err *err)
	must_check;
/* What a guest should balloon to. At most memory/static-max. */
int vmm_memory_set_target(struct vmm *vmm, uint32_t domid, uint64_t target_kb, struct err *err)
	must_check;

#endif
