/*
 * Calls on a vCPU's thread: one waits at a time; the caller sleeps until it is done.
 */
#include "vm/call.h"

#include "core/clock.h"
#include "core/thread.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "mm/heap.h"
#include "vm/vcpu.h"
#include "vm/vm.h"

#define RECHECK_NS 10000000ull

enum { CALL_WAITS, CALL_DONE, CALL_CANCELLED };

static void finish(struct vcpu_call *c, u32 how)
{
	struct thread *caller = c->caller;

	/* Release: pairs with the acquire in vcpu_call(); c may be gone from here on. */
	atomic_store_release(&c->state, how);
	thread_wake(caller);
}

void vcpu_call_serve(struct vcpu *v)
{
	struct vcpu_call *c = atomic_xchg(&v->port->call, NULL);

	if (!c)
		return;
	c->fn(v, c->arg);
	finish(c, CALL_DONE);
}

void vcpu_call_cancel(struct vcpu_port *port)
{
	struct vcpu_call *c = atomic_xchg(&port->call, NULL);

	if (c)
		finish(c, CALL_CANCELLED);
}

static u32 wait(struct vcpu_call *c, struct vm *vm, struct vcpu_port *port)
{
	u32 state;

	/* Acquire pairs with finish(). */
	while ((state = atomic_load_acquire(&c->state)) == CALL_WAITS) {
		/* Put in after the run loop had ended: nobody else will turn it away or wake us. */
		if (atomic_load_acquire(&vm->state) != VM_RUNNING)
			vcpu_call_cancel(port);
		else
			thread_block_until(clock_ns() + RECHECK_NS);
	}
	return state;
}

int vcpu_call(struct vm *vm, u32 index, void (*fn)(struct vcpu *v, void *arg), void *arg)
{
	struct vcpu_port *port = &vm->ports[index];
	struct vcpu_call *c, *none = NULL;
	int err;

	if (atomic_load_acquire(&vm->state) != VM_RUNNING) /* pairs with vm/build.c */
		return -ENODEV;
	c = kalloc(sizeof(*c));
	if (!c)
		return -ENOMEM;
	*c = (struct vcpu_call){ .fn = fn, .arg = arg, .caller = thread_current() };
	if (!atomic_cas(&port->call, &none, c)) {
		kfree(c);
		return -EBUSY;
	}
	vcpu_request(vm, index, REQ_CALL);
	err = wait(c, vm, port) == CALL_DONE ? 0 : -ENODEV;
	kfree(c);
	return err;
}
