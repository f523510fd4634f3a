/*
 * Controls and MSRs by features and mode.
 */
#include "vmx/apicmode.h"

#include "arch/msr.h"
#include "lib/hw/lapic.h"
#include "vm/apicv.h"
#include "vmx/caps.h"
#include "vmx/guest.h"
#include "vmx/vmcs.h"

/* What a feature needs of the control fields, and of the other features. Those that others need come first. */
static const struct row {
	u32 feature, needs;
	u32 pin, proc, proc2;
	u64 proc3;
} rows[] = {
	{ .feature = APICV_TPR, .proc = PROC_TPR_SHADOW },
	{ .feature = APICV_REGISTERS, .needs = APICV_TPR, .proc2 = PROC2_APIC_REGISTERS },
	{ .feature = APICV_XAPIC, .needs = APICV_TPR, .proc2 = PROC2_APIC_ACCESSES },
	{ .feature = APICV_X2APIC, .needs = APICV_TPR, .proc2 = PROC2_X2APIC },
	{ .feature = APICV_DELIVERY, .needs = APICV_TPR, .proc2 = PROC2_VIRTUAL_INTERRUPTS },
	{ .feature = APICV_POSTED, .needs = APICV_DELIVERY, .pin = PIN_POSTED_INTERRUPTS },
	/* Both modes, so that an APIC that is on is never one to which the hardware may not post any more. */
	{ .feature = APICV_IPI,
	  .needs = APICV_ALL & ~(u32)APICV_IPI,
	  .proc = PROC_TERTIARY,
	  .proc3 = PROC3_IPIS },
};

u32 apic_features(const struct vmx_caps *caps, u32 allowed)
{
	u32 features = 0;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct row *r = &rows[i];

		if ((allowed & r->feature) && (features & r->needs) == r->needs &&
		    (caps->pin_may & r->pin) == r->pin && (caps->proc_may & r->proc) == r->proc &&
		    (caps->proc2_may & r->proc2) == r->proc2 &&
		    (caps->msrs.proc3 & r->proc3) == r->proc3)
			features |= r->feature;
	}
	return features;
}

enum apic_mode apic_mode(u32 features, u64 apic_base)
{
	if (!(apic_base & APIC_BASE_ENABLE))
		return APIC_MODE_OFF;
	if (apic_base & APIC_BASE_X2APIC)
		return features & APICV_X2APIC ? APIC_MODE_X2APIC : APIC_MODE_OFF;
	return features & APICV_XAPIC ? APIC_MODE_XAPIC : APIC_MODE_OFF;
}

struct apic_controls apic_controls(u32 features, enum apic_mode mode)
{
	struct apic_controls c = { .proc2 = 0 };

	if (mode == APIC_MODE_OFF)
		return c;
	c.proc2 = mode == APIC_MODE_XAPIC ? PROC2_APIC_ACCESSES : PROC2_X2APIC;
	c.delivery = features & APICV_DELIVERY;
	c.posted = features & APICV_POSTED;
	if (features & APICV_REGISTERS)
		c.proc2 |= PROC2_APIC_REGISTERS;
	if (c.delivery)
		c.proc2 |= PROC2_VIRTUAL_INTERRUPTS;
	if (c.posted)
		c.pin = PIN_POSTED_INTERRUPTS;
	if (features & APICV_IPI)
		c.proc3 = PROC3_IPIS;
	return c;
}

static u32 x2apic_msr(u32 offset)
{
	return MSR_X2APIC_BASE + offset / 16;
}

/*
 * The registers whose reads come from the page as it is. The timer counts and is not in it; PPR is there where the
 * hardware delivers.
 */
static void pass_reads(u8 *bitmap, bool delivery)
{
	static const u16 single[] = {
		LAPIC_ID,  LAPIC_VERSION, LAPIC_LDR,           LAPIC_SVR,
		LAPIC_ESR, LAPIC_ICR,     LAPIC_TIMER_INITIAL, LAPIC_TIMER_DIVIDE,
	};

	for (size_t i = 0; i < ARRAY_LEN(single); i++)
		vmx_msr_bitmap_pass(bitmap, x2apic_msr(single[i]), true, false);
	for (u32 o = LAPIC_ISR; o < LAPIC_ESR; o += 16)
		vmx_msr_bitmap_pass(bitmap, x2apic_msr(o), true, false);
	for (u32 o = LAPIC_LVT_TIMER; o <= LAPIC_LVT_ERROR; o += 16)
		vmx_msr_bitmap_pass(bitmap, x2apic_msr(o), true, false);
	if (delivery)
		vmx_msr_bitmap_pass(bitmap, x2apic_msr(LAPIC_PPR), true, false);
}

void apic_pass_msrs(u8 *bitmap, u32 features)
{
	bool delivery = features & APICV_DELIVERY;

	vmx_msr_bitmap_pass(bitmap, x2apic_msr(LAPIC_TPR), true, true);
	if (features & APICV_REGISTERS)
		pass_reads(bitmap, delivery);
	if (!delivery)
		return;
	vmx_msr_bitmap_pass(bitmap, x2apic_msr(LAPIC_EOI), false, true);
	vmx_msr_bitmap_pass(bitmap, x2apic_msr(LAPIC_SELF_IPI), false, true);
	/* Else it would be a write to the host's own. */
	if (features & APICV_IPI)
		vmx_msr_bitmap_pass(bitmap, x2apic_msr(LAPIC_ICR), false, true);
}
