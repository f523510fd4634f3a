/*
 * One vCPU in the VM of fake_vm.h, for tests of what `vm/` does to a vCPU: a backend that records, MSRs
 * and a TSC that the test holds. Wants `flags: -include tests/host/fake_cpu.h`.
 */
#pragma once

#include "core/thread.h"
#include "tests/host/fake_vm.h"
#include "vm/cpuid.h"
#include "vm/hvm.h"
#include "vm/lapic.h"
#include "vm/vcpu.h"

/* What the backend was asked for since the last fake_vcpu_forget(). */
struct fake_backend {
	struct vm_event injected[4];
	u32 injections;
	bool window[2]; /* by enum hvm_window: the last call's value */
	u32 window_calls[2];
	u32 tsc_changes;
	u32 flushes;
	u32 read_groups; /* all that were read */
};

extern struct vm *fake_vm;
extern struct vcpu *fake_vcpu;
extern struct fake_backend fake_backend;
extern u32 fake_requests;          /* vcpu_request() since the last forget */
extern u32 fake_startup_signals;   /* INITs and SIPIs, where vm/startup.c is not linked; the same */
extern struct thread *fake_thread; /* thread_current(); not the vCPU's */
extern u64 fake_tsc;
extern u64 fake_xcr0; /* the last XSETBV's */
extern u64 fake_dr6;
extern bool fake_features[]; /* cpu_has(), by enum cpu_feature */
extern struct cpuid_table fake_cpuid_table;

/* A VM and its only vCPU, as after reset, with no APIC; all registers valid. */
void fake_vcpu_new(void);
void fake_vcpu_forget(void);
/* 64-bit mode, paging by four-level tables at cr3, CPL 0. */
void fake_vcpu_long_mode(u64 cr3);
void fake_vcpu_set_cpl(u32 cpl);
