/*
 * core/log.h and core/console.h: the ring, what of it reaches the sinks, and who may write when.
 *
 * sources: core/log.c core/console.c core/cmdline.c lib/string.c lib/fmt.c
 * flags: -pthread
 */
#include "core/cmdline.h"
#include "core/console.h"
#include "core/log.h"
#include "lib/string.h"
#include "tests/host/harness.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

/* --- what the rest of the core would do --- */

static u64 now_ns;
static __thread u32 this_cpu_id;

u64 clock_ns(void);
u64 clock_ns(void)
{
	return now_ns += 100;
}

u32 cpu_id(void);
u32 cpu_id(void)
{
	return this_cpu_id;
}

struct thread;
struct thread_spec;
struct thread *thread_create(const struct thread_spec *spec);
struct thread *thread_create(const struct thread_spec *spec)
{
	return NULL;
}

void thread_start(struct thread *t);
void thread_start(struct thread *t) {}

void thread_block(void);
void thread_block(void) {}

void thread_block_until(u64 deadline_ns);
void thread_block_until(u64 deadline_ns) {}

void thread_wake(struct thread *t);
void thread_wake(struct thread *t) {}

/* --- sinks that keep what they got --- */

#define OUT_MAX (1 << 22)
#define ERASE   "\r\x1b[K"

static char *out, *late_out;
static size_t out_len, late_len, later_len;
static void (*in_write)(void); /* called in the middle of a write */

/* Without the CR that stands before each LF on the line. */
static void keep(char *buf, size_t *len, const char *s, size_t n)
{
	for (size_t i = 0; i < n && *len < OUT_MAX - 1; i++) {
		if (s[i] == '\n') {
			CHECK(*len && buf[*len - 1] == '\r');
			--*len;
		}
		buf[(*len)++] = s[i];
	}
	buf[*len] = '\0';
}

static void sink_write(void *ctx, const char *s, size_t n)
{
	void (*fn)(void) = in_write;

	keep(out, &out_len, s, n / 2);
	in_write = NULL;
	if (fn)
		fn();
	keep(out, &out_len, s + n / 2, n - n / 2);
}

static void late_write(void *ctx, const char *s, size_t n)
{
	keep(late_out, &late_len, s, n);
}

static int no_input(void *ctx)
{
	return -1;
}

static int some_input(void *ctx)
{
	return 'i';
}

static u32 waiting; /* bytes that the sink has not sent */

static u32 sink_backlog(void *ctx)
{
	return waiting;
}

static const struct console_sink sink = {
	.write = sink_write,
	.read = no_input,
	.backlog = sink_backlog,
};
static const struct console_sink late_sink = { .write = late_write, .read = some_input };

static void clear(void)
{
	out_len = late_len = 0;
	out[0] = late_out[0] = '\0';
}

static bool contains(const char *text, const char *part)
{
	for (; *text; text++) {
		if (str_prefix(text, part))
			return true;
	}
	return false;
}

static char replayed[1 << 18];
static int replay_count;

static void replay_keep(void *ctx, const char *line)
{
	size_t n = strlen(replayed);

	CHECK(ctx == &replay_count);
	CHECK(!strchr(line, '\n'));
	snprintf(replayed + n, sizeof(replayed) - n, "%s\n", line);
	replay_count++;
}

static void replay(void)
{
	replayed[0] = '\0';
	replay_count = 0;
	log_replay(replay_keep, &replay_count);
}

/* --- tests, in the order of a boot --- */

TEST(a_before_any_sink)
{
	out = calloc(1, OUT_MAX);
	late_out = calloc(1, OUT_MAX);
	now_ns = 12345678900; /* clock_ns() adds 100 */
	this_cpu_id = 3;
	log_info("first %d", 1);
	log_debug("not shown");
	now_ns = 61000000900;
	log_error("second");
	this_cpu_id = 0;
	console_add(&sink, NULL);
	CHECK_STR(out, "[   12.345679 3 I] first 1\n[   61.000001 3 E] second\n");
	CHECK_EQ(console_read() == -1, true);
	replay();
	CHECK_EQ(replay_count, 3);
	CHECK(contains(replayed, "D] not shown\n"));
}

