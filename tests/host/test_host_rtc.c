/*
 * core/rtc.h: dates against known Unix times, both number formats and hour modes, garbage.
 *
 * sources: core/rtc.c lib/date.c
 */
#include "arch/tsc.h"
#include "core/rtc.h"
#include "tests/host/harness.h"

#define B_24H    0x02
#define B_BINARY 0x04
#define INVALID  (~0ULL)

void tsc_delay_us(u64 us)
{
	(void)us;
}

/* 2026-01-01 12:34:56 UTC, BCD, 24 hours. */
#define GOOD_S 1767270896ULL
static const struct rtc_regs good = {
	.second = 0x56,
	.minute = 0x34,
	.hour = 0x12,
	.day = 0x01,
	.month = 0x01,
	.year = 0x26,
	.century = 0x20,
	.status_b = B_24H,
};

static u64 decode(struct rtc_regs r)
{
	u64 s = 0;

	return rtc_decode(&r, &s) ? s : INVALID;
}

TEST(known_dates)
{
	struct rtc_regs r;

	CHECK_EQ(decode(good), GOOD_S);
	r = (struct rtc_regs){
		.day = 1, .month = 1, .year = 0x70, .century = 0x19, .status_b = B_24H
	};
	CHECK_EQ(decode(r), 0);
	/* 2000-02-29 23:59:59: 2000 is a leap year */
	r = (struct rtc_regs){ 0x59, 0x59, 0x23, 0x29, 0x02, 0x00, 0x20, B_24H };
	CHECK_EQ(decode(r), 951868799);
	/* 2038-01-19 03:14:08, one past 31 bits */
	r = (struct rtc_regs){ 0x08, 0x14, 0x03, 0x19, 0x01, 0x38, 0x20, B_24H };
	CHECK_EQ(decode(r), 2147483648);
}

TEST(binary_numbers)
{
	struct rtc_regs r = { 56, 34, 12, 1, 1, 26, 20, B_24H | B_BINARY };

	CHECK_EQ(decode(r), GOOD_S);
}

TEST(twelve_hours)
{
	u64 midnight = GOOD_S - 12 * 3600;
	struct rtc_regs r = good;

	r.status_b = 0;
	r.hour = 0x12;
	CHECK_EQ(decode(r), midnight);
	r.hour = 0x01;
	CHECK_EQ(decode(r), midnight + 3600);
	r.hour = 0x92;
	CHECK_EQ(decode(r), midnight + 12 * 3600);
	r.hour = 0x81;
	CHECK_EQ(decode(r), midnight + 13 * 3600);
	r.hour = 0x91;
	CHECK_EQ(decode(r), midnight + 23 * 3600);
	r.hour = 0x00;
	CHECK_EQ(decode(r), INVALID);
	r.hour = 0x13;
	CHECK_EQ(decode(r), INVALID);
}

TEST(the_century_is_guessed_where_it_is_not_known)
{
	struct rtc_regs r = good;

	r.century = 0;
	CHECK_EQ(decode(r), GOOD_S);
	r.century = 0xff;
	CHECK_EQ(decode(r), GOOD_S);
	r.year = 0x99;
	CHECK_EQ(decode(r), GOOD_S - 27ULL * 365 * 86400 - 7 * 86400);
	r.century = 0x19;
	r.year = 0x69;
	CHECK_EQ(decode(r), INVALID);
}

/* good with one byte changed, by its place in the struct. */
static u64 spoiled(unsigned at, u8 value)
{
	struct rtc_regs r = good;

	((u8 *)&r)[at] = value;
	return decode(r);
}

TEST(garbage_is_refused)
{
	static const u8 bad[] = {
		[offsetof(struct rtc_regs, second)] = 0x60,
		[offsetof(struct rtc_regs, minute)] = 0x60,
		[offsetof(struct rtc_regs, hour)] = 0x24,
		[offsetof(struct rtc_regs, day)] = 0x32,
		[offsetof(struct rtc_regs, month)] = 0x13,
		[offsetof(struct rtc_regs, year)] = 0xa0,
	};
	struct rtc_regs r;

	for (unsigned i = 0; i < sizeof(bad); i++) {
		CHECK_EQ(spoiled(i, bad[i]), INVALID);
		CHECK_EQ(spoiled(i, 0xff), INVALID);
		CHECK_EQ(spoiled(i, 0x0a), INVALID);
	}
	CHECK_EQ(spoiled(offsetof(struct rtc_regs, day), 0), INVALID);
	CHECK_EQ(spoiled(offsetof(struct rtc_regs, month), 0), INVALID);
	r = good, r.month = 0x02, r.day = 0x29; /* 2026 is no leap year */
	CHECK_EQ(decode(r), INVALID);
	r = (struct rtc_regs){ 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	CHECK_EQ(decode(r), INVALID);
	r = (struct rtc_regs){ 0 };
	CHECK_EQ(decode(r), INVALID);
}
