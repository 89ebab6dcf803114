/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef XL_MONITOR_H
#define XL_MONITOR_H

#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"

/*
 * The supervisor: carries out on_poweroff, on_reboot, on_crash, on_watchdog and on_soft_reset. One
 * for the host, where upstream keeps a process for every guest.
 *
 * It keeps nothing in memory that matters. Which domains it looks after, and how often one was
 * restarted, are notes in the toolstack's part of the store (/libxl/<domid>/supervised,
 * .../restarts); what a domain died of, Xen remembers until it is destroyed; a restart that was
 * begun is a file (restart_record.h). So a supervisor that was killed at any moment and started
 * again finds everything it missed.
 */

struct xl;

/* Start the host's supervisor unless it runs; returns when it is ready. */
int monitor_ensure(struct err *err) must_check;

/* Supervise one domain and its successors in the foreground until it is gone for good. */
int monitor_one(struct xl *xl, uint32_t domid, struct err *err) must_check;
/* Supervise the host's guests until SIGTERM. `ready` is called when every watch is in place. */
int monitor_host(struct xl *xl, void (*ready)(void), struct err *err) must_check;

/* What is to be said of a guest that Xen started, behind its name. */
const char *monitor_boot_guest_remark(unsigned state);

#define MONITOR_PID_FILE XEN_RUN_DIR "/xlmonitor.pid"

#endif
