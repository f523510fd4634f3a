/*
 * Where a heap gets its memory from, in chunks of 2 MiB aligned to their size. mm's inner interface.
 */
#pragma once

#include "lib/addr.h"
#include "lib/types.h"
#include "mm/heap.h"

struct heap_backing {
	/* count chunks in one stretch of addresses, zeroed; NULL. Called without the heap's lock. */
	void *(*get)(void *ctx, u32 count);
	/* Takes back what get() returned. Called without the heap's lock. */
	void (*put)(void *ctx, void *chunk);
	/* How many chunks get() returned at that address; 0: none. */
	u32 (*count)(void *ctx, const void *chunk);
	paddr_t (*phys)(void *ctx, const void *p);
	/* True when the heap is mapped where the caller runs. */
	bool (*usable)(void *ctx);
};

/* A heap that hands out at most limit bytes. Its struct is in the hypervisor's heap. NULL. */
struct heap *heap_create(const struct heap_backing *backing, void *ctx, u64 limit);

/* Frees the struct. The backing's memory is the caller's to free. */
void heap_destroy(struct heap *h);

/* Readies the hypervisor's heap; before the first kalloc(). */
void kheap_init(void);
