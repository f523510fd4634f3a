/*
 * CRC-32, eight bytes at a time over tables made at first use (slicing by eight).
 */
#include "lib/crc32.h"

#include "lib/atomic.h"

#define POLYNOMIAL 0xedb88320u

static u32 table[8][256];
static bool ready;

static void make_tables(void)
{
	for (u32 i = 0; i < 256; i++) {
		u32 c = i;

		for (u32 bit = 0; bit < 8; bit++)
			c = c >> 1 ^ (c & 1 ? POLYNOMIAL : 0);
		table[0][i] = c;
	}
	for (u32 i = 0; i < 256; i++) {
		for (u32 k = 1; k < 8; k++)
			table[k][i] = table[k - 1][i] >> 8 ^ table[0][table[k - 1][i] & 0xff];
	}
	/* Release pairs with the acquire below; two CPUs may both fill in the same values. */
	atomic_store_release(&ready, true);
}

u32 crc32_update(u32 crc, const void *data, size_t n)
{
	const u8 *p = data;

	if (!atomic_load_acquire(&ready))
		make_tables();
	for (; n >= 8; n -= 8, p += 8) {
		u64 w;

		__builtin_memcpy(&w, p, 8);
		w ^= crc;
		crc = table[7][w & 0xff] ^ table[6][w >> 8 & 0xff] ^ table[5][w >> 16 & 0xff] ^
		      table[4][w >> 24 & 0xff] ^ table[3][w >> 32 & 0xff] ^
		      table[2][w >> 40 & 0xff] ^ table[1][w >> 48 & 0xff] ^ table[0][w >> 56];
	}
	while (n--)
		crc = crc >> 8 ^ table[0][(crc ^ *p++) & 0xff];
	return crc;
}
