/*
 * The local APIC of the host's CPUs, in x2APIC mode where there is one (or the firmware chose it),
 * else through its page in memory. One set of register numbers serves both: the memory offset is
 * the number times 16.
 */
#include "arch/lapic.h"
#include "arch/cpu.h"
#include "arch/feature.h"
#include "arch/io.h"
#include "arch/msr.h"
#include "arch/smp.h"
#include "arch/tsc.h"
#include "core/panic.h"

/* Registers (Intel SDM vol. 3, "APIC", table of local APIC registers), as x2APIC numbers. */
enum lapic_register {
	LAPIC_ID = 0x02,
	LAPIC_TPR = 0x08,
	LAPIC_EOI = 0x0b,
	LAPIC_LDR = 0x0d,
	LAPIC_SVR = 0x0f,
	LAPIC_IRR = 0x20, /* eight of them */
	LAPIC_ESR = 0x28,
	LAPIC_LVT_CMCI = 0x2f,
	LAPIC_ICR = 0x30,
	LAPIC_ICR_HIGH = 0x31, /* memory only: x2APIC's ICR is 64 bits */
	LAPIC_LVT_TIMER = 0x32,
	LAPIC_LVT_THERMAL = 0x33,
	LAPIC_LVT_PERF = 0x34,
	LAPIC_LVT_LINT0 = 0x35,
	LAPIC_LVT_LINT1 = 0x36,
	LAPIC_LVT_ERROR = 0x37,
	LAPIC_TIMER_INITIAL = 0x38,
	LAPIC_TIMER_CURRENT = 0x39,
	LAPIC_TIMER_DIVIDE = 0x3e,
	LAPIC_SELF_IPI = 0x3f, /* x2APIC only */
};

#define SVR_ENABLE         BIT(8)
#define LVT_MASKED         BIT(16)
#define LVT_NMI            BITS(10, 10)
#define LVT_TIMER_DEADLINE BIT(18)
#define TIMER_DIVIDE_BY_1  0xb
#define XAPIC_ID_SHIFT     24

#define ICR_FIXED   0
#define ICR_NMI     (4u << 8)
#define ICR_INIT    (5u << 8)
#define ICR_STARTUP (6u << 8)
#define ICR_PENDING BIT(12) /* memory only */
#define ICR_ASSERT  BIT(14)
#define ICR_SELF    (1u << 18)
#define ICR_OTHERS  (3u << 18)

#define APIC_BASE_ADDRESS BITS(51, 12)

static bool x2apic, decided;
static volatile u8 *regs;
static bool deadline_mode;
static u64 ticks_per_4g; /* one-shot timer ticks in 2^32 TSC ticks */

static u32 reg_read(enum lapic_register r)
{
	if (x2apic)
		return (u32)rdmsr(MSR_X2APIC_BASE + r);
	return mmio_read32(regs + (u32)r * 16);
}

static void reg_write(enum lapic_register r, u32 value)
{
	if (x2apic)
		wrmsr(MSR_X2APIC_BASE + r, value);
	else
		mmio_write32(regs + (u32)r * 16, value);
}

/* Without the feature (or with cpu.off=x2apic) a CPU that firmware left in x2APIC mode stays there. */
static void decide(void)
{
	if (decided)
		return;
	x2apic = cpu_has(CPU_X2APIC) || (rdmsr(MSR_APIC_BASE) & APIC_BASE_X2APIC);
	deadline_mode = cpu_has(CPU_TSC_DEADLINE);
	decided = true;
}

u64 lapic_mmio_base(void)
{
	return rdmsr(MSR_APIC_BASE) & APIC_BASE_ADDRESS;
}

void lapic_set_mmio(void *p)
{
	regs = p;
}

bool lapic_uses_x2apic(void)
{
	decide();
	return x2apic;
}

