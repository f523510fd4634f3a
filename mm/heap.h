/*
 * Heaps: the hypervisor's own, and one for each VM, mapped only in that VM's address space.
 * Memory comes zeroed. Not from interrupt context and not on the exit path.
 */
#pragma once

#include "lib/addr.h"
#include "lib/compiler.h"
#include "lib/types.h"

struct heap;

/* The hypervisor's heap. Blocks of up to 2 MiB. */
void *kalloc(size_t size) __must_check;
void kfree(void *p);
/* Bytes handed out of it now. */
u64 kheap_used(void);

/*
 * size bytes aligned to align (a power of two, at most 4096; 0: 16) from h; NULL when h is at its
 * limit or memory is short. A VM's heap may be used only in that VM's address space. Blocks that are
 * page-aligned and at most 2 MiB long are physically contiguous.
 */
void *heap_alloc(struct heap *h, size_t size, size_t align) __must_check;
void heap_free(struct heap *h, void *p);

/* The physical address behind a pointer into h. */
paddr_t heap_phys(const struct heap *h, const void *p);

/* Bytes handed out of h now. */
u64 heap_used(const struct heap *h);
