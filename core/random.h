/*
 * Random bytes, for all that needs them: ChaCha20 with a key that is replaced with each piece of output, so that
 * what was given out cannot be found afterwards. One pool, fed by the CPU's own generators and by timing, and a
 * key for each CPU, which is taken from it anew every minute.
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"

/* Feeds the pool from what this machine has. Boot CPU, once, before the first of the others. */
void random_init(void);

/* n random bytes. Never waits for more entropy. Any context but NMI and #MC. */
void random_bytes(void *out, size_t n);
u64 random_u64(void);

/*
 * Mixes n bytes into the pool, of which bits are unknown to anyone else: 0 where that is doubtful. It can do no
 * harm. Any context but NMI and #MC.
 */
void random_add(const void *bytes, size_t n, u32 bits);

/* Bits of entropy that the pool was fed so far, at most 256; with 128 and more nobody guesses its output. */
u32 random_bits(void);
