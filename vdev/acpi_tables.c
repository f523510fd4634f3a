/*
 * The guest's ACPI tables (ACPI 6.5, chapter 5): built once for the VM, written into its BIOS area
 * at each reset. They describe what the devices beside this file are; addresses come from the same
 * headers.
 */
#include "core/log.h"
#include "lib/errno.h"
#include "lib/hw/acpi.h"
#include "lib/hw/ioapic.h"
#include "lib/hw/pci.h"
#include "lib/hw/pit.h"
#include "lib/hw/rtc.h"
#include "lib/hw/uart16550.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "vdev/aml.h"
#include "vdev/machine.h"
#include "vdev/vdevs.h"
#include "vm/gmem.h"
#include "vm/loader.h"
#include "vm/state.h"
#include "vm/vm.h"

#define TABLES_MAX     8192u
#define TABLE_ALIGN    16u
#define FACS_ALIGN     64u
#define OEM_ID         "PLINTH"
#define OEM_TABLE_ID   "PLINTHVM"
#define CREATOR_ID     "PLTH"
#define FADT_REVISION  6
#define FADT_MINOR     5
#define MADT_REVISION  5
#define XSDT_MAX       5u
#define HPET_REVISION  1
#define C2_UNSUPPORTED 101  /* microseconds: over 100 means no C2, */
#define C3_UNSUPPORTED 1001 /* over 1000 no C3 (ACPI 6.5, 5.2.9) */
#define PNP_PIC        "PNP0000"
#define PNP_TIMER      "PNP0100"
#define PNP_UART       "PNP0501"
#define PNP_SPEAKER    "PNP0800"
#define PNP_RTC        "PNP0B00"
#define PNP_RESOURCES  "PNP0C02"
#define PNP_PCIE       "PNP0A08"
#define PNP_PCI        "PNP0A03"
#define PIC1_PORT      0x20
#define PIC2_PORT      0xa0
#define PIC_PORTS      2
#define PIC_CASCADE    2

static_assert(TABLES_MAX <= GUEST_RSDP_END - GUEST_RSDP, "tables lie in the BIOS area");
static_assert(GUEST_RSDP % FACS_ALIGN == 0, "offsets are as aligned as addresses");

struct acpi_tables {
	struct vdev dev;
	size_t len;
	bool overflow;
	u8 buf[TABLES_MAX]; /* from GUEST_RSDP on */
};

/* Room for n bytes at the next multiple of align, zeroed; its offset. 0: does not fit. */
static size_t reserve(struct acpi_tables *t, size_t n, size_t align)
{
	size_t at = ALIGN_UP(t->len, align);

	if (t->overflow || at > TABLES_MAX || n > TABLES_MAX - at) {
		t->overflow = true;
		return 0;
	}
	t->len = at + n;
	return at;
}

static u64 address(size_t offset)
{
	return GUEST_RSDP + offset;
}

static u8 checksum(const void *data, size_t n)
{
	const u8 *p = data;
	u8 sum = 0;

	while (n--)
		sum += *p++;
	return (u8)-sum;
}

/* Fills the header of the table at offset `at` that ends where the buffer does now. */
static void table_close(struct acpi_tables *t, size_t at, const char *signature, u8 revision)
{
	struct acpi_header *h = (struct acpi_header *)(t->buf + at);

	if (t->overflow)
		return;
	memcpy(h->signature, signature, sizeof(h->signature));
	h->length = (u32)(t->len - at);
	h->revision = revision;
	memcpy(h->oem_id, OEM_ID, sizeof(h->oem_id));
	memcpy(h->oem_table_id, OEM_TABLE_ID, sizeof(h->oem_table_id));
	h->oem_revision = 1;
	memcpy(h->creator_id, CREATOR_ID, sizeof(h->creator_id));
	h->creator_revision = 1;
	h->checksum = 0;
	h->checksum = checksum(h, h->length);
}

/* Adds an element of a table that is still open. */
static void append(struct acpi_tables *t, const void *data, size_t n)
{
	size_t at = reserve(t, n, 1);

	if (at)
		memcpy(t->buf + at, data, n);
}

static struct acpi_gas io_gas(u16 port, u8 bytes, u8 access)
{
	return (struct acpi_gas){
		.space = ACPI_SPACE_IO,
		.bit_width = (u8)(8 * bytes),
		.access_size = access,
		.address = port,
	};
}

static size_t facs_add(struct acpi_tables *t)
{
	size_t at = reserve(t, sizeof(struct acpi_facs), FACS_ALIGN);
	struct acpi_facs *f = (struct acpi_facs *)(t->buf + at);

	if (!at)
		return 0;
	memcpy(f->signature, ACPI_SIG_FACS, sizeof(f->signature));
	f->length = sizeof(*f);
	f->version = 2;
	return at;
}

