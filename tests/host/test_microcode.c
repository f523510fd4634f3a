/*
 * arch/microcode.h: files of both makers, whole and damaged, which update is taken, and how the CPU gets it.
 *
 * sources: arch/microcode.c lib/string.c
 * flags: -include tests/host/fake_cpu.h
 */
#include "arch/microcode.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "tests/host/harness.h"

void *malloc(size_t size);
void free(void *p);

#define SIG  0x906eau
#define AMD1 0x00a20f10u

static u8 file[8192] __attribute__((aligned(64)));
static size_t len;
static struct microcode_update u;

static void put(u32 v)
{
	memcpy(file + len, &v, sizeof(v));
	len += sizeof(v);
}

static void poke(size_t at, u32 v)
{
	memcpy(file + at, &v, sizeof(v));
}

static u32 peek(size_t at)
{
	u32 v;

	memcpy(&v, file + at, sizeof(v));
	return v;
}

static void fix_sum(size_t from, size_t to, size_t at)
{
	u32 s = 0;

	poke(at, 0);
	for (size_t i = from; i < to; i += 4)
		s += peek(i);
	poke(at, 0 - s);
}

/* An update with data_size bytes, and extra signatures behind them; where it begins. */
static size_t intel(u32 revision, u32 signature, u32 platforms, u32 data_size, u32 extra)
{
	size_t at = len, table;
	u32 room = extra ? 20 + extra * 12 : 0, size = data_size ? data_size : 2000;
	const u32 head[12] = { 1,         revision,  0x01022024,
			       signature, 0,         1,
			       platforms, data_size, data_size ? 48 + data_size + room : 0 };

	for (u32 i = 0; i < 12; i++)
		put(head[i]);
	for (u32 i = 0; i < size; i += 4)
		put(0x1000 + i);
	fix_sum(at, len, at + 16);
	table = len;
	for (u32 i = 0; extra && i < 5; i++)
		put(i ? 0 : extra);
	for (u32 i = 0; i < extra; i++) {
		put(SIG + 1 + i);
		put(2);
		put(signature + platforms + peek(at + 16) - (SIG + 1 + i) - 2);
	}
	if (extra)
		fix_sum(table, len, table + 4);
	return at;
}

/* In memory of just that size, for the sanitizers. */
static const char *find(enum cpu_vendor v, u32 signature, u8 platform, u32 revision)
{
	struct microcode_cpu cpu = { v, signature, platform, revision };
	u8 *copy = malloc(len + !len);
	const char *wrong;

	memcpy(copy, file, len);
	wrong = v == CPU_VENDOR_INTEL ? microcode_intel(copy, len, &cpu, &u) :
					microcode_amd(copy, len, &cpu, &u);
	if (u.data) {
		CHECK(u.data >= copy && u.data < copy + len);
		u.data = file + (u.data - copy);
	}
	free(copy);
	return wrong;
}

static const char *find_intel(u32 signature, u8 platform, u32 revision)
{
	return find(CPU_VENDOR_INTEL, signature, platform, revision);
}

TEST(intel_newest_that_fits)
{
	size_t second;

	len = 0;
	intel(0x20, SIG, 0x02, 0, 0);
	second = intel(0x22, SIG, 0x22, 1024 - 48, 0);
	intel(0x21, SIG, 0x02, 1024 - 48, 0);
	intel(0x99, SIG - 1, 0xff, 1024 - 48, 0);
	intel(0x80000099u, SIG, 0xff, 1024 - 48, 0); /* below 0 */
	CHECK(!find_intel(SIG, 1, 0));
	CHECK(u.data == file + second + 48 && u.revision == 0x22);
	CHECK(!find_intel(SIG, 5, 0x21) && u.revision == 0x22);
	CHECK(!find_intel(SIG, 1, 0x22) && !u.data);
	CHECK(!find_intel(SIG, 1, 0x23) && !u.data);
	CHECK(!find_intel(SIG, 2, 0) && !u.data);
	CHECK(!find_intel(SIG + 1, 1, 0) && !u.data);
}

