/*
 * The log ring: fixed slots, written without a lock by any CPU in any context. A writer takes a
 * ticket, marks the ticket's slot busy, fills it and marks it complete; a reader copies a slot and
 * then looks whether it still is what it was. The console pulls lines from here, each sink at its
 * own pace.
 */
#include "core/log.h"

#include "arch/cpu.h"
#include "core/clock.h"
#include "core/cmdline.h"
#include "core/console.h"
#include "lib/atomic.h"
#include "lib/fmt.h"
#include "lib/string.h"

#define LOG_SLOTS    256u
#define LOG_TEXT_MAX 256
#define NS_PER_US    1000
#define US_PER_S     1000000

struct log_slot {
	u64 seq; /* 0: never used; 2n + 1: ticket n is writing; 2n + 2: holds ticket n's line */
	u64 ns;
	u8 level, cpu;
	char text[LOG_TEXT_MAX];
};

static struct log_slot slots[LOG_SLOTS];
static u64 next_ticket;
static u32 console_level = LOG_INFO;

static const char level_letters[] = "EWID";

/* One line per entry, and nothing that a terminal would take for a command. */
static void make_printable(char *s)
{
	for (; *s; s++) {
		if ((u8)*s < ' ' || *s == 0x7f)
			*s = *s == '\t' ? ' ' : '?';
	}
}

/*
 * Writes the line into the ring. It is dropped where its slot is still being written by a writer a
 * whole ring behind, or was taken by one a whole ring ahead: then this CPU stood still for 256
 * lines.
 */
static void log_store(enum log_level level, const char *text)
{
	u64 flags =
		irq_save(); /* a writer is interrupted by NMIs only, so that readers wait briefly */
	u64 n = atomic_fetch_add(&next_ticket, 1);
	struct log_slot *slot = &slots[n % LOG_SLOTS];
	u64 seen = atomic_load_relaxed(&slot->seq);

	/*
	 * The exchange orders the busy mark before the contents; pairs with the fence in
	 * slot_read().
	 */
	if (!(seen & 1) && seen <= 2 * n && atomic_cas(&slot->seq, &seen, 2 * n + 1)) {
		slot->ns = clock_ns();
		slot->level = (u8)level;
		slot->cpu = (u8)cpu_id();
		memcpy(slot->text, text, LOG_TEXT_MAX);
		/* Pairs with the acquire in slot_read(). */
		atomic_store_release(&slot->seq, 2 * n + 2);
	}
	irq_restore(flags);
}

static void log_vprintf(enum log_level level, const char *fmt, va_list ap)
{
	char text[LOG_TEXT_MAX];

	vsnprintf(text, sizeof(text), fmt, ap);
	make_printable(text);
	log_store(level, text);
	console_flush();
}

void log_printf(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_vprintf(level, fmt, ap);
	va_end(ap);
}

/*
 * Each line uses up LOG_LIMIT_NS of a stock of LOG_LIMIT_BURST times as much, which fills with time.
 * Only used_ns is shared between CPUs, so relaxed accesses do.
 */
static bool limit_take(struct log_limit *l)
{
	u64 now = clock_ns(), used = atomic_load_relaxed(&l->used_ns), from;

	do {
		from = MAX(used, now);
		if (from - now > (LOG_LIMIT_BURST - 1) * LOG_LIMIT_NS)
			return false;
	} while (!atomic_cas(&l->used_ns, &used, from + LOG_LIMIT_NS));
	return true;
}

static void say_left_out(struct log_limit *l)
{
	u32 n = atomic_xchg(&l->left_out, 0);

	if (n)
		log_warn("%s: %u lines left out: too many in too short a time", l->name, n);
}

void log_limited(struct log_limit *l, enum log_level level, const char *fmt, ...)
{
	va_list ap;

	if (!limit_take(l)) {
		atomic_fetch_add(&l->left_out, 1);
		atomic_fetch_add(&l->left_out_ever, 1);
		return;
	}
	say_left_out(l);
	va_start(ap, fmt);
	log_vprintf(level, fmt, ap);
	va_end(ap);
}

