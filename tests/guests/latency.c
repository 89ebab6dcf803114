// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Measures how late the timer's interrupt reaches a bare-metal guest, the vcpu asleep until then:
 * from the count the timer was set to up to the first instruction of the handler. "xl message NAME
 * latency N" has it take N samples and answers in nanoseconds; WARM_MAX leaves out the first tenth.
 * 64 bits and a GICv3 only.
 */
#include "message.h"

#define GICD 0x03001000ul
#define GICR 0x03020000ul
#define GICR_SGI (GICR + 0x10000ul)
#define GICD_CTLR 0x0
#define GICR_WAKER 0x14
#define GICR_ISENABLER 0x100
#define TIMER_PPI 27
#define PERIOD_US 2000
#define MAX_SAMPLES 5000u

#define READ(name) __extension__({ uint64_t v_; __asm__ volatile("mrs %0, " name : "=r"(v_)); v_; })
#define WRITE(name, v) __asm__ volatile("msr " name ", %0\n\tisb" : : "r"((uint64_t)(v)) : "memory")
#define ICC_PMR_EL1 "S3_0_C4_C6_0"
#define ICC_IAR1_EL1 "S3_0_C12_C12_0"
#define ICC_EOIR1_EL1 "S3_0_C12_C12_1"
#define ICC_SRE_EL1 "S3_0_C12_C12_5"
#define ICC_IGRPEN1_EL1 "S3_0_C12_C12_7"
#define REG(addr) (*(volatile uint32_t *)(addr))

/* latency64.S: calls irq_handler with the counter as it was at the vector. */
extern char latency_vectors[];
void irq_handler(uint64_t now);

static volatile uint64_t arrived;
static volatile uint32_t others;

void irq_handler(uint64_t now)
{
	uint64_t irq = READ(ICC_IAR1_EL1);

	if ((irq & 0xffffff) == TIMER_PPI) {
		WRITE("cntv_ctl_el0", 0);
		arrived = now;
	} else {
		others++;
	}
	if ((irq & 0xffffff) < 1020)
		WRITE(ICC_EOIR1_EL1, irq);
}

static void start_interrupts(void)
{
	WRITE("vbar_el1", latency_vectors);
	WRITE(ICC_SRE_EL1, 1);
	REG(GICR + GICR_WAKER) = 0;
	REG(GICD + GICD_CTLR) = 0x12;		/* affinity routing, group 1 */
	REG(GICR_SGI + GICR_ISENABLER) = 1u << TIMER_PPI;
	WRITE(ICC_PMR_EL1, 0xff);
	WRITE(ICC_IGRPEN1_EL1, 1);
}

/* One sample in counts of the timer. */
static uint64_t sample(uint64_t period)
{
	uint64_t due;

	arrived = 0;
	due = READ("cntvct_el0") + period;
	WRITE("cntv_cval_el0", due);
	WRITE("cntv_ctl_el0", 1);
	while (!arrived)
		/* Masked between the look and the sleep: an interrupt in between still ends the
		 * sleep. */
		__asm__ volatile("wfi\n\tmsr daifclr, #2\n\tisb\n\tmsr daifset, #2" : : : "memory");
	return arrived - due;
}

static uint32_t to_ns(uint64_t counts, uint64_t hz)
{
	return (uint32_t)(counts * 1000000000ull / hz);
}

static void report(const char *name, uint32_t ns)
{
	message_add(name);
	message_number(ns);
}

static void measure(uint32_t nr)
{
	uint64_t hz = READ("cntfrq_el0"), sum = 0, min = ~0ull, max = 0, warm_max = 0;

	for (uint32_t i = 0; i < nr; i++) {
		uint64_t late = sample(hz * PERIOD_US / 1000000);

		sum += late;
		min = late < min ? late : min;
		max = late > max ? late : max;
		if (i >= nr / 10)
			warm_max = late > warm_max ? late : warm_max;
	}
	report("AVG=", to_ns(sum / nr, hz));
	report(" MIN=", to_ns(min, hz));
	report(" MAX=", to_ns(max, hz));
	report(" WARM_MAX=", to_ns(warm_max, hz));
	message_add(" ns");
}

/* On the console as well. */
static void tell(void)
{
	char line[128];
	uint32_t i = 0;

	for (; i < message_len && i + 1 < sizeof(line); i++)
		line[i] = message.reply[i];
	line[i] = '\0';
	print("latency: ");
	print(line);
	print("\n");
}

static uint32_t number_behind(const char *s, const char *word)
{
	uint32_t v = 0;

	while (*word && *s == *word)
		s++, word++;
	while (*s >= '0' && *s <= '9' && v < MAX_SAMPLES)
		v = v * 10 + (uint32_t)(*s++ - '0');
	return *word || *s ? 0 : v;
}

void guest_main(const uint8_t *dtb)
{
	(void)dtb;
	if (!message_open())
		return;
	start_interrupts();
	print("latency: ready\n");
	for (;;) {
		uint32_t nr;

		message_receive();
		if (text_equal(message_text, "stop"))
			break;
		nr = number_behind(message_text, "latency ");
		if (nr && nr <= MAX_SAMPLES)
			measure(nr);
		else
			message_add("ask for: latency N");
		tell();
		message_send();
	}
	message_add("bye");
	message_send();
}
