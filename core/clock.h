/*
 * Time: nanoseconds since Plinth started, derived from the TSC, the same on all CPUs.
 */
#pragma once

#include "lib/types.h"

/*
 * Starts the clock at 0, with the TSC's frequency (over 0) and the wall clock at this moment
 * (rtc_read()). Boot CPU, once, before other CPUs run.
 */
void clock_init(u64 tsc_khz, u64 wall_seconds);

/* Nanoseconds since clock_init(), 0 before; monotonic. Any context. */
u64 clock_ns(void);

/* Converts a span of TSC ticks to nanoseconds and back, rounding down. ~0: does not fit. */
u64 clock_tsc_to_ns(u64 ticks);
u64 clock_ns_to_tsc(u64 ns);

/* The first TSC value at which clock_ns() is at least ns; ~0 when that is never. */
u64 clock_deadline_tsc(u64 ns);

/* The TSC's frequency in kHz. */
u64 clock_tsc_khz(void);

/* Wall-clock time in seconds since 1970 UTC, from the machine's RTC read once at start. */
u64 clock_wall_s(void);
