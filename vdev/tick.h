/*
 * What becomes of a periodic timer's ticks that their guest could not be given in time, as it had no CPU: libvirt's
 * tickpolicy. Pure: times are counts of the device's own clock since the timer was started, on the VM's time, which
 * stands still while the VM is paused, so that a pause misses no tick. Tick n is due at n periods, later by shift.
 */
#pragma once

#include "lib/types.h"
#include "vm/domain.h"

struct state;

/* So many ticks are owed at most. */
#define TICKS_OWED_MAX   250u
/* Those come this much faster than the others. */
#define TICKS_OWED_SPEED 16u

struct tick {
	enum tick_policy policy; /* const */
	u64 served;              /* ticks that were given, merged with others or given up */
	u64 shift; /* by how much ticks come later than the clock says: TICK_DELAY alone */
};

/* The timer starts anew: its first tick is due one period from now. */
void tick_start(struct tick *t);

/*
 * The timer was looked at after elapsed: whether the guest is to be given a tick now, which then counts as given. Late
 * is what is late by a period and by slack at least; slack allows for periods shorter than the host's timers.
 */
bool tick_take(struct tick *t, u64 elapsed, u64 period, u64 slack);

/* Gives up what is due. */
void tick_skip(struct tick *t, u64 elapsed, u64 period);

/* Ticks that are due and were neither taken nor given up, TICKS_OWED_MAX at most. */
u64 tick_owed(const struct tick *t, u64 elapsed, u64 period);

/* When the next tick is due; it may be over. */
u64 tick_next(const struct tick *t, u64 period);

/*
 * Saves or loads what is owed and the shift, elapsed and period being those of the timer that was saved or loaded
 * before. What cannot be is rejected.
 */
void tick_state(struct state *s, struct tick *t, u64 elapsed, u64 period);
