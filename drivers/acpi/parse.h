/*
 * Parsing ACPI tables that were copied into memory of ours: no mapping, no allocation, no hardware.
 * Every function takes any bytes whatsoever (ACPI 6.5, chapter 5).
 *
 * They return NULL, or the reason why the table is not used, as text for the log; *h and other
 * results are then as they were.
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"

struct host;
struct acpi_header;

#define ACPI_TABLE_MAX (1ULL << 20) /* bytes; no table that we read comes near */

/* Whether the header alone makes sense; what is behind it is not looked at. 5.2.6 */
const char *acpi_check_header(const struct acpi_header *header) __must_check;

/* Whether len bytes hold a whole table of that signature with a right checksum. 5.2.6 */
const char *acpi_check(const void *table, size_t len, const char *signature) __must_check;

/*
 * The root pointer: 20 bytes of ACPI 1.0, or 36. Results: XSDT (0: none) and RSDT address. 5.2.5.3
 */
const char *acpi_parse_rsdp(const void *rsdp, size_t len, u64 *xsdt, u64 *rsdt) __must_check;

/* The addresses in an RSDT or XSDT, as far as max goes; *count is how many it has. 5.2.7, 5.2.8 */
const char *acpi_parse_root(const void *table, size_t len, u64 *entries, size_t max, size_t *count)
	__must_check;

/* What is done with an entry of a kind, of which size bytes at least are there. */
struct acpi_kind {
	u8 type, size;
	const char *(*take)(void *result, const void *entry);
};

/* Goes through a table's entries, left bytes in all; those of no kind are passed over by their length. 5.2.12, 5.2.16 */
const char *acpi_each_entry(const u8 *p, size_t left, const struct acpi_kind *kinds, u32 count,
			    void *result) __must_check;

/* Each fills its part of *h. 5.2.12; 5.2.16; 5.2.17; 5.2.9; PCI Firmware 3.3, 4.1.2; HPET 1.0a, 3.2.4; SPCR (Microsoft); TCG ACPI 1.3, 7.3 */
const char *acpi_parse_madt(const void *table, size_t len, struct host *h) __must_check;
const char *acpi_parse_srat(const void *table, size_t len, struct host *h) __must_check;
const char *acpi_parse_slit(const void *table, size_t len, struct host *h) __must_check;
const char *acpi_parse_fadt(const void *table, size_t len, struct host *h) __must_check;
const char *acpi_parse_mcfg(const void *table, size_t len, struct host *h) __must_check;
const char *acpi_parse_hpet(const void *table, size_t len, struct host *h) __must_check;
const char *acpi_parse_spcr(const void *table, size_t len, struct host *h) __must_check;
const char *acpi_parse_tpm2(const void *table, size_t len, struct host *h) __must_check;
/* VT-d 4.1, chapter 8 */
const char *acpi_parse_dmar(const void *table, size_t len, struct host *h) __must_check;
/* AMD IOMMU 3.08, chapter 5 */
const char *acpi_parse_ivrs(const void *table, size_t len, struct host *h) __must_check;

/* The sleep type values of S5, found by a bounded scan of a DSDT's AML. 7.4.2, 20.2 */
const char *acpi_parse_s5(const void *table, size_t len, struct host *h) __must_check;

/* The DSDT's address in a FADT that acpi_parse_fadt() took; 0: none. */
u64 acpi_fadt_dsdt(const void *table, size_t len);
