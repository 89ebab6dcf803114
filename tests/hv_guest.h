/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TESTS_HV_GUEST_H
#define TESTS_HV_GUEST_H

#include <stdint.h>
#include "libvmm/internal.h"

/* A domain with vcpus and nothing else, made by hypercalls; its number. Its UUID begins with
 * `uuid`. A name of NULL: none in the store. A failure ends the test. */
uint32_t hv_guest(struct vmm *vmm, const char *name, uint32_t nr_vcpus, uint8_t uuid);

#endif
