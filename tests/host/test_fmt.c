/*
 * lib/fmt.h against the C library's snprintf: chosen cases, and conversions put together at random.
 *
 * sources: lib/fmt.c lib/string.c
 * flags: -fno-builtin -Wno-format-overflow -include tests/host/string_names.h
 */
#include "lib/fmt.h"
#include "lib/string.h"
#include "tests/host/harness.h"

int ref_snprintf(char *buf, size_t size, const char *fmt, ...) __asm__("snprintf");

#define SAME(...)                                                                                  \
	do {                                                                                       \
		char ours[256], theirs[256];                                                       \
		int n = snprintf(ours, sizeof(ours), __VA_ARGS__);                                 \
		CHECK_EQ(n, ref_snprintf(theirs, sizeof(theirs), __VA_ARGS__));                    \
		CHECK_STR(ours, theirs);                                                           \
	} while (0)

TEST(text_and_percent)
{
	SAME("%s", "");
	SAME("no conversion");
	SAME("100%%");
	SAME("%s%s%%%c", "a", "bc", 'd');
	SAME("%5s|%-5s|%.2s|%5.1s|%-5.1s|%.0s", "abc", "abc", "abc", "abc", "abc", "abc");
	SAME("%3c|%-3c|", 'x', 'y');
	SAME("%*s|%-*s|%.*s", 6, "ab", 6, "ab", 1, "ab");
	SAME("%*s|", -6, "ab");
	SAME("%.*s|", -1, "ab");
}

TEST(precision_bounds_the_read)
{
	static const char not_ended[3] = { 'a', 'b', 'c' };

	SAME("%.3s", not_ended); /* the address sanitizer sees a byte too many */
}

TEST(integers)
{
	SAME("%d %i %u", 0, -1, ~0u);
	SAME("%d %d", (int)0x80000000, 0x7fffffff);
	SAME("%lld %llu", (long long)BIT(63), ~0ULL);
	SAME("%ld %lu %zu %zd", -5L, 5UL, (size_t)-1, (size_t)5);
	SAME("%hhd %hhu %hd %hu", (signed char)-1, (unsigned char)255, (short)-2,
	     (unsigned short)65535);
	SAME("%x %X %#x %#X %#x", 0xabcdefu, 0xabcdefu, 0xabu, 0xabu, 0u);
	SAME("%08x|%-8x|%+d|% d|%+d|% d", 0x1fu, 0x1fu, 5, 5, -5, -5);
	SAME("%05d|%-5d|%5d|%05d", -42, -42, -42, 42);
	SAME("%.0d|%.0x|%5.0d|%+.0d", 0, 0u, 0, 0);
	SAME("%.5d|%8.5d|%-8.5d|%#10.4x", -42, -42, -42, 0x1fu);
	SAME("%#08x|%#-8x|", 0x1fu, 0x1fu);
	SAME("%llx", 0x123456789abcdef0ULL);
}

TEST(pointers)
{
	SAME("%p", (void *)0x1234);
	SAME("%20p|%-20p|", (void *)0xffff800000001000ULL, (void *)1);
}

TEST(narrow_lengths_cut)
{
	char buf[32];
	const char *hh = "%hhx %hhd", *h = "%hx %hd"; /* not literal: the compiler would object */

	snprintf(buf, sizeof(buf), hh, 0x1234, 0x1ff);
	CHECK_STR(buf, "34 -1");
	snprintf(buf, sizeof(buf), h, 0x12345678, 0x1ffff);
	CHECK_STR(buf, "5678 -1");
}

TEST(ours_alone)
{
	char buf[32];
	const char *null = NULL, *odd = "a%qb%", *octal = "%o";

	snprintf(buf, sizeof(buf), "%s %.3s", null, null);
	CHECK_STR(buf, "(null) (nu");
	snprintf(buf, sizeof(buf), "%p", (void *)0);
	CHECK_STR(buf, "0x0");
	CHECK_EQ(snprintf(buf, sizeof(buf), odd), 5);
	CHECK_STR(buf, "a%qb%");
	snprintf(buf, sizeof(buf), octal, 8); /* not among ours: shown as it stands */
	CHECK_STR(buf, "%o");
}

