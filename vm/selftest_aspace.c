/*
 * Self-test of the secret-free address spaces, during a run of two VMs: the page tables that the CPUs
 * really use map nothing but the hypervisor's memory and the current VM's, and nothing is both writable and
 * executable; and what one VM keeps in its RAM and registers cannot be found anywhere in what is mapped while
 * another one's thread runs.
 */
#include "arch/cpu.h"
#include "core/log.h"
#include "core/selftest.h"
#include "core/thread.h"
#include "mm/aspace.h"
#include "mm/page.h"
#include "mm/ptab.h"
#include "vm/call.h"
#include "vm/selftest_flat.h"
#include "vm/vcpu.h"
#include "vm/vm.h"

#define CR3_ADDR BITS(51, 12)

/* tests/guest/canary.asm computes the same value at run time; no image holds it, nor does this one. */
#define CANARY_A 0x9e3779b97f4a7c15ull
#define CANARY_B 0xd1b54a32d192ed03ull

struct finding {
	owner_t self; /* whose space it is; OWNER_HV: no guest's */
	u64 leaves, bytes;
	u64 foreign, writable_executable; /* how many; and one address of them */
	u64 foreign_va, wx_va;
	owner_t foreign_owner;
	u64 inverted; /* the canary's complement; 0: do not search */
	u64 copies, copy_va;
	u32 cpu;
};

/* A range that no RAM lies in may be mapped where it is uncached: device registers. */
static bool allowed(const struct finding *f, owner_t owner, u32 prot)
{
	return owner == OWNER_HV || (owner == f->self && owner >= OWNER_VM) ||
	       (owner == OWNER_RESERVED && (prot & PTAB_UNCACHED));
}

static __noinline void search(struct finding *f, u64 va, u64 size)
{
	u64 inverted = f->inverted;

	/* The value itself is formed nowhere: a register that held it could be found on a stack. */
	for (u64 p = va; p < va + size; p += 8) {
		u64 word = *(const volatile u64 *)p;

		if ((word ^ inverted) == ~0ull) {
			f->copies++;
			f->copy_va = p;
		}
	}
}

static int look(void *ctx, const struct ptab_leaf *leaf)
{
	struct finding *f = ctx;
	bool user = leaf->prot & PTAB_USER, ram = true;

	f->leaves++;
	f->bytes += leaf->size;
	if ((leaf->prot & PTAB_W) && (leaf->prot & PTAB_X)) {
		f->writable_executable++;
		f->wx_va = leaf->va;
	}
	for (u64 off = 0; off < leaf->size; off += GRANULE_SIZE) {
		owner_t owner = granule_owner(PADDR(leaf->pa.v + off));

		if (!allowed(f, owner, leaf->prot)) {
			f->foreign++;
			f->foreign_va = leaf->va + off;
			f->foreign_owner = owner;
		}
		ram = ram && owner != OWNER_RESERVED;
	}
	if (f->inverted && ram) {
		if (user)
			__asm__ volatile("stac" ::: "memory");
		search(f, leaf->va, leaf->size);
		if (user)
			__asm__ volatile("clac" ::: "memory");
	}
	return 0;
}

/* Walks what this CPU's CR3 points at. */
static void walk_live(struct finding *f)
{
	struct ptab live = {
		.fmt = &ptab_host,
		.root = phys_to_virt(PADDR(read_cr3() & CR3_ADDR)),
	};

	f->cpu = cpu_id();
	ptab_walk(&live, look, f);
}

static void walk_on_vcpu(struct vcpu *v, void *arg)
{
	(void)v;
	walk_live(arg);
}

static void walk_on_cpu(void *arg)
{
	walk_live(arg);
}

static int judge(const char *where, const struct finding *f)
{
	log_info("aspace: %s, CPU %u: %llu leaves, %llu MiB mapped", where, f->cpu,
		 (unsigned long long)f->leaves, (unsigned long long)(f->bytes / MIB));
	if (f->foreign)
		return selftest_fail("%s: %llu granules of others are mapped, one at %#llx (owner %u)",
				     where, (unsigned long long)f->foreign,
				     (unsigned long long)f->foreign_va, f->foreign_owner);
	if (f->writable_executable)
		return selftest_fail("%s: %llu leaves are writable and executable, one at %#llx",
				     where, (unsigned long long)f->writable_executable,
				     (unsigned long long)f->wx_va);
	if (f->copies)
		return selftest_fail("%s: the other VM's secret is at %#llx (%llu copies)", where,
				     (unsigned long long)f->copy_va, (unsigned long long)f->copies);
	return 0;
}

/* In the hypervisor's space on each CPU. */
static int check_cpus(void)
{
	static struct finding f;

	for (u32 cpu = 0; cpu < cpu_count(); cpu++) {
		struct thread_spec spec = {
			.name = "aspace-walk", .fn = walk_on_cpu, .arg = &f, .cpu = (s32)cpu
		};
		struct thread *t;

		f = (struct finding){ .self = OWNER_HV, .inverted = ~CANARY_A };
		t = thread_create(&spec);
		SELFTEST_CHECK(t);
		thread_start(t);
		thread_join(t);
		if (judge("no guest", &f))
			return -1;
	}
	return 0;
}

static int check_vm(struct vm *vm, u64 others_inverted)
{
	static struct finding f;

	f = (struct finding){ .self = vm->owner, .inverted = others_inverted };
	SELFTEST_CHECK(!vcpu_call(vm, 0, walk_on_vcpu, &f));
	return judge(vm->cfg.name, &f);
}

/* That the search can find something: in its own space the canary is there. */
static int check_search(struct vm *vm)
{
	static struct finding f;

	f = (struct finding){ .self = vm->owner, .inverted = ~CANARY_A };
	SELFTEST_CHECK(!vcpu_call(vm, 0, walk_on_vcpu, &f));
	if (!f.copies)
		return selftest_fail(
			"the canary is not even in its own VM: the test tests nothing");
	log_info("aspace: canary found %llu times in its own VM", (unsigned long long)f.copies);
	return 0;
}

static int test_aspace(void)
{
	struct vm *a = flat_vm("canary-a", "canary_a.bin"),
		  *b = flat_vm("canary-b", "canary_b.bin");

	SELFTEST_CHECK(a && b);
	SELFTEST_CHECK(!vm_start(a) && !vm_start(b));
	if (flat_expect(a, "ready\n") || flat_expect(b, "ready\n"))
		return selftest_fail("the guests did not start: %s %s", a->stop_text, b->stop_text);
	if (check_search(a) || check_vm(a, ~CANARY_B) || check_vm(b, ~CANARY_A) || check_cpus())
		return -1;
	SELFTEST_CHECK(!flat_end(a) && !flat_end(b));
	return check_cpus();
}
SELFTEST(aspace, "aspace", test_aspace);
