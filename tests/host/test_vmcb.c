/*
 * The AMD backend's VMCB as it is built, the permission maps and what moves between VMCB and registers, all
 * by the manual's offsets (AMD APM vol. 2, appendix B). An emulator does not check all of that.
 *
 * sources: tests/host/fake_trace.c
 * sources: svm/build.c svm/maps.c svm/exits.c svm/crinsn.c svm/event.c svm/asid.c svm/regs.c
 * sources: svm/run.c svm/caps.c svm/tscratio.c svm/avic.c vm/topology.c tests/host/fake_svm.c
 * flags: -include tests/host/fake_irq.h
 */
#include "lib/errno.h"
#include "vm/msr.h"
#include "tests/host/fake_svm.h"

#include <string.h>

/* --- building --- */

TEST(intercepts)
{
	setup();
	u64 misc1 = raw(0x00c, 4), misc2 = raw(0x010, 4);
	/* INTR NMI SMI INIT CR0-selective RDPMC CPUID INVD HLT INVLPGA IOIO MSR task-switch shutdown */
	const u8 want1[] = { 0, 1, 2, 3, 5, 15, 18, 22, 24, 26, 27, 28, 29, 31 };
	/* VMRUN VMMCALL VMLOAD VMSAVE STGI CLGI SKINIT RDTSCP WBINVD MONITOR MWAIT MWAIT XSETBV RDPRU */
	const u8 want2[] = { 0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14 };
	u64 mask1 = 0, mask2 = 0;

	for (unsigned i = 0; i < ARRAY_LEN(want1); i++)
		mask1 |= 1ULL << want1[i];
	for (unsigned i = 0; i < ARRAY_LEN(want2); i++)
		mask2 |= 1ULL << want2[i];
	CHECK_EQ(misc1, mask1);
	CHECK_EQ(misc2, mask2);
	CHECK_EQ(raw(0x008, 4), 1u << 1 | 1u << 17 | 1u << 18); /* #DB #AC #MC */
	CHECK_EQ(raw(0x014, 4), 0x1f);           /* INVLPGB twice, INVPCID, MCOMMIT, TLBSYNC */
	CHECK_EQ(raw(0x000, 4), 1u << (16 + 4)); /* writes of CR4 */
	CHECK_EQ(raw(0x004, 4), 0);              /* debug registers are the guest's */
}

TEST(vmcb_fields)
{
	setup();
	CHECK_EQ(raw(0x040, 8), 0x12000);    /* IOPM_BASE_PA */
	CHECK_EQ(raw(0x048, 8), 0x11000);    /* MSRPM_BASE_PA */
	CHECK_EQ(raw(0x060, 8), 1u << 24);   /* V_INTR_MASKING alone */
	CHECK_EQ(raw(0x090, 8), 1);          /* NP_ENABLE, no SEV */
	CHECK_EQ(raw(0x0b0, 8), 0x77777000); /* N_CR3 */
	CHECK_EQ(raw(0x0b8, 8), 0);          /* no LBR virtualization */
	CHECK_EQ(raw(0x0c0, 4), 0);          /* nothing clean */
	CHECK_EQ(raw(SAVE + 0x1e0, 8), 0);   /* S_CET, SSP, ISST_ADDR: no CET */
	CHECK_EQ(raw(SAVE + 0x1e8, 8), 0);
	CHECK_EQ(raw(SAVE + 0x1f0, 8), 0);
	run();
	CHECK(raw(0x058, 4) != 0); /* ASID */
	CHECK(raw(0x058, 4) < 8);
	CHECK_EQ(raw(SAVE + 0x0d0, 8), 0x1500); /* EFER: LME LMA SVME */
	CHECK_EQ(raw(SAVE + 0x158, 8), 0x80000011);
	CHECK_EQ(raw(SAVE + 0x178, 8), 0x1000);
	CHECK_STR(vmcb_check(&vmcb) ? vmcb_check(&vmcb) : "good", "good");
}

static void offer(u32 leaf, unsigned reg, unsigned bit)
{
	struct cpuid_entry *e = &cpuid_table.entries[cpuid_table.count++];

	e->leaf = leaf;
	*(&e->eax + reg) = 1u << bit;
}

