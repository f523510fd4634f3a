/*
 * A look at an initrd from outside: is it whole?
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"

/*
 * Walks the concatenated archives of an initrd. cpio (newc) is walked to its trailer, gzip is inflated
 * and its checksum and length compared; what comes in another format (zstd, xz, ...) is taken as it is.
 * On a thread, since it may take long.
 * 0, -ENOMEM or -EINVAL: an archive ends early or is damaged.
 */
int archive_check(const u8 *data, size_t size) __must_check;
