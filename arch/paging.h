/*
 * The host's page-table entries (Intel SDM vol. 3, "4-level paging"; AMD APM vol. 2, "Long-mode
 * page translation").
 */
#pragma once

#include "lib/types.h"

#define PTE_P   BIT(0)
#define PTE_W   BIT(1)
#define PTE_U   BIT(2)
#define PTE_PWT BIT(3)
#define PTE_PCD BIT(4) /* with PWT: entry 3 of the PAT, which reset leaves as UC */
#define PTE_A   BIT(5)
#define PTE_D   BIT(6)
#define PTE_PS  BIT(7) /* a leaf above level 0 */
#define PTE_G   BIT(8)
#define PTE_NX  BIT(63)

#define PTE_ADDR BITS(51, 12)

#define PTAB_ENTRIES    512
#define PTAB_LEVEL_BITS 9
/* The index of va's entry in the top-level table. */
#define PML4_INDEX(va)  (((va) >> 39) & (PTAB_ENTRIES - 1))
#define PML4_SPAN       (1ULL << 39)

/* CR3 with CR4.PCIDE set (SDM vol. 3, "Process-context identifiers"). */
#define CR3_PCID    BITS(11, 0)
#define CR3_NOFLUSH BIT(63)
