// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The console of the bare-metal guests: Xen's PV console ring (public/io/console.h) in its magic
 * page, and the emulated UART. No interrupts: what is waited for is polled.
 */
#include "guest.h"

#define PARAM_CONSOLE_PFN 17
#define PARAM_CONSOLE_EVTCHN 18
#define HVMOP_GET_PARAM 1
#define HYPERVISOR_SCHED_OP 29
#define SCHEDOP_YIELD 0
#define EVTCHNOP_SEND 4
#define UART_DATA (*(volatile uint32_t *)0x22000000)
#define UART_FLAGS (*(volatile uint32_t *)0x22000018)
#define UART_FLAG_TX_FULL 0x20u
#define FDT_MAGIC 0xd00dfeedu

struct console_ring {
	char in[1024], out[2048];
	uint32_t in_cons, in_prod, out_cons, out_prod;
};

static volatile struct console_ring *ring;
static uint32_t port;
static int has_uart;

/* Compilers call it where there is no library too. */
void *memset(void *to, int c, unsigned long n);
void *memset(void *to, int c, unsigned long n)
{
	for (volatile char *p = to; n > 0; n--)
		*p++ = (char)c;
	return to;
}

uint64_t param_get(uint32_t index)
{
	struct {
		uint16_t domid, pad;
		uint32_t index;
		uint64_t value;
	} arg = { DOMID_SELF, 0, index, 0 };

	return hypercall(HYPERVISOR_HVM_OP, HVMOP_GET_PARAM, &arg) == 0 ? arg.value : 0;
}

uint32_t be32(const void *p)
{
	const uint8_t *b = p;

	return (uint32_t)b[0] << 24 | b[1] << 16 | b[2] << 8 | b[3];
}

static void kick(void)
{
	uint32_t arg = port;

	__sync_synchronize();
	hypercall(HYPERVISOR_EVENT_CHANNEL_OP, EVTCHNOP_SEND, &arg);
}

static void put(char c)
{
	if (has_uart) {
		while (UART_FLAGS & UART_FLAG_TX_FULL)
			;
		UART_DATA = (uint8_t)c;
	}
	if (!ring)
		return;
	while (ring->out_prod - ring->out_cons >= sizeof(ring->out))
		kick();
	ring->out[ring->out_prod & (sizeof(ring->out) - 1)] = c;
	__sync_synchronize();
	ring->out_prod++;
}

void print(const char *s)
{
	for (; *s; s++) {
		if (*s == '\n')
			put('\r');
		put(*s);
	}
	kick();
}

void print_number(unsigned long v, unsigned base)
{
	char text[24], *at = text + sizeof(text) - 1;

	*at = '\0';
	do {
		*--at = "0123456789abcdef"[v % base];
		v /= base;
	} while (v);
	print(at);
}

int dtb_says(const uint8_t *data, const char *word)
{
	uint32_t len = 0, size = be32(data) == FDT_MAGIC ? be32(data + 4) : 0;

	while (word[len])
		len++;
	for (uint32_t i = 0; i + len <= size; i++) {
		uint32_t k = 0;

		while (k < len && data[i + k] == (uint8_t)word[k])
			k++;
		if (k == len)
			return 1;
	}
	return 0;
}

int console_open(void)
{
	uint64_t pfn = param_get(PARAM_CONSOLE_PFN);

	if (pfn == 0 || pfn == UINT64_MAX)
		return 0;
	port = (uint32_t)param_get(PARAM_CONSOLE_EVTCHN);
	ring = (volatile struct console_ring *)(uintptr_t)(pfn << 12);
	return 1;
}

#ifdef __aarch64__
/* The virtual timer's interrupt (PPI 11) through a GICv3 where Xen shows it to guests
 * (public/arch-arm.h). Interrupts stay masked: it only ends the wait, and is taken by hand. */
#define GICD_CTLR (*(volatile uint32_t *)0x03001000)
#define GICR_ISENABLER0 (*(volatile uint32_t *)0x03030100)
#define TIMER_IRQ 27

static void open_timer(void)
{
	GICD_CTLR = 2;	/* group 1 */
	GICR_ISENABLER0 = 1u << TIMER_IRQ;
	__asm__ volatile("msr s3_0_c4_c6_0, %0\n\t"		/* ICC_PMR_EL1: all priorities */
			 "msr s3_0_c12_c12_7, %1\n\tisb"	/* ICC_IGRPEN1_EL1 */
			 :: "r"(0xfful), "r"(1ul));
}

void nap(void)
{
	static int is_open;
	unsigned long v;

	if (!is_open)
		open_timer();
	is_open = 1;
	__asm__ volatile("mrs %0, cntfrq_el0" : "=r"(v));
	v >>= 6;
	__asm__ volatile("msr cntv_tval_el0, %0\n\tmsr cntv_ctl_el0, %1\n\tisb\n\twfi" ::"r"(v),
			 "r"(1ul)
			 : "memory");
	__asm__ volatile("mrs %0, s3_0_c12_c12_0" : "=r"(v));	/* ICC_IAR1_EL1 */
	__asm__ volatile("msr cntv_ctl_el0, xzr\n\tisb");
	if ((v & 0xffffff) < 1020)
		__asm__ volatile("msr s3_0_c12_c12_1, %0\n\tisb" :: "r"(v));	/* ICC_EOIR1_EL1 */
}
#else
void nap(void)
{
	hypercall(HYPERVISOR_SCHED_OP, SCHEDOP_YIELD, 0);
}
#endif

void main(const uint8_t *dtb);
void main(const uint8_t *dtb)
{
	(void)console_open();
	has_uart = dtb_says(dtb, "arm,sbsa-uart");
	guest_main(dtb);
	/* What was printed is to be read before the domain ends. */
	while (ring && ring->out_prod != ring->out_cons)
		kick();
}
