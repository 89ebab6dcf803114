// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What ties libvmm to the machine it was built for. Tests leave this file out and say themselves
 * that there is an Arm host, which their fake hypervisor then is.
 */
#include "libvmm/hv.h"

#if defined(__aarch64__) || defined(__arm__)
const bool hv_host_is_arm = true;
#else
const bool hv_host_is_arm = false;
#endif
