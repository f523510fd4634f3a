/*
 * Machine-check banks and their meaning. There are no decisions here on what to do about an error, but
 * how bad it is.
 */
#include "arch/mca.h"

#include "arch/cpu.h"
#include "arch/feature.h"
#include "arch/msr.h"
#include "lib/compiler.h"
#include "lib/fmt.h"

#define CPUID_MCE BIT(7) /* 1 EDX */
#define CPUID_MCA BIT(14)

#define CPUID_RAS        0x80000007
#define CPUID_RAS_SUCCOR BIT(1) /* EBX */

/* MCG_CAP */
#define MCG_COUNT  BITS(7, 0)
#define MCG_CTL_P  BIT(8)
#define MCG_CMCI_P BIT(10)
#define MCG_SER_P  BIT(24)

/* MCi_CTL2 */
#define CTL2_THRESHOLD BITS(14, 0)
#define CTL2_CMCI      BIT(30)

/* MCi_STATUS's MCA error code (SDM, "Compound Error Codes"); the filter bit is left out. */
#define MCACOD        BITS(15, 0)
#define MCACOD_FILTER BIT(12)

static u32 bank_msr(u32 bank, u32 which)
{
	return MSR_MC0_CTL + 4 * bank + which;
}

enum { BANK_CTL, BANK_STATUS, BANK_ADDR, BANK_MISC };

static bool has_succor(void)
{
	return cpuid(0x80000000, 0).eax >= CPUID_RAS &&
	       (cpuid(CPUID_RAS, 0).ebx & CPUID_RAS_SUCCOR);
}

struct mca_caps mca_probe(void)
{
	struct mca_caps caps = { 0 };
	u32 edx = cpuid(1, 0).edx;
	u64 cap;

	if (!(edx & CPUID_MCE) || !(edx & CPUID_MCA))
		return caps;
	cap = rdmsr(MSR_MCG_CAP);
	caps.banks = (u32)MIN(cap & MCG_COUNT, MCA_BANKS_MAX);
	caps.control = cap & MCG_CTL_P;
	caps.broadcast = cpu_vendor() == CPU_VENDOR_INTEL;
	caps.cmci = cap & MCG_CMCI_P;
	caps.ser = cap & MCG_SER_P;
	caps.succor = cpu_vendor() == CPU_VENDOR_AMD && has_succor();
	return caps;
}

void mca_enable(const struct mca_caps *caps)
{
	if (caps->control)
		wrmsr(MSR_MCG_CTL, ~0ULL);
	for (u32 i = 0; i < caps->banks; i++)
		wrmsr(bank_msr(i, BANK_CTL), ~0ULL);
}

u32 mca_cmci_claim(const struct mca_caps *caps)
{
	u32 n = 0;

	for (u32 i = 0; caps->cmci && i < caps->banks; i++) {
		u64 ctl2 = rdmsr(MSR_MC0_CTL2 + i);

		/* Banks that CPUs share have one of these registers: the first to come has it. */
		if (ctl2 & CTL2_CMCI)
			continue;
		wrmsr(MSR_MC0_CTL2 + i, (ctl2 & ~CTL2_THRESHOLD) | CTL2_CMCI | 1);
		n += !!(rdmsr(MSR_MC0_CTL2 + i) & CTL2_CMCI);
	}
	return n;
}

bool mca_read(u32 bank, struct mca_error *e)
{
	*e = (struct mca_error){ .bank = bank, .status = rdmsr(bank_msr(bank, BANK_STATUS)) };
	if (!(e->status & MCI_VAL))
		return false;
	if (e->status & MCI_ADDRV)
		e->addr = rdmsr(bank_msr(bank, BANK_ADDR));
	if (e->status & MCI_MISCV)
		e->misc = rdmsr(bank_msr(bank, BANK_MISC));
	return true;
}

void mca_clear(u32 bank)
{
	wrmsr(bank_msr(bank, BANK_STATUS), 0);
}

u64 mca_global_status(void)
{
	return rdmsr(MSR_MCG_STATUS);
}

