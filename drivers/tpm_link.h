/*
 * How a command gets to the TPM and its answer back, over either interface.
 */
#pragma once

#include "drivers/tpm.h"
#include "lib/hw/tpm.h"

#define TPM_MESSAGE_MAX 256u /* bytes of a command or answer of ours */

/*
 * Sends n bytes and receives at most TPM_MESSAGE_MAX, all that the answer's header says; returns its length, or
 * -ETIMEDOUT or -EIO. The chip is idle and the locality given back in any case.
 */
int tpm_fifo(const struct tpm_bus *bus, const u8 *command, u32 n, u8 *answer) __must_check;
int tpm_crb(const struct tpm_bus *bus, const u8 *command, u32 n, u8 *answer) __must_check;

static inline u32 tpm_get32(const u8 *p)
{
	return (u32)p[0] << 24 | (u32)p[1] << 16 | (u32)p[2] << 8 | p[3];
}

/* An answer's length by its header; 0: it cannot be. */
static inline u32 tpm_answer_size(const u8 *answer)
{
	u32 size = tpm_get32(answer + 2);

	return size >= TPM_HEADER_SIZE && size <= TPM_MESSAGE_MAX ? size : 0;
}

/* Waits until the register's bits under mask are those of value. -ETIMEDOUT */
int tpm_wait(const struct tpm_bus *bus, u32 offset, u32 width, u32 mask, u32 value) __must_check;

/* Waits until any of them is set, and returns them as they are then; 0: it took too long. */
u32 tpm_wait_any(const struct tpm_bus *bus, u32 offset, u32 width, u32 mask) __must_check;
