/*
 * Guest registers between struct vcpu_regs and the VMCS, group by group.
 */
#include "arch/cpu.h"
#include "arch/msr.h"
#include "vm/vcpu.h"
#include "vmx/access.h"
#include "vmx/guest.h"
#include "vmx/rights.h"

static void read_segment(struct vcpu_regs *r, enum seg i)
{
	struct segment *s = &r->seg[i];

	s->selector = (u16)vmcs_read(GUEST_ES_SELECTOR + 2 * i);
	s->base = vmcs_read(GUEST_ES_BASE + 2 * i);
	s->limit = (u32)vmcs_read(GUEST_ES_LIMIT + 2 * i);
	s->attr = rights_to_attr((u32)vmcs_read(GUEST_ES_RIGHTS + 2 * i));
}

static void write_segment(const struct vcpu_regs *r, enum seg i)
{
	const struct segment *s = &r->seg[i];

	vmcs_write(GUEST_ES_SELECTOR + 2 * i, s->selector);
	vmcs_write(GUEST_ES_BASE + 2 * i, s->base);
	vmcs_write(GUEST_ES_LIMIT + 2 * i, s->limit);
	vmcs_write(GUEST_ES_RIGHTS + 2 * i, attr_to_rights(s->attr));
}

/* RG_CS is CS and SS, RG_SEG the others. */
static bool in_group(enum seg i, u32 groups)
{
	return groups & (i == SEG_CS || i == SEG_SS ? RG_CS : RG_SEG);
}

static void read_tables(struct vcpu_regs *r)
{
	r->gdt.base = vmcs_read(GUEST_GDTR_BASE);
	r->gdt.limit = (u32)vmcs_read(GUEST_GDTR_LIMIT);
	r->idt.base = vmcs_read(GUEST_IDTR_BASE);
	r->idt.limit = (u32)vmcs_read(GUEST_IDTR_LIMIT);
}

static void write_tables(const struct vcpu_regs *r)
{
	vmcs_write(GUEST_GDTR_BASE, r->gdt.base);
	vmcs_write(GUEST_GDTR_LIMIT, r->gdt.limit & 0xffff);
	vmcs_write(GUEST_IDTR_BASE, r->idt.base);
	vmcs_write(GUEST_IDTR_LIMIT, r->idt.limit & 0xffff);
}

static_assert(BLOCK_STI == SHADOW_STI && BLOCK_MOVSS == SHADOW_MOVSS && BLOCK_NMI == SHADOW_NMI,
	      "the same bits");

static void read_sysenter(struct vcpu_regs *r)
{
	r->sysenter_cs = vmcs_read(GUEST_SYSENTER_CS);
	r->sysenter_esp = vmcs_read(GUEST_SYSENTER_ESP);
	r->sysenter_eip = vmcs_read(GUEST_SYSENTER_EIP);
}

static void write_sysenter(const struct vcpu_regs *r)
{
	vmcs_write(GUEST_SYSENTER_CS, r->sysenter_cs);
	vmcs_write(GUEST_SYSENTER_ESP, r->sysenter_esp);
	vmcs_write(GUEST_SYSENTER_EIP, r->sysenter_eip);
}

/* While another vCPU has the CPU, what memory holds is what counts. */
static void read_syscall(struct vcpu *v)
{
	struct vcpu_regs *r = &v->regs;

	if (!v->state_live)
		return;
	r->star = rdmsr(MSR_STAR);
	r->lstar = rdmsr(MSR_LSTAR);
	r->cstar = rdmsr(MSR_CSTAR);
	r->sfmask = rdmsr(MSR_SFMASK);
	r->kernel_gs = rdmsr(MSR_KERNEL_GS_BASE);
}

static void write_syscall(struct vcpu *v)
{
	const struct vcpu_regs *r = &v->regs;

	if (!v->state_live)
		return;
	wrmsr(MSR_STAR, r->star);
	wrmsr(MSR_LSTAR, r->lstar);
	wrmsr(MSR_CSTAR, r->cstar);
	wrmsr(MSR_SFMASK, r->sfmask);
	wrmsr(MSR_KERNEL_GS_BASE, r->kernel_gs);
}

/* The groups that a VM needs now and then. */
#define RG_RARE (RG_DT | RG_DR7 | RG_SYSENTER | RG_PAT | RG_SYSCALL | RG_DEBUGCTL | RG_SPEC)

