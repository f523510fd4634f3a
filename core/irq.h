/*
 * Host interrupts: vectors, handlers, and how a device's interrupt is routed to them. MSI
 * messages and IOAPIC entries are composed here, so that interrupt remapping can slide under.
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"

#define IRQ_VECTOR_FIRST     0x30 /* below: exceptions and the PIC's remapped, masked range */
#define IRQ_VECTOR_LAST      0xdf
/* Fixed vectors, highest priority class first. */
#define IRQ_VECTOR_SPURIOUS  0xff
#define IRQ_VECTOR_SHOOTDOWN 0xf2
#define IRQ_VECTOR_POSTED    0xf1
#define IRQ_VECTOR_TIMER     0xf0
#define IRQ_VECTOR_RESCHED   0xef
#define IRQ_VECTOR_CALL      0xee
#define IRQ_VECTOR_NUDGE     0xed /* to oneself: nothing but the interruption */
#define IRQ_VECTOR_MCE       0xec /* behind a machine check */
#define IRQ_VECTOR_CMCI      0xeb /* corrected machine checks */
#define IRQ_VECTOR_PROBE     0xea /* core/watchdog.c */
#define IRQ_VECTOR_WAKE_UP   0xe9 /* something was posted to a vCPU that sleeps here */

struct irq {
	u8 vector;
	u8 apic_id; /* of cpu */
	u32 cpu;
	void (*fn)(void *arg);
	void *arg;
};

/* Sets the trap hooks of core (external vectors, preemption, NMI, fatal traps). Boot CPU, once. */
void irq_init(void);

/* Installs the handler of a fixed vector (above). Once per vector. */
void irq_set_fixed(u8 vector, void (*fn)(void));

/*
 * Gives irq a free vector on this CPU and installs fn. Handlers run with interrupts off.
 * -ENOSPC when no vector is left; -ENOTSUP on a CPU whose APIC id is over 255, which an MSI without
 * interrupt remapping cannot name. Not preemptible, or before other CPUs run.
 */
int irq_alloc(struct irq *irq, void (*fn)(void *arg), void *arg) __must_check;

/* After return fn is not running and will not run. The device was told to stop before. Not from fn. */
void irq_free(struct irq *irq);

/* The address and data that a device must write for irq (SDM vol. 3, "Message Signalled Interrupts"). */
struct irq_msi {
	u64 address;
	u32 data;
};
struct irq_msi irq_compose_msi(const struct irq *irq);

/* What drives I/O interrupt lines; registered by the IOAPIC driver. */
struct irq_line_ops {
	/* Routes global system interrupt gsi to msg. */
	int (*route)(u32 gsi, struct irq_msi msg, bool level, bool active_low);
	void (*mask)(u32 gsi, bool masked);
};
void irq_set_line_ops(const struct irq_line_ops *ops);

/* Routes a global system interrupt to irq and unmasks it. -ENODEV without an IOAPIC for it. */
int irq_connect_line(struct irq *irq, u32 gsi, bool level, bool active_low) __must_check;

/* The same for an ISA interrupt (edge, active high unless MADT overrides it), from host facts. */
int irq_connect_isa(struct irq *irq, u8 isa_irq) __must_check;

/* True while this CPU is in an interrupt handler. */
bool irq_active(void);

/* Called by the trap entry for each external vector; acknowledges at the local APIC. */
void irq_dispatch(u8 vector);
