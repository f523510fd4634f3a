/*
 * The machine's real-time clock by its CMOS ports, read once at start. The values are the
 * firmware's: they are checked before they become a date.
 */
#include "core/rtc.h"

#include "arch/io.h"
#include "arch/tsc.h"
#include "core/log.h"
#include "lib/date.h"
#include "lib/hw/rtc.h"
#include "lib/string.h"

#define UIP_WAIT_US 3000 /* an update takes up to 1984 us */
#define UIP_STEP_US 10
#define READ_TRIES  5
#define NO_NUMBER   255 /* valid in no register */

/* A register's number; NO_NUMBER for BCD digits over 9. */
static u8 number(const struct rtc_regs *r, u8 v)
{
	if (r->status_b & RTC_B_DM)
		return v;
	if ((v & 15) > 9 || v >> 4 > 9)
		return NO_NUMBER;
	return (u8)((v >> 4) * 10 + (v & 15));
}

/* The hour 0..23, or more when the register holds none. */
static u8 hour_of(const struct rtc_regs *r)
{
	u8 hour = number(r, (u8)(r->hour & ~RTC_HOURS_PM));

	if (r->status_b & RTC_B_24H)
		return number(r, r->hour);
	if (!hour || hour > 12)
		return NO_NUMBER;
	return hour % 12 + (r->hour & RTC_HOURS_PM ? 12 : 0);
}

/* Years from 1970 to 2069; the century register counts where it says one of the two. */
static u32 year_of(const struct rtc_regs *r)
{
	u32 century = number(r, r->century), year = number(r, r->year);

	if (century == 19 || century == 20)
		return century * 100 + year;
	return year + (year < 70 ? 2000 : 1900);
}

bool rtc_decode(const struct rtc_regs *r, u64 *seconds)
{
	struct date d = {
		.year = year_of(r),
		.month = number(r, r->month),
		.day = number(r, r->day),
		.hour = hour_of(r),
		.minute = number(r, r->minute),
		.second = number(r, r->second),
	};

	if (number(r, r->year) > 99 || d.year < 1970 || !date_valid(&d))
		return false;
	*seconds = (u64)date_to_seconds(&d);
	return true;
}

static u8 cmos_read(u8 reg)
{
	outb(RTC_INDEX_PORT, reg);
	return inb(RTC_DATA_PORT);
}

static void regs_read(struct rtc_regs *r)
{
	for (u32 us = 0; us < UIP_WAIT_US && (cmos_read(RTC_REG_A) & RTC_A_UIP); us += UIP_STEP_US)
		tsc_delay_us(UIP_STEP_US);
	r->second = cmos_read(RTC_SECONDS);
	r->minute = cmos_read(RTC_MINUTES);
	r->hour = cmos_read(RTC_HOURS);
	r->day = cmos_read(RTC_DAY);
	r->month = cmos_read(RTC_MONTH);
	r->year = cmos_read(RTC_YEAR);
	r->century = cmos_read(RTC_CENTURY);
	r->status_b = cmos_read(RTC_REG_B);
}

u64 rtc_read(void)
{
	struct rtc_regs a, b;
	u64 seconds;

	regs_read(&a);
	/* Twice the same: no update came in between. */
	for (u32 i = 0; i < READ_TRIES; i++) {
		regs_read(&b);
		if (!memcmp(&a, &b, sizeof(a)) && rtc_decode(&a, &seconds))
			return seconds;
		a = b;
	}
	log_warn("rtc: no valid date in the real-time clock, starting at 1970-01-01");
	return 0;
}
