/*
 * mgmt/lineedit.h: what is on a terminal's screen after keys were typed, and which line comes out. Keys
 * are those of the DEC VT100 and of emacs and readline.
 *
 * sources: tests/host/screen.c mgmt/lineedit.c mgmt/history.c lib/string.c lib/fmt.c
 */
#include "mgmt/lineedit.h"

#include <stdio.h>
#include <string.h>

#include "tests/host/harness.h"
#include "tests/host/rand.h"
#include "tests/host/screen.h"

#define PROMPT "plinth# "
#define UP     "\033[A"
#define DOWN   "\033[B"
#define RIGHT  "\033[C"
#define LEFT   "\033[D"

static struct lineedit e;
static struct history history;
static struct line_view shown;
static struct screen screen;
static enum line_event event;

static void show(void)
{
	char out[LINEEDIT_OUT_MAX + 1];
	struct line_view v;
	size_t n;

	out[LINEEDIT_OUT_MAX] = 'x';
	lineedit_view(&e, &v);
	n = lineedit_update(&shown, &v, out);
	CHECK(n <= LINEEDIT_OUT_MAX);
	CHECK_EQ(out[LINEEDIT_OUT_MAX], 'x');
	screen_put(&screen, out, n);
	shown = v;
	/* The row is what the view says, and nothing else is on the screen. */
	CHECK_EQ(screen.column, v.cursor);
	CHECK_EQ(screen.row, 0);
	CHECK(!memcmp(screen.text[0], v.text, v.len));
	CHECK_EQ(strlen(screen_row(&screen, 0)) <= v.len, 1);
	CHECK_EQ(screen.errors, 0);
}

static void key(u8 byte)
{
	event = lineedit_key(&e, byte);
	if (event == LINE_DONE) {
		lineedit_reset(&e);
		screen_clear(&screen);
		shown = (struct line_view){ .len = 0 };
	}
	show();
}

static void type(const char *keys)
{
	while (*keys)
		key((u8)*keys++);
}

static void start(void)
{
	memset(&history, 0, sizeof(history));
	lineedit_init(&e, PROMPT, &history);
	shown = (struct line_view){ .len = 0 };
	screen_clear(&screen);
	show();
}

/* What is seen behind the prompt; the cursor is shown as a bar. */
static const char *seen(void)
{
	static char text[SCREEN_COLUMNS + 2];
	const char *row = screen_row(&screen, 0);
	int at = screen.column - (int)strlen(PROMPT), n;

	CHECK(!strncmp(row, PROMPT, strlen(PROMPT)) || !strcmp(row, "plinth#"));
	CHECK(at >= 0);
	row = strlen(row) > strlen(PROMPT) ? row + strlen(PROMPT) : "";
	n = snprintf(text, sizeof(text), "%.*s", at, row);
	snprintf(text + n, sizeof(text) - (size_t)n, "%*s|%s", at - n, "",
		 (int)strlen(row) > at ? row + at : "");
	return text;
}

TEST(typing)
{
	start();
	CHECK_STR(seen(), "|");
	type("list --all");
	CHECK_STR(seen(), "list --all|");
	CHECK_STR(e.text, "list --all");
	CHECK_EQ(event, LINE_MORE);
	key('\r');
	CHECK_EQ(event, LINE_DONE);
	key('\n'); /* CR LF is one end of a line */
	CHECK_EQ(event, LINE_MORE);
	key('\n');
	CHECK_EQ(event, LINE_DONE);
	key('\n');
	CHECK_EQ(event, LINE_DONE);
}

TEST(appending_writes_nothing_else)
{
	struct line_view v;
	char out[LINEEDIT_OUT_MAX];

	start();
	type("abc");
	lineedit_key(&e, 'd');
	lineedit_view(&e, &v);
	CHECK_EQ(lineedit_update(&shown, &v, out), 1);
	CHECK_EQ(out[0], 'd');
	CHECK_EQ(lineedit_update(&v, &v, out), 0);
}

