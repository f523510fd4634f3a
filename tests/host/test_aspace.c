/*
 * A VM's address space as its page tables show it: what is shared and what is private, guard pages,
 * who owns what is mapped, and that destroying it gives everything back.
 *
 * sources: mm/aspace.c mm/stack.c mm/ptab.c mm/ptab_host.c mm/heap.c mm/granule.c arch/lock.c
 * sources: tests/host/fake_mm.c
 */
#include "arch/cpu.h"
#include "arch/feature.h"
#include "arch/paging.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/aspace_impl.h"
#include "mm/context.h"
#include "mm/direct.h"
#include "mm/granule.h"
#include "mm/heap_backing.h"
#include "mm/kmap.h"
#include "mm/kmap_lock.h"
#include "mm/kspace.h"
#include "mm/shootdown.h"
#include "tests/host/fake_mm.h"
#include "tests/host/harness.h"

#define G      GRANULE_SIZE
#define MEMORY 64
#define VM1    (OWNER_VM + 1)
#define VM2    (OWNER_VM + 2)
#define RW     (PTAB_R | PTAB_W)
#define STACK  16384

static struct granule table[MEMORY];
static struct ptab kernel;
static struct aspace *current;
static int flushes;           /* of private translations */
static u64 shot_va, shot_len; /* the last of shared ones */
struct spinlock kmap_lock = SPINLOCK_INIT(RANK_KMAP, "kmap");

static bool shadow_stacks;

bool cpu_has(enum cpu_feature f)
{
	return f == CPU_SHSTK && shadow_stacks;
}

u32 cpu_id(void)
{
	return 0;
}

u32 cpu_count(void)
{
	return 1;
}

void direct_map(paddr_t granule)
{
	(void)granule;
}

void direct_unmap(paddr_t granule)
{
	(void)granule;
}

void granule_zero(paddr_t granule)
{
	(void)granule;
}

struct ptab *kspace_ptab(void)
{
	return &kernel;
}

const struct ptab_format *kspace_format(void)
{
	return &ptab_host_1g;
}

void shootdown_aspace(struct aspace *as)
{
	(void)as;
	flushes++;
}

void shootdown_all(u64 va, u64 len)
{
	shot_va = va;
	shot_len = len;
}

struct aspace *aspace_current(void)
{
	return current;
}

bool context_is_in(u32 cpu, const struct aspace *as)
{
	return cpu == 0 && as == current;
}

static u64 owned(owner_t owner)
{
	u64 n = 0;

	for (u64 g = 0; g < MEMORY; g++)
		n += granule_owner(PADDR(g * G)) == owner;
	return n;
}

static void begin(void)
{
	static bool done;

	memset(table, 0, sizeof(table));
	granule_init(table, MEMORY * G);
	for (u64 g = 1; g < MEMORY; g++)
		granule_set_owner(PADDR(g * G), OWNER_FREE);
	if (done)
		return;
	done = true;
	kheap_init();
	CHECK_EQ(ptab_init(&kernel, &ptab_host), 0);
	CHECK(ptab_entry(&kernel, DIRECT_BASE, 1) != NULL);
	CHECK(ptab_entry(&kernel, KMAP_BASE, 2) != NULL);
	CHECK_EQ(ptab_map(&kernel, IMAGE_BASE, PADDR(2 * MIB), 64 * KIB, PTAB_R | PTAB_X), 0);
	/* Something private of the hypervisor's own space: must not be seen in others. */
	CHECK_EQ(ptab_map(&kernel, 0x8000, PADDR(0x8000), PAGE_SIZE, PTAB_R), 0);
}

