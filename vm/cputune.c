/*
 * Processor time: what the configuration says is kept in cfg, and what runs is told on its own thread,
 * which is certain to be there then.
 */
#include "vm/cputune.h"

#include "core/thread.h"
#include "lib/cpuset.h"
#include "lib/errno.h"
#include "vm/call.h"
#include "vm/vcpu.h"
#include "vm/vm.h"

#define NS_PER_US 1000u

int cputune_apply(struct vm *vm, u32 index, struct thread *t)
{
	struct cpuset cpus, soft;
	u64 quota, period;
	u32 shares;

	spin_lock(&vm->lock);
	cpus = vm->cfg.vcpupin[index];
	if (cpuset_empty(&cpus))
		cpus = vm->cfg.cpus;
	soft = vm->cfg.vcpusoft[index];
	if (cpuset_empty(&soft))
		soft = vm->cfg.soft;
	if (cpuset_empty(&soft))
		soft = vm->near;
	shares = vm->cfg.shares;
	quota = vm->cfg.quota_us > 0 ? (u64)vm->cfg.quota_us * NS_PER_US : 0;
	period = vm->cfg.period_us ? vm->cfg.period_us : CPUTUNE_PERIOD_DEFAULT_US;
	spin_unlock(&vm->lock);
	if (cpuset_empty(&cpus))
		cpuset_fill(&cpus);
	thread_set_soft(t, &soft);
	thread_set_weight(t, shares);
	thread_set_quota(t, quota, period * NS_PER_US);
	return thread_set_cpus(t, &cpus);
}

static void apply_here(struct vcpu *v, void *arg)
{
	int *err = arg;

	*err = cputune_apply(v->vm, v->index, thread_current());
}

/* Tells a vCPU's thread; one that is not there is told when it starts. */
static int apply(struct vm *vm, u32 index)
{
	int err = 0;

	return vcpu_call(vm, index, apply_here, &err) ? 0 : err;
}

int vm_pin(struct vm *vm, u32 index, const struct cpuset *cpus)
{
	struct cpuset old;
	int err;

	if (index >= vm->vcpu_count || cpuset_empty(cpus))
		return -EINVAL;
	spin_lock(&vm->lock);
	old = vm->cfg.vcpupin[index];
	vm->cfg.vcpupin[index] = *cpus;
	spin_unlock(&vm->lock);
	err = apply(vm, index);
	if (err) {
		spin_lock(&vm->lock);
		vm->cfg.vcpupin[index] = old;
		spin_unlock(&vm->lock);
	}
	return err;
}

int vm_pin_soft(struct vm *vm, u32 index, const struct cpuset *cpus)
{
	if (index >= vm->vcpu_count || cpuset_empty(cpus))
		return -EINVAL;
	spin_lock(&vm->lock);
	vm->cfg.vcpusoft[index] = *cpus;
	spin_unlock(&vm->lock);
	return apply(vm, index);
}

/* 0 stands for a value that is not to be changed. */
static bool within(s64 value, s64 min, s64 max)
{
	return !value || (value >= min && value <= max);
}

int vm_set_sched(struct vm *vm, u32 shares, u64 period_us, s64 quota_us)
{
	int err = 0;

	if (!within(shares, CPUTUNE_SHARES_MIN, CPUTUNE_SHARES_MAX) ||
	    !within((s64)period_us, CPUTUNE_PERIOD_MIN_US, CPUTUNE_PERIOD_MAX_US) ||
	    (quota_us > 0 && !within(quota_us, CPUTUNE_QUOTA_MIN_US, CPUTUNE_QUOTA_MAX_US)))
		return -EINVAL;
	spin_lock(&vm->lock);
	if (shares)
		vm->cfg.shares = shares;
	if (period_us)
		vm->cfg.period_us = period_us;
	if (quota_us)
		vm->cfg.quota_us = quota_us;
	spin_unlock(&vm->lock);
	for (u32 i = 0; i < vm->vcpu_count && !err; i++)
		err = apply(vm, i);
	return err;
}
