/*
 * New values of CR0, CR3, CR4, EFER and XCR0: what is refused with #GP (SDM vol. 2, "MOV--Move to/from
 * Control Registers", "XSETBV"; vol. 3, "Extended Feature Enable Register"), what is stored.
 *
 * sources: tests/host/fake_vm.c tests/host/fake_vcpu.c vm/cr.c vm/iobus.c vm/state.c vm/vdev.c core/chardev.c
 * flags: -include tests/host/fake_cpu.h
 */
#include "arch/msr.h"
#include "lib/errno.h"
#include "tests/host/fake_vcpu.h"
#include "tests/host/harness.h"
#include "vm/gmem.h"
#include "vm/msr.h"

static struct vcpu *v;

void vcpu_need(struct vcpu *c, u32 groups) {}

static void start(void)
{
	fake_vcpu_new();
	v = fake_vcpu;
	fake_cpuid_table = (struct cpuid_table){
		.cr4_allowed = CR4_PAE | CR4_PGE | CR4_PCIDE | CR4_OSXSAVE | CR4_PSE,
		.efer_allowed = EFER_SCE | EFER_LME | EFER_NXE,
		.xcr0_allowed = 7,
		.cr3_reserved = ~BITS(39, 0),
		.phys_bits = 40,
	};
	v->regs.cr0 = CR0_PE | CR0_ET;
}

static void start64(void)
{
	start();
	fake_vcpu_long_mode(0x10000);
}

TEST(cr0)
{
	start();
	CHECK_EQ(cr0_write(v, CR0_PE | BIT(32)), -EINVAL);
	CHECK_EQ(cr0_write(v, CR0_PG), -EINVAL);          /* paging without protection */
	CHECK_EQ(cr0_write(v, CR0_PE | CR0_NW), -EINVAL); /* NW without CD */
	CHECK_EQ(v->regs.cr0, CR0_PE | CR0_ET);
	CHECK_EQ(cr0_write(v, CR0_PE | CR0_NW | CR0_CD), 0);
	CHECK_EQ(cr0_write(v, 0), 0);
	CHECK_EQ(v->regs.cr0, CR0_ET); /* hardwired */
	CHECK_EQ(cr0_write(v, CR0_PE | BIT(6) | BIT(28)), 0);
	CHECK_EQ(v->regs.cr0, CR0_PE | CR0_ET); /* reserved bits are ignored */
	CHECK(v->dirty & RG_CR);
}

TEST(long_mode_on_and_off)
{
	start();
	v->regs.efer = EFER_LME;
	CHECK_EQ(cr0_write(v, CR0_PE | CR0_PG), -EINVAL); /* without PAE */
	v->regs.cr4 = CR4_PAE;
	v->regs.seg[SEG_CS].attr = SEG_ATTR_L;
	CHECK_EQ(cr0_write(v, CR0_PE | CR0_PG), -EINVAL); /* from a 64-bit code segment */
	CHECK(!(v->regs.efer & EFER_LMA));
	v->regs.seg[SEG_CS].attr = SEG_ATTR_DB;
	CHECK_EQ(cr0_write(v, CR0_PE | CR0_PG), 0);
	CHECK(v->regs.efer & EFER_LMA);
	v->regs.seg[SEG_CS].attr = SEG_ATTR_L;
	CHECK_EQ(cr0_write(v, CR0_PE), -EINVAL); /* out of 64-bit mode */
	v->regs.seg[SEG_CS].attr = SEG_ATTR_DB;
	v->regs.cr4 |= CR4_PCIDE;
	CHECK_EQ(cr0_write(v, CR0_PE), -EINVAL);
	v->regs.cr4 &= ~CR4_PCIDE;
	CHECK_EQ(cr0_write(v, CR0_PE), 0);
	CHECK(!(v->regs.efer & EFER_LMA) && (v->regs.efer & EFER_LME));
	v->regs.efer = 0;
	CHECK_EQ(cr0_write(v, CR0_PE | CR0_PG), 0);
	CHECK(!(v->regs.efer & EFER_LMA));
}

TEST(cr3)
{
	start64();
	CHECK_EQ(cr3_write(v, BIT(40)), -EINVAL);
	CHECK_EQ(cr3_write(v, BIT(63) | 0x5000), -EINVAL); /* means something with PCIDs alone */
	CHECK_EQ(cr3_write(v, BITS(39, 12)), 0);
	CHECK_EQ(v->regs.cr3, BITS(39, 12));
	v->regs.cr4 |= CR4_PCIDE;
	CHECK_EQ(cr3_write(v, BIT(63) | 0x5007), 0);
	CHECK_EQ(v->regs.cr3, 0x5007); /* it reads as 0 */
	CHECK_EQ(cr3_write(v, BIT(62) | 0x5007), -EINVAL);
}

