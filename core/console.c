/*
 * The console: who may write to the sinks, and the thread that hands input on. Writers own the
 * console one at a time by a word that names the owner's CPU instead of a spinlock, because a
 * writer that finds it taken need not wait (the owner prints its log line too) and an NMI must not.
 */
#include "core/console.h"

#include "arch/cpu.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/panic.h"
#include "core/thread.h"
#include "lib/atomic.h"
#include "lib/string.h"

#define INPUT_POLL_NS 1000000ULL    /* without interrupts: a FIFO of 16 bytes fills in 1.4 ms */
#define OWN_WAIT_NS   1000000000ULL /* far longer than any writer takes */

#define CONSOLE_TAIL_MAX 256u /* some rows of a terminal */

struct sink_state {
	const struct console_sink *sink;
	void *ctx;
	u64 cursor; /* the next log line that it prints */
};

/* All but the owner word: the owner's. Interrupts are off while the console is owned. */
static u32 owner; /* CPU index + 1; 0: free */
static u32 flush_requests;
static struct sink_state sinks[CONSOLE_SINKS_MAX];
static u32 sink_count; /* read by anyone; a sink is complete before it is counted */
static bool mid_line;  /* the last text ended without a newline */
/* The unfinished line; 0 bytes: there is none, or it is too long to be shown again. */
static char tail[CONSOLE_TAIL_MAX];
static size_t tail_len;
static bool tail_long, tail_hidden;
/* The line that is typed: what draws it from column 0, and whether it is on the screen. */
static char typed[CONSOLE_TYPED_MAX];
static size_t typed_len;
static bool typed_shown;

static void (*input_handler)(u8 byte); /* NULL: nobody takes input yet */
static struct thread *input_thread;
static bool input_polled;

/* Exchanges on owner order everything before against everything after, on both sides. */
static bool console_try_own(u64 *flags)
{
	u32 free = 0;

	*flags = irq_save();
	if (atomic_cas(&owner, &free, cpu_id() + 1))
		return true;
	irq_restore(*flags);
	return false;
}

/*
 * False: write all the same. This CPU owns it already, that is an NMI or a fault came while it
 * wrote; or the owner was stopped by a panic.
 */
static bool console_own(u64 *flags)
{
	u64 start = clock_ns();

	while (!console_try_own(flags)) {
		if (atomic_load_relaxed(&owner) == cpu_id() + 1 || clock_ns() - start > OWN_WAIT_NS)
			return false;
		cpu_relax();
	}
	return true;
}

static void console_disown(u64 flags)
{
	atomic_xchg(&owner, 0);
	irq_restore(flags);
}

static void sink_bytes(const struct sink_state *s, const char *text, size_t n)
{
	s->sink->write(s->ctx, text, n);
}

/* A line of text ends in CR LF on the wire. */
static void sink_text(const struct sink_state *s, const char *text, size_t n)
{
	while (n) {
		const char *lf = memchr(text, '\n', n);
		size_t part = lf ? (size_t)(lf - text) : n;

		if (part)
			sink_bytes(s, text, part);
		if (!lf)
			break;
		sink_bytes(s, "\r\n", 2);
		text += part + 1;
		n -= part + 1;
	}
}

static void write_sinks(const char *s, size_t n)
{
	u32 count = atomic_load_acquire(&sink_count); /* pairs with console_add() */

	for (u32 i = 0; i < count; i++)
		sink_text(&sinks[i], s, n);
}

static void write_bytes(const char *s, size_t n)
{
	u32 count = atomic_load_acquire(&sink_count); /* pairs with console_add() */

	for (u32 i = 0; i < count; i++)
		sink_bytes(&sinks[i], s, n);
}

static void drain_sinks(void)
{
	u32 count = atomic_load_acquire(&sink_count); /* pairs with console_add() */

	for (u32 i = 0; i < count; i++) {
		if (sinks[i].sink->drain)
			sinks[i].sink->drain(sinks[i].ctx);
	}
}

void console_write_raw(const char *s, size_t n)
{
	write_sinks(s, n);
	drain_sinks();
}

