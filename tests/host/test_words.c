/*
 * mgmt/words.h: command lines as words.
 *
 * sources: mgmt/words.c lib/string.c lib/fmt.c
 */
#include "mgmt/words.h"

#include <stdio.h>
#include <string.h>

#include "lib/errno.h"
#include "tests/host/harness.h"
#include "tests/host/rand.h"

/* The words, each in brackets; "+" when the last one is still open, "!" when it lacks something. */
static const char *split(const char *line)
{
	static char text[2048];
	char copy[1024];
	struct words w;
	size_t n = 0;

	snprintf(copy, sizeof(copy), "%s", line);
	text[0] = '\0';
	if (words_split(&w, copy))
		return "error";
	for (u32 i = 0; i < w.count; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "[%s]", w.word[i]);
	snprintf(text + n, sizeof(text) - n, "%s%s", w.open ? "+" : "", w.unbalanced ? "!" : "");
	return text;
}

TEST(blanks)
{
	CHECK_STR(split(""), "");
	CHECK_STR(split("  \t "), "");
	CHECK_STR(split("list"), "[list]+");
	CHECK_STR(split("list "), "[list]");
	CHECK_STR(split("  list\t--all  x"), "[list][--all][x]+");
}

TEST(quotes)
{
	CHECK_STR(split("'a b' c"), "[a b][c]+");
	CHECK_STR(split("a' 'b\" \"c"), "[a b c]+");
	CHECK_STR(split("'' \"\" "), "[][]");
	CHECK_STR(split("'a\"b' \"c'd\""), "[a\"b][c'd]+");
	CHECK_STR(split("a\\ b \\'c \\\\d"), "[a b]['c][\\d]+");
	CHECK_STR(split("'a\\b' \"a\\\"b\""), "[a\\b][a\"b]+");
	CHECK_STR(split("'a b"), "[a b]+!");
	CHECK_STR(split("a \"b "), "[a][b ]+!");
	CHECK_STR(split("a\\"), "[a]+!");
}

TEST(not_too_many)
{
	char line[256] = "";

	for (u32 i = 0; i < WORDS_MAX; i++)
		strcat(line, "x ");
	CHECK_EQ(strlen(split(line)), 3 * WORDS_MAX);
	strcat(line, "x");
	CHECK_STR(split(line), "error");
}

TEST(quoted_text_comes_back)
{
	static const char chars[] = "ab '\"\\\t=-";
	char text[32], quoted[64], copy[64];
	struct words w;

	for (u32 i = 0; i < 20000; i++) {
		size_t n = 1 + rand_below(sizeof(text) - 1);

		for (size_t k = 0; k < n; k++)
			text[k] = chars[rand_below(sizeof(chars) - 1)];
		text[n] = '\0';
		if (words_quote(text, quoted, sizeof(quoted)))
			continue;
		strcpy(copy, quoted);
		CHECK_EQ(words_split(&w, copy), 0);
		CHECK_EQ(w.count, 1);
		CHECK_STR(w.word[0], text);
		CHECK_EQ(words_quote(text, copy, strlen(quoted)), -ENOSPC);
		CHECK_EQ(words_quote(text, copy, strlen(quoted) + 1), 0);
	}
	CHECK_EQ(words_quote("", copy, 0), -ENOSPC);
}
