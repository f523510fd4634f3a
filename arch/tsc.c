/*
 * The TSC's frequency, measured against a clock of known frequency. Emulators may stop this CPU at
 * any point, so a reading of the reference is taken between two of the TSC, the tightest of a few,
 * and the median of several rounds counts.
 */
#include "arch/tsc.h"
#include "arch/cpu.h"
#include "arch/io.h"
#include "core/log.h"
#include "lib/hw/hpet.h"

#define PM_TIMER_HZ  3579545u /* ACPI 6.5, 4.8.2.1 */
#define PIT_HZ       1193182u
#define ROUNDS       3
#define ROUND_US     15000u
#define READ_TRIES   5
#define FALLBACK_KHZ 1000000u
#define UNKNOWN_KHZ                                                                                \
	5000000u /* for delays before calibration: faster than any, so never too short */
#define POLL_LIMIT      20000000u /* a reference that stands still must not hang the boot */
#define CPUID_TOLERANCE 100       /* CPUID counts when the measurement is within 1/100 */

#define FEMTOSECONDS 1000000000000000ULL

/* PIT channel 2 (8254), gated by port 0x61 */
#define PIT_CHANNEL2       0x42
#define PIT_COMMAND        0x43
#define PIT_CHANNEL2_MODE0 0xb0 /* both bytes, interrupt on terminal count, binary */
#define PIT_LATCH2         0x80
#define PORT_B             0x61
#define PORT_B_GATE2       BIT(0)
#define PORT_B_SPEAKER     BIT(1)

struct reference {
	const char *name;
	u64 hz, mask; /* counts up, wraps at mask */
	u32 (*read)(const struct tsc_refs *refs);
};

static u64 khz;

static u32 read_pm_timer(const struct tsc_refs *refs)
{
	return inl(refs->pm_timer);
}

static u32 read_hpet(const struct tsc_refs *refs)
{
	return mmio_read32((const volatile u8 *)refs->hpet + HPET_COUNTER);
}

static u32 read_pit(const struct tsc_refs *refs)
{
	u8 lo;

	(void)refs;
	outb(PIT_COMMAND, PIT_LATCH2);
	lo = inb(PIT_CHANNEL2);
	return 0xffff - (lo | (u32)inb(PIT_CHANNEL2) << 8); /* it counts down */
}

static void start_pit(void)
{
	outb(PORT_B, (u8)((inb(PORT_B) & ~PORT_B_SPEAKER) | PORT_B_GATE2));
	outb(PIT_COMMAND, PIT_CHANNEL2_MODE0);
	outb(PIT_CHANNEL2, 0xff);
	outb(PIT_CHANNEL2, 0xff);
}

static bool start_hpet(const struct tsc_refs *refs, struct reference *out)
{
	volatile u8 *regs = (volatile u8 *)(u64)refs->hpet;
	u32 period = mmio_read32(regs + HPET_CAPABILITIES + 4);

	if (!period || period > FEMTOSECONDS / 10000000) /* the specification's least is 10 MHz */
		return false;
	mmio_write32(regs + HPET_CONFIG, mmio_read32(regs + HPET_CONFIG) | HPET_CONFIG_ENABLE);
	*out = (struct reference){ "HPET", FEMTOSECONDS / period, 0xffffffffu, read_hpet };
	return true;
}

static struct reference choose(const struct tsc_refs *refs)
{
	struct reference ref;

	if (refs->pm_timer)
		return (struct reference){ "PM timer", PM_TIMER_HZ,
					   refs->pm_timer_32bit ? 0xffffffffu : 0xffffffu,
					   read_pm_timer };
	if (refs->hpet && start_hpet(refs, &ref))
		return ref;
	start_pit();
	return (struct reference){ "PIT", PIT_HZ, 0xffff, read_pit };
}

struct sample {
	u64 tsc;
	u32 count;
};

/* The reference with the TSC at the same moment: the tightest of a few readings. */
static struct sample take(const struct reference *ref, const struct tsc_refs *refs)
{
	struct sample best = { 0, 0 };
	u64 best_width = ~0ULL;

	for (int i = 0; i < READ_TRIES; i++) {
		u64 before = rdtsc();
		u32 count = ref->read(refs);
		u64 width = rdtsc() - before;

		if (width < best_width) {
			best_width = width;
			best = (struct sample){ before + width / 2, count };
		}
	}
	return best;
}

/* One round; 0 when the reference stands still. */
static u64 measure(const struct reference *ref, const struct tsc_refs *refs)
{
	u64 want = ref->hz * ROUND_US / 1000000;
	struct sample start, end;
	u32 polls = 0;

	if (ref->read == read_pit)
		start_pit();
	start = take(ref, refs);
	do {
		if (polls++ == POLL_LIMIT)
			return 0;
	} while (((ref->read(refs) - start.count) & ref->mask) < want);
	end = take(ref, refs);

	u64 counted = (end.count - start.count) & ref->mask;

	if (!counted || end.tsc <= start.tsc)
		return 0;
	return (end.tsc - start.tsc) * ref->hz / counted / 1000;
}

/* CPUID's figure (SDM vol. 2, leaf 0x15: crystal frequency times EBX / EAX), or 0. */
static u64 cpuid_khz(void)
{
	struct cpuid r;

	if (cpuid(0, 0).eax < 0x15)
		return 0;
	r = cpuid(0x15, 0);
	if (!r.eax || !r.ebx || !r.ecx)
		return 0;
	return (u64)r.ecx * r.ebx / r.eax / 1000;
}

static u64 median(u64 v[ROUNDS])
{
	for (int i = 1; i < ROUNDS; i++)
		for (int j = i; j > 0 && v[j - 1] > v[j]; j--) {
			u64 t = v[j];

			v[j] = v[j - 1];
			v[j - 1] = t;
		}
	return v[ROUNDS / 2];
}

u64 tsc_calibrate_khz(const struct tsc_refs *refs)
{
	struct reference ref = choose(refs);
	u64 rounds[ROUNDS], measured, told = cpuid_khz();

	for (int i = 0; i < ROUNDS; i++)
		rounds[i] = measure(&ref, refs);
	measured = median(rounds);
	if (!measured) {
		log_warn("tsc: the %s does not count%s", ref.name, told ? "" : ": assuming 1 GHz");
		khz = told ? told : FALLBACK_KHZ;
	} else if (told && (told > measured ? told - measured : measured - told) <
				   measured / CPUID_TOLERANCE) {
		khz = told;
	} else {
		khz = measured;
	}
	log_debug("tsc: %llu kHz by %s, CPUID says %llu", (unsigned long long)measured, ref.name,
		  (unsigned long long)told);
	return khz;
}

u64 tsc_khz(void)
{
	return khz;
}

void tsc_delay_us(u64 us)
{
	u64 start = rdtsc(), span = us * (khz ? khz : UNKNOWN_KHZ) / 1000;

	while (rdtsc() - start < span)
		__builtin_ia32_pause();
}
