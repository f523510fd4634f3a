/*
 * The registers by which a guest controls speculation: SPEC_CTRL and AMD's VIRT_SPEC_CTRL, the commands PRED_CMD
 * and FLUSH_CMD, and ARCH_CAPABILITIES. What may be written follows the features that the guest is shown
 * (struct cpuid_spec).
 *
 * SPEC_CTRL holds the host's value (core/mitigation.h) outside of guest mode. A vCPU whose value is neither 0 nor
 * the host's has its own there while it runs, from the first time on: the backends switch it (RG_SPEC), and
 * nobody else pays for it. Until then it runs with the host's, which protects no less than 0.
 */
#pragma once

#include "arch/msr.h"
#include "core/mitigation.h"
#include "lib/compiler.h"
#include "lib/types.h"
#include "vm/cpuid.h"
#include "vm/msr.h"

struct vcpu;

/* SPEC_CTRL and VIRT_SPEC_CTRL. 0, or -EINVAL: raise #GP. */
int spec_rdmsr(struct vcpu *v, u32 index, u64 *value) __must_check;
int spec_wrmsr(struct vcpu *v, u32 index, u64 value) __must_check;
/* A write of PRED_CMD or FLUSH_CMD: done on this CPU. The same. */
int spec_command(struct vcpu *v, u32 index, u64 value) __must_check;
/* A read of ARCH_CAPABILITIES. The same. */
int spec_capabilities(struct vcpu *v, u32 index, u64 *value) __must_check;

/* What is to be in the CPU's SPEC_CTRL for v. */
u64 spec_effective(const struct vcpu *v);

/* Whether a vCPU that runs with the host's value, and had old, needs one of its own now that it has value. */
static inline bool spec_needs_own(u64 old, u64 value)
{
	/* Who goes from the host's value to 0 and back is better off without exits, too. */
	return value != old && value != mitigation_spec_ctrl();
}

/* v's values are such as it could have written. */
bool spec_valid(const struct vcpu *v);

/*
 * The accesses that need no exit: of every vCPU, and (own) of one that has its own value in the CPU. At most
 * SPEC_PASSES, into out; how many.
 */
#define SPEC_PASSES 3
static inline u32 spec_passes(const struct cpuid_spec *s, bool own, struct msr_pass *out)
{
	u32 n = 0;

	if (s->pred_direct)
		out[n++] = (struct msr_pass){ MSR_PRED_CMD, false, true };
	if (s->flush)
		out[n++] = (struct msr_pass){ MSR_FLUSH_CMD, false, true };
	if (own && s->ctrl_direct)
		out[n++] = (struct msr_pass){ MSR_SPEC_CTRL, true, true };
	return n;
}
