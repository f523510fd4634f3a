/*
 * Calls on a vCPU's thread: they wait in a list; the callers sleep until they are done.
 */
#include "vm/call.h"

#include "core/panic.h"
#include "core/thread.h"
#include "lib/errno.h"
#include "vm/vcpu.h"
#include "vm/vm.h"

enum { CALL_WAITS, CALL_DONE, CALL_CANCELLED };

/* On the caller's stack. */
struct vcpu_call {
	struct list node; /* in the port's calls; lock: the VM's, as for state */
	void (*fn)(struct vcpu *v, void *arg);
	void *arg;
	struct thread *caller;
	u32 state;
};

/* The VM's lock is held. c and its caller may be gone as soon as it is released. */
static void finish(struct vcpu_call *c, u32 how)
{
	c->state = how;
	thread_wake(c->caller);
}

static struct vcpu_call *take(struct vcpu_port *port)
{
	struct vcpu_call *c;

	if (list_empty(&port->calls))
		return NULL;
	c = list_entry(port->calls.next, struct vcpu_call, node);
	list_del(&c->node);
	return c;
}

void vcpu_call_serve(struct vcpu *v)
{
	struct spinlock *lock = &v->vm->lock;
	struct vcpu_call *c;

	spin_lock(lock);
	while ((c = take(v->port))) {
		spin_unlock(lock);
		c->fn(v, c->arg);
		spin_lock(lock);
		finish(c, CALL_DONE);
	}
	spin_unlock(lock);
}

void vcpu_call_cancel(struct vcpu_port *port)
{
	struct vcpu_call *c;

	spin_lock(&port->vm->lock);
	port->takes_calls = false;
	while ((c = take(port)))
		finish(c, CALL_CANCELLED);
	spin_unlock(&port->vm->lock);
}

int vcpu_call(struct vm *vm, u32 index, void (*fn)(struct vcpu *v, void *arg), void *arg)
{
	struct vcpu_port *port = &vm->ports[index];
	struct vcpu_call c = { .fn = fn, .arg = arg, .caller = thread_current() };

	ASSERT(!c.caller->aspace);
	spin_lock(&vm->lock);
	if (port->takes_calls) {
		list_add_tail(&port->calls, &c.node);
		vcpu_request(vm, index, REQ_CALL);
	} else {
		c.state = CALL_CANCELLED;
	}
	while (c.state == CALL_WAITS) {
		spin_unlock(&vm->lock);
		thread_block();
		spin_lock(&vm->lock);
	}
	spin_unlock(&vm->lock);
	return c.state == CALL_DONE ? 0 : -ENODEV;
}
