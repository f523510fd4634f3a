/*
 * Memory and string functions under their C names (the compiler emits calls to some of them),
 * and the few bounded helpers that replace the unsafe ones.
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"

void *memcpy(void *restrict dst, const void *restrict src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int byte, size_t n);
int memcmp(const void *a, const void *b, size_t n);
void *memchr(const void *s, int byte, size_t n);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);
char *strrchr(const char *s, int c);

/* Copies src with its NUL into dst of size bytes; -ENOSPC: dst holds a truncated, ended text. */
int str_copy(char *dst, size_t size, const char *src) __must_check;

/* True when s begins with prefix. */
bool str_prefix(const char *s, const char *prefix);

/*
 * Reads an unsigned number (decimal, or hexadecimal behind 0x) from all of s.
 * 0, -EINVAL (not a number) or -ERANGE (over 64 bits).
 */
int str_to_u64(const char *s, u64 *out) __must_check;
