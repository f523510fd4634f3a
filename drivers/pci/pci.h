/*
 * PCI devices: what is known of each, and what their drivers may do with them. Devices are found once, at start; a
 * driver is offered those that its table names. Nobody else touches a device's configuration space meanwhile.
 *
 * A device may be pulled out at any time. Reads then give all ones, writes do nothing, and whatever waits for the
 * device ends: with -ENODEV where pci_is_gone().
 */
#pragma once

#include "core/dma.h"
#include "core/hostdev.h"
#include "core/irq.h"
#include "drivers/pci/config.h"
#include "lib/compiler.h"
#include "lib/hw/pci.h"
#include "lib/list.h"
#include "lib/types.h"

struct boot_info;

#define PCI_NAME_MAX    16u
#define PCI_DEVICES_MAX 1024u
#define PCI_WINDOWS     3u

/* Addresses: ports, or physical memory. */
struct pci_range {
	bool io;
	u64 base, len; /* len 0: none */
};

/* What a base address register says. */
struct pci_bar {
	struct pci_range range;
	bool present, prefetch, wide; /* wide: of 64 bits, so that the next one is part of it */
	const char *wrong;            /* why it is not to be used; NULL: it may be */
};

/* Where capabilities are in configuration space, with room for all their registers; 0: it has none. */
struct pci_caps {
	u16 pm, msi, express, msix, af;
	u16 acs, ari, sriov;
};

struct pci_driver;

/* A vector of MSI-X, or the one of MSI. */
struct pci_vector {
	struct irq *irq; /* NULL: not connected */
	bool masked;
};

struct pci_device {
	/* Const after pci_init(). */
	struct pci_address at;
	char name[PCI_NAME_MAX]; /* "0000:00:1f.2" */
	u16 vendor, device, subvendor, subdevice;
	u32 class;           /* base 23..16, sub 15..8, programming interface 7..0 */
	u8 revision, header; /* header: PCI_HEADER_TYPE */
	u8 express_type;     /* enum pci_express_type, with caps.express */
	bool multifunction;
	struct pci_bar bars[PCI_BARS];
	struct pci_caps caps;
	struct pci_device *parent; /* the bridge that it is behind; NULL: on a root bus */
	u8 secondary, subordinate; /* of a bridge whose bus was looked at; 0: none */
	struct pci_range windows[PCI_WINDOWS]; /* of a bridge: what it hands on */
	u32 group;        /* devices that can reach each other past an IOMMU have the same */
	struct list node; /* in the list of all, parents first */

	/* Its driver's. */
	const struct pci_driver *driver; /* NULL: none has it */
	void *priv;
	struct dma_device dma; /* name, segment and rid are filled in, mask says 32 bits, align 1 */
	bool gone;             /* only ever set */

	/* drivers/pci/msi.c's. */
	struct pci_vector *vectors;
	u32 vector_count, msix_entries;
	volatile struct pci_msix_entry *msix_table; /* NULL: MSI */

	struct hostdev hostdev;
};

#define PCI_ANY 0xffffu

/* One row matches by ids (PCI_ANY: any), and by the bits of class that class_mask has. */
struct pci_match {
	u16 vendor, device;
	u32 class, class_mask;
};

struct pci_driver {
	const char *name;
	const struct pci_match *matches; /* ended by a row of zeroes */
	/*
	 * Bus mastering is off, interrupts are masked, the function is in D0. 0: the driver has it. On an error
	 * everything that was taken has been given back. A thread.
	 */
	int (*probe)(struct pci_device *d);
	/*
	 * The machine goes off or is reset: after it the device has kept what it was told to keep. Who still asks
	 * something of it waits in vain. It may be gone. A thread.
	 */
	void (*shutdown)(struct pci_device *d);
	/* Adds to nodedev-dumpxml; may be NULL. A thread. */
	void (*describe)(struct pci_device *d, struct hostdev_sink *s);
};

