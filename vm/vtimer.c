/*
 * A VM's timers and its time. Each vCPU keeps its own sorted list and one host timer for the earliest; the
 * devices have a list of the VM's together, under a lock, and a host timer that wakes vCPU 0.
 */
#include "vm/vtimer.h"

#include "arch/cpu.h"
#include "core/clock.h"
#include "lib/atomic.h"
#include "vm/hvm.h"
#include "vm/vcpu.h"
#include "vm/vdev.h"
#include "vm/vm.h"

u64 vm_time_ns(const struct vm *vm)
{
	/* Acquire pairs with the releases below: frozen_ns or time_base is the one that counts. */
	if (unlikely(atomic_load_acquire(&vm->frozen)))
		return vm->frozen_ns;
	return clock_ns() - vm->time_base;
}

u64 vcpu_tsc(const struct vcpu *v)
{
	const struct vm *vm = v->vm;

	/* As above. What a pause took, its end takes from the offset. */
	return tscscale_apply(&vm->tsc,
			      atomic_load_acquire(&vm->frozen) ? vm->pause_tsc : rdtsc()) +
	       v->tsc_offset;
}

static void vtimer_init(struct vtimer *t, struct vcpu *vcpu, struct vdev *dev,
			void (*fn)(struct vtimer *t))
{
	list_init(&t->node);
	t->vcpu = vcpu;
	t->dev = dev;
	t->fn = fn;
	t->armed = t->due = false;
}

void vtimer_init_dev(struct vtimer *t, struct vdev *dev, void (*fn)(struct vtimer *t))
{
	vtimer_init(t, NULL, dev, fn);
}

void vtimer_init_vcpu(struct vtimer *t, struct vcpu *vcpu, void (*fn)(struct vtimer *t))
{
	vtimer_init(t, vcpu, NULL, fn);
}

/* Sets the host timer to the list's head. */
static void rearm(const struct vm *vm, const struct list *timers, struct timer *host)
{
	if (list_empty(timers)) {
		/* Nobody else arms it. Where it is not, it has fired, or is firing: that does no harm. */
		if (timer_armed(host))
			timer_cancel(host);
		return;
	}
	struct vtimer *first = list_entry(timers->next, struct vtimer, node);

	if (!host->armed || host->deadline_ns != first->deadline_ns + vm->time_base)
		timer_arm(host, first->deadline_ns + vm->time_base);
}

/* True: the hardware had a deadline, which it has no more. */
static bool leave_hw(struct vcpu *v)
{
	if (!v->timer_hw)
		return false;
	v->timer_hw = false;
	return hvm->deadline(v, HVM_NO_DEADLINE);
}

/* A vCPU's timers, where the hardware may have them. */
static __noinline void rearm_hw(struct vcpu *v)
{
	struct timer *host = &v->port->timer;
	u64 ns;

	if (list_empty(&v->vtimers)) {
		(void)leave_hw(v);
		rearm(v->vm, &v->vtimers, host);
		return;
	}
	ns = list_entry(v->vtimers.next, struct vtimer, node)->deadline_ns + v->vm->time_base;
	if (timer_armed(host) && host->deadline_ns == ns)
		return;
	v->timer_hw = hvm->deadline(v, ns);
	if (!v->timer_hw)
		timer_arm(host, ns);
	else if (timer_armed(host))
		timer_cancel(host);
}

/*
 * The hardware ends a vCPU's run in the guest by itself where it can. The host's timer is for one that does not run,
 * for which vtimer_put() has set it; for one that slept the last time, and so is likely to wait in HLT this time,
 * too, where that would be done twice; and for hardware that cannot.
 */
static __always_inline void rearm_vcpu(struct vcpu *v)
{
	if (hvm->deadline && !v->timer_slept)
		rearm_hw(v);
	else
		rearm(v->vm, &v->vtimers, &v->port->timer);
}

void vtimer_leave(struct vcpu *v)
{
	/* Nothing is cancelled here: that may wait for a callback, which may wait for the caller's locks. */
	if (leave_hw(v))
		rearm(v->vm, &v->vtimers, &v->port->timer);
}

static void insert(struct vtimer *t, struct list *timers, u64 deadline_ns)
{
	struct list *pos = timers;

	list_del(&t->node);
	t->deadline_ns = deadline_ns;
	t->armed = true;
	list_for_each(node, timers) {
		if (list_entry(node, struct vtimer, node)->deadline_ns > deadline_ns) {
			pos = node;
			break;
		}
	}
	list_insert_before(pos, &t->node);
}

