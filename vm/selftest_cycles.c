/*
 * Self-tests: nothing is lost however VMs come and go. `cycles` makes, starts, ends and forgets them in
 * all ways, cycles=N times; `faults` lets each allocation fail in turn on the way from nothing to a guest that
 * has ended.
 */
#include "core/clock.h"
#include "core/cmdline.h"
#include "core/log.h"
#include "core/selftest.h"
#include "core/thread.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/fault.h"
#include "vm/selftest_count.h"
#include "vm/selftest_flat.h"
#include "vm/vm.h"

#define CYCLES_DEFAULT 1000
#define CYCLES_MAX     100000
#define MEMORY         (4 * MIB)
#define FAULTS_MAX     2000
#define SOON_NS        300000ull

static int make(const char *image, u32 vcpus, struct vm **out)
{
	static struct domain cfg;

	memset(&cfg, 0, sizeof(cfg));
	if (str_copy(cfg.name, sizeof(cfg.name), "cycle") ||
	    str_copy(cfg.kernel, sizeof(cfg.kernel), image))
		return -EINVAL;
	cfg.memory = MEMORY;
	cfg.vcpus = vcpus;
	cfg.loader = LOADER_FLAT;
	cfg.acpi = cfg.apic = true;
	cfg.serials = 1;
	return vm_create(&cfg, out);
}

/* The ways in which a guest's life goes on after its start; each leaves it off, or about to be. */

static int by_itself(struct vm *vm)
{
	if (flat_wait(vm) || vm->stop_reason != STOP_POWEROFF)
		return selftest_fail("it did not switch itself off: %s", vm->stop_text);
	return 0;
}

/* While it is being built, or just after. */
static int at_once(struct vm *vm)
{
	int err = vm_destroy(vm);

	/* It may have been quicker. */
	return err == -ENODEV ? 0 : err;
}

static int while_it_runs(struct vm *vm)
{
	thread_block_until(clock_ns() + SOON_NS);
	return at_once(vm);
}

static int paused(struct vm *vm)
{
	int err = vm_pause(vm);

	if (err == -ENODEV)
		return 0;
	if (err)
		return err;
	SELFTEST_CHECK(vm_active(vm) && vm->pause);
	return at_once(vm);
}

static int paused_and_resumed(struct vm *vm)
{
	int err = vm_pause(vm);

	if (!err)
		err = vm_resume(vm);
	/* -ENODEV: its end came first. */
	return err && err != -ENODEV ? err : by_itself(vm);
}

static int reset(struct vm *vm)
{
	int err = vm_reset(vm);

	if (err && err != -ENODEV)
		return err;
	return by_itself(vm);
}

static int button(struct vm *vm)
{
	int err = vm_shutdown(vm); /* which this guest does not look at */

	return err && err != -ENODEV ? err : by_itself(vm);
}

static int (*const ways[])(struct vm *vm) = {
	by_itself, at_once, while_it_runs, paused, paused_and_resumed, reset, button,
};

static int cycle(u32 i)
{
	struct vm *vm;

	SELFTEST_CHECK(!make("hello.bin", 1 + i % 3, &vm));
	/* One in each round is never started. */
	if (i % (ARRAY_LEN(ways) + 1) < ARRAY_LEN(ways)) {
		SELFTEST_CHECK(!vm_start(vm));
		if (ways[i % (ARRAY_LEN(ways) + 1)](vm))
			return -1;
		SELFTEST_CHECK(!flat_wait(vm));
	}
	/* Once more, for what a second start has to clear away. */
	SELFTEST_CHECK(!vm_start(vm));
	return flat_end(vm) ? selftest_fail("cycle %u does not end", i) : 0;
}

static u32 cycles_wanted(void)
{
	char word[12];
	u32 n = 0;

	if (!cmdline_get("cycles", word, sizeof(word)))
		return CYCLES_DEFAULT;
	for (const char *p = word; *p >= '0' && *p <= '9' && n < CYCLES_MAX; p++)
		n = n * 10 + (u32)(*p - '0');
	return n;
}

static int test_cycles(void)
{
	u32 wanted = cycles_wanted();
	struct counts before;

	/* The first round leaves what is kept for the next: heaps keep an empty piece. */
	for (u32 i = 0; i < ARRAY_LEN(ways) + 1; i++) {
		if (cycle(i))
			return -1;
	}
	thread_block_until(clock_ns() + SOON_NS);
	counts_take(&before);
	for (u32 i = 0; i < wanted; i++) {
		if (cycle(i))
			return -1;
	}
	log_info("cycles: %u", wanted);
	return counts_back(&before) ? selftest_fail("something was lost") : 0;
}
SELFTEST(cycles, "cycles", test_cycles);

/* From nothing to the end of a guest, as far as it comes. */
static int attempt(u32 n)
{
	struct vm *vm;
	int err = make("hello.bin", 2, &vm); /* two: what fails may be either's */

	if (err == -ENOMEM)
		return 0;
	SELFTEST_CHECK(!err);
	err = vm_start(vm);
	if (err && err != -ENOMEM)
		return selftest_fail("fault %u: vm_start() gave %d", n, err);
	if (!err && flat_wait(vm))
		return selftest_fail("fault %u: the VM does not end", n);
	if (vm->stop_reason != STOP_POWEROFF && !vm->stop_text[0])
		return selftest_fail("fault %u: no reason was given", n);
	return flat_end(vm) ? selftest_fail("fault %u: the VM stays", n) : 0;
}

static int test_faults(void)
{
	struct counts before;
	u32 n = 0;

	SELFTEST_CHECK(!attempt(0)); /* nothing fails */
	thread_block_until(clock_ns() + SOON_NS);
	counts_take(&before);
	do {
		SELFTEST_CHECK(n < FAULTS_MAX);
		fault_arm(++n);
		if (attempt(n))
			return -1;
	} while (fault_arm(0) && !counts_back(&before));
	if (counts_back(&before))
		return selftest_fail("allocation %u failed, and something was lost", n);
	log_info("faults: %u allocations failed in turn", n - 1);
	/* A release build injects none; there are far more. */
	SELFTEST_CHECK(n > 1);
	return 0;
}
SELFTEST(faults, "faults", test_faults);
