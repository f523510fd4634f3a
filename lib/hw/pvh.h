/*
 * What a PVH kernel is told (Xen documentation, "x86/HVM direct boot ABI"; the layouts are those of
 * Xen's public header hvm/start_info).
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"

#define PVH_START_MAGIC   0x336ec578 /* "xEn3" with the top bit of the E set */
#define PVH_START_VERSION 1          /* has the memory map */

struct pvh_start_info {
	u32 magic, version;
	u32 flags;
	u32 nr_modules;
	u64 modlist_paddr, cmdline_paddr, rsdp_paddr, memmap_paddr;
	u32 memmap_entries;
	u32 reserved;
};
static_assert(offsetof(struct pvh_start_info, rsdp_paddr) == 32, "hvm_start_info");
static_assert(sizeof(struct pvh_start_info) == 56, "hvm_start_info");

struct pvh_module {
	u64 paddr, size;
	u64 cmdline_paddr;
	u64 reserved;
};
static_assert(sizeof(struct pvh_module) == 32, "hvm_modlist_entry");

struct pvh_memmap {
	u64 addr, size;
	u32 type; /* as in an E820 map */
	u32 reserved;
};
static_assert(sizeof(struct pvh_memmap) == 24, "hvm_memmap_table_entry");
