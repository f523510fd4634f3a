/*
 * The fields of a VMCS that are written once (controls, masks, host entry point), and the part of
 * the host state that follows the CPU and the address space.
 */
#include "arch/cpu.h"
#include "arch/desc.h"
#include "arch/feature.h"
#include "arch/msr.h"
#include "arch/trap.h"
#include "vm/apicv.h"
#include "vm/cpuid.h"
#include "vm/vcpu.h"
#include "vm/vm.h"
#include "vmx/access.h"
#include "vmx/apicv.h"
#include "vmx/guest.h"

/* PAUSE-loop exiting: at most so many ticks between two PAUSEs of a loop, and of the whole loop. */
#define PLE_GAP_TICKS    128
#define PLE_WINDOW_TICKS 4096

/* CPUID bits that decide secondary controls. */
struct control_policy {
	u32 leaf, subleaf;
	u8 reg; /* 0 to 3: EAX to EDX */
	u8 bit;
	u32 control;
};

static const struct control_policy policies[] = {
	{ 0x80000001, 0, 3, 27, PROC2_RDTSCP },
	{ 0x7, 0, 1, 10, PROC2_INVPCID },
	{ 0xd, 1, 0, 3, PROC2_XSAVES },
};

static bool cpuid_offers(const struct cpuid_table *t, const struct control_policy *p)
{
	for (u32 i = 0; t && i < t->count; i++) {
		const struct cpuid_entry *e = &t->entries[i];
		const u32 regs[] = { e->eax, e->ebx, e->ecx, e->edx };

		if (e->leaf == p->leaf && (!e->indexed || e->subleaf == p->subleaf))
			return regs[p->reg] & BIT(p->bit);
	}
	return false;
}

static u32 proc2_of(const struct vcpu *v)
{
	u32 proc2 = vmx_caps.base.proc2;

	for (size_t i = 0; i < ARRAY_LEN(policies); i++)
		if (cpuid_offers(v->vm->cpuid, &policies[i]))
			proc2 |= policies[i].control & vmx_caps.proc2_may;
	if (v->vm->vcpu_count > 1)
		proc2 |= PROC2_PAUSE_LOOP & vmx_caps.proc2_may;
	if (!v->hvm->vpid)
		proc2 &= ~(u32)PROC2_VPID;
	return proc2;
}

static void construct_controls(struct vcpu *v)
{
	struct hvm_vcpu *h = v->hvm;
	struct hvm_vm *hv = v->vm->hvm;
	struct vmx_controls *c = &h->controls;

	*c = vmx_caps.base;
	c->proc2 = proc2_of(v);
	if (vmx_caps.apicv & APICV_TPR) {
		c->proc |= PROC_TPR_SHADOW;
		c->proc &= ~(u32)(PROC_CR8_LOAD | PROC_CR8_STORE);
	}
	if (vmx_caps.apicv & APICV_IPI)
		c->proc |= PROC_TERTIARY;
	vmcs_write(PROC_CONTROLS, c->proc);
	vmcs_write(EXIT_CONTROLS, c->exit);
	vmcs_write(ENTRY_CONTROLS, c->entry);
	/* #AC and #DB: a guest could make the CPU deliver them without end. */
	vmcs_write(EXCEPTION_BITMAP, BIT(TRAP_AC) | BIT(TRAP_DB) | BIT(TRAP_MC));
	vmcs_write(PAGE_FAULT_MASK, 0);
	vmcs_write(PAGE_FAULT_MATCH, 0);
	vmcs_write(CR3_TARGET_COUNT, 0);
	vmcs_write(EPT_POINTER, hv->eptp);
	vmcs_write(TSC_OFFSET, v->tsc_offset);
	vmx_tsc_scale(v);
	if (c->pin & PIN_PREEMPTION_TIMER)
		vmcs_write(PREEMPTION_TIMER, VMX_TIMER_NEVER);
	if (c->proc2 & PROC2_VPID)
		vmcs_write(VPID, h->vpid);
	if (c->proc2 & PROC2_XSAVES)
		vmcs_write(XSS_EXIT_BITMAP, 0);
	if (c->proc2 & PROC2_PAUSE_LOOP) {
		vmcs_write(PLE_GAP, PLE_GAP_TICKS);
		vmcs_write(PLE_WINDOW, PLE_WINDOW_TICKS);
	}
}

/*
 * Bits of CR4 whose writes need no look: the CPU checks them, and nothing in Plinth depends on
 * them. Of these the guest owns what it was offered.
 */
