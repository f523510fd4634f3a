/*
 * The AMD backend without a CPU: one vCPU, whose VMCB the test reads and writes by the manual's offsets,
 * and a function in place of the guest. Include fake_svm.c in a test's sources.
 */
#pragma once

#include "arch/cpu.h"
#include "arch/msr.h"
#include "svm/backend.h"
#include "tests/host/harness.h"
#include "vm/cpuid.h"
#include "vm/hvm.h"
#include "vm/lapic.h"
#include "vm/vm.h"

#define SAVE 0x400 /* the state save area in the VMCB */

extern struct vm vm;
extern struct cpuid_table cpuid_table;
extern struct vcpu v;
extern struct hvm_vcpu hv;
extern struct vmcb vmcb;
extern u8 lapic_page[4096];

/* For svm/avic.c: what the host is, and what was called. */
extern struct hvm_vm hvm_vm;
extern u32 fake_apicv_allowed, fake_lapic_id, fake_doorbells, fake_doorbell_id;
extern bool fake_extint;               /* LINT0 passes the PIC's interrupts */
extern s32 fake_mapped, fake_barriers; /* the APIC's page; how often all vCPUs had to follow */
extern u32 fake_requests[VM_MAX_VCPUS];
extern void (*fake_on_unmap)(void);

/* What was called. */
extern bool machine_check_hits; /* the guest */
extern unsigned host_interrupts, machine_checks, rechecks, ipis, skips, decodes;
extern int raised; /* vector, or -1 */

extern u8 decoded_len; /* what the length decoder says */
extern u8 code[64];    /* at linear address code_va, and nothing around it */
extern u64 code_va;

/* A vCPU in 64-bit mode at 0x1000 on a CPU without any optional feature. */
void setup(void);

/* size bytes of the VMCB at offset. */
u64 raw(unsigned offset, unsigned size);
void poke(unsigned offset, u64 value, unsigned size);

/* One entry; guest, if set, is what happens between it and the exit (default: CPUID). */
struct vm_exit run(void);
extern void (*guest)(void);

/* One entry that ends with that exit; next RIP is three bytes on. */
struct vm_exit exits(u64 code, u64 info1, u64 info2);

/* One entry whose exit cut short the delivery of info, and what the CPU saw at the entry. */
struct vm_exit records(u64 code, u64 info);
extern u64 seen_event, seen_int_ctl, seen_rflags, seen_rip;
extern u32 seen_misc1, seen_asid, seen_cr;
extern u8 seen_tlb;
