/*
 * drivers/screen.h: what is on the screen after which bytes, and that what was drawn is what it says.
 *
 * sources: drivers/screen.c lib/string.c
 */
#include "drivers/font.h"
#include "drivers/screen.h"
#include "lib/string.h"
#include "tests/host/harness.h"

#define COLUMNS 10
#define ROWS    8

static struct screen s;
static char drawn[ROWS][COLUMNS];
static bool inverse[ROWS][COLUMNS];
static u32 draws;

static void draw(u32 column, u32 row, char c, bool inv)
{
	CHECK(column < COLUMNS && row < ROWS);
	CHECK((u8)c >= FONT_FIRST && (u8)c <= FONT_OTHER);
	drawn[row][column] = c;
	inverse[row][column] = inv;
	draws++;
}

static void start(void)
{
	memset(drawn, '#', sizeof(drawn));
	screen_init(&s, COLUMNS, ROWS, draw);
}

static void put(const char *text)
{
	screen_write(&s, text, strlen(text));
	for (u32 y = 0; y < ROWS; y++) {
		CHECK(!memcmp(drawn[y], s.cells[y], COLUMNS));
		for (u32 x = 0; x < COLUMNS; x++)
			CHECK_EQ(inverse[y][x], x == s.x && y == s.y);
	}
}

/* The row without the blanks at its end. */
static const char *row(u32 y)
{
	static char text[COLUMNS + 1];
	u32 n = COLUMNS;

	memcpy(text, drawn[y], COLUMNS);
	while (n && text[n - 1] == ' ')
		n--;
	text[n] = '\0';
	return text;
}

#define CHECK_CURSOR(column, line)                                                                 \
	do {                                                                                       \
		CHECK_EQ(s.x, column);                                                             \
		CHECK_EQ(s.y, line);                                                               \
	} while (0)

TEST(blank_at_first)
{
	start();
	for (u32 y = 0; y < ROWS; y++)
		CHECK_STR(row(y), "");
	CHECK(inverse[0][0]);
}

TEST(lines)
{
	start();
	put("one\r\ntwo\r\n\tx\r\n12\n3");
	CHECK_STR(row(0), "one");
	CHECK_STR(row(1), "two");
	CHECK_STR(row(2), "        x");
	CHECK_STR(row(3), "12");
	CHECK_STR(row(4), "  3");
	CHECK_CURSOR(3, 4);
}

TEST(a_full_row_wraps_when_more_comes)
{
	start();
	put("0123456789");
	CHECK_CURSOR(9, 0);
	put("a");
	CHECK_STR(row(0), "0123456789");
	CHECK_STR(row(1), "a");
	put("\r123456789z\r\nb");
	CHECK_STR(row(1), "123456789z");
	CHECK_STR(row(2), "b");
	put("\r123456789z\b!");
	CHECK_STR(row(2), "123456789!");
}

TEST(the_end_scrolls_by_a_quarter)
{
	start();
	put("0\r\n1\r\n2\r\n3\r\n4\r\n5\r\n6\r\n7");
	CHECK_STR(row(7), "7");
	put("\r\n8");
	CHECK_STR(row(0), "2");
	CHECK_STR(row(5), "7");
	CHECK_STR(row(6), "8");
	CHECK_STR(row(7), "");
	put("\r\n9\r\nA");
	CHECK_STR(row(0), "4");
	CHECK_STR(row(6), "A");
}

TEST(backspace_stops_at_the_left)
{
	start();
	put("ab\b\b\b\bc");
	CHECK_STR(row(0), "cb");
}

TEST(erasing)
{
	static const struct {
		const char *sequence, *rows[3];
	} cases[] = {
		{ "\x1b[K", { "aaaa", "bb", "cccc" } },    { "\x1b[0K", { "aaaa", "bb", "cccc" } },
		{ "\x1b[1K", { "aaaa", "   b", "cccc" } }, { "\x1b[2K", { "aaaa", "", "cccc" } },
		{ "\x1b[3K", { "aaaa", "bbbb", "cccc" } }, { "\x1b[J", { "aaaa", "bb", "" } },
		{ "\x1b[1J", { "", "   b", "cccc" } },     { "\x1b[2J", { "", "", "" } },
		{ "\x1b[3J", { "aaaa", "bbbb", "cccc" } },
	};

	for (u32 i = 0; i < ARRAY_LEN(cases); i++) {
		start();
		put("aaaa\r\nbbbb\r\ncccc\x1b[2;3H");
		CHECK_CURSOR(2, 1);
		put(cases[i].sequence);
		CHECK_CURSOR(2, 1);
		for (u32 y = 0; y < 3; y++)
			CHECK_STR(row(y), cases[i].rows[y]);
	}
}

TEST(the_cursor_moves)
{
	start();
	put("\x1b[3;4H");
	CHECK_CURSOR(3, 2);
	put("\x1b[A\x1b[2C");
	CHECK_CURSOR(5, 1);
	put("\x1b[2B\x1b[D");
	CHECK_CURSOR(4, 3);
	put("\x1b[H");
	CHECK_CURSOR(0, 0);
	put("\x1b[9A\x1b[9D");
	CHECK_CURSOR(0, 0);
	put("\x1b[99;99H");
	CHECK_CURSOR(9, 7);
	put("\x1b[;3f");
	CHECK_CURSOR(2, 0);
	put("\x1b[4294967295B\x1b[99999999999999C");
	CHECK_CURSOR(9, 7);
}

TEST(what_is_left_out)
{
	start();
	put("\x1b[1;31ma\x1b[0mb\x1b[?25lc\a\x1b[1;2;3;4;5;6;7;8md\x1b=e\x1b[s");
	CHECK_STR(row(0), "abcde");
	put("\x7f\x01\x1b\x1b[f");
	CHECK_STR(row(0), "abcde[f");
	CHECK_EQ(s.state, SCREEN_TEXT);
}

TEST(other_characters_are_one_box_each)
{
	start();
	put("a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80z");
	CHECK_STR(row(0), "a\x7f\x7f\x7fz");
}

/* What looks as before is not drawn again. */
TEST(few_cells_are_drawn)
{
	start();
	draws = 0;
	put("abc");
	CHECK_EQ(draws, 3 + 2); /* and the cursor, twice */
	draws = 0;
	put("\rabc");
	CHECK_EQ(draws, 2);
	draws = 0;
	put("\x1b[2J");
	CHECK_EQ(draws, 3 + 2);
}
