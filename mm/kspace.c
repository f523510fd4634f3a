/*
 * The hypervisor's own page tables. All top-level entries and, below the direct map and the
 * zeroing windows, all tables down to the 2 MiB level are made at boot: later a granule enters or
 * leaves the direct map by one store, without allocation and without a lock.
 */
#include "mm/kspace.h"

#include "arch/cpu.h"
#include "arch/feature.h"
#include "arch/image.h"
#include "arch/paging.h"
#include "core/panic.h"
#include "lib/string.h"
#include "mm/direct.h"
#include "mm/granule.h"
#include "mm/memmap.h"
#include "mm/page.h"
#include "mm/shootdown.h"

#define PROT_DATA    (PTAB_R | PTAB_W | PTAB_GLOBAL)
/* Zeroing runs with interrupts off; this much at a time. */
#define ZERO_STEP    (128 * KIB)
/* Without any RAM there, boot's identity map ends at: */
#define BOOT_MAP_END (4 * GIB)

static struct ptab kspace;
static paddr_t root;       /* const after kspace_init() */
static u64 image_pa;       /* const after kspace_begin() */
static u64 *windows;       /* const after kspace_init(): the windows' entries, by CPU */
static bool direct_filled; /* const after kspace_init(): the direct map's tables exist */
static bool loaded;        /* const after kspace_init() */

struct ptab *kspace_ptab(void)
{
	return &kspace;
}

paddr_t kspace_root(void)
{
	return root;
}

const struct ptab_format *kspace_format(void)
{
	return cpu_has(CPU_PAGE_1G) ? &ptab_host_1g : &ptab_host;
}

paddr_t virt_to_phys(const void *va)
{
	u64 v = (u64)va;

	if (v - DIRECT_BASE < DIRECT_SIZE)
		return PADDR(v - DIRECT_BASE);
	ASSERT(va >= (const void *)image_start && va < (const void *)image_end);
	return PADDR(v - IMAGE_BASE + image_pa);
}

void kspace_begin(u64 pa)
{
	image_pa = pa;
	/* The entry for 0..512 GiB, of which 4 GiB are mapped. Absent before: nothing to flush. */
	boot_pml4[PML4_INDEX(DIRECT_BASE)] = boot_pml4[0];
	barrier();
}

/* What fails here fails for lack of memory at boot, and nothing can go on. */
static void need(bool ok)
{
	if (!ok)
		panic("memory: too little to map the hypervisor");
}

static void map(u64 va, u64 pa, u64 len, u32 prot)
{
	need(ptab_map(&kspace, va, PADDR(pa), len, prot) == 0);
}

/* Tables down to the level of 2 MiB for each GiB of RAM, top-level entries for all of them. */
static void fill_direct(void)
{
	for (u64 pa = 0; pa < granule_end(); pa += GIB)
		if (pa % PML4_SPAN == 0 || memmap_has_ram(PADDR(pa), GIB))
			need(ptab_entry(&kspace, DIRECT_BASE + pa, 1));
	direct_filled = true;
}

static u32 direct_prot(enum memmap_kind kind)
{
	switch (kind) {
	case MEMMAP_FREE:
	case MEMMAP_TABLE:
	case MEMMAP_KEPT:
		return PROT_DATA;
	case MEMMAP_MODULE:
		return PTAB_R | PTAB_GLOBAL;
	default: /* the image has a map of its own, and no second, writable one of its text */
		return 0;
	}
}

/* Maps a granule that the hypervisor shares with the image, the boot set or the firmware. */
static void map_shared(paddr_t granule)
{
	u64 end = granule.v + GRANULE_SIZE;

	for (u64 pa = granule.v, next; pa < end; pa = next) {
		u32 prot = direct_prot(memmap_kind(PADDR(pa)));

		for (next = pa + PAGE_SIZE; next < end; next += PAGE_SIZE)
			if (direct_prot(memmap_kind(PADDR(next))) != prot)
				break;
		if (prot)
			map(DIRECT_BASE + pa, pa, next - pa, prot);
	}
}

/* Granules that entered the direct map since fill_direct() are there already. */
static void map_owned(void)
{
	struct ptab_leaf leaf;

	for (u64 pa = 0; pa < granule_end(); pa += GRANULE_SIZE)
		if (granule_owner(PADDR(pa)) == OWNER_HV &&
		    ptab_lookup(&kspace, DIRECT_BASE + pa, &leaf) != 0)
			map_shared(PADDR(pa));
}

static void map_section(const char *start, const char *end, u32 prot)
{
	map((u64)start, virt_to_phys(start).v, (u64)(end - start), prot | PTAB_GLOBAL);
}

void kspace_init(void)
{
	need(ptab_init(&kspace, &ptab_host) == 0);
	fill_direct();
	map_owned();
	map_section(image_text_start, image_text_end, PTAB_R | PTAB_X);
	map_section(image_rodata_start, image_rodata_end, PTAB_R);
	map_section(image_data_start, image_data_end, PTAB_R | PTAB_W);
	static_assert(MAX_CPUS <= PTAB_ENTRIES, "one table holds all windows");
	windows = ptab_entry(&kspace, KMAP_WINDOW_BASE, 1);
	need(windows);
	root = virt_to_phys(kspace.root);
	write_cr3(root.v);
	loaded = true;
	boot_pml4[PML4_INDEX(DIRECT_BASE)] = 0;
}

void direct_map(paddr_t granule)
{
	ASSERT(loaded || granule.v < BOOT_MAP_END);
	if (direct_filled)
		map(DIRECT_BASE + granule.v, granule.v, GRANULE_SIZE, PROT_DATA);
}

void direct_unmap(paddr_t granule)
{
	u64 va = DIRECT_BASE + granule.v;

	ASSERT(loaded);
	need(ptab_unmap(&kspace, va, GRANULE_SIZE) == 0);
	shootdown_range(va, GRANULE_SIZE, GRANULE_SIZE);
}

void granule_visit(paddr_t granule, void (*fn)(void *p, void *ctx), void *ctx)
{
	u64 flags = irq_save();
	u32 cpu = cpu_id();
	u64 va = KMAP_WINDOW_BASE + cpu * GRANULE_SIZE;

	ASSERT(loaded);
	WRITE_ONCE(windows[cpu], granule.v | ptab_host.encode(PROT_DATA, 1));
	barrier();
	fn((void *)va, ctx);
	barrier();
	WRITE_ONCE(windows[cpu], 0);
	invlpg(va); /* no other CPU uses this window */
	irq_restore(flags);
}

static void zero_step(void *granule, void *offset)
{
	memset((u8 *)granule + *(u64 *)offset, 0, ZERO_STEP);
}

void granule_zero(paddr_t granule)
{
	if (!loaded) {
		ASSERT(granule.v < BOOT_MAP_END);
		memset(phys_to_virt(granule), 0, GRANULE_SIZE);
		return;
	}
	for (u64 offset = 0; offset < GRANULE_SIZE; offset += ZERO_STEP)
		granule_visit(granule, zero_step, &offset);
}
