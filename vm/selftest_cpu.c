/*
 * Self-tests of the CPU as a guest sees it: what exits behaves as on bare hardware, and what would make a
 * CPU hang or shut down ends at the guest.
 */
#include "core/selftest.h"
#include "core/clock.h"
#include "core/thread.h"
#include "vm/selftest_flat.h"
#include "vm/vm.h"

#define LOOP_NS 300000000ull

static int test_cpu(void)
{
	return flat_passes("cpu", "cpu.bin", "cpu ok\n");
}
SELFTEST(cpu_exits, "cpu-exits", test_cpu);

/* The guest is at it, exits or not, and still ends when it is told to. */
static int test_debug_loop(void)
{
	struct vm *vm = flat_vm("loop", "loop_db.bin");

	SELFTEST_CHECK(vm);
	SELFTEST_CHECK(!vm_start(vm));
	SELFTEST_CHECK(!flat_expect(vm, "go"));
	thread_block_until(clock_ns() + LOOP_NS);
	SELFTEST_CHECK(vm->state == VM_RUNNING);
	SELFTEST_CHECK(!flat_end(vm));
	return 0;
}
SELFTEST(cpu_debug_loop, "cpu-debug-loop", test_debug_loop);

static int test_triple(void)
{
	struct vm *vm = flat_vm("triple", "triple.bin");

	SELFTEST_CHECK(vm);
	SELFTEST_CHECK(!vm_start(vm));
	SELFTEST_CHECK(!flat_wait(vm));
	if (vm->stop_reason != STOP_TRIPLE_FAULT)
		return selftest_fail("stopped: %s", vm->stop_text);
	SELFTEST_CHECK(!flat_end(vm));
	return 0;
}
SELFTEST(cpu_triple, "cpu-triple", test_triple);
