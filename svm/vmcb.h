/*
 * The virtual machine control block (AMD APM vol. 2, appendix B "VMCB Layout") and the exit codes
 * (appendix C "SVM Intercept Exit Codes"). Hardware definitions only.
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"

/* Intercepted exceptions are bits by vector. Control registers: reads bits 0-15, writes 16-31. */
#define CR_READ(n)  BIT(n)
#define CR_WRITE(n) BIT(16 + (n))

/* Offset 0x00c, "misc 1" */
#define MISC1_INTR          BIT(0)
#define MISC1_NMI           BIT(1)
#define MISC1_SMI           BIT(2)
#define MISC1_INIT          BIT(3)
#define MISC1_VINTR         BIT(4)
#define MISC1_CR0_SEL_WRITE BIT(5)
#define MISC1_RDPMC         BIT(15)
#define MISC1_CPUID         BIT(18)
#define MISC1_IRET          BIT(20)
#define MISC1_INVD          BIT(22)
#define MISC1_PAUSE         BIT(23)
#define MISC1_HLT           BIT(24)
#define MISC1_INVLPGA       BIT(26)
#define MISC1_IOIO          BIT(27)
#define MISC1_MSR           BIT(28)
#define MISC1_TASK_SWITCH   BIT(29)
#define MISC1_SHUTDOWN      BIT(31)

/* Offset 0x010, "misc 2" */
#define MISC2_VMRUN       BIT(0)
#define MISC2_VMMCALL     BIT(1)
#define MISC2_VMLOAD      BIT(2)
#define MISC2_VMSAVE      BIT(3)
#define MISC2_STGI        BIT(4)
#define MISC2_CLGI        BIT(5)
#define MISC2_SKINIT      BIT(6)
#define MISC2_RDTSCP      BIT(7)
#define MISC2_WBINVD      BIT(9)
#define MISC2_MONITOR     BIT(10)
#define MISC2_MWAIT       BIT(11)
#define MISC2_MWAIT_ARMED BIT(12)
#define MISC2_XSETBV      BIT(13)
#define MISC2_RDPRU       BIT(14)

/* Offset 0x014, "misc 3" */
#define MISC3_INVLPGB         BIT(0)
#define MISC3_INVLPGB_ILLEGAL BIT(1)
#define MISC3_INVPCID         BIT(2)
#define MISC3_MCOMMIT         BIT(3)
#define MISC3_TLBSYNC         BIT(4)

enum tlb_control {
	TLB_KEEP = 0,
	TLB_FLUSH_ALL = 1,  /* all ASIDs */
	TLB_FLUSH_ASID = 3, /* this guest's; needs flush-by-ASID */
};

/* Offset 0x060, beside V_TPR in bits 7:0 */
#define INT_V_IRQ        BIT(8)
#define INT_V_PRIO_SHIFT 16
#define INT_V_PRIO       BITS(19, 16)
#define INT_V_IGN_TPR    BIT(20)
#define INT_V_MASKING    BIT(24)
#define INT_AVIC         BIT(31)

#define INT_STATE_SHADOW BIT(0)

#define NESTED_PAGING BIT(0)

/* EVENTINJ and EXITINTINFO */
#define EVENT_VECTOR      BITS(7, 0)
#define EVENT_TYPE_SHIFT  8
#define EVENT_TYPE        BITS(10, 8)
#define EVENT_ERROR_VALID BIT(11)
#define EVENT_VALID       BIT(31)
#define EVENT_ERROR_SHIFT 32

enum event_type {
	EVENT_TYPE_INTR = 0,
	EVENT_TYPE_NMI = 2,
	EVENT_TYPE_EXCEPTION = 3,
	EVENT_TYPE_SOFT_INT = 4,
};

/* State that the CPU may keep from the last run of this VMCB ("VMCB State Caching") */
#define CLEAN_INTERCEPTS BIT(0) /* also TSC offset, pause filter */
#define CLEAN_MAPS       BIT(1)
#define CLEAN_ASID       BIT(2)
#define CLEAN_INT        BIT(3)
#define CLEAN_NESTED     BIT(4) /* also G_PAT */
#define CLEAN_CR         BIT(5)
#define CLEAN_DR         BIT(6)
#define CLEAN_DT         BIT(7)
#define CLEAN_SEG        BIT(8)
#define CLEAN_CR2        BIT(9)
#define CLEAN_LBR        BIT(10)
#define CLEAN_AVIC       BIT(11)
#define CLEAN_ALL        BITS(10, 0) /* but for AVIC's */

/* EXITINFO1 of IOIO */
#define IOIO_IN         BIT(0)
#define IOIO_STRING     BIT(2)
#define IOIO_REP        BIT(3)
#define IOIO_SIZE_SHIFT 4 /* one of bits 4-6: 1, 2, 4 bytes */
#define IOIO_SIZE       BITS(6, 4)
#define IOIO_ADDR_SHIFT 7 /* one of bits 7-9: 16, 32, 64 bits */
#define IOIO_ADDR       BITS(9, 7)
#define IOIO_SEG_SHIFT  10 /* valid with decode assists */
#define IOIO_SEG        BITS(12, 10)
#define IOIO_PORT_SHIFT 16

