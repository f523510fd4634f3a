/*
 * The entries of nested page tables: ordinary long-mode entries (AMD APM vol. 2, "Nested Paging"
 * and "Page Translation and Protection"). Every guest access counts as one from user level, so
 * all entries have the user bit.
 */
#include "ept/s2.h"

#define NPT_P    BIT(0)
#define NPT_W    BIT(1)
#define NPT_U    BIT(2)
#define NPT_PWT  BIT(3)
#define NPT_PCD  BIT(4)
#define NPT_A    BIT(5)
#define NPT_D    BIT(6)
#define NPT_PS   BIT(7) /* a leaf above level 0 */
#define NPT_NX   BIT(63)
#define NPT_ADDR BITS(51, 12)

static bool npt_present(u64 entry)
{
	return entry & NPT_P;
}

static bool npt_leaf(u64 entry, u8 level)
{
	return !level || (entry & NPT_PS);
}

/* There is no bit for reading: what is present can be read. */
static u64 npt_encode(u32 prot, u8 level)
{
	u64 entry = NPT_P | NPT_U;

	if (prot & PTAB_W)
		entry |= NPT_W;
	if (!(prot & PTAB_X))
		entry |= NPT_NX;
	if (prot & PTAB_UNCACHED)
		entry |= NPT_PWT | NPT_PCD;
	if (level)
		entry |= NPT_PS;
	return entry;
}

static u32 npt_decode(u64 entry, u8 level)
{
	u32 prot = PTAB_R;

	(void)level;
	if (entry & NPT_W)
		prot |= PTAB_W;
	if (!(entry & NPT_NX))
		prot |= PTAB_X;
	if (entry & NPT_PCD)
		prot |= PTAB_UNCACHED;
	return prot;
}

const struct ptab_format ptab_npt = {
	.levels = 4,
	.max_leaf = 2,
	.addr_mask = NPT_ADDR,
	.table_bits = NPT_P | NPT_W | NPT_U,
	.keep_bits = NPT_A | NPT_D,
	.present = npt_present,
	.leaf = npt_leaf,
	.encode = npt_encode,
	.decode = npt_decode,
};
