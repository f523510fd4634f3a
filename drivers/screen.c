/*
 * Terminal control for the screen. At its end the screen scrolls by a quarter at once: cells are drawn into
 * memory that is slow, and most that was printed shall be drawn once only.
 */
#include "drivers/screen.h"

#include "drivers/font.h"
#include "lib/string.h"

#define TAB_STOP    8u
#define PARAM_MAX   9999u
#define SCROLL_PART 4u /* of the screen */

/* ECMA-48 */
#define ESC        0x1b
#define UTF8_FIRST 0xc0 /* a character's first byte; the others are from 0x80 on */

/* Changes a cell; draws it only if it looks another way now. */
static void cell_set(struct screen *s, u32 x, u32 y, char c)
{
	if (x >= s->columns || y >= s->rows || s->cells[y][x] == c)
		return;
	s->cells[y][x] = c;
	s->draw(x, y, c, false);
}

/* Blanks cells of a row from x on, up to but not including end. */
static void erase(struct screen *s, u32 y, u32 x, u32 end)
{
	for (; x < end; x++)
		cell_set(s, x, y, ' ');
}

static void scroll(struct screen *s)
{
	u32 by = MAX(s->rows / SCROLL_PART, 1u);

	for (u32 y = 0; y + by < s->rows; y++) {
		for (u32 x = 0; x < s->columns; x++)
			cell_set(s, x, y, s->cells[y + by][x]);
	}
	for (u32 y = s->rows - by; y < s->rows; y++)
		erase(s, y, 0, s->columns);
	s->y -= MIN(s->y, by - 1);
}

static void line_feed(struct screen *s)
{
	s->wrap = false;
	if (s->y + 1 < s->rows)
		s->y++;
	else
		scroll(s);
}

static void put(struct screen *s, char c)
{
	if (s->wrap) {
		s->x = 0;
		line_feed(s);
	}
	cell_set(s, s->x, s->y, c);
	if (s->x + 1 < s->columns)
		s->x++;
	else
		s->wrap = true;
}

static void text(struct screen *s, u8 c)
{
	switch (c) {
	case '\r':
		s->x = 0;
		s->wrap = false;
		break;
	case '\n':
		line_feed(s);
		break;
	case '\b':
		s->x -= s->x && !s->wrap;
		s->wrap = false;
		break;
	case '\t':
		s->x = MIN((s->x / TAB_STOP + 1) * TAB_STOP, s->columns - 1);
		break;
	case ESC:
		s->state = SCREEN_ESCAPE;
		break;
	default:
		if (c >= FONT_FIRST && c < FONT_OTHER)
			put(s, (char)c);
		else if (c >= UTF8_FIRST)
			put(s, FONT_OTHER);
	}
}

/* A number behind CSI; what was not said, and 0, is otherwise. */
static u32 param(const struct screen *s, u32 i, u32 otherwise)
{
	return s->params[i] ? s->params[i] : otherwise;
}

static void erase_row(struct screen *s, u32 how)
{
	if (how <= 2)
		erase(s, s->y, how ? 0 : s->x, how == 1 ? s->x + 1 : s->columns);
}

static void erase_screen(struct screen *s, u32 how)
{
	erase_row(s, how);
	for (u32 y = 0; y < s->rows && how <= 2; y++) {
		if (how == 2 || (how ? y < s->y : y > s->y))
			erase(s, y, 0, s->columns);
	}
}

static void move(struct screen *s, u64 x, u64 y)
{
	s->x = (u32)MIN(x, s->columns - 1);
	s->y = (u32)MIN(y, s->rows - 1);
	s->wrap = false;
}

static void control(struct screen *s, char c)
{
	u32 n = param(s, 0, 1);

	switch (c) {
	case 'A':
		move(s, s->x, s->y - MIN(s->y, n));
		break;
	case 'B':
		move(s, s->x, (u64)s->y + n);
		break;
	case 'C':
		move(s, (u64)s->x + n, s->y);
		break;
	case 'D':
		move(s, s->x - MIN(s->x, n), s->y);
		break;
	case 'H':
	case 'f':
		move(s, param(s, 1, 1) - 1, n - 1);
		break;
	case 'J':
		erase_screen(s, s->params[0]);
		break;
	case 'K':
		erase_row(s, s->params[0]);
		break;
	default:
		break; /* colours, and what we do not know */
	}
}

/* Behind CSI: digits and semicolons, then a letter. */
static void control_byte(struct screen *s, u8 c)
{
	u32 i = MIN(s->param_count, SCREEN_PARAMS_MAX - 1);

	if (c >= '0' && c <= '9') {
		s->params[i] = MIN(s->params[i] * 10 + (c - '0'), PARAM_MAX);
	} else if (c == ';') {
		s->param_count = i + 1;
	} else if (c >= '@' || c < ' ') {
		s->state = SCREEN_TEXT;
		control(s, (char)c);
	}
}

static void byte(struct screen *s, u8 c)
{
	if (s->state == SCREEN_TEXT) {
		text(s, c);
	} else if (s->state == SCREEN_CONTROL) {
		control_byte(s, c);
	} else {
		s->state = c == '[' ? SCREEN_CONTROL : SCREEN_TEXT;
		memset(s->params, 0, sizeof(s->params));
		s->param_count = 0;
	}
}

static void draw_cursor(struct screen *s, bool on)
{
	if (on) {
		s->cursor_x = s->x;
		s->cursor_y = s->y;
	}
	s->draw(s->cursor_x, s->cursor_y, s->cells[s->cursor_y][s->cursor_x], on);
}

void screen_init(struct screen *s, u32 columns, u32 rows,
		 void (*draw)(u32 column, u32 row, char c, bool inverse))
{
	memset(s, 0, sizeof(*s));
	s->columns = columns;
	s->rows = rows;
	s->draw = draw;
	for (u32 y = 0; y < rows; y++)
		erase(s, y, 0, columns);
	draw_cursor(s, true);
}

void screen_write(struct screen *s, const char *text, size_t n)
{
	draw_cursor(s, false);
	for (; n; n--, text++)
		byte(s, (u8)*text);
	draw_cursor(s, true);
}
