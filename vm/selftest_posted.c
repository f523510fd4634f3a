/*
 * Self-test of interrupts that come from elsewhere while a guest runs, sleeps, has interrupts off or changes
 * its CPU: a small guest runs on one CPU, a thread on another one sends to it. Every handler must run once. What
 * exits that took is printed; emulator/posted knows how many may be. The guests are tests/guest/pi_*.asm.
 */
#include "arch/cpu.h"
#include "arch/lapic.h"
#include "core/bootfs.h"
#include "core/clock.h"
#include "core/irq.h"
#include "core/log.h"
#include "core/selftest.h"
#include "core/thread.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "vm/exitstat.h"
#include "vm/cputune.h"
#include "vm/gmem.h"
#include "vm/hvm.h"
#include "vm/irq.h"
#include "vm/selftest_flat.h"
#include "vm/vm.h"

#define MS            1000000ULL
#define POSTS         10000u
#define BURST_EVERY   16u /* each so many rounds send several vectors at once */
#define BURST         5u
#define VECTOR_FIRST  0x30u
#define VECTOR_COUNT  0xc0u
#define LEVEL_POSTS   2000u
#define MOVE_NS       (1 * MS)
#define MOVES         20u /* at least */
#define KICKS         10000u
#define SELF_ROUNDS   50000u /* pi_self.inc */
#define DEAF_NS       (300 * MS)
#define DEAF_SWITCHES 5u
#define SHARED        0x1000000ULL

enum { LEVEL = 1, MOVES_AROUND = 2 };

/* tests/guest/pi.inc */
struct pi_shared {
	u64 ready, masked, loops, fault;
	u64 fill[4];
	u64 handled[256];
};
static_assert(offsetof(struct pi_shared, handled) == 64, "pi.inc");

/* The one test that runs. */
static struct pi_test {
	struct vm *vm;   /* const while it runs, as the next three */
	u32 cpu, other;  /* the guest's CPU, and the one that sends */
	int (*fn)(void); /* on the sender's thread */
	bool level;      /* every second vector is level-triggered */
	bool moves;      /* the guest changes its CPU */
	u32 rounds;
	u64 sent[256]; /* owner: the sender, as the rest */
	u64 posts;
	u32 moved;            /* atomic: how often */
	u32 done;             /* atomic: the sender has ended */
	struct pi_shared end; /* how it was when all had been sent */
	int err;
} pi;

/* --- on the sender's thread, in the VM's address space ------------------------------------------------ */

static u64 shared(size_t offset)
{
	u64 value = 0;

	if (gmem_load(pi.vm, GPA(SHARED + offset), &value, sizeof(value)))
		log_error("selftest posted: the guest's memory is not there");
	return value;
}
#define SHARED_FIELD(field) shared(offsetof(struct pi_shared, field))

/* Waits until the counter is at least value. -ETIMEDOUT. */
static int wait_for(size_t offset, u64 value)
{
	u64 until = clock_ns() + SELFTEST_PATIENCE_NS;

	while (shared(offset) < value) {
		u64 fault = SHARED_FIELD(fault);

		if (fault)
			return selftest_fail("the guest found %#llx", (unsigned long long)fault);
		if (clock_ns() > until)
			return -ETIMEDOUT;
		thread_yield();
	}
	return 0;
}

static size_t handled(u32 vector)
{
	return offsetof(struct pi_shared, handled) + vector * sizeof(u64);
}

static void send(u32 vector)
{
	struct irq_msg msg = {
		.delivery = DELIVER_FIXED,
		.vector = (u8)vector,
		.level = pi.level && vector % 2,
	};

	pi.sent[vector]++;
	pi.posts++;
	(void)vm_irq_deliver(pi.vm, &msg);
}

/* Sends one vector or a burst, and waits until each handler has run. */
static int send_round(u32 round)
{
	u32 count = round % BURST_EVERY ? 1 : BURST, vectors[BURST];

	for (u32 i = 0; i < count; i++) {
		vectors[i] = VECTOR_FIRST + (round * 7 + i * 37) % VECTOR_COUNT;
		send(vectors[i]);
	}
	for (u32 i = 0; i < count; i++) {
		int err = wait_for(handled(vectors[i]), pi.sent[vectors[i]]);

		if (err == -ETIMEDOUT)
			return selftest_fail("vector %#x, number %llu, was lost", vectors[i],
					     (unsigned long long)pi.posts);
		if (err)
			return err;
	}
	return 0;
}

