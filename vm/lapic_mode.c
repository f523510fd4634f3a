/*
 * The virtual local APIC's modes: made, reset, and switched by IA32_APIC_BASE.
 */
#include "lib/errno.h"
#include "mm/heap.h"
#include "vm/apicv.h"
#include "vm/cpuid.h"
#include "vm/lapic_page.h"
#include "vm/lapic_timer.h"
#include "vm/vm.h"

#define APIC_BASE_ADDR BITS(51, 12)

bool vlapic_fixed(const struct vlapic *l, u32 offset, u32 *value)
{
	u32 id = l->vcpu->apic_id;
	bool x2apic = vlapic_x2apic(l);

	switch (offset) {
	case LAPIC_ID:
		*value = x2apic ? id : id << 24;
		return true;
	case LAPIC_VERSION:
		*value = VLAPIC_VERSION;
		return true;
	case LAPIC_LDR: /* SDM vol. 3, "Deriving Logical x2APIC ID from the Local x2APIC ID" */
		*value = (id >> 4) << 16 | 1u << (id & 0xf);
		return x2apic;
	}
	return false;
}

void vlapic_show_fixed(struct vlapic *l)
{
	static const u32 offsets[] = { LAPIC_ID, LAPIC_VERSION, LAPIC_LDR };

	for (size_t i = 0; i < ARRAY_LEN(offsets); i++) {
		u32 value;

		if (vlapic_fixed(l, offsets[i], &value))
			vlapic_set_reg(l, offsets[i], value);
	}
}

void vlapic_reset(struct vlapic *l)
{
	if (apicv)
		apicv->sync(l->vcpu); /* what was posted is not for afterwards */
	for (u32 o = 0; o < PAGE_SIZE; o += sizeof(u32))
		vlapic_set_reg(l, o, 0);
	vlapic_set_reg(l, LAPIC_DFR, LAPIC_DFR_FLAT);
	vlapic_set_reg(l, LAPIC_SVR, 0xff);
	for (u32 o = LAPIC_LVT_TIMER; o <= LAPIC_LVT_ERROR; o += 16)
		vlapic_set_reg(l, o, LAPIC_LVT_MASKED);
	vlapic_timer_reset(l);
	vlapic_show_fixed(l);
	atomic_store_relaxed(&l->esr_pending, 0);
	atomic_fetch_and(&l->extint, EXTINT_LINE); /* the line is the PIC's; any order */
	WRITE_ONCE(l->in_service, -1);
	if (apicv)
		apicv->refresh(l->vcpu);
}

int vlapic_set_base(struct vlapic *l, u64 value)
{
	struct vcpu *v = l->vcpu;
	const u64 mode = APIC_BASE_ENABLE | APIC_BASE_X2APIC;
	u64 old = v->apic_base & mode, after = value & mode;

	if ((value & ~(mode | APIC_BASE_BSP | APIC_BASE_ADDR)) || after == APIC_BASE_X2APIC)
		return -EINVAL;
	if (after == mode && !v->vm->cpuid->x2apic)
		return -EINVAL; /* the domain's CPU does without */
	/* SDM vol. 3, "x2APIC State Transitions": not back to xAPIC, not straight from off. */
	if ((old == mode && after == APIC_BASE_ENABLE) || (old == 0 && after == mode))
		return -EINVAL;
	if ((value & APIC_BASE_ADDR) != VLAPIC_BASE)
		return -EINVAL; /* a moved page is not supported: docs/apic.md */
	/* From here on others send it nothing, where it is switched off. */
	WRITE_ONCE(v->apic_base, value);
	if (old && !after)
		vlapic_reset(l);
	else if (old != after && after == mode)
		vlapic_set_reg(l, LAPIC_ICR_HIGH, 0);
	vlapic_show_fixed(l);
	if (apicv)
		apicv->refresh(v);
	v->recheck = true;
	return 0;
}

int vlapic_create(struct vcpu *v)
{
	struct vlapic *l = heap_alloc(v->vm->heap, sizeof(*l), 0);

	if (!l)
		return -ENOMEM;
	l->page = heap_alloc(v->vm->heap, PAGE_SIZE, PAGE_SIZE);
	if (!l->page)
		return -ENOMEM;
	l->vcpu = v;
	v->lapic = l;
	vlapic_timer_init(l);
	vlapic_reset(l);
	return 0;
}
