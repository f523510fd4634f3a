/*
 * PCI's configuration space (PCI Local Bus 3.0, chapter 6; PCI Express Base 6.0, chapter 7; PCI-to-PCI Bridge 1.2,
 * chapter 3) and the ports by which it is reached (PCI 3.0, 3.2.2.3.2), as far as Plinth uses them.
 */
#pragma once

#include "lib/types.h"

#define PCI_CONFIG_ADDRESS 0xcf8
#define PCI_CONFIG_DATA    0xcfc

/* PCI_CONFIG_ADDRESS: bus 23..16, device 15..11, function 10..8, register 7..2 */
#define PCI_CONFIG_ENABLE BIT(31)
#define PCI_CONFIG_BUS    16
#define PCI_CONFIG_DEVFN  8

#define PCI_CONFIG_SIZE     256u  /* by the ports */
#define PCI_EXT_CONFIG_SIZE 4096u /* by memory: PCIe's */
#define PCI_DEVFNS          256u  /* on a bus */
#define PCI_BUSES           256u
#define PCI_BARS            6u
#define PCI_BRIDGE_BARS     2u

enum pci_reg {
	PCI_VENDOR = 0x00,  /* u16 */
	PCI_DEVICE = 0x02,  /* u16 */
	PCI_COMMAND = 0x04, /* u16 */
	PCI_STATUS = 0x06,  /* u16; bits are cleared by ones */
	PCI_REVISION =
		0x08, /* u32: base class 31..24, sub 23..16, programming interface 15..8, revision */
	PCI_HEADER = 0x0e,         /* u8 */
	PCI_BAR0 = 0x10,           /* u32 each */
	PCI_SUBVENDOR = 0x2c,      /* u16 */
	PCI_SUBDEVICE = 0x2e,      /* u16 */
	PCI_CAPABILITIES = 0x34,   /* u8: where the first is */
	PCI_INTERRUPT_LINE = 0x3c, /* u8 */
	PCI_INTERRUPT_PIN = 0x3d,  /* u8 */
	/* bridges */
	PCI_BRIDGE_PRIMARY = 0x18,        /* u8 */
	PCI_BRIDGE_SECONDARY = 0x19,      /* u8 */
	PCI_BRIDGE_SUBORDINATE = 0x1a,    /* u8 */
	PCI_BRIDGE_IO = 0x1c,             /* u16: base 7..0, limit 15..8 */
	PCI_BRIDGE_MEMORY = 0x20,         /* u32: base 15..0, limit 31..16 */
	PCI_BRIDGE_PREFETCH = 0x24,       /* u32: base 15..0, limit 31..16 */
	PCI_BRIDGE_PREFETCH_BASE = 0x28,  /* u32: bits 63..32 of the base */
	PCI_BRIDGE_PREFETCH_LIMIT = 0x2c, /* u32 */
	PCI_BRIDGE_IO_UPPER = 0x30,       /* u32: bits 31..16 of base 15..0 and limit 31..16 */
	PCI_BRIDGE_CONTROL = 0x3e,        /* u16 */
	/* extended capabilities */
	PCI_EXT_CAPABILITIES = 0x100,
};

#define PCI_VENDOR_NONE  0xffffu /* where there is no function */
#define PCI_VENDOR_RETRY 0x0001u /* a function that is not ready yet (PCIe 2.3.1.1, CRS) */

/* command */
#define PCI_COMMAND_IO      BIT(0)
#define PCI_COMMAND_MEMORY  BIT(1)
#define PCI_COMMAND_MASTER  BIT(2)
#define PCI_COMMAND_NO_INTX BIT(10)

/* status */
#define PCI_STATUS_CAPABILITIES BIT(4)

/* header */
#define PCI_HEADER_TYPE       BITS(6, 0)
#define PCI_HEADER_DEVICE     0
#define PCI_HEADER_BRIDGE     1
#define PCI_HEADER_CARDBUS    2
#define PCI_HEADER_MULTI_FUNC BIT(7)

/* bridge control */
#define PCI_BRIDGE_CONTROL_VGA BIT(3)

/* bridge windows: the low bits say how wide it is */
#define PCI_BRIDGE_IO_MASK  0xf0u
#define PCI_BRIDGE_IO_32    0x01u
#define PCI_BRIDGE_MEM_MASK 0xfff0u
#define PCI_BRIDGE_MEM_64   0x0001u

/* base address registers */
#define PCI_BAR_IO          BIT(0)
#define PCI_BAR_IO_MASK     BITS(31, 2)
#define PCI_BAR_TYPE        BITS(2, 1)
#define PCI_BAR_TYPE_32     0x0
#define PCI_BAR_TYPE_64     0x4
#define PCI_BAR_PREFETCH    BIT(3)
#define PCI_BAR_MEMORY_MASK BITS(31, 4)

/* class: base and sub */
#define PCI_CLASS_VGA         0x0300u
#define PCI_CLASS_HOST        0x0600u
#define PCI_CLASS_ISA         0x0601u
#define PCI_CLASS_BRIDGE      0x0604u
#define PCI_CLASS_BASE_BRIDGE 0x06u
#define PCI_CLASS_SERIAL      0x0700u
#define PCI_CLASS_MULTIPORT   0x0702u
#define PCI_CLASS_USB         0x0c03u
#define PCI_SERIAL_PROG_MAX   6 /* 0 to 6: from the 8250 to the 16950, all of one kind */

