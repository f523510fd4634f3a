/*
 * drivers/acpi's parsers: well-formed tables give what the specification says, hostile ones a
 * reason and no change. Every table is also tried cut off at every length and with every byte
 * changed.
 *
 * sources: drivers/acpi/table.c drivers/acpi/madt.c drivers/acpi/fadt.c drivers/acpi/devices.c
 * sources: drivers/acpi/spcr.c drivers/acpi/tpm2.c drivers/acpi/dmar.c drivers/acpi/ivrs.c core/host.c lib/string.c
 */
#include "core/host.h"
#include "drivers/acpi/parse.h"
#include "tests/host/acpi_build.h"
#include "tests/host/acpi_hostile.h"
#include "tests/host/harness.h"

TEST(madt)
{
	struct host h = { 0 };
	struct table t;

	build_madt(&t);
	CHECK(parse(acpi_parse_madt, &t, t.len, &h) == NULL);
	CHECK(h.have_madt);
	CHECK_EQ(h.cpu_count, 3);
	CHECK_EQ(h.apic_ids[0], 4);
	CHECK_EQ(h.apic_ids[1], 0);
	CHECK_EQ(h.apic_ids[2], 256);
	CHECK_EQ(h.ioapic_count, 1);
	CHECK_EQ(h.ioapics[0].base.v, 0xfec00000);
	CHECK_EQ(h.ioapics[0].gsi_base, 24);
	CHECK_EQ(h.ioapics[0].id, 9);
	CHECK_EQ(h.override_count, 2);
	CHECK_EQ(h.overrides[0].isa_irq, 0);
	CHECK_EQ(h.overrides[0].gsi, 2);
	CHECK(!h.overrides[0].level && !h.overrides[0].active_low);
	CHECK_EQ(h.overrides[1].gsi, 9);
	CHECK(h.overrides[1].level && h.overrides[1].active_low);
	check_hostile(acpi_parse_madt, &t);
}

TEST(madt_boot_cpu_comes_first)
{
	struct host h = { 0 };
	struct table t;

	build_madt(&t);
	CHECK(parse(acpi_parse_madt, &t, t.len, &h) == NULL);
	host_set_boot_cpu(&h, 256);
	CHECK_EQ(h.cpu_count, 3);
	CHECK_EQ(h.apic_ids[0], 256);
	CHECK_EQ(h.apic_ids[1], 4);
	CHECK_EQ(h.apic_ids[2], 0);
	host_set_boot_cpu(&h, 7); /* not in the MADT */
	CHECK_EQ(h.cpu_count, 4);
	CHECK_EQ(h.apic_ids[0], 7);
	CHECK_EQ(h.apic_ids[3], 0);
	h = (struct host){ 0 };
	host_set_boot_cpu(&h, 2);
	CHECK_EQ(h.cpu_count, 1);
	CHECK_EQ(h.apic_ids[0], 2);
}

TEST(madt_bad_entries)
{
	static const struct {
		u8 bytes[12];
		u8 n;
	} bad[] = {
		{ { 0, 0 }, 2 },          /* length 0 */
		{ { 0x7f, 0, 0, 0 }, 4 }, /* in an unknown type too */
		{ { 0, 1, 0 }, 3 },
		{ { 0 }, 1 },                   /* half an entry's header */
		{ { 0, 8, 0, 4, 1, 0, 0 }, 7 }, /* beyond the end */
		{ { 0x7f, 255, 0, 0 }, 4 },
		{ { 0, 7, 0, 4, 1, 0, 0 }, 7 }, /* shorter than its type */
		{ { 1, 11, 9, 0, 0, 0, 0xc0, 0xfe, 0, 0, 0 }, 11 },
		{ { 2, 9, 0, 0, 2, 0, 0, 0, 0 }, 9 },
		{ { 9, 2 }, 2 },
	};

	for (u32 i = 0; i < ARRAY_LEN(bad); i++) {
		struct host h = { 0 }, before = h;
		struct table t;

		build_madt(&t);
		table_add(&t, bad[i].bytes, bad[i].n);
		table_close(&t);
		CHECK(parse(acpi_parse_madt, &t, t.len, &h) != NULL);
		CHECK(!memcmp(&h, &before, sizeof(h)));
	}
}

