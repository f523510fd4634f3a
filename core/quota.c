/*
 * The arithmetic of quotas; see core/quota.h.
 */
#include "core/quota.h"

void quota_set(struct quota *q, u64 limit_ns, u64 period_ns, u64 now)
{
	*q = (struct quota){ .start_ns = now };
	if (!limit_ns || limit_ns >= period_ns)
		return;
	q->limit_ns = MAX(limit_ns, QUOTA_LIMIT_MIN_NS);
	q->period_ns = MAX(period_ns, QUOTA_PERIOD_MIN_NS);
}

void quota_charge(struct quota *q, u64 ns, u64 now)
{
	if (!quota_limited(q))
		return;
	q->used_ns += ns;
	if (now >= q->start_ns + q->period_ns) {
		u64 periods = (now - q->start_ns) / q->period_ns;

		q->start_ns += periods * q->period_ns;
		/* Quotas of periods that are over pay debts, and else are gone. */
		q->used_ns -= MIN(q->used_ns, periods * q->limit_ns);
		/* What it ran since the period began counts whole. */
		q->used_ns = MAX(q->used_ns, MIN(ns, now - q->start_ns));
	}
	/* One limit too much is remembered, not a whole stop of the machine. */
	q->used_ns = MIN(q->used_ns, 2 * q->limit_ns);
}

bool quota_exhausted(const struct quota *q)
{
	return quota_limited(q) && q->used_ns >= q->limit_ns;
}

u64 quota_end(const struct quota *q)
{
	return q->start_ns + q->period_ns;
}

u64 quota_left(const struct quota *q)
{
	if (!quota_limited(q))
		return ~0ULL;
	return q->used_ns < q->limit_ns ? q->limit_ns - q->used_ns : 0;
}
