/*
 * lib/string.h against the C standard's words (ISO C11, 7.24), at every length around the word and
 * REP limits and every alignment, and against the C library at random.
 *
 * sources: lib/string.c
 * flags: -fno-builtin -include tests/host/string_names.h
 */
#include "lib/errno.h"
#include "lib/string.h"
#include "tests/host/harness.h"

/* The C library's, under their real names. */
int ref_memcmp(const void *a, const void *b, size_t n) __asm__("memcmp");
int ref_strcmp(const char *a, const char *b) __asm__("strcmp");
int ref_strncmp(const char *a, const char *b, size_t n) __asm__("strncmp");
char *ref_strchr(const char *s, int c) __asm__("strchr");
char *ref_strrchr(const char *s, int c) __asm__("strrchr");
void *ref_memmove(void *dst, const void *src, size_t n) __asm__("memmove");

#define LEN_MAX    200
#define AREA       (LEN_MAX + 64)
#define ALIGNMENTS 9

static u64 state = 88172645463325252ULL;

static u32 rnd(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (u32)(state >> 16);
}

static void fill(u8 *p, size_t n)
{
	while (n--)
		*p++ = (u8)rnd();
}

static bool same(const u8 *a, const u8 *b, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (a[i] != b[i])
			return false;
	}
	return true;
}

TEST(memcpy_copies_exactly)
{
	u8 src[AREA], dst[AREA], want[AREA];

	for (size_t n = 0; n <= LEN_MAX; n++) {
		for (size_t to = 0; to < ALIGNMENTS; to++) {
			for (size_t from = 0; from < ALIGNMENTS; from++) {
				fill(src, AREA);
				fill(dst, AREA);
				for (size_t i = 0; i < AREA; i++)
					want[i] =
						i >= to && i < to + n ? src[from + i - to] : dst[i];
				CHECK(memcpy(dst + to, src + from, n) == dst + to);
				CHECK(same(dst, want, AREA));
			}
		}
	}
}

TEST(memmove_takes_overlap)
{
	u8 area[AREA], want[AREA];

	for (size_t n = 0; n <= LEN_MAX; n++) {
		for (u32 round = 0; round < 60; round++) {
			/* near distances, which is where word copies can go wrong, and far ones */
			size_t span = round < 40 ? 20 : AREA - n;
			size_t base = rnd() % (AREA - n - MIN(span, AREA - n) + 1);
			size_t from = base + rnd() % (MIN(span, AREA - n - base) + 1);
			size_t to = base + rnd() % (MIN(span, AREA - n - base) + 1);

			fill(area, AREA);
			ref_memmove(want, area, AREA);
			for (size_t i = 0; i < n; i++)
				want[to + i] = area[from + i];
			CHECK(memmove(area + to, area + from, n) == area + to);
			CHECK(same(area, want, AREA));
		}
	}
}

TEST(memset_sets_exactly)
{
	u8 area[AREA];

	for (size_t n = 0; n <= LEN_MAX; n++) {
		for (size_t at = 0; at < ALIGNMENTS; at++) {
			bool ok = true;

			for (size_t i = 0; i < AREA; i++)
				area[i] = 0x11;
			CHECK(memset(area + at, 0x1a5, n) == area + at);
			for (size_t i = 0; i < AREA; i++)
				ok &= area[i] == (i >= at && i < at + n ? 0xa5 : 0x11);
			CHECK(ok);
		}
	}
}

static int sign(int v)
{
	return (v > 0) - (v < 0);
}

TEST(memcmp_orders_as_unsigned)
{
	u8 a[AREA], b[AREA];

	CHECK_EQ(memcmp("a", "b", 0), 0);
	CHECK(memcmp("\x7f", "\x80", 1) < 0);
	CHECK(memcmp("\xff"
		     "aaaaaaaa",
		     "\x01"
		     "aaaaaaaa",
		     9) > 0);
	for (u32 round = 0; round < 20000; round++) {
		size_t n = rnd() % LEN_MAX, at = rnd() % ALIGNMENTS;

		fill(a, AREA);
		ref_memmove(b, a, AREA);
		for (u32 changes = rnd() % 3; changes && n; changes--)
			b[at + rnd() % n] = (u8)rnd();
		CHECK_EQ(sign(memcmp(a + at, b + at, n)), sign(ref_memcmp(a + at, b + at, n)));
	}
}

