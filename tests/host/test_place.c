/*
 * core/place.h: machines made of tables of CPUID's answers. Levels by each kind of leaf, as the makers' manuals have them,
 * and what shares what.
 *
 * sources: core/place.c core/host.c lib/string.c
 * flags: -include tests/host/fake_cpu.h
 */
#include "core/place.h"

#include "arch/smp.h"
#include "core/host.h"
#include "core/log.h"
#include "lib/string.h"
#include "tests/host/harness.h"
#include "tests/host/rand.h"

struct answer {
	u32 leaf, subleaf;
	struct cpuid r;
};

static const struct answer *answers;
static u32 answer_count;

static struct cpuid junk(u32 leaf)
{
	u64 a = rand_u64(), b = rand_u64();

	/* As many leaves as there can be, or as it likes. */
	if (!(leaf & 0xffff) && rand_below(2))
		return (struct cpuid){ leaf + 0xff, 0, 0, 0 };
	return (struct cpuid){ (u32)a, (u32)(a >> 32), (u32)b, (u32)(b >> 32) };
}

struct cpuid fake_cpuid(u32 leaf, u32 subleaf)
{
	if (!answers)
		return junk(leaf);
	for (u32 i = 0; i < answer_count; i++)
		if (answers[i].leaf == leaf && answers[i].subleaf == subleaf)
			return answers[i].r;
	return (struct cpuid){ 0 };
}

static struct place_levels levels_of(const struct answer *table, u32 count)
{
	answers = table;
	answer_count = count;
	return place_levels();
}
#define LEVELS(table) levels_of(table, ARRAY_LEN(table))

/* Of caches: type, level, threads that share it; ways, sets of 64-byte lines. */
#define CACHE(type, level, threads, ways, sets)                                                    \
	{                                                                                          \
		(type) | (level) << 5 | ((threads)-1) << 14, ((ways)-1) << 22 | 63, (sets)-1, 0    \
	}

/* The world around core/place.c. */

static u32 here, cpus_now, ids[MAX_CPUS];

u32 cpu_id(void)
{
	return here;
}

u32 cpu_count(void)
{
	return cpus_now;
}

u32 cpu_apic_id(u32 cpu)
{
	return ids[cpu];
}

void log_printf(enum log_level level, const char *fmt, ...) {}

TEST(leaf_1f_before_leaf_b)
{
	/* Two threads, 24 cores of which a die has 8; leaf BH knows no dies, and has the same package. */
	static const struct answer table[] = {
		{ 0, 0, { 0x20, 0, 0, 0 } },        { 0x1f, 0, { 1, 2, 0x100, 0 } },
		{ 0x1f, 1, { 4, 16, 0x201, 0 } },   { 0x1f, 2, { 6, 48, 0x502, 0 } },
		{ 0xb, 0, { 1, 2, 0x100, 0 } },     { 0xb, 1, { 5, 48, 0x201, 0 } },
		{ 4, 0, CACHE(1, 1, 2, 12, 64) },   { 4, 1, CACHE(2, 1, 2, 8, 64) },
		{ 4, 2, CACHE(3, 2, 2, 16, 2048) }, { 4, 3, CACHE(3, 3, 16, 12, 16384) },
	};
	struct place_levels l = LEVELS(table);

	CHECK_EQ(l.core_bits, 1);
	CHECK_EQ(l.package_bits, 6);
	CHECK_EQ(l.llc_bits, 4);
	CHECK_EQ(l.llc_level, 3);
	CHECK_EQ(l.llc_size, 12 * MIB);
}

TEST(leaf_b)
{
	static const struct answer table[] = {
		{ 0, 0, { 0xd, 0, 0, 0 } },
		{ 0xb, 0, { 1, 2, 0x100, 0 } },
		{ 0xb, 1, { 4, 12, 0x201, 0 } },
		{ 4, 0, CACHE(3, 3, 12, 1, 64) }, /* 12: of four bits */
	};
	struct place_levels l = LEVELS(table);

	CHECK_EQ(l.core_bits, 1);
	CHECK_EQ(l.package_bits, 4);
	CHECK_EQ(l.llc_bits, 4);
}

TEST(amd_before_leaf_b)
{
	/* Zen: 8 cores of two threads, two L3 caches; the size of ids in 8000_0008H. */
	static const struct answer table[] = {
		{ 0, 0, { 0xd, 0, 0, 0 } },
		{ 0x80000000, 0, { 0x8000001f, 0, 0, 0 } },
		{ 0x80000001, 0, { 0, 0, 1 << 22, 0 } },
		{ 0x80000008, 0, { 0, 0, 0x400f, 0 } },
		{ 0x8000001e, 0, { 0, 0x100, 0, 0 } },
		{ 0x8000001d, 0, CACHE(1, 1, 2, 8, 64) },
		{ 0x8000001d, 1, CACHE(3, 3, 8, 16, 8192) },
		{ 4, 0, CACHE(3, 3, 16, 1, 64) }, /* reserved there */
	};
	struct place_levels l = LEVELS(table);

	CHECK_EQ(l.core_bits, 1);
	CHECK_EQ(l.package_bits, 4);
	CHECK_EQ(l.llc_bits, 3);
	CHECK_EQ(l.llc_size, 8 * MIB);
}

