/*
 * Speculation controls for guests: which bits of their registers go with the features that a guest is shown
 * (Intel SDM vol. 4, "IA32_SPEC_CTRL", "IA32_PRED_CMD", "IA32_FLUSH_CMD"; AMD APM vol. 3, appendix E,
 * Fn8000_0008 and Fn8000_0021).
 */
#include "arch/cpu.h"
#include "arch/msr.h"
#include "lib/string.h"
#include "vm/cpuid_table.h"

static const struct {
	u32 leaf;
	u16 subleaf;
	u8 reg, bit;
	struct cpuid_spec gives;
} rows[] = {
	{ 7, 0, CPUID_EDX, 26, { .ctrl = SPEC_CTRL_IBRS, .pred = PRED_CMD_IBPB } },
	{ 7, 0, CPUID_EDX, 27, { .ctrl = SPEC_CTRL_STIBP } },
	{ 7, 0, CPUID_EDX, 28, { .flush = FLUSH_CMD_L1D } },
	{ 7, 0, CPUID_EDX, 29, { .caps = true } },
	{ 7, 0, CPUID_EDX, 31, { .ctrl = SPEC_CTRL_SSBD } },
	{ 7, 2, CPUID_EDX, 0, { .ctrl = SPEC_CTRL_PSFD } },
	{ 7, 2, CPUID_EDX, 1, { .ctrl = SPEC_CTRL_IPRED_DIS } },
	{ 7, 2, CPUID_EDX, 2, { .ctrl = SPEC_CTRL_RRSBA_DIS } },
	{ 7, 2, CPUID_EDX, 3, { .ctrl = SPEC_CTRL_DDPD_U } },
	{ 7, 2, CPUID_EDX, 4, { .ctrl = SPEC_CTRL_BHI_DIS_S } },
	{ LEAF_EXTENDED + 8, 0, CPUID_EBX, 12, { .pred = PRED_CMD_IBPB } },
	{ LEAF_EXTENDED + 8, 0, CPUID_EBX, 14, { .ctrl = SPEC_CTRL_IBRS } },
	{ LEAF_EXTENDED + 8, 0, CPUID_EBX, 15, { .ctrl = SPEC_CTRL_STIBP } },
	{ LEAF_EXTENDED + 8, 0, CPUID_EBX, 24, { .ctrl = SPEC_CTRL_SSBD } },
	{ LEAF_EXTENDED + 8, 0, CPUID_EBX, 25, { .virt = SPEC_CTRL_SSBD } },
	{ LEAF_EXTENDED + 8, 0, CPUID_EBX, 28, { .ctrl = SPEC_CTRL_PSFD } },
	{ LEAF_AMD_MORE, 0, CPUID_EAX, 27, { .pred = PRED_CMD_SBPB } },
};

/*
 * What is true for a guest, too: facts about the CPU, and VERW. The others speak of registers that it has not.
 */
#define CAPS_SHOWN                                                                                 \
	(BITS(6, 0) | BIT(8) /* TAA_NO */ | BITS(15, 13) /* SBDR_SSDP_NO, FBSDP_NO, PSDP_NO */ |   \
	 BIT(17) /* FB_CLEAR */ | BIT(19) /* RRSBA */ | BIT(20) /* BHI_NO */ |                     \
	 BIT(24) /* PBRSB_NO */ | BIT(26) /* GDS_NO */ | BITS(28, 27) /* RFDS_NO, RFDS_CLEAR */ |  \
	 BIT(62) /* ITS_NO */)

void cpuid_spec_capabilities(struct cpuid_table *t)
{
	u64 caps = 0;

	if (cpuid_table_has(t, 7, CPUID_EDX, BIT(29)))
		caps = cpuid_common_capabilities() & CAPS_SHOWN;
	t->arch_caps[0] = (u32)caps;
	t->arch_caps[1] = (u32)(caps >> 32);
}

static bool machine_has(u32 leaf, u32 subleaf, u32 reg, u32 bit)
{
	struct cpuid c;
	u32 regs[4];

	if (cpuid(leaf & LEAF_EXTENDED, 0).eax < leaf || (subleaf && cpuid(leaf, 0).eax < subleaf))
		return false;
	c = cpuid_common(leaf, subleaf);
	memcpy(regs, &c, sizeof(regs));
	return regs[reg] >> bit & 1;
}

static bool shows(const struct cpuid_table *t, u32 leaf, u32 subleaf, u32 reg, u32 bit)
{
	for (u32 i = 0; i < t->count; i++) {
		const struct cpuid_entry *e = &t->entries[i];

		if (e->leaf == leaf && e->subleaf == subleaf)
			return (&e->eax)[reg] >> bit & 1;
	}
	return false;
}

void cpuid_spec(struct cpuid_table *t)
{
	struct cpuid_spec *s = &t->spec;
	u64 ctrl = 0, pred = 0;

	*s = (struct cpuid_spec){ 0 };
	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		const struct cpuid_spec *g = &rows[i].gives;

		if (shows(t, rows[i].leaf, rows[i].subleaf, rows[i].reg, rows[i].bit)) {
			s->ctrl |= g->ctrl;
			s->pred |= g->pred;
			s->flush |= g->flush;
			s->virt |= g->virt;
			s->caps |= g->caps;
		}
		if (machine_has(rows[i].leaf, rows[i].subleaf, rows[i].reg, rows[i].bit)) {
			ctrl |= g->ctrl;
			pred |= g->pred;
		}
	}
	/* With VIRT_SPEC_CTRL the CPU's register holds what two of the guest's say. */
	s->ctrl_direct = s->ctrl && s->ctrl == ctrl && !s->virt;
	s->pred_direct = s->pred && s->pred == pred;
}
