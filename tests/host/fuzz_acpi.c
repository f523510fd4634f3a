/*
 * drivers/acpi's parsers of the host's tables. An input's first byte chooses the parser, and whether the
 * header's length and checksum are put right first: most mutations would break those.
 *
 * sources: drivers/acpi/table.c drivers/acpi/madt.c drivers/acpi/fadt.c drivers/acpi/devices.c
 * sources: drivers/acpi/spcr.c drivers/acpi/tpm2.c drivers/acpi/dmar.c drivers/acpi/ivrs.c drivers/acpi/numa.c core/host.c lib/string.c
 * runs: 100000
 * max_len: 1024
 */
#include <stdlib.h>

#include "core/host.h"
#include "drivers/acpi/parse.h"
#include "lib/string.h"
#include "tests/host/acpi_build.h"
#include "tests/host/fuzzing.h"

#define FIX_CHECKSUM 0x80
#define ENTRIES_MAX  16

typedef const char *parser(const void *table, size_t len, struct host *h);

static parser *const parsers[] = {
	acpi_parse_madt, acpi_parse_fadt, acpi_parse_mcfg, acpi_parse_hpet,
	acpi_parse_s5,   acpi_parse_spcr, acpi_parse_tpm2, acpi_parse_srat,
	acpi_parse_slit, acpi_parse_dmar, acpi_parse_ivrs,
};

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

static void check_console(const struct host_console *c)
{
	CHECK(c->isa_irq < 16);
	if (c->io) {
		CHECK(c->address && c->address <= 0x10000 - 8);
		return;
	}
	CHECK(c->width == 1 || c->width == 2 || c->width == 4);
	CHECK(c->stride >= c->width && c->stride <= 8 && c->stride % c->width == 0);
	CHECK(c->address && c->address % c->width == 0 && c->address + 8 * c->stride < BIT(52));
}

static void check_nodes(const struct host *h)
{
	CHECK(h->node_count <= HOST_MAX_NODES && h->affinity_count <= HOST_MAX_CPUS);
	CHECK(h->range_count <= HOST_MAX_RANGES && h->slit_count <= HOST_MAX_NODES);
	for (u32 i = 0; i < h->affinity_count; i++)
		CHECK(h->affinities[i].node < h->node_count);
	for (u32 i = 0; i < h->range_count; i++) {
		const struct host_range *r = &h->ranges[i];

		CHECK(r->node < h->node_count && r->len && r->base + r->len >= r->base);
		for (u32 j = 0; j < i; j++)
			CHECK(h->ranges[j].base >= r->base + r->len ||
			      r->base >= h->ranges[j].base + h->ranges[j].len);
	}
	for (u32 a = 0; a < h->node_count; a++) {
		for (u32 b = 0; b < h->node_count; b++)
			CHECK((host_distance(h, a, b) == 10) == (a == b));
	}
}

static void check_dmar(const struct host_dmar *d)
{
	CHECK(d->unit_count <= HOST_MAX_DMA_UNITS && d->scope_count <= HOST_MAX_DMA_SCOPES);
	CHECK(d->reserved_count <= HOST_MAX_DMA_RESERVED);
	for (u32 i = 0; i < d->unit_count; i++)
		CHECK(d->units[i].base.v && !(d->units[i].base.v & 0xfff) &&
		      d->units[i].base.v < BIT(52));
	for (u32 i = 0; i < d->scope_count; i++) {
		const struct host_dma_scope *s = &d->scopes[i];

		CHECK(s->depth && s->depth <= HOST_SCOPE_DEPTH);
		CHECK(s->owner < (s->reserved ? d->reserved_count : d->unit_count));
	}
	for (u32 i = 0; i < d->reserved_count; i++)
		CHECK(d->reserved[i].len && d->reserved[i].base + d->reserved[i].len <= BIT(52));
}

static void check_ivrs(const struct host_ivrs *v)
{
	CHECK(v->unit_count <= HOST_MAX_DMA_UNITS && v->range_count <= HOST_MAX_DMA_RANGES);
	CHECK(v->reserved_count <= HOST_MAX_DMA_RESERVED);
	for (u32 i = 0; i < v->unit_count; i++)
		CHECK(v->units[i].base.v && !(v->units[i].base.v & 0x3fff) &&
		      v->units[i].base.v < BIT(52));
	for (u32 i = 0; i < v->range_count; i++)
		CHECK(v->ranges[i].unit < v->unit_count && v->ranges[i].first <= v->ranges[i].last);
	CHECK(v->ioapic_count <= HOST_MAX_IOAPICS);
	for (u32 i = 0; i < v->ioapic_count; i++)
		CHECK(v->ioapics[i].unit < v->unit_count);
	for (u32 i = 0; i < v->reserved_count; i++)
		CHECK(v->reserved[i].len && v->reserved[i].base + v->reserved[i].len <= BIT(52) &&
		      v->reserved[i].first <= v->reserved[i].last);
}

