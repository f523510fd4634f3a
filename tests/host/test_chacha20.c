/*
 * lib/chacha20.h against RFC 8439: section 2.3.2 and appendix A.1.
 *
 * sources: lib/chacha20.c lib/string.c
 */
#include "lib/chacha20.h"
#include "lib/string.h"
#include "tests/host/harness.h"

static u8 digit(char c)
{
	return (u8)(c <= '9' ? c - '0' : c - 'a' + 10);
}

/* The block for that key, nonce and counter, against one in hexadecimal. */
static void check(const u8 *key, u32 counter, const u8 *nonce, const char *expected)
{
	u8 out[CHACHA20_BLOCK];

	chacha20_block(key, counter, nonce, out);
	for (u32 i = 0; i < CHACHA20_BLOCK; i++)
		CHECK_EQ(out[i], digit(expected[2 * i]) << 4 | digit(expected[2 * i + 1]));
}

TEST(rfc_8439_2_3_2)
{
	static const u8 nonce[CHACHA20_NONCE] = { 0, 0, 0, 9, 0, 0, 0, 0x4a, 0, 0, 0, 0 };
	u8 key[CHACHA20_KEY];

	for (u32 i = 0; i < CHACHA20_KEY; i++)
		key[i] = (u8)i;
	check(key, 1, nonce,
	      "10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4e"
	      "d2826446079faa0914c2d705d98b02a2b5129cd1de164eb9cbd083e8a2503c4e");
}

TEST(rfc_8439_a_1)
{
	static const u8 zero[CHACHA20_KEY];
	u8 key[CHACHA20_KEY] = { 0 }, nonce[CHACHA20_NONCE] = { 0 };

	check(zero, 0, zero,
	      "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7"
	      "da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586");
	check(zero, 1, zero,
	      "9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed"
	      "29b721769ce64e43d57133b074d839d531ed1f28510afb45ace10a1f4b794d6f");
	key[31] = 1;
	check(key, 1, zero,
	      "3aeb5224ecf849929b9d828db1ced4dd832025e8018b8160b82284f3c949aa5a"
	      "8eca00bbb4a73bdad192b5c42f73f2fd4e273644c8b36125a64addeb006c13a0");
	key[31] = 0;
	key[1] = 0xff;
	check(key, 2, zero,
	      "72d54dfbf12ec44b362692df94137f328fea8da73990265ec1bbbea1ae9af0ca"
	      "13b25aa26cb4a648cb9b9d1be65b2c0924a66c54d545ec1b7374f4872e99f096");
	key[1] = 0;
	nonce[11] = 2;
	check(key, 0, nonce,
	      "c2c64d378cd536374ae204b9ef933fcd1a8b2288b3dfa49672ab765b54ee27c7"
	      "8a970e0e955c14f3a88e741b97c286f75f8fc299e8148362fa198a39531bed6d");
}
