/*
 * The run loop: serve requests, sleep while halted, decide what to inject, enter the guest,
 * handle the exit. No lock is held and nothing is allocated on the way.
 */
#include "vm/run.h"

#include "arch/cpu.h"
#include "core/thread.h"
#include "lib/atomic.h"
#include "lib/compiler.h"
#include "vm/call.h"
#include "vm/exit.h"
#include "vm/apicv.h"
#include "vm/hvm.h"
#include "vm/keeper.h"
#include "vm/vcpu.h"
#include "vm/vdev.h"
#include "vm/vm.h"
#include "vm/vtimer.h"

static void chardev_input(struct vm *vm)
{
	list_for_each(node, &vm->devices) {
		struct vdev *dev = list_entry(node, struct vdev, node);

		if (!dev->ops->input)
			continue;
		spin_lock(&dev->lock);
		dev->ops->input(dev);
		spin_unlock(&dev->lock);
	}
}

static u32 take_requests(struct vcpu *v)
{
	/* Acquire pairs with the release in vcpu_request(): what was done before it is visible. */
	return __atomic_exchange_n(&v->port->requests, 0, __ATOMIC_ACQUIRE);
}

/* Who looks at the VM sees that it is paused, or runs. */
static void show_paused(struct vm *vm, bool paused)
{
	spin_lock(&vm->lock);
	vm_set_state(vm, paused ? VM_PAUSED : VM_RUNNING);
	spin_unlock(&vm->lock);
}

/*
 * Sleeps, the guest's time standing still, until the pause is over or the VM stops. Calls are served; all
 * other requests wait, those in req too. Returns what is to be served now.
 */
static u32 stay_paused(struct vcpu *v, u32 req)
{
	vtimer_stop_time(v);
	show_paused(v->vm, true);
	/* vm_resume() clears pause before its request: with the one taken the other is seen. */
	while (atomic_load_relaxed(&v->vm->pause) && !(req & REQ_STOP)) {
		if (req & REQ_CALL)
			vcpu_call_serve(v);
		req &= ~(u32)REQ_CALL;
		if (!atomic_load_relaxed(&v->port->requests))
			thread_block();
		req |= take_requests(v);
	}
	show_paused(v->vm, false);
	vtimer_start_time(v);
	return req;
}

/* True when the vCPU shall leave the loop. */
static bool serve_requests(struct vcpu *v)
{
	u32 req = take_requests(v);

	if ((req & REQ_PAUSE) && atomic_load_relaxed(&v->vm->pause))
		req = stay_paused(v, req);
	if (req & REQ_STOP) {
		vcpu_call_cancel(v->port);
		return true;
	}
	if (req & (REQ_EVENT | REQ_NMI)) {
		v->recheck = true;
		v->port->irq_exits[IRQ_EXIT_KICK] += !v->halted;
	}
	if (req & REQ_NMI)
		v->nmi_pending = true;
	if (req & REQ_TIMER)
		vtimer_run(v);
	if (req & REQ_CHARDEV)
		chardev_input(v->vm);
	if (req & REQ_CALL)
		vcpu_call_serve(v);
	return false;
}

/* Brings translations up to date with the second stage before an entry. Interrupts off. */
static void flush_if_stale(struct vcpu *v)
{
	/* Acquire pairs with the release in s2_unmap(): the tables are changed before we see it. */
	u64 generation = atomic_load_acquire(&v->vm->s2.generation);

	if (unlikely(generation != v->s2_generation)) {
		hvm->flush(v);
		v->s2_generation = generation;
		/* Release: nothing old is in use any more. Pairs with kicked() in vm/build.c. */
		atomic_store_release(&v->port->s2_generation, generation);
	}
}

static void halt(struct vcpu *v)
{
	/* Who posts something that is not seen here wakes the thread. */
	if (apicv)
		apicv->sleep(v, true);
	if (vcpu_has_work(v)) {
		v->halted = false;
		v->recheck = true;
	} else {
		/* A wake that came since the requests were looked at makes this return at once. */
		thread_block();
	}
	if (apicv)
		apicv->sleep(v, false);
}

/* What keeps the vCPU from entering the guest. True when it shall leave the loop. */
static __noinline bool attend(struct vcpu *v)
{
	if (atomic_load_relaxed(&v->port->requests) && serve_requests(v))
		return true;
	if (v->halted)
		halt(v);
	else if (READ_ONCE(v->port->thread->need_resched))
		thread_yield();
	return false;
}

void vcpu_run(struct vcpu *v)
{
	struct vcpu_port *port = v->port;
	const struct thread *self = port->thread;
	void (*enter)(struct vcpu * v, struct vm_exit * e) = hvm->run;
	struct vm_exit e;

	for (;;) {
		irq_disable();
		if (unlikely(atomic_load_relaxed(&port->requests) | v->halted |
			     READ_ONCE(self->need_resched))) {
			irq_enable();
			if (attend(v))
				return;
			continue;
		}
		if (unlikely(v->recheck))
			vcpu_inject(v);
		flush_if_stale(v);
		enter(v, &e);
		irq_enable();
		port->exits[e.kind]++;
		exit_handlers[e.kind](v, &e);
	}
}
