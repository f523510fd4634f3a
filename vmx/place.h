/*
 * Where the guest is, read at once at the exits whose handlers nearly always ask for it, to step over an
 * instruction.
 */
#pragma once

#include "arch/cpu.h"
#include "arch/msr.h"
#include "vm/vcpu.h"
#include "vmx/access.h"
#include "vmx/guest.h"
#include "vmx/rights.h"

/* The first groups that are read after an exit. */
static __always_inline void vmx_read_place(struct vcpu *v)
{
	struct vcpu_regs *r = &v->regs;

	r->rip = vmcs_read(GUEST_RIP);
	r->rflags = vmcs_read(GUEST_RFLAGS);
	r->shadow = (u32)vmcs_read(GUEST_INTERRUPTIBILITY) & SHADOW_ALL;
	v->valid = RG_CR2 | RG_RIP | RG_RFLAGS | RG_SHADOW;
}

/* CR3 where 64-bit code runs; ~0: other code. */
static inline u64 vmx_cr3_64(void)
{
	const enum vmcs_field cs_rights = GUEST_ES_RIGHTS + 2 * SEG_CS;

	if (!(vmcs_read(GUEST_EFER) & EFER_LMA) || !(vmcs_read(cs_rights) & RIGHTS_L))
		return ~0ULL;
	return vmcs_read(GUEST_CR3);
}
