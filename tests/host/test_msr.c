/*
 * The MSR policy: everything that is not on the list raises #GP; values are checked as the CPU would (SDM
 * vol. 4); what is stored comes back.
 *
 * sources: tests/host/fake_vm.c tests/host/fake_vcpu.c vm/msr.c vm/spec.c vm/iobus.c vm/state.c vm/vdev.c core/chardev.c
 * flags: -include tests/host/fake_cpu.h
 */
#include "arch/feature.h"
#include "arch/msr.h"
#include "arch/trap.h"
#include "lib/errno.h"
#include "tests/host/fake_vcpu.h"
#include "tests/host/harness.h"
#include "vm/lapic_timer.h"
#include "vm/msr.h"
#include "vm/skip.h"
#include "vm/spec.h"

#include <string.h>

static struct vcpu *v;
static u32 command; /* the last of PRED_CMD and FLUSH_CMD that reached the CPU, with its value */
static u64 command_value;
static u64 tsc_aux, efer_written, base_written, x2apic_value;
static u32 x2apic_msr;
static int raised;

void vcpu_need(struct vcpu *c, u32 groups) {}

void vcpu_skip_slow(struct vcpu *c, u32 len)
{
	c->regs.rip += len;
}

void vcpu_raise_error(struct vcpu *c, u8 vector, u32 error)
{
	CHECK_EQ(error, 0);
	raised = vector;
}

u64 fake_rdmsr(u32 msr)
{
	CHECK_EQ(msr, MSR_TSC_AUX); /* no other is the CPU's own */
	return tsc_aux;
}

void fake_wrmsr(u32 msr, u64 value)
{
	if (msr == 0x49 || msr == 0x10b) {
		command = msr;
		command_value = value;
		return;
	}
	CHECK_EQ(msr, MSR_TSC_AUX);
	tsc_aux = value;
}

int efer_write(struct vcpu *c, u64 value)
{
	efer_written = value;
	return value & BIT(12) ? -EINVAL : 0;
}

int vlapic_set_base(struct vlapic *l, u64 value)
{
	base_written = value;
	return value & 1 ? -EINVAL : 0;
}

int vlapic_rdmsr(struct vlapic *l, u32 msr, u64 *value)
{
	x2apic_msr = msr;
	*value = 0x1234;
	return msr == 0x8fe ? -EINVAL : 0;
}

int vlapic_wrmsr(struct vlapic *l, u32 msr, u64 value)
{
	x2apic_msr = msr;
	x2apic_value = value;
	return 0;
}

/* The paravirtual interface's own list is vm/pv_msr.c's. */
static u32 pv_msr;
static u64 pv_value;
static u32 pv_updates;

int pv_rdmsr(struct vcpu *c, u32 index, u64 *value)
{
	pv_msr = index;
	*value = 0x4321;
	return 0;
}

int pv_wrmsr(struct vcpu *c, u32 index, u64 value)
{
	pv_msr = index;
	pv_value = value;
	return index == 0x4b564d02 ? -EINVAL : 0;
}

void pv_clock_update_all(struct vcpu *c)
{
	pv_updates++;
}

static u32 timer_moves;

void vlapic_timer_tsc_changed(struct vlapic *l)
{
	timer_moves++;
}

static void start(void)
{
	timer_moves = 0;
	pv_updates = 0;
	fake_vcpu_new();
	v = fake_vcpu;
	fake_cpuid_table = (struct cpuid_table){ .phys_bits = 40, .tsc_aux = true };
	fake_tsc = 1000;
}

static int rd(u32 msr, u64 *value)
{
	*value = 0xdeadbeef;
	return msr_read(v, msr, value);
}

