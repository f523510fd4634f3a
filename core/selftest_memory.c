/*
 * Self-tests of memory in the running hypervisor: what is mapped and what is not, the accessors'
 * faults, VMs' heaps and stacks, and that a page taken away is gone on every CPU.
 */
#include "arch/cpu.h"
#include "arch/feature.h"
#include "arch/uaccess.h"
#include "core/bootfs.h"
#include "core/clock.h"
#include "core/selftest.h"
#include "core/thread.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/aspace.h"
#include "mm/heap.h"
#include "mm/kmap.h"
#include "mm/page.h"
#include "mm/ptab.h"

/* Numbers that no VM gets while the tests run. */
#define OWNER_A    (OWNER_VM + 60000)
#define OWNER_B    (OWNER_VM + 60001)
#define RAM_SIZE   (2 * GRANULE_SIZE)
#define HEAP_LIMIT (16 * MIB)
#define PATTERN    0x5ec2e7c0ffee1234ULL
#define WAIT_NS    5000000000ULL
#define SHOTS      50

/* A space with RAM at guest physical 0. */
struct space {
	struct aspace *as;
	paddr_t ram;
};

static u8 *window(u64 gpa)
{
	return (u8 *)(WINDOW_BASE + gpa);
}

static void space_end(struct space *s)
{
	aspace_destroy(s->as);
	granule_free(s->ram, RAM_SIZE / GRANULE_SIZE);
}

static int space_begin(struct space *s, owner_t owner)
{
	s->as = aspace_create(owner, HEAP_LIMIT);
	SELFTEST_CHECK(s->as);
	SELFTEST_CHECK(!granule_alloc(owner, RAM_SIZE / GRANULE_SIZE, 1, &s->ram));
	SELFTEST_CHECK(!aspace_map_ram(s->as, GPA(0), s->ram, RAM_SIZE));
	return 0;
}

/* Runs fn in as on a CPU; its result. */
struct visit {
	int (*fn)(struct space *s);
	struct space *space;
	int result;
};

static void visit_body(void *arg)
{
	struct visit *v = arg;

	v->result = v->fn(v->space);
}

static int visit(struct space *s, int (*fn)(struct space *s))
{
	struct visit v = { .fn = fn, .space = s, .result = -EIO };
	struct thread_spec spec = {
		.name = "selftest/memory", .fn = visit_body, .arg = &v, .aspace = s->as, .cpu = -1
	};
	struct thread *t;

	/* v is on a stack in the hypervisor's own space, which is mapped everywhere. */
	t = thread_create(&spec);
	SELFTEST_CHECK(t);
	thread_start(t);
	thread_join(t);
	return v.result;
}

/* True when p, an address of the host, cannot be read. */
static bool absent(const void *p)
{
	u64 v;

	return uload(&v, p, 8) == -EFAULT;
}

/* --- the accessors ---------------------------------------------------------------------------------- */
static int copies(struct space *s)
{
	static const u16 sizes[] = {
		0, 1, 3, 4, 7, 8, 9, 12, 15, 16, 127, 128, 129, 135, 136, 1000
	};
	u8 out[1024], in[1024];

	(void)s;
	for (u32 i = 0; i < sizeof(out); i++)
		out[i] = (u8)(i * 7 + 1);
	for (u32 i = 0; i < ARRAY_LEN(sizes); i++) {
		u64 n = sizes[i], gpa = GRANULE_SIZE - 5; /* over a page's end, unaligned */

		SELFTEST_CHECK(!uzero(window(gpa - 8), n + 16));
		SELFTEST_CHECK(!ucopy_out(window(gpa), out, n));
		memset(in, 0xee, sizeof(in));
		SELFTEST_CHECK(!ucopy_in(in, window(gpa - 8), n + 16));
		for (u32 k = 0; k < n + 16; k++)
			SELFTEST_CHECK(in[k] == (k < 8 || k >= n + 8 ? 0 : out[k - 8]));
		SELFTEST_CHECK(in[n + 16] == 0xee);
		/* The last byte missing, from each size and side: a fault, never a panic. */
		if (!n)
			continue;
		SELFTEST_CHECK(!ucopy_in(in, window(RAM_SIZE - n), n));
		SELFTEST_CHECK(ucopy_in(in, window(RAM_SIZE - n + 1), n) == -EFAULT);
		SELFTEST_CHECK(!ucopy_out(window(RAM_SIZE - n), out, n));
		SELFTEST_CHECK(ucopy_out(window(RAM_SIZE - n + 1), out, n) == -EFAULT);
		SELFTEST_CHECK(!uzero(window(RAM_SIZE - n), n));
		SELFTEST_CHECK(uzero(window(RAM_SIZE - n + 1), n) == -EFAULT);
	}
	return 0;
}

