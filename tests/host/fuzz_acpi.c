/*
 * Fuzz target for drivers/acpi's parsers, in libFuzzer's form. The first byte chooses the parser
 * and whether the checksum is put right first. tests/host/test_fuzz_acpi.c runs it on mutated
 * tables; with libFuzzer:
 *
 *   clang -g -fsanitize=fuzzer,address,undefined -DPLINTH_HOST_TEST -I. tests/host/fuzz_acpi.c \
 *       drivers/acpi/{table,madt,fadt,devices}.c core/host.c lib/string.c
 */
#include "tests/host/fuzz_acpi.h"

#include <stdlib.h>

#include "core/host.h"
#include "drivers/acpi/parse.h"
#include "lib/string.h"

#define FIX_CHECKSUM 0x80
#define ENTRIES_MAX  16

typedef const char *parser(const void *table, size_t len, struct host *h);

static parser *const parsers[] = {
	acpi_parse_madt, acpi_parse_fadt, acpi_parse_mcfg, acpi_parse_hpet, acpi_parse_s5,
};

void log_printf(int level, const char *fmt, ...);
void log_printf(int level, const char *fmt, ...)
{
	(void)level;
	(void)fmt;
}

static void require(bool ok)
{
	if (!ok)
		abort();
}

/* Makes the header's length and checksum agree with what is there. */
static void fix(u8 *p, size_t len)
{
	u32 n = (u32)len;
	u8 sum = 0;

	if (len < 36)
		return;
	memcpy(p + 4, &n, sizeof(n));
	p[9] = 0;
	for (size_t i = 0; i < len; i++)
		sum += p[i];
	p[9] = (u8)-sum;
}

/* What the rest of Plinth relies on, whatever the firmware says. */
static void check_host(const struct host *h)
{
	require(h->cpu_count <= HOST_MAX_CPUS && h->ioapic_count <= HOST_MAX_IOAPICS);
	require(h->mcfg_count <= HOST_MAX_MCFG && h->override_count <= ARRAY_LEN(h->overrides));
	for (u32 i = 0; i < h->cpu_count; i++) {
		for (u32 j = 0; j < i; j++)
			require(h->apic_ids[i] != h->apic_ids[j]);
	}
	for (u32 i = 0; i < h->override_count; i++)
		require(h->overrides[i].isa_irq < 16);
	for (u32 i = 0; i < h->mcfg_count; i++) {
		const struct host_mcfg *m = &h->mcfg[i];

		require(m->bus_first <= m->bus_last && m->base.v && m->base.v % MIB == 0);
		require(m->base.v + (m->bus_last + 1) * MIB <= BIT(52));
	}
	require(h->hpet.v < BIT(52));
	require(h->s5_typ_a < 8 && h->s5_typ_b < 8);
	require(h->reset_space != 0 || h->reset_address < BIT(52));
	require(h->reset_space != 1 || h->reset_address < 0x10000);
}

static void fuzz_table(parser *fn, const u8 *p, size_t len)
{
	struct host h, before;

	memset(&h, 0, sizeof(h));
	before = h;
	if (fn(p, len, &h))
		require(!memcmp(&h, &before, sizeof(h)));
	check_host(&h);
	host_set_boot_cpu(&h, 5);
	require(h.cpu_count && h.apic_ids[0] == 5);
	check_host(&h);
	acpi_fadt_dsdt(p, len);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	u64 xsdt, rsdt, entries[ENTRIES_MAX];
	size_t count, kind;
	u8 *p;

	if (!size)
		return 0;
	/* A block of exactly that size: the sanitizer sees any byte too many. */
	p = malloc(size);
	memcpy(p, data + 1, size - 1);
	p = realloc(p, size - 1 + (size == 1));
	if (data[0] & FIX_CHECKSUM)
		fix(p, size - 1);
	kind = (data[0] & 0x7f) % (ARRAY_LEN(parsers) + 2);
	if (kind < ARRAY_LEN(parsers))
		fuzz_table(parsers[kind], p, size - 1);
	else if (kind == ARRAY_LEN(parsers))
		require(acpi_parse_root(p, size - 1, entries, ENTRIES_MAX, &count) ||
			count <= size / 4);
	else if (!acpi_parse_rsdp(p, size - 1, &xsdt, &rsdt))
		require(size - 1 >= 20 && rsdt <= 0xffffffff);
	free(p);
	return 0;
}