TEST(cr4)
{
	start64();
	/* Every bit that was not offered, one by one. */
	for (u32 b = 0; b < 64; b++) {
		if (!(fake_cpuid_table.cr4_allowed & BIT(b)))
			CHECK_EQ(cr4_write(v, CR4_PAE | BIT(b)), -EINVAL);
		else if (BIT(b) != CR4_PCIDE)
			CHECK_EQ(cr4_write(v, CR4_PAE | BIT(b)), 0);
	}
	CHECK_EQ(cr4_write(v, CR4_PGE), -EINVAL); /* long mode needs PAE */
	v->regs.cr4 = CR4_PAE;
	v->regs.cr3 = 0x10001;
	CHECK_EQ(cr4_write(v, CR4_PAE | CR4_PCIDE), -EINVAL); /* with CR3[11:0] not 0 */
	v->regs.cr3 = 0x10000;
	CHECK_EQ(cr4_write(v, CR4_PAE | CR4_PCIDE), 0);
	v->regs.cr3 = 0x10001;
	CHECK_EQ(cr4_write(v, CR4_PAE | CR4_PCIDE | CR4_PGE), 0); /* it was set before */
	start();
	CHECK_EQ(cr4_write(v, CR4_PAE | CR4_PCIDE), -EINVAL); /* outside long mode */
	CHECK_EQ(cr4_write(v, 0), 0);
}

/* SDM vol. 3, "PDPTE Registers": what loads them, and that reserved bits in a present one are #GP. */
TEST(pae_entries)
{
	const u64 good[4] = { 0x2001, 0, 0xffff0000000000f6, 0x3001 };
	const u64 reserved[] = { BIT(1), BIT(2), BIT(5), BIT(8), BIT(40), BIT(63) };

	start();
	v->regs.cr4 = CR4_PAE;
	v->regs.cr3 = 0x1000 | 0x20;
	CHECK_EQ(gmem_write(v->vm, GPA(0x1020), good, sizeof(good)), 0);
	CHECK_EQ(cr0_write(v, CR0_PE | CR0_PG), 0);
	for (u32 i = 0; i < ARRAY_LEN(reserved); i++) {
		u64 bad = 0x3001 | reserved[i];

		CHECK_EQ(gmem_write(v->vm, GPA(0x1038), &bad, sizeof(bad)), 0);
		CHECK_EQ(cr0_write(v, CR0_PE | CR0_PG | CR0_CD), -EINVAL);
		CHECK_EQ(cr4_write(v, CR4_PAE | CR4_PGE), -EINVAL);
		CHECK_EQ(cr4_write(v, CR4_PAE | CR4_PSE), -EINVAL);
		CHECK_EQ(v->regs.cr0, CR0_PE | CR0_PG | CR0_ET);
		CHECK_EQ(v->regs.cr4, CR4_PAE);
		/* These look at none of them. */
		CHECK_EQ(cr0_write(v, CR0_PE | CR0_PG | CR0_TS), 0);
		CHECK_EQ(cr4_write(v, CR4_PAE | CR4_OSXSAVE), 0);
		v->regs.cr0 = CR0_PE | CR0_ET;
		v->regs.cr4 = CR4_PAE;
		CHECK_EQ(cr0_write(v, CR0_PE | CR0_PG), -EINVAL);
		CHECK_EQ(cr0_write(v, CR0_PE), 0);
		v->regs.cr0 |= CR0_PG;
	}
	v->regs.cr3 = 0x7fffffe0; /* outside of RAM none is present */
	CHECK_EQ(cr0_write(v, CR0_PE | CR0_PG | CR0_CD), 0);
}

TEST(efer)
{
	start64();
	for (u32 b = 0; b < 64; b++) {
		u64 value = v->regs.efer | BIT(b);
		bool ok = (fake_cpuid_table.efer_allowed | EFER_LMA) & BIT(b);

		CHECK_EQ(efer_write(v, value), ok ? 0 : -EINVAL);
	}
	CHECK_EQ(efer_write(v, EFER_NXE | EFER_LMA), -EINVAL); /* LME while paging is on */
	CHECK_EQ(efer_write(v, EFER_LME), 0);
	CHECK_EQ(v->regs.efer, EFER_LME | EFER_LMA); /* LMA is the CPU's */
	start();
	CHECK_EQ(efer_write(v, EFER_LME | EFER_LMA | EFER_SCE), 0);
	CHECK_EQ(v->regs.efer, EFER_LME | EFER_SCE);
}

TEST(xcr0)
{
	start64();
	CHECK_EQ(xcr0_write(v, 0, 1), 0);
	CHECK_EQ(xcr0_write(v, 0, 3), 0);
	CHECK_EQ(xcr0_write(v, 0, 7), 0);
	CHECK_EQ(v->regs.xcr0, 7);
	CHECK_EQ(fake_xcr0, 7);
	CHECK_EQ(xcr0_write(v, 0, 0), -EINVAL); /* x87 is always on */
	CHECK_EQ(xcr0_write(v, 0, 2), -EINVAL);
	CHECK_EQ(xcr0_write(v, 0, 5), -EINVAL); /* AVX without SSE */
	CHECK_EQ(xcr0_write(v, 1, 7), -EINVAL); /* no such register */
	CHECK_EQ(xcr0_write(v, 0xffffffff, 7), -EINVAL);
	for (u32 b = 3; b < 64; b++)
		CHECK_EQ(xcr0_write(v, 0, 7 | BIT(b)), -EINVAL);
	CHECK_EQ(v->regs.xcr0, 7);
	CHECK_EQ(fake_xcr0, 7);
	fake_cpuid_table.xcr0_allowed = 3;
	CHECK_EQ(xcr0_write(v, 0, 7), -EINVAL);
}
