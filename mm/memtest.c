/*
 * Moving inversions: a pattern is written everywhere, then in rising order each word is looked at and inverted, then
 * in falling order looked at again; so a write that changes another word is seen too. A pass with each
 * word's own place finds address lines that do nothing.
 */
#include "mm/memtest.h"

#include "arch/cpu.h"
#include "core/log.h"
#include "lib/string.h"
#include "mm/direct.h"
#include "mm/granule.h"

#define CPU_LINE  64 /* no cache line is shorter */
#define WORD_MAX  24
#define PLACE_MUL 0x9e3779b97f4a7c15ULL

static bool expect(const volatile u64 *p, u64 i, u64 value, struct memtest_error *e)
{
	u64 got = p[i];

	if (got == value)
		return true;
	*e = (struct memtest_error){ .index = i, .wrote = value, .read = got };
	return false;
}

static bool invert(volatile u64 *p, u64 words, u64 pattern,
		   void (*settle)(volatile u64 *p, u64 words), struct memtest_error *e)
{
	for (u64 i = 0; i < words; i++)
		p[i] = pattern;
	settle(p, words);
	for (u64 i = 0; i < words; i++) {
		if (!expect(p, i, pattern, e))
			return false;
		p[i] = ~pattern;
	}
	settle(p, words);
	for (u64 i = words; i; i--)
		if (!expect(p, i - 1, ~pattern, e))
			return false;
	return true;
}

static bool places(volatile u64 *p, u64 words, void (*settle)(volatile u64 *p, u64 words),
		   struct memtest_error *e)
{
	for (u64 i = 0; i < words; i++)
		p[i] = (i + 1) * PLACE_MUL;
	settle(p, words);
	for (u64 i = 0; i < words; i++)
		if (!expect(p, i, (i + 1) * PLACE_MUL, e))
			return false;
	return true;
}

bool memtest_words(volatile u64 *p, u64 words, void (*settle)(volatile u64 *p, u64 words),
		   struct memtest_error *e)
{
	return places(p, words, settle, e) && invert(p, words, 0, settle, e) &&
	       invert(p, words, 0x5555555555555555ULL, settle, e);
}

/* --- the range --------------------------------------------------------------------------------------- */

/* A number with K, M or G behind it, or nothing. */
static bool size_parse(const char *text, size_t len, u64 *v)
{
	static const char units[] = "KMG";
	char digits[WORD_MAX];
	const char *unit;
	u32 shift = 0;

	if (!len || len >= sizeof(digits))
		return false;
	memcpy(digits, text, len);
	unit = memchr(units, digits[len - 1], 3);
	if (unit) {
		shift = 10 * (u32)(unit - units + 1);
		len--;
	}
	digits[len] = '\0';
	if (str_to_u64(digits, v) || *v > ~0ULL >> shift)
		return false;
	*v <<= shift;
	return true;
}

bool memtest_range(const char *word, u64 *start, u64 *end)
{
	const char *at = strchr(word, '@');
	u64 size;

	*start = 0;
	*end = ~0ULL;
	if (!strcmp(word, "all"))
		return true;
	if (!at || !size_parse(word, (size_t)(at - word), &size) ||
	    !size_parse(at + 1, strlen(at + 1), start) || !size || *start + size < *start)
		return false;
	*end = *start + size;
	*start = ALIGN_DOWN(*start, GRANULE_SIZE);
	return true;
}

/* --- granules ---------------------------------------------------------------------------------------- */

static void flush(volatile u64 *p, u64 words)
{
	__asm__ volatile("mfence" ::: "memory");
	for (u64 i = 0; i < words; i += CPU_LINE / sizeof(*p))
		clflush((const void *)&p[i]);
	__asm__ volatile("mfence" ::: "memory"); /* CLFLUSH is ordered with reads by that alone */
}

struct found {
	bool ok;
	struct memtest_error error;
};

static void test_mapped(void *p, void *ctx)
{
	struct found *f = ctx;

	f->ok = memtest_words(p, GRANULE_SIZE / sizeof(u64), flush, &f->error);
}

static bool test_granule(paddr_t pa)
{
	struct found f;

	granule_visit(pa, test_mapped, &f);
	if (f.ok) {
		granule_set_owner(pa, OWNER_FREE); /* and not clean */
		return true;
	}
	granule_retire(pa);
	log_error("memtest: the memory at %#llx has failed: %#llx was written, %#llx read: 2 MiB taken out of use",
		  (unsigned long long)(pa.v + f.error.index * sizeof(u64)),
		  (unsigned long long)f.error.wrote, (unsigned long long)f.error.read);
	return false;
}

void memtest_run(const char *word)
{
	u64 start, end, tested = 0, bad = 0;

	if (!memtest_range(word, &start, &end)) {
		log_warn("memtest=%s: neither all nor SIZE@ADDRESS, such as 64M@4G", word);
		return;
	}
	end = MIN(end, granule_end());
	log_info("memtest: what is free from %#llx to %#llx", (unsigned long long)start,
		 (unsigned long long)end);
	for (u64 pa = start; pa < end; pa += GRANULE_SIZE) {
		if (granule_owner(PADDR(pa)) != OWNER_FREE)
			continue;
		tested++;
		bad += !test_granule(PADDR(pa));
	}
	log_info("memtest: %llu MiB tested, %llu MiB of it failed",
		 (unsigned long long)(tested * GRANULE_SIZE / MIB),
		 (unsigned long long)(bad * GRANULE_SIZE / MIB));
}
