/*
 * ChaCha20, one block at a time, in the time that it takes: no table, no branch on the key.
 */
#include "lib/chacha20.h"

#include "lib/string.h"

#define WORDS  16
#define ROUNDS 10 /* double rounds */

static u32 rotate(u32 v, u32 n)
{
	return v << n | v >> (32 - n);
}

static void quarter(u32 *s, u32 a, u32 b, u32 c, u32 d)
{
	s[a] += s[b];
	s[d] = rotate(s[d] ^ s[a], 16);
	s[c] += s[d];
	s[b] = rotate(s[b] ^ s[c], 12);
	s[a] += s[b];
	s[d] = rotate(s[d] ^ s[a], 8);
	s[c] += s[d];
	s[b] = rotate(s[b] ^ s[c], 7);
}

void chacha20_block(const u8 key[CHACHA20_KEY], u32 counter, const u8 nonce[CHACHA20_NONCE],
		    u8 out[CHACHA20_BLOCK])
{
	u32 start[WORDS], s[WORDS];

	memcpy(start, "expand 32-byte k", 16);
	memcpy(&start[4], key, CHACHA20_KEY);
	start[12] = counter;
	memcpy(&start[13], nonce, CHACHA20_NONCE);
	memcpy(s, start, sizeof(s));
	for (u32 i = 0; i < ROUNDS; i++) {
		for (u32 k = 0; k < 4; k++)
			quarter(s, k, 4 + k, 8 + k, 12 + k);
		for (u32 k = 0; k < 4; k++)
			quarter(s, k, 4 + (k + 1) % 4, 8 + (k + 2) % 4, 12 + (k + 3) % 4);
	}
	for (u32 i = 0; i < WORDS; i++)
		s[i] += start[i];
	memcpy(out, s, CHACHA20_BLOCK);
}