/* What the rest of Plinth relies on, whatever the firmware says. */
static void check_host(const struct host *h)
{
	CHECK(h->cpu_count <= HOST_MAX_CPUS && h->ioapic_count <= HOST_MAX_IOAPICS);
	CHECK(h->mcfg_count <= HOST_MAX_MCFG && h->override_count <= ARRAY_LEN(h->overrides));
	for (u32 i = 0; i < h->cpu_count; i++) {
		for (u32 j = 0; j < i; j++)
			CHECK(h->apic_ids[i] != h->apic_ids[j]);
	}
	for (u32 i = 0; i < h->override_count; i++)
		CHECK(h->overrides[i].isa_irq < 16);
	for (u32 i = 0; i < h->mcfg_count; i++) {
		const struct host_mcfg *m = &h->mcfg[i];

		CHECK(m->bus_first <= m->bus_last && m->base.v && m->base.v % MIB == 0);
		CHECK(m->base.v + (m->bus_last + 1) * MIB <= BIT(52));
	}
	CHECK(h->hpet.v < BIT(52));
	check_dmar(&h->dmar);
	check_ivrs(&h->ivrs);
	if (h->console.present)
		check_console(&h->console);
	check_nodes(h);
	CHECK(h->s5_typ_a < 8 && h->s5_typ_b < 8);
	CHECK(h->reset_space != 0 || h->reset_address < BIT(52));
	CHECK(h->reset_space != 1 || h->reset_address < 0x10000);
}

static void fuzz_table(parser *fn, const u8 *p, size_t len)
{
	struct host h, before;

	memset(&h, 0, sizeof(h));
	before = h;
	if (fn(p, len, &h))
		CHECK(!memcmp(&h, &before, sizeof(h)));
	check_host(&h);
	host_set_boot_cpu(&h, 5);
	CHECK(h.cpu_count && h.apic_ids[0] == 5);
	check_host(&h);
	acpi_fadt_dsdt(p, len);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	u64 xsdt, rsdt, entries[ENTRIES_MAX];
	size_t count, kind;
	u8 *p;

	if (!size--)
		return 0;
	p = fuzz_copy(data + 1, size);
	if (data[0] & FIX_CHECKSUM)
		fix(p, size);
	kind = (data[0] & 0x7f) % (ARRAY_LEN(parsers) + 2);
	if (kind < ARRAY_LEN(parsers))
		fuzz_table(parsers[kind], p, size);
	else if (kind == ARRAY_LEN(parsers))
		CHECK(acpi_parse_root(p, size, entries, ENTRIES_MAX, &count) || count <= size / 4);
	else if (!acpi_parse_rsdp(p, size, &xsdt, &rsdt))
		CHECK(size >= 20 && rsdt <= 0xffffffff);
	free(p);
	return 0;
}

static void build_xsdt(struct table *t)
{
	table_open(t, "XSDT", 1, 36 + 5 * 8);
	table_close(t);
}

static void build_rsdt(struct table *t)
{
	table_open(t, "RSDT", 1, 36 + 5 * 4);
	table_close(t);
}

/* 5.2.5.3, with its first checksum. */
static void build_rsdp(struct table *t)
{
	table_open(t, "RSD ", 0, 36);
	memcpy(t->b, "RSD PTR ", 8);
	t->b[15] = 2;
	t->b[8] = 0;
	for (u32 i = 0; i < 20; i++)
		t->b[8] -= i == 8 ? 0 : t->b[i];
}

void fuzz_seeds(void)
{
	/* In the order of the parsers. */
	static void (*const builders[])(struct table * t) = {
		build_madt, build_fadt, build_mcfg, build_hpet, build_dsdt, build_spcr, build_tpm2,
		build_srat, build_slit, build_dmar, build_ivrs, build_xsdt, build_rsdp,
	};
	const u32 xsdt = ARRAY_LEN(parsers), rsdp = xsdt + 1;
	u8 input[TABLE_SIZE_MAX + 1];
	struct table t;

	for (u32 i = 0; i <= ARRAY_LEN(builders); i++) {
		bool rsdt = i == ARRAY_LEN(builders);

		(rsdt ? build_rsdt : builders[i])(&t);
		/* A root pointer has its checksum elsewhere. */
		input[0] = (u8)(rsdt ? xsdt | FIX_CHECKSUM : i == rsdp ? i : i | FIX_CHECKSUM);
		memcpy(input + 1, t.b, t.len);
		fuzz_seed(input, t.len + 1);
	}
}
