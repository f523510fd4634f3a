/*
 * The x86 Linux boot protocol (Linux documentation, "The Linux/x86 Boot Protocol"): the setup header
 * and the parts of struct boot_params ("zero page") that a 64-bit loader fills.
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"

#define LINUX_SETUP_OFFSET 0x1f1 /* of the setup header, in the image and in boot_params */
#define LINUX_SECTOR       512
#define LINUX_PARAGRAPH    16 /* the unit of syssize */
#define LINUX_BOOT_FLAG    0xaa55
#define LINUX_MAGIC        0x53726448 /* "HdrS" */
#define LINUX_VERSION_MIN  0x020c     /* 2.12: 64-bit entry described by xloadflags */
#define LINUX_ENTRY64      0x200      /* from the loaded kernel's start */

struct linux_setup {
	u8 setup_sects;
	u16 root_flags;
	u32 syssize; /* in paragraphs */
	u16 ram_size;
	u16 vid_mode;
	u16 root_dev;
	u16 boot_flag;
	u16 jump;
	u32 header;
	u16 version;
	u32 realmode_swtch;
	u16 start_sys_seg;
	u16 kernel_version;
	u8 type_of_loader;
	u8 loadflags;
	u16 setup_move_size;
	u32 code32_start;
	u32 ramdisk_image;
	u32 ramdisk_size;
	u32 bootsect_kludge;
	u16 heap_end_ptr;
	u8 ext_loader_ver;
	u8 ext_loader_type;
	u32 cmd_line_ptr;
	u32 initrd_addr_max;
	u32 kernel_alignment;
	u8 relocatable_kernel;
	u8 min_alignment;
	u16 xloadflags;
	u32 cmdline_size;
	u32 hardware_subarch;
	u64 hardware_subarch_data;
	u32 payload_offset;
	u32 payload_length;
	u64 setup_data;
	u64 pref_address;
	u32 init_size;
	u32 handover_offset;
} __packed;
static_assert(offsetof(struct linux_setup, header) == 0x202 - LINUX_SETUP_OFFSET, "HdrS at 0x202");
static_assert(offsetof(struct linux_setup, xloadflags) == 0x236 - LINUX_SETUP_OFFSET, "at 0x236");
static_assert(offsetof(struct linux_setup, init_size) == 0x260 - LINUX_SETUP_OFFSET, "at 0x260");

#define LINUX_LOADED_HIGH      BIT(0) /* loadflags */
#define LINUX_XLF_KERNEL_64    BIT(0) /* xloadflags */
#define LINUX_LOADER_UNDEFINED 0xff

struct linux_e820 {
	u64 base, size;
	u32 type;
} __packed;
#define E820_RAM      1
#define E820_RESERVED 2

struct linux_params {
	u8 screen_info[0x40];
	u8 fill1[0x30];
	u64 acpi_rsdp_addr; /* 0x070 */
	u8 fill2[0x170];
	u8 e820_entries; /* 0x1e8 */
	u8 fill3[8];
	struct linux_setup setup; /* 0x1f1 */
	u8 fill4[0x2d0 - LINUX_SETUP_OFFSET - sizeof(struct linux_setup)];
	struct linux_e820 e820[128]; /* 0x2d0 */
	u8 fill5[0x1000 - 0x2d0 - 128 * 20];
} __packed;
static_assert(offsetof(struct linux_params, acpi_rsdp_addr) == 0x70, "boot_params");
static_assert(offsetof(struct linux_params, e820_entries) == 0x1e8, "boot_params");
static_assert(offsetof(struct linux_params, setup) == LINUX_SETUP_OFFSET, "boot_params");
static_assert(offsetof(struct linux_params, e820) == 0x2d0, "boot_params");
static_assert(sizeof(struct linux_params) == 0x1000, "boot_params");
