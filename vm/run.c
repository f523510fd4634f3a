/*
 * The run loop: serve requests, sleep while halted, decide what to inject, enter the guest,
 * handle the exit. No lock is held and nothing is allocated on the way.
 */
#include "vm/run.h"

#include "arch/cpu.h"
#include "core/thread.h"
#include "lib/atomic.h"
#include "lib/compiler.h"
#include "vm/apicv.h"
#include "vm/call.h"
#include "vm/exit.h"
#include "vm/exitstat.h"
#include "vm/halt.h"
#include "vm/hvm.h"
#include "vm/pause.h"
#include "vm/startup.h"
#include "vm/trace.h"
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

/*
 * Brings translations up to date with the second stage before an entry. Who has changed it raises REQ_FLUSH
 * behind that.
 */
static void flush_if_stale(struct vcpu *v)
{
	/* Acquire pairs with the release in s2_unmap(): the tables are changed before we see it. */
	u64 generation = atomic_load_acquire(&v->vm->s2.generation);

	if (generation == v->s2_generation)
		return;
	hvm->flush(v);
	v->s2_generation = generation;
	/* Release: nothing old is in use any more. Pairs with entered() in vm/build.c. */
	atomic_store_release(&v->port->s2_generation, generation);
}

static u32 take_requests(struct vcpu *v)
{
	/* Acquire pairs with vcpu_request(): what was done before it is visible. */
	return __atomic_exchange_n(&v->port->requests, 0, __ATOMIC_ACQUIRE);
}

/* Sleeps until somebody has a request, or for no reason. */
static void sleep(struct vcpu_port *port)
{
	/* Full order: before the requests are looked at. Pairs with vcpu_request(). */
	atomic_xchg(&port->where, VCPU_SLEEPS);
	if (!atomic_load_relaxed(&port->requests))
		thread_block();
	atomic_store_relaxed(&port->where, VCPU_OUTSIDE);
}

/* Both change at once for vm_cpu_times(): the releases pair with its acquires. */
static void set_halt(struct vcpu_port *port, u64 halted, u64 from)
{
	u32 seq = port->halt_seq;

	atomic_store_relaxed(&port->halt_seq, seq + 1);
	atomic_store_release(&port->halt_from, from);
	atomic_store_release(&port->halted_ns, halted);
	atomic_store_release(&port->halt_seq, seq + 2);
}

/* The same in HLT: counted. */
static void halt_sleep(struct vcpu_port *port)
{
	const struct thread *self = port->thread;
	u64 before = self->slept_ns;

	trace(port, TRACE_HALT, 0, 0, 0);
	set_halt(port, port->halted_ns, before + 1);
	sleep(port);
	set_halt(port, port->halted_ns + self->slept_ns - before, 0);
}

/* What others have sent becomes the vCPU's own state. Returns what is left to be served. */
static u32 take_signals(struct vcpu *v, u32 req)
{
	if (req & REQ_INIT)
		startup_init(v);
	if (req & REQ_NMI)
		v->nmi_pending = true;
	if (req & REQ_UNHALT)
		v->pv.unhalted = true;
	if (req & (REQ_EVENT | REQ_NMI))
		v->recheck = true;
	return req & ~(u32)(REQ_INIT | REQ_EVENT | REQ_NMI | REQ_UNHALT);
}

/*
 * Sleeps until the pause is over or the VM stops. Calls are served; all
 * other requests wait, those in req too. Returns what is to be served now.
 */
static u32 stay_paused(struct vcpu *v, u32 req)
{
	pause_enter(v);
	/* vm_resume() clears pause before its request: with the one taken the other is seen. */
	while (atomic_load_relaxed(&v->vm->pause) && !(req & REQ_STOP)) {
		req = take_signals(v, req);
		if (req & REQ_CALL)
			vcpu_call_serve(v);
		req &= ~(u32)REQ_CALL;
		sleep(v->port);
		req |= take_requests(v);
	}
	pause_leave(v);
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
	req = take_signals(v, req);
	if (req & REQ_FLUSH)
		flush_if_stale(v);
	if (req & REQ_TIMER)
		vtimer_run(v);
	if (req & REQ_DEV_TIMER)
		vtimer_run_devices(v->vm);
	if (req & REQ_CHARDEV)
		chardev_input(v->vm);
	if (req & REQ_PV_CLOCK)
		pv_clock_update(v);
	if (req & REQ_CALL)
		vcpu_call_serve(v);
	return false;
}

/* It does not run: goes on if there is what it waits for, or sleeps. */
static void idle(struct vcpu *v)
{
	if (v->activity == ACTIVITY_WAITS_SIPI) {
		if (!startup_begin(v))
			sleep(v->port);
		return;
	}
	/* Who posts something that is not seen here wakes the thread. */
	if (apicv)
		apicv->sleep(v, true);
	if (v->pv.unhalted || vcpu_has_work(v)) {
		v->pv.unhalted = false;
		v->activity = ACTIVITY_RUNS;
		v->recheck = true;
		halt_ended(v);
	} else {
		vtimer_put(v); /* it waits outside of guest mode */
		if (!halt_poll(v))
			halt_sleep(v->port);
	}
	if (apicv)
		apicv->sleep(v, false);
}

/* What keeps the vCPU from entering the guest. True when it shall leave the loop. */
static __noinline bool attend(struct vcpu *v)
{
	if (atomic_load_relaxed(&v->port->requests) && serve_requests(v))
		return true;
	if (v->activity != ACTIVITY_RUNS)
		idle(v);
	else if (READ_ONCE(v->port->thread->need_resched))
		thread_yield();
	return false;
}

static __noinline void enter_traced(struct vcpu *v, struct vm_exit *e)
{
	trace(v->port, TRACE_ENTRY, 0, 0, 0);
	hvm->run(v, e);
	trace_exit(v, e);
}

void vcpu_run(struct vcpu *v)
{
	struct vcpu_port *port = v->port;
	const struct thread *self = port->thread;
	struct exit_stats *stats = port->stats;
	struct vm_exit e = { .kind = EXIT_ROW_START };

	v->exit_tsc = rdtsc_low();
	flush_if_stale(v);
	for (;;) {
		irq_disable();
		/*
		 * Full order: before the requests are looked at. Pairs with vcpu_request(), which changes those
		 * before it reads this.
		 */
		WRITE_ONCE(port->where, VCPU_IN_GUEST);
		smp_mb();
		if (unlikely(READ_ONCE(port->requests) | v->activity |
			     READ_ONCE(self->need_resched))) {
			WRITE_ONCE(port->where, VCPU_OUTSIDE);
			irq_enable();
			if (!attend(v))
				continue;
			exit_count(v, stats, e.kind);
			return;
		}
		if (unlikely(v->recheck))
			vcpu_inject(v);
		exit_count(v, stats, e.kind);
		/* Read anew each time: irq_disable() tells the compiler that memory changes. */
		if (unlikely(port->traced))
			enter_traced(v, &e);
		else
			hvm->run(v, &e);
		/*
		 * It has left guest mode: pairs with entered() in vm/build.c. x86 stores are releases, and the
		 * compiler moves nothing over the calls.
		 */
		WRITE_ONCE(port->where, VCPU_OUTSIDE);
		irq_enable();
		exit_handlers[e.kind](v, &e);
	}
}
