/*
 * What expat needs of a C library and lib/ does not have: bounded memory out of the hypervisor's heap.
 */
#include "lib/atomic.h"
#include "lib/string.h"
#include "mgmt/port/libc/stdlib.h"
#include "mm/heap.h"

#define MEMORY_MAX (4 * MIB) /* of all parsers together */

/* In front of each block; keeps its alignment. */
struct block {
	size_t size;
	size_t pad;
};

static_assert(sizeof(struct block) == 16, "blocks are aligned to 16 bytes");

static u64 in_use; /* atomic */

static bool charge(size_t size)
{
	if (size > MEMORY_MAX)
		return false;
	/* A count only: it orders nothing. */
	if (__atomic_add_fetch(&in_use, size, __ATOMIC_RELAXED) <= MEMORY_MAX)
		return true;
	__atomic_sub_fetch(&in_use, size, __ATOMIC_RELAXED);
	return false;
}

void *malloc(size_t size)
{
	struct block *b;

	if (!charge(size))
		return NULL;
	b = kalloc(sizeof(*b) + size);
	if (!b) {
		__atomic_sub_fetch(&in_use, size, __ATOMIC_RELAXED);
		return NULL;
	}
	b->size = size;
	return b + 1;
}

void free(void *p)
{
	struct block *b;

	if (!p)
		return;
	b = (struct block *)p - 1;
	__atomic_sub_fetch(&in_use, b->size, __ATOMIC_RELAXED);
	kfree(b);
}

void *realloc(void *p, size_t size)
{
	void *grown = malloc(size);

	if (p && grown) {
		memcpy(grown, p, MIN(size, ((struct block *)p - 1)->size));
		free(p);
	}
	return grown;
}
