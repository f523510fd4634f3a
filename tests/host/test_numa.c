/*
 * vm/numa.h on a machine of three nodes, of which node 1 has two ranges: which nodes a domain's memory comes from, and what is
 * given when one has nothing left.
 *
 * sources: vm/numa.c core/host.c lib/cpuset.c lib/fmt.c lib/string.c
 */
#include "vm/numa.h"

#include "arch/smp.h"
#include "core/place.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "tests/host/harness.h"
#include "vm/domain.h"

#define G     GRANULE_SIZE
#define OWNER (OWNER_VM + 3)

static struct place places[6];
static struct domain d;
static struct numa_plan plan;
static u64 left[4]; /* granules of each range */

u32 cpu_count(void)
{
	return 6;
}

const struct place *place_of(u32 cpu)
{
	return &places[cpu];
}

static u32 range_of(u64 start)
{
	u32 i = 0;

	while (host.ranges[i].base != start)
		i++;
	return i;
}

u64 granule_free_within(u64 start, u64 end)
{
	CHECK_EQ(end - start, host.ranges[range_of(start)].len);
	return left[range_of(start)] * G;
}

int granule_alloc_within(owner_t owner, u64 count, u64 align, u64 start, u64 end, paddr_t *out)
{
	u32 i = range_of(start);

	CHECK(owner == OWNER && align == count && end > start);
	if (left[i] < count)
		return -ENOMEM;
	left[i] -= count;
	*out = PADDR(start + left[i] * G);
	return 0;
}

/* Anywhere: also what is of no node. */
int granule_alloc(owner_t owner, u64 count, u64 align, paddr_t *out)
{
	*out = PADDR(1ULL << 40);
	return 0;
}

/* CPUs 0, 1; 2, 3; 4, 5. Node 2 is nearer to 0 than node 1 is. */
static void begin(void)
{
	static const u8 slit[3][3] = { { 10, 40, 20 }, { 40, 10, 30 }, { 20, 30, 10 } };
	static const u8 nodes[4] = { 0, 1, 2, 1 };
	static const u64 sizes[4] = { 8, 4, 8, 12 };

	memset(&host, 0, sizeof(host));
	host.node_count = 3;
	host.slit_count = 3;
	host.range_count = 4;
	for (u32 i = 0; i < 3; i++) {
		host.node_domains[i] = i;
		memcpy(host.slit[i], slit[i], 3);
	}
	for (u32 i = 0; i < 4; i++) {
		host.ranges[i] = (struct host_range){ i * 64 * G, sizes[i] * G, nodes[i] };
		left[i] = sizes[i];
	}
	for (u32 i = 0; i < 6; i++)
		places[i].node = i / 2;
	memset(&d, 0, sizeof(d));
	d.vcpus = 2;
}

static u32 take(u32 turn, u64 count)
{
	paddr_t pa;

	if (numa_alloc(&plan, turn, OWNER, count, &pa))
		return ~0u;
	return numa_node_of(pa);
}

static void check_order(u32 a, u32 b, u32 c)
{
	CHECK_EQ(numa_plan(&d, &plan), 0);
	CHECK(plan.count == 3 && !plan.only && !plan.interleave);
	CHECK(plan.nodes[0] == a && plan.nodes[1] == b && plan.nodes[2] == c);
}

TEST(near_its_vcpus)
{
	begin();
	check_order(1, 2, 0); /* anywhere: where most is free */
	d.cpus.word[0] = 3;
	check_order(0, 2, 1);
	d.vcpupin[0].word[0] = d.vcpupin[1].word[0] = BIT(4);
	check_order(2, 0, 1);
	d.vcpusoft[0].word[0] = BIT(3); /* where it may not run */
	check_order(2, 0, 1);
	d.vcpupin[1].word[0] = BIT(1); /* one here and one there */
	left[2] = 9;
	check_order(2, 0, 1);
	left[0] = 10;
	check_order(0, 2, 1);
	begin();
	d.soft.word[0] = BIT(0);
	check_order(0, 2, 1);
}

TEST(the_nearest_when_it_is_full)
{
	begin();
	d.cpus.word[0] = 3;
	CHECK_EQ(numa_plan(&d, &plan), 0);
	CHECK_EQ(take(0, 8), 0);
	CHECK_EQ(take(1, 8), 2);
	CHECK_EQ(take(2, 8), 1);
	CHECK_EQ(take(3, 4), 1);
	CHECK_EQ(take(4, 4), 1);
	CHECK_EQ(take(5, 1), HOST_MAX_NODES);
}

TEST(strict_is_strict)
{
	begin();
	d.numa = NUMA_STRICT;
	d.numa_nodes.word[0] = BIT(0) | BIT(2);
	CHECK_EQ(numa_plan(&d, &plan), 0);
	CHECK_EQ(numa_plan_free(&plan), 16 * G);
	CHECK_EQ(take(0, 8), 0);
	CHECK_EQ(take(1, 8), 2);
	CHECK_EQ(take(2, 1), ~0u);
	d.numa_nodes.word[0] = BIT(3);
	CHECK_EQ(numa_plan(&d, &plan), -EINVAL);
	d.numa_nodes.word[0] = BIT(1) | BIT(63);
	CHECK_EQ(numa_plan(&d, &plan), -EINVAL);
}

TEST(preferred_is_not)
{
	begin();
	d.numa = NUMA_PREFERRED;
	d.numa_nodes.word[0] = BIT(0);
	check_order(0, 2, 1);
	CHECK_EQ(take(0, 8), 0);
	CHECK_EQ(take(1, 1), 2);
}

TEST(interleaved)
{
	begin();
	d.numa = NUMA_INTERLEAVE;
	d.numa_nodes.word[0] = BIT(0) | BIT(2);
	CHECK_EQ(numa_plan(&d, &plan), 0);
	for (u32 i = 0; i < 16; i++)
		CHECK_EQ(take(i, 1), i % 2 ? 2 : 0);
	CHECK_EQ(take(16, 1), HOST_MAX_NODES);
}

TEST(all_alike)
{
	begin();
	CHECK_EQ(numa_cpus(BIT(0) | BIT(2)).word[0], 0x33);
	host.node_count = 1;
	CHECK_EQ(numa_plan(&d, &plan), 0);
	CHECK_EQ(plan.count, 0);
	CHECK_EQ(numa_cpus(1).word[0], 0);
	d.numa = NUMA_STRICT;
	d.numa_nodes.word[0] = 1;
	CHECK_EQ(numa_plan(&d, &plan), 0);
	d.numa_nodes.word[0] = 2;
	CHECK_EQ(numa_plan(&d, &plan), -EINVAL);
	host.node_count = 0; /* no SRAT */
	d.numa_nodes.word[0] = 1;
	CHECK_EQ(numa_plan(&d, &plan), 0);
	CHECK_EQ(plan.count, 0);
}
