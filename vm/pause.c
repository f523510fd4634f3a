/*
 * Pauses. Each vCPU leaves guest mode and waits; with the last one the VM's time stops, and goes on when the
 * pause is over, before any of them does.
 */
#include "vm/pause.h"

#include "lib/atomic.h"
#include "lib/errno.h"
#include "vm/call.h"
#include "vm/keeper.h"
#include "vm/vcpu.h"
#include "vm/vm.h"
#include "vm/vtimer.h"

/* Time stands still while the VM shall be paused and all its vCPUs are. The VM's lock is held. */
static void follow(struct vm *vm)
{
	bool still = vm->pause && vm->paused_vcpus == vm->vcpu_count;

	if (still == vm->frozen)
		return;
	if (still)
		vtimer_stop_time(vm);
	else
		vtimer_start_time(vm);
	vm_set_state(vm, still ? VM_PAUSED : VM_RUNNING);
}

void pause_enter(struct vcpu *v)
{
	struct vm *vm = v->vm;

	vtimer_pause(v);
	spin_lock(&vm->lock);
	vm->paused_vcpus++;
	follow(vm);
	spin_unlock(&vm->lock);
}

void pause_leave(struct vcpu *v)
{
	struct vm *vm = v->vm;
	u64 paused_tsc;

	spin_lock(&vm->lock);
	vm->paused_vcpus--;
	follow(vm); /* where it leaves because the VM stops */
	paused_tsc = vm->paused_tsc;
	spin_unlock(&vm->lock);
	vtimer_resume(v, paused_tsc);
}

static void nothing(struct vcpu *v, void *arg)
{
	(void)v;
	(void)arg;
}

/* Returns when all vCPUs have looked at their requests. */
static int sync_all(struct vm *vm)
{
	int err = 0;

	for (u32 i = 0; i < vm->vcpu_count && !err; i++)
		err = vcpu_call(vm, i, nothing, NULL);
	return err;
}

static int set_pause(struct vm *vm, u32 pause)
{
	int err = 0;

	spin_lock(&vm->lock);
	if (!vm_active(vm) || vm->stop_reason != STOP_NONE) {
		err = -ENODEV;
	} else if (vm->pause == pause) {
		err = -EALREADY;
	} else {
		/* Before the request, whose release makes it visible to the run loop. */
		atomic_store_relaxed(&vm->pause, pause);
		follow(vm); /* they may all be there still, of a pause that has just ended */
		vm_request_all(vm, REQ_PAUSE);
	}
	spin_unlock(&vm->lock);
	return err;
}

int vm_pause(struct vm *vm)
{
	int err = set_pause(vm, 1);

	return err ? err : sync_all(vm);
}

int vm_resume(struct vm *vm)
{
	int err = set_pause(vm, 0);

	/* The guest may have gone on to its end before it could say so: it was resumed all the same. */
	if (!err)
		(void)sync_all(vm);
	return err;
}
