/*
 * Self-test: when s2_unmap() returns, no vCPU is in guest mode with translations from before, though the guest
 * never leaves it by itself.
 */
#include "core/log.h"
#include "core/selftest.h"
#include "core/thread.h"
#include "lib/atomic.h"
#include "vm/selftest_flat.h"
#include "vm/vm.h"

#define ROUNDS     100
#define NOT_MAPPED GPA(1ULL << 30)

/*
 * One removal; whether it was told of while the vCPU was in guest mode. *stale counts those after which it has
 * not seen the removal: it may have left and be about to enter, so as to look like that, but not often.
 */
static int remove_nothing(struct vm *vm, bool *running, u32 *stale)
{
	const struct vcpu_port *port = &vm->ports[0];
	u64 generation = vm->s2.generation;

	/* Pairs with vm/run.c, as the next two. */
	*running = atomic_load_acquire(&port->where) == VCPU_IN_GUEST;
	SELFTEST_CHECK(!s2_unmap(&vm->s2, NOT_MAPPED, GRANULE_SIZE));
	SELFTEST_CHECK(vm->s2.generation == generation + 1);
	*stale += atomic_load_acquire(&port->s2_generation) != generation + 1 &&
		  atomic_load_acquire(&port->where) == VCPU_IN_GUEST;
	return 0;
}

static int test_kick(void)
{
	struct vm *vm = flat_vm("kick", "spin.bin");
	u32 rounds = 0, stale = 0;
	bool running;

	SELFTEST_CHECK(vm && !vm_start(vm) && !flat_running(vm));
	for (u32 i = 0; i < ROUNDS; i++) {
		thread_yield();
		if (remove_nothing(vm, &running, &stale))
			return -1;
		rounds += running;
	}
	log_info("kick: %u times while it ran, %u times not seen", rounds, stale);
	SELFTEST_CHECK(rounds > ROUNDS / 2 && stale < rounds / 10);
	SELFTEST_CHECK(!flat_end(vm));
	return 0;
}
SELFTEST(vm_kick, "vm-kick", test_kick);
