/*
 * The I/O APIC's registers (Intel 82093AA data sheet; ICH9 data sheet, "I/O APIC Registers").
 * Shared by the driver of the host's and the guests' virtual one.
 */
#pragma once

#include "lib/types.h"

#define IOAPIC_DEFAULT_BASE 0xfec00000u /* the first one's, on PCs */
#define IOAPIC_SIZE         0x1000u
#define IOAPIC_PINS         24u /* of the 82093AA and of ICH9's */

/* Registers in memory, 32 bits each. */
enum ioapic_mmio {
	IOAPIC_IOREGSEL = 0x00, /* index: bits 7..0 */
	IOAPIC_IOWIN = 0x10,    /* data */
	IOAPIC_EOI = 0x40, /* write-only, version 0x20 on: the vector whose remote IRR is cleared */
};

/* Registers behind index and data. */
enum ioapic_reg {
	IOAPIC_ID = 0x00,
	IOAPIC_VER = 0x01,
	IOAPIC_ARB = 0x02,
	IOAPIC_REDTBL = 0x10, /* entry n: low half at + 2n, high half at + 2n + 1 */
};

#define IOAPIC_ID_SHIFT 24
#define IOAPIC_ID_MASK  BITS(27, 24)

#define IOAPIC_VER_VERSION     BITS(7, 0)
#define IOAPIC_VER_82093AA     0x11
#define IOAPIC_VER_ICH9        0x20         /* has the EOI register */
#define IOAPIC_VER_MAXRE       BITS(23, 16) /* number of entries minus 1 */
#define IOAPIC_VER_MAXRE_SHIFT 16

/* A redirection entry as one 64-bit value */
#define IOAPIC_RTE_VECTOR         BITS(7, 0)
#define IOAPIC_RTE_MODE           BITS(10, 8) /* delivery mode, as in the local APIC's ICR */
#define IOAPIC_RTE_MODE_SHIFT     8
#define IOAPIC_RTE_LOGICAL        BIT(11) /* destination mode */
#define IOAPIC_RTE_PENDING        BIT(12) /* read-only: delivery status */
#define IOAPIC_RTE_ACTIVE_LOW     BIT(13)
#define IOAPIC_RTE_REMOTE_IRR     BIT(14) /* read-only: level accepted, EOI not yet come */
#define IOAPIC_RTE_LEVEL          BIT(15)
#define IOAPIC_RTE_MASKED         BIT(16)
#define IOAPIC_RTE_DEST           BITS(63, 56)
#define IOAPIC_RTE_DEST_SHIFT     56
#define IOAPIC_RTE_REMAPPABLE     BIT(48)      /* another format, for an IOMMU */
#define IOAPIC_RTE_EXT_DEST       BITS(55, 49) /* bits 14..8 of an extended destination id */
#define IOAPIC_RTE_EXT_DEST_SHIFT 49
#define IOAPIC_RTE_READ_ONLY      (IOAPIC_RTE_PENDING | IOAPIC_RTE_REMOTE_IRR)

/* Delivery modes */
enum ioapic_mode {
	IOAPIC_MODE_FIXED = 0,
	IOAPIC_MODE_LOWEST = 1,
	IOAPIC_MODE_SMI = 2,
	IOAPIC_MODE_NMI = 4,
	IOAPIC_MODE_INIT = 5,
	IOAPIC_MODE_EXTINT = 7,
};
