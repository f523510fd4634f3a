/*
 * The one description of this machine, and what is made of it once all tables were read.
 */
#include "core/host.h"

#define DISTANCE_LOCAL  10u
#define DISTANCE_REMOTE 20u

struct host host;

void host_set_boot_cpu(struct host *h, u32 apic_id)
{
	u32 i = 0;

	while (i < h->cpu_count && h->apic_ids[i] != apic_id)
		i++;
	if (i == h->cpu_count && i < HOST_MAX_CPUS)
		h->cpu_count++;
	if (i == HOST_MAX_CPUS) /* it is one of those left out: it takes another's place */
		i--;
	for (; i; i--)
		h->apic_ids[i] = h->apic_ids[i - 1];
	h->apic_ids[0] = apic_id;
}

u32 host_node_of(const struct host *h, u32 apic_id)
{
	for (u32 i = 0; i < h->affinity_count; i++)
		if (h->affinities[i].apic_id == apic_id)
			return h->affinities[i].node;
	return 0;
}

u32 host_distance(const struct host *h, u32 a, u32 b)
{
	u32 from = h->node_domains[a], to = h->node_domains[b];

	if (from < h->slit_count && to < h->slit_count)
		return h->slit[from][to];
	return a == b ? DISTANCE_LOCAL : DISTANCE_REMOTE;
}
