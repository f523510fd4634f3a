/*
 * The virtual local APIC (SDM vol. 3, chapter "Advanced Programmable Interrupt Controller"). Its
 * registers live in one 4 KiB page in hardware layout, on the software path too: it is the
 * virtual-APIC page and the AVIC backing page.
 */
#pragma once

#include "lib/addr.h"
#include "lib/compiler.h"
#include "lib/types.h"
#include "vm/irq.h"
#include "vm/vtimer.h"

struct state;
struct vcpu;

/* Where its page is, and stays (docs/apic.md). */
#define VLAPIC_BASE     0xfee00000ULL
/* Six entries in the LVT: timer, thermal, performance, LINT0, LINT1, error; EOI broadcasts can be suppressed. */
#define VLAPIC_VERSION  ((u32)(0x14 | (6 - 1) << 16 | BIT(24)))
/* The bits of the interrupt command register's low half; delivery status is always 0. */
#define VLAPIC_ICR_BITS 0x000ccfffu
/* Vectors below it are no interrupts'. */
#define VECTOR_LEGAL    16

/* Bits of vlapic.extint: what may make the vCPU fetch a vector from the PIC. */
#define EXTINT_LINE      (1u << 0) /* the PIC's output, as LINT0 sees it */
#define EXTINT_MESSAGE   (1u << 1)
/* Beside them: LINT0's level-triggered interrupt was accepted, and its EOI has not yet come. */
#define LINT0_REMOTE_IRR (1u << 2)

struct vlapic {
	u8 *page;            /* const: 4 KiB, page-aligned, in the VM's heap; vm/lapic_page.h */
	struct vcpu *vcpu;   /* const */
	struct vtimer timer; /* owner: the vCPU's thread */
	u64 tsc_deadline;    /* the same */
	/* What the timer goes by: the hardware may write its registers before software hears of it. */
	u32 timer_mode, timer_shift;
	u32 esr_pending; /* atomic: errors that the next write to ESR shows; anyone adds some */
	u32 extint;      /* atomic: EXTINT_* and LINT0_REMOTE_IRR; anyone */
	int in_service; /* the highest bit of ISR, -1: none, or hw; written by the owner, as ISR; read by anyone */
	bool hw; /* the hardware owns IRR, ISR and PPR: vm/apicv.h; owner: the vCPU's thread */
};

int vlapic_create(struct vcpu *v) __must_check;
void vlapic_reset(struct vlapic *l);
/* Saves or loads; what is refused leaves the APIC as after a reset. */
void vlapic_state(struct vlapic *l, struct state *s);

/* MMIO of the xAPIC page and x2APIC MSRs. -EINVAL: raise #GP. */
int vlapic_mmio(struct vlapic *l, u32 offset, u64 *value, u32 size, bool write);
int vlapic_rdmsr(struct vlapic *l, u32 msr, u64 *value) __must_check;
int vlapic_wrmsr(struct vlapic *l, u32 msr, u64 value) __must_check;
/* IA32_APIC_BASE; -EINVAL for an illegal transition, a reserved bit or another place. */
int vlapic_set_base(struct vlapic *l, u64 value) __must_check;

/* True when msg addresses this APIC, and it is switched on for it. Any thread of the VM's, as the next three. */
bool vlapic_match(const struct vlapic *l, const struct irq_msg *msg);
/*
 * Accepts a message that matched; the vCPU is told. False: it took nothing (an illegal vector, or it was switched
 * off meanwhile).
 */
bool vlapic_accept(struct vlapic *l, const struct irq_msg *msg);
/* Notes errors, bits of ESR, and raises the error interrupt for the first since ESR was written. */
void vlapic_error(struct vlapic *l, u32 bit);
/* The vCPU shall see what it can be given now. */
void vlapic_look_again(struct vlapic *l);

/* Sends what the ICR's low half and destination (8 bits; 32 in x2APIC mode) say. Its own thread. */
void vlapic_send(struct vlapic *l, u32 low, u32 dest);

/* The vector to deliver now (above PPR), or -1. vlapic_ack moves it from IRR to ISR. */
int vlapic_pending_vector(struct vlapic *l);
void vlapic_ack_vector(struct vlapic *l, u8 vector);

/* The highest interrupt that is requested, whatever the priority, and in service; -1: none, or the APIC is off. */
int vlapic_requested(const struct vlapic *l);
int vlapic_in_service(const struct vlapic *l);

/* True: the register at offset holds *value in this mode, and cannot be changed: ID, version, an x2APIC's LDR. */
bool vlapic_fixed(const struct vlapic *l, u32 offset, u32 *value);
/* Puts these into the page. */
void vlapic_show_fixed(struct vlapic *l);

/* ISR, or hw, was written by other ways than these. */
void vlapic_isr_changed(struct vlapic *l);

/* EXIT_EOI and EXIT_APIC_WRITE. */
struct vm_exit;
void vlapic_eoi_exit(struct vcpu *v, const struct vm_exit *e);
void vlapic_write_exit(struct vcpu *v, const struct vm_exit *e);

/* True when LINT0 passes the PIC's ExtINT (or the APIC is off). Any thread. */
bool vlapic_accepts_extint(const struct vlapic *l);
/* The PIC's output was set. Under the PIC's lock. */
void vlapic_lint0(struct vlapic *l, bool level);
/* The pin that makes NMIs is pulsed. Any thread. */
void vlapic_lint1(struct vlapic *l);
/* LVT_LINT0 is written, but for what is read-only; an interrupt in service by it ends. Its own thread. */
void vlapic_write_lint0(struct vlapic *l, u32 value);
void vlapic_lint0_eoi(struct vlapic *l, u8 vector);

/* Processor priority, now. */
u8 vlapic_ppr(const struct vlapic *l);

u8 vlapic_get_cr8(const struct vlapic *l);
void vlapic_set_cr8(struct vlapic *l, u8 cr8);

/* The bits that software can write of the LVT entry at offset. */
u32 vlapic_lvt_mask(u32 offset);
