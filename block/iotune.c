/*
 * iotune's limits. A request may go while what went before is not too far ahead of its rate; it then takes its time
 * from there. So a large one goes whole and pays after, and no rounding adds up.
 */
#include "block/iotune.h"

#include "lib/errno.h"
#include "lib/string.h"

#define NS_PER_S  1000000000ULL
#define SLACK_NS  (NS_PER_S / 10) /* how far ahead one may be without bursts */
#define UNITS_MAX BIT(33)         /* of one request: its product with NS_PER_S fits */
#define NEVER     BIT(62)

static int check_rate(const struct iotune_rate *r)
{
	if (r->rate > IOTUNE_RATE_MAX || r->max > IOTUNE_RATE_MAX || r->length > IOTUNE_LENGTH_MAX)
		return -EINVAL;
	if ((r->max && r->max < r->rate) || (r->max && !r->rate) || (r->length && !r->max))
		return -EINVAL;
	return 0;
}

static int check_kinds(const struct iotune_rate *r)
{
	int err = 0;

	for (u32 i = 0; i < IOTUNE_KINDS && !err; i++)
		err = check_rate(&r[i]);
	if (r[IOTUNE_TOTAL].rate && (r[IOTUNE_READ].rate || r[IOTUNE_WRITE].rate))
		err = -EINVAL;
	return err;
}

int iotune_check(const struct iotune *t)
{
	int err = check_kinds(t->bytes);

	return err ? err : check_kinds(t->iops);
}

/* So far ahead that max can be had for length seconds, from nothing used up, before rate holds. */
static u64 burst_ns(const struct iotune_rate *r)
{
	u64 more = r->max - r->rate, whole = MIN(more / r->rate, 1000000u), part = more % r->rate;
	u64 rate = r->rate;

	if (!r->max)
		return SLACK_NS;
	/* Both by the same power of two, so that the product fits. */
	while (part > UNITS_MAX) {
		part >>= 1;
		rate >>= 1;
	}
	return MAX(SLACK_NS, (whole * NS_PER_S + part * NS_PER_S / rate) * MAX(r->length, 1u));
}

void iotune_set(struct iotune_state *s, const struct iotune *t)
{
	memset(s, 0, sizeof(*s));
	s->limits = *t;
	for (u32 what = 0; what < 2; what++) {
		const struct iotune_rate *r = what ? t->iops : t->bytes;

		for (u32 i = 0; i < IOTUNE_KINDS; i++) {
			struct iotune_bucket *b = s->buckets[what][i];

			if (!r[i].rate)
				continue;
			b[0].rate = r[i].rate;
			b[0].ahead_ns = burst_ns(&r[i]);
			b[1].rate = r[i].max;
			b[1].ahead_ns = SLACK_NS;
		}
	}
}

static bool counts(u32 kind, bool write)
{
	return kind == IOTUNE_TOTAL || (kind == IOTUNE_WRITE) == write;
}

u64 iotune_wait(const struct iotune_state *s, bool write, u64 now)
{
	u64 wait = 0;

	for (u32 i = 0; i < 2 * IOTUNE_KINDS * 2; i++) {
		const struct iotune_bucket *b = &s->buckets[0][0][0] + i;

		if (!b->rate || !counts(i / 2 % IOTUNE_KINDS, write))
			continue;
		if (b->until_ns > now + b->ahead_ns)
			wait = MAX(wait, b->until_ns - b->ahead_ns - now);
	}
	return wait;
}

static void charge(struct iotune_bucket *b, u64 units, u64 now)
{
	u64 product;

	if (!b->rate)
		return;
	if (b->until_ns < now) {
		b->until_ns = now;
		b->rest = 0;
	}
	product = MIN(units, UNITS_MAX) * NS_PER_S + b->rest;
	b->until_ns = MIN(b->until_ns + product / b->rate, NEVER);
	b->rest = product % b->rate;
}

void iotune_charge(struct iotune_state *s, bool write, u64 len, u64 now)
{
	u64 size = s->limits.iops_size, requests = 1;

	if (size && len > size)
		requests = (len - 1) / size + 1;
	for (u32 what = 0; what < 2; what++) {
		for (u32 kind = 0; kind < IOTUNE_KINDS; kind++) {
			if (!counts(kind, write))
				continue;
			charge(&s->buckets[what][kind][0], what ? requests : len, now);
			charge(&s->buckets[what][kind][1], what ? requests : len, now);
		}
	}
}
