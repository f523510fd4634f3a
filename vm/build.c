/*
 * Building a VM on its own thread, and taking it apart.
 */
#include "vm/build.h"

#include "arch/cpu.h"
#include "core/log.h"
#include "core/thread.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "vm/cpuid.h"
#include "vm/hvm.h"
#include "vm/keeper.h"
#include "vm/lapic.h"
#include "vm/lazy.h"
#include "vm/loader.h"
#include "vm/run.h"
#include "vm/vcpu.h"
#include "vm/vdev.h"
#include "vm/vm.h"

static void switch_out(struct thread *t, struct thread *next)
{
	struct vcpu_port *port = t->data;

	(void)next;
	if (port->vcpu)
		hvm->put(port->vcpu);
	/* Release: it has left guest mode. Pairs with the load in kicked(). */
	atomic_store_release(&port->on_cpu, 0);
}

static void switch_in(struct thread *t)
{
	struct vcpu_port *port = t->data;

	/* Before it looks at the second stage's generation, to enter. Pairs with build_kick_all(). */
	atomic_xchg(&port->on_cpu, 1);
	if (port->vcpu) {
		lazy_load(port->vcpu);
		hvm->load(port->vcpu);
	}
}

static void detach(struct thread *t)
{
	(void)t; /* it is bound to this CPU, so what this CPU holds is its */
	lazy_save();
}

const struct thread_ops build_vcpu_thread_ops = {
	.switch_out = switch_out,
	.switch_in = switch_in,
	.detach = detach,
};

/* Whether the vCPU is outside of guest mode, or has entered with that generation. */
static bool kicked(const struct vcpu_port *port, u64 generation)
{
	/* Acquire pairs with switch_out(), and with the run loop's store after its flush. */
	return !atomic_load_acquire(&port->on_cpu) ||
	       atomic_load_acquire(&port->s2_generation) == generation;
}

void build_kick_all(void *ctx)
{
	struct vm *vm = ctx;
	const struct thread *self = thread_current();
	u64 generation =
		atomic_load_acquire(&vm->s2.generation); /* pairs with generation_raise() */

	/* A vCPU that waits here is not in guest mode: others need not wait for it. */
	for (u32 i = 0; i < vm->vcpu_count; i++) {
		if (vm->ports[i].thread == self)
			atomic_store_release(&vm->ports[i].on_cpu, 0); /* pairs with kicked() */
	}
	/* The new generation before on_cpu is read; pairs with switch_in(). */
	smp_mb();
	for (u32 i = 0; i < vm->vcpu_count; i++)
		vcpu_request(vm, i, REQ_FLUSH);
	for (u32 i = 0; i < vm->vcpu_count; i++) {
		while (!kicked(&vm->ports[i], generation))
			cpu_relax();
		if (vm->ports[i].thread == self)
			atomic_xchg(&vm->ports[i].on_cpu, 1); /* as in switch_in() */
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
	v->tsc_offset = -rdtsc(); /* the guest's TSC starts at 0 */
	list_init(&v->vtimers);
	vcpu_reset(v);
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
	irq_restore(flags);
	return 0;
}

static void vcpu_teardown(struct vcpu_port *port)
{
	struct vcpu *v = port->vcpu;
	u64 flags;

	if (!v)
		return;
	timer_cancel(&port->timer);
	flags = irq_save();
	hvm->put(v);
	lazy_drop(v);
	port->vcpu = NULL;
	irq_restore(flags);
	hvm->vcpu_destroy(v);
}

static int build(struct vm *vm)
{
	int err;

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

void build_vcpu_main(void *arg)
{
	struct vcpu_port *port = arg;
	struct vm *vm = port->vm;
	int err = build(vm);

	if (err && vm->stop_text[0]) {
		char why[sizeof(vm->stop_text)];

		memcpy(why, vm->stop_text, sizeof(why));
		vm_stop(vm, STOP_ERROR, "%s", why);
	} else if (err) {
		vm_stop(vm, STOP_ERROR, "cannot be built: error %d", err);
	} else {
		spin_lock(&vm->lock);
		vm_set_state(vm, VM_RUNNING);
		spin_unlock(&vm->lock);
		log_info("domain %s: running", vm->cfg.name);
		log_debug("domain %s: its TSC starts it at %llu", vm->cfg.name,
			  (unsigned long long)(rdtsc() + port->vcpu->tsc_offset));
		vcpu_run(port->vcpu);
	}
	vdev_destroy_all(vm);
	vcpu_teardown(port);
	if (vm->hvm)
		hvm->vm_destroy(vm);
	vm->hvm = NULL;
	vm->bus = NULL;
	vm_thread_ended(vm);
}