static int words(struct space *s)
{
	u64 v = 0, expected;

	(void)s;
	for (u32 size = 1; size <= 8; size *= 2) {
		u64 mask = size == 8 ? ~0ULL : BIT(size * 8) - 1;
		u8 *p = window(4096 + 64), *hole = window(RAM_SIZE);

		SELFTEST_CHECK(!ustore(p, ~0ULL, 8) && !ustore(p, PATTERN, size));
		SELFTEST_CHECK(!uload(&v, p, size) && v == (PATTERN & mask));
		SELFTEST_CHECK(!uload(&v, p, 8) && v == ((PATTERN & mask) | ~mask));
		expected = ~PATTERN & mask;
		SELFTEST_CHECK(ucas(p, &expected, 5, size) == -EAGAIN);
		SELFTEST_CHECK(expected == (PATTERN & mask));
		SELFTEST_CHECK(!ucas(p, &expected, 5, size));
		SELFTEST_CHECK(!uload(&v, p, 8) && v == (5 | ~mask));
		SELFTEST_CHECK(uload(&v, hole, size) == -EFAULT);
		SELFTEST_CHECK(ustore(hole, 1, size) == -EFAULT);
		SELFTEST_CHECK(ucas(hole, &expected, 5, size) == -EFAULT);
	}
	/* Addresses that are none, as a guest's arithmetic may make them. */
	SELFTEST_CHECK(absent((void *)0x8000000000000000ULL));
	SELFTEST_CHECK(absent((void *)~7ULL));
	SELFTEST_CHECK(!(read_rflags() & RFLAGS_AC)); /* shut again, on every way out */
	return 0;
}

static int test_uaccess(void)
{
	struct space s;
	int err = space_begin(&s, OWNER_A);

	if (err)
		return err;
	err = visit(&s, copies);
	if (!err)
		err = visit(&s, words);
	space_end(&s);
	return err;
}
SELFTEST(memory_uaccess, "memory-uaccess", test_uaccess);

/* --- what is mapped where ------------------------------------------------------------------------------ */
static int check_leaf(void *ctx, u64 va, u64 size, paddr_t pa, u32 prot)
{
	const struct space *s = ctx;
	bool kmap = va - KMAP_BASE < KMAP_SIZE;

	if ((prot & PTAB_W) && (prot & PTAB_X))
		return selftest_fail("0x%llx is writable and executable", (unsigned long long)va);
	if ((prot & PTAB_USER) && va - WINDOW_BASE >= WINDOW_SIZE)
		return selftest_fail("0x%llx is a user page", (unsigned long long)va);
	if (va - DIRECT_BASE < DIRECT_SIZE && ((prot & PTAB_X) || pa.v != va - DIRECT_BASE))
		return selftest_fail("0x%llx in the direct map", (unsigned long long)va);
	for (u64 off = 0; off < size; off += MIN(size, GRANULE_SIZE)) {
		owner_t owner = granule_owner(PADDR(pa.v + off));

		if (owner == OWNER_HV || (kmap && owner == OWNER_RESERVED))
			continue;
		if (!s || owner != aspace_owner(s->as))
			return selftest_fail("0x%llx maps a page of owner %u",
					     (unsigned long long)(va + off), owner);
	}
	return 0;
}

static struct space other; /* test_spaces(): the one whose things must not be seen */
static u8 *secret;         /* in other's heap */

static int plant(struct space *s)
{
	secret = heap_alloc(aspace_heap(s->as), PAGE_SIZE, PAGE_SIZE);
	SELFTEST_CHECK(secret);
	*(u64 *)secret = PATTERN;
	SELFTEST_CHECK(heap_phys(aspace_heap(s->as), secret).v % PAGE_SIZE == 0);
	SELFTEST_CHECK(granule_owner(heap_phys(aspace_heap(s->as), secret)) == OWNER_B);
	SELFTEST_CHECK(!ustore(window(0), PATTERN, 8));
	return 0;
}