/* What may be read at all, in rising order; SDM vol. 4's names. */
static const struct {
	u32 first, last;
} readable[] = {
	{ 0x10, 0x12 },   /* IA32_TIME_STAMP_COUNTER; KVM's first clock */
	{ 0x17, 0x17 },   /* IA32_PLATFORM_ID */
	{ 0x1b, 0x1b },   /* IA32_APIC_BASE */
	{ 0x3b, 0x3b },   /* IA32_TSC_ADJUST */
	{ 0x8b, 0x8b },   /* IA32_BIOS_SIGN_ID */
	{ 0xfe, 0xfe },   /* IA32_MTRRCAP */
	{ 0x174, 0x176 }, /* IA32_SYSENTER_* */
	{ 0x179, 0x17a }, /* IA32_MCG_CAP, STATUS */
	{ 0x1a0, 0x1a0 }, /* IA32_MISC_ENABLE */
	{ 0x1d9, 0x1d9 }, /* IA32_DEBUGCTL */
	{ 0x200, 0x20f }, /* IA32_MTRR_PHYSBASE0 ... PHYSMASK7 */
	{ 0x250, 0x250 }, /* IA32_MTRR_FIX64K_00000 */
	{ 0x258, 0x259 },
	{ 0x268, 0x26f },
	{ 0x277, 0x277 },           /* IA32_PAT */
	{ 0x2ff, 0x2ff },           /* IA32_MTRR_DEF_TYPE */
	{ 0x6e0, 0x6e0 },           /* IA32_TSC_DEADLINE */
	{ 0x800, 0x8ff },           /* x2APIC, whose own list is the APIC's */
	{ 0x4b564d00, 0x4b564d05 }, /* KVM's */
	{ 0xc0000080, 0xc0000080 }, /* IA32_EFER */
	{ 0xc0000103, 0xc0000103 }, /* IA32_TSC_AUX */
};

static bool listed(u32 msr)
{
	for (size_t i = 0; i < ARRAY_LEN(readable); i++) {
		if (msr >= readable[i].first && msr <= readable[i].last)
			return true;
	}
	return false;
}

TEST(nothing_but_the_list)
{
	static const u32 ranges[] = {
		0, 0x40000000, 0x4b564d00, 0xc0000000, 0xc0010000, 0xfffff000
	};

	start();
	for (size_t r = 0; r < ARRAY_LEN(ranges); r++) {
		for (u32 k = 0; k < 0x2000; k++) {
			u32 msr = ranges[r] + k;
			u64 value;
			int err = rd(msr, &value);

			if (msr == 0x8fe)
				continue;
			if (err != (listed(msr) ? 0 : -EINVAL))
				CHECK_EQ(msr, 0);
			if (!listed(msr))
				CHECK_EQ(msr_write(v, msr, 0), -EINVAL);
		}
	}
	CHECK_EQ(tsc_aux, 0);
}

/* Features that are hidden have no MSRs, either. */
TEST(what_must_not_be_there)
{
	static const u32 hidden[] = {
		0x3a,       0x48,       0x49,       0x10a,      0x10b,      0x122,      0x186,
		0x1c9,      0x309,      0x38f,      0x480,      0x48f,      0x4c1,      0x560,
		0x600,      0x6a0,      0x6a2,      0x6a4,      0x6a8,      0xda0,      0xc0000081,
		0xc0000100, 0xc0000102, 0xc0010114, 0xc0010117, 0xc001011f, 0xc0011029,
	};
	u64 value;

	start();
	for (size_t i = 0; i < ARRAY_LEN(hidden); i++) {
		CHECK_EQ(rd(hidden[i], &value), -EINVAL);
		CHECK_EQ(value, 0xdeadbeef);
		CHECK_EQ(msr_write(v, hidden[i], 1), -EINVAL);
	}
}

/* Without an exit a guest reaches only what is switched with it. */
TEST(pass_list)
{
	static const u32 switched[] = { 0x10,       0x174,      0x175,      0x176,
					0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084,
					0xc0000100, 0xc0000101, 0xc0000102 };

	CHECK_EQ(msr_pass_count, ARRAY_LEN(switched));
	for (size_t i = 0; i < msr_pass_count; i++) {
		bool found = false;

		for (size_t k = 0; k < ARRAY_LEN(switched); k++)
			found = found || switched[k] == msr_pass_list[i].index;
		CHECK(found);
		if (msr_pass_list[i].index == 0x10) /* written, it would be the host's */
			CHECK(!msr_pass_list[i].write);
	}
}

