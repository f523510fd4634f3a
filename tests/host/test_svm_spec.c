/*
 * A guest's own SPEC_CTRL on AMD-V: nothing until it needs one; then by the VMCB where the CPU virtualizes the
 * register (AMD APM vol. 2, appendix B: save area, 2E0H), else written around each run.
 *
 * sources: tests/host/fake_trace.c
 * sources: svm/build.c svm/maps.c svm/exits.c svm/crinsn.c svm/event.c svm/asid.c svm/regs.c svm/spec.c vm/spec.c
 * sources: svm/run.c svm/caps.c svm/tscratio.c svm/avic.c vm/topology.c tests/host/fake_svm.c
 * flags: -include tests/host/fake_irq.h -include tests/host/fake_cpu.h
 */
#include "tests/host/fake_svm.h"
#include "vm/spec.h"

#include <string.h>

static u64 cpu_value; /* SPEC_CTRL */
static u32 reads, writes;
static u64 guest_saw, guest_leaves;
static u8 maps[16384] __attribute__((aligned(4096)));

u64 mitigation_spec_ctrl(void)
{
	return 0; /* AMD's hosts have automatic IBRS, by EFER */
}

struct cpuid fake_cpuid(u32 leaf, u32 subleaf)
{
	return (struct cpuid){ 0, 0, 0, 0 };
}

u64 fake_rdtsc(void)
{
	return 0;
}

u64 fake_rdmsr(u32 msr)
{
	CHECK_EQ(msr, 0x48);
	reads++;
	return cpu_value;
}

void fake_wrmsr(u32 msr, u64 value)
{
	CHECK_EQ(msr, 0x48);
	writes++;
	cpu_value = value;
}

bool fake_window_load64(const void *p, u64 *value)
{
	return false;
}

static bool in_vmcb, changes;

static void guest_runs(void)
{
	guest_saw = in_vmcb ? raw(SAVE + 0x2e0, 8) : cpu_value;
	if (!changes)
		return;
	if (in_vmcb)
		poke(SAVE + 0x2e0, guest_leaves, 8);
	else
		cpu_value = guest_leaves;
}

static void start(bool virtualized, bool direct)
{
	setup();
	svm_caps.virt_spec_ctrl = in_vmcb = virtualized;
	cpuid_table.spec =
		(struct cpuid_spec){ .ctrl = 7, .ctrl_direct = direct, .virt = direct ? 0 : 4 };
	hvm_vm.msrpm = maps;
	guest = guest_runs;
	changes = false;
	cpu_value = 0;
	run();
	reads = writes = 0;
}

static void guest_writes(u64 value)
{
	CHECK_EQ(spec_wrmsr(&v, 0x48, value), 0);
	run();
}

static u64 guest_reads(void)
{
	u64 value = ~0ull;

	CHECK_EQ(spec_rdmsr(&v, 0x48, &value), 0);
	return value;
}

TEST(nobody_pays_before)
{
	start(false, true);
	run();
	guest_writes(0);
	CHECK(!reads && !writes);
	CHECK_EQ(hv.work & WORK_SPEC, 0);
	CHECK_EQ(raw(0x048, 8), 0x11000); /* the map that all begin with */
}

TEST(written_around_runs)
{
	start(false, true);
	guest_writes(5);
	CHECK_EQ(guest_saw, 5);
	CHECK_EQ(cpu_value, 0); /* the host's */
	CHECK_EQ(raw(0x048, 8), (u64)(maps + 8192) & BITS(51, 0));
	CHECK_EQ(raw(0x0c0, 4) & 2, 0); /* the maps are not clean */
	changes = true;
	guest_leaves = 4; /* without an exit of its own */
	run();
	CHECK_EQ(guest_saw, 5);
	CHECK_EQ(cpu_value, 0);
	CHECK_EQ(guest_reads(), 4);
	guest_leaves = 0;
	run();
	CHECK_EQ(guest_saw, 4);
	CHECK_EQ(guest_reads(), 0);
	changes = false;
	writes = 0;
	run();
	CHECK_EQ(guest_saw, 0);
	CHECK_EQ(writes, 0); /* the host's is there already */
	vcpu_dirty(&v, RG_SPEC);
	v.spec_ctrl = 1; /* a state that is loaded */
	run();
	CHECK_EQ(guest_saw, 1);
	CHECK_EQ(cpu_value, 0);
}

TEST(virtualized)
{
	start(true, true);
	guest_writes(6);
	CHECK_EQ(guest_saw, 6);
	changes = true;
	guest_leaves = 3;
	run();
	CHECK_EQ(guest_reads(), 3);
	CHECK(!reads && !writes);
	CHECK_EQ(raw(0x048, 8), (u64)(maps + 8192) & BITS(51, 0));
}

/* VIRT_SPEC_CTRL's SSBD is in the CPU's register, and not in the guest's. */
TEST(virt_ssbd)
{
	start(false, false);
	CHECK_EQ(spec_wrmsr(&v, 0xc001011f, 4), 0);
	run();
	CHECK_EQ(guest_saw, 4);
	CHECK_EQ(guest_reads(), 0);
	guest_writes(1);
	CHECK_EQ(guest_saw, 5);
	CHECK_EQ(guest_reads(), 1);
	CHECK_EQ(reads, 0);
	CHECK_EQ(cpu_value, 0);
}

/* CPUID Fn8000_000A EDX bit 20. */
TEST(caps)
{
	const char *why;

	CHECK_EQ(svm_caps_decide(8, 1, 0, 0, &why), 0);
	CHECK(!svm_caps.virt_spec_ctrl);
	CHECK_EQ(svm_caps_decide(8, 1 | 1 << 20, 0, 0, &why), 0);
	CHECK(svm_caps.virt_spec_ctrl);
}