static int look(struct space *s)
{
	u8 *stack = __builtin_frame_address(0), *own;
	u64 v;

	SELFTEST_CHECK(aspace_current() == s->as);
	/* The stack is this VM's, with nothing below it. */
	SELFTEST_CHECK((u64)stack - VM_STACK_BASE < VM_STACK_SIZE);
	stack = (u8 *)ALIGN_UP((u64)stack, THREAD_STACK_SIZE) - THREAD_STACK_SIZE;
	SELFTEST_CHECK(!absent(stack) && absent(stack - 8));
	/* The window shows this VM's RAM, which was empty. */
	SELFTEST_CHECK(!uload(&v, window(0), 8) && v == 0);
	/* Neither VM's memory is at its place in the direct map. */
	SELFTEST_CHECK(absent(phys_to_virt(s->ram)));
	SELFTEST_CHECK(absent(phys_to_virt(other.ram)));
	/* At the secret's address there is nothing, or something of this VM's own. */
	own = heap_alloc(aspace_heap(s->as), PAGE_SIZE, PAGE_SIZE);
	SELFTEST_CHECK(own && *(u64 *)own == 0);
	SELFTEST_CHECK(absent(secret) || *(u64 *)secret != PATTERN);
	return aspace_walk(s->as, check_leaf, s);
}

static int test_spaces(void)
{
	struct space s;
	int err = space_begin(&s, OWNER_A);

	if (!err)
		err = space_begin(&other, OWNER_B);
	if (err)
		return err;
	err = visit(&other, plant);
	if (!err)
		err = visit(&s, look);
	/* Here, where no guest is mapped: neither window, heap nor stacks. */
	if (!err && !(absent(window(0)) && absent(secret) && absent((void *)VM_HEAP_BASE)))
		err = selftest_fail("a VM's memory is mapped in the hypervisor's own space");
	if (!err)
		err = aspace_walk(NULL, check_leaf, NULL);
	space_end(&s);
	space_end(&other);
	return err;
}
SELFTEST(memory_spaces, "memory-spaces", test_spaces);

static int test_boundaries(void)
{
	struct page_stats before, after;
	u64 *whole = page_alloc(PAGE_ORDER_MAX);
	const struct bootfs_file *file = bootfs_get(0);
	u8 *frame = __builtin_frame_address(0);
	u64 v;

	SELFTEST_CHECK(whole);
	/* A granule that left the hypervisor is out of reach. */
	*whole = PATTERN;
	page_stats(&before);
	page_free(whole, PAGE_ORDER_MAX);
	page_stats(&after);
	SELFTEST_CHECK(absent(whole));
	SELFTEST_CHECK(after.free == before.free + GRANULE_SIZE);
	/* No identity map, no null pointer, no free memory. */
	SELFTEST_CHECK(absent(NULL) && absent((void *)0x1000) && absent((void *)(2 * MIB)));
	/* This thread's stack ends at a hole. */
	frame = (u8 *)ALIGN_DOWN((u64)frame, PAGE_SIZE);
	for (u32 i = 0; i < THREAD_STACK_SIZE / PAGE_SIZE && !absent(frame); i++)
		frame -= PAGE_SIZE;
	SELFTEST_CHECK(absent(frame));
	/* Text is read-only, in its own place and any other. */
	SELFTEST_CHECK(!uload(&v, (void *)(u64)test_boundaries, 8));
	SELFTEST_CHECK(ustore((void *)(u64)test_boundaries, v, 8) == -EFAULT);
	SELFTEST_CHECK(absent(phys_to_virt(virt_to_phys((void *)(u64)test_boundaries))));
	/* Nor can the boot set's files be changed. */
	SELFTEST_CHECK(file && file->size && !uload(&v, file->data, 1));
	SELFTEST_CHECK(ustore((void *)(u64)file->data, v, 1) == -EFAULT);
	/* RAM is nobody's device, and not the firmware's. */
	SELFTEST_CHECK(!kmap_mmio(virt_to_phys((void *)(u64)test_boundaries), 8));
	SELFTEST_CHECK(!kmap_firmware(PADDR(4 * MIB), 8));
	SELFTEST_CHECK(!kmap_firmware(PADDR(BIT(cpu_phys_bits()) - 8), 16));
	SELFTEST_CHECK(!kmap_mmio(PADDR(~0ULL), 16) && !kmap_mmio(PADDR(0xfee00000), 0));
	return 0;
}
SELFTEST(memory_boundaries, "memory-boundaries", test_boundaries);