TEST(intel_more_signatures)
{
	size_t at;

	len = 0;
	at = intel(5, SIG, 1, 1024 - 48, 2);
	CHECK(!find_intel(SIG + 2, 1, 0) && u.data == file + at + 48);
	CHECK(!find_intel(SIG + 3, 1, 0) && !u.data);
	CHECK(!find_intel(SIG + 2, 0, 0) && !u.data);
	poke(1024 + 20, SIG + 7); /* its checksum, and the table's */
	CHECK(find_intel(SIG, 0, 0) && !u.data);
	fix_sum(1024, len, 1024 + 4);
	CHECK_STR(find_intel(SIG, 0, 0), "a signature has a wrong checksum");
	poke(1024, 3);
	CHECK_STR(find_intel(SIG, 0, 0), "an update has another number of signatures than it says");
}

TEST(intel_damaged)
{
	len = 0;
	CHECK_STR(find_intel(SIG, 0, 0), "it is empty");
	intel(5, SIG, 1, 1024 - 48, 0);
	intel(6, SIG, 1, 1024 - 48, 2);
	for (size_t whole = len; len > 1024; len--)
		CHECK(!find_intel(SIG, 0, 0) == (len == whole) && !u.data == (len < whole));
	for (size_t i = 0; i < 1024;
	     i++) { /* any byte, but data's and the date's among themselves */
		file[i] ^= 0x11;
		CHECK(find_intel(SIG, 0, 0) && !u.data);
		file[i] ^= 0x11;
	}
	poke(28, 0xfffffff0);
	CHECK_STR(find_intel(SIG, 0, 0), "an update's sizes make no sense");
	poke(28, 1024 - 48);
	poke(32, 44);
	CHECK_STR(find_intel(SIG, 0, 0), "an update's sizes make no sense");
	poke(32, 0xfffffffc);
	CHECK_STR(find_intel(SIG, 0, 0), "it ends within an update");
}

/* --- AMD -------------------------------------------------------------------------------------------------- */

static void amd_table(u32 signature, u32 id)
{
	const u32 words[] = { 0x00414d44, 0, 48, 0x00800f11, 0, 0, 0x8011, signature,
			      0,          0, id, 0,          0, 0, 0 };

	for (u32 i = 0; i < ARRAY_LEN(words); i++)
		put(words[i]);
}

static size_t amd_patch(u32 revision, u32 id, u32 bridge, u32 size)
{
	size_t at = len + 8;

	put(1);
	put(size);
	for (u32 i = 0; i < size / 4; i++)
		put(i == 1 ? revision : i == 4 ? bridge : i == 6 ? id : 0x5a5a5a00 * (i > 15));
	return at;
}

static const char *find_amd(u32 signature, u32 revision)
{
	return find(CPU_VENDOR_AMD, signature, 0, revision);
}

TEST(amd_newest_that_fits)
{
	size_t second;

	len = 0;
	amd_table(0x00a50f00, 0xa500);
	amd_patch(0x0a500099, 0xa500, 0, 128);
	amd_table(AMD1, 0xa210);
	amd_patch(0x0a201001, 0xa210, 0, 128);
	second = amd_patch(0x0a201003, 0xa210, 0, 256);
	amd_patch(0x0a201002, 0xa210, 0, 128);
	amd_patch(0x0a201009, 0xa211, 0, 128);
	amd_patch(0x0a201008, 0xa210, 0x1022, 128);
	amd_patch(0x0a201009, 0, 0, 128);
	CHECK(!find_amd(AMD1, 0));
	CHECK(u.data == file + second && u.revision == 0x0a201003);
	CHECK(!find_amd(AMD1, 0x0a201003) && !u.data);
	CHECK(!find_amd(0x00a50f00, 0) && u.revision == 0x0a500099);
	CHECK(!find_amd(0x00b00000, 0) && !u.data);
	CHECK(!find_amd(0, 0) && !u.data); /* the table's end is no CPU */
}

