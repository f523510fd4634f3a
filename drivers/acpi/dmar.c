/*
 * DMAR: Intel's IOMMUs, which devices each has, and memory that the firmware keeps for devices (VT-d 4.1, chapter 8). All of it
 * is understood, or none: a unit that was left out would let its devices reach everything.
 */
#include "core/host.h"
#include "drivers/acpi/parse.h"
#include "lib/hw/acpi.h"
#include "lib/string.h"

#define PHYS_END  (1ULL << 52)
#define PATH_STEP 2u /* device, function */

static const char *take_path(const u8 *p, u32 left, struct host_dma_scope *out)
{
	if (!left || left % PATH_STEP || left / PATH_STEP > HOST_SCOPE_DEPTH)
		return "the way to a device is too short or too long";
	for (u32 i = 0; i < left; i += PATH_STEP) {
		if (p[i] > 31 || p[i + 1] > 7)
			return "there is no such device";
		out->path[out->depth++] = (u8)(p[i] << 3 | p[i + 1]);
	}
	return NULL;
}

static const char *take_scope(struct host_dmar *d, const u8 *p, u32 length, u32 owner,
			      bool reserved)
{
	struct acpi_dmar_scope s;
	struct host_dma_scope *out;

	memcpy(&s, p, sizeof(s));
	/* Devices that the DSDT names do no DMA for us; kinds to come are none of ours. */
	if (s.type < HOST_SCOPE_ENDPOINT || s.type > HOST_SCOPE_HPET)
		return NULL;
	if (d->scope_count == HOST_MAX_DMA_SCOPES)
		return "too many devices are named";
	out = &d->scopes[d->scope_count++];
	*out = (struct host_dma_scope){
		.type = s.type, .id = s.id, .bus = s.bus, .owner = (u8)owner, .reserved = reserved
	};
	return take_path(p + sizeof(s), length - (u32)sizeof(s), out);
}

static const char *take_scopes(struct host_dmar *d, const u8 *p, u32 left, u32 owner, bool reserved)
{
	while (left) {
		const char *reason;
		u32 length;

		if (left < sizeof(struct acpi_dmar_scope))
			return "a device is cut";
		length = p[1];
		if (length < sizeof(struct acpi_dmar_scope) || length > left)
			return "a device has an impossible length";
		reason = take_scope(d, p, length, owner, reserved);
		if (reason)
			return reason;
		p += length;
		left -= length;
	}
	return NULL;
}

static const char *take_unit(struct host_dmar *d, const u8 *p, u32 length)
{
	struct acpi_dmar_unit u;

	if (length < sizeof(u))
		return "a unit is cut";
	memcpy(&u, p, sizeof(u));
	if (!u.base || u.base % PAGE_SIZE || u.base > PHYS_END - PAGE_SIZE)
		return "a unit's registers cannot be there";
	if (d->unit_count == HOST_MAX_DMA_UNITS)
		return "there are too many units";
	d->units[d->unit_count++] = (struct host_dma_unit){
		.base = PADDR(u.base),
		.segment = u.segment,
		.all = u.flags & ACPI_DMAR_INCLUDE_ALL,
	};
	return take_scopes(d, p + sizeof(u), length - (u32)sizeof(u), d->unit_count - 1, false);
}

static const char *take_reserved(struct host_dmar *d, const u8 *p, u32 length)
{
	struct acpi_dmar_reserved r;

	if (length < sizeof(r))
		return "reserved memory is cut";
	memcpy(&r, p, sizeof(r));
	if (r.base % PAGE_SIZE || r.limit <= r.base || r.limit >= PHYS_END ||
	    (r.limit + 1) % PAGE_SIZE)
		return "reserved memory cannot be there";
	if (d->reserved_count == HOST_MAX_DMA_RESERVED)
		return "there is too much reserved memory";
	d->reserved[d->reserved_count++] = (struct host_dma_reserved){
		.segment = r.segment,
		.base = r.base,
		.len = r.limit + 1 - r.base,
	};
	return take_scopes(d, p + sizeof(r), length - (u32)sizeof(r), d->reserved_count - 1, true);
}

static const char *take_entry(struct host_dmar *d, const struct acpi_dmar_entry *e, const u8 *p)
{
	if (e->type == ACPI_DMAR_UNIT)
		return take_unit(d, p, e->length);
	if (e->type == ACPI_DMAR_RESERVED)
		return take_reserved(d, p, e->length);
	return NULL;
}

const char *acpi_parse_dmar(const void *table, size_t len, struct host *h)
{
	const struct acpi_dmar *t = table;
	const char *reason = acpi_check(table, len, ACPI_SIG_DMAR);
	struct host_dmar found;
	struct acpi_dmar_entry e;
	const u8 *p;
	size_t left;

	if (reason)
		return reason;
	if (t->header.length < sizeof(*t))
		return "too short";
	memset(&found, 0, sizeof(found));
	found.remaps_interrupts = t->flags & ACPI_DMAR_REMAPS;
	p = (const u8 *)table + sizeof(*t);
	for (left = t->header.length - sizeof(*t); left; left -= e.length, p += e.length) {
		if (left < sizeof(e))
			return "an entry is cut";
		memcpy(&e, p, sizeof(e));
		if (e.length < sizeof(e) || e.length > left)
			return "an entry has an impossible length";
		reason = take_entry(&found, &e, p);
		if (reason)
			return reason;
	}
	h->dmar = found;
	return NULL;
}
