/*
 * What all CPUs have: a guest's vCPUs may run on any of them, so features are those of all.
 */
#include "arch/cpu.h"
#include "arch/msr.h"
#include "core/log.h"
#include "vm/cpuid_table.h"

/* The leaves with features; registers that hold others are left alone. */
struct common {
	u32 leaf, subleaf;
	struct cpuid features; /* which bits may differ between CPUs */
	struct cpuid all;      /* what the CPUs so far have in common */
};

#define ALL 0xffffffffu

/* Filled on one CPU after the other, then const. */
static struct common common[] = {
	{ 1, 0, { 0, 0, ALL, ALL }, { 0, 0, 0, 0 } },
	{ 7, 0, { 0, ALL, ALL, ALL }, { 0, 0, 0, 0 } },
	{ 7, 2, { 0, 0, 0, ALL }, { 0, 0, 0, 0 } },
	{ 0xd, 0, { ALL, 0, 0, 0 }, { 0, 0, 0, 0 } },
	{ 0xd, 1, { ALL, 0, 0, 0 }, { 0, 0, 0, 0 } },
	{ LEAF_EXTENDED + 1, 0, { 0, 0, ALL, ALL }, { 0, 0, 0, 0 } },
	{ LEAF_EXTENDED + 7, 0, { 0, 0, 0, ALL }, { 0, 0, 0, 0 } },
	{ LEAF_EXTENDED + 8, 0, { 0, ALL, 0, 0 }, { 0, 0, 0, 0 } },
	{ LEAF_AMD_MORE, 0, { ALL, 0, ALL, 0 }, { 0, 0, 0, 0 } },
};
static u32 cpus;
static u64 capabilities; /* ARCH_CAPABILITIES, in common */

#define CPUID_OSXSAVE BIT(27) /* 1 ECX: CR4's, not the CPU's */

static struct cpuid and (struct cpuid a, struct cpuid b)
{
	return (struct cpuid){ a.eax & b.eax, a.ebx & b.ebx, a.ecx & b.ecx, a.edx & b.edx };
}

static bool differs(struct cpuid a, struct cpuid b)
{
	return (a.eax ^ b.eax) | (a.ebx ^ b.ebx) | (a.ecx ^ b.ecx) | (a.edx ^ b.edx);
}

/* A leaf that this CPU does not have has no features. */
static struct cpuid read(const struct common *c)
{
	struct cpuid r = { 0, 0, 0, 0 };

	if (cpuid(c->leaf & LEAF_EXTENDED, 0).eax >= c->leaf)
		r = and(cpuid(c->leaf, c->subleaf), c->features);
	if (c->leaf == 1)
		r.ecx &= ~(u32)CPUID_OSXSAVE;
	return r;
}

/* Bits of ARCH_CAPABILITIES that say what is wrong with a CPU, not what is right. */
#define CAPS_WARNINGS (BIT(2) /* RSBA */ | BIT(19) /* RRSBA */)

#define L7_EDX_CAPABILITIES BIT(29)

static u64 capabilities_here(void)
{
	u64 value = 0;

	if (cpuid(0, 0).eax < 7 || !(cpuid(7, 0).edx & L7_EDX_CAPABILITIES) ||
	    rdmsr_safe(MSR_ARCH_CAPABILITIES, &value))
		return 0;
	return value;
}

u64 cpuid_common_capabilities(void)
{
	return cpus ? capabilities : capabilities_here();
}

void cpuid_host_add(void)
{
	bool odd = false;
	u64 caps = capabilities_here(), warnings = (caps | capabilities) & CAPS_WARNINGS;

	capabilities = (cpus ? caps & capabilities : caps) | warnings;

	for (u32 i = 0; i < ARRAY_LEN(common); i++) {
		struct common *c = &common[i];
		struct cpuid r = read(c), before = cpus ? c->all : r;

		odd = odd || differs(before, r);
		c->all = and(before, r);
	}
	cpus++;
	if (odd)
		log_warn("CPU %u has other features than those before: guests get what all have",
			 cpu_id());
}

struct cpuid cpuid_common(u32 leaf, u32 subleaf)
{
	struct cpuid r = cpuid(leaf, subleaf);

	for (u32 i = 0; cpus && i < ARRAY_LEN(common); i++) {
		const struct common *c = &common[i];
		struct cpuid keep = { ~c->features.eax | c->all.eax, ~c->features.ebx | c->all.ebx,
				      ~c->features.ecx | c->all.ecx,
				      ~c->features.edx | c->all.edx };

		if (c->leaf == leaf && c->subleaf == subleaf)
			r = and(r, keep);
	}
	return r;
}
