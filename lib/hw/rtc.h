/*
 * The MC146818 real-time clock and CMOS memory as PCs have them (Motorola MC146818A data sheet;
 * ICH9 data sheet, "RTC Registers"). Shared by the driver of the host's and the virtual one.
 */
#pragma once

#include "lib/types.h"

#define RTC_INDEX_PORT 0x70 /* bit 7: NMI disable */
#define RTC_DATA_PORT  0x71
#define RTC_PORTS      2
#define RTC_IRQ        8
#define RTC_INDEX_NMI  BIT(7)
#define RTC_INDEX_MASK BITS(6, 0)
#define RTC_CMOS_SIZE  128u

enum rtc_reg {
	RTC_SECONDS = 0x00,
	RTC_SECONDS_ALARM = 0x01,
	RTC_MINUTES = 0x02,
	RTC_MINUTES_ALARM = 0x03,
	RTC_HOURS = 0x04, /* bit 7: PM, in 12-hour mode */
	RTC_HOURS_ALARM = 0x05,
	RTC_WEEKDAY = 0x06, /* 1: Sunday */
	RTC_DAY = 0x07,     /* 1..31 */
	RTC_MONTH = 0x08,   /* 1..12 */
	RTC_YEAR = 0x09,    /* 0..99 */
	RTC_REG_A = 0x0a,
	RTC_REG_B = 0x0b,
	RTC_REG_C = 0x0c, /* interrupt flags; read-only, cleared by reading */
	RTC_REG_D = 0x0d,
	RTC_SHUTDOWN = 0x0f, /* the shutdown status byte */
	RTC_CENTURY = 0x32,  /* where the FADT names it (usual place) */
};

#define RTC_HOURS_PM  BIT(7)
#define RTC_ALARM_ANY BITS(7, 6) /* both set in an alarm byte: matches every value */

/* Register A */
#define RTC_A_UIP     BIT(7)     /* read-only: an update comes within 244 us */
#define RTC_A_DV      BITS(6, 4) /* divider */
#define RTC_A_DV_32K  0x20       /* normal operation on a 32.768 kHz crystal */
#define RTC_A_DV_HELD 0x60       /* 0x60 and 0x70: divider held in reset */
#define RTC_A_RS      BITS(3, 0) /* periodic rate: 32768 >> (RS - 1) Hz from RS 3 on; 0: none */

/* Register B */
#define RTC_B_SET  BIT(7) /* updates are halted */
#define RTC_B_PIE  BIT(6) /* periodic interrupt */
#define RTC_B_AIE  BIT(5) /* alarm interrupt */
#define RTC_B_UIE  BIT(4) /* update-ended interrupt */
#define RTC_B_SQWE BIT(3)
#define RTC_B_DM   BIT(2) /* 1: binary, 0: BCD */
#define RTC_B_24H  BIT(1)
#define RTC_B_DSE  BIT(0)

/* Register C */
#define RTC_C_IRQF BIT(7)
#define RTC_C_PF   BIT(6)
#define RTC_C_AF   BIT(5)
#define RTC_C_UF   BIT(4)

/* Register D */
#define RTC_D_VRT BIT(7) /* valid RAM and time: the battery is good */
