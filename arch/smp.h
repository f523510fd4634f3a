/*
 * Starting the other CPUs, and each CPU's place: index, APIC id, per-CPU area.
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"

/* Sets the boot CPU's index 0 and its APIC id. Once, after lapic_init_cpu(). */
void smp_init_boot_cpu(void);

/*
 * Copies the start-up code to the page at physical address pa (below 1 MiB), which the caller
 * mapped at page; stays there until all CPUs were started. pml4_pa: where boot_pml4 is, below 4 GiB.
 */
void smp_set_trampoline(u64 pa, u64 pml4_pa, void *page);

/* Bytes of a per-CPU area, and makes the one at area (page-aligned, that size) CPU cpu's. */
size_t percpu_size(void);
void percpu_register(u32 cpu, void *area);

/*
 * Gives the stack protector another value, where no function that is under way ever returns. Boot CPU, before others
 * run, interrupts off.
 */
void stack_guard_set(u64 value);

/*
 * Starts the CPU with that APIC id as CPU index cpu, whose per-CPU area is registered: it loads cr3,
 * its per-CPU base and stack (the highest address), and calls entry on it with interrupts off, the
 * control registers set as cpu_control_init() does. Returns when it is about to call entry: 0,
 * -ETIMEDOUT (the CPU is given up for good: should it come late it halts at once and takes nothing),
 * -EIO (it came and got stuck; no other CPU may be started after that). Boot CPU.
 */
int smp_start_cpu(u32 cpu, u32 apic_id, u64 cr3, void *stack_top, void (*entry)(void)) __must_check;

/* Says that CPUs 0..count-1 run: what cpu_count() returns from now on. */
void smp_set_online(u32 count);

/*
 * After the last CPU was started: cuts the boot path's page tables down to the first 2 MiB and the
 * image. The trampoline page stays, for a CPU that comes too late.
 */
void smp_done(void);

u32 cpu_apic_id(u32 cpu);
