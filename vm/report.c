/*
 * What a VM has cost, in debug lines of the log: its exits by kind and the memory that it takes
 * beside its RAM.
 */
#include "vm/report.h"

#include "core/log.h"
#include "mm/heap.h"
#include "vm/exitstat.h"
#include "vm/vm.h"

static u64 exits_of(const struct vm *vm, enum exit_kind kind)
{
	u64 n = 0;

	for (u32 i = 0; i < vm->vcpu_count; i++)
		n += exit_stats_count(vm->ports[i].stats, kind);
	return n;
}

void report_vm(const struct vm *vm)
{
	u64 total = 0;

	for (u32 kind = 0; kind < EXIT_KINDS; kind++) {
		u64 n = exits_of(vm, (enum exit_kind)kind);

		total += n;
		if (n)
			log_debug("domain %s: exits: %s: %llu", vm->cfg.name, exit_kind_name(kind),
				  (unsigned long long)n);
	}
	log_debug("domain %s: exits: all: %llu", vm->cfg.name, (unsigned long long)total);
	log_debug("domain %s: heap %llu KiB, second stage %llu KiB", vm->cfg.name,
		  (unsigned long long)(heap_used(vm->heap) / KIB),
		  (unsigned long long)(s2_table_bytes(&vm->s2) / KIB));
}
