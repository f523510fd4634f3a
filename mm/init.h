/*
 * Starting memory management, and what only the boot path may ask of it.
 */
#pragma once

#include "lib/addr.h"
#include "lib/compiler.h"
#include "lib/types.h"

struct boot_info;

/*
 * Takes over physical memory by what bi says, and leaves the boot path's page tables for the
 * hypervisor's own: no identity map, W^X, every page of RAM but the hypervisor's unmapped. Boot CPU,
 * after cpu_features_init(), patch_apply() and cpu_control_init(); its per-CPU base is set.
 * All other functions of mm may be used from then on.
 */
void mm_init(const struct boot_info *bi);

/*
 * Each CPU once, the boot CPU after mm_init(), before it touches anything that may be unmapped again:
 * from then on TLB shoot-downs wait for it, so it must soon take interrupts. Interrupts off.
 */
void mm_init_cpu(void);

/* The hypervisor's top-level table, for CR3 of a CPU that starts. */
paddr_t mm_root(void);

/*
 * count contiguous pages of RAM below 640 KiB, for the code that other CPUs start in; .v 0: none. They
 * are mapped nowhere; mm_low_map() maps them to be written, mm_low_unmap() takes that back. NULL.
 */
paddr_t mm_low_pages(u32 count);
void *mm_low_map(paddr_t pa, u32 count) __must_check;
void mm_low_unmap(void *p, u32 count);
