/*
 * What all ACPI tables have in common (header, checksum), the root pointer, and the root tables.
 */
#include "drivers/acpi/parse.h"
#include "lib/hw/acpi.h"
#include "lib/string.h"

static u8 sum(const void *p, size_t n)
{
	const u8 *b = p;
	u8 s = 0;

	while (n--)
		s += *b++;
	return s;
}

const char *acpi_check_header(const struct acpi_header *header)
{
	if (header->length < sizeof(*header))
		return "its length is less than a header's";
	if (header->length > ACPI_TABLE_MAX)
		return "its length is more than 1 MiB";
	return NULL;
}

const char *acpi_check(const void *table, size_t len, const char *signature)
{
	const struct acpi_header *header = table;
	const char *reason;

	if (len < sizeof(*header))
		return "shorter than a table's header";
	if (memcmp(header->signature, signature, sizeof(header->signature)))
		return "wrong signature";
	reason = acpi_check_header(header);
	if (reason)
		return reason;
	if (header->length > len)
		return "it is cut off";
	if (sum(table, header->length))
		return "bad checksum";
	return NULL;
}

const char *acpi_parse_rsdp(const void *rsdp, size_t len, u64 *xsdt, u64 *rsdt)
{
	struct acpi_rsdp r = { 0 };

	if (len < ACPI_RSDP_V1_SIZE)
		return "it is cut off";
	memcpy(&r, rsdp, MIN(len, sizeof(r)));
	if (memcmp(r.signature, ACPI_RSDP_SIGNATURE, sizeof(r.signature)))
		return "wrong signature";
	if (sum(&r, ACPI_RSDP_V1_SIZE))
		return "bad checksum";
	*rsdt = r.rsdt;
	*xsdt = 0;
	/* ACPI 2.0's part is used only where all of it is there and right; else the RSDT serves. */
	if (r.revision >= 2 && len >= sizeof(r) && r.length == sizeof(r) && !sum(&r, sizeof(r)))
		*xsdt = r.xsdt;
	return NULL;
}

const char *acpi_parse_root(const void *table, size_t len, u64 *entries, size_t max, size_t *count)
{
	const struct acpi_header *header = table;
	const u8 *p = (const u8 *)table + sizeof(*header);
	bool old = len >= sizeof(*header) &&
		   !memcmp(header->signature, ACPI_SIG_RSDT, sizeof(header->signature));
	size_t size = old ? sizeof(u32) : sizeof(u64), n;
	const char *reason = acpi_check(table, len, old ? ACPI_SIG_RSDT : ACPI_SIG_XSDT);

	if (reason)
		return reason;
	n = (header->length - sizeof(*header)) / size;
	for (size_t i = 0; i < MIN(n, max); i++) {
		entries[i] = 0;
		memcpy(&entries[i], p + i * size, size);
	}
	*count = n;
	return NULL;
}

/* One entry, of which length bytes are there. */
static const char *take_entry(const struct acpi_entry *e, const struct acpi_kind *kinds, u32 count,
			      void *result)
{
	for (u32 i = 0; i < count; i++) {
		if (kinds[i].type != e->type)
			continue;
		if (e->length < kinds[i].size)
			return "an entry is shorter than its type";
		return kinds[i].take(result, e);
	}
	return NULL;
}

const char *acpi_each_entry(const u8 *p, size_t left, const struct acpi_kind *kinds, u32 count,
			    void *result)
{
	while (left) {
		const struct acpi_entry *e = (const void *)p;
		const char *reason;

		if (left < sizeof(*e))
			return "its last entry is cut off";
		if (e->length < sizeof(*e))
			return "an entry has length 0 or 1";
		if (e->length > left)
			return "an entry reaches beyond its end";
		reason = take_entry(e, kinds, count, result);
		if (reason)
			return reason;
		p += e->length;
		left -= e->length;
	}
	return NULL;
}
