/*
 * The MADT: which CPUs and I/O APICs there are, and which ISA interrupts are wired differently
 * (ACPI 6.5, 5.2.12).
 */
#include "core/host.h"
#include "core/log.h"
#include "drivers/acpi/parse.h"
#include "lib/hw/acpi.h"
#include "lib/string.h"

#define XAPIC_ID_NONE  0xffu /* broadcast ids: firmware marks absent CPUs with them */
#define X2APIC_ID_NONE 0xffffffffu
#define ISA_IRQS       16
#define BUS_ISA        0

/* What does not fit into struct host is counted and left out. */
struct madt_result {
	struct host *h;
	u32 cpus_dropped, ioapics_dropped;
};

static void add_cpu(struct madt_result *r, u32 apic_id, u32 flags)
{
	struct host *h = r->h;

	if (!(flags & ACPI_MADT_ENABLED))
		return;
	for (u32 i = 0; i < h->cpu_count; i++) {
		if (h->apic_ids[i] == apic_id) /* firmware may list it as xAPIC and as x2APIC */
			return;
	}
	if (h->cpu_count == HOST_MAX_CPUS)
		r->cpus_dropped++;
	else
		h->apic_ids[h->cpu_count++] = apic_id;
}

static const char *take_lapic(void *result, const void *entry)
{
	const struct acpi_madt_lapic *e = entry;

	if (e->apic_id != XAPIC_ID_NONE)
		add_cpu(result, e->apic_id, e->flags);
	return NULL;
}

static const char *take_x2apic(void *result, const void *entry)
{
	const struct acpi_madt_x2apic *e = entry;

	if (e->apic_id != X2APIC_ID_NONE)
		add_cpu(result, e->apic_id, e->flags);
	return NULL;
}

static const char *take_ioapic(void *result, const void *entry)
{
	const struct acpi_madt_ioapic *e = entry;
	struct madt_result *r = result;
	struct host *h = r->h;

	if (!e->address)
		return NULL;
	if (h->ioapic_count == HOST_MAX_IOAPICS) {
		r->ioapics_dropped++;
		return NULL;
	}
	h->ioapics[h->ioapic_count++] = (struct host_ioapic){
		.base = PADDR(e->address),
		.gsi_base = e->gsi_base,
		.id = e->id,
	};
	return NULL;
}

static const char *take_override(void *result, const void *entry)
{
	const struct acpi_madt_override *e = entry;
	struct host *h = ((struct madt_result *)result)->h;

	if (e->bus != BUS_ISA || e->source >= ISA_IRQS)
		return NULL;
	for (u32 i = 0; i < h->override_count; i++) {
		if (h->overrides[i].isa_irq == e->source)
			return NULL;
	}
	/* One for each ISA interrupt at most, so there is room. */
	h->overrides[h->override_count++] = (struct host_override){
		.isa_irq = e->source,
		.gsi = e->gsi,
		.level = (e->flags & ACPI_INTI_TRIGGER) == ACPI_INTI_LEVEL,
		.active_low = (e->flags & ACPI_INTI_POLARITY) == ACPI_INTI_ACTIVE_LOW,
	};
	return NULL;
}
static_assert(ARRAY_LEN(((struct host *)0)->overrides) >= ISA_IRQS, "take_override() counts on it");

static const struct acpi_kind kinds[] = {
	{ ACPI_MADT_LAPIC, sizeof(struct acpi_madt_lapic), take_lapic },
	{ ACPI_MADT_IOAPIC, sizeof(struct acpi_madt_ioapic), take_ioapic },
	{ ACPI_MADT_OVERRIDE, sizeof(struct acpi_madt_override), take_override },
	{ ACPI_MADT_X2APIC, sizeof(struct acpi_madt_x2apic), take_x2apic },
};

const char *acpi_parse_madt(const void *table, size_t len, struct host *h)
{
	const struct acpi_header *header = table;
	const char *reason = acpi_check(table, len, ACPI_SIG_MADT);
	struct host copy = *h;
	struct madt_result r = { .h = &copy };

	if (reason)
		return reason;
	if (header->length < sizeof(struct acpi_madt))
		return "too short";
	copy.cpu_count = copy.ioapic_count = copy.override_count = 0;
	reason = acpi_each_entry((const u8 *)table + sizeof(struct acpi_madt),
				 header->length - sizeof(struct acpi_madt), kinds, ARRAY_LEN(kinds),
				 &r);
	if (reason)
		return reason;
	if (r.cpus_dropped)
		log_warn("ACPI: %u CPUs over %u are not used", r.cpus_dropped, HOST_MAX_CPUS);
	if (r.ioapics_dropped)
		log_warn("ACPI: %u I/O APICs over %u are not used", r.ioapics_dropped,
			 HOST_MAX_IOAPICS);
	copy.have_madt = true;
	*h = copy;
	return NULL;
}
