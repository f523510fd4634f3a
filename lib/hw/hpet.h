/*
 * Registers of the high precision event timer (IA-PC HPET 1.0a, 2.3), each of 64 bits.
 */
#pragma once

#include "lib/types.h"

#define HPET_SIZE 1024u

#define HPET_CAPABILITIES    0x000
#define HPET_CAP_REVISION    0x01 /* bits 7..0; not 0 */
#define HPET_CAP_TIMERS_SH   8    /* the number of the last one */
#define HPET_CAP_64BIT       BIT(13)
#define HPET_CAP_LEGACY      BIT(15)
#define HPET_CAP_VENDOR_SH   16
#define HPET_CAP_PERIOD_SH   32 /* of the counter, in femtoseconds */
#define HPET_CONFIG          0x010
#define HPET_CONFIG_ENABLE   BIT(0)
#define HPET_CONFIG_LEGACY   BIT(1) /* timer 0 and 1 are lines 0 and 8, and PIT and RTC are not */
#define HPET_STATUS          0x020  /* a bit for each timer, while its level is active; 1 clears */
#define HPET_COUNTER         0x0f0  /* may be written while it stands still */
#define HPET_TIMER           0x100
#define HPET_TIMER_SIZE      0x20
/* Offsets of a timer. */
#define HPET_TN_CONFIG       0x00
#define HPET_TN_LEVEL        BIT(1)
#define HPET_TN_ENABLE       BIT(2)
#define HPET_TN_PERIODIC     BIT(3)
#define HPET_TN_PERIODIC_CAP BIT(4)
#define HPET_TN_64BIT_CAP    BIT(5)
#define HPET_TN_SET_VALUE    BIT(6) /* the next write sets a periodic timer's comparator, too */
#define HPET_TN_32BIT        BIT(8)
#define HPET_TN_ROUTE        BITS(13, 9)
#define HPET_TN_ROUTE_SH     9
#define HPET_TN_ROUTE_CAP_SH 32
#define HPET_TN_COMPARATOR   0x08
