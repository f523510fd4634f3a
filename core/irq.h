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
	u32 cpu, apic_id; /* apic_id: of cpu */
	void (*fn)(void *arg);
	void *arg;
	/* Who sends it, once a message was composed; entry: of interrupt remapping, or -1. */
	u16 segment, rid;
	bool line; /* the sender is an I/O APIC's pin, which keeps its entry */
	s32 entry;
};

/* Sets the trap hooks of core (external vectors, preemption, NMI, fatal traps). Boot CPU, once. */
void irq_init(void);

/* Installs the handler of a fixed vector (above). Once per vector. */
void irq_set_fixed(u8 vector, void (*fn)(void));

/*
 * Gives irq a free vector on this CPU and installs fn. Handlers run with interrupts off, and may be called without
 * cause. -ENOSPC when no vector is left; -ENOTSUP on a CPU whose APIC id is over 255, which only a message by interrupt
 * remapping can name. Not preemptible, or before other CPUs run.
 */
int irq_alloc(struct irq *irq, void (*fn)(void *arg), void *arg) __must_check;

/* The same on any CPU; -ENODEV: there is none of that number. Any thread. */
int irq_alloc_on(struct irq *irq, u32 cpu, void (*fn)(void *arg), void *arg) __must_check;

/*
 * The next CPU for an interrupt that may go anywhere: each in turn, and only those that irq_alloc_on() takes. Any
 * context.
 */
u32 irq_next_cpu(void);

/* After return fn is not running and will not run. The device was told to stop before. Not from fn. */
void irq_free(struct irq *irq);

/*
 * Gives irq, which is no line's, a vector of another CPU; reroute then writes what irq_compose_msi() says to the device, whose
 * interrupt is masked from before the call until after it. fn is called once more on the new CPU, since an interrupt
 * may have been on its way to the old one. Errors are irq_alloc_on()'s and reroute's; irq is then as it was. Any thread; one at a time for each irq.
 */
int irq_move(struct irq *irq, u32 cpu, int (*reroute)(struct irq *irq, void *ctx), void *ctx)
	__must_check;

/* The address and data that a device must write (SDM vol. 3, "Message Signalled Interrupts"). */
struct irq_msi {
	u64 address;
	u32 data;
};

/*
 * Composes them for irq, of which the device with that requester id is the only sender. With interrupt remapping it takes
 * an entry, or writes the one that irq has anew; irq_free() gives it back. Errors are the remapping's; without it, none.
 */
int irq_compose_msi(struct irq *irq, u16 segment, u16 rid, struct irq_msi *out) __must_check;

/*
 * Interrupt remapping: registered once, before any driver of a device and before lines are
 * connected. *index is -1 for a new entry, else that entry is written anew, and the IOMMU's cached copy is gone on return. An
 * I/O APIC's pin has the same entry each time.
 */
struct irq_remap_ops {
	int (*remap)(u16 segment, u16 rid, const struct irq *irq, s32 *index, struct irq_msi *out);
	void (*unremap)(u16 segment, u16 rid, s32 index);
	int (*remap_ioapic)(u8 ioapic_id, u8 pin, const struct irq *irq, bool level, s32 *index,
			    struct irq_msi *out);
};
void irq_set_remap_ops(const struct irq_remap_ops *ops);

/* What drives I/O interrupt lines; registered by the IOAPIC driver. */
struct irq_line_ops {
	/* Which I/O APIC (by its id in the MADT) and pin a global system interrupt is; -ENODEV: none. */
	int (*find)(u32 gsi, u8 *ioapic_id, u8 *pin);
	/* Routes global system interrupt gsi to msg. */
	int (*route)(u32 gsi, struct irq_msi msg, bool level, bool active_low);
	void (*mask)(u32 gsi, bool masked);
};
void irq_set_line_ops(const struct irq_line_ops *ops);

/* Routes a global system interrupt to irq and unmasks it. -ENODEV without an IOAPIC for it; errors of remapping. */
int irq_connect_line(struct irq *irq, u32 gsi, bool level, bool active_low) __must_check;

/* The same for an ISA interrupt (edge, active high unless MADT overrides it), from host facts. */
int irq_connect_isa(struct irq *irq, u8 isa_irq) __must_check;

/* True while this CPU is in an interrupt handler. */
bool irq_active(void);

/* Called by the trap entry for each external vector; acknowledges at the local APIC. */
void irq_dispatch(u8 vector);
