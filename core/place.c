/*
 * Levels out of CPUID, and sets of CPUs out of those. CPUs start one after the other; the sets are atomic, since CPUs
 * that run already look at them while others start.
 */
#include "core/place.h"

#include "arch/percpu.h"
#include "arch/smp.h"
#include "core/host.h"
#include "core/log.h"
#include "lib/atomic.h"
#include "lib/string.h"

#define LEAF_BASIC        0u
#define LEAF_FEATURES     1u
#define LEAF_CACHES       4u
#define LEAF_TOPOLOGY     0xbu
#define LEAF_TOPOLOGY_V2  0x1fu
#define LEAF_EXTENDED     0x80000000u
#define LEAF_EXT_FEATURES 0x80000001u
#define LEAF_AMD_SIZES    0x80000008u
#define LEAF_AMD_CACHES   0x8000001du
#define LEAF_AMD_TOPOLOGY 0x8000001eu

#define LEVELS_MAX    8 /* of subleaves that are looked at */
#define TYPE_THREAD   1
#define CACHE_DATA    1
#define CACHE_UNIFIED 3
#define HTT           BIT(28) /* leaf 1, EDX: the numbers of threads count */
#define TOPOEXT       BIT(22) /* 8000_0001H, ECX */
#define ID_BITS_MAX   31u

struct leaves {
	u32 basic, extended; /* the last leaves */
	bool topoext;
};

static u32 field(u32 reg, u32 high, u32 low)
{
	return reg >> low & (u32)(BIT(high - low + 1) - 1);
}

/* Bits that hold numbers below n. */
static u8 bits_for(u32 n)
{
	u8 bits = 0;

	while (bits < ID_BITS_MAX && 1u << bits < n)
		bits++;
	return bits;
}

/* False: the leaf is not there. */
static bool by_topology_leaf(const struct leaves *has, u32 leaf, struct place_levels *l)
{
	if (has->basic < leaf)
		return false;
	for (u32 i = 0; i < LEVELS_MAX; i++) {
		struct cpuid c = cpuid(leaf, i);
		u32 type = field(c.ecx, 15, 8);

		if (!type || !c.ebx)
			return i;
		if (type == TYPE_THREAD)
			l->core_bits = (u8)field(c.eax, 4, 0);
		l->package_bits = (u8)field(c.eax, 4, 0);
	}
	return true;
}

/* AMD's CPUs before they had leaf BH. */
static bool by_amd_leaves(const struct leaves *has, struct place_levels *l)
{
	struct cpuid sizes;

	if (has->extended < LEAF_AMD_SIZES || !cpuid(LEAF_AMD_SIZES, 0).ecx)
		return false;
	sizes = cpuid(LEAF_AMD_SIZES, 0);
	l->package_bits = (u8)field(sizes.ecx, 15, 12);
	if (!l->package_bits)
		l->package_bits = bits_for(field(sizes.ecx, 7, 0) + 1);
	if (has->topoext && has->extended >= LEAF_AMD_TOPOLOGY)
		l->core_bits = bits_for(field(cpuid(LEAF_AMD_TOPOLOGY, 0).ebx, 15, 8) + 1);
	return true;
}

static void by_old_leaves(const struct leaves *has, struct place_levels *l)
{
	struct cpuid f = cpuid(LEAF_FEATURES, 0);
	u32 threads = f.edx & HTT ? field(f.ebx, 23, 16) : 1, cores = 1;

	if (has->basic >= LEAF_CACHES)
		cores = field(cpuid(LEAF_CACHES, 0).eax, 31, 26) + 1;
	l->package_bits = bits_for(threads);
	l->core_bits = l->package_bits - MIN(l->package_bits, bits_for(cores));
}

/* The cache that is furthest from the core. */
static void find_llc(u32 leaf, struct place_levels *l)
{
	for (u32 i = 0; i < LEVELS_MAX; i++) {
		struct cpuid c = cpuid(leaf, i);
		u32 type = field(c.eax, 4, 0), level = field(c.eax, 7, 5);

		if (!type)
			return;
		if ((type != CACHE_DATA && type != CACHE_UNIFIED) || level <= l->llc_level)
			continue;
		l->llc_level = (u8)level;
		l->llc_bits = bits_for(field(c.eax, 25, 14) + 1);
		/* ways, partitions, bytes of a line, sets */
		l->llc_size = (u64)(field(c.ebx, 31, 22) + 1) * (field(c.ebx, 21, 12) + 1) *
			      (field(c.ebx, 11, 0) + 1) * ((u64)c.ecx + 1);
	}
}

struct place_levels place_levels(void)
{
	struct leaves has = { .basic = cpuid(LEAF_BASIC, 0).eax };
	struct place_levels l = { .core_bits = 0 };

