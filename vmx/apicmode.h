/*
 * Which of VT-x's aids for interrupts are used, and the controls that each mode of the guest's APIC wants. Pure
 * decisions (Intel SDM vol. 3, "APIC Virtualization and Virtual Interrupts"; "VM-Execution Control Fields" for
 * what VM entry demands).
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"

struct vmx_caps;

/* A guest's APIC, as the controls know it. */
enum apic_mode {
	APIC_MODE_OFF, /* off, or in a mode that is not virtualized: by software */
	APIC_MODE_XAPIC,
	APIC_MODE_X2APIC,
	APIC_MODES,
};

struct apic_controls {
	u32 pin,
		proc2; /* to be set beside all others; those of APIC_PROC2 that are not here are 0 */
	u64 proc3;     /* all of them */
	bool delivery; /* the hardware owns IRR, ISR and PPR */
	bool posted;
};

/* All secondary controls that depend on the mode. */
#define APIC_PROC2                                                                                 \
	(PROC2_APIC_ACCESSES | PROC2_X2APIC | PROC2_APIC_REGISTERS | PROC2_VIRTUAL_INTERRUPTS)

/* Of allowed (enum apicv_feature) those that are there, with all that they need. */
u32 apic_features(const struct vmx_caps *caps, u32 allowed);

/* By enum apicv_feature and IA32_APIC_BASE. */
enum apic_mode apic_mode(u32 features, u64 apic_base);
struct apic_controls apic_controls(u32 features, enum apic_mode mode);

/* Lets through what runs without exits in x2APIC mode. */
void apic_pass_msrs(u8 *bitmap, u32 features);
