/*
 * Runs the ACPI fuzz target on well-formed tables mutated at random: the same ones in every run.
 *
 * sources: tests/host/fuzz_acpi.c drivers/acpi/table.c drivers/acpi/madt.c drivers/acpi/fadt.c
 * sources: drivers/acpi/devices.c core/host.c lib/string.c
 */
#include "tests/host/fuzz_acpi.h"
#include "tests/host/acpi_build.h"
#include "tests/host/harness.h"

#define ROUNDS 300000

static u64 state = 0x853c49e6748fea9bULL;

static u32 rnd(u32 n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (u32)(state >> 24) % n;
}

static void build_root(struct table *t)
{
	table_open(t, rnd(2) ? "XSDT" : "RSDT", 1, 36 + rnd(40));
	table_close(t);
}

/* 5.2.5.3, without its checksums: most mutations would break those anyway. */
static void build_rsdp(struct table *t)
{
	table_open(t, "RSD ", 0, 36);
	memcpy(t->b, "RSD PTR ", 8);
	t->b[15] = 2;
	t->b[8] = 0;
	for (u32 i = 0; i < 20; i++)
		t->b[8] -= i == 8 ? 0 : t->b[i];
}

/* In the order of the target's parsers. */
static void (*const builders[])(struct table *t) = {
	build_madt, build_fadt, build_mcfg, build_hpet, build_dsdt, build_root, build_rsdp,
};

/* Bytes that break parsers: ends of ranges, lengths, the marks of AML. */
static const u8 favourites[] = { 0, 1, 2, 7, 8, 12, 16, 0x12, 0x40, 0x7f, 0x80, 0xc0, 0xfe, 0xff };

static void mutate(struct table *t)
{
	for (u32 n = rnd(4); n; n--) {
		u32 at = t->len ? rnd(t->len) : 0, len;

		switch (rnd(4)) {
		case 0: /* any byte */
			t->b[at] = (u8)rnd(256);
			break;
		case 1:
			t->b[at] = favourites[rnd(sizeof(favourites))];
			break;
		case 2: /* cut off */
			t->len = at;
			break;
		default: /* a piece repeated */
			len = rnd(32);
			if (at + len <= t->len && t->len + len <= TABLE_SIZE_MAX - 1) {
				u8 piece[32];

				memcpy(piece, t->b + at, len);
				table_add(t, piece, len);
			}
		}
	}
}

TEST(mutated_tables)
{
	u32 used = 0;

	for (u32 i = 0; i < ROUNDS; i++) {
		u32 kind = rnd(ARRAY_LEN(builders));
		u8 input[TABLE_SIZE_MAX + 1];
		struct table t;

		builders[kind](&t);
		mutate(&t);
		input[0] = (u8)((rnd(8) && kind < 6 ? 0x80 : 0) | kind);
		memcpy(input + 1, t.b, t.len);
		used += LLVMFuzzerTestOneInput(input, t.len + 1) == 0;
	}
	CHECK_EQ(used, ROUNDS); /* the target aborts on what it finds */
}
