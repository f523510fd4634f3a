/*
 * drivers/acpi/acpi.h on a small fake physical memory: finding the root pointer, walking the
 * tables, one clear message for each broken one, and nothing read outside the memory map.
 *
 * sources: drivers/acpi/acpi.c drivers/acpi/table.c drivers/acpi/madt.c drivers/acpi/fadt.c
 * sources: drivers/acpi/devices.c drivers/acpi/spcr.c drivers/acpi/tpm2.c drivers/acpi/dmar.c drivers/acpi/ivrs.c drivers/acpi/numa.c core/host.c lib/string.c
 */
#include "drivers/acpi/acpi.h"
#include "core/host.h"
#include "lib/bootinfo.h"
#include "lib/errno.h"
#include "mm/heap.h"
#include "mm/kmap.h"
#include "tests/host/acpi_build.h"
#include "tests/host/harness.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define MEMORY_SIZE 0x200000
/* Where the tables lie; the region from TABLES on is ACPI memory, what is between is not listed. */
#define TABLES      0x180000
#define RSDT_AT     (TABLES + 0x000)
#define XSDT_AT     (TABLES + 0x100)
#define FADT_AT     (TABLES + 0x205) /* no alignment is promised */
#define MADT_AT     (TABLES + 0x400)
#define MCFG_AT     (TABLES + 0x600)
#define HPET_AT     (TABLES + 0x700)
#define DSDT_AT     (TABLES + 0x801)
#define OTHER_AT    (TABLES + 0xa00)

static u8 memory[MEMORY_SIZE];
static struct boot_info bi;
static char messages[8192];
static int maps, blocks, kalloc_left;
static bool outside;

const void *kmap_firmware(paddr_t pa, u64 len)
{
	u8 *copy;

	maps++;
	if (pa.v + len < pa.v || pa.v + len > MEMORY_SIZE ||
	    (pa.v + len > 0x100000 && pa.v < TABLES)) {
		outside = true;
		return NULL;
	}
	/* A block of its own: the sanitizer sees a byte too many, and use after unmapping. */
	copy = malloc(len);
	memcpy(copy, memory + pa.v, len);
	return copy;
}

void kunmap(const void *p, u64 len)
{
	maps--;
	free((void *)p);
}

void *kalloc(size_t size)
{
	if (!kalloc_left)
		return NULL;
	kalloc_left--;
	blocks++;
	return calloc(1, size);
}

void kfree(void *p)
{
	blocks -= p != NULL;
	free(p);
}

void log_printf(int level, const char *fmt, ...);
void log_printf(int level, const char *fmt, ...)
{
	size_t n = strlen(messages);
	va_list ap;

	if (level != 1) /* warnings only */
		return;
	va_start(ap, fmt);
	n += (size_t)vsnprintf(messages + n, sizeof(messages) - n, fmt, ap);
	va_end(ap);
	snprintf(messages + n, sizeof(messages) - n, "\n");
}

static bool contains(const char *part)
{
	for (const char *p = messages; *p; p++) {
		if (str_prefix(p, part))
			return true;
	}
	return false;
}

static int lines(void)
{
	int n = 0;

	for (const char *p = messages; *p; p++)
		n += *p == '\n';
	return n;
}

static void place(u32 at, struct table *t)
{
	table_close(t);
	memcpy(memory + at, t->b, t->len);
}

static void put_rsdp(u8 *p, u8 revision, u32 rsdt, u64 xsdt)
{
	u8 sum = 0;

	memset(p, 0, 36);
	memcpy(p, "RSD PTR ", 8);
	p[15] = revision;
	memcpy(p + 16, &rsdt, 4);
	for (u32 i = 0; i < 20; i++)
		sum += p[i];
	p[8] = (u8)-sum;
	p[20] = 36;
	memcpy(p + 24, &xsdt, 8);
	sum = 0;
	for (u32 i = 0; i < 36; i++)
		sum += p[i];
	p[32] = (u8)-sum;
}

/* Which tables the root tables name; the tests break the table at one of these. */
static const u32 listed[] = { OTHER_AT, FADT_AT, MADT_AT, MCFG_AT, HPET_AT };

static void build_roots(void)
{
	struct table r, x;

	table_open(&r, "RSDT", 1, 36);
	table_open(&x, "XSDT", 1, 36);
	for (u32 i = 0; i < ARRAY_LEN(listed); i++) {
		u64 at = listed[i];

		table_add(&r, &at, 4);
		table_add(&x, &at, 8);
	}
	place(RSDT_AT, &r);
	place(XSDT_AT, &x);
}