TEST(shared_and_private)
{
	struct ptab_leaf l;

	begin();
	struct aspace *a = aspace_create(VM1, 8 * MIB), *b = aspace_create(VM2, 8 * MIB);
	CHECK(a && b);
	CHECK(a->id != b->id);
	CHECK_EQ(aspace_owner(b), VM2);
	for (u32 i = 0; i < PTAB_ENTRIES; i++)
		CHECK_EQ(a->pt.root[i], i >= PML4_INDEX(DIRECT_BASE) ? kernel.root[i] : 0);
	CHECK_EQ(ptab_lookup(&a->pt, IMAGE_BASE, &l), 0);
	CHECK_EQ(ptab_lookup(&a->pt, 0x8000, &l), -ENOENT);
	/* What enters the direct map later is seen everywhere. */
	CHECK_EQ(ptab_map(&kernel, DIRECT_BASE + G, PADDR(G), G, RW), 0);
	CHECK_EQ(ptab_lookup(&b->pt, DIRECT_BASE + G, &l), 0);
	CHECK_EQ(ptab_unmap(&kernel, DIRECT_BASE + G, G), 0);

	paddr_t pa;
	CHECK_EQ(granule_alloc(VM1, 2, 1, &pa), 0);
	CHECK_EQ(aspace_map_ram(a, GPA(4 * G), pa, 2 * G), 0);
	CHECK_EQ(ptab_lookup(&a->pt, WINDOW_BASE + 4 * G, &l), 0);
	CHECK_EQ(l.pa.v, pa.v);
	CHECK_EQ(l.size, G);
	CHECK_EQ(l.prot, RW | PTAB_USER);
	CHECK_EQ(ptab_lookup(&b->pt, WINDOW_BASE + 4 * G, &l), -ENOENT);

	int before = flushes;
	u64 generation = a->generation;
	CHECK_EQ(aspace_unmap_ram(a, GPA(4 * G), PAGE_SIZE), 0);
	CHECK(flushes > before);
	CHECK(a->generation > generation);
	CHECK_EQ(ptab_lookup(&a->pt, WINDOW_BASE + 4 * G, &l), -ENOENT);
	CHECK_EQ(ptab_lookup(&a->pt, WINDOW_BASE + 4 * G + PAGE_SIZE, &l), 0);
	CHECK_EQ(l.pa.v, pa.v + PAGE_SIZE);
	granule_free(pa, 2);
	aspace_destroy(a);
	aspace_destroy(b);
	CHECK_EQ(owned(OWNER_FREE), MEMORY - 1);
}

/* Another owner's memory, of whatever kind, does not get into a window. */
TEST(foreign_memory)
{
	paddr_t mine, other;

	begin();
	struct aspace *a = aspace_create(VM1, 8 * MIB);
	CHECK_EQ(granule_alloc(VM1, 1, 1, &mine), 0);
	CHECK_EQ(granule_alloc(VM2, 1, 1, &other), 0);
	CHECK_EQ(other.v, mine.v - G);
	granule_set_owner(PADDR(3 * G), OWNER_HV);
	CHECK_EQ(aspace_map_ram(a, GPA(0), other, G), -EINVAL);
	CHECK_EQ(aspace_map_ram(a, GPA(0), other, 2 * G), -EINVAL);
	CHECK_EQ(aspace_map_ram(a, GPA(0), PADDR(other.v + G - PAGE_SIZE), 2 * PAGE_SIZE), -EINVAL);
	CHECK_EQ(aspace_map_ram(a, GPA(0), PADDR(3 * G), PAGE_SIZE), -EINVAL);
	CHECK_EQ(aspace_map_ram(a, GPA(0), PADDR(0), PAGE_SIZE), -EINVAL);
	CHECK_EQ(aspace_map_ram(a, GPA(0), PADDR(5 * G), PAGE_SIZE), -EINVAL); /* free */
	CHECK_EQ(aspace_map_ram(a, GPA(0), PADDR(MEMORY * G), PAGE_SIZE), -EINVAL);
	CHECK_EQ(aspace_map_ram(a, GPA(WINDOW_SIZE - PAGE_SIZE), mine, 2 * PAGE_SIZE), -EINVAL);
	CHECK_EQ(aspace_map_ram(a, GPA(~0ULL), mine, PAGE_SIZE), -EINVAL);
	CHECK_EQ(aspace_unmap_ram(a, GPA(WINDOW_SIZE), PAGE_SIZE), -EINVAL);
	CHECK_EQ(aspace_map_ram(a, GPA(WINDOW_SIZE - PAGE_SIZE), mine, PAGE_SIZE), 0);
	CHECK_EQ(aspace_map_ram(a, GPA(WINDOW_SIZE - PAGE_SIZE), mine, PAGE_SIZE), -EEXIST);
	aspace_destroy(a);
}

static void check_stack(const struct ptab *pt, const u8 *stack, owner_t owner)
{
	struct ptab_leaf l;
	u64 va = (u64)stack;

	CHECK_EQ(va % PAGE_SIZE, 0);
	for (u64 off = 0; off < STACK; off += PAGE_SIZE) {
		CHECK_EQ(ptab_lookup(pt, va + off, &l), 0);
		CHECK_EQ(l.prot & (RW | PTAB_X | PTAB_USER), RW);
		if (owner)
			CHECK_EQ(granule_owner(l.pa), owner);
	}
	CHECK_EQ(ptab_lookup(pt, va - 1, &l), -ENOENT);
	CHECK_EQ(ptab_lookup(pt, va + STACK, &l), -ENOENT);
}

