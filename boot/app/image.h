/*
 * Plinth's own ELF file, as the UEFI application loads it: checked whole before a byte of it is placed.
 */
#pragma once

#include "lib/compiler.h"
#include "lib/elf.h"
#include "lib/types.h"

#define IMAGE_ALIGN    (2 * MIB)
#define IMAGE_SIZE_MAX (8 * MIB) /* linker.ld */

struct image {
	struct elf_file elf;
	u64 base;  /* physical address that it is linked for */
	u64 size;  /* from there, bss included */
	u64 entry; /* distance of the 64-bit UEFI entry from the base */
};

/*
 * Reads the headers of the ELF file of size bytes: segments that lie within it and within
 * IMAGE_SIZE_MAX, and a multiboot2 header that lets the image be moved and names a UEFI entry.
 * NULL, or in one line what is wrong.
 */
const char *image_check(const void *file, size_t size, struct image *out) __must_check;

/* Writes the image that image_check() has passed, out of the file, to the image->size bytes at dst. */
void image_place(const struct image *image, void *dst);
