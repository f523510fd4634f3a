/*
 * Atomic operations on plain integers, by the compiler's builtins. Each takes its ordering by
 * name; a caller that uses anything but relaxed says in a comment which access it pairs with.
 */
#pragma once

#include "lib/types.h"

#define atomic_load_relaxed(p)     __atomic_load_n((p), __ATOMIC_RELAXED)
#define atomic_load_acquire(p)     __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define atomic_store_relaxed(p, v) __atomic_store_n((p), (v), __ATOMIC_RELAXED)
#define atomic_store_release(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)
/* Full ordering; each returns the value from before. */
#define atomic_xchg(p, v)          __atomic_exchange_n((p), (v), __ATOMIC_SEQ_CST)
#define atomic_fetch_add(p, v)     __atomic_fetch_add((p), (v), __ATOMIC_SEQ_CST)
#define atomic_fetch_sub(p, v)     __atomic_fetch_sub((p), (v), __ATOMIC_SEQ_CST)
#define atomic_fetch_or(p, v)      __atomic_fetch_or((p), (v), __ATOMIC_SEQ_CST)
#define atomic_fetch_and(p, v)     __atomic_fetch_and((p), (v), __ATOMIC_SEQ_CST)
/* Replaces *p by v if it was *expected; else stores what it was there. True when replaced. */
#define atomic_cas(p, expected, v)                                                                 \
	__atomic_compare_exchange_n((p), (expected), (v), false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)
/* Orders everything before against everything after, stores against loads included. */
#define smp_mb() __atomic_thread_fence(__ATOMIC_SEQ_CST)

/*
 * The same against a device that reads and writes memory. Not a locked instruction, as smp_mb() may be: QEMU with one thread for
 * all CPUs does not order those against the threads of its devices.
 */
#define dma_mb() __asm__ volatile("mfence" ::: "memory")

static inline void cpu_relax(void)
{
	__builtin_ia32_pause();
}
