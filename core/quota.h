/*
 * A thread's quota: how long it may run in each period of wall time. Arithmetic only, tested on the
 * host; core/sched.c charges it and parks threads that have used theirs up.
 */
#pragma once

#include "lib/types.h"

/* Shorter periods and smaller quotas are raised to these: each end of a period is an interrupt. */
#define QUOTA_PERIOD_MIN_NS 1000000ULL
#define QUOTA_LIMIT_MIN_NS  100000ULL

/* Guarded by its owner; all zeros is no limit. */
struct quota {
	u64 limit_ns;  /* in each period; 0: none */
	u64 period_ns; /* not 0 where there is a limit */
	u64 start_ns;  /* of the current period */
	u64 used_ns;   /* of it; what is over the limit is taken off the next period's */
};

/* From now on; limit_ns 0, or as long as the period: no limit. */
void quota_set(struct quota *q, u64 limit_ns, u64 period_ns, u64 now);

static inline bool quota_limited(const struct quota *q)
{
	return q->limit_ns;
}

/* The thread ran for ns until now (0: it did not). Begins a new period when its time has come. */
void quota_charge(struct quota *q, u64 ns, u64 now);

/* Whether nothing is left in this period, which ends at quota_end(). */
bool quota_exhausted(const struct quota *q);
u64 quota_end(const struct quota *q);

/* How long the thread may still run in this period; ~0: no limit. */
u64 quota_left(const struct quota *q);
