/*
 * Speculation controls as registers.
 */
#include "vm/spec.h"

#include "arch/cpu.h"
#include "arch/msr.h"
#include "lib/errno.h"
#include "vm/cpuid.h"
#include "vm/vcpu.h"
#include "vm/vm.h"

static u64 allowed(const struct vcpu *v, u32 index)
{
	const struct cpuid_spec *s = &v->vm->cpuid->spec;

	return index == MSR_SPEC_CTRL ? s->ctrl :
	       index == MSR_PRED_CMD  ? s->pred :
	       index == MSR_FLUSH_CMD ? s->flush :
					s->virt;
}

int spec_rdmsr(struct vcpu *v, u32 index, u64 *value)
{
	if (!allowed(v, index))
		return -EINVAL;
	vcpu_need(v, RG_SPEC);
	*value = index == MSR_SPEC_CTRL ? v->spec_ctrl : v->virt_spec_ctrl;
	return 0;
}

int spec_wrmsr(struct vcpu *v, u32 index, u64 value)
{
	u64 bits = allowed(v, index);

	if (!bits || (value & ~bits))
		return -EINVAL;
	vcpu_need(v, RG_SPEC);
	*(index == MSR_SPEC_CTRL ? &v->spec_ctrl : &v->virt_spec_ctrl) = value;
	vcpu_dirty(v, RG_SPEC);
	return 0;
}

int spec_command(struct vcpu *v, u32 index, u64 value)
{
	u64 bits = allowed(v, index);

	if (!bits || (value & ~bits))
		return -EINVAL;
	if (value)
		wrmsr(index, value);
	return 0;
}

int spec_capabilities(struct vcpu *v, u32 index, u64 *value)
{
	const struct cpuid_table *t = v->vm->cpuid;

	(void)index;
	if (!t->spec.caps)
		return -EINVAL;
	*value = t->arch_caps[0] | (u64)t->arch_caps[1] << 32;
	return 0;
}

u64 spec_effective(const struct vcpu *v)
{
	return v->spec_ctrl | v->virt_spec_ctrl; /* SSBD is the same bit in both */
}

bool spec_valid(const struct vcpu *v)
{
	return !(v->spec_ctrl & ~allowed(v, MSR_SPEC_CTRL)) &&
	       !(v->virt_spec_ctrl & ~allowed(v, MSR_VIRT_SPEC_CTRL));
}
