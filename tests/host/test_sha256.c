/*
 * SHA-256 against the examples of FIPS 180-4's author (NIST's "SHA256.pdf"), in one part and in several.
 *
 * sources: lib/sha256.c lib/fmt.c lib/string.c build/deps/mbedtls/library/sha256.c build/deps/mbedtls/library/platform_util.c
 * flags: -DMBEDTLS_CONFIG_FILE='"lib/port/mbedtls_config.h"' -isystem build/deps/mbedtls/include
 */
#include "lib/fmt.h"
#include "lib/sha256.h"
#include "tests/host/harness.h"

#include <string.h>

static const char *of(const struct sha256_part *parts, size_t count)
{
	static char text[SHA256_TEXT];
	u8 hash[SHA256_SIZE];

	sha256(parts, count, hash);
	fmt_hex(text, hash, SHA256_SIZE);
	return text;
}

TEST(examples)
{
	struct sha256_part none = { "", 0 }, abc = { "abc", 3 };

	CHECK_STR(of(&none, 1), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	CHECK_STR(of(&none, 0), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	CHECK_STR(of(&abc, 1), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(parts_are_one_behind_the_other)
{
	static const char two[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
	struct sha256_part parts[] = {
		{ two, 1 }, { two + 1, 0 }, { two + 1, 54 }, { two + 55, 1 }
	};

	CHECK_STR(of(parts, 4), "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}
