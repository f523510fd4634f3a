/*
 * The model of a terminal: DEC VT100 User Guide, "Control Sequences".
 */
#include "tests/host/screen.h"

#include <string.h>

enum { PLAIN, ESCAPED, SEQUENCE };

void screen_clear(struct screen *s)
{
	int expand = s->expand;

	memset(s, 0, sizeof(*s));
	memset(s->text, ' ', sizeof(s->text));
	s->expand = expand;
}

const char *screen_row(const struct screen *s, int row)
{
	static char text[4][SCREEN_COLUMNS + 1];
	static int use;
	char *t = text[use++ % 4];
	int n = SCREEN_COLUMNS;

	memcpy(t, s->text[row], SCREEN_COLUMNS);
	while (n && t[n - 1] == ' ')
		n--;
	t[n] = '\0';
	return t;
}

static void line_feed(struct screen *s)
{
	if (s->row < SCREEN_ROWS - 1) {
		s->row++;
		return;
	}
	memmove(s->text[0], s->text[1], sizeof(s->text) - sizeof(s->text[0]));
	memset(s->text[SCREEN_ROWS - 1], ' ', sizeof(s->text[0]));
}

static void plain(struct screen *s, char c)
{
	if (c == '\033') {
		s->state = ESCAPED;
	} else if (c == '\r') {
		s->column = 0;
	} else if (c == '\n') {
		if (s->expand)
			s->column = 0;
		line_feed(s);
	} else if (c == '\b') {
		s->column -= s->column > 0;
	} else if (c == '\a') {
		s->bells++;
	} else if (c < ' ' || c > '~') {
		s->errors++;
	} else if (s->column >= SCREEN_COLUMNS - 1) {
		s->errors++; /* the next one would wrap */
	} else {
		s->text[s->row][s->column++] = c;
	}
}

static int at_least(int n, int least)
{
	return n < least ? least : n;
}

static void erase_row(struct screen *s, int row, int column)
{
	memset(s->text[row] + column, ' ', (size_t)(SCREEN_COLUMNS - column));
}

static void erase_below(struct screen *s, int row, int column)
{
	erase_row(s, row, column);
	while (++row < SCREEN_ROWS)
		erase_row(s, row, 0);
}

static void sequence(struct screen *s, char final)
{
	int n = at_least(s->parameters[0], 1);

	if (final == 'C' && s->column + n < SCREEN_COLUMNS)
		s->column += n;
	else if (final == 'D' && s->column >= n)
		s->column -= n;
	else if (final == 'K' && !s->parameters[0])
		erase_row(s, s->row, s->column);
	else if (final == 'J' && !s->parameters[0])
		erase_below(s, s->row, s->column);
	else if (final == 'J' && s->parameters[0] == 2)
		erase_below(s, 0, 0);
	else if (final == 'H' && !s->parameters[0] && !s->parameters[1])
		s->row = s->column = 0;
	else
		s->errors++;
}

void screen_put(struct screen *s, const char *bytes, size_t n)
{
	for (; n; n--, bytes++) {
		if (s->state == PLAIN) {
			plain(s, *bytes);
		} else if (s->state == ESCAPED) {
			s->errors += *bytes != '[';
			s->state = *bytes == '[' ? SEQUENCE : PLAIN;
			s->parameters[0] = s->parameters[1] = s->count = 0;
		} else if (*bytes >= '0' && *bytes <= '9') {
			s->parameters[s->count] = 10 * s->parameters[s->count] + *bytes - '0';
		} else if (*bytes == ';' && !s->count) {
			s->count = 1;
		} else {
			sequence(s, *bytes);
			s->state = PLAIN;
		}
	}
}
