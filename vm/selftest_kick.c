/*
 * Self-test: when s2_unmap() returns, no vCPU is in guest mode with translations from before, though the guest
 * never leaves it by itself.
 */
#include "arch/cpu.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/selftest.h"
#include "core/thread.h"
#include "lib/atomic.h"
#include "vm/selftest_flat.h"
#include "vm/vm.h"

#define ROUNDS     100u
#define NOT_MAPPED GPA(1ULL << 30)

/* flat_stay() once the vCPU is in guest mode: on an emulator its CPU may stand still for long. 0: it never was. */
static u64 wait_entered(const struct vcpu_port *port)
{
	u64 end = clock_ns() + SELFTEST_PATIENCE_NS, stay;

	while (!(stay = flat_stay(port)) && clock_ns() < end)
		thread_yield();
	return stay;
}

/*
 * One removal while the vCPU is in guest mode. *stale counts those after which it is there as before: it may have
 * been about to enter, so as to look like that, but not often.
 */
static int remove_nothing(struct vm *vm, u32 *stale)
{
	const struct vcpu_port *port = &vm->ports[0];
	u64 generation = vm->s2.generation, stay = wait_entered(port);

	SELFTEST_CHECK(stay);
	SELFTEST_CHECK(!s2_unmap(&vm->s2, NOT_MAPPED, GRANULE_SIZE));
	SELFTEST_CHECK(vm->s2.generation == generation + 1);
	/* Pairs with vm/run.c. */
	*stale += atomic_load_acquire(&port->s2_generation) != generation + 1 &&
		  flat_stay(port) == stay;
	return 0;
}

static int test_kick(void)
{
	struct vm *vm;
	u32 stale = 0;

	/* On one CPU it cannot be in guest mode meanwhile. */
	if (cpu_count() < 2)
		return 0;
	vm = flat_vm("kick", "spin.bin");
	SELFTEST_CHECK(vm && !vm_start(vm) && !flat_running(vm));
	for (u32 i = 0; i < ROUNDS; i++) {
		if (remove_nothing(vm, &stale))
			return -1;
	}
	log_info("kick: %u times while it ran, %u times not seen", ROUNDS, stale);
	SELFTEST_CHECK(stale < ROUNDS / 10);
	SELFTEST_CHECK(!flat_end(vm));
	return 0;
}
SELFTEST(vm_kick, "vm-kick", test_kick);