TEST(madt_absent_and_double)
{
	struct host h = { 0 };
	struct table t;

	table_open(&t, "APIC", 5, 44);
	TABLE_ADD(&t, 0, 8, 0, 1, 1, 0, 0, 0);
	TABLE_ADD(&t, 0, 8, 1, 0xff, 1, 0, 0, 0); /* no CPU: broadcast id */
	TABLE_ADD(&t, 9, 16, 0, 0, 0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0, 3, 0, 0, 0);
	TABLE_ADD(&t, 9, 16, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0); /* id 1 again */
	TABLE_ADD(&t, 2, 10, 1, 0, 2, 0, 0, 0, 0, 0);                   /* not the ISA bus */
	TABLE_ADD(&t, 2, 10, 0, 16, 2, 0, 0, 0, 0, 0);                  /* not an ISA interrupt */
	TABLE_ADD(&t, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);             /* I/O APIC at 0 */
	table_close(&t);
	CHECK(parse(acpi_parse_madt, &t, t.len, &h) == NULL);
	CHECK_EQ(h.cpu_count, 1);
	CHECK_EQ(h.override_count, 0);
	CHECK_EQ(h.ioapic_count, 0);
}

TEST(madt_more_than_fits)
{
	struct host h = { 0 };
	struct table t;

	table_open(&t, "APIC", 5, 44);
	for (u8 i = 0; i < 70; i++)
		TABLE_ADD(&t, 0, 8, i, i, 1, 0, 0, 0);
	for (u8 i = 0; i < 10; i++)
		TABLE_ADD(&t, 1, 12, i, 0, 0, i, 0xc0, 0xfe, i, 0, 0, 0);
	for (u8 i = 0; i < 20; i++)
		TABLE_ADD(&t, 2, 10, 0, i % 16, i, 0, 0, 0, 0, 0);
	CHECK(t.len <= sizeof(t.b));
	table_close(&t);
	CHECK(parse(acpi_parse_madt, &t, t.len, &h) == NULL);
	CHECK_EQ(h.cpu_count, HOST_MAX_CPUS);
	CHECK_EQ(h.ioapic_count, HOST_MAX_IOAPICS);
	CHECK_EQ(h.override_count, 16);
	CHECK_EQ(h.overrides[3].gsi, 3); /* the first of two counts */
	host_set_boot_cpu(&h, 69);       /* one of those left out */
	CHECK_EQ(h.cpu_count, HOST_MAX_CPUS);
	CHECK_EQ(h.apic_ids[0], 69);
	CHECK_EQ(h.apic_ids[1], 0);
	CHECK_EQ(h.apic_ids[HOST_MAX_CPUS - 1], HOST_MAX_CPUS - 2);
}

TEST(fadt_of_acpi_1)
{
	struct host h = { 0 };
	struct table t;

	build_fadt_v1(&t);
	CHECK(parse(acpi_parse_fadt, &t, t.len, &h) == NULL);
	CHECK_EQ(h.pm1a_cnt, 0x604);
	CHECK_EQ(h.pm1b_cnt, 0x704);
	CHECK_EQ(h.pm_timer, 0x608);
	CHECK(!h.pm_timer_32bit);
	CHECK_EQ(h.smi_cmd, 0xb2);
	CHECK_EQ(h.acpi_enable, 0xa0);
	CHECK_EQ(h.reset_address, 0);
	CHECK_EQ(h.rtc_century, 0x32);
	CHECK(!h.rtc_absent);
	CHECK_EQ(acpi_fadt_dsdt(t.b, t.len), 0x7fe0000);
	check_hostile(acpi_parse_fadt, &t);
}

TEST(fadt)
{
	struct host h = { 0 };
	struct table t;

	build_fadt(&t);
	CHECK(parse(acpi_parse_fadt, &t, t.len, &h) == NULL);
	CHECK_EQ(h.pm1a_cnt, 0xb004);
	CHECK_EQ(h.pm1b_cnt, 0x704); /* no extended address: the old one */
	CHECK_EQ(h.pm_timer, 0xb008);
	CHECK(h.pm_timer_32bit);
	CHECK_EQ(h.reset_space, 1);
	CHECK_EQ(h.reset_address, 0xcf9);
	CHECK_EQ(h.reset_value, 0x0e);
	CHECK(h.rtc_absent);
	CHECK_EQ(acpi_fadt_dsdt(t.b, t.len), 0x7ff0000);
	CHECK_EQ(acpi_fadt_dsdt(t.b, t.len - 1), 0);
	check_hostile(acpi_parse_fadt, &t);
}