static void setup(void)
{
	struct table t;

	memset(memory, 0, sizeof(memory));
	memset(&host, 0, sizeof(host));
	memset(&bi, 0, sizeof(bi));
	messages[0] = '\0';
	maps = blocks = 0;
	kalloc_left = 1000;
	outside = false;
	bi.region_count = 3;
	bi.regions[0] = (struct boot_region){ 0, 0x9f000, BOOT_MEM_USABLE };
	/* Two neighbours that a table may span. */
	bi.regions[1] = (struct boot_region){ TABLES, 0x810, BOOT_MEM_ACPI };
	bi.regions[2] = (struct boot_region){ TABLES + 0x810, 0x10000, BOOT_MEM_RESERVED };
	put_rsdp(bi.rsdp, 2, RSDT_AT, XSDT_AT);
	bi.rsdp_size = 36;
	build_roots();
	table_open(&t, "WXYZ", 1, 60);
	place(OTHER_AT, &t);
	build_fadt(&t);
	put_n(&t, 140, DSDT_AT, 8);
	place(FADT_AT, &t);
	build_madt(&t);
	place(MADT_AT, &t);
	build_mcfg(&t);
	place(MCFG_AT, &t);
	build_hpet(&t);
	place(HPET_AT, &t);
	build_dsdt(&t);
	place(DSDT_AT, &t);
}

/* The result, with everything given back. */
static int run(void)
{
	int err = acpi_init(&bi);

	CHECK_EQ(maps, 0);
	CHECK_EQ(blocks, 0);
	CHECK(!outside);
	return err;
}

static bool all_there(void)
{
	return host.have_madt && host.ioapic_count == 1 && host.pm1a_cnt && host.mcfg_count == 2 &&
	       host.hpet.v && host.s5_found;
}

TEST(all_by_xsdt)
{
	setup();
	memset(memory + RSDT_AT, 0, 36); /* not needed */
	CHECK_EQ(run(), 0);
	CHECK(all_there());
	CHECK_STR(messages, "");
	CHECK_EQ(host.s5_typ_a, 5);
}

TEST(rsdt_where_there_is_no_xsdt)
{
	setup();
	put_rsdp(bi.rsdp, 0, RSDT_AT, 0);
	bi.rsdp_size = 20;
	CHECK_EQ(run(), 0);
	CHECK(all_there());
	CHECK_STR(messages, "");
}

TEST(rsdt_where_the_xsdt_is_broken)
{
	setup();
	memory[XSDT_AT + 40] ^= 1;
	CHECK_EQ(run(), 0);
	CHECK(all_there());
	CHECK_STR(messages, "ACPI: XSDT at 0x180100: bad checksum: the RSDT is used\n");
}

TEST(no_root_table)
{
	setup();
	memory[XSDT_AT + 40] ^= 1;
	memory[RSDT_AT + 40] ^= 1;
	CHECK_EQ(run(), -ENODEV);
	CHECK_EQ(host.cpu_count, 1); /* this one */
	CHECK(!host.have_madt);
	CHECK_EQ(lines(), 2);
	CHECK(contains("ACPI: RSDT at 0x180000: bad checksum: no ACPI tables\n"));
}

TEST(root_pointer_in_the_bios)
{
	setup();
	bi.rsdp_size = 0;
	put_rsdp(memory + 0xf5a20, 2, RSDT_AT, XSDT_AT);
	memcpy(memory + 0xe0008, "RSD PTR ", 8);      /* not on a boundary */
	memcpy(memory + 0xe1000, "RSD PTR junk", 12); /* no checksum */
	CHECK_EQ(run(), 0);
	CHECK(all_there());
	CHECK_STR(messages, "");
}

TEST(root_pointer_in_the_ebda)
{
	setup();
	bi.rsdp_size = 0;
	memory[0x40e] = 0x40; /* segment 0x9c40 */
	memory[0x40f] = 0x9c;
	put_rsdp(memory + 0x9c400 + 0x3e0, 0, RSDT_AT, 0); /* the last place */
	CHECK_EQ(run(), 0);
	CHECK(all_there());
}

TEST(root_pointer_at_the_very_end_is_cut)
{
	setup();
	bi.rsdp_size = 0;
	put_rsdp(memory + 0xffff0, 2, RSDT_AT, XSDT_AT); /* 16 of its bytes lie in the area */
	CHECK_EQ(run(), -ENODEV);
	CHECK_EQ(lines(), 1);
}

