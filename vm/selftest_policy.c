/*
 * Self-tests of what a guest gets and sees: its memory is zero when it comes, and another's secrets are
 * not in it; a page whose translation changes is that page at once; CPUID shows what is handled.
 */
#include "core/selftest.h"
#include "core/thread.h"
#include "lib/string.h"
#include "mm/ptab.h"
#include "vm/call.h"
#include "vm/selftest_flat.h"
#include "vm/vcpu.h"
#include "vm/vm.h"

#define MEMORY_ROUNDS 3
#define SWAP_A        0x1400000ull /* tests/guest/ram_swap.asm */
#define SWAP_B        0x1600000ull

static int test_cpuid(void)
{
	struct vm *vm = flat_vm("shown", "shown.bin");
	char text[64] = "";

	SELFTEST_CHECK(vm);
	SELFTEST_CHECK(!vm_start(vm) && !flat_wait(vm));
	chardev_host_read(&vm->serial[0], text, sizeof(text) - 1);
	if (strcmp(text, "shown ok\n"))
		return selftest_fail("'%s' %s", text, vm->stop_text);
	SELFTEST_CHECK(!flat_end(vm));
	return 0;
}
SELFTEST(policy_cpuid, "policy-cpuid", test_cpuid);

/* Each guest leaves a pattern in all its memory, which the next one gets. */
static int test_memory(void)
{
	u64 pa[MEMORY_ROUNDS];
	bool reused = false;

	for (u32 i = 0; i < MEMORY_ROUNDS; i++) {
		struct vm *vm = flat_vm("zero", "ram_zero.bin");

		SELFTEST_CHECK(vm);
		SELFTEST_CHECK(!vm_start(vm));
		pa[i] = vm->extents[0].pa.v;
		for (u32 k = 0; k < i; k++)
			reused = reused || pa[k] == pa[i];
		if (flat_expect(vm, "zero\n") || flat_wait(vm))
			return selftest_fail("round %u: %s", i, vm->stop_text);
		SELFTEST_CHECK(!flat_end(vm));
	}
	if (!reused)
		return selftest_fail("no memory was used twice: the test tests nothing");
	return 0;
}
SELFTEST(policy_memory, "policy-memory", test_memory);

/* Where the granule of a guest physical address is. */
static paddr_t granule_of(const struct vm *vm, u64 gpa)
{
	for (u32 i = 0; i < vm->extent_count; i++) {
		const struct vm_extent *e = &vm->extents[i];

		if (gpa >= e->gpa.v && gpa - e->gpa.v < e->len)
			return PADDR(e->pa.v + gpa - e->gpa.v);
	}
	return PADDR(0);
}

struct swap {
	u64 a, b; /* which of the guest's granules PAGE_A and PAGE_B become */
	int err;
};

static void swap_pages(struct vcpu *v, void *arg)
{
	const u32 prot = PTAB_R | PTAB_W | PTAB_X;
	struct swap *s = arg;
	struct s2 *s2 = &v->vm->s2;
	paddr_t a = granule_of(v->vm, s->a), b = granule_of(v->vm, s->b);

	s->err = s2_unmap(s2, GPA(SWAP_A), GRANULE_SIZE);
	if (!s->err)
		s->err = s2_unmap(s2, GPA(SWAP_B), GRANULE_SIZE);
	if (!s->err)
		s->err = s2_map(s2, GPA(SWAP_A), a, GRANULE_SIZE, prot);
	if (!s->err)
		s->err = s2_map(s2, GPA(SWAP_B), b, GRANULE_SIZE, prot);
}

static int swap(struct vm *vm, u64 a, u64 b)
{
	static struct swap s;

	s = (struct swap){ .a = a, .b = b };
	SELFTEST_CHECK(!vcpu_call(vm, 0, swap_pages, &s));
	SELFTEST_CHECK(!s.err);
	return 0;
}

static int test_remap(void)
{
	struct vm *vm = flat_vm("swap", "ram_swap.bin");

	SELFTEST_CHECK(vm);
	SELFTEST_CHECK(!vm_start(vm) && !flat_expect(vm, "go\n"));
	if (swap(vm, SWAP_B, SWAP_A) || flat_expect(vm, "swapped\n"))
		return selftest_fail("the guest does not see the other page: %s", vm->stop_text);
	if (swap(vm, SWAP_A, SWAP_B) || flat_expect(vm, "back\n") || flat_wait(vm))
		return selftest_fail("the guest does not see its page again: %s", vm->stop_text);
	SELFTEST_CHECK(!flat_end(vm));
	return 0;
}
SELFTEST(policy_remap, "policy-remap", test_remap);
