/*
 * Whether indirect branch tracking works here.
 */
#include "arch/cet.h"
#include "arch/cpu.h"
#include "arch/msr.h"

extern const char cet_probe_landing[], cet_probe_caught[];

bool cet_ibt_on(void)
{
	return (read_cr4() & CR4_CET) && (rdmsr(MSR_S_CET) & S_CET_ENDBR_EN);
}

u64 cet_fixup(u64 rip)
{
	return rip == (u64)cet_probe_landing ? (u64)cet_probe_caught : 0;
}
