/*
 * Self-test of console input: lines that someone must send (tests/emulator/console.test), through the
 * UART's interrupt or by polling, the console's thread and its handler.
 */
#include "core/clock.h"
#include "core/console.h"
#include "core/log.h"
#include "core/selftest.h"
#include "core/thread.h"
#include "lib/atomic.h"

/* The alphabet this many times makes one line: longer than the FIFO and the driver's ring. */
#define ALPHABETS    50
#define ALPHABET     26
#define LINES        3
#define WAIT_NS      20000000000ULL
#define WAIT_STEP_NS 10000000ULL

static struct {
	u32 column, lines; /* lines that came in whole and right; the console's thread writes */
	bool wrong;
} input;

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

/* Not part of `all`: it waits for input. */
SELFTEST_ENTRY(console_input, "console-input", test_input, true);
