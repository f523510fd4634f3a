/*
 * TSCs at another frequency: the multiplier, what it gives to the bit over a year, and how long to wait for a value; who
 * cannot have one.
 *
 * sources: vm/tscscale.c
 */
#include "core/clock.h"
#include "lib/errno.h"
#include "tests/host/harness.h"
#include "tests/host/rand.h"
#include "vm/tscscale.h"

#include <string.h>

typedef unsigned __int128 u128;

static u64 host_khz;

u64 clock_tsc_khz(void)
{
	return host_khz;
}

static void hardware(u8 bits, u64 host)
{
	tscscale_hw = (struct tscscale_hw){ .feature = "TSC mill",
					    .bits = bits,
					    .max = bits == 32 ? BITS(39, 0) : BITS(59, 0) };
	host_khz = host;
}

static const u64 hosts[] = { 100000, 999999, 2400123, 3799999, 5123456 };
static const u64 guests[] = { 1000, 50000, 150000, 300000, 2100000, 2400122, 7000001 };
static const u8 widths[] = { 32, 48 };

TEST(host_frequency_is_not_scaled)
{
	struct tscscale s;

	hardware(48, 2400000);
	CHECK_EQ(tscscale_make(&s, 0), 0);
	CHECK(!s.mult && tscscale_khz(&s) == 2400000);
	CHECK_EQ(tscscale_make(&s, 2400000), 0);
	CHECK(!s.mult && !s.khz);
	CHECK_EQ(tscscale_apply(&s, ~0ull), ~0ull);
	CHECK_EQ(tscscale_wait(&s, 77, 1234), 1234);
}

/* Simple ratios have exact multipliers. */
TEST(multipliers)
{
	struct tscscale s;

	hardware(48, 100000);
	CHECK(!tscscale_make(&s, 50000) && s.mult == 1ull << 47);
	CHECK(!tscscale_make(&s, 150000) && s.mult == 3ull << 47);
	CHECK(!tscscale_make(&s, 300000) && s.mult == 3ull << 48 && s.khz == 300000);
	hardware(32, 100000);
	CHECK(!tscscale_make(&s, 150000) && s.mult == 3ull << 31 && s.bits == 32);
	hardware(48, 3000000);
	CHECK(!tscscale_make(&s, 1000000) && s.mult == 0x555555555555); /* to the nearest */
	CHECK(!tscscale_make(&s, 2000000) && s.mult == 0xaaaaaaaaaaab);
}

#define YEAR_S 31557600ull

/*
 * After a year the TSC is where its frequency says, but for the multiplier's last bit: a few ticks with 48 bits, less than 10^-9
 * times the host's with 32; no product was cut off.
 */
TEST(a_year)
{
	for (u32 w = 0; w < 2; w++)
		for (u32 h = 0; h < ARRAY_LEN(hosts); h++)
			for (u32 g = 0; g < ARRAY_LEN(guests); g++) {
				u64 host = YEAR_S * hosts[h] * 1000, want, got, apart;
				struct tscscale s;

				hardware(widths[w], hosts[h]);
				if (guests[g] / hosts[h] > 200)
					continue;
				CHECK_EQ(tscscale_make(&s, guests[g]), 0);
				want = YEAR_S * guests[g] * 1000;
				got = s.mult ? tscscale_apply(&s, host) : host;
				apart = got > want ? got - want : want - got;
				CHECK(apart <= (host >> (widths[w] + 1)) + 1);
			}
}

/* The wait ends at the first tick at which the guest's TSC has moved so far, and never before. */
TEST(waits_are_exact)
{
	for (u32 i = 0; i < 200000; i++) {
		struct tscscale s;
		u64 host = rand_u64() >> (rand_u64() % 40 + 4);
		u64 ticks = rand_u64() >> (rand_u64() % 50 + 14), wait, from;

		hardware(widths[i & 1], hosts[i % ARRAY_LEN(hosts)]);
		CHECK_EQ(tscscale_make(&s, guests[rand_u64() % ARRAY_LEN(guests)]), 0);
		if (!s.mult)
			continue;
		from = tscscale_apply(&s, host);
		wait = tscscale_wait(&s, host, ticks);
		CHECK(tscscale_apply(&s, host + wait) - from >= ticks);
		CHECK(!wait || tscscale_apply(&s, host + wait - 1) - from < ticks);
	}
}

TEST(waits_that_do_not_fit)
{
	struct tscscale s;

	hardware(48, 5000000);
	CHECK_EQ(tscscale_make(&s, 1000), 0);
	CHECK_EQ(tscscale_wait(&s, 0, ~0ull), ~0ull);
	CHECK_EQ(tscscale_wait(&s, ~0ull, 0), 0);
	CHECK_EQ(tscscale_make(&s, 10000000), 0);
	CHECK_EQ(tscscale_wait(&s, 0, ~0ull), 1ull << 63);
}

TEST(without_hardware)
{
	struct tscscale s;
	char text[160];

	hardware(0, 2000000);
	CHECK_EQ(tscscale_make(&s, 2000500), 0); /* 250 ppm */
	CHECK(!s.mult && tscscale_khz(&s) == 2000000);
	CHECK_EQ(tscscale_make(&s, 1999500), 0);
	CHECK_EQ(tscscale_make(&s, 2000501), -ENOTSUP);
	CHECK_EQ(tscscale_make(&s, 1999499), -ENOTSUP);
	tscscale_refusal(1999499, text, sizeof(text));
	CHECK_STR(text,
		  "a TSC of 1999499 kHz: this machine's has 2000000 kHz, and TSC scaling (TSC mill) is missing");
	CHECK(!s.khz && !s.mult);
}

TEST(out_of_reach)
{
	struct tscscale s;
	char text[160];

	hardware(32, 100000);
	CHECK_EQ(tscscale_make(&s, 25500000), 0);
	CHECK_EQ(tscscale_make(&s, 25600000), -ENOTSUP);
	tscscale_refusal(25600000, text, sizeof(text));
	CHECK(strstr(text, "does not reach that far"));
	CHECK_EQ(tscscale_make(&s, 999), -EINVAL);
	CHECK_EQ(tscscale_make(&s, 100000001), -EINVAL);
	hardware(48, 10000);
	CHECK_EQ(tscscale_make(&s, 100000000), -ENOTSUP);
	CHECK_EQ(tscscale_make(&s, 40000000), 0);
}
