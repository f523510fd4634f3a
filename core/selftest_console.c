/*
 * Self-tests of the console with a peer at the other end (tests/emulator/console.test). Output:
 * many numbered lines, which the peer counts. Input: long lines that it sends, through the UART's
 * interrupt or by polling, the console's thread and its handler.
 */
#include "core/clock.h"
#include "core/console.h"
#include "core/log.h"
#include "core/selftest.h"
#include "core/thread.h"
#include "lib/atomic.h"
#include "lib/fmt.h"

/* The alphabet this many times makes one line: longer than the FIFO and the driver's ring. */
#define ALPHABETS    50
#define ALPHABET     26
#define LATE_NS      50000000ULL /* 575 bytes at 115200 baud */
#define LINES        3
#define OUTPUT_LINES 1500u /* more than the driver keeps */
#define WAIT_NS      20000000000ULL
#define WAIT_STEP_NS 10000000ULL

static struct {
	u32 column, lines; /* lines that came in whole and right; the console's thread writes */
	bool wrong;
} input;

/* The console's thread is late: the driver's ring runs full, unless the line is slow. */
static void be_late(void)
{
	u64 end = clock_ns() + LATE_NS;

	while (clock_ns() < end)
		thread_block_until(end);
}

static void take(u8 byte)
{
	u8 wanted = (u8)('a' + input.column % ALPHABET);

	if (input.column == ALPHABETS * ALPHABET) {
		if (byte != '\n' && byte != '\r')
			atomic_store_relaxed(&input.wrong, true);
		input.column = 0;
		atomic_store_relaxed(&input.lines, input.lines + 1);
		return;
	}
	if (!input.column)
		be_late();
	if (byte != wanted)
		atomic_store_relaxed(&input.wrong, true);
	input.column++;
}

static int test_input(void)
{
	u64 end = clock_ns() + WAIT_NS;

	console_set_input(take);
	for (u32 n = 0; n < LINES; n++) {
		log_info("selftest console-input: send line %u", n);
		while (atomic_load_relaxed(&input.lines) == n) {
			if (clock_ns() > end)
				return selftest_fail("no line within %llu s", WAIT_NS / 1000000000);
			thread_block_until(clock_ns() + WAIT_STEP_NS);
		}
	}
	console_set_input(NULL);
	SELFTEST_CHECK(!atomic_load_relaxed(&input.wrong));
	return 0;
}

static int test_output(void)
{
	for (u32 i = 0; i < OUTPUT_LINES; i++) {
		char line[64];
		int n = snprintf(line, sizeof(line), "output line %u of %u\n", i, OUTPUT_LINES);

		console_write(line, (size_t)n);
	}
	return 0;
}

/* Neither is part of `all`: they need the peer. */
SELFTEST_ENTRY(console_output, "console-output", test_output, true);
SELFTEST_ENTRY(console_input, "console-input", test_input, true);
