/*
 * The MSR policy: an allow-list. Each row says who answers: stored with the vCPU, kept in the
 * CPU while the guest runs (passed through and switched lazily), or a function. All others raise #GP.
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"

struct vcpu;

/* MSRs whose accesses need no exit; for the backends' permission maps. */
struct msr_pass {
	u32 index;
	bool read, write;
};
extern const struct msr_pass msr_pass_list[];
extern const size_t msr_pass_count;

/* 0, or -EINVAL: raise #GP. */
int msr_read(struct vcpu *v, u32 index, u64 *value) __must_check;
int msr_write(struct vcpu *v, u32 index, u64 value) __must_check;

/* EXIT_MSR. */
struct vm_exit;
void msr_exit(struct vcpu *v, const struct vm_exit *e);

/* Checks a new value of a control register; -EINVAL: raise #GP. Then sets it, with all that follows. */
int cr0_write(struct vcpu *v, u64 value) __must_check;
int cr3_write(struct vcpu *v, u64 value) __must_check;
int cr4_write(struct vcpu *v, u64 value) __must_check;
int efer_write(struct vcpu *v, u64 value) __must_check;
int xcr0_write(struct vcpu *v, u32 index, u64 value) __must_check;
