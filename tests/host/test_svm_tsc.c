/*
 * TSC_RATIO: written where a vCPU with another ratio comes to a CPU, and only then.
 *
 * sources: svm/tscratio.c
 * flags: -include tests/host/fake_cpu.h -include tests/host/fake_percpu.h
 */
#include "arch/cpu.h"
#include "arch/percpu.h"
#include "svm/backend.h"
#include "svm/tscratio.h"
#include "tests/host/harness.h"
#include "vm/vm.h"

#define ONE  0x100000000ull
#define CPUS 2

struct svm_caps svm_caps;
struct tscscale_hw tscscale_hw;
static u64 mine[CPUS], msr_value[CPUS];
static u32 cpu, writes;
static struct vm plain, half, triple;

u32 fake_cpu_id(void)
{
	return cpu;
}

void *fake_percpu(u32 c)
{
	return &mine[c];
}

void fake_wrmsr(u32 msr, u64 value)
{
	CHECK_EQ(msr, 0xc0000104); /* APM vol. 2, "TSC Ratio MSR" */
	CHECK_EQ(value >> 40, 0);  /* must be zero */
	msr_value[cpu] = value;
	writes++;
}

static void start(bool scaling)
{
	svm_caps = (struct svm_caps){ .tsc_ratio = scaling };
	half.tsc = (struct tscscale){ .khz = 1, .mult = ONE / 2, .bits = 32 };
	triple.tsc = (struct tscscale){ .khz = 1, .mult = 3 * ONE, .bits = 32 };
	for (cpu = 0; cpu < CPUS; cpu++) {
		mine[cpu] = 0;
		msr_value[cpu] = 77; /* the firmware's */
		tscratio_cpu_init();
	}
	cpu = writes = 0;
}

/* As svm_load() does it. */
static void comes(u32 to, const struct vm *vm, u64 want, u32 written)
{
	cpu = to;
	writes = 0;
	tscratio_load(vm);
	CHECK_EQ(msr_value[to], want);
	CHECK_EQ(writes, written);
}

TEST(only_another_ratio_is_written)
{
	start(true);
	CHECK(msr_value[0] == ONE && msr_value[1] == ONE);
	comes(0, &plain, ONE, 0);
	comes(0, &half, ONE / 2, 1);
	comes(0, &half, ONE / 2, 0);
	comes(0, &triple, 3 * ONE, 1);
	comes(0, &plain, ONE, 1);
	comes(0, &plain, ONE, 0);
}

TEST(each_cpu_has_its_own)
{
	start(true);
	comes(0, &half, ONE / 2, 1);
	comes(1, &half, ONE / 2, 1);
	comes(1, &plain, ONE, 1);
	comes(0, &half, ONE / 2, 0);
	tscratio_cpu_init(); /* switched off */
	CHECK_EQ(msr_value[0], ONE);
}

TEST(not_without_the_register)
{
	start(false);
	CHECK(msr_value[0] == 77 && !writes);
	comes(0, &plain, 77, 0);
	tscratio_probe();
	CHECK_EQ(tscscale_hw.bits, 0);
	start(true);
	tscratio_probe();
	CHECK(tscscale_hw.bits == 32 && tscscale_hw.max == 0xffffffffffull);
}
