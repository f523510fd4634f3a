/*
 * PCIDs: whatever spaces a CPU enters in whatever order, it never goes on with translations that a
 * space has given up since, or with another space's. The model is the TLB: what each PCID's entries
 * stem from.
 *
 * sources: mm/context.c
 */
#include "arch/cpu.h"
#include "arch/feature.h"
#include "arch/paging.h"
#include "mm/aspace_impl.h"
#include "mm/context.h"
#include "mm/kspace.h"
#include "tests/host/harness.h"
#include "tests/host/rand.h"

#define SPACES 20
#define ROOT   0x7000

static bool have_pcid, have_pge;

bool cpu_has(enum cpu_feature f)
{
	return f == CPU_PCID ? have_pcid : f == CPU_PGE ? have_pge : false;
}

paddr_t kspace_root(void)
{
	return PADDR(ROOT);
}

static struct aspace spaces[SPACES];

static void begin(bool pcid, bool pge)
{
	static u64 id;

	have_pcid = pcid;
	have_pge = pge;
	context_init();
	for (u64 i = 0; i < SPACES; i++) {
		spaces[i] = (struct aspace){ .id = ++id };
		spaces[i].root = PADDR((i + 1) << 20);
	}
}

TEST(without_pcids)
{
	for (int pge = 0; pge < 2; pge++) {
		begin(!pge, pge); /* PCIDs without global pages are not used either */
		CHECK_EQ(aspace_enter_cr3(NULL), ROOT);
		CHECK(aspace_current() == NULL);
		for (int i = 0; i < 3; i++) {
			CHECK_EQ(aspace_enter_cr3(&spaces[1]), 2 << 20);
			CHECK(aspace_current() == &spaces[1]);
			CHECK_EQ(aspace_enter_cr3(&spaces[0]), 1 << 20);
		}
	}
}

TEST(kept_and_flushed)
{
	begin(true, true);
	CHECK_EQ(aspace_enter_cr3(NULL), ROOT | CR3_NOFLUSH);
	u64 first = aspace_enter_cr3(&spaces[0]);
	CHECK_EQ(first & CR3_NOFLUSH, 0);
	CHECK_EQ(first & ~CR3_PCID, 1 << 20);
	CHECK(first & CR3_PCID); /* 0 is the hypervisor's own */
	u64 second = aspace_enter_cr3(&spaces[1]);
	CHECK((first & CR3_PCID) != (second & CR3_PCID));
	CHECK_EQ(aspace_enter_cr3(&spaces[0]), first | CR3_NOFLUSH);
	spaces[0].generation++;
	CHECK_EQ(aspace_enter_cr3(&spaces[1]), second | CR3_NOFLUSH);
	CHECK_EQ(aspace_enter_cr3(&spaces[0]), first);
	CHECK_EQ(aspace_enter_cr3(&spaces[0]), first | CR3_NOFLUSH);
}

TEST(random_against_tlb)
{
	struct {
		u64 id, generation;
	} tlb[4096] = { 0 };
	int kept = 0, wrong = 0;

	begin(true, true);
	for (int i = 0; i < 20000; i++) {
		struct aspace *as = &spaces[rand_below(rand_below(4) ? 6 : SPACES)];
		u64 cr3, pcid;

		if (rand_below(10) == 0)
			as->generation++;
		if (rand_below(500) == 0) /* destroyed, and another made in its place */
			as->id += 1000000;
		cr3 = aspace_enter_cr3(as);
		pcid = cr3 & CR3_PCID;
		if (!(cr3 & CR3_NOFLUSH))
			tlb[pcid].id = as->id, tlb[pcid].generation = as->generation;
		else
			kept++;
		wrong += !pcid || tlb[pcid].id != as->id || tlb[pcid].generation != as->generation;
	}
	CHECK_EQ(wrong, 0);
	CHECK(kept > 5000);
}