TEST(offered_instructions_do_not_exit)
{
	setup();
	offer(7, 1, 10);          /* INVPCID */
	offer(0x80000001, 3, 27); /* RDTSCP */
	offer(0x80000008, 1, 4);  /* RDPRU */
	vmcb_init(&vmcb, &vm, 0, 0);
	CHECK_EQ(raw(0x014, 4) >> 2 & 1, 0);
	CHECK_EQ(raw(0x014, 4) >> 3 & 1, 1);
	CHECK_EQ(raw(0x010, 4) >> 7 & 1, 0);
	CHECK_EQ(raw(0x010, 4) >> 14 & 1, 0);
}

TEST(pause_filter_only_where_present)
{
	setup();
	CHECK_EQ(raw(0x00c, 4) >> 23 & 1, 0);
	svm_caps.pause_filter = true;
	vmcb_init(&vmcb, &vm, 0, 0);
	CHECK_EQ(raw(0x00c, 4) >> 23 & 1, 1);
	CHECK(raw(0x03e, 2) > 0);
	CHECK_EQ(raw(0x03c, 2), 0);
	svm_caps.pause_threshold = true;
	vmcb_init(&vmcb, &vm, 0, 0);
	CHECK(raw(0x03c, 2) > 0);
}

TEST(check_names_what_is_wrong)
{
	static const struct {
		unsigned offset, size;
		u64 value;
		const char *word;
	} cases[] = {
		{ SAVE + 0x0d0, 8, 0x500, "SVME" },
		{ SAVE + 0x158, 8, 0xa0000011, "NW" },
		{ SAVE + 0x158, 8, 0x180000011, "CR0" },
		{ SAVE + 0x168, 8, 1ULL << 40, "DR6" },
		{ SAVE + 0x160, 8, 1ULL << 32, "DR7" },
		{ SAVE + 0x148, 8, 0, "PAE" },
		{ SAVE + 0x158, 8, 0x80000010, "PE" },
		{ SAVE + 0x012, 2, 0x69b, "CS.L" }, /* attributes of CS: L and D */
		{ 0x010, 4, 0x7ffe, "VMRUN" },
		{ 0x058, 4, 0, "ASID" },
		{ 0x0a8, 8, 0x80000320, "vector" },
		{ 0x048, 8, 0x11800, "aligned" },
	};

	for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
		setup();
		run();
		CHECK(!vmcb_check(&vmcb));
		poke(cases[i].offset, cases[i].value, cases[i].size);
		const char *text = vmcb_check(&vmcb);
		CHECK(text && strstr(text, cases[i].word));
	}
}

/* --- permission maps --- */

/* By the manual: bit number of an MSR's read intercept; the write intercept is the next. */
static long msr_bit(u32 msr)
{
	if (msr < 0x2000)
		return (long)msr * 2;
	if (msr >= 0xc0000000 && msr < 0xc0002000)
		return 0x800 * 8 + (long)(msr - 0xc0000000) * 2;
	if (msr >= 0xc0010000 && msr < 0xc0012000)
		return 0x1000 * 8 + (long)(msr - 0xc0010000) * 2;
	return -1;
}

TEST(msr_map)
{
	static u8 map[8192], want[8192];

	memset(want, 0xff, sizeof(want));
	for (unsigned i = 0; i < msr_pass_count; i++) {
		long bit = msr_bit(msr_pass_list[i].index);

		if (bit < 0)
			continue;
		if (msr_pass_list[i].read)
			want[bit / 8] &= (u8) ~(1u << bit % 8);
		if (msr_pass_list[i].write)
			want[(bit + 1) / 8] &= (u8) ~(1u << (bit + 1) % 8);
	}
	msrpm_init(map, &(struct cpuid_spec){ .ctrl = 7, .ctrl_direct = true }, false);
	CHECK_EQ(memcmp(map, want, sizeof(map)), 0);
	/* and some by hand */
	CHECK_EQ(map[0x10 / 4], 0xfe);          /* TSC: reads pass */
	CHECK_EQ(map[0x174 / 4], 0xfc);         /* SYSENTER_CS: both */
	CHECK_EQ(map[0x800 + 0x80 / 4], 0xf3);  /* EFER exits, STAR passes */
	CHECK_EQ(map[0x800 + 0x100 / 4], 0xdf); /* KERNEL_GS_BASE: writes pass */
	CHECK_EQ(map[0x1000 + 0x14 / 4], 0xfb); /* HWCR: reads pass */
	CHECK_EQ(map[0x1800], 0xff);
}

