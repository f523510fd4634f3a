/*
 * SHA-256 (FIPS 180-4), of data that lies in several places.
 */
#pragma once

#include "lib/types.h"

#define SHA256_SIZE 32
#define SHA256_TEXT (2 * SHA256_SIZE + 1)

struct sha256_part {
	const void *data;
	size_t len;
};

/* The hash of the parts' bytes, one part behind the other. May be called before anything is set up. */
void sha256(const struct sha256_part *parts, size_t count, u8 out[SHA256_SIZE]);
