/*
 * The 8254 programmable interval timer (Intel 8254 data sheet, "Programming the 8254") and the
 * system control port beside it (ICH9 data sheet, "NMI Status and Control Register").
 */
#pragma once

#include "lib/types.h"

#define PIT_PORT     0x40 /* counters 0 to 2, then the control word */
#define PIT_PORTS    4
#define PIT_COUNTERS 3u
#define PIT_CONTROL  3 /* offset of the control word; write-only */
#define PIT_HZ       1193182u
#define PIT_IRQ      0 /* counter 0's output */

/* Control word */
#define PIT_CW_BCD      BIT(0)
#define PIT_CW_MODE     BITS(3, 1) /* 6 and 7 mean 2 and 3 */
#define PIT_CW_MODE_SH  1
#define PIT_CW_RW       BITS(5, 4)
#define PIT_CW_RW_SH    4
#define PIT_CW_SELECT   BITS(7, 6)
#define PIT_CW_SEL_SH   6
#define PIT_SEL_READBCK 3 /* instead of a counter: the read-back command */

enum pit_mode {
	PIT_MODE_TERMINAL = 0, /* interrupt on terminal count */
	PIT_MODE_ONESHOT = 1,  /* hardware retriggerable one-shot */
	PIT_MODE_RATE = 2,
	PIT_MODE_SQUARE = 3,
	PIT_MODE_SOFT_STROBE = 4,
	PIT_MODE_HARD_STROBE = 5,
};

enum pit_rw {
	PIT_RW_LATCH = 0, /* counter latch command */
	PIT_RW_LSB = 1,
	PIT_RW_MSB = 2,
	PIT_RW_BOTH = 3, /* low byte, then high byte */
};

/* Read-back command: what is latched of which counters. */
#define PIT_RB_NO_COUNT  BIT(5)
#define PIT_RB_NO_STATUS BIT(4)
#define PIT_RB_COUNTER0  BIT(1) /* the next bits: counters 1 and 2 */

/* Status byte; bits 5..0 as in the control word */
#define PIT_ST_OUT  BIT(7)
#define PIT_ST_NULL BIT(6) /* a count was written and is not in use yet */

#define PORT61            0x61
#define PORT61_GATE2      BIT(0)
#define PORT61_SPEAKER    BIT(1)
#define PORT61_WRITABLE   BITS(3, 0)
#define PORT61_REFRESH    BIT(4) /* toggles with each memory refresh */
#define PORT61_OUT2       BIT(5)
#define PORT61_REFRESH_NS 15085u
