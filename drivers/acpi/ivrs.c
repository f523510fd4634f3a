/*
 * IVRS: AMD's IOMMUs, the requester ids that come to each, and memory that the firmware keeps for devices (AMD IOMMU 3.08,
 * chapter 5). All of it is understood, or none, as with DMAR.
 */
#include "core/host.h"
#include "drivers/acpi/parse.h"
#include "lib/hw/acpi.h"
#include "lib/string.h"

#define PHYS_END   (1ULL << 52)
#define UNIT_SIZE  0x4000u
#define UNIT_FLAGS 0xfu
#define RID_LAST   0xffffu

/* Entries of a unit (5.2.2.2 on), by type. */
enum {
	ALL = 0x01,
	ONE = 0x02,
	FIRST = 0x03,
	LAST = 0x04,
	ALIAS_ONE = 0x42,
	ALIAS_FIRST = 0x43,
	EXTENDED_ONE = 0x46,
	EXTENDED_FIRST = 0x47,
	SPECIAL = 0x48,
	NAMED = 0xf0,
};
#define SPECIAL_IOAPIC 1u /* its variety */
#define ENTRY_MIN      4u
#define NAMED_MIN      22u
#define NAMED_LENGTH   21u /* where a named one says how much follows */

struct walk {
	struct host_ivrs *out;
	struct host_ivrs_range open; /* a range whose end is to come */
	bool is_open;
};

static u16 read16(const u8 *p)
{
	return (u16)(p[0] | p[1] << 8);
}

static const char *add_range(struct host_ivrs *v, struct host_ivrs_range r)
{
	if (r.first > r.last)
		return "a range of devices is backwards";
	if (v->range_count == HOST_MAX_DMA_RANGES)
		return "too many devices are named";
	v->ranges[v->range_count++] = r;
	return NULL;
}

static u32 entry_length(const u8 *p, u32 left)
{
	if (p[0] == NAMED)
		return left < NAMED_MIN ? 0 : NAMED_MIN + p[NAMED_LENGTH];
	return ENTRY_MIN << (p[0] >> 6);
}

static const char *open_range(struct walk *w, const u8 *p, bool aliased)
{
	if (w->is_open)
		return "a range of devices has no end";
	w->is_open = true;
	w->open = (struct host_ivrs_range){ .unit = (u8)(w->out->unit_count - 1),
					    .first = read16(p + 1),
					    .aliased = aliased,
					    .alias = aliased ? read16(p + 5) : 0 };
	return NULL;
}

static const char *close_range(struct walk *w, const u8 *p)
{
	if (!w->is_open)
		return "a range of devices has no start";
	w->is_open = false;
	w->open.last = read16(p + 1);
	return add_range(w->out, w->open);
}

static const char *add_ioapic(struct host_ivrs *v, const u8 *p)
{
	if (v->ioapic_count == HOST_MAX_IOAPICS)
		return "too many I/O APICs are named";
	v->ioapics[v->ioapic_count++] = (struct host_ivrs_ioapic){ .unit = (u8)(v->unit_count - 1),
								   .id = p[4],
								   .rid = read16(p + 5) };
	return NULL;
}

/* Others (padding, timers, what ACPI alone knows) are no device of ours. */
static const char *take_entry(struct walk *w, const u8 *p)
{
	struct host_ivrs_range r = { .unit = (u8)(w->out->unit_count - 1),
				     .first = read16(p + 1),
				     .last = read16(p + 1) };

	switch (p[0]) {
	case ALL:
		r.first = 0;
		r.last = RID_LAST;
		return add_range(w->out, r);
	case ALIAS_ONE:
		r.aliased = true;
		r.alias = read16(p + 5);
		return add_range(w->out, r);
	case ONE:
	case EXTENDED_ONE:
		return add_range(w->out, r);
	case FIRST:
	case EXTENDED_FIRST:
	case ALIAS_FIRST:
		return open_range(w, p, p[0] == ALIAS_FIRST);
	case LAST:
		return close_range(w, p);
	case SPECIAL:
		return p[7] == SPECIAL_IOAPIC ? add_ioapic(w->out, p) : NULL;
	default:
		return NULL;
	}
}

static const char *take_entries(struct host_ivrs *v, const u8 *p, u32 left)
{
	struct walk w = { .out = v };

	while (left) {
		u32 length = left < ENTRY_MIN ? 0 : entry_length(p, left);
		const char *reason;

		if (!length || length > left)
			return "a device has an impossible length";
		reason = take_entry(&w, p);
		if (reason)
			return reason;
		p += length;
		left -= length;
	}
	return w.is_open ? "a range of devices has no end" : NULL;
}

