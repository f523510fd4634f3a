/*
 * Records in the pages that mm keeps apart at fixed places. What is in them at start may be of the last
 * run, of an older Plinth, or anything else that memory held: length and checksum tell, and of the
 * text only printable characters are taken. A record is valid after each addition, as a panic may end
 * anywhere, and is written through the caches, which a reset throws away.
 */
#include "core/panic_log.h"

#include "arch/cpu.h"
#include "core/log.h"
#include "lib/atomic.h"
#include "lib/compiler.h"
#include "lib/crc32.h"
#include "lib/string.h"
#include "mm/memmap.h"
#include "mm/page.h"

#define RECORD_MAGIC 0x474f4c50u /* "PLOG" */
#define CRC_START    (~0u)
#define CLFLUSH_LINE 64 /* no cache line is shorter on a CPU with 64-bit mode */
#define LINE_MAX     240
/* What follows this line is not logged at start. */
#define DETAILS      "log:"

struct panic_record {
	u32 magic;
	u32 checksum; /* of the text, then of runs and len */
	u64 runs;     /* starts until this one, as far as records told */
	u64 len;      /* bytes of text; 0: no panic so far */
	u64 reserved;
	char text[PANIC_LOG_MAX];
};
static_assert(sizeof(struct panic_record) == MEMMAP_KEPT_SIZE, "it fills its place");

static struct panic_record *places[MEMMAP_KEPT_MAX]; /* const after start */
static u32 place_count;                              /* const after start */
static u64 this_run;                                 /* const after start */

/* This run's text so far; the panicking CPU's. */
static u64 added;
static u32 added_crc = CRC_START;
static bool adding;

/* The last run's text; const after start. */
static char last_text[PANIC_LOG_MAX];
static u64 last_len;

/* The record's checksum, given its text's. */
static u32 checksum(u32 crc, u64 runs, u64 len)
{
	crc = crc32_update(crc, &runs, sizeof(runs));
	return crc32_update(crc, &len, sizeof(len));
}

static void write_back(const void *p, u64 n)
{
	for (u64 at = (u64)p & ~(u64)(CLFLUSH_LINE - 1); at < (u64)p + n; at += CLFLUSH_LINE)
		clflush((const void *)at);
}

/* States that the record's text is the first len bytes, with that checksum of theirs. */
static void seal(struct panic_record *r, u32 crc, u64 len)
{
	r->magic = RECORD_MAGIC;
	r->runs = this_run;
	r->len = len;
	r->checksum = checksum(crc, this_run, len);
	write_back(r, offsetof(struct panic_record, text));
}

void panic_log_add(const char *text, size_t n)
{
	/* A fault in here leads to a panic, which comes back. */
	if (adding)
		return;
	adding = true;
	n = MIN(n, PANIC_LOG_MAX - added);
	added_crc = crc32_update(added_crc, text, n);
	for (u32 i = 0; i < place_count; i++) {
		memcpy(places[i]->text + added, text, n);
		write_back(places[i]->text + added, n);
		seal(places[i], added_crc, added + n);
	}
	added += n;
	adding = false;
}

/* Copies the record's header once, and says whether the record is one. */
static bool read_header(const struct panic_record *r, struct panic_record *header)
{
	memcpy(header, r, offsetof(struct panic_record, text));
	return header->magic == RECORD_MAGIC && header->len <= PANIC_LOG_MAX;
}

static char printable(char c)
{
	return c == '\n' || (c >= ' ' && c <= '~') ? c : '?';
}

/* Takes over a record, if it is valid and of a later run than those before; *runs: that run's number. */
static void take(const struct panic_record *r, u64 *runs)
{
	static struct panic_record copy;

	if (!read_header(r, &copy) || copy.runs < *runs)
		return;
	memcpy(copy.text, r->text, copy.len);
	if (copy.checksum !=
	    checksum(crc32_update(CRC_START, copy.text, copy.len), copy.runs, copy.len))
		return;
	*runs = copy.runs;
	last_len = copy.len;
	for (u64 i = 0; i < copy.len; i++)
		last_text[i] = printable(copy.text[i]);
}

bool panic_log_last(void (*sink)(void *ctx, const char *line), void *ctx)
{
	char line[LINE_MAX];
	u32 n = 0;

	for (u64 i = 0; i < last_len; i++) {
		bool end = last_text[i] == '\n';

		if (!end)
			line[n++] = last_text[i];
		if (n == LINE_MAX - 1 || (n && (end || i + 1 == last_len))) {
			line[n] = '\0';
			sink(ctx, line);
			n = 0;
		}
	}
	return last_len;
}

static void log_line(void *ctx, const char *line)
{
	bool *details = ctx;

	*details = *details || !strcmp(line, DETAILS);
	if (!*details)
		log_warn("  %s", line);
}

static void tell(void)
{
	bool details = false;

	if (!last_len)
		return;
	log_warn("the last run ended in a panic:");
	panic_log_last(log_line, &details);
	log_warn("all that it said: dmesg --last-panic");
}

void panic_log_init(void)
{
	paddr_t pa[MEMMAP_KEPT_MAX];
	u64 runs = 0;

	place_count = memmap_kept(pa);
	last_len = added = 0;
	added_crc = CRC_START;
	for (u32 i = 0; i < place_count; i++) {
		places[i] = phys_to_virt(pa[i]);
		take(places[i], &runs);
	}
	this_run = runs + 1;
	for (u32 i = 0; i < place_count; i++)
		seal(places[i], CRC_START, 0);
	if (!place_count)
		log_warn("no memory at the places where a panic would be kept over a reset");
	tell();
}
