/*
 * A terminal on a screen of character cells: what of ECMA-48 the shell, the log and most guests' kernels
 * use. It keeps the cells and says which of them are to be drawn; it knows no hardware.
 *
 * CR, LF, BS, TAB; CSI A B C D H f J K; colours and everything else are left out. Bytes of ASCII are shown,
 * a character of several bytes (UTF-8) as one FONT_OTHER.
 */
#pragma once

#include "lib/types.h"

#define SCREEN_COLUMNS_MAX 256u
#define SCREEN_ROWS_MAX    128u
#define SCREEN_PARAMS_MAX  4u

enum screen_state { SCREEN_TEXT, SCREEN_ESCAPE, SCREEN_CONTROL };

struct screen {
	u32 columns, rows; /* at most the above; const */
	/* Draws a cell; c is FONT_FIRST to FONT_OTHER. const */
	void (*draw)(u32 column, u32 row, char c, bool inverse);
	u32 x, y;  /* the cursor */
	bool wrap; /* the last column was written: the next character begins a row */
	enum screen_state state;
	u32 params[SCREEN_PARAMS_MAX], param_count;
	u32 cursor_x, cursor_y; /* where it is drawn */
	char cells[SCREEN_ROWS_MAX][SCREEN_COLUMNS_MAX];
};

/* Makes all cells blank and draws them. columns and rows: 1 to the most there can be. */
void screen_init(struct screen *s, u32 columns, u32 rows,
		 void (*draw)(u32 column, u32 row, char c, bool inverse));

/* Any context; draws at most twice as many cells as there are for each character. */
void screen_write(struct screen *s, const char *text, size_t n);
