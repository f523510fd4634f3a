/*
 * Private to vm/cpuid*.c: filling the table.
 */
#pragma once

#include "vm/cpuid.h"

struct cpu_set;
struct topology;
struct vm_cpu;

#define LEAF_EXTENDED   0x80000000u
#define LEAF_AMD_CACHES 0x8000001du
#define LEAF_AMD_IDS    0x8000001eu
#define LEAF_AMD_MORE   0x80000021u

/* A new entry with what the machine says. Entries come in rising order of leaf and subleaf within each range. */
struct cpuid_entry *cpuid_add(struct cpuid_table *t, u32 leaf, u32 subleaf, bool indexed);

/* cpuid_topology.c: the leaves that tell how vCPUs are arranged. */
/* Leaf 1, whose other fields are done. */
void cpuid_package(struct cpuid_entry *e, const struct topology *topo);
/* Leaf 4 (Intel) or 0x8000001d (AMD): the machine's caches, and who shares each. */
void cpuid_caches(struct cpuid_table *t, u32 leaf, const struct topology *topo);
/* Leaf 0xb, or 0x1f with dies of their own. */
void cpuid_levels(struct cpuid_table *t, u32 leaf, const struct topology *topo);
/* AMD's leaf 0x80000008 and 0x8000001e. */
void cpuid_amd_sizes(struct cpuid_entry *e, const struct topology *topo);
void cpuid_amd_ids(struct cpuid_table *t, const struct topology *topo);
/* The parts of 0x8000001e that differ from vCPU to vCPU, into its registers. */
void cpuid_amd_patch(struct vcpu *v);

/* cpuid_host.c: what all CPUs of this machine have in common, of leaves with features; else what this one says. */
struct cpuid cpuid_common(u32 leaf, u32 subleaf);

/* ARCH_CAPABILITIES of all CPUs: what each is free of, and what any of them warns of. */
u64 cpuid_common_capabilities(void);

/* cpuid_spec.c: what a guest is told of ARCH_CAPABILITIES; the controls that go with the features that are shown. */
void cpuid_spec_capabilities(struct cpuid_table *t);
void cpuid_spec(struct cpuid_table *t);

/* The bits of 80000001H EDX that AMD copies from leaf 1. */
#define CPUID_AMD_SHARED (BITS(9, 0) | BITS(17, 12) | BIT(23) | BIT(24))

/* cpuid_apply.c: a table that was filled with all that is offered. */
/* Which features it shows. */
void cpuid_shown(const struct cpuid_table *t, struct cpu_set *out);
/* The highest extended leaf with something in it, into the leaf that says so. */
void cpuid_extended_last(struct cpuid_table *t);
/* Takes what the domain's CPU does without, and shows its signature and name. */
void cpuid_apply(struct cpuid_table *t, const struct vm_cpu *cpu);