TEST(amd_damaged)
{
	size_t first;

	len = 0;
	CHECK_STR(find_amd(AMD1, 0), "it is empty");
	put(0x00414d45);
	CHECK_STR(find_amd(AMD1, 0), "it does not begin as AMD's do");
	len = 0;
	amd_table(AMD1, 0xa210);
	first = len;
	amd_patch(0x0a201001, 0xa210, 0, 128);
	for (size_t whole = len; len; len--)
		CHECK(!find_amd(AMD1, 0) == (len == whole || len == first) &&
		      !u.data == (len < whole));
	len = first;
	amd_patch(0x0a201001, 0xa210, 0, 128);
	poke(first + 4, 0xffffffff);
	CHECK_STR(find_amd(AMD1, 0), "it ends within a section");
	poke(first + 4, 60);
	CHECK_STR(find_amd(AMD1, 0), "a section's size makes no sense");
	poke(first + 4, 128);
	poke(first, 0);
	CHECK_STR(find_amd(AMD1, 0), "a section is of another kind than comes there");
	poke(8, 47);
	CHECK(find_amd(AMD1, 0) && !u.data);
}

TEST(junk)
{
	u64 seed = 1;

	for (u32 i = 0; i < 20000; i++) {
		len = 0;
		if (i % 2) {
			intel(5, SIG, 1, 96, i % 3);
			intel(6, SIG, 1, 48, 0);
		} else {
			amd_table(AMD1, 0xa210);
			amd_patch(1, 0xa210, 0, 64);
		}
		for (u32 n = 0; n < 3; n++) {
			seed = seed * 6364136223846793005ull + 1442695040888963407ull;
			poke((seed >> 33) % (len / 4) * 4, (u32)(seed >> 20) & (n ? ~0u : 0xff));
		}
		len = (seed >> 40) % 4 ? len : (seed >> 45) % (len + 1);
		if (i % 2 ? find_intel(SIG, 0, 0) : find_amd(AMD1, 0))
			CHECK(!u.data);
	}
}

/* --- the CPU ---------------------------------------------------------------------------------------------- */

static enum cpu_vendor vendor;
static u64 loaded, sign_id;
static u32 trigger; /* the register that was written */
static u32 next;    /* revision behind it; 0: it raises #GP */
static u32 flushed;

void fake_invlpg(u64 va)
{
	flushed += !((va - (u64)u.data) % PAGE_SIZE);
}

struct cpuid fake_cpuid(u32 leaf, u32 subleaf)
{
	CHECK_EQ(leaf, 1);
	if (vendor == CPU_VENDOR_INTEL && !sign_id)
		sign_id = loaded;
	return (struct cpuid){ .eax = SIG };
}
enum cpu_vendor cpu_vendor_probe(void)
{
	return vendor;
}
int rdmsr_safe(u32 msr, u64 *value)
{
	CHECK(msr == 0x8b || msr == 0x17);
	*value = msr == 0x17 ? 5ull << 50 | 0x123 : vendor == CPU_VENDOR_INTEL ? sign_id : loaded;
	return 0;
}
int wrmsr_safe(u32 msr, u64 value)
{
	if (msr == 0x8b) {
		sign_id = value;
		return 0;
	}
	trigger = msr;
	CHECK(value == (u64)u.data);
	if (!next)
		return -EFAULT;
	loaded = vendor == CPU_VENDOR_INTEL ? (u64)next << 32 : next;
	return 0;
}

TEST(the_cpu)
{
	struct microcode_cpu c;

	vendor = CPU_VENDOR_INTEL;
	loaded = 0x42ull << 32;
	sign_id = 0x17ull << 32; /* as somebody left it */
	u = (struct microcode_update){ file, 0x43 };
	c = microcode_this_cpu();
	CHECK(c.signature == SIG && c.platform == 5 && c.revision == 0x42);
	next = 0x43;
	CHECK_EQ(microcode_load(&c, &u), 0x43);
	CHECK_EQ(trigger, 0x79);
	next = 0;
	CHECK_EQ(microcode_load(&c, &u), 0x42);
	vendor = CPU_VENDOR_AMD;
	loaded = 0x0a201001;
	c = microcode_this_cpu();
	CHECK(c.platform == 0 && c.revision == 0x0a201001);
	next = 0x0a201003;
	CHECK_EQ(microcode_load(&c, &u), 0x0a201003);
	CHECK_EQ(trigger, 0xc0010020);
	CHECK_EQ(flushed, 0);
	c.signature = 0x00830f10;
	(void)microcode_load(&c, &u);
	CHECK_EQ(flushed, 17);
}