TEST(fadt_without_some)
{
	struct host h = { 0 };
	struct table t;

	build_fadt(&t);
	put_n(&t, 112, 1 << 8, 4);      /* the reset register is not supported */
	put_n(&t, 176, 0x123456789, 8); /* not a port */
	put8(&t, 91, 0);                /* no timer */
	put_n(&t, 140, 0, 8);           /* X_DSDT: none */
	put_n(&t, 48, 0x10000, 4);
	put8(&t, 108, 0);
	table_close(&t);
	CHECK(parse(acpi_parse_fadt, &t, t.len, &h) == NULL);
	CHECK_EQ(h.reset_address, 0);
	CHECK_EQ(h.pm1a_cnt, 0x604);
	CHECK_EQ(h.pm_timer, 0);
	CHECK_EQ(h.smi_cmd, 0);
	CHECK_EQ(h.rtc_century, 0);
	CHECK_EQ(acpi_fadt_dsdt(t.b, t.len), 0x7fe0000);

	h = (struct host){ 0 };
	build_fadt(&t);
	put_n(&t, 112, 1 << 20 | 1 << 10, 4); /* hardware-reduced: only the reset register */
	table_close(&t);
	CHECK(parse(acpi_parse_fadt, &t, t.len, &h) == NULL);
	CHECK_EQ(h.pm1a_cnt | h.pm1b_cnt | h.pm_timer | h.smi_cmd, 0);
	CHECK_EQ(h.reset_address, 0xcf9);
}

TEST(fadt_reset_registers)
{
	static const struct {
		u8 space;
		u64 address;
		bool ok;
	} cases[] = {
		{ 0, 0xfed00000, true },
		{ 0, BIT(52), false },
		{ 1, 0xffff, true },
		{ 1, 0x10000, false },
		{ 2, 31ULL << 32 | 7 << 16 | 0xff, true },
		{ 2, 32ULL << 32, false },
		{ 2, 1ULL << 32 | 8 << 16, false },
		{ 2, 1ULL << 32 | 0x100, false },
		{ 3, 0x10, false },
		{ 1, 0, false },
	};

	for (u32 i = 0; i < ARRAY_LEN(cases); i++) {
		struct host h = { 0 };
		struct table t;

		build_fadt(&t);
		put8(&t, 116, cases[i].space);
		put_n(&t, 120, cases[i].address, 8);
		table_close(&t);
		CHECK(parse(acpi_parse_fadt, &t, t.len, &h) == NULL);
		CHECK_EQ(h.reset_address, cases[i].ok ? cases[i].address : 0);
	}
}

TEST(mcfg)
{
	struct host h = { 0 };
	struct table t;

	build_mcfg(&t);
	CHECK(parse(acpi_parse_mcfg, &t, t.len, &h) == NULL);
	CHECK_EQ(h.mcfg_count, 2);
	CHECK_EQ(h.mcfg[0].base.v, 0xb0000000);
	CHECK_EQ(h.mcfg[0].segment, 0);
	CHECK_EQ(h.mcfg[0].bus_first, 0);
	CHECK_EQ(h.mcfg[0].bus_last, 0xff);
	CHECK_EQ(h.mcfg[1].base.v, 0x1000000000);
	CHECK_EQ(h.mcfg[1].segment, 1);
	CHECK_EQ(h.mcfg[1].bus_first, 0x20);
	CHECK_EQ(h.mcfg[1].bus_last, 0x3f);
	check_hostile(acpi_parse_mcfg, &t);
}

TEST(mcfg_bad_allocations)
{
	static const struct {
		u64 base;
		u8 first, last;
	} bad[] = {
		{ 0, 0, 255 },
		{ 0xb0000001, 0, 255 },
		{ 0xb0080000, 0, 255 },
		{ 0xb0000000, 2, 1 },
		{ 0xfffffffffff00000, 0, 255 },
		{ BIT(52) - (255 << 20), 0, 255 },
	};

	for (u32 i = 0; i < ARRAY_LEN(bad); i++) {
		struct host h = { 0 };
		struct table t;

		build_mcfg(&t);
		put_n(&t, 60, bad[i].base, 8);
		put8(&t, 70, bad[i].first);
		put8(&t, 71, bad[i].last);
		table_close(&t);
		CHECK(parse(acpi_parse_mcfg, &t, t.len, &h) != NULL);
		CHECK_EQ(h.mcfg_count, 0);
	}
}

TEST(mcfg_more_than_fits)
{
	struct host h = { 0 };
	struct table t;

	table_open(&t, "MCFG", 1, 44);
	for (u8 i = 0; i < 9; i++)
		TABLE_ADD(&t, 0, 0, 0, 0xb0, 0, 0, 0, 0, i, 0, 0, 0xff, 0, 0, 0, 0);
	table_close(&t);
	CHECK(parse(acpi_parse_mcfg, &t, t.len, &h) == NULL);
	CHECK_EQ(h.mcfg_count, HOST_MAX_MCFG);
	CHECK_EQ(h.mcfg[7].segment, 7);
}

