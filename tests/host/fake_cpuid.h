/*
 * For tests of what a guest sees by CPUID: a machine that says the same in every leaf, and a guest that asks.
 */
#pragma once

#include "arch/cpu.h"
#include "arch/feature.h"

struct vcpu;

extern struct vcpu *v;
extern u32 machine_fill; /* what every leaf of the machine says */
extern u32 machine_last, machine_last_extended;
extern enum cpu_vendor machine_vendor;
extern u64 machine_capabilities; /* ARCH_CAPABILITIES */
extern u64 machine_khz;
extern bool told_reliable; /* the command line */
extern bool apicv_ipis;

/* Such a machine, with a VM that has no table yet; and its table. */
void start(u32 fill, enum cpu_vendor vendor);
void create(void);
/* Both, for a guest that gets all that a machine which claims everything offers, but for some. */
void start_without(enum cpu_vendor vendor, const char *const *names);

struct cpuid ask(u32 leaf, u32 subleaf);
/* A feature's, by its name, which must be one. */
u32 number(const char *name);
/* ARCH_CAPABILITIES as the guest's table has it. */
u64 capabilities(void);
