/*
 * A vCPU's registers and the exceptions raised on its behalf.
 */
#include "vm/vcpu.h"

#include "arch/cpu.h"
#include "arch/msr.h"
#include "arch/trap.h"
#include "lib/string.h"
#include "vm/emul.h"
#include "vm/hvm.h"
#include "vm/lapic.h"
#include "vm/lazy.h"
#include "vm/vm.h"

void vcpu_need(struct vcpu *v, u32 groups)
{
	u32 missing = groups & ~v->valid;

	if (missing) {
		hvm->read_regs(v, missing);
		v->valid |= missing;
	}
}

void vcpu_merge_dr6(struct vcpu *v, u64 bits)
{
	if (hvm->dr6_switched)
		vcpu_need(v, RG_DR7);
	else
		v->regs.dr6 = read_dr6(); /* it lives in the CPU: vm/lazy.c */
	v->regs.dr6 = (v->regs.dr6 & ~BITS(3, 0)) | bits;
	if (hvm->dr6_switched)
		vcpu_dirty(v, RG_DR7);
	else
		write_dr6(v->regs.dr6);
}

u32 vcpu_mode(struct vcpu *v)
{
	vcpu_need(v, RG_CR | RG_CS);
	if (!(v->regs.cr0 & CR0_PE))
		return 16;
	if ((v->regs.efer & EFER_LMA) && (v->regs.seg[SEG_CS].attr & SEG_ATTR_L))
		return 64;
	return v->regs.seg[SEG_CS].attr & SEG_ATTR_DB ? 32 : 16;
}

u32 vcpu_cpl(struct vcpu *v)
{
	vcpu_need(v, RG_CR | RG_CS | RG_RFLAGS);
	if (!(v->regs.cr0 & CR0_PE))
		return 0;
	if (v->regs.rflags & RFLAGS_VM)
		return 3;
	return v->regs.seg[SEG_SS].attr >> 5 & 3;
}

void vcpu_skip_slow(struct vcpu *v, u32 len)
{
	if (!len)
		len = insn_length(v);
	if (!len) {
		vm_stop(v->vm, STOP_EMULATION, "cannot decode the instruction at rip %#llx",
			(unsigned long long)vcpu_rip(v));
		return;
	}
	vcpu_need(v, RG_RIP | RG_SHADOW | RG_RFLAGS);
	v->regs.rip += len;
	vcpu_dirty(v, RG_RIP);
	/* 32-bit code at the top of its space wraps. */
	if (v->regs.rip >> 32 == 1 && vcpu_mode(v) != 64)
		v->regs.rip = (u32)v->regs.rip;
	if (v->regs.shadow & (SHADOW_STI | SHADOW_MOVSS)) {
		v->regs.shadow &= ~(u32)(SHADOW_STI | SHADOW_MOVSS);
		vcpu_dirty(v, RG_SHADOW);
	}
	if (v->regs.rflags & RFLAGS_TF) {
		vcpu_merge_dr6(v, DR6_BS);
		vcpu_raise(v, TRAP_DB);
	}
}

/* Classes of exceptions for double faults (SDM vol. 3, "Interrupt 8, Double Fault"). */
enum fault_class { FAULT_BENIGN, FAULT_CONTRIBUTORY, FAULT_PAGE, FAULT_DOUBLE };

static enum fault_class fault_class(u8 vector)
{
	switch (vector) {
	case TRAP_DE:
	case TRAP_TS:
	case TRAP_NP:
	case TRAP_SS:
	case TRAP_GP:
	case TRAP_CP:
		return FAULT_CONTRIBUTORY;
	case TRAP_PF:
		return FAULT_PAGE;
	case TRAP_DF:
		return FAULT_DOUBLE;
	default:
		return FAULT_BENIGN;
	}
}

