/*
 * Memory and string functions. Short copies are plain word moves: on the instruction-counting
 * emulators, and on CPUs before fast short REP, those are cheaper than a string instruction's
 * start.
 */
#include "lib/string.h"

#include "lib/errno.h"

/* No loop here may become a call to the function that it implements. */
#ifndef __clang__
#pragma GCC optimize("no-tree-loop-distribute-patterns")
#endif

/*
 * Host tests have the C library's functions, checked by the address sanitizer; only the test of
 * this file builds ours there, under other names (tests/host/string_names.h).
 */
#if !defined(PLINTH_HOST_TEST) || defined(STRING_UNDER_TEST)

/* A word at any address, of any type. */
typedef u64 __attribute__((may_alias, aligned(1))) word;

#define WORD       sizeof(word)
#define REP_FROM   64 /* bytes from which the string instructions pay */
#define EVERY_BYTE 0x0101010101010101ULL

/*
 * Copies n >= WORD bytes, lowest first; dst may overlap src from below. The last word is read
 * first, because the words before it may overwrite it.
 */
static void copy_up(u8 *dst, const u8 *src, size_t n)
{
	const word last = *(const word *)(src + n - WORD);
	u8 *end = dst + n - WORD;
	size_t words = (n - 1) / WORD;

	if (n >= REP_FROM) {
		__asm__ volatile("rep movsq" : "+D"(dst), "+S"(src), "+c"(words) : : "memory");
	} else {
		for (; words; words--, dst += WORD, src += WORD)
			*(word *)dst = *(const word *)src;
	}
	*(word *)end = last;
}

/* The same highest first, where dst overlaps src from above. */
static void copy_down(u8 *dst, const u8 *src, size_t n)
{
	const word first = *(const word *)src;
	size_t words = (n - 1) / WORD;

	while (words--) {
		n -= WORD;
		*(word *)(dst + n) = *(const word *)(src + n);
	}
	*(word *)dst = first;
}

void *memcpy(void *restrict dst, const void *restrict src, size_t n)
{
	u8 *d = dst;
	const u8 *s = src;

	if (n >= WORD) {
		copy_up(d, s, n);
		return dst;
	}
	while (n--)
		*d++ = *s++;
	return dst;
}

void *memmove(void *dst, const void *src, size_t n)
{
	u8 *d = dst;
	const u8 *s = src;
	bool up = (u64)d - (u64)s >= n; /* dst below src wraps to a large number */

	if (n >= WORD) {
		if (up)
			copy_up(d, s, n);
		else
			copy_down(d, s, n);
	} else if (up) {
		while (n--)
			*d++ = *s++;
	} else {
		while (n--)
			d[n] = s[n];
	}
	return dst;
}

void *memset(void *dst, int byte, size_t n)
{
	u8 *d = dst;
	u64 v = (u8)byte * EVERY_BYTE;
	size_t words;

	if (n < WORD) {
		while (n--)
			*d++ = (u8)byte;
		return dst;
	}
	*(word *)(d + n - WORD) = v;
	words = (n - 1) / WORD;
	if (n >= REP_FROM) {
		__asm__ volatile("rep stosq" : "+D"(d), "+c"(words) : "a"(v) : "memory");
	} else {
		for (; words; words--, d += WORD)
			*(word *)d = v;
	}
	return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const u8 *p = a, *q = b;

	for (; n >= WORD && *(const word *)p == *(const word *)q; n -= WORD) {
		p += WORD;
		q += WORD;
	}
	for (; n; n--, p++, q++) {
		if (*p != *q)
			return *p - *q;
	}
	return 0;
}

void *memchr(const void *s, int byte, size_t n)
{
	for (const u8 *p = s; n--; p++) {
		if (*p == (u8)byte)
			return (void *)p;
	}
	return NULL;
}

size_t strnlen(const char *s, size_t max)
{
	size_t n = 0;

	while (n < max && s[n])
		n++;
	return n;
}

size_t strlen(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

int strncmp(const char *a, const char *b, size_t n)
{
	for (; n; n--, a++, b++) {
		if (*a != *b)
			return (u8)*a - (u8)*b;
		if (!*a)
			break;
	}
	return 0;
}

int strcmp(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return (u8)*a - (u8)*b;
}

char *strchr(const char *s, int c)
{
	for (;; s++) {
		if (*s == (char)c)
			return (char *)s;
		if (!*s)
			return NULL;
	}
}

char *strrchr(const char *s, int c)
{
	const char *found = NULL;

	do {
		if (*s == (char)c)
			found = s;
	} while (*s++);
	return (char *)found;
}

#endif

int str_copy(char *dst, size_t size, const char *src)
{
	size_t n = strlen(src);

	if (!size)
		return -ENOSPC;
	memcpy(dst, src, MIN(n, size - 1));
	dst[MIN(n, size - 1)] = '\0';
	return n < size ? 0 : -ENOSPC;
}

bool str_prefix(const char *s, const char *prefix)
{
	while (*prefix) {
		if (*s++ != *prefix++)
			return false;
	}
	return true;
}

/* The value of a digit in any base up to 16; 16 for what is none. */
static u32 digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return 16;
}

int str_to_u64(const char *s, u64 *out)
{
	u32 base = 10;
	bool over = false;
	u64 v = 0;

	if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X')) {
		base = 16;
		s += 2;
	}
	if (!*s)
		return -EINVAL;
	for (; *s; s++) {
		u32 digit = digit_value(*s);

		if (digit >= base)
			return -EINVAL;
		over |= __builtin_mul_overflow(v, base, &v);
		over |= __builtin_add_overflow(v, digit, &v);
	}
	if (over)
		return -ERANGE;
	*out = v;
	return 0;
}
