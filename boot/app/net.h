/*
 * Files from the TFTP server that the application was loaded from by PXE (UEFI 2.10: "PXE Base Code
 * Protocol"), in the directory where it lies there. TFTP lists no directories: the file bootset/index
 * does, a line with size and path for each file (boot/app/text.h).
 */
#pragma once

#include <efi.h>

#include "boot/app/bootset.h"
#include "lib/compiler.h"

/*
 * The files that bootset/index lists. EFI_NOT_FOUND, of which nothing was said, when the application came
 * from elsewhere or there is no such file; other errors were said.
 */
EFI_STATUS net_bootset(struct bootset *set) __must_check;

/* The command line in the file "cmdline"; errors as above. */
EFI_STATUS net_cmdline(char *out, size_t size) __must_check;