static void raise(struct vcpu *v, u8 vector, bool has_error, u32 error)
{
	struct vm_event *first = NULL;

	if (v->exception.kind)
		first = &v->exception;
	else if (v->event.kind == EVENT_EXCEPTION)
		first = &v->event;
	if (first) {
		enum fault_class a = fault_class(first->vector), b = fault_class(vector);

		if (a == FAULT_DOUBLE && b != FAULT_BENIGN) {
			vm_stop(v->vm, STOP_TRIPLE_FAULT, "triple fault at rip %#llx",
				(unsigned long long)vcpu_rip(v));
			return;
		}
		if ((a == FAULT_CONTRIBUTORY && b == FAULT_CONTRIBUTORY) ||
		    (a == FAULT_PAGE && (b == FAULT_CONTRIBUTORY || b == FAULT_PAGE))) {
			vector = TRAP_DF;
			has_error = true;
			error = 0;
		}
		first->kind = EVENT_NONE;
	}
	v->exception = (struct vm_event){
		.kind = EVENT_EXCEPTION,
		.vector = vector,
		.has_error = has_error,
		.error = error,
	};
	v->recheck = true;
}

void vcpu_raise(struct vcpu *v, u8 vector)
{
	raise(v, vector, false, 0);
}

void vcpu_raise_error(struct vcpu *v, u8 vector, u32 error)
{
	raise(v, vector, true, error);
}

static void segment_reset(struct segment *s, u16 attr)
{
	*s = (struct segment){ .limit = 0xffff, .attr = attr };
}

/* What power-on and INIT bring about alike, CR0.CD and NW apart. */
static void regs_init(struct vcpu_regs *r)
{
	memset(r->gpr, 0, sizeof(r->gpr));
	r->gpr[GPR_RDX] = 0x600; /* family 6 */
	r->rip = 0xfff0;
	r->rflags = BIT(1);
	r->cr0 = CR0_ET | (r->cr0 & (CR0_NW | CR0_CD));
	r->cr2 = r->cr3 = r->cr4 = r->efer = 0;
	for (u32 i = SEG_ES; i <= SEG_GS; i++)
		segment_reset(&r->seg[i], SEG_ATTR_P | SEG_ATTR_S | 3);
	r->seg[SEG_CS].selector = 0xf000;
	r->seg[SEG_CS].base = 0xffff0000;
	r->seg[SEG_CS].attr = SEG_ATTR_P | SEG_ATTR_S | 0xb;
	segment_reset(&r->seg[SEG_LDTR], SEG_ATTR_P | 2);
	segment_reset(&r->seg[SEG_TR], SEG_ATTR_P | 0xb);
	r->gdt = r->idt = (struct dtable){ .limit = 0xffff };
	memset(r->dr, 0, sizeof(r->dr));
	r->dr6 = 0xffff0ff0;
	r->dr7 = 0x400;
	r->shadow = 0;
}

/* Nothing is on its way to the guest. */
static void events_clear(struct vcpu *v)
{
	v->event = v->exception = (struct vm_event){ .kind = EVENT_NONE };
	v->nmi_pending = false;
	v->recheck = true;
}

void vcpu_init(struct vcpu *v)
{
	vcpu_need(v, RG_CR);
	lazy_sync(v);
	regs_init(&v->regs);
	events_clear(v);
	v->spec_ctrl = v->virt_spec_ctrl = 0;
	pv_reset(&v->pv);
	vcpu_dirty(v, RG_RIP | RG_RSP | RG_RFLAGS | RG_CR | RG_CR2 | RG_CS | RG_SEG | RG_DT |
			      RG_DR7 | RG_SHADOW | RG_SPEC);
	lazy_reload(v); /* the debug registers */
	hvm->flush(v);  /* paging goes off */
}

void vcpu_reset(struct vcpu *v)
{
	struct vcpu_regs *r = &v->regs;

	memset(r, 0, sizeof(*r));
	r->cr0 = CR0_NW | CR0_CD;
	regs_init(r);
	r->pat = 0x0007040600070406ULL;
	r->xcr0 = 1;
	if (v->xsave)
		lazy_reset(v);
	events_clear(v);
	v->activity = ACTIVITY_RUNS;
	v->misc_enable = BIT(0); /* fast strings */
	v->apic_base = VLAPIC_BASE | APIC_BASE_ENABLE | (v->index ? 0 : APIC_BASE_BSP);
	v->mtrr_def_type = 0;
	memset(v->mtrr_fixed, 0, sizeof(v->mtrr_fixed));
	memset(v->mtrr_var, 0, sizeof(v->mtrr_var));
	v->tsc_adjust = 0;
	v->spec_ctrl = v->virt_spec_ctrl = 0;
	pv_reset(&v->pv);
	vcpu_dirty(v, RG_ALL);
}
