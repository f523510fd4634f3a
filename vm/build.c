/*
 * Building a VM on its own thread, and taking it apart.
 */
#include "vm/build.h"

#include "arch/cpu.h"
#include "core/log.h"
#include "core/mitigation.h"
#include "core/thread.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "vm/cpuid.h"
#include "vm/exitstat.h"
#include "vm/hvm.h"
#include "vm/keeper.h"
#include "vm/lapic.h"
#include "vm/lazy.h"
#include "vm/loader.h"
#include "vm/run.h"
#include "vm/startup.h"
#include "vm/trace.h"
#include "vm/vcpu.h"
#include "vm/vdev.h"
#include "vm/vm.h"
#include "vm/vtimer.h"

static void switch_out(struct thread *t, struct thread *next)
{
	struct vcpu_port *port = t->data;

	(void)next;
	if (!port->vcpu)
		return;
	vtimer_put(port->vcpu);
	hvm->put(port->vcpu);
	port->away_tsc = rdtsc();
	trace(port, TRACE_OUT, 0, 0, 0);
	if (port->vcpu->pv.steal && t->state != THREAD_BLOCKED)
		pv_steal_switched_out(port->vcpu);
}

static void switch_in(struct thread *t)
{
	struct vcpu_port *port = t->data;

	struct vcpu *v = port->vcpu;

	if (v) {
		lazy_load(v);
		hvm->load(v);
		v->exit_tsc = exit_tsc_after(v->exit_tsc, port->away_tsc, rdtsc());
		if (v->pv.steal)
			pv_steal_switched_in(v);
		trace(port, TRACE_IN, 0, 0, 0);
	}
}

/* The same where the CPU is to forget what ran before. */
static void switch_in_guarded(struct thread *t)
{
	const struct vcpu_port *port = t->data;

	switch_in(t);
	if (port->vcpu)
		mitigation_switch(port->vm->number);
}

static void detach(struct thread *t)
{
	(void)t; /* it is bound to this CPU, so what this CPU holds is its */
	lazy_save();
}

static const struct thread_ops plain_ops = {
	.switch_out = switch_out,
	.switch_in = switch_in,
	.detach = detach,
};
static const struct thread_ops guarded_ops = {
	.switch_out = switch_out,
	.switch_in = switch_in_guarded,
	.detach = detach,
};

const struct thread_ops *build_vcpu_thread_ops = &plain_ops;

void build_init(void)
{
	if (mitigation_actions() & MITIGATE_SWITCHES)
		build_vcpu_thread_ops = &guarded_ops;
}

/* Whether the vCPU is outside of guest mode, or has entered with that generation. */
static bool entered(const struct vcpu_port *port, u64 generation)
{
	/* Acquire pairs with the run loop's stores after an exit and after its flush. */
	return atomic_load_acquire(&port->where) != VCPU_IN_GUEST ||
	       atomic_load_acquire(&port->s2_generation) == generation;
}

void build_kick_all(void *ctx)
{
	struct vm *vm = ctx;
	u64 generation =
		atomic_load_acquire(&vm->s2.generation); /* pairs with generation_raise() */

	/* Each is in order after the new generation, before where is read. */
	for (u32 i = 0; i < vm->vcpu_count; i++)
		vcpu_request(vm, i, REQ_FLUSH);
	for (u32 i = 0; i < vm->vcpu_count; i++) {
		while (!entered(&vm->ports[i], generation))
			cpu_relax();
	}
}

/* Gives the vCPU's struct memory, an APIC and the backend's part; not on a CPU yet. */
static int vcpu_build(struct vm *vm, u32 index)
{
	struct vcpu_port *port = &vm->ports[index];
	struct vcpu *v = heap_alloc(vm->heap, sizeof(*v), 64);
	int err;

	if (!v)
		return -ENOMEM;
	v->vm = vm;
	v->port = port;
	v->index = index;
	v->apic_id = topology_apic_id(&vm->topology, index);
	v->tsc_offset = -tscscale_apply(&vm->tsc, vm->tsc_base);
	list_init(&v->vtimers);
	startup_reset(v);
	err = lazy_create(v);
	if (!err)
		err = vlapic_create(v);
	if (!err)
		err = hvm->vcpu_create(v);
	if (err)
		return err;

	u64 flags = irq_save();

	port->vcpu = v;
	lazy_load(v);
	hvm->load(v);
	if (mitigation_actions() & MITIGATE_SWITCHES)
		mitigation_switch(vm->number);
	irq_restore(flags);
	return 0;
}