/* The second page of the slot: dirty and not writable, with holes on both sides. */
static u64 check_shadow(const struct ptab *pt, const u8 *stack, owner_t owner)
{
	struct ptab_leaf l, s;
	u64 slot = (u64)stack & ~0xffffull;

	check_stack(pt, stack, owner);
	CHECK_EQ(ptab_lookup(pt, slot + 0x1000, &l), 0);
	CHECK_EQ(l.prot & ~(u32)PTAB_GLOBAL, PTAB_R | PTAB_SHADOW);
	CHECK_EQ(l.entry & (BIT(0) | BIT(1) | BIT(2) | BIT(6) | BIT(63)),
		 BIT(0) | BIT(6) | BIT(63));
	if (owner)
		CHECK_EQ(granule_owner(l.pa), owner);
	CHECK_EQ(ptab_lookup(pt, slot, &s), -ENOENT);
	CHECK_EQ(ptab_lookup(pt, slot + 0x2000, &s), -ENOENT);
	return l.pa.v;
}

TEST(shadow_stacks)
{
	begin();
	shadow_stacks = true;
	struct ptab_leaf l;
	u64 pages = fake_pages;
	u8 *a = aspace_stack_alloc(NULL, STACK), *b = aspace_stack_alloc(NULL, STACK);
	u64 pa = check_shadow(&kernel, a, 0), slot = (u64)a & ~0xffffull;
	u64 token = *(u64 *)phys_to_virt(PADDR(pa + 0xff8));

	CHECK(check_shadow(&kernel, b, 0) != pa);
	CHECK_EQ(token, slot + 0x1ff8); /* its own address, not busy */
	u64 both = fake_pages;
	aspace_stack_free(NULL, a, STACK);
	CHECK_EQ(fake_pages, both - STACK / PAGE_SIZE - 1);
	CHECK_EQ(ptab_lookup(&kernel, slot + 0x1000, &l), -ENOENT);
	CHECK(shot_va <= slot + 0x1000 && shot_va + shot_len >= slot + 0x10000);
	aspace_stack_free(NULL, b, STACK);
	/* One of the two can be had: none is taken. */
	pages = fake_pages;
	fake_pages_left = 1;
	CHECK(!aspace_stack_alloc(NULL, STACK));
	fake_pages_left = -1;
	CHECK_EQ(fake_pages, pages);

	struct aspace *as = aspace_create(VM1, 8 * MIB);
	a = aspace_stack_alloc(as, STACK);
	b = aspace_stack_alloc(as, STACK);
	CHECK(check_shadow(&as->pt, a, VM1) != check_shadow(&as->pt, b, VM1));
	aspace_stack_free(as, a, STACK);
	CHECK_EQ(ptab_lookup(&as->pt, ((u64)a & ~0xffffull) + 0x1000, &l), -ENOENT);
	CHECK(aspace_stack_alloc(as, STACK) == a);
	check_shadow(&as->pt, a, VM1);
	aspace_destroy(as);
	shadow_stacks = false;
}

TEST(vm_stacks)
{
	static u8 *stacks[VM_STACKS + 1];
	u64 n = 0;

	begin();
	struct aspace *a = aspace_create(VM1, 8 * MIB);
	CHECK(!aspace_stack_alloc(a, 0));
	CHECK(!aspace_stack_alloc(a, 1000));
	CHECK(!aspace_stack_alloc(a, STACK_SLOT));
	while (n <= VM_STACKS && (stacks[n] = aspace_stack_alloc(a, STACK)) != NULL)
		n++;
	CHECK_EQ(n, VM_STACKS);
	for (u64 i = 0; i < n; i++) {
		struct ptab_leaf l, k;

		check_stack(&a->pt, stacks[i], VM1);
		CHECK_EQ(ptab_lookup(&a->pt, (u64)stacks[i], &l), 0);
		CHECK(i == 0 ||
		      (ptab_lookup(&a->pt, (u64)stacks[i - 1], &k) == 0 && k.pa.v != l.pa.v));
	}
	CHECK_EQ(owned(VM1), VM_STACK_GRANULES);
	CHECK_PANIC(aspace_stack_free(a, stacks[5] + PAGE_SIZE, STACK));
	int before = flushes;
	aspace_stack_free(a, stacks[5], STACK);
	CHECK(flushes > before);
	CHECK_PANIC(aspace_stack_free(a, stacks[5], STACK));
	CHECK(aspace_stack_alloc(a, STACK) == stacks[5]);
	aspace_destroy(a);
	CHECK_EQ(owned(OWNER_FREE), MEMORY - 1);
}

TEST(shared_stacks)
{
	begin();
	u8 *a = aspace_stack_alloc(NULL, STACK), *b = aspace_stack_alloc(NULL, STACK);
	CHECK(a && b);
	check_stack(&kernel, a, 0);
	check_stack(&kernel, b, 0);
	u64 pages = fake_pages;
	aspace_stack_free(NULL, a, STACK);
	CHECK_EQ(fake_pages, pages - STACK / PAGE_SIZE);
	CHECK(shot_va <= (u64)a && shot_va + shot_len >= (u64)a + STACK);
	CHECK_PANIC(aspace_stack_free(NULL, a, STACK));
	aspace_stack_free(NULL, b, STACK);
	fake_pages_left = 0;
	CHECK(!aspace_stack_alloc(NULL, STACK));
	fake_pages_left = -1;
}

