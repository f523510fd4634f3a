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

struct vlapic {
	u8 *page;          /* const: 4 KiB, page-aligned, in the VM's heap */
	struct vcpu *vcpu; /* const */
	struct vtimer timer;
	u64 tsc_deadline;
	/* What the timer goes by: the hardware may write its registers before software hears of it. */
	u32 timer_mode, timer_shift;
	u32 esr_pending; /* errors that the next write to ESR shows */
	int in_service; /* the highest bit of ISR, -1: none; owner: the vCPU's thread, as ISR; not where hw */
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
/* IA32_APIC_BASE; -EINVAL for an illegal transition. */
int vlapic_set_base(struct vlapic *l, u64 value) __must_check;

/* True when msg addresses this APIC. */
bool vlapic_match(const struct vlapic *l, const struct irq_msg *msg);
/* Accepts a message that matched. Raises REQ_EVENT and kicks. */
void vlapic_accept(struct vlapic *l, const struct irq_msg *msg);

/* The vector to deliver now (above PPR), or -1. vlapic_ack moves it from IRR to ISR. */
int vlapic_pending_vector(struct vlapic *l);
void vlapic_ack_vector(struct vlapic *l, u8 vector);

/* The highest interrupt that is requested, whatever the priority, and in service; -1: none, or the APIC is off. */
int vlapic_requested(const struct vlapic *l);
int vlapic_in_service(const struct vlapic *l);

/* True: the register at offset holds *value in this mode, and cannot be changed: ID, version, an x2APIC's LDR. */
bool vlapic_fixed(const struct vlapic *l, u32 offset, u32 *value);

/* ISR was written by other ways than these. */
void vlapic_isr_changed(struct vlapic *l);

/* EXIT_EOI and EXIT_APIC_WRITE. */
struct vm_exit;
void vlapic_eoi_exit(struct vcpu *v, const struct vm_exit *e);
void vlapic_write_exit(struct vcpu *v, const struct vm_exit *e);

/* True when LINT0 passes the PIC's ExtINT (or the APIC is off). */
bool vlapic_accepts_extint(const struct vlapic *l);

/* Processor priority, now. */
u8 vlapic_ppr(const struct vlapic *l);

u8 vlapic_get_cr8(const struct vlapic *l);
void vlapic_set_cr8(struct vlapic *l, u8 cr8);

/* The bits that software can write of the LVT entry at offset. */
u32 vlapic_lvt_mask(u32 offset);
