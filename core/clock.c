/*
 * The clock: TSC ticks since clock_init() times a fixed-point factor (lib/ratio.h).
 */
#include "core/clock.h"
#include "arch/cpu.h"
#include "core/panic.h"
#include "lib/ratio.h"

#define NS_PER_MS 1000000ULL
#define NS_PER_S  1000000000ULL

static struct {
	u64 khz;    /* 0: not running yet */
	u64 base;   /* TSC at 0 ns */
	u64 wall_s; /* at 0 ns */
	struct ratio to_ns, to_tsc;
} clock;

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