TEST(memchr_finds_first)
{
	const char *s = "a\xff"
			"b\0b";

	CHECK(memchr(s, 'b', 5) == s + 2);
	CHECK(memchr(s, 0x1ff, 5) == s + 1); /* converted to unsigned char */
	CHECK(memchr(s, 0, 5) == s + 3);
	CHECK(memchr(s, 'b', 2) == NULL);
	CHECK(memchr(s, 'a', 0) == NULL);
}

TEST(strlen_and_bound)
{
	CHECK_EQ(strlen(""), 0);
	CHECK_EQ(strlen("seven77"), 7);
	CHECK_EQ(strnlen("seven77", 3), 3);
	CHECK_EQ(strnlen("seven77", 7), 7);
	CHECK_EQ(strnlen("seven77", 100), 7);
	CHECK_EQ(strnlen("x", 0), 0);
}

/* Few letters, so that equal prefixes happen; the high half of char is among them. */
static void random_text(char *s, size_t max)
{
	static const char letters[] = { 'a', 'b', (char)0xe9 };
	size_t n = rnd() % max;

	for (size_t i = 0; i < n; i++)
		s[i] = letters[rnd() % sizeof(letters)];
	s[n] = '\0';
}

TEST(strings_like_the_c_library)
{
	char a[12], b[12];

	for (u32 round = 0; round < 50000; round++) {
		size_t n = rnd() % 14;
		int c = (int)(rnd() % 5) == 0 ? 0 : rnd() % 2 ? 'b' : (int)0xe9;

		random_text(a, sizeof(a));
		random_text(b, sizeof(b));
		CHECK_EQ(sign(strcmp(a, b)), sign(ref_strcmp(a, b)));
		CHECK_EQ(sign(strncmp(a, b, n)), sign(ref_strncmp(a, b, n)));
		CHECK(strchr(a, c) == ref_strchr(a, c));
		CHECK(strrchr(a, c) == ref_strrchr(a, c));
	}
}

TEST(str_copy_always_ends)
{
	char buf[4] = "zzz";

	CHECK_EQ(str_copy(buf, 4, "abc"), 0);
	CHECK_STR(buf, "abc");
	CHECK_EQ(str_copy(buf, 4, "abcd"), -ENOSPC);
	CHECK_STR(buf, "abc");
	CHECK_EQ(str_copy(buf, 4, ""), 0);
	CHECK_STR(buf, "");
	CHECK_EQ(str_copy(buf, 1, "x"), -ENOSPC);
	CHECK_STR(buf, "");
	buf[0] = 'k';
	CHECK_EQ(str_copy(buf, 0, ""), -ENOSPC);
	CHECK_EQ(buf[0], 'k');
}

TEST(str_prefix)
{
	CHECK(str_prefix("abc", ""));
	CHECK(str_prefix("abc", "ab"));
	CHECK(str_prefix("abc", "abc"));
	CHECK(!str_prefix("abc", "abcd"));
	CHECK(!str_prefix("abc", "b"));
	CHECK(!str_prefix("", "a"));
}

TEST(str_to_u64_takes_all_or_nothing)
{
	static const struct {
		const char *s;
		int err;
		u64 v;
	} cases[] = {
		{ "0", 0, 0 },
		{ "42", 0, 42 },
		{ "007", 0, 7 },
		{ "0x10", 0, 16 },
		{ "0XaBcDef", 0, 0xabcdef },
		{ "18446744073709551615", 0, ~0ULL },
		{ "0xffffffffffffffff", 0, ~0ULL },
		{ "18446744073709551616", -ERANGE, 0 },
		{ "99999999999999999999999", -ERANGE, 0 },
		{ "0x10000000000000000", -ERANGE, 0 },
		{ "", -EINVAL, 0 },
		{ "0x", -EINVAL, 0 },
		{ "x10", -EINVAL, 0 },
		{ "12a", -EINVAL, 0 },
		{ "12 ", -EINVAL, 0 },
		{ " 12", -EINVAL, 0 },
		{ "-1", -EINVAL, 0 },
		{ "+1", -EINVAL, 0 },
		{ "0xg", -EINVAL, 0 },
		{ "99999999999999999999999z", -EINVAL, 0 },
	};

	for (u32 i = 0; i < ARRAY_LEN(cases); i++) {
		u64 v = 77;

		CHECK_EQ(str_to_u64(cases[i].s, &v), cases[i].err);
		CHECK_EQ(v, cases[i].err ? 77 : cases[i].v);
	}
}
