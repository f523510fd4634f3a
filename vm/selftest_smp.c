/*
 * Self-tests of VMs with several vCPUs: a bare guest that starts, interrupts and restarts them, also while it is
 * paused again and again; what is removed from the second stage is out of use on all of them; and no
 * interrupts are sent to vCPUs that are not in guest mode.
 */
#include "arch/cpu.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/selftest.h"
#include "core/thread.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "vm/call.h"
#include "vm/selftest_flat.h"
#include "vm/vcpu.h"
#include "vm/vm.h"
#include "vm/vtimer.h"

#define VCPUS      3
#define PAUSE_NS   2000000ull
#define ROUNDS     50
#define NOT_MAPPED GPA(1ULL << 30)

/* How often all vCPUs were interrupted, and how often they did not have to be. */
static void count_kicks(const struct vm *vm, u64 *kicks, u64 *saved)
{
	*kicks = *saved = 0;
	for (u32 i = 0; i < vm->vcpu_count; i++) {
		*kicks += atomic_load_relaxed(&vm->ports[i].kicks);
		*saved += atomic_load_relaxed(&vm->ports[i].kicks_saved);
	}
}

static int test_guest(void)
{
	struct vm *vm = flat_vm_smp("smp", "smp.bin", VCPUS);
	u64 kicks, saved;

	SELFTEST_CHECK(vm && !vm_start(vm));
	if (flat_said(vm, "smp ok\n"))
		return -1;
	count_kicks(vm, &kicks, &saved);
	log_info("smp: %llu requests took an interrupt, %llu none", (unsigned long long)kicks,
		 (unsigned long long)saved);
	SELFTEST_CHECK(saved > 0);
	SELFTEST_CHECK(cpu_count() > 1 || !kicks);
	SELFTEST_CHECK(!flat_end(vm));
	return 0;
}
SELFTEST(smp_guest, "smp-guest", test_guest);

static void look(struct vcpu *v, void *arg)
{
	*(u64 *)arg = vcpu_tsc(v);
}

/* Paused, all vCPUs' TSCs stand at the same value, and stay there. */
static int check_paused(struct vm *vm)
{
	u64 first, other;

	SELFTEST_CHECK(vm->state == VM_PAUSED && !vcpu_call(vm, 0, look, &first));
	for (u32 i = 1; i < vm->vcpu_count; i++) {
		SELFTEST_CHECK(!vcpu_call(vm, i, look, &other));
		if (other != first)
			return selftest_fail("the TSC of vCPU %u differs by %lld", i,
					     (long long)(other - first));
	}
	SELFTEST_CHECK(!vcpu_call(vm, 0, look, &other) && other == first);
	return 0;
}

/* The guest, which compares its TSCs, never finds one going back. */
static int test_pauses(void)
{
	struct vm *vm = flat_vm_smp("smp", "smp.bin", VCPUS);
	u32 rounds = 0;
	int err;

	SELFTEST_CHECK(vm && !vm_start(vm));
	while (!(err = vm_pause(vm))) {
		if (check_paused(vm))
			return -1;
		thread_block_until(clock_ns() + PAUSE_NS / 4);
		SELFTEST_CHECK(!vm_resume(vm));
		thread_block_until(clock_ns() + PAUSE_NS);
		rounds++;
	}
	SELFTEST_CHECK(err == -ENODEV);
	log_info("smp: paused %u times", rounds);
	if (flat_said(vm, "smp ok\n"))
		return -1;
	SELFTEST_CHECK(rounds > 1 && !flat_end(vm));
	return 0;
}
SELFTEST(smp_pauses, "smp-pauses", test_pauses);

/* How many vCPUs are in guest mode as before; one may have been about to enter, so as to look like that. */
static u32 count_stale(const struct vm *vm, u64 generation, const u64 *stays)
{
	u32 stale = 0;

	for (u32 i = 0; i < vm->vcpu_count; i++) {
		const struct vcpu_port *port = &vm->ports[i];

		/* Acquire: pairs with vm/run.c. */
		stale += atomic_load_acquire(&port->s2_generation) < generation && stays[i] &&
			 flat_stay(port) == stays[i];
	}
	return stale;
}

/* vCPUs that never leave guest mode by themselves: removals wait for all of them, stops and pauses reach them. */
static int test_removals(void)
{
	struct vm *vm = flat_vm_smp("smp-spin", "smp_spin.bin", VCPUS);
	u64 stays[VCPUS], kicks, saved;
	u32 stale = 0;

	SELFTEST_CHECK(vm && !vm_start(vm) && !flat_expect(vm, "spinning\n"));
	for (u32 i = 0; i < ROUNDS; i++) {
		thread_yield();
		for (u32 k = 0; k < VCPUS; k++)
			stays[k] = flat_stay(&vm->ports[k]);
		SELFTEST_CHECK(!s2_unmap(&vm->s2, NOT_MAPPED, GRANULE_SIZE));
		stale += count_stale(vm, vm->s2.generation, stays);
	}
	count_kicks(vm, &kicks, &saved);
	log_info("smp: %u removals, %llu interrupts, %u times not seen", ROUNDS,
		 (unsigned long long)kicks, stale);
	SELFTEST_CHECK(stale < ROUNDS / 5);
	/* On one CPU nobody can be in guest mode while another asks. */
	SELFTEST_CHECK(cpu_count() == 1 ? !kicks : kicks > 0);
	SELFTEST_CHECK(!vm_pause(vm) && vm->state == VM_PAUSED);
	SELFTEST_CHECK(!vm_resume(vm) && vm->state == VM_RUNNING);
	SELFTEST_CHECK(!flat_end(vm));
	return 0;
}
SELFTEST(smp_removals, "smp-removals", test_removals);
