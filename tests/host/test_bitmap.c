/*
 * Bitmaps against a plain array of booleans.
 *
 * sources:
 */
#include "lib/bitmap.h"
#include "tests/host/harness.h"
#include "tests/host/rand.h"

#define BITS_MAX 200

TEST(random_against_array)
{
	static const u32 sizes[] = { 1, 63, 64, 65, 128, 200 };

	for (u32 s = 0; s < ARRAY_LEN(sizes); s++) {
		u32 bits = sizes[s];
		u64 map[BITMAP_WORDS(BITS_MAX)] = { 0 };
		bool model[BITS_MAX] = { false };

		for (int i = 0; i < 2000; i++) {
			u32 at = (u32)rand_below(bits), n = 1 + (u32)rand_below(12);
			u32 clear = bits, run = bits;

			if (rand_below(5)) {
				bitmap_set(map, at);
				model[at] = true;
			} else {
				bitmap_clear(map, at);
				model[at] = false;
			}
			for (u32 k = bits; k-- > 0;) {
				u32 len = 0;

				while (k + len < bits && !model[k + len])
					len++;
				clear = len ? k : clear;
				run = len >= n ? k : run;
				CHECK_EQ(bitmap_test(map, k), model[k]);
			}
			CHECK_EQ(bitmap_find_clear(map, bits), clear);
			CHECK_EQ(bitmap_find_clear_run(map, bits, n), run);
		}
	}
}

TEST(beyond_the_end)
{
	u64 map[2] = { ~0ULL, 0 };

	CHECK_EQ(bitmap_find_clear(map, 64), 64);
	CHECK_EQ(bitmap_find_clear(map, 65), 64);
	CHECK_EQ(bitmap_find_clear_run(map, 70, 7), 70);
	CHECK_EQ(bitmap_find_clear_run(map, 70, 6), 64);
}
