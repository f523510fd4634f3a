/*
 * Fractions for spans of time: 64 significant bits, so that the error of a product stays under a unit for decades;
 * products have 128 bits.
 */
#pragma once

#include "lib/types.h"

/* mult / 2^shift, mult with its top bit set. */
struct ratio {
	u64 mult;
	u32 shift;
};

/* num / den rounded down to 64 significant bits, by long division. num is over 0, den over 0 and under 2^63. */
static inline struct ratio ratio_make(u64 num, u64 den)
{
	struct ratio r = { .mult = num / den };
	u64 rest = num % den;

	while (!(r.mult >> 63)) {
		rest *= 2;
		r.mult = r.mult * 2 + (rest >= den);
		if (rest >= den)
			rest -= den;
		r.shift++;
	}
	return r;
}

/* x * r rounded down; ~0 when that does not fit. */
static inline u64 ratio_apply(struct ratio r, u64 x)
{
	unsigned __int128 v = (unsigned __int128)x * r.mult >> r.shift;

	return v >> 64 ? ~0ULL : (u64)v;
}
