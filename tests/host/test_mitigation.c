/*
 * core/mitigation.h: what is done on which CPU. The bits are those of the SDM's vol. 4, "IA32_ARCH_CAPABILITIES",
 * and of the APM's vol. 3, appendix E.
 *
 * sources: core/mitigation.c core/cmdline.c lib/string.c
 * flags: -include tests/host/fake_cpu.h -include tests/host/fake_percpu.h
 */
#include "core/mitigation.h"

#include "arch/feature.h"
#include "arch/mitigate.h"
#include "arch/msr.h"
#include "core/cmdline.h"
#include "core/log.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "tests/host/harness.h"

#include <stdio.h>
#include <string.h>

static enum cpu_vendor vendor;
static u32 l1_edx, l7_ebx, l7_edx, x8_ebx, x21_eax;
static u64 caps, spec_ctrl, efer;
static u32 ibpbs, flushes, fills, clears;
static char said[2000];
static u32 cpu;

struct cpuid fake_cpuid(u32 leaf, u32 subleaf)
{
	switch (leaf) {
	case 0:
		return (struct cpuid){ .eax = 0x15 };
	case 1:
		return (struct cpuid){ .edx = l1_edx };
	case 7:
		return (struct cpuid){ .ebx = l7_ebx, .edx = l7_edx };
	case 0x80000000:
		return (struct cpuid){ .eax = 0x80000021 };
	case 0x80000008:
		return (struct cpuid){ .ebx = x8_ebx };
	case 0x80000021:
		return (struct cpuid){ .eax = x21_eax };
	}
	return (struct cpuid){ 0, 0, 0, 0 };
}
enum cpu_vendor cpu_vendor(void)
{
	return vendor;
}
u32 cpu_id(void)
{
	return 0;
}
u32 fake_cpu_id(void)
{
	return cpu;
}
void *fake_percpu(u32 which)
{
	static u64 last[2];

	return &last[which];
}
int rdmsr_safe(u32 msr, u64 *value)
{
	CHECK(msr == 0x10a || msr == 0x48 || msr == 0xc0000080);
	if (msr == 0x10a)
		CHECK(l7_edx & 1u << 29);
	if (msr == 0x48) /* each of its bits by CPUID; AMD's has them elsewhere */
		CHECK(vendor == CPU_VENDOR_INTEL ? l7_edx & 0x8c000000 : x8_ebx & 0x0100c000);
	*value = msr == 0x10a ? caps : msr == 0x48 ? spec_ctrl : efer;
	return 0;
}
int wrmsr_safe(u32 msr, u64 value)
{
	CHECK(msr == 0x48 || msr == 0xc0000080);
	*(msr == 0x48 ? &spec_ctrl : &efer) = value;
	return 0;
}
void fake_wrmsr(u32 msr, u64 value)
{
	CHECK(msr == 0x49 || msr == 0x10b);
	CHECK_EQ(value, 1);
	(*(msr == 0x49 ? &ibpbs : &flushes))++;
}
void mitigate_fill_returns(void)
{
	fills++;
}
void mitigate_clear_buffers(void)
{
	clears++;
}
void log_printf(enum log_level level, const char *fmt, ...) {}

static void line(void *ctx, const char *attack, const char *what)
{
	snprintf(said + strlen(said), sizeof(said) - strlen(said), "%s: %s\n", attack, what);
}

static void start(enum cpu_vendor v, u32 edx7, u64 capabilities)
{
	vendor = v;
	l1_edx = l7_ebx = x8_ebx = x21_eax = 0;
	l7_edx = edx7;
	caps = capabilities;
	spec_ctrl = 0;
	efer = 0xd01;
	cmdline_init("");
	mitigation_init();
	mitigation_init_cpu();
	said[0] = 0;
	mitigation_each(line, NULL);
}

static void run(u64 vm)
{
	ibpbs = flushes = fills = clears = 0;
	mitigation_switch(vm);
}

/* As the emulators: affected, and nothing to do about it. */
TEST(no_means)
{
	start(CPU_VENDOR_INTEL, 0, 0);
	CHECK_EQ(mitigation_actions(), 0);
	CHECK_STR(said,
		  "branch targets, between guests: vulnerable: this CPU offers no IBPB\n"
		  "branch targets, of the host: nothing: no other guest's memory is mapped\n"
		  "L1 terminal fault: vulnerable: this CPU offers no flush, or says that it "
		  "needs none\n"
		  "buffers (MDS, TAA, MMIO, RFDS): vulnerable: this CPU's VERW clears nothing\n"
		  "threads of a core: not affected\n");
	run(1);
	CHECK(!ibpbs && !flushes && !fills && !clears && !spec_ctrl);
}

/* With microcode: IBRS_IBPB, MD_CLEAR, L1D_FLUSH, no ARCH_CAPABILITIES. */
TEST(affected)
{
	start(CPU_VENDOR_INTEL, 1u << 26 | 1u << 10 | 1u << 28, 0);
	CHECK_EQ(mitigation_actions(), MITIGATE_IBPB | MITIGATE_L1D | MITIGATE_BUFFERS);
	CHECK_EQ(spec_ctrl, 0); /* not the enhanced kind */
	run(5);
	CHECK(ibpbs == 1 && fills == 1 && flushes == 1 && clears == 1);
	run(5); /* the same guest again, after another thread */
	CHECK(!ibpbs && !fills && flushes == 1 && clears == 1);
	run(2);
	CHECK(ibpbs == 1 && fills == 1);
	run(1);
	CHECK_EQ(ibpbs, 1);
	cpu = 1; /* another CPU has seen nothing of it */
	run(1);
	CHECK_EQ(ibpbs, 1);
	cpu = 0;
	run(1);
	CHECK_EQ(ibpbs, 0);
}