/* EXITINFO1 of a nested page fault */
#define NPF_WRITE      BIT(1)
#define NPF_FETCH      BIT(4)
#define NPF_TABLE_WALK BIT(33)

/* EXITINFO1 of MOV to or from a control register, with decode assists */
#define CR_INFO_VALID BIT(63)
#define CR_INFO_GPR   BITS(3, 0)

struct vmcb_control {
	u32 cr, dr, exceptions, misc1, misc2, misc3;
	u8 reserved_018[0x03c - 0x018];
	u16 pause_threshold, pause_count;
	u64 iopm_pa, msrpm_pa;
	u64 tsc_offset;
	u32 asid;
	u8 tlb_control;
	u8 reserved_05d[3];
	union {
		u64 int_ctl;
		u8 v_tpr;
	};
	u64 int_state;
	u64 exit_code, exit_info1, exit_info2, exit_int_info;
	u64 np_enable;
	u64 avic_bar, ghcb_pa; /* avic_bar: where the guest's APIC is */
	u64 event_inj;
	u64 n_cr3;
	u64 lbr_ctl;
	u32 clean;
	u32 reserved_0c4;
	u64 next_rip;
	u8 insn_count;
	u8 insn[15];
	u64 avic_page; /* the APIC's registers */
	u64 reserved_0e8;
	u64 avic_logical;
	u64 avic_physical; /* and the highest index in bits 7:0 */
	u8 reserved_100[0x400 - 0x100];
};

struct vmcb_segment {
	u16 selector;
	u16 attr; /* bits 0-7: type, S, DPL, P; 8-11: AVL, L, D/B, G */
	u32 limit;
	u64 base;
};

struct vmcb_save {
	struct vmcb_segment es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr;
	u8 reserved_0a0[0x0cb - 0x0a0];
	u8 cpl;
	u32 reserved_0cc;
	u64 efer;
	u8 reserved_0d8[0x148 - 0x0d8];
	u64 cr4, cr3, cr0, dr7, dr6, rflags, rip;
	u8 reserved_180[0x1d8 - 0x180];
	u64 rsp;
	/* CET, which no guest has. VMRUN keeps the host's in its own area. */
	u64 s_cet, ssp, isst_addr;
	u64 rax;
	u64 star, lstar, cstar, sfmask, kernel_gs;
	u64 sysenter_cs, sysenter_esp, sysenter_eip;
	u64 cr2;
	u8 reserved_248[0x268 - 0x248];
	u64 g_pat, debugctl;
	u8 reserved_278[0x2e0 - 0x278];
	u64 spec_ctrl; /* with SVM_EDX_SPEC_CTRL of svm/caps.c; else nobody looks */
	u8 reserved_2e8[0xc00 - 0x2e8];
};

struct vmcb {
	struct vmcb_control control;
	struct vmcb_save save;
};

