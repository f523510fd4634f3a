/*
 * A line of input behind a prompt: keys in, what the terminal's row shall look like out. It knows no
 * console: who uses it sends the bytes that lineedit_update() makes. Keys are those of a VT100 and of
 * usual line editors; a line longer than the row scrolls within it. Only ASCII is taken.
 */
#pragma once

#include "lib/types.h"
#include "mgmt/history.h"

#define LINEEDIT_SIZE    HISTORY_LINE_SIZE
#define LINEEDIT_COLUMNS 79u  /* of 80: terminals differ in what follows a write to the last one */
#define LINEEDIT_OUT_MAX 128u /* bytes that draw or change a row */

enum {
	KEY_CTRL_A = 0x01,
	KEY_CTRL_B = 0x02,
	KEY_CTRL_C = 0x03,
	KEY_CTRL_D = 0x04,
	KEY_CTRL_E = 0x05,
	KEY_CTRL_F = 0x06,
	KEY_BACKSPACE = 0x08,
	KEY_TAB = 0x09,
	KEY_CTRL_K = 0x0b,
	KEY_CTRL_L = 0x0c,
	KEY_CTRL_N = 0x0e,
	KEY_CTRL_P = 0x10,
	KEY_CTRL_T = 0x14,
	KEY_CTRL_U = 0x15,
	KEY_CTRL_W = 0x17,
	KEY_ESCAPE = 0x1b,
	KEY_CTRL_BRACKET = 0x1d,
	KEY_DELETE = 0x7f,
};

/* What a key asks of the user of the editor. */
enum line_event {
	LINE_MORE,   /* nothing: the row may have changed */
	LINE_DONE,   /* Enter: the line is in text; lineedit_reset() goes on to the next */
	LINE_CANCEL, /* Ctrl-C */
	LINE_TAB,    /* complete the word before the cursor */
	LINE_CLEAR,  /* Ctrl-L: clear the screen */
};

/* A row of the terminal: its first len columns, the others being blank, and the cursor's column. */
struct line_view {
	u32 len, cursor;
	char text[LINEEDIT_COLUMNS];
};

enum line_escape { LINE_ESC_NONE, LINE_ESC_STARTED, LINE_ESC_CSI, LINE_ESC_SS3 };

struct lineedit {
	const char *prompt; /* const; well shorter than a row */
	struct history *history;
	u32 len, cursor; /* of text */
	u32 first;       /* the first character that is shown */
	u32 back;        /* how far back in the history text is from; 0: it is the user's own */
	u8 last;         /* the byte before */
	u32 parameter;   /* of the sequence that comes */
	enum line_escape escape;
	char text[LINEEDIT_SIZE]; /* ended by NUL */
	char own[LINEEDIT_SIZE];  /* the user's own, while text is from the history */
};

void lineedit_init(struct lineedit *e, const char *prompt, struct history *history);

/* Handles a byte from the terminal. */
enum line_event lineedit_key(struct lineedit *e, u8 byte);

/* Puts text before the cursor, as far as there is room. */
void lineedit_insert(struct lineedit *e, const char *text);

/* Empties the line. */
void lineedit_reset(struct lineedit *e);

/* What the row shall look like now. */
void lineedit_view(struct lineedit *e, struct line_view *v);

/* Bytes that make the row look like `to` where it looks like `from`; returns how many. */
size_t lineedit_update(const struct line_view *from, const struct line_view *to,
		       char out[LINEEDIT_OUT_MAX]);
