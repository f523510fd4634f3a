/*
 * The virtual local APIC's page and modes, for the files that make it up (vm/lapic*.c) and svm/avic.c. Threads of other
 * vCPUs, and of devices, read registers and set bits of IRR, TMR and LVT_LINT0 while the vCPU runs: so all
 * accesses are single and atomic, those that read and write at once are locked, and what the vCPU's
 * own thread alone writes (all else) it may read plainly.
 */
#pragma once

#include "arch/msr.h"
#include "lib/atomic.h"
#include "lib/compiler.h"
#include "lib/hw/lapic.h"
#include "vm/lapic.h"
#include "vm/vcpu.h"

static inline u32 vlapic_reg(const struct vlapic *l, u32 offset)
{
	return atomic_load_relaxed((const u32 *)(l->page + offset));
}

static inline void vlapic_set_reg(struct vlapic *l, u32 offset, u32 value)
{
	atomic_store_relaxed((u32 *)(l->page + offset), value);
}

/* Its mode: IA32_APIC_BASE is written by its own thread alone. */
static inline bool vlapic_x2apic(const struct vlapic *l)
{
	return READ_ONCE(l->vcpu->apic_base) & APIC_BASE_X2APIC;
}

static inline bool vlapic_hw_enabled(const struct vlapic *l)
{
	return READ_ONCE(l->vcpu->apic_base) & APIC_BASE_ENABLE;
}

static inline bool vlapic_sw_enabled(const struct vlapic *l)
{
	return vlapic_hw_enabled(l) && (vlapic_reg(l, LAPIC_SVR) & LAPIC_SVR_ENABLE);
}

/* IRR, ISR and TMR: bit vector of the array at offset array. */
static inline u32 *vlapic_array_word(struct vlapic *l, u32 array, u8 vector)
{
	return (u32 *)(l->page + array + (u32)(vector / 32) * 16);
}

static inline void vlapic_array_set(struct vlapic *l, u32 array, u8 vector)
{
	/* Full order: pairs with the exchange of requests; the bit is there when REQ_EVENT is. */
	atomic_fetch_or(vlapic_array_word(l, array, vector), 1u << (vector % 32));
}

static inline void vlapic_array_clear(struct vlapic *l, u32 array, u8 vector)
{
	atomic_fetch_and(vlapic_array_word(l, array, vector), ~(1u << (vector % 32)));
}

static inline bool vlapic_array_test(struct vlapic *l, u32 array, u8 vector)
{
	return atomic_load_relaxed(vlapic_array_word(l, array, vector)) >> (vector % 32) & 1;
}

/* Whether any interrupt is requested. Who requests one later has its vCPU look again. */
static __always_inline bool vlapic_irr_any(const struct vlapic *l)
{
	u32 any = 0;

#pragma GCC unroll 8
	for (u32 i = 0; i < 8; i++)
		any |= vlapic_reg(l, LAPIC_IRR + i * 16);
	return any;
}
