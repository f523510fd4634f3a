/*
 * Sockets, dies, cores and threads of a VM (SDM vol. 3, "Programming Considerations for Hardware Multi-Threading
 * Capable Processors").
 */
#include "vm/topology.h"

#include "lib/string.h"
#include "vm/domain.h"

/* Bits that hold numbers below n. */
static u8 bits_for(u32 n)
{
	u8 bits = 0;

	while (1u << bits < n)
		bits++;
	return bits;
}

struct topology topology_of(const struct domain *cfg)
{
	struct topology t = { .sockets = 1, .dies = 1, .cores = cfg->vcpus, .threads = 1 };

	if (cfg->sockets) {
		t.sockets = cfg->sockets;
		t.dies = cfg->dies;
		t.cores = cfg->cores;
		t.threads = cfg->threads;
	}
	t.thread_bits = bits_for(t.threads);
	t.core_bits = bits_for(t.cores);
	t.die_bits = bits_for(t.dies);
	memset(t.vcpu_of, TOPOLOGY_NOBODY, sizeof(t.vcpu_of));
	for (u32 i = 0; i < cfg->vcpus; i++)
		t.vcpu_of[topology_apic_id(&t, i)] = (u8)i;
	return t;
}

u32 topology_apic_id(const struct topology *t, u32 index)
{
	u32 thread = index % t->threads, core = index / t->threads % t->cores;
	u32 die = index / t->threads / t->cores % t->dies;
	u32 socket = index / t->threads / t->cores / t->dies;

	return ((socket << t->die_bits | die) << t->core_bits | core) << t->thread_bits | thread;
}

u32 topology_socket_threads(const struct topology *t)
{
	return t->dies * t->cores * t->threads;
}

u32 topology_socket_bits(const struct topology *t)
{
	return (u32)t->thread_bits + t->core_bits + t->die_bits;
}
