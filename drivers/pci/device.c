/*
 * A device in the hands of its driver: registers, decoding, bus mastering, who drives what.
 */
#include "core/log.h"
#include "drivers/pci/scan.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "mm/kmap.h"

u8 pci_read8(const struct pci_device *d, u32 reg)
{
	return (u8)pci_config_read(d->at, reg, 1);
}

u16 pci_read16(const struct pci_device *d, u32 reg)
{
	return (u16)pci_config_read(d->at, reg, 2);
}

u32 pci_read32(const struct pci_device *d, u32 reg)
{
	return pci_config_read(d->at, reg, 4);
}

void pci_write8(struct pci_device *d, u32 reg, u8 v)
{
	pci_config_write(d->at, reg, 1, v);
}

void pci_write16(struct pci_device *d, u32 reg, u16 v)
{
	pci_config_write(d->at, reg, 2, v);
}

void pci_write32(struct pci_device *d, u32 reg, u32 v)
{
	pci_config_write(d->at, reg, 4, v);
}

bool pci_is_gone(struct pci_device *d)
{
	if (!atomic_load_relaxed(&d->gone) && pci_read16(d, PCI_VENDOR) == PCI_VENDOR_NONE &&
	    !atomic_xchg(&d->gone, true))
		log_error("pci: %s is gone", d->name);
	return atomic_load_relaxed(&d->gone);
}

static int change_command(struct pci_device *d, u32 bits, bool on)
{
	u32 command = pci_read16(d, PCI_COMMAND), wanted = on ? command | bits : command & ~bits;

	if (pci_is_gone(d))
		return -ENODEV;
	if (wanted == command)
		return 0;
	pci_write16(d, PCI_COMMAND, (u16)wanted);
	/* The read also sees to it that the write has arrived. */
	command = pci_read16(d, PCI_COMMAND);
	if (pci_is_gone(d))
		return -ENODEV;
	return (command ^ wanted) & bits ? -EIO : 0;
}

/* Of what the device has; a bit for what it does not have may be fixed. */
int pci_decode(struct pci_device *d, bool on)
{
	u32 bits = 0;

	for (u32 i = 0; i < PCI_BARS; i++) {
		if (d->bars[i].present && (!on || !d->bars[i].wrong))
			bits |= (u32)(d->bars[i].range.io ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY);
	}
	return change_command(d, bits, on);
}

/* Bridges go on handing on: others may be behind them. */
int pci_bus_master(struct pci_device *d, bool on)
{
	for (struct pci_device *b = d->parent; on && b; b = b->parent) {
		int ret = change_command(b, (u32)PCI_COMMAND_MASTER, true);

		if (ret)
			return ret;
	}
	return change_command(d, (u32)PCI_COMMAND_MASTER, on);
}

void *pci_bar_map(struct pci_device *d, u32 bar, u64 offset, u64 len)
{
	const struct pci_bar *b;

	if (bar >= PCI_BARS)
		return NULL;
	b = &d->bars[bar];
	if (!b->present || b->wrong || b->range.io || offset >= b->range.len)
		return NULL;
	if (!len)
		len = b->range.len - offset;
	if (len > b->range.len - offset)
		return NULL;
	return kmap_mmio(PADDR(b->range.base + offset), len);
}

int pci_each(int (*fn)(struct pci_device *d, void *arg), void *arg)
{
	list_for_each(node, pci_devices()) {
		int ret = fn(list_entry(node, struct pci_device, node), arg);

		if (ret)
			return ret;
	}
	return 0;
}

struct pci_device *pci_find(struct pci_address at)
{
	list_for_each(node, pci_devices()) {
		struct pci_device *d = list_entry(node, struct pci_device, node);

		if (d->at.segment == at.segment && d->at.bus == at.bus && d->at.devfn == at.devfn)
			return d;
	}
	return NULL;
}

static bool id_matches(u16 wanted, u16 id)
{
	return wanted == PCI_ANY || wanted == id;
}

static bool matches(const struct pci_driver *drv, const struct pci_device *d)
{
	for (const struct pci_match *m = drv->matches; m->vendor; m++) {
		if (id_matches(m->vendor, d->vendor) && id_matches(m->device, d->device) &&
		    (d->class & m->class_mask) == m->class)
			return true;
	}
	return false;
}

static void wake_up(struct pci_device *d)
{
	u32 reg = d->caps.pm + PCI_PM_CONTROL;
	u16 v;

	if (!d->caps.pm)
		return;
	v = pci_read16(d, reg);
	/* It has 10 ms for it, and whoever is in D0 when we come, as all are that a firmware used, needs none. */
	if (v & PCI_PM_CONTROL_STATE)
		pci_write16(d, reg, v & (u16)~PCI_PM_CONTROL_STATE);
}

static void offer(struct pci_device *d, const struct pci_driver *drv)
{
	int err;

	if (d->driver || pci_is_gone(d) || !matches(drv, d))
		return;
	wake_up(d);
	d->driver = drv;
	err = drv->probe(d);
	if (!err) {
		d->hostdev.driver = drv->name;
		return;
	}
	d->driver = NULL;
	d->priv = NULL;
	log_error("pci: %s: driver %s does not take it (error %d)", d->name, drv->name, -err);
}

void pci_start_drivers(const struct pci_driver *const *drivers)
{
	for (u32 i = 0; drivers[i]; i++) {
		list_for_each(node, pci_devices())
			offer(list_entry(node, struct pci_device, node), drivers[i]);
	}
}

static int shutdown_one(struct pci_device *d, void *arg)
{
	(void)arg;
	if (!d->driver)
		return 0;
	d->driver->shutdown(d);
	if (pci_bus_master(d, false) == -EIO)
		log_error("pci: %s: its bus mastering cannot be switched off", d->name);
	return 0;
}

void pci_shutdown(void)
{
	pci_each(shutdown_one, NULL);
}
