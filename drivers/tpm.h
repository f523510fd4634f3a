/*
 * The trusted platform module: a few commands, one at a time, from the thread that starts the host.
 */
#pragma once

#include "lib/compiler.h"
#include "lib/sha256.h"
#include "lib/types.h"

/* A chip's registers; width 1 or 4 bytes. The driver's own are those at TPM_BASE. */
struct tpm_bus {
	u32 (*read)(void *ctx, u32 offset, u32 width);
	void (*write)(void *ctx, u32 offset, u32 width, u32 value);
	void *ctx;
};

/*
 * The commands wait, for seconds if the chip takes them. -ENODEV: no TPM, or it does not answer; -ETIMEDOUT; -EIO: it
 * refused, or its answer is none.
 */

/* Takes the registers of the TPM that ACPI names, or those of *bus. After clock_init(). */
int tpm_init(const struct tpm_bus *bus) __must_check;

/* Extends a register of the SHA-256 bank. TPM 2.0 part 3, 22.2 */
int tpm_extend(u32 pcr, const u8 digest[SHA256_SIZE]) __must_check;

#define TPM_RANDOM_MAX 32u

/* Random bytes, at most TPM_RANDOM_MAX: how many came, or an error. TPM 2.0 part 3, 16.1 */
int tpm_random(u8 *out, size_t n) __must_check;
