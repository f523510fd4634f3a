/*
 * From hardware exits to neutral ones: a table of kinds by exit code, and one of functions for exits
 * that have more to say.
 */
#include "svm/decode.h"

#include "arch/cpu.h"
#include "arch/trap.h"
#include "svm/avic.h"
#include "vm/hvm.h"
#include "vm/vcpu.h"

/* DR6 as #DB leaves it: which breakpoints, BD, BS, BT. */
#define DR6_CAUSES (BITS(3, 0) | BITS(15, 13))

static void exit_machine_check(struct vcpu *v, struct vm_exit *e)
{
	(void)v;
	if (svm_host_machine_check())
		e->kind = EXIT_MACHINE_CHECK;
}

static void exit_debug(struct vcpu *v, struct vm_exit *e)
{
	e->exception.vector = TRAP_DB;
	e->exception.has_error = false;
	e->exception.dr6 = v->hvm->vmcb->save.dr6 & DR6_CAUSES;
}

static void exit_alignment(struct vcpu *v, struct vm_exit *e)
{
	e->exception.vector = TRAP_AC;
	e->exception.has_error = true;
	e->exception.error = (u32)v->hvm->vmcb->control.exit_info1;
}

/* There are no counters: each index is out of range. */
static void exit_rdpmc(struct vcpu *v, struct vm_exit *e)
{
	(void)e;
	vcpu_raise_error(v, TRAP_GP, 0);
}

/* INS and OUTS, and whatever else has a prefix for them. */
static void exit_port(struct vcpu *v, struct vm_exit *e)
{
	static const u8 segs[8] = { SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS, SEG_DS, SEG_DS };
	const struct vmcb_control *c = &v->hvm->vmcb->control;
	u64 info = c->exit_info1;

	svm_port(c, v->regs.rip, e);
	e->port.size = (info & IOIO_SIZE) >> IOIO_SIZE_SHIFT;
	e->port.write = !(info & IOIO_IN);
	e->port.string = info & IOIO_STRING;
	e->port.rep = info & IOIO_REP;
	/* Bits 7, 8, 9: 1, 2, 4 here and 2, 4, 8 bytes. The segment comes with decode assists only. */
	e->port.addr_size =
		svm_caps.decode_assists ? (u8)((info & IOIO_ADDR) >> IOIO_ADDR_SHIFT << 1) : 0;
	e->port.seg = segs[(info & IOIO_SEG) >> IOIO_SEG_SHIFT];
}

/* By IOIO_KIND. */
const struct exit_port svm_port_kinds[] = {
	[1 << IOIO_SIZE_SHIFT] = { .size = 1, .write = true },
	[1 << IOIO_SIZE_SHIFT | IOIO_IN] = { .size = 1 },
	[2 << IOIO_SIZE_SHIFT] = { .size = 2, .write = true },
	[2 << IOIO_SIZE_SHIFT | IOIO_IN] = { .size = 2 },
	[4 << IOIO_SIZE_SHIFT] = { .size = 4, .write = true },
	[4 << IOIO_SIZE_SHIFT | IOIO_IN] = { .size = 4 },
};

/*
 * Where the kind says it all: EXIT_NONE, which is 0, stands for other codes. Where next-RIP is not
 * about the instruction that exits, nobody asks for its length.
 */
/* clang-format off */
const u8 svm_short_exits[SVM_SHORT_EXITS] = {
	[VMEXIT_CPUID] = EXIT_CPUID,
	[VMEXIT_INVD] = EXIT_CACHE,
	[VMEXIT_PAUSE] = EXIT_PAUSE,
	[VMEXIT_HLT] = EXIT_HLT,
	[VMEXIT_INVLPGA] = EXIT_INSN,
	[VMEXIT_MSR] = EXIT_MSR,
	[VMEXIT_VMRUN] = EXIT_INSN,
	[VMEXIT_VMMCALL] = EXIT_HYPERCALL,
	[VMEXIT_VMLOAD] = EXIT_INSN,
	[VMEXIT_VMSAVE] = EXIT_INSN,
	[VMEXIT_STGI] = EXIT_INSN,
	[VMEXIT_CLGI] = EXIT_INSN,
	[VMEXIT_SKINIT] = EXIT_INSN,
	[VMEXIT_RDTSCP] = EXIT_INSN,
	[VMEXIT_WBINVD] = EXIT_CACHE,
	[VMEXIT_MONITOR] = EXIT_INSN,
	[VMEXIT_MWAIT] = EXIT_INSN,
	[VMEXIT_MWAIT_ARMED] = EXIT_INSN,
	[VMEXIT_XSETBV] = EXIT_XSETBV,
	[VMEXIT_RDPRU] = EXIT_INSN,
	[VMEXIT_INVLPGB] = EXIT_INSN,
	[VMEXIT_INVLPGB_ILLEGAL] = EXIT_INSN,
	[VMEXIT_INVPCID] = EXIT_INSN,
	[VMEXIT_MCOMMIT] = EXIT_INSN,
	[VMEXIT_TLBSYNC] = EXIT_INSN,
};
/* clang-format on */