static size_t fadt_add(struct acpi_tables *t, size_t facs, size_t dsdt)
{
	size_t at = reserve(t, sizeof(struct acpi_fadt), TABLE_ALIGN);
	struct acpi_fadt *f = (struct acpi_fadt *)(t->buf + at);

	if (!at)
		return 0;
	f->firmware_ctrl = (u32)address(facs);
	f->dsdt = (u32)address(dsdt);
	f->x_dsdt = address(dsdt);
	f->sci_int = PM_SCI;
	f->pm1a_evt_blk = PM_PORT + PM_EVT;
	f->pm1a_cnt_blk = PM_PORT + PM_CNT;
	f->pm_tmr_blk = PM_PORT + PM_TMR;
	f->pm1_evt_len = PM_EVT_LEN;
	f->pm1_cnt_len = PM_CNT_LEN;
	f->pm_tmr_len = PM_TMR_LEN;
	f->x_pm1a_evt_blk = io_gas(PM_PORT + PM_EVT, PM_EVT_LEN, 2);
	f->x_pm1a_cnt_blk = io_gas(PM_PORT + PM_CNT, PM_CNT_LEN, 2);
	f->x_pm_tmr_blk = io_gas(PM_PORT + PM_TMR, PM_TMR_LEN, 3);
	f->p_lvl2_lat = C2_UNSUPPORTED;
	f->p_lvl3_lat = C3_UNSUPPORTED;
	f->century = RTC_CENTURY;
	/* No keyboard: the 8042 is there for its reset line only and is not worth a search. */
	f->iapc_boot_arch = ACPI_BOOT_LEGACY_DEVICES | ACPI_BOOT_NO_VGA;
	f->flags = ACPI_FADT_WBINVD | ACPI_FADT_PROC_C1 | ACPI_FADT_SLP_BUTTON | ACPI_FADT_FIX_RTC |
		   ACPI_FADT_TMR_VAL_EXT | ACPI_FADT_RESET_REG_SUP;
	f->reset_reg = io_gas(RESET_PORT, 1, 1);
	f->reset_value = RESET_SYS | RESET_CPU;
	f->minor_version = FADT_MINOR;
	memcpy(&f->hypervisor_vendor, OEM_TABLE_ID, sizeof(f->hypervisor_vendor));
	table_close(t, at, ACPI_SIG_FADT, FADT_REVISION);
	return at;
}

static void madt_override(struct acpi_tables *t, u8 irq, u32 gsi, u16 flags)
{
	struct acpi_madt_override e = {
		.entry = { ACPI_MADT_OVERRIDE, sizeof(e) },
		.source = irq,
		.gsi = gsi,
		.flags = flags,
	};

	append(t, &e, sizeof(e));
}

static size_t madt_add(struct acpi_tables *t, const struct vm *vm)
{
	size_t at = reserve(t, sizeof(struct acpi_madt), TABLE_ALIGN);
	struct acpi_madt *m = (struct acpi_madt *)(t->buf + at);
	struct acpi_madt_ioapic ioapic = {
		.entry = { ACPI_MADT_IOAPIC, sizeof(ioapic) },
		.address = IOAPIC_DEFAULT_BASE,
	};
	struct acpi_madt_lapic_nmi nmi = {
		.entry = { ACPI_MADT_LAPIC_NMI, sizeof(nmi) },
		.processor_uid = 0xff, /* all */
		.lint = 1,
	};

	if (!at)
		return 0;
	m->lapic_address = MACHINE_LAPIC;
	m->flags = ACPI_MADT_PCAT_COMPAT;
	for (u32 i = 0; i < vm->vcpu_count; i++) {
		struct acpi_madt_lapic lapic = {
			.entry = { ACPI_MADT_LAPIC, sizeof(lapic) },
			.processor_uid = (u8)i,
			.apic_id = (u8)topology_apic_id(&vm->topology, i),
			.flags = ACPI_MADT_ENABLED,
		};

		append(t, &lapic, sizeof(lapic));
	}
	append(t, &ioapic, sizeof(ioapic));
	madt_override(t, PIT_IRQ, 2, 0);
	madt_override(t, PM_SCI, PM_SCI, ACPI_INTI_ACTIVE_HIGH | ACPI_INTI_LEVEL);
	append(t, &nmi, sizeof(nmi));
	table_close(t, at, ACPI_SIG_MADT, MADT_REVISION);
	return at;
}

