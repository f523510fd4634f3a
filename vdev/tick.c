/*
 * Four answers to one question: a timer's interrupt is later than its next would have been.
 */
#include "vdev/tick.h"

#include "vm/state.h"

static u64 tick_due(const struct tick *t, u64 elapsed, u64 period)
{
	return elapsed > t->shift ? (elapsed - t->shift) / period : 0;
}

void tick_start(struct tick *t)
{
	t->served = 0;
	t->shift = 0;
}

bool tick_take(struct tick *t, u64 elapsed, u64 period, u64 slack)
{
	u64 due = tick_due(t, elapsed, period), late;

	if (due <= t->served)
		return false;
	late = elapsed - tick_next(t, period);
	if (t->policy == TICK_CATCHUP) {
		t->served = MAX(t->served + 1, due - MIN(due, TICKS_OWED_MAX));
		return true;
	}
	if (t->policy == TICK_DELAY && late >= MAX(period, slack)) {
		t->shift += late;
		t->served++;
		return true;
	}
	t->served = due;
	return t->policy != TICK_DISCARD || late < MAX(period, slack);
}

void tick_skip(struct tick *t, u64 elapsed, u64 period)
{
	t->served = MAX(t->served, tick_due(t, elapsed, period));
}

u64 tick_owed(const struct tick *t, u64 elapsed, u64 period)
{
	u64 due = tick_due(t, elapsed, period);

	return due > t->served ? MIN(due - t->served, TICKS_OWED_MAX) : 0;
}

u64 tick_next(const struct tick *t, u64 period)
{
	return t->shift + (t->served + 1) * period;
}

void tick_state(struct state *s, struct tick *t, u64 elapsed, u64 period)
{
	u32 owed = (u32)tick_owed(t, elapsed, period);
	struct tick loaded = *t;

	state_u32(s, "owed", &owed);
	state_u64(s, "shift", &loaded.shift);
	if (loaded.shift > elapsed || (loaded.shift && t->policy != TICK_DELAY))
		state_reject(s, "shift");
	loaded.served = tick_due(&loaded, elapsed, period);
	if (owed > MIN(loaded.served, TICKS_OWED_MAX))
		state_reject(s, "owed");
	if (!s->loading || state_result(s))
		return;
	loaded.served -= owed;
	*t = loaded;
}
