/*
 * Self-test: the smallest guest.
 */
#include "core/selftest.h"
#include "lib/string.h"
#include "vm/selftest_flat.h"
#include "vm/vm.h"

static int test_hello(void)
{
	struct vm *vm = flat_vm("hello", "hello.bin");

	SELFTEST_CHECK(vm);
	SELFTEST_CHECK(!vm_start(vm));
	if (flat_expect(vm, "hello from a guest\n") || flat_wait(vm))
		return selftest_fail("state %s: %s", vm_state_name(vm->state), vm->stop_text);
	if (vm->stop_reason != STOP_POWEROFF)
		return selftest_fail("stopped: %s", vm->stop_text);
	SELFTEST_CHECK(!flat_end(vm));
	return 0;
}
SELFTEST(vm_hello, "vm-hello", test_hello);
