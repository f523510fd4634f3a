/*
 * Bitmaps in arrays of u64. No function locks; the owner does.
 */
#pragma once

#include "lib/types.h"

#define BITMAP_WORDS(bits) (((bits) + 63) / 64)

static inline bool bitmap_test(const u64 *map, u32 i)
{
	return map[i / 64] >> (i % 64) & 1;
}

static inline void bitmap_set(u64 *map, u32 i)
{
	map[i / 64] |= BIT(i % 64);
}

static inline void bitmap_clear(u64 *map, u32 i)
{
	map[i / 64] &= ~BIT(i % 64);
}

/* The first clear bit below bits, or bits when all are set. */
static inline u32 bitmap_find_clear(const u64 *map, u32 bits)
{
	for (u32 w = 0; w < BITMAP_WORDS(bits); w++) {
		if (~map[w]) {
			u32 i = w * 64 + (u32)__builtin_ctzll(~map[w]);

			return i < bits ? i : bits;
		}
	}
	return bits;
}

/* The start of the first run of n clear bits below bits, or bits when there is none. n > 0. */
static inline u32 bitmap_find_clear_run(const u64 *map, u32 bits, u32 n)
{
	u32 run = 0;

	for (u32 i = 0; i < bits; i++) {
		run = bitmap_test(map, i) ? 0 : run + 1;
		if (run == n)
			return i + 1 - n;
	}
	return bits;
}
