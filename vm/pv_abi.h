/*
 * What KVM and its guests have agreed on: numbers, bits and layouts of the paravirtual interface (Linux,
 * Documentation/virt/kvm/x86: "KVM CPUID bits", "KVM-specific MSRs", "Linux KVM Hypercall").
 */
#pragma once

#include "lib/types.h"

/* CPUID leaves. The signature is "KVMKVMKVM" and three zeroes. */
#define KVM_CPUID_SIGNATURE      0x40000000u
#define KVM_SIGNATURE_EBX        0x4b4d564bu
#define KVM_SIGNATURE_ECX        0x564b4d56u
#define KVM_SIGNATURE_EDX        0x0000004du
#define KVM_CPUID_FEATURES       0x40000001u
#define KVM_CPUID_TIMING         0x40000010u /* EAX: kHz of the TSC, EBX: of the APIC's timer */
/* EAX: features. */
#define KVM_FEATURE_CLOCK_OLD    BIT(0) /* by MSRs 0x11 and 0x12 */
#define KVM_FEATURE_NO_IO_DELAY  BIT(1)
#define KVM_FEATURE_CLOCK        BIT(3)
#define KVM_FEATURE_STEAL_TIME   BIT(5)
#define KVM_FEATURE_PV_UNHALT    BIT(7)
#define KVM_FEATURE_TLB_FLUSH    BIT(9)
#define KVM_FEATURE_SEND_IPI     BIT(11)
#define KVM_FEATURE_POLL_CONTROL BIT(12)
#define KVM_FEATURE_SCHED_YIELD  BIT(13)
#define KVM_FEATURE_CLOCK_STABLE BIT(24)
/* EDX: hints. */
#define KVM_HINT_DEDICATED       BIT(0)

/* MSRs. */
#define MSR_KVM_WALL_CLOCK_OLD  0x11u
#define MSR_KVM_SYSTEM_TIME_OLD 0x12u
#define MSR_KVM_WALL_CLOCK      0x4b564d00u
#define MSR_KVM_SYSTEM_TIME     0x4b564d01u
#define MSR_KVM_STEAL_TIME      0x4b564d03u
#define MSR_KVM_POLL_CONTROL    0x4b564d05u
#define KVM_MSR_ENABLED         BIT(0) /* the others are an address */
#define KVM_POLL_BY_HOST        BIT(0) /* of MSR_KVM_POLL_CONTROL: the host may poll in HLT */

/* Areas in guest memory. A version that is odd says that the hypervisor is at it. */
struct kvm_wall_clock {
	u32 version, sec, nsec;
};
static_assert(sizeof(struct kvm_wall_clock) == 12, "pvclock_wall_clock");

struct kvm_system_time {
	u32 version, pad;
	u64 tsc_timestamp; /* the guest's TSC at system_time */
	u64 system_time;   /* ns */
	u32 mul; /* ns = ((ticks << shift) * mul) >> 32; a negative shift is one to the right */
	s8 shift;
	u8 flags;
	u8 pad2[2];
};
#define KVM_TIME_STABLE BIT(0) /* one CPU's time may be compared with another's */
static_assert(sizeof(struct kvm_system_time) == 32, "pvclock_vcpu_time_info");
static_assert(offsetof(struct kvm_system_time, mul) == 24, "pvclock_vcpu_time_info");
static_assert(offsetof(struct kvm_system_time, flags) == 29, "pvclock_vcpu_time_info");

struct kvm_steal_time {
	u64 steal; /* ns */
	u32 version, flags;
	u8 preempted;
	u8 pad[47];
};
#define KVM_PREEMPTED BIT(0)
#define KVM_PREEMPT_FLUSH                                                                          \
	BIT(1) /* set by the guest: drop the vCPU's translations before it runs again */
static_assert(sizeof(struct kvm_steal_time) == 64, "kvm_steal_time");
static_assert(offsetof(struct kvm_steal_time, preempted) == 16, "kvm_steal_time");

/* Hypercalls: the number in RAX, arguments in RBX, RCX, RDX and RSI, the answer in RAX. */
#define KVM_HC_POLL_IRQ    1u
#define KVM_HC_KICK_CPU    5u
#define KVM_HC_SEND_IPI    10u
#define KVM_HC_SCHED_YIELD 11u

#define KVM_E_PERM  1
#define KVM_E_INVAL 22
#define KVM_E_NOSYS 1000
