/*
 * Optional CPU features: what this machine has, decided once at start. `no-NAME` words on the
 * command line (cpu.off=NAME,...) take one away to test the path without it.
 */
#pragma once

#include "lib/types.h"

enum cpu_feature {
	CPU_PCID,
	CPU_INVPCID,
	CPU_PGE,
	CPU_SMEP,
	CPU_SMAP,
	CPU_UMIP,
	CPU_PAGE_1G,
	CPU_X2APIC,
	CPU_TSC_DEADLINE,
	CPU_TSC_INVARIANT,
	CPU_TSC_ADJUST,
	CPU_XSAVE,
	CPU_XSAVEOPT,
	CPU_RDTSCP,
	CPU_FSGSBASE,
	CPU_MONITOR,
	CPU_RDRAND,
	CPU_RDSEED,
	CPU_VMX,
	CPU_SVM,
	CPU_IBT,   /* CET's indirect branch tracking */
	CPU_SHSTK, /* CET's shadow stacks */
	CPU_FEATURE_COUNT,
};

enum cpu_vendor { CPU_VENDOR_OTHER, CPU_VENDOR_INTEL, CPU_VENDOR_AMD };

bool cpu_has(enum cpu_feature f);
enum cpu_vendor cpu_vendor(void);

/* The same by CPUID, for who comes before cpu_features_init(). */
enum cpu_vendor cpu_vendor_probe(void);

/* Bits of a physical address (CPUID 0x80000008). */
u8 cpu_phys_bits(void);

/* Fills the above; off is the value of cpu.off= (may be empty). Boot CPU, once. */
void cpu_features_init(const char *off);

/* Lower-case name, as used in cpu.off= and in messages. */
const char *cpu_feature_name(enum cpu_feature f);
