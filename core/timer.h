/*
 * One-shot timers on a CPU's local APIC timer. Callbacks run in interrupt context on the CPU where
 * the timer was armed, with interrupts off; they never touch guest memory or a VM's heap. A callback
 * never comes before its deadline, and those of one timer never run at the same time. struct timer
 * must lie in memory that is mapped everywhere (never on a stack or heap of a VM).
 */
#pragma once

#include "lib/list.h"
#include "lib/types.h"

struct timer {
	struct list node;            /* in its CPU's queue, by deadline; lock: that queue's */
	u64 deadline_ns;             /* on clock_ns()'s scale; lock: that queue's */
	void (*fn)(struct timer *t); /* const */
	u32 cpu;                     /* whose queue's lock guards it: where it was last armed */
	u32 ran_on;                  /* where the callback last ran; lock: that queue's */
	bool armed;                  /* lock: that queue's */
};

/* This CPU's queue; on the boot CPU also takes the timer's vector. After irq_init(). */
void timer_init_cpu(void);

void timer_init(struct timer *t, void (*fn)(struct timer *t));

/*
 * Arms the timer on this CPU, or moves it here. A deadline in the past fires at once, by an
 * interrupt. Any context but NMI; the callback may arm its own timer.
 */
void timer_arm(struct timer *t, u64 deadline_ns);

/*
 * After return the callback is not running and will not run, unless somebody arms the timer again.
 * Any CPU; never with a lock held that the callback takes. Not from interrupt context; the timer's
 * callback itself may call it, to undo its own arming.
 */
void timer_cancel(struct timer *t);

/* True when it waits for its deadline. For self-tests and dumps: it may change at any time. */
bool timer_armed(const struct timer *t);
