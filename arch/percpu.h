/*
 * Per-CPU variables: each lives in the .percpu section, of which every CPU has a copy. GS base
 * points at the CPU's copy, whose first word is its distance from the section in the image.
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
#else
#define PERCPU __section(".percpu")

static inline u64 percpu_offset(void)
{
	u64 off;

	__asm__ volatile("mov %%gs:0, %0" : "=r"(off));
	return off;
}

/* The distance of another CPU's copy. */
u64 percpu_offset_of(u32 cpu);
#endif

/* A pointer to this CPU's copy; valid while the thread stays on this CPU. */
#define this_cpu(var)       ((__typeof__(&(var)))((u64) & (var) + percpu_offset()))
#define other_cpu(var, cpu) ((__typeof__(&(var)))((u64) & (var) + percpu_offset_of(cpu)))
