/*
 * Calendar arithmetic. Years are counted from March on, so that the leap day is a year's last and
 * the lengths of months from March on follow a rule: 153 days in each five months.
 */
#include "lib/date.h"

#define SECONDS_PER_DAY    86400
#define DAYS_PER_400_YEARS 146097
#define DAYS_PER_100_YEARS 36524
#define DAYS_PER_4_YEARS   1461
#define DAYS_PER_YEAR      365
#define DAYS_TO_1970       719468 /* from 0000-03-01 */
#define WEEKDAY_OF_DAY_0   3      /* 0000-03-01 is a Wednesday */

static bool leap_year(u32 year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

bool date_valid(const struct date *d)
{
	static const u8 days[12] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	if (d->year > DATE_MAX_YEAR || d->month < 1 || d->month > 12 || d->day < 1)
		return false;
	if (d->hour > 23 || d->minute > 59 || d->second > 59)
		return false;
	return d->day <= days[d->month - 1] + (d->month == 2 && leap_year(d->year));
}

s64 date_to_seconds(const struct date *d)
{
	/* Years and months since March of year -400, the start of a 400-year cycle. */
	u32 year = d->year + 400 - (d->month < 3), month = (d->month + 9u) % 12;
	s64 days = (s64)year * DAYS_PER_YEAR + year / 4 - year / 100 + year / 400;

	days += (153 * month + 2) / 5 + d->day - 1;
	days -= DAYS_TO_1970 + DAYS_PER_400_YEARS;
	return days * SECONDS_PER_DAY + (d->hour * 60 + d->minute) * 60 + d->second;
}

void date_from_seconds(s64 seconds, struct date *d)
{
	u64 s = (u64)(MIN(MAX(seconds, DATE_MIN_SECONDS), DATE_MAX_SECONDS) - DATE_MIN_SECONDS);
	/* Days since March 1 of year -400: a whole cycle, less January and February of year 0. */
	u32 day = (u32)(s / SECONDS_PER_DAY) + DAYS_PER_400_YEARS - 60;
	u32 sec = (u32)(s % SECONDS_PER_DAY);

	d->weekday = (day + WEEKDAY_OF_DAY_0) % 7;
	d->hour = (u8)(sec / 3600);
	d->minute = (u8)(sec / 60 % 60);
	d->second = (u8)(sec % 60);

	u32 cycle = day / DAYS_PER_400_YEARS;

	day %= DAYS_PER_400_YEARS;
	/* The last day of four centuries, and of four years, belongs to the year before it. */
	u32 century = MIN(day / DAYS_PER_100_YEARS, 3u);

	day -= century * DAYS_PER_100_YEARS;

	u32 four = day / DAYS_PER_4_YEARS;

	day %= DAYS_PER_4_YEARS;

	u32 year = MIN(day / DAYS_PER_YEAR, 3u);

	day -= year * DAYS_PER_YEAR;

	u32 month = (5 * day + 2) / 153; /* from March on */

	d->day = (u8)(day - (153 * month + 2) / 5 + 1);
	d->month = (u8)((month + 2) % 12 + 1);
	d->year = cycle * 400 + century * 100 + four * 4 + year + (month >= 10) - 400;
}
