/*
 * UUIDs (RFC 9562).
 */
#include "mgmt/uuid.h"

#include "lib/errno.h"
#include "lib/fmt.h"
#include "lib/string.h"

#define FNV_PRIME    0x100000001b3ULL /* of the 64-bit FNV-1a hash */
#define FNV_BASIS    0xcbf29ce484222325ULL
#define VERSION_BYTE 6
#define VARIANT_BYTE 8

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Whether a hyphen stands before byte i in the usual form. */
static bool hyphen_before(u32 i)
{
	return i == 4 || i == 6 || i == 8 || i == 10;
}

int uuid_parse(const char *text, u8 uuid[UUID_SIZE])
{
	bool hyphens = strnlen(text, UUID_TEXT_SIZE) == UUID_TEXT_SIZE - 1;

	for (u32 i = 0; i < UUID_SIZE; i++) {
		int high, low;

		if (hyphens && hyphen_before(i) && *text++ != '-')
			return -EINVAL;
		high = hex_digit(text[0]);
		low = high < 0 ? -1 : hex_digit(text[1]);
		if (low < 0)
			return -EINVAL;
		uuid[i] = (u8)(high << 4 | low);
		text += 2;
	}
	return *text ? -EINVAL : 0;
}

void uuid_format(const u8 uuid[UUID_SIZE], char text[UUID_TEXT_SIZE])
{
	for (u32 i = 0, at = 0; i < UUID_SIZE; i++) {
		if (hyphen_before(i))
			text[at++] = '-';
		snprintf(text + at, UUID_TEXT_SIZE - at, "%02x", uuid[i]);
		at += 2;
	}
}

static u64 fnv1a(u64 h, const char *s)
{
	for (; *s; s++)
		h = (h ^ (u8)*s) * FNV_PRIME;
	return h;
}

void uuid_from_name(const char *name, u8 uuid[UUID_SIZE])
{
	u64 half[2];

	half[0] = fnv1a(FNV_BASIS, name);
	half[1] = fnv1a(half[0] ^ FNV_BASIS, name);
	memcpy(uuid, half, sizeof(half));
	uuid[VERSION_BYTE] = (uuid[VERSION_BYTE] & 0x0f) | 0x80;
	uuid[VARIANT_BYTE] = (uuid[VARIANT_BYTE] & 0x3f) | 0x80;
}
