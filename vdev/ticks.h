/*
 * Time as devices count it: ticks of their clocks on the VM's time, and moments in the state
 * stream, where they are kept as ages so that a VM may go on at another time of another machine.
 */
#pragma once

#include "lib/types.h"
#include "vm/state.h"
#include "vm/vdev.h"
#include "vm/vtimer.h"

#define NS_PER_S 1000000000ULL

/* Whole ticks of a clock of hz that ns nanoseconds hold. */
static inline u64 ns_to_ticks(u64 ns, u32 hz)
{
	return ns / NS_PER_S * hz + ns % NS_PER_S * hz / NS_PER_S;
}

/* The least ns with ns_to_ticks(ns) >= ticks. */
static inline u64 ticks_to_ns(u64 ticks, u32 hz)
{
	return ticks / hz * NS_PER_S + (ticks % hz * NS_PER_S + hz - 1) / hz;
}

/* 36 years. */
#define MOMENT_AGE_MAX (BIT(60) - 1)

/*
 * Saves or loads *moment, on vm_time_ns()'s scale and not in the future. What is longer ago than
 * MOMENT_AGE_MAX is saved as that; more is rejected.
 */
static inline void state_moment(struct state *s, const struct vdev *dev, const char *name,
				u64 *moment)
{
	u64 now = vm_time_ns(dev->vm), age = MIN(now - *moment, MOMENT_AGE_MAX);

	state_u64(s, name, &age);
	if (age > MOMENT_AGE_MAX)
		state_reject(s, name);
	else if (s->loading)
		*moment = now - age;
}