/* What has more to say than its kind, or is no instruction to skip. */
struct row {
	u16 code; /* enum vmexit */
	u8 kind;  /* enum exit_kind; fn may change it */
	void (*fn)(struct vcpu *v, struct vm_exit *e);
};

/* clang-format off */
static const struct row rows[] = {
	{ VMEXIT_INTR, EXIT_NONE, svm_interrupt_exit },
	{ VMEXIT_IOIO, EXIT_PORT, exit_port },
	{ VMEXIT_VINTR, EXIT_WINDOW, svm_window_exit },
	{ VMEXIT_CR0_READ + 0, EXIT_CR, svm_cr_exit },
	{ VMEXIT_CR0_READ + 4, EXIT_CR, svm_cr_exit },
	{ VMEXIT_CR0_WRITE + 0, EXIT_CR, svm_cr_exit },
	{ VMEXIT_CR0_WRITE + 4, EXIT_CR, svm_cr_exit },
	{ VMEXIT_CR0_WRITE + 8, EXIT_CR, svm_cr_exit },
	{ VMEXIT_CR0_SEL_WRITE, EXIT_CR, svm_cr_exit },
	{ VMEXIT_EXCEPTION + TRAP_DB, EXIT_EXCEPTION, exit_debug },
	{ VMEXIT_EXCEPTION + TRAP_AC, EXIT_EXCEPTION, exit_alignment },
	{ VMEXIT_EXCEPTION + TRAP_MC, EXIT_NONE, exit_machine_check },
	/* These were taken at STGI, or are the firmware's. */
	{ VMEXIT_NMI, EXIT_NONE, svm_interrupt_exit },
	{ VMEXIT_SMI, EXIT_NONE, svm_interrupt_exit },
	{ VMEXIT_INIT, EXIT_NONE, svm_interrupt_exit },
	{ VMEXIT_RDPMC, EXIT_NONE, exit_rdpmc },
	{ VMEXIT_IRET, EXIT_NONE, svm_iret_exit },
	{ VMEXIT_TASK_SWITCH, EXIT_TASK_SWITCH, NULL },
	{ VMEXIT_SHUTDOWN, EXIT_SHUTDOWN, NULL },
	{ VMEXIT_AVIC_INCOMPLETE_IPI, EXIT_NONE, avic_ipi_exit },
	{ VMEXIT_AVIC_NOACCEL, EXIT_NONE, avic_access_exit },
};
/* clang-format on */

/* A code that no intercept of ours makes, or the CPU's refusal to enter. */
static void exit_unknown(struct vcpu *v, struct vm_exit *e)
{
	u64 code = v->hvm->vmcb->control.exit_code;

	e->error.code = code;
	if ((u32)code == VMEXIT_INVALID_LOW) {
		asid_flush_failed();
		e->kind = EXIT_BAD_STATE;
		e->error.text = vmcb_check(v->hvm->vmcb);
	} else {
		e->kind = EXIT_ERROR;
		e->error.text = "an exit that was not asked for, code";
	}
}

void svm_decode_exit(struct vcpu *v, struct vm_exit *e)
{
	const struct vmcb *b = v->hvm->vmcb;

	if (svm_decode_short(v->hvm, b, e))
		return;
	if (e->kind != EXIT_NONE) {
		e->insn_len = svm_insn_decode(v);
		return;
	}
	e->insn_len = 0;
	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		if (rows[i].code != b->control.exit_code)
			continue;
		e->kind = rows[i].kind;
		if (rows[i].fn)
			rows[i].fn(v, e);
		return;
	}
	exit_unknown(v, e);
}
