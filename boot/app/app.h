/*
 * What the parts of the UEFI application share: the firmware's tables, its console and its memory. All of it
 * runs on the firmware's stack and page tables, with boot services, on one CPU.
 */
#pragma once

#include <efi.h>

#include "lib/compiler.h"
#include "lib/types.h"

struct app {
	EFI_HANDLE image;
	EFI_SYSTEM_TABLE *table;
	EFI_BOOT_SERVICES *boot;
	EFI_LOADED_IMAGE *loaded;
};
extern struct app app; /* const after efi_main() has begun */

/* One line on the firmware's console, and on COM1 where that is not part of it, behind "plinth: UEFI: ". */
void say(const char *format, ...) __printf(1, 2);

/* The same about what ends the start; returns the status. */
EFI_STATUS fail(EFI_STATUS status, const char *format, ...) __printf(2, 3) __must_check;

/*
 * Whole pages below 4 GiB, where the boot path can reach them, zeroed and on a boundary of align, a power of
 * two from a page on. NULL: there is no memory, or no room to note it. The boot services' map has them as the
 * loader's, which is free memory once Plinth has taken what is in them.
 */
void *pages_alloc(u64 bytes, u64 align, EFI_MEMORY_TYPE type);

/* Gives all back, when the start has failed. */
void pages_release(void);
