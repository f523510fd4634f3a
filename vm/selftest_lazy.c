/*
 * Self-tests of what stays in the CPU across exits: guests that share CPUs each keep their own values in all
 * vector, debug and system-call registers. With one CPU they take turns on it; with more they are
 * also sent from one to the other all the time.
 */
#include "arch/cpu.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/selftest.h"
#include "core/thread.h"
#include "lib/atomic.h"
#include "vm/selftest_flat.h"
#include "vm/vm.h"

#define GUESTS  3
#define MOVE_NS 500000ULL
#define MOVES   100 /* of each guest */

static int start(struct vm **vms, const char *const *images)
{
	static const char *const names[GUESTS] = { "state-a", "state-b", "state-c" };

	for (u32 i = 0; i < GUESTS; i++) {
		vms[i] = flat_vm(names[i], images[i]);
		SELFTEST_CHECK(vms[i]);
		SELFTEST_CHECK(!vm_start(vms[i]));
	}
	return 0;
}

/* Each ends by itself, and says whether it found what it had left. */
static int finish(struct vm **vms)
{
	for (u32 i = 0; i < GUESTS; i++) {
		char text[64] = "";

		if (flat_wait(vms[i]))
			return selftest_fail("%s did not end", vms[i]->cfg.name);
		chardev_host_read(&vms[i]->serial[0], text, sizeof(text) - 1);
		if (text[6] != 'o')
			return selftest_fail("%s: '%s' %s", vms[i]->cfg.name, text,
					     vms[i]->stop_text);
		SELFTEST_CHECK(!flat_end(vms[i]));
	}
	return 0;
}

static int test_lazy(void)
{
	static const char *const images[GUESTS] = { "state_a.bin", "state_b.bin", "state_a.bin" };
	struct vm *vms[GUESTS];
	int err = start(vms, images);

	return err ? err : finish(vms);
}
SELFTEST(lazy, "lazy", test_lazy);

/* Sends the vCPU to that CPU, or anywhere (cpu_count()). False: its thread is gone. */
static bool send(struct vm *vm, u32 cpu, u32 *last, u32 *moves)
{
	struct cpuset cpus = { { cpu < cpu_count() ? BIT(cpu) : BITS(cpu - 1, 0) } };
	struct thread *t;
	u32 now;

	spin_lock(&vm->lock); /* the thread stays */
	t = vm->ports[0].thread;
	if (t) {
		now = atomic_load_relaxed(&t->cpu);
		*moves += now != *last;
		*last = now;
		if (thread_set_cpus(t, &cpus))
			log_error("CPU %u cannot be had", cpu);
	}
	spin_unlock(&vm->lock);
	return t;
}

static int move_about(struct vm **vms)
{
	u32 last[GUESTS] = { 0 }, moves[GUESTS] = { 0 }, least = 0;
	u64 until = clock_ns() + SELFTEST_PATIENCE_NS;

	for (u32 round = 0; least < MOVES; round++) {
		least = MOVES;
		for (u32 i = 0; i < GUESTS; i++) {
			if (!send(vms[i], (round + round / 3 * i) % (cpu_count() + 1), &last[i],
				  &moves[i]))
				return 0; /* it has ended: that is for the caller to see */
			least = MIN(least, moves[i]);
		}
		if (clock_ns() > until)
			return selftest_fail("a guest was moved %u times only", least);
		thread_block_until(clock_ns() + MOVE_NS);
	}
	return 0;
}

static int test_moved(void)
{
	static const char *const images[GUESTS] = { "moved.bin", "moved.bin", "moved.bin" };
	struct vm *vms[GUESTS];
	int err;

	if (cpu_count() < 2)
		return 0;
	err = start(vms, images);
	for (u32 i = 0; i < GUESTS && !err; i++)
		err = flat_expect(vms[i], "go\n");
	if (!err)
		err = move_about(vms);
	for (u32 i = 0; i < GUESTS && !err; i++) {
		char text[64] = "";

		if (chardev_host_read(&vms[i]->serial[0], text, sizeof(text) - 1))
			err = selftest_fail("%s: '%s'", vms[i]->cfg.name, text);
		else
			err = flat_end(vms[i]);
	}
	return err;
}
SELFTEST(lazy_moved, "lazy-moved", test_moved);
