/*
 * The time-stamp counter's frequency, and short waits by it.
 */
#pragma once

#include "lib/types.h"

struct tsc_refs {
	u16 pm_timer; /* I/O port of the ACPI PM timer; 0: none */
	bool pm_timer_32bit;
	const volatile void *hpet; /* mapped registers; NULL: none */
};

/*
 * Measures the TSC against the ACPI PM timer, the HPET or the PIT's channel 2, whichever is there,
 * for some 50 ms; CPUID's figure is taken where it agrees. Never 0: a machine whose references
 * all fail gets 1 GHz and a warning. Boot CPU, interrupts off. Sets what tsc_delay_us() uses.
 */
u64 tsc_calibrate_khz(const struct tsc_refs *refs);

/* The result of the above; 0 before. */
u64 tsc_khz(void);

/* Waits; before calibration by the slowest clock that there might be. Any context. */
void tsc_delay_us(u64 us);
