/*
 * Multiboot ("Multiboot Specification version 0.6.96"): the header in a kernel's first 8 KiB and what
 * its loader tells it. Plinth itself is started by the successor, multiboot2.
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"

#define MULTIBOOT_SEARCH       8192       /* the header ends within */
#define MULTIBOOT_HEADER_MAGIC 0x1badb002 /* with flags and checksum it adds up to 0 */
#define MULTIBOOT_ENTRY_MAGIC  0x2badb002 /* in EAX */

/* Of the header: the lower half names what the kernel cannot do without. */
#define MULTIBOOT_PAGE_ALIGN BIT(0)
#define MULTIBOOT_WANT_MEM   BIT(1)
#define MULTIBOOT_REQUIRED   BITS(15, 0)
#define MULTIBOOT_ADDRESSES  BIT(16) /* the five addresses count, ELF headers do not */

struct multiboot_header {
	u32 magic, flags, checksum;
	/* With MULTIBOOT_ADDRESSES: */
	u32 header_addr;
	u32 load_addr;
	u32 load_end_addr; /* 0: to the file's end */
	u32 bss_end_addr;  /* 0: no bss */
	u32 entry_addr;
};
static_assert(sizeof(struct multiboot_header) == 32, "multiboot_header");
#define MULTIBOOT_HEADER_SHORT 12 /* without the addresses */

/* Of the information: which fields are valid. */
#define MULTIBOOT_INFO_MEM     BIT(0)
#define MULTIBOOT_INFO_CMDLINE BIT(2)
#define MULTIBOOT_INFO_MODS    BIT(3)
#define MULTIBOOT_INFO_MMAP    BIT(6)
#define MULTIBOOT_INFO_LOADER  BIT(9)

struct multiboot_info {
	u32 flags;
	u32 mem_lower, mem_upper; /* KiB from 0 and from 1 MiB */
	u32 boot_device;
	u32 cmdline;
	u32 mods_count, mods_addr;
	u32 syms[4];
	u32 mmap_length, mmap_addr;
	u32 drives_length, drives_addr;
	u32 config_table;
	u32 boot_loader_name;
	u32 apm_table;
	u32 vbe[4];
};
static_assert(offsetof(struct multiboot_info, mmap_length) == 44, "multiboot_info");
static_assert(offsetof(struct multiboot_info, boot_loader_name) == 64, "multiboot_info");
static_assert(sizeof(struct multiboot_info) == 88, "multiboot_info");

struct multiboot_module {
	u32 start, end; /* end is one past */
	u32 string;
	u32 reserved;
};
static_assert(sizeof(struct multiboot_module) == 16, "multiboot_module");

struct multiboot_mmap {
	u32 size; /* of what follows */
	u64 base, length;
	u32 type; /* as in an E820 map */
} __packed;
static_assert(sizeof(struct multiboot_mmap) == 24, "multiboot_mmap");
