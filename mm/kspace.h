/*
 * The hypervisor's own address space, whose upper half but for one entry all spaces share: the
 * direct map, the KMAP region and the image. mm's inner interface.
 */
#pragma once

#include "lib/addr.h"
#include "lib/compiler.h"
#include "lib/types.h"
#include "mm/layout.h"
#include "mm/ptab.h"

/* KMAP's parts, by distance from KMAP_BASE. */
#define KMAP_WINDOW_BASE KMAP_BASE /* a window of 2 MiB for each CPU, to zero granules through */
#define KMAP_STACK_BASE  (KMAP_BASE + 1 * GIB)
#define KMAP_STACK_SIZE  (1 * GIB)
#define KMAP_MAP_BASE    (KMAP_BASE + 2 * GIB) /* kmap_*() */

/*
 * Points phys_to_virt() at the boot path's identity map, which covers 4 GiB, and virt_to_phys() at
 * the image: enough for the page allocator to begin. Then, with that, builds the real tables and
 * loads them, and the boot path's are left as they came. Boot CPU, in this order.
 */
void kspace_begin(u64 image_pa);
void kspace_init(void);

/* Its tables: KMAP is changed under kmap's lock; the direct map's entries each by who owns them. */
struct ptab *kspace_ptab(void);

/* The physical address of its top-level table. */
paddr_t kspace_root(void);

/* The host format with leaves as large as this CPU has them. */
const struct ptab_format *kspace_format(void);