static size_t hpet_add(struct acpi_tables *t)
{
	size_t at = reserve(t, sizeof(struct acpi_hpet), TABLE_ALIGN);
	struct acpi_hpet *h = (struct acpi_hpet *)(t->buf + at);

	if (!at)
		return 0;
	h->block_id = HPET_ID;
	h->address = (struct acpi_gas){ .space = ACPI_SPACE_MEMORY,
					.bit_width = 64,
					.address = MACHINE_HPET };
	h->min_tick = HPET_MIN_TICK;
	table_close(t, at, ACPI_SIG_HPET, HPET_REVISION);
	return at;
}

static size_t mcfg_add(struct acpi_tables *t)
{
	size_t at = reserve(t, sizeof(struct acpi_mcfg), TABLE_ALIGN);
	struct acpi_mcfg_allocation e = { .base = MACHINE_ECAM, .bus_last = PCI_BUSES - 1 };

	if (!at)
		return 0;
	append(t, &e, sizeof(e));
	table_close(t, at, ACPI_SIG_MCFG, 1);
	return at;
}

/* A device on the ISA bus: up to two runs of ports and an interrupt (none: below 0). */
static void isa_device(struct aml *a, const char *name, const char *id, u16 port, u8 ports,
		       u16 port2, int irq)
{
	struct aml_mark device = aml_device(a, name), crs;

	aml_name(a, "_HID");
	aml_eisa_id(a, id);
	aml_name(a, "_CRS");
	crs = aml_resources(a);
	aml_resource_io(a, port, ports);
	if (port2)
		aml_resource_io(a, port2, ports);
	if (irq >= 0)
		aml_resource_irq(a, (u8)irq, false);
	aml_resources_end(a, crs);
	aml_end(a, device);
}

static void serial_device(struct aml *a, u32 index, bool shared)
{
	static const struct {
		const char *name;
		u16 port;
		u8 irq;
	} serials[VM_MAX_SERIALS] = {
		{ "COM1", UART_COM1_PORT, UART_COM1_IRQ },
		{ "COM2", UART_COM2_PORT, UART_COM2_IRQ },
		{ "COM3", UART_COM3_PORT, UART_COM1_IRQ },
		{ "COM4", UART_COM4_PORT, UART_COM2_IRQ },
	};
	struct aml_mark device = aml_device(a, serials[index].name), crs;

	aml_name(a, "_HID");
	aml_eisa_id(a, PNP_UART);
	aml_name(a, "_UID");
	aml_int(a, index + 1);
	aml_name(a, "_CRS");
	crs = aml_resources(a);
	aml_resource_io(a, serials[index].port, UART_PORTS);
	aml_resource_irq(a, serials[index].irq, shared);
	aml_resources_end(a, crs);
	aml_end(a, device);
}

/* The host bridge, with what its bus has: ports and memory that are nobody else's (PCI Firmware 3.3, 4.1.3). */
static void pci_device(struct aml *a)
{
	struct aml_mark device = aml_device(a, "PCI0"), crs;

	aml_name(a, "_HID");
	aml_eisa_id(a, PNP_PCIE);
	aml_name(a, "_CID");
	aml_eisa_id(a, PNP_PCI);
	aml_name(a, "_UID");
	aml_int(a, 0);
	aml_name(a, "_BBN");
	aml_int(a, 0);
	aml_name(a, "_CRS");
	crs = aml_resources(a);
	aml_resource_buses(a, 0, PCI_BUSES - 1);
	aml_resource_io(a, PCI_CONFIG_ADDRESS, 8);
	aml_resource_ports(a, 0, PCI_CONFIG_ADDRESS - 1);
	aml_resource_ports(a, PCI_CONFIG_ADDRESS + 8, 0xffff);
	aml_resource_window(a, MACHINE_PCI_LOW, MACHINE_PCI_LOW_END - 1);
	aml_resource_window(a, MACHINE_PCI_HIGH, MACHINE_PCI_HIGH_END - 1);
	aml_resources_end(a, crs);
	aml_end(a, device);
}

/* Configuration space by memory: the board's, so that no function is placed there. */
static void ecam_device(struct aml *a)
{
	struct aml_mark device = aml_device(a, "ECAM"), crs;

	aml_name(a, "_HID");
	aml_eisa_id(a, PNP_RESOURCES);
	aml_name(a, "_UID");
	aml_int(a, 1);
	aml_name(a, "_CRS");
	crs = aml_resources(a);
	aml_resource_memory(a, MACHINE_ECAM, MACHINE_ECAM_SIZE);
	aml_resources_end(a, crs);
	aml_end(a, device);
}

