/*
 * The CRC-32 of IEEE 802.3 (reflected, polynomial 0xedb88320).
 */
#pragma once

#include "lib/types.h"

/* Adds n bytes to crc. Start with ~0; the usual checksum is the result's complement. */
u32 crc32_update(u32 crc, const void *data, size_t n);