void mca_global_clear(void)
{
	wrmsr(MSR_MCG_STATUS, 0);
}

/* SDM vol. 3, "UCR Error Classification" */
static enum mca_severity severity_ser(const struct mca_caps *caps, const struct mca_error *e)
{
	paddr_t page;

	if (!(e->status & MCI_S))
		return MCA_DEFERRED;
	if (!(e->status & MCI_AR))
		return MCA_OPTIONAL;
	/* What was lost may have been worse, and what has no page cannot be kept away from others. */
	return (e->status & MCI_OVER) || !mca_page(caps, e, &page) ? MCA_FATAL : MCA_REQUIRED;
}

enum mca_severity mca_severity(const struct mca_caps *caps, const struct mca_error *e)
{
	paddr_t page;

	if (!(e->status & MCI_VAL))
		return MCA_NONE;
	if (!(e->status & MCI_UC))
		return caps->succor && (e->status & MCI_DEFERRED) ? MCA_DEFERRED : MCA_CORRECTED;
	/* Nothing raises #MC for it: it is found by looking. */
	if (!(e->status & MCI_EN))
		return MCA_DEFERRED;
	if (e->status & MCI_PCC)
		return MCA_FATAL;
	if (caps->ser)
		return severity_ser(caps, e);
	if (!caps->succor || (e->status & MCI_OVER) || !mca_page(caps, e, &page))
		return MCA_FATAL;
	return MCA_REQUIRED;
}

bool mca_page(const struct mca_caps *caps, const struct mca_error *e, paddr_t *page)
{
	u64 lsb = e->misc & MCI_MISC_LSB;

	if (!(e->status & MCI_ADDRV))
		return false;
	if (caps->ser && (!(e->status & MCI_MISCV) || lsb > PAGE_SHIFT ||
			  (e->misc & MCI_MISC_MODE) != MCI_MISC_PHYSICAL))
		return false;
	*page = PADDR(ALIGN_DOWN(e->addr & (BIT(cpu_phys_bits()) - 1), PAGE_SIZE));
	return true;
}

/* What the error code is about: the highest bit that is set tells. */
static const char *code_text(u64 status)
{
	static const struct {
		u16 from;
		const char *text;
	} kinds[] = {
		{ 0x800, "bus or interconnect" },
		{ 0x400, "internal" },
		{ 0x100, "cache" },
		{ 0x80, "memory controller" },
		{ 0x10, "TLB" },
		{ 0x0c, "cache hierarchy" },
		{ 0x01, "unclassified" },
	};
	u64 code = status & MCACOD & ~MCACOD_FILTER;

	for (u32 i = 0; i < ARRAY_LEN(kinds); i++)
		if (code >= kinds[i].from)
			return kinds[i].text;
	return "no code";
}

static const char *severity_text(enum mca_severity s)
{
	static const char *const names[] = {
		[MCA_NONE] = "no",
		[MCA_CORRECTED] = "corrected",
		[MCA_DEFERRED] = "uncorrected, deferred",
		[MCA_OPTIONAL] = "uncorrected, not used",
		[MCA_REQUIRED] = "uncorrected, used",
		[MCA_FATAL] = "fatal",
	};

	return names[s];
}

void mca_text(const struct mca_caps *caps, const struct mca_error *e, char buf[MCA_TEXT_MAX])
{
	size_t n = (size_t)snprintf(buf, MCA_TEXT_MAX, "bank %u: %s error, %s, status %#llx",
				    e->bank, severity_text(mca_severity(caps, e)),
				    code_text(e->status), (unsigned long long)e->status);

	if (e->status & MCI_ADDRV)
		n += (size_t)snprintf(buf + n, MCA_TEXT_MAX - n, " address %#llx",
				      (unsigned long long)e->addr);
	if (e->status & MCI_MISCV)
		n += (size_t)snprintf(buf + n, MCA_TEXT_MAX - n, " misc %#llx",
				      (unsigned long long)e->misc);
	if (e->status & MCI_OVER)
		snprintf(buf + n, MCA_TEXT_MAX - n, ", others lost");
}
