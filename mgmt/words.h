/*
 * A command line taken apart into words, as shells do: blanks separate, '...' and "..." and a backslash
 * keep them. For running a command and for completing one that is being typed.
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"

#define WORDS_MAX 32u

struct words {
	u32 count;
	bool open;       /* the text ended within the last word: no blank came behind it */
	bool unbalanced; /* a quote was not closed, or a backslash was the last character */
	char *word[WORDS_MAX];
};

/* Takes line apart; it is changed and holds the words. -E2BIG: too many of them. */
int words_split(struct words *w, char *line) __must_check;

/*
 * Writes text into buf (size bytes, with the NUL), with a backslash before all that words_split() would
 * not take as it is. -ENOSPC.
 */
int words_quote(const char *text, char *buf, size_t size) __must_check;
