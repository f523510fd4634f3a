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

/* Logs a warning for each word whose key is not in the list of known ones. */
void cmdline_check(void);
