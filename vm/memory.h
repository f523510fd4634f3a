/*
 * A VM's RAM: taken in the largest pieces that fit, mapped into the window and the second stage.
 */
#pragma once

#include "lib/addr.h"
#include "lib/compiler.h"
#include "lib/types.h"
#include "mm/page.h"

struct vm;

/* Takes vm->cfg.memory bytes. -ENOMEM with the reason in vm->stop_text. */
int memory_take(struct vm *vm) __must_check;

/* Gives it back; the VM's address space and second stage are not in use any more. */
void memory_release(struct vm *vm);

/* For mce_set_page_hook(): stops the VM whose page has failed. */
void memory_failed(owner_t owner, paddr_t page);

/* In bytes. */
struct memory_report {
	u64 total;       /* usable memory of this machine */
	u64 free;        /* of that, for guests */
	u64 hv, hv_used; /* in granules of the hypervisor's; of that, in use */
	u64 vms;         /* in granules of VMs: RAM, heaps, stacks */
};

void memory_report(struct memory_report *r);
