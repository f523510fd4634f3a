/*
 * Random numbers that repeat from run to run, for randomized tests.
 */
#pragma once

#include "lib/types.h"

static u64 rand_state = 0x9e3779b97f4a7c15ULL;

/* xorshift64* */
static inline u64 rand_u64(void)
{
	rand_state ^= rand_state >> 12;
	rand_state ^= rand_state << 25;
	rand_state ^= rand_state >> 27;
	return rand_state * 0x2545f4914f6cdd1dULL;
}

/* 0 to n - 1. */
static inline u64 rand_below(u64 n)
{
	return rand_u64() % n;
}
