/*
 * Ways into the boot set and to the command line, wherever a file comes from.
 */
#pragma once

#include <efi.h>

#include "boot/app/bootset.h"
#include "lib/compiler.h"

/*
 * Adds a file with memory for its size bytes, which the caller fills. What is wrong was said, behind head
 * and the path.
 */
EFI_STATUS file_take(struct bootset *set, const char *head, const char *path, size_t length,
		     u64 size, void **data) __must_check;

/* A command line file's bytes as the command line of at most size - 1 characters; an error was said. */
EFI_STATUS cmdline_take(const char *text, u64 bytes, char *out, size_t size) __must_check;
