/*
 * The host command line: words `key=value` or `key`, separated by spaces.
 */
#pragma once

#include "lib/types.h"

#define CMDLINE_MAX 1024

/* Keeps a copy of line. Call once, at start. */
void cmdline_init(const char *line);

/*
 * Copies the value of the last word `key=value` into buf, cut to size. True when the word is there
 * (an empty value for a bare `key`).
 */
bool cmdline_get(const char *key, char *buf, size_t size);

/* True when the word's value is exactly value. */
bool cmdline_is(const char *key, const char *value);

/*
 * The number of a word `key=NUMBER` from min to max, or `key=off`, which is 0. Without the word it is
 * standard, and with another value, too, with a warning that names the unit.
 */
u64 cmdline_number(const char *key, const char *unit, u64 min, u64 max, u64 standard);

/* True when the word is `key=off`, the only value that it has; a warning about another. */
bool cmdline_off(const char *key);

/* Logs a warning for each word whose key is not in the list of known ones. */
void cmdline_check(void);
