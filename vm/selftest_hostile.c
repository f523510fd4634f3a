/*
 * Self-test: guests that try to break out or to bring the host down (tests/guest/hostile_*.asm). Each ends
 * in the way that its row says and the host goes on; beside them all runs one that answers after each,
 * with its memory and registers as it left them.
 */
#include "core/clock.h"
#include "core/log.h"
#include "core/selftest.h"
#include "core/thread.h"
#include "vm/selftest_flat.h"
#include "vm/vcpu.h"
#include "vm/vm.h"

#define RUNS_NS 50000000ull /* so long what never ends is left to run */

enum outcome {
	OFF,     /* it came through and switched itself off */
	STOPPED, /* its VM was stopped, for a reason */
	RUNS,    /* goes on until it is stopped */
};
static const char *const outcome_names[] = { "came through", "was stopped", "runs" };

struct row {
	const char *what, *image;
	char letter; /* hostile_ends.asm's; 0: none */
	enum outcome outcome;
};

#define ENDS "hostile_ends.bin"
static const struct row rows[] = {
	{ "MSRs", "hostile_msr.bin", 0, OFF },
	{ "control registers", "hostile_cr.bin", 0, OFF },
	{ "single steps", "hostile_step.bin", 0, OFF },
	{ "code in a device", ENDS, 'a', STOPPED },
	{ "code outside memory", ENDS, 'b', STOPPED },
	{ "page tables in a device", ENDS, 'c', STOPPED },
	{ "page tables outside memory", ENDS, 'd', STOPPED },
	{ "IDT in a device", ENDS, 'e', STOPPED },
	{ "IDT not mapped", ENDS, 'f', STOPPED },
	{ "stack in a device", ENDS, 'g', STOPPED },
	{ "GDT in a device", ENDS, 'h', STOPPED },
	{ "locked access to a device", ENDS, 'i', STOPPED },
	{ "string I/O with devices", ENDS, 'j', OFF },
	{ "string I/O over a border", ENDS, 'k', OFF },
	{ "string I/O without end", ENDS, 'l', RUNS },
	{ "halted for good", ENDS, 'm', RUNS },
	{ "all timers at once", ENDS, 'n', RUNS },
	{ "IPIs without end", ENDS, 'o', RUNS },
	{ "NMIs without end", ENDS, 'p', RUNS },
	{ "output without end", ENDS, 'q', RUNS },
	{ "deadlines in the past", ENDS, 'r', RUNS },
	{ "any port", ENDS, 's', OFF },
	{ "any device memory", ENDS, 't', OFF },
	{ "no IDT", ENDS, 'u', STOPPED },
	{ "no stack", ENDS, 'v', STOPPED },
	{ "needless prefixes", ENDS, 'w', OFF },
};

static void send(struct vm *vm, char c)
{
	chardev_host_write(&vm->serial[0], &c, 1);
	vm_request(vm, 0, REQ_CHARDEV);
}

static enum outcome outcome(const struct vm *vm)
{
	if (vm->stop_reason == STOP_NONE)
		return RUNS;
	return vm->stop_reason == STOP_POWEROFF ? OFF : STOPPED;
}

static int run(const struct row *r)
{
	struct vm *vm = flat_vm("hostile", r->image);
	u64 start = clock_ns();
	enum outcome got;

	SELFTEST_CHECK(vm);
	SELFTEST_CHECK(!vm_start(vm));
	if (r->letter) {
		SELFTEST_CHECK(!flat_running(vm));
		send(vm, r->letter);
	}
	if (r->outcome == RUNS)
		thread_block_until(clock_ns() + RUNS_NS);
	else
		(void)!flat_wait(vm);
	got = outcome(vm);
	log_info("hostile: %s: %s (%s), %llu ms", r->what, outcome_names[got], vm->stop_text,
		 (unsigned long long)(clock_ns() - start) / 1000000);
	SELFTEST_CHECK(!flat_end(vm));
	if (got != r->outcome)
		return selftest_fail("%s: %s", r->what, outcome_names[got]);
	return 0;
}

static int test_hostile(void)
{
	struct vm *neighbour = flat_vm("neighbour", "hostile_neighbour.bin");

	SELFTEST_CHECK(neighbour);
	SELFTEST_CHECK(!vm_start(neighbour));
	SELFTEST_CHECK(!flat_running(neighbour));
	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		char answer[2] = { (char)('A' + i % 26) };

		if (run(&rows[i]))
			return -1;
		send(neighbour, answer[0]);
		if (flat_expect(neighbour, answer))
			return selftest_fail("%s: the neighbour does not answer", rows[i].what);
	}
	SELFTEST_CHECK(!flat_end(neighbour));
	return 0;
}
SELFTEST(hostile, "hostile", test_hostile);
