/*
 * The lists of capabilities (PCI 3.0, 6.7; PCIe 6.0, 7.6.3). A list is the device's: each place is visited once at most.
 */
#include "core/log.h"
#include "drivers/pci/scan.h"
#include "lib/bitmap.h"

#define DWORDS (PCI_EXT_CONFIG_SIZE / 4)

/* Which we use, how long they are at least, and where their place is kept. */
static const struct row {
	u16 id;
	u8 size;
	u16 field;
} rows[] = {
	{ PCI_CAP_PM, 8, offsetof(struct pci_caps, pm) },
	{ PCI_CAP_MSI, PCI_MSI_SIZE, offsetof(struct pci_caps, msi) },
	{ PCI_CAP_EXPRESS, 20, offsetof(struct pci_caps, express) },
	{ PCI_CAP_MSIX, 12, offsetof(struct pci_caps, msix) },
	{ PCI_CAP_AF, 6, offsetof(struct pci_caps, af) },
}, ext_rows[] = {
	{ PCI_EXT_CAP_ACS, 8, offsetof(struct pci_caps, acs) },
	{ PCI_EXT_CAP_ARI, 8, offsetof(struct pci_caps, ari) },
	{ PCI_EXT_CAP_SRIOV, 64, offsetof(struct pci_caps, sriov) },
};

struct walk {
	struct pci_device *d;
	const struct row *rows;
	u32 row_count, end;
	u64 seen[BITMAP_WORDS(DWORDS)];
};

/* The first of each kind counts. */
static void take(struct walk *w, u32 id, u32 at)
{
	for (u32 i = 0; i < w->row_count; i++) {
		u16 *field = (u16 *)((u8 *)&w->d->caps + w->rows[i].field);

		if (w->rows[i].id != id || *field)
			continue;
		if (at + w->rows[i].size > w->end)
			log_warn("pci: %s: capability %02x at 0x%x goes beyond the end: not used",
				 w->d->name, id, at);
		else
			*field = (u16)at;
	}
}

/* False, and a line in the log: the list leads there a second time. */
static bool first_visit(struct walk *w, u32 at)
{
	if (!bitmap_test(w->seen, at / 4)) {
		bitmap_set(w->seen, at / 4);
		return true;
	}
	log_warn("pci: %s: the list of capabilities turns in a circle at 0x%x", w->d->name, at);
	return false;
}

static void walk_list(struct walk *w)
{
	u32 at = pci_read8(w->d, PCI_CAPABILITIES) & ~3u;

	while (at) {
		u32 v;

		if (at < PCI_CAP_FIRST) {
			log_warn("pci: %s: a capability in the header, at 0x%x", w->d->name, at);
			return;
		}
		if (!first_visit(w, at))
			return;
		v = pci_read16(w->d, at);
		if (v == 0xffff) /* it is gone, or nothing is there */
			return;
		take(w, v & 0xff, at);
		at = v >> 8 & ~3u;
	}
}

static void walk_extended(struct walk *w)
{
	u32 at = PCI_EXT_CAPABILITIES;

	do {
		u32 v;

		if (!first_visit(w, at))
			return;
		v = pci_read32(w->d, at);
		if (!v || v == ~0u) /* it has none, or they cannot be reached */
			return;
		take(w, v & 0xffff, at);
		at = v >> 20 & ~3u;
		if (at && at < PCI_EXT_CAPABILITIES) {
			log_warn("pci: %s: an extended capability at 0x%x", w->d->name, at);
			return;
		}
	} while (at);
}

/* With mask bits or wide addresses there is more of it than the least. */
static void check_msi(struct pci_device *d)
{
	u32 control = d->caps.msi ? pci_read16(d, d->caps.msi + PCI_MSI_CONTROL) : 0;
	u32 size = control & PCI_MSI_CONTROL_MASKS ? PCI_MSI_SIZE_MASKS : PCI_MSI_SIZE;

	if (control & PCI_MSI_CONTROL_64)
		size += PCI_MSI_64_MORE;
	if (d->caps.msi + size > PCI_CONFIG_SIZE) {
		log_warn("pci: %s: MSI goes beyond the end: not used", d->name);
		d->caps.msi = 0;
	}
}

void pci_find_caps(struct pci_device *d)
{
	struct walk w = {
		.d = d, .rows = rows, .row_count = ARRAY_LEN(rows), .end = PCI_CONFIG_SIZE
	};

	if (d->header != PCI_HEADER_DEVICE && d->header != PCI_HEADER_BRIDGE)
		return;
	if (pci_read16(d, PCI_STATUS) & PCI_STATUS_CAPABILITIES)
		walk_list(&w);
	check_msi(d);
	if (!d->caps.express)
		return;
	d->express_type = pci_read16(d, d->caps.express + PCI_EXPRESS_FLAGS) >> 4 & 0xf;
	w.rows = ext_rows;
	w.row_count = ARRAY_LEN(ext_rows);
	w.end = PCI_EXT_CONFIG_SIZE;
	walk_extended(&w);
}
