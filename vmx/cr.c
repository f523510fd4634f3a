/*
 * Control registers and EFER: what the guest sees, what the CPU holds, and the exits that writes to
 * bits of the hypervisor's cause (Intel SDM vol. 3, "Guest/Host Masks and Read Shadows for CR0 and
 * CR4").
 */
#include "arch/cpu.h"
#include "arch/msr.h"
#include "lib/string.h"
#include "vm/gmem.h"
#include "vm/hvm.h"
#include "vm/vcpu.h"
#include "vm/vm.h"
#include "vmx/access.h"
#include "vmx/guest.h"

#define PDPTE_COUNT   4
/* The page-directory-pointer table lies at CR3's bits 31:5. */
#define PAE_CR3_TABLE BITS(31, 5)

/* Changes of these, and of CR3, load them (SDM vol. 3, "PDPTE Registers"). */
#define CR0_PDPTES (CR0_PG | CR0_CD | CR0_NW)
#define CR4_PDPTES (CR4_PAE | CR4_PGE | CR4_PSE | CR4_SMEP)

/* Changes of these make a guest's cached linear translations wrong. */
#define CR0_TRANSLATION (CR0_PG | CR0_WP | CR0_PE)
#define CR4_TRANSLATION (CR4_PSE | CR4_PAE | CR4_PGE | CR4_PCIDE | CR4_SMEP | CR4_SMAP)

void vmx_read_cr(struct vcpu *v)
{
	const struct hvm_vcpu *h = v->hvm;
	struct vcpu_regs *r = &v->regs;

	r->cr0 = (vmcs_read(GUEST_CR0) & ~h->cr0_mask) | (vmcs_read(CR0_SHADOW) & h->cr0_mask);
	r->cr4 = (vmcs_read(GUEST_CR4) & ~h->cr4_mask) | (vmcs_read(CR4_SHADOW) & h->cr4_mask);
	r->cr3 = vmcs_read(GUEST_CR3);
	r->efer = vmcs_read(GUEST_EFER);
}

/* The four entries that PAE paging keeps in the CPU, as a write of CR3 would load them. */
static void write_pdptes(struct vcpu *v)
{
	u64 pdpte[PDPTE_COUNT] = { 0 };

	/* Beyond RAM the guest reads nothing; without a present entry its next access faults. */
	if (gmem_read(v->vm, GPA(v->regs.cr3 & PAE_CR3_TABLE), pdpte, sizeof(pdpte)))
		memset(pdpte, 0, sizeof(pdpte));
	for (u32 i = 0; i < PDPTE_COUNT; i++)
		vmcs_write(GUEST_PDPTE0 + 2 * i, pdpte[i]);
}

void vmx_write_cr(struct vcpu *v)
{
	const struct vmx_msrs *caps = &vmx_caps.msrs;
	struct hvm_vcpu *h = v->hvm;
	const struct vcpu_regs *r = &v->regs;
	/* Unrestricted guests choose PE and PG; caching is switched off in the shadow alone. */
	u64 cr0 = (r->cr0 | (caps->cr0_fixed0 & ~(CR0_PE | CR0_PG))) & ~(CR0_CD | CR0_NW);
	/* Machine checks reach the host whatever the guest thinks of them. */
	u64 cr4 = r->cr4 | caps->cr4_fixed0 | CR4_MCE;
	u64 cr0_diff = vmcs_read(GUEST_CR0) ^ cr0, cr4_diff = vmcs_read(GUEST_CR4) ^ cr4;
	u64 shadow_diff = vmcs_read(CR0_SHADOW) ^ r->cr0;
	bool new_cr3 = vmcs_read(GUEST_CR3) != r->cr3;
	u32 entry = h->controls.entry & ~(u32)ENTRY_IA32E;

	if ((cr0_diff & CR0_TRANSLATION) || (cr4_diff & CR4_TRANSLATION) || new_cr3)
		h->pending |= VMX_FLUSH_VPID;
	vmcs_write(GUEST_CR0, cr0);
	vmcs_write(CR0_SHADOW, r->cr0);
	vmcs_write(GUEST_CR4, cr4);
	vmcs_write(CR4_SHADOW, r->cr4);
	vmcs_write(GUEST_CR3, r->cr3);
	vmcs_write(GUEST_EFER, r->efer);
	if (r->efer & EFER_LMA)
		entry |= ENTRY_IA32E;
	/* The control follows the guest's own changes of LMA too: it is written, not compared. */
	h->controls.entry = entry;
	vmcs_write(ENTRY_CONTROLS, entry);
	if ((r->cr0 & CR0_PG) && (r->cr4 & CR4_PAE) && !(r->efer & EFER_LMA) &&
	    (((cr0_diff | shadow_diff) & CR0_PDPTES) || (cr4_diff & CR4_PDPTES) || new_cr3))
		write_pdptes(v);
}

/* Exit qualification for control-register accesses (SDM vol. 3, table of that name). */
#define CR_QUAL_NUMBER(q) ((q)&0xf)
#define CR_QUAL_TYPE(q)   ((q) >> 4 & 3)
#define CR_QUAL_GPR(q)    ((q) >> 8 & 0xf)
#define CR_QUAL_LMSW(q)   ((q) >> 16 & 0xffff)

enum cr_access { CR_MOV_TO, CR_MOV_FROM, CR_CLTS, CR_LMSW };

/* LMSW writes PE, MP, EM and TS, and cannot clear PE. */
#define CR0_LMSW (CR0_MP | CR0_EM | CR0_TS)

void vmx_cr_exit(struct vcpu *v, struct vm_exit *e)
{
	u64 q = vmcs_read(EXIT_QUALIFICATION);
	enum cr_access type = CR_QUAL_TYPE(q);

	e->kind = EXIT_CR;
	e->cr.cr = CR_QUAL_NUMBER(q);
	e->cr.write = type != CR_MOV_FROM;
	e->cr.gpr = CR_QUAL_GPR(q);
	e->cr.have_value = type == CR_CLTS || type == CR_LMSW;
	e->cr.value = 0;
	if (!e->cr.have_value)
		return;
	vcpu_need(v, RG_CR);
	e->cr.cr = 0;
	e->cr.gpr = GPR_RAX;
	if (type == CR_CLTS)
		e->cr.value = v->regs.cr0 & ~CR0_TS;
	else
		e->cr.value = (v->regs.cr0 & ~CR0_LMSW) | (CR_QUAL_LMSW(q) & (CR0_LMSW | CR0_PE));
}
