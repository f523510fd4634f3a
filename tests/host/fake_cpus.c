#include "tests/host/fake_cpus.h"

#include "arch/cpu.h"
#include "core/clock.h"
#include "core/irq.h"
#include "core/timer.h"
#include "lib/string.h"

__thread u32 this;
u32 cpus;
u64 now;
struct timer *timers[FAKE_CPUS];
void (*handlers[256])(void);

static _Alignas(64) char areas[FAKE_CPUS][FAKE_CPU_BYTES];

void fake_cpus_clear(void)
{
	memset(areas, 0, sizeof(areas));
	memset(timers, 0, sizeof(timers));
}

u32 fake_cpu_id(void)
{
	return this;
}
void *fake_percpu(u32 cpu)
{
	return areas[cpu];
}
u32 cpu_id(void)
{
	return this;
}
u32 cpu_count(void)
{
	return cpus;
}
u64 clock_ns(void)
{
	return now;
}
void irq_set_fixed(u8 vector, void (*fn)(void))
{
	handlers[vector] = fn;
}
void timer_init(struct timer *t, void (*fn)(struct timer *t))
{
	*t = (struct timer){ .fn = fn };
}
void timer_arm(struct timer *t, u64 deadline)
{
	t->armed = true;
	t->deadline_ns = deadline;
	timers[this] = t;
}