TEST(dmar)
{
	struct host h = { 0 };
	struct table t;

	build_dmar(&t);
	CHECK(parse(acpi_parse_dmar, &t, t.len, &h) == NULL);
	CHECK(h.dmar.remaps_interrupts && h.dmar.unit_count == 2 && h.dmar.scope_count == 4);
	CHECK(h.dmar.units[0].base.v == 0xfed90000 && !h.dmar.units[0].all);
	CHECK(h.dmar.units[1].base.v == 0xfed91000 && h.dmar.units[1].all);
	CHECK(h.dmar.scopes[0].owner == 0 && h.dmar.scopes[0].path[0] == 0x10);
	CHECK(h.dmar.scopes[1].type == HOST_SCOPE_IOAPIC && h.dmar.scopes[1].id == 9);
	CHECK(h.dmar.scopes[1].bus == 0xf0 && h.dmar.scopes[1].path[0] == 0xff);
	CHECK(h.dmar.scopes[2].depth == 2 && h.dmar.scopes[2].path[0] == 0xe4);
	CHECK(h.dmar.scopes[3].reserved && h.dmar.scopes[3].path[1] == 0x0a);
	CHECK(h.dmar.reserved_count == 1 && h.dmar.reserved[0].base == 0x7bb81000);
	CHECK_EQ(h.dmar.reserved[0].len, 0x2000);
	check_hostile(acpi_parse_dmar, &t);
}

/* Where one byte is wrong all of it is refused: a unit that was left out would let its devices reach everything. */
TEST(dmar_that_cannot_be)
{
	static const struct {
		u32 at;
		u8 v;
	} bad[] = {
		{ 50, 15 },               /* a unit that is cut */
		{ 50, 3 },                /* an entry shorter than its head */
		{ 50, 0 },     { 51, 1 }, /* longer than the table */
		{ 56, 1 },                /* registers that are not aligned */
		{ 63, 0xff },             /* nor within what can be addressed */
		{ 65, 5 },                /* a scope shorter than its head */
		{ 65, 10 },               /* longer than its entry */
		{ 65, 7 },                /* half a step */
		{ 70, 32 },               /* no such device */
		{ 71, 8 },                /* no such function */
		{ 114, 2 },               /* memory that is not whole pages: its start, */
		{ 122, 0xfe },            /* its end, */
		{ 125, 0x7a },            /* an end before its start */
		{ 129, 0xff },            /* out of range */
	};

	for (u32 i = 0; i < ARRAY_LEN(bad); i++) {
		struct host h = { 0 };
		struct table t;

		build_dmar(&t);
		put8(&t, bad[i].at, bad[i].v);
		table_close(&t);
		CHECK(parse(acpi_parse_dmar, &t, t.len, &h) != NULL);
		CHECK_EQ(h.dmar.unit_count, 0);
	}
}

TEST(dmar_with_more_than_fits)
{
	struct host h = { 0 };
	struct table t;

	table_open(&t, "DMAR", 1, 48);
	for (u32 i = 0; i < HOST_MAX_DMA_UNITS; i++)
		TABLE_ADD(&t, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, (u8)(0xd0 + i), 0xfe, 0, 0, 0, 0);
	table_close(&t);
	CHECK(parse(acpi_parse_dmar, &t, t.len, &h) == NULL);
	CHECK(h.dmar.unit_count == HOST_MAX_DMA_UNITS && !h.dmar.remaps_interrupts);
	TABLE_ADD(&t, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0xf0, 0xfe, 0, 0, 0, 0);
	table_close(&t);
	CHECK(parse(acpi_parse_dmar, &t, t.len, &h) != NULL);
}

/* The last device of a table reaches beyond it. */
TEST(dmar_whose_last_device_is_too_long)
{
	struct host h = { 0 };
	struct table t;

	table_open(&t, "DMAR", 1, 48);
	TABLE_ADD(&t, 0, 0, 24, 0, 1, 0, 0, 0, 0, 0, 0xd9, 0xfe, 0, 0, 0, 0);
	TABLE_ADD(&t, 1, 10, 0, 0, 0, 0, 2, 0);
	table_close(&t);
	CHECK(parse(acpi_parse_dmar, &t, t.len, &h) != NULL);
}

static bool range_is(const struct host_ivrs_range *r, u16 first, u16 last, u32 alias)
{
	return !r->unit && r->first == first && r->last == last && r->aliased == (alias != 0) &&
	       r->alias == alias;
}

