/*
 * Entries of cpio archives of the "newc" kind (kernel.org, "initramfs buffer format"; cpio(5), "New ASCII Format"): a
 * header of hexadecimal numbers, the name, the content, each padded to 4 bytes from the archive's beginning.
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"

#define CPIO_TYPE 0170000u /* of mode */
#define CPIO_FILE 0100000u
#define CPIO_DIR  0040000u

struct cpio_entry {
	bool checksum; /* of the kind that has one, which is not looked at */
	u32 mode, nlink;
	const char *name; /* inside the archive: name_size bytes, of which the last should be a NUL */
	u32 name_size;
	const u8 *data; /* inside the archive: size bytes */
	u32 size;
	size_t end; /* where the next one begins, the archive's end at most */
};

enum cpio_error { CPIO_OK, CPIO_TRUNCATED, CPIO_NO_ENTRY, CPIO_DAMAGED };

/* Whether an entry of the plain kind, or of the one with checksums, begins there. */
bool cpio_is(const u8 *p, size_t size);

/* The entry that begins at byte at of the archive, at <= size. Reads nothing outside of it. */
enum cpio_error cpio_read(const u8 *archive, size_t size, size_t at, struct cpio_entry *out)
	__must_check;

/* Whether it is the one that ends an archive. */
bool cpio_is_trailer(const struct cpio_entry *e);