static int send_all(void)
{
	for (u32 round = 0;
	     round < pi.rounds || (pi.moves && atomic_load_relaxed(&pi.moved) < MOVES); round++) {
		int err = send_round(round);

		if (err)
			return err;
	}
	return 0;
}

static int wait_self(void)
{
	int err = wait_for(offsetof(struct pi_shared, loops), SELF_ROUNDS);

	pi.sent[0x41] = SELF_ROUNDS;
	return err == -ETIMEDOUT ? selftest_fail("its interrupts to itself take too long") : err;
}

/* Interrupts for the host end the guest's run wherever it is, also between an exception and its handler. */
static int kick_all(void)
{
	const struct vcpu_port *port = &pi.vm->ports[0];

	for (u32 round = 0; round < KICKS; round++) {
		u64 exits = exit_stats_count(port->stats, EXIT_NONE);
		u64 until = clock_ns() + SELFTEST_PATIENCE_NS;

		lapic_ipi(pi.cpu, IRQ_VECTOR_RESCHED);
		while (exit_stats_count(port->stats, EXIT_NONE) == exits) {
			if (clock_ns() > until)
				return selftest_fail("interrupt %u did not end the guest's run",
						     round);
			cpu_relax();
		}
	}
	return SHARED_FIELD(fault) ? selftest_fail("an exception came twice, or to a wrong place") :
				     0;
}

/* Another thread of the guest's CPU; it counts how often it gets there. */
static u64 other_turns;
static u32 other_stop; /* atomic */

static void other_main(void *arg)
{
	(void)arg;
	while (!atomic_load_relaxed(&other_stop)) {
		atomic_fetch_add(&other_turns, 1);
		thread_yield();
	}
}

/* A guest with interrupts off leaves the CPU to others, and takes nothing that is sent. */
static int share_cpu(void)
{
	struct thread_spec spec = { .name = "pi-other", .fn = other_main, .cpu = (s32)pi.cpu };
	struct thread *other = thread_create(&spec);
	u64 until = clock_ns() + DEAF_NS, turns;

	SELFTEST_CHECK(other);
	other_turns = 0;
	atomic_store_relaxed(&other_stop, 0);
	thread_start(other);
	send(VECTOR_FIRST);
	while (clock_ns() < until)
		thread_yield();
	turns = atomic_load_relaxed(&other_turns);
	atomic_store_relaxed(&other_stop, 1);
	thread_join(other);
	pi.sent[VECTOR_FIRST] = 0; /* it must not have been delivered */
	return turns < DEAF_SWITCHES ? selftest_fail("it was not preempted") : 0;
}

static void sender_main(void *arg)
{
	(void)arg;
	pi.err = wait_for(offsetof(struct pi_shared, ready), 1);
	if (pi.err == -ETIMEDOUT)
		pi.err = selftest_fail("the guest does not start");
	if (!pi.err)
		pi.err = pi.fn();
	if (gmem_read(pi.vm, GPA(SHARED), &pi.end, sizeof(pi.end)))
		pi.err = -EFAULT;
	/* Release pairs with the acquire in move(): what it found is there. */
	atomic_store_release(&pi.done, 1);
}

/* --- on the test's ------------------------------------------------------------------------------------ */

/* What must hold after all was sent. */
static int verdict(void)
{
	u64 count = 0;

	for (u32 i = 0; i < 256; i++) {
		count += pi.end.handled[i];
		if (pi.end.handled[i] != pi.sent[i])
			return selftest_fail("vector %#x: %llu sent, %llu handled", i,
					     (unsigned long long)pi.sent[i],
					     (unsigned long long)pi.end.handled[i]);
	}
	if (pi.end.masked)
		return selftest_fail("%llu handlers ran while interrupts were off",
				     (unsigned long long)pi.end.masked);
	if (!pi.end.loops)
		return selftest_fail("nothing was tested");
	return 0;
}

