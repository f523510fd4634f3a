/*
 * Allocations that fail on purpose.
 */
#include "mm/fault.h"

#include "lib/atomic.h"

#ifdef PLINTH_DEBUG
static u32 left;  /* atomic: allocations until one fails, that one included; 0: none does */
static u32 fired; /* atomic */

bool fault_arm(u32 n)
{
	atomic_xchg(&left, n);
	return atomic_xchg(&fired, 0);
}

bool fault_hits(void)
{
	u32 n = atomic_load_relaxed(&left);

	while (n && !atomic_cas(&left, &n, n - 1))
		;
	if (n == 1)
		atomic_store_relaxed(&fired, 1);
	return n == 1;
}
#endif