void log_limit_report(struct log_limit *l)
{
	if (atomic_load_relaxed(&l->left_out) && limit_take(l))
		say_left_out(l);
}

enum slot_state { SLOT_READY, SLOT_PENDING, SLOT_GONE };

/* Copies ticket n's slot. PENDING: not written yet; GONE: overwritten by a later line. */
static enum slot_state slot_read(u64 n, struct log_slot *copy)
{
	const struct log_slot *slot = &slots[n % LOG_SLOTS];
	u64 seq = atomic_load_acquire(&slot->seq); /* pairs with the release in log_store() */

	if (seq < 2 * n + 2)
		return SLOT_PENDING;
	if (seq > 2 * n + 2)
		return SLOT_GONE;
	memcpy(copy, slot, sizeof(*copy));
	/* The copy is made before the second look; pairs with the exchange in log_store(). */
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return atomic_load_relaxed(&slot->seq) == seq ? SLOT_READY : SLOT_GONE;
}

static void format_line(const struct log_slot *slot, char *buf)
{
	u64 us = slot->ns / NS_PER_US;

	snprintf(buf, LOG_LINE_MAX, "[%5llu.%06llu %u %c] %.*s",
		 (unsigned long long)(us / US_PER_S), (unsigned long long)(us % US_PER_S),
		 slot->cpu, level_letters[slot->level & 3], LOG_TEXT_MAX - 1, slot->text);
}

/* Moves *cursor on by n lines that cannot be had any more, and says so in their place. */
static bool skip_lost(u64 *cursor, u64 n, char *buf)
{
	*cursor += n;
	snprintf(buf, LOG_LINE_MAX, "(%llu log lines lost here)", (unsigned long long)n);
	return true;
}

/*
 * The next line up to that level. With wait it stops at a line that is being written, unless half
 * the ring was filled since: then its writer has dropped it.
 */
static bool next_line(u64 *cursor, u32 level, bool wait, char *buf)
{
	struct log_slot copy;

	for (;;) {
		u64 end =
			atomic_load_acquire(&next_ticket); /* pairs with log_store()'s fetch_add */
		enum slot_state state;

		if (*cursor >= end)
			return false;
		if (end - *cursor > LOG_SLOTS)
			return skip_lost(cursor, end - *cursor - LOG_SLOTS, buf);
		state = slot_read(*cursor, &copy);
		if (state == SLOT_PENDING && wait && end - *cursor <= LOG_SLOTS / 2)
			return false;
		if (state != SLOT_READY)
			return skip_lost(cursor, 1, buf);
		++*cursor;
		if (copy.level <= level) {
			format_line(&copy, buf);
			return true;
		}
	}
}

bool log_read(u64 *cursor, char buf[LOG_LINE_MAX])
{
	return next_line(cursor, atomic_load_relaxed(&console_level), true, buf);
}

void log_replay(void (*sink)(void *ctx, const char *line), void *ctx)
{
	u64 end = atomic_load_acquire(&next_ticket); /* pairs with log_store()'s fetch_add */
	char line[LOG_LINE_MAX];

	/* What the sink itself logs is not replayed, or this might never end. */
	for (u64 cursor = 0; cursor < end && next_line(&cursor, LOG_DEBUG, false, line);)
		sink(ctx, line);
}

void log_set_level(enum log_level level)
{
	atomic_store_relaxed(&console_level, (u32)level);
}

void log_init(void)
{
	static const char *const names[][2] = {
		[LOG_ERROR] = { "error", "0" },
		[LOG_WARN] = { "warn", "1" },
		[LOG_INFO] = { "info", "2" },
		[LOG_DEBUG] = { "debug", "3" },
	};
	char word[16];

	if (!cmdline_get("loglevel", word, sizeof(word)))
		return;
	for (u32 i = 0; i < ARRAY_LEN(names); i++) {
		if (!strcmp(word, names[i][0]) || !strcmp(word, names[i][1])) {
			log_set_level((enum log_level)i);
			return;
		}
	}
	log_warn("loglevel=%s: not one of error, warn, info, debug or 0 to 3", word);
}
