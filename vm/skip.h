/*
 * Stepping over the instruction that caused an exit: the short way, for the exit path.
 */
#pragma once

#include "arch/cpu.h"
#include "vm/hvm.h"
#include "vm/vcpu.h"

/* Whether it is simple. The last: 32-bit code may have come to the top of its space. */
static __always_inline bool vcpu_skips_at_once(const struct vcpu *v, u32 len)
{
	return likely(len) && likely(!(v->regs.rflags & RFLAGS_TF)) &&
	       likely((u32)(v->regs.rip + len) >= len);
}

static __always_inline void vcpu_skip_at_once(struct vcpu *v, u32 len)
{
	if (unlikely(v->regs.shadow & (SHADOW_STI | SHADOW_MOVSS))) {
		v->regs.shadow &= ~(u32)(SHADOW_STI | SHADOW_MOVSS);
		v->dirty |= RG_STEPPED;
	}
	v->regs.rip += len;
	v->dirty |= RG_RIP;
}

/*
 * Steps over the instruction that caused the exit: its length from the exit, which then has read what is
 * used here (vm/hvm.h), or decoded.
 */
static __always_inline void vcpu_skip(struct vcpu *v, const struct vm_exit *e)
{
	if (unlikely(!vcpu_skips_at_once(v, e->insn_len)))
		vcpu_skip_slow(v, e->insn_len);
	else
		vcpu_skip_at_once(v, e->insn_len);
}
