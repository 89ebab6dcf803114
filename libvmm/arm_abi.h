/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBVMM_ARM_ABI_H
#define LIBVMM_ARM_ABI_H

/*
 * Xen's Arm interface, whatever machine compiles this. The public headers choose the architecture
 * by compiler macro, so on another host the macro is swapped around them; sizes and offsets are
 * then those of Arm. System headers the Xen headers want come first, under the host's own macros.
 * Code built that way is for tests: hv_open refuses on a host that is not Arm.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

#if !defined(__aarch64__) && !defined(__arm__)
#define ARM_ABI_BORROWED
#ifdef __x86_64__
#pragma push_macro("__x86_64__")
#undef __x86_64__
#endif
#define __aarch64__ 1
#endif

#include <xenctrl.h>
#include <xenforeignmemory.h>
#include <xenevtchn.h>
#include <xengnttab.h>
#include <xentoollog.h>
#include <xen/hvm/params.h>

#ifdef ARM_ABI_BORROWED
#undef __aarch64__
#ifdef __linux__
#pragma pop_macro("__x86_64__")
#endif
#endif

#endif
