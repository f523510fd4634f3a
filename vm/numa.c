/*
 * NUMA nodes of a VM's memory; see vm/numa.h.
 */
#include "vm/numa.h"

#include "arch/smp.h"
#include "core/place.h"
#include "lib/errno.h"
#include "vm/domain.h"

static bool one_node(void)
{
	return host.node_count < 2 || !host.range_count;
}

u64 numa_free(u32 node)
{
	u64 sum = 0;

	for (u32 i = 0; i < host.range_count; i++) {
		const struct host_range *r = &host.ranges[i];

		sum += r->node == node ? granule_free_within(r->base, r->base + r->len) : 0;
	}
	return sum;
}

u64 numa_plan_free(const struct numa_plan *p)
{
	u64 sum = 0;

	for (u32 i = 0; i < p->count; i++)
		sum += numa_free(p->nodes[i]);
	return sum;
}

u32 numa_node_of(paddr_t pa)
{
	for (u32 i = 0; i < host.range_count; i++)
		if (pa.v >= host.ranges[i].base && pa.v - host.ranges[i].base < host.ranges[i].len)
			return host.ranges[i].node;
	return HOST_MAX_NODES;
}

struct cpuset numa_cpus(u64 nodes)
{
	struct cpuset cpus = { { 0 } };

	for (u32 i = 0; i < cpu_count() && !one_node(); i++)
		if (nodes & BIT(place_of(i)->node))
			cpuset_set(&cpus, i);
	return cpus;
}

static u64 nodes_of(u64 cpus)
{
	u64 nodes = 0;

	for (u32 i = 0; i < cpu_count(); i++)
		nodes |= cpus & BIT(i) ? BIT(place_of(i)->node) : 0;
	return nodes;
}

/* Where vCPU i runs, or runs rather. */
static u64 vcpu_cpus(const struct domain *d, u32 i)
{
	const struct cpuset *hard = cpuset_empty(&d->vcpupin[i]) ? &d->cpus : &d->vcpupin[i];
	const struct cpuset *soft = cpuset_empty(&d->vcpusoft[i]) ? &d->soft : &d->vcpusoft[i];
	u64 may = cpuset_empty(hard) ? ~0ULL : hard->word[0];

	return may & soft->word[0] ? may & soft->word[0] : may;
}

/* The nodes of all its vCPUs. */
static u64 vcpu_nodes(const struct domain *d)
{
	u64 nodes = 0;

	for (u32 i = 0; i < d->vcpus; i++)
		nodes |= nodes_of(vcpu_cpus(d, i));
	return nodes;
}

/* Of these, or where none has any CPU, of all: the one with the most memory free. */
static u32 freest(u64 nodes)
{
	u64 most = 0;
	u32 best = 0;

	for (u32 i = 0; i < host.node_count; i++) {
		u64 free = numa_free(i);

		if ((!nodes || nodes & BIT(i)) && free > most) {
			most = free;
			best = i;
		}
	}
	return best;
}

/* All nodes, those near to home first. */
static void by_distance(struct numa_plan *p, u32 home)
{
	p->count = 0;
	for (u32 n = 0; n < host.node_count; n++) {
		u32 i = p->count++, d = host_distance(&host, home, n);

		/* Home is its own nearest, as the SLIT was checked to say. */
		for (; i && host_distance(&host, home, p->nodes[i - 1]) > d; i--)
			p->nodes[i] = p->nodes[i - 1];
		p->nodes[i] = (u8)n;
	}
}

static void those(struct numa_plan *p, u64 nodes)
{
	for (u64 set = nodes; set; set &= set - 1)
		p->nodes[p->count++] = (u8)__builtin_ctzll(set);
}

int numa_plan(const struct domain *cfg, struct numa_plan *out)
{
	u64 asked = cfg->numa_nodes.word[0];

	*out = (struct numa_plan){ 0 };
	if (cfg->numa != NUMA_UNSAID && asked & ~(BIT(MAX(host.node_count, 1u)) - 1))
		return -EINVAL;
	if (one_node())
		return 0;
	switch (cfg->numa) {
	case NUMA_UNSAID:
		by_distance(out, freest(vcpu_nodes(cfg)));
		break;
	case NUMA_PREFERRED:
		by_distance(out, freest(asked));
		break;
	case NUMA_STRICT:
	case NUMA_INTERLEAVE:
		those(out, asked);
		out->only = cfg->numa == NUMA_STRICT;
		out->interleave = cfg->numa == NUMA_INTERLEAVE;
		break;
	}
	return 0;
}

static int alloc_in(u32 node, owner_t owner, u64 count, paddr_t *out)
{
	for (u32 i = 0; i < host.range_count; i++) {
		const struct host_range *r = &host.ranges[i];

		if (r->node == node &&
		    !granule_alloc_within(owner, count, count, r->base, r->base + r->len, out))
			return 0;
	}
	return -ENOMEM;
}

int numa_alloc(const struct numa_plan *p, u32 turn, owner_t owner, u64 count, paddr_t *out)
{
	for (u32 i = 0; i < p->count; i++) {
		u32 n = p->interleave ? (turn + i) % p->count : i;

		if (!alloc_in(p->nodes[n], owner, count, out))
			return 0;
	}
	return p->only ? -ENOMEM : granule_alloc(owner, count, count, out);
}
