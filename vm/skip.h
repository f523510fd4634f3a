/*
 * Stepping over the instruction that caused an exit: the short way, for the exit path.
 */
#pragma once

#include "arch/cpu.h"
#include "vm/hvm.h"
#include "vm/vcpu.h"

/* Steps over the instruction that caused the exit: its length from the exit, or decoded. */
static inline void vcpu_skip(struct vcpu *v, const struct vm_exit *e)
{
	const u32 groups = RG_RIP | RG_SHADOW | RG_RFLAGS;
	u32 len = e->insn_len;

	if (unlikely(!len) || unlikely((v->valid & groups) != groups) ||
	    unlikely((v->regs.shadow & (SHADOW_STI | SHADOW_MOVSS)) |
		     (v->regs.rflags & RFLAGS_TF)) ||
	    unlikely((v->regs.rip + len) >> 32 == 1)) {
		vcpu_skip_slow(v, len);
		return;
	}
	v->regs.rip += len;
	v->dirty |= RG_RIP;
}
