/*
 * A terminal's screen of 24 rows by 80 columns, for tests of what is seen: printing characters, CR, LF,
 * BS, BEL, and of a VT100's sequences those that move the cursor and erase. Anything else counts as an
 * error, and so does a line that wraps.
 */
#pragma once

#include <stddef.h>

#define SCREEN_ROWS    24
#define SCREEN_COLUMNS 80

struct screen {
	char text[SCREEN_ROWS][SCREEN_COLUMNS + 1]; /* blanks at the ends of rows are NULs */
	int row, column;
	int errors, bells;
	int state, parameters[2], count; /* of the sequence that comes */
	int expand;                      /* LF goes to column 0, too */
};

void screen_clear(struct screen *s);
void screen_put(struct screen *s, const char *bytes, size_t n);

/* The row's text without the blanks at its end. */
const char *screen_row(const struct screen *s, int row);