TEST(amd_without_topology_extensions)
{
	/* K10: six cores, and no size of ids. */
	static const struct answer table[] = {
		{ 0, 0, { 5, 0, 0, 0 } },
		{ 0x80000000, 0, { 0x8000001b, 0, 0, 0 } },
		{ 0x80000008, 0, { 0, 0, 5, 0 } },
	};
	struct place_levels l = LEVELS(table);

	CHECK_EQ(l.core_bits, 0);
	CHECK_EQ(l.package_bits, 3);
	CHECK_EQ(l.llc_level, 0);
	CHECK_EQ(l.llc_bits, 3);
}

TEST(leaves_1_and_4)
{
	/* Four cores of two threads; before that a Pentium 4, of two threads. */
	static const struct answer core2[] = {
		{ 0, 0, { 0xa, 0, 0, 0 } },
		{ 1, 0, { 0, 8 << 16, 0, 1 << 28 } },
		{ 4, 0, { 3u << 26 | 1 | 1 << 5 | 1 << 14, 0, 0, 0 } },
		{ 4, 1, CACHE(3, 2, 4, 1, 64) },
	};
	static const struct answer p4[] = {
		{ 0, 0, { 2, 0, 0, 0 } },
		{ 1, 0, { 0, 2 << 16, 0, 1 << 28 } },
	};
	static const struct answer single[] = {
		{ 0, 0, { 2, 0, 0, 0 } },
		{ 1, 0, { 0, 2 << 16, 0, 0 } }, /* without HTT the number does not count */
	};
	struct place_levels l = LEVELS(core2);

	CHECK_EQ(l.core_bits, 1);
	CHECK_EQ(l.package_bits, 3);
	CHECK_EQ(l.llc_bits, 2);
	l = LEVELS(p4);
	CHECK_EQ(l.core_bits, 1);
	CHECK_EQ(l.package_bits, 1);
	l = LEVELS(single);
	CHECK_EQ(l.package_bits, 0);
}

TEST(whatever_cpuid_says)
{
	answers = NULL;
	for (u32 i = 0; i < 10000; i++) {
		struct place_levels l = place_levels();

		CHECK(l.core_bits <= l.llc_bits && l.llc_bits <= l.package_bits);
		CHECK(l.package_bits <= 31);
	}
}

static void start(u32 cpu, u32 id)
{
	here = cpu;
	ids[cpu] = id;
	cpus_now = cpu + 1;
	place_init_cpu();
}

TEST(sets_of_a_machine)
{
	/* Packages of four cores of two threads; two cores share a cache, and are a node. */
	static const struct answer table[] = {
		{ 0, 0, { 0xd, 0, 0, 0 } },
		{ 0xb, 0, { 1, 2, 0x100, 0 } },
		{ 0xb, 1, { 3, 8, 0x201, 0 } },
		{ 4, 0, CACHE(3, 2, 4, 1, 64) },
	};
	struct place_shape s;

	answers = table;
	answer_count = ARRAY_LEN(table);
	host.node_count = 4;
	for (u32 i = 0; i < 16; i++)
		host.affinities[i] = (struct host_affinity){ i, (u8)(i / 4) };
	host.affinity_count = 16;
	for (u32 i = 0; i < 16; i++)
		start(i, i < 8 ? 8 + i : i - 8); /* the other package first */
	CHECK_EQ(place_core(0), 0x3);
	CHECK_EQ(place_core(1), 0x3);
	CHECK_EQ(place_core(14), 0xc000);
	CHECK_EQ(place_llc(2), 0xf);
	CHECK_EQ(place_llc(7), 0xf0);
	CHECK_EQ(place_package(3), 0xff);
	CHECK_EQ(place_node(9), 0xf00);
	CHECK_EQ(place_of(0)->package, 1);
	CHECK_EQ(place_of(0)->node, 2);
	CHECK_EQ(place_of(8)->node, 0);
	CHECK_EQ(place_of(13)->core, 2);
	CHECK_EQ(place_of(13)->thread, 1);
	CHECK(place_shape(&s));
	CHECK_EQ(s.packages, 1); /* its part in a node */
	CHECK_EQ(s.cores, 2);
	CHECK_EQ(s.threads, 2);
	start(16, 16); /* one of a third package */
	CHECK_EQ(place_core(16), 0x10000);
	CHECK(!place_shape(&s));
	CHECK_EQ(s.cores, 17);
	CHECK_EQ(s.threads, 1);
}
