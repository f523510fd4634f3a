/*
 * The port layer of mbedtls's SHA-256. Nothing else includes its header.
 */
#include "lib/sha256.h"

#include <mbedtls/sha256.h>

void sha256(const struct sha256_part *parts, size_t count, u8 out[SHA256_SIZE])
{
	mbedtls_sha256_context c;

	/* None of these fails: the algorithm is in software, and there is nothing to allocate. */
	mbedtls_sha256_init(&c);
	(void)mbedtls_sha256_starts(&c, 0);
	for (size_t i = 0; i < count; i++)
		(void)mbedtls_sha256_update(&c, parts[i].data, parts[i].len);
	(void)mbedtls_sha256_finish(&c, out);
	mbedtls_sha256_free(&c);
}
