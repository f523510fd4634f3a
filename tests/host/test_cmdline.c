/*
 * core/cmdline.h: words of the host's command line.
 *
 * sources: core/cmdline.c lib/string.c
 */
#include "core/cmdline.h"
#include "lib/string.h"
#include "tests/host/harness.h"

#include <stdarg.h>
#include <stdio.h>

static char warnings[4096];
static int warning_count;

void log_printf(int level, const char *fmt, ...);
void log_printf(int level, const char *fmt, ...)
{
	size_t n = strlen(warnings);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(warnings + n, sizeof(warnings) - n, fmt, ap);
	va_end(ap);
	warning_count++;
}

static void set(const char *line)
{
	warnings[0] = '\0';
	warning_count = 0;
	cmdline_init(line);
}

/* The value of key, or "(none)". */
static const char *get(const char *key)
{
	static char buf[64];

	return cmdline_get(key, buf, sizeof(buf)) ? buf : "(none)";
}

TEST(values)
{
	set("console=com2 follow=all  bare\tempty= x=y=z ");
	CHECK_STR(get("console"), "com2");
	CHECK_STR(get("follow"), "all");
	CHECK_STR(get("bare"), "");
	CHECK_STR(get("empty"), "");
	CHECK_STR(get("x"), "y=z");
	CHECK_STR(get("absent"), "(none)");
	CHECK_STR(get("consol"), "(none)");
	CHECK_STR(get("console="), "(none)");
	CHECK_STR(get("com2"), "(none)");
	CHECK_STR(get(""), "(none)");
}

TEST(the_last_word_wins)
{
	set("panic=halt panic=reboot panicky=1");
	CHECK_STR(get("panic"), "reboot");
	CHECK(cmdline_is("panic", "reboot"));
	CHECK(!cmdline_is("panic", "halt"));
}

TEST(is_compares_exactly)
{
	set("a=bc d e=");
	CHECK(cmdline_is("a", "bc"));
	CHECK(!cmdline_is("a", "b"));
	CHECK(!cmdline_is("a", "bcd"));
	CHECK(!cmdline_is("a", ""));
	CHECK(cmdline_is("d", ""));
	CHECK(cmdline_is("e", ""));
	CHECK(!cmdline_is("f", ""));
}

TEST(values_are_cut_to_the_buffer)
{
	char buf[4] = "zzz";

	set("key=abcdef");
	CHECK(cmdline_get("key", buf, sizeof(buf)));
	CHECK_STR(buf, "abc");
	CHECK(cmdline_get("key", buf, 1));
	CHECK_STR(buf, "");
	buf[0] = 'k';
	CHECK(cmdline_get("key", buf, 0));
	CHECK_EQ(buf[0], 'k');
}

TEST(empty_and_odd_lines)
{
	static const char *const lines[] = { "", " ", "\t\n ", "=", "==", "=x" };

	for (u32 i = 0; i < ARRAY_LEN(lines); i++) {
		set(lines[i]);
		CHECK_STR(get("x"), "(none)");
		CHECK(!cmdline_is("x", ""));
	}
}

TEST(a_long_line_is_cut_and_said_so)
{
	char line[CMDLINE_MAX + 10];

	memset(line, 'a', sizeof(line));
	memcpy(line, "k=", 2);
	line[CMDLINE_MAX - 1] = '\0';
	set(line);
	CHECK_EQ(warning_count, 0);
	line[CMDLINE_MAX - 1] = 'a';
	line[CMDLINE_MAX] = '\0';
	set(line);
	CHECK_EQ(warning_count, 1);
	CHECK_STR(get("a"), "(none)");
	CHECK(cmdline_get("k", line, sizeof(line)));
	CHECK_EQ(strlen(line), CMDLINE_MAX - 1 - 2);
}

TEST(the_callers_text_is_copied)
{
	char line[] = "console=com2";

	set(line);
	memset(line, 'x', sizeof(line) - 1);
	CHECK_STR(get("console"), "com2");
}

TEST(unknown_words_are_named)
{
	set("console=com1 loglevel=info consle=com1 poweroff=last-guest --quiet");
	cmdline_check();
	CHECK_EQ(warning_count, 2);
	CHECK(strchr(warnings, ':') != NULL);
	CHECK_STR(warnings, "unknown word on the command line: consle"
			    "unknown word on the command line: --quiet");
	set("console=none loglevel=3 follow=all poweroff=last-guest panic=reboot");
	cmdline_check();
	CHECK_EQ(warning_count, 0);
}

TEST(number)
{
	set("a=2 b=60 c=off d=1 e=61 f= g=8s h=on");
	CHECK_EQ(cmdline_number("a", "seconds", 2, 60, 20), 2);
	CHECK_EQ(cmdline_number("b", "seconds", 2, 60, 20), 60);
	CHECK_EQ(cmdline_number("c", "seconds", 2, 60, 20), 0);
	CHECK_EQ(cmdline_number("none", "seconds", 2, 60, 20), 20);
	CHECK_EQ(warning_count, 0);
	for (const char *key = "defgh"; *key; key++) {
		char one[2] = { *key, 0 };

		CHECK_EQ(cmdline_number(one, "seconds", 2, 60, 20), 20);
	}
	CHECK_EQ(warning_count, 5);
	CHECK(str_prefix(warnings, "d=1: not 2 to 60 seconds, nor off: 20"));
}

TEST(off)
{
	set("a=off b=on c=offs d");
	CHECK(cmdline_off("a"));
	CHECK(!cmdline_off("none"));
	CHECK_EQ(warning_count, 0);
	CHECK(!cmdline_off("b"));
	CHECK(!cmdline_off("c"));
	CHECK(!cmdline_off("d"));
	CHECK_EQ(warning_count, 3);
}
