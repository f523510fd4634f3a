/*
 * Physical memory by owner. The unit of ownership is the granule, 2 MiB: free, the hypervisor's
 * (and only then in the direct map), a VM's, or reserved. On top of it, 4 KiB pages and small
 * power-of-two runs out of the hypervisor's granules.
 */
#pragma once

#include "lib/addr.h"
#include "lib/compiler.h"
#include "lib/types.h"
#include "mm/layout.h"

#define GRANULE_SHIFT 21
#define GRANULE_SIZE  (1ULL << GRANULE_SHIFT)

typedef u16 owner_t;
enum {
	OWNER_FREE = 0,
	OWNER_HV = 1,       /* mapped in the direct map */
	OWNER_RESERVED = 2, /* firmware, ACPI tables, MMIO, no memory at all */
	OWNER_VM = 16,      /* + the VM's number */
};

/* Valid for pages that the hypervisor owns, nothing else. */
#ifdef PLINTH_HOST_TEST
extern u64 host_phys_base; /* what a test takes for physical address 0 */
static inline void *phys_to_virt(paddr_t pa)
{
	return (void *)(host_phys_base + pa.v);
}
#else
static inline void *phys_to_virt(paddr_t pa)
{
	return (void *)(DIRECT_BASE + pa.v);
}
#endif

/* The way back: for direct-map pointers and for addresses inside the image. */
paddr_t virt_to_phys(const void *va);

/*
 * Takes count physically contiguous granules for a VM; they are not mapped anywhere, and hold
 * zeroes. align is in granules, a power of two. -ENOMEM when there is no such run.
 */
int granule_alloc(owner_t owner, u64 count, u64 align, paddr_t *out) __must_check;

/* The same from those that lie between two addresses altogether, and bytes in free ones of them. */
int granule_alloc_within(owner_t owner, u64 count, u64 align, u64 start, u64 end, paddr_t *out)
	__must_check;
u64 granule_free_within(u64 start, u64 end);

/* Gives granules back: the caller has removed every mapping. They are zeroed before reuse. */
void granule_free(paddr_t pa, u64 count);

owner_t granule_owner(paddr_t pa);

/*
 * Memory in pa's granule has failed: it is not given out again, neither now, if it is free, nor once its VM
 * has given it back. The hypervisor's own stays where it is. Returns whose it is. Not from interrupt context.
 */
owner_t granule_retire(paddr_t pa);

/* Bytes in granules that were, or will be, taken out of use. */
u64 granule_retired(void);

#define PAGE_ORDER_MAX (GRANULE_SHIFT - PAGE_SHIFT)

/*
 * 2^order contiguous zeroed pages (order at most 9), aligned to their size, in the direct map; NULL
 * when memory is short. Not from interrupt context.
 */
void *page_alloc(u32 order) __must_check;
/* Zeroes and frees. It may flush TLBs: see shootdown_all() for which locks may be held. */
void page_free(void *p, u32 order);

struct page_stats {
	u64 total;   /* usable memory, bytes */
	u64 free;    /* in free granules */
	u64 hv;      /* in granules that the hypervisor owns */
	u64 hv_used; /* of these, handed out as pages or part of the image and the boot set */
	u64 vm;      /* owned by VMs */
};
void page_stats(struct page_stats *s);
