/*
 * Messages instead of interrupt lines: MSI-X (PCI 3.0, 6.8.2), and MSI with one vector (6.8.1).
 */
#include "core/log.h"
#include "core/panic.h"
#include "drivers/pci/pci.h"
#include "lib/errno.h"
#include "mm/heap.h"
#include "mm/kmap.h"

static u32 msix_reg(const struct pci_device *d, u32 reg)
{
	return d->caps.msix + reg;
}

static u32 msi_reg(const struct pci_device *d, u32 reg)
{
	return d->caps.msi + reg;
}

u32 pci_msix_count(const struct pci_device *d)
{
	if (!d->caps.msix)
		return 0;
	return (pci_read16(d, msix_reg(d, PCI_MSIX_CONTROL)) & (u32)PCI_MSIX_CONTROL_SIZE) + 1;
}

/* Whether len bytes are in memory that the device has, at the place in v (bar 2..0, offset). */
static bool table_fits(const struct pci_device *d, u32 v, u64 len)
{
	u32 bar = v & (u32)PCI_MSIX_BAR, offset = v & (u32)~PCI_MSIX_BAR;
	const struct pci_bar *b;

	if (bar >= PCI_BARS)
		return false;
	b = &d->bars[bar];
	return b->present && !b->wrong && !b->range.io && offset <= b->range.len &&
	       len <= b->range.len - offset;
}

static int map_table(struct pci_device *d, u32 entries)
{
	u32 table = pci_read32(d, msix_reg(d, PCI_MSIX_TABLE)),
	    pending = pci_read32(d, msix_reg(d, PCI_MSIX_PENDING));
	u64 len = entries * sizeof(struct pci_msix_entry);

	if (!table_fits(d, table, len) || !table_fits(d, pending, ALIGN_UP(entries, 64) / 8)) {
		log_warn("pci: %s: its MSI-X table cannot be where it says", d->name);
		return -ENOTSUP;
	}
	d->msix_entries = entries;
	d->msix_table = pci_bar_map(d, table & (u32)PCI_MSIX_BAR, table & (u32)~PCI_MSIX_BAR, len);
	return d->msix_table ? 0 : -ENOMEM;
}

static int vectors_alloc(struct pci_device *d, u32 n)
{
	if (pci_is_gone(d))
		return -ENODEV;
	if (d->vectors)
		return -EBUSY;
	d->vectors = kalloc(n * sizeof(d->vectors[0]));
	if (!d->vectors)
		return -ENOMEM;
	d->vector_count = n;
	for (u32 i = 0; i < n; i++)
		d->vectors[i].masked = true;
	return 0;
}

static void vectors_free(struct pci_device *d)
{
	kfree(d->vectors);
	d->vectors = NULL;
	d->vector_count = 0;
}

static void msix_control(struct pci_device *d, u32 clear, u32 set)
{
	u32 v = pci_read16(d, msix_reg(d, PCI_MSIX_CONTROL));

	pci_write16(d, msix_reg(d, PCI_MSIX_CONTROL), (u16)((v & ~clear) | set));
}

int pci_msix_alloc(struct pci_device *d, u32 n)
{
	u32 entries = pci_msix_count(d);
	int ret;

	if (!entries)
		return -ENOTSUP;
	if (!n || n > entries)
		return -EINVAL;
	ret = vectors_alloc(d, n);
	if (ret)
		return ret;
	ret = map_table(d, entries);
	if (ret) {
		vectors_free(d);
		return ret;
	}
	/* The table answers only while memory is decoded; it is all masked before the first message can be sent. */
	ret = pci_decode(d, true);
	if (ret) {
		pci_irqs_free(d);
		return ret;
	}
	msix_control(d, 0, (u32)(PCI_MSIX_CONTROL_ENABLE | PCI_MSIX_CONTROL_MASK));
	for (u32 i = 0; i < entries; i++)
		d->msix_table[i].control = (u32)PCI_MSIX_MASKED;
	(void)d->msix_table[0].control; /* the writes have arrived */
	msix_control(d, (u32)PCI_MSIX_CONTROL_MASK, 0);
	return 0;
}

static u32 msi_control(const struct pci_device *d)
{
	return pci_read16(d, msi_reg(d, PCI_MSI_CONTROL));
}

