/*
 * The posted-interrupt descriptor, which whoever posts shares with the CPU that runs the target, and
 * later with the IOMMU (Intel SDM vol. 3, "Posted-Interrupt Processing"; VT-d specification,
 * "Posted Interrupt Descriptor").
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"

#define PID_ON         BIT(0) /* outstanding notification */
#define PID_SN         BIT(1) /* suppress notification */
#define PID_NV_SHIFT   16     /* notification vector, 8 bits */
#define PID_NDST_SHIFT 32     /* notification destination: x2APIC id; in xAPIC mode id << 8 */

struct pi_desc {
	u64 pir[4];  /* posted-interrupt requests, a bit for each vector; atomic */
	u64 control; /* atomic */
	u64 reserved[3];
} __aligned(64);
static_assert(sizeof(struct pi_desc) == 64, "SDM: 512 bits");
static_assert(offsetof(struct pi_desc, control) == 32, "SDM: bit 256");
