/*
 * A file's way into the boot set, wherever it comes from.
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