static void enable_mode(void)
{
	u64 base = rdmsr(MSR_APIC_BASE);

	/* From disabled to x2APIC goes by way of xAPIC (SDM, "x2APIC State Transitions"). */
	if (!(base & APIC_BASE_ENABLE))
		wrmsr(MSR_APIC_BASE, base |= APIC_BASE_ENABLE);
	if (x2apic && !(base & APIC_BASE_X2APIC))
		wrmsr(MSR_APIC_BASE, base | APIC_BASE_X2APIC);
}

void lapic_init_cpu(void)
{
	decide();
	ASSERT(x2apic || regs);
	enable_mode();
	reg_write(LAPIC_SVR, SVR_ENABLE | LAPIC_VECTOR_SPURIOUS);
	reg_write(LAPIC_TPR, 0);
	reg_write(LAPIC_LVT_TIMER, LVT_MASKED | LAPIC_VECTOR_TIMER);
	reg_write(LAPIC_LVT_LINT0, LVT_MASKED);
	reg_write(LAPIC_LVT_LINT1, (u32)LVT_NMI);
	reg_write(LAPIC_LVT_ERROR, LVT_MASKED | LAPIC_VECTOR_SPURIOUS);
	reg_write(LAPIC_TIMER_DIVIDE, TIMER_DIVIDE_BY_1);
	reg_write(LAPIC_TIMER_INITIAL, 0);
	if (deadline_mode) {
		reg_write(LAPIC_LVT_TIMER, (u32)LVT_TIMER_DEADLINE | LAPIC_VECTOR_TIMER);
		/* Mode before deadline; the MSR write does not wait for the memory write by itself
		 * (SDM, "TSC-Deadline Mode"). */
		__asm__ volatile("mfence" ::: "memory");
		wrmsr(MSR_TSC_DEADLINE, 0);
	} else {
		reg_write(LAPIC_LVT_TIMER, LAPIC_VECTOR_TIMER);
	}
	/* What was in service when firmware left would hold back everything below it. */
	for (int i = 0; i < 8; i++)
		lapic_eoi();
}

u32 lapic_id(void)
{
	u32 id = reg_read(LAPIC_ID);

	return x2apic ? id : id >> XAPIC_ID_SHIFT;
}

void lapic_eoi(void)
{
	reg_write(LAPIC_EOI, 0);
}

static void icr_write(u32 apic_id, u32 command)
{
	if (x2apic) {
		/* Stores before it must be seen by who gets the interrupt: WRMSR to x2APIC registers
		 * does not order them (SDM, "MSR Access in x2APIC Mode"); pairs with the handler's reads. */
		__asm__ volatile("mfence; lfence" ::: "memory");
		wrmsr(MSR_X2APIC_BASE + LAPIC_ICR, (u64)apic_id << 32 | command);
		return;
	}

	u64 flags = irq_save(); /* the two halves belong together */

	while (reg_read(LAPIC_ICR) & ICR_PENDING)
		__builtin_ia32_pause();
	reg_write(LAPIC_ICR_HIGH, apic_id << XAPIC_ID_SHIFT);
	reg_write(LAPIC_ICR, command);
	irq_restore(flags);
}

void lapic_ipi_self(u8 vector)
{
	if (x2apic) {
		wrmsr(MSR_X2APIC_BASE + LAPIC_SELF_IPI, vector);
		return;
	}
	while (reg_read(LAPIC_ICR) & ICR_PENDING)
		__builtin_ia32_pause();
	reg_write(LAPIC_ICR, ICR_SELF | ICR_ASSERT | ICR_FIXED | vector);
}

void lapic_ipi_apic(u32 apic_id, u8 vector)
{
	icr_write(apic_id, (u32)ICR_ASSERT | ICR_FIXED | vector);
}

void lapic_ipi(u32 cpu, u8 vector)
{
	lapic_ipi_apic(cpu_apic_id(cpu), vector);
}

/*
 * CPU by CPU: the shorthand would also reach CPUs that Plinth does not run (not in its list, or
 * given up at start).
 */
