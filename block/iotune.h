/*
 * Limits of what one owner may ask of a disk, as libvirt's <iotune> has them: bytes and requests a second, for reads,
 * writes or both together, with bursts. Integers and the caller's clock alone; the caller locks.
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"

enum { IOTUNE_TOTAL, IOTUNE_READ, IOTUNE_WRITE, IOTUNE_KINDS };

struct iotune_rate {
	u64 rate;   /* a second, "_sec"; 0: no limit */
	u64 max;    /* a second while a burst lasts, "_max"; 0: no bursts */
	u64 length; /* how many seconds a burst may last, "_max_length"; 0: 1 */
};

struct iotune {
	struct iotune_rate bytes[IOTUNE_KINDS], iops[IOTUNE_KINDS];
	u64 iops_size; /* "size_iops_sec": a request counts as one for each so many bytes of it; 0: as one */
};

#define IOTUNE_RATE_MAX   1000000000000000ULL
#define IOTUNE_LENGTH_MAX 3600u

/* -EINVAL: a total beside a read or a write limit, a burst without a rate or below it, or out of range. */
int iotune_check(const struct iotune *t) __must_check;

/* One rate that is kept: when all that was let through would have been done at that rate, and how far ahead that may be. */
struct iotune_bucket {
	u64 rate, ahead_ns;
	u64 until_ns, rest; /* rest: of the last division, so that nothing is lost */
};

struct iotune_state {
	struct iotune limits;
	struct iotune_bucket buckets[2][IOTUNE_KINDS][2]; /* bytes, iops; the rate, the burst's */
};

/* Takes new limits, which iotune_check() has let through, with nothing used up. */
void iotune_set(struct iotune_state *s, const struct iotune *t);

/* How many ns a read or write of len bytes must wait yet; 0: none. */
u64 iotune_wait(const struct iotune_state *s, bool write, u64 now_ns);

/* It was let through. */
void iotune_charge(struct iotune_state *s, bool write, u64 len, u64 now_ns);