TEST(msr_map_speculation)
{
	const struct cpuid_spec all = {
		.ctrl = 7, .pred = 1, .flush = 1, .ctrl_direct = true, .pred_direct = true
	};
	static u8 map[8192];

	msrpm_init(map, &all, false);
	CHECK_EQ(map[0x48 / 4], 0xf7); /* SPEC_CTRL exits, writes of PRED_CMD pass */
	CHECK_EQ(map[0x108 / 4], 0x7f);
	msrpm_init(map, &all, true);
	CHECK_EQ(map[0x48 / 4], 0xf4);
	CHECK_EQ(map[0x1000 + 0x11c / 4], 0xff); /* VIRT_SPEC_CTRL is nowhere but here */
	msrpm_init(map, &(struct cpuid_spec){ .ctrl = 7, .pred = 1 }, true);
	CHECK_EQ(map[0x48 / 4], 0xff); /* the CPU would take more than is shown */
}

TEST(io_map)
{
	static u8 map[3 * 4096];

	iopm_init(map);
	/* Every port exits, and accesses that run over the last port too. */
	for (unsigned i = 0; i < 0x10000 / 8 + 1; i++)
		CHECK_EQ(map[i], 0xff);
}

/* --- registers --- */

TEST(groups_travel_both_ways)
{
	static struct vcpu_regs want;

	setup();
	run();
	for (unsigned i = 0; i < sizeof(want); i++)
		((u8 *)&want)[i] = (u8)(i * 37 + 11);
	want.cr0 = 0x80050033;
	want.cr4 = 0x6a0;
	want.efer = 0xd01;
	want.shadow = 0;
	want.rflags = 0x246;
	for (unsigned i = 0; i < SEG_COUNT; i++)
		want.seg[i].limit = 0xffff, want.seg[i].attr = 0x9b;
	want.seg[SEG_SS].attr = 0xf3; /* DPL 3 */
	v.regs = want;
	vcpu_dirty(&v, RG_ALL);
	run();
	CHECK_EQ(raw(SAVE + 0x0cb, 1), 3); /* CPL is SS.DPL */
	v.regs.dr7 = v.regs.cr3 = v.regs.star = v.regs.pat = v.regs.sysenter_eip = v.regs.gdt.base =
		0;
	memset(v.regs.seg, 0, sizeof(v.regs.seg));
	vcpu_need(&v, RG_ALL);
	CHECK_EQ(v.valid, RG_ALL);
	CHECK_EQ(memcmp(v.regs.seg, want.seg, sizeof(want.seg)), 0);
	CHECK_EQ(v.regs.cr2, want.cr2);
	CHECK_EQ(v.regs.cr3, want.cr3);
	CHECK_EQ(v.regs.gdt.base, want.gdt.base);
	CHECK_EQ(v.regs.idt.limit, want.idt.limit);
	CHECK_EQ(v.regs.dr6, want.dr6);
	CHECK_EQ(v.regs.dr7, want.dr7);
	CHECK_EQ(v.regs.star, want.star);
	CHECK_EQ(v.regs.kernel_gs, want.kernel_gs);
	CHECK_EQ(v.regs.sysenter_eip, want.sysenter_eip);
	CHECK_EQ(v.regs.pat, want.pat);
	CHECK_EQ(v.regs.gpr[GPR_RSP], want.gpr[GPR_RSP]);
	CHECK_EQ(v.regs.gpr[GPR_RAX], want.gpr[GPR_RAX]);
	/* and by the manual's offsets */
	CHECK_EQ(raw(SAVE + 0x1f8, 8), want.gpr[GPR_RAX]);
	CHECK_EQ(raw(SAVE + 0x1d8, 8), want.gpr[GPR_RSP]);
	CHECK_EQ(raw(SAVE + 0x200, 8), want.star);
	CHECK_EQ(raw(SAVE + 0x220, 8), want.kernel_gs);
	CHECK_EQ(raw(SAVE + 0x228, 8), want.sysenter_cs);
	CHECK_EQ(raw(SAVE + 0x268, 8), want.pat);
	CHECK_EQ(raw(SAVE + 0x010, 2), want.seg[SEG_CS].selector);
	CHECK_EQ(raw(SAVE + 0x098, 8), want.seg[SEG_TR].base);
	CHECK_EQ(raw(SAVE + 0x088, 8), want.idt.base);
}

