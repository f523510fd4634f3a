/*
 * What management sees of a device: libvirt's names and elements of <capability type='pci'>.
 */
#include "core/host.h"
#include "drivers/pci/scan.h"
#include "lib/fmt.h"
#include "lib/string.h"

#define PATH_ABOVE                                                                                 \
	((int)(HOSTDEV_PATH_MAX - PCI_NAME_MAX - 2)) /* of a parent's path: more has no room */

static void element(struct hostdev_sink *s, const char *name, const char *text)
{
	s->open(s, name);
	s->text(s, text);
	s->close(s);
}

static void number(struct hostdev_sink *s, const char *name, u32 n)
{
	char text[12];

	snprintf(text, sizeof(text), "%u", n);
	element(s, name, text);
}

static void hex_attr(struct hostdev_sink *s, const char *name, u32 digits, u32 v)
{
	char text[12];

	snprintf(text, sizeof(text), "0x%0*x", (int)digits, v);
	s->attr(s, name, text);
}

static void id(struct hostdev_sink *s, const char *name, u32 v)
{
	s->open(s, name);
	hex_attr(s, "id", 4, v);
	s->close(s);
}

static void address(struct hostdev_sink *s, struct pci_address at)
{
	s->open(s, "address");
	hex_attr(s, "domain", 4, at.segment);
	hex_attr(s, "bus", 2, at.bus);
	hex_attr(s, "slot", 2, PCI_SLOT(at.devfn));
	hex_attr(s, "function", 1, PCI_FUNC(at.devfn));
	s->close(s);
}

static void group(struct hostdev_sink *s, u32 n)
{
	char text[12];

	snprintf(text, sizeof(text), "%u", n);
	s->open(s, "iommuGroup");
	s->attr(s, "number", text);
	list_for_each(node, pci_devices()) {
		const struct pci_device *d = list_entry(node, struct pci_device, node);

		if (d->group == n)
			address(s, d->at);
	}
	s->close(s);
}

/* GT/s by the code of PCIe 6.0, 7.5.3.6; 0 is for "not said". */
static void link(struct hostdev_sink *s, const char *validity, u32 v)
{
	static const char *const speeds[] = { NULL, "2.5", "5", "8", "16", "32", "64" };
	u32 speed = v & (u32)PCI_EXPRESS_LINK_SPEED;
	char width[12];

	snprintf(width, sizeof(width), "%u", (v & (u32)PCI_EXPRESS_LINK_WIDTH) >> 4);
	s->open(s, "link");
	s->attr(s, "validity", validity);
	if (speed && speed < ARRAY_LEN(speeds))
		s->attr(s, "speed", speeds[speed]);
	s->attr(s, "width", width);
	s->close(s);
}

static void express(struct hostdev_sink *s, const struct pci_device *d)
{
	u32 cap = pci_read32(d, d->caps.express + PCI_EXPRESS_LINK_CAP);

	s->open(s, "pci-express");
	if (cap & PCI_EXPRESS_LINK_WIDTH) {
		link(s, "cap", cap);
		link(s, "sta", pci_read16(d, d->caps.express + PCI_EXPRESS_LINK_STATUS));
	}
	s->close(s);
}

static void describe(struct hostdev *h, struct hostdev_sink *s)
{
	struct pci_device *d = h->data;
	char class[12];

	snprintf(class, sizeof(class), "0x%06x", d->class);
	element(s, "class", class);
	number(s, "domain", d->at.segment);
	number(s, "bus", d->at.bus);
	number(s, "slot", PCI_SLOT(d->at.devfn));
	number(s, "function", PCI_FUNC(d->at.devfn));
	id(s, "product", d->device);
	id(s, "vendor", d->vendor);
	group(s, d->group);
	if (d->caps.express && !pci_is_gone(d))
		express(s, d);
	if (d->driver && d->driver->describe)
		d->driver->describe(d, s);
}

/* As Linux's sysfs has it: the root bus, then each bridge on the way. */
static void make_path(struct pci_device *d)
{
	struct hostdev *h = &d->hostdev;

	if (d->parent)
		snprintf(h->path, sizeof(h->path), "%.*s/%s", PATH_ABOVE, d->parent->hostdev.path,
			 d->name);
	else
		snprintf(h->path, sizeof(h->path), "/sys/devices/pci%04x:%02x/%s", d->at.segment,
			 d->at.bus, d->name);
}

void pci_add_hostdev(struct pci_device *d)
{
	struct hostdev *h = &d->hostdev;

	snprintf(h->name, sizeof(h->name), "pci_%04x_%02x_%02x_%x", d->at.segment, d->at.bus,
		 PCI_SLOT(d->at.devfn), PCI_FUNC(d->at.devfn));
	make_path(d);
	h->parent = d->parent ? &d->parent->hostdev : NULL;
	h->capability = "pci";
	h->describe = describe;
	h->data = d;
	hostdev_add(h);
}
