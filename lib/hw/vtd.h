/*
 * Intel's IOMMU (VT-d Architecture Specification 4.1; chapters in brackets): registers (11), tables of legacy mode (9), the
 * invalidation queue (6.5), interrupt remapping (5.1, 9.10), faults (7).
 */
#pragma once

#include "lib/types.h"

enum vtd_reg {
	VTD_CAP = 0x08,  /* u64 */
	VTD_ECAP = 0x10, /* u64 */
	VTD_GCMD = 0x18, /* u32, as all below but those that say u64 */
	VTD_GSTS = 0x1c,
	VTD_RTADDR = 0x20, /* u64 */
	VTD_FSTS = 0x34,
	VTD_FECTL = 0x38,
	VTD_FEDATA = 0x3c,
	VTD_FEADDR = 0x40,
	VTD_FEUADDR = 0x44,
	VTD_PMEN = 0x64,
	VTD_IQH = 0x80,  /* u64 */
	VTD_IQT = 0x88,  /* u64 */
	VTD_IQA = 0x90,  /* u64 */
	VTD_IRTA = 0xb8, /* u64 */
};
#define VTD_REGS_MIN 0x1000u

/* capabilities */
#define VTD_CAP_RWBF    BIT(4)
#define VTD_CAP_PLMR    BIT(5)
#define VTD_CAP_PHMR    BIT(6)
#define VTD_CAP_CM      BIT(7)
#define VTD_CAP_SAGAW_3 BIT(9) /* tables of 3 levels */
#define VTD_CAP_SAGAW_4 BIT(10)
#define VTD_CAP_2M      BIT(34)
#define VTD_CAP_1G      BIT(35)
#define VTD_CAP_PSI     BIT(39)
#define VTD_CAP_ND(v)   (4 + 2 * ((v)&7)) /* log2 of how many domains */
#define VTD_CAP_MGAW(v) (((v) >> 16 & 0x3f) + 1)
#define VTD_CAP_FRO(v)  (((v) >> 24 & 0x3ff) * 16)
#define VTD_CAP_NFR(v)  (((v) >> 40 & 0xff) + 1)
#define VTD_CAP_MAMV(v) ((v) >> 48 & 0x3f)

#define VTD_ECAP_C   BIT(0) /* it reads its tables by way of the caches */
#define VTD_ECAP_QI  BIT(1)
#define VTD_ECAP_IR  BIT(3)
#define VTD_ECAP_EIM BIT(4)

/* global command and status: the same bits */
#define VTD_TE   BIT(31)
#define VTD_RTP  BIT(30)
#define VTD_WBF  BIT(27)
#define VTD_QIE  BIT(26)
#define VTD_IRE  BIT(25)
#define VTD_IRTP BIT(24)
#define VTD_KEPT 0x96ffffffu /* what a command writes back of the status (11.4.4) */

/* faults */
#define VTD_FSTS_PFO    BIT(0)
#define VTD_FSTS_PPF    BIT(1)
#define VTD_FSTS_IQE    BIT(4)
#define VTD_FSTS_ICE    BIT(5)
#define VTD_FSTS_ITE    BIT(6)
#define VTD_FECTL_IM    BIT(31)
#define VTD_PMEN_EPM    BIT(31)
#define VTD_PMEN_PRS    BIT(0)
#define VTD_FRCD_SIZE   16u
/* a record's third and fourth word */
#define VTD_FRCD_SID    0xffffu
#define VTD_FRCD_F      BIT(31)
#define VTD_FRCD_READ   BIT(30)
#define VTD_FRCD_REASON 0xffu
#define VTD_REASON_IRQ  0x20u /* from there on: of interrupt remapping */

/* root and context entries, two words of 64 bits each */
#define VTD_PRESENT      BIT(0)
#define VTD_CONTEXT_FPD  BIT(1) /* faults are not told of */
#define VTD_CONTEXT_AW_3 1u     /* second word: levels of the table */
#define VTD_CONTEXT_AW_4 2u
#define VTD_CONTEXT_DID  8

/* second-level entries */
#define VTD_SL_R    BIT(0)
#define VTD_SL_W    BIT(1)
#define VTD_SL_LEAF BIT(7) /* above level 0 */
#define VTD_SL_ADDR BITS(51, 12)

/* descriptors of the invalidation queue */
struct vtd_desc {
	u64 lo, hi;
};
static_assert(sizeof(struct vtd_desc) == 16, "VT-d 6.5.2");
#define VTD_INV_CONTEXT 0x1u
#define VTD_INV_IOTLB   0x2u
#define VTD_INV_IEC     0x4u
#define VTD_INV_WAIT    0x5u
#define VTD_INV_GLOBAL  (1u << 4)
#define VTD_INV_DOMAIN  (2u << 4)
#define VTD_INV_PAGE    (3u << 4)
#define VTD_INV_DRAINS  (BIT(6) | BIT(7)) /* of the IOTLB: reads and writes under way are done */
#define VTD_INV_DID     16
#define VTD_INV_IEC_ONE BIT(4)
#define VTD_INV_IEC_IDX 32
#define VTD_INV_STATUS  BIT(5) /* wait: writes status, */
#define VTD_INV_FENCE   BIT(6) /* and what follows waits, too */
#define VTD_INV_DATA    32

/* interrupt remapping table entries (9.10, 9.11) */
struct vtd_irte {
	u64 lo, hi;
};
static_assert(sizeof(struct vtd_irte) == 16, "VT-d 9.10");
#define VTD_IRTE_LEVEL    BIT(4)
#define VTD_IRTE_POSTED   BIT(15)
#define VTD_IRTE_URGENT   BIT(14)
#define VTD_IRTE_VECTOR   16
#define VTD_IRTE_DEST     32
#define VTD_IRTE_DEST_8   40           /* where ids have 8 bits */
#define VTD_IRTE_PDA_LOW  38           /* bits 31..6 of the descriptor's address */
#define VTD_IRTE_PDA_HIGH 32           /* hi: bits 63..32 */
#define VTD_IRTE_VERIFY   (1ULL << 18) /* hi: the requester id must be that one */
#define VTD_IRTA_EIME     BIT(11)

/* messages that are remapped (5.1.2.2) */
#define VTD_MSI_ADDRESS 0xfee00010u
#define VTD_MSI_INDEX   5 /* bits 14..0 of the index */
#define VTD_MSI_INDEX15 2
