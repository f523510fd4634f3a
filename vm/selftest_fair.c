/*
 * Self-test of shares among guests that always have something to do: each has its part of all CPUs, whether
 * that divides evenly or not.
 */
#include "arch/cpu.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/selftest.h"
#include "core/thread.h"
#include "lib/fmt.h"
#include "vm/selftest_flat.h"
#include "vm/vm.h"

#define GUESTS_MAX 8
#define SETTLE_NS  200000000ULL
#define SHARE_NS   5000000000ULL /* for two CPUs: 10 s of the guests' time */

static u64 runtime(struct vm *vm)
{
	u64 ns = 0;

	spin_lock(&vm->lock); /* the threads stay */
	for (u32 i = 0; i < vm->vcpu_count; i++)
		ns += vm->ports[i].thread ? thread_runtime(vm->ports[i].thread) : 0;
	spin_unlock(&vm->lock);
	return ns;
}

static void wait(u64 ns)
{
	u64 until = clock_ns() + ns;

	while (clock_ns() < until)
		thread_block_until(until);
}

/* Whether each had as much as the others, within a twentieth. */
static int check(const u64 *ran, u32 count, u64 ns)
{
	u64 all = 0;
	int err = 0;

	for (u32 i = 0; i < count; i++)
		all += ran[i];
	for (u32 i = 0; i < count; i++) {
		log_info("fair: guest %u ran %llu of %llu us", i, (unsigned long long)ran[i] / 1000,
			 (unsigned long long)all / 1000);
		if (ran[i] * count * 20 < all * 19 || ran[i] * count * 20 > all * 21)
			err = selftest_fail("guest %u ran %llu of %llu us", i,
					    (unsigned long long)ran[i] / 1000,
					    (unsigned long long)all / 1000);
	}
	/* They had the CPUs to themselves, nearly. */
	if (!err && all < ns / 2 * MIN(count, cpu_count()))
		err = selftest_fail("all ran %llu us only", (unsigned long long)all / 1000);
	return err;
}

/* The first VM has that many vCPUs, all others have one. */
static int fair(u32 count, u32 vcpus, u64 ns)
{
	struct vm *vms[GUESTS_MAX];
	u64 ran[GUESTS_MAX];
	int err = 0;

	for (u32 i = 0; i < count; i++) {
		char name[16];

		snprintf(name, sizeof(name), "busy-%u", i);
		vms[i] = i || vcpus == 1 ? flat_vm(name, "busy.bin") :
					   flat_vm_smp(name, "smp_spin.bin", vcpus);
		SELFTEST_CHECK(vms[i]);
		SELFTEST_CHECK(!vm_start(vms[i]));
	}
	for (u32 i = 0; i < count && !err; i++)
		err = flat_expect(vms[i], i || vcpus == 1 ? "go\n" : "spinning\n");
	wait(SETTLE_NS);
	for (u32 i = 0; i < count; i++)
		ran[i] = runtime(vms[i]);
	wait(ns);
	for (u32 i = 0; i < count; i++)
		ran[i] = runtime(vms[i]) - ran[i];
	if (!err)
		err = check(ran, count, ns);
	for (u32 i = 0; i < count; i++)
		if (flat_end(vms[i]) && !err)
			err = selftest_fail("guest %u does not end", i);
	return err;
}

static int test_three(void)
{
	return fair(3, 1, SHARE_NS);
}
SELFTEST(fair_three, "fair-three", test_three);

/* Each has less, and waits longer for its turn: a twentieth of that is less, too. */
static int test_eight(void)
{
	return fair(8, 1, 2 * SHARE_NS);
}
SELFTEST(fair_eight, "fair-eight", test_eight);

/* Shares are of domains: one with more vCPUs has no more than one with one. */
static int test_vcpus(void)
{
	return fair(2, 3, SHARE_NS);
}
SELFTEST(fair_vcpus, "fair-vcpus", test_vcpus);
