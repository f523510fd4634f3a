/*
 * Finds the devices. Buses are numbered by the firmware; a bridge whose numbers cannot be is not looked behind. Each bus
 * is looked at once: first bus 0 with what is behind its bridges, then those that no bridge leads to, since a machine
 * may have several roots.
 */
#include "core/clock.h"
#include "core/host.h"
#include "core/log.h"
#include "drivers/pci/scan.h"
#include "lib/atomic.h"
#include "lib/bitmap.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "mm/heap.h"

#define RETRY_NS 1000000000ull /* what a function may take after a reset (PCIe 6.0, 6.6.1) */

static struct list devices = LIST_INIT(devices); /* const after pci_init() */
static u32 device_count;

/* The segment that is looked at. */
static struct {
	u16 segment;
	u64 visited[BITMAP_WORDS(PCI_BUSES)];
} scan;

struct list *pci_devices(void)
{
	return &devices;
}

/* Not there, or for a second not ready: PCI_VENDOR_NONE. */
static u32 read_vendor(struct pci_address at)
{
	u64 end = clock_ns() + RETRY_NS;
	u32 v;

	do {
		v = pci_config_read(at, PCI_VENDOR, 4);
		if (v != (0xffff0000u | PCI_VENDOR_RETRY))
			break;
		cpu_relax();
	} while (clock_ns() < end);
	v &= 0xffff;
	return v && v != PCI_VENDOR_RETRY ? v : PCI_VENDOR_NONE;
}

static void read_header(struct pci_device *d)
{
	u32 header = pci_read8(d, PCI_HEADER), class = pci_read32(d, PCI_REVISION);

	d->device = pci_read16(d, PCI_DEVICE);
	d->class = class >> 8;
	d->revision = (u8) class;
	d->header = header & PCI_HEADER_TYPE;
	d->multifunction = header & PCI_HEADER_MULTI_FUNC;
	if (d->header == PCI_HEADER_DEVICE) {
		d->subvendor = pci_read16(d, PCI_SUBVENDOR);
		d->subdevice = pci_read16(d, PCI_SUBDEVICE);
	}
}

/* What firmware or a loader left on. A bridge hands nothing on until somebody behind it may send. */
static void make_quiet(struct pci_device *d)
{
	u32 command = pci_read16(d, PCI_COMMAND);
	u32 quiet = (command & (u32)~PCI_COMMAND_MASTER) | (u32)PCI_COMMAND_NO_INTX;

	if (d->class >> 8 == PCI_CLASS_HOST)
		return;
	pci_write16(d, PCI_COMMAND, (u16)quiet);
	if (d->caps.msi)
		pci_write16(d, d->caps.msi + PCI_MSI_CONTROL,
			    pci_read16(d, d->caps.msi + PCI_MSI_CONTROL) &
				    (u16)~PCI_MSI_CONTROL_ENABLE);
	if (d->caps.msix)
		pci_write16(d, d->caps.msix + PCI_MSIX_CONTROL,
			    pci_read16(d, d->caps.msix + PCI_MSIX_CONTROL) &
				    (u16)~PCI_MSIX_CONTROL_ENABLE);
	if (pci_read16(d, PCI_COMMAND) & PCI_COMMAND_MASTER && !pci_is_gone(d))
		log_warn("pci: %s: its bus mastering cannot be switched off", d->name);
}

static struct pci_device *add(struct pci_address at, struct pci_device *parent, u32 vendor)
{
	struct pci_device *d;

	if (device_count == PCI_DEVICES_MAX)
		return NULL;
	d = kalloc(sizeof(*d));
	if (!d)
		return NULL;
	d->at = at;
	d->parent = parent;
	d->vendor = (u16)vendor;
	snprintf(d->name, sizeof(d->name), "%04x:%02x:%02x.%x", at.segment, at.bus,
		 PCI_SLOT(at.devfn), PCI_FUNC(at.devfn));
	read_header(d);
	pci_find_caps(d);
	make_quiet(d);
	pci_read_bars(d);
	d->dma = (struct dma_device){
		.name = d->name,
		.segment = at.segment,
		.rid = (u16)(at.bus << 8 | at.devfn),
		.mask = 0xffffffffu,
		.align = 1,
	};
	list_add_tail(&devices, &d->node);
	device_count++;
	return d;
}