/* --- shoot-down --------------------------------------------------------------------------------------- */
struct watcher {
	u64 seen;  /* reads that found the page */
	u64 stale; /* reads that found it though it had been taken away before they began */
};

static struct watcher watchers[MAX_CPUS];
static u8 *watched; /* address */
static u32 turn;    /* odd: nobody may read it any more */
static u32 stop;

/* Reads the page again and again; leaves the CPU now and then, so that its PCID comes into play. */
static void watch(void *arg)
{
	struct watcher *w = arg;

	for (u64 i = 1; !atomic_load_acquire(&stop); i++) { /* pairs with the release in shoot() */
		u32 before = atomic_load_acquire(&turn);    /* pairs with the release in shoot() */
		u64 v;

		if (!uload(&v, watched, 8)) {
			atomic_store_relaxed(&w->seen, w->seen + 1);
			/* The page is read before the turn is looked at again. Pairs with shoot(). */
			smp_mb();
			w->stale += before % 2 && before == atomic_load_relaxed(&turn);
		}
		if (i % 512 == 0)
			thread_block_until(clock_ns() + 20000);
	}
}

static bool all_saw(u32 n, const u64 *before)
{
	for (u32 i = 0; i < n; i++)
		if (atomic_load_relaxed(&watchers[i].seen) == before[i])
			return false;
	return true;
}

/* Waits until each watcher has read the page again. */
static bool wait_seen(u32 n)
{
	u64 end = clock_ns() + WAIT_NS;
	u64 before[MAX_CPUS];

	for (u32 i = 0; i < n; i++)
		before[i] = atomic_load_relaxed(&watchers[i].seen);
	while (!all_saw(n, before)) {
		if (clock_ns() > end)
			return false;
		thread_block_until(clock_ns() + 50000);
	}
	return true;
}

/* Takes the page away and puts it back while watchers on every CPU read it. */
static int shoot(struct aspace *as, u32 n, int (*take)(void), int (*put)(void))
{
	struct thread *t[MAX_CPUS];
	int err = 0;

	memset(watchers, 0, sizeof(watchers));
	turn = stop = 0;
	for (u32 i = 0; i < n; i++) {
		struct thread_spec spec = { .name = "selftest/watch",
					    .fn = watch,
					    .arg = &watchers[i],
					    .aspace = as,
					    .cpu = (s32)i,
					    .preemptible = true };

		t[i] = thread_create(&spec);
		SELFTEST_CHECK(t[i]);
		thread_start(t[i]);
	}
	for (u32 i = 0; i < SHOTS && !err; i++) {
		if (!wait_seen(n))
			err = selftest_fail("a CPU does not see the page (round %u)", i);
		if (!err && take())
			err = selftest_fail("the page cannot be taken away");
		atomic_store_release(&turn, i * 2 + 1); /* pairs with the acquire in watch() */
		thread_block_until(clock_ns() + 100000);
		atomic_store_release(&turn, i * 2 + 2);
		smp_mb(); /* the turn is over before the page is back; pairs with watch() */
		if (!err && put())
			err = selftest_fail("the page cannot be put back");
	}
	atomic_store_release(&stop, 1u); /* pairs with the acquire in watch() */
	for (u32 i = 0; i < n; i++)
		thread_join(t[i]);
	for (u32 i = 0; i < n && !err; i++)
		if (watchers[i].stale)
			err = selftest_fail("CPU %u read the page %llu times after it was gone", i,
					    (unsigned long long)watchers[i].stale);
	return err;
}

static struct space shot;

static int ram_take(void)
{
	return aspace_unmap_ram(shot.as, GPA(GRANULE_SIZE), PAGE_SIZE);
}

