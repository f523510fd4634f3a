/*
 * In-kernel self-tests, chosen by the word selftest=NAME[,NAME...] (a test's name, or its group: the
 * part before the first '-'; `all` is every test that can pass). They run one after the other in a
 * thread of their own, then the machine is powered off.
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"

/* How long, in ns, a test waits for what must come: an emulator on a busy machine is slow. */
#define SELFTEST_PATIENCE_NS 100000000000ull

struct selftest {
	const char *name;
	int (*fn)(void); /* 0, or what selftest_fail() returned */
	bool fatal;      /* ends in panic on purpose, or writes to a disk: not part of `all` */
};

/* Lists a test; linker.ld keeps the section, read-only. */
#define SELFTEST_ENTRY(ident, test_name, test_fn, is_fatal)                                        \
	static const struct selftest selftest_##ident __used __section(".selftest")                \
		__aligned(8) = { .name = (test_name), .fn = (test_fn), .fatal = (is_fatal) }
#define SELFTEST(ident, test_name, test_fn) SELFTEST_ENTRY(ident, test_name, test_fn, false)

/* Keeps the reason for the report; returns non-zero. */
int selftest_fail(const char *fmt, ...) __printf(1, 2);

/* Leaves the calling test function when cond is false. */
#define SELFTEST_CHECK(cond)                                                                       \
	do {                                                                                       \
		if (!(cond))                                                                       \
			return selftest_fail("%s:%d: %s", __FILE__, __LINE__, #cond);              \
	} while (0)

/*
 * Starts the chosen tests when the word is there; each prints `selftest NAME: ok` or `selftest NAME:
 * FAIL reason`, the end is `selftest: N ok, N failed` and an orderly power-off. False: no such word.
 * Boot CPU, when all else was started.
 */
bool selftest_start(void);
