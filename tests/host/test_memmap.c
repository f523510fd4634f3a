/*
 * The memory map: rounding, what occupies RAM, and firmware that states nonsense.
 *
 * sources: mm/memmap.c
 */
#include "lib/bootinfo.h"
#include "lib/string.h"
#include "mm/memmap.h"
#include "mm/page.h"
#include "tests/host/harness.h"

static struct boot_info bi;

static void region(u64 base, u64 len, u32 type)
{
	bi.regions[bi.region_count++] = (struct boot_region){ base, len, type };
}

/* Like a PC with 1 GiB. */
static void pc(void)
{
	memset(&bi, 0, sizeof(bi));
	region(0, 0x9fc00, BOOT_MEM_USABLE);
	region(0x9fc00, 0x400, BOOT_MEM_RESERVED);
	region(0xf0000, 0x10000, BOOT_MEM_RESERVED);
	region(0x100000, 0x3fee0000 - 0x100000, BOOT_MEM_USABLE);
	region(0x3fee0000, 0x20000, BOOT_MEM_ACPI);
	bi.image_pa = 0x200000;
	bi.image_size = 0x51234;
	bi.module_count = 2;
	bi.modules[0].pa = 0x300000;
	bi.modules[0].size = 5000;
	bi.modules[1].pa = 0x302000;
	bi.modules[1].size = 0;
}

TEST(pages_by_kind)
{
	pc();
	memmap_init(&bi, 1ULL << 40);
	CHECK_EQ(memmap_kind(PADDR(0)), MEMMAP_ABSENT); /* the BIOS's own page */
	CHECK_EQ(memmap_kind(PADDR(0x1000)), MEMMAP_FREE);
	CHECK_EQ(memmap_kind(PADDR(0x9e000)), MEMMAP_FREE);
	CHECK_EQ(memmap_kind(PADDR(0x9f000)), MEMMAP_ABSENT); /* only in part RAM */
	CHECK_EQ(memmap_kind(PADDR(0xa0000)), MEMMAP_ABSENT);
	CHECK_EQ(memmap_kind(PADDR(0x100000)), MEMMAP_FREE);
	CHECK_EQ(memmap_kind(PADDR(0x200000)), MEMMAP_IMAGE);
	CHECK_EQ(memmap_kind(PADDR(0x251fff)), MEMMAP_IMAGE);
	CHECK_EQ(memmap_kind(PADDR(0x252000)), MEMMAP_FREE);
	CHECK_EQ(memmap_kind(PADDR(0x301000)), MEMMAP_MODULE);
	CHECK_EQ(memmap_kind(PADDR(0x302000)), MEMMAP_FREE); /* an empty file takes nothing */
	CHECK_EQ(memmap_kind(PADDR(0x3fedf000)), MEMMAP_FREE);
	CHECK_EQ(memmap_kind(PADDR(0x3fee0000)), MEMMAP_ABSENT); /* ACPI tables */
	CHECK_EQ(memmap_kind(PADDR(1ULL << 45)), MEMMAP_ABSENT);
	CHECK_EQ(memmap_end(), 0x3fee0000);
	CHECK_EQ(memmap_total(), 0x9f000 - 0x1000 + 0x3fee0000 - 0x100000);
}

TEST(ranges)
{
	pc();
	memmap_init(&bi, 1ULL << 40);
	CHECK(memmap_all_free(PADDR(0x1000), 0x9e000));
	CHECK(!memmap_all_free(PADDR(0), 0x2000));
	CHECK(!memmap_all_free(PADDR(0x9e000), 0x2000));
	CHECK(!memmap_all_free(PADDR(0x9e000), 0x100000));
	CHECK(!memmap_all_free(PADDR(0x1ff000), 0x2000)); /* the image */
	CHECK(!memmap_all_free(PADDR(0x251000), 0x2000));
	CHECK(!memmap_all_free(PADDR(0x3fedf000), ~0ULL - 0x1000));
	CHECK(memmap_occupied(PADDR(0x200000), 0x200000));
	CHECK(!memmap_occupied(PADDR(0x400000), 0x200000));

	/* Firmware's memory: no page of RAM, the image or the boot set may be among it. */
	CHECK(!memmap_has_ram(PADDR(0x9f000), 0x61000));
	CHECK(memmap_has_ram(PADDR(0x9f000), 0x61001));
	CHECK(memmap_has_ram(PADDR(0x200000), 0x1000));
	CHECK(!memmap_has_ram(PADDR(0x3fee0000), 0x20000));
	CHECK(memmap_has_ram(PADDR(0x3fedf000), 0x2000));
	CHECK(memmap_has_ram(PADDR(0), 1ULL << 40));

	memmap_take(PADDR(0x400000), 100);
	CHECK_EQ(memmap_kind(PADDR(0x400000)), MEMMAP_TABLE);
	CHECK(!memmap_all_free(PADDR(0x400000), 0x1000));
	CHECK(memmap_all_free(PADDR(0x401000), 0x1000));
}

