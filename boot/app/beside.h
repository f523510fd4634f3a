/*
 * Files beside the application, in the directory that it was loaded from (UEFI 2.10: "Simple File System
 * Protocol", "File Protocol").
 */
#pragma once

#include <efi.h>

#include "boot/app/bootset.h"
#include "lib/compiler.h"

/*
 * All files of the directory "bootset", recursively, with paths relative to it. EFI_NOT_FOUND, of which
 * nothing was said, when there is no such directory or no volume; other errors were said.
 */
EFI_STATUS beside_bootset(struct bootset *set) __must_check;

/* The command line in the file "cmdline"; errors as above. */
EFI_STATUS beside_cmdline(char *out, size_t size) __must_check;
