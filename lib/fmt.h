/*
 * Formatted output: the printf family that the log, the console and XML output use.
 *
 * Conversions: d i u x X c s p %, flags '-' '0' '#' '+' ' ', width, precision, and the length
 * words hh h l ll z. There is no floating point.
 */
#pragma once

#include <stdarg.h>

#include "lib/compiler.h"
#include "lib/types.h"

/*
 * Like C's: never writes more than size bytes, always ends the text where size > 0, returns the
 * length the whole text would have had.
 */
int snprintf(char *buf, size_t size, const char *fmt, ...) __printf(3, 4);
int vsnprintf(char *buf, size_t size, const char *fmt, va_list ap);

/* The bytes as hexadecimal digits: 2 * n + 1 characters, the NUL among them. */
void fmt_hex(char *out, const u8 *bytes, size_t n);
