/*
 * The VMCB as every vCPU starts with: what exits and how the guest's memory and interrupts are
 * virtualized. And the CPU's own checks of it, to name the reason when it refuses an entry.
 */
#include "svm/backend.h"

#include "arch/cpu.h"
#include "arch/msr.h"
#include "arch/trap.h"
#include "ept/s2.h"
#include "lib/string.h"
#include "vm/cpuid.h"
#include "vm/vm.h"

/* How many PAUSEs in a row, at most this many cycles apart, make an exit. */
#define PAUSE_COUNT     3000
#define PAUSE_THRESHOLD 128

/* An instruction that exits unless the guest is offered it by CPUID. */
struct optional_insn {
	u32 leaf;
	u8 reg; /* 0 to 3: EAX to EDX */
	u8 bit;
	u32 misc2, misc3;
};

static const struct optional_insn optional_insns[] = {
	{ 0x00000007, 1, 10, 0, MISC3_INVPCID },
	{ 0x80000001, 3, 27, MISC2_RDTSCP, 0 },
	{ 0x80000008, 1, 4, MISC2_RDPRU, 0 },
	{ 0x80000008, 1, 8, 0, MISC3_MCOMMIT },
};

static bool offered(const struct cpuid_table *t, const struct optional_insn *o)
{
	for (u32 i = 0; t && i < t->count; i++) {
		const struct cpuid_entry *e = &t->entries[i];
		const u32 regs[4] = { e->eax, e->ebx, e->ecx, e->edx };

		if (e->leaf == o->leaf && !(e->indexed && e->subleaf))
			return regs[o->reg] & BIT(o->bit);
	}
	return false;
}

static void intercepts_init(struct vmcb_control *c, const struct vm *vm)
{
	/* CR0: changes beyond TS and MP. CR3 and CR8 are the guest's (V_TPR stands for CR8). */
	c->cr = CR_WRITE(4);
	/* #AC and #DB can be made to recur forever while they are delivered; #MC is the host's. */
	c->exceptions = BIT(TRAP_AC) | BIT(TRAP_DB) | BIT(TRAP_MC);
	c->misc1 = MISC1_INTR | MISC1_NMI | MISC1_SMI | MISC1_INIT | MISC1_CR0_SEL_WRITE |
		   MISC1_RDPMC | MISC1_CPUID | MISC1_INVD | MISC1_HLT | MISC1_INVLPGA | MISC1_IOIO |
		   MISC1_MSR | MISC1_TASK_SWITCH | MISC1_SHUTDOWN;
	c->misc2 = MISC2_VMRUN | MISC2_VMMCALL | MISC2_VMLOAD | MISC2_VMSAVE | MISC2_STGI |
		   MISC2_CLGI | MISC2_SKINIT | MISC2_WBINVD | MISC2_MONITOR | MISC2_MWAIT |
		   MISC2_MWAIT_ARMED | MISC2_XSETBV;
	c->misc3 = MISC3_INVLPGB | MISC3_INVLPGB_ILLEGAL | MISC3_TLBSYNC;
	for (u32 i = 0; i < ARRAY_LEN(optional_insns); i++) {
		if (!offered(vm->cpuid, &optional_insns[i])) {
			c->misc2 |= optional_insns[i].misc2;
			c->misc3 |= optional_insns[i].misc3;
		}
	}
	if (svm_caps.pause_filter) {
		c->misc1 |= MISC1_PAUSE;
		c->pause_count = PAUSE_COUNT;
		c->pause_threshold = svm_caps.pause_threshold ? PAUSE_THRESHOLD : 0;
	}
}

void vmcb_init(struct vmcb *b, const struct vm *vm, u64 msrpm_pa, u64 iopm_pa)
{
	struct vmcb_control *c = &b->control;

	memset(b, 0, sizeof(*b));
	intercepts_init(c, vm);
	c->msrpm_pa = msrpm_pa;
	c->iopm_pa = iopm_pa;
	c->int_ctl = INT_V_MASKING;
	c->np_enable = NESTED_PAGING;
	c->n_cr3 = s2_root(&vm->s2).v;
	b->save.efer = EFER_SVME;
}

/* AMD APM vol. 2, "Canonicalization and Consistency Checks". */
const char *vmcb_check(const struct vmcb *b)
{
	const struct vmcb_save *s = &b->save;
	const struct vmcb_control *c = &b->control;
	bool long_mode = (s->efer & EFER_LME) && (s->cr0 & CR0_PG);

	if (!(s->efer & EFER_SVME))
		return "EFER.SVME is clear";
	if (!(s->cr0 & CR0_CD) && (s->cr0 & CR0_NW))
		return "CR0.NW without CR0.CD";
	if (s->cr0 >> 32)
		return "CR0 above bit 31";
	if (s->dr6 >> 32 || s->dr7 >> 32)
		return "DR6 or DR7 above bit 31";
	if (long_mode && !(s->cr4 & CR4_PAE))
		return "long mode without CR4.PAE";
	if (long_mode && !(s->cr0 & CR0_PE))
		return "long mode without CR0.PE";
	if (long_mode && (s->cs.attr & SEG_ATTR_L) && (s->cs.attr & SEG_ATTR_DB))
		return "CS.L and CS.D in long mode";
	if (!(c->misc2 & MISC2_VMRUN))
		return "VMRUN does not exit";
	if (!c->asid)
		return "ASID 0";
	if ((c->event_inj & EVENT_VALID) &&
	    (c->event_inj & EVENT_TYPE) >> EVENT_TYPE_SHIFT == EVENT_TYPE_EXCEPTION &&
	    (c->event_inj & EVENT_VECTOR) > 31)
		return "an injected exception above vector 31";
	if ((c->msrpm_pa | c->iopm_pa | c->n_cr3) & PAGE_MASK)
		return "a table is not page-aligned";
	return NULL;
}
