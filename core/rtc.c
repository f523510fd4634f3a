/*
 * The machine's real-time clock by its CMOS ports, read once at start. The values are the
 * firmware's: they are checked before they become a date.
 */
#include "core/rtc.h"
#include "arch/io.h"
#include "arch/tsc.h"
#include "core/log.h"
#include "lib/string.h"

/* MC146818A registers, by index at port 0x70 and data at port 0x71. */
enum {
	RTC_PORT_INDEX = 0x70,
	RTC_PORT_DATA = 0x71,
	RTC_SECOND = 0x00,
	RTC_MINUTE = 0x02,
	RTC_HOUR = 0x04,
	RTC_DAY = 0x07,
	RTC_MONTH = 0x08,
	RTC_YEAR = 0x09,
	RTC_A = 0x0a,
	RTC_B = 0x0b,
	RTC_CENTURY = 0x32, /* where nearly every firmware has it */
};
#define RTC_A_UIP BIT(7) /* an update is under way */
#define RTC_B_24H BIT(1)
#define RTC_B_BINARY BIT(2)
#define RTC_HOUR_PM BIT(7) /* in 12-hour mode */

#define UIP_WAIT_US 3000 /* an update takes up to 1984 us */
#define UIP_STEP_US 10
#define READ_TRIES 5

/* A register's number; 255, which no register may hold, for BCD digits over 9. */
static u8 number(const struct rtc_regs *r, u8 v)
{
	if (r->status_b & RTC_B_BINARY)
		return v;
	if ((v & 15) > 9 || v >> 4 > 9)
		return 255;
	return (u8)((v >> 4) * 10 + (v & 15));
}

/* The hour 0..23, or more when the register holds none. */
static u32 hour_of(const struct rtc_regs *r)
{
	u32 hour = number(r, (u8)(r->hour & ~RTC_HOUR_PM));

	if (r->status_b & RTC_B_24H)
		return number(r, r->hour);
	if (!hour || hour > 12)
		return ~0U;
	return hour % 12 + (r->hour & RTC_HOUR_PM ? 12 : 0);
}

/* Years from 1970 to 2069; the century register counts where it says one of the two. */
static u32 year_of(const struct rtc_regs *r)
{
	u32 century = number(r, r->century), year = number(r, r->year);

	if (year > 99)
		return 0;
	if (century == 19 || century == 20)
		return century * 100 + year;
	return year + (year < 70 ? 2000 : 1900);
}

static bool leap(u32 year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* Days of the given month of that year, 1..12. */
static u32 month_days(u32 year, u32 month)
{
	static const u8 days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	return days[month - 1] + (month == 2 && leap(year));
}

bool rtc_decode(const struct rtc_regs *r, u64 *seconds)
{
	u32 year = year_of(r), month = number(r, r->month), day = number(r, r->day);
	u32 hour = hour_of(r), minute = number(r, r->minute), second = number(r, r->second);
	u64 days = 0;

	if (year < 1970 || month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59 ||
	    second > 59 || day > month_days(year, month))
		return false;
	for (u32 y = 1970; y < year; y++)
		days += 365 + leap(y);
	for (u32 m = 1; m < month; m++)
		days += month_days(year, m);
	*seconds = (((days + day - 1) * 24 + hour) * 60 + minute) * 60 + second;
	return true;
}

#ifndef PLINTH_HOST_TEST
static u8 cmos_read(u8 reg)
{
	outb(RTC_PORT_INDEX, reg);
	return inb(RTC_PORT_DATA);
}

static void regs_read(struct rtc_regs *r)
{
	for (u32 us = 0; us < UIP_WAIT_US && (cmos_read(RTC_A) & RTC_A_UIP); us += UIP_STEP_US)
		tsc_delay_us(UIP_STEP_US);
	r->second = cmos_read(RTC_SECOND);
	r->minute = cmos_read(RTC_MINUTE);
	r->hour = cmos_read(RTC_HOUR);
	r->day = cmos_read(RTC_DAY);
	r->month = cmos_read(RTC_MONTH);
	r->year = cmos_read(RTC_YEAR);
	r->century = cmos_read(RTC_CENTURY);
	r->status_b = cmos_read(RTC_B);
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
#endif
