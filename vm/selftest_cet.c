/*
 * Self-tests of control-flow enforcement: every CPU tracks indirect branches where it can, also after a
 * guest has run there, and a branch that goes astray ends the host.
 */
#include "arch/cet.h"
#include "arch/cpu.h"
#include "arch/feature.h"
#include "arch/lapic.h"
#include "arch/shstk.h"
#include "core/clock.h"
#include "core/selftest.h"
#include "core/thread.h"
#include "lib/compiler.h"
#include "lib/errno.h"
#include "vm/selftest_flat.h"
#include "vm/vm.h"

#define PROBES   1000
#define GUEST_NS 50000000ULL
#define NMI_NS   10000000ULL
#define NMIS     3

/* What a CPU found. */
struct finding {
	bool on, on_after;
	u32 caught;
	bool shadow, shadow_after;
	u32 returns_caught;
};

static void probe(void *arg)
{
	struct finding *f = arg;
	u64 flags = irq_save(); /* see cet_probe() */

	f->on = cet_ibt_on();
	for (u32 i = 0; i < PROBES; i++)
		f->caught += cet_probe() == -EFAULT;
	f->on_after = cet_ibt_on();
	f->shadow = shstk_on();
	for (u32 i = 0; i < PROBES; i++)
		f->returns_caught += shstk_probe() == -EFAULT;
	f->shadow_after = shstk_on();
	irq_restore(flags);
}

static int test_cpus(void)
{
	bool expected = cpu_has(CPU_IBT), shadow = cpu_has(CPU_SHSTK);

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
		if (f.shadow != shadow || f.shadow_after != shadow ||
		    f.returns_caught != (shadow ? PROBES : 0))
			return selftest_fail("CPU %u: shadow stack is %s, then %s; %u of %u caught",
					     i, f.shadow ? "on" : "off",
					     f.shadow_after ? "on" : "off", f.returns_caught,
					     PROBES);
	}
	return 0;
}
SELFTEST(cet_cpus, "cet-cpus", test_cpus);

/* To the other CPUs, which all go on: an interrupt stack's shadow stack is there again the next time. */
static int nmis(void)
{
	for (u32 i = 0; i < NMIS; i++) {
		if (cpu_count() > 1)
			lapic_nmi_others();
		thread_block_until(clock_ns() + NMI_NS);
	}
	return test_cpus();
}
SELFTEST(cet_nmi, "cet-nmi", nmis);

/* With one CPU the guest and what looks at that CPU take turns. */
static int test_guest(void)
{
	struct vm *vm = flat_vm("spin", "spin.bin");
	int err;

	SELFTEST_CHECK(vm);
	SELFTEST_CHECK(!vm_start(vm) && !flat_running(vm));
	thread_block_until(clock_ns() + GUEST_NS);
	err = nmis(); /* in a guest, too */
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

/* An overwritten return address. */
__noinline static int selftest_smashed_return(u64 where)
{
	u64 *frame = __builtin_frame_address(0);

	*(volatile u64 *)&frame[1] = where;
	return 1;
}

static int test_smash(void)
{
	if (cpu_has(CPU_SHSTK))
		selftest_smashed_return((u64)selftest_stray_target);
	return selftest_fail("there is no shadow stack to notice it");
}
SELFTEST_ENTRY(cet_smash, "smashedreturn", test_smash, true);
