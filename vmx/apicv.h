/*
 * Interrupts without exits: APIC-register virtualization, virtual-interrupt delivery in x2APIC mode
 * and posted interrupts (Intel SDM vol. 3, "APIC Virtualization and Virtual Interrupts").
 *
 * So far for vCPUs that ask for it by themselves (vmx/selftest_posted.c); then vm/ must not inject.
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"

struct pi_desc;
struct vcpu;
struct vmx_caps;

struct apicv_ops {
	/* NULL, or what this machine lacks. */
	const char *(*missing)(const struct vmx_caps *caps);

	/*
	 * The guest's x2APIC in v->lapic->page is the CPU's from now on. desc, 64-byte aligned, is the
	 * hypervisor's memory; vector is the notification. v is loaded; interrupts off.
	 */
	void (*enable)(struct vcpu *v, struct pi_desc *desc, u8 vector);

	/* Posts vector. True: the caller sends the notification to the CPU that runs the vCPU. Any CPU. */
	bool (*post)(struct pi_desc *desc, u8 vector);

	/* Before each entry, interrupts off: takes over what was posted while the guest did not run. */
	void (*sync)(struct vcpu *v, struct pi_desc *desc);
};

extern const struct apicv_ops vmx_apicv;
