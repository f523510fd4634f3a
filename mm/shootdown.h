/*
 * TLB shoot-down: making every CPU forget translations that were taken away.
 *
 * All of these wait for other CPUs, which answer in interrupt context: the caller holds no lock that
 * another CPU may want with interrupts off. Two CPUs may shoot at each other: who waits also
 * answers.
 */
#pragma once

#include "lib/types.h"

struct aspace;

/* The interrupt vector; boot/main.c installs shootdown_irq() there. */
#define IRQ_VECTOR_SHOOTDOWN 0xf2

/* Shared mappings: the range, whose leaves are stride bytes each, in all address spaces. */
void shootdown_range(u64 va, u64 len, u64 stride);

/*
 * Private mappings: all that CPUs in as hold of it. CPUs that are not in it must flush before they
 * enter it again; context.c sees to that when as->generation was raised before.
 */
void shootdown_aspace(struct aspace *as);

/* Does what other CPUs ask of this one. Interrupt handler. */
void shootdown_irq(void);

/* From now on other CPUs wait for this one; it holds no stale translation. Interrupts off. */
void shootdown_join(void);
