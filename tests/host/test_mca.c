/*
 * arch/mca.h: banks and their registers, how bad an error is, and what it is about.
 *
 * sources: arch/mca.c lib/fmt.c lib/string.c
 * flags: -include tests/host/fake_cpu.h
 */
#include "arch/feature.h"
#include "arch/mca.h"
#include "arch/msr.h"
#include "lib/string.h"
#include "tests/host/harness.h"

char *strstr(const char *s, const char *what);

#define SER    BIT(24)
#define CMCI   BIT(10)
#define CTL_P  BIT(8)
#define PAGE_M 0x8c /* MISC: physical, of a page */

static u64 mcg_cap, msr[0x1000];
static u32 cpuid1_edx, ras_ebx;
static enum cpu_vendor vendor;
static u64 stuck; /* MCi_CTL2's bits that cannot be set */

struct cpuid fake_cpuid(u32 leaf, u32 subleaf)
{
	switch (leaf) {
	case 1:
		return (struct cpuid){ .edx = cpuid1_edx };
	case 0x80000000:
		return (struct cpuid){ .eax = 0x80000008 };
	case 0x80000007:
		return (struct cpuid){ .ebx = ras_ebx };
	default:
		return (struct cpuid){ 0 };
	}
}

u64 fake_rdmsr(u32 index)
{
	CHECK(index < ARRAY_LEN(msr));
	return index == MSR_MCG_CAP ? mcg_cap : msr[index];
}

void fake_wrmsr(u32 index, u64 value)
{
	CHECK(index < ARRAY_LEN(msr));
	msr[index] = index >= 0x280 && index < 0x2c0 ? value & ~stuck : value;
}

enum cpu_vendor cpu_vendor(void)
{
	return vendor;
}

u8 cpu_phys_bits(void)
{
	return 46;
}

static struct mca_caps probe(enum cpu_vendor v, u64 cap, u32 ras)
{
	vendor = v;
	mcg_cap = cap;
	cpuid1_edx = BIT(7) | BIT(14);
	ras_ebx = ras;
	stuck = 0;
	memset(msr, 0, sizeof(msr));
	return mca_probe();
}

TEST(what_a_cpu_has)
{
	struct mca_caps c = probe(CPU_VENDOR_INTEL, 20 | SER | CMCI | CTL_P, ~0u);

	CHECK(c.banks == 20 && c.ser && c.cmci && c.control && c.broadcast && !c.succor);
	c = probe(CPU_VENDOR_AMD, 0xff, 2);
	CHECK(c.banks == MCA_BANKS_MAX && !c.ser && !c.cmci && !c.control && !c.broadcast &&
	      c.succor);
	CHECK(!probe(CPU_VENDOR_AMD, 5, 1).succor);
	for (u32 bit = 7; bit <= 14; bit += 7) {
		cpuid1_edx = ~(u32)BIT(bit);
		CHECK_EQ(mca_probe().banks, 0);
	}
}

TEST(banks)
{
	struct mca_caps c = probe(CPU_VENDOR_INTEL, 3 | CTL_P, 0);
	struct mca_error e;

	mca_enable(&c);
	CHECK_EQ(msr[0x17b], ~0ULL);
	CHECK(msr[0x400] == ~0ULL && msr[0x404] == ~0ULL && msr[0x408] == ~0ULL && !msr[0x40c]);
	msr[0x405] = MCI_ADDRV;
	CHECK(!mca_read(1, &e));
	msr[0x405] = MCI_VAL | MCI_ADDRV;
	msr[0x406] = 0x1234;
	msr[0x407] = 0x5678;
	CHECK(mca_read(1, &e));
	CHECK(e.bank == 1 && e.status == (MCI_VAL | MCI_ADDRV) && e.addr == 0x1234 && !e.misc);
	msr[0x405] = MCI_VAL | MCI_MISCV;
	CHECK(mca_read(1, &e));
	CHECK(!e.addr && e.misc == 0x5678);
	mca_clear(1);
	CHECK_EQ(msr[0x405], 0);
	msr[0x17a] = 7;
	CHECK_EQ(mca_global_status(), 7);
	mca_global_clear();
	CHECK_EQ(msr[0x17a], 0);
}

/* A bank that CPUs share is claimed once; one that cannot signal is none. */
TEST(corrected_errors_signalled)
{
	struct mca_caps c = probe(CPU_VENDOR_INTEL, 3 | CMCI, 0);

	msr[0x280] = 0x7fff;
	msr[0x281] = BIT(30) | 5;
	CHECK_EQ(mca_cmci_claim(&c), 2);
	CHECK_EQ(msr[0x280], BIT(30) | 1);
	CHECK_EQ(msr[0x281], BIT(30) | 5);
	CHECK_EQ(mca_cmci_claim(&c), 0);
	c = probe(CPU_VENDOR_INTEL, 3 | CMCI, 0);
	stuck = BIT(30);
	CHECK_EQ(mca_cmci_claim(&c), 0);
	c.cmci = false;
	stuck = 0;
	CHECK_EQ(mca_cmci_claim(&c), 0);
}

#define UC (MCI_VAL | MCI_UC | MCI_EN)
#define AT (MCI_ADDRV | MCI_MISCV)

static enum mca_severity severity(const struct mca_caps *c, u64 status, u64 misc)
{
	const struct mca_error e = { .status = status, .misc = misc, .addr = 0x5000 };

	return mca_severity(c, &e);
}

