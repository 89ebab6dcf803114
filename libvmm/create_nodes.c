// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What a new domain's store tree looks like. Nothing is decided from what stands there already but
 * where the daemons run; a stale tree of an earlier domain of that number is removed.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include "base/mem.h"
#include "base/num.h"
#include "base/str.h"
#include "libvmm/create_nodes.h"

#define CONSOLE_LIMIT "1048576"	/* bytes that xenconsoled keeps for a reader that is slow */

/* A reader sees, the owner may all; the first entry names the owner and what everybody else may
 * (nothing). */
struct node_perms {
	struct store_perm private[1];	/* dom0 alone */
	struct store_perm shown[2];	/* dom0, the guest reads */
	struct store_perm own[1];	/* the guest's */
};

static struct node_perms perms_of(uint32_t domid)
{
	return (struct node_perms){
		.private = { { 0, 'n' } },
		.shown = { { 0, 'n' }, { domid, 'r' } },
		.own = { { domid, 'n' } },
	};
}

/* --- before the domain is built --------------------------------------------------------------- */

static const char *const shown_dirs[] = { "cpu", "memory" };
/* What the guest writes: its drivers and agents announce themselves here. */
static const char *const own_nodes[] = {
	"control/shutdown",
	"control/feature-poweroff",
	"control/feature-reboot",
	"control/feature-suspend",
	"control/sysrq",
	"data",
	"drivers",
	"feature",
	"attr",
	"error",
};
static const char *const driver_domain_nodes[] = { "libxl", "device-model" };

static void make_guest_dir(struct store_txn *t, const struct vmm_config *cfg, uint32_t domid,
			   const char *uuid)
{
	struct node_perms p = perms_of(domid);
	autofree char *dir = str_printf("/local/domain/%" PRIu32, domid);

	store_txn_rm(t, "%s", dir);
	store_txn_mkdir(t, p.shown, 2, "%s", dir);
	store_txn_write(t, "", "/vm/%s", uuid);
	store_txn_perms(t, p.shown, 2, "/vm/%s", uuid);
	store_txn_write(t, cfg->name, "/vm/%s/name", uuid);
	store_txn_write(t, uuid, "/vm/%s/uuid", uuid);
	autofree char *vm = str_printf("/vm/%s", uuid);
	store_txn_write(t, vm, "%s/vm", dir);
	store_txn_write(t, cfg->name, "%s/name", dir);
	for (unsigned i = 0; i < array_size(shown_dirs); i++)
		store_txn_mkdir(t, p.shown, 2, "%s/%s", dir, shown_dirs[i]);
	if (cfg->suspend_evtchn_compat)
		store_txn_mkdir(t, p.own, 1, "%s/device", dir);
	else
		store_txn_mkdir(t, p.shown, 2, "%s/device", dir);
	store_txn_mkdir(t, p.own, 1, "%s/device/suspend/event-channel", dir);
	store_txn_mkdir(t, p.shown, 2, "%s/control", dir);
	for (unsigned i = 0; i < array_size(own_nodes); i++)
		store_txn_mkdir(t, p.own, 1, "%s/%s", dir, own_nodes[i]);
	for (unsigned i = 0; cfg->driver_domain && i < array_size(driver_domain_nodes); i++)
		store_txn_mkdir(t, p.own, 1, "%s/%s", dir, driver_domain_nodes[i]);
	store_txn_write(t, "1", "%s/control/platform-feature-multiprocessor-suspend", dir);
	store_txn_write(t, "1", "%s/control/platform-feature-xs_reset_watches", dir);
}

int nodes_make(struct vmm *vmm, const struct vmm_config *cfg, uint32_t domid, struct err *err)
{
	autotxn struct store_txn t = STORE_TXN(vmm->store);
	struct node_perms p = perms_of(domid);
	char uuid[37];

	vmm_uuid_text(cfg->uuid, uuid);
	make_guest_dir(&t, cfg, domid, uuid);
	store_txn_rm(&t, "/libxl/%" PRIu32, domid);
	store_txn_mkdir(&t, p.private, 1, "/libxl/%" PRIu32, domid);
	store_txn_mkdir(&t, p.private, 1, "/libxl/%" PRIu32 "/device", domid);
	store_txn_write(&t, "pvh", "/libxl/%" PRIu32 "/type", domid);
	store_txn_write(&t, "qemu_xen", "/libxl/%" PRIu32 "/dm-version", domid);
	return store_txn_commit(&t, err);
}

/* --- after ------------------------------------------------------------------------------------ */

static int daemon_domid(const char *value, const char *what, uint32_t *domid, struct err *err)
{
	uint64_t n = 0;

	if (value && num_dec(value, HV_DOMID_FIRST_RESERVED - 1, what, &n, err) < 0)
		return -1;
	*domid = n;
	return 0;
}

int nodes_daemons(struct vmm *vmm, uint32_t *store_domid, uint32_t *console_domid, struct err *err)
{
	static const char *const paths[2] = { "/tool/xenstored/domid", "/tool/xenconsoled/domid" };
	char *values[2] = { NULL, NULL };
	int r = store_read_many(vmm->store, paths, 2, values, err);

	if (r == 0 && (daemon_domid(values[0], paths[0], store_domid, err) < 0 ||
		       daemon_domid(values[1], paths[1], console_domid, err) < 0))
		r = -1;
	free(values[0]);
	free(values[1]);
	return r;
}

static void write_u64(struct store_txn *t, uint64_t value, const char *dir, const char *key)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, value);
	store_txn_write(t, text, "%s/%s", dir, key);
}

