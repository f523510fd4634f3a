/*
 * A guest's SPEC_CTRL in the lists that entries and exits load and store MSRs by.
 */
#include "vmx/spec.h"

#include "arch/msr.h"
#include "core/mitigation.h"
#include "mm/heap.h"
#include "vm/cpuid.h"
#include "vm/spec.h"
#include "vm/vcpu.h"
#include "vm/vm.h"
#include "vmx/access.h"
#include "vmx/apicv.h"
#include "vmx/guest.h"

void vmx_spec_read(struct vcpu *v)
{
	const struct vmx_spec *s = &v->hvm->spec;

	if (s->own && v->vm->cpuid->spec.ctrl_direct)
		v->spec_ctrl = s->guest.value;
}

static void own_begin(struct vcpu *v)
{
	struct vmx_spec *s = &v->hvm->spec;
	u64 guest = heap_phys(v->vm->heap, &s->guest).v;

	s->own = true;
	s->guest.index = s->host.index = MSR_SPEC_CTRL;
	s->host.value = mitigation_spec_ctrl();
	vmcs_write(EXIT_MSR_STORE_ADDR, guest);
	vmcs_write(EXIT_MSR_LOAD_ADDR, heap_phys(v->vm->heap, &s->host).v);
	vmcs_write(ENTRY_MSR_LOAD_ADDR, guest);
	vmcs_write(EXIT_MSR_STORE_COUNT, 1);
	vmcs_write(EXIT_MSR_LOAD_COUNT, 1);
	vmcs_write(ENTRY_MSR_LOAD_COUNT, 1);
	vmx_apicv_msr_bitmap(v);
}

void vmx_spec_write(struct vcpu *v)
{
	struct vmx_spec *s = &v->hvm->spec;
	u64 old = s->guest.value;

	s->guest.value = spec_effective(v);
	if (!s->own && spec_needs_own(old, s->guest.value))
		own_begin(v);
}
