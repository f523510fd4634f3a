/*
 * kvmclock. The clock is the vCPU's TSC at its own frequency, and nothing else: a pair of a TSC and a time that
 * belong together, and a factor. What stops or moves the TSC with the VM's time, as pauses do, so
 * stops the clock without a word to the guest; only a TSC that the guest itself moves needs another pair.
 */
#include "core/clock.h"
#include "lib/atomic.h"
#include "lib/string.h"
#include "vm/domain.h"
#include "vm/gmem.h"
#include "vm/pv.h"
#include "vm/pv_abi.h"
#include "vm/vcpu.h"
#include "vm/vm.h"
#include "vm/vtimer.h"

#define NS_PER_MS 1000000ULL
#define NS_PER_S  1000000000ULL

struct factor {
	u32 mul;
	s8 shift;
};

/* The nearest factor with 32 significant bits from ticks at khz (over 0, under 2^38) to ns. */
static struct factor factor_of(u64 khz)
{
	u64 num = NS_PER_MS << 32, den = khz, mul;
	s8 shift = 0;

	while (num / den >> 32) {
		den *= 2;
		shift++;
	}
	while (!(num / den >> 31)) {
		num *= 2;
		shift--;
	}
	mul = (num + den / 2) / den;
	return (struct factor){ (u32)MIN(mul, 0xffffffffULL), shift };
}

/* As the guest computes it. */
static u64 factor_apply(struct factor f, u64 ticks)
{
	ticks = f.shift < 0 ? ticks >> -f.shift : ticks << f.shift;
	return (u64)((unsigned __int128)ticks * f.mul >> 32);
}

/* What the guest adds to its TSC is not time. */
static u64 tsc_ref(const struct vcpu *v)
{
	return v->pv.tsc_ref + v->tsc_adjust;
}

u64 pv_clock_ns(const struct vcpu *v, u64 tsc)
{
	return v->pv.ns_ref + factor_apply(factor_of(tscscale_khz(&v->vm->tsc)), tsc - tsc_ref(v));
}

/* Whether all vCPUs' TSCs are the same: nobody's was moved, or all alike. */
static bool stable(const struct vm *vm)
{
	const struct vcpu *first = vm->ports[0].vcpu;

	for (u32 i = 1; i < vm->vcpu_count; i++) {
		const struct vcpu *v = vm->ports[i].vcpu;

		if (v && READ_ONCE(v->tsc_adjust) != READ_ONCE(first->tsc_adjust))
			return false;
	}
	return true;
}

void pv_clock_update(struct vcpu *v)
{
	const u64 body = offsetof(struct kvm_system_time, tsc_timestamp);
	u64 gpa = v->pv.clock & ~KVM_MSR_ENABLED;
	struct factor f = factor_of(tscscale_khz(&v->vm->tsc));
	struct kvm_system_time t = {
		.tsc_timestamp = tsc_ref(v),
		.system_time = v->pv.ns_ref,
		.mul = f.mul,
		.shift = f.shift,
		.flags = stable(v->vm) ? (u8)KVM_TIME_STABLE : 0,
	};
	u32 version;

	if (!(v->pv.clock & KVM_MSR_ENABLED) || pv_area_begin(v->vm, gpa, &version))
		return;
	if (!gmem_write(v->vm, GPA(gpa + body), (const u8 *)&t + body, sizeof(t) - body))
		pv_area_end(v->vm, gpa, version);
}

void pv_clock_update_all(struct vcpu *v)
{
	struct vm *vm = v->vm;

	pv_clock_update(v);
	/* Their times may not be compared with this one's any more, or may again. */
	for (u32 i = 0; i < vm->vcpu_count; i++) {
		if (i != v->index)
			vcpu_request(vm, i, REQ_PV_CLOCK);
	}
}

/* The guest's time of day, in seconds since 1970, as its real-time clock was set to when it started. */
static s64 wall_now(const struct vm *vm)
{
	const struct domain *cfg = &vm->cfg;

	switch (cfg->clock) {
	case CLOCK_ABSOLUTE:
		return cfg->clock_s + (s64)(vm_time_ns(vm) / NS_PER_S);
	case CLOCK_VARIABLE:
		return (s64)clock_wall_s() + cfg->clock_s;
	default:
		return (s64)clock_wall_s();
	}
}

void pv_clock_show_wall(struct vcpu *v, u64 gpa)
{
	u64 ns = pv_clock_ns(v, vcpu_tsc(v));
	/* Whole seconds are what the host knows. */
	struct kvm_wall_clock w = { .sec = (u32)(wall_now(v->vm) - (s64)(ns / NS_PER_S)) };
	const u64 body = offsetof(struct kvm_wall_clock, sec);
	u32 version;

	if (pv_area_begin(v->vm, gpa, &version))
		return;
	if (!gmem_write(v->vm, GPA(gpa + body), (const u8 *)&w + body, sizeof(w) - body))
		pv_area_end(v->vm, gpa, version);
}
