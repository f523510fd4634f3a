/*
 * A table of CPUID's answers and the features in it by name: which it shows, and taking away those that
 * a domain's CPU does without, with all that goes with them.
 */
#include "arch/feature.h"
#include "arch/msr.h"
#include "lib/string.h"
#include "vm/cpu_choice.h"
#include "vm/cpuid_table.h"

#define BRAND_SIZE 48 /* in leaves 80000002H to 80000004H */

static struct cpuid_entry *entry(struct cpuid_table *t, u32 leaf, u32 subleaf)
{
	for (u32 i = 0; i < t->count; i++) {
		if (t->entries[i].leaf == leaf && t->entries[i].subleaf == subleaf)
			return &t->entries[i];
	}
	return NULL;
}

/* The register with a feature; NULL: there is no such leaf or MSR. */
static u32 *place(struct cpuid_table *t, u32 feature)
{
	const struct cpu_place *p = &cpu_places[cpu_feature_rows[feature].place];
	struct cpuid_entry *e;

	if (p->reg >= CPU_PLACE_MSR)
		return p->leaf == MSR_ARCH_CAPABILITIES ? &t->arch_caps[p->reg - CPU_PLACE_MSR] :
							  NULL;
	e = entry(t, p->leaf, p->subleaf);
	return e ? &e->eax + p->reg : NULL;
}

void cpuid_shown(const struct cpuid_table *t, struct cpu_set *out)
{
	memset(out, 0, sizeof(*out));
	for (u32 i = 0; i < cpu_feature_count; i++) {
		const u32 *reg = place((struct cpuid_table *)t, i);

		if (reg && (*reg >> cpu_feature_rows[i].bit & 1))
			cpu_set_add(out, i);
	}
}

static void clear(struct cpuid_entry *e)
{
	if (e)
		*e = (struct cpuid_entry){ .leaf = e->leaf,
					   .subleaf = e->subleaf,
					   .indexed = e->indexed };
}

/* Leaf 0DH, for what is left. */
static void apply_xsave(struct cpuid_table *t)
{
	struct cpuid_entry *e = entry(t, 0xd, 0);

	if (!e)
		return;
	if (!cpuid_table_has(t, 1, CPUID_ECX, BIT(28))) { /* AVX */
		t->xcr0_allowed &= ~BIT(2);
		clear(entry(t, 0xd, 2));
	}
	if (!cpuid_table_has(t, 1, CPUID_ECX, BIT(26))) {
		/* XSAVE: it cannot be used, but is what we save x87 and SSE with. */
		clear(e);
		clear(entry(t, 0xd, 1));
	} else {
		e->eax = (u32)t->xcr0_allowed;
		e->ecx = cpuid_xsave_size(t->xcr0_allowed);
	}
}

/* What AMD's CPUs say a second time, and what only they have. */
static void apply_amd(struct cpuid_table *t)
{
	struct cpuid_entry *one = entry(t, 1, 0), *e = entry(t, LEAF_EXTENDED + 1, 0);

	e->eax = one->eax;
	e->edx &= ~(u32)CPUID_AMD_SHARED | one->edx;
	if (!(e->ecx & BIT(22)) && entry(t, LEAF_AMD_IDS, 0)) { /* TOPOEXT */
		for (u32 i = 0; i < t->count; i++) {
			if (t->entries[i].leaf == LEAF_AMD_CACHES ||
			    t->entries[i].leaf == LEAF_AMD_IDS)
				clear(&t->entries[i]);
		}
	}
}

static bool empty(const struct cpuid_entry *e)
{
	return !(e->eax | e->ebx | e->ecx | e->edx | e->patched);
}

void cpuid_extended_last(struct cpuid_table *t)
{
	u32 last = LEAF_EXTENDED, *shown = &entry(t, LEAF_EXTENDED, 0)->eax;

	for (u32 i = 0; i < t->count; i++) {
		if (t->entries[i].leaf > last && !empty(&t->entries[i]))
			last = t->entries[i].leaf;
	}
	*shown = MIN(*shown, last);
}

/* The text that CPUID has for people. */
static void apply_name(struct cpuid_table *t, const char *name)
{
	char text[BRAND_SIZE] = "";

	memcpy(text, name, MIN(strlen(name), sizeof(text) - 1));
	for (u32 i = 0; i < 3; i++) {
		struct cpuid_entry *e = entry(t, LEAF_EXTENDED + 2 + i, 0);

		memcpy(&e->eax, text + 16 * i, 16);
	}
}

void cpuid_apply(struct cpuid_table *t, const struct vm_cpu *cpu)
{
	for (u32 i = 0; i < cpu_feature_count; i++) {
		u32 *reg = cpu_set_has(&cpu->features, i) ? NULL : place(t, i);

		if (reg)
			*reg &= ~(1u << cpu_feature_rows[i].bit);
	}
	if (cpu->signature)
		entry(t, 1, 0)->eax = cpu->signature;
	if (cpu->name)
		apply_name(t, cpu->name);
	apply_xsave(t);
	if (cpu_vendor() == CPU_VENDOR_AMD)
		apply_amd(t);
	cpuid_extended_last(t);
}
