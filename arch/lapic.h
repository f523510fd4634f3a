/*
 * The host CPU's local APIC (Intel SDM vol. 3, chapter "APIC"): x2APIC where present, else xAPIC.
 */
#pragma once

#include "lib/types.h"

/* The vectors that it programs itself; core/irq.h names the same. */
#define LAPIC_VECTOR_TIMER    0xf0
#define LAPIC_VECTOR_SPURIOUS 0xff

/* Where its registers are in memory (xAPIC mode), and the pointer they were mapped at. */
u64 lapic_mmio_base(void);
void lapic_set_mmio(void *regs);
/* True where MMIO is not needed: x2APIC mode was chosen. */
bool lapic_uses_x2apic(void);

/* Boot CPU: decides the mode and maps the registers in xAPIC mode. Then each CPU: enables it. */
void lapic_init_cpu(void);

u32 lapic_id(void);
void lapic_eoi(void);

/* Fixed interrupt to another CPU (by index) or to this one. */
void lapic_ipi(u32 cpu, u8 vector);
/* The same by the CPU's APIC id. */
void lapic_ipi_apic(u32 apic_id, u8 vector);
/* The same to this CPU, sooner. Interrupts off. */
void lapic_ipi_self(u8 vector);
/* To all CPUs but this one. */
void lapic_ipi_others(u8 vector);
void lapic_nmi_others(void);
/* To this CPU, even where the code that was interrupted is amid sending one: for NMI and #MC handlers. */
void lapic_ipi_self_anytime(u8 vector);
/* INIT and start-up IPIs to an APIC id; the start address is page << 12. */
void lapic_init_ipi(u32 apic_id);
void lapic_startup_ipi(u32 apic_id, u8 page);

/* The timer: at the TSC value (deadline mode) or after as many ticks (one-shot mode). */
void lapic_timer_arm(u64 tsc_deadline);
void lapic_timer_stop(void);

/* Ticks of the one-shot timer per 2^32 TSC ticks, set by calibration on the boot CPU. */
void lapic_timer_calibrate(void);

/* The vector for corrected machine checks on this CPU; 0: none. Only where MCG_CAP says that they are signalled. */
void lapic_cmci(u8 vector);

/* True when interrupt vector v is pending in IRR. */
bool lapic_pending(u8 vector);