TEST(no_root_pointer)
{
	setup();
	bi.rsdp_size = 0;
	CHECK_EQ(run(), -ENODEV);
	CHECK_EQ(host.cpu_count, 1);
	CHECK_EQ(lines(), 1);
	CHECK(contains("ACPI: no root pointer"));

	setup(); /* on UEFI those areas mean nothing */
	bi.rsdp_size = 0;
	bi.efi = true;
	put_rsdp(memory + 0xf5a20, 2, RSDT_AT, XSDT_AT);
	CHECK_EQ(run(), -ENODEV);

	setup(); /* a broken one from the loader: the search goes on */
	bi.rsdp[3] ^= 1;
	put_rsdp(memory + 0xf5a20, 2, RSDT_AT, XSDT_AT);
	CHECK_EQ(run(), 0);
	CHECK(all_there());
	CHECK_EQ(lines(), 1);
}

TEST(each_broken_table_costs_only_what_depends_on_it)
{
	static const struct {
		u32 at;
		const char *name;
	} tables[] = {
		{ FADT_AT, "FADT" }, { MADT_AT, "MADT" }, { MCFG_AT, "MCFG" },
		{ HPET_AT, "HPET" }, { DSDT_AT, "DSDT" },
	};
	static const struct {
		u8 offset;
		u32 v;
		const char *reason;
	} breaks[] = {
		{ 9, 0x77777777, "bad checksum" },
		{ 4, 35, "its length is less than a header's" },
		{ 4, 0, "its length is less than a header's" },
		{ 4, 0xffffffff, "its length is more than 1 MiB" },
		{ 4, 0x80000, "not in memory" }, /* over the end of what the map lists */
	};

	for (u32 i = 0; i < ARRAY_LEN(tables); i++) {
		for (u32 j = 0; j < ARRAY_LEN(breaks); j++) {
			char want[64];

			setup();
			memcpy(memory + tables[i].at + breaks[j].offset, &breaks[j].v, 4);
			CHECK_EQ(run(), 0);
			snprintf(want, sizeof(want), "ACPI: %s at 0x%x: %s: no", tables[i].name,
				 tables[i].at, breaks[j].reason);
			if (i == 1)
				snprintf(want, sizeof(want), "ACPI: MADT at 0x%x: %s: one CPU",
					 MADT_AT, breaks[j].reason);
			CHECK(contains(want));
			CHECK_EQ(lines(), 1);
			CHECK_EQ(host.pm1a_cnt != 0, i != 0);
			CHECK_EQ(host.have_madt, i != 1);
			CHECK_EQ(host.mcfg_count, i == 2 ? 0 : 2);
			CHECK_EQ(host.hpet.v != 0, i != 3);
			CHECK_EQ(host.s5_found, i != 0 && i != 4);
		}
	}
}

TEST(tables_that_are_not_in_memory)
{
	static const u64 bad[] = {
		0, 0x110000, MEMORY_SIZE, 0xfee00000, BIT(52), ~0ULL, ~0ULL - 35, TABLES - 1,
	};

	for (u32 i = 0; i < ARRAY_LEN(bad); i++) {
		struct table x;

		setup();
		table_open(&x, "XSDT", 1, 36);
		for (u32 j = 0; j < ARRAY_LEN(listed); j++) {
			u64 at = j ? listed[j] : bad[i];

			table_add(&x, &at, 8);
		}
		place(XSDT_AT, &x);
		CHECK_EQ(run(), 0);
		CHECK(all_there());
		CHECK(contains(": not in memory: it is ignored\n"));
		CHECK_EQ(lines(), 1);
	}
	setup();
	bi.regions[1].type = BOOT_MEM_BAD; /* what does not work is not read */
	CHECK_EQ(run(), -ENODEV);
}

TEST(missing_and_double)
{
	struct table t;

	setup();
	table_open(&t, "WXYZ", 1, 60);
	place(MADT_AT, &t);
	place(MCFG_AT, &t);
	place(HPET_AT, &t);
	CHECK_EQ(run(), 0);
	CHECK_STR(messages, "ACPI: no MADT: one CPU and no interrupt lines\n");

	setup(); /* the first one counts */
	build_hpet(&t);
	put_n(&t, 44, 0xdead0000, 8);
	place(OTHER_AT, &t);
	CHECK_EQ(run(), 0);
	CHECK_EQ(host.hpet.v, 0xdead0000);
	CHECK_EQ(lines(), 1);
}

TEST(no_memory)
{
	for (int n = 0; n < 8; n++) {
		setup();
		kalloc_left = n;
		run();
		CHECK_EQ(messages[0] != '\0', n < 6); /* XSDT, four tables and the DSDT */
	}
	CHECK(all_there());
}
