/*
 * Self-tests that nothing goes from one guest to another: one guest leaves a value of its own everywhere that it
 * can reach (tests/guest/leak_dirty.asm), the next one looks at one kind of thing when it is entered
 * (tests/guest/leak_*.asm), once while the first is still there and takes turns with it, once after its end.
 * Best on one CPU, where both have the same registers and TLB.
 */
#include "core/clock.h"
#include "core/log.h"
#include "core/selftest.h"
#include "core/thread.h"
#include "lib/string.h"
#include "vm/selftest_flat.h"
#include "vm/vcpu.h"
#include "vm/vm.h"

#define RUN_NS  20000000ull /* so long guests with the same addresses take turns */
#define STEP_NS 1000000ull

/* Both are ended whatever comes: the next test wants the names. */
static int look(const char *image)
{
	struct vm *vm = flat_vm("fresh", image);
	char text[64] = "";
	int err;

	SELFTEST_CHECK(vm);
	SELFTEST_CHECK(!vm_start(vm));
	err = flat_wait(vm);
	chardev_host_read(&vm->serial[0], text, sizeof(text) - 1);
	if (err || strcmp(text, "ok\n"))
		err = selftest_fail("%s: '%s' (%s)", image, text, vm->stop_text);
	if (flat_end(vm))
		return -1;
	return err;
}

static int behind_dirty(const char *image)
{
	struct vm *dirty = flat_vm("dirty", "leak_dirty.bin");
	int err;

	SELFTEST_CHECK(dirty);
	SELFTEST_CHECK(!vm_start(dirty) && !flat_expect(dirty, "ready\n"));
	err = look(image);
	SELFTEST_CHECK(!flat_end(dirty));
	return err ? err : look(image);
}

#define LEAKS(name)                                                                                \
	static int test_##name(void)                                                               \
	{                                                                                          \
		return behind_dirty("leak_" #name ".bin");                                         \
	}                                                                                          \
	SELFTEST(leaks_##name, "leaks-" #name, test_##name)

LEAKS(registers);
LEAKS(vectors);
LEAKS(debug);
LEAKS(pat);
LEAKS(msrs);
LEAKS(stack);

/* The dirty one's memory is what the next one gets: of the same size, it comes from the same place. */
static int test_memory(void)
{
	struct vm *dirty = flat_vm("dirty", "leak_dirty.bin"), *vm;
	u64 first, second;

	SELFTEST_CHECK(dirty);
	SELFTEST_CHECK(!vm_start(dirty) && !flat_expect(dirty, "ready\n"));
	first = dirty->extents[0].pa.v;
	SELFTEST_CHECK(!flat_end(dirty));
	vm = flat_vm("fresh", "leak_memory.bin");
	SELFTEST_CHECK(vm);
	SELFTEST_CHECK(!vm_start(vm));
	second = vm->extents[0].pa.v;
	if (first != second)
		return selftest_fail("no memory was used twice: the test tests nothing");
	if (flat_expect(vm, "ok\n") || flat_wait(vm))
		return selftest_fail("it is not zero (%s)", vm->stop_text);
	SELFTEST_CHECK(!flat_end(vm));
	return 0;
}
SELFTEST(leaks_memory, "leaks-memory", test_memory);

/* Guests with memory at the same addresses. */
#define TLB_GUESTS 3
#define TLB_ROUNDS 6

struct tlb_guest {
	struct vm *vm;
	u64 seen; /* times that it found all of its memory */
};

/* -1: it has said something else than dots. */
static int hear(struct tlb_guest *g)
{
	char got[64];
	size_t n;

	while ((n = chardev_host_read(&g->vm->serial[0], got, sizeof(got))) > 0) {
		for (size_t i = 0; i < n; i++) {
			if (got[i] != '.')
				return -1;
		}
		g->seen += n;
	}
	return 0;
}

static int tlb_start(struct tlb_guest *g, char letter)
{
	const char name[] = { 't', 'l', 'b', letter, 0 };

	*g = (struct tlb_guest){ .vm = flat_vm(name, "leak_tlb.bin") };
	SELFTEST_CHECK(g->vm);
	SELFTEST_CHECK(!vm_start(g->vm) && !flat_expect(g->vm, "go\n"));
	chardev_host_write(&g->vm->serial[0], &letter, 1);
	vm_request(g->vm, 0, REQ_CHARDEV);
	return 0;
}

/* Until each has been through its memory again, behind the others. */
static int tlb_run(struct tlb_guest *guests)
{
	u64 end = clock_ns() + RUN_NS, limit = clock_ns() + 500 * RUN_NS;
	bool all;

	for (u32 i = 0; i < TLB_GUESTS; i++)
		guests[i].seen = 0;
	do {
		thread_block_until(clock_ns() + STEP_NS);
		all = true;
		for (u32 i = 0; i < TLB_GUESTS; i++) {
			if (hear(&guests[i]))
				return selftest_fail("guest %u found what is not its own", i);
			all = all && guests[i].seen > 1;
		}
	} while (clock_ns() < limit && (!all || clock_ns() < end));
	if (!all)
		return selftest_fail("a guest does not get on");
	return 0;
}

/*
 * They take turns, and one after the other ends and has another one in its place, which gets its memory. An
 * entry in the TLB that outlives its guest, or counts for another, shows that one's memory.
 */
static int test_tlb(void)
{
	static struct tlb_guest guests[TLB_GUESTS];
	u32 reused = 0;

	for (u32 i = 0; i < TLB_GUESTS; i++) {
		if (tlb_start(&guests[i], (char)('A' + i)))
			return -1;
	}
	for (u32 round = 0; round < TLB_ROUNDS; round++) {
		struct tlb_guest *g = &guests[round % TLB_GUESTS];
		u64 pa = g->vm->extents[0].pa.v;

		if (tlb_run(guests))
			return -1;
		SELFTEST_CHECK(!flat_end(g->vm));
		if (tlb_start(g, (char)('K' + round)))
			return -1;
		reused += g->vm->extents[0].pa.v == pa;
	}
	if (tlb_run(guests))
		return -1;
	for (u32 i = 0; i < TLB_GUESTS; i++)
		SELFTEST_CHECK(!flat_end(guests[i].vm));
	log_info("leaks: memory changed hands %u times of %u", reused, TLB_ROUNDS);
	if (!reused)
		return selftest_fail("no memory changed hands: the test tests nothing");
	return 0;
}
SELFTEST(leaks_tlb, "leaks-tlb", test_tlb);
