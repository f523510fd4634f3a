/*
 * Multiboot2 (Multiboot2 specification, "OS image format" and "Boot information format"): what the image's
 * header says of it, and what a loader hands over. Both are headers with tags behind them, each padded to
 * 8 bytes.
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"

#define MB2_BOOTED 0x36d76289u /* in EAX at entry, EBX pointing at the boot information */
#define MB2_ALIGN  8u

#define MB2_HEADER_MAGIC 0xe85250d6u
#define MB2_HEADER_REACH (32 * KIB) /* it lies whole within the file's first */

struct mb2_header {
	u32 magic, architecture;
	u32 length;   /* with all tags */
	u32 checksum; /* makes the sum of the four zero */
};

enum mb2_header_tag_type {
	MB2_HEADER_END = 0,
	MB2_HEADER_ENTRY_EFI64 = 9,
	MB2_HEADER_RELOCATABLE = 10,
};

struct mb2_header_tag {
	u16 type, flags;
	u32 size; /* without the padding */
};

struct mb2_header_entry {
	struct mb2_header_tag tag;
	u32 address; /* physical, as linked */
};

struct mb2_header_relocatable {
	struct mb2_header_tag tag;
	u32 lowest, highest; /* addresses that the image may have */
	u32 align, preference;
};
static_assert(sizeof(struct mb2_header_relocatable) == 24, "multiboot2: relocatable header tag");

struct mbi_header {
	u32 size, reserved;
};

enum mbi_tag_type {
	MBI_END = 0,
	MBI_CMDLINE = 1,
	MBI_MODULE = 3,
	MBI_MMAP = 6,
	MBI_FRAMEBUFFER = 8,
	MBI_EFI64 = 12,
	MBI_RSDP1 = 14,
	MBI_RSDP2 = 15,
	MBI_EFI_BS = 18,
	MBI_EFI64_HANDLE = 20,
	MBI_LOAD_BASE = 21,
};

struct mbi_tag {
	u32 type, size; /* size without the padding */
};

struct mbi_module {
	struct mbi_tag tag;
	u32 start, end;
	char text[];
};
static_assert(sizeof(struct mbi_module) == 16, "multiboot2: modules tag");

struct mbi_mmap {
	struct mbi_tag tag;
	u32 entry_size, entry_version;
};
static_assert(sizeof(struct mbi_mmap) == 16, "multiboot2: memory map tag");

struct mbi_mmap_entry {
	u64 base, len;
	u32 type, reserved;
};
static_assert(sizeof(struct mbi_mmap_entry) == 24, "multiboot2: memory map entry");

struct mbi_framebuffer {
	struct mbi_tag tag;
	u64 address;
	u32 pitch, width, height;
	u8 bpp, type; /* MBI_FB_* */
	u16 reserved;
	/* of RGB pixels only */
	u8 red_position, red_size, green_position, green_size, blue_position, blue_size;
} __packed;
static_assert(sizeof(struct mbi_framebuffer) == 38, "multiboot2: framebuffer tag");

#define MBI_FB_RGB  1u
#define MBI_FB_TEXT 2u

struct mbi_u32 {
	struct mbi_tag tag;
	u32 value;
};

struct mbi_u64 {
	struct mbi_tag tag;
	u64 value;
};
