/*
 * Temperature and throttling as Intel's CPUs tell them by MSR (Intel SDM vol. 3, "Thermal Monitoring and
 * Protection"; vol. 4 for the registers). AMD's CPUs do so by PCI and other ways that are not read.
 */
#pragma once

#include "lib/types.h"

#define THERM_HOT        BIT(0) /* the CPU slows itself down */
#define THERM_HOT_LOG    BIT(1) /* it did, since somebody cleared this bit */
#define THERM_PROCHOT    BIT(2) /* somebody else asks it to */
#define THERM_CRITICAL   BIT(4)
#define THERM_CRIT_LOG   BIT(5)
#define THERM_POWER      BIT(10) /* below what was asked for, to keep to a power limit */
#define THERM_POWER_LOG  BIT(11)
#define THERM_BELOW      BITS(22, 16) /* degrees below the limit */
#define THERM_VALID      BIT(31)      /* of IA32_THERM_STATUS only */
#define THERM_TARGET     BITS(23, 16) /* of IA32_TEMPERATURE_TARGET: the limit in degrees Celsius */
#define THERM_TARGET_MIN 50           /* others are not believed */
#define THERM_TARGET_MAX 150

/* One CPU's registers, as far as they could be read. */
struct thermal_raw {
	bool have_core, have_package, have_target;
	bool power; /* CPUID says that power limits are told */
	u64 core, package, target;
};

/* What is made of those of all CPUs; zeroed before the first is added. */
struct thermal {
	u32 cpus;          /* that told a temperature */
	u32 hottest;       /* of these, which is nearest to its limit */
	u8 below;          /* by so many degrees */
	u8 limit;          /* its limit in degrees Celsius; 0: not known */
	bool have_package; /* the hottest one of them */
	u8 package_below;
	u32 told;         /* CPUs that told their state */
	u32 hot, was_hot; /* of these, those that are slowed down, and those that have ever been */
	u32 power, was_power; /* the same for a power limit */
	u32 critical;
};

/* Reads this CPU's. */
struct thermal_raw thermal_read(void);

/* Adds CPU cpu's. */
void thermal_add(struct thermal *t, u32 cpu, const struct thermal_raw *raw);
