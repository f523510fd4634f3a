/*
 * Turns VM exits into neutral ones: a table by basic exit reason, and decoders for those that carry
 * more than their reason (Intel SDM vol. 3, "Recording VM-Exit Information").
 */
#include "arch/cpu.h"
#include "arch/trap.h"
#include "core/irq.h"
#include "core/mce.h"
#include "vm/hvm.h"
#include "vm/lapic.h"
#include "vm/vcpu.h"
#include "vm/vm.h"
#include "vmx/access.h"
#include "vmx/exit.h"
#include "vmx/guest.h"
#include "vmx/place.h"

/* An exception or NMI, or one of the host's own. */
static void decode_exception(struct vcpu *v, struct vm_exit *e)
{
	u32 info = (u32)vmcs_read(EXIT_INTR_INFO);
	enum intr_type type = (info & INTR_TYPE) >> INTR_TYPE_SHIFT;
	u8 vector = info & INTR_VECTOR;

	if (type == INTR_NMI) {
		/* The host's handler ends in IRET, which unblocks NMIs. */
		__asm__ volatile("int $2" ::: "memory");
		return;
	}
	if (vector == TRAP_MC) {
		if (mce_guest_exit())
			e->kind = EXIT_MACHINE_CHECK;
		return;
	}
	e->kind = EXIT_EXCEPTION;
	e->exception.vector = vector;
	e->exception.has_error = info & INTR_ERROR;
	e->exception.error = info & INTR_ERROR ? (u32)vmcs_read(EXIT_INTR_ERROR) : 0;
	e->exception.dr6 = vector == TRAP_DB ? vmcs_read(EXIT_QUALIFICATION) : 0;
	if (type == INTR_PRIV_SOFT_EXC) {
		/* INT1 is a trap: what is raised for it comes after the instruction. */
		v->regs.rip = vcpu_rip(v) + vmcs_read(EXIT_INSN_LENGTH);
		vcpu_dirty(v, RG_RIP);
	}
	if (vector == TRAP_DB) {
		/* The exit took the pending step away; behind STI and MOV SS the next entry wants it. */
		vcpu_need(v, RG_SHADOW);
		if (v->regs.shadow & (SHADOW_STI | SHADOW_MOVSS))
			vcpu_dirty(v, RG_SHADOW);
	}
	if ((info & INTR_IRET_UNBLOCKED_NMI) && vector != TRAP_DF && !v->event.kind)
		vmx_block_nmi();
}

static void decode_interrupt(struct vcpu *v, struct vm_exit *e)
{
	(void)v;
	(void)e;
	/* Acknowledged by the exit: the handler runs now, as if from the IDT. */
	irq_dispatch(vmcs_read(EXIT_INTR_INFO) & INTR_VECTOR);
}

static void decode_intr_window(struct vcpu *v, struct vm_exit *e)
{
	(void)e;
	vmx_window(v, WINDOW_INTR, false);
}

static void decode_nmi_window(struct vcpu *v, struct vm_exit *e)
{
	(void)e;
	vmx_window(v, WINDOW_NMI, false);
}

static void decode_tpr(struct vcpu *v, struct vm_exit *e)
{
	(void)e;
	v->recheck = true;
	v->port->irq_exits[IRQ_EXIT_TPR]++;
}

/* Exit qualification for I/O instructions. */
#define IO_SIZE   BITS(2, 0) /* bytes, less one */
#define IO_IN     BIT(3)
#define IO_STRING BIT(4)
#define IO_REP    BIT(5)
#define IO_KIND   BITS(5, 0)

void vmx_io_decode(struct vm_exit *e, u64 qualification, u32 info)
{
	static const u8 addr_sizes[8] = { 2, 4, 8 };

	e->port.port = (u16)(qualification >> 16);
	e->port.size = (qualification & IO_SIZE) + 1;
	e->port.write = !(qualification & IO_IN);
	e->port.string = qualification & IO_STRING;
	e->port.rep = qualification & IO_REP;
	e->port.addr_size = e->port.string ? addr_sizes[info >> 7 & 7] : 0;
	e->port.seg = e->port.string ? info >> 15 & 7 : SEG_DS;
}

/* INS, OUTS, and whatever else has a prefix for them. */
static __noinline void decode_string_io(struct vm_exit *e, u64 q)
{
	u32 info = 0;

	if ((q & IO_STRING) && vmx_caps.ins_outs_info)
		info = (u32)vmcs_read(EXIT_INSN_INFO);
	vmx_io_decode(e, q, info);
	if (e->port.string && !vmx_caps.ins_outs_info)
		e->port.addr_size = 0;
}