static int ram_put(void)
{
	return aspace_map_ram(shot.as, GPA(GRANULE_SIZE), PADDR(shot.ram.v + GRANULE_SIZE),
			      PAGE_SIZE);
}

static int test_shootdown(void)
{
	int err = space_begin(&shot, OWNER_A);

	if (err)
		return err;
	watched = window(GRANULE_SIZE);
	err = shoot(shot.as, cpu_count(), ram_take, ram_put);
	space_end(&shot);
	return err;
}
SELFTEST(memory_shootdown, "memory-shootdown", test_shootdown);

/* The same for a shared mapping: a stack that comes and goes at the same address. */
static int stack_take(void)
{
	aspace_stack_free(NULL, watched, PAGE_SIZE);
	return 0;
}

static int stack_put(void)
{
	return aspace_stack_alloc(NULL, PAGE_SIZE) == watched ? 0 : -ENOMEM;
}

static int test_shootdown_shared(void)
{
	int err = space_begin(&shot, OWNER_A);

	if (err)
		return err;
	watched = aspace_stack_alloc(NULL, PAGE_SIZE);
	SELFTEST_CHECK(watched);
	/* From the hypervisor's own space, then from a VM's. */
	err = shoot(NULL, cpu_count(), stack_take, stack_put);
	if (!err)
		err = shoot(shot.as, cpu_count(), stack_take, stack_put);
	if (!err)
		aspace_stack_free(NULL, watched, PAGE_SIZE);
	space_end(&shot);
	return err;
}
SELFTEST(memory_shared_shootdown, "memory-sharedshootdown", test_shootdown_shared);

/* All CPUs shoot at each other at once. */
static void shooter(void *arg)
{
	(void)arg;
	for (int i = 0; i < SHOTS; i++) {
		void *p = aspace_stack_alloc(NULL, PAGE_SIZE);

		if (p)
			aspace_stack_free(NULL, p, PAGE_SIZE);
	}
}

static int test_crossfire(void)
{
	struct thread *t[MAX_CPUS];

	for (u32 i = 0; i < cpu_count(); i++) {
		struct thread_spec spec = { .name = "selftest/shoot",
					    .fn = shooter,
					    .cpu = (s32)i };

		t[i] = thread_create(&spec);
		SELFTEST_CHECK(t[i]);
	}
	for (u32 i = 0; i < cpu_count(); i++)
		thread_start(t[i]);
	for (u32 i = 0; i < cpu_count(); i++)
		thread_join(t[i]);
	return 0;
}
SELFTEST(memory_crossfire, "memory-crossfire", test_crossfire);

/* --- nothing is lost ---------------------------------------------------------------------------------- */
static int use_heap(struct space *s)
{
	struct heap *h = aspace_heap(s->as);
	u8 *p[64];

	for (u32 i = 0; i < ARRAY_LEN(p); i++) {
		p[i] = heap_alloc(h, 1000 * (i + 1), i % 2 ? PAGE_SIZE : 0);
		SELFTEST_CHECK(p[i]);
		memset(p[i], 0xcc, 1000 * (i + 1));
	}
	for (u32 i = 0; i < ARRAY_LEN(p); i++)
		heap_free(h, p[i]);
	return heap_used(h) ?
		       selftest_fail("the heap lost %llu bytes", (unsigned long long)heap_used(h)) :
		       0;
}

static int test_leaks(void)
{
	struct page_stats before, after;
	struct space s;
	int err = 0;

	for (u32 i = 0; i < 4 && !err; i++) {
		err = space_begin(&s, OWNER_A);
		if (err)
			return err;
		err = visit(&s, use_heap);
		space_end(&s);
		/* The first round may leave tables and chunks that the next ones use again. */
		page_stats(i ? &after : &before);
	}
	if (!err && (after.free != before.free || after.hv_used > before.hv_used || after.vm))
		err = selftest_fail("before: %llu free, %llu in use; after: %llu, %llu",
				    (unsigned long long)before.free,
				    (unsigned long long)before.hv_used,
				    (unsigned long long)after.free,
				    (unsigned long long)after.hv_used);
	return err;
}
SELFTEST(memory_leaks, "memory-leaks", test_leaks);
