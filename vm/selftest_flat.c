/*
 * Help for self-tests with bare guests.
 */
#include "vm/exitstat.h"
#include "vm/selftest_flat.h"

#include "core/clock.h"
#include "core/log.h"
#include "core/selftest.h"
#include "core/thread.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "vm/hvm.h"
#include "vm/vm.h"

#define STEP_NS 1000000ull

struct vm *flat_vm_smp(const char *name, const char *image, u32 vcpus)
{
	static struct domain cfg;
	struct vm *vm;

	memset(&cfg, 0, sizeof(cfg));
	if (str_copy(cfg.name, sizeof(cfg.name), name) ||
	    str_copy(cfg.kernel, sizeof(cfg.kernel), image))
		return NULL;
	cfg.memory = 32 * MIB;
	cfg.vcpus = vcpus;
	cfg.loader = LOADER_FLAT;
	cfg.acpi = cfg.apic = true;
	cfg.serials = 1;
	return vm_create(&cfg, &vm) ? NULL : vm;
}

struct vm *flat_vm(const char *name, const char *image)
{
	return flat_vm_smp(name, image, 1);
}

static bool ended(const struct vm *vm)
{
	return !vm_active(vm);
}

static void log_exits(const struct vm *vm)
{
	for (u32 k = 0; k < EXIT_KINDS; k++) {
		u64 n = exit_stats_count(vm->ports[0].stats, k);

		if (n)
			log_info("%s: exits: %s: %llu", vm->cfg.name, exit_kind_name(k),
				 (unsigned long long)n);
	}
}

int flat_wait(struct vm *vm)
{
	u64 end = clock_ns() + SELFTEST_PATIENCE_NS;

	while (clock_ns() < end) {
		if (ended(vm))
			return 0;
		thread_block_until(clock_ns() + STEP_NS);
	}
	log_exits(vm);
	return -ETIMEDOUT;
}

int flat_running(struct vm *vm)
{
	u64 end = clock_ns() + SELFTEST_PATIENCE_NS;

	while (clock_ns() < end) {
		if (atomic_load_acquire(&vm->state) == VM_RUNNING) /* pairs with vm/build.c */
			return 0;
		if (ended(vm))
			return -ENODEV;
		thread_block_until(clock_ns() + STEP_NS);
	}
	return -ETIMEDOUT;
}

u64 flat_stay(const struct vcpu_port *port)
{
	/* Pairs with vm/run.c. */
	if (atomic_load_acquire(&port->where) != VCPU_IN_GUEST)
		return 0;
	return 1 + exit_stats_total(port->stats);
}

int flat_expect(struct vm *vm, const char *text)
{
	u64 end = clock_ns() + SELFTEST_PATIENCE_NS;
	char got[64];
	size_t n = 0, len = strlen(text);

	while (clock_ns() < end) {
		bool over = ended(vm); /* before the last look at what it wrote */

		n += chardev_host_read(&vm->serial[0], got + n, sizeof(got) - n);
		if (n >= len)
			return memcmp(got, text, len) ? -EINVAL : 0;
		if (over)
			return -ENODEV;
		thread_block_until(clock_ns() + STEP_NS);
	}
	log_exits(vm);
	return -ETIMEDOUT;
}

int flat_end(struct vm *vm)
{
	int err = 0;

	if (!ended(vm)) {
		err = vm_destroy(vm);
		if (!err || err == -ENODEV) /* it has just ended by itself */
			err = flat_wait(vm);
	}
	if (!err)
		err = vm_undefine(vm);
	if (!err)
		vm_put(vm);
	return err;
}

int flat_said(struct vm *vm, const char *text)
{
	char got[64] = "";

	if (flat_wait(vm))
		return selftest_fail("did not end");
	chardev_host_read(&vm->serial[0], got, sizeof(got) - 1);
	if (strcmp(got, text) || vm->stop_reason != STOP_POWEROFF)
		return selftest_fail("'%s' %s", got, vm->stop_text);
	return 0;
}

int flat_passes(const char *name, const char *image, const char *text)
{
	struct vm *vm = flat_vm(name, image);

	SELFTEST_CHECK(vm);
	SELFTEST_CHECK(!vm_start(vm));
	if (flat_said(vm, text))
		return -1;
	SELFTEST_CHECK(!flat_end(vm));
	return 0;
}
