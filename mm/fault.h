/*
 * Allocations that fail on purpose, for self-tests: the n-th from now, of any kind, by any thread. In debug
 * builds only.
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"

#ifdef PLINTH_DEBUG
/* The n-th allocation from now fails; 0: none any more. True if one has failed since the last call. */
bool fault_arm(u32 n);

/* For allocators: whether this one is to fail. */
bool fault_hits(void);
#else
static inline bool fault_arm(u32 n)
{
	(void)n;
	return false;
}

static inline bool fault_hits(void)
{
	return false;
}
#endif
