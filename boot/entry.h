/*
 * What entry.asm calls.
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"

/*
 * UEFI, with boot services running, on the firmware's stack and page tables (the image is mapped as
 * well): reads everything that is needed and ends boot services. Halts with a message on failure.
 */
void boot_efi(const void *mbi, u64 load_base);

/*
 * On boot_stack and boot_pml4, interrupts off. mbi is 0 where boot_efi() ran before.
 */
__noreturn void boot_main(const void *mbi, u64 load_base, u32 efi);
