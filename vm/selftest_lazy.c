/*
 * Self-test of what stays in the CPU across exits: guests that share CPUs each keep their own values in all
 * vector, debug and system-call registers. With one CPU they take turns on it.
 */
#include "core/selftest.h"
#include "vm/selftest_flat.h"
#include "vm/vm.h"

static int test_lazy(void)
{
	struct vm *vms[3];

	vms[0] = flat_vm("state-a", "state_a.bin");
	vms[1] = flat_vm("state-b", "state_b.bin");
	vms[2] = flat_vm("state-c", "state_a.bin");
	for (u32 i = 0; i < ARRAY_LEN(vms); i++) {
		SELFTEST_CHECK(vms[i]);
		SELFTEST_CHECK(!vm_start(vms[i]));
	}
	for (u32 i = 0; i < ARRAY_LEN(vms); i++) {
		char text[64] = "";

		if (flat_wait(vms[i]))
			return selftest_fail("%s did not end", vms[i]->cfg.name);
		chardev_host_read(&vms[i]->serial[0], text, sizeof(text) - 1);
		if (text[6] != 'o')
			return selftest_fail("%s: '%s' %s", vms[i]->cfg.name, text,
					     vms[i]->stop_text);
		SELFTEST_CHECK(!flat_end(vms[i]));
	}
	return 0;
}
SELFTEST(lazy, "lazy", test_lazy);
