/*
 * A guest's TSC at another frequency than the host's, by the CPU's own multiplication: VT-x's "use TSC scaling" (Intel
 * SDM vol. 3, "Time-Stamp Counter Offsetting and Scaling"), AMD's TSC_RATIO (APM vol. 2, "TSC Ratio MSR"). The guest
 * reads host * mult / 2^bits + offset; all that is computed from its TSC here does the same, by the same bits.
 */
#pragma once

#include "lib/compiler.h"
#include "lib/ratio.h"
#include "lib/types.h"

/* What the hardware does; written by the backend's probe, const after. */
struct tscscale_hw {
	const char *feature; /* how its manual calls it; NULL: no backend */
	u8 bits;             /* behind the point of a multiplier; 0: there is no scaling */
	u64 max;             /* the largest multiplier */
};
extern struct tscscale_hw tscscale_hw;

/* A VM's. All zero: its TSC runs as the host's. Changes only while none of its vCPUs is in guest mode. */
struct tscscale {
	u64 khz; /* the guest's; 0: the host's */
	u64 mult;
	u32 bits;
	struct ratio to_host; /* host ticks in a guest's */
};

/* What domains may ask for. */
#define TSCSCALE_KHZ_MIN 1000ull
#define TSCSCALE_KHZ_MAX 100000000ull

/* A frequency that is apart by less passes for the host's where there is no scaling. */
#define TSCSCALE_TOLERANCE_PPM 250u

/*
 * For a guest whose TSC shall run at khz; 0: as the host's. -ENOTSUP: the hardware cannot, and the difference
 * is beyond the tolerance; -EINVAL: outside of MIN and MAX. *s is all zero then.
 */
int tscscale_make(struct tscscale *s, u64 khz) __must_check;

/* What a guest cannot have, for people: "a TSC of N kHz ...". */
void tscscale_refusal(u64 khz, char *text, size_t size);

/* kHz of the guest's TSC. */
u64 tscscale_khz(const struct tscscale *s);

/* The guest's TSC, less its offset, when the host's is that: bit for bit as the hardware computes it. */
static inline u64 tscscale_apply(const struct tscscale *s, u64 host)
{
	if (likely(!s->mult))
		return host;
	return (u64)((unsigned __int128)host * s->mult >> s->bits);
}

/*
 * How many ticks of the host's TSC from host on it takes until the guest's has moved by that many: the first at which
 * it has. ~0: longer than can be said.
 */
u64 tscscale_wait_slow(const struct tscscale *s, u64 host, u64 ticks);
static inline u64 tscscale_wait(const struct tscscale *s, u64 host, u64 ticks)
{
	return likely(!s->mult) ? ticks : tscscale_wait_slow(s, host, ticks);
}
