/*
 * Self-test: a bare guest that uses KVM's paravirtual interface (tests/guest/pv.asm), with more vCPUs than CPUs.
 */
#include "core/selftest.h"
#include "vm/selftest_flat.h"
#include "vm/vm.h"

#define VCPUS 3

static int test_guest(void)
{
	struct vm *vm = flat_vm_smp("pv", "pv.bin", VCPUS);

	SELFTEST_CHECK(vm && !vm_start(vm));
	if (flat_said(vm, "pv ok\n"))
		return -1;
	SELFTEST_CHECK(!flat_end(vm));
	return 0;
}
SELFTEST(pv_guest, "pv-guest", test_guest);
