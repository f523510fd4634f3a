/*
 * The EPT format against the SDM's table of entry bits, and through the engine that uses it.
 *
 * sources: ept/ept.c
 */
#include "harness.h"

#include "ept/s2.h"
#include "mm/ptab.h"

#define RWX (PTAB_R | PTAB_W | PTAB_X)

TEST(leaves)
{
	/* R 0, W 1, X 2, memory type 5:3 = 6, ignore PAT 6, page 7 */
	CHECK_EQ(ptab_ept.encode(RWX, 0), 0x77);
	CHECK_EQ(ptab_ept.encode(RWX, 1), 0xf7);
	CHECK_EQ(ptab_ept.encode(RWX, 2), 0xf7);
	CHECK_EQ(ptab_ept.encode(PTAB_R, 0), 0x71);
	CHECK_EQ(ptab_ept.encode(PTAB_R | PTAB_X, 0), 0x75);
	CHECK_EQ(ptab_ept.encode(PTAB_R | PTAB_W, 1), 0xf3);
	CHECK_EQ(ptab_ept.encode(PTAB_R | PTAB_W | PTAB_UNCACHED, 0), 0x43);
}

/* Writable but not readable is a misconfiguration on every CPU; execute-only on some. */
TEST(never_misconfigured)
{
	for (u32 prot = 0; prot < 64; prot++) {
		u64 entry = ptab_ept.encode(prot, 0);

		CHECK((entry & 7) != 2 && (entry & 7) != 6 && (entry & 7) != 4);
		CHECK_EQ(entry & ~0x7full, 0);
	}
}

TEST(no_rights_is_not_present)
{
	CHECK(!ptab_ept.present(0));
	CHECK(!ptab_ept.present(ptab_ept.encode(0, 1)));
	CHECK(ptab_ept.present(1));
	CHECK(ptab_ept.present(4));
	CHECK(!ptab_ept.present(0x1000));
}

TEST(tables_and_leaves)
{
	/* A table entry has all rights and a zero memory type: bits 7:3 are reserved there. */
	CHECK_EQ(ptab_ept.table_bits, 7);
	CHECK(!ptab_ept.leaf(0x200000 | ptab_ept.table_bits, 1));
	CHECK(ptab_ept.leaf(0x200000 | 0xf7, 1));
	CHECK(ptab_ept.leaf(0x1000 | 0x77, 0));
	CHECK_EQ(ptab_ept.levels, 4);
	CHECK(ptab_ept.max_leaf <= 2);
	CHECK_EQ(ptab_ept.addr_mask, 0x000ffffffffff000);
}

TEST(rights_come_back)
{
	for (u8 level = 0; level <= 2; level++) {
		CHECK_EQ(ptab_ept.decode(ptab_ept.encode(RWX, level), level), RWX);
		CHECK_EQ(ptab_ept.decode(ptab_ept.encode(PTAB_R, level), level), PTAB_R);
		CHECK_EQ(ptab_ept.decode(ptab_ept.encode(PTAB_R | PTAB_UNCACHED, level), level),
			 PTAB_R | PTAB_UNCACHED);
	}
}
