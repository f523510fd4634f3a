/*
 * For `flags: -include tests/host/fake_cpu.h`: the CPU's privileged instructions, and those whose
 * results a test chooses, become calls of functions that the test supplies (tests/host/fake_vcpu.c has some).
 */
#pragma once

#include "arch/cpu.h"
#include "arch/window.h"

struct cpuid fake_cpuid(u32 leaf, u32 subleaf);
u64 fake_rdmsr(u32 msr);
void fake_wrmsr(u32 msr, u64 value);
u64 fake_rdtsc(void);
void fake_invlpg(u64 va);
bool fake_rdrand(u64 *v);
bool fake_rdseed(u64 *v);
void fake_xsetbv(u32 index, u64 value);
u64 fake_read_dr6(void);
void fake_write_dr6(u64 value);
bool fake_window_load64(const void *p, u64 *value);

#define cpuid(leaf, subleaf)    fake_cpuid(leaf, subleaf)
#define rdmsr(msr)              fake_rdmsr(msr)
#define wrmsr(msr, value)       fake_wrmsr(msr, value)
#define rdtsc()                 fake_rdtsc()
#define rdtsc_low()             ((u32)fake_rdtsc())
#define invlpg(va)              fake_invlpg(va)
#define cpu_rdrand              fake_rdrand
#define cpu_rdseed              fake_rdseed
#define xsetbv(index, value)    fake_xsetbv(index, value)
#define read_dr6()              fake_read_dr6()
#define write_dr6(value)        fake_write_dr6(value)
#define window_open()           ((void)0)
#define window_close()          ((void)0)
#define window_load64(p, value) fake_window_load64(p, value)
