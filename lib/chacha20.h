/*
 * The block function of ChaCha20 (RFC 8439, 2.3): 64 bytes that tell nothing of the key.
 */
#pragma once

#include "lib/types.h"

#define CHACHA20_KEY   32
#define CHACHA20_NONCE 12
#define CHACHA20_BLOCK 64

void chacha20_block(const u8 key[CHACHA20_KEY], u32 counter, const u8 nonce[CHACHA20_NONCE],
		    u8 out[CHACHA20_BLOCK]);
