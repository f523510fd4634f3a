/*
 * Firmware's memory map brought into order: against a page-by-page model of what the entries say.
 *
 * sources: boot/memmap.c lib/string.c
 */
#include "boot/memmap.h"
#include "lib/string.h"
#include "tests/host/harness.h"

#define PAGES 64

static struct boot_info info;

static void reset(void)
{
	memset(&info, 0, sizeof(info));
}

/* Sorted, no overlap, nothing empty, usable regions in whole pages, like neighbours joined. */
static void check_order(void)
{
	CHECK(info.region_count <= BOOT_MAX_REGIONS);
	for (u32 i = 0; i < info.region_count; i++) {
		const struct boot_region *r = &info.regions[i], *next = r + 1;

		CHECK(r->len && r->base + r->len > r->base);
		if (r->type == BOOT_MEM_USABLE)
			CHECK(!(r->base & PAGE_MASK) && !(r->len & PAGE_MASK));
		if (i + 1 == info.region_count)
			break;
		CHECK(r->base + r->len <= next->base);
		CHECK(r->base + r->len < next->base || r->type != next->type);
	}
}

static u32 type_at(u64 address)
{
	for (u32 i = 0; i < info.region_count; i++)
		if (address - info.regions[i].base < info.regions[i].len)
			return info.regions[i].type;
	return 0;
}

TEST(a_pc)
{
	reset();
	memmap_add(&info, 0, 0x9fc00, 1);
	memmap_add(&info, 0x9fc00, 0x400, 2);
	memmap_add(&info, 0xf0000, 0x10000, 2);
	memmap_add(&info, 0x100000, 0x3fee0000, 1);
	memmap_add(&info, 0x3ffe0000, 0x20000, 3);
	memmap_add(&info, 0xfffc0000, 0x40000, 2);
	memmap_finish(&info);
	check_order();
	CHECK_EQ(info.region_count, 6);
	CHECK_EQ(info.regions[0].len, 0x9f000);
	CHECK_EQ(type_at(0x9fc00), BOOT_MEM_RESERVED);
	CHECK_EQ(type_at(0x9f800), 0);
	CHECK_EQ(type_at(0x3ffe0000), BOOT_MEM_ACPI);
}

/* A reserved byte in the middle takes its page out of a usable region. */
TEST(hole)
{
	reset();
	memmap_add(&info, 0x100000, 0x100000, 1);
	memmap_add(&info, 0x180010, 1, 2);
	memmap_finish(&info);
	check_order();
	CHECK_EQ(info.region_count, 3);
	CHECK_EQ(type_at(0x17ffff), BOOT_MEM_USABLE);
	CHECK_EQ(type_at(0x180000), 0);
	CHECK_EQ(type_at(0x180010), BOOT_MEM_RESERVED);
	CHECK_EQ(type_at(0x181000), BOOT_MEM_USABLE);
}

TEST(end_of_the_address_space)
{
	reset();
	memmap_add(&info, 0xfffffffffffff000, 0x10000, 2);
	memmap_add(&info, 0x100000, ~0ULL, 1);
	memmap_add(&info, 0, 0, 1);
	memmap_add(&info, 0x10, 0x20, 1); /* no whole page */
	memmap_finish(&info);
	check_order();
	CHECK_EQ(info.region_count, 2);
	CHECK_EQ(info.regions[0].base, 0x100000);
	CHECK_EQ(info.regions[0].base + info.regions[0].len, 0xfffffffffffff000);
}

TEST(unknown_types_are_reserved)
{
	reset();
	memmap_add(&info, 0x1000, 0x1000, 77);
	memmap_add(&info, 0x3000, 0x1000, 0);
	memmap_finish(&info);
	CHECK_EQ(type_at(0x1000), BOOT_MEM_RESERVED);
	CHECK_EQ(type_at(0x3000), BOOT_MEM_RESERVED);
}

/* Full of small usable regions: one that is not usable must find a place all the same. */
TEST(reserved_is_never_lost)
{
	reset();
	for (u64 i = 0; i < BOOT_MAX_REGIONS + 10; i++)
		memmap_add(&info, (i + 1) * 0x10000, 0x1000 + (i == 5 ? 0 : 0x1000), 1);
	CHECK_EQ(info.region_count, BOOT_MAX_REGIONS);
	CHECK_EQ(info.regions_dropped, 10);
	memmap_add(&info, 0x20800, 0x100, 2);
	memmap_finish(&info);
	check_order();
	CHECK_EQ(type_at(0x20800), BOOT_MEM_RESERVED);
	CHECK_EQ(type_at(0x20000), 0);
	CHECK_EQ(type_at(0x60000), 0); /* the smallest made room */
	CHECK_EQ(type_at(0x30000), BOOT_MEM_USABLE);
}

static u32 seed = 1;

static u32 next_random(u32 limit)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % limit;
}

/* Random maps over 64 pages: a page is usable exactly if an entry says so and none says otherwise. */
TEST(random_against_model)
{
	for (int round = 0; round < 3000; round++) {
		bool usable[PAGES] = { false }, other[PAGES] = { false };
		u32 entries = 1 + next_random(12);

		reset();
		for (u32 i = 0; i < entries; i++) {
			u32 first = next_random(PAGES), count = 1 + next_random(PAGES - first);
			u32 type = 1 + next_random(4);

			memmap_add(&info, first * PAGE_SIZE, count * PAGE_SIZE, type);
			for (u32 p = first; p < first + count; p++)
				*(type == BOOT_MEM_USABLE ? &usable[p] : &other[p]) = true;
		}
		memmap_finish(&info);
		check_order();
		for (u32 p = 0; p < PAGES; p++) {
			u32 type = type_at(p * PAGE_SIZE + 1);

			CHECK_EQ(type == BOOT_MEM_USABLE, usable[p] && !other[p]);
			CHECK_EQ(type > BOOT_MEM_USABLE, other[p]);
		}
	}
}
