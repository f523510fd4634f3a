/*
 * core/panic_log.h: what a panic said over a reset, and memory that holds anything else.
 *
 * sources: core/panic_log.c lib/crc32.c lib/string.c lib/fmt.c
 */
#include "core/log.h"
#include "core/panic_log.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "mm/memmap.h"
#include "mm/page.h"
#include "tests/host/harness.h"

#define LEN_AT  16 /* of a record: its length */
#define TEXT_AT 32

u64 host_phys_base;

static _Alignas(64) u8 place[MEMMAP_KEPT_MAX][MEMMAP_KEPT_SIZE];
static u32 kept = 2;
static char logged[65536], last[65536];

u32 memmap_kept(paddr_t out[MEMMAP_KEPT_MAX])
{
	for (u32 i = 0; i < kept; i++)
		out[i] = PADDR((u64)place[i]);
	return kept;
}

void log_printf(enum log_level level, const char *fmt, ...)
{
	size_t n = strlen(logged);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(logged + n, sizeof(logged) - n, fmt, ap);
	va_end(ap);
	snprintf(logged + strlen(logged), 2, "\n");
}

static void add(const char *text)
{
	panic_log_add(text, strlen(text));
}

static void keep_line(void *ctx, const char *line)
{
	size_t n = strlen(last);

	snprintf(last + n, sizeof(last) - n, "%s|", line);
}

/* The next start; what the last run left. */
static const char *restart(void)
{
	bool any;

	logged[0] = last[0] = '\0';
	panic_log_init();
	any = panic_log_last(keep_line, NULL);
	CHECK_EQ(any, last[0] != 0);
	return last;
}

TEST(nothing_after_the_power_was_gone)
{
	memset(place, 0, sizeof(place));
	CHECK_STR(restart(), "");
	CHECK_STR(logged, "");
	memset(place, 0xff, sizeof(place));
	CHECK_STR(restart(), "");
	CHECK_STR(restart(), "");
}

TEST(told_once)
{
	restart();
	add("\nPANIC: why\nbacktrace:\n");
	add("  here\n");
	add("log:\n  a line\nend of log\n");
	CHECK_STR(restart(), "PANIC: why|backtrace:|  here|log:|  a line|end of log|");
	CHECK_STR(logged, "the last run ended in a panic:\n  PANIC: why\n  backtrace:\n    here\n"
			  "all that it said: dmesg --last-panic\n");
	CHECK_STR(restart(), "");
	CHECK_STR(logged, "");
}

TEST(any_copy_does)
{
	for (u32 i = 0; i < 2; i++) {
		restart();
		add("PANIC: one copy\n");
		memset(place[i], 0x11, MEMMAP_KEPT_SIZE);
		CHECK_STR(restart(), "PANIC: one copy|");
	}
}

/* A place that a later run had no part in holds what is over. */
TEST(an_old_copy_does_not_count)
{
	restart();
	add("PANIC: old\n");
	kept = 1;
	CHECK_STR(restart(), "PANIC: old|");
	kept = 2;
	CHECK_STR(restart(), "");
}

TEST(each_byte_counts)
{
	u8 saved[MEMMAP_KEPT_SIZE];

	restart();
	add("PANIC: x\n");
	memset(place[1], 0, MEMMAP_KEPT_SIZE);
	memcpy(saved, place[0], sizeof(saved));
	for (u32 i = 0; i < TEXT_AT + 9; i++) {
		bool reserved = i >= LEN_AT + 8 && i < TEXT_AT;

		memcpy(place[0], saved, sizeof(saved));
		memset(place[1], 0, MEMMAP_KEPT_SIZE);
		place[0][i] ^= 0x40;
		CHECK_STR(restart(), reserved ? "PANIC: x|" : "");
	}
}

/* Lengths that reach behind the record, with whatever checksum. */
TEST(no_length_is_trusted)
{
	static const u64 lengths[] = { PANIC_LOG_MAX + 1, 1 << 20, 1ULL << 32, ~0ULL };

	for (u32 i = 0; i < ARRAY_LEN(lengths); i++) {
		restart();
		add("PANIC: x\n");
		for (u32 k = 0; k < 2; k++)
			memcpy(place[k] + LEN_AT, &lengths[i], 8);
		CHECK_STR(restart(), "");
	}
}

TEST(only_printable_text)
{
	restart();
	add("a\033[2Jb\r\tc\200\n");
	CHECK_STR(restart(), "a?[2Jb??c?|");
}

TEST(cut_where_it_is_full)
{
	char line[101];
	u64 n = 0;

	memset(line, 'x', 99);
	line[99] = '\n';
	line[100] = '\0';
	restart();
	for (u32 i = 0; i < 400; i++)
		add(line);
	restart();
	for (const char *p = last; *p; p++)
		n += *p == 'x';
	CHECK_EQ(n, PANIC_LOG_MAX / 100 * 99 + PANIC_LOG_MAX % 100);
}

/* A line of any length, and an end without a newline. */
TEST(long_lines)
{
	static char line[1001];

	memset(line, 'y', 1000);
	restart();
	add(line);
	add("\nend");
	restart();
	CHECK_EQ(strlen(last), 1000 + 5 + 4);
	CHECK_STR(last + 1005, "end|");
}

TEST(no_place)
{
	kept = 0;
	CHECK_STR(restart(), "");
	CHECK_STR(logged, "no memory at the places where a panic would be kept over a reset\n");
	add("PANIC: x\n");
	kept = 2;
}