/* SDM vol. 4: what may be written is what CPUID shows; commands cannot be read, capabilities not written. */
TEST(speculation)
{
	u64 value;

	start();
	fake_cpuid_table.spec = (struct cpuid_spec){
		.ctrl = 0x405, .pred = 1, .flush = 1, .virt = 4, .caps = true
	};
	fake_cpuid_table.arch_caps[0] = 0x2b;
	fake_cpuid_table.arch_caps[1] = 0x40000000;
	v->dirty = 0;
	CHECK_EQ(rd(0x48, &value), 0);
	CHECK_EQ(value, 0);
	CHECK_EQ(msr_write(v, 0x48, 0x405), 0);
	CHECK_EQ(v->dirty, RG_SPEC);
	CHECK_EQ(rd(0x48, &value), 0);
	CHECK_EQ(value, 0x405);
	for (u32 bit = 0; bit < 64; bit++) {
		CHECK_EQ(msr_write(v, 0x48, 1ull << bit), 0x405ull >> bit & 1 ? 0 : -EINVAL);
		CHECK_EQ(msr_write(v, 0xc001011f, 1ull << bit), bit == 2 ? 0 : -EINVAL);
		command = 0;
		CHECK_EQ(msr_write(v, 0x49, 1ull << bit), bit ? -EINVAL : 0);
		CHECK_EQ(command, bit ? 0 : 0x49);
		CHECK_EQ(msr_write(v, 0x10b, 1ull << bit), bit ? -EINVAL : 0);
		CHECK_EQ(command, bit ? 0 : 0x10b);
	}
	CHECK_EQ(command_value, 1);
	CHECK(v->spec_ctrl == 0x400 && v->virt_spec_ctrl == 4);
	CHECK_EQ(spec_effective(v), 0x404);
	CHECK_EQ(rd(0xc001011f, &value), 0);
	CHECK_EQ(value, 4);
	command = 0;
	CHECK_EQ(msr_write(v, 0x49, 0), 0);
	CHECK_EQ(command, 0); /* nothing asked for */
	CHECK_EQ(rd(0x49, &value), -EINVAL);
	CHECK_EQ(rd(0x10b, &value), -EINVAL);
	CHECK_EQ(rd(0x10a, &value), 0);
	CHECK_EQ(value, 0x400000000000002b);
	CHECK_EQ(msr_write(v, 0x10a, 0x2b), -EINVAL);
}

TEST(tsc)
{
	u64 value;

	start();
	v->tsc_offset = -900ull;
	CHECK_EQ(rd(0x10, &value), 0);
	CHECK_EQ(value, 100);
	CHECK_EQ(msr_write(v, 0x10, 5000), 0);
	CHECK_EQ(fake_backend.tsc_changes, 1);
	CHECK_EQ(timer_moves, 1); /* its deadline is on the guest's scale */
	CHECK_EQ(rd(0x10, &value), 0);
	CHECK_EQ(value, 5000);
	CHECK_EQ(rd(0x3b, &value), 0); /* "IA32_TSC_ADJUST": follows by the same amount */
	CHECK_EQ(value, 4900);
	CHECK_EQ(pv_updates, 0);
	fake_vm->clocks_shown = true;
	CHECK_EQ(msr_write(v, 0x3b, 0), 0);
	CHECK_EQ(rd(0x10, &value), 0);
	CHECK_EQ(value, 100);
	CHECK_EQ(pv_updates, 1);
}

TEST(kvm)
{
	static const u32 msrs[] = { 0x11, 0x12, 0x4b564d00, 0x4b564d01, 0x4b564d03, 0x4b564d05 };
	u64 value;

	start();
	for (size_t i = 0; i < ARRAY_LEN(msrs); i++) {
		CHECK_EQ(rd(msrs[i], &value), 0);
		CHECK_EQ(value, 0x4321);
		CHECK_EQ(pv_msr, msrs[i]);
		pv_msr = 0;
		CHECK_EQ(msr_write(v, msrs[i], 0x1000 + i), 0);
		CHECK_EQ(pv_msr, msrs[i]);
		CHECK_EQ(pv_value, 0x1000 + i);
	}
	CHECK_EQ(msr_write(v, 0x4b564d02, 1), -EINVAL);
}