TEST(ivrs)
{
	struct host h = { 0 };
	struct table t;

	build_ivrs(&t);
	CHECK(parse(acpi_parse_ivrs, &t, t.len, &h) == NULL);
	CHECK(h.ivrs.unit_count == 1 && h.ivrs.range_count == 4 && h.ivrs.reserved_count == 1);
	CHECK(h.ivrs.units[0].base.v == 0xfed80000 && h.ivrs.units[0].rid == 2);
	CHECK_EQ(h.ivrs.units[0].flags, 5);
	CHECK(range_is(&h.ivrs.ranges[0], 8, 8, 0));
	CHECK(range_is(&h.ivrs.ranges[1], 0x10, 0xff, 0));
	CHECK(range_is(&h.ivrs.ranges[2], 0x200, 0x200, 0x120));
	CHECK(range_is(&h.ivrs.ranges[3], 0x300, 0x3ff, 0x128));
	CHECK(h.ivrs.ioapic_count == 1 && !h.ivrs.ioapics[0].unit);
	CHECK(h.ivrs.ioapics[0].id == 9 && h.ivrs.ioapics[0].rid == 0xa0);
	CHECK(h.ivrs.reserved[0].first == 0x200 && h.ivrs.reserved[0].last == 0x2ff);
	CHECK(h.ivrs.reserved[0].base == 0x7bb81000 && h.ivrs.reserved[0].len == 0x2000);
	check_hostile(acpi_parse_ivrs, &t);
}

