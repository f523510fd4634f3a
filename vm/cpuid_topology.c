/*
 * What CPUID says about the arrangement of vCPUs, by vm/topology.h (SDM vol. 2, "CPUID", leaves 1, 4, 0BH and
 * 1FH; AMD APM vol. 3, appendix E, Fn8000_0008, Fn8000_001D and Fn8000_001E).
 */
#include "vm/cpuid_table.h"

#include "vm/topology.h"
#include "vm/vcpu.h"
#include "vm/vm.h"

#define L1_EDX_HTT      BIT(28)
#define LEAF_LEVELS2    0x1fu
#define LEAF_AMD_CACHES 0x8000001du
#define LEAF_AMD_IDS    0x8000001eu
#define CACHES_MAX      4

void cpuid_package(struct cpuid_entry *e, const struct topology *topo)
{
	u32 threads = topology_socket_threads(topo);

	e->ebx |= threads << 16;
	if (threads > 1)
		e->edx |= (u32)L1_EDX_HTT;
}

/* The highest APIC id, within their field, of those who share a cache of that level. */
static u32 sharers(const struct topology *topo, u32 level)
{
	return (1u << (level < 3 ? topo->thread_bits : topo->thread_bits + topo->core_bits)) - 1;
}

/* The first two levels are a core's, the third a die's. */
void cpuid_caches(struct cpuid_table *t, u32 leaf, const struct topology *topo)
{
	for (u32 sub = 0; sub < CACHES_MAX; sub++) {
		struct cpuid_entry *e = cpuid_add(t, leaf, sub, true);

		if (!(e->eax & BITS(4, 0))) {
			*e = (struct cpuid_entry){ .leaf = leaf, .subleaf = sub, .indexed = true };
			break;
		}
		e->eax = (e->eax & (u32)BITS(13, 0)) | sharers(topo, e->eax >> 5 & 7) << 14;
		if (leaf != LEAF_AMD_CACHES)
			e->eax |= ((1u << (topo->core_bits + topo->die_bits)) - 1) << 26;
	}
}

void cpuid_levels(struct cpuid_table *t, u32 leaf, const struct topology *topo)
{
	enum { LEVEL_THREADS = 1, LEVEL_CORES = 2, LEVEL_DIES = 5 };
	const struct {
		u32 type, bits,
			threads; /* bits of the APIC id up to the next level; threads in it */
	} levels[] = {
		{ LEVEL_THREADS, topo->thread_bits, topo->threads },
		{ LEVEL_CORES, topo->thread_bits + topo->core_bits, topo->threads * topo->cores },
		{ LEVEL_DIES, topology_socket_bits(topo), topology_socket_threads(topo) },
	};

	for (u32 sub = 0; sub < 3; sub++) {
		/* Leaf 0xb knows no dies: its cores are all of the socket's. */
		u32 row = leaf != LEAF_LEVELS2 && sub == 1 ? 2 : sub;
		u32 type = leaf != LEAF_LEVELS2 && sub == 1 ? LEVEL_CORES : levels[row].type;
		struct cpuid_entry *e;

		if (leaf != LEAF_LEVELS2 && sub == 2)
			break;
		e = cpuid_add(t, leaf, sub, true);
		e->eax = levels[row].bits;
		e->ebx = levels[row].threads;
		e->ecx = sub | type << 8;
		e->edx = 0; /* the APIC id, patched in */
	}
}

void cpuid_amd_sizes(struct cpuid_entry *e, const struct topology *topo)
{
	e->ecx = topology_socket_bits(topo) << 12 | (topology_socket_threads(topo) - 1);
}

void cpuid_amd_ids(struct cpuid_table *t, const struct topology *topo)
{
	struct cpuid_entry *e = cpuid_add(t, LEAF_AMD_IDS, 0, false);

	e->eax = 0;                        /* the APIC id, */
	e->ebx = (topo->threads - 1) << 8; /* the core's */
	e->ecx = (topo->dies - 1) << 8;    /* and the node's are patched in */
	e->edx = 0;
}

void cpuid_amd_patch(struct vcpu *v)
{
	const struct topology *topo = &v->vm->topology;
	u64 *g = v->regs.gpr;
	u32 core = v->apic_id >> topo->thread_bits;

	g[GPR_RAX] = v->apic_id;
	g[GPR_RBX] |= core & ((1u << (topo->core_bits + topo->die_bits)) - 1);
	g[GPR_RCX] |= core >> topo->core_bits;
}
