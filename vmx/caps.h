/*
 * What this machine's VMX can do, and the controls that follow from it (Intel SDM vol. 3, appendix
 * "VMX Capability Reporting Facility"). Decided once on the boot CPU, const after.
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"

/* IA32_VMX_BASIC */
#define VMX_BASIC_REVISION        BITS(30, 0)
#define VMX_BASIC_SIZE(v)         ((v) >> 32 & 0x1fff)
#define VMX_BASIC_32BIT_ADDRESSES BIT(48)
#define VMX_BASIC_MEMORY_TYPE(v)  ((v) >> 50 & 0xf)
#define VMX_BASIC_INS_OUTS_INFO   BIT(54)
#define VMX_BASIC_TRUE_CONTROLS   BIT(55)

/* IA32_VMX_MISC */
#define VMX_MISC_TIMER_SHIFT                                                                       \
	BITS(4, 0) /* the preemption timer counts changes of this bit of the TSC */

/* IA32_VMX_EPT_VPID_CAP */
#define EPT_CAP_WALK_4          BIT(6)
#define EPT_CAP_WB              BIT(14)
#define EPT_CAP_2M              BIT(16)
#define EPT_CAP_1G              BIT(17)
#define EPT_CAP_INVEPT          BIT(20)
#define EPT_CAP_INVEPT_CONTEXT  BIT(25)
#define EPT_CAP_INVEPT_ALL      BIT(26)
#define EPT_CAP_INVVPID         BIT(32)
#define EPT_CAP_INVVPID_CONTEXT BIT(41)
#define EPT_CAP_INVVPID_ALL     BIT(42)

/* The values of the capability MSRs. */
struct vmx_msrs {
	u64 basic, misc;
	u64 pin, proc, proc2, exit, entry; /* the TRUE ones where there are any */
	u64 cr0_fixed0, cr0_fixed1, cr4_fixed0, cr4_fixed1;
	u64 ept_vpid;
	u64 proc3;     /* those that may be set; 0: there are none */
	u32 signature; /* the CPU's: CPUID.1:EAX */
};

/* The controls of every vCPU before its VM's own policy. */
struct vmx_controls {
	u32 pin, proc, proc2, exit, entry;
};

struct vmx_caps {
	struct vmx_msrs msrs;
	struct vmx_controls base;
	u32 proc2_may; /* secondary controls that may be set */
	u32 pin_may;
	u32 proc_may;
	u32 apicv;     /* enum apicv_feature: what is used; vmx/apicmode.h */
	u64 eptp_bits; /* of an EPT pointer, beside the address */
	bool vpid;
	bool timer; /* the preemption timer counts */
	u8 timer_shift;
	bool ins_outs_info;
};

extern struct vmx_caps vmx_caps;

/*
 * The firmware's switch, IA32_FEATURE_CONTROL (SDM vol. 3, "Enabling and Entering VMX Operation"). Where
 * it was left open, *value becomes what to write: on, and locked so that it stays. -EPERM: locked, off.
 */
int vmx_feature_control(u64 *value, const char **why) __must_check;

/*
 * A control field from its capability MSR (bits 31:0: must be 1; bits 63:32: may be 1): what is required,
 * what is wanted where it can be had, and what must not be forced on. -ENOTSUP: *fault then has the
 * bits that stand in the way.
 */
struct control_spec {
	u32 required, optional, forbidden;
};
int vmx_control(u64 msr, const struct control_spec *spec, u32 *out, u32 *fault) __must_check;

/*
 * What the preemption timer is loaded with at the TSC now, to count down at deadline or less than a step behind it,
 * never before it; 0: at once. A wait that does not fit ends early (SDM vol. 3, "VMX-Preemption Timer").
 */
#define VMX_TIMER_NEVER 0xffffffffu /* as long as can be */
u32 vmx_timer_count(u64 now, u64 deadline, u32 shift);

/*
 * Fills caps from msrs. -ENOTSUP: *why says what is missing, as text that stays valid.
 */
int vmx_caps_decide(struct vmx_caps *caps, const struct vmx_msrs *msrs, const char **why)
	__must_check;
