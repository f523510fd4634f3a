/*
 * How a VM's vCPUs are arranged in sockets, dies, cores and threads, and the APIC ids that follow from it: a field
 * of bits for each level, as CPUID describes them.
 */
#pragma once

#include "lib/types.h"

struct domain;

#define TOPOLOGY_IDS    128u /* APIC ids are below, however up to 64 vCPUs are arranged */
#define TOPOLOGY_NOBODY 0xff

struct topology {
	u32 sockets, dies, cores,
		threads; /* of the level above: their product is the number of vCPUs */
	u8 thread_bits, core_bits, die_bits; /* of the APIC id, from the lowest */
	u8 vcpu_of[TOPOLOGY_IDS];            /* by APIC id; TOPOLOGY_NOBODY */
};

/* What cfg says, or one socket with a core for each vCPU. */
struct topology topology_of(const struct domain *cfg);

/* The APIC id of vCPU index, below TOPOLOGY_IDS. */
u32 topology_apic_id(const struct topology *t, u32 index);

/* Threads of one socket, and the bits of an APIC id that tell them apart. */
u32 topology_socket_threads(const struct topology *t);
u32 topology_socket_bits(const struct topology *t);