TEST(segment_repairs)
{
	setup();
	run();
	poke(SAVE + 0x012, 0x29b, 2); /* CS without G but with a large limit */
	poke(SAVE + 0x014, 0xffffffff, 4);
	poke(SAVE + 0x022, 0xf3, 2); /* SS.DPL 3, CPL 0 */
	poke(SAVE + 0x0cb, 0, 1);
	poke(SAVE + 0x092, 0x89, 2); /* TR: available */
	vcpu_need(&v, RG_CS | RG_SEG);
	CHECK_EQ(v.regs.seg[SEG_CS].attr, 0xa9b);
	CHECK_EQ(v.regs.seg[SEG_SS].attr, 0x93);
	CHECK_EQ(v.regs.seg[SEG_TR].attr, 0x8b);
}

TEST(lazy_groups_are_not_written_again)
{
	setup();
	run();
	poke(SAVE + 0x150, 0xabc000, 8); /* the guest changed CR3 */
	run();
	CHECK_EQ(raw(SAVE + 0x150, 8), 0xabc000);
	poke(SAVE + 0x1d8, 0x7000, 8); /* and RSP, RFLAGS */
	poke(SAVE + 0x170, 0x10202, 8);
	run();
	CHECK_EQ(raw(SAVE + 0x1d8, 8), 0x7000);
	CHECK_EQ(v.regs.rflags, 0x10202);
	CHECK_EQ(raw(SAVE + 0x170, 8), 0x10202);
}

TEST(clean_bits)
{
	static const struct {
		u32 group, bit;
	} cases[] = {
		{ RG_CR, 5 }, { RG_CR2, 9 }, { RG_CS, 8 },  { RG_SEG, 8 },
		{ RG_DT, 7 }, { RG_DR7, 6 }, { RG_PAT, 4 },
	};
	static u64 seen;

	/* What the CPU sees at the entry. */
	setup();
	svm_caps.clean = CLEAN_ALL;
	run();
	CHECK_EQ(raw(0x0c0, 4), CLEAN_ALL);
	for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
		vcpu_need(&v, cases[i].group);
		vcpu_dirty(&v, cases[i].group);
		svm_write_regs(&v);
		seen = raw(0x0c0, 4);
		CHECK_EQ(seen >> cases[i].bit & 1, 0);
		CHECK_EQ(seen >> 2 & 1, 1); /* the ASID has not changed */
		run();
	}
	svm_caps.clean = 0; /* a CPU without the feature */
	run();
	CHECK_EQ(raw(0x0c0, 4), 0);
}

/* --- what the CPU offers --- */

TEST(caps)
{
	const char *why = NULL;

	CHECK_EQ(svm_caps_decide(16, 0x1, 0, 0, &why), 0);
	CHECK_EQ(svm_caps.asids, 16);
	CHECK(!svm_caps.next_rip && !svm_caps.clean && !svm_caps.flush_by_asid);
	CHECK(!svm_caps.decode_assists && !svm_caps.pause_filter);
	CHECK_EQ(svm_caps_decide(16, 1 | 1u << 3, 0, 0, &why), 0);
	CHECK(svm_caps.next_rip && !svm_caps.clean);
	CHECK_EQ(svm_caps_decide(16, 1 | 1u << 5 | 1u << 6, 0, CR4_MCE | CR4_PAE, &why), 0);
	CHECK(svm_caps.clean && svm_caps.flush_by_asid && !svm_caps.next_rip);
	CHECK_EQ(svm_caps.host_mce, 0x40);
	CHECK_EQ(svm_caps_decide(16, 1 | 1u << 7 | 1u << 10 | 1u << 12, 0, 0, &why), 0);
	CHECK(svm_caps.decode_assists && svm_caps.pause_filter && svm_caps.pause_threshold);
	CHECK_EQ(svm_caps_decide(16, 0, 0, 0, &why), -ENODEV);
	CHECK(strstr(why, "nested paging"));
	CHECK_EQ(svm_caps_decide(1, 1, 0, 0, &why), -ENODEV);
	CHECK(strstr(why, "ASID"));
	CHECK_EQ(svm_caps_decide(16, 1, 0x18, 0, &why), -ENODEV);
	CHECK(strstr(why, "firmware"));
	CHECK_EQ(svm_caps_decide(16, 1, 0x10, 0, &why), 0); /* disabled, but not locked */
}