void lapic_ipi_others(u8 vector)
{
	for (u32 cpu = 0; cpu < cpu_count(); cpu++)
		if (cpu != cpu_id())
			lapic_ipi(cpu, vector);
}

void lapic_nmi_others(void)
{
	for (u32 cpu = 0; cpu < cpu_count(); cpu++)
		if (cpu != cpu_id())
			icr_write(cpu_apic_id(cpu), (u32)ICR_ASSERT | ICR_NMI);
}

void lapic_ipi_self_anytime(u8 vector)
{
	u32 high;

	if (x2apic) {
		reg_write(LAPIC_SELF_IPI, vector);
		return;
	}
	while (reg_read(LAPIC_ICR) & ICR_PENDING)
		__builtin_ia32_pause();
	/* Who was interrupted between its two halves goes on with the other one. */
	high = reg_read(LAPIC_ICR_HIGH);
	reg_write(LAPIC_ICR, (u32)(ICR_SELF | ICR_ASSERT) | ICR_FIXED | vector);
	while (reg_read(LAPIC_ICR) & ICR_PENDING)
		__builtin_ia32_pause();
	reg_write(LAPIC_ICR_HIGH, high);
}

void lapic_cmci(u8 vector)
{
	reg_write(LAPIC_LVT_CMCI, vector ? vector : (u32)LVT_MASKED);
}

void lapic_init_ipi(u32 apic_id)
{
	icr_write(apic_id, (u32)ICR_ASSERT | ICR_INIT);
}

void lapic_startup_ipi(u32 apic_id, u8 page)
{
	icr_write(apic_id, (u32)ICR_ASSERT | ICR_STARTUP | page);
}

void lapic_timer_arm(u64 tsc_deadline)
{
	if (deadline_mode) {
		wrmsr(MSR_TSC_DEADLINE, tsc_deadline ? tsc_deadline : 1); /* 0 would disarm */
		return;
	}

	u64 now = rdtsc();
	u64 span = tsc_deadline > now ? tsc_deadline - now : 0;
	/* What does not fit is armed short: the timer queue looks at the clock and arms again. */
	u64 ticks = span >> 32 ? 0xffffffffu : span * ticks_per_4g >> 32;

	reg_write(LAPIC_TIMER_INITIAL, (u32)MIN(MAX(ticks, 1), 0xffffffffu));
}

void lapic_timer_stop(void)
{
	if (deadline_mode)
		wrmsr(MSR_TSC_DEADLINE, 0);
	else
		reg_write(LAPIC_TIMER_INITIAL, 0);
}

#define CALIBRATE_US     10000
#define CALIBRATE_ROUNDS 3

/* Timer ticks per 2^32 TSC ticks over one span. */
static u64 measure(u64 span)
{
	u64 start, now;
	u32 left;

	reg_write(LAPIC_TIMER_INITIAL, 0xffffffffu);
	start = rdtsc();
	do {
		left = reg_read(LAPIC_TIMER_CURRENT);
		now = rdtsc();
	} while (now - start < span && left);
	return ((u64)(0xffffffffu - left) << 32) / (now - start);
}

void lapic_timer_calibrate(void)
{
	u64 span = tsc_khz() * CALIBRATE_US / 1000;
	u64 best = 0;

	if (deadline_mode)
		return;
	reg_write(LAPIC_LVT_TIMER, LVT_MASKED | LAPIC_VECTOR_TIMER);
	/* A pause of this CPU between the two readings makes a round too small: the largest is best. */
	for (int i = 0; i < CALIBRATE_ROUNDS; i++)
		best = MAX(best, measure(span));
	reg_write(LAPIC_TIMER_INITIAL, 0);
	reg_write(LAPIC_LVT_TIMER, LAPIC_VECTOR_TIMER);
	if (!best)
		panic("the local APIC's timer does not count");
	ticks_per_4g = best;
}

bool lapic_pending(u8 vector)
{
	return reg_read(LAPIC_IRR + vector / 32) & BIT(vector % 32);
}
