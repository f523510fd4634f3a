/*
 * SRAT and SLIT: which CPUs and which memory are near each other, and how far the others are (ACPI 6.5, 5.2.16,
 * 5.2.17). Firmware numbers proximity domains as it likes; we number nodes in the order in which the SRAT names them.
 */
#include "core/host.h"
#include "core/log.h"
#include "drivers/acpi/parse.h"
#include "lib/hw/acpi.h"
#include "lib/string.h"

#define DOMAIN_LOW BITS(7, 0)

/* What does not fit into struct host is counted and left out. */
struct srat_result {
	struct host *h;
	u32 domain_mask; /* old tables have 8 bits of a domain, whatever is behind them */
	u32 dropped;
};

/* The domain's node; false: it is one too many. */
static bool node_of(struct srat_result *r, u32 domain, u8 *node)
{
	struct host *h = r->h;
	u32 i = 0;

	domain &= r->domain_mask;
	while (i < h->node_count && h->node_domains[i] != domain)
		i++;
	if (i == HOST_MAX_NODES) {
		r->dropped++;
		return false;
	}
	if (i == h->node_count)
		h->node_domains[h->node_count++] = domain;
	*node = (u8)i;
	return true;
}

static const char *add_cpu(struct srat_result *r, u32 apic_id, u32 domain)
{
	struct host *h = r->h;
	u8 node;

	for (u32 i = 0; i < h->affinity_count; i++) {
		if (h->affinities[i].apic_id == apic_id) /* both as xAPIC and as x2APIC */
			return NULL;
	}
	if (h->affinity_count == HOST_MAX_CPUS)
		r->dropped++;
	else if (node_of(r, domain, &node))
		h->affinities[h->affinity_count++] = (struct host_affinity){ apic_id, node };
	return NULL;
}

static const char *take_lapic(void *result, const void *entry)
{
	const struct acpi_srat_lapic *e = entry;
	u32 domain = e->domain_low | (u32)e->domain_high[0] << 8 | (u32)e->domain_high[1] << 16 |
		     (u32)e->domain_high[2] << 24;

	return e->flags & ACPI_SRAT_ENABLED ? add_cpu(result, e->apic_id, domain) : NULL;
}

static const char *take_x2apic(void *result, const void *entry)
{
	const struct acpi_srat_x2apic *e = entry;

	return e->flags & ACPI_SRAT_ENABLED ? add_cpu(result, e->x2apic_id, e->domain) : NULL;
}

static const char *take_memory(void *result, const void *entry)
{
	const struct acpi_srat_memory *e = entry;
	struct srat_result *r = result;
	struct host *h = r->h;
	u8 node;

	if (!(e->flags & ACPI_SRAT_ENABLED) || !e->length)
		return NULL;
	if (e->base + e->length < e->base)
		return "memory reaches beyond all addresses";
	for (u32 i = 0; i < h->range_count; i++) {
		const struct host_range *other = &h->ranges[i];

		if (e->base < other->base + other->len && other->base < e->base + e->length)
			return "the same memory is named twice";
	}
	if (h->range_count == HOST_MAX_RANGES)
		r->dropped++;
	else if (node_of(r, e->domain, &node))
		h->ranges[h->range_count++] = (struct host_range){ e->base, e->length, node };
	return NULL;
}

static const struct acpi_kind kinds[] = {
	{ ACPI_SRAT_LAPIC, sizeof(struct acpi_srat_lapic), take_lapic },
	{ ACPI_SRAT_MEMORY, sizeof(struct acpi_srat_memory), take_memory },
	{ ACPI_SRAT_X2APIC, sizeof(struct acpi_srat_x2apic), take_x2apic },
};

const char *acpi_parse_srat(const void *table, size_t len, struct host *h)
{
	const struct acpi_header *header = table;
	const char *reason = acpi_check(table, len, ACPI_SIG_SRAT);
	struct host copy = *h;
	struct srat_result r = { .h = &copy, .domain_mask = ~0u };

	if (reason)
		return reason;
	if (header->length < sizeof(struct acpi_srat))
		return "too short";
	if (header->revision < ACPI_SRAT_WIDE_REV)
		r.domain_mask = DOMAIN_LOW;
	copy.node_count = copy.affinity_count = copy.range_count = 0;
	reason = acpi_each_entry((const u8 *)table + sizeof(struct acpi_srat),
				 header->length - sizeof(struct acpi_srat), kinds, ARRAY_LEN(kinds),
				 &r);
	if (reason)
		return reason;
	if (r.dropped)
		log_warn("ACPI: SRAT: %u entries over %u nodes, %u CPUs or %u ranges are left out",
			 r.dropped, HOST_MAX_NODES, HOST_MAX_CPUS, HOST_MAX_RANGES);
	*h = copy;
	return NULL;
}

const char *acpi_parse_slit(const void *table, size_t len, struct host *h)
{
	const struct acpi_slit *slit = table;
	const u8 *distance = (const u8 *)table + sizeof(*slit);
	const char *reason = acpi_check(table, len, ACPI_SIG_SLIT);
	u64 count, room;

	if (reason)
		return reason;
	if (slit->header.length < sizeof(*slit))
		return "too short";
	count = slit->count;
	room = slit->header.length - sizeof(*slit);
	/* Tables are small, so that the product does not wrap. */
	if (count > ACPI_TABLE_MAX || count * count > room)
		return "shorter than its number of domains says";
	for (u64 i = 0; i < count * count; i++) {
		bool self = i % (count + 1) == 0;

		if (distance[i] < ACPI_SLIT_LOCAL || (distance[i] == ACPI_SLIT_LOCAL) != self)
			return "a domain is not nearest to itself";
	}
	h->slit_count = (u32)MIN(count, HOST_MAX_NODES);
	for (u32 i = 0; i < h->slit_count; i++)
		memcpy(h->slit[i], distance + i * count, h->slit_count);
	return NULL;
}