static const char erase[] = "\r\x1b[K";

/* The typed line makes room for other text, which begins in column 0. */
static void hide_typed(void)
{
	if (typed_shown)
		write_bytes(erase, sizeof(erase) - 1);
	typed_shown = false;
}

/* It comes back below whole lines. */
static void show_typed(void)
{
	if (!typed_len || typed_shown || mid_line)
		return;
	write_sinks(typed, typed_len);
	typed_shown = true;
}

/* Prints the sink's next log line. */
static bool sink_line(struct sink_state *s)
{
	char line[LOG_LINE_MAX + 1];
	size_t n;

	if (!log_read(&s->cursor, line))
		return false;
	n = strlen(line);
	line[n++] = '\n';
	sink_text(s, line, n);
	return true;
}

static void tail_drop(void)
{
	tail_len = 0;
	tail_long = false;
}

static void end_line(void)
{
	if (mid_line)
		write_sinks("\n", 1);
	mid_line = false;
	tail_hidden = false;
	tail_drop();
}

/* An unfinished line makes room for whole ones for a while; a long one is ended. */
static void hide_unfinished(void)
{
	if (!mid_line)
		return;
	if (!tail_len) {
		end_line();
		return;
	}
	write_bytes(erase, sizeof(erase) - 1);
	mid_line = false;
	tail_hidden = true;
}

static void show_tail(void)
{
	if (!tail_hidden)
		return;
	write_bytes(tail, tail_len);
	mid_line = true;
	tail_hidden = false;
}

/* What belongs below whole lines comes back. */
static void show_bottom(void)
{
	show_tail();
	show_typed();
}

/* Remembers what is an unfinished line. */
static void tail_keep(const char *s, size_t n)
{
	for (; n; n--, s++) {
		if (*s == '\n') {
			tail_drop();
		} else if (tail_len == sizeof(tail)) {
			tail_len = 0;
			tail_long = true;
		} else if (!tail_long) {
			tail[tail_len++] = *s;
		}
	}
}

/* Whether there is a line of the log that some sink has not printed. */
static bool lines_wait(void)
{
	char line[LOG_LINE_MAX];

	for (u32 i = 0; i < sink_count; i++) {
		u64 cursor = sinks[i].cursor;

		if (log_read(&cursor, line))
			return true;
	}
	return false;
}

/* At most one line of the log to each sink; true when there was one. */
static bool print_lines(void)
{
	bool any = false;

	if (mid_line || typed_shown) {
		if (!lines_wait())
			return false;
		hide_typed();
		hide_unfinished();
	}
	for (u32 i = 0; i < sink_count; i++)
		any |= sink_line(&sinks[i]);
	return any;
}

void console_flush(void)
{
	bool more;
	u64 flags;
	u32 seen;

	/*
	 * Either we get the console, or its owner gave it up after this count, and will find it
	 * changed (the exchange in console_disown() comes before its second look).
	 */
	atomic_fetch_add(&flush_requests, 1);
	do {
		if (!console_try_own(&flags))
			return;
		seen = atomic_load_relaxed(&flush_requests);
		more = print_lines();
		if (!more)
			show_bottom();
		console_disown(flags);
	} while (more || atomic_load_relaxed(&flush_requests) != seen);
}

/* What is written: text, text on lines of its own, or bytes as they are. */
enum content { TEXT, LINES, BYTES };

static void write_all(const char *s, size_t n, enum content what)
{
	void (*write)(const char *s, size_t n) = what == BYTES ? write_bytes : write_sinks;
	u64 flags;

	if (!n)
		return;
	if (!console_own(&flags)) {
		write(s, n);
		drain_sinks();
		return;
	}
	while (print_lines())
		;
	hide_typed();
	if (what == LINES) {
		hide_unfinished();
		write(s, n);
	} else {
		show_tail();
		write(s, n);
		tail_keep(s, n);
		mid_line = s[n - 1] != '\n';
	}
	show_bottom();
	console_disown(flags);
	console_flush();
}

