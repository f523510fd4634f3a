/*
 * What a VM has cost, in debug lines of the log: its exits by kind and the memory that it takes
 * beside its RAM.
 */
#include "vm/report.h"

#include "core/log.h"
#include "mm/heap.h"
#include "vm/hvm.h"
#include "vm/vm.h"

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
};

const char *report_stat_name(u32 kind)
{
	return kind < EXIT_KINDS ? stat_names[kind] : NULL;
}

static u64 exits_of(const struct vm *vm, enum exit_kind kind)
{
	u64 n = 0;

	for (u32 i = 0; i < vm->vcpu_count; i++)
		n += vm->ports[i].exits[kind];
	return n;
}

void report_vm(const struct vm *vm)
{
	u64 total = 0;

	for (u32 kind = 0; kind < EXIT_KINDS; kind++) {
		u64 n = exits_of(vm, (enum exit_kind)kind);

		total += n;
		if (n)
			log_debug("domain %s: exits: %s: %llu", vm->cfg.name, kind_names[kind],
				  (unsigned long long)n);
	}
	log_debug("domain %s: exits: all: %llu", vm->cfg.name, (unsigned long long)total);
	log_debug("domain %s: heap %llu KiB, second stage %llu KiB", vm->cfg.name,
		  (unsigned long long)(heap_used(vm->heap) / KIB),
		  (unsigned long long)(s2_table_bytes(&vm->s2) / KIB));
}
