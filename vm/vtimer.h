/*
 * A VM's timers. They run in the VM's own address space, on its vCPU threads: a host timer only
 * wakes the vCPU that owns the earliest deadline, which then calls what has expired.
 */
#pragma once

#include "lib/list.h"
#include "lib/types.h"

struct vcpu;
struct vdev;
struct vm;

struct vtimer {
	struct list node;  /* owner vCPU's list by deadline */
	struct vcpu *vcpu; /* owner: vCPU 0 for devices */
	struct vdev *dev;  /* its lock is taken around fn; NULL: none (the local APIC) */
	u64 deadline_ns;   /* on vm_time_ns()'s scale */
	void (*fn)(struct vtimer *t);
	bool armed;
};

/* A device's timer runs on vCPU 0's thread. */
void vtimer_init_dev(struct vtimer *t, struct vdev *dev, void (*fn)(struct vtimer *t));
void vtimer_init_vcpu(struct vtimer *t, struct vcpu *vcpu, void (*fn)(struct vtimer *t));

/* Arms or moves; on the owner's thread. */
void vtimer_arm(struct vtimer *t, u64 deadline_ns);
void vtimer_cancel(struct vtimer *t);

/* Calls what has expired and sets the host timer for the next; on v's thread (the run loop). */
void vtimer_run(struct vcpu *v);

/* Nanoseconds of the VM's time: clock_ns() less its start and its pauses. Monotonic. */
u64 vm_time_ns(const struct vm *vm);

/*
 * Between the two the VM's time, its TSC included, stands still and no timer of its fires. On the thread
 * of v, which is the VM's only vCPU, outside of guest mode.
 */
void vtimer_stop_time(struct vcpu *v);
void vtimer_start_time(struct vcpu *v);