#define VMCB_AT(field, offset)                                                                     \
	static_assert(offsetof(struct vmcb_control, field) == (offset), "APM: VMCB control " #field)
VMCB_AT(cr, 0x000);
VMCB_AT(dr, 0x004);
VMCB_AT(exceptions, 0x008);
VMCB_AT(misc1, 0x00c);
VMCB_AT(misc2, 0x010);
VMCB_AT(misc3, 0x014);
VMCB_AT(pause_threshold, 0x03c);
VMCB_AT(pause_count, 0x03e);
VMCB_AT(iopm_pa, 0x040);
VMCB_AT(msrpm_pa, 0x048);
VMCB_AT(tsc_offset, 0x050);
VMCB_AT(asid, 0x058);
VMCB_AT(tlb_control, 0x05c);
VMCB_AT(int_ctl, 0x060);
VMCB_AT(v_tpr, 0x060);
VMCB_AT(int_state, 0x068);
VMCB_AT(exit_code, 0x070);
VMCB_AT(exit_info1, 0x078);
VMCB_AT(exit_info2, 0x080);
VMCB_AT(exit_int_info, 0x088);
VMCB_AT(np_enable, 0x090);
VMCB_AT(avic_bar, 0x098);
VMCB_AT(ghcb_pa, 0x0a0);
VMCB_AT(event_inj, 0x0a8);
VMCB_AT(n_cr3, 0x0b0);
VMCB_AT(lbr_ctl, 0x0b8);
VMCB_AT(clean, 0x0c0);
VMCB_AT(next_rip, 0x0c8);
VMCB_AT(insn_count, 0x0d0);
VMCB_AT(insn, 0x0d1);
VMCB_AT(avic_page, 0x0e0);
VMCB_AT(avic_logical, 0x0f0);
VMCB_AT(avic_physical, 0x0f8);
#undef VMCB_AT

#define VMCB_AT(field, offset)                                                                     \
	static_assert(offsetof(struct vmcb_save, field) == (offset), "APM: VMCB save " #field)
VMCB_AT(es, 0x000);
VMCB_AT(cs, 0x010);
VMCB_AT(ss, 0x020);
VMCB_AT(ds, 0x030);
VMCB_AT(fs, 0x040);
VMCB_AT(gs, 0x050);
VMCB_AT(gdtr, 0x060);
VMCB_AT(ldtr, 0x070);
VMCB_AT(idtr, 0x080);
VMCB_AT(tr, 0x090);
VMCB_AT(cpl, 0x0cb);
VMCB_AT(efer, 0x0d0);
VMCB_AT(cr4, 0x148);
VMCB_AT(cr3, 0x150);
VMCB_AT(cr0, 0x158);
VMCB_AT(dr7, 0x160);
VMCB_AT(dr6, 0x168);
VMCB_AT(rflags, 0x170);
VMCB_AT(rip, 0x178);
VMCB_AT(rsp, 0x1d8);
VMCB_AT(s_cet, 0x1e0);
VMCB_AT(ssp, 0x1e8);
VMCB_AT(isst_addr, 0x1f0);
VMCB_AT(rax, 0x1f8);
VMCB_AT(star, 0x200);
VMCB_AT(lstar, 0x208);
VMCB_AT(cstar, 0x210);
VMCB_AT(sfmask, 0x218);
VMCB_AT(kernel_gs, 0x220);
VMCB_AT(sysenter_cs, 0x228);
VMCB_AT(sysenter_esp, 0x230);
VMCB_AT(sysenter_eip, 0x238);
VMCB_AT(cr2, 0x240);
VMCB_AT(g_pat, 0x268);
VMCB_AT(debugctl, 0x270);
VMCB_AT(spec_ctrl, 0x2e0);
#undef VMCB_AT

static_assert(sizeof(struct vmcb_segment) == 16, "APM: VMCB segment");
static_assert(offsetof(struct vmcb, save) == 0x400, "APM: state save area");
static_assert(sizeof(struct vmcb) == PAGE_SIZE, "APM: the VMCB is a page");

enum vmexit {
	VMEXIT_CR0_READ = 0x00,  /* + register, to 0x0f */
	VMEXIT_CR0_WRITE = 0x10, /* + register, to 0x1f */
	VMEXIT_EXCEPTION = 0x40, /* + vector, to 0x5f */
	VMEXIT_INTR = 0x60,
	VMEXIT_NMI = 0x61,
	VMEXIT_SMI = 0x62,
	VMEXIT_INIT = 0x63,
	VMEXIT_VINTR = 0x64,
	VMEXIT_CR0_SEL_WRITE = 0x65,
	VMEXIT_RDPMC = 0x6f,
	VMEXIT_CPUID = 0x72,
	VMEXIT_IRET = 0x74,
	VMEXIT_INVD = 0x76,
	VMEXIT_PAUSE = 0x77,
	VMEXIT_HLT = 0x78,
	VMEXIT_INVLPGA = 0x7a,
	VMEXIT_IOIO = 0x7b,
	VMEXIT_MSR = 0x7c,
	VMEXIT_TASK_SWITCH = 0x7d,
	VMEXIT_SHUTDOWN = 0x7f,
	VMEXIT_VMRUN = 0x80,
	VMEXIT_VMMCALL = 0x81,
	VMEXIT_VMLOAD = 0x82,
	VMEXIT_VMSAVE = 0x83,
	VMEXIT_STGI = 0x84,
	VMEXIT_CLGI = 0x85,
	VMEXIT_SKINIT = 0x86,
	VMEXIT_RDTSCP = 0x87,
	VMEXIT_WBINVD = 0x89,
	VMEXIT_MONITOR = 0x8a,
	VMEXIT_MWAIT = 0x8b,
	VMEXIT_MWAIT_ARMED = 0x8c,
	VMEXIT_XSETBV = 0x8d,
	VMEXIT_RDPRU = 0x8e,
	VMEXIT_INVLPGB = 0xa0,
	VMEXIT_INVLPGB_ILLEGAL = 0xa1,
	VMEXIT_INVPCID = 0xa2,
	VMEXIT_MCOMMIT = 0xa3,
	VMEXIT_TLBSYNC = 0xa4,
	VMEXIT_NPF = 0x400,
	VMEXIT_AVIC_INCOMPLETE_IPI = 0x401,
	VMEXIT_AVIC_NOACCEL = 0x402,
};
/* -1: VMRUN refused the state. Emulators show only the low half. */
#define VMEXIT_INVALID_LOW 0xffffffffu

/* Permission maps: two bits for each MSR, one for each port; a set bit intercepts. */
#define MSRPM_SIZE        (2 * PAGE_SIZE)
#define MSRPM_RANGE_BYTES 0x800
#define MSRPM_RANGE_MSRS  0x2000
#define IOPM_SIZE         (3 * PAGE_SIZE)