static u32 room(u32 backlog)
{
	u32 count = atomic_load_acquire(&sink_count), most = 0; /* pairs with console_add() */

	for (u32 i = 0; i < count; i++) {
		if (sinks[i].sink->backlog)
			most = MAX(most, sinks[i].sink->backlog(sinks[i].ctx));
	}
	return most < backlog ? backlog - most : 0;
}

u32 console_room(void)
{
	return room(CONSOLE_BACKLOG);
}

u32 console_guest_room(void)
{
	return room(CONSOLE_GUEST_BACKLOG);
}

void console_write(const char *s, size_t n)
{
	write_all(s, n, TEXT);
}

void console_write_line(const char *s, size_t n)
{
	write_all(s, n, LINES);
}

void console_write_bytes(const char *s, size_t n)
{
	write_all(s, n, BYTES);
}

void console_type(const char *update, size_t n, const char *draw, size_t len)
{
	u64 flags;

	if (len > sizeof(typed) || !console_own(&flags))
		return;
	while (print_lines())
		;
	memcpy(typed, draw, len);
	typed_len = len;
	if (typed_shown)
		write_sinks(update, n);
	else
		end_line();
	show_typed();
	console_disown(flags);
	console_flush();
}

void console_type_end(bool keep)
{
	u64 flags;

	if (!console_own(&flags))
		return;
	if (!keep)
		hide_typed();
	else if (typed_shown)
		write_sinks("\n", 1);
	typed_shown = false;
	typed_len = 0;
	console_disown(flags);
	console_flush();
}

void console_add(const struct console_sink *sink, void *ctx)
{
	u64 flags;

	if (!console_own(&flags))
		return;
	ASSERT(sink_count < CONSOLE_SINKS_MAX);
	sinks[sink_count] = (struct sink_state){ .sink = sink, .ctx = ctx };
	/* Pairs with the acquire in console_write_raw(). */
	atomic_store_release(&sink_count, sink_count + 1);
	console_disown(flags);
	console_flush();
}

void console_replay(const void *ctx)
{
	u64 flags;

	if (!console_own(&flags))
		return;
	for (u32 i = 0; i < sink_count; i++) {
		if (sinks[i].ctx == ctx)
			sinks[i].cursor = 0;
	}
	console_disown(flags);
	console_flush();
}

void console_drain(void)
{
	console_flush();
	drain_sinks();
}

int console_read(void)
{
	u32 count = atomic_load_acquire(&sink_count); /* pairs with console_add() */

	for (u32 i = 0; i < count; i++) {
		int c = sinks[i].sink->read(sinks[i].ctx);

		if (c >= 0)
			return c;
	}
	return -1;
}

static void input_loop(void *arg)
{
	(void)arg;
	for (;;) {
		void (*handler)(u8 byte);
		int c;

		/* Until somebody takes it, input stays where it is. Pairs with console_set_input(). */
		while ((handler = atomic_load_acquire(&input_handler)) && (c = console_read()) >= 0)
			handler((u8)c);
		if (atomic_load_relaxed(&input_polled))
			thread_block_until(clock_ns() + INPUT_POLL_NS);
		else
			thread_block();
	}
}

void console_set_input(void (*handler)(u8 byte))
{
	/* Pairs with the acquire in input_loop(). */
	atomic_store_release(&input_handler, handler);
	console_input_ready();
}

void console_start(void)
{
	static const struct thread_spec spec = {
		.name = "console",
		.fn = input_loop,
		.cpu = -1,
		.preemptible = true,
	};
	struct thread *t = thread_create(&spec);

	if (!t) {
		log_error("console: no memory for the input thread: input is ignored");
		return;
	}
	thread_start(t);
	/*
	 * Input that came before is found by the thread's first look. Pairs with the acquire below.
	 */
	atomic_store_release(&input_thread, t);
}

void console_input_ready(void)
{
	struct thread *t = atomic_load_acquire(&input_thread); /* pairs with console_start() */

	if (t)
		thread_wake(t);
}

void console_poll_input(void)
{
	atomic_store_relaxed(&input_polled, true);
	console_input_ready();
}
