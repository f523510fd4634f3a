/*
 * What this machine's CPUs can do, from CPUID (Intel SDM vol. 2, "CPUID"; AMD APM vol. 3, appendix E).
 */
#include "arch/feature.h"
#include "arch/cpu.h"
#include "lib/string.h"

enum cpuid_register { EAX, EBX, ECX, EDX };

struct feature_bit {
	const char *name;
	u32 leaf, subleaf;
	u8 reg, bit;
	u8 vendor; /* enum cpu_vendor; CPU_VENDOR_OTHER: any */
};

static const struct feature_bit table[CPU_FEATURE_COUNT] = {
	[CPU_PCID] = { "pcid", 1, 0, ECX, 17, 0 },
	[CPU_INVPCID] = { "invpcid", 7, 0, EBX, 10, 0 },
	[CPU_PGE] = { "pge", 1, 0, EDX, 13, 0 },
	[CPU_SMEP] = { "smep", 7, 0, EBX, 7, 0 },
	[CPU_SMAP] = { "smap", 7, 0, EBX, 20, 0 },
	[CPU_UMIP] = { "umip", 7, 0, ECX, 2, 0 },
	[CPU_PAGE_1G] = { "page1g", 0x80000001, 0, EDX, 26, 0 },
	[CPU_X2APIC] = { "x2apic", 1, 0, ECX, 21, 0 },
	[CPU_TSC_DEADLINE] = { "tsc-deadline", 1, 0, ECX, 24, 0 },
	[CPU_TSC_INVARIANT] = { "tsc-invariant", 0x80000007, 0, EDX, 8, 0 },
	[CPU_TSC_ADJUST] = { "tsc-adjust", 7, 0, EBX, 1, 0 },
	[CPU_XSAVE] = { "xsave", 1, 0, ECX, 26, 0 },
	[CPU_XSAVEOPT] = { "xsaveopt", 0xd, 1, EAX, 0, 0 },
	[CPU_RDTSCP] = { "rdtscp", 0x80000001, 0, EDX, 27, 0 },
	[CPU_FSGSBASE] = { "fsgsbase", 7, 0, EBX, 0, 0 },
	[CPU_MONITOR] = { "monitor", 1, 0, ECX, 3, 0 },
	[CPU_RDRAND] = { "rdrand", 1, 0, ECX, 30, 0 },
	[CPU_RDSEED] = { "rdseed", 7, 0, EBX, 18, 0 },
	[CPU_VMX] = { "vmx", 1, 0, ECX, 5, CPU_VENDOR_INTEL },
	[CPU_SVM] = { "svm", 0x80000001, 0, ECX, 2, CPU_VENDOR_AMD },
	[CPU_IBT] = { "ibt", 7, 0, EDX, 20, 0 },
	[CPU_SHSTK] = { "shstk", 7, 0, ECX, 7, CPU_VENDOR_INTEL }, /* AMD's were never tried */
};

#define PHYS_BITS_DEFAULT 36

#define CPUID_HYPERVISOR BIT(31) /* 1 ECX */
#define CPUID_CET_SSS    BIT(18) /* 7 EDX, sub-leaf 1 */

static bool present[CPU_FEATURE_COUNT];
static enum cpu_vendor vendor;
static u8 phys_bits = PHYS_BITS_DEFAULT;

bool cpu_has(enum cpu_feature f)
{
	return present[f];
}

enum cpu_vendor cpu_vendor(void)
{
	return vendor;
}

u8 cpu_phys_bits(void)
{
	return phys_bits;
}

const char *cpu_feature_name(enum cpu_feature f)
{
	return table[f].name;
}

static bool leaf_exists(u32 leaf)
{
	u32 first = leaf & 0x80000000;
	u32 max = cpuid(first, 0).eax;

	return max >= leaf && (max & 0x80000000) == first;
}

static bool probe(const struct feature_bit *f)
{
	if (f->vendor != CPU_VENDOR_OTHER && f->vendor != vendor)
		return false;
	if (!leaf_exists(f->leaf))
		return false;

	struct cpuid r = cpuid(f->leaf, f->subleaf);
	u32 regs[] = { [EAX] = r.eax, [EBX] = r.ebx, [ECX] = r.ecx, [EDX] = r.edx };

	return regs[f->reg] & BIT(f->bit);
}

enum cpu_vendor cpu_vendor_probe(void)
{
	struct cpuid r = cpuid(0, 0);
	u32 id[3] = { r.ebx, r.edx, r.ecx };

	if (!memcmp(id, "GenuineIntel", sizeof(id)))
		return CPU_VENDOR_INTEL;
	/* Hygon's CPUs are of AMD's design, SVM included. */
	if (!memcmp(id, "AuthenticAMD", sizeof(id)) || !memcmp(id, "HygonGenuine", sizeof(id)))
		return CPU_VENDOR_AMD;
	return CPU_VENDOR_OTHER;
}

/* True when name is one of the words of the comma-separated list. */
static bool listed(const char *list, const char *name)
{
	size_t n = strlen(name);

	while (*list) {
		const char *end = strchr(list, ',');
		size_t len = end ? (size_t)(end - list) : strlen(list);

		if (len == n && !memcmp(list, name, n))
			return true;
		list += len + (end != NULL);
	}
	return false;
}

/*
 * Under another hypervisor what the CPU does with ring 0's shadow stacks may be cut short, unless that one
 * says that it takes care (SDM vol. 2, "CPUID", leaf 7: CET_SSS).
 */
static bool shadow_stacks_whole(void)
{
	return !(cpuid(1, 0).ecx & CPUID_HYPERVISOR) ||
	       (cpuid(7, 0).eax >= 1 && (cpuid(7, 1).edx & CPUID_CET_SSS));
}

void cpu_features_init(const char *off)
{
	vendor = cpu_vendor_probe();
	if (leaf_exists(0x80000008))
		phys_bits = (u8)cpuid(0x80000008, 0).eax;
	for (u32 i = 0; i < CPU_FEATURE_COUNT; i++)
		present[i] = probe(&table[i]) && !listed(off, table[i].name);
	/* What depends on another. */
	if (!present[CPU_PCID])
		present[CPU_INVPCID] = false;
	if (!present[CPU_XSAVE])
		present[CPU_XSAVEOPT] = false;
	if (present[CPU_SHSTK] && !shadow_stacks_whole())
		present[CPU_SHSTK] = false;
}
