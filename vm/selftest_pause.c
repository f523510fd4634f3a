/*
 * Self-test: a paused guest's time stands still, its TSC and its timers' clock alike, and they stay the same
 * clock. Nothing here depends on how fast the machine is: what passed for the guest and what it was paused
 * for cannot be more together than what passed on the host.
 */
#include "arch/cpu.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/selftest.h"
#include "core/thread.h"
#include "lib/errno.h"
#include "vm/call.h"
#include "vm/selftest_flat.h"
#include "vm/vcpu.h"
#include "vm/vm.h"
#include "vm/vtimer.h"

#define PAUSE_NS 30000000ull
#define ROUNDS   5

struct moment {
	u64 host_before, host_after;
	u64 tsc; /* the guest's, in ns */
	u64 now; /* its timers' */
};

static void look(struct vcpu *v, void *arg)
{
	struct moment *m = arg;
	u64 flags = irq_save();

	m->tsc = clock_tsc_to_ns(rdtsc() + v->tsc_offset);
	m->now = vm_time_ns(v->vm);
	irq_restore(flags);
}

static int take(struct vm *vm, struct moment *m)
{
	int err;

	m->host_before = clock_ns();
	err = vcpu_call(vm, 0, look, m);
	m->host_after = clock_ns();
	return err;
}

/* While it is paused nothing moves; m is how it was at first. */
static int check_still(struct vm *vm, struct moment *m)
{
	struct moment again;

	SELFTEST_CHECK(!take(vm, m));
	SELFTEST_CHECK(vm->state == VM_PAUSED);
	thread_block_until(clock_ns() + PAUSE_NS);
	SELFTEST_CHECK(!take(vm, &again));
	SELFTEST_CHECK(again.now == m->now);
	return 0;
}

static int round(struct vm *vm)
{
	struct moment before, paused, after;
	u64 start, length, passed;

	SELFTEST_CHECK(!take(vm, &before));
	SELFTEST_CHECK(!vm_pause(vm));
	start = clock_ns();
	SELFTEST_CHECK(vm_pause(vm) == -EALREADY);
	if (check_still(vm, &paused))
		return -1;
	length = clock_ns() - start;
	SELFTEST_CHECK(!vm_resume(vm));
	SELFTEST_CHECK(vm_resume(vm) == -EALREADY);
	SELFTEST_CHECK(!take(vm, &after));
	SELFTEST_CHECK(vm->state == VM_RUNNING);
	passed = after.host_after - before.host_before;
	SELFTEST_CHECK(after.now >= paused.now && paused.now >= before.now);
	SELFTEST_CHECK(after.tsc >= before.tsc);
	if (after.now - before.now + length > passed)
		return selftest_fail("timers went on in the pause: %llu + %llu > %llu ns",
				     (unsigned long long)(after.now - before.now),
				     (unsigned long long)length, (unsigned long long)passed);
	/* The TSC's conversion is rounded. */
	if (after.tsc - before.tsc + length > passed + 1000)
		return selftest_fail("the TSC went on in the pause: %llu + %llu > %llu ns",
				     (unsigned long long)(after.tsc - before.tsc),
				     (unsigned long long)length, (unsigned long long)passed);
	return 0;
}

static int test_pause(void)
{
	struct vm *vm = flat_vm("pause", "button.bin");
	u64 cpu_time;

	SELFTEST_CHECK(vm);
	SELFTEST_CHECK(vm_pause(vm) == -ENODEV && vm_resume(vm) == -ENODEV);
	SELFTEST_CHECK(vm_shutdown(vm) == -ENODEV && vm_reset(vm) == -ENODEV);
	SELFTEST_CHECK(vm_destroy(vm) == -ENODEV);
	SELFTEST_CHECK(!vm_start(vm));
	/* While it starts: it never runs before it is resumed. */
	SELFTEST_CHECK(!vm_pause(vm) && vm->state == VM_PAUSED);
	SELFTEST_CHECK(vm_start(vm) == -EBUSY && vm_undefine(vm) == -EBUSY);
	SELFTEST_CHECK(!vm_resume(vm) && !flat_expect(vm, "waiting for the button\n"));
	for (u32 i = 0; i < ROUNDS; i++) {
		if (round(vm))
			return -1;
	}
	cpu_time = vm_cpu_time(vm, 0);
	/* The button is pressed in a pause, and felt after it. */
	SELFTEST_CHECK(cpu_time && !vm_pause(vm) && !vm_shutdown(vm));
	thread_block_until(clock_ns() + PAUSE_NS);
	SELFTEST_CHECK(vm->state == VM_PAUSED && !vm_resume(vm));
	SELFTEST_CHECK(!flat_expect(vm, "button pressed\n") && !flat_wait(vm));
	SELFTEST_CHECK(vm->stop_reason == STOP_POWEROFF);
	SELFTEST_CHECK(vm_cpu_time(vm, 0) >= cpu_time);
	SELFTEST_CHECK(!flat_end(vm));
	return 0;
}
SELFTEST(vm_pause, "vm-pause", test_pause);

/* The reset button: memory and registers as after a start, however often and also when paused. */
static int test_reset(void)
{
	struct vm *vm = flat_vm("again", "button.bin");

	SELFTEST_CHECK(vm && !vm_start(vm));
	for (u32 i = 0; i < ROUNDS; i++) {
		SELFTEST_CHECK(!flat_expect(vm, "waiting for the button\n"));
		if (i & 1)
			SELFTEST_CHECK(!vm_pause(vm));
		SELFTEST_CHECK(!vm_reset(vm));
	}
	SELFTEST_CHECK(!flat_expect(vm, "waiting for the button\n") && !vm_shutdown(vm));
	SELFTEST_CHECK(!flat_expect(vm, "button pressed\n") && !flat_wait(vm));
	SELFTEST_CHECK(!flat_end(vm));
	return 0;
}
SELFTEST(vm_reset, "vm-reset", test_reset);
