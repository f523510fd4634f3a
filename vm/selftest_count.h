/*
 * What self-tests compare to find what was lost: memory of all kinds, and VMs.
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"

struct counts {
	u64 vm;    /* bytes in VMs' granules */
	u64 pages; /* bytes in pages of the hypervisor's */
	u64 heap;  /* bytes of its heap: threads, VMs, whatever is not in pages */
	u32 vms;   /* on the list */
};

void counts_take(struct counts *c);

/*
 * Waits until the counts are those of before again, since VMs and threads are taken away by others; -ETIMEDOUT:
 * they never were, and the log says what differs.
 */
int counts_back(const struct counts *before) __must_check;
