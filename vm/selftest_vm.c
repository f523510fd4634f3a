/*
 * Self-tests with bare guests: flat images of the boot set.
 */
#include "core/bootfs.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/selftest.h"
#include "core/thread.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "vm/hvm.h"
#include "vm/vm.h"

#define LIMIT_NS 20000000000ull

/* A VM that boots image, one vCPU, 32 MiB, one serial port. NULL: no memory. */
static struct vm *flat_vm(const char *name, const char *image)
{
	static struct domain cfg;

	memset(&cfg, 0, sizeof(cfg));
	if (str_copy(cfg.name, sizeof(cfg.name), name) ||
	    str_copy(cfg.kernel, sizeof(cfg.kernel), image))
		return NULL;
	cfg.memory = 32 * MIB;
	cfg.vcpus = 1;
	cfg.loader = LOADER_FLAT;
	cfg.acpi = cfg.apic = true;
	cfg.serials = 1;
	return vm_create(&cfg);
}

static int wait_stopped(struct vm *vm)
{
	u64 end = clock_ns() + LIMIT_NS;

	while (clock_ns() < end) {
		u8 state = atomic_load_acquire(&vm->state); /* pairs with set_state() in vm.c */

		if (state == VM_STOPPED || state == VM_CRASHED)
			return 0;
		thread_block_until(clock_ns() + 1000000);
	}
	return -ETIMEDOUT;
}

static int test_hello(void)
{
	struct vm *vm = flat_vm("hello", "hello.bin");
	char text[64] = "";
	size_t n;

	SELFTEST_CHECK(vm);
	SELFTEST_CHECK(!vm_start(vm));
	if (wait_stopped(vm)) {
		for (u32 k = 0; k < EXIT_KINDS; k++)
			log_info("exit kind %u: %llu", k, (unsigned long long)vm->ports[0].exits[k]);
		return selftest_fail("the guest did not end: state %s", vm_state_name(vm->state));
	}
	n = chardev_host_read(&vm->serial[0], text, sizeof(text) - 1);
	if (n != 19 || strcmp(text, "hello from a guest\n"))
		return selftest_fail("serial text '%s'; stopped: %s", text, vm->stop_text);
	if (vm->stop_reason != STOP_POWEROFF)
		return selftest_fail("stopped: %s", vm->stop_text);
	SELFTEST_CHECK(!vm_undefine(vm));
	return 0;
}
SELFTEST(vm_hello, "vm-hello", test_hello);
