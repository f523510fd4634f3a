/*
 * The lines that were entered before. Part of the line editor: pure data, no context needed.
 */
#pragma once

#include "lib/types.h"

#define HISTORY_LINES     32u
#define HISTORY_LINE_SIZE 512u /* with the NUL */

struct history {
	u32 count; /* lines ever kept; the last HISTORY_LINES of them are here */
	char lines[HISTORY_LINES][HISTORY_LINE_SIZE];
};

/* Keeps a copy of a line that is not blank, shorter than HISTORY_LINE_SIZE and not the newest already. */
void history_add(struct history *h, const char *line);

/* The line that is so many back, 1 being the newest; NULL: there is none. Valid until the next one is added. */
const char *history_get(const struct history *h, u32 back);