static void read_rare(struct vcpu *v, u32 groups)
{
	struct vcpu_regs *r = &v->regs;

	if (groups & RG_DT)
		read_tables(r);
	if (groups & RG_DR7)
		r->dr7 = vmcs_read(GUEST_DR7);
	if (groups & RG_SYSENTER)
		read_sysenter(r);
	if (groups & RG_PAT)
		r->pat = vmcs_read(GUEST_PAT);
	if (groups & RG_SYSCALL)
		read_syscall(v);
	if (groups & RG_DEBUGCTL)
		r->debugctl = vmcs_read(GUEST_DEBUGCTL);
	if (groups & RG_SPEC)
		vmx_spec_read(v);
}

/* CR2 is saved by every exit (entry.asm). */
void vmx_read_regs(struct vcpu *v, u32 groups)
{
	struct vcpu_regs *r = &v->regs;

	if (groups & RG_RIP)
		r->rip = vmcs_read(GUEST_RIP);
	if (groups & RG_RFLAGS)
		r->rflags = vmcs_read(GUEST_RFLAGS);
	if (groups & RG_SHADOW)
		r->shadow = (u32)vmcs_read(GUEST_INTERRUPTIBILITY) & SHADOW_ALL;
	if (groups & RG_RSP)
		r->gpr[GPR_RSP] = vmcs_read(GUEST_RSP);
	if (groups & RG_CR)
		vmx_read_cr(v);
	if (groups & RG_CS) {
		read_segment(r, SEG_CS);
		read_segment(r, SEG_SS);
	}
	if (groups & RG_SEG)
		for (enum seg i = 0; i < SEG_COUNT; i++)
			if (in_group(i, RG_SEG))
				read_segment(r, i);
	if (groups & RG_RARE)
		read_rare(v, groups);
}

/*
 * With interrupts blocked by STI or MOV SS and TF set, the pending single step must be noted, and only
 * then (SDM vol. 3, "Checks on Guest Non-Register State").
 */
static void write_pending_debug(struct vcpu *v)
{
	u64 pending;
	bool step;

	vcpu_need(v, RG_RFLAGS | RG_SHADOW | RG_DEBUGCTL);
	step = (v->regs.rflags & RFLAGS_TF) && (v->regs.shadow & (SHADOW_STI | SHADOW_MOVSS)) &&
	       !(v->regs.debugctl & DEBUGCTL_BTF);
	pending = vmcs_read(GUEST_PENDING_DEBUG) & ~PENDING_DEBUG_BS;
	vmcs_write(GUEST_PENDING_DEBUG, step ? pending | PENDING_DEBUG_BS : pending);
}

static void write_rare(struct vcpu *v, u32 dirty)
{
	const struct vcpu_regs *r = &v->regs;

	if (dirty & RG_DT)
		write_tables(r);
	if (dirty & RG_DR7)
		vmcs_write(GUEST_DR7, r->dr7);
	if (dirty & RG_SYSENTER)
		write_sysenter(r);
	if (dirty & RG_PAT)
		vmcs_write(GUEST_PAT, r->pat);
	if (dirty & RG_SYSCALL)
		write_syscall(v);
	if (dirty & RG_DEBUGCTL)
		vmcs_write(GUEST_DEBUGCTL, r->debugctl);
	if (dirty & RG_SPEC)
		vmx_spec_write(v);
}

void vmx_write_regs(struct vcpu *v)
{
	const struct vcpu_regs *r = &v->regs;
	u32 dirty = v->dirty;

	v->dirty = 0;
	if (dirty & RG_RIP)
		vmcs_write(GUEST_RIP, r->rip);
	if (dirty & RG_STEPPED) {
		vmcs_write(GUEST_RFLAGS, r->rflags);
		vmcs_write(GUEST_INTERRUPTIBILITY, r->shadow & SHADOW_ALL);
	}
	if (!(dirty & ~(u32)(RG_RIP | RG_STEPPED)))
		return;
	if (dirty & RG_RFLAGS)
		vmcs_write(GUEST_RFLAGS, r->rflags);
	if (dirty & RG_RSP)
		vmcs_write(GUEST_RSP, r->gpr[GPR_RSP]);
	if (dirty & RG_CR)
		vmx_write_cr(v);
	if (dirty & (RG_CS | RG_SEG))
		for (enum seg i = 0; i < SEG_COUNT; i++)
			if (in_group(i, dirty))
				write_segment(r, i);
	if (dirty & RG_SHADOW)
		vmcs_write(GUEST_INTERRUPTIBILITY, r->shadow & SHADOW_ALL);
	if (dirty & (RG_RFLAGS | RG_SHADOW))
		write_pending_debug(v);
	if (dirty & RG_RARE)
		write_rare(v, dirty);
}
