/*
 * PCI's configuration space (PCI Local Bus 3.0, chapter 6) and the ports by which it is reached (3.2.2.3.2),
 * as far as Plinth uses them.
 */
#pragma once

#include "lib/types.h"

#define PCI_CONFIG_ADDRESS 0xcf8
#define PCI_CONFIG_DATA    0xcfc

/* PCI_CONFIG_ADDRESS: bus 23..16, device 15..11, function 10..8, register 7..2 */
#define PCI_CONFIG_ENABLE   BIT(31)
#define PCI_CONFIG_BUS      16
#define PCI_CONFIG_DEVICE   11
#define PCI_CONFIG_FUNCTION 8

enum pci_reg {                     /* by dwords */
	       PCI_ID = 0x00,      /* vendor 15..0, device 31..16 */
	       PCI_COMMAND = 0x04, /* command 15..0, status 31..16 */
	       PCI_CLASS =
		       0x08, /* base 31..24, sub 23..16, programming interface 15..8, revision */
	       PCI_HEADER = 0x0c, /* header type 23..16 */
	       PCI_BAR0 = 0x10,
	       PCI_BAR1 = 0x14,
};

#define PCI_ID_NONE 0xffffu /* the vendor where there is no function */

/* command; status is cleared by ones, so zeros are written there */
#define PCI_COMMAND_IO     BIT(0)
#define PCI_COMMAND_MEMORY BIT(1)
#define PCI_COMMAND_MASK   BITS(15, 0)

/* header */
#define PCI_HEADER_TYPE       BITS(22, 16) /* 0: a device */
#define PCI_HEADER_MULTI_FUNC BIT(23)

/* base address registers */
#define PCI_BAR_IO          BIT(0)
#define PCI_BAR_IO_MASK     BITS(31, 2)
#define PCI_BAR_TYPE        BITS(2, 1)
#define PCI_BAR_TYPE_32     0x0
#define PCI_BAR_TYPE_64     0x4
#define PCI_BAR_MEMORY_MASK BITS(31, 4)

/* class: base and sub */
#define PCI_CLASS_SERIAL    0x0700u
#define PCI_CLASS_MULTIPORT 0x0702u
#define PCI_SERIAL_PROG_MAX 6 /* 0 to 6: from the 8250 to the 16950, all of one kind */