static const char *take_unit(struct host_ivrs *v, const u8 *p, u32 length)
{
	struct acpi_ivrs_unit u;
	u32 size = p[0] == ACPI_IVRS_UNIT ? (u32)sizeof(u) : ACPI_IVRS_UNIT_11_SIZE;

	if (length < size)
		return "a unit is cut";
	memcpy(&u, p, sizeof(u));
	if (!u.base || u.base % UNIT_SIZE || u.base > PHYS_END - UNIT_SIZE)
		return "a unit's registers cannot be there";
	if (v->unit_count == HOST_MAX_DMA_UNITS)
		return "there are too many units";
	v->units[v->unit_count++] = (struct host_ivrs_unit){
		.base = PADDR(u.base),
		.segment = u.segment,
		.rid = u.block.rid,
		.flags = u.block.flags & UNIT_FLAGS,
	};
	return take_entries(v, p + size, length - size);
}

static const char *take_memory(struct host_ivrs *v, const u8 *p, u32 length)
{
	struct acpi_ivrs_memory m;
	struct host_ivrs_reserved *r;

	if (length < sizeof(m))
		return "reserved memory is cut";
	memcpy(&m, p, sizeof(m));
	if (m.base % PAGE_SIZE || !m.len || m.len % PAGE_SIZE || m.base >= PHYS_END ||
	    m.len > PHYS_END - m.base)
		return "reserved memory cannot be there";
	if (v->reserved_count == HOST_MAX_DMA_RESERVED)
		return "there is too much reserved memory";
	r = &v->reserved[v->reserved_count++];
	*r = (struct host_ivrs_reserved){ m.block.rid, m.block.rid, m.base, m.len };
	if (m.block.type == ACPI_IVRS_MEMORY)
		r->last = m.last;
	if (m.block.type == ACPI_IVRS_MEMORY_ALL)
		*r = (struct host_ivrs_reserved){ 0, RID_LAST, m.base, m.len };
	return r->first > r->last ? "a range of devices is backwards" : NULL;
}

static bool is_unit(u8 type)
{
	return type == ACPI_IVRS_UNIT || type == ACPI_IVRS_UNIT_11 || type == ACPI_IVRS_UNIT_40;
}

/* Whether another block says the same of the unit, in a later form. The blocks' lengths were checked. */
static bool is_superseded(const u8 *blocks, size_t left, const struct acpi_ivrs_block *b)
{
	struct acpi_ivrs_block o;

	for (; left; left -= o.length, blocks += o.length) {
		memcpy(&o, blocks, sizeof(o));
		if (is_unit(o.type) && o.type > b->type && o.rid == b->rid)
			return true;
	}
	return false;
}

static const char *check_blocks(const u8 *p, size_t left)
{
	struct acpi_ivrs_block b;

	for (; left; left -= b.length, p += b.length) {
		if (left < sizeof(b))
			return "a block is cut";
		memcpy(&b, p, sizeof(b));
		if (b.length < sizeof(b) || b.length > left)
			return "a block has an impossible length";
	}
	return NULL;
}

static const char *take_block(struct host_ivrs *v, const u8 *blocks, size_t all, const u8 *p)
{
	struct acpi_ivrs_block b;

	memcpy(&b, p, sizeof(b));
	if (is_unit(b.type))
		return is_superseded(blocks, all, &b) ? NULL : take_unit(v, p, b.length);
	if (b.type >= ACPI_IVRS_MEMORY_ALL && b.type <= ACPI_IVRS_MEMORY)
		return take_memory(v, p, b.length);
	return NULL;
}

const char *acpi_parse_ivrs(const void *table, size_t len, struct host *h)
{
	const struct acpi_ivrs *t = table;
	const char *reason = acpi_check(table, len, ACPI_SIG_IVRS);
	const u8 *blocks = (const u8 *)table + sizeof(*t);
	struct host_ivrs found;
	size_t all, at;

	if (reason)
		return reason;
	if (t->header.length < sizeof(*t))
		return "too short";
	all = t->header.length - sizeof(*t);
	reason = check_blocks(blocks, all);
	memset(&found, 0, sizeof(found));
	for (at = 0; !reason && at < all; at += read16(blocks + at + 2))
		reason = take_block(&found, blocks, all, blocks + at);
	if (!reason)
		h->ivrs = found;
	return reason;
}
