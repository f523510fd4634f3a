/*
 * arch/thermal.h: which registers are read, and what they mean.
 *
 * sources: arch/thermal.c
 * flags: -include tests/host/fake_cpu.h
 */
#include "arch/feature.h"
#include "arch/msr.h"
#include "arch/thermal.h"
#include "lib/errno.h"
#include "tests/host/harness.h"

#define DTS     BIT(0)
#define PLN     BIT(4)
#define PACKAGE BIT(6)

static enum cpu_vendor vendor;
static u32 leaves, power;
static u32 gone; /* an MSR that raises #GP */
static u32 reads;

struct cpuid fake_cpuid(u32 leaf, u32 subleaf)
{
	return (struct cpuid){ .eax = leaf ? power : leaves };
}
enum cpu_vendor cpu_vendor(void)
{
	return vendor;
}
int rdmsr_safe(u32 msr, u64 *value)
{
	CHECK(msr == 0x19c || msr == 0x1b1 || msr == 0x1a2);
	reads++;
	if (msr == gone)
		return -EFAULT;
	*value = msr;
	return 0;
}

static struct thermal_raw read(enum cpu_vendor v, u32 max, u32 eax, u32 missing)
{
	vendor = v;
	leaves = max;
	power = eax;
	gone = missing;
	reads = 0;
	return thermal_read();
}

TEST(registers_where_cpuid_says_so)
{
	struct thermal_raw r = read(CPU_VENDOR_INTEL, 6, DTS | PLN | PACKAGE, 0);

	CHECK(r.have_core && r.have_package && r.have_target && r.power);
	CHECK(r.core == 0x19c && r.package == 0x1b1 && r.target == 0x1a2);
	r = read(CPU_VENDOR_INTEL, 6, DTS, 0x1a2);
	CHECK(r.have_core && !r.have_package && !r.have_target && !r.power);
	r = read(CPU_VENDOR_INTEL, 6, DTS | PACKAGE, 0x19c);
	CHECK(!r.have_core && r.have_package && !r.have_target);
	r = read(CPU_VENDOR_INTEL, 6, (u32) ~(DTS | PACKAGE), 0);
	CHECK(!r.have_core && !r.have_package && !reads);
	r = read(CPU_VENDOR_INTEL, 5, ~0u, 0);
	CHECK(!r.have_core && !reads);
	r = read(CPU_VENDOR_AMD, 6, ~0u, 0);
	CHECK(!r.have_core && !reads);
}

static struct thermal sum;

/* status's temperature counts where valid is set. */
static void add(u32 cpu, u32 below, u64 status, u32 package_below, u32 target)
{
	struct thermal_raw r = { .have_core = true,
				 .have_package = true,
				 .have_target = true,
				 .power = true,
				 .core = status | (u64)below << 16,
				 .package = (u64)package_below << 16 | 0xf,
				 .target = (u64)target << 16 | 0x0a00ffff };

	thermal_add(&sum, cpu, &r);
}

TEST(the_hottest_counts)
{
	sum = (struct thermal){ 0 };
	add(0, 60, THERM_VALID, 50, 100);
	CHECK(sum.cpus == 1 && sum.hottest == 0 && sum.below == 60 && sum.limit == 100);
	CHECK(sum.have_package && sum.package_below == 50);
	add(1, 53, THERM_VALID, 51, 90);
	add(2, 54, THERM_VALID, 50, 100);
	add(3, 1, 0, 1, 100); /* not valid */
	CHECK(sum.cpus == 3 && sum.hottest == 1 && sum.below == 53 && sum.limit == 90);
	CHECK(sum.package_below == 50);
	add(4, 0, THERM_VALID, 127, 20);
	CHECK(sum.hottest == 4 && sum.below == 0 && sum.limit == 0);
	add(5, 127, THERM_VALID, 127, 255);
	CHECK(sum.hottest == 4 && sum.told == 6);
}

TEST(throttling_now_and_before)
{
	sum = (struct thermal){ 0 };
	add(0, 1, THERM_HOT | THERM_HOT_LOG, 0, 0);
	add(1, 1, THERM_PROCHOT, 0, 0);
	add(2, 1, THERM_HOT_LOG | THERM_POWER_LOG, 0, 0);
	add(3, 1, THERM_POWER | THERM_POWER_LOG, 0, 0);
	add(4, 1, THERM_CRITICAL | BIT(3) | BIT(6) | BIT(8), 0, 0);
	CHECK(sum.told == 5 && sum.cpus == 0 && !sum.have_package);
	CHECK(sum.hot == 2 && sum.was_hot == 2 && sum.critical == 1);
	CHECK(sum.power == 1 && sum.was_power == 2);
}

TEST(power_limits_need_their_bit)
{
	struct thermal_raw r = { .have_core = true, .core = THERM_POWER | THERM_POWER_LOG };

	sum = (struct thermal){ 0 };
	thermal_add(&sum, 0, &r);
	CHECK(sum.told == 1 && !sum.power && !sum.was_power);
	r = (struct thermal_raw){ 0 };
	thermal_add(&sum, 1, &r);
	CHECK_EQ(sum.told, 1);
}
