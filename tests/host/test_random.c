/*
 * core/random.h: where the bytes come from, what they tell of others, and generators that are broken.
 *
 * sources: core/random.c lib/chacha20.c lib/string.c
 * flags: -include tests/host/fake_cpu.h -include tests/host/fake_percpu.h
 */
#include "arch/feature.h"
#include "arch/lock.h"
#include "core/random.h"
#include "lib/string.h"
#include "core/panic.h"
#include "tests/host/harness.h"

void *mmap(void *at, size_t len, int prot, int flags, int fd, long offset);
enum { READ_WRITE = 3, SHARED_ANONYMOUS = 0x21 };

#define CPUS 3

static u32 this;
static _Alignas(64) u8 areas[CPUS][256];
static u64 now, tsc, tsc_step, rdrand_calls, rdseed_calls, locked;
static bool features[CPU_FEATURE_COUNT];
static enum { SOUND, SILENT, STUCK, ZERO, BREAKS } seed_kind;

u32 fake_cpu_id(void)
{
	return this;
}
void *fake_percpu(u32 cpu)
{
	return areas[cpu];
}
u64 fake_rdtsc(void)
{
	tsc += 1 + (tsc_step ? tsc * tsc_step >> 7 & 63 : 40);
	return tsc;
}
bool fake_rdrand(u64 *v)
{
	*v = ++rdrand_calls * 0x9e3779b97f4a7c15ULL;
	return rdrand_calls % 3;
}
bool fake_rdseed(u64 *v)
{
	rdseed_calls++;
	*v = seed_kind == STUCK ? 0x1234 :
	     seed_kind == ZERO  ? 0 :
				  rdseed_calls * 0xd1342543de82ef95ULL;
	return seed_kind != SILENT && !(seed_kind == BREAKS && rdseed_calls > 4);
}
bool cpu_has(enum cpu_feature f)
{
	return features[f];
}
u64 clock_ns(void);
u64 clock_ns(void)
{
	return now;
}
u64 clock_wall_s(void);
u64 clock_wall_s(void)
{
	return 1700000000;
}
void spin_lock(struct spinlock *l)
{
	CHECK(!locked++);
}
void spin_unlock(struct spinlock *l)
{
	CHECK(locked-- == 1);
}
u64 spin_lock_irq(struct spinlock *l)
{
	spin_lock(l);
	return 0;
}
void spin_unlock_irq(struct spinlock *l, u64 flags)
{
	spin_unlock(l);
}

/* What random_init() finds; the bits that it says. In a child, whose pool is fresh, or not. */
static u32 bits_with(bool rdrand, bool rdseed, u64 jitter)
{
	features[CPU_RDRAND] = rdrand;
	features[CPU_RDSEED] = rdseed;
	tsc_step = jitter;
	random_init();
	return random_bits();
}

/* Each in a process of its own: a panic says that it was as it should be. */
#define FRESH(cond) CHECK_PANIC(if (cond) panic("as it should be"))

TEST(how_much_it_says_that_it_has)
{
	FRESH(bits_with(true, true, 0) == 256);
	FRESH(bits_with(true, false, 0) == 256);
	FRESH(bits_with(false, true, 0) == 256);
	FRESH(bits_with(false, false, 0) == 0);
	FRESH(bits_with(false, false, 7) >= 64 && random_bits() <= 128);
}

static u32 bits_with_seeds(int kind)
{
	seed_kind = kind;
	return bits_with(false, true, 0);
}

TEST(broken_generators_count_nothing)
{
	FRESH(bits_with_seeds(SILENT) == 0);
	FRESH(bits_with_seeds(STUCK) == 0);
	FRESH(bits_with_seeds(ZERO) == 0);
	FRESH(bits_with_seeds(BREAKS) == 0);
	FRESH(bits_with_seeds(SOUND) == 256);
}

/* The value of expr in a process of its own, which starts as this one is. */
static u64 *shared;
#define IN_CHILD(expr)                                                                             \
	({                                                                                         \
		CHECK_PANIC(*shared = (expr); panic("as it should be"));                           \
		*shared;                                                                           \
	})

static u64 with(const char *seed, u32 cpu, u32 credit)
{
	bits_with(false, false, 0);
	this = cpu;
	random_u64();
	this = 0;
	if (seed)
		random_add(seed, strlen(seed), credit);
	this = cpu;
	return random_u64();
}

TEST(what_is_added_counts)
{
	static const char *const seeds[] = {
		NULL, "a", "b", "this one is longer than the thirty-two bytes of a key",
		"this one is longer than the thirty-two bytes of a kex"
	};
	u64 first[ARRAY_LEN(seeds)];

	shared = mmap(NULL, 4096, READ_WRITE, SHARED_ANONYMOUS, -1, 0);
	/* Without chance, two runs are the same but for what was added, on any CPU. */
	for (u32 cpu = 0; cpu < 2; cpu++)
		for (u32 i = 0; i < ARRAY_LEN(seeds); i++) {
			first[i] = IN_CHILD(with(seeds[i], cpu, 0));
			CHECK_EQ(first[i], IN_CHILD(with(seeds[i], cpu, 0)));
			for (u32 k = 0; k < i; k++)
				CHECK(first[k] != first[i]);
		}
	FRESH(with("seed", 0, 100) && random_bits() == 100);
	FRESH(with("seed", 0, 1000) && random_bits() == 256);
}

static bool same_anywhere(const u8 *a, size_t n, const u8 *b)
{
	for (size_t i = 0; i + 8 <= n; i++)
		if (!memcmp(a + i, b, 8))
			return true;
	return false;
}

TEST(never_the_same)
{
	static u8 out[64][40];
	u32 k = 0;

	bits_with(true, true, 7);
	for (this = 0; this < CPUS; this ++)
		for (u32 i = 0; i < 20; i++)
			random_bytes(out[k++], 40);
	this = 0;
	for (u32 i = 0; i < k; i++)
		for (u32 j = 0; j < k; j++)
			CHECK(i == j || !same_anywhere(out[i], 40, out[j]));
}

/* What a CPU keeps does not hold, nor lead back to, what it gave out. */
TEST(forgotten)
{
	u8 out[32], area[256];

	bits_with(true, true, 7);
	random_bytes(out, 32);
	for (u32 i = 0; i + 8 <= 32; i += 8)
		CHECK(!same_anywhere(areas[0], sizeof(areas[0]), out + i));
	memcpy(area, areas[0], sizeof(area));
	random_bytes(out, 1);
	CHECK(memcmp(area, areas[0], 32) != 0);
}

TEST(lengths)
{
	u8 out[100];

	bits_with(true, true, 7);
	for (size_t n = 0; n <= 99; n++) {
		memset(out, 0xa5, sizeof(out));
		random_bytes(out, n);
		CHECK_EQ(out[n], 0xa5);
		CHECK(n < 8 ||
		      !same_anywhere(out, n, (const u8 *)"\xa5\xa5\xa5\xa5\xa5\xa5\xa5\xa5"));
	}
	CHECK(random_u64() != random_u64());
}

/* The pool is fed anew each minute, by whoever asks next, and not more often. */
TEST(reseeded)
{
	u64 calls;

	bits_with(true, true, 7);
	random_u64();
	calls = rdseed_calls;
	now += 59000000000ULL;
	random_u64();
	CHECK_EQ(rdseed_calls, calls);
	now += 1000000000ULL;
	random_u64();
	CHECK(rdseed_calls > calls);
	calls = rdseed_calls;
	this = 1;
	random_u64();
	CHECK_EQ(rdseed_calls, calls);
	this = 0;
}
