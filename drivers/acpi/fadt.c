/*
 * The FADT's fixed hardware (ACPI 6.5, 5.2.9), and the sleep type of S5 from the DSDT: found by its
 * bytes, for there is no AML interpreter here.
 */
#include "core/host.h"
#include "drivers/acpi/parse.h"
#include "lib/hw/acpi.h"
#include "lib/string.h"

#define IO_PORT_MAX          0xffffu
#define PHYS_MAX             BITS(51, 0)
#define FADT_BOOT_ARCH_SINCE 3 /* table revision; before, those bytes were reserved */
#define PM_TIMER_LEN         4
#define SLP_TYP_MAX          7

/* What of the table there is; fields behind its end read as 0. */
static struct acpi_fadt fadt_copy(const void *table)
{
	const struct acpi_header *header = table;
	struct acpi_fadt f = { 0 };

	memcpy(&f, table, MIN(header->length, sizeof(f)));
	return f;
}

/* The extended address where it is given and a port, else the ACPI 1.0 field. */
static u16 io_port(const struct acpi_gas *x, u32 block)
{
	if (x->space == ACPI_SPACE_IO && x->address && x->address <= IO_PORT_MAX)
		return (u16)x->address;
	return block <= IO_PORT_MAX ? (u16)block : 0;
}

static bool pci_address_ok(u64 a)
{
	u64 device = a >> 32, function = (a >> 16) & 0xffff, offset = a & 0xffff;

	return device < 32 && function < 8 && offset < 256;
}

static bool reset_usable(const struct acpi_fadt *f)
{
	const struct acpi_gas *r = &f->reset_reg;

	if (!(f->flags & ACPI_FADT_RESET_REG_SUP) || !r->address)
		return false;
	switch (r->space) {
	case ACPI_SPACE_MEMORY:
		return r->address <= PHYS_MAX;
	case ACPI_SPACE_IO:
		return r->address <= IO_PORT_MAX;
	case ACPI_SPACE_PCI_CONFIG:
		return pci_address_ok(r->address);
	default:
		return false;
	}
}

const char *acpi_parse_fadt(const void *table, size_t len, struct host *h)
{
	const struct acpi_header *header = table;
	const char *reason = acpi_check(table, len, ACPI_SIG_FADT);
	struct acpi_fadt f;

	if (reason)
		return reason;
	if (header->length < ACPI_FADT_V1_SIZE)
		return "too short";
	f = fadt_copy(table);
	if (!(f.flags & ACPI_FADT_HW_REDUCED)) { /* else the PM registers do not exist */
		h->pm1a_cnt = io_port(&f.x_pm1a_cnt_blk, f.pm1a_cnt_blk);
		h->pm1b_cnt = io_port(&f.x_pm1b_cnt_blk, f.pm1b_cnt_blk);
		if (f.pm_tmr_len == PM_TIMER_LEN)
			h->pm_timer = io_port(&f.x_pm_tmr_blk, f.pm_tmr_blk);
		h->pm_timer_32bit = f.flags & ACPI_FADT_TMR_VAL_EXT;
		h->smi_cmd = f.smi_cmd <= IO_PORT_MAX ? (u16)f.smi_cmd : 0;
		h->acpi_enable = f.acpi_enable;
	}
	if (reset_usable(&f)) {
		h->reset_space = f.reset_reg.space;
		h->reset_address = f.reset_reg.address;
		h->reset_value = f.reset_value;
	}
	h->rtc_century = f.century;
	h->rtc_absent = header->revision >= FADT_BOOT_ARCH_SINCE &&
			(f.iapc_boot_arch & ACPI_BOOT_NO_CMOS_RTC);
	return NULL;
}

u64 acpi_fadt_dsdt(const void *table, size_t len)
{
	struct acpi_fadt f;

	if (acpi_check(table, len, ACPI_SIG_FADT))
		return 0;
	f = fadt_copy(table);
	return f.x_dsdt ? f.x_dsdt : f.dsdt;
}

/* A piece of AML being read; every access is checked against its end. */
struct aml {
	const u8 *p, *end;
};

static bool aml_byte(struct aml *a, u8 *v)
{
	if (a->p == a->end)
		return false;
	*v = *a->p++;
	return true;
}

static bool aml_expect(struct aml *a, u8 wanted)
{
	u8 v;

	return aml_byte(a, &v) && v == wanted;
}

/* 20.2.4: skips a PkgLength and cuts the piece to it (it counts its own bytes). */
static bool aml_package_length(struct aml *a)
{
	const u8 *start = a->p;
	u8 lead, follow, v;
	size_t len;

	if (!aml_byte(a, &lead))
		return false;
	follow = lead >> AML_PKG_FOLLOW_SHIFT;
	len = follow ? lead & AML_PKG_LOW : lead & AML_PKG_SHORT;
	for (u32 i = 0; i < follow; i++) {
		if (!aml_byte(a, &v))
			return false;
		len |= (size_t)v << (4 + 8 * i);
	}
	if (len < (size_t)(a->p - start) || len > (size_t)(a->end - start))
		return false;
	a->end = start + len;
	return true;
}

/* 20.2.3: an integer constant, in any of its encodings. */
static bool aml_integer(struct aml *a, u64 *v)
{
	u32 bytes;
	u8 op, b;

	if (!aml_byte(a, &op))
		return false;
	switch (op) {
	case AML_ZERO:
	case AML_ONE:
		*v = op;
		return true;
	case AML_BYTE:
		bytes = 1;
		break;
	case AML_WORD:
		bytes = 2;
		break;
	case AML_DWORD:
		bytes = 4;
		break;
	case AML_QWORD:
		bytes = 8;
		break;
	default:
		return false;
	}
	*v = 0;
	for (u32 i = 0; i < bytes; i++) {
		if (!aml_byte(a, &b))
			return false;
		*v |= (u64)b << (8 * i);
	}
	return true;
}

/* What follows the name in DefName: a package of at least two small integers. */
static bool s5_package(struct aml a, struct host *h)
{
	u64 typ_a, typ_b;
	u8 elements;

	if (!aml_expect(&a, AML_PACKAGE) || !aml_package_length(&a) || !aml_byte(&a, &elements))
		return false;
	if (elements < 2 || !aml_integer(&a, &typ_a) || !aml_integer(&a, &typ_b))
		return false;
	if (typ_a > SLP_TYP_MAX || typ_b > SLP_TYP_MAX)
		return false;
	h->s5_typ_a = (u8)typ_a;
	h->s5_typ_b = (u8)typ_b;
	h->s5_found = true;
	return true;
}

/* Whether a NameOp stands before the name at p, with or without the root's backslash. */
static bool named(const u8 *start, const u8 *p)
{
	if (p - start >= 1 && p[-1] == AML_NAME)
		return true;
	return p - start >= 2 && p[-1] == AML_ROOT_CHAR && p[-2] == AML_NAME;
}

const char *acpi_parse_s5(const void *table, size_t len, struct host *h)
{
	const struct acpi_header *header = table;
	const char *reason = acpi_check(table, len, ACPI_SIG_DSDT);
	const u8 *start, *end;

	if (reason)
		return reason;
	start = (const u8 *)table + sizeof(*header);
	end = (const u8 *)table + header->length;
	for (const u8 *p = start; end - p >= (ptrdiff_t)AML_NAME_SIZE; p++) {
		struct aml a = { p + AML_NAME_SIZE, end };

		if (!memcmp(p, "_S5_", AML_NAME_SIZE) && named(start, p) && s5_package(a, h))
			return NULL;
	}
	return "no _S5_ package in it";
}
