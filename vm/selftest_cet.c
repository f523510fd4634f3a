/*
 * Self-tests of control-flow enforcement: every CPU tracks indirect branches where it can, also after a
 * guest has run there, and a branch that goes astray ends the host.
 */
#include "arch/cet.h"
#include "arch/cpu.h"
#include "arch/feature.h"
#include "core/clock.h"
#include "core/selftest.h"
#include "core/thread.h"
#include "lib/compiler.h"
#include "lib/errno.h"
#include "vm/selftest_flat.h"
#include "vm/vm.h"

#define PROBES   1000
#define GUEST_NS 50000000ULL

/* What a CPU found. */
struct finding {
	bool on, on_after;
	u32 caught;
};

static void probe(void *arg)
{
	struct finding *f = arg;
	u64 flags = irq_save(); /* see cet_probe() */

	f->on = cet_ibt_on();
	for (u32 i = 0; i < PROBES; i++)
		f->caught += cet_probe() == -EFAULT;
	f->on_after = cet_ibt_on();
	irq_restore(flags);
}

static int test_cpus(void)
{
	bool expected = cpu_has(CPU_IBT);

	for (u32 i = 0; i < cpu_count(); i++) {
		struct finding f = { 0 };
		struct thread_spec spec = {
			.name = "selftest/cet", .fn = probe, .arg = &f, .cpu = (s32)i
		};
		struct thread *t = thread_create(&spec);

		SELFTEST_CHECK(t);
		thread_start(t);
		thread_join(t);
		if (f.on != expected || f.on_after != expected ||
		    f.caught != (expected ? PROBES : 0))
			return selftest_fail("CPU %u: tracking is %s, then %s; %u of %u caught", i,
					     f.on ? "on" : "off", f.on_after ? "on" : "off",
					     f.caught, PROBES);
	}
	return 0;
}
SELFTEST(cet_cpus, "cet-cpus", test_cpus);

/* With one CPU the guest and what looks at that CPU take turns. */
static int test_guest(void)
{
	struct vm *vm = flat_vm("spin", "spin.bin");
	int err;

	SELFTEST_CHECK(vm);
	SELFTEST_CHECK(!vm_start(vm) && !flat_running(vm));
	thread_block_until(clock_ns() + GUEST_NS);
	err = test_cpus();
	SELFTEST_CHECK(!flat_end(vm));
	return err;
}
SELFTEST(cet_guest, "cet-guest", test_guest);

/* Called by pointer only: it begins with ENDBR64. */
__noinline static int selftest_stray_target(int v)
{
	barrier();
	return v + 1;
}

__noinline static int selftest_stray_caller(int (*volatile fn)(int))
{
	return fn(41) + 1;
}

/* A pointer that somebody changed: it leads behind the ENDBR64 of its function. */
static int test_stray(void)
{
	u64 target = (u64)selftest_stray_target;

	SELFTEST_CHECK(selftest_stray_caller((int (*)(int))target) == 43);
	selftest_stray_caller((int (*)(int))(target + ENDBR64_SIZE));
	return selftest_fail("a stray call went unnoticed");
}
SELFTEST_ENTRY(cet_stray, "straycall", test_stray, true);
