/*
 * The clock: TSC ticks since clock_init() times a fixed-point factor. Factors are normalised to 64
 * significant bits, so that the error stays under a nanosecond for decades; products have 128 bits.
 */
#include "core/clock.h"
#include "arch/cpu.h"
#include "core/panic.h"

#define NS_PER_MS 1000000ULL
#define NS_PER_S  1000000000ULL

/* A fraction: mult / 2^shift, mult with its top bit set. */
struct ratio {
	u64 mult;
	u32 shift;
};

static struct {
	u64 khz;    /* 0: not running yet */
	u64 base;   /* TSC at 0 ns */
	u64 wall_s; /* at 0 ns */
	struct ratio to_ns, to_tsc;
} clock;

/* num / den rounded down to 64 significant bits, by long division: once, at start. */
static struct ratio ratio_make(u64 num, u64 den)
{
	struct ratio r = { .mult = num / den };
	u64 rest = num % den;

	while (!(r.mult >> 63)) {
		/* den is far below 2^63: doubling the rest cannot overflow. */
		rest *= 2;
		r.mult = r.mult * 2 + (rest >= den);
		if (rest >= den)
			rest -= den;
		r.shift++;
	}
	return r;
}

/* x * r rounded down; ~0 when that does not fit. */
static u64 ratio_apply(struct ratio r, u64 x)
{
	unsigned __int128 v = (unsigned __int128)x * r.mult >> r.shift;

	return v >> 64 ? ~0ULL : (u64)v;
}

void clock_init(u64 tsc_khz, u64 wall_seconds)
{
	ASSERT(tsc_khz);
	clock.to_ns = ratio_make(NS_PER_MS, tsc_khz);
	clock.to_tsc = ratio_make(tsc_khz, NS_PER_MS);
	clock.wall_s = wall_seconds;
	clock.base = rdtsc();
	clock.khz = tsc_khz;
}

u64 clock_ns(void)
{
	u64 tsc = rdtsc();

	/* A CPU whose TSC is a little behind reads 0 at first, not centuries. */
	if (!clock.khz || tsc < clock.base)
		return 0;
	return ratio_apply(clock.to_ns, tsc - clock.base);
}

u64 clock_tsc_to_ns(u64 ticks)
{
	return ratio_apply(clock.to_ns, ticks);
}

u64 clock_ns_to_tsc(u64 ns)
{
	return ratio_apply(clock.to_tsc, ns);
}

u64 clock_deadline_tsc(u64 ns)
{
	u64 ticks = clock_ns_to_tsc(ns);

	/* Both conversions round down: the first tick that will do is a few further. */
	while (ticks < ~0ULL - clock.base && clock_tsc_to_ns(ticks) < ns)
		ticks++;
	return ticks < ~0ULL - clock.base ? clock.base + ticks : ~0ULL;
}

u64 clock_tsc_khz(void)
{
	return clock.khz;
}

u64 clock_wall_s(void)
{
	return clock.wall_s + clock_ns() / NS_PER_S;
}
