/*
 * The log: printf into a ring that is kept whole in memory and copied to the console as far as
 * `loglevel=` allows. It may be called from any context, interrupts and NMI included.
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"

enum log_level {
	LOG_ERROR = 0, /* something asked for could not be done */
	LOG_WARN = 1,  /* degraded, goes on */
	LOG_INFO = 2,  /* what a user wants to see; the default level */
	LOG_DEBUG = 3,
};

/* Appends one line (the newline is added). Lines longer than 255 bytes are cut. */
void log_printf(enum log_level level, const char *fmt, ...) __printf(2, 3);

#define log_error(...) log_printf(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)  log_printf(LOG_WARN, __VA_ARGS__)
#define log_info(...)  log_printf(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_printf(LOG_DEBUG, __VA_ARGS__)

/*
 * How much one source may log, such as a guest: LOG_LIMIT_BURST lines at once, then one each
 * LOG_LIMIT_NS. What is beyond is left out and counted. All zero but for the name: nothing used up.
 */
struct log_limit {
	const char *name;  /* const; whose lines they are */
	u64 used_ns;       /* atomic: when all will be allowed again */
	u32 left_out;      /* atomic: lines since that was last said */
	u64 left_out_ever; /* atomic */
};

#define LOG_LIMIT_BURST 20u
#define LOG_LIMIT_NS    2000000000ULL

/*
 * Appends a line as log_printf() does, if the limit allows it; before it stands how many were left out
 * since the last one. For everything that a guest can make us log again and again. Any context.
 */
void log_limited(struct log_limit *l, enum log_level level, const char *fmt, ...) __printf(3, 4);

/* Says how many lines were left out, if there is something to say and the limit allows a line. */
void log_limit_report(struct log_limit *l);

/* Lines up to this level go to the console. */
void log_set_level(enum log_level level);

/*
 * Sets the level from the `loglevel=` word: error, warn, info, debug or 0 to 3. After
 * cmdline_init().
 */
void log_init(void);

#define LOG_LINE_MAX 288 /* a line with its prefix and NUL */

/* Calls sink for each line kept in the ring, oldest first. For panic and `dmesg`. Any context. */
void log_replay(void (*sink)(void *ctx, const char *line), void *ctx);

/*
 * Copies the first line at or after *cursor (0: the oldest) that the level lets through into buf,
 * without a newline, and moves *cursor behind it; false when there is none yet. Any context; for
 * the console, which has a cursor for each sink.
 */
bool log_read(u64 *cursor, char buf[LOG_LINE_MAX]);
