/*
 * NVM Express as the controller shows it (NVMe Base Specification 2.0, "NVMe over PCIe" and NVM Command Set 1.0): registers, queue
 * entries, what Identify and log pages hold. Little-endian all of it.
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"

enum nvme_reg {
	NVME_CAP = 0x00, /* controller capabilities, 64 bits */
	NVME_VS = 0x08,  /* version: major 31..16, minor 15..8 */
	NVME_INTMS = 0x0c,
	NVME_INTMC = 0x10,
	NVME_CC = 0x14,   /* controller configuration */
	NVME_CSTS = 0x1c, /* controller status */
	NVME_AQA =
		0x24, /* admin queues: entries - 1 of the completion 27..16, of the submission queue 11..0 */
	NVME_ASQ = 0x28,
	NVME_ACQ = 0x30,
	NVME_DOORBELLS =
		0x1000, /* queue y: tail of the submission queue at 2y, head of the completion queue at 2y + 1, times the stride */
};

#define NVME_CAP_MQES(cap)   ((u32)((cap)&0xffff))       /* entries of a queue - 1 */
#define NVME_CAP_TO(cap)     ((u32)((cap) >> 24 & 0xff)) /* in 500 ms */
#define NVME_CAP_DSTRD(cap)  ((u32)((cap) >> 32 & 0xf))  /* doorbells are 4 << this apart */
#define NVME_CAP_CSS_NVM     BIT(37)
#define NVME_CAP_MPSMIN(cap) ((u32)((cap) >> 48 & 0xf)) /* pages are 4096 << this at least */
#define NVME_CAP_MPSMAX(cap) ((u32)((cap) >> 52 & 0xf))

#define NVME_CC_EN         BIT(0)
#define NVME_CC_SHN        BITS(15, 14)
#define NVME_CC_SHN_NORMAL BIT(14)
#define NVME_CC_IOSQES     (6u << 16) /* log2 of an entry's bytes */
#define NVME_CC_IOCQES     (4u << 20)

#define NVME_CSTS_RDY       BIT(0)
#define NVME_CSTS_CFS       BIT(1) /* fatal status */
#define NVME_CSTS_SHST      BITS(3, 2)
#define NVME_CSTS_SHST_DONE BIT(3)

/* A read of a device that was taken out. */
#define NVME_GONE (~0u)

struct nvme_command {
	u8 opcode, flags;
	u16 cid;
	u32 nsid;
	u32 cdw2, cdw3;
	u64 mptr;
	u64 prp1, prp2;
	u32 cdw10, cdw11, cdw12, cdw13, cdw14, cdw15;
};
static_assert(sizeof(struct nvme_command) == 64, "NVMe 2.0, 3.3.3.1");
static_assert(offsetof(struct nvme_command, prp1) == 24, "NVMe 2.0, 3.3.3.1");
static_assert(offsetof(struct nvme_command, cdw10) == 40, "NVMe 2.0, 3.3.3.1");

struct nvme_completion {
	u32 result;
	u32 reserved;
	u16 sqhd, sqid;
	u16 cid;
	u16 status; /* phase 0, code 8..1, type 11..9, more 14, do not retry 15 */
};
static_assert(sizeof(struct nvme_completion) == 16, "NVMe 2.0, 3.3.3.2");

#define NVME_STATUS_PHASE BIT(0)
#define NVME_STATUS_DNR   BIT(15)
#define NVME_STATUS(s)    ((u32)((s) >> 1 & 0x7ff)) /* type and code, as below */

enum nvme_status {
	NVME_SC_SUCCESS = 0x000,
	NVME_SC_INVALID_OPCODE = 0x001,
	NVME_SC_INVALID_FIELD = 0x002,
	NVME_SC_DATA_TRANSFER = 0x004,
	NVME_SC_ABORTED_POWER = 0x005,
	NVME_SC_INTERNAL = 0x006,
	NVME_SC_ABORT_REQ = 0x007,
	NVME_SC_INVALID_NS = 0x00b,
	NVME_SC_LBA_RANGE = 0x080,
	NVME_SC_CAPACITY = 0x081,
	NVME_SC_NS_NOT_READY = 0x082,
	NVME_SC_READ_ONLY = 0x182,
	NVME_SC_WRITE_FAULT = 0x280,
	NVME_SC_READ_ERROR = 0x281,
};

enum nvme_admin_opcode {
	NVME_ADMIN_DELETE_SQ = 0x00,
	NVME_ADMIN_CREATE_SQ = 0x01,
	NVME_ADMIN_GET_LOG = 0x02,
	NVME_ADMIN_DELETE_CQ = 0x04,
	NVME_ADMIN_CREATE_CQ = 0x05,
	NVME_ADMIN_IDENTIFY = 0x06,
	NVME_ADMIN_ABORT = 0x08,
	NVME_ADMIN_SET_FEATURES = 0x09,
	NVME_ADMIN_ASYNC_EVENT = 0x0c,
	NVME_ADMIN_DBBUF = 0x7c,
};

enum nvme_io_opcode {
	NVME_IO_FLUSH = 0x00,
	NVME_IO_WRITE = 0x01,
	NVME_IO_READ = 0x02,
	NVME_IO_WRITE_ZEROES = 0x08,
	NVME_IO_DSM = 0x09,
};

