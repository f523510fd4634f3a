/*
 * What the boot path found out, in a form that names no boot protocol. Everything is copied: after
 * boot_main() nothing of the loader's or the firmware's memory is needed but the modules' contents.
 */
#pragma once

#include "lib/types.h"

#define BOOT_CMDLINE_MAX 1024
#define BOOT_MAX_REGIONS 256
#define BOOT_MAX_MODULES 128
#define BOOT_PATH_MAX    128
#define BOOT_SEED_SIZE   64

enum boot_region_type {
	BOOT_MEM_USABLE =
		1, /* RAM, the image and the modules included: who allocates leaves them out */
	BOOT_MEM_RESERVED = 2,
	BOOT_MEM_ACPI = 3, /* ACPI tables; RAM once they were read */
	BOOT_MEM_NVS = 4,  /* ACPI's, kept as it is */
	BOOT_MEM_BAD = 5,
};

struct boot_region {
	u64 base, len;
	u32 type; /* enum boot_region_type */
};

struct boot_module {
	u64 pa, size;             /* page-aligned start; size may be 0 */
	char path[BOOT_PATH_MAX]; /* path within the boot set: the first word of the module's command line */
};

enum boot_framebuffer_type { BOOT_FB_NONE = 0, BOOT_FB_RGB = 1, BOOT_FB_TEXT = 2 };

/* The screen as the loader described it: nothing of it was checked. */
struct boot_framebuffer {
	u32 type; /* enum boot_framebuffer_type */
	u64 address;
	u32 pitch;         /* bytes from one row to the next */
	u32 width, height; /* pixels, or characters */
	u8 bpp;            /* bits of a pixel, or of a character with its attribute */
	u8 red_position, red_size, green_position, green_size, blue_position, blue_size;
};

struct boot_info {
	char cmdline[BOOT_CMDLINE_MAX];
	/* Sorted by base, without overlap; neighbours of the same type are one region. */
	u32 region_count;
	struct boot_region regions[BOOT_MAX_REGIONS];
	u32 module_count;
	struct boot_module modules[BOOT_MAX_MODULES];
	/* The image as loaded: 2 MiB aligned, bss and page tables of the boot path included. */
	u64 image_pa, image_size;
	/* A copy of the ACPI root pointer, rsdp_size 20 or 36 bytes of it (0: the loader gave none). */
	u8 rsdp[36];
	u32 rsdp_size;
	struct boot_framebuffer framebuffer;
	bool efi;
	u64 efi_system_table; /* physical address or 0 */
	/* Random bytes of the firmware's generator, efi_seed_len of them or none; who uses them clears them. */
	u8 efi_seed[BOOT_SEED_SIZE];
	u32 efi_seed_len;
	/* What was cut or left out, for a line in the log. */
	u32 regions_dropped, modules_dropped;
	bool cmdline_cut;
};

/*
 * Whether the firmware's memory map has memory of any kind, used or free, in that range; it ends below 2^64.
 */
static inline bool bootinfo_memory(const struct boot_info *bi, u64 pa, u64 size)
{
	for (u32 i = 0; i < bi->region_count; i++) {
		const struct boot_region *r = &bi->regions[i];

		if (r->type != BOOT_MEM_RESERVED && pa < r->base + r->len && r->base < pa + size)
			return true;
	}
	return false;
}
