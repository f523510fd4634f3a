/*
 * The host's own page-table format. Tables allow everything and the leaf decides. Accessed, and
 * dirty where writable, are set from the start, which saves the CPU the locked update. (A leaf that
 * is dirty and not writable would be a shadow stack: SDM vol. 3, "Shadow stack pages".)
 */
#include "arch/paging.h"
#include "core/panic.h"
#include "mm/ptab.h"

static bool host_present(u64 entry)
{
	return entry & PTE_P;
}

static bool host_leaf(u64 entry, u8 level)
{
	(void)level;
	return entry & PTE_PS;
}

static u64 host_encode(u32 prot, u8 level)
{
	u64 e = PTE_P | PTE_A;

	ASSERT(!(prot & PTAB_W) || !(prot & PTAB_X));
	ASSERT(!(prot & PTAB_SHADOW) || !(prot & (PTAB_W | PTAB_X)));
	if (prot & PTAB_W)
		e |= PTE_W;
	if (prot & (PTAB_W | PTAB_SHADOW))
		e |= PTE_D;
	if (!(prot & PTAB_X))
		e |= PTE_NX;
	if (prot & PTAB_USER)
		e |= PTE_U;
	if (prot & PTAB_GLOBAL)
		e |= PTE_G;
	if (prot & PTAB_UNCACHED)
		e |= PTE_PCD | PTE_PWT;
	if (level)
		e |= PTE_PS;
	return e;
}

static u32 host_decode(u64 entry, u8 level)
{
	u32 prot = PTAB_R;

	(void)level;
	if (entry & PTE_W)
		prot |= PTAB_W;
	else if (entry & PTE_D)
		prot |= PTAB_SHADOW;
	if (!(entry & PTE_NX))
		prot |= PTAB_X;
	if (entry & PTE_U)
		prot |= PTAB_USER;
	if (entry & PTE_G)
		prot |= PTAB_GLOBAL;
	if (entry & PTE_PCD)
		prot |= PTAB_UNCACHED;
	return prot;
}

#define HOST_FORMAT(top_leaf)                                                                      \
	{                                                                                          \
		.levels = 4, .max_leaf = (top_leaf), .addr_mask = PTE_ADDR,                        \
		.table_bits = PTE_P | PTE_W | PTE_U | PTE_A, .canonical = true,                    \
		.present = host_present, .leaf = host_leaf, .encode = host_encode,                 \
		.decode = host_decode,                                                             \
	}

const struct ptab_format ptab_host = HOST_FORMAT(1);
const struct ptab_format ptab_host_1g = HOST_FORMAT(2);