static void remove(struct vtimer *t)
{
	t->armed = false;
	list_del(&t->node);
}

static void arm_dev(struct vtimer *t, u64 deadline_ns)
{
	struct vm *vm = t->dev->vm;

	spin_lock(&vm->timer_lock);
	t->due = false;
	insert(t, &vm->dev_timers, deadline_ns);
	rearm(vm, &vm->dev_timers, &vm->dev_timer);
	spin_unlock(&vm->timer_lock);
}

void vtimer_arm(struct vtimer *t, u64 deadline_ns)
{
	struct vcpu *v = t->vcpu;

	if (!v) {
		arm_dev(t, deadline_ns);
		return;
	}
	insert(t, &v->vtimers, deadline_ns);
	rearm_vcpu(v);
}

static void cancel_dev(struct vtimer *t)
{
	struct vm *vm = t->dev->vm;

	spin_lock(&vm->timer_lock);
	t->due = false;
	if (t->armed) {
		remove(t);
		rearm(vm, &vm->dev_timers, &vm->dev_timer);
	}
	spin_unlock(&vm->timer_lock);
}

void vtimer_cancel(struct vtimer *t)
{
	struct vcpu *v = t->vcpu;

	if (!v) {
		cancel_dev(t);
	} else if (t->armed) {
		remove(t);
		rearm_vcpu(v);
	}
}

/* Takes the list's head off if it has expired. */
static struct vtimer *take_expired(struct list *timers, u64 now)
{
	struct vtimer *t;

	if (list_empty(timers))
		return NULL;
	t = list_entry(timers->next, struct vtimer, node);
	if (t->deadline_ns > now)
		return NULL;
	remove(t);
	return t;
}

void vtimer_run(struct vcpu *v)
{
	u64 now = vm_time_ns(v->vm);
	struct vtimer *t;

	v->timer_slept = v->activity != ACTIVITY_RUNS;
	while ((t = take_expired(&v->vtimers, now)))
		t->fn(t);
	rearm_vcpu(v);
}

static struct vtimer *take_expired_dev(struct vm *vm, u64 now)
{
	struct vtimer *t;

	spin_lock(&vm->timer_lock);
	t = take_expired(&vm->dev_timers, now);
	if (t)
		t->due = true;
	else
		rearm(vm, &vm->dev_timers, &vm->dev_timer);
	spin_unlock(&vm->timer_lock);
	return t;
}

void vtimer_run_devices(struct vm *vm)
{
	u64 now = vm_time_ns(vm);
	struct vtimer *t;

	while ((t = take_expired_dev(vm, now))) {
		struct spinlock *lock = &t->dev->lock;

		/* Until here another vCPU may have cancelled it, or armed it anew. */
		spin_lock(lock);
		if (t->due) {
			t->due = false;
			t->fn(t);
		}
		spin_unlock(lock);
	}
}

void vtimer_stop_time(struct vm *vm)
{
	u64 flags = irq_save(); /* the two clocks are read together */

	vm->pause_tsc = rdtsc();
	vm->frozen_ns = clock_ns() - vm->time_base;
	irq_restore(flags);
	/* Pairs with vm_time_ns() and vcpu_tsc(). */
	atomic_store_release(&vm->frozen, 1);
}

void vtimer_start_time(struct vm *vm)
{
	u64 flags = irq_save();

	vm->paused_tsc +=
		tscscale_apply(&vm->tsc, rdtsc()) - tscscale_apply(&vm->tsc, vm->pause_tsc);
	vm->time_base = clock_ns() - vm->frozen_ns;
	irq_restore(flags);
	/* As above. */
	atomic_store_release(&vm->frozen, 0);
}

void vtimer_pause(struct vcpu *v)
{
	(void)leave_hw(v);
	timer_cancel(&v->port->timer);
	if (v->index == 0)
		timer_cancel(&v->vm->dev_timer);
}

void vtimer_resume(struct vcpu *v, u64 paused_tsc)
{
	struct vm *vm = v->vm;

	if (paused_tsc != v->paused_tsc) {
		v->tsc_offset -= paused_tsc - v->paused_tsc;
		v->paused_tsc = paused_tsc;
		hvm->tsc_changed(v);
	}
	rearm_vcpu(v);
	if (v->index == 0) {
		spin_lock(&vm->timer_lock);
		rearm(vm, &vm->dev_timers, &vm->dev_timer);
		spin_unlock(&vm->timer_lock);
	}
}