/* The heap's backing: granules of the VM, side by side in its space and in no other. */
TEST(heap_backing)
{
	struct ptab_leaf l;

	begin();
	struct aspace *a = aspace_create(VM1, 64 * MIB);
	current = a;
	u8 *p = heap_alloc(aspace_heap(a), 5 * MIB, 0); /* maps, but touches nothing */
	CHECK_EQ((u64)p, VM_HEAP_BASE);
	CHECK_EQ(owned(VM1), 3);
	for (u64 off = 0; off < 6 * MIB; off += G) {
		CHECK_EQ(ptab_lookup(&a->pt, (u64)p + off, &l), 0);
		CHECK_EQ(l.size, G);
		CHECK_EQ(l.prot, RW);
		CHECK_EQ(granule_owner(l.pa), VM1);
		CHECK_EQ(heap_phys(aspace_heap(a), p + off + 77).v, l.pa.v + 77);
	}
	u8 *q = heap_alloc(aspace_heap(a), 2 * MIB, 4096);
	CHECK_EQ((u64)q, VM_HEAP_BASE + 6 * MIB);
	int before = flushes;
	heap_free(aspace_heap(a), p);
	CHECK(flushes > before);
	CHECK_EQ(owned(VM1), 1);
	CHECK_EQ(ptab_lookup(&a->pt, (u64)p, &l), -ENOENT);
	CHECK_EQ(ptab_lookup(&a->pt, (u64)q, &l), 0);
	CHECK_PANIC(heap_free(aspace_heap(a), p));
	/* Not more than the limit; and a piece that memory is too short for leaves nothing behind. */
	CHECK(!heap_alloc(aspace_heap(a), 63 * MIB, 0));
	granule_set_owner(PADDR(G), OWNER_HV);
	for (u64 g = 4; g < MEMORY; g++)
		if (granule_owner(PADDR(g * G)) == OWNER_FREE)
			granule_set_owner(PADDR(g * G), OWNER_HV);
	CHECK(!heap_alloc(aspace_heap(a), 6 * MIB + 1, 0));
	CHECK_EQ(owned(VM1), 1);
	CHECK_EQ(heap_used(aspace_heap(a)), 2 * MIB);
	CHECK_PANIC(aspace_destroy(a)); /* while this CPU is in it */
	current = NULL;
	CHECK_PANIC(p = heap_alloc(aspace_heap(a), 16, 0)); /* from elsewhere */
	aspace_destroy(a);
	CHECK_EQ(owned(VM1), 0);
}

TEST(nothing_leaks)
{
	begin();
	aspace_destroy(aspace_create(VM1, 8 * MIB));
	u64 pages = fake_pages;

	for (s64 left = 0; left < 3; left++) {
		fake_pages_left = left;
		struct aspace *a = aspace_create(VM1, 8 * MIB);
		if (a)
			aspace_destroy(a);
		else
			CHECK_EQ(left, 0);
		fake_pages_left = -1;
		CHECK_EQ(fake_pages, pages);
	}
}

struct sum {
	u64 window, shared;
};

static int add(void *ctx, u64 va, u64 size, paddr_t pa, u32 prot)
{
	struct sum *s = ctx;

	(void)pa;
	CHECK_EQ(!!(prot & PTAB_USER), va >= WINDOW_BASE && va < WINDOW_BASE + WINDOW_SIZE);
	if (prot & PTAB_USER)
		s->window += size;
	else
		s->shared += size;
	return 0;
}

static int stop(void *ctx, u64 va, u64 size, paddr_t pa, u32 prot)
{
	(void)ctx, (void)va, (void)size, (void)pa, (void)prot;
	return -EIO;
}

TEST(walk_sees_all)
{
	struct sum s = { 0 };
	paddr_t pa;

	begin();
	struct aspace *a = aspace_create(VM1, 8 * MIB);
	CHECK_EQ(granule_alloc(VM1, 4, 1, &pa), 0);
	CHECK_EQ(aspace_map_ram(a, GPA(0), pa, 4 * G), 0);
	CHECK_EQ(aspace_walk(a, add, &s), 0);
	CHECK_EQ(s.window, 4 * G);
	CHECK_EQ(s.shared, 64 * KIB);
	CHECK_EQ(aspace_walk(a, stop, NULL), -EIO);
	s = (struct sum){ 0 };
	CHECK_EQ(aspace_walk(NULL, add, &s), 0);
	CHECK_EQ(s.window, 0);
	CHECK_EQ(s.shared, 64 * KIB + PAGE_SIZE);
	aspace_destroy(a);
}
