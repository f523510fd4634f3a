/*
 * The MSRs of KVM's paravirtual interface, the areas that they name, and their state.
 */
#include "core/clock.h"
#include "core/thread.h"
#include "lib/errno.h"
#include "vm/cpuid.h"
#include "vm/gmem.h"
#include "vm/pv.h"
#include "vm/pv_abi.h"
#include "vm/state.h"
#include "vm/vcpu.h"
#include "vm/vm.h"
#include "vm/vtimer.h"

#define STEAL_RESERVED BITS(5, 1)

int pv_area_begin(struct vm *vm, u64 gpa, u32 *version)
{
	u64 old;
	int err = gmem_load(vm, GPA(gpa), &old, sizeof(*version));

	if (err)
		return err;
	*version = (u32)old | 1; /* odd, and another one than before it was even */
	return gmem_store(vm, GPA(gpa), *version, sizeof(*version));
}

void pv_area_end(struct vm *vm, u64 gpa, u32 version)
{
	/* Where it has gone meanwhile there is nobody to tell. */
	(void)!gmem_store(vm, GPA(gpa), version + 1, sizeof(version));
}

/* An area of size bytes, aligned, in RAM; bit 0 of value switches it on. */
static bool area_ok(const struct vm *vm, u64 value, u64 align, u64 size)
{
	u64 gpa = value & ~KVM_MSR_ENABLED;

	if (!(value & KVM_MSR_ENABLED))
		return true;
	return !(gpa & (align - 1)) && gmem_is_ram(vm, GPA(gpa), size);
}

static int set_wall(struct vcpu *v, u64 value)
{
	if (value && (value & KVM_MSR_ENABLED ||
		      !area_ok(v->vm, value | KVM_MSR_ENABLED, 4, sizeof(struct kvm_wall_clock))))
		return -EINVAL;
	v->pv.wall = value;
	if (value)
		pv_clock_show_wall(v, value);
	return 0;
}

static int set_clock(struct vcpu *v, u64 value)
{
	if (!area_ok(v->vm, value, 4, sizeof(struct kvm_system_time)))
		return -EINVAL;
	v->pv.clock = value;
	v->vm->clocks_shown = true;
	pv_clock_update(v);
	return 0;
}

static int set_steal(struct vcpu *v, u64 value)
{
	if (value & STEAL_RESERVED || !area_ok(v->vm, value, 64, sizeof(struct kvm_steal_time)))
		return -EINVAL;
	v->pv.steal = value;
	/* What it waited before, nobody missed. */
	v->pv.waited_ns = v->port->thread->waited_ns;
	v->pv.told_preempted = false;
	return 0;
}

static int set_poll(struct vcpu *v, u64 value)
{
	if (value & ~KVM_POLL_BY_HOST)
		return -EINVAL;
	v->pv.poll = value;
	return 0;
}

static const struct row {
	u32 index;
	u64 feature;
	size_t value; /* where it is in struct vcpu_pv */
	int (*write)(struct vcpu *v, u64 value);
} rows[] = {
	{ MSR_KVM_WALL_CLOCK_OLD, KVM_FEATURE_CLOCK_OLD, offsetof(struct vcpu_pv, wall), set_wall },
	{ MSR_KVM_SYSTEM_TIME_OLD, KVM_FEATURE_CLOCK_OLD, offsetof(struct vcpu_pv, clock),
	  set_clock },
	{ MSR_KVM_WALL_CLOCK, KVM_FEATURE_CLOCK, offsetof(struct vcpu_pv, wall), set_wall },
	{ MSR_KVM_SYSTEM_TIME, KVM_FEATURE_CLOCK, offsetof(struct vcpu_pv, clock), set_clock },
	{ MSR_KVM_STEAL_TIME, KVM_FEATURE_STEAL_TIME, offsetof(struct vcpu_pv, steal), set_steal },
	{ MSR_KVM_POLL_CONTROL, KVM_FEATURE_POLL_CONTROL, offsetof(struct vcpu_pv, poll),
	  set_poll },
};

/* NULL: none that this VM is offered. */
static const struct row *find(const struct vcpu *v, u32 index)
{
	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		if (rows[i].index == index)
			return v->vm->cpuid->pv_features & rows[i].feature ? &rows[i] : NULL;
	}
	return NULL;
}

int pv_rdmsr(struct vcpu *v, u32 index, u64 *value)
{
	const struct row *r = find(v, index);

	if (!r)
		return -EINVAL;
	*value = *(const u64 *)((const u8 *)&v->pv + r->value);
	return 0;
}

int pv_wrmsr(struct vcpu *v, u32 index, u64 value)
{
	const struct row *r = find(v, index);

	return r ? r->write(v, value) : -EINVAL;
}

void pv_state(struct vcpu *v, struct state *s)
{
	struct vcpu_pv *pv = &v->pv;
	u64 tsc = vcpu_tsc(v), ns = pv_clock_ns(v, tsc);

	state_u64(s, "kvm_clock", &pv->clock);
	state_u64(s, "kvm_wall", &pv->wall);
	state_u64(s, "kvm_steal", &pv->steal);
	state_u64(s, "kvm_poll", &pv->poll);
	state_u64(s, "kvm_tsc", &tsc);
	state_u64(s, "kvm_ns", &ns);
	state_bool(s, "kvm_unhalted", &pv->unhalted);
	if (!s->loading || s->error)
		return;
	/* A host's clock may be another one: from here on, it is this one's. */
	pv->tsc_ref = tsc - v->tsc_adjust;
	pv->ns_ref = ns;
	pv->told_preempted = false;
	pv->waited_ns = v->port->thread->waited_ns;
	if (!area_ok(v->vm, pv->clock, 4, sizeof(struct kvm_system_time)) ||
	    !area_ok(v->vm, pv->steal, 64, sizeof(struct kvm_steal_time)) ||
	    pv->steal & STEAL_RESERVED || pv->poll & ~KVM_POLL_BY_HOST)
		state_reject(s, "area of the paravirtual interface");
	else
		vcpu_request(v->vm, v->index, REQ_PV_CLOCK);
	v->vm->clocks_shown = true;
}
