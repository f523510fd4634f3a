/*
 * Self-tests of KVM's paravirtual interface: a bare guest that uses it (tests/guest/pv.asm), with more vCPUs than
 * CPUs; and what a guest that is always busy is told that was stolen from it, beside what the scheduler knows.
 */
#include "core/clock.h"
#include "core/selftest.h"
#include "core/thread.h"
#include "vm/call.h"
#include "vm/gmem.h"
#include "vm/pv_abi.h"
#include "vm/selftest_flat.h"
#include "vm/vcpu.h"
#include "vm/vm.h"

#define VCPUS      3
#define STEAL_AREA 0x300000 /* tests/guest/pv_steal.asm */
#define STEAL_NS   1000000000ull

static int test_guest(void)
{
	struct vm *vm = flat_vm_smp("pv", "pv.bin", VCPUS);

	SELFTEST_CHECK(vm && !vm_start(vm));
	if (flat_said(vm, "pv ok\n"))
		return -1;
	SELFTEST_CHECK(!flat_end(vm));
	return 0;
}
SELFTEST(pv_guest, "pv-guest", test_guest);

/* Of one moment, in ns. */
struct stolen {
	u64 told, waited;
	int err;
};

static void look(struct vcpu *v, void *arg)
{
	struct stolen *s = arg;
	struct thread_times t;

	s->err = gmem_load(v->vm, GPA(STEAL_AREA), &s->told, sizeof(s->told));
	thread_times(v->port->thread, &t);
	s->waited = t.waited;
}

/* Two guests want the only CPU: each waits half of the time. */
static int test_steal(void)
{
	struct vm *vm = flat_vm("steal", "pv_steal.bin"), *other = flat_vm("other", "spin.bin");
	struct stolen from, to;
	u64 start, told, waited;

	SELFTEST_CHECK(vm && other && !vm_start(vm) && !flat_expect(vm, "go\n"));
	SELFTEST_CHECK(!vm_start(other) && !flat_running(other));
	SELFTEST_CHECK(!vcpu_call(vm, 0, look, &from) && !from.err);
	start = clock_ns();
	while (clock_ns() - start < STEAL_NS)
		thread_block_until(start + STEAL_NS);
	SELFTEST_CHECK(!vcpu_call(vm, 0, look, &to) && !to.err);
	told = to.told - from.told;
	waited = to.waited - from.waited;
	if (told != waited || waited < STEAL_NS / 3)
		return selftest_fail("in %llu ns it waited %llu and was told of %llu",
				     (unsigned long long)(clock_ns() - start),
				     (unsigned long long)waited, (unsigned long long)told);
	SELFTEST_CHECK(!flat_end(vm) && !flat_end(other));
	return 0;
}
SELFTEST(pv_steal, "pv-steal", test_steal);
