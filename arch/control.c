/*
 * Control registers and EFER as the host wants them on every CPU.
 */
#include "arch/control.h"
#include "arch/cpu.h"
#include "arch/feature.h"
#include "arch/msr.h"

#define CPUID_EXT_NX BIT(20) /* 0x80000001 EDX */
#define CPUID_MSR    BIT(5)  /* 1 EDX */
#define CPUID_PAT    BIT(16)
#define CPUID_APIC   BIT(9)

/* SDM vol. 3, "Programming the PAT": WB WT UC- UC, twice. mm's page-table format counts on it. */
#define PAT_RESET 0x0007040600070406ULL

const char *cpu_missing(void)
{
	struct cpuid basic = cpuid(1, 0);

	if (!(cpuid(0x80000001, 0).edx & CPUID_EXT_NX))
		return "no-execute pages (NX), which W^X needs";
	if (!(basic.edx & CPUID_PAT))
		return "page attribute tables (PAT)";
	if (!(basic.edx & CPUID_MSR))
		return "model-specific registers";
	if (!(basic.edx & CPUID_APIC))
		return "a local APIC";
	return NULL;
}

void cpu_control_init(void)
{
	static const struct {
		enum cpu_feature feature;
		u64 bit;
	} optional[] = {
		{ CPU_PGE, CR4_PGE },    { CPU_SMEP, CR4_SMEP },         { CPU_SMAP, CR4_SMAP },
		{ CPU_UMIP, CR4_UMIP },  { CPU_FSGSBASE, CR4_FSGSBASE }, { CPU_XSAVE, CR4_OSXSAVE },
		{ CPU_PCID, CR4_PCIDE }, { CPU_IBT, CR4_CET },           { CPU_SHSTK, CR4_CET },
	};
	/* OSFXSR and OSXMMEXCPT: guests' vector state is saved and loaded by the host. */
	u64 cr4 = CR4_PAE | CR4_MCE | CR4_DE | CR4_OSFXSR | CR4_OSXMMEXCPT;

	for (u32 i = 0; i < ARRAY_LEN(optional); i++)
		if (cpu_has(optional[i].feature))
			cr4 |= optional[i].bit;
	wrmsr(MSR_PAT, PAT_RESET);
	wrmsr(MSR_EFER, (rdmsr(MSR_EFER) & ~EFER_SCE) | EFER_NXE);
	write_cr0(CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_PG);
	/* PCIDE is set with PCID 0 in CR3 (SDM vol. 3, "Process-Context Identifiers"). */
	write_cr3(read_cr3() & ~PAGE_MASK);
	/* Before CR4.CET, which counts on CR0.WP, too. No jumps by NOTRACK; shadow stacks come later. */
	if (cpu_has(CPU_IBT) || cpu_has(CPU_SHSTK))
		wrmsr(MSR_S_CET, cpu_has(CPU_IBT) ? S_CET_ENDBR_EN : 0);
	write_cr4(cr4);
}
