/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef XL_MONITOR_H
#define XL_MONITOR_H

#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"

/*
 * The supervisor: carries out on_poweroff, on_reboot, on_crash, on_watchdog and on_soft_reset. One for the host, where
 * upstream keeps a process for every guest.
 *
 * It keeps nothing in memory that matters. Which domains it looks after, and how often one was restarted, are notes in the toolstack's
 * part of the store (/libxl/<domid>/supervised, .../restarts); what a domain died of, Xen remembers until it is destroyed. So a
 * supervisor that was killed and started again finds everything it missed.
 */

/* Look after the domain from now on (`xl create` without -e). Survives restarts of the supervisor, ends with the domain. */
struct vmm;
int monitor_adopt(struct vmm *vmm, uint32_t domid, struct err *err) must_check;

/* Look after it no longer: what it does is no longer answered. */
int monitor_release(struct vmm *vmm, uint32_t domid, struct err *err) must_check;

/* Start the host's supervisor unless it runs; returns when it is ready. */
int monitor_ensure(struct err *err) must_check;

/* Supervise one domain and its successors in the foreground until it is gone for good. */
int monitor_one(uint32_t domid, struct err *err) must_check;

/* What is to be said of a guest that Xen started, behind its name. */
const char *monitor_boot_guest_remark(unsigned state);

#define MONITOR_PID_FILE XEN_RUN_DIR "/xlmonitor.pid"

#endif
