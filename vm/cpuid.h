/*
 * The CPUID policy: an allow-list, bit by bit. A table is computed once for each VM; leaves that
 * depend on the vCPU's state (OSXSAVE, APIC id, XCR0 size) are patched on the way out.
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"

struct cpu_set;
struct vcpu;
struct vm;

enum { CPUID_EAX, CPUID_EBX, CPUID_ECX, CPUID_EDX };

struct cpuid_entry {
	u32 leaf, subleaf;
	u32 eax, ebx, ecx, edx;
	u16 indexed; /* the subleaf matters */
	u16 patched; /* parts depend on the vCPU's state */
};

#define CPUID_MAX_ENTRIES  79
#define CPUID_RANGE_LEAVES 34 /* of each of the two ranges that are looked up by index */

/* What a guest may do about speculation, by the features that it is shown: vm/spec.h. */
struct cpuid_spec {
	u64 ctrl;        /* bits of SPEC_CTRL that may be set; 0: there is no such register */
	u64 pred, flush; /* the same of PRED_CMD and FLUSH_CMD */
	u64 virt;        /* and of VIRT_SPEC_CTRL */
	bool caps;       /* there is ARCH_CAPABILITIES */
	bool ctrl_direct, pred_direct; /* the CPU takes the same bits: it may check them itself */
};

struct cpuid_table {
	u32 count;
	struct cpuid_entry
		entries[CPUID_MAX_ENTRIES + 1]; /* sorted; the one at count is all zeroes */
	u8 basic[CPUID_RANGE_LEAVES],
		extended[CPUID_RANGE_LEAVES]; /* a leaf's first entry, or count */
	u8 hypervisor;                        /* the first of its range; the others follow */
	u8 hypervisor_count;
	u32 pv_features; /* of vm/pv.h, that the guest may use */
	u64 xcr0_allowed;
	u64 cr4_allowed; /* bits that the guest may set */
	u64 efer_allowed;
	u64 cr3_reserved; /* physical address width and what is above */
	u32 arch_caps[2]; /* ARCH_CAPABILITIES' halves, as shown */
	struct cpuid_spec spec;
	u8 phys_bits;
	bool x2apic, tsc_aux; /* may be used */
};

int cpuid_table_create(struct vm *vm) __must_check;

/* Shows that as the TSC's frequency, in kHz. No vCPU runs. */
void cpuid_show_tsc(struct cpuid_table *t, u64 khz);

/* Which features can be offered to guests here: those of all CPUs that are on the list. -ENOMEM. */
int cpuid_offered(struct cpu_set *out) __must_check;

/* Takes note of what the CPU that this runs on has. Each of them once, before the first guest. */
void cpuid_host_add(void);

/* Whether the table shows a bit of a register (CPUID_EAX and so on) of a leaf's first sub-leaf. */
bool cpuid_table_has(const struct cpuid_table *t, u32 leaf, u32 reg, u64 bit);

/* Bytes of the XSAVE area in standard format for the components of xcr0. */
u32 cpuid_xsave_size(u64 xcr0);

/* EXIT_CPUID: answers in the vCPU's registers. */
void cpuid_exit(struct vcpu *v);
