/*
 * The processor time of a VM: shares, CPUs and quota out of its configuration (libvirt's cputune), brought to
 * its vCPUs' threads.
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"

struct cpuset;
struct thread;
struct vm;

/* Libvirt's limits; CPUTUNE_PERIOD_DEFAULT_US is also what a quota without a period means. */
#define CPUTUNE_SHARES_MIN        2u
#define CPUTUNE_SHARES_MAX        262144u
#define CPUTUNE_PERIOD_MIN_US     1000u
#define CPUTUNE_PERIOD_MAX_US     1000000u
#define CPUTUNE_PERIOD_DEFAULT_US 100000u
#define CPUTUNE_QUOTA_MIN_US      1000
#define CPUTUNE_QUOTA_MAX_US      17592186044415

/*
 * Sets up vCPU index's thread. It has not been started, or is the calling one; no lock held. -EINVAL: none of
 * its CPUs is there.
 */
int cputune_apply(struct vm *vm, u32 index, struct thread *t) __must_check;

/*
 * Where a vCPU may run, from now on and after each start. Any thread of the hypervisor's, no lock held.
 * -EINVAL: no such vCPU, or none of these CPUs is there.
 */
int vm_pin(struct vm *vm, u32 index, const struct cpuset *cpus) __must_check;

/*
 * Where a vCPU runs rather, of where it may: elsewhere only while these CPUs are busy. From now on and after each start. As vm_pin(), but that none
 * of them need be there.
 */
int vm_pin_soft(struct vm *vm, u32 index, const struct cpuset *cpus) __must_check;

/*
 * Shares, and the time that each vCPU may run in each period, in microseconds; from now on and after each start.
 * 0 leaves a value as it is, a negative quota means none. -EINVAL: outside of the limits above.
 */
int vm_set_sched(struct vm *vm, u32 shares, u64 period_us, s64 quota_us) __must_check;
