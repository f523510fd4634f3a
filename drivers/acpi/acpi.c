/*
 * Finds the ACPI tables in memory and hands copies of them to the parsers. Nothing is read outside
 * the firmware's memory map, so that a wrong address costs a message, not a machine check.
 */
#include "drivers/acpi/acpi.h"

#include "arch/cpu.h"
#include "core/host.h"
#include "core/log.h"
#include "drivers/acpi/parse.h"
#include "lib/bootinfo.h"
#include "lib/errno.h"
#include "lib/hw/acpi.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "mm/kmap.h"

#define TABLES_MAX        128
#define LOW_MEMORY_END    0x100000ULL
#define CPUID_TOPOLOGY    0xb
#define CPUID_APIC_ID_LSB 24 /* leaf 1, EBX */
#define REAL_MODE_SEGMENT 16

#define WITHOUT_POWER_OFF "no power-off by ACPI"

/* The tables we use, and what is missing without each. */
static const struct table_kind {
	const char *signature, *name;
	const char *(*parse)(const void *table, size_t len, struct host *h);
	const char *without;
	bool expected; /* a machine without it is worth a warning */
} kinds[] = {
	{ ACPI_SIG_MADT, "MADT", acpi_parse_madt, "one CPU and no interrupt lines", true },
	{ ACPI_SIG_FADT, "FADT", acpi_parse_fadt, "no power-off, reset register and timer by ACPI",
	  true },
	{ ACPI_SIG_MCFG, "MCFG", acpi_parse_mcfg, "no PCIe configuration space", false },
	{ ACPI_SIG_HPET, "HPET", acpi_parse_hpet, "no HPET", false },
	{ ACPI_SIG_SPCR, "SPCR", acpi_parse_spcr, "the firmware's console is not known", false },
	{ ACPI_SIG_SRAT, "SRAT", acpi_parse_srat, "all CPUs and memory count as near", false },
	{ ACPI_SIG_SLIT, "SLIT", acpi_parse_slit, "nodes count as equally far", false },
	{ ACPI_SIG_DMAR, "DMAR", acpi_parse_dmar, "no IOMMU", false },
	{ ACPI_SIG_IVRS, "IVRS", acpi_parse_ivrs, "no IOMMU", false },
	{ ACPI_SIG_TPM2, "TPM2", acpi_parse_tpm2, "the TPM is not used", false },
};

/* What a walk through the root table needs. */
struct walk {
	const struct boot_info *bi;
	bool seen[ARRAY_LEN(kinds)];
	u64 dsdt;
};

static void complain(const char *name, u64 pa, const char *reason, const char *without)
{
	log_warn("ACPI: %s at 0x%llx: %s: %s", name, (unsigned long long)pa, reason, without);
}

/* Whether all of the range is memory by the firmware's map (which is sorted), or below 1 MiB. */
static bool is_memory(const struct boot_info *bi, u64 pa, u64 len)
{
	u64 end = pa + len;

	if (end < pa)
		return false;
	if (end <= LOW_MEMORY_END)
		return true;
	for (u32 i = 0; i < bi->region_count && pa < end; i++) {
		const struct boot_region *r = &bi->regions[i];

		if (r->type != BOOT_MEM_BAD && pa >= r->base && pa - r->base < r->len)
			pa = r->base + r->len;
	}
	return pa >= end;
}

/* Copies len bytes of firmware memory, read once. */
static const char *copy_in(const struct boot_info *bi, u64 pa, void *dst, size_t len)
{
	const void *p;

	if (!pa || !is_memory(bi, pa, len))
		return "not in memory";
	p = kmap_firmware(PADDR(pa), len);
	if (!p)
		return "cannot be mapped";
	memcpy(dst, p, len);
	kunmap(p, len);
	return NULL;
}

/*
 * Copies a whole table to a buffer that the caller frees. Its length in the copy may have changed
 * since the header was looked at: the parsers check it against *len.
 */
static const char *copy_table(const struct boot_info *bi, u64 pa, void **table, size_t *len)
{
	struct acpi_header header;
	const char *reason = copy_in(bi, pa, &header, sizeof(header));

	if (!reason)
		reason = acpi_check_header(&header);
	if (reason)
		return reason;
	*table = kalloc(header.length);
	if (!*table)
		return "no memory for a copy";
	*len = header.length;
	reason = copy_in(bi, pa, *table, *len);
	if (reason)
		kfree(*table);
	return reason;
}

/* The first root pointer at a 16-byte boundary of the range. */
static bool scan(const struct boot_info *bi, u64 pa, u64 len, u64 *xsdt, u64 *rsdt)
{
	const u8 *p;
	bool found = false;

	if (!is_memory(bi, pa, len))
		return false;
	p = kmap_firmware(PADDR(pa), len);
	if (!p)
		return false;
	for (u64 at = 0; !found && at + ACPI_RSDP_V1_SIZE <= len; at += ACPI_RSDP_ALIGN) {
		u8 copy[sizeof(struct acpi_rsdp)];
		size_t n = MIN(sizeof(copy), len - at);

		memcpy(copy, p + at, n);
		found = !acpi_parse_rsdp(copy, n, xsdt, rsdt);
	}
	kunmap(p, len);
	return found;
}