TEST(never_writes_past_the_end)
{
	char ours[32], theirs[32];

	for (size_t size = 0; size < sizeof(ours); size++) {
		memset(ours, 'Z', sizeof(ours));
		memset(theirs, 'Z', sizeof(theirs));
		CHECK_EQ(snprintf(ours, size, "%s-%08x-%5d|", "name", 0xbeefu, -3),
			 ref_snprintf(theirs, size, "%s-%08x-%5d|", "name", 0xbeefu, -3));
		CHECK_EQ(memcmp(ours, theirs, sizeof(ours)), 0);
	}
	CHECK_EQ(snprintf(NULL, 0, "%100d", 1), 100);
	/* A width of most of 2^31 costs no time and no memory. */
	CHECK_EQ(snprintf(ours, sizeof(ours), "%2000000000d", 1), 2000000000);
	CHECK_EQ(snprintf(ours, sizeof(ours), "%2000000000d%2000000000d", 1, 1), 0x7fffffff);
	CHECK_EQ(snprintf(ours, sizeof(ours), "%.2000000000d", 1), 2000000000);
}

static u64 state = 0x9e3779b97f4a7c15ULL;

static u32 rnd(u32 n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (u32)(state >> 20) % n;
}

/* A conversion whose flags are all defined for it. Returns its length word's index. */
static u32 random_conversion(char *fmt, char *type)
{
	static const char *const lengths[] = { "hh", "h", "", "l", "ll", "z" };
	static const char types[] = "diuxXcs";
	u32 length;

	*type = types[rnd(sizeof(types) - 1)];
	bool text = *type == 'c' || *type == 's', is_signed = *type == 'd' || *type == 'i';

	length = text ? 2 : rnd(ARRAY_LEN(lengths));
	*fmt++ = '[';
	*fmt++ = '%';
	if (rnd(3) == 0)
		*fmt++ = '-';
	if (!text && rnd(3) == 0)
		*fmt++ = '0';
	if ((*type | 0x20) == 'x' && rnd(3) == 0)
		*fmt++ = '#';
	if (is_signed && rnd(3) == 0)
		*fmt++ = '+';
	if (is_signed && rnd(3) == 0)
		*fmt++ = ' ';
	if (rnd(2))
		fmt += ref_snprintf(fmt, 8, "%u", 1 + rnd(30));
	if (*type != 'c' && rnd(2))
		fmt += ref_snprintf(fmt, 8, rnd(8) ? ".%u" : ".", rnd(30));
	ref_snprintf(fmt, 8, "%s%c]", lengths[length], *type);
	return length;
}

static u64 random_value(void)
{
	u64 v = (u64)rnd(~0u) << 32 | rnd(~0u);

	switch (rnd(4)) {
	case 0:
		return rnd(3);
	case 1:
		return ~(u64)rnd(3);
	default:
		return v >> rnd(64);
	}
}

TEST(random_conversions)
{
	static const char *const texts[] = { "", "a", "some text", "and a rather longer one" };
	char fmt[64], ours[80], theirs[80], type;

	for (u32 round = 0; round < 300000; round++) {
		u32 length = random_conversion(fmt, &type);
		size_t size = rnd(4) ? sizeof(ours) : rnd(sizeof(ours));
		u64 v = type == 's' ? (u64)texts[rnd(ARRAY_LEN(texts))] :
			type == 'c' ? 'a' + rnd(26) :
				      random_value();
		int n, m;

		memset(ours, 'Z', sizeof(ours));
		memset(theirs, 'Z', sizeof(theirs));
		if (type == 's' || length >= 3) {
			n = snprintf(ours, size, fmt, v);
			m = ref_snprintf(theirs, size, fmt, v);
		} else {
			n = snprintf(ours, size, fmt, (u32)v);
			m = ref_snprintf(theirs, size, fmt, (u32)v);
		}
		if (n != m || memcmp(ours, theirs, sizeof(ours))) {
			CHECK_STR(fmt, "the format for which these differ:");
			CHECK_STR(ours, theirs);
			return;
		}
	}
	CHECK(true);
}
