/*
 * APIC virtualization: the controls, the MSRs that need no exit, and moving posted requests into the
 * virtual-APIC page when the CPU did not do it.
 */
#include "vmx/apicv.h"

#include "arch/msr.h"
#include "lib/atomic.h"
#include "lib/hw/pid.h"
#include "mm/heap.h"
#include "mm/page.h"
#include "vm/lapic.h"
#include "vm/vcpu.h"
#include "vm/vm.h"
#include "vmx/access.h"
#include "vmx/guest.h"

#define APICV_PROC2 (PROC2_X2APIC | PROC2_APIC_REGISTERS | PROC2_VIRTUAL_INTERRUPTS)

/* Registers of the APIC page, and the x2APIC MSRs that the CPU writes without an exit. */
#define APIC_PAGE_IRR        0x200
#define APIC_PAGE_STEP       0x10 /* between the words of IRR */
#define X2APIC_TPR           (MSR_X2APIC_BASE + 0x8)
#define X2APIC_EOI           (MSR_X2APIC_BASE + 0xb)
#define X2APIC_TIMER_CURRENT (MSR_X2APIC_BASE + 0x39)
#define X2APIC_SELF_IPI      (MSR_X2APIC_BASE + 0x3f)

static const char *missing(const struct vmx_caps *caps)
{
	if (!(caps->proc_may & PROC_TPR_SHADOW))
		return "the TPR shadow";
	if (!(caps->proc2_may & PROC2_X2APIC))
		return "x2APIC virtualization";
	if (!(caps->proc2_may & PROC2_APIC_REGISTERS))
		return "APIC-register virtualization";
	if (!(caps->proc2_may & PROC2_VIRTUAL_INTERRUPTS))
		return "virtual-interrupt delivery";
	if (!(caps->pin_may & PIN_POSTED_INTERRUPTS))
		return "posted interrupts";
	return NULL;
}

/* Reads come from the page; the timer counts and is not in it. */
static void pass_msrs(u8 *bitmap)
{
	for (u32 msr = MSR_X2APIC_BASE; msr <= MSR_X2APIC_LAST; msr++)
		if (msr != X2APIC_TIMER_CURRENT)
			vmx_msr_bitmap_pass(bitmap, msr, true, false);
	vmx_msr_bitmap_pass(bitmap, X2APIC_TPR, false, true);
	vmx_msr_bitmap_pass(bitmap, X2APIC_EOI, false, true);
	vmx_msr_bitmap_pass(bitmap, X2APIC_SELF_IPI, false, true);
}

static void enable(struct vcpu *v, struct pi_desc *desc, u8 vector)
{
	struct hvm_vcpu *h = v->hvm;
	struct vmx_controls *c = &h->controls;

	c->pin |= PIN_POSTED_INTERRUPTS;
	c->proc |= PROC_TPR_SHADOW;
	c->proc &= ~(u32)(PROC_CR8_LOAD | PROC_CR8_STORE);
	c->proc2 |= APICV_PROC2;
	h->tpr = NULL; /* TPR changes are the CPU's to weigh */
	pass_msrs(v->vm->hvm->msr_bitmap);
	desc->control = (u64)vector << PID_NV_SHIFT;
	vmcs_write(PIN_CONTROLS, c->pin);
	vmcs_write(PROC_CONTROLS, c->proc);
	vmcs_write(PROC2_CONTROLS, c->proc2);
	vmcs_write(VIRTUAL_APIC_PAGE, heap_phys(v->vm->heap, v->lapic->page).v);
	vmcs_write(POSTED_INTR_VECTOR, vector);
	vmcs_write(POSTED_INTR_DESC, virt_to_phys(desc).v);
	vmcs_write(GUEST_INTR_STATUS, 0);
	for (u32 i = 0; i < 4; i++)
		vmcs_write(EOI_EXIT_BITMAP0 + 2 * i, 0);
}

static bool post(struct pi_desc *desc, u8 vector)
{
	/* Full order: the request is seen by whoever sees ON. Pairs with sync() and with the CPU. */
	atomic_fetch_or(&desc->pir[vector / 64], BIT(vector % 64));
	return !(atomic_fetch_or(&desc->control, PID_ON) & PID_ON);
}

/* Ors 64 requests into two words of IRR; the highest vector among them, or -1. */
static int take_word(u8 *page, u32 word, u64 requests)
{
	volatile u32 *irr = (u32 *)(page + APIC_PAGE_IRR + word * 2 * APIC_PAGE_STEP);

	if (!requests)
		return -1;
	irr[0] |= (u32)requests;
	irr[APIC_PAGE_STEP / sizeof(u32)] |= (u32)(requests >> 32);
	return (int)(word * 64 + 63 - (u32)__builtin_clzll(requests));
}

static void sync(struct vcpu *v, struct pi_desc *desc)
{
	int highest = -1;
	u64 status;

	if (!(atomic_load_relaxed(&desc->control) & PID_ON))
		return;
	/* ON first: what is posted from here on notifies again. Pairs with post(). */
	atomic_fetch_and(&desc->control, ~PID_ON);
	for (u32 i = 0; i < ARRAY_LEN(desc->pir); i++) {
		int vector = take_word(v->lapic->page, i, atomic_xchg(&desc->pir[i], 0));

		highest = MAX(highest, vector);
	}
	status = vmcs_read(GUEST_INTR_STATUS);
	/* RVI, its low byte, is the highest vector requested. */
	if (highest > (int)(status & 0xff))
		vmcs_write(GUEST_INTR_STATUS, (status & ~0xffULL) | (u64)highest);
}

const struct apicv_ops vmx_apicv = {
	.missing = missing,
	.enable = enable,
	.post = post,
	.sync = sync,
};
