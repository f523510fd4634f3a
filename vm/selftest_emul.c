/*
 * Self-test of instruction emulation: a guest that uses devices' registers with all kinds of instructions and
 * compares with memory (tests/guest/mmio.asm).
 */
#include "core/selftest.h"
#include "lib/string.h"
#include "vm/selftest_flat.h"
#include "vm/vm.h"

static int test_emulation(void)
{
	struct vm *vm = flat_vm("mmio", "mmio.bin");
	char text[64] = "";

	SELFTEST_CHECK(vm);
	SELFTEST_CHECK(!vm_start(vm));
	if (flat_wait(vm))
		return selftest_fail("did not end");
	chardev_host_read(&vm->serial[0], text, sizeof(text) - 1);
	if (strcmp(text, "mmio ok\n") || vm->stop_reason != STOP_POWEROFF)
		return selftest_fail("'%s' %s", text, vm->stop_text);
	SELFTEST_CHECK(!flat_end(vm));
	return 0;
}
SELFTEST(emul_mmio, "emul-mmio", test_emulation);
