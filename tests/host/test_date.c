/*
 * Calendar arithmetic against the C library's.
 *
 * sources: lib/date.c
 */
#define _GNU_SOURCE
#include <time.h>

#include "lib/date.h"
#include "tests/host/harness.h"

static bool same(s64 seconds)
{
	time_t t = seconds;
	struct tm tm;
	struct date d;

	gmtime_r(&t, &tm);
	date_from_seconds(seconds, &d);
	return d.year == (u32)tm.tm_year + 1900 && d.month == tm.tm_mon + 1 &&
	       d.day == tm.tm_mday && d.hour == tm.tm_hour && d.minute == tm.tm_min &&
	       d.second == tm.tm_sec && d.weekday == tm.tm_wday && date_valid(&d) &&
	       date_to_seconds(&d) == seconds;
}

TEST(each_day_of_ten_thousand_years)
{
	u32 wrong = 0;

	for (s64 s = DATE_MIN_SECONDS; s <= DATE_MAX_SECONDS; s += 86399)
		wrong += !same(s);
	CHECK_EQ(wrong, 0);
	CHECK(same(DATE_MIN_SECONDS));
	CHECK(same(DATE_MAX_SECONDS));
	CHECK(same(0));
	CHECK(same(-1));
}

TEST(out_of_range_seconds)
{
	struct date d;

	date_from_seconds(INT64_MIN, &d);
	CHECK_EQ(date_to_seconds(&d), DATE_MIN_SECONDS);
	date_from_seconds(INT64_MAX, &d);
	CHECK_EQ(date_to_seconds(&d), DATE_MAX_SECONDS);
}

TEST(validity)
{
	static const struct {
		struct date d;
		bool valid;
	} cases[] = {
		{ { .year = 2024, .month = 2, .day = 29 }, true },
		{ { .year = 2023, .month = 2, .day = 29 }, false },
		{ { .year = 1900, .month = 2, .day = 29 }, false },
		{ { .year = 2000, .month = 2, .day = 29 }, true },
		{ { .year = 0, .month = 2, .day = 29 }, true },
		{ { .year = 9999, .month = 12, .day = 31 }, true },
		{ { .year = 10000, .month = 1, .day = 1 }, false },
		{ { .year = 2024, .month = 0, .day = 1 }, false },
		{ { .year = 2024, .month = 13, .day = 1 }, false },
		{ { .year = 2024, .month = 4, .day = 0 }, false },
		{ { .year = 2024, .month = 4, .day = 31 }, false },
		{ { .year = 2024, .month = 4, .day = 30, .hour = 23, .minute = 59, .second = 59 },
		  true },
		{ { .year = 2024, .month = 4, .day = 30, .hour = 24 }, false },
		{ { .year = 2024, .month = 4, .day = 30, .minute = 60 }, false },
		{ { .year = 2024, .month = 4, .day = 30, .second = 60 }, false },
	};

	for (u32 i = 0; i < ARRAY_LEN(cases); i++)
		CHECK_EQ(date_valid(&cases[i].d), cases[i].valid);
}
