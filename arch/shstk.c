/*
 * What each CPU has to know of its shadow stacks, and whether it uses them.
 */
#include "arch/shstk.h"
#include "arch/cpu.h"
#include "arch/entry.h"
#include "arch/feature.h"
#include "arch/msr.h"
#include "arch/percpu.h"

/* SDM vol. 3, "Shadow Stack Usage on Interrupts": tokens' addresses by interrupt stack. 0: spacecall.asm's end. */
static PERCPU u64 tokens[TRAP_STACK_COUNT + 4] __aligned(8);
static_assert(TRAP_STACK_COUNT + 4 == 8, "SDM: the interrupt SSP table has eight entries");

extern const char shstk_probe_ret[], shstk_probe_caught[];

void shstk_set(u32 cpu, enum trap_stack n, void *top)
{
	(*other_cpu(tokens, cpu))[n] = shstk_top((u64)top);
}

u64 shstk_visit_top(void)
{
	return (*this_cpu(tokens))[TRAP_STACK_NONE];
}

u64 shstk_prepare(void)
{
	if (!cpu_has(CPU_SHSTK))
		return 0;
	wrmsr(MSR_SSP_TABLE, (u64)this_cpu(tokens));
	return rdmsr(MSR_S_CET) | S_CET_SHSTK_EN | S_CET_WRSS_EN;
}

bool shstk_on(void)
{
	u64 ssp = 0;

	__asm__ volatile("rdsspq %0" : "+r"(ssp));
	return ssp != 0;
}

u64 shstk_fixup(u64 rip)
{
	return rip == (u64)shstk_probe_ret ? (u64)shstk_probe_caught : 0;
}