TEST(memory_types)
{
	static const u8 mtrr_good[] = { 0, 1, 4, 5, 6 };
	u64 value;

	start();
	for (u32 type = 0; type < 256; type++) {
		bool good = false;

		for (size_t i = 0; i < ARRAY_LEN(mtrr_good); i++)
			good = good || mtrr_good[i] == type;
		CHECK_EQ(msr_write(v, 0x2ff, 0xc00 | type), good ? 0 : -EINVAL);
		CHECK_EQ(msr_write(v, 0x200, 0x100000 | type), good ? 0 : -EINVAL);
		CHECK_EQ(msr_write(v, 0x26f, 0x0606060606000606 | (u64)type << 16),
			 good ? 0 : -EINVAL);
		CHECK_EQ(msr_write(v, 0x277, (u64)type << 56), good || type == 7 ? 0 : -EINVAL);
	}
	CHECK_EQ(msr_write(v, 0x2ff, 0xc06), 0);
	CHECK_EQ(rd(0x2ff, &value), 0);
	CHECK_EQ(value, 0xc06);
	CHECK_EQ(msr_write(v, 0x2ff, 0x1006), -EINVAL);
	CHECK_EQ(msr_write(v, 0x277, 0x0007040600070406), 0);
	CHECK_EQ(rd(0x277, &value), 0);
	CHECK_EQ(value, 0x0007040600070406);
	CHECK(v->dirty & RG_PAT);
}

/* Each register its own place. */
TEST(mtrrs)
{
	static const u32 fixed[] = { 0x250, 0x258, 0x259, 0x268, 0x269, 0x26a,
				     0x26b, 0x26c, 0x26d, 0x26e, 0x26f };
	u64 value;

	start();
	CHECK_EQ(rd(0xfe, &value), 0);
	CHECK_EQ(value & 0xff, 8);
	CHECK(value & BIT(8));     /* fixed ranges */
	CHECK(!(value & BIT(11))); /* no SMRR */
	CHECK_EQ(msr_write(v, 0xfe, value), -EINVAL);
	for (u64 i = 0; i < ARRAY_LEN(fixed); i++)
		CHECK_EQ(msr_write(v, fixed[i],
				   0x0400000000000006 ^ (i & 1) << 10 ^ (i & 2) << 23 ^
					   (i & 4) << 40),
			 0);
	for (u64 i = 0; i < ARRAY_LEN(fixed); i++) {
		CHECK_EQ(rd(fixed[i], &value), 0);
		CHECK_EQ(value, 0x0400000000000006 ^ (i & 1) << 10 ^ (i & 2) << 23 ^ (i & 4) << 40);
	}
	for (u64 i = 0; i < 16; i++)
		CHECK_EQ(msr_write(v, 0x200 + (u32)i, i << 12 | (i & 1 ? 0x800 : 6)), 0);
	for (u64 i = 0; i < 16; i++) {
		CHECK_EQ(rd(0x200 + (u32)i, &value), 0);
		CHECK_EQ(value, i << 12 | (i & 1 ? 0x800 : 6));
	}
	CHECK_EQ(msr_write(v, 0x200, BIT(40) | 6), -EINVAL); /* beyond the physical address */
	CHECK_EQ(msr_write(v, 0x200, 0x106), -EINVAL);
	CHECK_EQ(msr_write(v, 0x201, 0x806), -EINVAL);
}

TEST(sysenter)
{
	u64 value;

	start();
	for (u32 i = 0; i < 3; i++)
		CHECK_EQ(msr_write(v, 0x174 + i, 0xffffffff80000000 + i), 0);
	for (u32 i = 0; i < 3; i++) {
		CHECK_EQ(rd(0x174 + i, &value), 0);
		CHECK_EQ(value, 0xffffffff80000000 + i);
	}
	CHECK_EQ(v->regs.sysenter_esp, 0xffffffff80000001);
	CHECK_EQ(msr_write(v, 0x175, 0x800000000000), -EINVAL); /* not canonical */
	CHECK_EQ(msr_write(v, 0x176, 0xffff000000000000), -EINVAL);
}

