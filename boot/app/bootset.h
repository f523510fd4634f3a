/*
 * The boot set while it is collected, and what Plinth is handed: a multiboot2 boot information.
 */
#pragma once

#include "lib/bootinfo.h"
#include "lib/compiler.h"

/* Files by path, in the order that tools/mkiso gives them. */
struct bootset {
	u32 count;
	struct boot_module files[BOOT_MAX_MODULES];
};

/*
 * Adds a file whose place is not known yet: *out, good until the next call, is where the caller
 * enters it. The path's length counts, there need not be a NUL. NULL, or in one line what is wrong.
 */
const char *bootset_add(struct bootset *set, const char *path, size_t length,
			struct boot_module **out) __must_check;

struct handover {
	const char *cmdline;
	const struct bootset *set;
	u64 load_base; /* of the image */
	u64 system_table, image_handle;
	struct boot_framebuffer framebuffer; /* BOOT_FB_RGB or BOOT_FB_NONE */
};

#define HANDOVER_SIZE                                                                              \
	(32 * KIB) /* enough for the most that a boot set and a command line may have */

/* Writes the boot information to the HANDOVER_SIZE bytes at out, which are 8-byte aligned. */
void handover_write(const struct handover *h, void *out);