#define NVME_RW_FUA      BIT(30) /* cdw12 */
#define NVME_DSM_DEALLOC BIT(2)  /* cdw11 */
#define NVME_QUEUE_PC    BIT(0)  /* create queue, cdw11: physically contiguous */
#define NVME_QUEUE_IEN   BIT(1)  /* interrupts */
#define NVME_NSID_MAX    0xfffffffeu
#define NVME_BLOCKS_MAX  65536u /* in a command that counts them in 16 bits */

enum nvme_cns {
	NVME_CNS_NS = 0x00,
	NVME_CNS_CTRL = 0x01,
	NVME_CNS_NS_LIST = 0x02,
};
enum nvme_feature {
	NVME_FEATURE_QUEUES = 0x07,
	NVME_FEATURE_EVENTS = 0x0b,
};
enum nvme_log {
	NVME_LOG_ERROR = 0x01,
	NVME_LOG_SMART = 0x02,
	NVME_LOG_CHANGED_NS = 0x04,
};

/* Asynchronous events: type 2..0, information 15..8, log page 23..16 of the result. */
#define NVME_EVENT_TYPE(r)     ((r)&7u)
#define NVME_EVENT_INFO(r)     ((r) >> 8 & 0xffu)
#define NVME_EVENT_LOG(r)      ((r) >> 16 & 0xffu)
#define NVME_EVENT_NOTICE      2u
#define NVME_NOTICE_NS_CHANGED 0u
#define NVME_EVENTS_SMART      BITS(4, 0) /* feature: every critical warning */
#define NVME_EVENTS_NS         BIT(8)

struct nvme_dsm_range {
	u32 attributes;
	u32 blocks;
	u64 lba;
};
static_assert(sizeof(struct nvme_dsm_range) == 16, "NVM 1.0, 3.2.3");

#define NVME_OACS_DBBUF  BIT(8)
#define NVME_ONCS_DSM    BIT(2)
#define NVME_ONCS_ZEROES BIT(3)
#define NVME_VWC_PRESENT BIT(0)
#define NVME_OAES_NS     BIT(8)

struct nvme_id_ctrl {
	u16 vid, ssvid;
	char sn[20], mn[40], fr[8];
	u8 rab, ieee[3], cmic, mdts; /* mdts: pages of the smallest size, log2; 0: no limit */
	u16 cntlid;
	u32 ver, rtd3r, rtd3e; /* rtd3e: us that a shutdown may take; 0: not said */
	u32 oaes, ctratt;
	u8 reserved100[156];
	u16 oacs;
	u8 acl, aerl;
	u8 reserved260[252];
	u8 sqes, cqes; /* log2 of an entry's bytes: least 3..0, most 7..4 */
	u16 maxcmd;
	u32 nn;
	u16 oncs, fuses;
	u8 fna, vwc;
	u8 reserved526[3570];
} __packed;
static_assert(sizeof(struct nvme_id_ctrl) == 4096, "NVMe 2.0, figure 275");
static_assert(offsetof(struct nvme_id_ctrl, mdts) == 77, "NVMe 2.0, figure 275");
static_assert(offsetof(struct nvme_id_ctrl, oacs) == 256, "NVMe 2.0, figure 275");
static_assert(offsetof(struct nvme_id_ctrl, sqes) == 512, "NVMe 2.0, figure 275");
static_assert(offsetof(struct nvme_id_ctrl, oncs) == 520, "NVMe 2.0, figure 275");

#define NVME_FORMATS_MAX 64u

struct nvme_lbaf {
	u16 ms;   /* bytes of metadata */
	u8 lbads; /* log2 of a block's bytes */
	u8 rp;
};

struct nvme_id_ns {
	u64 nsze, ncap, nuse; /* blocks */
	u8 nsfeat, nlbaf, flbas, mc, dpc, dps;
	u8 nmic, rescap, fpi, dlfeat;
	u8 reserved34[70];
	u8 nguid[16], eui64[8];
	struct nvme_lbaf lbaf[NVME_FORMATS_MAX];
	u8 reserved384[3712];
} __packed;
static_assert(sizeof(struct nvme_id_ns) == 4096, "NVM 1.0, figure 97");
static_assert(offsetof(struct nvme_id_ns, nguid) == 104, "NVM 1.0, figure 97");
static_assert(offsetof(struct nvme_id_ns, lbaf) == 128, "NVM 1.0, figure 97");

#define NVME_FLBAS_INDEX(f) ((u32)(((f)&0xf) | ((f) >> 1 & 0x30)))
#define NVME_DPS_TYPE       BITS(2, 0) /* protection information is on */
#define NVME_NSATTR_WP      BIT(0)

struct nvme_smart {
	u8 critical_warning;
	u16 temperature; /* K */
	u8 spare, spare_threshold, percentage_used;
	u8 reserved6[26];
	u64 data_read[2], data_written[2]; /* in 1000 times 512 bytes; 128 bits each from here on */
	u64 reads[2], writes[2];
	u64 busy_minutes[2], power_cycles[2], power_on_hours[2];
	u64 unsafe_shutdowns[2], media_errors[2], error_entries[2];
	u8 reserved192[320];
} __packed;
static_assert(sizeof(struct nvme_smart) == 512, "NVMe 2.0, figure 207");
static_assert(offsetof(struct nvme_smart, data_read) == 32, "NVMe 2.0, figure 207");
static_assert(offsetof(struct nvme_smart, media_errors) == 160, "NVMe 2.0, figure 207");