/* Always the same places, as far as they are there and free. */
TEST(kept_places)
{
	paddr_t kept[MEMMAP_KEPT_MAX];

	pc();
	memmap_init(&bi, 1ULL << 40);
	CHECK_EQ(memmap_kept(kept), 4);
	CHECK_EQ(kept[0].v, 32 * MIB);
	CHECK_EQ(kept[3].v, 256 * MIB);
	CHECK_EQ(memmap_kind(PADDR(32 * MIB + MEMMAP_KEPT_SIZE - 1)), MEMMAP_KEPT);
	CHECK_EQ(memmap_kind(PADDR(32 * MIB + MEMMAP_KEPT_SIZE)), MEMMAP_FREE);
	CHECK(memmap_occupied(PADDR(32 * MIB), GRANULE_SIZE));

	bi.modules[0].pa = 32 * MIB - 4096;
	bi.modules[0].size = 5000;
	bi.regions[3].len = 256 * MIB + MEMMAP_KEPT_SIZE - 1 - bi.regions[3].base;
	memmap_init(&bi, 1ULL << 40);
	CHECK_EQ(memmap_kept(kept), 2);
	CHECK_EQ(kept[0].v, 64 * MIB);
	CHECK_EQ(kept[1].v, 128 * MIB);
}

/* A module outside what the firmware calls RAM is RAM all the same, and nobody maps it as a device. */
TEST(module_outside)
{
	pc();
	bi.modules[0].pa = 0x50000000;
	memmap_init(&bi, 1ULL << 40);
	CHECK_EQ(memmap_kind(PADDR(0x50001000)), MEMMAP_MODULE);
	CHECK(memmap_has_ram(PADDR(0x50000000), 0x1000));
}

TEST(neighbours_join)
{
	memset(&bi, 0, sizeof(bi));
	region(0x1000000, 0x300000, BOOT_MEM_USABLE);
	region(0x1300000, 0x300000, BOOT_MEM_USABLE);
	memmap_init(&bi, 1ULL << 40);
	CHECK(memmap_all_free(PADDR(0x1200000), 0x200000));
	CHECK(!memmap_all_free(PADDR(0x1500000), 0x200000));
}

TEST(nonsense)
{
	memset(&bi, 0, sizeof(bi));
	region(0x1000000, 0x200000, BOOT_MEM_USABLE);
	region(0x1100000, 0x200000, BOOT_MEM_USABLE); /* overlaps: counted once */
	region(0x2000800, 0x7ff, BOOT_MEM_USABLE);    /* not a whole page */
	region(0x3000000, 0, BOOT_MEM_USABLE);
	region(0xfffffffffff00000ULL, 0x200000, BOOT_MEM_USABLE); /* beyond 64 bits */
	bi.modules[0].pa = ~0ULL - 0xfff;
	bi.modules[0].size = 0x2000;
	bi.module_count = 1;
	memmap_init(&bi, 1ULL << 40);
	CHECK_EQ(memmap_total(), 0x300000);
	CHECK_EQ(memmap_end(), 0x1300000);
	CHECK(!memmap_has_ram(PADDR(0x2000000), 0x1000));
}

/* What lies too high is left out. */
TEST(bounded)
{
	memset(&bi, 0, sizeof(bi));
	region(0x1000000, 0x200000, BOOT_MEM_USABLE);
	region(0xff00000000ULL, 0x200000000ULL, BOOT_MEM_USABLE);
	region(0x20000000000ULL, 0x200000000ULL, BOOT_MEM_USABLE);
	memmap_init(&bi, 1ULL << 40);
	CHECK_EQ(memmap_end(), 1ULL << 40);
	CHECK_EQ(memmap_total(), 0x200000 + 0x100000000ULL);
	CHECK_EQ(memmap_kind(PADDR(1ULL << 40)), MEMMAP_ABSENT);
}
