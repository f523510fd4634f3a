/*
 * Where this machine's CPUs are: which are threads of one core, share their last-level cache, are in one package or
 * near the same memory. By CPUID, that each CPU asks itself, and by the firmware's SRAT (core/host.h).
 */
#pragma once

#include "arch/cpu.h"
#include "lib/types.h"

/* How an APIC id is divided: a CPU's core, last-level cache and package are its id without so many low bits. */
struct place_levels {
	u8 core_bits, llc_bits, package_bits;
	u8 llc_level; /* 0: CPUID says nothing of caches; llc_bits are then package_bits */
	u64 llc_size; /* bytes */
};

struct place {
	u32 apic_id;
	u32 package;      /* its number, as APIC ids have it */
	u32 core, thread; /* numbers within package and core */
	u32 node;         /* as in struct host */
	u8 llc_level;
	u64 llc_size; /* bytes */
};

/*
 * What CPUID says on this CPU: leaves 1FH and BH, else 8000_0008H and 8000_001EH (AMD) or 1 and 4; caches by
 * 8000_001DH or 4 (SDM vol. 2, "CPUID"; APM vol. 3, appendix E). Whatever it answers, core_bits <= package_bits <= 31, and
 * llc_bits lies between them.
 */
struct place_levels place_levels(void);

/* Takes note of where this CPU is. Each CPU, before it schedules. */
void place_init_cpu(void);

/* Of a CPU that has called the above. */
const struct place *place_of(u32 cpu);

/* Some core has several threads. Never false again. */
extern bool place_threads;

/* CPUs that share it with cpu, which is one of them: a core; a last-level cache; a package; a NUMA node. Any context. */
u64 place_core(u32 cpu);
u64 place_llc(u32 cpu);
u64 place_package(u32 cpu);
u64 place_node(u32 cpu);

/*
 * Packages of each node (one that is divided among nodes counts in each), cores of each package, threads of each core; false, and 1, all CPUs and 1, where they differ.
 */
struct place_shape {
	u32 packages, cores, threads;
};
bool place_shape(struct place_shape *out);

/* Logs the shape, once all CPUs run. */
void place_report(void);
