/*
 * Which devices can reach each other past an IOMMU, by requests that never come to it or that bear another's id, and
 * so belong to one owner together. Groups are joined by three rules, and numbered in the order of the list.
 */
#include "drivers/pci/scan.h"

static bool same_slot(const struct pci_device *a, const struct pci_device *b)
{
	return a->at.segment == b->at.segment && a->at.bus == b->at.bus &&
	       PCI_SLOT(a->at.devfn) == PCI_SLOT(b->at.devfn);
}

/* Requests go up to the root and are checked there; switched on where it can be. */
static bool isolates(struct pci_device *d)
{
	u32 can, reg = d->caps.acs + PCI_ACS_CONTROL;

	if (!d->caps.acs)
		return false;
	can = pci_read16(d, d->caps.acs + PCI_ACS_CAP) & (u32)PCI_ACS_ISOLATES;
	pci_write16(d, reg, (u16)(pci_read16(d, reg) | can));
	return (pci_read16(d, reg) & PCI_ACS_ISOLATES) == PCI_ACS_ISOLATES;
}

static void join(u32 a, u32 b)
{
	u32 from = MAX(a, b), to = MIN(a, b);

	list_for_each(node, pci_devices()) {
		struct pci_device *d = list_entry(node, struct pci_device, node);

		if (d->group == from)
			d->group = to;
	}
}

/* Behind a bridge to conventional PCI the bridge's id is what the IOMMU sees, or may see. */
static bool is_conventional(const struct pci_device *bridge)
{
	return !bridge->caps.express || bridge->express_type == PCI_EXPRESS_TO_PCI ||
	       bridge->express_type == PCI_EXPRESS_FROM_PCI;
}

static void join_upward(struct pci_device *d)
{
	struct pci_device *up = d->parent;

	if (!up || up->express_type == PCI_EXPRESS_UPSTREAM)
		return;
	if (is_conventional(up) || !isolates(up))
		join(d->group, up->group);
}

/* A switch's port that hands requests to its neighbour. */
static void join_switch(struct pci_device *d)
{
	if (d->caps.express && d->express_type == PCI_EXPRESS_DOWNSTREAM && d->parent &&
	    !isolates(d))
		join(d->group, d->parent->group);
}

static void join_functions(struct pci_device *d)
{
	list_for_each(node, pci_devices()) {
		struct pci_device *o = list_entry(node, struct pci_device, node);

		if (o == d)
			return;
		if (same_slot(o, d) && (!isolates(o) || !isolates(d)))
			join(o->group, d->group);
	}
}

static void renumber(void)
{
	u32 next = 0;

	/* A group bears the place of its first member in the list. */
	for (u32 place = 0; place < PCI_DEVICES_MAX; place++) {
		bool any = false;

		list_for_each(node, pci_devices()) {
			struct pci_device *d = list_entry(node, struct pci_device, node);

			if (d->group == place) {
				d->group = next;
				any = true;
			}
		}
		next += any;
	}
}

void pci_make_groups(void)
{
	u32 place = 0;

	list_for_each(node, pci_devices())
		list_entry(node, struct pci_device, node)->group = place++;
	list_for_each(node, pci_devices()) {
		struct pci_device *d = list_entry(node, struct pci_device, node);

		join_upward(d);
		join_switch(d);
		join_functions(d);
	}
	renumber();
}
