/*
 * The machine's real-time clock (Motorola MC146818A), read once at start.
 */
#pragma once

#include "lib/types.h"

/* The clock's registers as read, one of the times that it shows. */
struct rtc_regs {
	u8 second, minute, hour, day, month, year, century; /* century 0: not known */
	u8 status_b;
};

/* Seconds since 1970 UTC; false: no valid date (the registers hold garbage). */
bool rtc_decode(const struct rtc_regs *r, u64 *seconds);

/* Reads the clock; 0 (and a warning) when it shows nothing sensible. Bounded. */
u64 rtc_read(void);
