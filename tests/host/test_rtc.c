/*
 * core/rtc.h: dates against known Unix times, both number formats and hour modes, garbage.
 *
 * sources: core/rtc.c
 */
#include "core/rtc.h"
#include "tests/host/harness.h"

#define B_24H 0x02
#define B_BINARY 0x04

/* 2026-01-01 12:34:56 UTC, BCD, 24 hours. */
static const struct rtc_regs good = {
	.second = 0x56, .minute = 0x34, .hour = 0x12, .day = 0x01,
	.month = 0x01, .year = 0x26, .century = 0x20, .status_b = B_24H,
};

static u64 decode(struct rtc_regs r)
{
	u64 s = 0;

	return rtc_decode(&r, &s) ? s : ~0ULL;
}

TEST(known_dates)
{
	struct rtc_regs r = good;

	CHECK_EQ(decode(r), 1767270896);
	r = (struct rtc_regs){ .day = 1, .month = 1, .year = 0x70, .century = 0x19, .status_b = B_24H };
	CHECK_EQ(decode(r), 0);
	/* 2000-02-29 23:59:59: 2000 is a leap year */
	r = (struct rtc_regs){ .second = 0x59, .minute = 0x59, .hour = 0x23, .day = 0x29, .month = 2,
			       .year = 0, .century = 0x20, .status_b = B_24H };
	CHECK_EQ(decode(r), 951868799);
	/* 2038-01-19 03:14:08, one past 31 bits */
	r = (struct rtc_regs){ .second = 8, .minute = 0x14, .hour = 3, .day = 0x19, .month = 1,
			       .year = 0x38, .century = 0x20, .status_b = B_24H };
	CHECK_EQ(decode(r), 2147483648);
}

TEST(binary_numbers)
{
	struct rtc_regs r = { .second = 56, .minute = 34, .hour = 12, .day = 1, .month = 1,
			      .year = 26, .century = 20, .status_b = B_24H | B_BINARY };

	CHECK_EQ(decode(r), 1767270896);
}

TEST(twelve_hours)
{
	struct rtc_regs r = good;
	u64 midnight = 1767270896 - 12 * 3600;

	r.status_b = 0;
	r.hour = 0x12;
	CHECK_EQ(decode(r), midnight);
	r.hour = 0x01;
	CHECK_EQ(decode(r), midnight + 3600);
	r.hour = 0x92;
	CHECK_EQ(decode(r), midnight + 12 * 3600);
	r.hour = 0x91;
	CHECK_EQ(decode(r), midnight + 23 * 3600);
	r.hour = 0x00;
	CHECK_EQ(decode(r), ~0ULL);
	r.hour = 0x13;
	CHECK_EQ(decode(r), ~0ULL);
}

TEST(the_century_is_guessed_where_it_is_not_known)
{
	struct rtc_regs r = good;

	r.century = 0;
	CHECK_EQ(decode(r), 1767270896);
	r.century = 0xff;
	CHECK_EQ(decode(r), 1767270896);
	r.year = 0x99;
	CHECK_EQ(decode(r), 1767270896 - 27ULL * 365 * 86400 - 7 * 86400);
}

TEST(garbage_is_refused)
{
	struct rtc_regs r;

	r = good, r.second = 0x60;
	CHECK_EQ(decode(r), ~0ULL);
	r = good, r.minute = 0x60;
	CHECK_EQ(decode(r), ~0ULL);
	r = good, r.hour = 0x24;
	CHECK_EQ(decode(r), ~0ULL);
	r = good, r.day = 0;
	CHECK_EQ(decode(r), ~0ULL);
	r = good, r.day = 0x32;
	CHECK_EQ(decode(r), ~0ULL);
	r = good, r.month = 0;
	CHECK_EQ(decode(r), ~0ULL);
	r = good, r.month = 0x13;
	CHECK_EQ(decode(r), ~0ULL);
	r = good, r.month = 2, r.day = 0x29; /* 2026 is none */
	CHECK_EQ(decode(r), ~0ULL);
	r = good, r.year = 0xff;
	CHECK_EQ(decode(r), ~0ULL);
	/* a decimal digit that is none */
	r = good, r.day = 0x0a;
	CHECK_EQ(decode(r), ~0ULL);
	r = (struct rtc_regs){ 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	CHECK_EQ(decode(r), ~0ULL);
	r = (struct rtc_regs){ 0 };
	CHECK_EQ(decode(r), ~0ULL);
}