TEST(not_affected)
{
	const u64 no = 1 | 1 << 1 | 1 << 5 | 1 << 8 | 7 << 13 | 1 << 27;

	start(CPU_VENDOR_INTEL, 1u << 26 | 1u << 10 | 1u << 28 | 1u << 29, no);
	CHECK_EQ(mitigation_actions(), MITIGATE_IBPB | MITIGATE_IBRS);
	CHECK_EQ(spec_ctrl, 1);
	CHECK(strstr(said, "L1 terminal fault: not affected\n"));
	CHECK(strstr(said, "RFDS): not affected\n"));
	CHECK(strstr(said, "of the host: guests' are not used (IBRS, always on)\n"));
	run(9);
	CHECK(ibpbs == 1 && !flushes && !clears);
	/* Each fault of the buffers by itself. */
	for (u32 bit = 5; bit < 16; bit++) {
		if (!(no >> bit & 1) || bit == 8)
			continue;
		start(CPU_VENDOR_INTEL, 1u << 10 | 1u << 29, no & ~(1ull << bit));
		CHECK_EQ(mitigation_actions(), MITIGATE_BUFFERS);
	}
	start(CPU_VENDOR_INTEL, 1u << 10 | 1u << 29, (no | 1 << 28) & ~(1ull << 27));
	CHECK_EQ(mitigation_actions(), MITIGATE_BUFFERS); /* register files */
	start(CPU_VENDOR_INTEL, 1u << 29, (no & ~(1ull << 13)) | 1 << 17);
	CHECK_EQ(mitigation_actions(), MITIGATE_BUFFERS); /* by FB_CLEAR */
	start(CPU_VENDOR_INTEL, 1u << 28 | 1u << 29, (no & ~1ull) | 1 << 3);
	CHECK_EQ(mitigation_actions(), 0); /* somebody else flushes */
}

/* SPEC_CTRL while the host runs: what the firmware set stays, on all CPUs alike. */
TEST(spec_ctrl_of_the_host)
{
	start(CPU_VENDOR_INTEL, 1u << 26 | 1u << 29, 1 << 1);
	CHECK_EQ(mitigation_spec_ctrl(), 1);
	spec_ctrl = 4;
	mitigation_init();
	CHECK_EQ(mitigation_spec_ctrl(), 5);
	spec_ctrl = 0; /* the next CPU's */
	mitigation_init_cpu();
	CHECK_EQ(spec_ctrl, 5);
	cmdline_init("mitigations=off");
	spec_ctrl = 4;
	mitigation_init();
	mitigation_init_cpu();
	CHECK(mitigation_spec_ctrl() == 4 && spec_ctrl == 4);
	start(CPU_VENDOR_AMD, 0, 0);
	CHECK_EQ(mitigation_spec_ctrl(), 0);
	x8_ebx = 1u << 15;
	spec_ctrl = 2;
	mitigation_init();
	CHECK_EQ(mitigation_spec_ctrl(), 2);
}

TEST(tsx)
{
	start(CPU_VENDOR_INTEL, 0, 0);
	vendor = CPU_VENDOR_INTEL;
	l7_edx = 1u << 10 | 1u << 29;
	caps = 1 | 1 << 5 | 7 << 13;
	mitigation_init();
	CHECK_EQ(mitigation_actions(), 0);
	l7_ebx = 1u << 11; /* RTM, and no TAA_NO */
	mitigation_init();
	CHECK_EQ(mitigation_actions(), MITIGATE_BUFFERS);
}

TEST(amd)
{
	start(CPU_VENDOR_AMD, ~0u, 0); /* Intel's bits mean nothing there */
	CHECK_EQ(mitigation_actions(), 0);
	CHECK(strstr(said, "L1 terminal fault: not affected\n"));
	x8_ebx = 1u << 12;
	x21_eax = 1u << 8;
	l1_edx = 1u << 28;
	mitigation_init();
	mitigation_init_cpu();
	CHECK_EQ(mitigation_actions(), MITIGATE_IBPB | MITIGATE_AUTO_IBRS);
	CHECK_EQ(efer, 0xd01 | 1 << 21);
	CHECK_EQ(spec_ctrl, 0);
	said[0] = 0;
	mitigation_each(line, NULL);
	CHECK(strstr(said, "threads of a core: guests on one core may watch each other"));
}

TEST(switched_off)
{
	start(CPU_VENDOR_INTEL, 1u << 26 | 1u << 10 | 1u << 28, 0);
	cmdline_init("mitigations=off");
	mitigation_init();
	CHECK_EQ(mitigation_actions(), 0);
	said[0] = 0;
	mitigation_each(line, NULL);
	CHECK(strstr(said, "L1 terminal fault: nothing: mitigations=off\n"));
	run(77);
	CHECK(!ibpbs && !flushes && !clears);
}