static void report(const char *name)
{
	const struct vcpu_port *port = &pi.vm->ports[0];
	const u64 *n = port->irq_exits;
	u64 exits = exit_stats_total(port->stats), count = 0;

	for (u32 i = 0; i < 256; i++)
		count += pi.end.handled[i];
	log_info("selftest posted-%s: %llu sent, %llu handled; exits: %llu EOI, %llu TPR, %llu self-IPI, "
		 "%llu window, %llu kick, %llu in all",
		 name, (unsigned long long)pi.posts, (unsigned long long)count,
		 (unsigned long long)n[IRQ_EXIT_EOI], (unsigned long long)n[IRQ_EXIT_TPR],
		 (unsigned long long)n[IRQ_EXIT_SELF_IPI], (unsigned long long)n[IRQ_EXIT_WINDOW],
		 (unsigned long long)n[IRQ_EXIT_KICK], (unsigned long long)exits);
}

/* The guest goes from CPU to CPU until all has been sent, and that lasts until it went often enough. */
static int move(void)
{
	while (!atomic_load_acquire(&pi.done)) { /* pairs with sender_main() */
		struct cpuset cpu = { { 0 } };

		cpuset_set(&cpu, atomic_fetch_add(&pi.moved, 1) % 2 ? pi.cpu : pi.other);
		SELFTEST_CHECK(!vm_pin(pi.vm, 0, &cpu));
		thread_block_until(clock_ns() + MOVE_NS);
	}
	return 0;
}

/* Should the guest end by itself, its address space goes from under the sender: a panic, and the test fails. */
static int with_guest(const char *name)
{
	struct cpuset cpu = { { 0 } };
	struct thread_spec spec = { .name = "pi-sender", .fn = sender_main, .cpu = (s32)pi.other };
	struct thread *sender;
	int err = 0;

	cpuset_set(&cpu, pi.cpu);
	SELFTEST_CHECK(!vm_pin(pi.vm, 0, &cpu) && !vm_start(pi.vm) && !flat_running(pi.vm));
	spec.aspace = pi.vm->aspace;
	sender = thread_create(&spec);
	SELFTEST_CHECK(sender);
	thread_start(sender);
	if (pi.moves)
		err = move();
	thread_join(sender);
	report(name);
	if (!err)
		err = pi.err;
	return err ? err : verdict();
}

static int run_test(const char *name, const char *image, int (*fn)(void), u32 rounds, u32 how)
{
	int err;

	if (cpu_count() < 2 || !hvm || !bootfs_find(image)) {
		log_info("selftest posted-%s: skipped: two CPUs, and %s in the boot set", name,
			 image);
		return 0;
	}
	memset(&pi, 0, sizeof(pi));
	pi.cpu = (cpu_id() + 1) % cpu_count();
	pi.other = cpu_id();
	pi.fn = fn;
	pi.rounds = rounds;
	pi.level = how & LEVEL;
	pi.moves = how & MOVES_AROUND;
	pi.vm = flat_vm("posted", image);
	SELFTEST_CHECK(pi.vm);
	err = with_guest(name);
	SELFTEST_CHECK(!flat_end(pi.vm));
	return err;
}

#define POSTED_TEST(ident, guest, function, rounds, how)                                           \
	static int test_##ident(void)                                                              \
	{                                                                                          \
		return run_test(#ident, "pi_" guest ".bin", function, rounds, how);                \
	}                                                                                          \
	SELFTEST(posted_##ident, "posted-" #ident, test_##ident)

POSTED_TEST(spin, "spin", send_all, POSTS, 0);
POSTED_TEST(exits, "exits", send_all, POSTS, 0);
POSTED_TEST(masked, "masked", send_all, POSTS, 0);
POSTED_TEST(halt, "halt", send_all, POSTS, 0);
POSTED_TEST(xapic, "xapic", send_all, POSTS, 0);
POSTED_TEST(level, "spin", send_all, LEVEL_POSTS, LEVEL);
POSTED_TEST(move, "spin", send_all, POSTS, MOVES_AROUND);
POSTED_TEST(self, "self", wait_self, 0, 0);
POSTED_TEST(selfx, "selfx", wait_self, 0, 0);
POSTED_TEST(faults, "faults", kick_all, 0, 0);
POSTED_TEST(deaf, "deaf", share_cpu, 0, 0);
