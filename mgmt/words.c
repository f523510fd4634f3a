/*
 * Command lines as words.
 */
#include "mgmt/words.h"

#include "lib/errno.h"
#include "lib/string.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Copies a word to `to`, which does not overtake it, without its quotes; returns what follows it. */
static char *take(struct words *w, char *from, char *to)
{
	char quote = '\0';

	for (; *from && (quote || !is_blank(*from)); from++) {
		if (*from == '\\' && quote != '\'') {
			if (!from[1])
				break;
			*to++ = *++from;
		} else if (quote ? *from == quote : *from == '\'' || *from == '"') {
			quote = quote ? '\0' : *from;
		} else {
			*to++ = *from;
		}
	}
	w->open = quote || !is_blank(*from);
	w->unbalanced = quote || *from == '\\';
	/* The end may lie where the blank is that ends the word. */
	if (*from)
		from++;
	*to = '\0';
	return from;
}

int words_split(struct words *w, char *line)
{
	w->count = 0;
	w->open = false;
	w->unbalanced = false;
	for (;;) {
		char *word;

		while (is_blank(*line))
			line++;
		if (!*line)
			return 0;
		if (w->count == WORDS_MAX)
			return -E2BIG;
		word = line;
		line = take(w, line, word);
		w->word[w->count++] = word;
	}
}

int words_quote(const char *text, char *buf, size_t size)
{
	for (; *text; text++) {
		size_t need = strchr(" \t\\'\"", *text) ? 2 : 1;

		if (size <= need)
			return -ENOSPC;
		if (need == 2)
			*buf++ = '\\';
		*buf++ = *text;
		size -= need;
	}
	if (!size)
		return -ENOSPC;
	*buf = '\0';
	return 0;
}
