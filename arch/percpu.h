/*
 * Per-CPU variables: each lives in the .percpu section, of which every CPU has a copy. GS base
 * points at the CPU's copy, whose first word is its distance from the section in the image; behind
 * it is the number of locks that the CPU holds, which is changed too often for anything but one
 * instruction.
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"

#ifdef PLINTH_HOST_TEST
#define PERCPU
static inline u64 percpu_offset(void)
{
	return 0;
}
static inline u64 percpu_offset_of(u32 cpu)
{
	(void)cpu;
	return 0;
}
static __attribute__((unused)) u32 percpu_lock_count;
static inline void percpu_locks_add(s32 n)
{
	percpu_lock_count += (u32)n;
}
static inline u32 percpu_locks(void)
{
	return percpu_lock_count;
}
#else
#define PERCPU __section(".percpu")

static inline u64 percpu_offset(void)
{
	u64 off;

	__asm__ volatile("mov %%gs:0, %0" : "=r"(off));
	return off;
}

/* How many locks this CPU holds. An interrupt in between leaves the number as it was. */
static __always_inline void percpu_locks_add(s32 n)
{
	__asm__ volatile("addl %0, %%gs:8" : : "i"(n) : "memory", "cc");
}

static inline u32 percpu_locks(void)
{
	u32 n;

	__asm__ volatile("movl %%gs:8, %0" : "=r"(n));
	return n;
}

/* The distance of another CPU's copy. */
u64 percpu_offset_of(u32 cpu);
#endif

/* A pointer to this CPU's copy; valid while the thread stays on this CPU. */
#define this_cpu(var)       ((__typeof__(&(var)))((u64) & (var) + percpu_offset()))
#define other_cpu(var, cpu) ((__typeof__(&(var)))((u64) & (var) + percpu_offset_of(cpu)))
