/*
 * Self-test: VPIDs come back when VMs go.
 */
#include "core/selftest.h"
#include "vm/hvm.h"
#include "vm/selftest_flat.h"
#include "vm/vm.h"
#include "vmx/guest.h"
#include "vmx/vmx.h"

#define VMS    3
#define ROUNDS 5

static int test_vpid(void)
{
	u16 first, again;

	if (hvm != &vmx_ops || !vmx_caps.vpid)
		return 0; /* AMD's ASIDs are renewed all the time: nobody owns one */
	first = vpid_alloc();
	vpid_free(first);
	for (u32 i = 0; i < ROUNDS; i++) {
		struct vm *vms[VMS];

		for (u32 j = 0; j < VMS; j++) {
			vms[j] = flat_vm((const char *[]){ "a", "b", "c" }[j], "button.bin");
			SELFTEST_CHECK(vms[j] && !vm_start(vms[j]) && !flat_running(vms[j]));
		}
		again = vpid_alloc();
		vpid_free(again);
		SELFTEST_CHECK(again == first + VMS); /* the lowest that is free is taken */
		for (u32 j = 0; j < VMS; j++)
			SELFTEST_CHECK(!flat_end(vms[j]));
		again = vpid_alloc();
		vpid_free(again);
		SELFTEST_CHECK(again == first);
	}
	return 0;
}
SELFTEST(vm_vpid, "vm-vpid", test_vpid);
