/*
 * The multiboot2 boot information (Multiboot2 specification, "Boot information format").
 */
#pragma once

#include "lib/bootinfo.h"
#include "lib/compiler.h"

#define MBI_MAX_SIZE (1u << 20)

/* What concerns only the boot path itself. */
struct mbi_extra {
	u64 load_base;
	u64 efi_image_handle;
	bool have_load_base, have_memmap, boot_services;
};

/*
 * Reads the information at mbi, of which the header says the size, into info (zeroed by the caller)
 * and extra. NULL, or in one line what is wrong with it. Reads nothing outside of it, and nothing
 * past MBI_MAX_SIZE. memmap_finish() is the caller's.
 */
const char *mbi_parse(const void *mbi, struct boot_info *info, struct mbi_extra *extra)
	__must_check;
