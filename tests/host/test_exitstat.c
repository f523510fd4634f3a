/*
 * vm/exitstat.h: which bucket a time goes to, at its edges; sums; times that 32 bits cannot hold.
 *
 * sources: vm/exitstat.c
 * flags: -include tests/host/fake_cpu.h
 */
#include <string.h>

#include "tests/host/harness.h"
#include "vm/exitstat.h"

static u64 now;
static struct exit_stats stats;
static struct vcpu v;

u64 fake_rdtsc(void)
{
	return now;
}

/* An exit of that kind at the TSC's start, for so long. */
static void exit_for(u32 kind, u64 start, u64 cycles)
{
	v.exit_tsc = (u32)start;
	now = start + cycles;
	exit_count(&v, &stats, kind);
}

/* The only bucket of a kind's that is not empty. */
static u32 only_bucket(u32 kind)
{
	u32 found = EXIT_BUCKETS;

	for (u32 i = 0; i < EXIT_BUCKETS; i++) {
		if (!stats.hist[kind][i])
			continue;
		CHECK_EQ(found, EXIT_BUCKETS);
		found = i;
	}
	return found;
}

/* 2^b is the first of bucket b, 2^b - 1 the last of the one before; also where the lower half wraps meanwhile. */
TEST(edges)
{
	static const u64 starts[] = { 0, 0x123456789abULL, 0xffffffffULL, 0x1fffffff0ULL };

	CHECK_EQ(exit_bucket(0), 0);
	CHECK_EQ(exit_bucket(1), 0);
	for (u32 k = 0; k < ARRAY_LEN(starts); k++) {
		for (u32 b = 1; b < EXIT_BUCKETS; b++) {
			memset(&stats, 0, sizeof(stats));
			exit_for(EXIT_CPUID, starts[k], 1ULL << b);
			CHECK_EQ(only_bucket(EXIT_CPUID), b);
			memset(&stats, 0, sizeof(stats));
			exit_for(EXIT_CPUID, starts[k], (1ULL << b) - 1);
			CHECK_EQ(only_bucket(EXIT_CPUID), b - 1);
		}
	}
}

TEST(sums)
{
	memset(&stats, 0, sizeof(stats));
	for (u32 i = 0; i < 1000; i++)
		exit_for(EXIT_CPUID, i, i * i);
	exit_for(EXIT_ERROR, 0, 7);
	exit_for(EXIT_NONE, 0, 7);
	exit_for(EXIT_ROW_START, 0, 7);
	CHECK_EQ(exit_stats_count(&stats, EXIT_CPUID), 1000);
	CHECK_EQ(exit_stats_count(&stats, EXIT_HLT), 0);
	CHECK_EQ(exit_stats_total(&stats), 1002); /* a start is no exit */
}

/* What the scheduler says of a thread that was away from left to back; then it takes a little longer. */
static u32 away(u64 start, u64 left, u64 back)
{
	memset(&stats, 0, sizeof(stats));
	v.exit_tsc = exit_tsc_after((u32)start, left, back);
	now = back + 100;
	exit_count(&v, &stats, EXIT_HLT);
	return only_bucket(EXIT_HLT);
}

TEST(long_times)
{
	u64 start = 0x5fffffff0ULL;

	CHECK_EQ(away(start, start + 50, start + 200), 8);
	CHECK_EQ(away(start, start + 50, start + (1u << 30)), 30);
	CHECK_EQ(away(start, start + 50, start + EXIT_LONGEST - 1), 31);
	CHECK_EQ(away(start, start + 50, start + EXIT_LONGEST), 31);
	CHECK_EQ(away(start, start + 50, start + (1ULL << 32) + 1), 31);
	CHECK_EQ(away(start, start + 50, start + (1ULL << 32) * 1000 + 5), 31);
	/* Twice. */
	v.exit_tsc = exit_tsc_after((u32)start, start + 50, start + (1ULL << 40));
	v.exit_tsc = exit_tsc_after(v.exit_tsc, start + (1ULL << 40) + 1,
				    start + (1ULL << 40) + (3u << 30));
	memset(&stats, 0, sizeof(stats));
	now = start + (1ULL << 40) + (3u << 30) + 9;
	exit_count(&v, &stats, EXIT_HLT);
	CHECK_EQ(only_bucket(EXIT_HLT), 31);
	/* The other CPU's TSC is behind. */
	CHECK_EQ(away(start, start + 50, start + 40), 7);
}

TEST(names)
{
	for (u32 kind = 0; kind < EXIT_KINDS; kind++)
		CHECK(exit_kind_name(kind));
	CHECK_STR(exit_stat_name(EXIT_HLT), "exits.hlt");
	CHECK(!exit_stat_name(EXIT_SHUTDOWN));
}
