/*
 * lib/cpuset.h: libvirt's syntax both ways.
 *
 * sources: lib/cpuset.c lib/fmt.c lib/string.c
 */
#include "lib/cpuset.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "tests/host/harness.h"
#include "tests/host/rand.h"

/* What the text means, written again; NULL: it is refused. */
static const char *canonical(const char *text)
{
	static char buf[400];
	struct cpuset set;
	int n;

	cpuset_zero(&set);
	cpuset_set(&set, 63);
	if (cpuset_parse(text, &set)) {
		/* Nothing was changed. */
		CHECK_EQ(set.word[0], 1ULL << 63);
		return NULL;
	}
	n = cpuset_format(&set, buf, sizeof(buf));
	CHECK_EQ(n, strlen(buf));
	return buf;
}

TEST(texts_that_are_sets)
{
	CHECK_STR(canonical("0"), "0");
	CHECK_STR(canonical("63"), "63");
	CHECK_STR(canonical("0-63"), "0-63");
	CHECK_STR(canonical("0-3,^2,5"), "0-1,3,5");
	CHECK_STR(canonical("1,2,3"), "1-3");
	CHECK_STR(canonical("5,1"), "1,5");
	CHECK_STR(canonical("4-4"), "4");
	CHECK_STR(canonical(" 1 - 2 ,\n\t7 "), "1-2,7");
	CHECK_STR(canonical("007"), "7");
	/* What is taken out is what came before. */
	CHECK_STR(canonical("^2,0-3"), "0-3");
	CHECK_STR(canonical("0-3,^2,2"), "0-3");
	CHECK_STR(canonical("0-3,^9"), "0-3");
}

TEST(texts_that_are_not)
{
	static const char *const bad[] = { "",          " ",
					   ",",         "0,",
					   ",0",        "a",
					   "0a",        "0 1",
					   "-1",        "1-",
					   "3-1",       "0,3-1",
					   "^",         "^1",
					   "0,^0",      "64",
					   "0-64",      "0-3-5",
					   "0-3,^1-2",  "0--1",
					   "0x1",       "1;2",
					   "^^1",       "+1",
					   "0,,1",      "99999999999999999999",
					   "4294967296" };

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(!canonical(bad[i]));
}

TEST(members)
{
	struct cpuset set;

	cpuset_zero(&set);
	CHECK(cpuset_empty(&set));
	cpuset_set(&set, 64); /* no such CPU */
	cpuset_set(&set, ~0u);
	CHECK(cpuset_empty(&set));
	cpuset_set(&set, 5);
	CHECK(!cpuset_empty(&set) && cpuset_test(&set, 5) && !cpuset_test(&set, 4));
	CHECK(!cpuset_test(&set, 64 + 5) && !cpuset_test(&set, ~0u));
	cpuset_fill(&set);
	CHECK(cpuset_test(&set, 0) && cpuset_test(&set, 63) && !cpuset_test(&set, 64));
}

TEST(what_does_not_fit)
{
	struct cpuset set = { { 0x2b } }; /* 0-1,3,5 */
	char buf[16];

	for (unsigned size = 0; size < 8; size++) {
		memset(buf, 'x', sizeof(buf));
		CHECK_EQ(cpuset_format(&set, buf, size), -ENOSPC);
		CHECK_EQ(buf[size], 'x');
	}
	CHECK_EQ(cpuset_format(&set, buf, 8), 7);
	CHECK_STR(buf, "0-1,3,5");
	cpuset_zero(&set);
	CHECK_EQ(cpuset_format(&set, buf, 1), 0);
	CHECK_STR(buf, "");
}

TEST(every_set_comes_back)
{
	char buf[400];

	for (unsigned i = 0; i < 20000; i++) {
		struct cpuset set = { { rand_u64() & rand_u64() } }, got = { { 0 } };

		if (i % 2)
			set.word[0] |= rand_u64();
		if (!set.word[0])
			continue;
		CHECK(cpuset_format(&set, buf, sizeof(buf)) > 0);
		CHECK_EQ(cpuset_parse(buf, &got), 0);
		CHECK_EQ(got.word[0], set.word[0]);
	}
}

/* Any text at all: refused, or a set. */
TEST(junk)
{
	static const char letters[] = "0123456789-,^ x";
	char text[12];

	for (unsigned i = 0; i < 100000; i++) {
		struct cpuset set = { { 0 } };
		unsigned n = (unsigned)rand_below(sizeof(text));

		for (unsigned k = 0; k < n; k++)
			text[k] = letters[rand_below(sizeof(letters) - 1)];
		text[n] = 0;
		if (!cpuset_parse(text, &set))
			CHECK(!cpuset_empty(&set));
	}
}
