/*
 * Dates of the proleptic Gregorian calendar and seconds since 1970 UTC.
 */
#pragma once

#include "lib/types.h"

struct date {
	u32 year; /* 0 to 9999 */
	u8 month; /* 1 to 12 */
	u8 day;   /* 1 to 31 */
	u8 hour, minute, second;
	u8 weekday; /* 0: Sunday; date_to_seconds() ignores it */
};

#define DATE_MAX_YEAR    9999u
#define DATE_MAX_SECONDS 253402300799LL   /* 9999-12-31 23:59:59 */
#define DATE_MIN_SECONDS (-62167219200LL) /* 0000-01-01 00:00:00 */

/* True when all fields lie in their ranges, the month's length included. */
bool date_valid(const struct date *d);

/* Seconds since 1970 of a valid date; negative before. */
s64 date_to_seconds(const struct date *d);

/* The date at seconds, which is brought into DATE_MIN_SECONDS .. DATE_MAX_SECONDS first. */
void date_from_seconds(s64 seconds, struct date *d);
