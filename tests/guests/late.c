// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A guest that was there before any toolstack, as dom0less guests are: it waits until it is given a
 * console and a store ring, asks at once without a look at whether anybody listens yet, and then
 * does what control/shutdown says. data/crash makes it crash. Before that it meets the guest that
 * Xen connected it with, if any.
 */
#include "store.h"

#define SCHEDOP_SHUTDOWN 2
#define EVTCHNOP_STATUS 5
#define EVTCHNSTAT_INTERDOMAIN 2u
#define SHARED ((volatile uint32_t *)0x50000000)
#define SEEN 0x5eeu
enum { SHUTDOWN_REBOOT = 1, SHUTDOWN_CRASH = 3 };

static void end(uint32_t reason)
{
	for (unsigned i = 0; i < 8; i++)
		nap();
	hypercall(HYPERVISOR_SCHED_OP, SCHEDOP_SHUTDOWN, &reason);
}

static int reads(const char *path, const char *value)
{
	return store_call(STORE_READ, 0, path, "", 0) == STORE_READ &&
	       (value ? text_equal(store_body, value) : store_body[0]);
}

static void say(const char *path, const char *value)
{
	if (store_call(STORE_WRITE, 0, path, value, text_len(value)) != STORE_WRITE) {
		print("late: the store refuses ");
		print(path);
		print("\n");
	}
}

struct port_status {
	uint16_t domid, pad;
	uint32_t port, status, vcpu;
	uint16_t remote_domid, remote_pad;
	uint32_t remote_port;
};

/* Two guests with a static event channel (ports 10 and 11) and static shared memory: each leaves a
 * word and waits for the other's. */
static void meet(void)
{
	for (uint32_t port = 10; port <= 11; port++) {
		struct port_status s = { DOMID_SELF, 0, port, 0, 0, 0, 0, 0 };
		uint32_t side = port - 10;

		if (hypercall(HYPERVISOR_EVENT_CHANNEL_OP, EVTCHNOP_STATUS, &s) != 0 ||
		    s.status != EVTCHNSTAT_INTERDOMAIN)
			continue;
		print("late: port ");
		print_number(port, 10);
		print(" leads to port ");
		print_number(s.remote_port, 10);
		print(" of domain ");
		print_number(s.remote_domid, 10);
		print("\n");
		SHARED[side] = SEEN + port;
		__sync_synchronize();
		while (SHARED[!side] != SEEN + s.remote_port)
			nap();
		print("late: met\n");
	}
}

static void await_store(void)
{
	uint64_t pfn;

	while ((pfn = param_get(PARAM_STORE_PFN)) == 0 || pfn == UINT64_MAX)
		nap();
	store_open();
}

void guest_main(const uint8_t *dtb)
{
	(void)dtb;
	print("late: up\n");
	meet();
	await_store();
	say("data/late", "first words");
	while (!console_open())
		nap();
	print("late: served\n");
	say("control/feature-poweroff", "1");
	say("control/feature-reboot", "1");
	for (;;) {
		if (reads("control/shutdown", "poweroff"))
			break;
		if (reads("control/shutdown", "reboot")) {
			say("control/shutdown", "");
			end(SHUTDOWN_REBOOT);
		}
		if (reads("data/crash", "1"))
			end(SHUTDOWN_CRASH);
		nap();
	}
	say("control/shutdown", "");
	print("late: off\n");
}
