/*
 * Fills the neutral struct boot_info from what the loader passed.
 */
#pragma once

#include "lib/bootinfo.h"

/* Const after boot_info_read() and boot_efi(). */
extern struct boot_info boot_info;

/* BIOS path: reads the multiboot2 boot information. Halts with a message on what cannot be. */
void boot_info_read(const void *mbi, u64 load_base);