/* capabilities: id 7..0, next 15..8 */
#define PCI_CAP_FIRST     0x40u
#define PCI_CAP_PM        0x01
#define PCI_CAP_MSI       0x05
#define PCI_CAP_EXPRESS   0x10
#define PCI_CAP_MSIX      0x11
#define PCI_CAP_AF        0x13
/* extended capabilities: id 15..0, version 19..16, next 31..20 */
#define PCI_EXT_CAP_AER   0x0001
#define PCI_EXT_CAP_ACS   0x000d
#define PCI_EXT_CAP_ARI   0x000e
#define PCI_EXT_CAP_ATS   0x000f
#define PCI_EXT_CAP_SRIOV 0x0010

/* power management (PCI Power Management 1.2, 3.2) */
#define PCI_PM_CONTROL       4 /* u16 */
#define PCI_PM_CONTROL_STATE BITS(1, 0)

/* MSI (PCI 3.0, 6.8.1) */
#define PCI_MSI_CONTROL        2 /* u16 */
#define PCI_MSI_CONTROL_ENABLE BIT(0)
#define PCI_MSI_CONTROL_COUNT  BITS(6, 4) /* how many messages are used, as a power of two */
#define PCI_MSI_CONTROL_64     BIT(7)
#define PCI_MSI_CONTROL_MASKS  BIT(8)
#define PCI_MSI_ADDRESS        4  /* u32 */
#define PCI_MSI_ADDRESS_HIGH   8  /* u32, with 64 bits; what follows is then 4 further on */
#define PCI_MSI_DATA_32        8  /* u16 */
#define PCI_MSI_MASK_32        12 /* u32 */
#define PCI_MSI_64_MORE        4
#define PCI_MSI_SIZE           10u
#define PCI_MSI_SIZE_MASKS     20u

/* MSI-X (PCI 3.0, 6.8.2) */
#define PCI_MSIX_CONTROL        2           /* u16 */
#define PCI_MSIX_CONTROL_SIZE   BITS(10, 0) /* entries - 1 */
#define PCI_MSIX_CONTROL_MASK   BIT(14)
#define PCI_MSIX_CONTROL_ENABLE BIT(15)
#define PCI_MSIX_TABLE          4 /* u32: bar 2..0, offset */
#define PCI_MSIX_PENDING        8 /* the same */
#define PCI_MSIX_BAR            BITS(2, 0)
struct pci_msix_entry {
	u32 address, address_high, data;
	u32 control; /* bit 0: masked */
};
static_assert(sizeof(struct pci_msix_entry) == 16, "PCI 3.0, 6.8.2");
#define PCI_MSIX_MASKED BIT(0)

/* PCI Express (PCIe 6.0, 7.5.3) */
#define PCI_EXPRESS_FLAGS          2 /* u16 */
#define PCI_EXPRESS_TYPE           BITS(7, 4)
#define PCI_EXPRESS_DEVICE_CAP     4 /* u32 */
#define PCI_EXPRESS_FLR            BIT(28)
#define PCI_EXPRESS_DEVICE_CONTROL 8 /* u16 */
#define PCI_EXPRESS_DO_FLR         BIT(15)
#define PCI_EXPRESS_DEVICE_STATUS  10 /* u16 */
#define PCI_EXPRESS_PENDING        BIT(5)
#define PCI_EXPRESS_LINK_CAP       12 /* u32 */
#define PCI_EXPRESS_LINK_SPEED     BITS(3, 0)
#define PCI_EXPRESS_LINK_WIDTH     BITS(9, 4)
#define PCI_EXPRESS_LINK_PORT      24
#define PCI_EXPRESS_LINK_STATUS    18 /* u16 */
enum pci_express_type {
	PCI_EXPRESS_ENDPOINT = 0,
	PCI_EXPRESS_LEGACY = 1,
	PCI_EXPRESS_ROOT_PORT = 4,
	PCI_EXPRESS_UPSTREAM = 5,
	PCI_EXPRESS_DOWNSTREAM = 6,
	PCI_EXPRESS_TO_PCI = 7,
	PCI_EXPRESS_FROM_PCI = 8,
	PCI_EXPRESS_ROOT_ENDPOINT = 9,
	PCI_EXPRESS_ROOT_COLLECTOR = 10,
};

/* Advanced features (PCI ECN "Advanced Capabilities for Conventional PCI") */
#define PCI_AF_CAP     3          /* u8 */
#define PCI_AF_CAP_FLR BITS(1, 0) /* both: transactions pending and function reset */
#define PCI_AF_CONTROL 4          /* u8 */
#define PCI_AF_DO_FLR  BIT(0)
#define PCI_AF_STATUS  5 /* u8 */
#define PCI_AF_PENDING BIT(0)

/* Access control services (PCIe 6.0, 7.7.11) */
#define PCI_ACS_CAP      4 /* u16 */
#define PCI_ACS_CONTROL  6 /* u16 */
/* source validation, requests and completions redirected, upstream forwarding */
#define PCI_ACS_ISOLATES (BIT(0) | BIT(2) | BIT(3) | BIT(4))

/* Single root I/O virtualization (SR-IOV 1.1, 3.3) */
#define PCI_SRIOV_CONTROL   0x08 /* u16 */
#define PCI_SRIOV_ENABLE    BIT(0)
#define PCI_SRIOV_TOTAL_VFS 0x0e /* u16 */