/* 5.2.5: from the loader, else where BIOS machines keep it. */
static bool find_rsdp(const struct boot_info *bi, u64 *xsdt, u64 *rsdt)
{
	u16 segment = 0;

	if (bi->rsdp_size) {
		const char *reason = acpi_parse_rsdp(bi->rsdp, bi->rsdp_size, xsdt, rsdt);

		if (!reason)
			return true;
		log_warn("ACPI: root pointer from the loader: %s: searching for another", reason);
	}
	if (bi->efi)
		return false;
	if (!copy_in(bi, ACPI_EBDA_SEGMENT, &segment, sizeof(segment)) && segment &&
	    scan(bi, (u64)segment * REAL_MODE_SEGMENT, ACPI_EBDA_SCAN_SIZE, xsdt, rsdt))
		return true;
	return scan(bi, ACPI_BIOS_START, ACPI_BIOS_END - ACPI_BIOS_START, xsdt, rsdt);
}

/* Reads a root table's entries: *count as many as fit. */
static bool read_root(const struct boot_info *bi, const char *name, u64 pa, const char *without,
		      u64 *entries, size_t *count)
{
	void *table = NULL;
	size_t len;
	const char *reason = copy_table(bi, pa, &table, &len);

	if (!reason) {
		reason = acpi_parse_root(table, len, entries, TABLES_MAX, count);
		kfree(table);
	}
	if (reason) {
		complain(name, pa, reason, without);
		return false;
	}
	if (*count > TABLES_MAX) {
		log_warn("ACPI: %s: tables over %u are not looked at", name, TABLES_MAX);
		*count = TABLES_MAX;
	}
	return true;
}

/* Copies and parses one table of a known kind. */
static void take_table(struct walk *w, const struct table_kind *kind, u64 pa)
{
	void *table = NULL;
	size_t len;
	const char *reason = copy_table(w->bi, pa, &table, &len);

	if (!reason) {
		reason = kind->parse(table, len, &host);
		if (!reason && kind->parse == acpi_parse_fadt)
			w->dsdt = acpi_fadt_dsdt(table, len);
		kfree(table);
	}
	if (reason)
		complain(kind->name, pa, reason, kind->without);
}

static void take_entry(struct walk *w, u64 pa)
{
	struct acpi_header header;
	const char *reason = copy_in(w->bi, pa, &header, sizeof(header));

	if (reason) {
		complain("a table", pa, reason, "it is ignored");
		return;
	}
	log_debug("ACPI: %.4s at 0x%llx, %u bytes", header.signature, (unsigned long long)pa,
		  header.length);
	for (u32 i = 0; i < ARRAY_LEN(kinds); i++) {
		if (memcmp(header.signature, kinds[i].signature, sizeof(header.signature)))
			continue;
		if (w->seen[i]) {
			complain(kinds[i].name, pa, "a second one", "it is ignored");
			return;
		}
		w->seen[i] = true;
		take_table(w, &kinds[i], pa);
	}
}

static void take_dsdt(const struct boot_info *bi, u64 pa)
{
	void *table = NULL;
	size_t len;
	const char *reason = copy_table(bi, pa, &table, &len);

	if (!reason) {
		reason = acpi_parse_s5(table, len, &host);
		kfree(table);
	}
	if (reason)
		complain("DSDT", pa, reason, WITHOUT_POWER_OFF);
}

static void take_tables(const struct boot_info *bi, const u64 *entries, size_t count)
{
	struct walk w = { .bi = bi };

	for (size_t i = 0; i < count; i++)
		take_entry(&w, entries[i]);
	for (u32 i = 0; i < ARRAY_LEN(kinds); i++) {
		if (!w.seen[i] && kinds[i].expected)
			log_warn("ACPI: no %s: %s", kinds[i].name, kinds[i].without);
	}
	if (w.dsdt)
		take_dsdt(bi, w.dsdt);
}

/* This CPU's APIC id: 32 bits where the topology leaf exists. */
static u32 boot_apic_id(void)
{
	if (cpuid(0, 0).eax >= CPUID_TOPOLOGY) {
		struct cpuid c = cpuid(CPUID_TOPOLOGY, 0);

		if (c.ebx)
			return c.edx;
	}
	return cpuid(1, 0).ebx >> CPUID_APIC_ID_LSB;
}

static int read_tables(const struct boot_info *bi)
{
	u64 xsdt = 0, rsdt = 0, entries[TABLES_MAX];
	size_t count = 0;

	if (!find_rsdp(bi, &xsdt, &rsdt)) {
		log_warn("ACPI: no root pointer: one CPU, no interrupt lines, " WITHOUT_POWER_OFF);
		return -ENODEV;
	}
	if ((xsdt && read_root(bi, "XSDT", xsdt, "the RSDT is used", entries, &count)) ||
	    read_root(bi, "RSDT", rsdt, "no ACPI tables", entries, &count)) {
		take_tables(bi, entries, count);
		return 0;
	}
	return -ENODEV;
}

int acpi_init(const struct boot_info *bi)
{
	int err = read_tables(bi);

	host_set_boot_cpu(&host, boot_apic_id());
	log_info("ACPI: %u CPUs, %u I/O APICs, %u PCIe ranges%s%s", host.cpu_count,
		 host.ioapic_count, host.mcfg_count, host.hpet.v ? ", HPET" : "",
		 host.s5_found && host.pm1a_cnt ? ", power-off" : "");
	return err;
}
