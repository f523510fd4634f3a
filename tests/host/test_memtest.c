/*
 * mm/memtest.h: memory that keeps what is written, and memory that does not; the word's range.
 *
 * sources: mm/memtest.c lib/string.c
 */
#include "lib/string.h"
#include "mm/direct.h"
#include "mm/granule.h"
#include "mm/memtest.h"
#include "tests/host/harness.h"

#define WORDS    512
#define GRANULES 8

u64 host_phys_base;

static u64 memory[WORDS];
static u32 settles, from;
static enum { SOUND, STUCK_1, STUCK_0, COUPLED, FORGETS, ALIASED } fault;
static u64 where, bit;

/* What the memory makes of what was written to it. */
static void settle(volatile u64 *p, u64 words)
{
	CHECK_EQ(words, WORDS);
	settles++;
	switch (fault) {
	case STUCK_1:
		p[where] |= bit;
		break;
	case STUCK_0:
		p[where] &= ~bit;
		break;
	case COUPLED: /* a word follows another one */
		p[where] = p[where + 1];
		break;
	case FORGETS:
		if (settles >= from)
			p[where] ^= bit;
		break;
	case ALIASED: /* an address line that does nothing */
		for (u64 i = 0; i < words; i++)
			p[i & ~bit] = p[i];
		break;
	case SOUND:
		break;
	}
}

static bool test(int kind, struct memtest_error *e)
{
	fault = kind;
	settles = 0;
	return memtest_words(memory, WORDS, settle, e);
}

TEST(sound)
{
	struct memtest_error e;

	CHECK(test(SOUND, &e));
	CHECK_EQ(settles, 5);
}

TEST(each_bit_of_some_words)
{
	static const u64 at[] = { 0, 1, 255, WORDS - 1 };
	struct memtest_error e;

	for (u32 i = 0; i < ARRAY_LEN(at); i++) {
		where = at[i];
		for (bit = 1; bit; bit <<= 1) {
			CHECK(!test(STUCK_1, &e));
			CHECK_EQ(e.index, where);
			CHECK_EQ(e.wrote ^ e.read, bit);
			CHECK(!test(STUCK_0, &e));
			CHECK_EQ(e.index, where);
			CHECK_EQ(e.wrote ^ e.read, bit);
		}
	}
}

TEST(others)
{
	struct memtest_error e;

	where = 77;
	bit = 1;
	CHECK(!test(COUPLED, &e));
	for (from = 1; from <= 5; from++)
		CHECK(!test(FORGETS, &e));
	for (bit = 1; bit < WORDS; bit <<= 1)
		CHECK(!test(ALIASED, &e));
}

TEST(range)
{
	static const char *const bad[] = { "",
					   "64M",
					   "@4G",
					   "64M@",
					   "64X@4G",
					   "64M@4G@",
					   "0@4G",
					   "0x@1",
					   "M@4G",
					   "64M@4GG",
					   "ALL",
					   "-1@0",
					   "1@18446744073709551615",
					   "17179869184G@0",
					   "18446744073709551615@4096" };
	u64 start, end;

	CHECK(memtest_range("all", &start, &end));
	CHECK(start == 0 && end == ~0ULL);
	CHECK(memtest_range("64M@4G", &start, &end));
	CHECK(start == 4 * GIB && end == 4 * GIB + 64 * MIB);
	CHECK(memtest_range("0x1000@0x345678", &start, &end));
	CHECK(start == 2 * MIB && end == 0x346678);
	CHECK(memtest_range("512K@3M", &start, &end));
	CHECK(start == 2 * MIB && end == 3 * MIB + 512 * KIB);
	for (u32 i = 0; i < ARRAY_LEN(bad); i++)
		CHECK(!memtest_range(bad[i], &start, &end));
}

/* --- granules --- */

static owner_t owners[GRANULES];
static u64 granule[GRANULE_SIZE / sizeof(u64)];
static bool visited[GRANULES], freed[GRANULES], retired[GRANULES];

u64 granule_end(void)
{
	return GRANULES * GRANULE_SIZE;
}
owner_t granule_owner(paddr_t pa)
{
	return owners[pa.v / GRANULE_SIZE];
}
void granule_set_owner(paddr_t pa, owner_t owner)
{
	CHECK_EQ(owner, OWNER_FREE);
	freed[pa.v / GRANULE_SIZE] = true;
}
owner_t granule_retire(paddr_t pa)
{
	retired[pa.v / GRANULE_SIZE] = true;
	return OWNER_FREE;
}
void granule_visit(paddr_t pa, void (*fn)(void *p, void *ctx), void *ctx)
{
	visited[pa.v / GRANULE_SIZE] = true;
	fn(granule, ctx);
}

/* What is not free is not touched, and what was tested counts as not clean. */
TEST(free_granules)
{
	owners[2] = OWNER_HV;
	owners[4] = OWNER_RESERVED;
	memtest_run("6M@2M");
	memtest_run("what");
	for (u32 i = 0; i < GRANULES; i++) {
		CHECK_EQ(visited[i], i == 1 || i == 3);
		CHECK_EQ(freed[i], visited[i]);
		CHECK(!retired[i]);
	}
	memtest_run("all");
	for (u32 i = 0; i < GRANULES; i++)
		CHECK_EQ(visited[i], i != 2 && i != 4);
}