/* SDM vol. 3, table "UC Error Classification" */
TEST(severity_on_intel)
{
	struct mca_caps c = probe(CPU_VENDOR_INTEL, 3 | SER, 0);

	CHECK_EQ(severity(&c, MCI_UC | MCI_PCC, 0), MCA_NONE);
	CHECK_EQ(severity(&c, MCI_VAL | MCI_EN | AT, PAGE_M), MCA_CORRECTED);
	CHECK_EQ(severity(&c, MCI_VAL | MCI_EN | MCI_DEFERRED, 0), MCA_CORRECTED);
	CHECK_EQ(severity(&c, UC | MCI_PCC | MCI_S | MCI_AR | AT, PAGE_M), MCA_FATAL);
	CHECK_EQ(severity(&c, UC | AT, PAGE_M), MCA_DEFERRED);
	CHECK_EQ(severity(&c, UC | MCI_S | AT, PAGE_M), MCA_OPTIONAL);
	CHECK_EQ(severity(&c, UC | MCI_S | MCI_OVER | AT, PAGE_M), MCA_OPTIONAL);
	CHECK_EQ(severity(&c, UC | MCI_S | MCI_AR | AT, PAGE_M), MCA_REQUIRED);
	CHECK_EQ(severity(&c, UC | MCI_S | MCI_AR | MCI_OVER | AT, PAGE_M), MCA_FATAL);
	/* Without knowing the page it would go to somebody else. */
	CHECK_EQ(severity(&c, UC | MCI_S | MCI_AR | MCI_MISCV, PAGE_M), MCA_FATAL);
	CHECK_EQ(severity(&c, UC | MCI_S | MCI_AR | AT, 0x4c), MCA_FATAL);
	CHECK_EQ(severity(&c, (UC | MCI_PCC) & ~MCI_EN, 0), MCA_DEFERRED);
	/* No recovery. */
	c = probe(CPU_VENDOR_INTEL, 3, 0);
	CHECK_EQ(severity(&c, UC | MCI_S | AT, PAGE_M), MCA_FATAL);
}

TEST(severity_on_amd)
{
	struct mca_caps c = probe(CPU_VENDOR_AMD, 3, 2);

	CHECK_EQ(severity(&c, MCI_VAL | MCI_EN | MCI_ADDRV, 0), MCA_CORRECTED);
	CHECK_EQ(severity(&c, MCI_VAL | MCI_DEFERRED | MCI_ADDRV, 0), MCA_DEFERRED);
	CHECK_EQ(severity(&c, UC | MCI_ADDRV, 0), MCA_REQUIRED);
	CHECK_EQ(severity(&c, UC | MCI_ADDRV | MCI_TCC, 0), MCA_REQUIRED);
	CHECK_EQ(severity(&c, UC | MCI_ADDRV | MCI_PCC, 0), MCA_FATAL);
	CHECK_EQ(severity(&c, UC | MCI_ADDRV | MCI_OVER, 0), MCA_FATAL);
	CHECK_EQ(severity(&c, UC, 0), MCA_FATAL);
	c = probe(CPU_VENDOR_AMD, 3, 0);
	CHECK_EQ(severity(&c, UC | MCI_ADDRV, 0), MCA_FATAL);
	CHECK_EQ(severity(&c, MCI_VAL | MCI_DEFERRED, 0), MCA_CORRECTED);
}

TEST(page)
{
	struct mca_caps c = probe(CPU_VENDOR_INTEL, 3 | SER, 0);
	struct mca_error e = { .status = UC | AT, .misc = PAGE_M, .addr = 0xfffff00012345678 };
	paddr_t p;

	CHECK(mca_page(&c, &e, &p));
	CHECK_EQ(p.v, 0x300012345000);
	e.misc = 0x80;
	CHECK(mca_page(&c, &e, &p));
	e.misc = 0x8d; /* more than a page */
	CHECK(!mca_page(&c, &e, &p));
	e.misc = 0x0c; /* no physical address */
	CHECK(!mca_page(&c, &e, &p));
	e.misc = PAGE_M;
	e.status = UC | MCI_ADDRV;
	CHECK(!mca_page(&c, &e, &p));
	e.status = UC | MCI_MISCV;
	CHECK(!mca_page(&c, &e, &p));
	c = probe(CPU_VENDOR_AMD, 3, 2);
	e.status = UC | MCI_ADDRV;
	CHECK(mca_page(&c, &e, &p));
}

TEST(text)
{
	struct mca_caps c = probe(CPU_VENDOR_INTEL, 3 | SER, 0);
	struct mca_error e = { .bank = 7, .status = MCI_VAL | 0x9f };
	static const struct {
		u16 code;
		const char *text;
	} kinds[] = {
		{ 0, "no code" },
		{ 1, "unclassified" },
		{ 0xe, "cache hierarchy" },
		{ 0x14, "TLB" },
		{ 0x90, "memory controller" },
		{ 0x135, "cache" },
		{ 0x1135, "cache" },
		{ 0x400, "internal" },
		{ 0xe0b, "bus or interconnect" },
	};
	char buf[MCA_TEXT_MAX];

	mca_text(&c, &e, buf);
	CHECK_STR(buf, "bank 7: corrected error, memory controller, status 0x800000000000009f");
	for (u32 i = 0; i < ARRAY_LEN(kinds); i++) {
		e.status = MCI_VAL | kinds[i].code;
		mca_text(&c, &e, buf);
		CHECK(strstr(buf, kinds[i].text));
	}
	e.status = ~0ULL;
	e.addr = e.misc = ~0ULL;
	e.bank = 63;
	mca_text(&c, &e, buf);
	CHECK(strlen(buf) < MCA_TEXT_MAX - 1 && strstr(buf, ", others lost"));
}