	has.extended = cpuid(LEAF_EXTENDED, 0).eax;
	if (has.extended < LEAF_EXTENDED)
		has.extended = 0;
	has.topoext =
		has.extended >= LEAF_AMD_TOPOLOGY && cpuid(LEAF_EXT_FEATURES, 0).ecx & TOPOEXT;
	if (!by_topology_leaf(&has, LEAF_TOPOLOGY_V2, &l) &&
	    !by_topology_leaf(&has, LEAF_TOPOLOGY, &l) && !by_amd_leaves(&has, &l))
		by_old_leaves(&has, &l);
	l.core_bits = MIN(l.core_bits, l.package_bits);
	if (has.topoext)
		find_llc(LEAF_AMD_CACHES, &l);
	else if (has.basic >= LEAF_CACHES)
		find_llc(LEAF_CACHES, &l);
	/* Packages share no cache, and threads of a core share all. */
	l.llc_bits =
		l.llc_level ? MIN(MAX(l.llc_bits, l.core_bits), l.package_bits) : l.package_bits;
	return l;
}

/* The machine. */

enum { SHARE_CORE, SHARE_LLC, SHARE_PACKAGE, SHARE_NODE, SHARE_COUNT };

static struct place places[MAX_CPUS];        /* each const once its CPU is among those of sets */
static struct place_levels levels[MAX_CPUS]; /* the same */
static u64 sets[SHARE_COUNT][MAX_CPUS];      /* by CPU; atomic */

bool place_threads;

static bool shares(u32 what, u32 a, u32 b)
{
	u32 ia = places[a].apic_id, ib = places[b].apic_id;

	switch (what) {
	case SHARE_CORE:
		return ia >> levels[a].core_bits == ib >> levels[b].core_bits &&
		       levels[a].core_bits == levels[b].core_bits;
	case SHARE_LLC:
		return ia >> levels[a].llc_bits == ib >> levels[b].llc_bits &&
		       levels[a].llc_bits == levels[b].llc_bits;
	case SHARE_PACKAGE:
		return places[a].package == places[b].package;
	default:
		return places[a].node == places[b].node;
	}
}

void place_init_cpu(void)
{
	u32 cpu = cpu_id(), id = cpu_apic_id(cpu);
	struct place_levels l = place_levels();

	levels[cpu] = l;
	places[cpu] = (struct place){
		.apic_id = id,
		.package = id >> l.package_bits,
		.core = (u32)(id & (BIT(l.package_bits) - 1)) >> l.core_bits,
		.thread = (u32)(id & (BIT(l.core_bits) - 1)),
		.node = host_node_of(&host, id),
		.llc_level = l.llc_level,
		.llc_size = l.llc_size,
	};
	for (u32 what = 0; what < SHARE_COUNT; what++) {
		for (u32 other = 0; other <= cpu; other++) {
			if (!shares(what, cpu, other))
				continue;
			atomic_fetch_or(&sets[what][cpu], BIT(other));
			atomic_fetch_or(&sets[what][other], BIT(cpu));
		}
	}
	if (place_core(cpu) & ~BIT(cpu))
		atomic_store_relaxed(&place_threads, true);
}

const struct place *place_of(u32 cpu)
{
	return &places[cpu];
}

u64 place_core(u32 cpu)
{
	return atomic_load_relaxed(&sets[SHARE_CORE][cpu]);
}

u64 place_llc(u32 cpu)
{
	return atomic_load_relaxed(&sets[SHARE_LLC][cpu]);
}

u64 place_package(u32 cpu)
{
	return atomic_load_relaxed(&sets[SHARE_PACKAGE][cpu]);
}

u64 place_node(u32 cpu)
{
	return atomic_load_relaxed(&sets[SHARE_NODE][cpu]);
}

static u32 count(u64 set)
{
	u32 n = 0;

	for (; set; set &= set - 1)
		n++;
	return n;
}

/* A package counts once in each node that it has a part in. */
static u64 package_part(u32 cpu)
{
	return place_package(cpu) & place_node(cpu);
}

/* Whether all CPUs are as the shape says that they are. */
static bool regular(const struct place_shape *s, u32 cpus)
{
	for (u32 i = 0; i < cpus; i++) {
		if (count(place_core(i)) != s->threads ||
		    count(package_part(i)) != s->threads * s->cores ||
		    count(place_node(i)) != s->threads * s->cores * s->packages)
			return false;
	}
	return true;
}

bool place_shape(struct place_shape *out)
{
	u32 cpus = cpu_count(), package = count(package_part(0));

	out->threads = MAX(count(place_core(0)), 1u);
	out->cores = MAX(package / out->threads, 1u);
	out->packages = MAX(count(place_node(0)) / MAX(package, 1u), 1u);
	if (regular(out, cpus))
		return true;
	*out = (struct place_shape){ .packages = 1, .cores = cpus, .threads = 1 };
	return false;
}

void place_report(void)
{
	u32 nodes = MAX(host.node_count, 1u);
	struct place_shape s;
	bool even = place_shape(&s);

	log_info("topology: %u node%s of %u package%s, %u cores, %u threads each%s", nodes,
		 nodes == 1 ? "" : "s", s.packages, s.packages == 1 ? "" : "s", s.cores, s.threads,
		 even ? "" : " (not all alike)");
}
