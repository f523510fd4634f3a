/*
 * A VM's timers. They run in the VM's own address space, on its vCPU threads: a host timer only
 * wakes the vCPU that owns the earliest deadline, which then calls what has expired.
 */
#pragma once

#include "lib/list.h"
#include "lib/types.h"
#include "vm/vcpu.h"
#include "vm/vm.h"

struct vdev;

struct vtimer {
	struct list node;  /* its list, by deadline: the vCPU's, or that of the VM's devices */
	struct vcpu *vcpu; /* owner; NULL: a device's */
	struct vdev
		*dev; /* its lock is held around fn, and by who arms and cancels; NULL: a vCPU's */
	u64 deadline_ns; /* on vm_time_ns()'s scale */
	void (*fn)(struct vtimer *t);
	bool armed;
	bool due; /* a device's: taken off the list, fn is about to be called; lock: as armed */
};

/*
 * A device's timer: armed and cancelled from any thread of the VM's, with the device's lock held; called on
 * vCPU 0's thread. After vtimer_cancel() it does not come any more.
 */
void vtimer_init_dev(struct vtimer *t, struct vdev *dev, void (*fn)(struct vtimer *t));
/* A vCPU's: on its own thread only. */
void vtimer_init_vcpu(struct vtimer *t, struct vcpu *vcpu, void (*fn)(struct vtimer *t));

/* Arms or moves. */
void vtimer_arm(struct vtimer *t, u64 deadline_ns);
void vtimer_cancel(struct vtimer *t);

/* Calls what has expired and sets the host timer for the next; on v's thread (the run loop). */
void vtimer_run(struct vcpu *v);
/* The same for the devices; on vCPU 0's thread. */
void vtimer_run_devices(struct vm *vm);

/*
 * v waits, or is losing its CPU, and the hardware has its first deadline: the host's timer takes that over, to wake
 * it. Its thread; the lock of a run queue may be held.
 */
void vtimer_leave(struct vcpu *v);
static inline void vtimer_put(struct vcpu *v)
{
	if (v->timer_hw)
		vtimer_leave(v);
}

/* Nanoseconds of the VM's time: clock_ns() less its start and its pauses. Monotonic. */
u64 vm_time_ns(const struct vm *vm);
/* The guest's TSC on v, which stands still with the VM's time. On its thread. */
u64 vcpu_tsc(const struct vcpu *v);
/* The same when the host's is that, and the time does not stand still: what the guest itself reads. */
static inline u64 vcpu_tsc_at(const struct vcpu *v, u64 host)
{
	return tscscale_apply(&v->vm->tsc, host) + v->tsc_offset;
}

/* Between the two the VM's time, its TSCs included, stands still. The VM's lock is held; no vCPU is in guest mode. */
void vtimer_stop_time(struct vm *vm);
void vtimer_start_time(struct vm *vm);

/*
 * v, outside of guest mode, wants no timers; and it is about to go on, where the VM's time stood still for
 * paused_tsc of the guest's TSC in all. On its thread.
 */
void vtimer_pause(struct vcpu *v);
void vtimer_resume(struct vcpu *v, u64 paused_tsc);