TEST(ivrs_with_timers_and_too_many_ioapics)
{
	struct host h = { 0 };
	struct table t;

	build_ivrs(&t);
	put8(&t, 155, 2); /* an HPET */
	table_close(&t);
	CHECK(parse(acpi_parse_ivrs, &t, t.len, &h) == NULL);
	CHECK_EQ(h.ivrs.ioapic_count, 0);
	table_open(&t, "IVRS", 2, 48);
	TABLE_ADD(&t, 0x10, 0, 24 + 9 * 8, 0, 2, 0, 0x40, 0);
	TABLE_ADD(&t, 0, 0, 0xd8, 0xfe, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	for (u32 i = 0; i < 9; i++)
		TABLE_ADD(&t, 0x48, 0, 0, 0, 1, 0xa0, 0, 1);
	table_close(&t);
	CHECK(parse(acpi_parse_ivrs, &t, t.len, &h) != NULL);
}

TEST(ivrs_that_cannot_be)
{
	static const struct {
		u32 at;
		u8 v;
	} bad[] = {
		{ 78, 3 },     /* a block shorter than its head, */
		{ 79, 1 },     /* longer than the table, */
		{ 78, 30 },    /* a unit that is cut */
		{ 85, 1 },     /* registers that are not aligned, */
		{ 90, 0xff },  /* or out of reach */
		{ 120, 2 },    /* an end without a start */
		{ 124, 2 },    /* a start without an end */
		{ 125, 0 },    /* a range that is backwards */
		{ 177, 3 },    /* a name that is longer than its unit */
		{ 182, 31 },   /* memory that is cut, */
		{ 196, 1 },    /* or not whole pages: its start, */
		{ 204, 1 },    /* its length */
		{ 203, 0xff }, /* out of range */
		{ 205, 0 },    /* none */
	};

	for (u32 i = 0; i < ARRAY_LEN(bad); i++) {
		struct host h = { 0 };
		struct table t;

		build_ivrs(&t);
		put8(&t, bad[i].at, bad[i].v);
		table_close(&t);
		CHECK(parse(acpi_parse_ivrs, &t, t.len, &h) != NULL);
		CHECK_EQ(h.ivrs.unit_count, 0);
	}
}

TEST(hpet)
{
	struct host h = { 0 };
	struct table t;

	build_hpet(&t);
	CHECK(parse(acpi_parse_hpet, &t, t.len, &h) == NULL);
	CHECK_EQ(h.hpet.v, 0xfed00000);
	check_hostile(acpi_parse_hpet, &t);
	h.hpet = PADDR(0);
	put8(&t, 40, 1); /* in I/O space */
	table_close(&t);
	CHECK(parse(acpi_parse_hpet, &t, t.len, &h) != NULL);
	put8(&t, 40, 0);
	put_n(&t, 44, 0, 8);
	table_close(&t);
	CHECK(parse(acpi_parse_hpet, &t, t.len, &h) != NULL);
	put_n(&t, 44, ~0ULL, 8);
	table_close(&t);
	CHECK(parse(acpi_parse_hpet, &t, t.len, &h) != NULL);
	CHECK_EQ(h.hpet.v, 0);
}

TEST(s5)
{
	struct host h = { 0 };
	struct table t;

	build_dsdt(&t);
	CHECK(parse(acpi_parse_s5, &t, t.len, &h) == NULL);
	CHECK(h.s5_found);
	CHECK_EQ(h.s5_typ_a, 5);
	CHECK_EQ(h.s5_typ_b, 7);
	check_hostile(acpi_parse_s5, &t);
}

TEST(s5_encodings)
{
	/* What follows the name; ACPI 6.5, 20.2.3 and 20.2.4. */
	static const struct {
		u8 bytes[24], n;
		s8 a, b; /* -1: refused */
	} cases[] = {
		{ { 0x12, 0x06, 4, 0x00, 0x00, 0x00, 0x00 }, 7, 0, 0 },
		{ { 0x12, 0x04, 2, 0x01, 0x01 }, 5, 1, 1 },
		{ { 0x12, 0x08, 2, 0x0b, 5, 0, 0x0b, 6, 0 }, 9, 5, 6 }, /* WordConst */
		{ { 0x12, 0x0c, 2, 0x0c, 5, 0, 0, 0, 0x0c, 6, 0, 0, 0 }, 13, 5, 6 },
		{ { 0x12, 0x0c, 2, 0x0e, 3, 0, 0, 0, 0, 0, 0, 0, 0x01 }, 13, 3, 1 },
		{ { 0x12, 0x46, 0x00, 2, 0x0a, 5, 0x01 }, 7, 5, 1 }, /* 2-byte PkgLength */
		{ { 0x12, 0xc9, 0x00, 0x00, 0x00, 2, 0x0a, 5, 0x0a, 4 }, 10, 5, 4 }, /* 4-byte */
		{ { 0x12, 0x04, 1, 0x0a, 5 }, 5, -1, 0 },          /* one element */
		{ { 0x12, 0x06, 2, 0x0a, 8, 0x0a, 0 }, 7, -1, 0 }, /* 3 bits are there */
		{ { 0x12, 0x08, 2, 0x0b, 5, 1, 0x0b, 6, 0 }, 9, -1, 0 },
		{ { 0x12, 0x04, 4, 0xff, 0xff }, 5, -1, 0 },       /* Ones */
		{ { 0x12, 0x05, 2, 0x0a, 5, 0x0a, 7 }, 7, -1, 0 }, /* ends in an element */
		{ { 0x12, 0x00, 2, 0x0a, 5, 0x0a, 7 }, 7, -1, 0 },
		{ { 0x12, 0x3f, 2, 0x0a, 5, 0x0a, 7 }, 7, -1, 0 }, /* beyond the table */
		{ { 0x12, 0xff, 0xff, 0xff, 0xff, 2, 0x0a, 5, 0x0a }, 9, -1, 0 },
		{ { 0x12, 0xc6 }, 2, -1, 0 },
		{ { 0x11, 0x06, 2, 0x0a, 5, 0x0a, 7 }, 7, -1, 0 }, /* a buffer */
		{ { 0 }, 0, -1, 0 },
	};

	for (u32 i = 0; i < ARRAY_LEN(cases); i++) {
		struct host h = { 0 };
		struct table t;

		table_open(&t, "DSDT", 2, 36);
		TABLE_ADD(&t, 0x08, '_', 'S', '5', '_');
		table_add(&t, cases[i].bytes, cases[i].n);
		table_close(&t);
		CHECK_EQ(parse(acpi_parse_s5, &t, t.len, &h) == NULL, cases[i].a >= 0);
		CHECK_EQ(h.s5_found, cases[i].a >= 0);
		CHECK_EQ(h.s5_typ_a, MAX(cases[i].a, 0));
		CHECK_EQ(h.s5_typ_b, cases[i].b);
	}
}

/* 5.2.5.3: 20 bytes with a checksum, then 16 more that a second one covers too. */
static void build_rsdp(u8 *p, u8 revision, u32 rsdt, u64 xsdt)
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

TEST(rsdp)
{
	u64 xsdt = 1, rsdt = 1;
	u8 p[36];

	build_rsdp(p, 2, 0x1000, 0x200000000);
	CHECK(acpi_parse_rsdp(p, 36, &xsdt, &rsdt) == NULL);
	CHECK_EQ(xsdt, 0x200000000);
	CHECK_EQ(rsdt, 0x1000);
	for (u32 len = 0; len < 20; len++)
		CHECK(acpi_parse_rsdp(p, len, &xsdt, &rsdt) != NULL);
	CHECK(acpi_parse_rsdp(p, 20, &xsdt, &rsdt) == NULL); /* only ACPI 1.0's part is there */
	CHECK_EQ(xsdt, 0);
	CHECK_EQ(rsdt, 0x1000);
	p[24] ^= 1; /* the second checksum is wrong: the RSDT counts */
	CHECK(acpi_parse_rsdp(p, 36, &xsdt, &rsdt) == NULL);
	CHECK_EQ(xsdt, 0);
	p[24] ^= 1;
	for (u32 i = 0; i < 20; i++) {
		p[i] ^= 0x20;
		CHECK(acpi_parse_rsdp(p, 36, &xsdt, &rsdt) != NULL);
		p[i] ^= 0x20;
	}
	build_rsdp(p, 0, 0x3000, 0x200000000); /* ACPI 1.0: what follows is not part of it */
	CHECK(acpi_parse_rsdp(p, 36, &xsdt, &rsdt) == NULL);
	CHECK_EQ(xsdt, 0);
	CHECK_EQ(rsdt, 0x3000);
}

TEST(root_tables)
{
	u64 e[4] = { 0 };
	size_t n = 0;
	struct table t;

	table_open(&t, "RSDT", 1, 36);
	TABLE_ADD(&t, 1, 0, 0, 0, 2, 0, 0, 0x80, 3, 0, 0, 0);
	table_close(&t);
	CHECK(acpi_parse_root(t.b, t.len, e, 4, &n) == NULL);
	CHECK_EQ(n, 3);
	CHECK_EQ(e[0], 1);
	CHECK_EQ(e[1], 0x80000002);
	CHECK_EQ(e[2], 3);
	CHECK_EQ(e[3], 0);

	table_open(&t, "XSDT", 1, 36);
	TABLE_ADD(&t, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0x80, 9); /* a byte too many */
	table_close(&t);
	CHECK(acpi_parse_root(t.b, t.len, e, 1, &n) == NULL);
	CHECK_EQ(n, 2); /* how many there are; one fits */
	CHECK_EQ(e[0], 0x200000001);
	CHECK_EQ(e[1], 0x80000002);
	CHECK(acpi_parse_root(t.b, t.len, e, 4, &n) == NULL);
	CHECK_EQ(e[1], 0x8000000000000003);
	for (size_t len = 0; len < t.len; len++)
		CHECK(acpi_parse_root(t.b, len, e, 4, &n) != NULL);
	t.b[40] ^= 1;
	CHECK(acpi_parse_root(t.b, t.len, e, 4, &n) != NULL);

	table_open(&t, "XSDT", 1, 36); /* nothing in it */
	table_close(&t);
	CHECK(acpi_parse_root(t.b, t.len, e, 4, &n) == NULL);
	CHECK_EQ(n, 0);
}

TEST(tpm2)
{
	struct table t;
	struct host h = { 0 };

	build_tpm2(&t);
	CHECK(!parse(acpi_parse_tpm2, &t, t.len, &h));
	CHECK_EQ(h.tpm, HOST_TPM_FIFO);
	check_hostile(acpi_parse_tpm2, &t);
	put8(&t, 48, 7);
	table_close(&t);
	CHECK(!parse(acpi_parse_tpm2, &t, t.len, &h));
	CHECK_EQ(h.tpm, HOST_TPM_CRB);
	put8(&t, 48, 11); /* with the help of a secure monitor */
	table_close(&t);
	h.tpm = HOST_TPM_NONE;
	CHECK(parse(acpi_parse_tpm2, &t, t.len, &h) != NULL);
	CHECK_EQ(h.tpm, HOST_TPM_NONE);
}

static const char *spcr(struct table *t, struct host *h)
{
	memset(h, 0, sizeof(*h));
	table_close(t);
	return parse(acpi_parse_spcr, t, t->len, h);
}

TEST(spcr_of_a_port)
{
	struct table t;
	struct host h;

	build_spcr(&t);
	CHECK(!spcr(&t, &h));
	CHECK(h.console.present && h.console.io && h.console.flow);
	CHECK_EQ(h.console.address, 0x2f8);
	CHECK_EQ(h.console.isa_irq, 3);
	CHECK_EQ(h.console.baud, 57600);
	CHECK_EQ(h.console.clock, 1843200);
	check_hostile(acpi_parse_spcr, &t);
	put8(&t, 52, 2); /* the I/O APIC only: the number is no 8259's */
	put8(&t, 61, 4); /* XON and XOFF */
	CHECK(!spcr(&t, &h));
	CHECK_EQ(h.console.isa_irq, 0);
	CHECK(!h.console.flow);
	put8(&t, 52, 3);
	put8(&t, 53, 16);
	CHECK(!spcr(&t, &h));
	CHECK_EQ(h.console.isa_irq, 0);
}

/* Each field only from the revision on that has it. */
TEST(spcr_speeds)
{
	static const u32 bauds[] = { 0, 0, 0, 9600, 19200, 0, 57600, 115200, 0 };
	struct table t;
	struct host h;

	build_spcr(&t);
	for (u32 i = 0; i < ARRAY_LEN(bauds); i++) {
		put8(&t, 58, i);
		CHECK(!spcr(&t, &h));
		CHECK_EQ(h.console.baud, bauds[i]);
	}
	put8(&t, 58, 7);
	put_n(&t, 80, 38400, 4);
	CHECK(!spcr(&t, &h));
	CHECK_EQ(h.console.baud, 38400);
	t.b[8] = 3;
	CHECK(!spcr(&t, &h));
	CHECK_EQ(h.console.baud, 115200);
	CHECK_EQ(h.console.clock, 1843200);
	t.b[8] = 2;
	CHECK(!spcr(&t, &h));
	CHECK_EQ(h.console.clock, 0);
	t.b[8] = 4;
	t.len = 80; /* ends before the precise speed */
	CHECK(!spcr(&t, &h));
	CHECK_EQ(h.console.baud, 115200);
	t.len = 79;
	CHECK(spcr(&t, &h) != NULL);
	CHECK(!h.console.present);
}

static void spcr_memory(struct table *t, u8 width, u8 offset, u8 access, u64 address)
{
	build_spcr(t);
	put_n(t, 40, (u32)access << 24 | (u32)offset << 16 | (u32)width << 8, 4);
	put_n(t, 44, address, 8);
}

TEST(spcr_in_memory)
{
	static const struct {
		u8 bits, access, stride, width;
	} good[] = {
		{ 8, 0, 1, 1 },  { 8, 1, 1, 1 },  { 0, 0, 1, 1 }, { 16, 1, 2, 1 }, { 16, 2, 2, 2 },
		{ 32, 1, 4, 1 }, { 32, 3, 4, 4 }, { 8, 3, 4, 4 }, { 64, 3, 8, 4 },
	};
	struct table t;
	struct host h;

	for (u32 i = 0; i < ARRAY_LEN(good); i++) {
		spcr_memory(&t, good[i].bits, 0, good[i].access, 0xfe001000);
		CHECK(!spcr(&t, &h));
		CHECK(h.console.present && !h.console.io);
		CHECK_EQ(h.console.stride, good[i].stride);
		CHECK_EQ(h.console.width, good[i].width);
	}
}

TEST(spcr_that_is_refused)
{
	static const struct {
		u8 bits, offset, access;
		u64 address;
	} bad[] = {
		{ 12, 0, 1, 0xfe001000 },   { 24, 0, 1, 0xfe001000 },  { 128, 0, 1, 0xfe001000 },
		{ 8, 0, 4, 0xfe001000 },    { 8, 0, 255, 0xfe001000 }, { 32, 0, 3, 0xfe001002 },
		{ 8, 0, 1, 1ULL << 52 },    { 8, 0, 1, ~0ULL },        { 8, 1, 1, 0xfe001000 },
		{ 64, 0, 3, BIT(52) - 64 },
	};
	struct table t;
	struct host h;

	for (u32 i = 0; i < ARRAY_LEN(bad); i++) {
		spcr_memory(&t, bad[i].bits, bad[i].offset, bad[i].access, bad[i].address);
		CHECK(spcr(&t, &h) != NULL);
		CHECK(!h.console.present);
	}
	build_spcr(&t);
	put_n(&t, 44, 0xfff9, 8);
	CHECK(spcr(&t, &h) != NULL);
	put_n(&t, 44, 0x100002f8, 8);
	CHECK(spcr(&t, &h) != NULL);
	build_spcr(&t);
	put8(&t, 40, 2); /* PCI configuration space */
	CHECK(spcr(&t, &h) != NULL);
	build_spcr(&t);
	put8(&t, 36, 3); /* PL011 */
	CHECK(spcr(&t, &h) != NULL);
	build_spcr(&t);
	put_n(&t, 44, 0, 8); /* no console */
	CHECK(!spcr(&t, &h));
	CHECK(!h.console.present);
}
