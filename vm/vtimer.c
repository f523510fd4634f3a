/*
 * A VM's timers: each vCPU keeps its own sorted list and one host timer for the earliest.
 */
#include "vm/vtimer.h"

#include "arch/cpu.h"
#include "core/clock.h"
#include "vm/hvm.h"
#include "vm/vcpu.h"
#include "vm/vdev.h"
#include "vm/vm.h"

u64 vm_time_ns(const struct vm *vm)
{
	u64 now = vm->pause_ns ? vm->pause_ns : clock_ns();

	return now - vm->start_ns - vm->paused_ns;
}

static void vtimer_init(struct vtimer *t, struct vcpu *vcpu, struct vdev *dev,
			void (*fn)(struct vtimer *t))
{
	list_init(&t->node);
	t->vcpu = vcpu;
	t->dev = dev;
	t->fn = fn;
	t->armed = false;
}

void vtimer_init_dev(struct vtimer *t, struct vdev *dev, void (*fn)(struct vtimer *t))
{
	vtimer_init(t, dev->vm->ports[0].vcpu, dev, fn);
}

void vtimer_init_vcpu(struct vtimer *t, struct vcpu *vcpu, void (*fn)(struct vtimer *t))
{
	vtimer_init(t, vcpu, NULL, fn);
}

/* Sets the host timer to the list's head. */
static void rearm(struct vcpu *v)
{
	struct timer *host = &v->port->timer;

	if (list_empty(&v->vtimers)) {
		/* Nobody else arms it. Where it is not, it has fired, or is firing: that does no harm. */
		if (timer_armed(host))
			timer_cancel(host);
		return;
	}
	struct vtimer *first = list_entry(v->vtimers.next, struct vtimer, node);
	u64 base = v->vm->start_ns + v->vm->paused_ns;

	if (!host->armed || host->deadline_ns != first->deadline_ns + base)
		timer_arm(host, first->deadline_ns + base);
}

void vtimer_arm(struct vtimer *t, u64 deadline_ns)
{
	struct vcpu *v = t->vcpu;

	list_del(&t->node);
	t->deadline_ns = deadline_ns;
	t->armed = true;

	struct list *pos = &v->vtimers;

	list_for_each(node, &v->vtimers) {
		if (list_entry(node, struct vtimer, node)->deadline_ns > deadline_ns) {
			pos = node;
			break;
		}
	}
	list_insert_before(pos, &t->node);
	rearm(v);
}

void vtimer_cancel(struct vtimer *t)
{
	if (!t->armed)
		return;
	t->armed = false;
	list_del(&t->node);
	rearm(t->vcpu);
}

void vtimer_run(struct vcpu *v)
{
	u64 now = vm_time_ns(v->vm);

	while (!list_empty(&v->vtimers)) {
		struct vtimer *t = list_entry(v->vtimers.next, struct vtimer, node);

		if (t->deadline_ns > now)
			break;
		t->armed = false;
		list_del(&t->node);
		if (t->dev)
			spin_lock(&t->dev->lock);
		t->fn(t);
		if (t->dev)
			spin_unlock(&t->dev->lock);
	}
	rearm(v);
}

void vtimer_stop_time(struct vcpu *v)
{
	u64 flags = irq_save(); /* the two clocks are read together */

	v->vm->pause_tsc = rdtsc();
	v->vm->pause_ns = clock_ns();
	irq_restore(flags);
	timer_cancel(&v->port->timer);
}

void vtimer_start_time(struct vcpu *v)
{
	struct vm *vm = v->vm;
	u64 flags = irq_save();

	v->tsc_offset -= rdtsc() - vm->pause_tsc;
	vm->paused_ns += clock_ns() - vm->pause_ns;
	vm->pause_ns = 0;
	irq_restore(flags);
	hvm->tsc_changed(v);
	rearm(v);
}
