/*
 * The pool is a key: input is added to it, then it goes through ChaCha20, whose output is the new key. So is
 * output taken from it for a CPU's key, and from that for who asks; each step forgets what it came from.
 */
#include "core/random.h"

#include "arch/cpu.h"
#include "arch/feature.h"
#include "arch/lock.h"
#include "arch/percpu.h"
#include "core/clock.h"
#include "core/log.h"
#include "lib/atomic.h"
#include "lib/chacha20.h"
#include "lib/string.h"

#define BITS_MAX       256
#define BITS_ENOUGH    128
#define RESEED_NS      60000000000ULL
#define WORDS          8  /* from the CPU's generators at a time */
#define TRIES          10 /* Intel: RDRAND fails ten times in a row only if it is broken */
/* Readings of the TSC, and how many of them that were no repetition are taken to hold one bit. */
#define JITTER_START   1024
#define JITTER_RESEED  64
#define JITTER_PER_BIT 8

enum purpose { PURPOSE_ABSORB, PURPOSE_CPU_KEY, PURPOSE_OUTPUT };

struct random_cpu {
	u8 key[CHACHA20_KEY];
	u64 generation; /* of the pool when the key was taken */
};

static PERCPU struct random_cpu random_cpu; /* this CPU, with interrupts off */

static struct spinlock lock = SPINLOCK_INIT(RANK_RANDOM, "random");
static u8 pool[CHACHA20_KEY]; /* lock */
static u32 bits;              /* lock */
static u64 generation = 1;    /* atomic; written with the lock held */
static u64 reseed_ns;         /* atomic; written with the lock held */

/* Where the compiler cannot know that nobody reads it any more. */
static void wipe(void *p, size_t n)
{
	memset(p, 0, n);
	__asm__ volatile("" : : "r"(p) : "memory");
}

/* Replaces key by its output; the other half of that goes to out. */
static void step(u8 key[CHACHA20_KEY], enum purpose purpose, u8 out[CHACHA20_KEY])
{
	u8 nonce[CHACHA20_NONCE] = { (u8)purpose }, block[CHACHA20_BLOCK];

	chacha20_block(key, 0, nonce, block);
	memcpy(key, block, CHACHA20_KEY);
	memcpy(out, block + CHACHA20_KEY, CHACHA20_KEY);
	wipe(block, sizeof(block));
}

/* lock */
static void absorb(const u8 *p, size_t n, u32 credit)
{
	u8 rest[CHACHA20_KEY];

	for (size_t at = 0; at < n; at += CHACHA20_KEY) {
		for (size_t i = 0; i < CHACHA20_KEY && at + i < n; i++)
			pool[i] ^= p[at + i];
		step(pool, PURPOSE_ABSORB, rest);
	}
	wipe(rest, sizeof(rest));
	bits = (u32)MIN((u64)bits + credit, BITS_MAX);
}

/* A word of a generator of the CPU's; one that repeats itself or says nothing is broken. */
static bool next_word(bool (*read)(u64 *v), u64 last, u64 *v)
{
	for (u32 i = 0; i < TRIES; i++)
		if (read(v))
			return *v != last && *v && *v != ~0ULL;
	return false;
}

/* Words that read() gave; each counts for so many bits. lock */
static u32 absorb_words(bool (*read)(u64 *v), u32 credit)
{
	u64 words[WORDS], last = 0;
	u32 n = 0;

	while (n < WORDS && next_word(read, last, &words[n]))
		last = words[n++];
	/* A generator that breaks down on the way was not sound before. */
	absorb((const u8 *)words, n * sizeof(words[0]), n == WORDS ? n * credit : 0);
	wipe(words, sizeof(words));
	return n == WORDS ? n * credit : 0;
}

/* How long reading a line of memory takes, again and again. lock */
static u32 absorb_jitter(u32 samples)
{
	static u64 line;
	u64 last_tsc = rdtsc(), last = 0;
	u32 changes = 0;

	for (u32 i = 0; i < samples; i++) {
		u64 now, span;

		clflush(&line);
		(void)READ_ONCE(line);
		now = rdtsc();
		span = now - last_tsc;
		changes += span != last;
		last_tsc = now;
		last = span;
		absorb((const u8 *)&now, sizeof(now), 0);
	}
	/* The first is always a change, and one at a time may be a pattern. */
	changes = changes > samples / 4 ? changes / JITTER_PER_BIT : 0;
	absorb(NULL, 0, changes);
	return changes;
}

static void gather(u32 samples, u32 *hardware, u32 *jitter)
{
	*hardware = 0;
	if (cpu_has(CPU_RDSEED))
		*hardware += absorb_words(cpu_rdseed, 64);
	if (cpu_has(CPU_RDRAND))
		*hardware += absorb_words(cpu_rdrand, 32);
	*jitter = absorb_jitter(samples);
}

/* A new key for this CPU; the pool is fed again when it is time for that. Interrupts off. */
static void refresh(struct random_cpu *c)
{
	u64 now = clock_ns();
	u32 hardware, jitter;

	spin_lock(&lock);
	if (now >= atomic_load_relaxed(&reseed_ns)) {
		gather(JITTER_RESEED, &hardware, &jitter);
		atomic_store_relaxed(&reseed_ns, now + RESEED_NS);
		atomic_fetch_add(&generation, 1);
	}
	step(pool, PURPOSE_CPU_KEY, c->key);
	c->generation = atomic_load_relaxed(&generation);
	spin_unlock(&lock);
}

/* Up to 32 bytes. */
static void piece(u8 *out, size_t n)
{
	u64 flags = irq_save();
	struct random_cpu *c = this_cpu(random_cpu);
	u8 block[CHACHA20_KEY];

	if (c->generation != atomic_load_relaxed(&generation) ||
	    clock_ns() >= atomic_load_relaxed(&reseed_ns))
		refresh(c);
	step(c->key, PURPOSE_OUTPUT, block);
	irq_restore(flags);
	memcpy(out, block, n);
	wipe(block, sizeof(block));
}

void random_bytes(void *out, size_t n)
{
	for (size_t at = 0; at < n; at += CHACHA20_KEY)
		piece((u8 *)out + at, MIN(n - at, CHACHA20_KEY));
}

u64 random_u64(void)
{
	u64 v;

	random_bytes(&v, sizeof(v));
	return v;
}

void random_add(const void *bytes, size_t n, u32 credit)
{
	u64 flags = spin_lock_irq(&lock);

	absorb(bytes, n, credit);
	/* Each CPU takes a new key before its next output. */
	atomic_fetch_add(&generation, 1);
	spin_unlock_irq(&lock, flags);
}

u32 random_bits(void)
{
	return atomic_load_relaxed(&bits);
}

void random_init(void)
{
	u32 hardware, jitter;
	u64 wall = clock_wall_s(), flags = spin_lock_irq(&lock);

	gather(JITTER_START, &hardware, &jitter);
	absorb((const u8 *)&wall, sizeof(wall), 0);
	atomic_store_relaxed(&reseed_ns, clock_ns() + RESEED_NS);
	atomic_fetch_add(&generation, 1);
	spin_unlock_irq(&lock, flags);
	if (bits < BITS_ENOUGH)
		log_warn("random: only %u bits of entropy: %u by the CPU, %u by timing", bits,
			 hardware, jitter);
	else
		log_debug("random: %u bits of entropy: %u by the CPU, %u by timing", bits, hardware,
			  jitter);
}
