/*
 * The GUID partition table as it lies on a disk: UEFI 2.10, chapter 5.
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"

#define MBR_SIGNATURE       0xaa55u
#define MBR_TYPE_PROTECTIVE 0xeeu

/* Block 0, "Legacy Master Boot Record" */
struct mbr_record {
	u8 boot, start_chs[3];
	u8 type;
	u8 end_chs[3];
	u32 first, count;
} __packed;
struct mbr {
	u8 code[446];
	struct mbr_record record[4];
	u16 signature;
} __packed;
static_assert(sizeof(struct mbr_record) == 16, "an MBR's partition record");
static_assert(sizeof(struct mbr) == 512, "an MBR");

#define GPT_SIGNATURE  0x5452415020494645ull /* "EFI PART" */
#define GPT_REVISION   0x00010000u
#define GPT_ENTRY_MIN  128u
#define GPT_NAME_UNITS 36u

/* Block 1 and the last one, "GPT Header" */
struct gpt_header {
	u64 signature;
	u32 revision;
	u32 size;
	u32 crc; /* of size bytes, this being 0 */
	u32 reserved;
	u64 here, other; /* the header's own block and the other one's */
	u64 first, last; /* blocks that partitions may have */
	u8 disk_uuid[16];
	u64 entries; /* their first block */
	u32 entry_count, entry_size;
	u32 entries_crc;
} __packed;
static_assert(sizeof(struct gpt_header) == 92, "a GPT header");
static_assert(offsetof(struct gpt_header, entries_crc) == 88, "a GPT header");

/* "GPT Partition Entry Array" */
struct gpt_entry {
	u8 type[16]; /* all 0: unused */
	u8 uuid[16];
	u64 first, last;
	u64 attributes;
	u16 name[GPT_NAME_UNITS]; /* UTF-16 */
} __packed;
static_assert(sizeof(struct gpt_entry) == GPT_ENTRY_MIN, "a partition entry");