/* "IA32_TSC_AUX": where RDTSCP is, 32 bits. */
TEST(aux)
{
	u64 value;

	start();
	CHECK_EQ(msr_write(v, 0xc0000103, 0x100000000), -EINVAL);
	CHECK_EQ(msr_write(v, 0xc0000103, 77), 0);
	CHECK_EQ(rd(0xc0000103, &value), 0);
	CHECK_EQ(value, 77);
	fake_cpuid_table.tsc_aux = false; /* neither RDTSCP nor RDPID is shown */
	CHECK_EQ(msr_write(v, 0xc0000103, 78), -EINVAL);
	CHECK_EQ(rd(0xc0000103, &value), -EINVAL);
	CHECK_EQ(tsc_aux, 77);
	tsc_aux = 0;
}

TEST(constants)
{
	u64 value;

	start();
	CHECK_EQ(msr_write(v, 0x1d9, 1), -EINVAL); /* LBR, BTF: not offered */
	CHECK_EQ(msr_write(v, 0x1d9, 0), 0);
	CHECK_EQ(msr_write(v, 0x17a, 1), -EINVAL);
	CHECK_EQ(msr_write(v, 0x179, 0), -EINVAL);
	CHECK_EQ(rd(0x179, &value), 0);
	CHECK_EQ(value, 0); /* no machine-check banks */
	CHECK_EQ(msr_write(v, 0x17, 0), -EINVAL);
	CHECK_EQ(msr_write(v, 0x8b, 0), 0); /* as kernels do before CPUID */
}

TEST(others_answer)
{
	u64 value;

	start();
	CHECK_EQ(msr_write(v, 0xc0000080, 0x500), 0);
	CHECK_EQ(efer_written, 0x500);
	CHECK_EQ(msr_write(v, 0xc0000080, BIT(12)), -EINVAL);
	v->regs.efer = 0xd01;
	CHECK_EQ(rd(0xc0000080, &value), 0);
	CHECK_EQ(value, 0xd01);
	CHECK_EQ(rd(0x1b, &value), 0);
	CHECK_EQ(value, 0xfee00900);
	CHECK_EQ(msr_write(v, 0x1b, 1), -EINVAL);
	CHECK_EQ(base_written, 1);
	CHECK_EQ(msr_write(v, 0x830, 0x12345), 0);
	CHECK_EQ(x2apic_msr, 0x830);
	CHECK_EQ(x2apic_value, 0x12345);
	CHECK_EQ(rd(0x6e0, &value), 0);
	CHECK_EQ(x2apic_msr, 0x6e0);
}

/* RDMSR and WRMSR as the guest executes them. */
TEST(exits)
{
	struct vm_exit e = { .kind = EXIT_MSR, .insn_len = 2 };
	u64 *g;

	start();
	g = v->regs.gpr;
	v->regs.rip = 0x1000;
	g[GPR_RCX] = 0xffffffff00000277; /* ECX counts alone */
	g[GPR_RAX] = 0xffffffff00070406;
	g[GPR_RDX] = 0xffffffff00070406;
	e.msr.write = true;
	msr_exit(v, &e);
	CHECK_EQ(v->regs.pat, 0x0007040600070406);
	CHECK_EQ(v->regs.rip, 0x1002);
	e.msr.write = false;
	g[GPR_RAX] = g[GPR_RDX] = ~0ull;
	msr_exit(v, &e);
	CHECK_EQ(g[GPR_RAX], 0x00070406);
	CHECK_EQ(g[GPR_RDX], 0x00070406);
	CHECK_EQ(v->regs.rip, 0x1004);
	CHECK_EQ(raised, 0);
	g[GPR_RCX] = 0x12345;
	g[GPR_RAX] = 0x5a5a5a5a5a;
	msr_exit(v, &e);
	CHECK_EQ(raised, TRAP_GP);
	CHECK_EQ(v->regs.rip, 0x1004); /* a fault */
	CHECK_EQ(g[GPR_RAX], 0x5a5a5a5a5a);
	raised = 0;
	e.msr.write = true;
	msr_exit(v, &e);
	CHECK_EQ(raised, TRAP_GP);
	CHECK_EQ(v->regs.rip, 0x1004);
}