static void decode_io(struct vcpu *v, struct vm_exit *e)
{
	/* Size and direction of plain IN and OUT; others have size 0. */
	static const struct exit_port kinds[IO_KIND + 1] = {
		[0] = { 0, 1, true },          [1] = { 0, 2, true },
		[3] = { 0, 4, true },          [IO_IN | 0] = { 0, 1, false },
		[IO_IN | 1] = { 0, 2, false }, [IO_IN | 3] = { 0, 4, false },
	};
	u64 q = vmcs_read(EXIT_QUALIFICATION);
	u32 kind = q & IO_KIND;

	(void)v;
	if (unlikely(!kinds[kind].size)) {
		decode_string_io(e, q);
		return;
	}
	e->port = kinds[kind];
	e->port.port = (u16)(q >> 16);
}

static void decode_rdmsr(struct vcpu *v, struct vm_exit *e)
{
	(void)v;
	e->msr.write = false;
}

/* There are no counters: each index is out of range. */
static void decode_rdpmc(struct vcpu *v, struct vm_exit *e)
{
	(void)e;
	vcpu_raise_error(v, TRAP_GP, 0);
}

static void decode_wrmsr(struct vcpu *v, struct vm_exit *e)
{
	(void)v;
	e->msr.write = true;
}

void vmx_s2_decode(struct vm_exit *e, u64 qualification)
{
	e->s2.write = qualification & BIT(1);
	e->s2.fetch = qualification & BIT(2);
	/* Bit 7: the linear address is known; bit 8: the access was to its translation. */
	e->s2.table_walk = (qualification & (BIT(7) | BIT(8))) == BIT(7);
}

static void decode_s2(struct vcpu *v, struct vm_exit *e)
{
	u64 q = vmcs_read(EXIT_QUALIFICATION);

	vmx_read_place(v);
	vmx_s2_decode(e, q);
	e->s2.gpa = GPA(vmcs_read(GUEST_PHYSICAL_ADDRESS));
	e->s2.cr3_64 = vmx_cr3_64();
	e->s2.delivery = v->event.kind;
	if ((q & INTR_IRET_UNBLOCKED_NMI) && !v->event.kind)
		vmx_block_nmi();
}

/* Exit qualification for APIC accesses. */
#define APIC_ACCESS_OFFSET BITS(11, 0)
#define APIC_ACCESS_TYPE   BITS(15, 12)

enum apic_access {
	APIC_ACCESS_READ = 0,
	APIC_ACCESS_WRITE = 1,
	APIC_ACCESS_FETCH = 2,
	APIC_ACCESS_DELIVERY = 3,
	APIC_ACCESS_PHYSICAL_DELIVERY = 10,
	APIC_ACCESS_PHYSICAL = 15, /* not at a linear address: a page table */
};

void vmx_apic_access_decode(struct vm_exit *e, u64 qualification)
{
	enum apic_access type = (qualification & APIC_ACCESS_TYPE) >> 12;

	e->s2.gpa = GPA(VLAPIC_BASE + (qualification & APIC_ACCESS_OFFSET));
	e->s2.write = type == APIC_ACCESS_WRITE;
	e->s2.fetch = type == APIC_ACCESS_FETCH;
	e->s2.table_walk = type == APIC_ACCESS_PHYSICAL;
	e->s2.delivery = type == APIC_ACCESS_DELIVERY || type == APIC_ACCESS_PHYSICAL_DELIVERY;
}

/* What the hardware does not do for the guest is a device's: as if there were no page. */
static void decode_apic_access(struct vcpu *v, struct vm_exit *e)
{
	u64 q = vmcs_read(EXIT_QUALIFICATION);

	vmx_read_place(v);
	vmx_apic_access_decode(e, q);
	e->s2.delivery |= v->event.kind != EVENT_NONE;
	e->s2.cr3_64 = vmx_cr3_64();
}

static void decode_eoi(struct vcpu *v, struct vm_exit *e)
{
	(void)v;
	e->eoi.vector = (u8)vmcs_read(EXIT_QUALIFICATION);
}

static void decode_apic_write(struct vcpu *v, struct vm_exit *e)
{
	(void)v;
	e->apic_write.offset = (u16)(vmcs_read(EXIT_QUALIFICATION) & APIC_ACCESS_OFFSET);
}

static void decode_misconfig(struct vcpu *v, struct vm_exit *e)
{
	(void)v;
	e->error.text = "extended page tables are malformed at";
	e->error.code = vmcs_read(GUEST_PHYSICAL_ADDRESS);
}

#define INSN(k)                                                                                    \
	{                                                                                          \
		.kind = (k), .flags = ROW_INSN                                                     \
	}
#define INSN_FN(k, f)                                                                              \
	{                                                                                          \
		.kind = (k), .flags = ROW_INSN, .decode = (f)                                      \
	}

