/*
 * A vCPU of the Intel backend without a CPU, for what it does with interrupts: for tests with
 * `sources: tests/host/fake_vmx_apicv.c tests/host/fake_cpus.c vmx/apicv.c vmx/apicmode.c vmx/posted.c vmx/ipiv.c vmx/apicpage.c vmx/msrmap.c vm/apicv.c
 * arch/lock.c` and `flags: -include tests/host/fake_vmcs.h -include tests/host/fake_percpu.h`.
 */
#pragma once

#include "core/thread.h"
#include "lib/hw/lapic.h"
#include "lib/types.h"
#include "tests/host/fake_cpus.h"
#include "tests/host/harness.h"
#include "vm/apicv.h"
#include "vm/lapic.h"
#include "vm/vcpu.h"
#include "vm/vm.h"
#include "vmx/apicmode.h"
#include "vmx/apicv.h"
#include "vmx/guest.h"

/* Fields of the VMCS. */
#define F_VECTOR    0x0002
#define F_LAST_PID  0x0008
#define F_STATUS    0x0810
#define F_BITMAP    0x2004
#define F_VAPIC     0x2012
#define F_ACCESS    0x2014
#define F_DESC      0x2016
#define F_EOI_EXIT  0x201c
#define F_PROC3     0x2034
#define F_PID_TABLE 0x2042
#define F_PIN       0x4000
#define F_PROC2     0x401e

#define VAPIC_ON     0xfee00800ull
#define VAPIC_X2     0xfee00c00ull
#define VAPIC_OFF    0xfee00000ull
#define PASSED(b, n) (!((b)[(n) / 8] >> (n) % 8 & 1))
#define WRITES       2048

/* Bits of features. */
enum { TPR = 1, REGISTERS = 2, XAPIC = 4, X2APIC = 8, DELIVERY = 16, POSTED = 32, IPI = 64 };

/* vCPU 1, with APIC id 5, and its domain. */
extern struct vm vm;
extern struct vcpu v;
extern struct hvm_vcpu h;
extern struct vlapic lapic;
extern u8 page[4096];

extern u32 ipis, ipi_to, warnings, requests, isr_changes;
extern u32 host_id; /* the APIC's of the CPU where it is */
extern bool x2apic_host;
extern char word[64];
extern struct thread *current;

/* The APIC's page in the second stage: where, 0 nowhere; and another vCPU that comes in between, once. */
extern u64 mapped_gpa;
extern void (*while_mapping)(void);

/* All that a Xeon Scalable has; of the fourth generation. */
struct vmx_caps full(void);
struct vmx_caps fourth(void);

/* The highest vector of an array of the page; -1: none. */
int highest(u32 array);

/* A domain with vCPU 1, which has come onto CPU 0, on such a machine; its end. */
void start_on(struct vmx_caps caps, const char *words, u64 apic_base);
void start(const char *words, u64 apic_base);
void finish(void);

/* IA32_APIC_BASE is written, and the next entry prepared. */
void set_mode(u64 base);
