/*
 * From which NUMA nodes a VM's memory comes, and in which order: by what its document says, else near its vCPUs. A node is what
 * the firmware's SRAT says (core/host.h); without one all memory is alike.
 */
#pragma once

#include "core/host.h"
#include "lib/compiler.h"
#include "lib/cpuset.h"
#include "mm/page.h"

struct domain;

struct numa_plan {
	u32 count; /* 0: all memory is alike */
	u8 nodes[HOST_MAX_NODES];
	bool only;       /* those, and no others */
	bool interleave; /* each in its turn */
};

/*
 * The plan for a domain that starts now. -EINVAL: its document names a node that is not there. Looks at what is free now;
 * no lock is held.
 */
int numa_plan(const struct domain *cfg, struct numa_plan *out) __must_check;

/* Bytes in free granules of a node; of all of a plan's. */
u64 numa_free(u32 node);
u64 numa_plan_free(const struct numa_plan *p);

/*
 * As granule_alloc(), from the plan's nodes: piece number turn, for those that take turns. Where only is not set, whatever is free
 * comes behind them.
 */
int numa_alloc(const struct numa_plan *p, u32 turn, owner_t owner, u64 count, paddr_t *out)
	__must_check;

/* The node of an address; HOST_MAX_NODES: of none. */
u32 numa_node_of(paddr_t pa);

/* The CPUs of these nodes; empty where all memory is alike. */
struct cpuset numa_cpus(u64 nodes);
