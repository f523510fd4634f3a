/*
 * The virtual local APIC's timer, on a vtimer.
 */
#include "vm/lapic_timer.h"

#include "arch/cpu.h"
#include "core/clock.h"
#include "vm/lapic_page.h"
#include "vm/state.h"
#include "vm/vm.h"

/* The shortest period that is honoured: a guest must not keep the host busy with ticks. */
#define PERIOD_MIN_NS 20000u
/* The longest wait that is armed, over a century: sums with the clock must not wrap into the past. */
#define WAIT_MAX_NS   BIT(62)

static_assert(VLAPIC_TIMER_HZ *(u64)VLAPIC_TICK_NS == 1000000000, "the same clock");

/* Takes over what the registers say. Divide configuration: bits 3, 1, 0 as a number; 0 is by 2, 6 by 128, 7 by 1. */
static void follow(struct vlapic *l)
{
	u32 value = vlapic_reg(l, LAPIC_TIMER_DIVIDE);
	u32 code = (value & 3) | (value >> 1 & 4);

	l->timer_mode = vlapic_reg(l, LAPIC_LVT_TIMER) & (u32)LAPIC_TIMER_MODE;
	l->timer_shift = code == 7 ? 0 : code + 1;
}

static u64 period_ns(const struct vlapic *l)
{
	return ((u64)vlapic_reg(l, LAPIC_TIMER_INITIAL) * VLAPIC_TICK_NS) << l->timer_shift;
}

static void fire(struct vtimer *t)
{
	struct vlapic *l = container_of(t, struct vlapic, timer);
	u32 lvt = vlapic_reg(l, LAPIC_LVT_TIMER);
	struct irq_msg msg = { .delivery = DELIVER_FIXED, .vector = (u8)lvt };

	if (!(lvt & LAPIC_LVT_MASKED))
		vlapic_accept(l, &msg);
	if (l->timer_mode == LAPIC_TIMER_DEADLINE) {
		l->tsc_deadline = 0;
	} else if (l->timer_mode == LAPIC_TIMER_PERIODIC && vlapic_reg(l, LAPIC_TIMER_INITIAL)) {
		u64 period = MAX(period_ns(l), PERIOD_MIN_NS), now = vm_time_ns(l->vcpu->vm);
		u64 next = t->deadline_ns + period;

		if (next <= now) /* ticks that were missed while descheduled are dropped */
			next = now + period - (now - t->deadline_ns) % period;
		vtimer_arm(t, next);
	}
}

void vlapic_timer_init(struct vlapic *l)
{
	vtimer_init_vcpu(&l->timer, l->vcpu, fire);
}

static void stop(struct vlapic *l)
{
	vtimer_cancel(&l->timer);
	l->tsc_deadline = 0;
}

void vlapic_timer_reset(struct vlapic *l)
{
	stop(l);
	follow(l);
}

void vlapic_timer_set_initial(struct vlapic *l, u32 value)
{
	bool ignored = l->timer_mode == LAPIC_TIMER_DEADLINE;

	vlapic_set_reg(l, LAPIC_TIMER_INITIAL, ignored ? 0 : value);
	if (ignored)
		return;
	if (!value) {
		vtimer_cancel(&l->timer);
		return;
	}
	vtimer_arm(&l->timer, vm_time_ns(l->vcpu->vm) + period_ns(l));
}

void vlapic_timer_set_divide(struct vlapic *l, u32 value)
{
	u32 left = vlapic_timer_current(l);

	vlapic_set_reg(l, LAPIC_TIMER_DIVIDE, value);
	follow(l);
	if (l->timer.armed && l->timer_mode != LAPIC_TIMER_DEADLINE) {
		u64 wait = ((u64)left * VLAPIC_TICK_NS) << l->timer_shift;

		vtimer_arm(&l->timer, vm_time_ns(l->vcpu->vm) + wait);
	}
}

u32 vlapic_timer_current(const struct vlapic *l)
{
	u64 now, left;

	if (!l->timer.armed || l->timer_mode == LAPIC_TIMER_DEADLINE)
		return 0;
	now = vm_time_ns(l->vcpu->vm);
	if (now >= l->timer.deadline_ns)
		return 0;
	left = ((l->timer.deadline_ns - now) / VLAPIC_TICK_NS) >> l->timer_shift;
	return (u32)MIN(left, (u64)vlapic_reg(l, LAPIC_TIMER_INITIAL));
}

u64 vlapic_timer_deadline(const struct vlapic *l)
{
	return l->timer_mode == LAPIC_TIMER_DEADLINE ? l->tsc_deadline : 0;
}

/* The same where the guest's ticks are shorter or longer than the host's, whose clock it is. */
static __noinline void arm_scaled(struct vlapic *l, u64 tsc)
{
	const struct vcpu *v = l->vcpu;
	u64 host = rdtsc(), now_tsc = vcpu_tsc_at(v, host), now = vm_time_ns(v->vm), wait = 0;

	if (tsc > now_tsc)
		wait = clock_tsc_to_ns(tscscale_wait(&v->vm->tsc, host, tsc - now_tsc));
	vtimer_arm(&l->timer, now + MIN(wait, WAIT_MAX_NS));
}

void vlapic_timer_set_deadline(struct vlapic *l, u64 tsc)
{
	u64 now_tsc, now, wait = 0;

	if (l->timer_mode != LAPIC_TIMER_DEADLINE)
		return;
	l->tsc_deadline = tsc;
	if (!tsc) {
		vtimer_cancel(&l->timer);
		return;
	}
	if (unlikely(l->vcpu->vm->tsc.mult)) {
		arm_scaled(l, tsc);
		return;
	}
	now_tsc = rdtsc() + l->vcpu->tsc_offset;
	now = vm_time_ns(l->vcpu->vm);
	if (tsc > now_tsc)
		wait = MIN(clock_tsc_to_ns(tsc - now_tsc), WAIT_MAX_NS);
	vtimer_arm(&l->timer, now + wait);
}

void vlapic_timer_tsc_changed(struct vlapic *l)
{
	if (unlikely(l->tsc_deadline))
		vlapic_timer_set_deadline(l, l->tsc_deadline);
}

void vlapic_timer_lvt_changed(struct vlapic *l)
{
	bool was_deadline = l->timer_mode == LAPIC_TIMER_DEADLINE;

	follow(l);
	if (was_deadline != (l->timer_mode == LAPIC_TIMER_DEADLINE)) {
		stop(l);
		vlapic_set_reg(l, LAPIC_TIMER_INITIAL, 0);
	}
}

/* The wait that is left, not the moment: a VM may go on at another time of another machine. */
void vlapic_timer_state(struct vlapic *l, struct state *s)
{
	u64 now = vm_time_ns(l->vcpu->vm), left = 0;
	bool armed = l->timer.armed;

	if (armed && l->timer.deadline_ns > now)
		left = l->timer.deadline_ns - now;
	state_u64(s, "tsc_deadline", &l->tsc_deadline);
	state_bool(s, "armed", &armed);
	state_u64(s, "left", &left);
	if (!s->loading || s->error)
		return;
	vtimer_cancel(&l->timer);
	follow(l);
	if (left > (armed ? WAIT_MAX_NS : 0))
		state_reject(s, "left");
	else if (armed)
		vtimer_arm(&l->timer, now + left);
}
