/*
 * AMD's IOMMU (AMD I/O Virtualization Technology Specification 3.08): registers (3.4), the device table (2.2.2), page tables
 * (2.2.3), interrupt remapping (2.2.5), commands (2.4), events (2.5).
 */
#pragma once

#include "lib/types.h"

#define AMDVI_REGS_SIZE 0x4000u

enum amdvi_reg { /* u64 each */
		 AMDVI_DEVICE_TABLE = 0x0000,
		 AMDVI_COMMANDS = 0x0008,
		 AMDVI_EVENTS = 0x0010,
		 AMDVI_CONTROL = 0x0018,
		 AMDVI_FEATURES = 0x0030,
		 AMDVI_COMMAND_HEAD = 0x2000,
		 AMDVI_COMMAND_TAIL = 0x2008,
		 AMDVI_EVENT_HEAD = 0x2010,
		 AMDVI_EVENT_TAIL = 0x2018,
		 AMDVI_STATUS = 0x2020,
};

#define AMDVI_RING_4K  (8ULL << 56) /* a ring of 256 entries of 16 bytes */
#define AMDVI_RING_LEN 256u

/* control */
#define AMDVI_ENABLE       BIT(0)
#define AMDVI_HT_TUNNEL    BIT(1)
#define AMDVI_EVENT_LOG    BIT(2)
#define AMDVI_EVENT_INT    BIT(3)
#define AMDVI_PASS_PW      BIT(8)
#define AMDVI_RES_PASS_PW  BIT(9)
#define AMDVI_COHERENT     BIT(10)
#define AMDVI_ISOCHRONOUS  BIT(11)
#define AMDVI_COMMAND_RING BIT(12)
#define AMDVI_GUEST_APIC   BIT(17) /* entries of interrupt tables have 128 bits */
#define AMDVI_X2APIC       BIT(50) /* and name CPUs by 32 */

/* extended features */
#define AMDVI_FEATURE_XT BIT(2)
#define AMDVI_FEATURE_GA BIT(7)

/* status; cleared by ones */
#define AMDVI_STATUS_OVERFLOW BIT(0)
#define AMDVI_STATUS_EVENT    BIT(1)

/* device table entries */
struct amdvi_dte {
	u64 q[4];
};
static_assert(sizeof(struct amdvi_dte) == 32, "AMD IOMMU 2.2.2.1");
#define AMDVI_DTE_VALID      BIT(0)
#define AMDVI_DTE_TRANSLATES BIT(1)
#define AMDVI_DTE_MODE       9
#define AMDVI_DTE_IRQS_VALID BIT(0) /* quadword 2, as all that follows: messages go by it */
#define AMDVI_DTE_IRQS_LOG2  1      /* of the table's entries */
#define AMDVI_DTE_IRQS       BITS(51, 6)
#define AMDVI_DTE_IRQS_REMAP (2ULL << 60) /* 0: fixed and arbitrated ones are aborted */
#define AMDVI_DTES           65536u
#define AMDVI_DTES_ORDER     9u /* of pages */

/* page table entries; read and write as in a device table entry */
#define AMDVI_PRESENT    BIT(0)
#define AMDVI_NEXT_LEVEL 9 /* 0: a page */
#define AMDVI_LEVEL_MASK BITS(11, 9)
#define AMDVI_ADDR       BITS(51, 12)
#define AMDVI_COHERENCE  BIT(60)
#define AMDVI_READ       BIT(61)
#define AMDVI_WRITE      BIT(62)

/* interrupt table entries; those of 32 bits have the low half's fields, with 8 bits of destination, and the vector behind them */
struct amdvi_irte {
	u64 lo, hi;
};
static_assert(sizeof(struct amdvi_irte) == 16, "AMD IOMMU 2.2.5.2");
#define AMDVI_IRTE_ON            BIT(0)
#define AMDVI_IRTE_DEST          8
#define AMDVI_IRTE_VECTOR_NARROW 16
#define AMDVI_IRTE_DEST_HIGH     56 /* hi: bits 31..24; the vector is hi's bits 7..0 */
/* to a guest's APIC (2.2.5.3); hi has the page's address, too */
#define AMDVI_IRTE_LOG           BIT(2) /* tell software of what comes while it does not run */
#define AMDVI_IRTE_RUNS          BIT(6)
#define AMDVI_IRTE_POSTED        BIT(7)
#define AMDVI_IRTE_TAG           32
#define AMDVI_PINS               240u /* of an I/O APIC, at most */

struct amdvi_entry { /* a command or an event */
	u64 lo, hi;
};
static_assert(sizeof(struct amdvi_entry) == 16, "AMD IOMMU 2.4");
#define AMDVI_OP           60
#define AMDVI_OP_WAIT      1ULL
#define AMDVI_OP_DEVICE    2ULL
#define AMDVI_OP_PAGES     3ULL
#define AMDVI_OP_IRQS      5ULL
#define AMDVI_WAIT_STORE   BIT(0)
#define AMDVI_PAGES_DOMAIN 32
#define AMDVI_PAGES_SIZED  BIT(0) /* more than one: the lowest 0 of the address says how many */
#define AMDVI_PAGES_ALL    0x7ffffffffffff000ULL
#define AMDVI_PAGES_TABLES BIT(1)

#define AMDVI_EVENT_RID   0xffffu
#define AMDVI_EVENT_IRQ   BIT(51)
#define AMDVI_EVENT_WRITE BIT(53)
enum amdvi_event {
	AMDVI_EVENT_DTE = 1,
	AMDVI_EVENT_PAGE = 2,
	AMDVI_EVENT_DTE_HW = 3,
	AMDVI_EVENT_PAGE_HW = 4,
	AMDVI_EVENT_COMMAND = 5,
	AMDVI_EVENT_COMMAND_HW = 6,
	AMDVI_EVENT_REQUEST = 8,
};
