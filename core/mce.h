/*
 * Machine checks: what the CPUs report of failing hardware, and what is done about it. Corrected errors
 * are counted and logged; memory with an error that was not corrected is taken out of use; what hits a
 * guest ends that guest; anything worse is a panic. docs/failures.md
 */
#pragma once

#include "lib/addr.h"
#include "lib/compiler.h"
#include "mm/page.h"

struct trap_frame;

/* This CPU's banks report from now on. With interrupts off, after timer_init_cpu(). */
void mce_init_cpu(void);

/* Starts the thread that logs, and looking at the banks from time to time. Boot CPU, all CPUs being there. */
void mce_start(void);

/* The trap hook for #MC. It returns where the interrupted code can go on, else this is a panic. */
void mce_trap(struct trap_frame *f);

/*
 * Behind an exit by #MC, or an entry that failed because of one; interrupts off, on the vCPU's thread. True:
 * the guest used what has failed and cannot go on.
 */
bool mce_guest_exit(void) __must_check;

/*
 * fn is told of failed pages that owner, a VM, had when they failed; more than once for the same, if need be.
 * On a thread that may block. Once, before any VM is there.
 */
void mce_set_page_hook(void (*fn)(owner_t owner, paddr_t page));

struct mce_counts {
	u64 corrected;
	u64 uncorrected;
	u64 lost;    /* records for which there was no room */
	u64 retired; /* bytes of memory taken out of use */
};
void mce_counts(struct mce_counts *counts);
