/*
 * For `flags: -include tests/host/fake_percpu.h`: each simulated CPU has a copy of its own of the one per-CPU
 * variable that the test and what it tests share; which CPU it is is the test's to say.
 */
#pragma once

#include "arch/percpu.h"

u32 fake_cpu_id(void);
void *fake_percpu(u32 cpu);

#undef this_cpu
#undef other_cpu
#define this_cpu(var)       ((__typeof__(&(var)))fake_percpu(fake_cpu_id()))
#define other_cpu(var, cpu) ((__typeof__(&(var)))fake_percpu(cpu))