static const struct {
	const char *keys, *seen;
} edits[] = {
	{ "abc" LEFT "x", "abx|c" },
	{ "abc\002\002x", "ax|bc" },
	{ "abc\001x", "x|abc" },
	{ "abc\033[Hx", "x|abc" },
	{ "abc\033OHx", "x|abc" },
	{ "abc\033[1~x", "x|abc" },
	{ "abc\033[7~x", "x|abc" },
	{ "abc\001\005x", "abcx|" },
	{ "abc\001\033[Fx", "abcx|" },
	{ "abc\001\033OFx", "abcx|" },
	{ "abc\001\033[4~x", "abcx|" },
	{ "abc\001\033[8~x", "abcx|" },
	{ "abc\001" RIGHT "x", "ax|bc" },
	{ "abc\001\006x", "ax|bc" },
	{ "abc\001\033OCx", "ax|bc" },
	{ "abc\033ODx", "abx|c" },
	{ "abc" LEFT LEFT LEFT LEFT LEFT, "|abc" },
	{ "abc" RIGHT RIGHT, "abc|" },
	/* Erasing. */
	{ "abc\177", "ab|" },
	{ "abc\010\010\010\010", "|" },
	{ "abc" LEFT "\177", "a|c" },
	{ "abc" LEFT "\004", "ab|" },
	{ "abc" LEFT LEFT "\033[3~", "a|c" },
	{ "abc\004", "abc|" },
	{ "\004\033[3~\177\013\025\027\024", "|" },
	{ "abcdef" LEFT LEFT "\013", "abcd|" },
	{ "abcdef" LEFT LEFT "\025", "|ef" },
	{ "one two", "one two|" },
	{ "one two\027", "one |" },
	{ "one two  \027", "one |" },
	{ "one two\027\027\027", "|" },
	{ "one two" LEFT "\027", "one |o" },
	/* Two change places. */
	{ "abc\024", "acb|" },
	{ "abc" LEFT "\024", "acb|" },
	{ "abc" LEFT LEFT "\024", "ba|c" },
	{ "abc\001\024", "|abc" },
	{ "a\024", "a|" },
	/* Keys and bytes that mean nothing. */
	{ "a\033[5~b\033OPc\033[15~d\033[Ze\033[1;5Cf\033xg", "abcdefg|" },
	{ "a\033[3;5~b\033[999999999999~c\033[ ~d", "abcd|" },
	{ "a\200\377\xc3\xa4"
	  "b\007\026c",
	  "abc|" },
	/* A sequence that is broken off: what cannot belong to it counts. */
	{ "ab\033[\177c", "ac|" },
	{ "ab\033\033[Dc", "ac|b" },
	{ "ab\033[1\001c", "c|ab" },
};

TEST(editing)
{
	for (unsigned i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
		start();
		type(edits[i].keys);
		CHECK_STR(seen(), edits[i].seen);
		CHECK_EQ(strlen(e.text), e.len);
	}
}

TEST(other_keys_are_told)
{
	static const struct {
		u8 key;
		enum line_event event;
	} keys[] = { { 0x03, LINE_CANCEL }, { 0x09, LINE_TAB }, { 0x0c, LINE_CLEAR } };

	for (unsigned i = 0; i < 3; i++) {
		start();
		type("abc" LEFT);
		key(keys[i].key);
		CHECK_EQ(event, keys[i].event);
		CHECK_STR(seen(), "ab|c");
	}
}

TEST(insert_text)
{
	start();
	type("start  --console");
	for (int i = 0; i < 10; i++)
		key(0x02);
	lineedit_insert(&e, "linux");
	show();
	CHECK_STR(seen(), "start linux| --console");
}

/* A line of 200 digits is longer than the row. */
static void long_line(void)
{
	start();
	for (int i = 0; i < 200; i++)
		key((u8)('0' + i % 10));
}

TEST(long_lines_scroll)
{
	int columns = LINEEDIT_COLUMNS - (int)strlen(PROMPT);

	long_line();
	CHECK_EQ(e.len, 200);
	CHECK_EQ(seen()[0], '<');
	/* The digit before the cursor is the last one, and no row is used but the first. */
	CHECK_EQ(screen.text[0][screen.column - 1], '9');
	CHECK_STR(screen_row(&screen, 1), "");
	key(0x01);
	CHECK_EQ(screen.column, strlen(PROMPT));
	CHECK_EQ(seen()[1], '0');
	CHECK_EQ(strlen(seen()), columns + 1);
	CHECK_EQ(seen()[columns], '>');
	/* Wherever the cursor is, the digit under it is shown. */
	for (int i = 0; i < 200; i++) {
		CHECK_EQ(screen.text[0][screen.column], '0' + i % 10);
		key(0x06);
	}
	for (int i = 199; i >= 0; i--) {
		key(0x02);
		CHECK_EQ(screen.text[0][screen.column], '0' + i % 10);
	}
	key(0x05);
	type("\025"
	     "ab");
	CHECK_STR(seen(), "ab|");
}

