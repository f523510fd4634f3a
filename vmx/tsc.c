/*
 * The guest's TSC: offset, and multiplier where it runs at another frequency (Intel SDM vol. 3, "Time-Stamp Counter
 * Offsetting and Scaling"). Both are in the VMCS and go with the vCPU to any CPU. A guest that is not scaled does
 * without the control.
 */
#include "vm/tscscale.h"
#include "vm/vcpu.h"
#include "vm/vm.h"
#include "vmx/access.h"
#include "vmx/guest.h"

#define MULTIPLIER_BITS 48

void vmx_tsc_probe(u32 proc2_may)
{
	tscscale_hw = (struct tscscale_hw){
		.feature = "VT-x's \"use TSC scaling\"",
		.bits = proc2_may & PROC2_TSC_SCALING ? MULTIPLIER_BITS : 0,
		.max = BITS(59, 0), /* 4096 times as fast; sums of products fit 128 bits */
	};
}

void vmx_tsc_scale(struct vcpu *v)
{
	struct hvm_vcpu *h = v->hvm;
	struct vmx_controls *c = &h->controls;

	h->tsc_mult = v->vm->tsc.mult;
	if (h->tsc_mult) {
		vmcs_write(TSC_MULTIPLIER, h->tsc_mult);
		c->proc2 |= PROC2_TSC_SCALING;
	} else {
		c->proc2 &= ~(u32)PROC2_TSC_SCALING;
	}
	vmcs_write(PROC2_CONTROLS, c->proc2);
}
