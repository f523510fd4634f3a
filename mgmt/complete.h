/*
 * Completion of a command line that is being typed: what may stand where the cursor is, by the
 * command table.
 */
#pragma once

#include "lib/types.h"

#define COMPLETE_TEXT_SIZE 8192u
#define COMPLETE_WORD_SIZE 256u

struct session;

struct completion {
	u32 count;   /* of candidates */
	u32 longest; /* of their lengths */
	size_t used;
	char text[COMPLETE_TEXT_SIZE];   /* the candidates one behind the other, each
                                      with its NUL */
	char insert[COMPLETE_WORD_SIZE]; /* what they all have in common behind what
                                      was typed */
};

/*
 * What may be typed at the end of line, which is what stands before the cursor. A candidate that is
 * the only one is inserted to its end with a blank, or "=" where a value follows.
 */
void complete(struct completion *c, const char *line);

/* Prints the candidates in columns. */
void complete_list(const struct completion *c, const struct session *s);
