/*
 * A guest's own SPEC_CTRL: from the first time that it needs one (vm/spec.h), each exit stores the guest's value and
 * loads the host's, each entry loads the guest's, by the VMCS's lists of MSRs, so that the host's code never runs
 * with the guest's (SDM vol. 3, "VM-Exit Controls for MSRs", "VM-Entry Controls for MSRs").
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"

struct vcpu;

/* An entry of such a list. */
struct vmx_msr_entry {
	u32 index, reserved;
	u64 value;
} __aligned(16);
static_assert(sizeof(struct vmx_msr_entry) == 16, "SDM vol. 3, Format of an MSR Entry");

/* Part of struct hvm_vcpu. Owner: the CPU while the guest runs, else the vCPU's thread. */
struct vmx_spec {
	struct vmx_msr_entry guest, host;
	bool own; /* the lists are in use */
};

/* RG_SPEC, between the vCPU and the lists. */
void vmx_spec_read(struct vcpu *v);
void vmx_spec_write(struct vcpu *v);
