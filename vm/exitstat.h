/*
 * How often a vCPU left guest mode, by kind of exit, and for how long: a histogram of the cycles from the
 * exit to the next entry. It lies in the hypervisor's heap, so that management reads it with no guest mapped.
 * docs/seeing.md has what is counted when.
 */
#pragma once

#include "arch/cpu.h"
#include "lib/compiler.h"
#include "lib/types.h"
#include "vm/hvm.h"
#include "vm/vcpu.h"
#include "vm/vm.h"

/* Bucket b holds those of 2^b to 2^(b+1) - 1 cycles of the host's TSC, the first one 0, the last all above. */
#define EXIT_BUCKETS 32u
#define EXIT_LONGEST (1u << (EXIT_BUCKETS - 1))

/* The row of what began without an exit: a vCPU's first entry. */
#define EXIT_ROW_START EXIT_KINDS

/* Written by the vCPU's thread, read by anyone. An exit is counted when the guest goes on, or has ended. */
struct exit_stats {
	u64 hist[EXIT_KINDS + 1][EXIT_BUCKETS];
};

static __always_inline u64 exit_bucket(u32 cycles)
{
	u64 highest;

	/* By hand: of 31 less the leading zeroes the compiler makes three instructions when it likes. */
	__asm__("bsr %k1, %k0" : "=r"(highest) : "r"(cycles | 1) : "cc");
	return highest;
}

/* Counts the exit of that kind, which began at v->exit_tsc. The vCPU's thread, on the CPU of that exit. */
static __always_inline void exit_count(const struct vcpu *v, struct exit_stats *stats, u32 kind)
{
	u32 cycles = rdtsc_low() - v->exit_tsc;

	stats->hist[kind][exit_bucket(cycles)]++;
}

/*
 * What exit_tsc is to be after the vCPU had no CPU from left to back (the host's TSC, 64 bits): 32 bits cannot
 * tell how long that was, so it is moved such that the exit counts among the longest.
 */
u32 exit_tsc_after(u32 exit_tsc, u64 left, u64 back);

/* How many of a kind there were, and of all kinds. */
u64 exit_stats_count(const struct exit_stats *stats, u32 kind);
u64 exit_stats_total(const struct exit_stats *stats);

/* A kind's name for people; of the figure "exits of this kind" in domstats, or NULL: it is not shown by itself. */
const char *exit_kind_name(u32 kind);
const char *exit_stat_name(u32 kind);
