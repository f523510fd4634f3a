/*
 * How a CPU waits that has nothing to do: HLT, or MWAIT, where CPUID offers it and the word idle=mwait asks for
 * it. A CPU in MWAIT is woken by a store to what it watches, without an interrupt.
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"

/* Reads the word. Boot CPU, once, before any CPU waits. */
void idle_init(void);

/*
 * Waits for an interrupt, or until somebody sets *flag if idle_watches(); may return for no reason. Interrupts off
 * before, and *flag false just now; on after. Nothing that happens between is slept over.
 */
void idle_wait(const bool *flag);

/* Whether a store to the flag that an idle CPU waits for is enough to wake it. */
bool idle_watches(void);

/*
 * MWAIT's hint for the deepest state in which the local APIC's timer goes on, from CPUID's leaf 5 EDX and leaf 6
 * EAX (Intel SDM vol. 2, "MWAIT"). For tests.
 */
u32 idle_hint(u32 states, u32 power);