static size_t dsdt_add(struct acpi_tables *t, const struct domain *cfg)
{
	size_t at = reserve(t, sizeof(struct acpi_header), TABLE_ALIGN);
	u32 serials = MIN(cfg->serials, (u32)VM_MAX_SERIALS);
	struct aml_mark m;
	struct aml a;

	if (!at)
		return 0;
	aml_init(&a, t->buf + t->len, TABLES_MAX - t->len);

	aml_name(&a, "_S5_");
	m = aml_package(&a, 4);
	aml_int(&a, PM_SLP_TYP_S5);
	aml_int(&a, PM_SLP_TYP_S5);
	aml_int(&a, 0);
	aml_int(&a, 0);
	aml_end(&a, m);

	m = aml_scope(&a, "\\_SB_");
	pci_device(&a);
	ecam_device(&a);
	isa_device(&a, "PIC_", PNP_PIC, PIC1_PORT, PIC_PORTS, PIC2_PORT, PIC_CASCADE);
	isa_device(&a, "TIMR", PNP_TIMER, PIT_PORT, PIT_PORTS, 0, PIT_IRQ);
	isa_device(&a, "SPKR", PNP_SPEAKER, PORT61, 1, 0, -1);
	isa_device(&a, "RTC_", PNP_RTC, RTC_INDEX_PORT, RTC_PORTS, 0, RTC_IRQ);
	isa_device(&a, "PMRS", PNP_RESOURCES, PM_PORT, PM_LEN, 0, -1);
	for (u32 i = 0; i < serials; i++)
		serial_device(&a, i, (i ^ 2) < serials); /* COM1 and COM3, COM2 and COM4 share */
	aml_end(&a, m);

	t->overflow |= a.overflow;
	t->len += a.len;
	table_close(t, at, ACPI_SIG_DSDT, 2);
	return at;
}

static size_t xsdt_add(struct acpi_tables *t, const size_t *tables, u32 count)
{
	size_t at = reserve(t, sizeof(struct acpi_header), TABLE_ALIGN);

	for (u32 i = 0; i < count; i++) {
		u64 entry = address(tables[i]);

		append(t, &entry, sizeof(entry));
	}
	table_close(t, at, ACPI_SIG_XSDT, 1);
	return at;
}

static void tables_build(struct acpi_tables *t, const struct vm *vm, const struct domain *cfg)
{
	struct acpi_rsdp *rsdp = (struct acpi_rsdp *)t->buf;
	size_t tables[XSDT_MAX], xsdt, facs;
	u32 count = 0;

	t->len = sizeof(*rsdp);
	facs = facs_add(t);
	tables[count++] = fadt_add(t, facs, dsdt_add(t, cfg));
	if (cfg->apic)
		tables[count++] = madt_add(t, vm);
	tables[count++] = mcfg_add(t);
	if (cfg->timers & BIT(TIMER_HPET))
		tables[count++] = hpet_add(t);
	xsdt = xsdt_add(t, tables, count);

	memcpy(rsdp->signature, ACPI_RSDP_SIGNATURE, sizeof(rsdp->signature));
	memcpy(rsdp->oem_id, OEM_ID, sizeof(rsdp->oem_id));
	rsdp->revision = 2;
	rsdp->length = sizeof(*rsdp);
	rsdp->xsdt = address(xsdt);
	rsdp->checksum = checksum(rsdp, ACPI_RSDP_V1_SIZE);
	rsdp->ext_checksum = checksum(rsdp, sizeof(*rsdp));
}

static void acpi_tables_reset(struct vdev *dev)
{
	struct acpi_tables *t = container_of(dev, struct acpi_tables, dev);
	int err = gmem_write(dev->vm, GPA(GUEST_RSDP), t->buf, t->len);

	if (err)
		log_error("%s: ACPI tables could not be written: %d", dev->vm->cfg.name, err);
}

/* Nothing: the tables lie in guest memory. */
static void acpi_tables_state(struct vdev *dev, struct state *s)
{
	(void)dev;
	(void)s;
}

static const struct vdev_ops acpi_tables_ops = {
	.name = "acpi_tables",
	.version = 1,
	.reset = acpi_tables_reset,
	.state = acpi_tables_state,
};

int acpi_tables_create(struct vm *vm, const struct domain *cfg)
{
	struct acpi_tables *t;

	if (!cfg->acpi)
		return 0;
	t = heap_alloc(vm->heap, sizeof(*t), 0);
	if (!t)
		return -ENOMEM;
	vdev_add(vm, &t->dev, &acpi_tables_ops, 0, RANK_VDEV);
	tables_build(t, vm, cfg);
	return t->overflow ? -ENOSPC : 0;
}
