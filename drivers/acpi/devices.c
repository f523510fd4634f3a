/*
 * Tables that each tell where one device's registers are: MCFG (PCIe configuration space, PCI
 * Firmware 3.3, 4.1.2) and HPET (IA-PC HPET 1.0a, 3.2.4).
 */
#include "core/host.h"
#include "core/log.h"
#include "drivers/acpi/parse.h"
#include "lib/hw/acpi.h"
#include "lib/string.h"

#define PHYS_END (1ULL << 52)

static const char *check_allocation(const struct acpi_mcfg_allocation *a)
{
	if (a->bus_first > a->bus_last)
		return "a range of buses is backwards";
	if (!a->base || a->base % ACPI_MCFG_BUS_SIZE)
		return "a base address is not aligned";
	if (a->base > PHYS_END - (a->bus_last + 1) * ACPI_MCFG_BUS_SIZE)
		return "a base address is out of range";
	return NULL;
}

const char *acpi_parse_mcfg(const void *table, size_t len, struct host *h)
{
	const struct acpi_header *header = table;
	const char *reason = acpi_check(table, len, ACPI_SIG_MCFG);
	struct host_mcfg found[HOST_MAX_MCFG];
	const struct acpi_mcfg_allocation *a;
	size_t n;

	if (reason)
		return reason;
	if (header->length < sizeof(struct acpi_mcfg))
		return "too short";
	a = (const void *)((const u8 *)table + sizeof(struct acpi_mcfg));
	n = (header->length - sizeof(struct acpi_mcfg)) / sizeof(*a);
	for (size_t i = 0; i < n; i++) {
		reason = check_allocation(&a[i]);
		if (reason)
			return reason;
		if (i < HOST_MAX_MCFG)
			found[i] = (struct host_mcfg){
				.base = PADDR(a[i].base),
				.segment = a[i].segment,
				.bus_first = a[i].bus_first,
				.bus_last = a[i].bus_last,
			};
	}
	if (n > HOST_MAX_MCFG)
		log_warn("ACPI: MCFG ranges over %u are not used", HOST_MAX_MCFG);
	h->mcfg_count = (u32)MIN(n, HOST_MAX_MCFG);
	memcpy(h->mcfg, found, h->mcfg_count * sizeof(found[0]));
	return NULL;
}

const char *acpi_parse_hpet(const void *table, size_t len, struct host *h)
{
	const struct acpi_header *header = table;
	const char *reason = acpi_check(table, len, ACPI_SIG_HPET);
	const struct acpi_hpet *t = table;

	if (reason)
		return reason;
	if (header->length < sizeof(*t))
		return "too short";
	if (t->address.space != ACPI_SPACE_MEMORY)
		return "its registers are not in memory";
	if (!t->address.address || t->address.address >= PHYS_END - PAGE_SIZE)
		return "its address is out of range";
	h->hpet = PADDR(t->address.address);
	return NULL;
}
