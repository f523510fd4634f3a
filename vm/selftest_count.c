/*
 * Counting for self-tests.
 */
#include "vm/selftest_count.h"

#include "core/clock.h"
#include "core/log.h"
#include "core/selftest.h"
#include "core/thread.h"
#include "lib/errno.h"
#include "mm/heap.h"
#include "vm/memory.h"
#include "vm/vm.h"

#define STEP_NS 1000000ull

void counts_take(struct counts *c)
{
	struct memory_report r;
	struct vm *vm = NULL;

	memory_report(&r);
	*c = (struct counts){ .vm = r.vms, .pages = r.hv_used, .heap = kheap_used() };
	while ((vm = vm_next(vm)))
		c->vms++;
}

static bool same(const struct counts *a, const struct counts *b)
{
	return a->vm == b->vm && a->pages == b->pages && a->heap == b->heap && a->vms == b->vms;
}

int counts_back(const struct counts *before)
{
	u64 end = clock_ns() + SELFTEST_PATIENCE_NS;
	struct counts now;

	do {
		counts_take(&now);
		if (same(before, &now))
			return 0;
		thread_block_until(clock_ns() + STEP_NS);
	} while (clock_ns() < end);
	log_error("lost: VMs' memory %lld, pages %lld, heap %lld bytes, %d VMs",
		  (long long)(now.vm - before->vm), (long long)(now.pages - before->pages),
		  (long long)(now.heap - before->heap), (int)(now.vms - before->vms));
	return -ETIMEDOUT;
}
