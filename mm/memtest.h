/*
 * A test of free memory at start, on request: patterns written and read back, past the caches. What does not keep
 * them is never given out. docs/failures.md
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"

/*
 * Tests what is free of the range that the word names: `all`, or SIZE@ADDRESS with K, M or G behind either; says
 * what it found. Boot CPU, alone, after mm_init().
 */
void memtest_run(const char *word);

/* The rest is for tests. */

/* The range of a word, in whole granules. False: it is none. */
bool memtest_range(const char *word, u64 *start, u64 *end) __must_check;

struct memtest_error {
	u64 index; /* of the word */
	u64 wrote, read;
};

/*
 * Tests words of memory at p, an even number; settle brings what was written into memory, so that it is read from there.
 * False: e has the first that was wrong.
 */
bool memtest_words(volatile u64 *p, u64 words, void (*settle)(volatile u64 *p, u64 words),
		   struct memtest_error *e) __must_check;
