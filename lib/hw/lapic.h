/*
 * The local APIC's registers (Intel SDM vol. 3, "Local APIC Register Address Map"): offsets in its
 * page; the x2APIC MSR of a register is 0x800 + offset / 16.
 */
#pragma once

#include "lib/types.h"

enum {
	LAPIC_ID = 0x020,
	LAPIC_VERSION = 0x030,
	LAPIC_TPR = 0x080,
	LAPIC_APR = 0x090,
	LAPIC_PPR = 0x0a0,
	LAPIC_EOI = 0x0b0,
	LAPIC_RRD = 0x0c0,
	LAPIC_LDR = 0x0d0,
	LAPIC_DFR = 0x0e0,
	LAPIC_SVR = 0x0f0,
	LAPIC_ISR = 0x100, /* eight registers of 32 bits, 16 bytes apart; TMR and IRR alike */
	LAPIC_TMR = 0x180,
	LAPIC_IRR = 0x200,
	LAPIC_ESR = 0x280,
	LAPIC_LVT_CMCI = 0x2f0,
	LAPIC_ICR = 0x300,
	LAPIC_ICR_HIGH_X2 = 0x304, /* an x2APIC's ICR is one register of 64 bits */
	LAPIC_ICR_HIGH = 0x310,
	LAPIC_LVT_TIMER = 0x320,
	LAPIC_LVT_THERMAL = 0x330,
	LAPIC_LVT_PERF = 0x340,
	LAPIC_LVT_LINT0 = 0x350,
	LAPIC_LVT_LINT1 = 0x360,
	LAPIC_LVT_ERROR = 0x370,
	LAPIC_TIMER_INITIAL = 0x380,
	LAPIC_TIMER_CURRENT = 0x390,
	LAPIC_TIMER_DIVIDE = 0x3e0,
	LAPIC_SELF_IPI = 0x3f0, /* x2APIC only */
};

#define LAPIC_SVR_ENABLE       BIT(8)
#define LAPIC_SVR_EOI_SUPPRESS BIT(12)

#define LAPIC_VERSION_EOI_SUPPRESS BIT(24)

#define LAPIC_LVT_VECTOR     BITS(7, 0)
#define LAPIC_LVT_MODE       BITS(10, 8) /* delivery mode */
#define LAPIC_LVT_PENDING    BIT(12)
#define LAPIC_LVT_ACTIVE_LOW BIT(13)
#define LAPIC_LVT_REMOTE_IRR BIT(14)
#define LAPIC_LVT_LEVEL      BIT(15)
#define LAPIC_LVT_MASKED     BIT(16)
#define LAPIC_TIMER_MODE     BITS(18, 17)
#define LAPIC_TIMER_ONESHOT  (0u << 17)
#define LAPIC_TIMER_PERIODIC (1u << 17)
#define LAPIC_TIMER_DEADLINE (2u << 17)

#define LAPIC_ICR_LOGICAL   BIT(11)
#define LAPIC_ICR_PENDING   BIT(12)
#define LAPIC_ICR_ASSERT    BIT(14)
#define LAPIC_ICR_LEVEL     BIT(15)
#define LAPIC_ICR_SHORTHAND BITS(19, 18)
#define LAPIC_ICR_SELF      (1u << 18)
#define LAPIC_ICR_ALL       (2u << 18)
#define LAPIC_ICR_OTHERS    (3u << 18)

#define LAPIC_ESR_SEND_ILLEGAL BIT(5)
#define LAPIC_ESR_RECV_ILLEGAL BIT(6)
#define LAPIC_ESR_ILLEGAL_REG  BIT(7)

#define LAPIC_DFR_FLAT 0xffffffffu
