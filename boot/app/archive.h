/*
 * An embedded boot set: a cpio archive of the "newc" kind, as `cpio -o -H newc` writes it (kernel.org,
 * "initramfs buffer format"; cpio(5), "New ASCII Format"), not compressed.
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"

struct archive {
	const u8 *data;
	size_t size;
	size_t at; /* where the next entry begins; 0 at first */
};

struct archive_file {
	const char *path; /* in the archive, with its NUL; "./" before it is left out */
	const u8 *data;
	size_t size;
};

/*
 * Goes to the next regular file; directories are passed over. NULL, with file->path NULL at the
 * archive's end, or in one line what is wrong. Reads nothing outside of the archive.
 */
const char *archive_next(struct archive *archive, struct archive_file *file) __must_check;
