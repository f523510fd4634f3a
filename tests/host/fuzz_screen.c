/*
 * drivers/screen.c with any bytes: the first two say how large the screen is. What was drawn is what the cells
 * say, and the cursor is on the screen.
 *
 * sources: drivers/screen.c lib/string.c
 * runs: 100000
 * max_len: 512
 */
#include "drivers/font.h"
#include "drivers/screen.h"
#include "lib/string.h"
#include "tests/host/fuzzing.h"

#define COLUMNS 24
#define ROWS    12

static struct screen s;
static char drawn[ROWS][COLUMNS];
static u32 inverse;

static void draw(u32 column, u32 row, char c, bool inv)
{
	CHECK(column < s.columns && row < s.rows);
	CHECK((u8)c >= FONT_FIRST && (u8)c <= FONT_OTHER);
	drawn[row][column] = c;
	if (inv)
		inverse = row * COLUMNS + column;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	if (size < 2)
		return 0;
	memset(drawn, 0, sizeof(drawn));
	screen_init(&s, 1 + data[0] % COLUMNS, 1 + data[1] % ROWS, draw);
	for (size_t at = 2; at < size;) {
		size_t n = MIN(size - at, 1 + (size_t)data[at] % 16);

		screen_write(&s, (const char *)data + at, n);
		at += n;
		CHECK(s.x < s.columns && s.y < s.rows);
		CHECK(inverse == s.y * COLUMNS + s.x);
		for (u32 y = 0; y < s.rows; y++)
			CHECK(!memcmp(drawn[y], s.cells[y], s.columns));
	}
	return 0;
}

void fuzz_seeds(void)
{
	static const char *const seeds[] = {
		"\x17\x0b"
		"plinth# list\r\n\x1b[K one\b\b\x1b[2C!\r\n\r\n\r\n",
		"\x04\x03"
		"wraps and scrolls for a while, as long as there is text\x1b[2J\x1b[H\x1b[1;1H",
		"\x17\x0b"
		"\t\x1b[31;1mred\x1b[0m\x1b[1K\x1b[1J\x1b[99B\x1b[99D\x1b[3A\xc3\xa4",
	};

	for (u32 i = 0; i < ARRAY_LEN(seeds); i++)
		fuzz_seed((const u8 *)seeds[i], strlen(seeds[i]));
}