#define CR4_GUEST_OWNED                                                                            \
	(CR4_VME | CR4_PVI | CR4_TSD | CR4_DE | CR4_PSE | CR4_PGE | CR4_PCE | CR4_OSFXSR |         \
	 CR4_OSXMMEXCPT | CR4_UMIP | CR4_FSGSBASE | CR4_SMEP | CR4_SMAP)

static void construct_cr_masks(struct vcpu *v)
{
	struct hvm_vcpu *h = v->hvm;
	u64 allowed = v->vm->cpuid ? v->vm->cpuid->cr4_allowed : 0;

	h->cr0_mask = ~(CR0_MP | CR0_EM | CR0_TS | CR0_WP | CR0_AM);
	h->cr4_mask =
		~(allowed & CR4_GUEST_OWNED & vmx_caps.msrs.cr4_fixed1 & ~vmx_caps.msrs.cr4_fixed0);
	vmcs_write(CR0_MASK, h->cr0_mask);
	vmcs_write(CR4_MASK, h->cr4_mask);
}

/* What every exit loads and no CPU has in a different way. */
static void construct_host(void)
{
	vmcs_write(HOST_CR0, read_cr0());
	vmcs_write(HOST_CS_SELECTOR, SEL_CODE64);
	vmcs_write(HOST_SS_SELECTOR, SEL_DATA);
	vmcs_write(HOST_DS_SELECTOR, SEL_DATA);
	vmcs_write(HOST_ES_SELECTOR, SEL_DATA);
	vmcs_write(HOST_FS_SELECTOR, 0);
	vmcs_write(HOST_GS_SELECTOR, 0);
	vmcs_write(HOST_TR_SELECTOR, SEL_TSS);
	vmcs_write(HOST_FS_BASE, 0);
	vmcs_write(HOST_IDTR_BASE, desc_idt_base());
	vmcs_write(HOST_SYSENTER_CS, 0);
	vmcs_write(HOST_SYSENTER_ESP, 0);
	vmcs_write(HOST_SYSENTER_EIP, 0);
	vmcs_write(HOST_PAT, rdmsr(MSR_PAT));
	vmcs_write(HOST_EFER, rdmsr(MSR_EFER));
	vmcs_write(HOST_RIP, (u64)vmx_exit_label);
}

/*
 * Guests are not offered CET, so theirs is empty; the host's S_CET is the same on every CPU. Where the controls
 * are missing, the CPU leaves the host's state in place, and CR4.CET, which is 0 in a guest, keeps it from
 * counting.
 */
static void construct_cet(const struct vmx_controls *c)
{
	if (c->entry & ENTRY_LOAD_CET) {
		vmcs_write(GUEST_S_CET, 0);
		vmcs_write(GUEST_SSP, 0);
		vmcs_write(GUEST_SSP_TABLE, 0);
	}
	if (c->exit & EXIT_LOAD_CET) {
		vmcs_write(HOST_S_CET, rdmsr(MSR_S_CET));
		vmcs_write(HOST_SSP, 0); /* entry.asm has what it is */
	}
}

void vmx_write_host_state(void)
{
	/* Bit 63 of a value for MOV CR3 is a hint, not part of CR3. */
	vmcs_write(HOST_CR3, read_cr3() & ~BIT(63));
	vmcs_write(HOST_CR4, read_cr4());
	vmcs_write(HOST_GS_BASE, rdmsr(MSR_GS_BASE));
	vmcs_write(HOST_TR_BASE, desc_tss_base());
	vmcs_write(HOST_GDTR_BASE, desc_gdt_base());
	if (vmx_caps.base.exit & EXIT_LOAD_CET)
		vmcs_write(HOST_SSP_TABLE, rdmsr(MSR_SSP_TABLE));
}

void vmx_construct(struct vcpu *v)
{
	construct_controls(v);
	vmx_apicv_construct(v);
	construct_cr_masks(v);
	construct_host();
	construct_cet(&v->hvm->controls);
	vmcs_write(EXIT_MSR_STORE_COUNT, 0);
	vmcs_write(EXIT_MSR_LOAD_COUNT, 0);
	vmcs_write(ENTRY_MSR_LOAD_COUNT, 0);
	vmcs_write(ENTRY_INTR_INFO, 0);
	vmcs_write(VMCS_LINK_POINTER, ~0ULL); /* no shadow VMCS */
	vmcs_write(GUEST_ACTIVITY, 0);
	vmcs_write(GUEST_PENDING_DEBUG, 0);
	vmcs_write(GUEST_INTERRUPTIBILITY, 0);
	v->hvm->constructed = true;
}
