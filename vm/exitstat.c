/*
 * Exits by kind: their names, and what is read of the histograms.
 */
#include "vm/exitstat.h"

#include "lib/atomic.h"

static const char *const kind_names[EXIT_KINDS] = {
	[EXIT_NONE] = "host interrupt",
	[EXIT_WINDOW] = "interrupt window",
	[EXIT_HLT] = "HLT",
	[EXIT_PAUSE] = "PAUSE",
	[EXIT_CPUID] = "CPUID",
	[EXIT_MSR] = "MSR",
	[EXIT_PORT] = "port",
	[EXIT_S2] = "device memory",
	[EXIT_CR] = "control register",
	[EXIT_XSETBV] = "XSETBV",
	[EXIT_HYPERCALL] = "hypercall",
	[EXIT_EXCEPTION] = "exception",
	[EXIT_INSN] = "refused instruction",
	[EXIT_CACHE] = "cache",
	[EXIT_TASK_SWITCH] = "task switch",
	[EXIT_SHUTDOWN] = "triple fault",
	[EXIT_BAD_STATE] = "refused state",
	[EXIT_MACHINE_CHECK] = "machine check",
	[EXIT_EOI] = "end of interrupt",
	[EXIT_APIC_WRITE] = "APIC register",
	[EXIT_TIMER] = "timer",
	[EXIT_ERROR] = "error",
};

/* Of kinds that end the VM, and of those that struct vcpu_port counts by what they were for, there is none. */
static const char *const stat_names[EXIT_KINDS] = {
	[EXIT_NONE] = "exits.interrupt",
	[EXIT_HLT] = "exits.hlt",
	[EXIT_PAUSE] = "exits.pause",
	[EXIT_CPUID] = "exits.cpuid",
	[EXIT_MSR] = "exits.msr",
	[EXIT_PORT] = "exits.port",
	[EXIT_S2] = "exits.memory",
	[EXIT_CR] = "exits.cr",
	[EXIT_XSETBV] = "exits.xsetbv",
	[EXIT_HYPERCALL] = "exits.hypercall",
	[EXIT_EXCEPTION] = "exits.exception",
	[EXIT_INSN] = "exits.insn",
	[EXIT_CACHE] = "exits.cache",
	[EXIT_APIC_WRITE] = "exits.apic-write",
	[EXIT_TIMER] = "exits.timer",
};

const char *exit_kind_name(u32 kind)
{
	return kind_names[kind];
}

const char *exit_stat_name(u32 kind)
{
	return stat_names[kind];
}

u64 exit_stats_count(const struct exit_stats *stats, u32 kind)
{
	u64 n = 0;

	for (u32 i = 0; i < EXIT_BUCKETS; i++)
		n += atomic_load_relaxed(&stats->hist[kind][i]);
	return n;
}

u64 exit_stats_total(const struct exit_stats *stats)
{
	u64 n = 0;

	for (u32 kind = 0; kind < EXIT_KINDS; kind++)
		n += exit_stats_count(stats, kind);
	return n;
}

u32 exit_tsc_after(u32 exit_tsc, u64 left, u64 back)
{
	u32 before = (u32)left - exit_tsc;

	/* TSCs of two CPUs may differ by little. */
	if (back < left || (u64)before + (back - left) < EXIT_LONGEST)
		return exit_tsc;
	return (u32)back - EXIT_LONGEST;
}