/* By basic exit reason. A missing row is an exit that no control asked for. */
const struct exit_row exit_rows[REASON_COUNT] = {
	[REASON_EXCEPTION] = { EXIT_NONE, ROW_VECTORING, decode_exception },
	[REASON_EXTERNAL_INTERRUPT] = { EXIT_NONE, 0, decode_interrupt },
	[REASON_TRIPLE_FAULT] = { EXIT_SHUTDOWN, 0, NULL },
	[REASON_INIT] = { EXIT_NONE, ROW_KNOWN, NULL },
	[REASON_INTERRUPT_WINDOW] = { EXIT_WINDOW, 0, decode_intr_window },
	[REASON_NMI_WINDOW] = { EXIT_WINDOW, 0, decode_nmi_window },
	[REASON_TASK_SWITCH] = { EXIT_TASK_SWITCH, ROW_VECTORING, NULL },
	[REASON_CPUID] = INSN(EXIT_CPUID),
	[REASON_GETSEC] = INSN(EXIT_INSN),
	[REASON_HLT] = INSN(EXIT_HLT),
	[REASON_INVD] = INSN(EXIT_CACHE),
	[REASON_RDPMC] = INSN_FN(EXIT_NONE, decode_rdpmc),
	[REASON_RSM] = INSN(EXIT_INSN),
	[REASON_VMCALL] = INSN(EXIT_HYPERCALL),
	[REASON_VMCLEAR] = INSN(EXIT_INSN),
	[REASON_VMLAUNCH] = INSN(EXIT_INSN),
	[REASON_VMPTRLD] = INSN(EXIT_INSN),
	[REASON_VMPTRST] = INSN(EXIT_INSN),
	[REASON_VMREAD] = INSN(EXIT_INSN),
	[REASON_VMRESUME] = INSN(EXIT_INSN),
	[REASON_VMWRITE] = INSN(EXIT_INSN),
	[REASON_VMXOFF] = INSN(EXIT_INSN),
	[REASON_VMXON] = INSN(EXIT_INSN),
	[REASON_CR] = INSN_FN(EXIT_CR, vmx_cr_exit),
	[REASON_IO] = INSN_FN(EXIT_PORT, decode_io),
	[REASON_RDMSR] = INSN_FN(EXIT_MSR, decode_rdmsr),
	[REASON_WRMSR] = INSN_FN(EXIT_MSR, decode_wrmsr),
	[REASON_MWAIT] = INSN(EXIT_INSN),
	[REASON_MONITOR] = INSN(EXIT_INSN),
	[REASON_PAUSE] = { EXIT_PAUSE, ROW_INSN, NULL },
	[REASON_TPR_BELOW] = { EXIT_NONE, 0, decode_tpr },
	[REASON_APIC_ACCESS] = { EXIT_S2, ROW_VECTORING, decode_apic_access },
	[REASON_EOI] = { EXIT_EOI, 0, decode_eoi },
	[REASON_EPT_VIOLATION] = { EXIT_S2, ROW_VECTORING, decode_s2 },
	[REASON_EPT_MISCONFIG] = { EXIT_ERROR, ROW_VECTORING, decode_misconfig },
	[REASON_INVEPT] = INSN(EXIT_INSN),
	[REASON_PREEMPTION_TIMER] = { EXIT_TIMER, 0, NULL },
	[REASON_INVVPID] = INSN(EXIT_INSN),
	[REASON_WBINVD] = INSN(EXIT_CACHE),
	[REASON_XSETBV] = INSN(EXIT_XSETBV),
	[REASON_APIC_WRITE] = { EXIT_APIC_WRITE, 0, decode_apic_write },
	[REASON_INVPCID] = INSN(EXIT_INSN),
	[REASON_VMFUNC] = INSN(EXIT_INSN),
	[REASON_ENCLS] = INSN(EXIT_INSN),
	[REASON_UMWAIT] = INSN(EXIT_INSN),
	[REASON_TPAUSE] = INSN(EXIT_INSN),
};

bool exit_row_known(const struct exit_row *row)
{
	return row->kind != EXIT_NONE || row->flags || row->decode;
}

void vmx_exit_other(struct vcpu *v, struct vm_exit *e, const struct exit_row *row)
{
	e->kind = row->kind;
	e->insn_len = 0;
	if (row->flags & ROW_VECTORING) {
		u32 info = (u32)vmcs_read(IDT_VECTORING_INFO);

		if (info & INTR_VALID)
			vmx_requeue_event(v, info);
	}
	if (likely(row->decode))
		row->decode(v, e);
	else if (!exit_row_known(row))
		*e = (struct vm_exit){
			.kind = EXIT_ERROR,
			.error = { "unexpected VM exit, reason", (u64)(row - exit_rows) },
		};
}