/* What is behind it is looked at when the list comes to it. */
static void enter_bridge(struct pci_device *d)
{
	u8 first = pci_read8(d, PCI_BRIDGE_SECONDARY), last = pci_read8(d, PCI_BRIDGE_SUBORDINATE);
	u32 limit = d->parent ? d->parent->subordinate : PCI_BUSES - 1;

	if (!first)
		return;
	if (first <= d->at.bus || last < first || last > limit ||
	    bitmap_test(scan.visited, first)) {
		log_warn("pci: %s: buses %02x to %02x cannot be behind it: not looked at", d->name,
			 first, last);
		return;
	}
	bitmap_set(scan.visited, first);
	d->secondary = first;
	d->subordinate = last;
}

static void scan_slot(u8 bus, u32 slot, struct pci_device *parent)
{
	for (u32 fn = 0; fn < 8; fn++) {
		struct pci_address at = { scan.segment, bus, PCI_DEVFN(slot, fn) };
		u32 vendor = read_vendor(at);
		struct pci_device *d;

		if (vendor == PCI_VENDOR_NONE && !fn)
			return;
		if (vendor == PCI_VENDOR_NONE)
			continue;
		d = add(at, parent, vendor);
		if (!d) {
			log_error("pci: no room for %04x:%02x:%02x.%x and what follows", at.segment,
				  bus, slot, fn);
			return;
		}
		if (d->header == PCI_HEADER_BRIDGE)
			enter_bridge(d);
		/* A device with a single function may answer for all eight. */
		if (!fn && !d->multifunction)
			return;
	}
}

/* A port of PCIe has one device behind it, which may answer for all (PCIe 6.0, 7.3.1). */
static u32 slots_behind(const struct pci_device *d)
{
	return d && d->caps.express &&
			       (d->express_type == PCI_EXPRESS_ROOT_PORT ||
				d->express_type == PCI_EXPRESS_DOWNSTREAM) ?
		       1 :
		       PCI_DEVFNS / 8;
}

static void scan_bus(u8 bus, struct pci_device *parent)
{
	pci_config_map(scan.segment, bus);
	for (u32 slot = 0; slot < slots_behind(parent); slot++)
		scan_slot(bus, slot, parent);
}

/* A root bus, and all that is behind its bridges: those are in the list behind where it ends now. */
static void scan_root(u8 bus)
{
	struct list *last = devices.prev;

	bitmap_set(scan.visited, bus);
	scan_bus(bus, NULL);
	for (struct list *node = last->next; node != &devices; node = node->next) {
		struct pci_device *d = list_entry(node, struct pci_device, node);

		if (d->secondary)
			scan_bus(d->secondary, d);
	}
}

static void scan_segment(u16 segment, u32 first, u32 last)
{
	scan.segment = segment;
	for (u32 bus = first; bus <= last; bus++) {
		if (!bitmap_test(scan.visited, bus))
			scan_root((u8)bus);
	}
}

static void finish(struct pci_device *d)
{
	log_debug("pci: %s: %04x:%04x class %06x%s%s%s%s", d->name, d->vendor, d->device, d->class,
		  d->caps.express ? ", PCIe" : "", d->caps.msix ? ", MSI-X" : "",
		  d->caps.msi ? ", MSI" : "", pci_can_reset(d) ? ", FLR" : "");
	pci_add_hostdev(d);
}

void pci_init(const struct boot_info *bi)
{
	pci_config_init(bi);
	/* Segment 0 is there without a table, too: by the ports. */
	scan_segment(0, 0, PCI_BUSES - 1);
	for (u32 i = 0; i < host.mcfg_count; i++) {
		const struct host_mcfg *m = &host.mcfg[i];

		if (!m->segment)
			continue;
		if (scan.segment != m->segment)
			memset(scan.visited, 0, sizeof(scan.visited));
		scan_segment(m->segment, m->bus_first, m->bus_last);
	}
	pci_check_bars(bi);
	pci_make_groups();
	list_for_each(node, &devices)
		finish(list_entry(node, struct pci_device, node));
	log_info("pci: %u device%s", device_count, device_count == 1 ? "" : "s");
}