static void vcpu_teardown(struct vcpu_port *port)
{
	struct vcpu *v = port->vcpu;
	u64 flags;

	if (!v)
		return;
	flags = irq_save();
	hvm->put(v);
	lazy_drop(v);
	port->vcpu = NULL;
	irq_restore(flags);
	timer_cancel(&port->timer); /* nobody arms it any more */
	hvm->vcpu_destroy(v);
}

/* What the vCPUs have in common, and the first of them. */
static int build_common(struct vm *vm)
{
	int err;

	vm->tsc_base = rdtsc(); /* the guest's TSC starts at 0, on all vCPUs */
	vm->bus = heap_alloc(vm->heap, sizeof(*vm->bus), 0);
	if (!vm->bus)
		return -ENOMEM;
	err = vm_irqs_create(vm);
	if (!err)
		err = cpuid_table_create(vm);
	if (!err)
		err = hvm->vm_create(vm);
	if (!err)
		err = vcpu_build(vm, 0);
	if (!err)
		err = vdev_create_all(vm);
	if (!err)
		vdev_reset_all(vm);
	if (!err)
		err = loader_load(vm, vm->ports[0].vcpu);
	return err;
}

/* Waits until all threads of the VM are here: all come to the same meetings. */
static void meet(struct vm *vm)
{
	const struct thread *self = thread_current();
	u32 round;

	spin_lock(&vm->lock);
	round = vm->rounds;
	if (++vm->arrived == vm->vcpu_count) {
		vm->arrived = 0;
		vm->rounds++;
		for (u32 i = 0; i < vm->vcpu_count; i++) {
			if (vm->ports[i].thread != self)
				thread_wake(vm->ports[i].thread);
		}
	}
	while (vm->rounds == round) {
		spin_unlock(&vm->lock);
		thread_block();
		spin_lock(&vm->lock);
	}
	spin_unlock(&vm->lock);
}

/* Says why it cannot be built. */
static void give_up(struct vm *vm, int err)
{
	char why[sizeof(vm->stop_text)];

	spin_lock(&vm->lock);
	vm->unbuilt = true;
	memcpy(why, vm->stop_text, sizeof(why));
	spin_unlock(&vm->lock);
	if (why[0])
		vm_stop(vm, STOP_ERROR, "%s", why);
	else
		vm_stop(vm, STOP_ERROR, "cannot be built: error %d", err);
}

static void show_running(struct vm *vm)
{
	spin_lock(&vm->lock);
	vm_set_state(vm, VM_RUNNING);
	spin_unlock(&vm->lock);
	log_info("domain %s: running", vm->cfg.name);
	log_debug("domain %s: its TSC starts it at %llu", vm->cfg.name,
		  (unsigned long long)vcpu_tsc(vm->ports[0].vcpu));
}

/* No guest runs before all is built. */
static void build(struct vcpu_port *port)
{
	struct vm *vm = port->vm;
	int err = port->index ? 0 : build_common(vm);

	if (err)
		give_up(vm, err);
	meet(vm);
	if (port->index && !vm->unbuilt) {
		err = vcpu_build(vm, port->index);
		if (err)
			give_up(vm, err);
	}
	meet(vm);
}

void build_vcpu_main(void *arg)
{
	struct vcpu_port *port = arg;
	struct vm *vm = port->vm;

	build(port);
	if (!vm->unbuilt) {
		if (!port->index)
			show_running(vm);
		vcpu_run(port->vcpu);
	}
	/* Interrupts reach other vCPUs' structs: none goes while one may still send them. */
	meet(vm);
	vcpu_teardown(port);
	meet(vm);
	if (!port->index) {
		vdev_destroy_all(vm);
		if (vm->hvm)
			hvm->vm_destroy(vm);
		vm->hvm = NULL;
		vm->bus = NULL;
	}
	vm_thread_ended(vm);
}
