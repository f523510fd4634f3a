/*
 * arch/tscsync.h: TSC_ADJUST made the same, and the largest step back of two CPUs' TSCs.
 *
 * sources: arch/tscsync.c
 * flags: -include tests/host/fake_cpu.h
 */
#include "arch/feature.h"
#include "arch/msr.h"
#include "arch/tsc.h"
#include "arch/tscsync.h"
#include "core/log.h"
#include "lib/errno.h"
#include "tests/host/harness.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static u64 adjust, now, offset[2];
static u32 side; /* who reads */
static bool has, faults, locked;
static char said[1000];

bool cpu_has(enum cpu_feature f)
{
	CHECK_EQ(f, CPU_TSC_ADJUST);
	return has;
}
int rdmsr_safe(u32 msr, u64 *value)
{
	CHECK_EQ(msr, MSR_TSC_ADJUST);
	if (faults)
		return -EFAULT;
	*value = adjust;
	return 0;
}
int wrmsr_safe(u32 msr, u64 value)
{
	CHECK_EQ(msr, MSR_TSC_ADJUST);
	if (locked)
		return -EFAULT;
	adjust = value;
	return 0;
}
u64 fake_rdtsc(void)
{
	now += 10;
	return now + offset[side];
}
void tsc_delay_us(u64 us)
{
	now += us;
}
u64 tsc_khz(void)
{
	return 2000000; /* 2000 ticks are 1 us */
}
void log_printf(enum log_level level, const char *fmt, ...)
{
	va_list ap;
	size_t len = strlen(said);

	if (level == LOG_DEBUG)
		return;
	len += (size_t)snprintf(said + len, sizeof(said) - len, "%d ", level);
	va_start(ap, fmt);
	len += (size_t)vsnprintf(said + len, sizeof(said) - len, fmt, ap);
	va_end(ap);
	snprintf(said + len, sizeof(said) - len, "\n");
}

TEST(adjust_follows_the_boot_cpu)
{
	u64 was = 1;

	has = false;
	tsc_adjust_boot();
	CHECK_EQ(tsc_adjust_follow(&was), TSC_ADJUST_NONE);
	has = true;
	adjust = 5;
	tsc_adjust_boot();
	CHECK_EQ(tsc_adjust_follow(&was), TSC_ADJUST_SAME);
	adjust = (u64)-7;
	CHECK_EQ(tsc_adjust_follow(&was), TSC_ADJUST_SET);
	CHECK_EQ(was, (u64)-7);
	CHECK_EQ(adjust, 5);
	adjust = 0;
	locked = true;
	CHECK_EQ(tsc_adjust_follow(&was), TSC_ADJUST_REFUSED);
	CHECK_EQ(adjust, 0);
	locked = false;
	faults = true;
	CHECK_EQ(tsc_adjust_follow(&was), TSC_ADJUST_NONE);
	tsc_adjust_boot();
	faults = false;
	CHECK_EQ(tsc_adjust_follow(&was), TSC_ADJUST_NONE);
}

/* Both read in turns; the second's TSC is so far from the first's. */
static u64 back(s64 by)
{
	struct tsc_pair p = { 0 };

	now = 1000000;
	offset[0] = 0;
	offset[1] = (u64)by;
	for (u32 i = 0; i < 100; i++) {
		side = i % 2;
		tsc_pair_step(&p, &p.side[side]);
	}
	CHECK(p.side[0].met + p.side[1].met >= 49);
	return MAX(p.side[0].back, p.side[1].back);
}

TEST(steps_back)
{
	CHECK_EQ(back(0), 0);
	CHECK_EQ(back(5000), 4990);
	CHECK_EQ(back(-5000), 4990);
}

TEST(a_run_needs_two)
{
	struct tsc_pair p = { .last = 2000000, .arrived = 1, .done = 1 };

	side = 1;
	now = 1000000;
	offset[1] = 0;
	CHECK(tsc_pair_run(&p, 1));
	CHECK_EQ(p.side[1].met, TSC_PAIR_STEPS);
	CHECK(p.side[1].back > 990000);
	p = (struct tsc_pair){ 0 };
	CHECK(!tsc_pair_run(&p, 0));
	CHECK_EQ(p.last, 0);
	p = (struct tsc_pair){ .arrived = 1 };
	CHECK(!tsc_pair_run(&p, 0));
}

static void note(enum tsc_adjust a, u64 was, u64 by, u32 met, bool ran)
{
	struct tsc_pair p = { .side = { { .back = by }, { .met = met } } };

	tsc_sync_note(1, a, was, &p, ran);
}

/* The counts go on from one to the next. */
TEST(what_is_said)
{
	has = true;
	adjust = 0x10;
	tsc_adjust_boot();
	tsc_sync_report();
	CHECK_STR(said, "");
	note(TSC_ADJUST_SAME, 0x10, 2000, 3, true);
	tsc_sync_report();
	CHECK_STR(said, "2 tsc: 1 CPU compared with the boot CPU, largest step back 2000 ticks\n");
	said[0] = 0;
	note(TSC_ADJUST_SET, 0x20, 6000, 3, true);
	note(TSC_ADJUST_REFUSED, 0x30, 0, 0, true);
	note(TSC_ADJUST_NONE, 0, 9000, 3, false);
	tsc_sync_report();
	CHECK_STR(said, "1 tsc: CPU 1's TSC_ADJUST is 0x20, the boot CPU's 0x10: set to that\n"
			"1 tsc: CPU 1's TSC_ADJUST is 0x30, the boot CPU's 0x10: it cannot be set\n"
			"1 tsc: 2 CPUs could not be compared with the boot CPU\n"
			"2 tsc: 2 CPUs compared with the boot CPU, largest step back 6000 ticks\n"
			"1 clock: the CPUs' TSCs are not the same: times may jump back by 3 us\n");
}
