/*
 * The end of a guest's run at a given time by the CPU itself: the VMX-preemption timer (Intel SDM vol. 3). Its field
 * is what it counts down from at each entry, and it does not count outside of guest mode, while time goes on: the
 * field is written at each entry as long as there is a deadline, and once more behind it.
 */
#include "arch/cpu.h"
#include "core/clock.h"
#include "vm/hvm.h"
#include "vm/vcpu.h"
#include "vmx/access.h"
#include "vmx/guest.h"

bool vmx_deadline(struct vcpu *v, u64 ns)
{
	struct hvm_vcpu *h = v->hvm;

	if (!vmx_caps.timer)
		return false;
	h->deadline_ns = ns;
	/* What no entry has seen leaves nothing behind. */
	if (ns == HVM_NO_DEADLINE && !(h->pending & VMX_TIMER))
		h->pending &= ~(u32)VMX_DEADLINE;
	else
		h->pending |= VMX_DEADLINE;
	return true;
}

void vmx_deadline_serve(struct hvm_vcpu *h, u32 pending)
{
	if (pending & VMX_DEADLINE) {
		if (h->deadline_ns == HVM_NO_DEADLINE) {
			vmcs_write(PREEMPTION_TIMER, VMX_TIMER_NEVER);
			return;
		}
		h->deadline_tsc = clock_deadline_tsc(h->deadline_ns);
	}
	h->pending |= VMX_TIMER;
	vmcs_write(PREEMPTION_TIMER,
		   vmx_timer_count(rdtsc(), h->deadline_tsc, vmx_caps.timer_shift));
}