int pci_msi_alloc(struct pci_device *d)
{
	if (!d->caps.msi)
		return -ENOTSUP;
	return vectors_alloc(d, 1);
}

/* With mask bits where there are any, else by switching messages off. */
static void msi_mask(struct pci_device *d, bool masked)
{
	u32 v = msi_control(d), more = v & PCI_MSI_CONTROL_64 ? PCI_MSI_64_MORE : 0;
	u32 on = (v & (u32) ~(PCI_MSI_CONTROL_COUNT)) | (u32)PCI_MSI_CONTROL_ENABLE;

	if (v & PCI_MSI_CONTROL_MASKS)
		pci_write32(d, msi_reg(d, PCI_MSI_MASK_32 + more), masked ? ~0u : ~1u);
	else if (masked)
		on &= (u32)~PCI_MSI_CONTROL_ENABLE;
	pci_write16(d, msi_reg(d, PCI_MSI_CONTROL), (u16)on);
	(void)msi_control(d);
}

static void msi_write(struct pci_device *d, const struct irq_msi *msi)
{
	u32 more = msi_control(d) & PCI_MSI_CONTROL_64 ? PCI_MSI_64_MORE : 0;

	pci_write32(d, msi_reg(d, PCI_MSI_ADDRESS), (u32)msi->address);
	if (more)
		pci_write32(d, msi_reg(d, PCI_MSI_ADDRESS_HIGH), (u32)(msi->address >> 32));
	pci_write16(d, msi_reg(d, PCI_MSI_DATA_32 + more), (u16)msi->data);
}

/* Masked: what is written piece by piece is not sent half. */
static void write_message(struct pci_device *d, u32 index, const struct irq_msi *msi)
{
	volatile struct pci_msix_entry *e = &d->msix_table[index];

	if (!d->msix_table) {
		msi_write(d, msi);
		return;
	}
	e->address = (u32)msi->address;
	e->address_high = (u32)(msi->address >> 32);
	e->data = msi->data;
}

static int route(struct pci_device *d, u32 index)
{
	struct irq_msi msi;
	int ret = irq_compose_msi(d->vectors[index].irq, d->dma.segment, d->dma.rid, &msi);

	if (!ret)
		write_message(d, index, &msi);
	return ret;
}

int pci_irq_connect(struct pci_device *d, u32 index, struct irq *irq)
{
	int ret;

	ASSERT(index < d->vector_count && d->vectors[index].masked);
	d->vectors[index].irq = irq;
	ret = route(d, index);
	if (ret)
		d->vectors[index].irq = NULL;
	return ret;
}

void pci_irq_mask(struct pci_device *d, u32 index, bool masked)
{
	ASSERT(index < d->vector_count && (masked || d->vectors[index].irq));
	d->vectors[index].masked = masked;
	if (!d->msix_table) {
		msi_mask(d, masked);
		return;
	}
	d->msix_table[index].control = masked ? (u32)PCI_MSIX_MASKED : 0;
	(void)d->msix_table[index].control;
}

struct move {
	struct pci_device *d;
	u32 index;
};

static int reroute(struct irq *irq, void *ctx)
{
	struct move *m = ctx;

	(void)irq;
	return route(m->d, m->index);
}

int pci_irq_move(struct pci_device *d, u32 index, u32 cpu)
{
	struct move m = { d, index };
	bool masked = d->vectors[index].masked;
	int ret;

	ASSERT(index < d->vector_count && d->vectors[index].irq);
	pci_irq_mask(d, index, true);
	ret = irq_move(d->vectors[index].irq, cpu, reroute, &m);
	pci_irq_mask(d, index, masked);
	return ret;
}

void pci_irqs_free(struct pci_device *d)
{
	if (!d->vectors)
		return;
	for (u32 i = 0; i < d->vector_count; i++)
		pci_irq_mask(d, i, true);
	if (d->msix_table) {
		msix_control(d, (u32)PCI_MSIX_CONTROL_ENABLE, 0);
		kunmap((const void *)(u64)d->msix_table,
		       d->msix_entries * sizeof(struct pci_msix_entry));
		d->msix_table = NULL;
	} else {
		pci_write16(d, msi_reg(d, PCI_MSI_CONTROL),
			    (u16)(msi_control(d) & (u32)~PCI_MSI_CONTROL_ENABLE));
	}
	vectors_free(d);
}
