/*
 * AMD's Advanced Virtual Interrupt Controller behind vm/apicv.h (AMD APM vol. 2, "Advanced Virtual
 * Interrupt Controller"). What it does itself and what it leaves to software is in docs/avic.md.
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"

struct vcpu;
struct vm;
struct vm_exit;

/* Entries of the physical table, by the guest's APIC id. */
#define AVIC_PHYS_HOST_ID BITS(7, 0)
#define AVIC_PHYS_PAGE    BITS(51, 12)
#define AVIC_PHYS_RUNNING BIT(62)
#define AVIC_PHYS_VALID   BIT(63)

/* Entries of the logical table: flat by bit of the LDR; clusters by four, each by bit. */
#define AVIC_LOGICAL_ID    BITS(7, 0)
#define AVIC_LOGICAL_VALID BIT(31)

/* EXITINFO2's upper half after an IPI that was not completed. */
enum avic_ipi_cause {
	AVIC_IPI_TYPE = 0,        /* not fixed and edge-triggered: nothing was done */
	AVIC_IPI_NOT_RUNNING = 1, /* IRR is set at all targets; some do not run */
	AVIC_IPI_TARGET = 2,      /* no such entry: nothing was done */
	AVIC_IPI_PAGE = 3,        /* an entry's page is not RAM: a fault of ours */
	AVIC_IPI_VECTOR = 4,      /* below 16 */
};

/* EXITINFO1 after an access that is not accelerated. */
#define AVIC_ACCESS_OFFSET BITS(11, 4)
#define AVIC_ACCESS_WRITE  BIT(32)

/* svm_caps.avic, by CPUID Fn8000_000A's EDX, CPUID 1's EAX and what apicv= leaves. */
enum avic_use {
	AVIC_USED = BIT(0),
	AVIC_IPIS = BIT(1), /* IPIs to running vCPUs without exits */
};
u32 avic_decide(u32 svm_edx, u32 signature, u32 allowed);

/* Boot CPU, once svm_caps is known: says so, and sets apicv where it is used. */
void avic_init(void);

/* A VM's tables, in its heap, and the APIC's page in its second stage. -ENOMEM: avic_vm_destroy(). */
int avic_vm_create(struct vm *vm) __must_check;
void avic_vm_destroy(struct vm *vm);

/* The VMCB's fields that do not change. */
void avic_vcpu_create(struct vcpu *v);

/* The vCPU comes onto this CPU, or leaves it. Interrupts off. */
void avic_load(struct vcpu *v);
void avic_put(struct vcpu *v);

/* Follows what the VM has decided, before an entry: hvm_ops.flush, which all vCPUs pass when it changes. */
void avic_follow(struct vcpu *v);

/* An interrupt whose delivery was cut short is requested again: it needs no window then. False: AVIC is off. */
bool avic_take_back(struct vcpu *v, u8 vector) __must_check;

/* VMEXIT_AVIC_INCOMPLETE_IPI and VMEXIT_AVIC_NOACCEL */
void avic_ipi_exit(struct vcpu *v, struct vm_exit *e);
void avic_access_exit(struct vcpu *v, struct vm_exit *e);

/* svm/doorbell.c: has the CPU of that APIC id look at its guest's IRR; if it runs none, nothing happens. */
void avic_doorbell(u32 apic_id);