TEST(b_levels)
{
	static const struct {
		const char *word;
		const char *shown; /* letters of E W I D */
	} cases[] = {
		{ "loglevel=error", "E" },    { "loglevel=warn", "EW" }, { "loglevel=info", "EWI" },
		{ "loglevel=debug", "EWID" }, { "loglevel=0", "E" },     { "loglevel=1", "EW" },
		{ "loglevel=3", "EWID" },     { "loglevel=2", "EWI" },   { "loglevel=4", "WEWI" },
		{ "loglevel=loud", "WEWI" }, /* a warning, unchanged */
		{ "console=com1", "EWI" },
	};

	for (u32 i = 0; i < ARRAY_LEN(cases); i++) {
		char letters[16];
		size_t n = 0;

		clear();
		cmdline_init(cases[i].word);
		log_init();
		log_error("x");
		log_warn("x");
		log_info("x");
		log_debug("x");
		for (size_t at = 1; at < out_len && n < sizeof(letters) - 1; at++)
			if (out[at] == ']')
				letters[n++] = out[at - 1];
		letters[n] = '\0';
		CHECK_STR(letters, cases[i].shown);
	}
}

TEST(c_lines_are_cut_and_cleaned)
{
	char text[400], want[400];

	memset(text, 'a', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	clear();
	now_ns = 0;
	log_info("%s", text);
	memset(want, 'a', sizeof(want));
	memcpy(want, "[    0.000000 0 I] ", 19);
	want[19 + 255] = '\n';
	want[19 + 256] = '\0';
	CHECK_STR(out, want);
	clear();
	now_ns = 0;
	log_info("a\nb\033[2Jc\td\x7f\n");
	CHECK_STR(out, "[    0.000000 0 I] a?b?[2Jc d??\n");
}

TEST(d_raw_text_and_lines)
{
	clear();
	now_ns = 0;
	console_write("prompt> ", 8);
	CHECK_STR(out, "prompt> ");
	log_info("a line");
	CHECK_STR(out, "prompt> " ERASE "[    0.000000 0 I] a line\nprompt> ");
	clear();
	console_write("yes\n", 4);
	console_write("whole\n", 6);
	console_write("", 0);
	log_debug("hidden: no newline for it");
	now_ns = 0;
	log_info("next");
	CHECK_STR(out, "yes\nwhole\n[    0.000000 0 I] next\n");
	clear();
	console_write_raw("raw", 3);
	CHECK_STR(out, "raw");
}

static void log_inside(void)
{
	now_ns = 0;
	log_warn("nested");
}

static void write_inside(void)
{
	console_write("<nmi>", 5);
}

/* An NMI (or a fault) comes on the CPU that is writing. */
TEST(e_nested_writers_do_not_hang)
{
	clear();
	in_write = log_inside;
	console_write("outer\n", 6);
	CHECK_STR(out, "outer\n[    0.000000 0 W] nested\n");
	clear();
	in_write = log_inside;
	now_ns = 0;
	log_info("outer");
	CHECK_STR(out, "[    0.000000 0 I] outer\n[    0.000000 0 W] nested\n");
	clear();
	in_write = write_inside;
	now_ns = 0;
	console_write("outer\n", 6);
	CHECK_STR(out, "ou<nmi>ter\n");
	CHECK(now_ns < 100000); /* it did not wait for itself */
}

TEST(f_a_late_sink_gets_all_the_ring_has)
{
	clear();
	for (int i = 0; i < 300; i++)
		log_info("line %d", i);
	CHECK(contains(out, "line 0\n") && contains(out, "line 299\n"));
	console_add(&late_sink, NULL);
	CHECK(str_prefix(late_out, "("));
	CHECK(contains(late_out, " log lines lost here)\n"));
	CHECK(!contains(late_out, "line 43\n")); /* 256 lines are kept: 44 to 299 */
	CHECK(contains(late_out, "line 44\n") && contains(late_out, "line 299\n"));
	late_len = 0;
	log_info("to both");
	CHECK(contains(out, "to both\n") && contains(late_out, "to both\n"));
	CHECK_EQ(console_read(), 'i');
	replay();
	CHECK_EQ(replay_count, 257);
	CHECK(!contains(replayed, "line 44\n") && contains(replayed, "line 45\n"));
}

static void late_write_too(void *ctx, const char *s, size_t n)
{
	keep(ctx, &later_len, s, n);
}

/* One that comes in the middle of a line hears of what was before, and can hear it again. */
TEST(fa_a_sink_that_comes_in_the_middle_of_a_line)
{
	static const struct console_sink later = { .write = late_write_too, .read = no_input };
	static char text[OUT_MAX];

	log_info("before");
	console_write("half", 4);
	console_add(&later, text);
	CHECK(contains(text, "before\n"));
	CHECK(contains(out, "half"));
	later_len = 0;
	console_write("\n", 1);
	CHECK(!contains(text, "before\n"));
	later_len = late_len = 0;
	late_out[0] = '\0';
	console_replay(text);
	CHECK(contains(text, "before\n"));
	CHECK_EQ(late_len, 0); /* nobody else hears it again */
}

static void type(const char *update, const char *draw)
{
	console_type(update, strlen(update), draw, strlen(draw));
}

#define LINE "[    0.000000 0 I] "

TEST(g_a_typed_line_stays_whole)
{
	clear();
	type("", "> ab");
	CHECK_STR(out, "> ab");
	clear();
	type("c", "> abc");
	CHECK_STR(out, "c");
	clear();
	now_ns = 0;
	log_info("news");
	CHECK_STR(out, ERASE LINE "news\n> abc");
	clear();
	log_debug("not for the console");
	CHECK_STR(out, "");
	console_write_line("[guest] x\n", 10);
	CHECK_STR(out, ERASE "[guest] x\n> abc");
	clear();
	console_type_end(true);
	CHECK_STR(out, "\n");
	now_ns = 0;
	log_info("later");
	CHECK_STR(out, "\n" LINE "later\n");
}

/* A terminal session's bytes go out as they are; whole lines come above its unfinished one. */
TEST(g_session_bytes)
{
	clear();
	console_write_bytes("a\r\nlogin: ro", 12);
	CHECK_STR(out, "a\nlogin: ro");
	clear();
	now_ns = 0;
	log_info("news");
	CHECK_STR(out, ERASE LINE "news\nlogin: ro");
	clear();
	console_write_line("[guest] x\n", 10);
	CHECK_STR(out, ERASE "[guest] x\nlogin: ro");
	clear();
	console_write_bytes("ot\r", 3);
	console_write_bytes("", 0);
	CHECK_STR(out, "ot\r");
	clear();
	console_write("\n", 1); /* the session's end */
	now_ns = 0;
	log_info("news");
	CHECK_STR(out, "\n" LINE "news\n");
}

TEST(g_a_long_unfinished_line_is_ended)
{
	static char row[1000];

	clear();
	memset(row, 'x', sizeof(row));
	console_write_bytes(row, sizeof(row));
	clear();
	now_ns = 0;
	log_info("news");
	CHECK_STR(out, "\n" LINE "news\n");
	clear();
	console_write_bytes("end\r\nshort", 10);
	now_ns = 0;
	log_info("news");
	CHECK_STR(out, "end\nshort" ERASE LINE "news\nshort");
	console_write("\n", 1);
}

TEST(g_room)
{
	waiting = 0;
	CHECK_EQ(console_room(), CONSOLE_BACKLOG);
	waiting = CONSOLE_BACKLOG - 1;
	CHECK_EQ(console_room(), 1);
	CHECK_EQ(console_guest_room(), 0);
	waiting = CONSOLE_BACKLOG;
	CHECK_EQ(console_room(), 0);
	waiting = 16384;
	CHECK_EQ(console_room(), 0);
	waiting = 0;
}

/* A source that logs without end has its first lines shown, then few, and the others counted. */
TEST(g_limited)
{
	static struct log_limit a = { .name = "guest a" }, b = { .name = "guest b" };
	u32 lines = 0, counted = 0, said = 0;
	char *at, *end;

	clear();
	now_ns = 5000000000;
	for (u32 i = 0; i < 1000; i++)
		log_limited(&a, LOG_WARN, "flood %u", i);
	CHECK(contains(out, "flood 0\n") && contains(out, "flood 19\n"));
	CHECK(!contains(out, "flood 20\n"));
	CHECK_EQ(a.left_out, 980);
	log_limited(&b, LOG_WARN, "another's line");
	CHECK(contains(out, "another's line\n"));
	log_limit_report(&a); /* too early */
	CHECK(!contains(out, "left out"));
	now_ns += 10 * LOG_LIMIT_NS;
	log_limit_report(&a);
	CHECK(contains(out, "W] guest a: 980 lines left out"));
	clear();
	log_limit_report(&a); /* nothing new */
	CHECK_STR(out, "");

	/* One line each millisecond for 100 s. */
	for (u32 i = 0; i < 100000; i++) {
		log_limited(&a, LOG_WARN, "flood %u", i);
		now_ns += 1000000;
	}
	now_ns += 100 * LOG_LIMIT_NS;
	log_limited(&a, LOG_WARN, "flood");
	for (at = out; (end = strchr(at, '\n')); at = end + 1) {
		u32 n = 0;

		*end = '\0';
		if (sscanf(at, "[%*u.%*u %*u W] guest a: %u lines left out", &n) == 1) {
			said++;
			counted += n;
		} else {
			lines++;
		}
	}
	CHECK_EQ(lines + counted, 100001);
	CHECK(lines > 100000 / 2000 - 10 && lines < 100000 / 2000 + 25);
	CHECK(said > 0 && said <= lines);
	CHECK_EQ(a.left_out_ever, 980 + counted);
}

static void log_more(void *ctx, const char *line)
{
	int *n = ctx;

	++*n;
	log_debug("while replaying");
}

TEST(h_replay_ends_though_its_sink_logs)
{
	int n = 0;

	log_replay(log_more, &n);
	CHECK(n > 100 && n <= 257);
}

#define THREADS          4
#define LINES_PER_THREAD 3000

static void *writer(void *arg)
{
	this_cpu_id = 1 + (u32)(u64)arg;
	for (int i = 0; i < LINES_PER_THREAD; i++) {
		if (i % 16 == 0)
			console_write("guest line\n", 11);
		log_info("t%u n%d end", this_cpu_id, i);
	}
	return NULL;
}

/* Many CPUs at once: lines are whole, in each CPU's order, and none is missing without a word. */
TEST(i_many_writers)
{
	pthread_t threads[THREADS];
	int next[THREADS + 1] = { 0 }, raw = 0, bad = 0, lines = 0;
	unsigned long long lost = 0, k;
	char *at, *end;

	clear();
	for (u64 i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, writer, (void *)i);
	for (u64 i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (at = out; (end = strchr(at, '\n')); at = end + 1) {
		unsigned cpu, id;
		int n, used = 0;

		*end = '\0';
		if (!strcmp(at, "guest line")) {
			raw++;
		} else if (sscanf(at, "[%*u.%*u %u I] t%u n%d end%n", &cpu, &id, &n, &used) == 3 &&
			   used && !at[used] && id == cpu && id && id <= THREADS && n >= next[id]) {
			next[id] = n + 1;
			lines++;
		} else if (sscanf(at, "(%llu log lines lost here)", &k) == 1) {
			lost += k;
		} else {
			bad++;
		}
	}
	CHECK_EQ(*at, 0);
	CHECK_EQ(bad, 0);
	CHECK_EQ(raw, THREADS * ((LINES_PER_THREAD + 15) / 16));
	CHECK_EQ(lines + lost, THREADS * LINES_PER_THREAD);
	CHECK(lines > 0);
	for (u32 id = 1; id <= THREADS; id++)
		CHECK(lost || next[id] == LINES_PER_THREAD);
}
