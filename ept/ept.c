/*
 * The EPT format (Intel SDM vol. 3, "EPT Translation Mechanism"): guest RAM is write-back whatever
 * the guest's PAT says, so that no guest can make memory types conflict.
 */
#include "ept/s2.h"

/* An entry's bits */
#define EPT_R          BIT(0)
#define EPT_W          BIT(1)
#define EPT_X          BIT(2)
#define EPT_RIGHTS     (EPT_R | EPT_W | EPT_X)
#define EPT_TYPE_WB    (6ULL << 3) /* leaves: memory type in 5:3 */
#define EPT_TYPE_UC    (0ULL << 3)
#define EPT_IGNORE_PAT BIT(6)
#define EPT_LEAF       BIT(7) /* at levels above 0 */
#define EPT_ADDR       BITS(51, 12)

static bool ept_present(u64 entry)
{
	return entry & EPT_RIGHTS;
}

static bool ept_leaf(u64 entry, u8 level)
{
	return level == 0 || (entry & EPT_LEAF);
}

/* Write without read is a misconfiguration: whoever may write may read. */
static u64 ept_encode(u32 prot, u8 level)
{
	u64 entry = prot & PTAB_UNCACHED ? EPT_TYPE_UC : EPT_TYPE_WB;

	entry |= EPT_IGNORE_PAT;
	if (prot & (PTAB_R | PTAB_W | PTAB_X))
		entry |= EPT_R;
	if (prot & PTAB_W)
		entry |= EPT_W;
	if (prot & PTAB_X)
		entry |= EPT_X;
	return level ? entry | EPT_LEAF : entry;
}

static u32 ept_decode(u64 entry, u8 level)
{
	u32 prot = 0;

	(void)level;
	if (entry & EPT_R)
		prot |= PTAB_R;
	if (entry & EPT_W)
		prot |= PTAB_W;
	if (entry & EPT_X)
		prot |= PTAB_X;
	if ((entry & BITS(5, 3)) == EPT_TYPE_UC)
		prot |= PTAB_UNCACHED;
	return prot;
}

const struct ptab_format ptab_ept = {
	.levels = 4,
	.max_leaf = 2,
	.addr_mask = EPT_ADDR,
	.table_bits = EPT_RIGHTS,
	.present = ept_present,
	.leaf = ept_leaf,
	.encode = ept_encode,
	.decode = ept_decode,
};
