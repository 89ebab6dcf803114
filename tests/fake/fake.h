/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TESTS_FAKE_FAKE_H
#define TESTS_FAKE_FAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The fake hypervisor, seen by tests: a host that xc_*, xenforeignmemory_*, xenevtchn_* and
 * xengnttab_* of tests/fake act on. It has dom0 and what was made through those calls. It answers
 * as Xen 4.17 on Arm does where the caller can tell: orders of steps, limits, pools, who may map
 * what. It proves error paths; that something works is proved on real Xen.
 *
 * Each Check test is a process of its own and starts with a fresh host.
 */

/* The host. May be changed before the first call. */
struct fake_host {
	unsigned nr_cpus;
	uint64_t total_pages;
	unsigned dom0_mb;
	int xen_minor;			/* 4.N */
	unsigned gic_version;		/* 2 or 3 */
	bool has_acquire_resource;	/* else the old way to a grant table must do */
	bool is_dom0_movable;		/* dom0 is not mapped 1:1, as with LLC colours */
	const char *commandline;	/* Xen's; NULL: one without anything of interest */
	const char *console_ring;	/* what readconsole gives */
	const char *dt_devices[8];	/* paths that may be assigned */
};
extern struct fake_host fake_host;

/* What a caller did that a real host would punish later: a guest that runs on stale cache lines,
 * say. NULL when there is nothing to blame. */
const char *fake_violation(void);

/* NULL: nothing is left of any domain but dom0: no domain, port, mapping, assigned device, reserved
 * interrupt, cpupool. Else what is left. */
const char *fake_leftover(void);

/* --- domains ---------------------------------------------------------------------------------- */

bool fake_domain_exists(uint32_t domid);
bool fake_domain_is_paused(uint32_t domid);
unsigned fake_nr_domains(void);			/* without dom0 */
/* The guest's page, shared with all who map it; NULL when there is none at this frame. Valid while
 * the domain lives. */
void *fake_guest_page(uint32_t domid, uint64_t gfn);
void fake_guest_read(uint32_t domid, uint64_t gpa, void *buf, size_t len);
/* Entry state of vcpu 0. */
struct fake_entry { uint64_t pc, x0, cpsr, sctlr; bool is_online; };
bool fake_guest_entry(uint32_t domid, struct fake_entry *out);
uint64_t fake_guest_param(uint32_t domid, unsigned param);
/* The guest stops by itself (SHUTDOWN_*): as xc_domain_shutdown, with the virtual interrupt. */
void fake_guest_shutdown(uint32_t domid, unsigned reason);
uint64_t fake_free_pages(void);

/* --- event channels --------------------------------------------------------------------------- */

/* The guest's end: kick the peer; count the kicks it got since last asked. */
void fake_guest_notify(uint32_t domid, uint32_t port);
unsigned fake_guest_kicks(uint32_t domid, uint32_t port);
/* Called with each kick that dom0 gives a guest: what the guest does about it. NULL: nothing. */
void fake_on_guest_kick(void (*fn)(uint32_t domid, uint32_t port));
/* A virtual interrupt of dom0. */
void fake_virq(unsigned virq);
/* Make a domain with nothing but `pages` of RAM at gfn 0x40000, for tests that need a guest and no
 * builder. */
uint32_t fake_domain_make(unsigned pages);
void fake_domain_kill(uint32_t domid);
/* Xen keeps this domain's number when the domain is gone, as that of one with a static event
 * channel; forget: after all. */
void fake_domain_keep(uint32_t domid);
void fake_domain_forget(uint32_t domid);
/* The number that the hypervisor tries first for the next domain. */
void fake_next_domid(uint32_t domid);
/* A port of the guest that dom0 may bind. */
uint32_t fake_port_make(uint32_t domid);
/* Grant dom0 access to a frame. */
void fake_grant(uint32_t domid, uint32_t ref, uint64_t gfn);

#endif