/* A guest that Xen started may have its rings elsewhere. */
static uint64_t ring_gfn(uint64_t gfn, enum layout_magic usual)
{
	return gfn ? gfn : build_magic(usual) >> HV_PAGE_SHIFT;
}

static void write_guest(struct store_txn *t, const struct build *b, const char *dir)
{
	write_u64(t, b->cfg->max_kb, dir, "memory/static-max");
	write_u64(t, b->cfg->target_kb, dir, "memory/target");
	write_u64(t, 0, dir, "memory/videoram");
	write_u64(t, b->created.domid, dir, "domid");
	write_u64(t, b->store_port, dir, "store/port");
	write_u64(t, ring_gfn(b->store_gfn, MAGIC_XENSTORE), dir, "store/ring-ref");
	for (uint32_t i = 0; i < b->cfg->max_vcpus; i++)
		store_txn_write(t, i < b->cfg->vcpus ? "online" : "offline",
				"%s/cpu/%" PRIu32 "/availability", dir, i);
}

static void write_start_time(struct store_txn *t, const struct build *b)
{
	struct timespec now;
	char uuid[37], text[40];

	clock_gettime(CLOCK_REALTIME, &now);
	snprintf(text, sizeof(text), "%lld.%02ld", (long long)now.tv_sec, now.tv_nsec / 10000000);
	vmm_uuid_text(b->cfg->uuid, uuid);
	store_txn_write(t, text, "/vm/%s/start_time", uuid);
}

/* Consoles that xenconsoled serves: the PV console, and the far end of the emulated UART. */
struct console {
	const char *kind;	/* of the backend's and the record's path */
	char *front;		/* owned */
	bool is_pv;
	uint32_t port;
	uint64_t gfn;
};

static void write_both_ends(struct store_txn *t, const struct build *b, const struct console *c,
			    const char *dir)
{
	store_txn_write(t, c->front, "%s/frontend", dir);
	write_u64(t, b->created.domid, dir, "frontend-id");
	store_txn_write(t, "1", "%s/online", dir);
	store_txn_write(t, "1", "%s/state", dir);
	store_txn_write(t, "vt100", "%s/protocol", dir);
}

static void write_frontend(struct store_txn *t, const struct build *b, const struct console *c,
			   const char *back)
{
	struct store_perm shown[2] = { { b->console_domid, 'n' }, { b->created.domid, 'r' } };
	struct store_perm own[2] = { { b->created.domid, 'n' }, { b->console_domid, 'r' } };

	store_txn_mkdir(t, shown, 2, "%s", c->front);
	store_txn_write(t, back, "%s/backend", c->front);
	if (c->is_pv) {
		write_u64(t, b->console_domid, c->front, "backend-id");
		store_txn_perms(t, own, 2, "%s/backend-id", c->front);
	} else {
		write_u64(t, c->port, c->front, "port");
		write_u64(t, c->gfn, c->front, "ring-ref");
	}
	store_txn_write(t, CONSOLE_LIMIT, "%s/limit", c->front);
	store_txn_write(t, "xenconsoled", "%s/type", c->front);
	if (!c->is_pv)
		return;
	store_txn_write(t, "pty", "%s/output", c->front);
	store_txn_write(t, "", "%s/tty", c->front);
	write_u64(t, c->port, c->front, "port");
	write_u64(t, c->gfn, c->front, "ring-ref");
}

static void write_console(struct store_txn *t, const struct build *b, const struct console *c)
{
	uint32_t domid = b->created.domid;
	struct store_perm shown[2] = { { b->console_domid, 'n' }, { domid, 'r' } };
	autofree char *back = str_printf("/local/domain/%" PRIu32 "/backend/%s/%" PRIu32 "/0",
					 b->console_domid, c->kind, domid);
	autofree char *record = str_printf("/libxl/%" PRIu32 "/device/%s/0", domid, c->kind);

	write_frontend(t, b, c, back);
	store_txn_mkdir(t, shown, 2, "%s", back);
	write_both_ends(t, b, c, back);
	store_txn_write(t, c->front, "%s/frontend", record);
	store_txn_write(t, back, "%s/backend", record);
	write_both_ends(t, b, c, record);
}

int nodes_built(const struct build *b, struct err *err)
{
	autotxn struct store_txn t = STORE_TXN(b->vmm->store);
	autofree char *dir = str_printf("/local/domain/%" PRIu32, b->created.domid);
	autofree char *pv_front = str_printf("%s/console", dir);
	autofree char *vuart_front = str_printf("%s/vuart/0", dir);
	const struct console pv = { "console", pv_front, true, b->console_port,
				    ring_gfn(b->console_gfn, MAGIC_CONSOLE) };
	const struct console vuart = { "vuart", vuart_front, false, b->vuart_port,
				       build_magic(MAGIC_VUART) >> HV_PAGE_SHIFT };

	write_guest(&t, b, dir);
	write_start_time(&t, b);
	/* Xen keeps the UART of a guest that it started to itself. */
	if (b->vuart_port)
		write_console(&t, b, &vuart);
	write_console(&t, b, &pv);
	if (store_txn_commit(&t, err) < 0)
		return -1;
	return store_introduce(b->vmm->store, b->created.domid,
			       ring_gfn(b->store_gfn, MAGIC_XENSTORE), b->store_port, err);
}

int nodes_start_time(const struct build *b, struct err *err)
{
	autotxn struct store_txn t = STORE_TXN(b->vmm->store);

	write_start_time(&t, b);
	return store_txn_commit(&t, err);
}