TEST(a_line_that_just_fits)
{
	int columns = LINEEDIT_COLUMNS - (int)strlen(PROMPT);

	start();
	for (int i = 0; i < columns; i++)
		key('x');
	CHECK_EQ(seen()[0], 'x');
	CHECK_EQ(screen.column, SCREEN_COLUMNS - 1);
	key('y');
	CHECK_EQ(seen()[0], '<');
	key(0x7f);
	key(0x7f);
	CHECK_EQ(seen()[0], 'x');
}

TEST(no_more_than_there_is_room)
{
	start();
	for (int i = 0; i < 1000; i++)
		key('x');
	CHECK_EQ(e.len, LINEEDIT_SIZE - 1);
	key(0x01);
	key('y');
	CHECK_EQ(e.len, LINEEDIT_SIZE - 1);
	CHECK_EQ(e.text[0], 'x');
	lineedit_insert(&e, "zz");
	CHECK_EQ(e.len, LINEEDIT_SIZE - 1);
}

TEST(history_goes_back_and_forth)
{
	start();
	type("one\rtwo\rthree\rmine" LEFT);
	type(UP);
	CHECK_STR(seen(), "three|");
	type("\020");
	CHECK_STR(seen(), "two|");
	type(UP UP UP);
	CHECK_STR(seen(), "one|");
	type(DOWN);
	CHECK_STR(seen(), "two|");
	type("\016");
	CHECK_STR(seen(), "three|");
	type(DOWN);
	CHECK_STR(seen(), "mine|");
	type(DOWN DOWN);
	CHECK_STR(seen(), "mine|");
}

TEST(history_keeps_no_doubles_and_no_blanks)
{
	start();
	type("one\rone\r\r   \rtwo\rtwo\rone\r");
	CHECK_EQ(history.count, 3);
	type(UP);
	CHECK_STR(seen(), "one|");
	type(UP);
	CHECK_STR(seen(), "two|");
	type(UP);
	CHECK_STR(seen(), "one|");
	type(UP);
	CHECK_STR(seen(), "one|");
}

TEST(what_was_recalled_can_be_changed)
{
	start();
	type("start one\r" UP "\177\177\177two\r" UP UP);
	CHECK_STR(seen(), "start one|"); /* the old one is as it was */
	type(DOWN);
	CHECK_STR(seen(), "start two|");
	type(DOWN);
	CHECK_STR(seen(), "|");
}

TEST(history_forgets_the_oldest)
{
	char line[16];

	start();
	for (unsigned i = 0; i < HISTORY_LINES + 5; i++) {
		snprintf(line, sizeof(line), "line %u\r", i);
		type(line);
	}
	for (unsigned i = 0; i < HISTORY_LINES + 10; i++)
		type(UP);
	CHECK_STR(seen(), "line 5|");
}

/* Any bytes at all: the screen is always what the view says (show()), and nothing is overrun. */
TEST(random_keys)
{
	static const char *const keys[] = { UP,     DOWN,   LEFT,   RIGHT,   "\001",
					    "\005", "\013", "\025", "\027",  "\024",
					    "\177", "\004", "\r",   "word ", "\033[3~" };

	start();
	for (int i = 0; i < 40000; i++) {
		u64 n = rand_u64();

		if (n % 3 == 0)
			type(keys[n / 3 % (sizeof(keys) / sizeof(keys[0]))]);
		else if (n % 3 == 1)
			key((u8)('a' + n / 3 % 26));
		else
			key((u8)(n / 3));
		CHECK(e.cursor <= e.len && e.len < LINEEDIT_SIZE && !e.text[e.len]);
	}
}