/*
 * Finds the devices of all segments. Bus mastering and messages are off on all of them after. Boot CPU, once, after
 * acpi_init(); a thread.
 */
void pci_init(const struct boot_info *bi);

/* Offers every device to the drivers of the table, ended by NULL, in its order. A thread, once. */
void pci_start_drivers(const struct pci_driver *const *drivers);

/* Shuts all devices down that have a driver: no bus mastering after. A thread, once, at the end. */
void pci_shutdown(void);

/* Calls fn for each, parents first; a result other than 0 ends it. Any time after pci_init(). */
int pci_each(int (*fn)(struct pci_device *d, void *arg), void *arg);
/* NULL: there is none. */
struct pci_device *pci_find(struct pci_address at);

/* Registers of configuration space: reg below 4096 and aligned. Any context but NMI. */
u8 pci_read8(const struct pci_device *d, u32 reg);
u16 pci_read16(const struct pci_device *d, u32 reg);
u32 pci_read32(const struct pci_device *d, u32 reg);
void pci_write8(struct pci_device *d, u32 reg, u8 v);
void pci_write16(struct pci_device *d, u32 reg, u16 v);
void pci_write32(struct pci_device *d, u32 reg, u32 v);

/* Whether it was pulled out: its vendor reads as all ones. It stays so. Any context but NMI. */
bool pci_is_gone(struct pci_device *d);

/*
 * Switches decoding of its base addresses, and its bus mastering, for which the bridges above it hand on what it sends.
 * Mastering: after dma_device_start(). -ENODEV: it is gone; -EIO: the bit stays as it was. Any context but NMI; one at a
 * time for each device.
 */
int pci_decode(struct pci_device *d, bool on) __must_check;
int pci_bus_master(struct pci_device *d, bool on) __must_check;

/*
 * Maps len bytes (0: all) of a memory BAR from offset on, uncached; kunmap() with the same length ends it. NULL: it has
 * none, it is not to be used (bars[].wrong), it is shorter, or there is no room. A thread.
 */
void *pci_bar_map(struct pci_device *d, u32 bar, u64 offset, u64 len) __must_check;

/* How many vectors of MSI-X it has; 0: none. */
u32 pci_msix_count(const struct pci_device *d);
/*
 * MSI-X with n vectors, all masked. -ENOTSUP: the device has none, or its table cannot be where it says; -EINVAL: n is
 * 0 or more than pci_msix_count(); -EBUSY: it has vectors; -ENOMEM; -ENODEV. A thread.
 */
int pci_msix_alloc(struct pci_device *d, u32 n) __must_check;
/* The same by MSI with one vector. */
int pci_msi_alloc(struct pci_device *d) __must_check;

/*
 * The rest is for both; MSI's vector is 0. Where MSI has no mask bits, masking switches it off, and what the device
 * sends meanwhile is lost: look at it after unmasking.
 */
/*
 * Sends vector index to irq, which stays the caller's until pci_irqs_free(). Still masked. Errors are
 * irq_compose_msi()'s. A thread.
 */
int pci_irq_connect(struct pci_device *d, u32 index, struct irq *irq) __must_check;
/* After masking returned no new one is sent. Any context but NMI; one at a time for each vector. */
void pci_irq_mask(struct pci_device *d, u32 index, bool masked);
/* Sends it to another CPU: irq_move(). A thread. */
int pci_irq_move(struct pci_device *d, u32 index, u32 cpu) __must_check;
/* Masks all and switches them off. The irqs are the caller's to free then. A thread. */
void pci_irqs_free(struct pci_device *d);

/* Whether the function can be reset alone. */
bool pci_can_reset(const struct pci_device *d);
/*
 * Resets the function alone: bus mastering, decoding and messages are off after, the base addresses are as before. 0;
 * -ENOTSUP; -EBUSY: it has vectors; -ETIMEDOUT: it did not come back in 2 s; -ENODEV. A thread; takes 100 ms at least.
 */
int pci_function_reset(struct pci_device *d) __must_check;
