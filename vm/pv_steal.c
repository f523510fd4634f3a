/*
 * Steal time: how long a vCPU's thread was ready, or had used up its quota, and did not run; and whether it is so
 * now, which guests go by when they spin, yield and flush TLBs: the flush of a vCPU that does not run is left
 * for when it runs again. The run loop gives its CPU away between instructions only, so that none is
 * amid one then with a translation that the guest takes for gone.
 */
#include "core/thread.h"
#include "lib/errno.h"
#include "vm/gmem.h"
#include "vm/hvm.h"
#include "vm/pv.h"
#include "vm/pv_abi.h"
#include "vm/vcpu.h"
#include "vm/vm.h"

/* How often another vCPU may change the byte while it is taken, before that is taken for a flush. */
#define TAKE_TRIES 4

#define AT(v, field) GPA(area(v) + offsetof(struct kvm_steal_time, field))

static bool enabled(const struct vcpu *v)
{
	return v->pv.steal & KVM_MSR_ENABLED;
}

static u64 area(const struct vcpu *v)
{
	return v->pv.steal & ~KVM_MSR_ENABLED;
}

/* It runs again. Whether translations are to be dropped; where that cannot be told, they are. */
static bool take_preempted(struct vcpu *v)
{
	u64 seen = KVM_PREEMPTED;

	v->pv.told_preempted = false;
	for (u32 i = 0; i < TAKE_TRIES; i++) {
		int err = gmem_cas(v->vm, AT(v, preempted), &seen, 0, 1);

		if (!err)
			return seen & KVM_PREEMPT_FLUSH;
		if (err != -EAGAIN)
			return true;
	}
	(void)!gmem_store(v->vm, AT(v, preempted), 0, 1);
	return true;
}

/* The guest's own sum is added to: it keeps that over an INIT, and takes it for its own. */
static void add(struct vcpu *v, u64 ns)
{
	u64 version = AT(v, version).v, sum;
	u32 odd;

	if (gmem_load(v->vm, AT(v, steal), &sum, sizeof(sum)) ||
	    pv_area_begin(v->vm, version, &odd))
		return;
	if (!gmem_store(v->vm, AT(v, steal), sum + ns, sizeof(sum)))
		pv_area_end(v->vm, version, odd);
}

void pv_steal_switched_in(struct vcpu *v)
{
	u64 waited = v->port->thread->waited_ns;

	if (!enabled(v))
		return;
	if (v->pv.told_preempted && take_preempted(v))
		hvm->flush(v);
	if (waited != v->pv.waited_ns)
		add(v, waited - v->pv.waited_ns);
	v->pv.waited_ns = waited;
}

void pv_steal_switched_out(struct vcpu *v)
{
	if (enabled(v))
		v->pv.told_preempted = !gmem_store(v->vm, AT(v, preempted), KVM_PREEMPTED, 1);
}
