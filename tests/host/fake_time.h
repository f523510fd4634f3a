/*
 * The host's clock and timers as vm/vtimer.c uses them, and a backend that hears of changed TSCs. For the one C
 * file of a test that includes it.
 */
#pragma once

#include "core/timer.h"
#include "vm/hvm.h"

static u64 now;      /* of the host's clock */
static u32 tsc_told; /* tsc_changed() calls */

u64 clock_ns(void)
{
	return now;
}

static void tsc_changed(struct vcpu *c)
{
	tsc_told++;
}

static bool hw_timer;   /* the backend's CPU can end a run in the guest by itself */
static u64 hw_deadline; /* when it shall */

static bool deadline(struct vcpu *c, u64 ns)
{
	if (hw_timer)
		hw_deadline = ns;
	return hw_timer;
}

static const struct hvm_ops backend = { .tsc_changed = tsc_changed, .deadline = deadline };
const struct hvm_ops *hvm = &backend;

void timer_arm(struct timer *t, u64 deadline_ns)
{
	t->deadline_ns = deadline_ns;
	t->armed = true;
}

void timer_cancel(struct timer *t)
{
	t->armed = false;
}

bool timer_armed(const struct timer *t)
{
	return t->armed;
}
