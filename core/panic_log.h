/*
 * What a panic says, kept in memory over the reset that follows, for the next start to tell. A record
 * has copies in several places, any of which does; it is gone once it was found, and when the power is.
 */
#pragma once

#include "lib/types.h"

/* Bytes of a panic's text that are kept. */
#define PANIC_LOG_MAX 16352

/*
 * Takes over what the last run left, logs the beginning of it, and makes the places ready for this run.
 * Boot CPU, once, after mm_init().
 */
void panic_log_init(void);

/* Adds n bytes of what a panic says. Whatever happens then, what was added is kept. Any context, one CPU. */
void panic_log_add(const char *text, size_t n);

/* Calls sink for each line of what the last run left, printable ASCII; false: it left nothing. */
bool panic_log_last(void (*sink)(void *ctx, const char *line), void *ctx);
