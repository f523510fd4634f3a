/*
 * core/pstate.h: HWP's registers on each CPU, and when they are left alone.
 *
 * sources: core/pstate.c core/cmdline.c lib/string.c
 * flags: -include tests/host/fake_cpu.h
 */
#include "arch/feature.h"
#include "arch/msr.h"
#include "core/cmdline.h"
#include "core/log.h"
#include "core/pstate.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "tests/host/harness.h"

#include <stdarg.h>
#include <stdio.h>

#define HWP  BIT(7)
#define EPP  BIT(10)
#define CAPS 0x0408142aull /* lowest 4, efficient 8, guaranteed 20, highest 42 */

static enum cpu_vendor vendor;
static u32 leaves, power, cpu;
static u64 enable, caps, request;
static u32 gone; /* an MSR that raises #GP */
static u32 touched;
static char said[1000];

struct cpuid fake_cpuid(u32 leaf, u32 subleaf)
{
	return (struct cpuid){ .eax = leaf ? power : leaves };
}
enum cpu_vendor cpu_vendor(void)
{
	return vendor;
}
u32 cpu_id(void)
{
	return cpu;
}
int rdmsr_safe(u32 msr, u64 *value)
{
	touched++;
	CHECK_EQ(msr, 0x771);
	if (msr == gone || !enable)
		return -EFAULT;
	*value = caps;
	return 0;
}
int wrmsr_safe(u32 msr, u64 value)
{
	touched++;
	if (msr == gone)
		return -EFAULT;
	if (msr == 0x770)
		enable = value;
	else if (msr == 0x774 && enable)
		request = value;
	else
		CHECK(false);
	return 0;
}
void log_printf(enum log_level level, const char *fmt, ...)
{
	size_t len = strlen(said);
	va_list ap;

	if (level == LOG_DEBUG)
		return;
	va_start(ap, fmt);
	vsnprintf(said + len, sizeof(said) - len, fmt, ap);
	va_end(ap);
}

static u32 start(const char *w, enum cpu_vendor v, u32 max, u32 eax)
{
	char words[32];

	snprintf(words, sizeof(words), w ? "pstate=%s" : "", w);
	cmdline_init(words);
	vendor = v;
	leaves = max;
	power = eax;
	enable = request = touched = 0;
	said[0] = 0;
	pstate_init();
	pstate_init_cpu();
	return touched;
}

TEST(requests)
{
	u64 r = 0;

	CHECK(pstate_request(CAPS, true, &r));
	CHECK_EQ(r, 0x80002a04);
	CHECK(pstate_request(CAPS, false, &r));
	CHECK_EQ(r, 0x2a04);
	CHECK(pstate_request(0xdeadbeefff0000ffull, true,
			     &r)); /* a single speed, and reserved bits */
	CHECK_EQ(r, 0x8000ffff);
	CHECK(!pstate_request(0, true, &r));
	CHECK(!pstate_request(0x2b08142aull, true, &r));
	CHECK_EQ(r, 0x8000ffff);
}

TEST(left_alone)
{
	caps = CAPS;
	CHECK_EQ(start("off", CPU_VENDOR_INTEL, 6, HWP | EPP), 0);
	pstate_report();
	CHECK_STR(said, "");
	CHECK_EQ(start(NULL, CPU_VENDOR_INTEL, 6, (u32)~HWP), 0);
	CHECK_EQ(start(NULL, CPU_VENDOR_INTEL, 5, ~0u), 0);
	CHECK_EQ(start(NULL, CPU_VENDOR_AMD, 6, ~0u), 0);
	CHECK_STR(said, "");
}

/* Last: the counts stay. */
TEST(used_on_each_cpu)
{
	caps = CAPS;
	CHECK_EQ(start(NULL, CPU_VENDOR_INTEL, 6, HWP | EPP), 3);
	CHECK_EQ(enable, 1);
	CHECK_EQ(request, 0x80002a04);
	cpu = 1; /* a smaller core */
	caps = 0x0106081c;
	pstate_init_cpu();
	CHECK_EQ(request, 0x80001c01);
	pstate_report();
	CHECK_STR(said, "pstate: HWP: CPUs choose their speed, the boot CPU from 4 to 42");
	said[0] = 0;
	for (gone = 0x770; gone <= 0x774; gone++)
		if (gone != 0x772 && gone != 0x773)
			pstate_init_cpu();
	gone = 0;
	caps = 0;
	pstate_init_cpu();
	pstate_report();
	CHECK(!memcmp(said, "pstate: 4 of 6 CPUs refuse HWP", 30));
	(void)start("fast", CPU_VENDOR_INTEL, 6, HWP);
	CHECK_STR(said, "pstate=fast: not off: ignored");
}
