/*
 * A guest's own SPEC_CTRL, from the first time that it needs one (vm/spec.h). Where the CPU virtualizes the register
 * (AMD APM vol. 2, "SPEC_CTRL Virtualization"), VMRUN and #VMEXIT switch it; elsewhere it is written before each
 * entry and after each exit: what runs of the host between has no branch that another guest's data depends on.
 */
#include "svm/backend.h"

#include "arch/cpu.h"
#include "arch/msr.h"
#include "core/mitigation.h"
#include "mm/heap.h"
#include "vm/cpuid.h"
#include "vm/spec.h"
#include "vm/vm.h"

static u64 *place(struct hvm_vcpu *s)
{
	return svm_caps.virt_spec_ctrl ? &s->vmcb->save.spec_ctrl : &s->spec_ctrl;
}

void svm_spec_read(struct vcpu *v)
{
	struct hvm_vcpu *s = v->hvm;

	if (s->spec_own && v->vm->cpuid->spec.ctrl_direct)
		v->spec_ctrl = *place(s);
}

static void own_begin(struct vcpu *v)
{
	struct hvm_vcpu *s = v->hvm;

	s->spec_own = true;
	s->vmcb->control.msrpm_pa = heap_phys(v->vm->heap, v->vm->hvm->msrpm + MSRPM_SIZE).v;
	vmcb_changed(s, CLEAN_MAPS);
	if (svm_caps.virt_spec_ctrl)
		return;
	s->work |= WORK_SPEC;
	s->after |= AFTER_SPEC;
}

void svm_spec_write(struct vcpu *v)
{
	struct hvm_vcpu *s = v->hvm;
	u64 old = *place(s);

	*place(s) = spec_effective(v);
	if (!s->spec_own && spec_needs_own(old, *place(s)))
		own_begin(v);
	if (s->work & WORK_SPEC) /* svm_prepare() has been there already */
		wrmsr(MSR_SPEC_CTRL, s->spec_ctrl);
}

void svm_spec_enter(struct vcpu *v)
{
	u64 value = v->hvm->spec_ctrl;

	if (value != mitigation_spec_ctrl())
		wrmsr(MSR_SPEC_CTRL, value);
}

void svm_spec_leave(struct vcpu *v)
{
	struct hvm_vcpu *s = v->hvm;

	if (v->vm->cpuid->spec.ctrl_direct)
		s->spec_ctrl = rdmsr(MSR_SPEC_CTRL);
	if (s->spec_ctrl != mitigation_spec_ctrl())
		wrmsr(MSR_SPEC_CTRL, mitigation_spec_ctrl());
}
